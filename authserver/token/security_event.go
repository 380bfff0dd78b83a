package token

import (
	"cmp"
	"encoding/json"
)

// SecurityEvent is the claims of a security event token. RFC 8417 §2.2. It has no
// exp: what has happened does not expire, and no ID token is without one (§4.5).
type SecurityEvent struct {
	Issuer      string         `json:"iss"`
	Audience    string         `json:"aud"` // the client
	IssuedAt    int64          `json:"iat"` // seconds since 1970
	JWTID       string         `json:"jti"`
	TimeOfEvent int64          `json:"toe"`
	SubjectID   SubjectID      `json:"sub_id"`
	Events      map[string]any `json:"events"` // by the URI of what happened
}

// SubjectID says whom an event is about, in the format iss_sub. RFC 9493 §3.2.3.
// A sub claim beside it would be one more thing that an ID token has.
type SubjectID struct {
	Format  string `json:"format"`
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
}

// ConsentEnded, behind the issuer, names the event that a person took back what a
// client may do. The event is our own.
const ConsentEnded = "/events/consent-ended"

// ConsentEnd is that event: why, and what the client may still do. Nothing in it
// says who the person is.
type ConsentEnd struct {
	Reason string `json:"reason"` // withdrawn, account_locked, token_reuse, expired, unused
	Scope  string `json:"scope"`  // what remains; empty: nothing

	AuthorizationDetails json.RawMessage `json:"authorization_details,omitempty"`         // that remain; absent: none. RFC 9396 §7
	RemovedDetails       json.RawMessage `json:"removed_authorization_details,omitempty"` // and that do not, as they were granted
}

// SignSecurityEvent signs as the client's ID tokens are signed.
func (k *Keys) SignSecurityEvent(registered string, t SecurityEvent) (string, error) {
	return k.Sign(SecurityEventType, cmp.Or(registered, RS256), t)
}
