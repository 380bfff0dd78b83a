package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/sqlite"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Settings{
		Path: path, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return start },
		AccessTokenTTL: time.Hour, Expand: func(s string) string { return s }, FeedID: "f",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filled returns a store with one person and one client.
func filled(t *testing.T) *Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	t.Cleanup(func() { _ = s.Close() })
	err := s.Fill(t.Context(), Seed{
		Users:   []NewUser{{User: oauth.User{Sub: "u_1", Username: "alice", Email: "alice@acme.test"}, PasswordHash: "x"}},
		Clients: []NewClient{{Client: oauth.Client{ID: "web", Since: start}}, {Client: oauth.Client{ID: "other", Since: start}}},
	}, start)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func code(value, grantID string) NewAuthorizationCode {
	return NewAuthorizationCode{
		Code: value, RedirectURI: "https://dreams.test/cb", ExpiresAt: start.Add(time.Minute),
		Grant: oauth.Grant{ID: grantID, ClientID: "web", Sub: "u_1", Scope: oauth.Scope{"openid", "blog:read"}, AuthTime: start, CreatedAt: start},
	}
}

var errRefused = errors.New("refused")

// redeem redeems a code as the grant does: a spent one is refused.
func redeem(s *Store, ctx context.Context, value, refresh string) error {
	return s.RedeemAuthorizationCode(ctx, value, start, func(c *oauth.AuthorizationCode, spent bool) (grant.NewRefreshToken, error) {
		if c == nil || spent {
			return grant.NewRefreshToken{}, errRefused
		}
		return grant.NewRefreshToken{Token: refresh, ExpiresAt: start.Add(time.Hour), IdleExpiresAt: start.Add(time.Hour)}, nil
	})
}

func rotate(s *Store, ctx context.Context, value, next, client string) error {
	return s.RotateRefreshToken(ctx, value, start, client, func(t *oauth.RefreshToken) (grant.NewRefreshToken, error) {
		if t == nil || t.Spent || !t.Grant.Live(start) || t.Grant.ClientID != client {
			return grant.NewRefreshToken{}, errRefused
		}
		return grant.NewRefreshToken{Token: next, ExpiresAt: t.ExpiresAt, IdleExpiresAt: start.Add(time.Hour)}, nil
	})
}

// RFC 6749 §4.1.2: one of many callers gets the code, and the others' attempts
// revoke what came of it.
func TestACodeIsSpentOnce(t *testing.T) {
	s := filled(t)
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g"), Silent{}); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			switch err := redeem(s, t.Context(), "c", "r"); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, errRefused):
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if won.Load() != 1 {
		t.Errorf("%d callers got the code", won.Load())
	}
	if !s.Revoked("", "g") {
		t.Error("the second use did not revoke the grant")
	}
	if err := rotate(s, t.Context(), "r", "r2", "web"); !errors.Is(err, errRefused) {
		t.Errorf("the refresh token of a replayed code still works: %v", err)
	}
}

// A refusal spends the code all the same.
func TestARefusedRedemptionSpendsTheCode(t *testing.T) {
	s := filled(t)
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g"), Silent{}); err != nil {
		t.Fatal(err)
	}
	err := s.RedeemAuthorizationCode(t.Context(), "c", start, func(*oauth.AuthorizationCode, bool) (grant.NewRefreshToken, error) {
		return grant.NewRefreshToken{}, errRefused
	})
	if !errors.Is(err, errRefused) || s.Revoked("", "g") {
		t.Fatalf("first refusal: %v", err)
	}
	if err := redeem(s, t.Context(), "c", "r"); !errors.Is(err, errRefused) {
		t.Errorf("the code works after a refused redemption: %v", err)
	}
}

// RFC 9700 §4.14.2: one of many callers rotates, and the family ends.
func TestARefreshTokenIsRotatedOnce(t *testing.T) {
	s := filled(t)
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g"), Silent{}); err != nil {
		t.Fatal(err)
	}
	if err := redeem(s, t.Context(), "c", "r0"); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			if rotate(s, t.Context(), "r0", "next"+string(rune('A'+i)), "web") == nil {
				won.Add(1)
			}
		})
	}
	callers.Wait()
	if won.Load() != 1 || !s.Revoked("", "g") {
		t.Errorf("%d callers rotated; family revoked: %v", won.Load(), s.Revoked("", "g"))
	}
}

// A client that presents somebody else's spent token must not end their grant.
func TestAStrangersReplayRevokesNothing(t *testing.T) {
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
	if err := rotate(s, t.Context(), "r0", "x", "other"); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	if s.Revoked("", "g") {
		t.Error("another client's replay revoked the grant")
	}
	if err := rotate(s, t.Context(), "r1", "r2", "web"); err != nil {
		t.Errorf("the grant's own client can no longer refresh: %v", err)
	}
}

// A revocation is known after a restart, and a reader of the feed that was away
// continues where it stopped.
func TestRevocationsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path)
	if err := s.RevokeAccessToken(t.Context(), "j1", start.Add(time.Hour), start); err != nil {
		t.Fatal(err)
	}
	first, err := s.RevocationsAfter(t.Context(), 0, 10)
	if err != nil || len(first) != 1 || first[0].JWTID != "j1" {
		t.Fatalf("%v, %v", first, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	if !s.Revoked("j1", "") {
		t.Error("forgotten by the restart")
	}
	if s.Revoked("j2", "") || s.Revoked("", "") {
		t.Error("what was not revoked is")
	}
	if err := s.RevokeAccessToken(t.Context(), "j2", start.Add(time.Hour), start); err != nil {
		t.Fatal(err)
	}
	rest, err := s.RevocationsAfter(t.Context(), first[0].Cursor, 10)
	if err != nil || len(rest) != 1 || rest[0].JWTID != "j2" {
		t.Errorf("continued with %v, %v", rest, err)
	}
}

// Cursors are never used again, even when everything has been forgotten.
func TestCursorsAreNotReused(t *testing.T) {
	s := filled(t)
	if err := s.RevokeAccessToken(t.Context(), "j1", start.Add(time.Minute), start); err != nil {
		t.Fatal(err)
	}
	first, _ := s.RevocationsAfter(t.Context(), 0, 10)
	if err := s.Purge(t.Context(), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if s.Revoked("j1", "") {
		t.Error("an expired entry was not forgotten")
	}
	if err := s.RevokeAccessToken(t.Context(), "j2", start.Add(time.Hour), start); err != nil {
		t.Fatal(err)
	}
	next, err := s.RevocationsAfter(t.Context(), first[0].Cursor, 10)
	if err != nil || len(next) != 1 || next[0].Cursor <= first[0].Cursor {
		t.Errorf("%v after %v: %v", next, first, err)
	}
}

// Whoever waits hears of a revocation when it happens.
func TestReadersWaitForNews(t *testing.T) {
	s := filled(t)
	heard := make(chan []Revocation)
	go func() {
		news, _ := s.RevocationsAfter(t.Context(), 0, 10)
		heard <- news
	}()
	if err := s.RevokeAccessToken(t.Context(), "j", start.Add(time.Hour), start); err != nil {
		t.Fatal(err)
	}
	select {
	case news := <-heard:
		if len(news) != 1 {
			t.Errorf("heard %v", news)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nobody told the reader")
	}
}

func approve(t *testing.T, s *Store, question, grantID string, d oauth.Duration, asked, allowed oauth.Scope, now time.Time) error {
	t.Helper()
	if err := s.StartInteraction(t.Context(), question, Interaction{CreatedAt: now, ExpiresAt: now.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	c := code("code of "+grantID, grantID)
	c.Grant.Scope = allowed
	return s.Approve(t.Context(), Approval{Interaction: question, Asked: asked, Allowed: allowed, Duration: d, ConsentID: "consent of " + grantID, Code: c}, now)
}

// A question is answered once, by whoever is first.
func TestAQuestionIsAnsweredOnce(t *testing.T) {
	s := filled(t)
	scope := oauth.Scope{"openid"}
	if err := approve(t, s, "q", "g", oauth.UntilRevoked, scope, scope, start); err != nil {
		t.Fatal(err)
	}
	c := code("c2", "g2")
	err := s.Approve(t.Context(), Approval{Interaction: "q", Asked: scope, Allowed: scope, Duration: oauth.Once, ConsentID: "k", Code: c}, start)
	if !errors.Is(err, ErrAnswered) {
		t.Errorf("answered twice: %v", err)
	}
	if err := redeem(s, t.Context(), "c2", ""); !errors.Is(err, errRefused) {
		t.Errorf("the second answer left a code: %v", err)
	}
}

// The last word counts: a permission that is taken back goes from the grants that
// have it, and the rest of them stays; so does one that was not asked about.
func TestTheLastWordCounts(t *testing.T) {
	s := filled(t)
	both := oauth.Scope{"openid", "blog:read"}
	if err := approve(t, s, "q1", "g1", oauth.UntilRevoked, both, both, start); err != nil {
		t.Fatal(err)
	}
	if err := approve(t, s, "q2", "g2", oauth.UntilRevoked, oauth.Scope{"openid", "email"}, oauth.Scope{"openid", "email"}, start); err != nil {
		t.Fatal(err)
	}
	if s.Revoked("", "g1") {
		t.Fatal("asking for something else took blog:read back")
	}
	if err := approve(t, s, "q3", "g3", oauth.UntilRevoked, both, oauth.Scope{"openid"}, start); err != nil {
		t.Fatal(err)
	}
	consent, err := s.Consent(t.Context(), "u_1", "web")
	if err != nil || consent.Scope.Has("blog:read") || !consent.Scope.Has("email") {
		t.Errorf("consent %+v, %v", consent, err)
	}
	carries := func(grantID, scope string) token.AccessToken {
		return token.AccessToken{GrantID: grantID, Scope: scope}
	}
	if !s.Ended(carries("g1", "openid blog:read")) || s.Ended(carries("g1", "openid")) || s.Ended(carries("g2", "openid email")) {
		t.Error("a token that carries blog:read goes on, or another one ends")
	}
}

// Ending a consent ends every grant that rests on it, and nothing comes of it
// afterwards without asking.
func TestEndConsent(t *testing.T) {
	s := filled(t)
	scope := oauth.Scope{"openid"}
	if err := approve(t, s, "q", "g", oauth.UntilRevoked, scope, scope, start); err != nil {
		t.Fatal(err)
	}
	consent, _ := s.Consent(t.Context(), "u_1", "web")
	if err := s.EndConsent(t.Context(), "u_1", "web", "removed", start); err != nil {
		t.Fatal(err)
	}
	if !s.Revoked("", "g") {
		t.Error("the grant lives on")
	}
	if err := s.IssueAuthorizationCode(t.Context(), code("c2", "g2"), Silent{Consent: consent}); !errors.Is(err, ErrConsentEnded) {
		t.Errorf("a code rests on an ended consent: %v", err)
	}
	if err := s.EndConsent(t.Context(), "u_1", "web", "removed", start); !errors.Is(err, ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
}

// Nothing that was given earlier outlives what was said last.
func TestAShorterConsentShortensItsGrants(t *testing.T) {
	s := filled(t)
	scope := oauth.Scope{"openid"}
	if err := approve(t, s, "q1", "g1", oauth.UntilRevoked, scope, scope, start); err != nil {
		t.Fatal(err)
	}
	if err := redeem(s, t.Context(), "code of g1", "r"); err != nil {
		t.Fatal(err)
	}
	if err := approve(t, s, "q2", "g2", oauth.Once, scope, scope, start); err != nil {
		t.Fatal(err)
	}
	token, err := s.RefreshToken(t.Context(), "r")
	if err != nil || token.Grant.ExpiresAt != oauth.Once.End(start) {
		t.Errorf("the earlier grant ends %v, %v", token.Grant.ExpiresAt, err)
	}
}

// Locking an account ends its sessions and grants, and no code comes of it.
func TestLockUser(t *testing.T) {
	s := filled(t)
	if err := s.IssueAuthorizationCode(t.Context(), code("c", "g"), Silent{}); err != nil {
		t.Fatal(err)
	}
	session := Session{User: oauth.User{Sub: "u_1"}, AuthTime: start, ExpiresAt: start.Add(time.Hour)}
	if err := s.StartSession(t.Context(), "cookie", "", session); err != nil {
		t.Fatal(err)
	}
	if err := s.LockUser(t.Context(), "u_1", start); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SessionByCookie(t.Context(), "cookie", start); !errors.Is(err, ErrNotFound) {
		t.Errorf("the session lives on: %v", err)
	}
	if !s.Revoked("", "g") {
		t.Error("the grant lives on")
	}
	if err := s.IssueAuthorizationCode(t.Context(), code("c2", "g2"), Silent{}); !errors.Is(err, ErrConsentEnded) {
		t.Errorf("a code for a locked account: %v", err)
	}
	if err := s.UnlockUser(t.Context(), "u_1"); err != nil {
		t.Fatal(err)
	}
	if !s.Revoked("", "g") {
		t.Error("unlocking brought a revoked grant back")
	}
}

// The log only grows.
func TestSecurityEventsStay(t *testing.T) {
	s := filled(t)
	s.Record(Event{At: start, Kind: "signed in", Sub: "u_1", Detail: "first"})
	s.Record(Event{At: start, Kind: "signed in", Sub: "u_2"})
	events, err := s.Events(t.Context(), "u_1", 10)
	if err != nil || len(events) != 1 || events[0].Detail != "first" {
		t.Fatalf("%v, %v", events, err)
	}
	for _, statement := range []string{"DELETE FROM security_events", "UPDATE security_events SET detail = ''"} {
		err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if err == nil {
			t.Errorf("%s was possible", statement)
		}
	}
}

// What is archived goes, in the words of the archive and no others, and the log
// says so; then it only grows again.
func TestSecurityEventsLeaveByAnArchive(t *testing.T) {
	s := filled(t)
	const many = archiveStep + 500
	for i := range many {
		s.Record(Event{At: start.Add(time.Duration(i) * time.Second), Kind: "signed in", Sub: "u_1", Detail: "<first> & \"last\"\n"})
		if i%1000 == 0 {
			s.events.flush()
		}
	}
	s.events.flush()
	var archive, all bytes.Buffer
	if err := errors.Join(s.WriteSecurityLog(t.Context(), &archive, 1, start.Add((many-1)*time.Second)), s.WriteSecurityLog(t.Context(), &all, 0, start.Add(time.Hour*24))); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(archive.Bytes(), []byte("\n")); lines != many-2 || bytes.Count(all.Bytes(), []byte("\n")) != many {
		t.Fatalf("%d lines in the archive", lines)
	}
	for what, other := range map[string]string{
		"a changed line": strings.Replace(archive.String(), "u_1", "u_2", 1), "no line": "hello\n", "half a line": archive.String()[:20], "no id": `{"kind":"signed in"}` + "\n",
	} {
		if n, err := s.ForgetArchived(t.Context(), strings.NewReader(other), start); n != 0 || !errors.Is(err, ErrNotTheLog) {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	for i, want := range []int{many - 2, 0} { // the second time nothing is left to do
		if n, err := s.ForgetArchived(t.Context(), bytes.NewReader(archive.Bytes()), start); n != want || err != nil {
			t.Errorf("time %d: %d, %v", i+1, n, err)
		}
	}
	events, err := s.Events(t.Context(), "", 10)
	if err != nil || len(events) != 4 || events[0].Kind != "security log archived" || events[1].Kind != events[0].Kind ||
		!strings.HasPrefix(events[1].Detail, fmt.Sprintf("%d entries, 2 to %d, SHA-256 ", archiveStep, archiveStep+1)) {
		t.Errorf("%v, %v", events, err)
	}
	if err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM security_events")
		return err
	}); err == nil {
		t.Error("the log does not keep its entries any more")
	}
}

func TestSessionsEndByThemselves(t *testing.T) {
	s := filled(t)
	session := Session{User: oauth.User{Sub: "u_1"}, AuthTime: start, ExpiresAt: start.Add(time.Hour)}
	if err := s.StartSession(t.Context(), "new", "old", session); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SessionByCookie(t.Context(), "new", start.Add(time.Hour-time.Millisecond)); err != nil {
		t.Error(err)
	}
	if _, err := s.SessionByCookie(t.Context(), "new", start.Add(time.Hour)); !errors.Is(err, ErrNotFound) {
		t.Errorf("an expired session: %v", err)
	}
}
