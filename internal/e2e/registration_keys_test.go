package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// signer is a client that registered itself with one key.
type signer struct {
	w       *World
	id, kid string
	key     dpoptest.Key
}

func (w *World) signer(t testing.TB, key dpoptest.Key, keyAlgorithm string, changes map[string]any) *signer {
	t.Helper()
	s := &signer{w: w, kid: rand.Text(), key: key}
	metadata := map[string]any{
		"client_name": "Signer", "grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "private_key_jwt",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Private.Public(), KeyID: s.kid, Algorithm: keyAlgorithm}}},
	}
	for name, value := range changes {
		metadata[name] = value
	}
	s.id = w.registeredClient(t, metadata).String("client_id")
	return s
}

// ask asks for a token with an assertion in some algorithm.
func (s *signer) ask(t testing.TB, algorithm string, secret any) Response {
	t.Helper()
	return s.w.Token(t, nil, With(s.assertion(t, algorithm, secret), url.Values{"grant_type": {"client_credentials"}}))
}

func (s *signer) assertion(t testing.TB, algorithm string, secret any) url.Values {
	t.Helper()
	now := s.w.Clock.Now()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), jwt.MapClaims{
		"iss": s.id, "sub": s.id, "aud": s.w.Auth, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	token.Header["kid"] = s.kid
	compact, err := token.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"client_id": {s.id}, "client_assertion_type": {assertionType}, "client_assertion": {compact}}
}

// RFC 8414 §2: a client signs with what the discovery document lists, at each of
// the three endpoints, and with nothing else. The key says what it is for.
func TestAssertionAlgorithmsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	var promised map[string]any
	if err := json.Unmarshal([]byte(w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").Body), &promised); err != nil {
		t.Fatal(err)
	}
	rsaKey, edwards := dpoptest.NewRSA(t, "RS256", 2048), dpoptest.NewEd25519(t)
	keys := map[string]dpoptest.Key{"ES256": dpoptest.NewES256(t), "RS256": rsaKey, "PS256": rsaKey, "Ed25519": edwards, "EdDSA": edwards}
	for endpoint, path := range map[string]string{"token": "/token", "revocation": "/revoke", "introspection": "/introspect"} {
		listed := fmt.Sprint(promised[endpoint+"_endpoint_auth_signing_alg_values_supported"])
		for algorithm, key := range keys {
			if !slices.Contains(strings.Fields(strings.Trim(listed, "[]")), algorithm) || len(strings.Fields(listed)) != len(keys) {
				t.Errorf("%s: %s is used here, %s is listed", endpoint, algorithm, listed)
			}
			s := w.signer(t, key, algorithm, nil)
			form := With(s.assertion(t, algorithm, key.Private), url.Values{"grant_type": {"client_credentials"}, "token": {"x"}})
			if answer := w.Post(t, w.Auth+path, nil, form); answer.Status != http.StatusOK {
				t.Errorf("%s by %s: %d %s", path, algorithm, answer.Status, answer.Body)
			}
		}
	}
	// A key without alg is for what fits it; one with alg for that alone, and so is
	// one whose client registered an algorithm.
	if free := w.signer(t, rsaKey, "", nil); free.ask(t, "RS256", rsaKey.Private).Status != http.StatusOK || free.ask(t, "PS256", rsaKey.Private).Status != http.StatusOK {
		t.Error("an RSA key without alg")
	}
	wantRefusal(t, w.signer(t, rsaKey, "PS256", nil).ask(t, "RS256", rsaKey.Private), "401 invalid_client", "a key for PS256")
	wantRefusal(t, w.signer(t, rsaKey, "", map[string]any{"token_endpoint_auth_signing_alg": "PS256"}).ask(t, "RS256", rsaKey.Private), "401 invalid_client", "a client for PS256")
	// RFC 9864 §2.2: a new name for the same.
	if s := w.signer(t, edwards, "EdDSA", map[string]any{"token_endpoint_auth_signing_alg": "EdDSA"}); s.ask(t, "Ed25519", edwards.Private).Status != http.StatusOK {
		t.Error("a client for EdDSA that calls it Ed25519")
	}
	s := w.signer(t, rsaKey, "", nil)
	for _, algorithm := range []string{"RS384", "RS512", "PS512"} {
		wantRefusal(t, s.ask(t, algorithm, rsaKey.Private), "401 invalid_client", algorithm)
	}
	wantRefusal(t, s.ask(t, "none", jwt.UnsafeAllowNoneSignatureType), "401 invalid_client", "none")
	public, err := json.Marshal(rsaKey.JWK(false))
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, s.ask(t, "HS256", public), "401 invalid_client", "HS256 with the public key")
}

// RFC 7591 §3.2.1: a client that was told that it is registered is registered,
// and one that was told that it is gone stays gone.
func killedDuringRegistrations(t *testing.T, p *processes) {
	authserver := p.start(t, "authserver")
	for range 2 {
		var mu sync.Mutex
		there, gone := map[string]Response{}, map[string]Response{}
		var told atomic.Int32
		var working sync.WaitGroup
		for range 4 {
			working.Go(func() {
				for i := 0; ; i++ {
					client, err := p.attemptJSON(http.MethodPost, p.Auth+"/register", nil, diary(nil))
					if err != nil || client.Status != http.StatusCreated {
						return
					}
					id := client.String("client_id")
					mu.Lock()
					there[id] = client
					mu.Unlock()
					if i%2 == 1 {
						mu.Lock()
						delete(there, id) // in doubt until it is answered
						mu.Unlock()
						answer, err := p.attempt(http.MethodDelete, p.Auth+"/register/"+id, Bearer(client.String("registration_access_token")), nil)
						if err != nil || answer.Status != http.StatusNoContent {
							return
						}
						mu.Lock()
						gone[id] = client
						mu.Unlock()
					}
					told.Add(1)
				}
			})
		}
		waitFor(t, 10*time.Second, "clients register", func() bool { return told.Load() >= 20 })
		time.Sleep(time.Duration(mathrand.IntN(50000)) * time.Microsecond)
		authserver.kill()
		working.Wait()
		authserver = p.start(t, "authserver")
		for want, clients := range map[int]map[string]Response{http.StatusOK: there, http.StatusUnauthorized: gone} {
			for id, client := range clients {
				read := p.Do(t, http.MethodGet, p.Auth+"/register/"+id, Bearer(client.String("registration_access_token")), "")
				if read.Status != want {
					t.Errorf("%s: %d %s, want %d", id, read.Status, read.Body, want)
				}
			}
		}
	}
}

// attemptJSON sends JSON to somebody who may not be there.
func (w *World) attemptJSON(method, address string, header http.Header, body any) (Response, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return Response{}, err
	}
	req, err := http.NewRequest(method, address, bytes.NewReader(encoded))
	if err != nil {
		return Response{}, err
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.Client.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return Response{resp.StatusCode, resp.Header, string(content)}, err
}
