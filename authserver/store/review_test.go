package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// breakWrites makes every write to a table fail, as a full disk would.
func breakWrites(t *testing.T, s *Store, table string) {
	t.Helper()
	err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TRIGGER broken BEFORE INSERT ON "+table+" BEGIN SELECT RAISE(ABORT, 'broken'); END")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A replay whose revocation could not be stored must not pass for a refusal
// that is done with: nobody would learn that the tokens live on.
func TestAReplayThatCouldNotBeStoredIsAFailure(t *testing.T) {
	s := filled(t)
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g"), Silent{}); err != nil {
		t.Fatal(err)
	}
	if err := redeem(s, t.Context(), "c", "r0"); err != nil {
		t.Fatal(err)
	}
	if err := rotate(s, t.Context(), "r0", "r1", "web"); err != nil {
		t.Fatal(err)
	}
	breakWrites(t, s, "revocations")
	if err := redeem(s, t.Context(), "c", "r"); err == nil || errors.Is(err, errRefused) {
		t.Errorf("the code's replay: %v", err)
	}
	if err := rotate(s, t.Context(), "r0", "x", "web"); err == nil || errors.Is(err, errRefused) {
		t.Errorf("the refresh token's replay: %v", err)
	}
	if s.Revoked("", "g") {
		t.Error("known as revoked here, though it is not on disk")
	}
}

// A reader who was away so long that all it missed has expired waits like
// everybody else, and does not ask again and again.
func TestReadersWaitWhereAllTheyMissedHasExpired(t *testing.T) {
	s := filled(t)
	if err := s.RevokeAccessToken(t.Context(), "j1", start.Add(time.Minute), start); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context(), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan []Revocation, 1)
	go func() {
		news, _ := s.RevocationsAfter(ctx, 0, 10)
		heard <- news
	}()
	select {
	case news := <-heard:
		t.Fatalf("did not wait: %v", news)
	case <-time.After(50 * time.Millisecond):
	}
	if err := s.RevokeAccessToken(t.Context(), "j2", start.Add(time.Hour), start); err != nil {
		t.Fatal(err)
	}
	if news := <-heard; len(news) != 1 || news[0].JWTID != "j2" {
		t.Errorf("heard %v", news)
	}
}

// Whoever has a token can send it to /revoke all day: the feed that every
// resource server reads must not grow by it.
func TestATokenThatHasEndedIsNotRevokedAgain(t *testing.T) {
	s := filled(t)
	for range 3 {
		if err := s.RevokeAccessToken(t.Context(), "j", start.Add(time.Minute), start); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeAccessToken(t.Context(), "old", start, start); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.RevocationsAfter(t.Context(), 0, 10); err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// A permission that is taken back between the look at the consent and the code
// must not be in the code's grant.
func TestACodeRestsOnTheConsentThatWasRead(t *testing.T) {
	s := filled(t)
	both := oauth.Scope{"openid", "blog:read"}
	if err := approve(t, s, "q1", "g1", oauth.UntilRevoked, both, both, start); err != nil {
		t.Fatal(err)
	}
	read, err := s.Consent(t.Context(), "u_1", "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g2"), Silent{Consent: read}); err != nil {
		t.Fatal(err)
	}
	if err := approve(t, s, "q2", "g3", oauth.UntilRevoked, both, oauth.Scope{"openid"}, start.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.IssueAuthorizationCode(t.Context(), code("c2", "g4"), Silent{Consent: read}); !errors.Is(err, ErrConsentEnded) {
		t.Errorf("got %v, want ErrConsentEnded", err)
	}
}

// A request that waited for its person to sign in gives one code, however often
// its address is opened.
func TestARequestThatWaitedIsAnsweredOnce(t *testing.T) {
	s := filled(t)
	if err := s.StartInteraction(t.Context(), "i", Interaction{Request: "", CreatedAt: start, ExpiresAt: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g"), Silent{Interaction: "i"}); err != nil {
		t.Fatal(err)
	}
	if err := s.IssueAuthorizationCode(t.Context(), code("c2", "g2"), Silent{Interaction: "i"}); !errors.Is(err, ErrAnswered) {
		t.Errorf("got %v, want ErrAnswered", err)
	}
}
