package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// world is Dreams as it is composed, between an authorization server and an
// Acme that do what a test wants.
type world struct {
	t      *testing.T
	as     *fakeAS
	acme   *fakeAcme
	env    environment.Environment
	log    *logBuffer
	clock  *clock
	http   *httptest.Server
	server program.Server
	served atomic.Pointer[program.Server]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Now().Truncate(time.Second)}, log: &logBuffer{}}
	w.as = newFakeAS(t, w.clock)
	w.acme = newFakeAcme(t, w.as)
	w.http = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		(*w.served.Load()).ServeHTTP(rw, r)
	}))
	t.Cleanup(w.http.Close)
	w.env = environment.Environment{
		AuthserverURL: environment.BaseURL(w.as.URL), AcmeURL: environment.BaseURL(w.acme.URL),
		DreamsURL: environment.BaseURL(w.http.URL), DataDir: t.TempDir(),
	}
	w.start()
	t.Cleanup(func() { _ = w.server.Close() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	s, err := server.New(context.Background(), program.Config{
		Env: w.env, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: w.clock.Now, Random: rand.Reader, Back: http.DefaultTransport,
		// The proof that each check is tested leaves one of them out.
		Checks: check.Runner{Omit: os.Getenv("PROVE_OMIT")},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = s
	w.served.Store(&s)
}

func (w *world) restart() {
	w.t.Helper()
	if err := w.server.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// work lets the server work between requests until something has come about.
func (w *world) work(until func() bool) {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.server.Work(ctx); close(done) }()
	for range 250 {
		if until() {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	<-done
}

// browser is one browser: cookies, and redirects followed by hand.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (b *browser) do(req *http.Request) answer {
	b.w.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), resp.Header, html.UnescapeString(string(body))}
}

func (b *browser) get(path string) answer {
	b.w.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.w.http.URL + path
	}
	req, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(req)
}

func (b *browser) post(path string, form url.Values) answer {
	b.w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, b.w.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (b *browser) session() string {
	u, _ := url.Parse(b.w.http.URL)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "dreams_session" {
			return c.Value
		}
	}
	return ""
}

// begin presses Connect and returns what the browser was sent away with.
func (b *browser) begin() url.Values {
	b.w.t.Helper()
	a := b.get("/connect")
	if a.status != http.StatusSeeOther {
		b.w.t.Fatalf("/connect: %d %s", a.status, a.body)
	}
	u, err := url.Parse(a.location)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return u.Query()
}

// callback is a good answer of the authorization server to such a request.
func (w *world) callback(request url.Values) url.Values {
	return url.Values{"code": {w.as.grantCode(request)}, "state": {request.Get("state")}, "iss": {w.as.URL}}
}

// connect goes the whole way.
func (b *browser) connect() {
	b.w.t.Helper()
	a := b.get("/callback?" + b.w.callback(b.begin()).Encode())
	if a.status != http.StatusSeeOther || a.location != b.w.http.URL+"/offers" {
		b.w.t.Fatalf("/callback: %d %s %s", a.status, a.location, a.body)
	}
}

func (a answer) has(t *testing.T, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d\n%s", a.status, status, a.body)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			t.Errorf("the page does not say %q\n%s", w, a.body)
		}
	}
}

func (a answer) lacks(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(a.body, w) {
			t.Errorf("the page says %q", w)
		}
	}
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// fakeAS is an authorization server with its own keys.
type fakeAS struct {
	*httptest.Server
	clock *clock
	key   *rsa.PrivateKey
	other *rsa.PrivateKey // a key that is not in the JWKS

	mu       sync.Mutex
	codes    map[string]url.Values // to the request that they answer
	access   map[string]string     // access token to scope
	refresh  map[string]bool       // refresh token to "spent"
	requests []url.Values          // to the token endpoint, client credentials apart
	revoked  []string
	secrets  []string // everything that belongs in no log
	reused   bool

	// What a test may set before it begins.
	scope     string                // granted; empty: as asked
	issuer    string                // in the discovery document; empty: our own
	sub       string                // who signs in
	claims    func(m jwt.MapClaims) // of the ID token
	signWith  *rsa.PrivateKey
	noRefresh bool         // refresh tokens are void: the grant was revoked
	failing   string       // the refresh token at which the server breaks
	onRefresh func()       // runs while a refresh is under way
	stranger  string       // the error with which a registration is refused; empty: there is none
	down      atomic.Bool  // nothing answers
	asked     atomic.Int64 // any request at all
}

func newFakeAS(t *testing.T, c *clock) *fakeAS {
	as := &fakeAS{clock: c, codes: map[string]url.Values{}, access: map[string]string{}, refresh: map[string]bool{}, sub: "u_alice"}
	as.key, as.other = rsaKey(t), rsaKey(t)
	as.signWith = as.key
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", as.discovery)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: as.key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", as.token)
	mux.HandleFunc("POST /revoke", as.revoke)
	mux.HandleFunc("POST /register", as.register)
	as.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		as.asked.Add(1)
		if as.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(as.Close)
	return as
}

var rsaKeys = func() chan *rsa.PrivateKey { return make(chan *rsa.PrivateKey, 2) }()

// rsaKey makes two keys in all: they take long to make.
func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	var key *rsa.PrivateKey
	select {
	case key = <-rsaKeys:
	default:
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		select {
		case rsaKeys <- key:
		default:
		}
	})
	return key
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (as *fakeAS) secret(prefix string) string {
	s := prefix + rand.Text()
	as.secrets = append(as.secrets, s)
	return s
}

func (as *fakeAS) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := as.issuer
	if issuer == "" {
		issuer = as.URL
	}
	writeJSON(w, 200, map[string]any{
		"issuer": issuer, "authorization_endpoint": as.URL + "/authorize", "token_endpoint": as.URL + "/token",
		"jwks_uri": as.URL + "/jwks", "revocation_endpoint": as.URL + "/revoke", "registration_endpoint": as.URL + "/register",
		"id_token_signing_alg_values_supported":          []string{"RS256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// register answers RFC 7591 §3.2.
func (as *fakeAS) register(w http.ResponseWriter, r *http.Request) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.stranger != "" {
		status := 400
		if as.stranger == "invalid_token" {
			status = 401
		}
		writeJSON(w, status, map[string]string{"error": as.stranger, "error_description": "told by the fake"})
		return
	}
	var client map[string]any
	_ = json.NewDecoder(r.Body).Decode(&client)
	client["client_id"], client["registration_access_token"] = "lab", as.secret("rat-")
	writeJSON(w, 201, client)
}

func (as *fakeAS) grantCode(request url.Values) string {
	as.mu.Lock()
	defer as.mu.Unlock()
	code := as.secret("code-")
	as.codes[code] = request
	as.secrets = append(as.secrets, request.Get("state"), request.Get("nonce"))
	return code
}

func (as *fakeAS) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		writeJSON(w, status, map[string]string{"error": code, "error_description": "told by the fake"})
	}
	_ = r.ParseForm()
	id, secret, ok := r.BasicAuth()
	if !ok || (id != "dreams-web" && id != "dreams-catalogue") || secret != id+"-secret" {
		refuse(401, "invalid_client")
		return
	}
	if r.PostForm.Get("grant_type") == "refresh_token" && as.onRefresh != nil {
		as.onRefresh()
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if id == "dreams-web" {
		as.requests = append(as.requests, r.PostForm)
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		as.answer(w, "packages:read reviews:read", nil)
	case "authorization_code":
		request, known := as.codes[r.PostForm.Get("code")]
		delete(as.codes, r.PostForm.Get("code"))
		verifier := r.PostForm.Get("code_verifier")
		as.secrets = append(as.secrets, verifier)
		sum := sha256.Sum256([]byte(verifier))
		if request.Get("code_challenge") == "" && verifier == "" && known {
			as.answer(w, as.granted(request), request)
			return
		}
		if !known || request.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
			request.Get("redirect_uri") != r.PostForm.Get("redirect_uri") {
			refuse(400, "invalid_grant")
			return
		}
		as.answer(w, as.granted(request), request)
	case "refresh_token":
		if token := r.PostForm.Get("refresh_token"); token == as.failing && token != "" {
			refuse(503, "temporarily_unavailable")
			return
		}
		spent, known := as.refresh[r.PostForm.Get("refresh_token")]
		if spent {
			as.reused = true
			clear(as.refresh)
			clear(as.access)
		}
		if !known || spent || as.noRefresh {
			refuse(400, "invalid_grant")
			return
		}
		as.refresh[r.PostForm.Get("refresh_token")] = true
		as.answer(w, as.granted(nil), url.Values{})
	default:
		refuse(400, "unsupported_grant_type")
	}
}

func (as *fakeAS) granted(request url.Values) string {
	if as.scope != "" {
		return as.scope
	}
	if request != nil {
		return request.Get("scope")
	}
	return allScopes
}

const allScopes = "openid profile email offline_access preferences:read blog:read packages:read reviews:read"

// answer is the token response; request is nil where no person is behind it.
func (as *fakeAS) answer(w http.ResponseWriter, scope string, request url.Values) {
	access := as.secret("at-")
	as.access[access] = scope
	response := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "scope": scope}
	if request != nil && slices.Contains(strings.Fields(scope), "offline_access") {
		refresh := as.secret("rt-")
		as.refresh[refresh] = false
		response["refresh_token"] = refresh
	}
	if request.Has("nonce") {
		response["id_token"] = as.idToken(access, request.Get("nonce"))
	}
	writeJSON(w, 200, response)
}

func (as *fakeAS) idToken(access, nonce string) string {
	sum := sha256.Sum256([]byte(access))
	claims := jwt.MapClaims{
		"iss": as.URL, "sub": as.sub, "aud": "dreams-web", "nonce": nonce,
		"iat": as.clock.Now().Unix(), "exp": as.clock.Now().Add(5 * time.Minute).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if as.claims != nil {
		as.claims(claims)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "k1"
	signed, err := token.SignedString(as.signWith)
	if err != nil {
		panic(err)
	}
	as.secrets = append(as.secrets, signed)
	return signed
}

func (as *fakeAS) revoke(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	if id, secret, _ := r.BasicAuth(); id != "dreams-web" || secret != "dreams-web-secret" {
		writeJSON(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	as.revoked = append(as.revoked, r.PostForm.Get("token"))
	delete(as.refresh, r.PostForm.Get("token"))
}

// tokenRequests is how many a person's tokens were asked for.
func (as *fakeAS) tokenRequests(grant string) int {
	as.mu.Lock()
	defer as.mu.Unlock()
	n := 0
	for _, r := range as.requests {
		if grant == "" || r.Get("grant_type") == grant {
			n++
		}
	}
	return n
}

// expireAll voids every access token, as a revocation or a restart of Acme would.
func (as *fakeAS) expireAll() {
	as.mu.Lock()
	defer as.mu.Unlock()
	clear(as.access)
}

func (as *fakeAS) set(change func()) {
	as.mu.Lock()
	defer as.mu.Unlock()
	change()
}

// unspent is the refresh tokens that are still good.
func (as *fakeAS) unspent() []string {
	as.mu.Lock()
	defer as.mu.Unlock()
	var all []string
	for token, spent := range as.refresh {
		if !spent {
			all = append(all, token)
		}
	}
	return all
}

// fakeAcme is Acme's API for alice, with the fake server's tokens.
type fakeAcme struct {
	*httptest.Server
	as    *fakeAS
	down  atomic.Bool
	stale atomic.Bool // private data is refused with 503
	login atomic.Bool // private data wants a younger login (RFC 9470)
	asked atomic.Int64
}

func newFakeAcme(t *testing.T, as *fakeAS) *fakeAcme {
	acme := &fakeAcme{as: as}
	mux := http.NewServeMux()
	handle := func(path, scope string, answer func(r *http.Request, scopes []string) any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			as.mu.Lock()
			granted, valid := as.access[token]
			as.mu.Unlock()
			scopes := strings.Fields(granted)
			switch {
			case !valid:
				w.Header().Set("WWW-Authenticate", `Bearer realm="acme", error="invalid_token", error_description="not valid (any more)"`)
				problem(w, 401)
			case !slices.Contains(scopes, scope):
				w.Header().Set("WWW-Authenticate", `Bearer realm="acme", error="insufficient_scope", scope="`+scope+`"`)
				problem(w, 403)
			case acme.stale.Load() && strings.Contains(path, "/me"):
				problem(w, 503)
			case acme.login.Load() && strings.Contains(path, "/me"):
				w.Header().Set("WWW-Authenticate", `Bearer realm="acme", error="insufficient_user_authentication", max_age="300", acr_values="urn:x"`)
				problem(w, 401)
			default:
				writeJSON(w, 200, answer(r, scopes))
			}
		})
	}
	handle("/api/v1/me", "profile", func(_ *http.Request, scopes []string) any {
		me := map[string]string{"sub": as.sub, "name": "Alice Moreau"}
		if slices.Contains(scopes, "email") {
			me["email"] = "alice@acme.test"
		}
		return me
	})
	handle("/api/v1/me/preferences", "preferences:read", func(*http.Request, []string) any {
		return map[string]any{"interests": []string{"huts", "hiking"}, "budget": map[string]any{"max": 800, "currency": "EUR"}, "travels_with": "friend", "months": []int{6, 9}}
	})
	handle("/api/v1/me/posts", "blog:read", func(*http.Request, []string) any {
		return map[string]any{"posts": []any{map[string]any{"id": "po-1", "title": "Saimaa by canoe", "body": "A canoe on Saimaa.", "published": false, "created_at": "2026-06-01T10:00:00Z"}}}
	})
	handle("/api/v1/packages", "packages:read", func(r *http.Request, _ []string) any {
		if r.URL.Query().Get("cursor") == "two" {
			return map[string]any{"packages": []any{vacation("pk-saimaa", "Saimaa, sauna and canoe", "lakes"), vacation("pk-cadiz", "A slow week in Cádiz", "beaches")}}
		}
		return map[string]any{"packages": []any{vacation("pk-silvretta", "Hut to hut, Silvretta", "huts", "hiking"), vacation("pk-ljubljana", "Night train to Ljubljana", "night trains")}, "next_cursor": "two"}
	})
	handle("/api/v1/packages/{id}/reviews", "reviews:read", func(r *http.Request, _ []string) any {
		return map[string]any{"reviews": []any{map[string]any{"id": "re-" + r.PathValue("id"), "author": "Bob Tanaka", "rating": 4, "text": "Fine.", "created_at": "2026-06-01T10:00:00Z"}}}
	})
	acme.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		acme.asked.Add(1)
		if acme.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(acme.Close)
	return acme
}

func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"title":%q,"status":%d}`, http.StatusText(status), status)
}

func vacation(id, title string, tags ...string) map[string]any {
	p := map[string]any{
		"id": id, "title": title, "destination": title, "summary": "A week.", "tags": tags, "price": map[string]any{"amount": 540, "currency": "EUR"},
		"nights": 6, "months": []int{6, 9}, "company": []string{"friend"}, "leaves": "2027-06-12", "rating": 4.0, "review_count": 1,
	}
	maps.Copy(p, map[string]any{"picture": "http://acme.test/static/art/alps.svg", "url": "http://acme.test/packages/" + id})
	return p
}
