package jwks

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/outbound"
)

func jwk(t testing.TB, key any, id, algorithm, use string) string {
	t.Helper()
	encoded, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm, Use: use})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func ec(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// RFC 7517 §5: what is not understood is left out; what nobody may know is refused.
func TestWhatIsReadOfASet(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256 := ec(t)
	for _, tt := range []struct{ what, key, want string }{
		{"EC without alg", jwk(t, p256.Public(), "a", "", "sig"), "ES256"},
		{"RSA without alg", jwk(t, rsaKey.Public(), "a", "", ""), "RS256 PS256"},
		{"RSA with alg", jwk(t, rsaKey.Public(), "a", "PS256", ""), "PS256"},
		{"Ed25519", jwk(t, edwards, "a", "", ""), "Ed25519 EdDSA"},
		{"Ed25519 by its old name", jwk(t, edwards, "a", "EdDSA", ""), "Ed25519 EdDSA"},
		{"an alg that does not fit", jwk(t, p256.Public(), "a", "RS256", ""), ""},
		{"an alg that we don't know", jwk(t, rsaKey.Public(), "a", "RS512", ""), ""},
		{"a curve that we don't know", jwk(t, p384.Public(), "a", "", ""), ""},
		{"for encryption", jwk(t, rsaKey.Public(), "a", "", "enc"), ""},
		{"a type of the future", `{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, ""},
		{"a weak key", `{"kty":"RSA","n":"AQAB","e":"AQAB"}`, ""},
	} {
		keys, err := Parse([]byte(`{"keys":[` + tt.key + `]}`))
		var got []string
		for _, key := range keys {
			got = append(got, key.Algorithm)
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, %v; want %q", tt.what, got, err, tt.want)
		}
	}
	many := strings.TrimSuffix(strings.Repeat(jwk(t, p256.Public(), "a", "", "")+",", maxKeys+1), ",")
	for what, document := range map[string]string{
		"private EC": `{"keys":[` + jwk(t, p256, "a", "", "") + `]}`, "private RSA": `{"keys":[` + jwk(t, rsaKey, "a", "", "") + `]}`,
		"symmetric": `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, "a private member of a type unknown": `{"keys":[{"kty":"AKP","d":"AA"}]}`,
		"too many": `{"keys":[` + many + `]}`, "no set": `{}`, "no object": `[]`, "no JSON": `<html>`, "keys that are none": `{"keys":["a"]}`,
	} {
		if _, err := Parse([]byte(document)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// published is a client's server, whose keys and whose mood can change.
type published struct {
	*httptest.Server
	asked atomic.Int32
	set   atomic.Value // string
}

func publish(t *testing.T, set string) *published {
	p := &published{}
	p.set.Store(set)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		answer := p.set.Load().(string)
		if answer == "" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(p.Close)
	return p
}

func TestKeysBehindAURI(t *testing.T) {
	set := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, jwk(t, ec(t).Public(), id, "", ""))
		}
		return `{"keys":[` + strings.Join(all, ",") + `]}`
	}
	server := publish(t, set("one"))
	client := &oauth.Client{ID: "c", JWKSURI: server.URL}
	var ahead atomic.Int64
	now := time.Now()
	keys := NewKeys(outbound.Client(true), func() time.Time { return now.Add(time.Duration(ahead.Load())) }, slog.New(slog.DiscardHandler))
	want := func(kid string, count int, asked int32) {
		t.Helper()
		got, err := keys.ClientKeys(t.Context(), client, kid)
		if err != nil || len(got) != count || server.asked.Load() != asked {
			t.Errorf("kid %q: %d keys after %d requests (%v), want %d after %d", kid, len(got), server.asked.Load(), err, count, asked)
		}
	}
	var everybody sync.WaitGroup
	for range 20 {
		everybody.Go(func() { _, _ = keys.ClientKeys(context.Background(), client, "one") })
	}
	everybody.Wait()
	want("one", 1, 1) // all waited for the same answer
	server.set.Store(set("one", "two"))
	want("two", 2, 2) // the client rotated
	want("one", 2, 2)
	want("invented", 2, 3)
	want("invented", 2, 3) // too soon
	ahead.Add(int64(3 * refetchAfter))
	want("invented", 2, 4)
	server.set.Store("") // a redirect: not followed, and what we have stays for a while
	ahead.Add(int64(refreshAfter))
	want("one", 2, 5)
	ahead.Add(int64(refetchAfter))
	want("invented", 2, 5) // it has just failed: twice the pause
	ahead.Add(int64(refetchAfter))
	want("invented", 2, 6)
	ahead.Add(int64(keepFor))
	if got, err := keys.ClientKeys(t.Context(), client, "one"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%d keys of a server that has been silent for an hour: %v", len(got), err)
	}
}

func TestWhatIsKnownIsBounded(t *testing.T) {
	keys := NewKeys(outbound.Client(true), time.Now, slog.New(slog.DiscardHandler))
	for i := range maxSets + 10 {
		keys.set(fmt.Sprint(i))
	}
	if len(keys.sets) != maxSets {
		t.Errorf("%d sets are kept", len(keys.sets))
	}
}

// Whatever a person pastes is a set of public keys, or an error.
func FuzzRead(f *testing.F) {
	for _, pasted := range []string{`{"keys":[]}`, jwk(f, ec(f).Public(), "a", "ES256", "sig"), "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----", "-----BEGIN", "{}", "[]", "null"} {
		f.Add([]byte(pasted))
	}
	f.Fuzz(func(t *testing.T, pasted []byte) {
		set, err := Read(pasted)
		if err != nil {
			return
		}
		keys, err := Parse(set)
		for _, key := range keys {
			if err != nil || key.Key == nil || !slices.Contains(Algorithms, key.Algorithm) {
				t.Fatalf("%+v, %v", key, err)
			}
		}
	})
}

// Whatever a stranger publishes is keys of ours or an error.
func FuzzParse(f *testing.F) {
	for _, document := range []string{`{"keys":[]}`, `{"keys":[` + jwk(f, ec(f).Public(), "a", "ES256", "sig") + `]}`, `{"keys":[{"kty":"RSA","n":"","e":""}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"keys":{}}`} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := Parse(document)
		for _, key := range keys {
			if err != nil || key.Key == nil || !slices.Contains(Algorithms, key.Algorithm) {
				t.Fatalf("%+v, %v", key, err)
			}
		}
	})
}
