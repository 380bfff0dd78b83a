package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/acme/api"
)

// bothForAlice is authserver and Acme, and a token that opens everything that
// dreams-web may see of alice.
func bothForAlice(t *testing.T, o Options) (*World, string) {
	t.Helper()
	o.Only = []string{"authserver", "acme"}
	w := New(t, o)
	w.waitForAcme(t)
	return w, w.Tokens(t, "alice", "openid profile email packages:read reviews:read preferences:read blog:read").String("access_token")
}

// RFC 6750 §3.1: who brings no token is told where to get one, and not that
// something was wrong with it.
func TestTheAPIWithoutAToken(t *testing.T) {
	t.Parallel()
	w, token := bothForAlice(t, Options{})
	want := fmt.Sprintf(`Bearer realm="acme", resource_metadata="%s/.well-known/oauth-protected-resource"`, w.Acme)
	for what, header := range map[string]http.Header{
		"nothing":                  nil,
		"Basic":                    Basic("dreams-web"),
		"an empty header":          {"Authorization": {""}},
		"the token without scheme": {"Authorization": {token}},
		"another scheme":           {"Authorization": {"Negotiate " + token}},
		"a cookie":                 {"Cookie": {"access_token=" + token}},
		"another header":           {"X-Access-Token": {token}},
	} {
		answer := w.Do(t, "GET", w.Acme+"/api/v1/me", header, "")
		if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != want || answer.String("error") != "" ||
			answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %q %s", what, answer.Status, answer.Header.Get("WWW-Authenticate"), answer.Body)
		}
	}
	// RFC 6750 §2.2, §2.3: not in the body, and not in the address.
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for what, answer := range map[string]Response{
		"in the query": w.Do(t, "GET", w.Acme+"/api/v1/me?access_token="+token, nil, ""),
		"in the body":  w.Do(t, "POST", w.Acme+"/api/v1/me/posts", form, "access_token="+token),
	} {
		if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != want {
			t.Errorf("%s: %d %q", what, answer.Status, answer.Header.Get("WWW-Authenticate"))
		}
	}
	// RFC 9110 §11.1: the scheme's case does not matter.
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "Bearer   "} {
		if answer := w.Do(t, "GET", w.Acme+"/api/v1/me", http.Header{"Authorization": {scheme + token}}, ""); answer.Status != http.StatusOK {
			t.Errorf("%q: %d %s", scheme, answer.Status, answer.Body)
		}
	}
	two := http.Header{"Authorization": {"Bearer " + token, "Bearer x"}}
	wantBearerRefusal(t, w, w.Do(t, "GET", w.Acme+"/api/v1/me", two, ""), "400 invalid_request", "More than one", "two headers")
}

// What a token can be that it must not be, and what the client is told of it.
// The same token, as it should be, opens the door.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	w, _ := bothForAlice(t, Options{})
	key, header, claims := w.goodToken(t)
	good := sign(t, key, header, claims)
	segments := strings.Split(good, ".")
	signature, _ := base64.RawURLEncoding.DecodeString(segments[2])
	rsaID, _ := w.signingKey(t, "RS256")
	with := func(signature []byte) string {
		return segments[0] + "." + segments[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	head := func(changes map[string]any) map[string]any {
		changed := map[string]any{}
		for _, from := range []map[string]any{header, changes} {
			for name, value := range from {
				changed[name] = value
			}
		}
		return changed
	}
	const ours, algorithm, aKey = "not an access token of ours", "another algorithm", "a key that the authorization server does not have"
	for what, tt := range map[string]struct{ token, words string }{
		"garbage":                 {"garbage", ours},
		"two segments":            {segments[0] + "." + segments[1], ours},
		"four segments":           {good + ".x", ours},
		"five segments, as a JWE": {"a.b.c.d.e", ours},
		"an empty signature":      {segments[0] + "." + segments[1] + ".", "signature"},
		"a byte less":             {with(signature[:len(signature)-1]), "signature"},
		"a byte more":             {with(append(bytes.Clone(signature), 0)), "signature"},
		"r = s = 0":               {with(make([]byte, 64)), "signature"},
		"a padded signature":      {good + "=", ours},
		"17 KiB":                  {good[:10] + strings.Repeat("x", 17<<10) + good[10:], ours},

		"alg none":               {encoded(t, head(map[string]any{"alg": "none"})) + "." + segments[1] + ".", algorithm},
		"alg None":               {encoded(t, head(map[string]any{"alg": "None"})) + "." + segments[1] + ".", algorithm},
		"no alg":                 {sign(t, key, map[string]any{"typ": "at+jwt", "kid": header["kid"]}, claims), algorithm},
		"ES256 under an RSA key": {sign(t, key, head(map[string]any{"kid": rsaID}), claims), algorithm},
		"another curve":          {signES384(t, head(map[string]any{"alg": "ES384"}), claims), algorithm},

		"no kid":               {sign(t, key, map[string]any{"typ": "at+jwt", "alg": "ES256"}, claims), aKey},
		"a path for a kid":     {sign(t, key, head(map[string]any{"kid": "../../etc/passwd"}), claims), aKey},
		"SQL for a kid":        {sign(t, key, head(map[string]any{"kid": "' OR 1=1--"}), claims), aKey},
		"a kid of 10 KiB":      {sign(t, key, head(map[string]any{"kid": strings.Repeat("k", 10<<10)}), claims), aKey},
		"a kid that is a list": {sign(t, key, head(map[string]any{"kid": []string{"a"}}), claims), ours},
		"the attacker's key in the header": {sign(t, newKey(t), head(map[string]any{
			"kid": "mine", "jwk": map[string]any{"kty": "EC"}, "jku": "http://127.0.0.1:9/jwks", "x5u": "http://127.0.0.1:9/x5u"}), claims), aKey},
		"the attacker's key": {sign(t, newKey(t), header, claims), "signature"},

		"typ JWT":            {sign(t, key, head(map[string]any{"typ": "JWT"}), claims), "typ"},
		"no typ":             {sign(t, key, map[string]any{"alg": "ES256", "kid": header["kid"]}, claims), "typ"},
		"crit":               {sign(t, key, head(map[string]any{"crit": []string{"exp"}}), claims), "crit"},
		"claims in an array": {segments[0] + "." + encoded(t, []any{claims}) + "." + segments[2], ours},
	} {
		wantBearerRefusal(t, w, w.API(t, "GET", "/me", tt.token, ""), "401 invalid_token", tt.words, what)
	}
	// RFC 8725 §2.1: the public key, in every form, as the secret of HS256.
	for _, id := range []string{header["kid"].(string), rsaID} {
		for form, secret := range w.publicKeyForms(t, id) {
			for _, alg := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS512} {
				input := encoded(t, head(map[string]any{"alg": alg.Alg(), "kid": id})) + "." + segments[1]
				mac, err := alg.Sign(input, secret)
				if err != nil {
					t.Fatal(err)
				}
				token := input + "." + base64.RawURLEncoding.EncodeToString(mac)
				wantBearerRefusal(t, w, w.API(t, "GET", "/me", token, ""), "401 invalid_token", algorithm, alg.Alg()+" with "+form)
			}
		}
	}
	if answer := w.API(t, "GET", "/me", good, ""); answer.Status != http.StatusOK {
		t.Errorf("the good one: %d %s", answer.Status, answer.Body)
	}
}

// publicKeyForms are the ways to write down a key of the JWKS.
func (w *World) publicKeyForms(t testing.TB, id string) map[string][]byte {
	t.Helper()
	algorithm := w.value(t, "authserver", "SELECT algorithm FROM signing_keys WHERE kid = ?", id)
	_, private := w.signingKey(t, algorithm)
	var public any
	forms := map[string][]byte{}
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		public = key.Public()
	case *rsa.PrivateKey:
		public = key.Public()
		forms["n"] = key.N.Bytes()
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	forms["DER"] = der
	forms["PEM"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	forms["PEM without the last line break"] = bytes.TrimSpace(forms["PEM"])
	for _, jwk := range w.jwks(t) {
		if jwk["kid"] == id {
			forms["JWK"], _ = json.Marshal(jwk)
			n, _ := jwk["n"].(string)
			x, _ := jwk["x"].(string)
			forms["n or x as it is written"] = []byte(n + x)
		}
	}
	return forms
}

func signES384(t testing.TB, header, claims any) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	input := encoded(t, header) + "." + encoded(t, claims)
	signature, err := jwt.SigningMethodES384.Sign(input, key)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// RFC 9068 §4, RFC 7519 §4.1: what the claims may say.
func TestClaimsOfAccessTokens(t *testing.T) {
	t.Parallel()
	w, _ := bothForAlice(t, Options{})
	now := time.Now().Unix()
	const issuer, resource, expired, early = "issued by somebody else", "for another resource", "expired", "not yet valid"
	for _, tt := range []struct {
		what   string
		change func(claims map[string]any)
		words  string // empty: it is good
	}{
		{"iss with a trailing slash", func(c map[string]any) { c["iss"] = w.Auth + "/" }, issuer},
		{"iss of another host", func(c map[string]any) { c["iss"] = "http://evil.test" }, issuer},
		{"iss with another scheme", func(c map[string]any) { c["iss"] = strings.Replace(w.Auth, "http:", "https:", 1) }, issuer},
		{"iss by the address", func(c map[string]any) { c["iss"] = strings.Replace(w.Auth, "localhost", "127.0.0.1", 1) }, issuer},
		{"iss in capitals", func(c map[string]any) { c["iss"] = strings.ToUpper(w.Auth) }, issuer},
		{"no iss", func(c map[string]any) { delete(c, "iss") }, issuer},

		{"aud of another API", func(c map[string]any) { c["aud"] = "https://api.other.test" }, resource},
		{"aud with a trailing slash", func(c map[string]any) { c["aud"] = w.Acme + "/" }, resource},
		{"aud of the issuer alone", func(c map[string]any) { c["aud"] = w.Auth }, resource},
		{"an empty aud", func(c map[string]any) { c["aud"] = []string{} }, resource},
		{"no aud", func(c map[string]any) { delete(c, "aud") }, resource},
		{"ours among others", func(c map[string]any) { c["aud"] = []string{"https://api.other.test", w.Acme} }, ""},

		{"exp a second ago", func(c map[string]any) { c["exp"] = now - 1 }, expired},
		{"exp now", func(c map[string]any) { c["exp"] = now }, expired},
		{"exp 0", func(c map[string]any) { c["exp"] = 0 }, expired},
		{"no exp", func(c map[string]any) { delete(c, "exp") }, "no expiry"},
		{"exp in words", func(c map[string]any) { c["exp"] = "never" }, "not an access token of ours"},
		{"exp in five seconds", func(c map[string]any) { c["exp"] = now + 5 }, ""},

		// The authorization server's clock is ahead of Acme's.
		{"iat 9 s ahead", func(c map[string]any) { c["iat"] = now + 9 }, ""},
		{"nbf 9 s ahead", func(c map[string]any) { c["nbf"] = now + 9 }, ""},
		{"iat 15 s ahead", func(c map[string]any) { c["iat"] = now + 15 }, early},
		{"nbf 15 s ahead", func(c map[string]any) { c["nbf"] = now + 15 }, early},
		{"nbf an hour ahead", func(c map[string]any) { c["nbf"] = now + 3600 }, early},
		// And behind it: good while exp is ahead.
		{"iat 59 s behind", func(c map[string]any) { c["iat"] = now - 59; c["exp"] = now + 3541 }, ""},

		{"no sub", func(c map[string]any) { delete(c, "sub") }, "lacks sub"},
		{"no jti", func(c map[string]any) { delete(c, "jti") }, "lacks sub"},
		{"no client_id", func(c map[string]any) { delete(c, "client_id") }, "lacks sub"},
		{"no iat", func(c map[string]any) { delete(c, "iat") }, "lacks sub"},
	} {
		answer := w.API(t, "GET", "/me", w.forge(t, func(f forged) { tt.change(f.Claims) }), "")
		if tt.words != "" {
			wantBearerRefusal(t, w, answer, "401 invalid_token", tt.words, tt.what)
		} else if answer.Status != http.StatusOK {
			t.Errorf("%s: %d %s", tt.what, answer.Status, answer.Body)
		}
	}
}

// RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted". A token
// that was good a minute ago is not remembered as good.
func TestARealTokenExpires(t *testing.T) {
	t.Parallel()
	w, token := bothForAlice(t, Options{Env: map[string]string{"ACCESS_TOKEN_TTL": "5m"}})
	for range 2 {
		if through, refusal := w.preferences(t, token); !through {
			t.Fatalf("a new token: %s", refusal)
		}
	}
	w.Clock.Advance(5 * time.Minute)
	wantBearerRefusal(t, w, w.API(t, "GET", "/packages", token, ""), "401 invalid_token", "expired", "public data")
	wantBearerRefusal(t, w, w.API(t, "GET", "/me", token, ""), "401 invalid_token", "expired", "private data")
}

// RFC 6750 §3.1: every request of the API wants its scope, and says which.
func TestEveryRequestWantsItsScope(t *testing.T) {
	t.Parallel()
	w, _ := bothForAlice(t, Options{})
	all := []string{"openid", "profile", "email", "packages:read", "reviews:read", "reviews:write", "preferences:read", "preferences:write", "blog:read", "blog:write", "offline_access"}
	routes := (&api.API{}).Routes()
	if len(routes) < 11 {
		t.Fatalf("%d routes", len(routes))
	}
	for _, route := range routes {
		var others []string
		for _, scope := range all {
			if scope != route.Scope {
				others = append(others, scope, strings.ToUpper(route.Scope), route.Scope+"x", "x"+route.Scope)
			}
		}
		token := w.forge(t, func(f forged) { f.Claims["scope"] = strings.Join(others, " ") })
		path := strings.NewReplacer("/api/v1", "", ":id", "x", ":review", "x", ":name", "x").Replace(route.Path)
		answer := w.API(t, route.Method, path, token, "")
		wantBearerRefusal(t, w, answer, "403 insufficient_scope", "scope", route.Method+" "+path)
		if got := parameter(answer.Header.Get("WWW-Authenticate"), "scope"); got != route.Scope {
			t.Errorf("%s %s: scope=%q in the challenge, want %q", route.Method, path, got, route.Scope)
		}
	}
}

// RFC 9068 §5: a client's own token opens what is everybody's, and nobody's data.
func TestAClientsOwnTokenOpensNobodysData(t *testing.T) {
	t.Parallel()
	w, _ := bothForAlice(t, Options{})
	token := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}).String("access_token")
	if answer := w.API(t, "GET", "/packages?limit=1", token, ""); answer.Status != http.StatusOK {
		t.Errorf("packages: %d %s", answer.Status, answer.Body)
	}
	for path, scope := range map[string]string{"/me": "profile", "/me/preferences": "preferences:read", "/me/posts": "blog:read"} {
		answer := w.API(t, "GET", path, token, "")
		wantBearerRefusal(t, w, answer, "403 insufficient_scope", "", path)
		if parameter(answer.Header.Get("WWW-Authenticate"), "scope") != scope {
			t.Errorf("%s: %s", path, answer.Header.Get("WWW-Authenticate"))
		}
	}
}

// RFC 9700 §2.3: a token opens its person's data. Another person's is not
// there, whoever asks.
func TestNobodyReachesAnotherPersonsPosts(t *testing.T) {
	t.Parallel()
	w, alices := bothForAlice(t, Options{})
	bobs := w.Tokens(t, "bob", "openid blog:read").String("access_token")
	type posts struct {
		Posts []struct {
			ID        string   `json:"id"`
			Published bool     `json:"published"`
			Pictures  []string `json:"pictures"`
		} `json:"posts"`
	}
	var hers posts
	if err := json.Unmarshal([]byte(w.API(t, "GET", "/me/posts", alices, "").Body), &hers); err != nil || len(hers.Posts) == 0 {
		t.Fatalf("alice has no posts: %v", err)
	}
	pictures := 0
	for _, post := range hers.Posts {
		if answer := w.API(t, "GET", "/me/posts/"+post.ID, alices, ""); answer.Status != http.StatusOK {
			t.Errorf("alice and her post: %d", answer.Status)
		}
		theirs, missing := w.API(t, "GET", "/me/posts/"+post.ID, bobs, ""), w.API(t, "GET", "/me/posts/nothing", bobs, "")
		if theirs.Status != http.StatusNotFound || theirs.Body != missing.Body {
			t.Errorf("bob and alice's post: %d %s", theirs.Status, theirs.Body)
		}
		for _, picture := range post.Pictures {
			pictures++
			if answer := w.Do(t, "GET", picture, Bearer(alices), ""); answer.Status != http.StatusOK {
				t.Errorf("alice and her picture: %d", answer.Status)
			}
			if answer := w.Do(t, "GET", picture, Bearer(bobs), ""); answer.Status != http.StatusNotFound {
				t.Errorf("bob and alice's picture: %d", answer.Status)
			}
			if answer := w.Do(t, "GET", picture, nil, ""); answer.Status != http.StatusUnauthorized {
				t.Errorf("nobody and alice's picture: %d", answer.Status)
			}
		}
	}
	if pictures == 0 {
		t.Error("alice's posts have no pictures")
	}
	// No parameter names a person.
	for _, query := range []string{"?sub=" + person(t, "alice"), "?user=alice", "?id=" + hers.Posts[0].ID} {
		if answer := w.API(t, "GET", "/me/posts"+query, bobs, ""); strings.Contains(answer.Body, hers.Posts[0].ID) {
			t.Errorf("%s: bob sees alice's posts", query)
		}
	}
}

// A header cannot make a write of a read.
func TestNoMethodOverride(t *testing.T) {
	t.Parallel()
	w, token := bothForAlice(t, Options{})
	before := w.API(t, "GET", "/me/preferences", token, "").Body
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		header := Bearer(token)
		header.Set(name, "PUT")
		header.Set("Content-Type", "application/json")
		if answer := w.Do(t, "GET", w.Acme+"/api/v1/me/preferences?_method=PUT", header, `{"interests":[]}`); answer.Status != http.StatusOK || answer.Body != before {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
	}
}

// RFC 7517 §4, RFC 7518 §6: the document has public members only.
func TestJWKSIsPublic(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	answer := w.Do(t, "GET", w.Auth+"/jwks", nil, "")
	if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(answer.Header.Get("Cache-Control"), "max-age=") {
		t.Errorf("%d %v", answer.Status, answer.Header)
	}
	seen := map[any]bool{}
	for _, jwk := range w.jwks(t) {
		if seen[jwk["kid"]] || jwk["kid"] == "" || jwk["use"] != "sig" || jwk["alg"] == nil {
			t.Errorf("kid %v, use %v, alg %v", jwk["kid"], jwk["use"], jwk["alg"])
		}
		seen[jwk["kid"]] = true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if jwk[private] != nil {
				t.Errorf("%v has %q", jwk["kid"], private)
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d keys, want one for ES256 and one for RS256", len(seen))
	}
}

func (w *World) jwks(t testing.TB) []map[string]any {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(w.Do(t, "GET", w.Auth+"/jwks", nil, "").Body), &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

// OIDC Core §5.3, RFC 6750 §3: rows of userinfo, which takes access tokens as
// an API does.
func TestUserinfo(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.Tokens(t, "alice", "openid profile email")
	token := tokens.String("access_token")
	for _, method := range []string{"GET", "POST"} {
		answer := w.Do(t, method, w.Auth+"/userinfo", Bearer(token), "")
		wantNoStoreJSON(t, answer, http.StatusOK)
		if body := answer.JSON(); body["sub"] != person(t, "alice") || body["name"] != "Alice Moreau" || body["preferred_username"] != "alice" ||
			body["email"] != "alice@acme.test" || body["email_verified"] != true {
			t.Errorf("%s: %s", method, answer.Body)
		}
	}
	if body := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(w.Tokens(t, "alice", "openid").String("access_token")), "").JSON(); len(body) != 1 || body["sub"] != person(t, "alice") {
		t.Errorf("for openid alone: %v", body)
	}
	_, header, claims := w.goodToken(t)
	machine := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}).String("access_token")
	for _, tt := range []struct{ what, token, want string }{
		{"garbage", "garbage", "401 invalid_token"},
		{"an ID token", tokens.String("id_token"), "401 invalid_token"},
		{"the attacker's key", sign(t, newKey(t), header, claims), "401 invalid_token"},
		{"alg none", encoded(t, map[string]any{"alg": "none", "typ": "at+jwt", "kid": header["kid"]}) + "." + encoded(t, claims) + ".", "401 invalid_token"},
		{"without openid", w.forge(t, func(f forged) { f.Claims["scope"] = "profile" }), "403 insufficient_scope"},
		{"a client's own", machine, "403 insufficient_scope"},
	} {
		answer := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(tt.token), "")
		challenge := answer.Header.Get("WWW-Authenticate")
		if answer.Refusal() != tt.want || !strings.HasPrefix(challenge, `Bearer realm="acme accounts", error="`+tt.want[4:]+`", error_description="`) || answer.String("sub") != "" {
			t.Errorf("%s: %q %s %s", tt.what, answer.Refusal(), challenge, answer.Body)
		}
	}
	answer := w.Do(t, "GET", w.Auth+"/userinfo?access_token="+token, nil, "")
	if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != `Bearer realm="acme accounts"` || answer.Body != "" {
		t.Errorf("in the query: %d %q %s", answer.Status, answer.Header.Get("WWW-Authenticate"), answer.Body)
	}
}

// wantBearerRefusal is the API's answer to a token that does not open it:
// RFC 6750 §3, RFC 9728 §5.1, RFC 9457. words is from the description.
func wantBearerRefusal(t testing.TB, w *World, answer Response, want, words, what string) {
	t.Helper()
	if answer.Refusal() != want {
		t.Errorf("%s: got %q %.300s, want %q", what, answer.Refusal(), answer.Body, want)
		return
	}
	challenge := answer.Header.Get("WWW-Authenticate")
	metadata := fmt.Sprintf(`resource_metadata="%s/.well-known/oauth-protected-resource"`, w.Acme)
	if !strings.HasPrefix(challenge, `Bearer realm="acme", error="`+want[4:]+`", error_description="`) || !strings.HasSuffix(challenge, ", "+metadata) {
		t.Errorf("%s: WWW-Authenticate %s", what, challenge)
	}
	if !strings.Contains(parameter(challenge, "error_description"), words) {
		t.Errorf("%s: the description is %q, want %q in it", what, parameter(challenge, "error_description"), words)
	}
	uri := w.Auth + "/docs/errors/" + want[4:]
	if parameter(challenge, "error_uri") != uri || answer.String("error_uri") != uri {
		t.Errorf("%s: error_uri is %q, and %q in the body, want %q", what, parameter(challenge, "error_uri"), answer.String("error_uri"), uri)
	}
	h := answer.Header
	if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" ||
		answer.JSON()["status"] != float64(answer.Status) || answer.String("title") != http.StatusText(answer.Status) {
		t.Errorf("%s: %v %s", what, h, answer.Body)
	}
}
