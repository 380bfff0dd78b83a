package flow

import (
	"testing"
	"time"
)

// OIDC Core §3.1.3.7: a server that ignores max_age is noticed.
func TestALoginThatIsTooOldIsNoFreshOne(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, test := range []struct {
		maxAge time.Duration
		signed time.Time
		ok     bool
	}{
		{0, time.Time{}, true},
		{0, now.Add(-24 * time.Hour), true},
		{5 * time.Minute, now.Add(-4 * time.Minute), true},
		{5 * time.Minute, now.Add(-7 * time.Minute), false},
		{5 * time.Minute, time.Time{}, false},
	} {
		in := idToken{MaxAge: test.maxAge, Now: now}
		if !test.signed.IsZero() {
			in.Claims.AuthTime = test.signed.Unix()
		}
		if err := checkAuthTime(in); (err == nil) != test.ok {
			t.Errorf("max_age %s, signed in at %s: %v", test.maxAge, test.signed, err)
		}
	}
}
