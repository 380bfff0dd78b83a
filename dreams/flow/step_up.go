package flow

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

//	+---------+                  +--------+                  +------+   +----------------------+
//	| Browser |                  | Dreams |                  | Acme |   | authorization server |
//	+---------+                  +--------+                  +------+   +----------------------+
//	     |                            |--- PUT …, access token --->|                 |
//	     |                            |<-- 401 insufficient_user_authentication, max_age (RFC 9470 §3)
//	     |<-- 303, max_age (§4) ------|                            |                 |
//	     |--- the person signs in again ------------------------------------------->|
//	     |<-- 303, code ------------------------------------------------------------|
//	     |--- code ------------------>|--- PUT …, another token -->|                 |

// StepUp is what a resource server wants of the login before it serves a request
// (RFC 9470 §3).
type StepUp struct {
	MaxAge    time.Duration // how old the login may be; 0: it does not matter
	ACRValues []string      // how it has to have been done; nil: it does not matter
}

// Again is an authorization request that meets it: what the challenge named goes
// into the request under the same names (RFC 9470 §4).
func (s StepUp) Again(r AuthorizationRequest) AuthorizationRequest {
	r.MaxAge, r.ACRValues = s.MaxAge, s.ACRValues
	return r
}

// stepUp puts what the request wants of the login into its parameters.
func (r AuthorizationRequest) stepUp(parameters url.Values) {
	if r.MaxAge > 0 {
		parameters.Set("max_age", strconv.Itoa(int(r.MaxAge/time.Second)))
	}
	if len(r.ACRValues) > 0 {
		parameters.Set("acr_values", strings.Join(r.ACRValues, " "))
	}
}

// A server that ignores max_age would have us take an old login for a fresh one:
// "If the auth_time Claim was requested, either through a specific request for
// this Claim or by using the max_age parameter, the Client SHOULD check the
// auth_time Claim value and request re-authentication if it determines too much
// time has elapsed since the last End-User authentication."
func checkAuthTime(in idToken) error {
	if in.MaxAge == 0 {
		return nil
	}
	if in.Claims.AuthTime == 0 {
		return &Refusal{Heading: "We cannot tell when you signed in", Words: "Dreams asked for a login not older than " + in.MaxAge.String() + ", and the ID token has no auth_time."}
	}
	if in.Now.Sub(time.Unix(in.Claims.AuthTime, 0)) > in.MaxAge+clockSkew {
		return &Refusal{Heading: "That login is too old", Words: "Dreams asked for a login not older than " + in.MaxAge.String() + ", and the ID token's auth_time is older."}
	}
	return nil
}

// clockSkew is how far the server's clock may be from ours, and how long the way
// from the login to us takes.
const clockSkew = time.Minute
