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

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// A standard client library, which knows the issuer's URL and nothing else,
// gets through all of it.
func TestAStandardClientNeedsTheIssuerAlone(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	ctx := oidc.ClientContext(t.Context(), w.Client)
	provider, err := oidc.NewProvider(ctx, w.issuerOfTheAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: "dreams-web", ClientSecret: "dreams-web-secret", RedirectURL: w.Dreams + "/callback", Endpoint: provider.Endpoint(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess, "preferences:read"},
	}
	verifier := oauth2.GenerateVerifier()
	b := w.SignedIn(t, "alice")
	page := b.Get(config.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(verifier)))
	answer := b.Form(page, "decision").With(url.Values{"scope": config.Scopes, "decision": {"allow"}}).Submit().Answer()
	if answer.Get("state") != "state" || answer.Get("iss") != w.Auth {
		t.Fatalf("the answer is %v", answer)
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil || idToken.Nonce != "nonce" || idToken.Subject != person(t, "alice") {
		t.Errorf("ID token %+v: %v", idToken, err)
	}
	userinfo, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || userinfo.Subject != idToken.Subject || userinfo.Email != "alice@acme.test" || !userinfo.EmailVerified {
		t.Errorf("userinfo %+v: %v", userinfo, err)
	}
	w.callAPI(t, config.Client(ctx, token), "/me/preferences")

	// RFC 6749 §6, by a token source that finds its token expired.
	expired := *token
	expired.Expiry = time.Now().Add(-time.Minute)
	source := config.TokenSource(ctx, &expired)
	next, err := source.Token()
	if err != nil || next.AccessToken == token.AccessToken || next.RefreshToken == token.RefreshToken {
		t.Fatalf("refresh: %v", err)
	}
	w.callAPI(t, oauth2.NewClient(ctx, source), "/me/preferences")

	// RFC 6749 §4.4, by both ways to authenticate.
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
		machine := clientcredentials.Config{
			ClientID: "dreams-catalogue", ClientSecret: "dreams-catalogue-secret", TokenURL: provider.Endpoint().TokenURL, Scopes: []string{"packages:read"}, AuthStyle: style,
		}
		w.callAPI(t, machine.Client(ctx), "/packages")
	}

	// A public client: RFC 7636 instead of a secret.
	public := config
	public.ClientID, public.ClientSecret, public.RedirectURL = "dreams-spa", "", w.Dreams+"/spa/callback"
	public.Scopes = []string{oidc.ScopeOpenID, "profile"}
	page = b.Get(public.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	answer = b.Form(page, "decision").With(url.Values{"decision": {"allow"}}).Submit().Answer()
	if token, err = public.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier)); err != nil {
		t.Fatal(err)
	}
	w.callAPI(t, public.Client(ctx, token), "/me")
}

// issuerOfTheAPI finds the authorization server from a refused request alone:
// RFC 9728 §5.
func (w *World) issuerOfTheAPI(t testing.TB) string {
	t.Helper()
	refused := w.API(t, "GET", "/me", "", "")
	address := parameter(refused.Header.Get("WWW-Authenticate"), "resource_metadata")
	var resource struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Methods  []string `json:"bearer_methods_supported"`
		Scopes   []string `json:"scopes_supported"`
	}
	if err := json.Unmarshal([]byte(w.Do(t, "GET", address, nil, "").Body), &resource); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	if resource.Resource != w.Acme || !slices.Equal(resource.Servers, []string{w.Auth}) || !slices.Equal(resource.Methods, []string{"header"}) {
		t.Fatalf("protected resource metadata: %+v", resource)
	}
	for _, scope := range resource.Scopes {
		if !slices.Contains(w.metadata(t).Scopes, scope) {
			t.Errorf("the API names the scope %s, which the authorization server does not", scope)
		}
	}
	return resource.Servers[0]
}

// callAPI reads something with a client that brings its token.
func (w *World) callAPI(t testing.TB, client *http.Client, path string) {
	t.Helper()
	resp, err := client.Get(w.Acme + "/api/v1" + path)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", path, resp.Status)
	}
}

// metadata is what the discovery document promises.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	ResponseTypes          []string `json:"response_types_supported"`
	ResponseModes          []string `json:"response_modes_supported"`
	GrantTypes             []string `json:"grant_types_supported"`
	Scopes                 []string `json:"scopes_supported"`
	TokenAuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	RevokeAuthMethods      []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectAuthMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	CodeChallengeMethods   []string `json:"code_challenge_methods_supported"`
	IDTokenAlgorithms      []string `json:"id_token_signing_alg_values_supported"`
	Claims                 []string `json:"claims_supported"`
	IssInAuthorizationResp bool     `json:"authorization_response_iss_parameter_supported"`
}

func (w *World) metadata(t testing.TB) metadata {
	t.Helper()
	var m metadata
	if err := json.Unmarshal([]byte(w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").Body), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// RFC 8414 §3, OIDC Discovery §4: one document under two names, for everybody,
// about the issuer that was configured and nobody else.
func TestDiscoveryDocumentsAgree(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	var bodies []string
	for _, name := range []string{"openid-configuration", "oauth-authorization-server"} {
		address := w.Auth + "/.well-known/" + name
		answer := w.Do(t, "GET", address, nil, "")
		if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", name, answer.Status, answer.Header)
		}
		bodies = append(bodies, answer.Body)
		// The issuer is configured, and never taken from a request.
		req, err := http.NewRequest("GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "evil.test"
		for name, value := range map[string]string{"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.test;proto=https"} {
			req.Header.Set(name, value)
		}
		resp, err := w.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var m metadata
		err = json.NewDecoder(resp.Body).Decode(&m)
		_ = resp.Body.Close()
		if err != nil || m.Issuer != w.Auth {
			t.Errorf("%s by another Host: issuer %q, %v", name, m.Issuer, err)
		}
	}
	if bodies[0] != bodies[1] {
		t.Errorf("they differ:\n%s\n%s", bodies[0], bodies[1])
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(bodies[0]), &all); err != nil {
		t.Fatal(err)
	}
	if all["issuer"] != w.Auth {
		t.Errorf("issuer %v", all["issuer"])
	}
	for name, value := range all {
		if strings.HasSuffix(name, "_endpoint") || name == "jwks_uri" || name == "service_documentation" {
			address, _ := value.(string)
			if answer := w.Do(t, "GET", address, nil, ""); !strings.HasPrefix(address, w.Auth+"/") || answer.Status == http.StatusNotFound || answer.Status >= 500 {
				t.Errorf("%s is %v: %d", name, value, answer.Status)
			}
		}
	}
}

// grantTypes is how to use each grant type, and what to call those that are
// not offered. RFC 6749 and its extensions know them.
var grantTypes = map[string]func(testing.TB, *World) Response{
	"authorization_code": func(t testing.TB, w *World) Response {
		return w.Token(t, Basic("dreams-web"), w.Redemption(w.alicesCode(t, nil)))
	},
	"refresh_token": func(t testing.TB, w *World) Response {
		return w.refresh(t, "dreams-web", w.offline(t).String("refresh_token"))
	},
	"client_credentials": func(t testing.TB, w *World) Response {
		return w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}})
	},
	"password": func(t testing.TB, w *World) Response {
		return w.Token(t, nil, password("acme-mobile", "profile"))
	},
	"implicit": func(t testing.TB, w *World) Response {
		answer := w.Allow(w.SignedIn(t, "alice"), With(w.Request("profile"), widget(w))).Answer()
		return Response{Status: http.StatusOK, Body: `{"access_token":"` + answer.Get("access_token") + `"}`}
	},
	deviceCodeGrant: func(t testing.TB, w *World) Response {
		return w.Token(t, nil, poll(w.ApprovedDevice(t, "alice", "profile")))
	},
	exchangeGrant: func(t testing.TB, w *World) Response {
		tokens := w.Tokens(t, "alice", "openid profile preferences:read")
		return w.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token")))
	},
	bearerGrant: func(t testing.TB, w *World) Response {
		w.Tokens(t, "alice", "openid profile preferences:read")
		return w.Token(t, nil, asserts(signed(w.bearerClaims()), "preferences:read"))
	},
	"urn:ietf:params:oauth:grant-type:saml2-bearer": nil,
	"urn:openid:params:grant-type:ciba":             nil,
}

// widget makes an authorization request one of dreams-widget's.
func widget(w *World) url.Values {
	return url.Values{"client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"}, "response_type": {"token"}}
}

// RFC 8414 §2: every grant type that is advertised works, every other one is
// unsupported.
func TestGrantTypesAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	advertised := w.metadata(t).GrantTypes
	for _, grantType := range advertised {
		use := grantTypes[grantType]
		if use == nil {
			t.Errorf("%s is advertised, and nothing here uses it", grantType)
			continue
		}
		if answer := use(t, w); answer.Status != http.StatusOK || answer.String("access_token") == "" {
			t.Errorf("%s: %d %s", grantType, answer.Status, answer.Body)
		}
	}
	for grantType := range grantTypes {
		if slices.Contains(advertised, grantType) {
			continue
		}
		for _, client := range []string{"dreams-web", "dreams-catalogue"} {
			form := url.Values{"grant_type": {grantType}, "username": {"alice"}, "password": {"wanderlust"}, "scope": {"profile"}, "assertion": {"x"}}
			wantRefusal(t, w.Token(t, Basic(client), form), "400 unsupported_grant_type", grantType)
		}
	}
}

// RFC 8414 §2: the ways in which clients authenticate, at the three endpoints
// where they do.
func TestAuthenticationMethodsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	m := w.metadata(t)
	b := w.SignedIn(t, "alice")
	spa := url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}}
	w.Allow(b, With(w.Request("openid profile"), spa))
	// What a client sends by each method; the endpoints get their own parameters too.
	secret := url.Values{"client_id": {"dreams-catalogue"}, "client_secret": {"dreams-catalogue-secret"}}
	assertion := url.Values{
		"client_id": {"dreams-batch"}, "client_assertion_type": {assertionType}, "client_assertion": {"e30.e30.e30"},
	}
	methods := map[string]struct {
		header http.Header
		form   url.Values
	}{
		"client_secret_basic":         {Basic("dreams-catalogue"), nil},
		"client_secret_post":          {nil, secret},
		"none":                        {nil, url.Values{"client_id": {"dreams-spa"}}},
		"private_key_jwt":             {nil, assertion},
		"client_secret_jwt":           {nil, With(assertion, url.Values{"client_id": {"dreams-catalogue"}})},
		"tls_client_auth":             {nil, url.Values{"client_id": {"dreams-catalogue"}}},
		"self_signed_tls_client_auth": {nil, url.Values{"client_id": {"dreams-web"}}},
	}
	for _, endpoint := range []struct {
		path       string
		advertised []string
	}{{"/token", m.TokenAuthMethods}, {"/revoke", m.RevokeAuthMethods}, {"/introspect", m.IntrospectAuthMethods}} {
		for name, method := range methods {
			if name == "private_key_jwt" { // an assertion is used once
				method.form = clientAuthentication(w)
			}
			form := With(method.form, url.Values{"token": {"garbage"}})
			if endpoint.path == "/token" {
				form = With(method.form, url.Values{"grant_type": {"client_credentials"}})
				if name == "none" {
					form = With(w.Redemption(w.Authorize(b, With(w.Request("openid profile"), spa))), spa)
				}
			}
			answer := w.Post(t, w.Auth+endpoint.path, method.header, form)
			if slices.Contains(endpoint.advertised, name) {
				if answer.Status != http.StatusOK {
					t.Errorf("%s by %s is advertised: %d %s", endpoint.path, name, answer.Status, answer.Body)
				}
			} else {
				wantRefusal(t, answer, "401 invalid_client", endpoint.path+" by "+name)
			}
		}
		for _, name := range endpoint.advertised {
			if _, ok := methods[name]; !ok {
				t.Errorf("%s: %s is advertised, and nothing here uses it", endpoint.path, name)
			}
		}
	}
}

// Whoever looks for client_secret_jwt finds in the metadata why it is not there.
func TestTheMetadataSaysWhyAMethodIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	document := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").JSON()
	refused, _ := document["token_endpoint_auth_methods_refused"].(map[string]any)
	if reason, _ := refused["client_secret_jwt"].(string); !strings.Contains(reason, "private_key_jwt") {
		t.Errorf("refused are %v", refused)
	}
	for method := range refused {
		if slices.Contains(w.metadata(t).TokenAuthMethods, method) {
			t.Errorf("%s is both supported and refused", method)
		}
	}
}

// RFC 8414 §2: what an authorization request may ask for.
func TestAuthorizationRequestsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	w := New(t, implicitPage)
	m := w.metadata(t)
	b := w.SignedIn(t, "alice")
	w.Allow(b, w.Request("openid profile"))
	w.Allow(b, With(w.Request("openid profile"), url.Values{"client_id": {"page"}, "redirect_uri": {w.Dreams + "/page/callback"}, "response_type": {"token"}}))
	try := func(changes url.Values) Page { return w.Authorize(b, With(w.Request("openid profile"), changes)) }
	for _, tt := range []struct {
		parameter  string
		advertised []string
		others     []string
	}{
		{"response_type", m.ResponseTypes, []string{"token", "id_token", "code token", "code id_token", "code id_token token", "none", "CODE"}},
		{"response_mode", m.ResponseModes, []string{"query.jwt", "jwt", "web_message"}},
		{"code_challenge_method", m.CodeChallengeMethods, []string{"plain", "s256", "S512"}},
	} {
		for _, value := range tt.advertised {
			changes := url.Values{tt.parameter: {value}}
			if strings.Contains(value, "token") {
				changes = url.Values{"client_id": {"page"}, "redirect_uri": {w.Dreams + "/page/callback"}, "response_type": {value}}
			}
			page := try(changes)
			got := []string{}
			for _, name := range []string{"code", "id_token", "access_token"} {
				if page.Answer().Has(name) {
					got = append(got, strings.TrimPrefix(name, "access_"))
				}
			}
			if want := changes.Get("response_type"); (want != "" && strings.Join(got, " ") != want) || (page.Answer().Get("iss") == w.Auth) != m.IssInAuthorizationResp {
				t.Errorf("%s=%s is advertised: %d %s", tt.parameter, value, page.Status, page.Location)
			}
		}
		for _, value := range tt.others {
			if slices.Contains(tt.advertised, value) {
				continue
			}
			if page := try(url.Values{tt.parameter: {value}}); page.Answer().Get("error") == "" || page.Answer().Get("code") != "" {
				t.Errorf("%s=%s is not advertised: %d %s", tt.parameter, value, page.Status, page.Location)
			}
		}
	}
	// acme-web is registered for every scope there is.
	acme := url.Values{"client_id": {"acme-web"}, "redirect_uri": {w.Acme + "/callback"}}
	b.Stay = w.Acme
	for _, scope := range m.Scopes {
		page := w.Authorize(b, With(w.Request(scope), acme))
		form := With(With(w.Redemption(page), acme), url.Values{"client_id": nil})
		if tokens := w.Token(t, Basic("acme-web"), form); tokens.String("scope") != scope {
			t.Errorf("the scope %s is advertised: %d %s, %d %s", scope, page.Status, page.Location, tokens.Status, tokens.Body)
		}
	}
	for _, scope := range []string{"address", "phone", "packages:write", "profile:read", "admin", "*"} {
		if page := w.Authorize(b, With(w.Request("openid "+scope), acme)); page.Refusal() != "303 invalid_scope" {
			t.Errorf("the scope %s is not advertised: %s", scope, page.Refusal())
		}
	}
}

// OIDC Discovery §3: the claims that are promised come, in the ID token or
// from userinfo, and the ID token is signed as promised.
func TestClaimsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	m := w.metadata(t)
	tokens := w.Tokens(t, "alice", "openid profile email")
	header, claims := parts(t, tokens.String("id_token"))
	if !slices.Contains(m.IDTokenAlgorithms, fmt.Sprint(header["alg"])) {
		t.Errorf("signed with %v, advertised are %v", header["alg"], m.IDTokenAlgorithms)
	}
	userinfo := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(tokens.String("access_token")), "").JSON()
	for _, claim := range m.Claims {
		if claims[claim] == nil && userinfo[claim] == nil {
			t.Errorf("%s is advertised and never comes", claim)
		}
	}
	for _, from := range []map[string]any{claims, userinfo} {
		for claim := range from {
			if !slices.Contains(m.Claims, claim) {
				t.Errorf("%s comes and is not advertised", claim)
			}
		}
	}
}
