package oauth

import (
	"fmt"
	"net/http"
	"time"
)

// Error is a refusal in the words of the specifications. It holds what the
// client may read and nothing else; any other error is ours, is logged, and
// leaves as server_error.
type Error struct {
	Code        string
	Description string // RFC 6749 §5.2 allows %x20-21 / %x23-5B / %x5D-7E
	// RetryAfter makes it a 429 (RFC 6585 §4): not now, but then.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

// The error codes that we answer with.
const (
	InvalidRequest                  = "invalid_request"                   // RFC 6749 §4.1.2.1, §5.2
	InvalidClient                   = "invalid_client"                    // RFC 6749 §5.2
	InvalidGrant                    = "invalid_grant"                     // RFC 6749 §5.2
	UnauthorizedClient              = "unauthorized_client"               // RFC 6749 §4.1.2.1, §5.2
	UnsupportedGrantType            = "unsupported_grant_type"            // RFC 6749 §5.2
	UnsupportedResponseType         = "unsupported_response_type"         // RFC 6749 §4.1.2.1
	InvalidScope                    = "invalid_scope"                     // RFC 6749 §4.1.2.1, §5.2
	AccessDenied                    = "access_denied"                     // RFC 6749 §4.1.2.1
	ServerError                     = "server_error"                      // RFC 6749 §4.1.2.1
	TemporarilyUnavailable          = "temporarily_unavailable"           // RFC 6749 §4.1.2.1
	LoginRequired                   = "login_required"                    // OIDC Core §3.1.2.6
	ConsentRequired                 = "consent_required"                  // OIDC Core §3.1.2.6
	UnmetAuthenticationRequirements = "unmet_authentication_requirements" // OpenID Connect Core Error Code unmet_authentication_requirements
	InvalidRequestURI               = "invalid_request_uri"               // RFC 9101 §7
	InvalidRequestObject            = "invalid_request_object"            // RFC 9101 §7
	RequestURINotSupported          = "request_uri_not_supported"         // RFC 9101 §7
	AuthorizationPending            = "authorization_pending"             // RFC 8628 §3.5
	SlowDown                        = "slow_down"                         // RFC 8628 §3.5
	ExpiredToken                    = "expired_token"                     // RFC 8628 §3.5
	InvalidTarget                   = "invalid_target"                    // RFC 8707 §2, RFC 8693 §2.2.2
	InvalidAuthorizationDetails     = "invalid_authorization_details"     // RFC 9396 §5
	InvalidToken                    = "invalid_token"                     // RFC 6750 §3.1
	InvalidRedirectURI              = "invalid_redirect_uri"              // RFC 7591 §3.2.2
	InvalidClientMetadata           = "invalid_client_metadata"           // RFC 7591 §3.2.2
	UnapprovedSoftwareStatement     = "unapproved_software_statement"     // RFC 7591 §3.2.2
	InsufficientScope               = "insufficient_scope"                // RFC 6750 §3.1
	InsufficientUserAuthentication  = "insufficient_user_authentication"  // RFC 9470 §3, Acme's
	InvalidDPoPProof                = "invalid_dpop_proof"                // RFC 9449 §5
	UseDPoPNonce                    = "use_dpop_nonce"                    // RFC 9449 §8
)

// Refuse makes a refusal. What comes from strangers goes in by %q: quotes,
// line breaks and control characters leave as characters that RFC 6749 §5.2
// allows in a description.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Description: printable(fmt.Sprintf(format, args...))}
}

// ErrorURI is the page about an error code: RFC 6749 §5.2, "A URI identifying a
// human-readable web page with information about the error". Below the issuer.
func ErrorURI(issuer, code string) string { return issuer + "/docs/errors/" + code }

// printable replaces what an error_description must not contain.
func printable(s string) string {
	out := []byte(s)
	kept := out[:0]
	for _, r := range s {
		switch {
		case r == '"':
			kept = append(kept, '\'')
		case r == '\\':
			kept = append(kept, '/')
		case r >= 0x20 && r <= 0x7E:
			kept = append(kept, byte(r))
		default:
			kept = append(kept, '?')
		}
	}
	return string(kept)
}

// Status is the HTTP status of a refusal at an endpoint that answers JSON.
//
// RFC 6749 §5.2: "The authorization server responds with an HTTP 400 (Bad
// Request) status code (unless specified otherwise)".
func (e *Error) Status() int {
	if e.RetryAfter > 0 {
		return http.StatusTooManyRequests
	}
	switch e.Code {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case InsufficientScope:
		return http.StatusForbidden
	case ServerError:
		return http.StatusInternalServerError
	case TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
