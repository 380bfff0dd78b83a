package endpoint

import (
	"slices"
	"strconv"
	"strings"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
)

// addressed is what is known before anybody may be sent anywhere.
type addressed struct {
	oauth.AuthorizationRequest
	Client *oauth.Client
}

// clientChecks judge who asks. Until they pass every refusal is a page.
//
// RFC 6749 §4.1.2.1: "If the request fails due to a missing, invalid, or
// mismatching redirection URI, or if the client identifier is missing or
// invalid, the authorization server SHOULD inform the resource owner of the
// error and MUST NOT automatically redirect the user-agent to the invalid
// redirection URI."
var clientChecks = []check.Check[addressed]{
	check.New("authorization request is 16 KiB at most", "ours", requestNotTooLarge),
	check.New("client_id and redirect_uri stand once", "RFC 6749 §3.1", clientAndRedirectURIOnce),
	check.New("client that asks has not been disabled", "RFC 6749 §4.1.2.1", askingClientNotDisabled),
	check.New("redirect_uri is registered, compared as a string", "RFC 9700 §2.1", redirectURIRegistered),
}

// asked is what is known once client and redirect URI are good.
type asked struct {
	oauth.AuthorizationRequest
	Client       *oauth.Client
	LegacyGrants bool // the implicit grant is offered
	ClaimsError  error
	Hint         token.IDToken // of id_token_hint
	HintError    error

	Details      []oauth.AuthorizationDetail // of authorization_details
	DetailsError error
	Resources    oauth.Resources // that tokens can be for
}

// requestChecks judge what is asked. From here on a refusal goes back to the
// client, by redirect.
var requestChecks = slices.Concat([]check.Check[asked]{
	check.New("no parameter of the authorization request stands twice", "RFC 6749 §3.1", noParameterTwice),
	check.New("state is visible characters, 2,048 at most", "RFC 6749 Appendix A.5", stateAcceptable),
	check.New("request_uri is not a foreign one", "RFC 9101 §7", noForeignRequestURI),
	check.New("response_type is given and known", "RFC 6749 §4.1.2.1", responseTypeKnown),
	check.New("response_type is supported", "RFC 6749 §4.1.2.1", responseTypeSupported),
	check.New("client is registered for the response_type", "RFC 6749 §4.1.2.1", responseTypeRegistered),
	check.New("a client whose tokens are bound gets none through the browser", "RFC 9449 §5.2", noUnboundToken),
	check.New("dpop_jkt is a SHA-256 in base64url", "RFC 9449 §10", jktWellFormed),
	check.New("response_mode fits the response_type", "OAuth 2.0 Multiple Response Types §3", responseModeFits),
	check.New("a client that must use PKCE sends a code_challenge", "RFC 7636 §4.4.1", codeChallengeSent),
	check.New("code_challenge_method is S256", "RFC 9700 §2.1.1", codeChallengeMethodS256),
	check.New("code_challenge is a SHA-256 in base64url", "RFC 7636 §4.2", codeChallengeWellFormed),
	check.New("prompt=none stands alone", "OIDC Core §3.1.2.1", promptNoneAlone),
	check.New("max_age is a number of seconds", "OIDC Core §3.1.2.1", maxAgeNumber),
	check.New("an ID token is asked for with the scope openid", "OIDC Core §3.2.2.1", idTokenWithOpenID),
	check.New("an ID token from the authorization endpoint has a nonce", "OIDC Core §3.2.2.1", idTokenWithNonce),
	check.New("claims is an object of claims", "OIDC Core §5.5", claimsWellFormed),
	check.New("an acr that the client insists on can be had", "OIDC Core §5.5.1.1", acrCanBeHad),
	check.New("id_token_hint is an ID token of ours", "OIDC Core §3.1.2.2", hintOurs),
	check.New("id_token_hint was issued to the client that shows it", "OIDC Core §3.1.2.2", hintForClient),
}, scopeChecks)

// scopeChecks judge what a token is to open, here and where a device asks (RFC
// 8628 §3.1; RFC 9396 §3).
var scopeChecks = slices.Concat([]check.Check[asked]{
	check.New("scope is given", "RFC 6749 §3.3", scopeGiven),
	check.New("scope that is asked for is known", "RFC 6749 §4.1.2.1", scopeKnown),
	check.New("client may ask for the scope", "RFC 6749 §4.1.2.1", scopeAllowed),
}, targetChecks)

// maxRequest is the largest authorization request that we keep while its person
// signs in. Strangers send them, and each is stored: a good one has a tenth.
const maxRequest = 16 << 10

func requestNotTooLarge(a addressed) error {
	size := 0
	for name, values := range a.Sent {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if size > maxRequest {
		return oauth.Refuse(oauth.InvalidRequest, "the request has %d bytes; expected %d at most", size, maxRequest)
	}
	return nil
}

func clientAndRedirectURIOnce(a addressed) error {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(a.Sent[name]) > 1 {
			return oauth.Refuse(oauth.InvalidRequest, "%s stands twice", name)
		}
	}
	return nil
}

func askingClientNotDisabled(a addressed) error {
	if a.Client.Disabled {
		return oauth.Refuse(oauth.InvalidRequest, "the client has been disabled")
	}
	return nil
}

// RFC 9700 §2.1: "authorization servers MUST utilize exact string matching".
// Always given, as OIDC Core §3.1.2.1 requires: one rule, no exceptions to learn.
func redirectURIRegistered(a addressed) error {
	switch {
	case a.RedirectURI == "":
		return oauth.Refuse(oauth.InvalidRequest, "redirect_uri is missing")
	case !a.Client.RedirectURIRegistered(a.RedirectURI):
		return oauth.Refuse(oauth.InvalidRequest, "redirect_uri is not registered for this client")
	}
	return nil
}

func noParameterTwice(a asked) error {
	if name := a.Sent.Repeated(); name != "" {
		return oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	return nil
}

func stateAcceptable(a asked) error {
	if !a.StateAcceptable() {
		return oauth.Refuse(oauth.InvalidRequest, "state has more than 2048 characters, or other than visible ASCII ones")
	}
	return nil
}

// What was pushed to us has been put in the place of its request_uri. Any other
// would make us fetch what a stranger names: RFC 9101 §10.4.
func noForeignRequestURI(a asked) error {
	if a.Sent.Get("request_uri") != "" {
		return oauth.Refuse(oauth.RequestURINotSupported, "request_uri is supported only as the pushed authorization request endpoint gave it")
	}
	return nil
}

// responseTypes is what we know, and the grant type that a client registers
// for it. RFC 7591 §2.1.
var responseTypes = map[string]string{
	oauth.CodeResponse:         oauth.AuthorizationCodeGrant,
	oauth.TokenResponseType:    oauth.ImplicitGrant,
	oauth.IDTokenResponse:      oauth.ImplicitGrant,
	oauth.IDTokenTokenResponse: oauth.ImplicitGrant,
}

func responseTypeKnown(a asked) error {
	if a.ResponseType == "" {
		return oauth.Refuse(oauth.InvalidRequest, "response_type is missing")
	}
	if responseTypes[a.ResponseType] == "" {
		return oauth.Refuse(oauth.UnsupportedResponseType, "response_type %q is not supported", limit(a.ResponseType, 100))
	}
	return nil
}

func responseTypeRegistered(a asked) error {
	needs := responseTypes[a.ResponseType]
	if needs == "" {
		return nil
	}
	registered := len(a.Client.ResponseTypes) == 0 || slices.Contains(a.Client.ResponseTypes, a.ResponseType)
	if !a.Client.MayUse(needs) || !registered {
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for response_type %s", a.ResponseType)
	}
	return nil
}

// RFC 9449 §5.2: such a client "always uses DPoP for token requests". A token that
// comes back in the address of a page was asked for without one.
func noUnboundToken(a asked) error {
	if a.Client.DPoPBound && a.Returns("token") {
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is registered with dpop_bound_access_tokens: tokens come from the token endpoint alone")
	}
	return nil
}

// RFC 9449 §10: "The value of the dpop_jkt authorization request parameter is the
// JWK Thumbprint [RFC7638] of the proof-of-possession public key using the SHA-256
// hash function". Another value no key could ever have.
func jktWellFormed(a asked) error {
	if a.DPoPJKT != "" && !oauth.CodeChallenge(a.DPoPJKT).WellFormed() {
		return oauth.Refuse(oauth.InvalidRequest, "dpop_jkt must be 43 characters of base64url without padding")
	}
	return nil
}

func responseTypeSupported(a asked) error {
	if responseTypes[a.ResponseType] == oauth.ImplicitGrant && !a.LegacyGrants {
		return oauth.Refuse(oauth.UnsupportedResponseType, "response_type %s is not supported", a.ResponseType)
	}
	return nil
}

// OAuth 2.0 Multiple Response Types §3 keeps tokens out of the query, where
// they would end up in logs.
func responseModeFits(a asked) error {
	switch a.ResponseMode {
	case "", "fragment", oauth.FormPost:
		return nil
	case "query":
		if !a.AsksForToken() {
			return nil
		}
	}
	return oauth.Refuse(oauth.InvalidRequest, "response_mode %q is not supported for response_type %s", limit(a.ResponseMode, 100), limit(a.ResponseType, 100))
}

// RFC 7636 §4.4.1: "If the server requires Proof Key for Code Exchange (PKCE)
// by OAuth public clients and the client does not send the "code_challenge" in
// the request, the authorization endpoint MUST return the authorization error
// response with the "error" value set to "invalid_request"."
func codeChallengeSent(a asked) error {
	if a.CodeChallenge == "" && a.Returns("code") && a.Client.PKCERequired() {
		return oauth.Refuse(oauth.InvalidRequest, "PKCE is required: code_challenge is missing")
	}
	return nil
}

// RFC 7636 §4.3 makes "plain" the default where no method is named: whoever
// sees the request then knows the verifier. So a method has to be named.
func codeChallengeMethodS256(a asked) error {
	if (a.CodeChallenge != "" || a.CodeChallengeMethod != "") && a.CodeChallengeMethod != oauth.S256 {
		return oauth.Refuse(oauth.InvalidRequest, "code_challenge_method must be S256")
	}
	return nil
}

func codeChallengeWellFormed(a asked) error {
	if (a.CodeChallenge != "" || a.CodeChallengeMethod != "") && !a.CodeChallenge.WellFormed() {
		return oauth.Refuse(oauth.InvalidRequest, "code_challenge must be 43 characters of base64url without padding")
	}
	return nil
}

// RFC 6749 §3.3: "the authorization server MUST either process the request
// using a pre-defined default value or fail the request indicating an invalid
// scope". We fail: nobody should share more than was named. A request that says
// what it wants in authorization_details has named it (RFC 9396 §3).
func scopeGiven(a asked) error {
	if len(a.Scope) == 0 && a.AuthorizationDetails == "" {
		return oauth.Refuse(oauth.InvalidScope, "scope is missing; allowed is: %s", a.Client.Scope)
	}
	return nil
}

func scopeKnown(a asked) error {
	if unknown := a.Scope.Unknown(); unknown != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is not known; allowed is: %s", limit(unknown.String(), 200), a.Client.Scope)
	}
	return nil
}

func scopeAllowed(a asked) error {
	if wider := a.Scope.Without(a.Client.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "the client is not registered for %s; allowed is: %s", limit(wider.String(), 200), a.Client.Scope)
	}
	return nil
}

// OIDC Core §3.1.2.1: "If this parameter contains none with any other value, an
// error is returned."
func promptNoneAlone(a asked) error {
	if slices.Contains(a.Prompt, "none") && len(a.Prompt) > 1 {
		return oauth.Refuse(oauth.InvalidRequest, "prompt=none does not go with %s", limit(strings.Join(a.Prompt, " "), 100))
	}
	return nil
}

func maxAgeNumber(a asked) error {
	if n, err := strconv.Atoi(a.MaxAge); a.MaxAge != "" && (err != nil || n < 0) {
		return oauth.Refuse(oauth.InvalidRequest, "max_age must be a number of seconds")
	}
	return nil
}

// Without openid it is no OpenID Connect request (OIDC Core §3.1.2.1), and there
// is nothing that an ID token could say.
func idTokenWithOpenID(a asked) error {
	if a.Returns("id_token") && !a.Scope.Has(oauth.OpenID) {
		return oauth.Refuse(oauth.InvalidRequest, "response_type %s needs the scope openid", a.ResponseType)
	}
	return nil
}

// "nonce: REQUIRED": what passes through the browser could otherwise be one that
// was stolen elsewhere.
func idTokenWithNonce(a asked) error {
	if a.Returns("id_token") && a.Nonce == "" {
		return oauth.Refuse(oauth.InvalidRequest, "response_type %s needs a nonce", a.ResponseType)
	}
	return nil
}

func claimsWellFormed(a asked) error {
	if a.ClaimsError != nil {
		return oauth.Refuse(oauth.InvalidRequest, "%v", a.ClaimsError)
	}
	return nil
}

// "If this is an Essential Claim and the requirement cannot be met, then the
// Authorization Server MUST treat that outcome as a failed authentication
// attempt."
func acrCanBeHad(a asked) error {
	if a.ReadClaims().ACRUnmet() {
		return oauth.Refuse(oauth.UnmetAuthenticationRequirements, "people sign in by password here: acr can be %s and nothing else", oauth.ACRPassword)
	}
	return nil
}

// "When an id_token_hint is present, the OP MUST validate that it was the issuer
// of the ID Token."
func hintOurs(a asked) error {
	if a.HintError != nil {
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint is not an ID token that this server signed")
	}
	return nil
}

// An ID token of another application says who used that one: nothing that this
// client should get to try out.
func hintForClient(a asked) error {
	if a.IDTokenHint != "" && a.HintError == nil && a.Hint.Audience != a.ClientID {
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint was issued to another client")
	}
	return nil
}
