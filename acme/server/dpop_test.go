package server_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server/acmetest"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// holder is a client with a token of alice's that is bound to its key.
type holder struct {
	acme  *acmetest.Acme
	key   dpoptest.Key
	token string
	nonce string // of the last answer
}

func newHolder(t *testing.T, a *acmetest.Acme, scope string) *holder {
	h := &holder{acme: a, key: dpoptest.NewES256(t)}
	claims := a.Authserver.Claims(acmetest.Alice, scope)
	claims["cnf"] = map[string]string{"jkt": h.key.Thumbprint()}
	h.token = a.Authserver.Token(claims)
	return h
}

// proof is one that is right but for what is changed.
func (h *holder) proof(method, path string, change func(claims map[string]any)) string {
	path, _, _ = strings.Cut(path, "?")
	claims := dpoptest.Claims(h.acme.Authserver.Clock.Now(), method, bearertest.Resource+path, h.nonce, h.token)
	if change != nil {
		change(claims)
	}
	return h.key.Proof(nil, claims)
}

func (h *holder) send(method, path, scheme, proof string) acmetest.Answer {
	header := map[string]string{"Authorization": scheme + " " + h.token}
	if proof != "" {
		header["DPoP"] = proof
	}
	answer := h.acme.Do(acmetest.Request{Method: method, Path: path, Header: header})
	if nonce := answer.Header.Get("DPoP-Nonce"); nonce != "" {
		h.nonce = nonce
	}
	return answer
}

func wantRefused(t *testing.T, answer acmetest.Answer, status int, scheme, code string) {
	t.Helper()
	challenge := answer.Header.Get("WWW-Authenticate")
	if p := isProblem(t, answer, status); p.Error != code || !strings.HasPrefix(challenge, scheme+" ") || !strings.Contains(challenge, `error="`+code+`"`) {
		t.Errorf("got %s %q, want %s %s", p.Error, challenge, scheme, code)
	}
}

// RFC 9449 §9: a client that knows nothing of nonces learns one in one round trip,
// and the next with every answer.
func TestAProofOpensWhatTheTokenIsFor(t *testing.T) {
	h := newHolder(t, acmetest.New(t), "profile packages:read")
	first := h.send("GET", "/api/v1/me", "DPoP", h.proof("GET", "/api/v1/me", nil))
	wantRefused(t, first, 401, "DPoP", dpop.UseNonce)
	if all := first.Header.Values("WWW-Authenticate"); len(all) != 2 || !strings.Contains(all[0], `algs="ES256 PS256 Ed25519 EdDSA"`) || !strings.HasPrefix(all[1], "Bearer ") {
		t.Errorf("challenges are %q", all)
	}
	for _, path := range []string{"/api/v1/me", "/api/v1/packages?limit=1", "/api/v1/packages/pk-silvretta"} {
		for _, scheme := range []string{"DPoP", "dpop", "DPOP"} { // RFC 9110 §11.1
			answer := h.send("GET", path, scheme, h.proof("GET", path, nil))
			if answer.Status != 200 || answer.Header.Get("DPoP-Nonce") == "" || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %d %s %v", scheme, path, answer.Status, answer.Body, answer.Header)
			}
		}
	}
	if answer := h.send("HEAD", "/api/v1/me", "DPoP", h.proof("HEAD", "/api/v1/me", nil)); answer.Status != 200 {
		t.Errorf("HEAD: %d", answer.Status)
	}
}

// RFC 9449 §7.1, §7.2: which refusal has which words.
func TestAProofIsRequired(t *testing.T) {
	a := acmetest.New(t)
	h := newHolder(t, a, "profile")
	const path = "/api/v1/me"
	h.send("GET", path, "DPoP", h.proof("GET", path, nil)) // for a nonce

	downgraded := h.send("GET", path, "Bearer", "")
	wantRefused(t, downgraded, 401, "DPoP", bearer.InvalidToken)
	for _, challenge := range downgraded.Header.Values("WWW-Authenticate") {
		if !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("one of the challenges is %q", challenge)
		}
	}
	wantRefused(t, h.send("GET", path, "Bearer", h.proof("GET", path, nil)), 401, "DPoP", bearer.InvalidToken)
	wantRefused(t, h.send("GET", path, "DPoP", ""), 401, "DPoP", dpop.InvalidProof)

	thief := newHolder(t, a, "profile")
	thief.nonce, thief.token = h.nonce, h.token
	wantRefused(t, thief.send("GET", path, "DPoP", thief.proof("GET", path, nil)), 401, "DPoP", bearer.InvalidToken)

	unbound := newHolder(t, a, "profile")
	unbound.nonce, unbound.token = h.nonce, a.Token(acmetest.Alice, "profile")
	wantRefused(t, unbound.send("GET", path, "DPoP", unbound.proof("GET", path, nil)), 401, "DPoP", bearer.InvalidToken)

	// The Host header is whatever a client writes.
	misled := h.proof("GET", path, func(claims map[string]any) { claims["htu"] = "http://evil.test" + path })
	answer := a.Do(acmetest.Request{Path: path, Host: "evil.test", Header: map[string]string{"Authorization": "DPoP " + h.token, "DPoP": misled}})
	wantRefused(t, answer, 401, "DPoP", dpop.InvalidProof)

	// A missing scope is told to whoever holds the key, and nobody else.
	wantRefused(t, h.send("GET", "/api/v1/me/posts", "DPoP", h.proof("GET", "/api/v1/me/posts", nil)), 403, "DPoP", bearer.InsufficientScope)
	wantRefused(t, h.send("GET", "/api/v1/me/posts", "DPoP", ""), 401, "DPoP", dpop.InvalidProof)
}

// RFC 9449 §11.1, through the whole program.
func TestAProofOpensOneOf32RequestsAtTheSameTime(t *testing.T) {
	h := newHolder(t, acmetest.New(t), "profile")
	h.nonce = h.acme.Get("/api/v1/me", "").Header.Get("DPoP-Nonce")
	proof := h.proof("GET", "/api/v1/me", nil)
	var served atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			answer := h.acme.Do(acmetest.Request{Path: "/api/v1/me", Header: map[string]string{"Authorization": "DPoP " + h.token, "DPoP": proof}})
			if answer.Status == http.StatusOK {
				served.Add(1)
			}
		})
	}
	all.Wait()
	if served.Load() != 1 {
		t.Errorf("%d of 32 were served", served.Load())
	}
}

// After a restart no proof of before is remembered, and none is needed: their
// nonces were the old process's.
func TestARestartForgetsNoncesToo(t *testing.T) {
	authserver, data := bearertest.New(t), t.TempDir()
	h := newHolder(t, acmetest.Start(t, authserver, data), "packages:read")
	const path = "/api/v1/packages"
	h.send("GET", path, "DPoP", h.proof("GET", path, nil))
	proof := h.proof("GET", path, nil)
	if answer := h.send("GET", path, "DPoP", proof); answer.Status != 200 {
		t.Fatalf("before: %d %s", answer.Status, answer.Body)
	}
	h.acme = acmetest.Start(t, authserver, t.TempDir())
	wantRefused(t, h.send("GET", path, "DPoP", proof), 401, "DPoP", dpop.UseNonce)
}
