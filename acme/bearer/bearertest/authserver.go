// Package bearertest is an authorization server for tests of a resource server:
// discovery, keys, a revocation feed, and tokens as right or as wrong as a test
// wants them.
package bearertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Resource is the aud of the tokens that Claims describes.
const Resource = "http://acme.test"

// ResourceServer may read the feed, with this secret.
const (
	ResourceServer = "acme-api"
	Secret         = "acme-api-secret"
)

// Clock is a time that tests move.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a fixed second.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)} }

func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Key is a key pair with the name and the algorithm that its JWK says.
type Key struct {
	ID, Algorithm string
	Private       crypto.Signer
}

// Authserver is the server. Its exported fields may be changed before it is
// asked, or with Do.
type Authserver struct {
	URL   string
	Clock *Clock

	mu          sync.Mutex
	Keys        []Key
	Issuer      string // in the discovery document
	Down        bool   // every answer is a 503
	Silent      bool   // the feed does not tell of other keys
	FeedID      string
	Revocations []Revocation
	changed     chan struct{}

	Discovered int // how often discovery was asked
	Polled     int // how often the feed was asked
}

// Revocation is an entry of the feed.
type Revocation struct {
	Cursor     int64  `json:"cursor"`
	GrantID    string `json:"grant_id,omitempty"`
	Permission string `json:"permission,omitempty"`
	ID         string `json:"jti,omitempty"`
	ExpiresAt  int64  `json:"expires_at"`
}

// New starts a server with an ES256 key "es" and an RS256 key "rs".
func New(t testing.TB) *Authserver {
	t.Helper()
	a := &Authserver{Clock: NewClock(), FeedID: "f_1", changed: make(chan struct{})}
	a.Keys = []Key{NewES256(t, "es"), NewRS256(t, "rs")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", a.discovery)
	mux.HandleFunc("GET /jwks", a.jwks)
	mux.HandleFunc("GET /revocations", a.feed)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { a.Do(func() { a.Down = true }) }) // polls that wait must not hold the close up
	a.URL, a.Issuer = server.URL, server.URL
	return a
}

// NewES256 makes a key pair.
func NewES256(t testing.TB, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{id, "ES256", private}
}

// NewRS256 makes a key pair.
func NewRS256(t testing.TB, id string) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return Key{id, "RS256", private}
}

// Do changes the server while it serves.
func (a *Authserver) Do(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	close(a.changed)
	a.changed = make(chan struct{})
}

// Counts returns how often discovery and the feed were asked.
func (a *Authserver) Counts() (discovered, polled int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Discovered, a.Polled
}

// Revoke puts a grant or a token (by its jti) on the feed.
func (a *Authserver) Revoke(grantID, id string) {
	a.Do(func() {
		a.Revocations = append(a.Revocations, Revocation{
			Cursor: int64(len(a.Revocations) + 1), GrantID: grantID, ID: id,
			ExpiresAt: a.Clock.Now().Add(time.Hour).Unix(),
		})
	})
}

// TakeBack puts a permission of a grant on the feed.
func (a *Authserver) TakeBack(grantID, permission string) {
	a.Do(func() {
		a.Revocations = append(a.Revocations, Revocation{
			Cursor: int64(len(a.Revocations) + 1), GrantID: grantID, Permission: permission,
			ExpiresAt: a.Clock.Now().Add(time.Hour).Unix(),
		})
	})
}

// Claims is what a good access token of a person says. Set what a test wants
// otherwise; nil leaves a claim out.
func (a *Authserver) Claims(sub, scope string) jwt.MapClaims {
	now := a.Clock.Now().Unix()
	return jwt.MapClaims{
		"iss": a.URL, "sub": sub, "aud": Resource, "client_id": "dreams-web", "scope": scope,
		"iat": now, "exp": now + 3600, "jti": rand.Text(), "grant_id": "g_1", "auth_time": now,
	}
}

// Detail is a good authorization detail about some topics, as a claim has it.
func (a *Authserver) Detail(topics ...string) map[string]any {
	return map[string]any{
		"type": "travel_preferences", "locations": []string{Resource}, "actions": []string{"read"},
		"topics": topics, "days": 30, "expires_at": a.Clock.Now().Unix() + 60,
	}
}

// Token is a good access token with these claims.
func (a *Authserver) Token(claims jwt.MapClaims) string {
	return Sign(a.Keys[0], map[string]any{}, claims)
}

// Sign makes a token; header replaces members of the usual one, nil leaves one out.
func Sign(key Key, header map[string]any, claims jwt.MapClaims) string {
	return SignWith(jwt.GetSigningMethod(key.Algorithm), key.Private, key, header, claims)
}

// SignWith signs with any method and any secret, whatever the header says.
func SignWith(method jwt.SigningMethod, secret any, key Key, header map[string]any, claims jwt.MapClaims) string {
	full := map[string]any{"typ": "at+jwt", "alg": key.Algorithm, "kid": key.ID}
	for name, value := range header {
		full[name] = value
	}
	signed := part(full) + "." + part(claims)
	signature, err := method.Sign(signed, secret)
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func part(members map[string]any) string {
	present := map[string]any{}
	for name, value := range members {
		if value != nil {
			present[name] = value
		}
	}
	b, err := json.Marshal(present)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (a *Authserver) discovery(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Discovered++
	a.write(w, map[string]string{"issuer": a.Issuer, "jwks_uri": a.URL + "/jwks"})
}

func (a *Authserver) jwks(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range a.Keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"})
	}
	w.Header().Set("ETag", a.etag())
	a.write(w, set)
}

// etag is of the JWKS: the names of the keys say which they are.
func (a *Authserver) etag() string {
	var names []string
	for _, k := range a.Keys {
		names = append(names, k.ID)
	}
	return strconv.Quote(strings.Join(names, " "))
}

func (a *Authserver) feed(w http.ResponseWriter, r *http.Request) {
	if id, secret, _ := r.BasicAuth(); id != ResourceServer || secret != Secret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	after, _ := strconv.ParseInt(r.FormValue("after"), 10, 64)
	wait, _ := strconv.Atoi(r.FormValue("wait"))
	over := time.After(time.Duration(wait) * time.Second)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Polled++
	for {
		if r.FormValue("feed") != a.FeedID {
			after = 0
		}
		news := []Revocation{}
		for _, entry := range a.Revocations {
			if entry.Cursor > after {
				news = append(news, entry)
			}
		}
		changed := a.changed
		otherKeys := !a.Silent && r.FormValue("jwks_etag") != a.etag()
		if a.Down || len(news) > 0 || wait == 0 || r.FormValue("feed") != a.FeedID || otherKeys {
			answer := map[string]any{"feed": a.FeedID, "cursor": len(a.Revocations), "revocations": news}
			if !a.Silent {
				answer["jwks_etag"] = a.etag()
			}
			a.write(w, answer)
			return
		}
		a.mu.Unlock()
		select {
		case <-changed:
		case <-over:
			wait = 0
		case <-r.Context().Done():
			wait = 0
		}
		a.mu.Lock()
	}
}

func (a *Authserver) write(w http.ResponseWriter, v any) {
	if a.Down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
