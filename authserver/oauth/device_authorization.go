package oauth

import (
	"strings"
	"time"
)

// DeviceAuthorization is a device that waits for its person to say yes on
// another screen. RFC 8628 §3.2.
type DeviceAuthorization struct {
	ClientID  string
	UserCode  string
	Scope     Scope
	CreatedAt time.Time
	Resource  []string // RFC 8707 §2
	Details   string   // authorization_details as sent: RFC 9396 §3
	ExpiresAt time.Time
	Interval  time.Duration // the device must wait so long between two questions
	PolledAt  time.Time     // zero: never
	Denied    bool
	Redeemed  bool
	Grant     *Grant // nil: nobody has said yes yet
	User      User
}

// Poll decides what a device that asks gets, and how long it must wait now.
// nil means that it gets its tokens. RFC 8628 §3.5.
func (d *DeviceAuthorization) Poll(now time.Time) (wait time.Duration, refusal *Error) {
	switch {
	case d.Redeemed:
		return d.Interval, Refuse(InvalidGrant, "the device code has been used before")
	case !now.Before(d.ExpiresAt):
		return d.Interval, Refuse(ExpiredToken, "the device code has expired: ask for a new one")
	case d.Denied:
		return d.Interval, Refuse(AccessDenied, "the person said no")
	case !d.PolledAt.IsZero() && now.Before(d.PolledAt.Add(d.Interval)):
		// "the interval MUST be increased by 5 seconds for this and all subsequent
		// requests"
		return d.Interval + 5*time.Second, Refuse(SlowDown, "wait %d seconds between two requests", int((d.Interval + 5*time.Second).Seconds()))
	case d.Grant == nil:
		return d.Interval, Refuse(AuthorizationPending, "the person has not decided yet")
	case !d.Grant.Live(now):
		return d.Interval, Refuse(InvalidGrant, "the authorization has been withdrawn or has ended")
	}
	return d.Interval, nil
}

// UserCodeLetters are what a user code is made of. RFC 8628 §6.1: no vowels, so
// no words; no digits, so nothing to confuse. Eight of twenty are 34 bits, which
// the limit on wrong codes makes enough (§5.1).
const UserCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// ReadUserCode reads what a person typed: small letters are as good as capitals,
// and whatever no code is made of is left out, as RFC 8628 §6.1 recommends: a
// telephone's keyboard makes a dash longer, or ends with a full stop. The result
// is eight letters, or empty.
func ReadUserCode(typed string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(typed) {
		if strings.ContainsRune(UserCodeLetters, r) {
			b.WriteRune(r)
		}
	}
	if b.Len() != 8 {
		return ""
	}
	return b.String()
}

// ShowUserCode writes a user code as people read it out: WDJB-MJHT.
func ShowUserCode(code string) string {
	if len(code) != 8 {
		return code
	}
	return code[:4] + "-" + code[4:]
}
