package e2e

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// Holder is a client that holds a key and proves it, RFC 9449. As a library does
// it keeps the nonce that a server gave last, and tries again when it is told
// that another is wanted.
type Holder struct {
	Key dpoptest.Key
	// Change makes the next proofs wrong, or unusual.
	Change func(header, claims map[string]any)

	w      *World
	nonces map[string]string // by origin
}

// Holder makes one with a key of its own.
func (w *World) Holder(t testing.TB) *Holder {
	t.Helper()
	return &Holder{Key: dpoptest.NewES256(t), w: w, nonces: map[string]string{}}
}

// Proof is for one request; with an access token where that goes along.
func (h *Holder) Proof(method, address, accessToken string) string {
	address, _, _ = strings.Cut(address, "?")
	claims := dpoptest.Claims(h.w.Clock.Now(), method, address, h.nonces[originOf(address)], accessToken)
	header := map[string]any{}
	if h.Change != nil {
		h.Change(header, claims)
	}
	return h.Key.Proof(header, claims)
}

// Do sends a request with a proof, and again where its nonce was not good.
func (h *Holder) Do(t testing.TB, method, address, accessToken string, header http.Header, body string) Response {
	t.Helper()
	all := maps.Clone(header)
	if all == nil {
		all = http.Header{}
	}
	if accessToken != "" {
		all.Set("Authorization", "DPoP "+accessToken)
	}
	for retry := false; ; retry = true {
		all.Set("DPoP", h.Proof(method, address, accessToken))
		answer := h.w.Do(t, method, address, all, body)
		h.learn(address, answer)
		if retry || !strings.HasSuffix(answer.Refusal(), " use_dpop_nonce") {
			return answer
		}
	}
}

func (h *Holder) learn(address string, answer Response) {
	if nonce := answer.Header.Get("DPoP-Nonce"); nonce != "" {
		h.nonces[originOf(address)] = nonce
	}
}

// Post sends a form.
func (h *Holder) Post(t testing.TB, address string, header http.Header, form url.Values) Response {
	t.Helper()
	all := header.Clone()
	if all == nil {
		all = http.Header{}
	}
	all.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.Do(t, http.MethodPost, address, "", all, form.Encode())
}

// Token asks the token endpoint.
func (h *Holder) Token(t testing.TB, header http.Header, form url.Values) Response {
	t.Helper()
	return h.Post(t, h.w.Auth+"/token", header, form)
}

// API calls Acme's API with a token that is bound to the key.
func (h *Holder) API(t testing.TB, method, path, accessToken string) Response {
	t.Helper()
	return h.Do(t, method, h.w.Acme+"/api/v1"+path, accessToken, nil, "")
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
