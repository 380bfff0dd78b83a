package site_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// provider is an OpenID provider that does as it is told, with keys of its own.
type provider struct {
	*httptest.Server
	now func() time.Time

	mu       sync.Mutex
	requests []url.Values          // the authorization requests that browsers brought
	codes    map[string]url.Values // codes that were given out, for which request

	// What a test may change: the response to the redirect URI, the token
	// response, the ID token's claims, its signature, and userinfo.
	Authorize func(response url.Values)
	Token     func(http.ResponseWriter) bool // true: answered
	Claims    func(jwt.MapClaims)
	Sign      func(jwt.MapClaims) string
	UserInfo  map[string]any
}

var providerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newProvider(now func() time.Time) *provider {
	p := &provider{now: now, codes: map[string]url.Values{}, UserInfo: map[string]any{
		"sub": "u_7Qm2kXf0Rb9sTzLw", "name": "Alice Moreau", "email": "alice@acme.test", "email_verified": true,
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	mux.HandleFunc("GET /jwks", p.jwks)
	p.Server = httptest.NewServer(mux)
	return p
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/jwks",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
	})
}

// authorize signs everybody in as UserInfo says, at once.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	request := r.URL.Query()
	code := rand.Text()
	p.mu.Lock()
	p.requests = append(p.requests, request)
	p.codes[code] = request
	p.mu.Unlock()
	response := url.Values{"code": {code}, "state": {request.Get("state")}, "iss": {p.URL}}
	if p.Authorize != nil {
		p.Authorize(response)
	}
	http.Redirect(w, r, request.Get("redirect_uri")+"?"+response.Encode(), http.StatusSeeOther)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	if p.Token != nil && p.Token(w) {
		return
	}
	if id, secret, ok := r.BasicAuth(); !ok || id != "acme-web" || secret != "acme-web-secret" {
		answer(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	request, known := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || request.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
		request.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) {
		answer(w, 400, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := jwt.MapClaims{
		"iss": p.URL, "sub": p.UserInfo["sub"], "aud": "acme-web", "nonce": request.Get("nonce"),
		"iat": p.now().Unix(), "exp": p.now().Add(time.Hour).Unix(),
	}
	if p.Claims != nil {
		p.Claims(claims)
	}
	sign := p.Sign
	if sign == nil {
		sign = signRS256
	}
	answer(w, 200, map[string]any{"access_token": "the-access-token", "token_type": "Bearer", "expires_in": 3600, "id_token": sign(claims)})
}

func signRS256(claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "one"
	signed, err := token.SignedString(providerKey())
	if err != nil {
		panic(err)
	}
	return signed
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer the-access-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, 200, p.UserInfo)
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	key := providerKey().PublicKey
	answer(w, 200, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
}
