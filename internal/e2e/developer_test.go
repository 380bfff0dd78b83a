package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// application is what the portal shows once.
type application struct {
	Page
	ID, Secret string
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
	return application{page, textByID(page.Body, "client-id"), textByID(page.Body, "client-secret")}
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
	second := application{page, a.ID, textByID(page.Body, "client-secret")}
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
