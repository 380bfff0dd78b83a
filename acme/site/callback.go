package site

import (
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/acme-dreams/internal/check"
)

// authorizationResponse is what came to the redirect URI, and what we began.
type authorizationResponse struct {
	State, Code, Issuer     string
	Error, ErrorDescription string
	Repeated                string // a parameter that stands more than once
	ExpectedIssuer          string
	Begun                   pendingSignIn
	Ours                    bool // this browser began it, and no response came before
}

// responseChecks judge an authorization response. state stands first: until it
// fits, nothing in the response is for us.
var responseChecks = []check.Check[authorizationResponse]{
	{Name: "sign-in: every parameter stands once", Source: "RFC 6749 §3.1", Verify: checkRepeated},
	{Name: "sign-in: state is there, this browser’s and unspent", Source: "RFC 6749 §10.12", Verify: checkState},
	{Name: "sign-in: iss is the issuer that we asked", Source: "RFC 9207 §2.4", Verify: checkIssuer},
	{Name: "sign-in: the response is an error or a code, not both", Source: "RFC 6749 §4.1.2.1", Verify: checkEither},
	{Name: "sign-in: the response is not an error", Source: "RFC 6749 §4.1.2.1", Verify: checkNoError},
	{Name: "sign-in: code is there", Source: "RFC 6749 §4.1.2", Verify: checkCode},
}

// identity is what the token endpoint says about who signed in: an ID token
// whose signature, iss, aud and exp go-oidc found good.
type identity struct {
	Begun       pendingSignIn
	IDToken     *oidc.IDToken
	AccessToken string // that came with it
}

// identityChecks judge what go-oidc leaves to whoever asked.
var identityChecks = []check.Check[identity]{
	{Name: "sign-in: the ID token is for this client alone", Source: "OIDC Core §3.1.3.7", Verify: checkAudience},
	{Name: "sign-in: nonce is the one of our request", Source: "OIDC Core §3.1.3.7", Verify: checkNonce},
	{Name: "sign-in: at_hash fits the access token", Source: "OIDC Core §3.1.3.8", Verify: checkAccessTokenHash},
}

// claims is what userinfo says, and whom we asked about.
type claims struct {
	Subject  string
	UserInfo *oidc.UserInfo
}

var userInfoChecks = []check.Check[claims]{
	{Name: "sign-in: userinfo is about the same person", Source: "OIDC Core §5.3.2", Verify: checkSubject},
}

// Rules lists the checks of the sign-in for an index.
func Rules() []check.Rule {
	rules := check.Rules("Acme’s sign-in: authorization response", responseChecks)
	rules = append(rules, check.Rules("Acme’s sign-in: ID token", identityChecks)...)
	rules = append(rules, check.Rules("Acme’s sign-in: userinfo", userInfoChecks)...)
	return append(rules, check.Rules("Acme’s sign-out: logout token", logoutTokenChecks)...)
}

// errDeclined is somebody who said no at the authorization server.
var errDeclined = errors.New("access_denied")

// notOurs is the page for a response that this browser did not ask for, or that
// does not come from where we asked.
func notOurs(detail string) error {
	return &SignInRefusal{
		http.StatusBadRequest, "This sign-in did not begin here",
		"It signed nobody in. It may be an old tab, a page from your history, or a link that somebody else made. Begin once more from here.",
		detail,
	}
}

func mismatch(detail string) error {
	return &SignInRefusal{
		http.StatusBadGateway, "We could not sign you in",
		"What Acme Accounts sent about you does not check out, so we did not believe it. Nothing has happened to your account. It may be a matter of moments: sign in again.",
		detail,
	}
}

func checkRepeated(r authorizationResponse) error {
	if r.Repeated != "" {
		return notOurs("RFC 6749 §3.1: the parameter " + r.Repeated + " stands more than once.")
	}
	return nil
}

func checkState(r authorizationResponse) error {
	switch {
	case r.State == "":
		return notOurs("RFC 6749 §10.12: the response has no state.")
	case !r.Ours:
		return notOurs("RFC 6749 §10.12: state is not one that this browser’s session is waiting for: foreign, spent, or older than 15 minutes.")
	}
	return nil
}

// "clients MUST … compare the result to the issuer identifier of the
// authorization server where the authorization request was sent to": a response
// from another server must not lead us to take our code there (mix-up).
func checkIssuer(r authorizationResponse) error {
	if r.Issuer != r.ExpectedIssuer {
		return notOurs("RFC 9207 §2.4: iss is “" + r.Issuer + "”, expected “" + r.ExpectedIssuer + "”.")
	}
	return nil
}

func checkEither(r authorizationResponse) error {
	if r.Error != "" && r.Code != "" {
		return notOurs("RFC 6749 §4.1.2.1: the response holds an error and a code.")
	}
	return nil
}

func checkNoError(r authorizationResponse) error {
	detail := r.Error + " (RFC 6749 §4.1.2.1) from the authorization endpoint"
	if r.ErrorDescription != "" {
		detail += ": " + r.ErrorDescription
	}
	switch r.Error {
	case "":
		return nil
	case "access_denied":
		return errDeclined
	case "temporarily_unavailable", "server_error":
		return &SignInRefusal{http.StatusServiceUnavailable, accountsDown.Heading, accountsDown.Lead, detail}
	default:
		return &SignInRefusal{
			http.StatusBadGateway, "Acme Accounts did not sign you in",
			"It gave a reason that only a developer can do something about.", detail,
		}
	}
}

func checkCode(r authorizationResponse) error {
	if r.Code == "" {
		return notOurs("RFC 6749 §4.1.2: the response holds neither a code nor an error.")
	}
	return nil
}

// "The ID Token MUST be rejected if … it contains additional audiences not
// trusted by the Client": we trust none.
func checkAudience(i identity) error {
	if len(i.IDToken.Audience) != 1 || i.IDToken.Audience[0] != clientID {
		return mismatch("OIDC Core §3.1.3.7: the ID token is for others than " + clientID + ".")
	}
	return nil
}

func checkNonce(i identity) error {
	if !sameSecret(i.Begun.Nonce, i.IDToken.Nonce) {
		return mismatch("OIDC Core §3.1.3.7: nonce is not the one of our request, so this ID token was made for another sign-in.")
	}
	return nil
}

// at_hash is optional with a code; where it is, it has to fit.
func checkAccessTokenHash(i identity) error {
	if i.IDToken.AccessTokenHash != "" && i.IDToken.VerifyAccessToken(i.AccessToken) != nil {
		return mismatch("OIDC Core §3.1.3.8: at_hash does not fit the access token.")
	}
	return nil
}

// "The sub Claim in the UserInfo Response MUST be verified to exactly match the
// sub Claim in the ID Token": or it could be another person's token.
func checkSubject(c claims) error {
	if c.Subject == "" || c.UserInfo.Subject != c.Subject {
		return mismatch("OIDC Core §5.3.2: userinfo is about somebody else than the ID token.")
	}
	return nil
}

// sameSecret compares in constant time; an empty secret is the same as nothing.
func sameSecret(ours, theirs string) bool {
	return ours != "" && subtle.ConstantTimeCompare([]byte(ours), []byte(theirs)) == 1
}
