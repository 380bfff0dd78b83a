package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/acme-dreams/authserver/oauth"
)

// RFC 8707 §2.2: a token for one resource says so, is good there alone, and tells
// it no more of the scope than it needs to know.
func TestATokenForOneResource(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	const scope = "openid profile preferences:read offline_access"
	tokens := w.Tokens(t, "alice", scope)
	if got := audience(t, tokens); !slices.Equal(got, []string{w.Acme, w.Auth}) {
		t.Errorf("without resource: aud %v", got)
	}
	for name, c := range map[string]struct {
		resource   []string
		aud        []string
		scope      string
		api, about int // status of Acme's API, and of userinfo
	}{
		"Acme":                           {[]string{w.Acme}, []string{w.Acme}, "profile preferences:read", 200, 403},
		"Acme, as many libraries say it": {[]string{w.Acme + "/"}, []string{w.Acme}, "profile preferences:read", 200, 403},
		"the issuer":                     {[]string{w.Auth}, []string{w.Auth}, "openid profile", 401, 200},
		"both":                           {[]string{w.Acme, w.Auth}, []string{w.Acme, w.Auth}, "openid profile preferences:read", 200, 200},
	} {
		narrow := w.Token(t, Basic("dreams-web"), url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}, "resource": c.resource,
		})
		if narrow.Status != 200 {
			t.Fatalf("%s: %d %s", name, narrow.Status, narrow.Body)
		}
		tokens = narrow // bound to the full original grant: the next one narrows otherwise
		access := narrow.String("access_token")
		if got := audience(t, narrow); !slices.Equal(got, c.aud) {
			t.Errorf("%s: aud %v, want %v", name, got, c.aud)
		}
		if got := narrow.String("scope"); got != c.scope || accessClaims(t, narrow)["scope"] != c.scope {
			t.Errorf("%s: scope %q, want %q", name, got, c.scope)
		}
		if got := w.API(t, http.MethodGet, "/me/preferences", access, "").Status; got != c.api {
			t.Errorf("%s: Acme answers %d, want %d", name, got, c.api)
		}
		if got := w.Do(t, http.MethodGet, w.Auth+"/userinfo", Bearer(access), "").Status; got != c.about {
			t.Errorf("%s: userinfo answers %d, want %d", name, got, c.about)
		}
		if active := w.introspect(t, "acme-api", access).JSON()["active"]; active != (c.api == 200) {
			t.Errorf("%s: introspection tells Acme %v", name, active)
		}
		if narrow.String("id_token") == "" {
			t.Errorf("%s: no ID token, and openid was granted", name)
		}
	}
}

// RFC 8707 §2.1, §2.2: what the authorization request named bounds all its tokens.
func TestResourcesOfTheAuthorizationRequestBoundItsTokens(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	allow := func() Page {
		return w.Allow(w.SignedIn(t, "alice"), With(w.Request("openid profile preferences:read offline_access"), url.Values{"resource": {w.Acme}}),
			"preferences:read", "offline_access")
	}
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(allow()))
	if got := audience(t, tokens); !slices.Equal(got, []string{w.Acme}) || tokens.String("id_token") == "" {
		t.Errorf("aud %v of %s", got, tokens.Body)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}}
	if got := w.Token(t, Basic("dreams-web"), With(refresh, url.Values{"resource": {w.Auth}})).Refusal(); got != "400 invalid_target" {
		t.Errorf("the issuer by refresh: %s", got)
	}
	if again := w.Token(t, Basic("dreams-web"), refresh); !slices.Equal(audience(t, again), []string{w.Acme}) {
		t.Errorf("refreshed after that refusal: %s", again.Body)
	}
	// What of the scope is asked for decides which of the resources it is for.
	both := w.Token(t, Basic("dreams-web"), w.Redemption(w.Allow(w.SignedIn(t, "alice"),
		With(w.Request("openid profile preferences:read offline_access"), url.Values{"resource": {w.Acme, w.Auth}, "prompt": {"consent"}}), "preferences:read", "offline_access")))
	less := w.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {both.String("refresh_token")}, "scope": {"preferences:read"}})
	if got := audience(t, less); !slices.Equal(got, []string{w.Acme}) || less.String("scope") != "preferences:read" {
		t.Errorf("without openid: aud %v of %s", got, less.Body)
	}
	nothing := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {less.String("refresh_token")}, "scope": {"preferences:read"}, "resource": {w.Auth}}
	if got := w.Token(t, Basic("dreams-web"), nothing).Refusal(); got != "400 invalid_target" {
		t.Errorf("preferences at userinfo: %s", got)
	}
	answer := allow()
	if got := w.Token(t, Basic("dreams-web"), With(w.Redemption(answer), url.Values{"resource": {w.Acme, w.Auth}})).Refusal(); got != "400 invalid_target" {
		t.Errorf("more by the code: %s", got)
	}
	if got := w.Token(t, Basic("dreams-web"), w.Redemption(answer)).Refusal(); got != "400 invalid_grant" {
		t.Errorf("a redemption that was refused did not spend the code: %s", got)
	}
}

// RFC 8707 §2: "The requested resource is invalid, missing, unknown, or malformed."
func TestInvalidTargets(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	for _, resource := range []string{"https://api.evil.test", "/api", "acme", w.Acme + "#f", w.Acme + "/api/v1", w.Acme + "//", strings.ToUpper(w.Acme), "javascript:alert(1)", "%zz"} {
		page := w.Authorize(b, With(w.Request("openid profile"), url.Values{"resource": {w.Acme, resource}}))
		if page.Refusal() != "303 invalid_target" {
			t.Errorf("%q at /authorize: %s", resource, page.Refusal())
		}
		for _, c := range []struct {
			client string
			form   url.Values
		}{
			{"dreams-catalogue", url.Values{"grant_type": {"client_credentials"}}},
			{"", password("acme-mobile", "openid profile")},
			{"", url.Values{"client_id": {"dreams-tv"}, "scope": {"profile"}}},
		} {
			address, header := w.Auth+"/token", http.Header(nil)
			if c.client != "" {
				header = Basic(c.client)
			} else if c.form.Get("grant_type") == "" {
				address = w.Auth + "/device_authorization"
			}
			if got := w.Post(t, address, header, With(c.form, url.Values{"resource": {resource}})).Refusal(); got != "400 invalid_target" {
				t.Errorf("%q at %s %v: %s", resource, address, c.form, got)
			}
		}
	}
	// An invalid combination of resource and scope.
	for scope, resource := range map[string]string{"profile": w.Auth, "openid offline_access": w.Acme} {
		if got := w.Authorize(b, With(w.Request(scope), url.Values{"resource": {resource}})).Refusal(); got != "303 invalid_target" {
			t.Errorf("%s for %s: %s", scope, resource, got)
		}
	}
	if got := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}, "resource": {w.Acme}}); !slices.Equal(audience(t, got), []string{w.Acme}) {
		t.Errorf("client credentials for Acme: %s", got.Body)
	}
	if got := w.Token(t, nil, With(password("acme-mobile", "openid profile"), url.Values{"resource": {w.Auth}})); !slices.Equal(audience(t, got), []string{w.Auth}) {
		t.Errorf("the password grant for userinfo: %s", got.Body)
	}
}

// RFC 8707 §2.2: "for all grant types". A target that is refused spends nothing that
// another request could use.
func TestResourceInABearerAssertionsRequest(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver"}})
	w.Tokens(t, "alice", "openid profile preferences:read")
	request := asserts(signed(w.bearerClaims()), "preferences:read")
	for _, resource := range []string{w.Auth, "https://api.evil.test", "/api"} {
		if got := w.Token(t, nil, With(request, url.Values{"resource": {resource}})).Refusal(); got != "400 invalid_target" {
			t.Errorf("%s: %s", resource, got)
		}
	}
	if got := w.Token(t, nil, With(request, url.Values{"authorization_details": {aboutBeaches}})).Refusal(); got != "400 invalid_authorization_details" {
		t.Errorf("authorization_details: %s", got)
	}
	if got := w.Token(t, nil, With(request, url.Values{"resource": {w.Acme}})); !slices.Equal(audience(t, got), []string{w.Acme}) {
		t.Errorf("for Acme, with the same assertion: %s", got.Body)
	}
}

// What the discovery document says of types and resources is what works.
func TestTargetsInDiscovery(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	document := w.Do(t, http.MethodGet, w.Auth+"/.well-known/oauth-authorization-server", nil, "").JSON()
	resource := w.Do(t, http.MethodGet, w.Acme+"/.well-known/oauth-protected-resource", nil, "").JSON()
	types, _ := document["authorization_details_types_supported"].([]any)
	atAcme, _ := resource["authorization_details_types_supported"].([]any)
	if len(types) != len(oauth.DetailTypes) || len(atAcme) != len(types) || types[0] != oauth.TravelPreferences || atAcme[0] != types[0] {
		t.Errorf("types: %v, at Acme %v", types, atAcme)
	}
	if named, _ := document["protected_resources"].([]any); len(named) != 1 || named[0] != resource["resource"] {
		t.Errorf("RFC 9728 §4: protected_resources %v, the resource is %v", named, resource["resource"])
	}
}

// RFC 8693 §2.2.2: who leaves the target out of a token exchange does not get
// another one than the subject token has.
func TestAnExchangedTokenIsForNoOtherResource(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	answer := w.Allow(w.SignedIn(t, "alice"), With(w.Request("openid profile email"), url.Values{"resource": {w.Auth}}), "email")
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))
	if got := audience(t, tokens); !slices.Equal(got, []string{w.Auth}) {
		t.Fatalf("aud %v: %s", got, tokens.Body)
	}
	for name, changes := range map[string]url.Values{"no target": {}, "Acme": {"resource": {w.Acme}}, "Acme as audience": {"audience": {w.Acme}}} {
		exchanged := w.Token(t, Basic("dreams-web"), With(exchanged(tokens.String("access_token")), With(url.Values{"scope": {"profile"}}, changes)))
		if got := exchanged.Refusal(); got != "400 invalid_target" {
			t.Errorf("%s: %s, aud %v", name, got, audience(t, exchanged))
		}
	}
}
