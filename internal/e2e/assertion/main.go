// Command assertion signs a JWT as RFC 7523 §3 wants it, for the walkthroughs:
// a shell has no good way to do it.
//
//	go run ./internal/e2e/assertion -key seed/keys/dreams-batch-es256.jwk -iss dreams-batch -sub u_… -aud http://localhost:9000
package main

import (
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	file := flag.String("key", "", "file with the private key, a JWK with alg and kid")
	issuer := flag.String("iss", "", "who signs: the client_id")
	subject := flag.String("sub", "", "whom it is about")
	audience := flag.String("aud", "", "the authorization server's issuer")
	lives := flag.Duration("lives", time.Minute, "until exp")
	flag.Parse()
	encoded, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(encoded, &key); err != nil {
		return fmt.Errorf("%s: %w", *file, err)
	}
	method := jwt.GetSigningMethod(key.Algorithm)
	if method == nil {
		return fmt.Errorf("%s: alg %q is not known", *file, key.Algorithm)
	}
	now := time.Now()
	token := jwt.NewWithClaims(method, jwt.MapClaims{
		"iss": *issuer, "sub": *subject, "aud": *audience, "iat": now.Unix(), "exp": now.Add(*lives).Unix(), "jti": rand.Text(),
	})
	token.Header["kid"] = key.KeyID
	compact, err := token.SignedString(key.Key)
	if err == nil {
		fmt.Println(compact)
	}
	return err
}
