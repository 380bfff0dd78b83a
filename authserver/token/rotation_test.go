package token

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func made(t *testing.T, algorithm string, signsFrom time.Time) Key {
	t.Helper()
	key, err := Generate(algorithm, signsFrom)
	if err != nil {
		t.Fatal(err)
	}
	key.TokensLast = time.Hour
	return key
}

// merged is the keys after a change.
func merged(keys, changed []Key) []Key {
	all := slices.Clone(changed)
	for _, k := range keys {
		if !slices.ContainsFunc(changed, func(c Key) bool { return c.ID == k.ID }) {
			all = append(all, k)
		}
	}
	return all
}

// Of two that replace the same key at the same time the second one changes
// nothing; one that revokes still revokes, and keeps the new key.
func TestARotationThatCameSecondMakesNoKey(t *testing.T) {
	first := made(t, ES256, noon.Add(-time.Hour))
	one, two := made(t, ES256, noon), made(t, ES256, noon)
	keys := merged([]Key{first}, Rotation{Next: one, Follows: first.ID}.Apply([]Key{first}))
	if changed := (Rotation{Next: two, Follows: first.ID}).Apply(keys); changed != nil {
		t.Errorf("the second one changed %d keys", len(changed))
	}
	keys = merged(keys, Rotation{Next: two, Follows: first.ID, RevokeOld: true}.Apply(keys))
	newest, _ := Newest(keys, ES256)
	if len(keys) != 2 || newest.ID != one.ID || !newest.RevokedAt.IsZero() {
		t.Errorf("%d keys, the newest is %s", len(keys), newest.ID)
	}
	for _, k := range keys {
		if k.ID == first.ID && !k.Gone(noon) {
			t.Error("the old key was not revoked")
		}
	}
}

// A key lives until the last token that it signed has expired; one that is to
// follow and is overtaken never signs.
func TestLifeOfAKey(t *testing.T) {
	first, scheduled := made(t, ES256, noon.Add(-24*time.Hour)), made(t, ES256, noon.Add(5*time.Minute))
	keys := merged([]Key{first}, Rotation{Next: scheduled, Follows: first.ID}.Apply([]Key{first}))
	ordered := made(t, ES256, noon)
	keys = merged(keys, Rotation{Next: ordered, Follows: scheduled.ID}.Apply(keys))
	for _, tt := range []struct {
		after time.Duration
		signs string
		there int
	}{
		{-time.Second, first.ID, 3},
		{0, ordered.ID, 3},
		{10 * time.Minute, ordered.ID, 3},
		{time.Hour + leeway - time.Second, ordered.ID, 3},
		{time.Hour + leeway, ordered.ID, 1},
		{-48 * time.Hour, first.ID, 3}, // a clock that was turned back
	} {
		now := noon.Add(tt.after)
		key, ok := signing(keys, ES256, now)
		there := 0
		for _, k := range keys {
			if !k.Gone(now) {
				there++
			}
		}
		if !ok || key.ID != tt.signs || there != tt.there {
			t.Errorf("at %s: %s signs, want %s; %d in the JWKS, want %d", now, key.ID, tt.signs, there, tt.there)
		}
	}
}

func TestDue(t *testing.T) {
	const day = 24 * time.Hour
	keys := []Key{made(t, RS256, noon)}
	for _, tt := range []struct {
		interval, after time.Duration
		from            time.Duration // after noon; 0: not due
	}{
		{0, 1000 * day, 0},
		{day, day - 11*time.Minute, 0},
		{day, day - 10*time.Minute, day},
		{day, day - time.Minute, day + 9*time.Minute},
		{day, 9 * day, 9*day + 10*time.Minute},
		{time.Minute, 29 * time.Second, 0},
		{time.Minute, 30 * time.Second, time.Minute},
	} {
		from, due := Due(keys, RS256, tt.interval, noon.Add(tt.after))
		if due != (tt.from > 0) || due && !from.Equal(noon.Add(tt.from)) {
			t.Errorf("every %s, %s later: %s, %t", tt.interval, tt.after, from, due)
		}
	}
	if from, due := Due(keys, ES256, 0, noon); !due || !from.Equal(noon) {
		t.Error("without a key one is due")
	}
}

// Nobody may keep the JWKS for so long that a key signs which it does not have.
func TestTheJWKSIsKeptForLessThanAKeyIsAhead(t *testing.T) {
	for _, interval := range []time.Duration{10 * time.Second, time.Minute, time.Hour, 24 * time.Hour, 2160 * time.Hour} {
		if MaxAge(interval) >= Ahead(interval) || MaxAge(interval) > 5*time.Minute {
			t.Errorf("every %s: kept for %s, ahead by %s", interval, MaxAge(interval), Ahead(interval))
		}
	}
}

// A key that is gone still reads ID tokens, which come back as id_token_hint; one
// that leaked reads nothing.
func TestReadIDTokenOfAKeyThatIsGone(t *testing.T) {
	old, other := made(t, RS256, noon), made(t, ES256, noon)
	keys, err := NewKeys([]Key{old, other}, noon)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := keys.SignIDToken("", IDToken{Issuer: "i", Subject: "s", IssuedAt: noon.Unix(), ExpiresAt: noon.Add(time.Minute).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	later := noon.Add(48 * time.Hour)
	for _, revoke := range []bool{false, true} {
		next := made(t, RS256, noon.Add(time.Minute))
		all := merged([]Key{old, other}, Rotation{Next: next, Follows: old.ID, RevokeOld: revoke}.Apply([]Key{old, other}))
		for i := range all {
			if all[i].ID == old.ID {
				all[i].Private = nil // erased
			}
		}
		if err := keys.Use(all, later); err != nil {
			t.Fatal(err)
		}
		read, err := keys.ReadIDToken(compact)
		if revoke != (err != nil) || !revoke && read.Subject != "s" {
			t.Errorf("revoked %t: %+v, %v", revoke, read, err)
		}
	}
}
