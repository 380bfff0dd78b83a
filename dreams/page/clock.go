package page

import "example.com/acme-dreams/views"

// ClockView is the room's clock.
type ClockView struct {
	Here, World string // "14 September 2026, 15:04:05"
	Ahead       string // "1 h 5 min"; empty: it is right
	May         bool   // who looks may move it
	Dreams      string // our public address
	Jumps       []Jump
	AtLimit     bool // it goes no further
	Limit       string
	Behind      []views.Party // programs that have not heard of the last move
}

// Jump is how far a press moves it.
type Jump struct{ Value, Label string }

// ends are what ends by itself, and when.
var ends = []struct{ by, what, shown string }{
	{"1 minute", "An authorization code, and so a message that waits with one in it; a pushed request; a DPoP proof", "invalid_grant: the code has expired."},
	{"5 minutes", "A login that a write at Acme wants to be recent; a DPoP nonce", "401 insufficient_user_authentication, use_dpop_nonce."},
	{"1 hour", "An access token; a consent that was given once", "401 invalid_token: Acme’s check “token has not expired” refuses it."},
	{"1 day", "A sign-in at Acme’s accounts that was not to be kept", "You sign in again."},
	{"30 days", "A consent for 30 days, and every token that came of it", "invalid_grant: Dreams asks to be connected again."},
	{"90 days", "The signing keys; a refresh token that nobody used", "The next keys are in the JWKS, and sign a day later; the old ones stay in it until their last token has ended."},
}
