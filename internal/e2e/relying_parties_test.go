package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// partyInUse is what a program that many run sends, where it sends other things
// than the libraries that the tests use. Each knows the issuer's URL, and what it
// was registered with.
type partyInUse struct {
	Name     string
	Redirect string         // its redirect URI
	Register map[string]any // beside redirect_uris
	Header   http.Header    // of all its own requests
	Scope    string
	Request  url.Values // beside client_id, redirect_uri, response_type and scope
	Push     bool       // RFC 9126 where the metadata names an endpoint
	PKCE     bool
	Token    url.Values // beside what RFC 6749 §4.1.3 wants
	Userinfo string     // what it appends to the endpoint
	Origin   string     // of the page that it runs in
}

var post = map[string]any{"token_endpoint_auth_method": "client_secret_post"}

// A state with all that VSCHAR has: RFC 6749 Appendix A.5.
var visible = func() string {
	var b strings.Builder
	for c := byte(0x20); c < 0x7F; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

var partiesInUse = []partyInUse{
	{
		Name: "oauth2-proxy", Redirect: "https://app.example/oauth2/callback", Scope: "openid email profile",
		// The address that its visitor wanted is part of the state.
		Request: url.Values{"approval_prompt": {"force"}, "state": {"N1:https://app.example/a?b=c&d=%20"}, "nonce": {"N1"}},
	},
	{
		Name: "mod_auth_openidc", Redirect: "https://app.example/redirect_uri", Scope: "openid profile email", PKCE: true,
		Request: url.Values{"response_mode": {"form_post"}, "state": {"S1"}, "nonce": {"N1"}},
	},
	{
		Name: "lua-resty-openidc in nginx", Redirect: "https://app.example/redirect_uri", Scope: "openid email profile",
		Request: url.Values{"state": {"S1"}, "nonce": {"N1"}}, Token: url.Values{"session_state": {"x"}},
	},
	{
		Name: "Traefik forward auth", Redirect: "https://app.example/_oauth", Register: post, Scope: "openid profile email",
		Request: url.Values{"state": {"9f86d081884c7d659a2feaa0c55ad015:oidc:https://app.example/?q=1"}},
	},
	{
		Name: "Envoy", Redirect: "https://app.example/callback", Register: post, Scope: "email openid profile", PKCE: true,
		Request: url.Values{
			"state":    {base64.RawURLEncoding.EncodeToString([]byte(`{"url":"https://app.example/","csrf_token":"a.b"}`))},
			"resource": {"{ACME_URL}", "{AUTHSERVER_URL}"},
		},
	},
	{
		Name: "Spring Security", Redirect: "https://app.example/login/oauth2/code/acme", Scope: "openid profile email",
		Header:  http.Header{"Accept": {"application/json;charset=UTF-8"}, "Content-Type": {"application/x-www-form-urlencoded;charset=UTF-8"}},
		Request: url.Values{"state": {"c3RhdGU="}, "nonce": {"N1"}},
	},
	{
		Name: "java.net.HttpURLConnection", Redirect: "https://app.example/cb", Scope: "profile openid email",
		Header: http.Header{"Accept": {"text/html, image/gif, image/jpeg, */*; q=0.2"}, "User-Agent": {"Java/21"}},
	},
	{
		Name: "ASP.NET Core", Redirect: "https://app.example/signin-oidc", Register: post, Scope: "openid profile email", Push: true, PKCE: true,
		Request: url.Values{
			"response_mode": {"form_post"}, "nonce": {"638000000000000000.Zm9v"}, "state": {"CfDJ8" + strings.Repeat("x_-Y", 300)},
			"x-client-SKU": {"ID_NET9_0"}, "x-client-ver": {"8.0.1.0"},
		},
	},
	{
		Name: "Keycloak as a broker", Redirect: "https://sso.example/realms/a/broker/acme/endpoint", Register: post, Scope: "openid profile email",
		Header:  http.Header{"Accept": {"application/json"}},
		Request: url.Values{"state": {"a.b.c"}, "nonce": {"N1"}, "login_hint": {"alice@acme.test"}, "ui_locales": {"de"}, "display": {"page"}, "kc_idp_hint": {"x"}, "acr_values": {"1"}},
	},
	{
		Name: "Grafana", Redirect: "https://grafana.example/login/generic_oauth", Scope: "openid email profile", PKCE: true,
		Request: url.Values{"access_type": {"online"}, "state": {"c3RhdGU="}},
	},
	{
		Name: "Argo CD", Redirect: "https://cd.example/auth/callback", Scope: "openid profile email", PKCE: true,
		Request: url.Values{"state": {"S1"}, "claims": {`{"id_token":{"groups":{"essential":true}}}`}},
	},
	{
		Name: "OpenID-Connect-PHP", Redirect: "https://php.example/", Scope: "openid profile email", Userinfo: "?schema=openid",
		Request: url.Values{"state": {"S1"}, "nonce": {"N1"}},
	},
	{
		Name: "requests-oauthlib", Redirect: "https://py.example/cb", Scope: "openid email profile",
		Request: url.Values{"state": {"S1"}}, Token: url.Values{"client_id": {"{client_id}"}, "scope": {"openid email profile"}, "state": {"S1"}},
	},
	{
		Name: "AppAuth in an application", Redirect: "com.example.app:/oauth2redirect", Scope: "openid profile email", PKCE: true,
		Register: map[string]any{"token_endpoint_auth_method": "none", "application_type": "native"},
		Request:  url.Values{"state": {"S1"}, "nonce": {"N1"}, "response_mode": {"query"}},
	},
	{
		Name: "oidc-client-ts in a page", Redirect: "https://spa.example/cb.html", Scope: "openid profile email", PKCE: true, Origin: "https://spa.example",
		Register: map[string]any{"token_endpoint_auth_method": "none"},
		Header:   http.Header{"Accept": {"application/json"}},
		Request:  url.Values{"state": {"8d1e;/after"}, "response_mode": {"fragment"}},
	},
	{
		Name: "one that leaves parameters empty", Redirect: "https://app.example/?tenant=1&x=%2F", Scope: "  profile openid  email openid ",
		Request: url.Values{
			"state": {visible}, "nonce": {""}, "prompt": {""}, "max_age": {""}, "response_mode": {""}, "claims": {""}, "code_challenge": {""},
			"code_challenge_method": {""}, "id_token_hint": {""}, "request": {""}, "request_uri": {""}, "acr_values": {""}, "resource": {""},
			"registration": {""}, "authorization_details": {""}, "dpop_jkt": {""}, "login_hint": {""}, "display": {""}, "audience": {"https://app.example"},
		},
		Token: url.Values{"code_verifier": {""}, "client_secret": {""}, "client_assertion": {""}, "client_assertion_type": {""}, "resource": {""}},
	},
}

// What clients and proxies in wide use send gets them signed in: to the browser
// an answer, from the token endpoint an ID token for them, from userinfo who it is.
func TestRelyingPartiesInWideUse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	for _, rp := range partiesInUse {
		t.Run(rp.Name, func(t *testing.T) { rp.signIn(t, w) })
	}
}

func (rp partyInUse) signIn(t *testing.T, w *World) {
	metadata := map[string]any{"client_name": rp.Name, "redirect_uris": []string{rp.Redirect}}
	for name, value := range rp.Register {
		metadata[name] = value
	}
	client := w.registeredClient(t, metadata)
	id, secret := client.String("client_id"), client.String("client_secret")
	expand := strings.NewReplacer("{ACME_URL}", w.Acme, "{AUTHSERVER_URL}", w.Auth, "{client_id}", id)

	// 1. Discovery.
	found := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", rp.header(nil), "")
	rp.readable(t, found)
	if found.String("issuer") != w.Auth {
		t.Fatalf("discovery: %d %v %s", found.Status, found.Header, found.Body)
	}
	rp.readable(t, w.Do(t, "GET", found.String("jwks_uri"), rp.header(nil), ""))

	// 2. The browser.
	request := With(rp.Request, url.Values{"client_id": {id}, "redirect_uri": {rp.Redirect}, "response_type": {"code"}, "scope": {rp.Scope}})
	for name, values := range request {
		for i := range values {
			request[name][i] = expand.Replace(values[i])
		}
	}
	credentials := url.Values{"client_id": {id}}
	if metadata["token_endpoint_auth_method"] == "client_secret_post" {
		credentials.Set("client_secret", secret)
	}
	if rp.PKCE {
		request["code_challenge"], request["code_challenge_method"] = []string{Challenge(Verifier)}, []string{"S256"}
	}
	asked := request
	if rp.Push {
		pushed := w.Post(t, found.String("pushed_authorization_request_endpoint"), rp.header(nil), With(request, credentials))
		if pushed.Status != http.StatusCreated {
			t.Fatalf("pushed: %d %s", pushed.Status, pushed.Body)
		}
		asked = url.Values{"client_id": {id}, "request_uri": {pushed.String("request_uri")}}
	}
	b := w.SignedIn(t, "alice")
	b.Stay = rp.Redirect
	page := w.Authorize(b, asked)
	answer := b.Form(page, "decision").With(url.Values{"scope": {"email"}, "decision": {"allow"}}).Submit().Answer()
	if answer.Get("code") == "" || answer.Get("iss") != w.Auth || answer.Get("state") != rp.Request.Get("state") {
		t.Fatalf("the answer is %v", answer)
	}

	// 3. The token endpoint.
	form := url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {rp.Redirect}}
	header := http.Header{}
	switch metadata["token_endpoint_auth_method"] {
	case nil: // client_secret_basic: RFC 7591 §2
		header = Credentials{id, secret}.Header()
	default:
		form = With(form, credentials)
	}
	if rp.PKCE {
		form.Set("code_verifier", Verifier)
	}
	for name, values := range rp.Token {
		form.Set(name, expand.Replace(values[0]))
	}
	tokens := rp.post(t, w, found.String("token_endpoint"), header, form)
	rp.readable(t, tokens)
	if tokens.Status != http.StatusOK || tokens.String("token_type") != "Bearer" || tokens.JSON()["expires_in"] == nil {
		t.Fatalf("tokens: %d %s", tokens.Status, tokens.Body)
	}
	_, claims := parts(t, tokens.String("id_token"))
	if claims["aud"] != id || claims["iss"] != w.Auth || (claims["nonce"] != nil) != (rp.Request.Get("nonce") != "") {
		t.Errorf("ID token: %v", claims)
	}

	// 4. Who it is.
	who := w.Do(t, "GET", found.String("userinfo_endpoint")+rp.Userinfo, rp.header(Bearer(tokens.String("access_token"))), "")
	rp.readable(t, who)
	if me := who.JSON(); me["sub"] != claims["sub"] || me["email"] != "alice@acme.test" || me["email_verified"] != true || me["preferred_username"] != "alice" || me["name"] != "Alice Moreau" {
		t.Errorf("userinfo: %d %s", who.Status, who.Body)
	}

	// 5. What goes wrong is told so that a program understands it.
	again := rp.post(t, w, found.String("token_endpoint"), header, form)
	rp.readable(t, again)
	wantRefusal(t, again, "400 invalid_grant", "the code again")
	if refused := w.Do(t, "GET", found.String("userinfo_endpoint"), rp.header(Bearer(tokens.String("access_token"))), ""); refused.Refusal() != "401 invalid_token" {
		t.Errorf("userinfo with a token that was revoked: %d %s", refused.Status, refused.Body)
	}
}

// post sends a form with the party's own headers.
func (rp partyInUse) post(t *testing.T, w *World, address string, header http.Header, form url.Values) Response {
	all := rp.header(header)
	if all.Get("Content-Type") == "" {
		all.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return w.Do(t, "POST", address, all, form.Encode())
}

func (rp partyInUse) header(more http.Header) http.Header {
	all := rp.Header.Clone()
	if all == nil {
		all = http.Header{}
	}
	for name, values := range more {
		all[name] = values
	}
	if rp.Origin != "" {
		all.Set("Origin", rp.Origin)
	}
	return all
}

// readable tells whether the party may read the answer: JSON, and where it runs
// in a page, for its origin.
func (rp partyInUse) readable(t *testing.T, r Response) {
	t.Helper()
	if media := r.Header.Get("Content-Type"); media != "application/json" || !json.Valid([]byte(r.Body)) {
		t.Errorf("%d %q: %s", r.Status, media, r.Body)
	}
	if allowed := r.Header.Get("Access-Control-Allow-Origin"); rp.Origin != "" && allowed != "*" && allowed != rp.Origin {
		t.Errorf("a page of %s may not read the answer: %v", rp.Origin, r.Header)
	}
}

// A script of any page may read what everybody may read, also one that sends
// headers of its own along: the browser then asks first.
func TestDocumentsAnswerAPreflight(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	for _, address := range []string{
		w.Auth + "/.well-known/openid-configuration", w.Auth + "/.well-known/oauth-authorization-server", w.Auth + "/jwks",
		w.Acme + "/.well-known/oauth-protected-resource",
	} {
		question := http.Header{"Origin": {"https://spa.example"}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"content-type"}}
		r := w.Do(t, "OPTIONS", address, question, "")
		if r.Status != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Access-Control-Allow-Headers") == "" {
			t.Errorf("%s: %d %v", address, r.Status, r.Header)
		}
		for method, accept := range map[string]string{"GET": "text/html", "HEAD": "application/jwk-set+json, */*;q=0.1"} {
			if r := w.Do(t, method, address, http.Header{"Accept": {accept}}, ""); r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: %d %v", method, address, r.Status, r.Header)
			}
		}
	}
}

// RFC 6750 §2.2: a token is read from a form, and no other body.
func TestUserinfoByPOSTReadsFormsAlone(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	token := w.Tokens(t, "alice", "openid profile").String("access_token")
	for media, body := range map[string]string{
		"": "", "application/json": `{"access_token":"x"}`, "text/plain": "access_token=x", "application/x-www-form-urlencoded;charset=UTF-8": "schema=openid",
	} {
		header := Bearer(token)
		if media != "" {
			header.Set("Content-Type", media)
		}
		if r := w.Do(t, "POST", w.Auth+"/userinfo", header, body); r.Status != http.StatusOK {
			t.Errorf("%q: %d %s", media, r.Status, r.Body)
		}
	}
	r := w.Do(t, "POST", w.Auth+"/userinfo", http.Header{"Content-Type": {"application/json"}}, `{"access_token":"`+token+`"}`)
	if r.Status != http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") == "" || r.Body != "" {
		t.Errorf("a token in JSON: %d %v %s", r.Status, r.Header, r.Body)
	}
}
