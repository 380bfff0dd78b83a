package bearer

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error codes of RFC 6750 §3.1 and RFC 9470 §3.
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

// Challenge is the WWW-Authenticate header: RFC 6750 §3, with the address of
// our metadata (RFC 9728 §5.1), from which a client that knows nothing finds
// the authorization server.
func (r *Refusal) Challenge(resourceMetadata string) string {
	var b strings.Builder
	b.WriteString(`Bearer realm="acme"`)
	if r.Code != "" {
		fmt.Fprintf(&b, `, error="%s", error_description="%s"`, r.Code, r.Description)
	}
	if r.Scope != "" {
		fmt.Fprintf(&b, `, scope="%s"`, r.Scope)
	}
	if r.MaxAge != 0 {
		fmt.Fprintf(&b, `, max_age="%d"`, r.MaxAge/time.Second)
	}
	fmt.Fprintf(&b, `, resource_metadata="%s"`, resourceMetadata)
	return b.String()
}

// Unavailable is why we can't judge at the moment: the answer is a 503.
type Unavailable struct {
	Reason     string
	RetryAfter time.Duration
}

func (u *Unavailable) Error() string { return u.Reason }
