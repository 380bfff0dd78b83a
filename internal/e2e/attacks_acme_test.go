package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/seed"
)

// acmeAttacks are on the rules of Acme's API. Most of them forge a token with
// the authorization server's own key: one that is right but for one thing.
var acmeAttacks = []Attack{
	{
		Rule: "typ is at+jwt", Name: "another JWT of the same issuer",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Header["typ"] = "JWT" }),
	},
	{
		Rule: "no critical header that we do not know", Name: "an extension that changes what the token means",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Header["crit"] = []string{"only-on-sundays"} }),
	},
	{
		Rule: "alg is the key's algorithm", Name: "none",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Header["alg"] = "none" }),
	},
	{
		Rule: "alg is the key's algorithm", Name: "HS256",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Header["alg"] = "HS256" }),
	},
	{
		Rule: "signature is the issuer's", Name: "the attacker's key under the issuer's kid",
		Refused: "401 invalid_token",
		Try: func(t testing.TB, w *World) (bool, string) {
			w.waitForAcme(t)
			_, header, claims := w.goodToken(t)
			return w.preferences(t, sign(t, newKey(t), header, claims))
		},
	},
	{
		Rule: "signature is the issuer's", Name: "another person's name in a real token",
		Refused: "401 invalid_token",
		Try: func(t testing.TB, w *World) (bool, string) {
			w.waitForAcme(t)
			key, header, claims := w.goodToken(t)
			_, _, others := w.goodToken(t)
			others["sub"] = person(t, "bob")
			return w.preferences(t, spliced(sign(t, key, header, claims), sign(t, key, header, others)))
		},
	},
	{
		Rule: "iss is our authorization server", Name: "another issuer",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Claims["iss"] = "https://accounts.evil.test" }),
	},
	{
		Rule: "iss is our authorization server", Name: "a trailing slash",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Claims["iss"] = f.Claims["iss"].(string) + "/" }),
	},
	{
		Rule: "aud names this resource", Name: "a token for another API",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Claims["aud"] = []string{"https://api.other.test", "https://more.test"} }),
	},
	{
		Rule: "aud names this resource", Name: "none",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { delete(f.Claims, "aud") }),
	},
	{
		Rule:    "token has not expired",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Claims["exp"] = time.Now().Unix() - 1 }),
	},
	{
		Rule: "token has not expired", Name: "one that never does",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { delete(f.Claims, "exp") }),
	},
	{
		Rule: "token is not from the future", Name: "iat",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Claims["iat"] = time.Now().Unix() + 120 }),
	},
	{
		Rule: "token is not from the future", Name: "nbf",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { f.Claims["nbf"] = time.Now().Unix() + 120 }),
	},
	{
		Rule: "required claims are there", Name: "no jti, so that it cannot be revoked",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { delete(f.Claims, "jti") }),
	},
	{
		Rule: "required claims are there", Name: "no client_id, so that nobody knows who asked",
		Refused: "401 invalid_token",
		Try:     forgery(func(f forged) { delete(f.Claims, "client_id") }),
	},
	{
		Rule:    "token was not revoked",
		Refused: "401 invalid_token",
		Try: func(t testing.TB, w *World) (bool, string) {
			w.waitForAcme(t)
			token := w.Tokens(t, "alice", "openid preferences:read").String("access_token")
			w.revoke(t, "dreams-web", token)
			// Acme has two seconds to hear of it.
			through, refusal := true, ""
			for end := time.Now().Add(2 * time.Second); through && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				through, refusal = w.preferences(t, token)
			}
			return through, refusal
		},
	},
	{
		Rule: "token has the scope", Name: "a permission that the person left out",
		Refused: "403 insufficient_scope",
		Try:     forgery(func(f forged) { f.Claims["scope"] = "profile packages:read preferences:write" }),
	},
	{
		Rule: "a person stands behind a private scope", Name: "a client whose name is alice's identifier",
		Refused: "403 insufficient_scope",
		Try:     forgery(func(f forged) { f.Claims["client_id"] = f.Claims["sub"] }),
	},
	{
		Rule: "revocations are known, for private data", Name: "while Acme is kept from hearing of them",
		Refused: "503",
		Options: authserverSQL("UPDATE clients SET disabled_at = 1 WHERE client_id = 'acme-api'"),
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.forge(t, func(forged) {})
			waitFor(t, 5*time.Second, "Acme serves what is public", func() bool {
				return w.API(t, http.MethodGet, "/packages", token, "").Status == http.StatusOK
			})
			return w.preferences(t, token)
		},
	},
}

// acmeDoubled are rules of Acme's API that another rule stands behind.
var acmeDoubled = map[string]string{
	"kid names a key of the issuer": "without a key there is no algorithm and no signature that could fit, and the two rules behind refuse it; the client reads here that its key is gone, and not that its signature is wrong",
}

// forged is an access token in parts.
type forged struct{ Header, Claims map[string]any }

// forgery tries a token at the API that is signed by the issuer and wrong in
// one thing.
func forgery(change func(forged)) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		w.waitForAcme(t)
		return w.preferences(t, w.forge(t, change))
	}
}

// forge signs a token of alice's with the authorization server's own key.
func (w *World) forge(t testing.TB, change func(forged)) string {
	t.Helper()
	key, header, claims := w.goodToken(t)
	change(forged{header, claims})
	return sign(t, key, header, claims)
}

// goodToken is what the authorization server would sign, with its key.
func (w *World) goodToken(t testing.TB) (key *ecdsa.PrivateKey, header, claims map[string]any) {
	t.Helper()
	id, private := w.signingKey(t, "ES256")
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("the key for ES256 is a %T", private)
	}
	now := time.Now().Unix()
	header = map[string]any{"typ": "at+jwt", "alg": "ES256", "kid": id}
	claims = map[string]any{
		"iss": w.Auth, "sub": person(t, "alice"), "aud": w.Acme, "client_id": "dreams-web", "scope": "profile preferences:read packages:read",
		"iat": now, "exp": now + 3600, "jti": rand.Text(), "grant_id": "g_" + rand.Text(), "auth_time": now,
	}
	return key, header, claims
}

// signingKey reads the newest key of an algorithm out of authserver's database.
func (w *World) signingKey(t testing.TB, algorithm string) (id string, key crypto.PrivateKey) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.DataDir, "authserver.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var pkcs8 []byte
	err = db.QueryRow("SELECT kid, private_key FROM signing_keys WHERE algorithm = ? ORDER BY created_at DESC LIMIT 1", algorithm).Scan(&id, &pkcs8)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.ParsePKCS8PrivateKey(pkcs8); err != nil {
		t.Fatal(err)
	}
	return id, key
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a JWS with an ES256 signature, whatever its header says.
func sign(t testing.TB, key *ecdsa.PrivateKey, header, claims any) string {
	t.Helper()
	input := encoded(t, header) + "." + encoded(t, claims)
	signature, err := jwt.SigningMethodES256.Sign(input, key)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encoded(t testing.TB, part any) string {
	t.Helper()
	b, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// spliced is the first token's signature under the second one's claims.
func spliced(signature, claims string) string {
	return claims[:strings.LastIndexByte(claims, '.')] + signature[strings.LastIndexByte(signature, '.'):]
}

// person is a seeded person's sub.
func person(t testing.TB, username string) string {
	t.Helper()
	for _, user := range seed.Users() {
		if user.Username == username {
			return user.Sub
		}
	}
	t.Fatalf("nobody is called %s", username)
	return ""
}

// preferences reads the private data of the token's person.
func (w *World) preferences(t testing.TB, token string) (bool, string) {
	t.Helper()
	answer := w.API(t, http.MethodGet, "/me/preferences", token, "")
	return answer.Status == http.StatusOK && answer.JSON()["interests"] != nil, answer.Refusal()
}

// waitForAcme waits until Acme knows the authorization server's keys and
// revocations: a good token opens what is private.
func (w *World) waitForAcme(t testing.TB) {
	t.Helper()
	token := w.forge(t, func(forged) {})
	waitFor(t, 5*time.Second, "Acme takes a good token", func() bool {
		through, _ := w.preferences(t, token)
		return through
	})
}

// waitFor waits for something that must happen in time.
func waitFor(t testing.TB, limit time.Duration, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
