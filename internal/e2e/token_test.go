package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/seed"
)

// RFC 6749 §5.1: what a client gets for a code.
func TestTokenResponse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	answer := w.Allow(b, w.Request("openid profile email offline_access"), "offline_access")
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))
	wantNoStoreJSON(t, tokens, http.StatusOK)
	body := tokens.JSON()
	if body["token_type"] != "Bearer" || body["expires_in"] != float64(3600) || body["scope"] != "openid profile offline_access" ||
		!strings.HasPrefix(tokens.String("refresh_token"), "rt_") || len(tokens.String("refresh_token")) < 40 {
		t.Errorf("got %s", tokens.Body)
	}

	// RFC 9068 §2: the access token.
	header, claims := parts(t, tokens.String("access_token"))
	if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	if claims["iss"] != w.Auth || claims["sub"] != person(t, "alice") || claims["client_id"] != "dreams-web" || claims["scope"] != "openid profile offline_access" ||
		fmt.Sprint(claims["aud"]) != fmt.Sprint([]string{w.Acme, w.Auth}) || claims["exp"].(float64)-claims["iat"].(float64) != 3600 ||
		claims["jti"] == nil || claims["auth_time"] == nil || claims["grant_id"] == nil {
		t.Errorf("claims %v", claims)
	}

	// OIDC Core §2, §3.1.3.6: the ID token.
	header, claims = parts(t, tokens.String("id_token"))
	sum := sha256.Sum256([]byte(tokens.String("access_token")))
	if header["alg"] != "RS256" || header["kid"] == "" || claims["iss"] != w.Auth || claims["aud"] != "dreams-web" || claims["sub"] != person(t, "alice") ||
		claims["nonce"] != "N1" || claims["auth_time"] == nil || claims["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		t.Errorf("ID token %v %v", header, claims)
	}

	// Without openid and offline_access there is neither of their tokens.
	answer = w.Allow(b, With(w.Request("profile"), url.Values{"prompt": {"consent"}}))
	tokens = w.Token(t, Basic("dreams-web"), w.Redemption(answer))
	if tokens.Status != http.StatusOK || tokens.JSON()["refresh_token"] != nil || tokens.JSON()["id_token"] != nil {
		t.Errorf("for profile alone: %s", tokens.Body)
	}
	if _, claims := parts(t, tokens.String("access_token")); claims["aud"] != w.Acme {
		t.Errorf("aud without openid: %v", claims["aud"])
	}
}

// RFC 6749 §4.4.3, RFC 9068 §2.2: a client that asks for itself.
func TestClientCredentialsResponse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	byHeader := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}})
	byBody := w.Token(t, nil, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"dreams-catalogue"}, "client_secret": {"dreams-catalogue-secret"}, "scope": {"reviews:read"},
	})
	for scope, tokens := range map[string]Response{"packages:read reviews:read": byHeader, "reviews:read": byBody} {
		wantNoStoreJSON(t, tokens, http.StatusOK)
		body := tokens.JSON()
		if body["refresh_token"] != nil || body["id_token"] != nil || body["scope"] != scope || body["expires_in"] != float64(3600) {
			t.Errorf("got %s, want the scope %s", tokens.Body, scope)
		}
		_, claims := parts(t, tokens.String("access_token"))
		if claims["sub"] != "dreams-catalogue" || claims["client_id"] != "dreams-catalogue" || claims["auth_time"] != nil || claims["grant_id"] != nil {
			t.Errorf("claims %v", claims)
		}
	}
}

// tokenRefusal is a token request that must be refused.
type tokenRefusal struct {
	name   string
	header http.Header
	change url.Values // of a good redemption; nil values remove a parameter
	want   string
	spends bool // the code is used up
}

// Rows of the token endpoint: a well-formed redemption by an authenticated
// client spends the code, whatever comes of it; what the client did not say
// right touches nothing. Nothing is minted, and the good request afterwards
// works where the code is still there.
func TestTokenRequestIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	w.Allow(b, w.Request("openid profile")) // from now on nobody is asked
	web := Basic("dreams-web")
	rows := []tokenRefusal{
		{name: "no grant_type", header: web, change: url.Values{"grant_type": nil}, want: "400 invalid_request"},
		{name: "an unknown grant_type", header: web, change: url.Values{"grant_type": {"foo"}}, want: "400 unsupported_grant_type"},
		{name: "an empty code", header: web, change: url.Values{"code": {""}}, want: "400 invalid_request"},
		{name: "no code", header: web, change: url.Values{"code": nil}, want: "400 invalid_request"},
		{name: "no redirect_uri", header: web, change: url.Values{"redirect_uri": nil}, want: "400 invalid_request"},
		{name: "code_verifier twice", header: web, change: url.Values{"code_verifier": {Verifier, Verifier}}, want: "400 invalid_request"},
		{name: "client_secret twice", change: url.Values{"client_id": {"dreams-web"}, "client_secret": {"dreams-web-secret", "dreams-web-secret"}}, want: "400 invalid_request"},
		{name: "an unknown parameter twice", header: web, change: url.Values{"foo": {"a", "b"}}, want: "400 invalid_request"},
		{name: "SQL for a code", header: web, change: url.Values{"code": {"' OR ''='"}}, want: "400 invalid_grant"},

		{name: "a wrong secret in the header", header: Credentials{"dreams-web", "wrong"}.Header(), want: "401 invalid_client"},
		{name: "a wrong secret in the body", change: url.Values{"client_id": {"dreams-web"}, "client_secret": {"wrong"}}, want: "401 invalid_client"},
		{name: "no secret", change: url.Values{"client_id": {"dreams-web"}}, want: "401 invalid_client"},
		{name: "no client", want: "401 invalid_client"},
		{name: "an unknown client", header: Basic("nobody"), want: "401 invalid_client"},
		{name: "SQL for a client", header: Credentials{"' OR 1=1--", "' OR 1=1--"}.Header(), want: "401 invalid_client"},
		{name: "secrets in header and body", header: web, change: url.Values{"client_secret": {"dreams-web-secret"}}, want: "400 invalid_request"},
		{name: "another client in the body", header: web, change: url.Values{"client_id": {"acme-web"}}, want: "400 invalid_request"},
		{name: "an assertion, which nobody checks", header: web, change: url.Values{"client_assertion": {"x.y.z"}}, want: "401 invalid_client"},
		{name: "Bearer for Basic", header: Bearer("dreams-web-secret"), want: "401 invalid_client"},
		{name: "Basic that is not base64", header: http.Header{"Authorization": {"Basic %%%"}}, want: "401 invalid_client"},
		{name: "Basic without a colon", header: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("dreams-web"))}}, want: "401 invalid_client"},
		{name: "Basic that is not form-encoded", header: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("dreams-web:%zz"))}}, want: "401 invalid_client"},
		{name: "two Authorization headers", header: http.Header{"Authorization": append(web["Authorization"], Basic("acme-web")["Authorization"]...)}, want: "400 invalid_request"},
		{name: "a public client with a password", header: Credentials{"dreams-spa", ""}.Header(), want: "401 invalid_client"},
		{name: "a client for another kind of authentication", header: Credentials{"dreams-batch", ""}.Header(), want: "401 invalid_client"},
		{name: "registered for the header, sends the body", change: url.Values{"client_id": {"acme-web"}, "client_secret": {"acme-web-secret"}}, want: "401 invalid_client"},
		{name: "a client that is not registered for codes", header: Basic("dreams-catalogue"), want: "400 unauthorized_client"},

		{name: "another client's code", header: Basic("acme-web"), want: "400 invalid_grant", spends: true},
		{name: "another redirect_uri", header: web, change: url.Values{"redirect_uri": {w.Dreams + "/callback/"}}, want: "400 invalid_grant", spends: true},
		{name: "no code_verifier", header: web, change: url.Values{"code_verifier": nil}, want: "400 invalid_grant", spends: true},
		{name: "a wrong code_verifier", header: web, change: url.Values{"code_verifier": {strings.Repeat("x", 43)}}, want: "400 invalid_grant", spends: true},
		{name: "a code_verifier of 42 characters", header: web, change: url.Values{"code_verifier": {Verifier[:42]}}, want: "400 invalid_grant", spends: true},
		{name: "a code_verifier of 129 characters", header: web, change: url.Values{"code_verifier": {strings.Repeat("x", 129)}}, want: "400 invalid_grant", spends: true},
		{name: "a code_verifier with a space", header: web, change: url.Values{"code_verifier": {Verifier[:43] + " "}}, want: "400 invalid_grant", spends: true},
	}
	refusals := map[string]int{}
	for _, row := range rows {
		good := w.Redemption(w.Authorize(b, w.Request("openid profile")))
		before := w.issuedSoFar(t)
		answer := w.Token(t, row.header, With(good, row.change))
		if row.want[:3] == "401" {
			wantClientChallenge(t, answer, row.name)
		}
		wantRefusal(t, answer, row.want, row.name)
		refusals[row.want[4:]]++
		if after := w.issuedSoFar(t); after != before {
			t.Errorf("%s: something was minted: %s, before %s", row.name, after, before)
		}
		again := w.Token(t, web, good)
		if spent := again.Refusal() == "400 invalid_grant"; spent != row.spends || (!spent && again.Status != http.StatusOK) {
			t.Errorf("%s: the good request afterwards: %d %s", row.name, again.Status, again.Body)
		}
		if row.spends {
			refusals["invalid_grant"]++
		}
	}
	for code, n := range refusals {
		w.wantLogged(t, "request refused", "/token: "+code+": ", n)
	}
	w.wantUnlogged(t, "dreams-web-secret", Verifier)
}

// A code that somebody mistyped, cut or put together is one that nobody has.
func TestACodeThatIsNearlyRightIsUnknown(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	good := w.Redemption(w.alicesCode(t, nil))
	code := good.Get("code")
	for _, wrong := range []string{code[:len(code)-1], code + "A", code + "\x00", " " + code, strings.ToUpper(code), strings.ToLower(code), strings.TrimPrefix(code, "ac_"), "ac_", "%"} {
		wantRefusal(t, w.Token(t, Basic("dreams-web"), With(good, url.Values{"code": {wrong}})), "400 invalid_grant", wrong)
	}
	if tokens := w.Token(t, Basic("dreams-web"), good); tokens.Status != http.StatusOK {
		t.Errorf("the code itself: %s", tokens.Body)
	}
}

// RFC 6749 §4.1.2: "If an authorization code is used more than once, the
// authorization server MUST deny the request and SHOULD revoke (when possible)
// all tokens previously issued based on that authorization code."
func TestACodeThatComesBackRevokesWhatItGave(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	good := w.Redemption(w.Allow(b, w.Request("openid profile offline_access"), "offline_access"))
	tokens := w.Token(t, Basic("dreams-web"), good)
	if !w.active(t, "acme-api", tokens.String("access_token")) {
		t.Fatalf("the tokens do not work: %s", tokens.Body)
	}
	wantRefusal(t, w.Token(t, Basic("dreams-web"), good), "400 invalid_grant", "the second use")
	if w.active(t, "acme-api", tokens.String("access_token")) || w.active(t, "dreams-web", tokens.String("refresh_token")) {
		t.Error("tokens are active after the second use")
	}
	wantRefusal(t, w.refresh(t, "dreams-web", tokens.String("refresh_token")), "400 invalid_grant", "the refresh token")
	if page := b.Get(w.Auth + "/account/security"); !strings.Contains(page.Body, "token reuse: authorization code used twice") {
		t.Error("the person does not see it")
	}
	// Who starts again is served.
	again := w.Token(t, Basic("dreams-web"), w.Redemption(w.Authorize(b, w.Request("openid profile"))))
	if again.Status != http.StatusOK || !w.active(t, "acme-api", again.String("access_token")) {
		t.Errorf("a new authorization: %s", again.Body)
	}
}

// A code lives a minute: to the last second, and not longer.
func TestACodeLivesAMinute(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	answer := w.Allow(b, w.Request("openid profile"))
	w.Clock.Advance(59 * time.Second)
	if tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer)); tokens.Status != http.StatusOK {
		t.Errorf("after 59 s: %s", tokens.Body)
	}
	answer = w.Authorize(b, w.Request("openid profile"))
	w.Clock.Advance(61 * time.Second)
	wantRefusal(t, w.Token(t, Basic("dreams-web"), w.Redemption(answer)), "400 invalid_grant", "after 61 s")
}

// RFC 6749 §3.2: "The client MUST use the HTTP "POST" method". Appendix B: the
// body is a form, and nothing else is read.
func TestTokenEndpointTakesAFormByPOSTAndNothingElse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	good := url.Values{"grant_type": {"client_credentials"}}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		header := Basic("dreams-catalogue")
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := w.Do(t, method, w.Auth+"/token?"+good.Encode(), header, good.Encode())
		if answer.Status != http.StatusMethodNotAllowed || !strings.Contains(answer.Header.Get("Allow"), "POST") || answer.JSON()["access_token"] != nil {
			t.Errorf("%s: %d, Allow %q: %s", method, answer.Status, answer.Header.Get("Allow"), answer.Body)
		}
	}
	for _, tt := range []struct{ name, mediaType, query, body, want string }{
		{"JSON", "application/json", "", `{"grant_type":"client_credentials"}`, "400 invalid_request"},
		{"no content type", "", "", good.Encode(), "400 invalid_request"},
		{"text", "text/plain", "", good.Encode(), "400 invalid_request"},
		{"multipart", "multipart/form-data; boundary=x", "", "--x--", "400 invalid_request"},
		{"parameters in the query", "application/x-www-form-urlencoded", "?" + good.Encode(), "", "400 invalid_request"},
		{"malformed percent-encoding in the body", "application/x-www-form-urlencoded", "", "grant_type=%zz", "400 invalid_request"},
		{"malformed percent-encoding in the query", "application/x-www-form-urlencoded", "?a=%zz", good.Encode(), "400 invalid_request"},
		{"a semicolon", "application/x-www-form-urlencoded", "", "grant_type=client_credentials;scope=packages:read", "400 invalid_request"},
		{"100 KiB", "application/x-www-form-urlencoded", "", good.Encode() + "&x=" + strings.Repeat("x", 100<<10), "400 invalid_request"},
	} {
		header := Basic("dreams-catalogue")
		if tt.mediaType != "" {
			header.Set("Content-Type", tt.mediaType)
		}
		wantRefusal(t, w.Do(t, "POST", w.Auth+"/token"+tt.query, header, tt.body), tt.want, tt.name)
	}
	header := Basic("dreams-catalogue")
	header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	if answer := w.Do(t, "POST", w.Auth+"/token", header, good.Encode()); answer.Status != http.StatusOK {
		t.Errorf("with a charset: %s", answer.Body)
	}
	header.Set("Content-Encoding", "gzip")
	if answer := w.Do(t, "POST", w.Auth+"/token", header, "\x1f\x8b"); answer.Status != http.StatusUnsupportedMediaType || answer.String("error") == "" {
		t.Errorf("compressed: %d %s", answer.Status, answer.Body)
	}
}

// RFC 6749 §4.4: rows of the client credentials grant.
func TestClientCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	for _, tt := range []struct{ name, client, scope, want string }{
		{"a person's data", "dreams-catalogue", "packages:read profile", "400 invalid_scope"},
		{"openid", "dreams-catalogue", "openid", "400 invalid_scope"},
		{"a refresh token", "dreams-catalogue", "packages:read offline_access", "400 invalid_scope"},
		{"beyond what it is registered for", "dreams-catalogue", "reviews:write", "400 invalid_scope"},
		{"a scope that nobody knows", "dreams-catalogue", "packages:read bookings:read", "400 invalid_scope"},
		{"a scope with other characters", "dreams-catalogue", "packages:read\tprofile", "400 invalid_scope"},
		{"a client for people", "dreams-web", "packages:read", "400 unauthorized_client"},
		{"a resource server", "acme-api", "packages:read", "400 unauthorized_client"},
	} {
		wantRefusal(t, w.Token(t, Basic(tt.client), url.Values{"grant_type": {"client_credentials"}, "scope": {tt.scope}}), tt.want, tt.name)
	}
	wantRefusal(t, w.Token(t, nil, url.Values{"grant_type": {"client_credentials"}, "client_id": {"dreams-spa"}}), "400 unauthorized_client", "a public client")
	if answer := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}); answer.Status != http.StatusOK {
		t.Errorf("the good request afterwards: %s", answer.Body)
	}
}

// RFC 6749 §2.3.1: identifier and secret are form-encoded before they are put
// into the Basic header, so any character can stand in them.
func TestClientSecretsOfAnyCharacters(t *testing.T) {
	t.Parallel()
	id, secret := "a:b%c+d é", "s:e%c+r é%20t"
	w := New(t, authserverSQL(newClient(id, secret, `"client_secret_basic"`)))
	good := url.Values{"grant_type": {"client_credentials"}}
	if answer := w.Token(t, Credentials{id, secret}.Header(), good); answer.Status != http.StatusOK {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
	wantRefusal(t, w.Token(t, Credentials{id, "s:e%c r é%20t"}.Header(), good), "401 invalid_client", "a space for the plus")
	wantRefusal(t, w.Token(t, Credentials{id, "s"}.Header(), good), "401 invalid_client", "up to the colon")
}

// RFC 6749 §5.2: a client that is gone is no client, and says so like one that
// never was.
func TestADisabledOrDeletedClientIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, authserverSQL(
		newClient("deleted", "deleted-secret", `"client_secret_basic"`), "DELETE FROM clients WHERE client_id = 'deleted'",
		newClient("disabled", "disabled-secret", `"client_secret_basic"`), "UPDATE clients SET disabled_at = 1 WHERE client_id = 'disabled'",
	))
	good := url.Values{"grant_type": {"client_credentials"}}
	for _, id := range []string{"deleted", "disabled"} {
		answer := w.Token(t, Basic(id), good)
		wantRefusal(t, answer, "401 invalid_client", id)
		wantClientChallenge(t, answer, id)
		for _, path := range []string{"/introspect", "/revoke"} {
			wantRefusal(t, w.Post(t, w.Auth+path, Basic(id), url.Values{"token": {"x"}}), "401 invalid_client", id+path)
		}
	}
	unknown := w.Token(t, Credentials{"nobody", "wrong"}.Header(), good)
	wrong := w.Token(t, Credentials{"dreams-catalogue", "wrong"}.Header(), good)
	if unknown.Body != wrong.Body {
		t.Errorf("an unknown client is told apart from a wrong secret:\n%s\n%s", unknown.Body, wrong.Body)
	}
}

// RFC 7636 §4.5: a public client has no secret, and its verifier stands for it.
func TestAPublicClientRedeemsByVerifier(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	request := With(w.Request("openid profile offline_access"), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}})
	redemption := func(answer Page) url.Values {
		return With(w.Redemption(answer), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}})
	}
	tokens := w.Token(t, nil, redemption(w.Allow(b, request, "offline_access")))
	if tokens.Status != http.StatusOK || tokens.String("refresh_token") == "" {
		t.Fatalf("got %d %s", tokens.Status, tokens.Body)
	}
	again := redemption(w.Authorize(b, request))
	wantRefusal(t, w.Token(t, nil, With(again, url.Values{"code_verifier": nil})), "400 invalid_grant", "without a verifier")
	again = redemption(w.Authorize(b, request))
	wantRefusal(t, w.Token(t, nil, With(again, url.Values{"client_id": {"dreams-cli"}})), "400 invalid_grant", "as another public client")
	next := w.Token(t, nil, url.Values{"grant_type": {"refresh_token"}, "client_id": {"dreams-spa"}, "refresh_token": {tokens.String("refresh_token")}})
	if next.Status != http.StatusOK || next.String("refresh_token") == tokens.String("refresh_token") {
		t.Errorf("refresh: %d %s", next.Status, next.Body)
	}
}

// A confidential client that is not registered with require_pkce may leave PKCE
// out: our policy for dreams-web.
func TestAConfidentialClientMayLeavePKCEOut(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	form := With(w.Redemption(w.alicesCode(t, withoutPKCE)), url.Values{"code_verifier": nil})
	if tokens := w.Token(t, Basic("dreams-web"), form); tokens.Status != http.StatusOK {
		t.Errorf("got %d %s", tokens.Status, tokens.Body)
	}
}

// newClient is SQL for a client that may use client credentials.
func newClient(id, secret, methods string) string {
	hash := sha256.Sum256([]byte(secret))
	return fmt.Sprintf(`INSERT INTO clients (client_id, secret_hash, metadata, created_at) VALUES ('%s', x'%x',
		'{"client_name":"Other","kind":"machine","token_endpoint_auth_methods":[%s],"grant_types":["client_credentials"],"scope":"packages:read"}', 0)`, id, hash, methods)
}

// wantRefusal wants RFC 6749 §5.2: status and code, as JSON that no cache keeps,
// a description in its characters, and no token. It holds nothing secret.
func wantRefusal(t testing.TB, answer Response, want, what string) {
	t.Helper()
	if answer.Refusal() != want {
		t.Errorf("%s: got %q %.300s, want %q", what, answer.Refusal(), answer.Body, want)
		return
	}
	wantNoStoreJSON(t, answer, answer.Status)
	description := answer.String("error_description")
	if description == "" || strings.ContainsFunc(description, func(r rune) bool { return r < 0x20 || r > 0x7E || r == '"' || r == '\\' }) {
		t.Errorf("%s: error_description %q", what, description)
	}
	for name := range answer.JSON() {
		if name != "error" && name != "error_description" && name != "error_uri" {
			t.Errorf("%s: the refusal has %q", what, name)
		}
	}
	for _, client := range seed.Clients() {
		if client.Secret != "" && strings.Contains(answer.Body, client.Secret) {
			t.Errorf("%s: the refusal has a secret: %s", what, answer.Body)
		}
	}
	if answer.Status != http.StatusUnauthorized && answer.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%s: a challenge with status %d", what, answer.Status)
	}
}

// wantClientChallenge wants RFC 6749 §5.2: "the authorization server MUST [...]
// include the "WWW-Authenticate" response header field matching the
// authentication scheme used by the client."
func wantClientChallenge(t testing.TB, answer Response, what string) {
	t.Helper()
	if got := answer.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Basic realm="`) {
		t.Errorf("%s: WWW-Authenticate %q", what, got)
	}
}

func wantNoStoreJSON(t testing.TB, answer Response, status int) {
	t.Helper()
	h := answer.Header
	if answer.Status != status || !strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Cache-Control") != "no-store" ||
		h.Get("Pragma") != "no-cache" || h.Get("X-Content-Type-Options") != "nosniff" || answer.JSON() == nil {
		t.Errorf("got %d %v %.300s, want %d and JSON that no cache keeps", answer.Status, h, answer.Body, status)
	}
}

// parts reads a JWT without verifying it.
func parts(t testing.TB, token string) (header, claims map[string]any) {
	t.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(segments[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatalf("not a JWT: %v", err)
		}
	}
	return header, claims
}

// issuedSoFar changes whenever authserver issues a token for a person.
func (w *World) issuedSoFar(t testing.TB) string {
	t.Helper()
	return w.value(t, "authserver", `SELECT (SELECT count(*) FROM refresh_tokens) || ' refresh tokens, ' ||
		(SELECT count(*) || ' grants, used at ' || coalesce(sum(used_at), 0) FROM grants)`)
}
