package bearer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
)

// memory keeps revocations as the store does, and fails when told to.
type memory struct {
	mu       sync.Mutex
	position bearer.Position
	kept     []bearer.Revocation
	fail     error
}

func (m *memory) LoadRevocations(context.Context) (bearer.Position, []bearer.Revocation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position, slices.Clone(m.kept), nil
}

func (m *memory) KeepRevocations(_ context.Context, p bearer.Position, news []bearer.Revocation, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.position, m.kept = p, append(m.kept, news...)
	return nil
}

// resourceServer is a verifier that follows a.
func resourceServer(t *testing.T, a *bearertest.Authserver, kept *memory, runner check.Runner) *bearer.Verifier {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	keys := bearer.NewKeys(a.URL, http.DefaultClient, a.Clock.Now, log)
	feed, err := bearer.NewFeed(t.Context(), a.URL, bearertest.ResourceServer, bearertest.Secret, http.DefaultClient, kept, a.Clock.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	feed.Keys = keys
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { feed.Work(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	v := &bearer.Verifier{Issuer: a.URL, Resource: bearertest.Resource, Keys: keys, Feed: feed, Checks: runner, Now: a.Clock.Now}
	v.Proofs = dpop.NewVerifier(a.Clock.Now, rand.Reader, runner)
	eventually(t, "revocations are known", feed.Fresh)
	return v
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 2 s: %s", what)
		}
	}
}

func present(v *bearer.Verifier, token, scope string) error {
	return presentFor(v, token, bearer.Need{Scope: scope})
}

func presentFor(v *bearer.Verifier, token string, need bearer.Need) error {
	_, err := v.Verify(request(http.Header{"Authorization": {"Bearer " + token}}), need)
	return err
}

func request(header http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header = header
	return r
}

// path is what every request here asks for.
const path = "/api/v1/me"

func refused(t *testing.T, err error, code string) *bearer.Refusal {
	t.Helper()
	var r *bearer.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("got %v, want a refusal with %q", err, code)
		return &bearer.Refusal{}
	}
	return r
}

const (
	alice = "u_alice"
	// public and private are scopes of either kind.
	public, private = "packages:read", "preferences:read"
)

// Every check is shown what it alone keeps out: with it the token is refused,
// without it the token gets through.
func TestEveryCheckKeepsSomethingOut(t *testing.T) {
	type attack struct {
		code  string
		scope string
		age   time.Duration // how old a login may be
		by    string        // authorization details that may stand in for the scope
		token func(*bearertest.Authserver) string
	}
	good := func(a *bearertest.Authserver) jwt.MapClaims { return a.Claims(alice, public+" "+private) }
	with := func(claim string, value func(*bearertest.Authserver) any) func(*bearertest.Authserver) string {
		return func(a *bearertest.Authserver) string {
			claims := good(a)
			claims[claim] = value(a)
			return a.Token(claims)
		}
	}
	header := func(h map[string]any) func(*bearertest.Authserver) string {
		return func(a *bearertest.Authserver) string { return bearertest.Sign(a.Keys[1], h, good(a)) }
	}
	attacks := map[string]attack{
		"typ is at+jwt":                          {bearer.InvalidToken, public, 0, "", header(map[string]any{"typ": "JWT"})},
		"no critical header that we do not know": {bearer.InvalidToken, public, 0, "", header(map[string]any{"crit": []string{"exp"}, "exp": 1})},
		"alg is the key's algorithm":             {bearer.InvalidToken, public, 0, "", header(map[string]any{"alg": "PS256"})},
		"signature is the issuer's": {bearer.InvalidToken, public, 0, "", func(a *bearertest.Authserver) string {
			parts := strings.Split(a.Token(good(a)), ".")
			forged := strings.Split(a.Token(a.Claims("u_bob", public)), ".")
			return parts[0] + "." + forged[1] + "." + parts[2]
		}},
		"iss is our authorization server":           {bearer.InvalidToken, public, 0, "", with("iss", func(a *bearertest.Authserver) any { return a.URL + "/" })},
		"aud names this resource":                   {bearer.InvalidToken, public, 0, "", with("aud", func(*bearertest.Authserver) any { return "https://other.test" })},
		"token has not expired":                     {bearer.InvalidToken, public, 0, "", with("exp", func(a *bearertest.Authserver) any { return a.Clock.Now().Unix() })},
		"token is not from the future":              {bearer.InvalidToken, public, 0, "", with("nbf", func(a *bearertest.Authserver) any { return a.Clock.Now().Unix() + 11 })},
		"required claims are there":                 {bearer.InvalidToken, public, 0, "", with("jti", func(*bearertest.Authserver) any { return nil })},
		"token was not revoked":                     {bearer.InvalidToken, public, 0, "", with("jti", func(*bearertest.Authserver) any { return "revoked" })},
		"no permission of the token was taken back": {bearer.InvalidToken, public, 0, "", with("grant_id", func(*bearertest.Authserver) any { return "narrowed" })},
		"token that is bound to a key is not sent as Bearer": {bearer.InvalidToken, public, 0, "", with("cnf", func(*bearertest.Authserver) any {
			return map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
		})},
		"token has the scope": {bearer.InsufficientScope, private, 0, "", func(a *bearertest.Authserver) string {
			return a.Token(a.Claims(alice, public))
		}},
		"a write wants a recent login":           {bearer.InsufficientUserAuthentication, private, 5 * time.Minute, "", with("auth_time", func(a *bearertest.Authserver) any { return a.Clock.Now().Unix() - 301 })},
		"a person stands behind a private scope": {bearer.InsufficientScope, private, 0, "", with("sub", func(*bearertest.Authserver) any { return "dreams-web" })},
	}
	// A token with a detail in place of the scope, wrong in one member.
	detail := func(member string, value any) attack {
		return attack{code: bearer.InsufficientScope, scope: private, by: bearer.TravelPreferences, token: func(a *bearertest.Authserver) string {
			claims := a.Claims(alice, public)
			detail := a.Detail("beaches")
			detail[member] = value
			claims["authorization_details"] = []any{detail}
			return a.Token(claims)
		}}
	}
	attacks["authorization detail is for this resource"] = detail("locations", []string{"https://other.test"})
	attacks["authorization detail allows to read"] = detail("actions", []string{"write"})
	attacks["authorization detail has not ended"] = detail("expires_at", bearertest.NewClock().Now().Unix())
	elsewhere := map[string]string{
		"kid names a key of the issuer":                "doubled: the next two refuse where there is no key. It stands for its own words",
		"revocations are known, for private data":      "TestPrivateDataIsRefusedWhileRevocationsAreNotKnown",
		"token that is sent as DPoP is bound to a key": "doubled: no proof's key is the one that such a token is bound to",
	}
	for _, rule := range bearer.Rules() {
		attack, ok := attacks[rule.Name]
		if !ok {
			if elsewhere[rule.Name] == "" {
				t.Errorf("nothing tries to get past %q", rule.Name)
			}
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			a := bearertest.New(t)
			a.Revoke("", "revoked")
			a.TakeBack("narrowed", public)
			strict := resourceServer(t, a, &memory{}, check.Runner{})
			lax := resourceServer(t, a, &memory{}, check.Runner{Omit: rule.Name})
			token := attack.token(a)
			need := bearer.Need{Scope: attack.scope, MaxAge: attack.age, Detail: attack.by}
			refused(t, presentFor(strict, token, need), attack.code)
			if err := presentFor(lax, token, need); err != nil {
				t.Errorf("left out, something else refuses: %v", err)
			}
			if err := presentFor(strict, a.Token(good(a)), need); err != nil {
				t.Errorf("a good token afterwards: %v", err)
			}
		})
	}
}

// RFC 8725, and what its authors had seen.
func TestForgedTokensAreInvalid(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	es, rs := a.Keys[0], a.Keys[1]
	claims := a.Claims(alice, public)
	good := a.Token(claims)
	parts := strings.Split(good, ".")
	der, err := x509.MarshalPKIXPublicKey(es.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	for name, token := range map[string]string{
		"empty":                     "",
		"garbage":                   "x",
		"alg none":                  bearertest.SignWith(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, es, map[string]any{"alg": "none"}, claims),
		"alg nOnE":                  bearertest.SignWith(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, es, map[string]any{"alg": "nOnE"}, claims),
		"HS256 with the key as DER": bearertest.SignWith(jwt.SigningMethodHS256, der, es, map[string]any{"alg": "HS256"}, claims),
		"HS256 with the key as PEM": bearertest.SignWith(jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), es, map[string]any{"alg": "HS256"}, claims),
		"HS256 with n":              bearertest.SignWith(jwt.SigningMethodHS256, rs.Private.Public().(*rsa.PublicKey).N.Bytes(), rs, map[string]any{"alg": "HS256"}, claims),
		"PS256 with the RS256 key":  bearertest.SignWith(jwt.SigningMethodPS256, rs.Private, rs, map[string]any{"alg": "PS256"}, claims),
		"RS512 with the RS256 key":  bearertest.SignWith(jwt.SigningMethodRS512, rs.Private, rs, map[string]any{"alg": "RS512"}, claims),
		"RS256 named, ES256's kid":  bearertest.Sign(rs, map[string]any{"kid": "es"}, claims),
		"another's key, our kid":    bearertest.Sign(bearertest.NewES256(t, "es"), nil, claims),
		"P-384 under a P-256 kid":   bearertest.SignWith(jwt.SigningMethodES384, p384, es, map[string]any{"alg": "ES384"}, claims),
		"a key in the header":       bearertest.Sign(bearertest.NewES256(t, "mine"), map[string]any{"jwk": map[string]string{"kty": "EC"}, "jku": "http://evil.test"}, claims),
		"no kid":                    bearertest.Sign(es, map[string]any{"kid": nil}, claims),
		"kid is a path":             bearertest.Sign(es, map[string]any{"kid": "../../etc/passwd"}, claims),
		"kid is SQL":                bearertest.Sign(es, map[string]any{"kid": "' OR 1=1--"}, claims),
		"kid of 10 KiB":             bearertest.Sign(es, map[string]any{"kid": strings.Repeat("k", 10<<10)}, claims),
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                good + ".x",
		"five parts, as a JWE":      good + ".x.y",
		"no signature":              parts[0] + "." + parts[1] + ".",
		"signature of r=s=0":        parts[0] + "." + parts[1] + "." + raw(make([]byte, 64)),
		"signature one byte short":  good[:len(good)-2],
		"padded":                    good + "==",
		"standard base64":           parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+",
		"white space inside":        parts[0] + ". " + parts[1] + "." + parts[2],
		"header is a list":          raw([]byte("[]")) + "." + parts[1] + "." + parts[2],
		"larger than any token":     good + strings.Repeat("A", 20<<10),
		"an ID token":               bearertest.Sign(rs, map[string]any{"typ": "JWT"}, jwt.MapClaims{"iss": a.URL, "sub": alice, "aud": bearertest.Resource, "exp": a.Clock.Now().Unix() + 60}),
	} {
		t.Run(name, func(t *testing.T) {
			r := refused(t, present(v, token, public), bearer.InvalidToken)
			if r.Status() != http.StatusUnauthorized {
				t.Errorf("status %d", r.Status())
			}
		})
	}
	if err := present(v, good, public); err != nil {
		t.Errorf("the good token: %v", err)
	}
}

func TestGoodTokens(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	several := a.Claims(alice, "profile "+public)
	several["aud"] = []string{a.URL, bearertest.Resource}
	early := a.Claims(alice, public)
	early["iat"], early["nbf"] = a.Clock.Now().Unix()+9, a.Clock.Now().Unix()+9
	client := a.Claims("dreams-catalogue", public)
	client["client_id"], client["grant_id"] = "dreams-catalogue", nil
	for name, token := range map[string]string{
		"ES256": a.Token(a.Claims(alice, public)),
		"RS256": bearertest.Sign(a.Keys[1], nil, a.Claims(alice, public)),
		"ours among several audiences, RFC 9068 §3":         a.Token(several),
		"the issuer's clock is 9 s ahead":                   a.Token(early),
		"typ in full and in capitals, RFC 7515 §4.1.9":      bearertest.Sign(a.Keys[0], map[string]any{"typ": "application/AT+JWT"}, a.Claims(alice, public)),
		"client credentials for public data, RFC 6749 §4.4": a.Token(client),
	} {
		if err := present(v, token, public); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIssuerIsComparedByteForByte(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	for _, issuer := range []any{a.URL + "/", strings.ToUpper(a.URL), strings.Replace(a.URL, "http:", "https:", 1), "http://evil.test", "", nil} {
		claims := a.Claims(alice, public)
		claims["iss"] = issuer
		refused(t, present(v, a.Token(claims), public), bearer.InvalidToken)
	}
}

// RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted".
func TestATokenEndsOnTheSecond(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	claims := a.Claims(alice, public)
	claims["exp"] = a.Clock.Now().Unix() + 20
	token := a.Token(claims)
	a.Clock.Advance(20*time.Second - time.Nanosecond)
	if err := present(v, token, public); err != nil {
		t.Errorf("a nanosecond before: %v", err)
	}
	a.Clock.Advance(time.Nanosecond)
	if r := refused(t, present(v, token, public), bearer.InvalidToken); !strings.Contains(r.Description, "expired") {
		t.Errorf("it says %q", r.Description)
	}
	for _, exp := range []any{nil, 0, -1, a.Clock.Now().Unix() - 1} {
		claims["exp"] = exp
		refused(t, present(v, a.Token(claims), public), bearer.InvalidToken)
	}
	for _, exp := range []any{"soon", true, []int{1}} {
		claims["exp"] = exp
		refused(t, present(v, a.Token(claims), public), bearer.InvalidToken)
	}
}

// RFC 9470 §3: "the allowable elapsed time in seconds since the last active
// authentication event".
func TestAWriteWantsALoginNotOlderThanFiveMinutes(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	write := bearer.Need{Scope: private, MaxAge: 5 * time.Minute}
	claims := a.Claims(alice, private)
	token := a.Token(claims)
	a.Clock.Advance(5 * time.Minute)
	if err := presentFor(v, token, write); err != nil {
		t.Errorf("after five minutes: %v", err)
	}
	a.Clock.Advance(time.Second)
	r := refused(t, presentFor(v, token, write), bearer.InsufficientUserAuthentication)
	if want := `max_age="300"`; r.Status() != http.StatusUnauthorized || !strings.Contains(r.Challenges("x", "y")[0], want) {
		t.Errorf("%d %s, want %s", r.Status(), r.Challenges("x", "y")[0], want)
	}
	if err := present(v, token, private); err != nil {
		t.Errorf("it no longer reads: %v", err)
	}
	claims["auth_time"] = nil
	refused(t, presentFor(v, a.Token(claims), write), bearer.InsufficientUserAuthentication)
	claims["auth_time"] = "just now"
	refused(t, presentFor(v, a.Token(claims), write), bearer.InvalidToken)
}

// RFC 9396 §9.1: what a detail opens, and what it does not.
func TestAuthorizationDetailsStandInForAScope(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	with := func(scope string, details ...any) string {
		claims := a.Claims(alice, scope)
		claims["authorization_details"] = details
		return a.Token(claims)
	}
	ended := a.Detail("wine")
	ended["expires_at"] = a.Clock.Now().Unix()
	elsewhere := a.Detail("snow")
	elsewhere["locations"] = []string{"https://other.test"}
	other := map[string]any{"type": "payment_initiation", "topics": map[string]int{"food": 1}}
	need := bearer.Need{Scope: private, Detail: bearer.TravelPreferences}
	open := func(token string, need bearer.Need) (*bearer.Token, error) {
		return v.Verify(request(http.Header{"Authorization": {"Bearer " + token}}), need)
	}
	token := with(public, ended, a.Detail("beaches"), elsewhere, other, a.Detail("food"))
	for range 2 { // remembered the second time
		opened, err := open(token, need)
		if err != nil || !slices.Equal(opened.Topics(), []string{"beaches", "food"}) {
			t.Fatalf("opened %v, %v", opened, err)
		}
	}
	if opened, err := open(with(private, a.Detail("beaches")), need); err != nil || opened.Details != nil {
		t.Errorf("with the scope as well: %v, %v", opened, err)
	}
	_, err := open(token, bearer.Need{Scope: private})
	refused(t, err, bearer.InsufficientScope)
	_, err = open(with(public, ended, elsewhere), need)
	if r := refused(t, err, bearer.InsufficientScope); r.Scope != private || r.Held != public {
		t.Errorf("it says %+v", r)
	}
	_, err = open(with(public, other), need)
	refused(t, err, bearer.InsufficientScope)
	_, err = open(with(public, "travel_preferences"), need)
	refused(t, err, bearer.InsufficientScope)
	// No person: nobody who could have agreed.
	claims := a.Claims("dreams-web", public)
	claims["authorization_details"] = []any{a.Detail("beaches")}
	_, err = open(a.Token(claims), need)
	refused(t, err, bearer.InsufficientScope)
}

// A signature that was verified is remembered; nothing else is.
func TestARememberedTokenIsStillJudged(t *testing.T) {
	fresh := func(t *testing.T) (*bearertest.Authserver, *bearer.Verifier, string) {
		a := bearertest.New(t)
		v := resourceServer(t, a, &memory{}, check.Runner{})
		token := a.Token(a.Claims(alice, public+" "+private))
		for range 2 {
			if err := present(v, token, private); err != nil {
				t.Fatal(err)
			}
		}
		return a, v, token
	}
	t.Run("its end", func(t *testing.T) {
		a, v, token := fresh(t)
		a.Clock.Advance(time.Hour)
		refused(t, present(v, token, public), bearer.InvalidToken)
	})
	t.Run("its revocation", func(t *testing.T) {
		a, v, token := fresh(t)
		a.Revoke("g_1", "")
		eventually(t, "the token is refused", func() bool { return present(v, token, public) != nil })
	})
	t.Run("its scope", func(t *testing.T) {
		_, v, token := fresh(t)
		refused(t, present(v, token, "blog:read"), bearer.InsufficientScope)
	})
	t.Run("its key", func(t *testing.T) {
		a, v, token := fresh(t)
		a.Do(func() { a.Keys = a.Keys[1:] })
		if err := v.Keys.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused(t, present(v, token, public), bearer.InvalidToken)
		a.Do(func() { a.Keys = []bearertest.Key{bearertest.NewES256(t, "es")} })
		if err := v.Keys.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused(t, present(v, token, public), bearer.InvalidToken)
	})
}

func TestWhereATokenStands(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	token := a.Token(a.Claims(alice, public))
	for _, c := range []struct {
		name   string
		header []string
		status int // 0: accepted
		code   string
	}{
		{"RFC 6750 §2.1", []string{"Bearer " + token}, 0, ""},
		{"RFC 9110 §11.1: the scheme is case-insensitive", []string{"bearer " + token}, 0, ""},
		{"RFC 9110 §11.1, in capitals", []string{"BEARER " + token}, 0, ""},
		{"RFC 6750 §3.1: none is a challenge without an error", nil, 401, ""},
		{"another scheme is none", []string{"Basic YTpi"}, 401, ""},
		{"the token without a scheme is none", []string{token}, 401, ""},
		{"a scheme without a token", []string{"Bearer"}, 401, bearer.InvalidToken},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, 400, bearer.InvalidRequest},
		{"two tokens", []string{"Bearer " + token + ", Bearer " + token}, 401, bearer.InvalidToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := v.Verify(request(http.Header{"Authorization": c.header}), bearer.Need{Scope: public})
			if c.status == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if r := refused(t, err, c.code); r.Status() != c.status {
				t.Errorf("status %d, want %d", r.Status(), c.status)
			}
		})
	}
}

// RFC 6750 §3 and RFC 9728 §5.1.
func TestChallenge(t *testing.T) {
	const metadata = "http://acme.test/.well-known/oauth-protected-resource"
	const both = `DPoP algs="ES256 PS256 Ed25519 EdDSA", resource_metadata="` + metadata + `"`
	for _, c := range []struct {
		refusal bearer.Refusal
		want    []string
	}{
		{bearer.Refusal{Description: "No token"}, []string{`Bearer realm="acme", resource_metadata="` + metadata + `"`, both}},
		{bearer.Refusal{Code: bearer.InvalidToken, Description: "Gone"}, []string{`Bearer realm="acme", error="invalid_token", error_description="Gone", error_uri="http://accounts.test/docs/errors/invalid_token", resource_metadata="` + metadata + `"`, both}},
		{bearer.Refusal{Code: bearer.InsufficientScope, Description: "More", Scope: "blog:read"}, []string{`Bearer realm="acme", error="insufficient_scope", error_description="More", error_uri="http://accounts.test/docs/errors/insufficient_scope", scope="blog:read", resource_metadata="` + metadata + `"`}},
	} {
		if got := c.refusal.Challenges(metadata, "http://accounts.test"); !slices.Equal(got, c.want) {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOlsiYSJdLCJleHAiOjEuNX0.AA")
	f.Add("e30.e30.")
	f.Add("..")
	f.Add("eyJjcml0IjpudWxsfQ.eyJhdWQiOjF9.AA")
	f.Add("e30.eyJleHAiOjFlMzA4LCJuYmYiOi0xZTMwOH0.AA")
	f.Fuzz(func(t *testing.T, compact string) {
		token, err := bearer.Parse(compact)
		if (token == nil) == (err == nil) {
			t.Fatalf("got %v and %v", token, err)
		}
		if err == nil && strings.Count(compact, ".") != 2 {
			t.Errorf("parsed %q", compact)
		}
	})
}
