package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"example.com/acme-dreams/internal/environment"
)

// RFC 9700 §4.3, RFC 6819 §5.1.4: what comes along in an error's words.
func TestALogLineHoldsNoSecret(t *testing.T) {
	const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"
	for _, format := range []string{"text", "json"} {
		env, err := environment.Parse(map[string]string{"LOG_FORMAT": format, "LOG_LEVEL": "debug"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log := Log("acme", env, &out)
		log.Info("asked "+jwt, "error", fmt.Errorf(`Get "http://a/callback?code=c0desecret&state=st4tesecret&x=1": %w`, errors.New("refused")))
		log.Debug("a header", "is", "Basic dXNlcjpwYXNzd29yZA==", "token", "t0kensecret", slog.Group("form", "password", "p4ssword", "scope", "openid"))
		log.Debug("a struct", "is", struct{ A string }{"Bearer abcdefghijkl"})
		for _, secret := range []string{jwt, "c0desecret", "st4tesecret", "dXNlcjpwYXNzd29yZA", "t0kensecret", "p4ssword", "abcdefghijkl"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %s is in %s", format, secret, out.String())
			}
		}
		for _, kept := range []string{"acme", "refused", "x=1", "openid", "/callback"} {
			if !strings.Contains(out.String(), kept) {
				t.Errorf("%s: %q is missing in %s", format, kept, out.String())
			}
		}
		if first, _, _ := strings.Cut(out.String(), "\n"); json.Valid([]byte(first)) != (format == "json") {
			t.Errorf("%s: %s", format, first)
		}
	}
}

func TestTheLogHasALevel(t *testing.T) {
	env, err := environment.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := Log("acme", env, &out)
	log.Debug("quiet")
	log.Info("loud")
	if strings.Contains(out.String(), "quiet") || !strings.Contains(out.String(), "loud") {
		t.Errorf("got %s", out.String())
	}
}
