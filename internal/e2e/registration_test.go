package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
)

// An application of somebody who knows the issuer's URL registers itself, and
// gets through all of it with standard libraries.
func TestAClientThatRegistersItselfNeedsTheIssuerAlone(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	ctx := oidc.ClientContext(t.Context(), w.Client)
	provider, err := oidc.NewProvider(ctx, w.issuerOfTheAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	var discovered struct {
		Endpoint string `json:"registration_endpoint"`
	}
	if err := provider.Claims(&discovered); err != nil || discovered.Endpoint != w.Auth+"/register" {
		t.Fatalf("registration_endpoint %q: %v", discovered.Endpoint, err)
	}
	client := w.registeredClient(t, diary(map[string]any{"grant_types": []string{"authorization_code", "refresh_token"}, "policy_uri": "https://diary.example/privacy"}))
	config := oauth2.Config{
		ClientID: client.String("client_id"), ClientSecret: client.String("client_secret"), RedirectURL: "https://diary.example/cb", Endpoint: provider.Endpoint(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "preferences:read", oidc.ScopeOfflineAccess},
	}
	b := w.SignedIn(t, "alice")
	b.Stay = "https://diary.example"
	page := b.Get(config.AuthCodeURL("state", oidc.Nonce("nonce"))) // confidential, so it may go without PKCE
	for _, seen := range []string{"Not verified", "Travel Diary", "diary.example", "https://diary.example/privacy"} {
		if !strings.Contains(page.Body, seen) {
			t.Errorf("the consent page does not say %q", seen)
		}
	}
	answer := b.Form(page, "decision").With(url.Values{"scope": config.Scopes, "decision": {"allow"}}).Submit().Answer()
	token, err := config.Exchange(ctx, answer.Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if idToken, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw); err != nil || idToken.Nonce != "nonce" {
		t.Fatalf("ID token %+v: %v", idToken, err)
	}
	w.callAPI(t, config.Client(ctx, token), "/me/preferences")
	expired := *token
	expired.Expiry = time.Now().Add(-time.Minute)
	source := config.TokenSource(ctx, &expired)
	w.callAPI(t, oauth2.NewClient(ctx, source), "/me")
	next, err := source.Token()
	if err != nil {
		t.Fatal(err)
	}

	// RFC 7592 §2.3: with the client goes everything that it was given.
	gone := w.Do(t, http.MethodDelete, client.String("registration_client_uri"), Bearer(client.String("registration_access_token")), "")
	if gone.Status != http.StatusNoContent || gone.Body != "" {
		t.Fatalf("deleting: %d %s", gone.Status, gone.Body)
	}
	wantRefusal(t, w.Do(t, http.MethodGet, client.String("registration_client_uri"), Bearer(client.String("registration_access_token")), ""), "401 invalid_token", "reading what is gone")
	wantRefusal(t, w.Token(t, Credentials{config.ClientID, config.ClientSecret}.Header(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {next.RefreshToken}}), "401 invalid_client", "refreshing")
	if opened, refusal := w.userinfo(t, next.AccessToken); opened || refusal != "401 invalid_token" {
		t.Errorf("userinfo: %v %s", opened, refusal)
	}
	deadline := time.Now().Add(RevocationTime)
	for w.API(t, "GET", "/me", next.AccessToken, "").Status == http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("Acme still lets the token in")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if page := b.Get(config.AuthCodeURL("state")); page.Status != http.StatusBadRequest || page.Location != "" {
		t.Errorf("authorizing for a client that is gone: %d %s", page.Status, page.Location)
	}
}

// RFC 7591 §3.2.1, RFC 7592 §2.1: what was registered is what is answered, with
// the defaults that the specifications name.
func TestARegistrationIsAnsweredWithAllThatWasRegistered(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	answer := w.registeredClient(t, diary(map[string]any{"client_name#de": "Reisetagebuch", "unknown": []any{1}, "tls_client_auth_subject_dn": "CN=x", "logo_uri": nil, "frontchannel_logout_uri": "https://diary.example/out"}))
	got := answer.JSON()
	for name, want := range map[string]any{
		"client_name": "Travel Diary", "token_endpoint_auth_method": "client_secret_basic", "application_type": "web", "id_token_signed_response_alg": "RS256",
		"client_secret_expires_at": 0.0, "registration_client_uri": w.Auth + "/register/" + answer.String("client_id"), "subject_type": "public",
		"client_name#de": nil, "unknown": nil, "tls_client_auth_subject_dn": nil, "frontchannel_logout_uri": nil,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if fmt.Sprint(got["grant_types"], got["response_types"], got["redirect_uris"]) != "[authorization_code] [code] [https://diary.example/cb]" {
		t.Errorf("lists: %s", answer.Body)
	}
	if scope := answer.String("scope"); !strings.Contains(scope, "preferences:read") || !strings.Contains(scope, "offline_access") {
		t.Errorf("scope %q", scope)
	}
	issued, _ := got["client_id_issued_at"].(float64)
	if age := w.Clock.Now().Unix() - int64(issued); age < 0 || age > 5 {
		t.Errorf("client_id_issued_at %v", got["client_id_issued_at"])
	}
	if len(answer.String("client_secret")) < 43 || len(answer.String("registration_access_token")) < 43 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("secrets or headers: %s %v", answer.Body, answer.Header)
	}

	read := w.Do(t, http.MethodGet, answer.String("registration_client_uri"), Bearer(answer.String("registration_access_token")), "")
	delete(got, "client_secret") // shown once: only its hash is kept
	if read.Status != http.StatusOK || !maps.EqualFunc(got, read.JSON(), func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("registered %v, read %d %s", got, read.Status, read.Body)
	}

	// RFC 7591 §2: what a client gets that has no person to ask.
	machine := w.registeredClient(t, map[string]any{"client_name": "Meter", "grant_types": []string{"client_credentials"}, "response_types": []string{}})
	tokens := w.Token(t, Credentials{machine.String("client_id"), machine.String("client_secret")}.Header(), url.Values{"grant_type": {"client_credentials"}})
	if machine.String("scope") != "packages:read reviews:read" || tokens.String("scope") != "packages:read reviews:read" {
		t.Errorf("a machine: %s %s", machine.Body, tokens.Body)
	}
	w.Do(t, http.MethodDelete, machine.String("registration_client_uri"), Bearer(machine.String("registration_access_token")), "")
	if active, _ := w.introspected(t, "acme-api", tokens.String("access_token")); active {
		t.Error("the token of a machine that is gone is active")
	}
	// A public client has no secret, and needs PKCE.
	public := w.registeredClient(t, diary(map[string]any{"token_endpoint_auth_method": "none", "application_type": "native", "redirect_uris": []string{"com.example.diary:/cb", "http://127.0.0.1/cb"}}))
	if public.JSON()["client_secret"] != nil || public.JSON()["client_secret_expires_at"] != nil {
		t.Errorf("a public client: %s", public.Body)
	}
	b := w.SignedIn(t, "alice")
	b.Stay = "http://127.0.0.1:4711"
	request := With(w.Request("openid"), url.Values{"client_id": {public.String("client_id")}, "redirect_uri": {"http://127.0.0.1:4711/cb"}})
	if answer := w.Authorize(b, With(request, withoutPKCE)); answer.Refusal() != "303 invalid_request" {
		t.Errorf("without PKCE: %s", answer.Refusal())
	}
	if answer := w.Allow(b, request); answer.Answer().Get("code") == "" {
		t.Errorf("with PKCE: %d %s", answer.Status, answer.Location)
	}
}

// RFC 7592 §2.2: what an update leaves out is gone, and the secret stays. All of it
// is on disk before the answer.
func TestAnUpdateReplacesARegistration(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	client := w.registeredClient(t, diary(map[string]any{"contacts": []string{"ops@diary.example"}}))
	id, header := client.String("client_id"), Bearer(client.String("registration_access_token"))
	changed := w.update(t, client, header, map[string]any{
		"client_id": id, "client_secret": client.String("client_secret"), "client_name": "Diary 2", "redirect_uris": []string{"https://diary.example/two"}, "contacts": nil,
	})
	if changed.Status != http.StatusOK || changed.String("client_name") != "Diary 2" || changed.JSON()["contacts"] != nil || strings.Contains(changed.Body, "diary.example/cb") ||
		changed.JSON()["client_secret"] != nil || changed.String("registration_access_token") != client.String("registration_access_token") {
		t.Fatalf("changed: %d %s", changed.Status, changed.Body)
	}
	again := func(w *World, what string) {
		uri := w.Auth + "/register/" + id
		read := w.Do(t, http.MethodGet, uri, header, "")
		if read.Status != http.StatusOK || read.String("client_name") != "Diary 2" {
			t.Errorf("%s: %d %s", what, read.Status, read.Body)
		}
		answer := w.Token(t, Credentials{id, client.String("client_secret")}.Header(), url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://diary.example/two"}})
		wantRefusal(t, answer, "400 invalid_grant", what+": the secret is still good")
	}
	again(w, "after the update")
	w.Stop()
	restarted := New(t, Options{Only: []string{"authserver"}, DataDir: w.DataDir})
	again(restarted, "after a restart")

	// A client that stops being public gets a secret, and one that becomes it loses its own.
	public := restarted.update(t, Response{Body: fmt.Sprintf(`{"registration_client_uri":%q}`, restarted.Auth+"/register/"+id)}, header, diary(map[string]any{"client_id": id, "token_endpoint_auth_method": "none"}))
	confidential := restarted.update(t, Response{Body: fmt.Sprintf(`{"registration_client_uri":%q}`, restarted.Auth+"/register/"+id)}, header, diary(map[string]any{"client_id": id}))
	if public.JSON()["client_secret_expires_at"] != nil || confidential.String("client_secret") == "" || confidential.String("client_secret") == client.String("client_secret") {
		t.Errorf("public %s, confidential %s", public.Body, confidential.Body)
	}
	for what, answer := range map[string]Response{
		"a seeded client":           restarted.Do(t, http.MethodGet, restarted.Auth+"/register/dreams-web", header, ""),
		"a seeded client's secret":  restarted.Do(t, http.MethodGet, restarted.Auth+"/register/dreams-web", Bearer("dreams-web-secret"), ""),
		"a client that nobody made": restarted.Do(t, http.MethodDelete, restarted.Auth+"/register/c_nobody", header, ""),
		"no token":                  restarted.Do(t, http.MethodGet, restarted.Auth+"/register/"+id, nil, ""),
		"the client's secret":       restarted.Do(t, http.MethodGet, restarted.Auth+"/register/"+id, Bearer(client.String("client_secret")), ""),
	} {
		wantRefusal(t, answer, "401 invalid_token", what)
		if !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: WWW-Authenticate %q", what, answer.Header.Get("WWW-Authenticate"))
		}
	}
}

// RFC 6749 §10.2: a person who agreed to a client at one host is asked again before
// a code goes to another, whoever changed the registration.
func TestAnUpdateThatLeadsElsewhereIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	client := w.registeredClient(t, diary(nil))
	id, header := client.String("client_id"), Bearer(client.String("registration_access_token"))
	b := w.SignedIn(t, "alice")
	b.Stay = "https://"
	asks := func(uri, prompt string) Page {
		return w.Authorize(b, With(w.Request("openid profile"), url.Values{"client_id": {id}, "redirect_uri": {uri}, "prompt": {prompt}}))
	}
	const before, path, elsewhere = "https://diary.example/cb", "https://diary.example/two", "https://mallory.example/cb"
	page := asks(before, "")
	if answer := decide(b, page, "allow", nil); answer.Answer().Get("code") == "" {
		t.Fatalf("not allowed: %d %s", answer.Status, answer.Location)
	}
	for _, c := range []struct{ uri, want string }{{path, ""}, {elsewhere, "303 consent_required"}, {before, "303 consent_required"}} {
		answer := w.update(t, client, header, diary(map[string]any{"client_id": id, "redirect_uris": []string{before, c.uri}}))
		if answer.Status != http.StatusOK {
			t.Fatalf("update: %d %s", answer.Status, answer.Body)
		}
		silent := asks(c.uri, "none")
		if got := silent.Refusal(); got != c.want && !(c.want == "" && silent.Answer().Get("code") != "") {
			t.Errorf("%s: %s", c.uri, got)
		}
	}
	page = asks(before, "")
	if answer := decide(b, page, "allow", nil); answer.Answer().Get("code") == "" || asks(before, "none").Answer().Get("code") == "" {
		t.Errorf("agreed once more: %d %s", answer.Status, answer.Location)
	}
}

// RFC 6749 §10.2: a client that changes its registration while somebody reads the
// page gets what the page showed, or another page.
func TestAnUpdateDuringTheQuestionAddsNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	client := w.registeredClient(t, diary(map[string]any{"scope": "openid"}))
	id, header := client.String("client_id"), Bearer(client.String("registration_access_token"))
	b := w.SignedIn(t, "alice")
	b.Stay = "https://"
	question := w.Authorize(b, With(w.Request("openid"), url.Values{
		"client_id": {id}, "redirect_uri": {"https://diary.example/cb"}, "claims": {`{"userinfo":{"name":null}}`},
	}))
	if strings.Contains(question.Body, `value="profile"`) {
		t.Fatal("the page shows profile already: the test has nothing to look for")
	}
	if answer := w.update(t, client, header, diary(map[string]any{"client_id": id, "scope": "openid profile"})); answer.Status != http.StatusOK {
		t.Fatalf("update: %d %s", answer.Status, answer.Body)
	}
	again := decide(b, question, "allow", nil)
	if again.Location != "" || !strings.Contains(again.Body, `value="profile"`) {
		t.Fatalf("the answer to the old page: %d %s", again.Status, again.Location)
	}
	if answer := decide(b, again, "allow", nil); answer.Answer().Get("code") == "" {
		t.Errorf("the answer to the new one: %d %s", answer.Status, answer.Location)
	}
}

// RFC 7591 §3.2.2: what cannot be read is refused in the endpoint's form, and at
// once; with it the rows "JSON depth 10,000 / 5 MiB to DCR".
func TestWhatIsNoRegistrationIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	post := func(contentType, body string) Response {
		return w.Do(t, http.MethodPost, w.Auth+"/register", http.Header{"Content-Type": {contentType}}, body)
	}
	const good = `"redirect_uris":["https://diary.example/cb"]`
	for what, body := range map[string]string{
		"nothing": "", "no object": "[]", "a string": `"x"`, "half": `{` + good, "two": `{` + good + `}{}`, "a name twice": `{` + good + `,"scope":"openid","scope":"email"}`,
		"no UTF-8": "{" + good + `,"client_name":"` + "\xff" + `"}`, "a number for a name": "{" + good + `,"client_name":5}`, "a string for a list": `{"grant_types":"authorization_code",` + good + `}`,
		"depth 10,000": `{"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`, "a list of numbers": `{"contacts":[1],` + good + `}`,
		"17 KiB": `{` + good + `,"x":"` + strings.Repeat("a", 17<<10) + `"}`,
	} {
		started := time.Now()
		answer := post("application/json", body)
		if answer.Refusal() != "400 invalid_client_metadata" || time.Since(started) > 2*time.Second || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", what, answer.Status, answer.Body)
		}
	}
	for _, body := range []string{`{"redirect_uris":"https://diary.example/cb"}`, `{"redirect_uris":[5]}`, `{"redirect_uris":{}}`} {
		wantRefusal(t, post("application/json", body), "400 invalid_redirect_uri", body)
	}
	if answer := post("application/json", strings.Repeat("[", 5<<20)); answer.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MiB: %d %s", answer.Status, answer.Body)
	}
	wantRefusal(t, post("application/x-www-form-urlencoded", `{`+good+`}`), "400 invalid_client_metadata", "another content type")
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		if answer := w.Do(t, method, w.Auth+"/register", nil, ""); answer.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, answer.Status)
		}
	}
	if answer := w.Do(t, http.MethodPost, w.Auth+"/register", http.Header{"Content-Type": {"application/json"}, "Origin": {w.Dreams}}, `{`+good+`}`); answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("scripts of other origins may register clients")
	}
	if answer := w.Register(t, nil, diary(map[string]any{"redirect_uris": []string{"https://diary.example/cb\n"}})); answer.Refusal() != "400 invalid_redirect_uri" {
		t.Errorf("a line break: %d %s", answer.Status, answer.Body)
	}
	if answer := w.Register(t, nil, diary(map[string]any{"client_name": `"><svg/onload=alert(1)>`})); answer.Status != http.StatusCreated {
		t.Errorf("a name that a page must escape: %d %s", answer.Status, answer.Body)
	}
}

// LEGACY_GRANTS=off: nobody registers for what is not offered.
func TestImplicitIsRegisteredOnlyWhereItIsOffered(t *testing.T) {
	t.Parallel()
	implicit := diary(map[string]any{"response_types": []string{"id_token token"}})
	w := New(t, Options{Only: []string{"authserver"}})
	if answer := w.registeredClient(t, implicit); fmt.Sprint(answer.JSON()["grant_types"]) != "[implicit]" {
		t.Errorf("grant types follow from response types: %s", answer.Body)
	}
	strict := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"LEGACY_GRANTS": "off"}})
	wantRefusal(t, strict.Register(t, nil, implicit), "400 invalid_client_metadata", "LEGACY_GRANTS=off")
	closed := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"REGISTRATION_TOKEN": "let-me-in"}})
	if answer := closed.Register(t, Bearer("let-me-in"), diary(nil)); answer.Status != http.StatusCreated {
		t.Errorf("with the initial access token: %d %s", answer.Status, answer.Body)
	}
}

// A stranger cannot fill the disk: 429 from then on, with a time to wait.
func TestRegistrationsFromOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	now := w.Clock.Now()
	w.Clock.Advance(now.Truncate(10 * time.Minute).Add(10 * time.Minute).Sub(now)) // all within one window
	var limited atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 76 {
				answer := w.Register(t, nil, diary(nil))
				switch answer.Status {
				case http.StatusCreated:
				case http.StatusTooManyRequests:
					limited.Add(1)
					if answer.Header.Get("Retry-After") == "" || answer.String("error") == "" {
						t.Errorf("429: %v %s", answer.Header, answer.Body)
					}
				default:
					t.Errorf("%d %s", answer.Status, answer.Body)
				}
			}
		})
	}
	all.Wait()
	if limited.Load() != 8 {
		t.Errorf("%d of 608 were limited, want 8", limited.Load())
	}
	w.Clock.Advance(10 * time.Minute)
	w.registeredClient(t, diary(nil))
}

// rotatingKeys is a client's own server: what is behind its jwks_uri.
type rotatingKeys struct {
	*httptest.Server
	asked atomic.Int32
	key   atomic.Pointer[jose.JSONWebKey]
	moved atomic.Bool // it answers with a redirect
}

func newRotatingKeys(t testing.TB) *rotatingKeys {
	k := &rotatingKeys{}
	k.rotate(t)
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		if k.moved.Load() && r.URL.Path != "/elsewhere" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.key.Load().Public()}})
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *rotatingKeys) rotate(t testing.TB) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k.key.Store(&jose.JSONWebKey{Key: key, KeyID: rand.Text()})
}

// assertion is private_key_jwt with the current key.
func (k *rotatingKeys) assertion(t testing.TB, w *World, clientID string) url.Values {
	t.Helper()
	key := k.key.Load()
	now := w.Clock.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": clientID, "sub": clientID, "aud": w.Auth, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	token.Header["kid"] = key.KeyID
	compact, err := token.SignedString(key.Key)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"client_id": {clientID}, "client_assertion_type": {assertionType}, "client_assertion": {compact}}
}

// A jwks_uri that answers with a redirect is not followed, and one that leads to a
// private address is not called: 401 invalid_client.
func TestAJWKSURIIsNotFollowedElsewhere(t *testing.T) {
	t.Parallel()
	w := New(t, privateURIs)
	keys := newRotatingKeys(t)
	machine := map[string]any{"grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys.URL}
	client := w.registeredClient(t, machine).String("client_id")
	ask := func(w *World) Response {
		return w.Token(t, nil, With(keys.assertion(t, w, client), url.Values{"grant_type": {"client_credentials"}}))
	}
	keys.moved.Store(true)
	wantRefusal(t, ask(w), "401 invalid_client", "a redirect")
	if keys.asked.Load() != 1 {
		t.Errorf("the server was asked %d times", keys.asked.Load())
	}
	keys.moved.Store(false)
	w.Clock.Advance(time.Minute)
	if answer := ask(w); answer.Status != http.StatusOK {
		t.Errorf("without a redirect: %d %s", answer.Status, answer.Body)
	}
	w.Stop()
	asked := keys.asked.Load()
	guarded := New(t, Options{Only: []string{"authserver"}, DataDir: w.DataDir})
	wantRefusal(t, ask(guarded), "401 invalid_client", "a private address")
	if keys.asked.Load() != asked {
		t.Error("a private address was called")
	}
}

// dynamicParty is the suite's client in the dynamic plan: it registers itself in
// each module.
type dynamicParty struct {
	testing.TB
	w      *World
	b      *Browser
	client Response
	sent   url.Values // how it authenticates; nil: client_secret_basic
}

func (r *dynamicParty) register(changes map[string]any) {
	r.Helper()
	metadata := map[string]any{
		"client_name": "Suite", "redirect_uris": []string{suiteCallback}, "response_types": []string{"code"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "contacts": []string{"suite@suite.test"},
	}
	maps.Copy(metadata, changes)
	r.client = r.w.registeredClient(r, metadata)
}

func (r *dynamicParty) authorize(changes url.Values) Page {
	r.Helper()
	return r.w.Allow(r.b, With(url.Values{
		"response_type": {"code"}, "client_id": {r.client.String("client_id")}, "redirect_uri": {suiteCallback},
		"scope": {"openid offline_access"}, "state": {"S1"}, "nonce": {"N1"}, "prompt": {"consent"},
	}, changes), "offline_access")
}

func (r *dynamicParty) token(form url.Values) Response {
	r.Helper()
	if r.sent != nil {
		return r.w.Token(r, nil, With(form, r.sent))
	}
	return r.w.Token(r, Credentials{r.client.String("client_id"), r.client.String("client_secret")}.Header(), form)
}

// succeed goes all the way to tokens.
func (r *dynamicParty) succeed(changes url.Values) Response {
	r.Helper()
	redirect := With(url.Values{"redirect_uri": {suiteCallback}}, changes).Get("redirect_uri")
	page := r.authorize(changes)
	if !strings.HasPrefix(page.Location, redirect) {
		r.Fatalf("sent to %q, want %q", page.Location, redirect)
	}
	tokens := r.token(url.Values{"grant_type": {"authorization_code"}, "code": {page.Answer().Get("code")}, "redirect_uri": {redirect}})
	if tokens.Status != http.StatusOK || tokens.String("id_token") == "" {
		r.Fatalf("no tokens: %d %s", tokens.Status, tokens.Body)
	}
	return tokens
}

func (r *dynamicParty) stopped(changes url.Values) {
	r.Helper()
	if page := r.authorize(changes); page.Status != http.StatusBadRequest || ErrorOnPage(page.Body) == "" || page.Location != "" {
		r.Errorf("%v: %d %s", changes, page.Status, page.Location)
	}
}

// signed says how an ID token or another answer is signed.
func (r *dynamicParty) signed(compact string) any {
	header, _ := parts(r, compact)
	return header["alg"]
}

func registersURI(member string) func(*dynamicParty) {
	return func(r *dynamicParty) {
		r.register(map[string]any{member: "https://suite.test/" + member})
		if r.client.String(member) != "https://suite.test/"+member {
			r.Errorf("%s: %s", member, r.client.Body)
		}
		r.succeed(nil)
	}
}

// dynamicModules are those of the dynamic plan that register a client for what
// they ask. Request objects behind a request_uri are not offered (discovery says
// so), and what is left of the plan is among the modules of the other plans.
var dynamicModules = map[string]func(*dynamicParty){
	"oidcc-server": func(r *dynamicParty) { r.register(nil); r.succeed(nil) },
	"oidcc-idtoken-rs256": func(r *dynamicParty) {
		r.register(map[string]any{"id_token_signed_response_alg": "RS256"})
		if alg := r.signed(r.succeed(nil).String("id_token")); alg != "RS256" {
			r.Errorf("signed with %v", alg)
		}
	},
	"oidcc-idtoken-unsigned": func(r *dynamicParty) {
		answer := r.w.Register(r, nil, diary(map[string]any{"id_token_signed_response_alg": "none"}))
		wantRefusal(r, answer, "400 invalid_client_metadata", "alg none")
	},
	"oidcc-userinfo-rs256": func(r *dynamicParty) {
		r.register(map[string]any{"userinfo_signed_response_alg": "RS256"})
		answer := r.w.Do(r, "GET", r.w.Auth+"/userinfo", Bearer(r.succeed(nil).String("access_token")), "")
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/jwt") || r.signed(answer.Body) != "RS256" {
			r.Errorf("userinfo: %v %s", answer.Header, answer.Body)
		}
	},
	"oidcc-ensure-redirect-uri-in-authorization-request": func(r *dynamicParty) {
		r.register(nil)
		r.stopped(url.Values{"redirect_uri": nil})
	},
	"oidcc-redirect-uri-query-OK": func(r *dynamicParty) {
		r.register(map[string]any{"redirect_uris": []string{suiteCallback + "?foo=bar"}})
		r.succeed(url.Values{"redirect_uri": {suiteCallback + "?foo=bar"}})
	},
	"oidcc-redirect-uri-query-mismatch": func(r *dynamicParty) {
		r.register(map[string]any{"redirect_uris": []string{suiteCallback + "?foo=bar"}})
		r.stopped(url.Values{"redirect_uri": {suiteCallback + "?bar=foo"}})
	},
	"oidcc-redirect-uri-query-added": func(r *dynamicParty) {
		r.register(nil)
		r.stopped(url.Values{"redirect_uri": {suiteCallback + "?foo=bar"}})
	},
	"oidcc-redirect-uri-regfrag": func(r *dynamicParty) {
		answer := r.w.Register(r, nil, diary(map[string]any{"redirect_uris": []string{suiteCallback + "#foobar"}}))
		wantRefusal(r, answer, "400 invalid_redirect_uri", "a fragment")
	},
	"oidcc-registration-logo-uri":   registersURI("logo_uri"),
	"oidcc-registration-policy-uri": registersURI("policy_uri"),
	"oidcc-registration-tos-uri":    registersURI("tos_uri"),
	"oidcc-registration-jwks-uri": func(r *dynamicParty) {
		keys := newRotatingKeys(r)
		r.register(map[string]any{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys.URL + "/jwks"})
		r.sent = keys.assertion(r, r.w, r.client.String("client_id"))
		r.succeed(nil)
	},
	"oidcc-registration-sector-uri": func(r *dynamicParty) {
		r.register(map[string]any{"sector_identifier_uri": document(r, `["`+suiteCallback+`"]`)})
		r.succeed(nil)
	},
	"oidcc-registration-sector-bad": func(r *dynamicParty) {
		answer := r.w.Register(r, nil, diary(map[string]any{"sector_identifier_uri": document(r, `["https://suite.test/not-a-redirect"]`)}))
		wantRefusal(r, answer, "400 invalid_client_metadata", "another sector")
	},
	"oidcc-refresh-token": func(r *dynamicParty) {
		r.register(nil)
		next := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.succeed(nil).String("refresh_token")}})
		if next.Status != http.StatusOK || next.String("access_token") == "" {
			r.Errorf("refresh: %d %s", next.Status, next.Body)
		}
	},
	// A request_uri that is an address: the suite skips both where the metadata
	// says that there is none, and here there is none, signed or not.
	"oidcc-request-uri-unsigned":     func(r *dynamicParty) { r.fetchesNothing() },
	"oidcc-request-uri-signed-rs256": func(r *dynamicParty) { r.fetchesNothing() },
	// The suite asks the operator to rotate, and wants a key that it did not see
	// before and a login that is signed with it.
	"oidcc-server-rotate-keys": func(r *dynamicParty) {
		r.register(nil)
		r.succeed(nil)
		before := r.w.kids(r)
		r.w.rotateKeys(r)
		waitFor(r, within, "a login is signed with a new key", func() bool {
			header, _ := parts(r, r.succeed(nil).String("id_token"))
			kid, _ := header["kid"].(string)
			return slices.Contains(r.w.kids(r), kid) && !slices.Contains(before, kid)
		})
	},
	"oidcc-refresh-token-rp-key-rotation": func(r *dynamicParty) {
		keys := newRotatingKeys(r)
		r.register(map[string]any{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys.URL + "/jwks"})
		id := r.client.String("client_id")
		r.sent = keys.assertion(r, r.w, id)
		tokens := r.succeed(nil)
		keys.rotate(r)
		r.sent = keys.assertion(r, r.w, id)
		next := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}})
		if next.Status != http.StatusOK {
			r.Errorf("with the new key: %d %s", next.Status, next.Body)
		}
	},
	"oidcc-ensure-client-assertion-with-iss-aud-succeeds": func(r *dynamicParty) {
		keys := newRotatingKeys(r)
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{keys.key.Load().Public()}}
		r.register(map[string]any{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks": set})
		r.sent = keys.assertion(r, r.w, r.client.String("client_id"))
		r.succeed(nil)
	},
}

// fetchesNothing names an address to fetch the request from.
func (r *dynamicParty) fetchesNothing() {
	r.Helper()
	called := make(chan struct{}, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }))
	defer elsewhere.Close()
	r.register(nil)
	page := r.authorize(url.Values{"request_uri": {elsewhere.URL + "/request.jwt"}})
	document := r.w.Do(r, "GET", r.w.Auth+"/.well-known/openid-configuration", nil, "").JSON()
	if page.Answer().Get("error") != "request_uri_not_supported" || document["request_uri_parameter_supported"] != false || len(called) > 0 {
		r.Errorf("answered %v, metadata %v, called %d times", page.Answer(), document["request_uri_parameter_supported"], len(called))
	}
}

// The dynamic plan of the OpenID Foundation's conformance suite.
func TestConformanceDynamic(t *testing.T) {
	t.Parallel()
	w := New(t, privateURIs)
	for _, name := range slices.Sorted(maps.Keys(dynamicModules)) {
		t.Run(name, func(t *testing.T) {
			b := w.SignedIn(t, "alice")
			b.Stay = "https://suite.test"
			dynamicModules[name](&dynamicParty{TB: t, w: w, b: b})
		})
	}
}

// What a stranger calls itself is text on every page that says it.
func TestNamesOfStrangersAreText(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	for _, name := range []string{`<script>alert(1)</script>`, `{{.}}<b>`, `"><svg/onload=alert(1)>`, `'-alert(1)-'`} {
		client := w.registeredClient(t, diary(map[string]any{"client_name": name}))
		b := w.SignedIn(t, "alice")
		b.Stay = "https://diary.example"
		request := url.Values{"response_type": {"code"}, "client_id": {client.String("client_id")}, "redirect_uri": {"https://diary.example/cb"}, "scope": {"openid"}}
		pages := map[string]Page{"consent": w.Authorize(b, request)}
		w.Allow(b, request)
		pages["connected apps"] = b.Get(w.Auth + "/account/apps")
		pages["security log"] = b.Get(w.Auth + "/account/security")
		for page, got := range pages {
			if got.Status != http.StatusOK || strings.Contains(got.Body, "<script>alert") || strings.Contains(got.Body, "<svg/onload") || strings.Contains(got.Body, "<b>"+name) {
				t.Errorf("%s with %s: %d", page, name, got.Status)
			}
			if page != "security log" && !strings.Contains(visibleText(got.Body), name) {
				t.Errorf("%s does not say %s", page, name)
			}
		}
	}
}

// A browser application that registers itself may call the token endpoint from its
// origin, and no other endpoint of ours learns of it.
func TestScriptsOfAClientThatRegisteredMayCallTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	allowed := func() string {
		answer := w.Do(t, http.MethodOptions, w.Auth+"/token", http.Header{"Origin": {"https://diary.example"}, "Access-Control-Request-Method": {"POST"}}, "")
		return answer.Header.Get("Access-Control-Allow-Origin")
	}
	if got := allowed(); got != "" {
		t.Errorf("before: %q", got)
	}
	client := w.registeredClient(t, diary(map[string]any{"token_endpoint_auth_method": "none"}))
	if got := allowed(); got != "https://diary.example" {
		t.Errorf("registered: %q", got)
	}
	w.Do(t, http.MethodDelete, client.String("registration_client_uri"), Bearer(client.String("registration_access_token")), "")
	if got := allowed(); got != "" {
		t.Errorf("deleted: %q", got)
	}
}

// A client may go while somebody is about to let it in: whoever is on the way is
// told, and nothing breaks.
func TestAClientGoesWhileRequestsWait(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	client := w.registeredClient(t, diary(map[string]any{"grant_types": []string{"authorization_code", deviceCodeGrant}}))
	id := client.String("client_id")
	credentials := Credentials{id, client.String("client_secret")}.Header()
	request := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {"https://diary.example/cb"}, "scope": {"openid preferences:read"}}
	pushed := w.push(t, credentials, request)
	device := w.Post(t, w.Auth+"/device_authorization", credentials, url.Values{"scope": {"profile"}})
	if pushed.Status != http.StatusCreated || device.Status != http.StatusOK {
		t.Fatalf("pushed %d %s, device %d %s", pushed.Status, pushed.Body, device.Status, device.Body)
	}
	b := w.SignedIn(t, "alice")
	b.Stay = "https://diary.example"
	question := w.Authorize(b, request)
	atDevice := b.Get(device.String("verification_uri_complete"))
	if gone := w.Do(t, http.MethodDelete, client.String("registration_client_uri"), Bearer(client.String("registration_access_token")), ""); gone.Status != http.StatusNoContent {
		t.Fatalf("deleting: %d %s", gone.Status, gone.Body)
	}
	pages := map[string]Page{
		"a pushed request": w.Authorize(b, url.Values{"client_id": {id}, "request_uri": {pushed.String("request_uri")}}),
		"an answer":        b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit(),
		"a device":         b.Get(device.String("verification_uri_complete")),
	}
	for _, form := range b.Forms(atDevice) {
		if form.Fields.Has("user_code") {
			pages["a device's code"] = form.Submit()
		}
	}
	for what, page := range pages {
		if page.Status >= 500 || page.Location != "" || page.Answer().Get("code") != "" {
			t.Errorf("%s: %d %s", what, page.Status, page.Location)
		}
	}
	wantRefusal(t, w.Token(t, credentials, url.Values{"grant_type": {deviceCodeGrant}, "device_code": {device.String("device_code")}}), "401 invalid_client", "a device that polls")
	// Whatever names it is forgotten in time, and the client with it.
	w.Clock.Advance(30 * 24 * time.Hour)
	again := New(t, Options{Only: []string{"authserver"}, DataDir: stopped(w)})
	wantRefusal(t, again.Do(t, http.MethodGet, again.Auth+"/register/"+id, Bearer(client.String("registration_access_token")), ""), "401 invalid_token", "after a restart")
}

// stopped stops the programs and returns their data.
func stopped(w *World) string {
	w.Stop()
	return w.DataDir
}
