package oauth

import "time"

// The nouns that the server remembers. What they allow at a moment is a pure
// function of them; the store applies it atomically.

// User is a person with an account.
type User struct {
	Sub      string // opaque and stable: OIDC Core §2
	Username string
	Name     string
	Email    string
	Picture  string
	Operator bool
	LockedAt time.Time // zero: not locked

	EmailVerified bool // somebody made sure that the address is theirs
}

// Locked tells whether an operator has locked the account.
func (u *User) Locked() bool { return !u.LockedAt.IsZero() }

// Duration is how long a person lets a client in.
type Duration string

const (
	Once         Duration = "once" // an hour, and the next request is asked again
	ThirtyDays   Duration = "30d"
	UntilRevoked Duration = "until_revoked"
)

// End is when a consent given now ends; zero: when somebody ends it.
func (d Duration) End(now time.Time) time.Time {
	switch d {
	case Once:
		return now.Add(time.Hour)
	case ThirtyDays:
		return now.AddDate(0, 0, 30)
	}
	return time.Time{}
}

// UnusedFor is after how long without a use a consent ends by itself: our policy.
// After UnusedHint the person is asked about it.
const (
	UnusedFor  = 90 * 24 * time.Hour
	UnusedHint = 30 * 24 * time.Hour
)

// Consent is what a person lets a client do.
type Consent struct {
	ID        string
	Sub       string
	ClientID  string
	Scope     Scope
	Duration  Duration
	GivenAt   time.Time
	ChangedAt time.Time
	ExpiresAt time.Time // zero: none
	EndedAt   time.Time // zero: not ended
	EndReason string
	UsedAt    time.Time // when a token was last issued for it; zero: never
}

// Live tells whether the consent holds.
func (c *Consent) Live(now time.Time) bool {
	return c != nil && c.EndedAt.IsZero() && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt)) && !c.Unused(now)
}

// Idle is for how long nobody has used the consent, given it or changed it.
func (c *Consent) Idle(now time.Time) time.Duration {
	last := c.ChangedAt
	if c.UsedAt.After(last) {
		last = c.UsedAt
	}
	return now.Sub(last)
}

// Unused tells whether the consent ends because nobody used it for so long.
func (c *Consent) Unused(now time.Time) bool { return c.Idle(now) >= UnusedFor }

// Covers tells whether a request can be answered without asking again.
func (c *Consent) Covers(scope Scope, now time.Time) bool {
	return c.Live(now) && c.Duration != Once && scope.Within(c.Scope)
}

// Grant is one authorization: what a person (or nobody, for a client's own)
// approved by one request, and what all its tokens descend from.
type Grant struct {
	ID        string
	ClientID  string
	Sub       string
	ConsentID string // empty for a first-party client
	Scope     Scope
	Nonce     string    // OIDC Core §3.1.2.1, for the first ID token
	SessionID string    // sid of the session in which it was given; empty: no browser was there
	AuthTime  time.Time // when the person signed in
	CreatedAt time.Time
	ExpiresAt time.Time // zero: none. Bounds every token
	RevokedAt time.Time // zero: not revoked

	Claims               string   // the claims parameter, as far as it was agreed to: OIDC Core §5.5
	Resource             []string // what its tokens may be for; nil: all that the scope is for. RFC 8707 §2
	AuthorizationDetails string   // JSON, as agreed to; empty: none. RFC 9396 §7
	DPoPJKT              string   // thumbprint of the key that its code is bound to; empty: none. RFC 9449 §10
}

// Live tells whether tokens of the grant may be used.
func (g *Grant) Live(now time.Time) bool {
	return g.RevokedAt.IsZero() && (g.ExpiresAt.IsZero() || now.Before(g.ExpiresAt))
}

// AuthorizationCode is a grant's ticket through the browser. RFC 6749 §4.1.2.
type AuthorizationCode struct {
	ClientID      string
	RedirectURI   string
	CodeChallenge CodeChallenge // empty: none was sent
	ExpiresAt     time.Time
	Grant         Grant
	User          User
}

// RefreshToken is one link of a grant's chain. RFC 6749 §1.5, RFC 9700 §4.14.2.
type RefreshToken struct {
	ExpiresAt     time.Time // absolute: rotation never moves it
	IdleExpiresAt time.Time // 90 days after it was issued
	Spent         bool
	JKT           string // thumbprint of the key that it is bound to; empty: none. RFC 9449 §5
	Grant         Grant
	User          User
}
