package bearer_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/internal/check"
)

func TestANewKeyIsFetchedWhenATokenNamesIt(t *testing.T) {
	a := bearertest.New(t)
	a.Silent = true
	v := resourceServer(t, a, &memory{}, check.Runner{})
	old := a.Token(a.Claims(alice, public))
	if err := present(v, old, public); err != nil {
		t.Fatal(err)
	}
	a.Do(func() { a.Keys = append([]bearertest.Key{bearertest.NewES256(t, "next")}, a.Keys...) })
	var all sync.WaitGroup
	for range 8 { // who comes while the answer is on its way waits for it
		all.Go(func() {
			if err := present(v, a.Token(a.Claims(alice, public)), public); err != nil {
				t.Errorf("signed with the new key: %v", err)
			}
		})
	}
	all.Wait()
	if err := present(v, old, public); err != nil {
		t.Errorf("signed with the old key: %v", err)
	}
}

// Who invents kids keeps no new key from us: whoever comes while a question is on
// its way, or too soon for another one, waits for the next.
func TestANewKeyIsKnownWhateverStrangersInvent(t *testing.T) {
	a := bearertest.New(t)
	a.Silent = true
	v := resourceServer(t, a, &memory{}, check.Runner{})
	ctx, stop := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	for range 4 {
		strangers.Go(func() {
			for ctx.Err() == nil {
				refused(t, present(v, bearertest.Sign(bearertest.NewES256(t, rand.Text()), nil, a.Claims(alice, public)), public), bearer.InvalidToken)
			}
		})
	}
	for i := range 5 {
		a.Do(func() { a.Keys = []bearertest.Key{bearertest.NewES256(t, fmt.Sprint("key-", i))} })
		if err := present(v, a.Token(a.Claims(alice, public)), public); err != nil {
			t.Errorf("signed with key %d: %v", i, err)
		}
	}
	stop()
	strangers.Wait()
}

// The feed tells of a new key before a token names it, and of one that is gone.
func TestTheFeedTellsOfOtherKeys(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	go v.Keys.Work(t.Context())
	old := a.Token(a.Claims(alice, public))
	if err := present(v, old, public); err != nil {
		t.Fatal(err)
	}
	a.Do(func() { a.Keys = []bearertest.Key{bearertest.NewES256(t, "next")} })
	eventually(t, "the withdrawn key is forgotten", func() bool { return present(v, old, public) != nil })
	a.Do(func() { a.Down = true })
	if err := present(v, a.Token(a.Claims(alice, public)), public); err != nil {
		t.Errorf("signed with the new key, while nobody can be asked: %v", err)
	}
}

// Anybody can invent a kid: the authorization server must not suffer for it.
func TestUnknownKeysAreAskedForFourTimesASecond(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	good := a.Token(a.Claims(alice, public))
	if err := present(v, good, public); err != nil {
		t.Fatal(err)
	}
	before, _ := a.Counts()
	var strangers sync.WaitGroup
	start := time.Now()
	for i := range 50 {
		strangers.Go(func() {
			for n := range 2 {
				stranger := bearertest.Sign(bearertest.NewES256(t, fmt.Sprint("stranger-", i, "-", n)), nil, a.Claims(alice, public))
				refused(t, present(v, stranger, public), bearer.InvalidToken)
			}
		})
	}
	for range 20 { // a known key never waits
		if err := present(v, good, public); err != nil {
			t.Errorf("a known key meanwhile: %v", err)
		}
	}
	strangers.Wait()
	most := 2 + int(time.Since(start)/(250*time.Millisecond))
	if after, _ := a.Counts(); after-before > most {
		t.Errorf("asked %d times in %s, at most %d", after-before, time.Since(start), most)
	}
}

func TestKeysStayWhenTheAuthorizationServerIsDown(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	if err := present(v, a.Token(a.Claims(alice, public)), public); err != nil {
		t.Fatal(err)
	}
	a.Do(func() { a.Down = true })
	if v.Keys.Refresh(t.Context()) == nil {
		t.Error("fetched keys from a server that is down")
	}
	if err := present(v, a.Token(a.Claims(alice, public)), public); err != nil {
		t.Error(err)
	}
}

func TestWithoutKeysATokenCanNotBeJudged(t *testing.T) {
	a := bearertest.New(t)
	v := resourceServer(t, a, &memory{}, check.Runner{})
	a.Do(func() { a.Down = true })
	var unavailable *bearer.Unavailable
	if err := present(v, a.Token(a.Claims(alice, public)), public); !errors.As(err, &unavailable) || unavailable.RetryAfter == 0 {
		t.Errorf("got %v", err)
	}
	a.Do(func() { a.Down = false })
	a.Clock.Advance(2 * time.Second)
	if err := present(v, a.Token(a.Claims(alice, public)), public); err != nil {
		t.Errorf("after it came up: %v", err)
	}
}

// RFC 8414 §3.3.
func TestADiscoveryDocumentOfAnotherIssuerIsRefused(t *testing.T) {
	a := bearertest.New(t)
	keys := bearer.NewKeys(a.URL, http.DefaultClient, a.Clock.Now, slog.New(slog.DiscardHandler))
	for _, issuer := range []string{a.URL + "/", "https://evil.test", ""} {
		a.Do(func() { a.Issuer = issuer })
		if keys.Refresh(t.Context()) == nil {
			t.Errorf("took a document of %q", issuer)
		}
	}
}
