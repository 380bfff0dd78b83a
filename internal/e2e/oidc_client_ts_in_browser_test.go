package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// pageWithLibrary is a web page that is a relying party by oidc-client-ts: it knows the
// issuer, and what it registered.
const pageWithLibrary = `<!doctype html><script src="/oidc-client-ts.js"></script><script>
const settings = {
	authority: %q, client_id: %q, scope: "openid profile email offline_access", loadUserInfo: %v,
	redirect_uri: location.origin + "/callback", silent_redirect_uri: location.origin + "/silent", post_logout_redirect_uri: location.origin + "/out",
	userStore: new oidc.WebStorageStateStore({ store: localStorage }),
}
if (%[4]v) settings.dpop = { bind_authorization_code: true, store: new oidc.IndexedDbDPoPStore() }
const manager = new oidc.UserManager(settings)
let said = ""
const tell = (promise) => { said = ""; promise.then((answer) => { said = answer || "done" }, (e) => { said = "failed: " + e }) }
if (location.pathname === "/callback") tell(manager.signinCallback().then((user) => user.token_type + " " + (user.profile.email ?? user.profile.sub)))
if (location.pathname === "/silent") manager.signinSilentCallback()
</script>`

// A page that has no server signs somebody in, renews by refresh token and by an
// iframe with prompt=none, revokes and signs out, by a library in wide use: all of
// it across origins.
func TestAPageWithOIDCClientTS(t *testing.T) {
	nodeJS(t) // where nobody wants anything from npm there is no library
	nodeModules(t, "node")
	script, err := os.ReadFile("node/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b := realBrowser(t)
	w := New(t, Options{Only: []string{"authserver"}})
	for _, dpop := range []bool{false, true} {
		t.Run(fmt.Sprintf("DPoP %v", dpop), func(t *testing.T) {
			var html string
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/oidc-client-ts.js" {
					w.Header().Set("Content-Type", "text/javascript")
					_, _ = w.Write(script)
					return
				}
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte(html))
			}))
			defer site.Close()
			// Of the same site as the issuer: browsers keep cookies from iframes of others.
			origin := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
			client := w.registeredClient(t, map[string]any{
				"client_name": "A page", "redirect_uris": []string{origin + "/callback", origin + "/silent"}, "post_logout_redirect_uris": []string{origin + "/out"},
				"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": dpop,
			}).String("client_id")
			// The library brings a bound token to userinfo by the scheme Bearer, which
			// RFC 9449 §7.2 has refused: it is asked not to.
			html = fmt.Sprintf(pageWithLibrary, w.Auth, client, !dpop, dpop)

			tab := b.Tab(t)
			defer tab.Close()
			said := func(what, expression, want string) {
				t.Helper()
				if expression != "" {
					chrome.Evaluate[bool](tab, "tell("+expression+") ?? true")
				}
				until(t, tab, what, `said !== ""`)
				if got := chrome.Evaluate[string](tab, "said"); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
			tab.Open(origin + "/")
			chrome.Evaluate[bool](tab, "tell(manager.signinRedirect()) ?? true")
			until(t, tab, "the login page", `!!document.querySelector("#username, #allow")`)
			if chrome.Evaluate[bool](tab, `!!document.querySelector("#username")`) {
				tab.Type("#username", "alice")
				tab.Type("#password", "wanderlust")
				tab.Click("#sign-in")
			}
			allowAll(tab)
			until(t, tab, "the way back", `location.pathname === "/callback"`)
			said("signing in", "", map[bool]string{false: "Bearer alice@acme.test", true: "DPoP u_"}[dpop])
			said("refreshing", `manager.signinSilent().then((user) => user.refresh_token)`, "rt_")
			said("an iframe with prompt=none", `manager.getUser().then((user) => { delete user.refresh_token; return manager.storeUser(user) })
				.then(() => manager.signinSilent()).then((user) => user.token_type)`, map[bool]string{false: "Bearer", true: "DPoP"}[dpop])
			said("revoking", `manager.revokeTokens()`, "done")
			chrome.Evaluate[bool](tab, "tell(manager.signoutRedirect()) ?? true")
			until(t, tab, "signing out", `location.pathname === "/out"`)
			chrome.Evaluate[bool](tab, `(sessionStorage.clear(), localStorage.clear(), true)`)
		})
	}
}
