package bearer

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/acme-dreams/internal/dpop"
)

// Error codes of RFC 6750 §3.1 and RFC 9470 §3. Those of RFC 9449 §7.1 are in
// internal/dpop.
const (
	InvalidRequest                 = "invalid_request"
	InvalidToken                   = "invalid_token"
	InsufficientScope              = "insufficient_scope"
	InsufficientUserAuthentication = "insufficient_user_authentication"
)

// Refusal is why a request may not do what it wants, in words for the client.
// Descriptions hold nothing that the request brought.
type Refusal struct {
	Code        string // empty: there was no token
	Description string
	Scope       string // with InsufficientScope: what was needed
	Held        string // what a token has that is good but for what the request needs

	MaxAge time.Duration // with InsufficientUserAuthentication: how old a login may be

	scheme string // by which the token came; empty: none came
	wanted string // by which it should have come; empty: by that one
}

func (r *Refusal) Error() string { return strings.TrimSpace(r.Code + " " + r.Description) }

// errNoToken has no code: RFC 6750 §3.1, "if the request lacks any
// authentication information […] the resource server SHOULD NOT include an
// error code".
var errNoToken = &Refusal{Description: "This needs an access token in the Authorization header"}

func invalidToken(description string) error {
	return &Refusal{Code: InvalidToken, Description: description}
}

// Status is the HTTP status of RFC 6750 §3.1; RFC 9470 §3 answers 401.
func (r *Refusal) Status() int {
	switch r.Code {
	case InvalidRequest:
		return http.StatusBadRequest
	case InsufficientScope:
		return http.StatusForbidden
	default:
		return http.StatusUnauthorized
	}
}

// Challenges are the WWW-Authenticate headers: RFC 6750 §3 and RFC 9449 §7.1,
// with the address of our metadata (RFC 9728 §5.1), from which a client that
// knows nothing finds the authorization server. A 401 names both schemes, and
// the first one is the one by which the token came: RFC 9449 §7.2, "the
// corresponding challenge SHOULD be used to deliver error information".
func (r *Refusal) Challenges(resourceMetadata string) []string {
	fault := ""
	if r.Code != "" {
		fault = fmt.Sprintf(`, error="%s", error_description="%s"`, r.Code, r.Description)
	}
	if r.Scope != "" {
		fault += fmt.Sprintf(`, scope="%s"`, r.Scope)
	}
	if r.MaxAge != 0 {
		fault += fmt.Sprintf(`, max_age="%d"`, r.MaxAge/time.Second)
	}
	metadata := fmt.Sprintf(`, resource_metadata="%s"`, resourceMetadata)
	const bearer = `Bearer realm="acme"`
	proof := fmt.Sprintf(`DPoP realm="acme", algs="%s"`, strings.Join(dpop.Algorithms, " "))
	all := []string{bearer + fault + metadata, proof + metadata}
	switch {
	case r.wanted == DPoP:
		all = []string{proof + fault + metadata, bearer + fault + metadata}
	case r.scheme == DPoP:
		all = []string{proof + fault + metadata, bearer + metadata}
	}
	if r.Status() != http.StatusUnauthorized {
		return all[:1]
	}
	return all
}

// Unavailable is why we can't judge at the moment: the answer is a 503.
type Unavailable struct {
	Reason     string
	RetryAfter time.Duration
}

func (u *Unavailable) Error() string { return u.Reason }
