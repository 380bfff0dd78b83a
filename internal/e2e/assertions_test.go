package e2e

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/seed"
)

// RFC 7523 §2.1: the batch system speaks for somebody who agreed beforehand,
// with and without authenticating beside it.
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.Tokens(t, "alice", "openid profile preferences:read")
	tokens := w.Token(t, nil, asserts(signed(w.bearerClaims()), "preferences:read"))
	if tokens.Status != 200 || tokens.String("refresh_token") != "" || tokens.String("scope") != "preferences:read" {
		t.Fatalf("%d %s", tokens.Status, tokens.Body)
	}
	if answer := w.API(t, http.MethodGet, "/me/preferences", tokens.String("access_token"), ""); answer.Status != 200 || !strings.Contains(answer.Body, "hiking") {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	form := With(asserts(signed(w.bearerClaims()), "preferences:read"), clientAuthentication(w))
	if tokens := w.Token(t, nil, form); tokens.Status != 200 {
		t.Errorf("authenticating as well: %d %s", tokens.Status, tokens.Body)
	}
}

// clientAuthentication is private_key_jwt of dreams-batch.
func clientAuthentication(w *World) url.Values {
	claims := w.bearerClaims()
	claims["sub"] = "dreams-batch"
	form := clientAssertion(signed(claims))
	form.Del("grant_type")
	return form
}

func TestJWTBearerRefusals(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	w.Tokens(t, "alice", "openid profile preferences:read")
	change := func(name string, value any) string {
		claims := w.bearerClaims()
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return signed(claims)
	}
	used := signed(w.bearerClaims())
	if first := w.Token(t, nil, asserts(used, "preferences:read")); first.Status != 200 {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	nameless := change("jti", nil)
	w.Token(t, nil, asserts(nameless, "preferences:read"))
	for name, c := range map[string]struct{ assertion, want string }{
		"none":                       {"", "400 invalid_request"},
		"no JWT":                     {"x", "400 invalid_grant"},
		"an unknown issuer":          {change("iss", "nobody"), "400 invalid_grant"},
		"a client without the grant": {change("iss", "dreams-web"), "400 unauthorized_client"},
		"somebody who never agreed":  {change("sub", seed.Users()[2].Sub), "400 invalid_grant"},
		"nobody at all":              {change("sub", "u_nobody"), "400 invalid_grant"},
		"no exp":                     {change("exp", nil), "400 invalid_grant"},
		"the token endpoint as aud":  {change("aud", w.Auth+"/token"), "400 invalid_grant"},
		"us and another as aud":      {change("aud", []string{w.Auth, "https://other.test"}), "400 invalid_grant"},
		"used before":                {used, "400 invalid_grant"},
		"used before, without a jti": {nameless, "400 invalid_grant"},
		"alg none":                   {unsigned(t, w.bearerClaims()), "400 invalid_grant"},
	} {
		if got := w.Token(t, nil, asserts(c.assertion, "preferences:read")).Refusal(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	other := With(asserts(signed(w.bearerClaims()), "preferences:read"), url.Values{"client_id": {"dreams-spa"}})
	if got := w.Token(t, nil, other).Refusal(); got != "400 invalid_grant" {
		t.Errorf("client_id of somebody else: %s", got)
	}
	// When the person takes the consent back, the best signature gets nothing.
	b := w.SignedIn(t, "alice")
	b.Form(b.Get(w.Auth+"/account/apps"), "action").With(url.Values{"action": {"revoke"}}).Submit()
	if got := w.Token(t, nil, asserts(signed(w.bearerClaims()), "preferences:read")).Refusal(); got != "400 invalid_grant" {
		t.Errorf("after the consent ended: %s", got)
	}
}

func unsigned(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	compact, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// RFC 7523 §2.2, private_key_jwt.
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	claims := func(changes jwt.MapClaims) jwt.MapClaims {
		all := w.bearerClaims()
		all["sub"] = "dreams-batch"
		for name, value := range changes {
			all[name] = value
		}
		return all
	}
	once := signed(claims(nil))
	for _, c := range []struct {
		name string
		form url.Values
		want string
	}{
		{"good", clientAssertion(once), "200"},
		{"the same again", clientAssertion(once), "401 invalid_client"},
		{"8 s ahead", clientAssertion(signed(claims(jwt.MapClaims{"iat": w.Clock.Now().Add(8 * time.Second).Unix()}))), "200"},
		{"aud as an array of one", clientAssertion(signed(claims(jwt.MapClaims{"aud": []string{w.Auth}}))), "200"},
		{"aud as an array of two", clientAssertion(signed(claims(jwt.MapClaims{"aud": []string{w.Auth, "https://other.test"}}))), "401 invalid_client"},
		{"without client_id", With(clientAssertion(signed(claims(nil))), url.Values{"client_id": nil}), "200"},
		{"another type", With(clientAssertion(signed(claims(nil))), url.Values{"client_assertion_type": {"x"}}), "401 invalid_client"},
		{"no JWT", clientAssertion("x.y.z"), "401 invalid_client"},
		{"a secret beside it", With(clientAssertion(signed(claims(nil))), url.Values{"client_secret": {"x"}}), "400 invalid_request"},
		{"nothing", url.Values{"grant_type": {"client_credentials"}, "client_id": {"dreams-batch"}}, "401 invalid_client"},
		{"private data", With(clientAssertion(signed(claims(nil))), url.Values{"scope": {"preferences:read"}}), "400 invalid_scope"},
	} {
		if got := w.Token(t, nil, c.form).Refusal(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// RFC 8693: narrower, with the actor named, and it dies with the old one.
func TestTokenExchange(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	tokens := w.Tokens(t, "alice", "openid profile preferences:read blog:read offline_access")
	exchangedTokens := w.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token")))
	if exchangedTokens.Status != 200 || exchangedTokens.String("issued_token_type") != accessTokenType ||
		exchangedTokens.String("scope") != "preferences:read" || exchangedTokens.String("refresh_token") != "" {
		t.Fatalf("%d %s", exchangedTokens.Status, exchangedTokens.Body)
	}
	narrow := exchangedTokens.String("access_token")
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(narrow, &claims); err != nil {
		t.Fatal(err)
	}
	if act, _ := claims["act"].(map[string]any); act["sub"] != "dreams-web" || claims["sub"] != seed.Users()[0].Sub {
		t.Errorf("claims %v", claims)
	}
	if answer := w.API(t, http.MethodGet, "/me/preferences", narrow, ""); answer.Status != 200 {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if answer := w.API(t, http.MethodGet, "/me/posts", narrow, ""); answer.Refusal() != "403 insufficient_scope" {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	again := w.Token(t, Basic("dreams-web"), exchanged(narrow)) // a token of its own, too
	if again.Status != 200 {
		t.Fatalf("%d %s", again.Status, again.Body)
	}
	if answer := w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {tokens.String("access_token")}}); answer.Status != 200 {
		t.Fatal(answer.Body)
	}
	for _, token := range []string{narrow, again.String("access_token")} {
		answer := w.Post(t, w.Auth+"/introspect", Basic("acme-api"), url.Values{"token": {token}})
		if strings.TrimSpace(answer.Body) != `{"active":false}` {
			t.Errorf("an exchanged token outlives the one it came from: %s", answer.Body)
		}
	}
}

func TestTokenExchangeRefusals(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.Tokens(t, "alice", "openid profile preferences:read")
	good := exchanged(tokens.String("access_token"))
	for name, c := range map[string]struct {
		changes url.Values
		client  string
		want    string
	}{
		"no subject_token":           {url.Values{"subject_token": nil}, "dreams-web", "400 invalid_request"},
		"no subject_token_type":      {url.Values{"subject_token_type": nil}, "dreams-web", "400 invalid_request"},
		"an ID token":                {url.Values{"subject_token": {tokens.String("id_token")}}, "dreams-web", "400 invalid_request"},
		"garbage":                    {url.Values{"subject_token": {"x"}}, "dreams-web", "400 invalid_request"},
		"a client without the grant": {nil, "dreams-catalogue", "400 unauthorized_client"},
		"an unknown audience":        {url.Values{"audience": {"https://evil.test"}}, "dreams-web", "400 invalid_target"},
		"a resource with fragment":   {url.Values{"resource": {w.Acme + "#f"}}, "dreams-web", "400 invalid_target"},
		"ours and another":           {url.Values{"resource": {w.Acme, "https://evil.test"}}, "dreams-web", "400 invalid_target"},
		"ours":                       {url.Values{"resource": {w.Acme}}, "dreams-web", "200"},
	} {
		if got := w.Token(t, Basic(c.client), With(good, c.changes)).Refusal(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// RFC 6749 §4.3.2: wrong passwords count on the same lock as the login page's.
func TestPasswordGrantSharesTheLock(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	wrong := With(password("acme-mobile", "profile"), url.Values{"password": {"x"}})
	for range 10 {
		if got := w.Token(t, nil, wrong).Refusal(); got != "400 invalid_grant" {
			t.Fatal(got)
		}
	}
	answer := w.Token(t, nil, password("acme-mobile", "profile"))
	if answer.Status != 429 || answer.Header.Get("Retry-After") == "" || answer.String("error") != "invalid_grant" {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if page := w.SignIn(NewBrowser(t), "alice"); page.Status != 429 {
		t.Errorf("the login page lets alice in: %d", page.Status)
	}
	if got := w.Token(t, nil, With(password("acme-mobile", "profile"), url.Values{"username": {"bob"}})).Refusal(); got != "200" {
		t.Errorf("bob has to wait for alice: %s", got)
	}
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.Token(t, nil, password("acme-mobile", "openid profile offline_access"))
	if tokens.Status != 200 || tokens.String("id_token") == "" || tokens.String("refresh_token") == "" {
		t.Fatalf("%d %s", tokens.Status, tokens.Body)
	}
	refreshed := w.Token(t, nil, url.Values{"grant_type": {"refresh_token"}, "client_id": {"acme-mobile"}, "refresh_token": {tokens.String("refresh_token")}})
	if refreshed.Status != 200 {
		t.Errorf("%d %s", refreshed.Status, refreshed.Body)
	}
	if got := w.Token(t, Basic("dreams-web"), With(password("dreams-web", "profile"), url.Values{"client_id": nil})).Refusal(); got != "400 unauthorized_client" {
		t.Errorf("dreams-web takes passwords: %s", got)
	}
	if got := w.Token(t, nil, With(password("acme-mobile", "profile"), url.Values{"username": nil})).Refusal(); got != "400 invalid_request" {
		t.Errorf("no username: %s", got)
	}
}

// RFC 6749 §4.2: in the fragment alone, and without a refresh token.
func TestImplicitGrant(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	request := url.Values{
		"response_type": {"token"}, "client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"},
		"scope": {"profile preferences:read"}, "state": {"S1"},
	}
	b := w.SignedIn(t, "alice")
	for _, how := range []string{"asked", "remembered"} {
		page := w.Allow(b, request, "preferences:read")
		answer := page.Answer()
		if page.Status != 303 || !strings.HasPrefix(page.Location, w.Dreams+"/widget/callback#") ||
			answer.Get("token_type") != "Bearer" || answer.Get("expires_in") == "" || answer.Get("state") != "S1" || answer.Get("iss") != w.Auth ||
			answer.Has("refresh_token") || answer.Has("code") {
			t.Fatalf("%s: %s", how, page.Location)
		}
		if api := w.API(t, http.MethodGet, "/me", answer.Get("access_token"), ""); api.Status != 200 {
			t.Errorf("%s: %d %s", how, api.Status, api.Body)
		}
	}
	if got := w.Allow(b, With(request, url.Values{"response_mode": {"query"}})); got.Refusal() != "303 invalid_request" || !strings.Contains(got.Location, "#error=") {
		t.Errorf("a token by query: %s", got.Location)
	}
}

// A device code, an assertion, an authentication, each used by 32 at once:
// one success, 200 times.
func TestWhatIsUsedOnceIsUsedOnceBy32AtTheSameTime(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	w.Tokens(t, "alice", "openid profile preferences:read")
	count := func(form url.Values) (served int) {
		results := make(chan int, callers)
		for range callers {
			go func() { results <- w.Token(t, nil, form).Status }()
		}
		for range callers {
			if <-results == http.StatusOK {
				served++
			}
		}
		return served
	}
	b := w.SignedIn(t, "alice")
	for round := range rounds {
		claims := w.bearerClaims()
		claims["jti"] = rand.Text()
		if n := count(asserts(signed(claims), "preferences:read")); n != 1 {
			t.Fatalf("round %d: an assertion was taken %d times", round, n)
		}
		form := clientAuthentication(w)
		form.Set("grant_type", "client_credentials")
		if n := count(form); n != 1 {
			t.Fatalf("round %d: a client assertion was taken %d times", round, n)
		}
		device := w.Device(t, "profile")
		b.Form(w.TypeCode(b, device.String("user_code")), "decision").With(url.Values{"decision": {"allow"}}).Submit()
		if n := count(poll(device)); n != 1 {
			t.Fatalf("round %d: a device code was redeemed %d times", round, n)
		}
	}
}

// OIDC Core §2: an ID token "contains Claims about the Authentication of an End-User", and
// auth_time is when that was. Nobody signs in for an assertion.
func TestNobodySignsInForAnAssertion(t *testing.T) {
	t.Parallel()
	o := authserverSQL(registered("dreams-batch", "scope", "openid profile"))
	o.Only = authserverAlone.Only
	w := New(t, o)
	w.Tokens(t, "alice", "openid profile")
	answer := w.Token(t, nil, asserts(signed(w.bearerClaims()), "openid profile"))
	if answer.Status != 200 || answer.String("access_token") == "" {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	if idToken := answer.String("id_token"); idToken != "" {
		_, claims := parts(t, idToken)
		t.Errorf("an ID token: %v", claims)
	}
}
