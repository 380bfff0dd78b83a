package site_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/acme/site"
	"example.com/acme-dreams/internal/check"
)

func TestSignInAsksWithCodeStateNonceAndPKCE(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	login := b.get("/login?next=/me")
	location, _ := url.Parse(login.Header.Get("Location"))
	q := location.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "acme-web", "redirect_uri": w.acme.URL + "/callback",
		"scope": "openid profile email", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	for _, secret := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(secret)) != 43 {
			t.Errorf("%s is %q, want 256 bits in base64url", secret, q.Get(secret))
		}
	}
	again, _ := url.Parse(b.get("/login").Header.Get("Location"))
	for _, secret := range []string{"state", "nonce", "code_challenge"} {
		if again.Query().Get(secret) == q.Get(secret) {
			t.Errorf("%s is the same twice", secret)
		}
	}
}

func TestSignInKeepsWhoItIsAndComesBack(t *testing.T) {
	w := newWorld(t)
	w.provider.UserInfo = map[string]any{"sub": "u_new", "name": "Nadia New", "email": "nadia@example.com"}
	b := w.browser()
	b.get("/me/posts/new").goesTo(t, "/login?next=%2Fme%2Fposts%2Fnew")
	b.signIn("/me/posts/new").goesTo(t, "/me/posts/new")
	b.get("/me").wants(t, 200, "Nadia New", "nadia@example.com", "u_new")
	p, err := w.store.Profile(t.Context(), "u_new")
	if err != nil || p.Name != "Nadia New" || p.Email != "nadia@example.com" {
		t.Errorf("the store has %+v, %v", p, err)
	}
	b.get("/login?next=/stories").goesTo(t, "/stories") // nothing to ask any more
}

func TestTheSessionHasAnotherNameAfterSignIn(t *testing.T) {
	b := newWorld(t).browser()
	callback := b.beginSignIn("/me")
	before := b.sessionCookie()
	b.get(callback).goesTo(t, "/me")
	after := b.sessionCookie()
	if before == "" || after == "" || before == after {
		t.Fatalf("session %q before, %q after", before, after)
	}
	r, _ := http.NewRequest(http.MethodGet, b.world.acme.URL+"/me", nil)
	r.AddCookie(&http.Cookie{Name: "acme_session", Value: before})
	b.Jar = nil
	b.send(r).goesTo(t, "/login?next=%2Fme") // the old name opens nothing
}

func TestTheSessionCookieIsHttpOnlyAndLax(t *testing.T) {
	cookie := newWorld(t).browser().get("/login").Header.Get("Set-Cookie")
	for _, part := range []string{"acme_session=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("%q is not in %q", part, cookie)
		}
	}
}

func TestTwoTabsCanSignInSideBySide(t *testing.T) {
	b := newWorld(t).browser()
	first, second := b.beginSignIn("/stories"), b.beginSignIn("/me")
	b.get(first).goesTo(t, "/stories")
	// The other tab's sign-in ended with the session that began it.
	b.get(second).wants(t, 400, "did not begin here")
	b.get("/me").wants(t, 200, "Alice Moreau")
}

// Every refusal leaves nobody signed in and says what to do next.
func TestAuthorizationResponseIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(url.Values)
		status int
		says   string
	}{
		"RFC 6749 §10.12: without state":                    {func(v url.Values) { v.Del("state") }, 400, "RFC 6749 §10.12"},
		"RFC 6749 §10.12: with an empty state":              {func(v url.Values) { v.Set("state", "") }, 400, "RFC 6749 §10.12"},
		"RFC 6749 §10.12: with a foreign state":             {func(v url.Values) { v.Set("state", strings.Repeat("A", 43)) }, 400, "RFC 6749 §10.12"},
		"RFC 9207 §2.4: without iss":                        {func(v url.Values) { v.Del("iss") }, 400, "RFC 9207 §2.4"},
		"RFC 9207 §2.4: with another issuer":                {func(v url.Values) { v.Set("iss", "https://evil.example") }, 400, "RFC 9207 §2.4"},
		"RFC 9207 §2.4: compared as a string":               {func(v url.Values) { v.Set("iss", v.Get("iss")+"/") }, 400, "RFC 9207 §2.4"},
		"RFC 6749 §3.1: with code twice":                    {func(v url.Values) { v.Add("code", "other") }, 400, "RFC 6749 §3.1"},
		"RFC 6749 §4.1.2.1: with error and code":            {func(v url.Values) { v.Set("error", "access_denied") }, 400, "an error and a code"},
		"RFC 6749 §4.1.2: without code":                     {func(v url.Values) { v.Del("code") }, 400, "neither a code nor an error"},
		"RFC 6749 §5.2: with a code that was never given":   {func(v url.Values) { v.Set("code", "made-up") }, 400, "That sign-in is over"},
		"RFC 6749 §4.1.2.1: an error we cannot mend":        {func(v url.Values) { v.Del("code"); v.Set("error", "invalid_scope") }, 502, "invalid_scope"},
		"RFC 6749 §4.1.2.1: the server is busy":             {func(v url.Values) { v.Del("code"); v.Set("error", "temporarily_unavailable") }, 503, "does not answer"},
		"RFC 6749 §4.1.2.1: access_denied is not a mistake": {func(v url.Values) { v.Del("code"); v.Set("error", "access_denied") }, 200, "You said no, and that is fine"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.Authorize = test.change
			b := w.browser()
			got := b.signIn("/me")
			got.wants(t, test.status, test.says, `href="/login"`)
			b.get("/me").goesTo(t, "/login?next=%2Fme")
		})
	}
}

func TestAnErrorDescriptionIsEscaped(t *testing.T) {
	w := newWorld(t)
	w.provider.Authorize = func(v url.Values) {
		v.Del("code")
		v.Set("error", "<script>alert(1)</script>")
		v.Set("error_description", "<img src=x onerror=alert(1)>")
	}
	got := w.browser().signIn("/me")
	got.wants(t, 502, "&lt;script&gt;")
	got.lacks(t, "<script>alert", "<img src=x")
}

func TestAStateIsSpentOnce(t *testing.T) {
	b := newWorld(t).browser()
	callback := b.beginSignIn("/me")
	b.get(callback).goesTo(t, "/me")
	b.get(callback).wants(t, 400, "RFC 6749 §10.12")
}

// A refused response spends the state too: an attacker has one guess.
func TestARefusedResponseSpendsTheState(t *testing.T) {
	b := newWorld(t).browser()
	callback := b.beginSignIn("/me")
	foreign, _ := url.Parse(callback)
	q := foreign.Query()
	q.Set("iss", "https://evil.example")
	foreign.RawQuery = q.Encode()
	b.get(foreign.String()).wants(t, 400, "RFC 9207 §2.4")
	b.get(callback).wants(t, 400, "RFC 6749 §10.12")
}

// Login CSRF: the attacker's response in the victim's browser.
func TestAStateOfAnotherBrowserIsRefused(t *testing.T) {
	w := newWorld(t)
	callback := w.browser().beginSignIn("/me")
	victim := w.browser()
	victim.get(callback).wants(t, 400, "RFC 6749 §10.12")
	victim.beginSignIn("/me") // having begun one herself does not help the attacker
	victim.get(callback).wants(t, 400, "RFC 6749 §10.12")
	victim.get("/me").goesTo(t, "/login?next=%2Fme")
}

func TestAStateIsGoodForFifteenMinutes(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	callback := b.beginSignIn("/me")
	w.now = w.now.Add(15 * time.Minute)
	b.get(callback).wants(t, 400, "RFC 6749 §10.12")
}

func TestIDTokenIsRefused(t *testing.T) {
	otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(claims jwt.MapClaims) string {
		s, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
		if err != nil {
			panic(err)
		}
		return s
	}
	withSecret := func(claims jwt.MapClaims) string {
		s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("acme-web-secret"))
		if err != nil {
			panic(err)
		}
		return s
	}
	foreign := func(claims jwt.MapClaims) string {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		token.Header["kid"] = "one"
		s, err := token.SignedString(otherKey)
		if err != nil {
			panic(err)
		}
		return s
	}
	for name, test := range map[string]struct {
		claims func(jwt.MapClaims)
		sign   func(jwt.MapClaims) string
		says   string
	}{
		"OIDC Core §3.1.3.3: missing":                   {sign: func(jwt.MapClaims) string { return "" }, says: "OIDC Core §3.1.3.3"},
		"OIDC Core §3.1.3.7: another issuer":            {claims: func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }, says: "different provider"},
		"OIDC Core §3.1.3.7: another client":            {claims: func(c jwt.MapClaims) { c["aud"] = "dreams-web" }, says: "expected audience"},
		"OIDC Core §3.1.3.7: for others as well":        {claims: func(c jwt.MapClaims) { c["aud"] = []string{"acme-web", "dreams-web"} }, says: "for others than acme-web"},
		"OIDC Core §3.1.3.7: expired":                   {claims: func(c jwt.MapClaims) { c["exp"] = c["iat"].(int64) - 1 }, says: "token is expired"},
		"OIDC Core §3.1.3.7: without nonce":             {claims: func(c jwt.MapClaims) { delete(c, "nonce") }, says: "nonce is not the one"},
		"OIDC Core §3.1.3.7: nonce of another request":  {claims: func(c jwt.MapClaims) { c["nonce"] = strings.Repeat("A", 43) }, says: "nonce is not the one"},
		"OIDC Core §3.1.3.7: signed with another key":   {sign: foreign, says: "failed to verify signature"},
		"OIDC Core §3.1.3.7: unsigned":                  {sign: unsigned, says: "OIDC Core §3.1.3.7"},
		"OIDC Core §3.1.3.7: signed with our secret":    {sign: withSecret, says: "OIDC Core §3.1.3.7"},
		"OIDC Core §3.1.3.8: made for another token":    {claims: func(c jwt.MapClaims) { c["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ" }, says: "at_hash does not fit"},
		"OIDC Core §5.3.2: userinfo is somebody else’s": {claims: func(c jwt.MapClaims) { c["sub"] = bob }, says: "userinfo is about somebody else"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.Claims, w.provider.Sign = test.claims, test.sign
			b := w.browser()
			b.signIn("/me").wants(t, 502, test.says, `href="/login"`)
			b.get("/me").goesTo(t, "/login?next=%2Fme")
		})
	}
}

// Every rule is missed when it is left out: what it is against gets through.
func TestARuleThatIsLeftOutIsMissed(t *testing.T) {
	attacks := map[string]func(*provider){
		"sign-in: every parameter stands once": func(p *provider) {
			p.Authorize = func(v url.Values) { v.Add("code", "the attacker's") }
		},
		"sign-in: iss is the issuer that we asked": func(p *provider) {
			p.Authorize = func(v url.Values) { v.Set("iss", "https://evil.example") }
		},
		"sign-in: the ID token is for this client alone": func(p *provider) {
			p.Claims = func(c jwt.MapClaims) { c["aud"] = []string{"acme-web", "evil"} }
		},
		"sign-in: nonce is the one of our request": func(p *provider) {
			p.Claims = func(c jwt.MapClaims) { c["nonce"] = "of another request" }
		},
		"sign-in: at_hash fits the access token": func(p *provider) {
			p.Claims = func(c jwt.MapClaims) { c["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ" }
		},
		"sign-in: userinfo is about the same person": func(p *provider) {
			p.Claims = func(c jwt.MapClaims) { c["sub"] = bob }
		},
	}
	doubled := map[string]string{
		"sign-in: state is there, this browser’s and unspent":   "PKCE: a browser that did not begin the sign-in has no verifier for the code (RFC 9700 §2.1)",
		"sign-in: the response is an error or a code, not both": "an error ends the sign-in, whatever stands beside it",
		"sign-in: the response is not an error":                 "without a code there is nothing to redeem",
		"sign-in: code is there":                                "the token endpoint refuses an empty code",
	}
	for _, rule := range site.Rules() {
		if strings.HasPrefix(rule.Name, "sign-out:") {
			continue // internal/e2e sends logout tokens
		}
		attack, ok := attacks[rule.Name]
		if !ok {
			if doubled[rule.Name] == "" {
				t.Errorf("nothing tries to get past %q", rule.Name)
			}
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			strict, lax := newWorld(t), newWorldWith(t, check.Runner{Omit: rule.Name})
			attack(strict.provider)
			attack(lax.provider)
			if got := strict.browser().signIn("/me"); got.StatusCode == http.StatusSeeOther {
				t.Error("the attack got through")
			}
			lax.browser().signIn("/me").goesTo(t, "/me")
		})
	}
}

func TestTheTokenEndpointsErrorsArePages(t *testing.T) {
	for name, test := range map[string]struct {
		token  func(http.ResponseWriter) bool
		status int
		says   string
	}{
		"our registration is wrong": {func(w http.ResponseWriter) bool {
			answer(w, 401, map[string]string{"error": "invalid_client"})
			return true
		}, 502, "invalid_client"},
		"it is broken": {func(w http.ResponseWriter) bool { w.WriteHeader(500); return true }, 503, "does not answer"},
		"it hangs up":  {func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }, 503, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.Token = test.token
			got := w.browser().signIn("/me")
			got.wants(t, test.status, test.says)
			if (got.Header.Get("Retry-After") != "") != (test.status == 503) {
				t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
			}
		})
	}
}

func TestTheRestWorksWhileTheAuthorizationServerIsDown(t *testing.T) {
	w := newWorld(t)
	w.provider.Close()
	b := w.browser()
	got := b.get("/login?next=/me")
	got.wants(t, 503, "Acme Accounts does not answer")
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.get("/").wants(t, 200, "Go where the postcards come from")
	b.get("/packages").wants(t, 200, "44 journeys")
}

func TestOpenRedirect(t *testing.T) {
	w := newWorld(t)
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "me", "/%2fevil.example", "/\tevil"} {
		w.browser().signIn(next).goesTo(t, "/")
		w.browser().get("/callback?next="+url.QueryEscape(next)).wants(t, 400)
		w.as(alice, "Alice Moreau").get("/login?next="+url.QueryEscape(next)).goesTo(t, "/")
	}
}

func TestSignOutEndsTheSessionHereAndSaysWhatGoesOn(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	token := b.sessionCookie()
	b.post("/logout", nil).goesTo(t, "/signed-out")
	b.get("/signed-out").wants(t, 200, "Your Acme account goes on", w.provider.URL+"/account")
	b.get("/me").goesTo(t, "/login?next=%2Fme")
	r, _ := http.NewRequest(http.MethodGet, w.acme.URL+"/me", nil)
	r.AddCookie(&http.Cookie{Name: "acme_session", Value: token})
	b.Jar = nil
	b.send(r).goesTo(t, "/login?next=%2Fme") // the copy of a cookie is worth nothing
}

func TestSignOutByALinkChangesNothing(t *testing.T) {
	b := newWorld(t).as(alice, "Alice Moreau")
	b.get("/logout").wants(t, 405)
	b.get("/me").wants(t, 200, "Alice Moreau")
}

func TestASessionLastsTwelveHours(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	w.now = w.now.Add(12*time.Hour - time.Second)
	b.get("/me").wants(t, 200)
	w.now = w.now.Add(time.Second)
	b.get("/me").goesTo(t, "/login?next=%2Fme")
	b.post("/me/posts", url.Values{"title": {"A"}, "body": {"B"}}).wants(t, 401, "Sign in, then send it again")
}
