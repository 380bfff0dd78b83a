package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server/acmetest"
	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// What the API costs beside its ceiling: an Echo handler that verifies the same
// token and answers a kilobyte.
func BenchmarkAPI(b *testing.B) {
	a := acmetest.New(b)
	var tokens []string
	for range 20_000 {
		tokens = append(tokens, a.Token(acmetest.Alice, "packages:read"))
	}
	if answer := a.Get("/api/v1/packages/pk-silvretta", tokens[0]); answer.Status != 200 {
		b.Fatalf("%d %s", answer.Status, answer.Body)
	}
	ceiling := echo.New()
	kilobyte := strings.Repeat("x", 1024)
	public := a.Authserver.Keys[0].Private.Public()
	ceiling.GET("/api/v1/packages/:id", func(c echo.Context) error {
		_, token, _ := strings.Cut(c.Request().Header.Get("Authorization"), " ")
		_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return public, nil },
			jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(bearertest.Resource), jwt.WithIssuer(a.Authserver.URL), jwt.WithTimeFunc(a.Authserver.Clock.Now))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, kilobyte)
	})
	for _, c := range []struct {
		name    string
		handler http.Handler
		tokens  []string
	}{
		{"one token", a.Server, tokens[:1]}, {"new tokens", a.Server, tokens}, {"ceiling", ceiling, tokens},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				r := httptest.NewRequest("GET", "/api/v1/packages/pk-silvretta", nil)
				r.Header.Set("Authorization", "Bearer "+c.tokens[i%len(c.tokens)])
				w := httptest.NewRecorder()
				c.handler.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// A proof is verified each time: it is good for one request.
func BenchmarkProof(b *testing.B) {
	a := acmetest.New(b)
	key := dpoptest.NewES256(b)
	claims := a.Authserver.Claims(acmetest.Alice, "packages:read")
	claims["cnf"] = map[string]string{"jkt": key.Thumbprint()}
	token := a.Authserver.Token(claims)
	const path = "/api/v1/packages/pk-silvretta"
	nonce := a.Get(path, "").Header.Get("DPoP-Nonce")
	proofs := make([]string, b.N)
	for i := range proofs {
		proofs[i] = key.Proof(nil, dpoptest.Claims(a.Authserver.Clock.Now(), "GET", bearertest.Resource+path, nonce, token))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", proofs[i])
		w := httptest.NewRecorder()
		a.Server.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}

// A person's data: each call is written down for her.
func BenchmarkPerson(b *testing.B) {
	a := acmetest.New(b)
	token := a.Token(acmetest.Alice, "preferences:read")
	b.ReportAllocs()
	for range b.N {
		r := httptest.NewRequest("GET", "/api/v1/me/preferences", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		a.Server.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}
