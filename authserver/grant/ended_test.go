package grant

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// ending is a store in which the consent ends, or the account is locked, between
// the look at it and the grant.
type ending struct{}

func (ending) StoreGrant(context.Context, oauth.Grant, *oauth.Consent, NewRefreshToken) error {
	return ErrConsentEnded
}

func (ending) AuthenticatePerson(context.Context, string, string, string) (oauth.User, error) {
	return oauth.User{Sub: "u_1"}, nil
}

func (ending) PersonWithConsent(context.Context, string, string) (oauth.User, *oauth.Consent, error) {
	return oauth.User{Sub: "u_1"}, &oauth.Consent{ID: "c", Scope: oauth.Scope{"profile"}}, nil
}

func (ending) SpendAssertion(context.Context, string, time.Time) error { return nil }

func (ending) ClientKeys(_ context.Context, client *oauth.Client, _ string) ([]oauth.PublicKey, error) {
	return client.Keys, nil
}

// Whoever asks at the moment at which it ends is refused; nothing is broken.
func TestWhatEndsAtThisMomentIsARefusal(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := &oauth.Client{
		ID: "app", FirstParty: true, Scope: oauth.Scope{"profile"},
		Keys: []oauth.PublicKey{{Algorithm: "ES256", Key: key.Public()}},
	}
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": "app", "sub": "u_1", "aud": "https://as.test", "exp": time.Now().Add(time.Minute).Unix(), "jti": "1",
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	dice := Environment{Now: time.Now, Checks: check.Runner{}}
	for name, grant := range map[string]Type{
		"password":   Password{Environment: dice, People: ending{}, Grants: ending{}},
		"JWT bearer": JWTBearer{Environment: dice, Issuer: "https://as.test", Clients: func(string) *oauth.Client { return client }, Keys: ending{}, People: ending{}, Spent: ending{}, Grants: ending{}},
	} {
		_, err := grant.Authorize(t.Context(), client, oauth.TokenRequest{
			Username: "alice", Password: "x", Assertion: assertion, Scope: oauth.Scope{"profile"},
		})
		var refusal *oauth.Error
		if !errors.As(err, &refusal) || refusal.Code != oauth.InvalidGrant {
			t.Errorf("%s: %v, want invalid_grant", name, err)
		}
	}
}
