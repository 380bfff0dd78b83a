package oauth

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// AuthorizationRequest is what a client sends the browser to /authorize with.
// RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1.
type AuthorizationRequest struct {
	ClientID             string
	RedirectURI          string
	ResponseType         string
	ResponseMode         string
	Scope                Scope
	State                string
	Nonce                string
	CodeChallenge        CodeChallenge
	CodeChallengeMethod  string
	Prompt               []string
	MaxAge               string // seconds, as sent
	LoginHint            string
	IDTokenHint          string
	Claims               string // JSON, as sent: OIDC Core §5.5
	ACRValues            []string
	Display              string
	UILocales            []string
	Resource             []string // RFC 8707 §2: may repeat
	AuthorizationDetails string   // JSON, as sent: RFC 9396 §2
	DPoPJKT              string   // RFC 9449 §10

	// Sent is everything that was sent, for the rules about form.
	Sent Parameters
}

// ParseAuthorizationRequest reads the parameters; unknown ones are ignored
// (RFC 6749 §3.1). It judges nothing.
func ParseAuthorizationRequest(p Parameters) AuthorizationRequest {
	return AuthorizationRequest{
		ClientID:             p.Get("client_id"),
		RedirectURI:          p.Get("redirect_uri"),
		ResponseType:         responseType(p.Get("response_type")),
		ResponseMode:         p.Get("response_mode"),
		Scope:                ParseScope(p.Get("scope")),
		State:                p.Get("state"),
		Nonce:                p.Get("nonce"),
		CodeChallenge:        CodeChallenge(p.Get("code_challenge")),
		CodeChallengeMethod:  p.Get("code_challenge_method"),
		Prompt:               strings.Fields(p.Get("prompt")),
		MaxAge:               p.Get("max_age"),
		LoginHint:            p.Get("login_hint"),
		IDTokenHint:          p.Get("id_token_hint"),
		Claims:               p.Get("claims"),
		ACRValues:            strings.Fields(p.Get("acr_values")),
		Display:              p.Get("display"),
		UILocales:            strings.Fields(p.Get("ui_locales")),
		Resource:             p.All("resource"),
		AuthorizationDetails: p.Get("authorization_details"),
		DPoPJKT:              p.Get("dpop_jkt"),
		Sent:                 p,
	}
}

// Asks tells whether prompt has a value. OIDC Core §3.1.2.1.
func (r AuthorizationRequest) Asks(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// Fresh tells whether a login at authTime is new enough for a request that came
// at started. OIDC Core §3.1.2.1: prompt=login "SHOULD prompt the End-User for
// reauthentication"; max_age "Specifies the allowable elapsed time in seconds
// since the last time the End-User was actively authenticated".
func (r AuthorizationRequest) Fresh(authTime, started, now time.Time) bool {
	// A login that is still to come was written down by a clock that was wrong.
	ahead := authTime.After(now)
	if r.Asks("login") && (ahead || authTime.Before(started)) {
		return false
	}
	if maxAge, err := strconv.Atoi(r.MaxAge); r.MaxAge != "" && err == nil {
		if ahead {
			return false
		}
		// A login that this request itself asked for is fresh however long the
		// person then thinks about the consent page.
		return !authTime.Before(started) || now.Sub(authTime).Seconds() <= float64(maxAge)
	}
	return true
}

// maxState is how much a client may make us carry for it.
const maxState = 2048

// StateAcceptable tells whether state can be sent back: visible characters and
// spaces (VSCHAR, RFC 6749 Appendix A.5), not more than 2,048 of them.
func (r AuthorizationRequest) StateAcceptable() bool { return stateAcceptable(r.State) }

func stateAcceptable(state string) bool {
	if len(state) > maxState {
		return false
	}
	for i := range len(state) {
		if state[i] < 0x20 || state[i] > 0x7E {
			return false
		}
	}
	return true
}

// ReadClaims is the claims parameter, and nothing where it cannot be read or no
// ID token is asked for: OIDC Core §5.5.
func (r AuthorizationRequest) ReadClaims() ClaimsRequest {
	if !r.Scope.Has(OpenID) {
		return ClaimsRequest{}
	}
	claims, _ := ParseClaimsRequest(r.Claims)
	return claims
}

// InFragment tells whether the answer belongs into the fragment: where a token
// was asked for, errors too, so that nothing of it reaches a server's log; and
// where the client wants it there. OAuth 2.0 Multiple Response Type Encoding
// Practices §2.1, §3 and §5.
func (r AuthorizationRequest) InFragment() bool {
	return r.ResponseMode != FormPost && (r.ResponseMode == "fragment" || r.AsksForToken())
}

// FormPost is the response mode that posts the answer. OAuth 2.0 Form Post
// Response Mode §2.
const FormPost = "form_post"

// The response types. RFC 6749 §3.1.1, OIDC Core §3.2.2.1.
const (
	CodeResponse         = "code"
	TokenResponseType    = "token"
	IDTokenResponse      = "id_token"
	IDTokenTokenResponse = "id_token token"
)

// responseType sorts the names in it: RFC 6749 §3.1.1, "the order of values does
// not matter".
func responseType(sent string) string {
	names := strings.Fields(sent)
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Returns tells whether the response type has a name in it: code, token or
// id_token.
func (r AuthorizationRequest) Returns(name string) bool {
	return slices.Contains(strings.Fields(r.ResponseType), name)
}

// AsksForToken tells whether a token is to pass through the browser.
func (r AuthorizationRequest) AsksForToken() bool {
	return r.Returns("token") || r.Returns("id_token")
}
