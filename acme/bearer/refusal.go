package bearer

import (
	"net/http"
	"slices"
	"strconv"
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

// ErrorURI is the page about the code in the authorization server's catalogue, which
// has those of its resource servers too. RFC 6750 §3: error_uri is "an absolute URI
// identifying a human-readable web page explaining the error".
func (r *Refusal) ErrorURI(issuer string) string {
	if r.Code == "" {
		return ""
	}
	return issuer + "/docs/errors/" + r.Code
}

// Challenges are the WWW-Authenticate headers: RFC 6750 §3 and RFC 9449 §7.1,
// with the address of our metadata (RFC 9728 §5.1), from which a client that
// knows nothing finds the authorization server. A 401 names both schemes, and
// the first one is the one by which the token came: RFC 9449 §7.2, "the
// corresponding challenge SHOULD be used to deliver error information".
func (r *Refusal) Challenges(resourceMetadata, issuer string) []string {
	var fault []string
	if r.Code != "" {
		fault = append(fault, parameter("error", r.Code), parameter("error_description", r.Description), parameter("error_uri", r.ErrorURI(issuer)))
	}
	if r.Scope != "" {
		fault = append(fault, parameter("scope", r.Scope))
	}
	if r.MaxAge != 0 {
		fault = append(fault, parameter("max_age", strconv.Itoa(int(r.MaxAge/time.Second))))
	}
	metadata := parameter("resource_metadata", resourceMetadata)
	bearer := func(fault ...string) string {
		return "Bearer " + strings.Join(slices.Concat([]string{parameter("realm", "acme")}, fault, []string{metadata}), ", ")
	}
	proof := func(fault ...string) string {
		return "DPoP " + strings.Join(append(slices.Clone(fault), parameter("algs", strings.Join(dpop.Algorithms, " ")), metadata), ", ")
	}
	all := []string{bearer(fault...), proof()}
	switch {
	case r.wanted == DPoP:
		all = []string{proof(fault...), bearer(fault...)}
	case r.scheme == DPoP:
		all = []string{proof(fault...), bearer()}
	}
	if r.Status() != http.StatusUnauthorized {
		return all[:1]
	}
	return all
}

// parameter is one of a challenge: RFC 9110 §11.2, as a quoted-string. Nothing in
// it needs an escape.
func parameter(name, value string) string { return name + `="` + value + `"` }

// Unavailable is why we can't judge at the moment: the answer is a 503.
type Unavailable struct {
	Reason     string
	RetryAfter time.Duration
}

func (u *Unavailable) Error() string { return u.Reason }
