package token

import "time"

// How keys follow one another. OIDC Core §10.1.1: "Keys can be rolled over by
// periodically adding new keys to the JWK Set at the jwks_uri location. The
// signer can begin using a new key at its discretion and signals the change to
// the verifier using the kid value." Everything here is arithmetic: the store
// applies it in one transaction.

const (
	// publishAhead is how long a key that the schedule makes is published before
	// it signs: longer than anybody may keep the JWKS without asking again.
	publishAhead = 10 * time.Minute
	maxAge       = 5 * time.Minute
	// Notice is the same for a key that somebody orders: a moment, in which the
	// running server and its resource servers take the new JWKS in. Whoever did
	// not hear of it sees an unfamiliar kid, and fetches the JWKS again.
	Notice = time.Second
)

// Ahead is how long before it signs the next key is published, where keys are
// replaced at an interval; one that is very short leaves less time.
func Ahead(interval time.Duration) time.Duration { return min(publishAhead, interval/2) }

// MaxAge is how long the JWKS may be kept: less than the next key is ahead.
func MaxAge(interval time.Duration) time.Duration {
	if interval == 0 {
		return maxAge
	}
	return min(maxAge, Ahead(interval)/2)
}

// Newest is the key of an algorithm that none is to follow yet.
func Newest(keys []Key, algorithm string) (newest Key, ok bool) {
	for _, k := range keys {
		if k.Algorithm == algorithm && k.RetiredAt.IsZero() && k.RevokedAt.IsZero() && (!ok || k.SignsFrom.After(newest.SignsFrom)) {
			newest, ok = k, true
		}
	}
	return newest, ok
}

// Due tells whether the next key of an algorithm is to be made, and from when
// on it signs. An interval of 0 means that keys are replaced by order alone;
// where there is no key at all one is due in any case.
func Due(keys []Key, algorithm string, interval time.Duration, now time.Time) (signsFrom time.Time, due bool) {
	newest, ok := Newest(keys, algorithm)
	if !ok {
		return now, true
	}
	if interval == 0 {
		return time.Time{}, false
	}
	next := newest.SignsFrom.Add(interval)
	if now.Before(next.Add(-Ahead(interval))) {
		return time.Time{}, false
	}
	if published := now.Add(Ahead(interval)); published.After(next) {
		next = published // the server did not run when it was time
	}
	return next, true
}

// Wake is when the keys change next by themselves; zero: not at all.
func Wake(keys []Key, interval time.Duration, now time.Time) (wake time.Time) {
	consider := func(t time.Time) {
		if t.After(now) && (wake.IsZero() || t.Before(wake)) {
			wake = t
		}
	}
	for _, k := range keys {
		consider(k.SignsFrom)
		consider(k.GoneAt())
		if interval > 0 && k.RetiredAt.IsZero() {
			consider(k.SignsFrom.Add(interval - Ahead(interval)))
		}
	}
	return wake
}

// Rotation replaces the key of an algorithm.
type Rotation struct {
	Next Key // signs from Next.SignsFrom
	// Follows is the kid of the newest key when Next was made. Where that is
	// another one by now, somebody was quicker: one new key is enough.
	Follows string
	// RevokeOld makes every older key verify nothing any more: one has leaked.
	RevokeOld bool
}

// Apply returns the keys that change, with what they change to.
func (r Rotation) Apply(keys []Key) (changed []Key) {
	next := r.Next
	newest, found := Newest(keys, next.Algorithm)
	quicker := found && newest.ID != r.Follows
	switch {
	case quicker && !r.RevokeOld:
		return nil
	case quicker:
		next = newest
		if next.SignsFrom.After(r.Next.SignsFrom) {
			next.SignsFrom = r.Next.SignsFrom // what it was to follow is revoked
		}
	case found:
		next.TokensLast = max(next.TokensLast, newest.TokensLast)
	}
	changed = append(changed, next)
	for _, k := range keys {
		// One that is gone still verifies hints: what leaked may be an old copy.
		revoke := r.RevokeOld && k.RevokedAt.IsZero()
		if k.Algorithm != next.Algorithm || k.ID == next.ID || (k.Gone(next.SignsFrom) && !revoke) {
			continue
		}
		if k.RetiredAt.IsZero() || k.RetiredAt.After(next.SignsFrom) {
			k.RetiredAt = next.SignsFrom
		}
		if revoke {
			k.RevokedAt = next.SignsFrom
		}
		changed = append(changed, k)
	}
	return changed
}
