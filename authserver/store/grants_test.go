package store

import (
	"errors"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
)

// A subject token that is revoked while it is being exchanged must not leave a
// child behind whom no revocation reaches: either revoking finds the child, or
// tying the child finds the revocation.
func TestWhoeverTiesATokenToOneThatWasRevokedIsTold(t *testing.T) {
	s := filled(t)
	end := start.Add(time.Hour)
	parent, child := token.AccessToken{JWTID: "parent", GrantID: "g"}, token.AccessToken{JWTID: "child", GrantID: "g"}
	if revoked, err := s.TieToken(t.Context(), parent, "child", end); revoked || err != nil {
		t.Fatal(revoked, err)
	}
	if err := s.RevokeAccessToken(t.Context(), "parent", end, start); err != nil {
		t.Fatal(err)
	}
	if !s.Revoked("child", "g") {
		t.Error("revoking does not reach the child")
	}
	for _, token := range []token.AccessToken{parent, child} {
		if revoked, err := s.TieToken(t.Context(), token, "late child of "+token.JWTID, end); !revoked || err != nil {
			t.Errorf("tied to %s: %t, %v", token.JWTID, revoked, err)
		}
	}
	// The same where the whole grant was revoked.
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g2"), Silent{}); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeGrant(t.Context(), "g2", start); err != nil {
		t.Fatal(err)
	}
	if revoked, err := s.TieToken(t.Context(), token.AccessToken{JWTID: "other", GrantID: "g2"}, "x", end); !revoked || err != nil {
		t.Errorf("tied to a token of a revoked grant: %t, %v", revoked, err)
	}
}

// Anybody may ask for device codes, so they are not kept for long; an assertion
// is kept until nobody can still be looking at it.
func TestPurgeOfWhatTheGrantsKeep(t *testing.T) {
	s := filled(t)
	if err := s.StartDevice(t.Context(), "dc", oauth.DeviceAuthorization{ClientID: "web", UserCode: "BCDFGHJK", CreatedAt: start, ExpiresAt: start}); err != nil {
		t.Fatal(err)
	}
	if err := s.SpendAssertion(t.Context(), "a", start); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after         time.Duration
		device, spent bool
	}{{30 * time.Second, true, true}, {2 * time.Hour, false, false}} {
		if err := s.Purge(t.Context(), start.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeviceByKey(t.Context(), hash("dc")); (err == nil) != step.device {
			t.Errorf("after %s the device: %v", step.after, err)
		}
		if err := s.SpendAssertion(t.Context(), "a", start); errors.Is(err, grant.ErrSpent) != step.spent {
			t.Errorf("after %s the assertion: %v", step.after, err)
		}
	}
}
