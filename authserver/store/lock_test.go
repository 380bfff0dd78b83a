package store

import (
	"errors"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/oauth"
)

// An operator locks the account while its person looks at the consent page:
// whoever sends the form a moment later gets no code by it.
func TestALockedAccountApprovesNothing(t *testing.T) {
	s := filled(t)
	if err := s.StartInteraction(t.Context(), "i", Interaction{Request: "client_id=web", CreatedAt: start, ExpiresAt: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := s.LockUser(t.Context(), "u_1", start); err != nil {
		t.Fatal(err)
	}
	approval := Approval{
		Interaction: "i", Asked: oauth.Scope{"openid"}, Allowed: oauth.Scope{"openid"}, Duration: oauth.UntilRevoked,
		ConsentID: "c_1", Code: code("c", "g"),
	}
	if err := s.Approve(t.Context(), approval, start); !errors.Is(err, ErrConsentEnded) {
		t.Errorf("got %v, want ErrConsentEnded", err)
	}
	if err := redeem(s, t.Context(), "c", ""); err == nil {
		t.Error("there is a code")
	}
	if err := s.UnlockUser(t.Context(), "u_1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Approve(t.Context(), approval, start); err != nil {
		t.Errorf("the question was used up: %v", err)
	}
}
