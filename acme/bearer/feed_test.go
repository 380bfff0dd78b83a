package bearer_test

import (
	"errors"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/internal/check"
)

func unavailable(err error) bool {
	var u *bearer.Unavailable
	return errors.As(err, &u)
}

func TestARevocationIsEffectiveWithinTwoSeconds(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	ofGrant, single := a.Claims(alice, public), a.Claims(alice, public)
	ofGrant["grant_id"], single["grant_id"], single["jti"] = "g_revoked", "g_lives", "t_revoked"
	sibling := a.Claims(alice, public)
	sibling["grant_id"] = "g_lives"
	for _, claims := range []map[string]any{ofGrant, single, sibling} {
		if err := present(v, a.Token(claims), public); err != nil {
			t.Fatal(err)
		}
	}
	a.Revoke("g_revoked", "")
	eventually(t, "a token of the grant is refused", func() bool { return present(v, a.Token(ofGrant), public) != nil })
	a.Revoke("", "t_revoked")
	eventually(t, "the one token is refused", func() bool { return present(v, a.Token(single), public) != nil })
	if err := present(v, a.Token(sibling), public); err != nil {
		t.Errorf("its sibling: %v", err)
	}
}

// Our policy: public data is served without news of revocations, private data
// is not.
func TestPrivateDataIsRefusedWhileRevocationsAreNotKnown(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	lax := resourceServer(t, a, &memory{}, check.Runner{Omit: "revocations are known, for private data"})
	token := a.Token(a.Claims(alice, public+" "+private))
	for _, v := range []*bearer.Verifier{v, lax} {
		if err := present(v, token, private); err != nil {
			t.Fatal(err)
		}
	}
	a.Do(func() { a.Down = true })
	a.Clock.Advance(30 * time.Second)
	if err := present(v, token, private); err != nil {
		t.Errorf("after 30 s: %v", err)
	}
	a.Clock.Advance(time.Second)
	if err := present(v, token, private); !unavailable(err) {
		t.Errorf("after 31 s: %v", err)
	}
	if err := present(v, token, public); err != nil {
		t.Errorf("public data after 31 s: %v", err)
	}
	if err := present(lax, token, private); err != nil {
		t.Errorf("without the check: %v", err)
	}
	a.Do(func() { a.Down = false })
	eventually(t, "private data is served again", func() bool { return present(v, token, private) == nil })
}

// A computer that slept has an old answer and a question that nobody will
// answer: the first request asks again instead of being refused.
func TestTheFirstRequestAfterALongPauseCatchesUp(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	token := a.Token(a.Claims(alice, private))
	if err := present(v, token, private); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the poll that waits", func() bool { _, polled := a.Counts(); return polled >= 2 })
	a.Clock.Advance(10 * time.Minute)
	start := time.Now()
	if err := present(v, token, private); err != nil {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestARestartForgetsNoRevocation(t *testing.T) {
	a := bearertest.New(t)
	kept := &memory{}
	v := resourceServer(t, a, kept, check.Runner{})
	token := a.Token(a.Claims(alice, public))
	if err := present(v, token, public); err != nil {
		t.Fatal(err)
	}
	a.Revoke("g_1", "")
	eventually(t, "it is written down", func() bool { p, _, _ := kept.LoadRevocations(t.Context()); return p.Cursor == 1 })
	a.Do(func() { a.Revocations = nil }) // the feed would not tell again
	restarted := resourceServer(t, a, kept, check.Runner{})
	refused(t, present(restarted, token, public), bearer.InvalidToken)
}

func TestARevocationDuringADowntimeOfOursIsNotMissed(t *testing.T) {
	a := bearertest.New(t)
	a.Revoke("g_0", "")
	kept := &memory{position: bearer.Position{Feed: a.FeedID, Cursor: 1}}
	a.Revoke("g_1", "")
	v := resourceServer(t, a, kept, check.Runner{})
	refused(t, present(v, a.Token(a.Claims(alice, private)), private), bearer.InvalidToken)
}

// An authorization server that was restored from a backup has forgotten what it
// revoked since, and counts on from where the backup was: what is known here
// stays known, and nothing of the new feed is missed.
func TestAnotherFeedIsReadFromTheStartAndUndoesNoRevocation(t *testing.T) {
	a := bearertest.New(t)
	kept := &memory{}
	v := resourceServer(t, a, kept, check.Runner{})
	a.Revoke("g_1", "")
	a.Revoke("g_2", "")
	old := a.Token(a.Claims(alice, public))
	eventually(t, "the old revocation", func() bool { return present(v, old, public) != nil })
	a.Do(func() { a.FeedID, a.Revocations = "f_2", nil })
	a.Revoke("g_new", "")
	claims := a.Claims(alice, public)
	claims["grant_id"] = "g_new"
	eventually(t, "the new revocation", func() bool { return present(v, a.Token(claims), public) != nil })
	refused(t, present(v, old, public), bearer.InvalidToken)
	eventually(t, "the new position", func() bool {
		p, all, _ := kept.LoadRevocations(t.Context())
		return p == bearer.Position{Feed: "f_2", Cursor: 1} && len(all) == 3
	})
}

// A full disk must not open what is closed, nor lose the news for good.
func TestARevocationCountsEvenIfItCanNotBeWrittenDown(t *testing.T) {
	a := bearertest.New(t)
	kept := &memory{}
	v := resourceServer(t, a, kept, check.Runner{})
	eventually(t, "the first position", func() bool { p, _, _ := kept.LoadRevocations(t.Context()); return p.Feed != "" })
	kept.mu.Lock()
	kept.fail = errors.New("disk full")
	kept.mu.Unlock()
	a.Revoke("g_1", "")
	token := a.Token(a.Claims(alice, public))
	eventually(t, "it is refused", func() bool { return present(v, token, public) != nil })
	kept.mu.Lock()
	kept.fail = nil
	kept.mu.Unlock()
	eventually(t, "it is written down", func() bool { p, _, _ := kept.LoadRevocations(t.Context()); return p.Cursor == 1 })
}

// What is behind its end is dropped: the list does not grow for ever.
func TestARevocationIsForgottenWhenItsTokensHaveExpired(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	a.Revoke("g_1", "")
	eventually(t, "it is known", func() bool { return v.Feed.Revoked("g_1", "") })
	a.Clock.Advance(time.Hour)
	a.Revoke("g_2", "")
	eventually(t, "it is forgotten", func() bool { return v.Feed.Revoked("g_2", "") && !v.Feed.Revoked("g_1", "") })
}
