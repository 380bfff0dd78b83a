package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// RFC 6749 §4.1.2, RFC 9207 §2, RFC 9700 §4.12.
func TestAuthorizationResponseIsACodeStateAndIssAndNothingElse(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	for name, request := range map[string]url.Values{
		"a good request": w.Request("openid profile"),
		"RFC 6749 §3.1: unknown parameters are ignored": With(w.Request("openid profile"), url.Values{"foo": {"bar"}, "extra": {"1"}}),
	} {
		t.Run(name, func(t *testing.T) {
			page := w.Authorize(b, With(request, url.Values{"prompt": {"consent"}}))
			wantQuestion(t, page)
			wantPageHeaders(t, page.Response)
			answer := b.Form(page, "decision").With(url.Values{"decision": {"allow"}}).Submit()
			if answer.Status != http.StatusSeeOther {
				t.Errorf("status %d, want 303", answer.Status)
			}
			if !strings.HasPrefix(answer.Location, w.Dreams+"/callback?") {
				t.Errorf("sent to %q", answer.Location)
			}
			values := answer.Answer()
			code := values.Get("code")
			if !regexp.MustCompile(`^(ac_)?[A-Za-z0-9_-]{22,}$`).MatchString(code) {
				t.Errorf("the code %q has less than 128 bits in base64url", code)
			}
			want := url.Values{"code": {code}, "state": {"S1"}, "iss": {w.Auth}}
			if values.Encode() != want.Encode() {
				t.Errorf("answered %v, want %v", values, want)
			}
			w.wantUnlogged(t, code)
		})
	}
	metadata := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").JSON()
	if metadata["issuer"] != w.Auth || metadata["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("metadata: issuer %v, iss parameter %v", metadata["issuer"], metadata["authorization_response_iss_parameter_supported"])
	}
}

// RFC 6749 §4.1.2.1: until client and redirect URI are known good there is a
// page, and nobody is sent anywhere. RFC 9700 §2.1: compared as strings.
func TestAnswersWithoutAGoodAddressArePages(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	b.Stay = "" // whoever redirects is found out
	callback := w.Dreams + "/callback"
	host := strings.TrimPrefix(w.Dreams, "http://")
	tests := []struct {
		rule   string
		change url.Values
	}{
		{"an unknown client", url.Values{"client_id": {"nope"}}},
		{"no client", url.Values{"client_id": nil}},
		{"an empty client", url.Values{"client_id": {""}}},
		{"a client that is SQL", url.Values{"client_id": {"' OR 1=1--"}}},
		{"client_id twice, good first", url.Values{"client_id": {"dreams-web", "nope"}}},
		{"client_id twice, good last", url.Values{"client_id": {"nope", "dreams-web"}}},
		{"client_id twice, the same", url.Values{"client_id": {"dreams-web", "dreams-web"}}},
		{"redirect_uri twice, good first", url.Values{"redirect_uri": {callback, "https://evil.test/cb"}}},
		{"redirect_uri twice, good last", url.Values{"redirect_uri": {"https://evil.test/cb", callback}}},
		{"no redirect_uri, though one is registered", url.Values{"redirect_uri": nil}},
		{"an empty redirect_uri", url.Values{"redirect_uri": {""}}},
	}
	for _, wrong := range []string{
		callback + "/", callback + "?", callback + "?a=b", callback + "#", callback + "#frag", callback + "%00", callback + " ", " " + callback, callback + "\n",
		w.Dreams + "/CALLBACK", w.Dreams + "/callbac", w.Dreams + "/%63allback", w.Dreams + "//callback", w.Dreams + "/./callback", w.Dreams, w.Dreams + "/",
		callback + "/../evil", w.Dreams + "/x/..;/callback", w.Dreams + "/callback/../callback",
		"HTTP://" + host + "/callback", "http://LOCALHOST" + strings.TrimPrefix(host, "localhost") + "/callback", "https://" + host + "/callback",
		"http://127.0.0.1" + strings.TrimPrefix(host, "localhost") + "/callback", "http://localhost:1/callback", "http://localhost/callback", "http://localhost./callback",
		"http://" + host + "@evil.test/callback", "http://localhost:pw@evil.test/callback", "http://" + host + `\@evil.test/callback`, "http://" + host + ".evil.test/callback",
		"//" + host + "/callback", "/callback", "callback", "https://evil.test/callback", "javascript:alert(1)", "data:text/html,hello",
		w.Dreams + "/spa/callback", w.Acme + "/callback", "{DREAMS_URL}/callback", strings.Repeat("a", 5000),
	} {
		tests = append(tests, struct {
			rule   string
			change url.Values
		}{"redirect_uri " + wrong[:min(len(wrong), 60)], url.Values{"redirect_uri": {wrong}}})
	}
	before := w.minted(t)
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			wantPage(t, w.Authorize(b, With(w.Request("openid profile"), test.change)), "invalid_request")
		})
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	w.wantLogged(t, "request refused", "invalid_request", len(tests))
	w.wantUnlogged(t, "S1", "N1", Challenge(Verifier))
	if page := w.Authorize(b, With(w.Request("openid"), url.Values{"client_id": {"nope"}})); !strings.Contains(page.Body, "unknown client") {
		t.Error("the page does not say that the client is unknown")
	}
	page := w.Authorize(b, With(w.Request("openid"), url.Values{"redirect_uri": {callback + "x"}}))
	if !strings.Contains(page.Body, "/callback") || !strings.Contains(page.Body, host) {
		t.Error("the page does not show which address was registered")
	}
	b.Stay = w.Dreams
	wantCode(t, w.Allow(b, w.Request("openid profile")))
}

// refusedByRedirect are faults of a request whose client and redirect URI are
// good: they go back to the client.
func refusedByRedirect(w *World) map[string]struct {
	change       url.Values
	code, says   string
	fragment     bool
	withoutState bool
} {
	type refusal = struct {
		change       url.Values
		code, says   string
		fragment     bool
		withoutState bool
	}
	spa := func(more url.Values) url.Values {
		more["client_id"], more["redirect_uri"], more["scope"] = []string{"dreams-spa"}, []string{w.Dreams + "/spa/callback"}, []string{"profile"}
		return more
	}
	return map[string]refusal{
		"RFC 6749 §4.1.2.1: no response_type":                  {change: url.Values{"response_type": nil}, code: "invalid_request", says: "response_type"},
		"RFC 6749 §3.1: an empty response_type is none":        {change: url.Values{"response_type": {""}}, code: "invalid_request", says: "response_type"},
		"RFC 6749 §4.1.2.1: an unknown response_type":          {change: url.Values{"response_type": {"foo"}}, code: "unsupported_response_type", says: "foo"},
		"RFC 6749 §4.1.2.1: response_type in capitals":         {change: url.Values{"response_type": {"CODE"}}, code: "unsupported_response_type", says: "CODE"},
		"RFC 6749 §4.2.2.1: token, for who may not":            {change: url.Values{"response_type": {"token"}}, code: "unauthorized_client", says: "token", fragment: true},
		"Multiple Response Types §3: token in a query":         {change: url.Values{"response_type": {"token"}, "response_mode": {"query"}}, code: "unauthorized_client", fragment: true},
		"OIDC Core §3.2.2.1: id_token":                         {change: url.Values{"response_type": {"id_token"}}, code: "unauthorized_client", fragment: true},
		"Multiple Response Types §3: an unknown response_mode": {change: url.Values{"response_mode": {"query.jwt"}}, code: "invalid_request", says: "response_mode"},
		"RFC 6749 §3.3: no scope":                              {change: url.Values{"scope": nil}, code: "invalid_scope", says: "preferences:read"},
		"RFC 6749 §3.3: an empty scope":                        {change: url.Values{"scope": {" "}}, code: "invalid_scope", says: "preferences:read"},
		"RFC 6749 §3.3: an unknown scope":                      {change: url.Values{"scope": {"openid bogus.scope"}}, code: "invalid_scope", says: "bogus.scope"},
		"RFC 6749 §3.3: scopes are case-sensitive":             {change: url.Values{"scope": {"OpenID"}}, code: "invalid_scope", says: "OpenID"},
		"RFC 6749 §3.3: a scope that the client may not have":  {change: url.Values{"scope": {"openid blog:write"}}, code: "invalid_scope", says: "blog:write"},
		"RFC 6749 §3.1: scope twice":                           {change: url.Values{"scope": {"openid", "openid blog:read"}}, code: "invalid_request", says: "scope"},
		"RFC 6749 §3.1: an unknown parameter twice":            {change: url.Values{"foo": {"1", "2"}}, code: "invalid_request", says: "foo"},
		"RFC 6749 Appendix A.5: a state of 2,049 characters":   {change: url.Values{"state": {strings.Repeat("s", 2049)}}, code: "invalid_request", says: "state", withoutState: true},
		"RFC 6749 Appendix A.5: a state with a line break":     {change: url.Values{"state": {"a\r\nLocation: https://evil.test"}}, code: "invalid_request", says: "state", withoutState: true},
		"RFC 6749 Appendix A.5: a state with other letters":    {change: url.Values{"state": {"é"}}, code: "invalid_request", says: "state", withoutState: true},
		"RFC 6749 Appendix A.5: a state with DEL":              {change: url.Values{"state": {"a\x7f"}}, code: "invalid_request", says: "state", withoutState: true},
		"RFC 9700 §2.1.1: plain":                               {change: url.Values{"code_challenge_method": {"plain"}}, code: "invalid_request", says: "S256"},
		"RFC 7636 §4.3: a challenge without a method is plain": {change: url.Values{"code_challenge_method": nil}, code: "invalid_request", says: "S256"},
		"RFC 7636 §4.3: a method without a challenge":          {change: url.Values{"code_challenge": nil}, code: "invalid_request", says: "code_challenge"},
		"RFC 7636 §4.2: a challenge of 42 characters":          {change: url.Values{"code_challenge": {strings.Repeat("A", 42)}}, code: "invalid_request", says: "code_challenge"},
		"RFC 7636 §4.2: a challenge of 44 characters":          {change: url.Values{"code_challenge": {strings.Repeat("A", 44)}}, code: "invalid_request", says: "code_challenge"},
		"RFC 7636 §4.2: a challenge of 129 characters":         {change: url.Values{"code_challenge": {strings.Repeat("A", 129)}}, code: "invalid_request", says: "code_challenge"},
		"RFC 7636 §4.2: a challenge with padding":              {change: url.Values{"code_challenge": {strings.Repeat("A", 42) + "="}}, code: "invalid_request", says: "code_challenge"},
		"RFC 7636 §4.2: a challenge in plain base64":           {change: url.Values{"code_challenge": {strings.Repeat("A", 42) + "+"}}, code: "invalid_request", says: "code_challenge"},
		"RFC 7636 §4.4.1: a public client without a challenge": {change: spa(url.Values{"code_challenge": nil, "code_challenge_method": nil}), code: "invalid_request", says: "PKCE"},
		"RFC 7636 §4.4.1: a public client with an empty one":   {change: spa(url.Values{"code_challenge": {""}, "code_challenge_method": nil}), code: "invalid_request", says: "PKCE"},
		"RFC 9700 §2.1.1: a public client with plain":          {change: spa(url.Values{"code_challenge_method": {"plain"}}), code: "invalid_request", says: "S256"},
		"Multiple Response Types §5: code id_token":            {change: url.Values{"response_type": {"code id_token"}}, code: "unsupported_response_type", fragment: true},
		"OIDC Core §5.5: claims that are no object":            {change: url.Values{"claims": {`[{"userinfo":{}}]`}}, code: "invalid_request", says: "claims"},
		"OIDC Core §5.5: claims that are no JSON":              {change: url.Values{"claims": {"name"}}, code: "invalid_request", says: "claims"},
		"OIDC Core §5.5.1.1: an acr that nobody can give":      {change: url.Values{"claims": {`{"id_token":{"acr":{"essential":true,"values":["urn:mace:silver"]}}}`}}, code: "unmet_authentication_requirements", says: "acr"},
		"OIDC Core §3.1.2.2: a hint that we did not issue":     {change: url.Values{"id_token_hint": {"eyJhbGciOiJub25lIn0.e30."}}, code: "invalid_request", says: "id_token_hint"},
		"RFC 9101 §6.2: an unsigned request object":            {change: url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}, code: "invalid_request_object"},
		"RFC 9101 §7: a foreign request_uri":                   {change: url.Values{"request_uri": {w.Dreams + "/request.jwt"}}, code: "request_uri_not_supported"},
		"OIDC Core §3.1.2.1: prompt=none with another":         {change: url.Values{"prompt": {"none login"}}, code: "invalid_request", says: "prompt"},
		"OIDC Core §3.1.2.1: max_age below zero":               {change: url.Values{"max_age": {"-1"}}, code: "invalid_request", says: "max_age"},
		"OIDC Core §3.1.2.1: max_age that is no number":        {change: url.Values{"max_age": {"1h"}}, code: "invalid_request", says: "max_age"},
	}
}

func TestFaultsOfARequestGoBackToTheClient(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	w.Allow(b, w.Request("openid profile")) // so that nobody would be asked
	before, refusals := w.minted(t), refusedByRedirect(w)
	for rule, test := range refusals {
		t.Run(rule, func(t *testing.T) {
			request := With(w.Request("openid profile"), test.change)
			state := "S1"
			if test.withoutState {
				state = ""
			}
			page := w.Authorize(b, request)
			wantRedirect(t, w, page, request.Get("redirect_uri"), test.code, state)
			if !strings.Contains(page.Answer().Get("error_description"), test.says) {
				t.Errorf("error_description %q does not name %q", page.Answer().Get("error_description"), test.says)
			}
			if strings.Contains(page.Location, "#") != test.fragment {
				t.Errorf("sent to %s, fragment: %v", page.Location, test.fragment)
			}
		})
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	w.wantLogged(t, "request refused", "/authorize: ", len(refusals))
	w.wantUnlogged(t, "S1", "N1", Challenge(Verifier))
	wantCode(t, w.Authorize(b, w.Request("openid profile")))
}

// RFC 9700 §4.11.2: who registers a client must not get an open redirector.
func TestNothingGoesBackBeforeSomebodySignedIn(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	for rule, test := range refusedByRedirect(w) {
		if strings.Contains(test.change.Get("prompt"), "none") {
			continue // must not show a page
		}
		t.Run(rule, func(t *testing.T) {
			b := NewBrowser(t)
			b.Stay = w.Dreams
			wantLogin(t, w.Authorize(b, With(w.Request("openid profile"), test.change)))
		})
	}
	b := NewBrowser(t)
	b.Stay = w.Dreams
	login := w.Authorize(b, With(w.Request("bogus"), nil))
	wantRedirect(t, w, w.LogIn(b, login, "alice", "wanderlust"), w.Dreams+"/callback", "invalid_scope", "S1")
}

// RFC 6749 §10.14, Appendix A.5.
func TestStateOf2048CharactersComesBackAsItWas(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	var visible strings.Builder
	for i := range 2048 {
		visible.WriteByte(byte(0x20 + i%95))
	}
	page := w.Allow(b, With(w.Request("openid"), url.Values{"state": {visible.String()}}))
	wantCode(t, page)
	if page.Answer().Get("state") != visible.String() {
		t.Error("state has changed on its way")
	}
}

// OIDC Core §3.1.2.1: "Authorization Servers MUST support the use of the HTTP
// GET and POST methods".
func TestAuthorizationRequestByPost(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	foreign := http.Header{"Origin": {w.Dreams}, "Sec-Fetch-Site": {"cross-site"}}
	post := func(change url.Values, header http.Header) Page {
		return b.follow(http.MethodPost, w.Auth+"/authorize", With(w.Request("openid profile"), change), header)
	}
	page := post(nil, foreign)
	wantQuestion(t, page)
	wantCode(t, b.Form(page, "decision").With(url.Values{"decision": {"allow"}}).Submit())
	wantCode(t, post(nil, foreign))
	wantRedirect(t, w, post(url.Values{"scope": {"bogus"}}, foreign), w.Dreams+"/callback", "invalid_scope", "S1")
	wantPage(t, post(url.Values{"redirect_uri": {"https://evil.test"}}, foreign), "invalid_request")
	wantPage(t, post(nil, http.Header{"Content-Type": {"application/json"}}), "invalid_request")
	// What stands in the address counts for nothing then.
	query := b.follow(http.MethodPost, w.Auth+"/authorize?"+w.Request("openid").Encode(), url.Values{}, nil)
	wantPage(t, query, "invalid_request")
}

// OIDC Core §3.1.2.1 and §3.1.2.6.
func TestPromptNoneShowsNoPage(t *testing.T) {
	t.Parallel()
	w, alice := alone(t, Options{})
	none := func(scope string, more url.Values) url.Values {
		return With(With(w.Request(scope), url.Values{"prompt": {"none"}}), more)
	}
	nobody := NewBrowser(t)
	nobody.Stay = w.Dreams
	callback := w.Dreams + "/callback"
	wantRedirect(t, w, w.Authorize(nobody, none("openid", nil)), callback, "login_required", "S1")
	wantRedirect(t, w, w.Authorize(nobody, none("bogus", nil)), callback, "invalid_scope", "S1")
	wantPage(t, w.Authorize(nobody, none("openid", url.Values{"redirect_uri": {callback + "/"}})), "invalid_request")
	wantRedirect(t, w, w.Authorize(alice, none("openid", nil)), callback, "consent_required", "S1")
	wantCode(t, w.Allow(alice, w.Request("openid profile email"), "email"))
	wantCode(t, w.Authorize(alice, none("openid profile email", nil)))
	wantCode(t, w.Authorize(alice, none("openid", nil)))
	wantRedirect(t, w, w.Authorize(alice, none("openid profile email blog:read", nil)), callback, "consent_required", "S1")
	w.Clock.Advance(time.Minute)
	wantRedirect(t, w, w.Authorize(alice, none("openid", url.Values{"max_age": {"30"}})), callback, "login_required", "S1")
	wantCode(t, w.Authorize(alice, none("openid", url.Values{"max_age": {"300"}})))
}

// OIDC Core §3.1.2.1: "login", and an Authentication Age that is too old.
func TestPromptLoginAndMaxAgeAskForThePasswordAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]url.Values{
		"prompt=login":  {"prompt": {"login"}},
		"max_age=0":     {"max_age": {"0"}},
		"max_age is up": {"max_age": {"59"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := alone(t, Options{})
			wantCode(t, w.Allow(b, w.Request("openid profile")))
			w.Clock.Advance(time.Minute)
			request := With(w.Request("openid profile"), change)
			login := w.Authorize(b, request)
			wantLogin(t, login)
			// Typing the next address leads back.
			interaction := login.URL.Query().Get("interaction")
			wantLogin(t, b.Get(w.Auth+"/authorize/resume?interaction="+interaction))
			wantLogin(t, b.Get(w.Auth+"/consent?interaction="+interaction))
			wantCode(t, w.LogIn(b, login, "alice", "wanderlust"))
			wantLogin(t, w.Authorize(b, With(request, url.Values{"max_age": {"0"}, "prompt": {"login"}})))
		})
	}
}

// RFC 8252 §7.3: "The authorization server MUST allow any port to be specified
// at the time of the request for loopback IP redirect URIs".
func TestLoopbackRedirectURIsOfNativeAppsMayHaveAnyPort(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	native := func(uri string) url.Values {
		return With(w.Request("profile"), url.Values{"client_id": {"dreams-cli"}, "redirect_uri": {uri}})
	}
	for _, good := range []string{
		"http://127.0.0.1:51004/callback", "http://[::1]:9/callback", "http://127.0.0.1/callback", "http://127.0.0.1:65535/callback",
	} {
		b.Stay = strings.TrimSuffix(good, "/callback")
		page := w.Allow(b, native(good))
		wantCode(t, page)
		if !strings.HasPrefix(page.Location, good+"?") {
			t.Errorf("sent to %s, want %s", page.Location, good)
		}
	}
	b.Stay = ""
	// CSP3 §2.3.1 cannot name an IPv6 address; Chromium would stay on the page.
	b.Stay = "http://[::1]:9"
	question := w.Authorize(b, native("http://[::1]:9/callback")) // dreams-cli is always asked
	if policy := question.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' http:;") {
		t.Errorf("a browser will not follow the answer: %s", policy)
	}
	b.Stay = ""
	for _, wrong := range []string{
		"http://[::2]:9/callback", "http://127.0.0.2:9/callback", "http://localhost:9/callback", "https://127.0.0.1:9/callback", "http://0.0.0.0:9/callback",
		"http://127.0.0.1:9/callback/", "http://127.0.0.1:9/callback?a=b", "http://127.0.0.1:9/other/callback", "http://127.0.0.1:9/callback#f",
		"http://127.0.0.1:/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:-1/callback", "http://127.0.0.1:0x50/callback", "http://127.0.0.1:+80/callback",
		"http://127.0.0.1:80@evil.test/callback", "http://127.0.0.1:80@evil.test:80/callback", "http://127.0.0.1:9:9/callback", "http://127.0.0.1:9\\@evil.test/callback",
		"http://127.0.0.1.evil.test:9/callback", "http://[::1]@evil.test:9/callback", "http://[::ffff:127.0.0.1]:9/callback", "http://127.1:9/callback",
	} {
		t.Run(wrong, func(t *testing.T) { wantPage(t, w.Authorize(b, native(wrong)), "invalid_request") })
	}
}

// nativeApp is a client with a private-use URI scheme. RFC 8252 §7.1.
const nativeApp = `INSERT INTO clients (client_id, metadata, created_at) VALUES ('native-app', '{
	"client_name": "Dreams in your pocket", "kind": "native", "token_endpoint_auth_methods": ["none"], "grant_types": ["authorization_code"],
	"scope": "profile", "redirect_uris": ["com.dreams.app:/cb"]}', 0)`

func TestPrivateUseSchemesAreComparedAsStrings(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{SQL: map[string][]string{"authserver": {nativeApp}}})
	native := func(uri string) url.Values {
		return With(w.Request("profile"), url.Values{"client_id": {"native-app"}, "redirect_uri": {uri}})
	}
	b.Stay = "com.dreams.app:"
	question := w.Authorize(b, native("com.dreams.app:/cb"))
	wantQuestion(t, question)
	if policy := question.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' com.dreams.app:;") {
		t.Errorf("a browser will not follow the answer: %s", policy)
	}
	page := b.Form(question, "decision").With(url.Values{"decision": {"allow"}}).Submit()
	wantCode(t, page)
	if !strings.HasPrefix(page.Location, "com.dreams.app:/cb?") {
		t.Errorf("sent to %s", page.Location)
	}
	for _, wrong := range []string{"com.dreams.app://cb", "com.dreams.app:/cb/", "com.dreams.app:cb", "COM.dreams.app:/cb", "com.dreams.app2:/cb", "com.dreams.app:/cb?x"} {
		t.Run(wrong, func(t *testing.T) { wantPage(t, w.Authorize(b, native(wrong)), "invalid_request") })
	}
}

// RFC 7636 §4.6: the code alone is worth nothing.
func TestCodeNeedsItsVerifier(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	wantCode(t, w.Allow(b, w.Request("openid profile")))
	for rule, test := range map[string]struct {
		verifier []string
		refused  string
	}{
		"RFC 7636 §4.6: none":                   {nil, "400 invalid_grant"},
		"RFC 7636 §4.6: another":                {[]string{"another-verifier-that-is-as-long-as-it-must-be"}, "400 invalid_grant"},
		"RFC 7636 §4.6: the challenge":          {[]string{Challenge(Verifier)}, "400 invalid_grant"},
		"RFC 7636 §4.1: 42 characters":          {[]string{strings.Repeat("v", 42)}, "400 invalid_grant"},
		"RFC 7636 §4.1: 129 characters":         {[]string{strings.Repeat("v", 129)}, "400 invalid_grant"},
		"RFC 7636 §4.1: a space":                {[]string{Verifier + " "}, "400 invalid_grant"},
		"RFC 6749 §3.2: twice, the good one in": {[]string{Verifier, Verifier}, "400 invalid_request"},
	} {
		t.Run(rule, func(t *testing.T) {
			redemption := With(w.Redemption(w.Authorize(b, w.Request("openid profile"))), url.Values{"code_verifier": test.verifier})
			tokens := w.Token(t, Basic("dreams-web"), redemption)
			if tokens.Refusal() != test.refused || tokens.String("access_token") != "" {
				t.Errorf("got %s, want %s", tokens.Refusal(), test.refused)
			}
		})
	}
	good := w.Token(t, Basic("dreams-web"), w.Redemption(w.Authorize(b, w.Request("openid profile"))))
	if good.Status != 200 {
		t.Errorf("the next good one: %s", good.Refusal())
	}
	// RFC 9700 §2.1.1: dreams-web may leave PKCE out, and then there must be no
	// verifier either (§4.8.2, downgrade).
	without := With(w.Request("openid profile"), url.Values{"code_challenge": nil, "code_challenge_method": nil})
	downgraded := w.Token(t, Basic("dreams-web"), w.Redemption(w.Authorize(b, without)))
	if downgraded.Refusal() != "400 invalid_grant" {
		t.Errorf("a verifier without a challenge: %s", downgraded.Refusal())
	}
	plain := w.Token(t, Basic("dreams-web"), With(w.Redemption(w.Authorize(b, without)), url.Values{"code_verifier": nil}))
	if plain.Status != 200 {
		t.Errorf("without PKCE: %s", plain.Refusal())
	}
	w.wantLogged(t, "tokens issued with a warning", "no PKCE", 1)
}
