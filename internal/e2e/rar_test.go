package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/seed"
)

// detailAttacks are on what Acme makes of authorization details: the token is the
// issuer's own and has one that is wrong in one member.
var detailAttacks = []Attack{
	{
		Rule: "authorization detail is for this resource", Refused: "403 insufficient_scope",
		Try: forgedDetail("locations", []string{"https://api.other.test"}),
	},
	{
		Rule: "authorization detail allows to read", Refused: "403 insufficient_scope",
		Try: forgedDetail("actions", []string{"list"}),
	},
	{
		Rule: "authorization detail has not ended", Refused: "403 insufficient_scope",
		Try: forgedDetail("expires_at", time.Now().Unix()-1),
	},
}

func forgedDetail(member string, value any) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		w.waitForAcme(t)
		return w.preferences(t, w.forge(t, func(f forged) {
			detail := map[string]any{
				"type": "travel_preferences", "locations": []string{w.Acme}, "actions": []string{"read"},
				"topics": []string{"mountains"}, "days": 30, "expires_at": time.Now().Unix() + 3600,
			}
			detail[member] = value
			f.Claims["scope"], f.Claims["authorization_details"] = "profile", []any{detail}
		}))
	}
}

// The words are written down where the detail is understood and where the
// packages are: a person is asked about words that mean something at Acme.
func TestTopicsAreTheWordsOfTheCatalogue(t *testing.T) {
	if !slices.Equal(oauth.Topics, seed.Tags) {
		t.Errorf("authserver knows %v\nAcme has %v", oauth.Topics, seed.Tags)
	}
}

// details reads the authorization details of a JSON object.
func details(t testing.TB, object map[string]any) []oauth.AuthorizationDetail {
	t.Helper()
	encoded, err := json.Marshal(object["authorization_details"])
	if err != nil {
		t.Fatal(err)
	}
	var all []oauth.AuthorizationDetail
	if err := json.Unmarshal(encoded, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// RFC 9396 §2, §3, §7, §9: asked for, shown in words, granted, told, enforced, and
// over when it is over.
func TestPreferencesAboutMountainsForAMonth(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}, Env: map[string]string{"ACCESS_TOKEN_TTL": "2000h"}})
	w.waitForAcme(t)
	b := w.SignedIn(t, "alice")
	request := w.askDetails("openid offline_access", `[{"type":"travel_preferences","topics":["mountains","food"],"days":30}]`)
	asked := w.Authorize(b, request)
	until := w.Clock.Now().Add(30 * 24 * time.Hour)
	sentence := "What you like about mountains and food, for 30 days, until " + until.Local().Format("2 January 2006")
	if !strings.Contains(asked.Body, sentence) {
		t.Errorf("the page does not say %q:\n%s", sentence, asked.Body)
	}
	form := b.Form(asked, "decision")
	if !slices.Contains(form.Boxes, "authorization_detail=0") || form.Fields["authorization_detail"] != nil {
		t.Errorf("boxes %v, ticked %v", form.Boxes, form.Fields["authorization_detail"])
	}
	answer := form.With(url.Values{"scope": {"offline_access"}, "authorization_detail": {"0"}, "decision": {"allow"}, "duration": {"until_revoked"}}).Submit()
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))

	granted := oauth.AuthorizationDetail{
		Type: oauth.TravelPreferences, Locations: []string{w.Acme}, Actions: []string{"read"}, Topics: []string{"mountains", "food"}, Days: 30,
	}
	if got := details(t, tokens.JSON()); len(got) == 1 {
		granted.ExpiresAt = got[0].ExpiresAt
	}
	if difference := time.Unix(granted.ExpiresAt, 0).Sub(until).Abs(); difference > time.Minute {
		t.Errorf("it ends %s from when it should", difference)
	}
	for where, object := range map[string]map[string]any{
		"the token response, §7":         tokens.JSON(),
		"the access token, §9.1":         accessClaims(t, tokens),
		"introspection, §9.2":            w.introspect(t, "acme-api", tokens.String("access_token")).JSON(),
		"introspection of refresh token": w.introspect(t, "dreams-web", tokens.String("refresh_token")).JSON(),
	} {
		if got := details(t, object); fmt.Sprint(got) != fmt.Sprint([]oauth.AuthorizationDetail{granted}) {
			t.Errorf("%s: %+v, want %+v", where, got, granted)
		}
	}

	// Alice likes hiking, mountains and huts; nobody asked about hiking and huts.
	read := func(token string) Response { return w.API(t, http.MethodGet, "/me/preferences", token, "") }
	if got := read(tokens.String("access_token")); got.Body != `{"interests":["mountains"]}` || got.Header.Get("X-OAuth-Authorization-Details") != "travel_preferences" {
		t.Errorf("Acme tells %d %s", got.Status, got.Body)
	}
	if got := w.writes(t, tokens.String("access_token")).Refusal(); got != "403 insufficient_scope" {
		t.Errorf("a write: %s", got)
	}

	// §6: less of it for one token; the refresh token keeps all.
	narrow := func(details string) Response {
		answer := w.Token(t, Basic("dreams-web"), url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}, "authorization_details": {details},
		})
		if answer.Status == 200 {
			tokens = answer
		}
		return answer
	}
	if got := narrow(`[{"type":"travel_preferences","topics":["food"],"days":1}]`); fmt.Sprint(details(t, got.JSON())[0].Topics) != "[food]" ||
		details(t, got.JSON())[0].ExpiresAt != granted.ExpiresAt-29*24*3600 || read(got.String("access_token")).Body != `{"interests":[]}` {
		t.Errorf("narrowed to food for a day: %s", got.Body)
	}
	for _, wider := range []string{
		`[{"type":"travel_preferences","topics":["wine"],"days":30}]`, `[{"type":"travel_preferences","topics":["food"],"days":31}]`, `[]`, `beaches`,
	} {
		if got := narrow(wider).Refusal(); got != "400 invalid_authorization_details" {
			t.Errorf("%s at the token endpoint: %s", wider, got)
		}
	}
	if got := narrow(""); fmt.Sprint(details(t, got.JSON())) != fmt.Sprint([]oauth.AuthorizationDetail{granted}) {
		t.Errorf("refreshed: %s", got.Body)
	}

	if apps := b.Get(w.Auth + "/account/apps"); !strings.Contains(apps.Body, sentence) {
		t.Errorf("Connected apps does not say %q", sentence)
	}

	w.Clock.Advance(30 * 24 * time.Hour)
	w.waitForPublic(t, tokens.String("access_token"))
	if got := read(tokens.String("access_token")); got.Refusal() != "403 insufficient_scope" || !strings.Contains(got.Body, "ended") {
		t.Errorf("after 30 days Acme says %d %s", got.Status, got.Body)
	}
	if got := narrow(""); got.Status != 200 || got.JSON()["authorization_details"] != nil {
		t.Errorf("refreshed after 30 days: %s", got.Body)
	}
	if got := narrow(aboutBeaches).Refusal(); got != "400 invalid_authorization_details" {
		t.Errorf("asked for after its end: %s", got)
	}
	b = w.SignedIn(t, "alice")
	if apps := b.Get(w.Auth + "/account/apps"); strings.Contains(apps.Body, "What you like about") {
		t.Error("Connected apps shows what has ended")
	}
}

// waitForPublic waits until Acme has heard of revocations at the new time.
func (w *World) waitForPublic(t testing.TB, token string) {
	t.Helper()
	waitFor(t, 5*time.Second, "Acme serves private data", func() bool {
		return w.API(t, http.MethodGet, "/me/preferences", token, "").Status != http.StatusServiceUnavailable
	})
}

// RFC 9396 §3.1: details may stand alone, beside a scope, and neither decides
// about the other.
func TestAuthorizationDetailsAndScope(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	alone := w.Token(t, Basic("dreams-web"), w.Redemption(w.allowDetails(t, "bob", w.askDetails("", aboutBeaches))))
	if alone.Status != 200 || alone.JSON()["scope"] != nil || alone.JSON()["id_token"] != nil {
		t.Errorf("without a scope: %d %s", alone.Status, alone.Body)
	}
	if got := w.API(t, http.MethodGet, "/me/preferences", alone.String("access_token"), ""); got.Body != `{"interests":["beaches"]}` {
		t.Errorf("Acme tells %d %s", got.Status, got.Body)
	}
	if got := w.API(t, http.MethodGet, "/me", alone.String("access_token"), "").Refusal(); got != "403 insufficient_scope" {
		t.Errorf("/me: %s", got)
	}
	if page := w.Authorize(w.SignedIn(t, "bob"), w.askDetails("", "")); page.Answer().Get("error") != "invalid_scope" {
		t.Errorf("neither: %s", page.Refusal())
	}

	b := w.SignedIn(t, "bob")
	tick := func(request url.Values, fields url.Values) Page {
		return b.Form(w.Authorize(b, request), "decision").With(fields).Submit()
	}
	// The box is not ticked: the scope alone. Nothing is ticked: no.
	both := w.askDetails("profile preferences:read", aboutBeaches)
	refused := w.Token(t, Basic("dreams-web"), w.Redemption(tick(both, url.Values{"scope": {"preferences:read"}, "decision": {"allow"}})))
	if refused.String("scope") != "profile preferences:read" || refused.JSON()["authorization_details"] != nil {
		t.Errorf("without the box: %s", refused.Body)
	}
	// Unticking takes back what was allowed before, as with a scope.
	eventually := time.Now().Add(2 * time.Second)
	for w.API(t, http.MethodGet, "/me/preferences", alone.String("access_token"), "").Status == 200 && time.Now().Before(eventually) {
		time.Sleep(20 * time.Millisecond)
	}
	if got := w.API(t, http.MethodGet, "/me/preferences", alone.String("access_token"), "").Refusal(); got != "401 invalid_token" {
		t.Errorf("what was unticked still opens: %s", got)
	}
	if page := tick(w.askDetails("", aboutBeaches), url.Values{"decision": {"allow"}}); page.Answer().Get("error") != "access_denied" {
		t.Errorf("nothing ticked: %s", page.Refusal())
	}
	if page := tick(w.askDetails("", aboutBeaches), url.Values{"authorization_detail": {"0"}, "decision": {"deny"}}); page.Answer().Get("error") != "access_denied" {
		t.Errorf("ticked and refused: %s", page.Refusal())
	}
	// A box that was never shown opens nothing.
	if page := tick(w.askDetails("profile", aboutBeaches), url.Values{"authorization_detail": {"1", "-1", "00", aboutBeaches}, "decision": {"allow"}}); w.Token(t, Basic("dreams-web"), w.Redemption(page)).JSON()["authorization_details"] != nil {
		t.Error("a box that was not there was counted")
	}
	// What was allowed once is asked again: it would begin anew.
	w.allowDetails(t, "bob", w.askDetails("profile", aboutBeaches))
	if page := w.Authorize(b, With(w.askDetails("profile", aboutBeaches), url.Values{"prompt": {"none"}})); page.Answer().Get("error") != "consent_required" {
		t.Errorf("prompt=none: %s", page.Refusal())
	}
}

// RFC 9396 §5, at both endpoints, and before anybody is asked.
func TestInvalidAuthorizationDetails(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	code := w.Allow(b, w.Request("openid profile"))
	for name, sent := range map[string]string{
		"an unknown type":    `[{"type":"trip_booking","topics":["beaches"],"days":30}]`,
		"not JSON":           "beaches",
		"not an array":       `{"type":"travel_preferences","topics":["beaches"],"days":30}`,
		"an unknown field":   `[{"type":"travel_preferences","topics":["beaches"],"days":30,"until":"2030"}]`,
		"a wrong type":       `[{"type":"travel_preferences","topics":"beaches","days":30}]`,
		"a missing field":    `[{"type":"travel_preferences","topics":["beaches"]}]`,
		"too many":           "[" + strings.Repeat(strings.Trim(aboutBeaches, "[]")+",", 9) + strings.Trim(aboutBeaches, "[]") + "]",
		"too large":          "[" + strings.Repeat(" ", 5000) + "]",
		"control characters": "[{\"type\":\"\x00\x1b[31m\"}]",
	} {
		if got := w.Authorize(b, w.askDetails("", sent)).Refusal(); got != "303 invalid_authorization_details" {
			t.Errorf("%s without a scope: %s", name, got)
		}
		page := w.Authorize(b, w.askDetails("openid profile", sent))
		if page.Refusal() != "303 invalid_authorization_details" || page.Answer().Get("state") != "S1" || page.Answer().Get("iss") != w.Auth {
			t.Errorf("%s at /authorize: %s %s", name, page.Refusal(), page.Location)
		}
		for grant, form := range map[string]url.Values{
			"the code": w.Redemption(code), "the client itself": {"grant_type": {"client_credentials"}, "scope": {"packages:read"}},
		} {
			client := map[bool]string{true: "dreams-catalogue", false: "dreams-web"}[grant == "the client itself"]
			if got := w.Token(t, Basic(client), With(form, url.Values{"authorization_details": {sent}})).Refusal(); got != "400 invalid_authorization_details" {
				t.Errorf("%s at /token with %s: %s", name, grant, got)
			}
		}
	}
	// Twice is twice, and malformed details spent nothing.
	twice := w.askDetails("openid profile", aboutBeaches)
	twice["authorization_details"] = []string{aboutBeaches, aboutBeaches}
	if got := w.Authorize(b, twice).Refusal(); got != "303 invalid_request" {
		t.Errorf("twice: %s", got)
	}
	if got := w.Token(t, Basic("dreams-web"), w.Redemption(code)); got.Status != 200 {
		t.Errorf("the code afterwards: %s", got.Body)
	}
	// A client that asks for itself has nobody's consent; a type that is not
	// registered is refused first (§10).
	for client, form := range map[string]url.Values{
		"dreams-catalogue": {"grant_type": {"client_credentials"}},
		"dreams-tv":        {"client_id": {"dreams-tv"}},
	} {
		address, header := w.Auth+"/token", Basic(client)
		if client == "dreams-tv" {
			address, header = w.Auth+"/device_authorization", nil
		}
		if got := w.Post(t, address, header, With(form, url.Values{"authorization_details": {aboutBeaches}})).Refusal(); got != "400 invalid_authorization_details" {
			t.Errorf("%s: %s", client, got)
		}
	}
}

// RFC 9396 §3 names the device authorization request too.
func TestAuthorizationDetailsForADevice(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}, SQL: map[string][]string{"authserver": {
		`UPDATE clients SET metadata = json_set(metadata, '$.authorization_details_types', json('["travel_preferences"]')) WHERE client_id = 'dreams-tv'`,
	}}, Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s"}})
	w.waitForAcme(t)
	device := w.Post(t, w.Auth+"/device_authorization", nil, url.Values{
		"client_id": {"dreams-tv"}, "authorization_details": {aboutBeaches}, "resource": {w.Acme},
	})
	b := w.SignedIn(t, "bob")
	asked := w.TypeCode(b, device.String("user_code"))
	if !strings.Contains(asked.Body, "What you like about beaches, for 30 days, until ") {
		t.Errorf("the page: %s", asked.Body)
	}
	b.Form(asked, "decision").With(url.Values{"authorization_detail": {"0"}, "decision": {"allow"}}).Submit()
	tokens := w.Token(t, nil, With(poll(device), url.Values{"client_id": {"dreams-tv"}}))
	if got := w.API(t, http.MethodGet, "/me/preferences", tokens.String("access_token"), ""); got.Body != `{"interests":["beaches"]}` {
		t.Errorf("%s\n%d %s", tokens.Body, got.Status, got.Body)
	}
}

// An exchanged token has those details that it was asked for with, and none by
// itself.
func TestAuthorizationDetailsInATokenExchange(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.redeemDetails(t, nil)
	exchange := func(changes url.Values) Response {
		return w.Token(t, Basic("dreams-web"), With(With(exchanged(tokens.String("access_token")), url.Values{"scope": {"profile"}}), changes))
	}
	if got := exchange(nil); got.Status != 200 || got.JSON()["authorization_details"] != nil {
		t.Errorf("by itself: %d %s", got.Status, got.Body)
	}
	if got := exchange(url.Values{"authorization_details": {aboutBeaches}}); got.Status != 200 || len(details(t, got.JSON())) != 1 {
		t.Errorf("asked for: %d %s", got.Status, got.Body)
	}
	if got := exchange(url.Values{"authorization_details": {strings.Replace(aboutBeaches, "beaches", "food", 1)}}).Refusal(); got != "400 invalid_authorization_details" {
		t.Errorf("wider: %s", got)
	}
}

// RFC 9396 §3 and §13: pushed, or signed, they are the same. In a request object
// they stand as JSON, and in none as a string of JSON.
func TestAuthorizationDetailsPushedAndSigned(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {webSigns}}})
	object := w.requestObject("openid profile")
	object["authorization_details"] = json.RawMessage(aboutBeaches)
	object["resource"] = []string{w.Acme}
	for name, request := range map[string]url.Values{
		"pushed": w.pushed(t, With(w.askDetails("openid profile", aboutBeaches), url.Values{"resource": {w.Acme}})),
		"signed": {"client_id": {"dreams-web"}, "request": {signedAs("oauth-authz-req+jwt", object)}},
	} {
		tokens := w.Token(t, Basic("dreams-web"), w.Redemption(w.allowDetails(t, "bob", request)))
		if got := details(t, tokens.JSON()); len(got) != 1 || got[0].Topics[0] != "beaches" || !slices.Equal(audience(t, tokens), []string{w.Acme}) {
			t.Errorf("%s: %d %s", name, tokens.Status, tokens.Body)
		}
	}
	for parameter, value := range map[string]string{"authorization_details": `[{"type":"trip_booking"}]`, "resource": "/api"} {
		want := map[string]string{"authorization_details": "400 invalid_authorization_details", "resource": "400 invalid_target"}[parameter]
		if got := w.push(t, Basic("dreams-web"), With(w.Request("openid"), url.Values{parameter: {value}})).Refusal(); got != want {
			t.Errorf("pushed with %s=%s: %s, want %s", parameter, value, got, want)
		}
	}
}

// RFC 9396 §10: a client that registers itself may name the type, and asks as any
// other does.
func TestAuthorizationDetailsOfAClientThatRegisteredItself(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	registered := w.Register(t, nil, diary(map[string]any{"authorization_details_types": []string{"travel_preferences"}}))
	if got := registered.JSON()["authorization_details_types"]; fmt.Sprint(got) != "[travel_preferences]" {
		t.Fatalf("registered: %d %s", registered.Status, registered.Body)
	}
	redirect := registered.JSON()["redirect_uris"].([]any)[0].(string)
	request := With(w.askDetails("openid", aboutBeaches), url.Values{"client_id": {registered.String("client_id")}, "redirect_uri": {redirect}})
	b := NewBrowser(t)
	b.Stay = redirect
	w.SignIn(b, "bob")
	answer := b.Form(w.Authorize(b, request), "decision").With(url.Values{"authorization_detail": {"0"}, "decision": {"allow"}}).Submit()
	if answer.Answer().Get("code") == "" {
		t.Errorf("%s", answer.Refusal())
	}
}

// What is allowed once ends with that, whatever the detail says.
func TestAuthorizationDetailsEndWithTheConsent(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "bob")
	for duration, ends := range map[string]time.Duration{"once": time.Hour, "30d": 30 * 24 * time.Hour, "until_revoked": 100 * 24 * time.Hour} {
		asked := w.Authorize(b, w.askDetails("profile", strings.Replace(aboutBeaches, "30", "100", 1)))
		answer := b.Form(asked, "decision").With(url.Values{"authorization_detail": {"0"}, "decision": {"allow"}, "duration": {duration}}).Submit()
		got := details(t, w.Token(t, Basic("dreams-web"), w.Redemption(answer)).JSON())
		if len(got) != 1 || time.Unix(got[0].ExpiresAt, 0).Sub(w.Clock.Now().Add(ends)).Abs() > time.Minute {
			t.Errorf("%s: %+v", duration, got)
		}
	}
}

// What a person agreed to and the key that a token is bound to are two things: a
// detail opens nothing to whoever does not hold the key.
func TestAuthorizationDetailsOfABoundToken(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	holder := w.Holder(t)
	tokens := holder.Token(t, Basic("dreams-web"), w.Redemption(w.allowDetails(t, "bob", w.askDetails("", aboutBeaches))))
	token := tokens.String("access_token")
	if got := holder.API(t, http.MethodGet, "/me/preferences", token); tokens.String("token_type") != "DPoP" || got.Body != `{"interests":["beaches"]}` {
		t.Errorf("%s\n%d %s", tokens.Body, got.Status, got.Body)
	}
	if got := w.API(t, http.MethodGet, "/me/preferences", token, "").Refusal(); got != "401 invalid_token" {
		t.Errorf("without the key: %s", got)
	}
}
