package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A person removes Dreams at Acme's accounts: Acme refuses what Dreams holds within
// two seconds, and within two seconds Dreams has deleted what came of it and says so.
func TestRemovalReachesDreams(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	if n := w.value(t, "dreams", "SELECT (SELECT count(*) FROM offers) + (SELECT count(*) FROM letters)"); n != "2" {
		t.Fatalf("%s things were made", n)
	}
	another := w.Tokens(t, "alice", "openid preferences:read").String("access_token")
	begin := time.Now()
	w.removeApp(b, "dreams-web")
	w.eventually(t, "Dreams deletes nothing", func() bool { return w.connections(t) == "0" })
	w.eventually(t, "Acme still answers", func() bool { return w.API(t, "GET", "/me/preferences", another, "").Status == 401 })
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	for what, query := range map[string]string{
		"offers": "SELECT count(*) FROM offers", "letters": "SELECT count(*) FROM letters", "nights": "SELECT count(*) FROM night_outcomes",
		"tokens": "SELECT count(*) FROM connections WHERE access_token IS NOT NULL OR refresh_token IS NOT NULL",
		"names":  "SELECT count(*) FROM people WHERE name != ''",
	} {
		if n := w.value(t, "dreams", query); n != "0" {
			t.Errorf("%s %s are left", n, what)
		}
	}
	for _, path := range []string{"/", "/offers"} {
		says(t, b.Get(w.Dreams+path).Body, "What we deleted", "Acme told us that you removed Dreams.", "your name", "3 offers", "1 letter", "an access token and a refresh token")
	}
	w.eventually(t, "the notice is kept", func() bool { return w.value(t, "authserver", "SELECT count(*) FROM notices") == "0" })
}

// The same answer that takes a permission back narrows what Dreams keeps to what
// does not rest on it.
func TestAPermissionTakenBackDeletesWhatRestsOnIt(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	event := func(scope string) {
		t.Helper()
		claims := w.securityEventClaims(t)
		claims["events"] = map[string]any{w.Auth + consentEnded: map[string]any{"reason": "withdrawn", "scope": scope}}
		if answer := w.sendSecurityEvent(t, w.signedSecurityEvent(t, claims)); answer.Status != http.StatusAccepted || answer.Body != "" {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
	}
	const all = "openid profile email offline_access preferences:read blog:read packages:read reviews:read"
	event(all)
	if page := b.Get(w.Dreams + "/"); strings.Contains(page.Body, "What we deleted") {
		t.Error("nothing was taken back, and something deleted")
	}
	event(strings.Replace(all, "offline_access ", "", 1))
	says(t, b.Get(w.Dreams+"/").Body, "Acme told us that you took back: offline_access.", "a refresh token")
	if n := w.value(t, "dreams", "SELECT count(*) FROM letters"); n != "1" {
		t.Error("the letter does not rest on offline_access")
	}
	event("openid preferences:read blog:read packages:read reviews:read profile")
	says(t, b.Get(w.Dreams+"/").Body, "you took back: email.", "1 letter")
	if n := w.value(t, "dreams", "SELECT count(*) FROM offers"); n != "1" {
		t.Error("the offers do not rest on email")
	}
	event("openid profile packages:read reviews:read")
	says(t, b.Get(w.Dreams+"/").Body, "3 offers")
	if w.connections(t) != "1" || w.value(t, "dreams", "SELECT scope FROM connections") != "openid profile packages:read reviews:read" {
		t.Error("the connection lives, with what is left")
	}
	// What was taken back does not come again by an event that is late.
	event(all)
	if w.value(t, "dreams", "SELECT scope FROM connections") != "openid profile packages:read reviews:read" {
		t.Error("an event gave something back")
	}
}

// What Dreams does not hear while it is down, it hears later.
func TestDreamsIsToldLater(t *testing.T) {
	t.Parallel()
	var dreams atomic.Value
	var down atomic.Bool
	heard := make(chan *http.Request, 10)
	way := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() { heard <- r }()
		if down.Load() {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		answer, err := http.Post(dreams.Load().(string)+"/events", r.Header.Get("Content-Type"), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		rw.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(rw, answer.Body)
	}))
	defer way.Close()
	w := New(t, Options{Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"}, SQL: map[string][]string{
		"authserver": {`UPDATE clients SET metadata = json_set(metadata, '$.security_events_uri', '` + way.URL + `') WHERE client_id = 'dreams-web'`},
	}})
	dreams.Store(w.Dreams)
	down.Store(true)
	b := w.connected(t)
	w.removeApp(b, "dreams-web")
	<-heard
	if w.connections(t) != "1" {
		t.Fatal("Dreams knows already")
	}
	w.eventually(t, "no failure is noted", func() bool { return w.value(t, "authserver", "SELECT attempts FROM notices") == "1" })
	down.Store(false)
	w.Clock.Advance(10 * time.Second)
	<-heard
	w.eventually(t, "Dreams deletes nothing", func() bool { return w.connections(t) == "0" })
	says(t, b.Get(w.Dreams+"/offers").Body, "Acme told us that you removed Dreams.")
}

// Reuse of a refresh token, and a locked account, are told with their reason; that a
// client gave a token back itself is not told to it.
func TestWhyAPermissionEndedIsTold(t *testing.T) {
	t.Parallel()
	events := make(chan jwt.MapClaims, 10)
	client := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		header, claims := parts(t, string(body))
		if r.Header.Get("Content-Type") != "application/secevent+jwt" || r.Header.Get("Accept") != "application/json" || header["typ"] != "secevent+jwt" {
			t.Errorf("%v %v", r.Header, header)
		}
		events <- claims
		rw.WriteHeader(http.StatusAccepted)
	}))
	defer client.Close()
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"}, SQL: map[string][]string{
		"authserver": {`UPDATE clients SET metadata = json_set(metadata, '$.security_events_uri', '` + client.URL + `') WHERE client_id = 'dreams-web'`},
	}})
	told := func(reason, scope string) {
		t.Helper()
		select {
		case claims := <-events:
			event, _ := claims["events"].(map[string]any)[w.Auth+consentEnded].(map[string]any)
			id, _ := claims["sub_id"].(map[string]any)
			if event["reason"] != reason || event["scope"] != scope || len(event) != 2 || id["format"] != "iss_sub" || id["iss"] != w.Auth || id["sub"] != person(t, "alice") {
				t.Errorf("%v", claims)
			}
			for _, absent := range []string{"sub", "exp", "nonce"} { // RFC 8417 §2.2, §4.5
				if _, ok := claims[absent]; ok {
					t.Errorf("%s is there", absent)
				}
			}
		case <-time.After(2 * time.Second):
			t.Fatal("nobody is told within two seconds")
		}
	}
	first := w.Tokens(t, "alice", "openid offline_access")
	w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {first.String("refresh_token")}})

	kept := w.Tokens(t, "alice", "openid email")
	stolen := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
	w.refresh(t, "dreams-web", stolen)
	w.refresh(t, "dreams-web", stolen)
	told("token_reuse", kept.String("scope"))

	root := w.SignedIn(t, "root")
	for _, form := range root.Forms(root.Get(w.Auth + "/operator/users")) {
		if form.Fields.Get("sub") == person(t, "alice") {
			form.With(url.Values{"action": {"lock"}}).Submit()
			break
		}
	}
	told("account_locked", "")
	select {
	case claims := <-events:
		t.Errorf("another: %v", claims)
	default:
	}
}

// What no server of ours signed deletes nothing.
func TestForgedSecurityEventsDeleteNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.connected(t)
	good := w.signedSecurityEvent(t, w.securityEventClaims(t))
	segments := strings.Split(good, ".")
	id, _ := w.signingKey(t, "RS256")
	for name, tt := range map[string]struct{ contentType, body, want string }{
		"mallory's key":        {"application/secevent+jwt", sign(t, newKey(t), map[string]any{"alg": "ES256", "typ": "secevent+jwt", "kid": id}, w.securityEventClaims(t)), "400 invalid_key"},
		"no signature":         {"application/secevent+jwt", segments[0] + "." + segments[1] + ".", "400 invalid_key"},
		"alg none":             {"application/secevent+jwt", "eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0." + segments[1] + ".", "400 invalid_key"},
		"another token's body": {"application/secevent+jwt", w.Tokens(t, "bob", "openid").String("id_token"), "400 invalid_request"},
		"an access token":      {"application/secevent+jwt", w.Tokens(t, "bob", "openid").String("access_token"), "400 invalid_request"},
		"garbage":              {"application/secevent+jwt", "garbage", "400 invalid_key"},
		"nothing":              {"application/secevent+jwt", "", "400 invalid_key"},
		"another media type":   {"application/jwt", good, "400 invalid_request"},
		"a form":               {"application/x-www-form-urlencoded", "token=" + good, "400 invalid_request"},
		"without end":          {"application/secevent+jwt", strings.Repeat("a", 17<<10), "400 invalid_request"},
	} {
		answer := w.Do(t, http.MethodPost, w.Dreams+"/events", http.Header{"Content-Type": {tt.contentType}}, tt.body)
		if answer.Refusal() != tt.want || answer.String("description") == "" || answer.Header.Get("Content-Language") != "en" || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s", name, answer.Status, answer.Header.Get("Content-Type"), answer.Body)
		}
	}
	if w.connections(t) != "1" || w.value(t, "dreams", "SELECT count(*) FROM letters") != "1" {
		t.Error("something is gone")
	}
	// An event of before this connection is not about it.
	claims := w.securityEventClaims(t)
	claims["toe"] = time.Now().Add(-time.Hour).Unix()
	if answer := w.sendSecurityEvent(t, w.signedSecurityEvent(t, claims)); answer.Status != http.StatusAccepted || w.connections(t) != "1" {
		t.Errorf("an event of an hour ago: %d, %s connections", answer.Status, w.connections(t))
	}
	if answer := w.sendSecurityEvent(t, good); answer.Status != http.StatusAccepted || w.connections(t) != "0" {
		t.Errorf("the good one: %d %s", answer.Status, answer.Body)
	}
}

// securityEventClaims say that alice took everything back.
func (w *World) securityEventClaims(t testing.TB) jwt.MapClaims {
	now := w.Clock.Now().Unix()
	return jwt.MapClaims{
		"iss": w.Auth, "aud": "dreams-web", "jti": w.Clock.Now().String(), "iat": now, "toe": now,
		"sub_id": map[string]any{"format": "iss_sub", "iss": w.Auth, "sub": person(t, "alice")},
		"events": map[string]any{w.Auth + consentEnded: map[string]any{"reason": "withdrawn", "scope": ""}},
	}
}

// signedSecurityEvent is signed by authserver's own key.
func (w *World) signedSecurityEvent(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	id, key := w.signingKey(t, "RS256")
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"], token.Header["typ"] = id, "secevent+jwt"
	compact, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// One permission that is taken back reaches Dreams, too, and takes with it what was
// made of it, and nothing else.
func TestTakingOnePermissionBackReachesDreams(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	begin := time.Now()
	w.takeBack(b, "preferences:read")
	w.eventually(t, "Dreams deletes nothing", func() bool { return w.value(t, "dreams", "SELECT count(*) FROM letters") == "0" })
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	says(t, b.Get(w.Dreams+"/").Body, "Acme told us that you took back: preferences:read.", "3 offers", "1 letter")
	if scope := w.value(t, "dreams", "SELECT scope FROM connections WHERE ended_at IS NULL AND access_token IS NOT NULL"); strings.Contains(scope, "preferences") || !strings.Contains(scope, "blog:read") {
		t.Errorf("the connection has %q", scope)
	}
	// What is left still makes offers, and nobody mentions what is gone.
	if page := b.Get(w.Dreams + "/offers"); page.Status != 200 || strings.Contains(page.Body, "You like") {
		t.Errorf("offers: %d", page.Status)
	}
}

// Where nobody told it, Dreams finds out by a refresh that is refused, and deletes
// the same.
func TestARefusedRefreshDeletesTheSame(t *testing.T) {
	t.Parallel()
	w := New(t, Options{SQL: map[string][]string{
		"authserver": {`UPDATE clients SET metadata = json_remove(metadata, '$.security_events_uri') WHERE client_id = 'dreams-web'`},
	}})
	b := w.connected(t)
	w.removeApp(b, "dreams-web")
	waitFor(t, within, "Acme refuses what Dreams holds", func() bool {
		b.Get(w.Dreams + "/offers")
		return w.connections(t) == "0"
	})
	says(t, b.Get(w.Dreams+"/offers").Body, "Acme refused us: the permission is gone.", "3 offers", "1 letter", "an access token and a refresh token")
	if n := w.value(t, "dreams", "SELECT (SELECT count(*) FROM offers) + (SELECT count(*) FROM letters)"); n != "0" {
		t.Errorf("%s things are left", n)
	}
}

// A key that leaked and was revoked deletes nothing.
func TestARevokedKeySignsNoSecurityEvent(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.connected(t)
	event := w.signedSecurityEvent(t, w.securityEventClaims(t))
	_, before := w.machineToken(t)
	w.rotateKeys(t, "--revoke-old")
	w.waitForKey(t, before)
	if answer := w.sendSecurityEvent(t, event); answer.Refusal() != "400 invalid_key" || w.connections(t) != "1" {
		t.Errorf("%d %s, %s connections", answer.Status, answer.Body, w.connections(t))
	}
}

// startAgain starts what Stop stopped, where it was.
func (w *World) startAgain(t testing.TB, names ...string) {
	t.Helper()
	at := map[string]string{"authserver": w.Env.AuthserverURL.Address(), "acme": w.Env.AcmeURL.Address(), "dreams": w.Env.DreamsURL.Address()}
	for _, name := range names {
		listener, err := net.Listen("tcp", at[name])
		if err != nil {
			t.Fatal(err)
		}
		w.start(t, listener, name, Options{})
	}
}

// A consent that runs out by its date, or because nobody used it, is told like one
// that was removed: once, however often who tells is started again.
func TestAConsentThatRunsOutIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		duration string
		after    time.Duration
		says     string
	}{
		"30 days":         {"30d", 30*24*time.Hour + time.Minute, "The permission ran out."},
		"90 days, unused": {"until_revoked", 90*24*time.Hour + time.Minute, "Acme told us that the permission ended because it was not used."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{})
			b := NewBrowser(t)
			w.SignIn(b, "alice")
			// Without a refresh token Dreams would never find out.
			scopes := []string{"email", "preferences:read", "packages:read", "reviews:read"}
			decide(b, b.Get(w.Dreams+"/connect"), "allow", url.Values{"duration": {c.duration}}, scopes...)
			w.Stop()
			w.Clock.Advance(c.after)
			w.startAgain(t, "authserver")
			over := func() bool {
				return w.value(t, "authserver", "SELECT count(*) FROM consents WHERE ended_at IS NULL") == "0"
			}
			w.eventually(t, "the consent does not end", over)
			w.Stop() // before anybody has heard
			w.startAgain(t, "authserver", "acme", "dreams")
			w.eventually(t, "Dreams deletes nothing", func() bool {
				w.Clock.Advance(5 * time.Second) // what has failed meanwhile is tried again
				return w.connections(t) == "0"
			})
			w.eventually(t, "the notice is kept", func() bool { return w.value(t, "authserver", "SELECT count(*) FROM notices") == "0" })
			w.Stop()
			w.startAgain(t, "authserver", "acme", "dreams")
			b = NewBrowser(t)
			w.SignIn(b, "alice")
			w.eventually(t, "the server is not up", func() bool { return b.Get(w.Auth+"/account/apps?tab=expired").Status == 200 })
			says(t, b.Get(w.Auth+"/account/apps?tab=expired").Body, "Expired (1)")
			for what, query := range map[string]string{
				"events": "SELECT count(*) FROM security_events WHERE kind = 'connected app expired'", "lines in the timeline": "SELECT count(*) FROM consent_changes WHERE kind = 'ended'",
			} {
				if n := w.value(t, "authserver", query); n != "1" {
					t.Errorf("%s %s", n, what)
				}
			}
			if n := w.value(t, "dreams", "SELECT count(*) FROM deletions"); n != "1" {
				t.Errorf("%s deletions", n)
			}
			if n := w.value(t, "dreams", "SELECT (SELECT count(*) FROM offers) + (SELECT count(*) FROM letters)"); n != "0" {
				t.Errorf("%s things are left", n)
			}
			decide(b, b.Get(w.Dreams+"/connect"), "allow", nil)
			says(t, b.Get(w.Dreams+"/").Body, c.says, "1 letter")
		})
	}
}

// While the server runs, too; and what was prolonged does not end.
func TestAConsentEndsAtItsDate(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	request := With(w.Request("openid email offline_access"), url.Values{"prompt": {"consent"}})
	decide(b, w.Authorize(b, request), "allow", url.Values{"duration": {"30d"}}, "email", "offline_access")
	w.Clock.Advance(29 * 24 * time.Hour)
	b = w.SignedIn(t, "alice")
	b.Stay = w.Dreams
	longer := w.granted(t, decide(b, w.Authorize(b, request), "allow", url.Values{"duration": {"until_revoked"}}, "email", "offline_access"))
	w.Clock.Advance(2 * 24 * time.Hour)
	// The first authorization is over, and the consent goes on.
	waitFor(t, 10*time.Second, "the first authorization ends", func() bool {
		return w.value(t, "authserver", "SELECT count(*) FROM grants WHERE revoke_reason = 'expired'") == "1"
	})
	if n := w.value(t, "authserver", "SELECT count(*) FROM consents WHERE ended_at IS NULL"); n != "1" {
		t.Error("a consent that was prolonged has ended")
	}
	if got := w.refresh(t, "dreams-web", longer.String("refresh_token")); got.Status != http.StatusOK {
		t.Errorf("what was given until it is stopped: %s", got.Body)
	}
}

// RFC 9396: authorization details that are gone are named, in the event and in the
// report at Dreams; the rest goes on.
func TestRemovedAuthorizationDetailsAreNamed(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	give := func() {
		t.Helper()
		b.Stay = w.Dreams
		request := With(w.Request("openid"), url.Values{"authorization_details": {aboutBeaches}})
		w.granted(t, w.agree(b, request))
		b.Stay = ""
	}
	give()
	w.takeBack(b, "travel_preferences")
	w.eventually(t, "Dreams does not say so", func() bool {
		return strings.Contains(b.Get(w.Dreams+"/").Body, "Acme told us that you took back: travel_preferences (beaches).")
	})
	if n := w.value(t, "dreams", "SELECT count(*) FROM letters"); n != "1" || w.connections(t) != "1" {
		t.Error("something is gone that does not rest on it")
	}
	give()
	w.removeApp(b, "dreams-web")
	w.eventually(t, "Dreams deletes nothing", func() bool { return w.connections(t) == "0" })
	says(t, b.Get(w.Dreams+"/").Body, "Acme told us that you removed Dreams. With it went: travel_preferences (beaches).", "1 letter")
	// Told again, because the answer was lost, it is one line; told of a part, too.
	decide(b, b.Get(w.Dreams+"/connect"), "allow", nil, "email", "preferences:read")
	w.Clock.Advance(time.Minute)
	claims := w.securityEventClaims(t)
	claims["events"] = map[string]any{w.Auth + consentEnded: map[string]any{
		"reason": "withdrawn", "scope": "openid profile email preferences:read", "removed_authorization_details": []any{map[string]any{"type": "other"}, map[string]any{"topics": 7}},
	}}
	for _, id := range []string{"one", "two"} {
		claims["jti"] = id
		if answer := w.sendSecurityEvent(t, w.signedSecurityEvent(t, claims)); answer.Status != http.StatusAccepted {
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
	}
	if n := w.value(t, "dreams", "SELECT count(*) FROM deletions"); n != "3" {
		t.Errorf("%s lines", n)
	}
}
