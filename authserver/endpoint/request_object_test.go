package endpoint

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/environment"
)

// ownKeys are the keys that stand in a client's entry.
type ownKeys struct{}

func (ownKeys) ClientKeys(_ context.Context, client *oauth.Client, _ string) ([]oauth.PublicKey, error) {
	return client.Keys, nil
}

// RFC 9101 §4: what JSON says is what the query would have said.
func TestWhatARequestObjectAsks(t *testing.T) {
	for value, want := range map[string][]string{
		`"openid profile"`: {"openid profile"}, `86400`: {"86400"}, `true`: {"true"}, `null`: nil, `""`: {""},
		`{"userinfo": {"name": null}}`: {`{"userinfo":{"name":null}}`}, `["a", "b"]`: {`["a","b"]`},
	} {
		if got := parameterValues("scope", []byte(value)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %q, want %q", value, got, want)
		}
	}
	if got := parameterValues("resource", []byte(`["https://a.test", "https://b.test"]`)); len(got) != 2 {
		t.Errorf("resources are %q", got)
	}
}

// Whatever a stranger makes of a request object, it asks what the client signed or
// is refused in the words of RFC 9101 §7.
func FuzzRequestObject(f *testing.F) {
	env, err := environment.Parse(nil)
	if err != nil {
		f.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	e := &Endpoints{Env: env, Now: func() time.Time { return now }, ClientKeys: ownKeys{}}
	client := &oauth.Client{ID: "web", Keys: []oauth.PublicKey{{Algorithm: "ES256", Key: key.Public()}}}
	good, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": "web", "aud": e.issuer(), "client_id": "web", "scope": "openid", "exp": now.Add(time.Minute).Unix(),
	}).SignedString(key)
	if err != nil {
		f.Fatal(err)
	}
	if asked, err := e.openRequestObject(f.Context(), client, good); err != nil || asked.Get("scope") != "openid" || asked.Get("aud") != "" {
		f.Fatalf("%v, %v", asked, err)
	}
	for _, seed := range []string{"", ".", "..", "e30.e30.", "e30.e30.e30.e30.e30", "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJ3ZWIifQ.", good + "A", good[:len(good)-1]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, compact string) {
		asked, err := e.openRequestObject(t.Context(), client, compact)
		if err == nil && asked.Get("scope") == "openid" && len(asked) == 2 {
			return
		}
		var refusal *oauth.Error
		if !errors.As(err, &refusal) || refusal.Code != oauth.InvalidRequestObject {
			t.Errorf("%q: %v", compact, err)
		}
	})
}
