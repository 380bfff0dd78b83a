package flow

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

type proofClaims struct{ HTM, HTU, ATH, Nonce, JTI string }

// verified reads a proof as a server does that has never seen the key.
func verified(t *testing.T, proof string) (jose.Header, proofClaims) {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	header := parsed.Signatures[0].Protected
	payload, err := parsed.Verify(header.JSONWebKey)
	if err != nil {
		t.Fatal(err)
	}
	var claims proofClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return header, claims
}

func TestAProofIsForOneRequestAndShowsThePublicKeyAlone(t *testing.T) { // RFC 9449 §4.2
	d, err := NewDPoP(time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	address := httptest.NewRequest("POST", "https://as.test/token?a=b#c", nil).URL
	first, err := d.Proof("POST", address, "")
	if err != nil {
		t.Fatal(err)
	}
	header, claims := verified(t, first)
	if header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" || !header.JSONWebKey.IsPublic() {
		t.Errorf("header %+v", header)
	}
	if claims.HTM != "POST" || claims.HTU != "https://as.test/token" || claims.ATH != "" || claims.Nonce != "" {
		t.Errorf("claims %+v", claims)
	}
	second, err := d.Proof("POST", address, "at_1")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("at_1"))
	if _, again := verified(t, second); again.JTI == claims.JTI || again.ATH != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("claims %+v", again)
	}
}

// RFC 9449 §9: the nonce is the server's own, goes into the next proof, and a
// request is repeated once and no more.
func TestANonceIsKeptForTheServerThatGaveIt(t *testing.T) {
	var seen []proofClaims
	answer := func(nonce string, wants func(proofClaims) bool) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, claims := verified(t, r.Header.Get("DPoP"))
			seen = append(seen, claims)
			body, _ := io.ReadAll(r.Body)
			if r.Header.Get("Authorization") != "DPoP at_1" || string(body) != "body" {
				t.Errorf("%s %q", r.Header.Get("Authorization"), body)
			}
			w.Header().Set("DPoP-Nonce", nonce)
			if wants(claims) {
				w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
				w.WriteHeader(401)
			}
		}))
		t.Cleanup(server.Close)
		return server
	}
	polite := answer("n1", func(c proofClaims) bool { return c.Nonce != "n1" })
	never := answer("n2", func(proofClaims) bool { return true })
	d, err := NewDPoP(time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	send := func(address string) int {
		req, _ := http.NewRequest("PUT", address, strings.NewReader("body"))
		resp, err := d.Do(&http.Client{Transport: http.DefaultTransport}, req, "at_1")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := send(polite.URL); status != 200 || len(seen) != 2 || seen[0].Nonce != "" || seen[1].Nonce != "n1" || seen[0].JTI == seen[1].JTI {
		t.Errorf("%d %+v", status, seen)
	}
	if status := send(polite.URL); status != 200 || len(seen) != 3 {
		t.Errorf("%d, the nonce was asked for again: %+v", status, seen)
	}
	if status := send(never.URL); status != 401 || len(seen) != 5 || seen[3].Nonce != "" || seen[4].Nonce != "n2" {
		t.Errorf("%d %+v", status, seen)
	}
}
