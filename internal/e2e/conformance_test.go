package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// The OpenID Foundation's conformance suite does not run here. Its modules are
// public, and each is a test of ours under its name: the basic plan (response
// type code), the implicit plan (id_token, and id_token token), and both again
// with response_mode=form_post. The suite drives login and consent by the names
// of the forms' fields, without script, and so do these.

// suiteParty is the suite's client in one variant of a plan.
type suiteParty struct {
	testing.TB
	w                          *World
	b                          *Browser
	responseType, responseMode string
	secretInForm               bool // client_secret_post
}

// suiteClient is registered as the suite's static client would be.
func suiteClient(id string, authentication, grants, responseTypes []string) string {
	metadata, err := json.Marshal(map[string]any{
		"client_name": "Conformance suite", "kind": "web", "token_endpoint_auth_methods": authentication,
		"grant_types": grants, "response_types": responseTypes, "scope": "openid profile email offline_access",
		"redirect_uris": []string{suiteCallback, suiteCallback + "?dummy1=lorem&dummy2=ipsum"},
	})
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("INSERT INTO clients (client_id, secret_hash, metadata, created_at) SELECT '%s', secret_hash, '%s', 0 FROM clients WHERE client_id = 'dreams-web'", id, metadata)
}

const suiteCallback = "https://suite.test/test/a/acme/callback"

// suiteWorld is authserver with the suite's clients. They have the secret of
// dreams-web.
func suiteWorld(t testing.TB) *World {
	t.Helper()
	grants := []string{"authorization_code", "refresh_token", "implicit"}
	types := []string{"code", "id_token", "id_token token"}
	return New(t, Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {
		suiteClient("suite", []string{"client_secret_basic", "client_secret_post"}, grants, types),
		suiteClient("suite-2", []string{"client_secret_basic", "client_secret_post"}, grants, types),
	}}})
}

func newSuiteParty(t testing.TB, w *World, responseType, responseMode string) *suiteParty {
	t.Helper()
	r := &suiteParty{TB: t, w: w, responseType: responseType, responseMode: responseMode}
	r.forgetCookies()
	return r
}

// forgetCookies is what a tester is asked to do before some modules.
func (r *suiteParty) forgetCookies() {
	r.b = NewBrowser(r.TB)
	r.b.Stay = "https://suite.test"
}

func (r *suiteParty) code() bool { return r.responseType == "code" }

// request is the suite's: no PKCE.
func (r *suiteParty) request(changes url.Values) url.Values {
	request := url.Values{
		"response_type": {r.responseType}, "client_id": {"suite"}, "redirect_uri": {suiteCallback},
		"scope": {"openid"}, "state": {"aX3oNOQhXu"}, "nonce": {"8kR8TplZ6v"},
	}
	if r.responseMode != "" {
		request.Set("response_mode", r.responseMode)
	}
	return With(request, changes)
}

// login is one pass through the browser.
type login struct {
	Answer   url.Values // of the authorization endpoint
	Tokens   Response   // of the token endpoint, for a code
	IDToken  map[string]any
	Access   string
	Password bool // the login page was shown
	Page     Page // where the browser stopped
}

// authorize sends the request, signs in and agrees where the person is asked.
func (r *suiteParty) authorize(changes url.Values) login {
	r.Helper()
	return r.goOn(r.w.Authorize(r.b, r.request(changes)))
}

func (r *suiteParty) goOn(page Page) login {
	r.Helper()
	var l login
	for range 4 {
		switch {
		case page.Location != "" || page.Posted != nil || page.Status != http.StatusOK:
			l.Page, l.Answer = page, page.Answer()
			return l
		case strings.Contains(page.Body, `name="password"`):
			l.Password = true
			page = r.w.LogIn(r.b, page, "alice", "wanderlust")
		default:
			form := r.b.Form(page, "decision")
			var all []string
			for _, box := range form.Boxes {
				if scope, ok := strings.CutPrefix(box, "scope="); ok {
					all = append(all, scope)
				}
			}
			page = form.With(url.Values{"scope": all, "decision": {"allow"}}).Submit()
		}
	}
	r.Fatalf("the browser does not arrive: %s", page.URL)
	return l
}

// succeed is authorize with a good end: the tokens are here and the ID token has
// been verified as OIDC Core §3.1.3.7 and §3.2.2.11 ask.
func (r *suiteParty) succeed(changes url.Values) login {
	r.Helper()
	l := r.authorize(changes)
	return r.redeem(l, r.request(changes))
}

func (r *suiteParty) redeem(l login, request url.Values) login {
	r.Helper()
	if l.Answer.Get("state") != request.Get("state") || l.Answer.Get("iss") != r.w.Auth || l.Answer.Has("error") {
		r.Fatalf("the answer is %v on %d %.300s", l.Answer, l.Page.Status, l.Page.Body)
	}
	compact := l.Answer.Get("id_token")
	if r.code() {
		l.Tokens = r.token(url.Values{
			"grant_type": {"authorization_code"}, "code": {l.Answer.Get("code")}, "redirect_uri": {request.Get("redirect_uri")},
			"client_id": {request.Get("client_id")},
		})
		compact, l.Access = l.Tokens.String("id_token"), l.Tokens.String("access_token")
		if l.Tokens.Status != http.StatusOK || l.Tokens.String("token_type") != "Bearer" || l.Access == "" {
			r.Fatalf("the token endpoint answered %d %s", l.Tokens.Status, l.Tokens.Body)
		}
	} else {
		l.Access = l.Answer.Get("access_token")
	}
	if (l.Access != "") != (r.responseType != "id_token") {
		r.Errorf("response_type=%s has the access token %q", r.responseType, l.Access)
	}
	ctx := oidc.ClientContext(r.Context(), r.w.Client)
	provider, err := oidc.NewProvider(ctx, r.w.Auth)
	if err != nil {
		r.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: request.Get("client_id"), Now: r.w.Clock.Now}).Verify(ctx, compact)
	if err != nil {
		r.Fatal(err)
	}
	if token.Nonce != request.Get("nonce") {
		r.Errorf("nonce %q, sent %q", token.Nonce, request.Get("nonce"))
	}
	if l.Access != "" {
		if err := token.VerifyAccessToken(l.Access); err != nil {
			r.Error(err)
		}
	}
	if err := token.Claims(&l.IDToken); err != nil {
		r.Fatal(err)
	}
	return l
}

// token asks the token endpoint, as the client authenticates.
func (r *suiteParty) token(form url.Values) Response {
	r.Helper()
	id := form.Get("client_id")
	form.Del("client_id")
	if r.secretInForm {
		return r.w.Token(r, nil, With(form, url.Values{"client_id": {id}, "client_secret": {"dreams-web-secret"}}))
	}
	return r.w.Token(r, Credentials{id, "dreams-web-secret"}.Header(), form)
}

// claims are what the client is told: by userinfo, or where there is no access
// token in the ID token.
func (r *suiteParty) claims(l login) map[string]any {
	r.Helper()
	if l.Access == "" {
		return l.IDToken
	}
	userinfo := r.w.Do(r, "GET", r.w.Auth+"/userinfo", Bearer(l.Access), "")
	r.isUserinfo(userinfo, l)
	return userinfo.JSON()
}

// OIDC Core §5.3.2: sub "MUST be verified to exactly match".
func (r *suiteParty) isUserinfo(answer Response, l login) {
	r.Helper()
	if answer.Status != http.StatusOK || answer.String("sub") == "" || answer.JSON()["sub"] != l.IDToken["sub"] ||
		!strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		r.Errorf("userinfo answered %d %s", answer.Status, answer.Body)
	}
}

// refused wants an error, by redirect or by the form of form_post.
func (r *suiteParty) refused(l login, codes ...string) {
	r.Helper()
	if !slices.Contains(codes, l.Answer.Get("error")) || l.Answer.Get("state") != "aX3oNOQhXu" || l.Answer.Has("code") || l.Answer.Has("id_token") {
		r.Errorf("answered %d %v, want %v", l.Page.Status, l.Answer, codes)
	}
}

// stopped wants a page that names the error, and no way off the server.
func (r *suiteParty) stopped(l login) {
	r.Helper()
	if l.Page.Status != http.StatusBadRequest || ErrorOnPage(l.Page.Body) == "" || l.Page.Location != "" || l.Page.Posted != nil {
		r.Errorf("no error page: %d %s", l.Page.Status, l.Page.Location)
	}
}

// codeModules are of the basic plan alone, implicitModules of the implicit one;
// modules are of both.
var codeModules = map[string]func(*suiteParty){
	"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": func(r *suiteParty) {
		if l := r.succeed(url.Values{"nonce": nil}); l.IDToken["nonce"] != nil {
			r.Errorf("a nonce that nobody sent: %v", l.IDToken)
		}
	},
	"oidcc-codereuse":           func(r *suiteParty) { r.reuse(0) },
	"oidcc-codereuse-30seconds": func(r *suiteParty) { r.reuse(30 * time.Second) },
	"oidcc-server-client-secret-post": func(r *suiteParty) {
		r.secretInForm = true
		r.succeed(nil)
	},
	"oidcc-refresh-token": func(r *suiteParty) {
		l := r.succeed(url.Values{"scope": {"openid offline_access"}, "prompt": {"consent"}})
		again := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {l.Tokens.String("refresh_token")}, "client_id": {"suite"}})
		if again.Status != http.StatusOK || again.String("access_token") == l.Access {
			r.Fatalf("refresh: %d %s", again.Status, again.Body)
		}
		_, claims := parts(r, again.String("id_token"))
		for _, same := range []string{"iss", "sub", "aud", "auth_time"} { // OIDC Core §12.2
			if claims[same] != l.IDToken[same] {
				r.Errorf("%s of the refreshed ID token is %v, was %v", same, claims[same], l.IDToken[same])
			}
		}
		other := r.succeed(url.Values{"client_id": {"suite-2"}, "scope": {"openid offline_access"}, "prompt": {"consent"}})
		stolen := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {other.Tokens.String("refresh_token")}, "client_id": {"suite"}})
		if stolen.Refusal() != "400 invalid_grant" {
			r.Errorf("another client's refresh token: %s", stolen.Refusal())
		}
	},
	"oidcc-ensure-request-with-valid-pkce-succeeds": func(r *suiteParty) {
		l := r.authorize(url.Values{"code_challenge": {Challenge(Verifier)}, "code_challenge_method": {"S256"}})
		tokens := r.token(url.Values{
			"grant_type": {"authorization_code"}, "code": {l.Answer.Get("code")}, "redirect_uri": {suiteCallback},
			"code_verifier": {Verifier}, "client_id": {"suite"},
		})
		if tokens.Status != http.StatusOK {
			r.Errorf("%d %s", tokens.Status, tokens.Body)
		}
	},
}

// reuse redeems a code a second time, after a while.
func (r *suiteParty) reuse(after time.Duration) {
	l := r.succeed(nil)
	r.w.Clock.Advance(after)
	again := r.token(url.Values{"grant_type": {"authorization_code"}, "code": {l.Answer.Get("code")}, "redirect_uri": {suiteCallback}, "client_id": {"suite"}})
	if again.Refusal() != "400 invalid_grant" {
		r.Errorf("the second use answered %s", again.Refusal())
	}
	if userinfo := r.w.Do(r, "GET", r.w.Auth+"/userinfo", Bearer(l.Access), ""); userinfo.Status != http.StatusUnauthorized {
		r.Errorf("the access token lives on: %d", userinfo.Status)
	}
}

var implicitModules = map[string]func(*suiteParty){
	"oidcc-ensure-request-without-nonce-fails": func(r *suiteParty) {
		r.refused(r.authorize(url.Values{"nonce": nil}), "invalid_request")
	},
}

var modules = map[string]func(*suiteParty){
	"oidcc-server": func(r *suiteParty) {
		l := r.succeed(nil)
		if l.IDToken["iss"] != r.w.Auth || l.IDToken["aud"] != "suite" || l.IDToken["auth_time"] == nil {
			r.Errorf("ID token %v", l.IDToken)
		}
	},
	"oidcc-response-type-missing": func(r *suiteParty) {
		// Without a response type there is no mode: whatever else was asked for.
		r.refused(r.authorize(url.Values{"response_type": nil}), "invalid_request", "unsupported_response_type")
	},
	"oidcc-idtoken-signature": func(r *suiteParty) {
		l := r.authorize(nil)
		compact := l.Answer.Get("id_token")
		if r.code() {
			compact = r.redeem(l, r.request(nil)).Tokens.String("id_token")
		}
		header, _ := parts(r, compact)
		set := r.w.Do(r, "GET", r.w.Auth+"/jwks", nil, "").Body
		if header["alg"] != "RS256" || header["kid"] == nil || !strings.Contains(set, fmt.Sprintf(`"kid":%q`, header["kid"])) {
			r.Errorf("header %v, keys %s", header, set)
		}
	},
	"oidcc-idtoken-unsigned": func(r *suiteParty) {
		if slices.Contains(r.w.metadata(r).IDTokenAlgorithms, "none") {
			r.Error("ID tokens without a signature are offered")
		}
	},
	"oidcc-userinfo-get": func(r *suiteParty) {
		if l := r.succeed(nil); l.Access != "" {
			r.isUserinfo(r.w.Do(r, "GET", r.w.Auth+"/userinfo", Bearer(l.Access), ""), l)
		}
	},
	"oidcc-userinfo-post-header": func(r *suiteParty) {
		if l := r.succeed(nil); l.Access != "" {
			r.isUserinfo(r.w.Do(r, "POST", r.w.Auth+"/userinfo", Bearer(l.Access), ""), l)
		}
	},
	"oidcc-userinfo-post-body": func(r *suiteParty) {
		if l := r.succeed(nil); l.Access != "" {
			r.isUserinfo(r.w.Post(r, r.w.Auth+"/userinfo", nil, url.Values{"access_token": {l.Access}}), l)
		}
	},
	"oidcc-scope-profile": func(r *suiteParty) {
		claims := r.claims(r.succeed(url.Values{"scope": {"openid profile"}}))
		if claims["name"] != "Alice Moreau" || claims["preferred_username"] != "alice" || claims["picture"] == nil || claims["email"] != nil {
			r.Errorf("claims %v", claims)
		}
	},
	"oidcc-scope-email": func(r *suiteParty) {
		claims := r.claims(r.succeed(url.Values{"scope": {"openid email"}}))
		if claims["email"] != "alice@acme.test" || claims["email_verified"] != true || claims["name"] != nil {
			r.Errorf("claims %v", claims)
		}
	},
	// The suite skips what scopes_supported does not name.
	"oidcc-scope-address": func(r *suiteParty) { r.notOffered("address") },
	"oidcc-scope-phone":   func(r *suiteParty) { r.notOffered("phone") },
	"oidcc-scope-all": func(r *suiteParty) {
		claims := r.claims(r.succeed(url.Values{"scope": {"openid profile email"}}))
		if claims["name"] == nil || claims["email"] == nil {
			r.Errorf("claims %v", claims)
		}
	},
	"oidcc-alternate-happy-flow": func(r *suiteParty) {
		r.succeed(url.Values{"scope": {"email openid"}, "redirect_uri": {suiteCallback + "?dummy1=lorem&dummy2=ipsum"}})
		r.succeed(url.Values{"scope": {"profile email openid"}, "state": nil})
	},
	"oidcc-display-page":  func(r *suiteParty) { r.succeed(url.Values{"display": {"page"}}) },
	"oidcc-display-popup": func(r *suiteParty) { r.succeed(url.Values{"display": {"popup"}}) },
	"oidcc-prompt-login": func(r *suiteParty) {
		first := r.succeed(nil)
		r.w.Clock.Advance(2 * time.Second)
		second := r.succeed(url.Values{"prompt": {"login"}})
		if !second.Password || second.IDToken["auth_time"].(float64) <= first.IDToken["auth_time"].(float64) || second.IDToken["sub"] != first.IDToken["sub"] {
			r.Errorf("asked for the password: %v, %v then %v", second.Password, first.IDToken, second.IDToken)
		}
	},
	"oidcc-prompt-none-not-logged-in": func(r *suiteParty) {
		r.refused(r.authorize(url.Values{"prompt": {"none"}}), "login_required")
	},
	"oidcc-prompt-none-logged-in": func(r *suiteParty) {
		first := r.succeed(nil)
		r.w.Clock.Advance(time.Second)
		second := r.succeed(url.Values{"prompt": {"none"}})
		if second.Password || second.IDToken["auth_time"] != first.IDToken["auth_time"] || second.IDToken["sub"] != first.IDToken["sub"] {
			r.Errorf("%v then %v", first.IDToken, second.IDToken)
		}
	},
	"oidcc-max-age-1": func(r *suiteParty) {
		first := r.succeed(nil)
		r.w.Clock.Advance(2 * time.Second)
		second := r.succeed(url.Values{"max_age": {"1"}})
		if !second.Password || second.IDToken["auth_time"].(float64) <= first.IDToken["auth_time"].(float64) {
			r.Errorf("asked for the password: %v, %v then %v", second.Password, first.IDToken, second.IDToken)
		}
	},
	"oidcc-max-age-10000": func(r *suiteParty) {
		first := r.succeed(nil)
		second := r.succeed(url.Values{"max_age": {"10000"}})
		if second.Password || second.IDToken["auth_time"] != first.IDToken["auth_time"] {
			r.Errorf("asked for the password: %v, %v then %v", second.Password, first.IDToken, second.IDToken)
		}
	},
	"oidcc-ensure-request-with-unknown-parameter-succeeds": func(r *suiteParty) {
		r.succeed(url.Values{"extra": {"foobar"}})
	},
	"oidcc-id-token-hint": func(r *suiteParty) {
		l := r.authorize(nil)
		hint := l.Answer.Get("id_token")
		first := r.redeem(l, r.request(nil))
		if r.code() {
			hint = first.Tokens.String("id_token")
		}
		second := r.succeed(url.Values{"prompt": {"none"}, "id_token_hint": {hint}})
		if second.IDToken["sub"] != first.IDToken["sub"] {
			r.Errorf("%v then %v", first.IDToken, second.IDToken)
		}
	},
	"oidcc-login-hint": func(r *suiteParty) {
		r.forgetCookies()
		login := r.w.Authorize(r.b, r.request(url.Values{"login_hint": {"alice@acme.test"}}))
		if field := r.b.Form(login, "password").Fields.Get("username"); field != "alice@acme.test" {
			r.Errorf("the login page knows %q", field)
		}
		r.redeem(r.goOn(login), r.request(nil))
	},
	"oidcc-ui-locales":     func(r *suiteParty) { r.succeed(url.Values{"ui_locales": {"se"}}) },
	"oidcc-claims-locales": func(r *suiteParty) { r.succeed(url.Values{"claims_locales": {"se"}}) },
	"oidcc-ensure-request-with-acr-values-succeeds": func(r *suiteParty) {
		if l := r.succeed(url.Values{"acr_values": {"1 2 urn:acme:acr:password"}}); l.IDToken["acr"] != "urn:acme:acr:password" {
			r.Errorf("acr %v", l.IDToken["acr"])
		}
	},
	"oidcc-ensure-registered-redirect-uri": func(r *suiteParty) {
		r.stopped(r.authorize(url.Values{"redirect_uri": {suiteCallback + "/LRVGMdEhYX"}}))
	},
	"oidcc-ensure-post-request-succeeds": func(r *suiteParty) {
		page := r.b.follow("POST", r.w.Auth+"/authorize", r.request(nil), http.Header{"Origin": {"https://suite.test"}, "Sec-Fetch-Site": {"cross-site"}})
		r.redeem(r.goOn(page), r.request(nil))
	},
	"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": func(r *suiteParty) {
		r.refused(r.authorize(url.Values{"request_uri": {"https://suite.test/requests/1.jwt#x"}}), "request_uri_not_supported")
	},
	"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": func(r *suiteParty) {
		l := r.authorize(url.Values{"request": {unsigned(r, map[string]any{"state": "other", "response_type": r.responseType, "client_id": "suite"})}})
		if !slices.Contains([]string{"request_not_supported", "invalid_request_object"}, l.Answer.Get("error")) {
			r.Errorf("answered %d %v", l.Page.Status, l.Answer)
		}
	},
	"oidcc-ensure-request-object-with-redirect-uri": func(r *suiteParty) {
		l := r.authorize(url.Values{"request": {unsigned(r, map[string]any{"redirect_uri": suiteCallback + "/Ee9Eiru1", "client_id": "suite"})}})
		if l.Answer.Has("code") || l.Answer.Has("id_token") || strings.Contains(l.Page.Location, "Ee9Eiru1") {
			r.Errorf("answered %d %v", l.Page.Status, l.Answer)
		}
	},
	"oidcc-claims-essential": func(r *suiteParty) {
		place := map[bool]string{true: "id_token", false: "userinfo"}[r.responseType == "id_token"]
		l := r.succeed(url.Values{"claims": {fmt.Sprintf(`{%q:{"name":{"essential":true}}}`, place)}})
		if claims := r.claims(l); claims["name"] != "Alice Moreau" || claims["preferred_username"] != nil {
			r.Errorf("claims %v", claims)
		}
	},
}

// notOffered wants a scope to be refused that the metadata does not name.
func (r *suiteParty) notOffered(scope string) {
	if slices.Contains(r.w.metadata(r).Scopes, scope) {
		r.Fatalf("%s is offered", scope)
	}
	r.refused(r.authorize(url.Values{"scope": {"openid " + scope}}), "invalid_scope")
}

func TestConformanceBasic(t *testing.T) { conform(t, []string{"code"}, "", codeModules) }
func TestConformanceFormPostBasic(t *testing.T) {
	conform(t, []string{"code"}, "form_post", codeModules)
}
func TestConformanceImplicit(t *testing.T) { conform(t, implicitTypes, "", implicitModules) }
func TestConformanceFormPostImplicit(t *testing.T) {
	conform(t, implicitTypes, "form_post", implicitModules)
}

var implicitTypes = []string{"id_token", "id_token token"}

func conform(t *testing.T, responseTypes []string, mode string, special map[string]func(*suiteParty)) {
	for _, responseType := range responseTypes {
		all := maps.Clone(modules)
		maps.Copy(all, special)
		for name, module := range all {
			t.Run(responseType+"/"+name, func(t *testing.T) {
				t.Parallel()
				module(newSuiteParty(t, suiteWorld(t), responseType, mode))
			})
		}
	}
}

// The plan config: oidcc-discovery-endpoint-verification. OIDC Discovery §3, §4.
func TestConformanceConfig(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	answer := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "")
	document := answer.JSON()
	if answer.Status != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") || document["issuer"] != w.Auth {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	for _, required := range []string{
		"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "scopes_supported", "response_types_supported",
		"subject_types_supported", "id_token_signing_alg_values_supported", "claims_supported",
	} {
		if document[required] == nil {
			t.Errorf("%s is missing", required)
		}
	}
	for name, values := range map[string][]string{
		"scopes_supported": {"openid"}, "response_types_supported": {"code", "id_token", "id_token token"},
		"id_token_signing_alg_values_supported": {"RS256"}, "subject_types_supported": {"public"}, "grant_types_supported": {"authorization_code", "implicit"},
	} {
		for _, value := range values {
			if list, _ := document[name].([]any); !slices.Contains(list, any(value)) {
				t.Errorf("%s lacks %s: %v", name, value, document[name])
			}
		}
	}
	for name, value := range document {
		address, _ := value.(string)
		if (strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_uri")) && !strings.HasPrefix(address, w.Auth+"/") {
			t.Errorf("%s is %v", name, value)
		}
	}
}
