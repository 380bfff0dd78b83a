package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/net/html"
)

// application is what the portal shows once.
type application struct {
	Page
	ID, Secret string
	KeyFile    string // PEM, where it signs
}

func (a application) credentials() http.Header { return Credentials{a.ID, a.Secret}.Header() }

// textByID is the text of an element; empty: there is none.
func textByID(page, id string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return ""
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && attribute(node, "id") == id {
			return text(node)
		}
	}
	return ""
}

// sendApplication fills in the form of the portal and sends it.
func (w *World) sendApplication(b *Browser, fields url.Values) application {
	b.t.Helper()
	form := b.Form(b.Get(w.Auth+"/developer/new"), "once")
	page := form.With(url.Values{"action": {"register"}}).With(fields).Submit()
	return application{Page: page, ID: textByID(page.Body, "client-id"), Secret: textByID(page.Body, "client-secret")}
}

// newApplication is sendApplication, and must get through.
func (w *World) newApplication(b *Browser, kind string, fields url.Values) application {
	b.t.Helper()
	all := url.Values{"kind": {kind}, "name": {"Diary"}}
	if kind == "web" || kind == "browser" {
		all.Set("redirect_uris", "https://diary.example/cb")
	}
	a := w.sendApplication(b, With(all, fields))
	if a.Status != http.StatusCreated || a.ID == "" {
		b.t.Fatalf("registering: %d\n%.3000s", a.Status, a.Body)
	}
	return a
}

// act sends one of the forms of an application's page.
func (w *World) act(b *Browser, clientID, action string, fields url.Values) Page {
	b.t.Helper()
	csrf := b.Form(b.Get(w.Auth+"/developer/new"), "once").Fields.Get("csrf")
	form := Form{browser: b, Action: w.Auth + "/developer/apps/" + clientID, Fields: url.Values{"csrf": {csrf}, "action": {action}}}
	return form.With(fields).Submit()
}

func (w *World) applicationTab(b *Browser, clientID, tab string) Page {
	b.t.Helper()
	return b.Get(w.Auth + "/developer/apps/" + clientID + "?tab=" + tab)
}

// inPortal is authserver with somebody signed in.
func inPortal(t *testing.T, o Options, username string) (*World, *Browser) {
	t.Helper()
	o.Only = authserverAlone.Only
	w := New(t, o)
	return w, w.SignedIn(t, username)
}

func (w *World) clientCredentials(t testing.TB, header http.Header) Response {
	t.Helper()
	return w.Token(t, header, url.Values{"grant_type": {"client_credentials"}})
}

// RFC 6749 §2.1: what each kind may do, and how it authenticates.
func TestFourKindsOfApplication(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	for kind, want := range map[string]string{
		"web":     `["client_secret_basic","client_secret_post"] ["authorization_code","refresh_token"] 1`,
		"browser": `["none"] ["authorization_code","refresh_token"] 1`,
		"native":  `["none"] ["urn:ietf:params:oauth:grant-type:device_code","refresh_token"] `,
		"machine": `["client_secret_basic","client_secret_post"] ["client_credentials"] `,
	} {
		a := w.newApplication(b, kind, nil)
		if (a.Secret != "") != (kind == "web" || kind == "machine") {
			t.Errorf("%s: secret %q", kind, a.Secret)
		}
		got := w.value(t, "authserver", `SELECT metadata ->> 'token_endpoint_auth_methods' || ' ' || (metadata ->> 'grant_types') || ' ' || coalesce(metadata ->> 'require_pkce', '') FROM clients WHERE client_id = '`+a.ID+`'`)
		if got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
		if verified := w.value(t, "authserver", `SELECT coalesce(metadata ->> 'verified', 0) FROM clients WHERE client_id = '`+a.ID+`'`); verified != "0" {
			t.Errorf("%s is verified, and nobody looked at it", kind)
		}
	}
	a := w.newApplication(b, "native", url.Values{"redirect_uris": {"http://127.0.0.1/callback\r\ncom.example.diary:/callback\r\n"}})
	if got := w.value(t, "authserver", `SELECT metadata ->> 'redirect_uris' FROM clients WHERE client_id = '`+a.ID+`'`); got != `["http://127.0.0.1/callback","com.example.diary:/callback"]` {
		t.Errorf("redirect URIs: %s", got)
	}
}

// What is wrong is said beside its field, with status 422, and nothing that was
// typed is lost.
func TestTheFormKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	typed := url.Values{
		"kind": {"web"}, "name": {"emca\u202eAcme"}, "purpose": {"to keep a diary"}, "homepage": {"https://127.0.0.1/"}, "policy_uri": {"javascript:alert(1)"},
		"redirect_uris": {"http://diary.example/cb"}, "scope": {"openid", "blog:read", "email"}, "reason.email": {"to write to you"},
	}
	a := w.sendApplication(b, typed)
	if a.Status != http.StatusUnprocessableEntity {
		t.Fatalf("%d", a.Status)
	}
	form := b.Form(a.Page, "once")
	for name, values := range typed {
		if got := form.Fields[name]; strings.TrimSpace(strings.Join(got, ",")) != strings.Join(values, ",") {
			if name == "scope" && len(got) == 3 {
				continue
			}
			t.Errorf("%s: %q, typed was %q", name, got, values)
		}
	}
	for _, field := range []string{"name", "homepage", "policy_uri", "redirect_uris", "reason-blog-read"} {
		if !strings.Contains(a.Body, `href="#`+field+`"`) || textByID(a.Body, field+"-error") == "" {
			t.Errorf("%s: no error beside it, or none in the summary", field)
		}
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM clients WHERE owner IS NOT NULL"); n != "0" {
		t.Errorf("%s applications were registered", n)
	}
}

// A form that is sent twice registers one application, and the second answer has
// no secret.
func TestTheSameFormRegistersOnce(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	form := b.Form(b.Get(w.Auth+"/developer/new"), "once").With(url.Values{"action": {"register"}, "kind": {"machine"}, "name": {"Diary"}})
	first, second := form.Submit(), form.Submit()
	if first.Status != http.StatusCreated || second.Status != http.StatusOK || textByID(second.Body, "client-secret") != "" {
		t.Errorf("%d, then %d", first.Status, second.Status)
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM clients WHERE owner IS NOT NULL"); n != "1" {
		t.Errorf("%s applications", n)
	}
	for range 25 {
		second = w.sendApplication(b, url.Values{"kind": {"machine"}, "name": {"Diary"}}).Page
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM clients WHERE owner IS NOT NULL"); n != "20" || second.Status != http.StatusUnprocessableEntity {
		t.Errorf("a person has %s applications, %d", n, second.Status)
	}
}

// While a secret is replaced, both hold. RFC 6749 §2.3.1.
func TestTwoSecretsWhileOneReplacesTheOther(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "machine", nil)
	page := w.act(b, a.ID, "make-secret", nil)
	second := application{Page: page, ID: a.ID, Secret: textByID(page.Body, "client-secret")}
	if second.Secret == "" || second.Secret == a.Secret {
		t.Fatalf("%d: second secret %q", page.Status, second.Secret)
	}
	for name, secret := range map[string]application{"old": a, "new": second} {
		if answer := w.clientCredentials(t, secret.credentials()); answer.Status != http.StatusOK {
			t.Errorf("the %s one: %d %s", name, answer.Status, answer.Body)
		}
	}
	if page := w.act(b, a.ID, "make-secret", nil); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a third secret: %d", page.Status)
	}
	page = w.applicationTab(b, a.ID, "credentials")
	for _, s := range []application{a, second} {
		if !strings.Contains(page.Body, "…"+s.Secret[len(s.Secret)-4:]) || strings.Contains(page.Body, s.Secret) {
			t.Error("the page shows more or less than the last four characters")
		}
	}
	if strings.Contains(page.Body, `data-l="Last used">–`) {
		t.Error("the page does not say when the secrets were used")
	}
	ended := b.Form(page, "secret").With(url.Values{"action": {"end-secret"}}).Submit() // the older stands first
	if ended.Status != http.StatusOK {
		t.Fatalf("ending: %d", ended.Status)
	}
	if answer := w.clientCredentials(t, a.credentials()); answer.Refusal() != "401 invalid_client" {
		t.Errorf("the ended one: %s", answer.Refusal())
	}
	if answer := w.clientCredentials(t, second.credentials()); answer.Status != http.StatusOK {
		t.Errorf("the new one after the old one ended: %d", answer.Status)
	}
	if page := w.applicationTab(b, a.ID, "credentials"); !strings.Contains(page.Body, "the only one") {
		t.Error("the last secret can be ended")
	}
	w.Stop()
	if used := w.value(t, "authserver", "SELECT secret_used_at IS NOT NULL FROM clients WHERE client_id = '"+a.ID+"'"); used != "1" {
		t.Error("when the secret was used is not written down")
	}
}

// What a redirect URI is compared with, and where it differs, for each that is
// registered.
func TestTheRedirectURITester(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "native", url.Values{"redirect_uris": {"http://127.0.0.1/callback\nhttps://diary.example/cb"}})
	for sent, want := range map[string]string{
		"https://diary.example/cb":        "character by character",
		"https://diary.example/cb/":       "Differs at character 25 of 25: a trailing slash",
		"http://127.0.0.1:49152/callback": "any port will do",
		"http://localhost/callback":       "host localhost instead of 127.0.0.1",
		"https://diary.example/<script>":  "another path",
	} {
		page := w.applicationTab(b, a.ID, "addresses&try="+url.QueryEscape(sent))
		if page.Status != http.StatusOK || !strings.Contains(page.Body, want) || strings.Contains(page.Body, "/<script>") {
			t.Errorf("%s: %d, no %q on the page", sent, page.Status, want)
		}
	}
	if page := w.act(b, a.ID, "addresses", url.Values{"redirect_uris": {"https://diary.example/new\nhttp://diary.example/cb"}}); page.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Form(page, "redirect_uris").Fields.Get("redirect_uris"), "/new") {
		t.Errorf("an address without TLS: %d", page.Status)
	}
	if page := w.act(b, a.ID, "addresses", url.Values{"redirect_uris": {"https://diary.example/new"}, "post_logout_redirect_uris": {"https://diary.example/bye"}}); page.Status != http.StatusOK {
		t.Errorf("new addresses: %d", page.Status)
	}
	request := url.Values{"client_id": {a.ID}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"https://diary.example/cb"}}
	wantPage(t, w.Authorize(b, request), "invalid_request")
	page := w.applicationTab(b, a.ID, "errors")
	for _, want := range []string{"/authorize", "invalid_request", "/docs/errors/invalid_request"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the errors have no %q", want)
		}
	}
}

// RFC 6749 §10.2: who agreed was told a host, and is asked again when codes can
// go to another one.
func TestNewAddressesOfAnApplicationAreAskedAbout(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "web", nil)
	b.Stay = "https://"
	request := With(w.Request("openid"), url.Values{"client_id": {a.ID}, "redirect_uri": {"https://diary.example/cb"}})
	wantCode(t, w.Allow(b, request))
	silently := With(request, url.Values{"prompt": {"none"}})
	wantCode(t, w.Authorize(b, silently))
	if page := w.act(b, a.ID, "addresses", url.Values{"redirect_uris": {"https://diary.example/cb\nhttps://elsewhere.example/cb"}}); page.Status != http.StatusOK {
		t.Fatalf("new addresses: %d", page.Status)
	}
	if page := w.Authorize(b, With(silently, url.Values{"redirect_uri": {"https://elsewhere.example/cb"}})); page.Refusal() != "303 consent_required" {
		t.Errorf("a code goes elsewhere: %s", page.Refusal())
	}
}

// Lifetimes within the server's, and what an application demands of itself.
func TestSettingsOfAnApplication(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "machine", nil)
	for _, minutes := range []string{"0", "61", "-1", "1.5", "ten", ""} {
		page := w.act(b, a.ID, "settings", url.Values{"access_token_ttl": {minutes}, "refresh_token_ttl": {"30"}})
		if page.Status != http.StatusUnprocessableEntity || textByID(page.Body, "access_token_ttl-error") == "" {
			t.Errorf("%q minutes: %d", minutes, page.Status)
		}
	}
	if page := w.act(b, a.ID, "settings", url.Values{"access_token_ttl": {"5"}, "refresh_token_ttl": {"30"}}); page.Status != http.StatusOK {
		t.Fatalf("five minutes: %d", page.Status)
	}
	answer := w.clientCredentials(t, a.credentials())
	if lives := answer.JSON()["expires_in"]; lives != 300.0 {
		t.Errorf("an access token lives %v seconds, want 300", lives)
	}
	w.act(b, a.ID, "settings", url.Values{"access_token_ttl": {"5"}, "refresh_token_ttl": {"30"}, "setting": {"dpop_bound_access_tokens"}})
	if answer := w.clientCredentials(t, a.credentials()); answer.Refusal() != "400 invalid_dpop_proof" {
		t.Errorf("without a proof: %s", answer.Refusal())
	}

	web := w.newApplication(b, "web", nil)
	request := url.Values{"client_id": {web.ID}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"https://diary.example/cb"}}
	b.Stay = "https://diary.example"
	if page := w.Authorize(b, request); page.Answer().Get("error") != "invalid_request" {
		t.Errorf("PKCE is on by default, and a request without it got %s", page.Refusal())
	}
	w.act(b, web.ID, "settings", url.Values{"access_token_ttl": {"60"}, "refresh_token_ttl": {"365"}})
	if page := w.Authorize(b, request); page.Status != http.StatusOK {
		t.Errorf("PKCE switched off: %s", page.Refusal())
	}
}

// A disabled application gets nothing, an enabled one again; a deleted one is gone,
// and every token of it.
func TestDisabledAndDeleted(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "machine", nil)
	token := w.clientCredentials(t, a.credentials()).String("access_token")
	w.act(b, a.ID, "disable", nil)
	if answer := w.clientCredentials(t, a.credentials()); answer.Refusal() != "401 invalid_client" {
		t.Errorf("disabled: %s", answer.Refusal())
	}
	w.act(b, a.ID, "enable", nil)
	if answer := w.clientCredentials(t, a.credentials()); answer.Status != http.StatusOK {
		t.Errorf("enabled: %s", answer.Refusal())
	}
	if !w.active(t, "acme-api", token) {
		t.Fatal("the token is not active")
	}
	if page := w.act(b, a.ID, "delete", url.Values{"confirm": {"diary"}}); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("deleted by another name: %d", page.Status)
	}
	if page := w.act(b, a.ID, "delete", url.Values{"confirm": {"Diary"}}); page.Status != http.StatusOK || page.URL.Path != "/developer" {
		t.Errorf("deleting: %d at %s", page.Status, page.URL)
	}
	if w.active(t, "acme-api", token) {
		t.Error("a token outlives its application")
	}
	if answer := w.clientCredentials(t, a.credentials()); answer.Refusal() != "401 invalid_client" {
		t.Errorf("deleted: %s", answer.Refusal())
	}
	if page := w.applicationTab(b, a.ID, ""); page.Status != http.StatusNotFound {
		t.Errorf("the page of what is gone: %d", page.Status)
	}
}

// RFC 7523 §2.2: a key in any of the forms in which people have one. The secret
// holds until it is ended, and nobody locks an application out.
func TestAKeyInsteadOfASecret(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "machine", nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	for name, wrong := range map[string]url.Values{
		"a private key":        {"jwks": {asPEM("PRIVATE KEY", private)}},
		"a private JWK":        {"jwks": {`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`}},
		"nothing":              {"jwks": {""}},
		"words":                {"jwks": {"my key"}},
		"a symmetric key":      {"jwks": {`{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`}},
		"at a private address": {"jwks_uri": {"https://127.0.0.1/keys"}},
		"both":                 {"jwks": {asPEM("PUBLIC KEY", public)}, "jwks_uri": {"https://diary.example/keys"}},
	} {
		page := w.act(b, a.ID, "keys", wrong)
		if page.Status != http.StatusUnprocessableEntity || strings.Contains(page.Body, "BEGIN PRIVATE") || strings.Contains(page.Body, "jpsQnnGQ") {
			t.Errorf("%s: %d, or it came back", name, page.Status)
		}
	}
	if page := w.act(b, a.ID, "keys", url.Values{"jwks": {asPEM("PUBLIC KEY", public)}}); page.Status != http.StatusOK {
		t.Fatalf("a public key: %d", page.Status)
	}
	if answer := w.clientCredentials(t, a.credentials()); answer.Status != http.StatusOK {
		t.Errorf("the secret, while both hold: %s", answer.Refusal())
	}
	assertion := func() string {
		signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
			"iss": a.ID, "sub": a.ID, "aud": w.Auth, "exp": w.Clock.Now().Add(time.Minute).Unix(), "jti": rand.Text(),
		}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	byKey := func() Response {
		return w.Token(t, nil, url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {assertion()}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
	}
	if answer := byKey(); answer.Status != http.StatusOK {
		t.Fatalf("by the key: %s", answer.Body)
	}
	ended := b.Form(w.applicationTab(b, a.ID, "credentials"), "secret").With(url.Values{"action": {"end-secret"}}).Submit()
	if answer := w.clientCredentials(t, a.credentials()); ended.Status != http.StatusOK || answer.Refusal() != "401 invalid_client" {
		t.Errorf("the ended secret: %d, %s", ended.Status, answer.Refusal())
	}
	if answer := byKey(); answer.Status != http.StatusOK {
		t.Errorf("by the key alone: %s", answer.Body)
	}
	if page := w.act(b, a.ID, "remove-keys", nil); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("without key and secret: %d", page.Status)
	}
	w.act(b, a.ID, "make-secret", nil)
	w.act(b, a.ID, "remove-keys", nil)
	if answer := byKey(); answer.Refusal() != "401 invalid_client" {
		t.Errorf("by a key that was removed: %s", answer.Refusal())
	}
}

// The operator sees every application. What came with Acme, and what registered
// itself, stays as it is written there.
func TestTheOperatorSeesEveryApplication(t *testing.T) {
	t.Parallel()
	w, root := inPortal(t, Options{}, "root")
	a := w.newApplication(w.SignedIn(t, "carol"), "machine", url.Values{"name": {"Carol's night job"}})
	itself := w.registeredClient(t, diary(nil)).String("client_id")
	list := root.Get(w.Auth + "/developer")
	for _, id := range []string{a.ID, itself, "dreams-web", "acme-api"} {
		if !strings.Contains(list.Body, id) || w.applicationTab(root, id, "").Status != http.StatusOK {
			t.Errorf("%s is not there for the operator", id)
		}
	}
	if carol := w.SignedIn(t, "carol").Get(w.Auth + "/developer"); strings.Contains(carol.Body, "dreams-web") || strings.Contains(carol.Body, itself) {
		t.Error("somebody else sees applications that are not hers")
	}
	before := w.value(t, "authserver", "SELECT group_concat(metadata) FROM clients WHERE owner IS NULL")
	for _, id := range []string{"dreams-web", itself} {
		for _, action := range []string{"permissions", "addresses", "keys", "settings"} {
			if page := w.act(root, id, action, url.Values{"name": {"Other"}}); page.Status != http.StatusForbidden {
				t.Errorf("%s of %s: %d", action, id, page.Status)
			}
		}
	}
	if page := w.act(root, "dreams-web", "delete", url.Values{"confirm": {"Dreams"}}); page.Status != http.StatusForbidden {
		t.Errorf("deleting what came with Acme: %d", page.Status)
	}
	w.act(root, "dreams-web", "make-secret", nil)
	w.act(root, "dreams-web", "disable", nil)
	w.act(root, "dreams-web", "enable", nil)
	if after := w.value(t, "authserver", "SELECT group_concat(metadata) FROM clients WHERE owner IS NULL"); after != before {
		t.Error("what these applications are registered with was changed")
	}
	if page := w.act(root, a.ID, "disable", nil); page.Status != http.StatusOK || !strings.Contains(page.Body, "is disabled") {
		t.Errorf("disabling somebody's application: %d", page.Status)
	}
}

// A form that does not come from our page does nothing, and whoever is not signed
// in sees nothing.
func TestThePortalIsForWhoIsSignedInAtOurPage(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "machine", nil)
	form := Form{browser: b, Action: w.Auth + "/developer/apps/" + a.ID, Fields: url.Values{"action": {"make-secret"}, "csrf": {"guessed"}}}
	if page := form.Submit(); page.Status != http.StatusForbidden {
		t.Errorf("with a guessed token: %d", page.Status)
	}
	form = Form{browser: b, Action: w.Auth + "/developer/new", Fields: url.Values{"action": {"register"}, "kind": {"machine"}, "name": {"Planted"}, "scope": {"packages:read"}, "once": {strings.Repeat("x", 43)}}}
	if page := form.Submit(); page.Status != http.StatusForbidden {
		t.Errorf("registering without a token: %d", page.Status)
	}
	for _, path := range []string{"/developer", "/developer/new", "/developer/apps/" + a.ID} {
		if page := NewBrowser(t).Get(w.Auth + path); page.URL.Path != "/login" {
			t.Errorf("%s for nobody in particular: %s", path, page.URL)
		}
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM clients WHERE owner IS NOT NULL OR next_secret_hash IS NOT NULL"); n != "1" {
		t.Errorf("%s applications", n)
	}
}

// The words of a client are text, wherever they stand.
func TestNamesOfApplicationsAreText(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	for _, name := range []string{"<script>alert(1)</script>", "{{.Name}}", `"><svg/onload=alert(1)>`} {
		a := w.newApplication(b, "web", url.Values{"name": {name}, "purpose": {name}, "scope": {"openid", "email"}, "reason.email": {name}})
		request := With(w.Request("openid email"), url.Values{"client_id": {a.ID}, "redirect_uri": {"https://diary.example/cb"}})
		b.Stay = "https://diary.example"
		consent := w.Authorize(b, request)
		w.allowAll(b, consent)
		w.clientCredentials(t, a.credentials()) // refused: for the errors
		for where, page := range map[string]Page{
			"consent": consent, "connected apps": b.Get(w.Auth + "/account/apps"), "security": b.Get(w.Auth + "/account/security"), "list": b.Get(w.Auth + "/developer"),
			"overview": w.applicationTab(b, a.ID, ""), "permissions": w.applicationTab(b, a.ID, "permissions"), "errors": w.applicationTab(b, a.ID, "errors"), "registered": a.Page,
		} {
			if page.Status >= 400 || strings.Contains(page.Body, name) && name != "{{.Name}}" || !strings.Contains(html.UnescapeString(page.Body), name) {
				t.Errorf("%s on %s: %d, not there as text", name, where, page.Status)
			}
		}
	}
	for _, name := range []string{"a\u202eb", "a\u200bb", "a\x00b", strings.Repeat("x", 101), "\u3164"} {
		if a := w.sendApplication(b, url.Values{"kind": {"machine"}, "name": {name}}); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("the name %q: %d", name, a.Status)
		}
	}
}
