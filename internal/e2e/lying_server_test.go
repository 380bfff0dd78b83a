package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// lyingServer is an authorization server in authserver's place that says what
// an attack wants: the programs' own checks are all that stands in the way. It
// asks nobody, and is called by the name that it is asked under.
type lyingServer struct {
	Issuer string                                            // in the metadata; empty: its own
	Answer func(answer url.Values)                           // changes what the browser carries back
	Claims func(idToken jwt.MapClaims)                       // changes the ID token
	About  string                                            // whose data userinfo gives; empty: the ID token's sub
	Says   func(header map[string]any, answer jwt.MapClaims) // changes a signed introspection response

	mu    sync.Mutex
	codes map[string]url.Values // the authorization request that a code answers
	asked []url.Values          // every redemption, with the issuer as "at"
}

const liarsPerson = "u_7Qm2kXf0Rb9sTzLw" // alice

var liarsKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Redemptions are the requests with a code that reached the token endpoint of
// a world.
func (l *lyingServer) Redemptions(w *World) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, request := range l.asked {
		if request.Get("at") == w.Auth {
			n++
		}
	}
	return n
}

func (l *lyingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	issuer := "http://" + r.Host
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		claimed := issuer
		if l.Issuer != "" {
			claimed = l.Issuer
		}
		reply(w, map[string]any{
			"issuer": claimed, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
			"userinfo_endpoint": issuer + "/userinfo", "jwks_uri": issuer + "/jwks", "revocation_endpoint": issuer + "/revoke",
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"registration_endpoint":                 issuer + "/register", "introspection_endpoint": issuer + "/introspect",
			"introspection_signing_alg_values_supported": []string{"RS256"},
		})
	case "/jwks":
		l.keys(w)
	case "/authorize":
		l.authorize(w, r, issuer)
	case "/token":
		l.token(w, r, issuer)
	case "/userinfo":
		about := l.About
		if about == "" {
			about = liarsPerson
		}
		reply(w, map[string]any{"sub": about, "name": "Alice Moreau", "email": "alice@acme.test"})
	case "/register":
		l.register(w, r)
	case "/introspect":
		l.introspect(w, r, issuer)
	default:
		http.NotFound(w, r)
	}
}

// register takes everybody for what they say.
func (l *lyingServer) register(w http.ResponseWriter, r *http.Request) {
	var client map[string]any
	if err := json.NewDecoder(r.Body).Decode(&client); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	client["client_id"] = "lab"
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(client)
}

// introspect says of every token that it is good.
func (l *lyingServer) introspect(w http.ResponseWriter, r *http.Request, issuer string) {
	_ = r.ParseForm()
	header := map[string]any{"typ": "token-introspection+jwt"}
	answer := jwt.MapClaims{
		"iss": issuer, "aud": r.PostForm.Get("client_id"), "iat": time.Now().Unix(), "token_introspection": map[string]any{"active": true},
	}
	if l.Says != nil {
		l.Says(header, answer)
	}
	signed, err := l.sign(header, answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/token-introspection+jwt")
	fmt.Fprint(w, signed)
}

func (l *lyingServer) sign(header map[string]any, claims jwt.MapClaims) (string, error) {
	key, err := liarsKey()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "liar"
	maps.Copy(token.Header, header)
	return token.SignedString(key)
}

func (l *lyingServer) keys(w http.ResponseWriter) {
	key, err := liarsKey()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "liar",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
}

func (l *lyingServer) authorize(w http.ResponseWriter, r *http.Request, issuer string) {
	request, code := r.URL.Query(), rand.Text()
	l.mu.Lock()
	if l.codes == nil {
		l.codes = map[string]url.Values{}
	}
	l.codes[code] = request
	l.mu.Unlock()
	answer := url.Values{"code": {code}, "state": request["state"], "iss": {issuer}}
	if l.Answer != nil {
		l.Answer(answer)
	}
	http.Redirect(w, r, request.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

// token takes every code that was given out, as often as it comes.
func (l *lyingServer) token(w http.ResponseWriter, r *http.Request, issuer string) {
	_ = r.ParseForm()
	if r.PostForm.Get("grant_type") != "authorization_code" {
		reply(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600})
		return
	}
	l.mu.Lock()
	r.PostForm.Set("at", issuer)
	l.asked = append(l.asked, r.PostForm)
	request, known := l.codes[r.PostForm.Get("code")]
	l.mu.Unlock()
	if !known {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	claims := jwt.MapClaims{
		"iss": issuer, "sub": liarsPerson, "aud": request.Get("client_id"), "nonce": request.Get("nonce"),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	if l.Claims != nil {
		l.Claims(claims)
	}
	signed, err := l.sign(nil, claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600, "id_token": signed, "scope": request.Get("scope"),
	})
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// The attacks with a lying server are worth something only as long as it lets
// people in who are told no lies.
func TestWithoutALieTheLyingServerSignsPeopleIn(t *testing.T) {
	t.Parallel()
	liar := &lyingServer{}
	w := New(t, Options{Authority: liar})
	b := NewBrowser(t)
	b.Get(w.Dreams + "/connect")
	if !knownAtDreams(w, b) {
		t.Error("Dreams let nobody in")
	}
	b.Get(w.Acme + "/login")
	if !signedInAtAcme(w, b) {
		t.Error("Acme let nobody in")
	}
	if n := liar.Redemptions(w); n != 2 {
		t.Errorf("%d redemptions, want 2", n)
	}
}
