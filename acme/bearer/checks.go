package bearer

import (
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/internal/check"
)

// presentation is an access token with everything that is needed to judge it.
type presentation struct {
	token *Token
	key   *Key // of the issuer, named by kid; nil: it has none of that name

	// remembered: this very token's signature was verified before, with this key.
	remembered bool

	scheme   string // Bearer or DPoP
	issuer   string // the authorization server we trust
	resource string // who we are
	need     Need   // what the request wants of a token
	now      time.Time

	revoked   bool // the revocation feed named the token or its grant
	takenBack bool // it named a permission that the token carries
	feedFresh bool // and the feed is up to date
}

// clockSkew is how far ahead of ours the authorization server's clock may be.
// It is for iat and nbf alone: a token that has expired has expired.
const clockSkew = 10 * time.Second

// originChecks is whether the authorization server wrote this token. From then on
// what it says can be believed, also where it opens nothing.
var originChecks = []check.Check[*presentation]{
	check.New("typ is at+jwt", "RFC 9068 §4", checkType),
	check.New("no critical header that we do not know", "RFC 7515 §4.1.11", checkCritical),
	check.New("kid names a key of the issuer", "RFC 9068 §4", checkKey),
	check.New("alg is the key's algorithm", "RFC 8725 §3.1", checkAlgorithm),
	check.New("signature is the issuer's", "RFC 9068 §4", checkSignature),
	check.New("iss is our authorization server", "RFC 9068 §4", checkIssuer),
}

// tokenChecks is the judgement on a token of the authorization server's, in order.
var tokenChecks = []check.Check[*presentation]{
	check.New("aud names this resource", "RFC 9068 §4", checkAudience),
	check.New("token has not expired", "RFC 7519 §4.1.4", checkExpiry),
	check.New("token is not from the future", "RFC 7519 §4.1.5", checkNotBefore),
	check.New("required claims are there", "RFC 9068 §2.2", checkRequiredClaims),
	check.New("token was not revoked", "RFC 7009 §2.1", checkRevocation),
	check.New("no permission of the token was taken back", "RFC 7009 §2.1", checkTakenBack),
	check.New("token that is bound to a key is not sent as Bearer", "RFC 9449 §7.2", checkBoundScheme),
	check.New("token that is sent as DPoP is bound to a key", "RFC 9449 §7.1", checkBoundToken),
}

// accessChecks is about what the token opens. It comes after the proof: whoever
// merely stole a token learns nothing here.
var accessChecks = []check.Check[*presentation]{
	check.New("token has the scope", "RFC 6750 §3.1", checkScope),
	check.New("a person stands behind a private scope", "RFC 9068 §5", checkUser),
	check.New("a write wants a recent login", "RFC 9470 §3", checkLogin),
	check.New("revocations are known, for private data", "our policy, RFC 7009 §3", checkFeed),
}

// Rules lists the checks for an index; those of a proof are internal/dpop's.
func Rules() []check.Rule {
	return slices.Concat(
		check.Rules("Acme's API: access token", originChecks), check.Rules("Acme's API: access token", tokenChecks),
		check.Rules("Acme's API: what it opens", accessChecks),
		check.Rules("Acme's API: authorization detail", detailChecks),
	)
}

// "The resource server MUST verify that the typ header value is at+jwt or
// application/at+jwt and reject tokens carrying any other value." An ID token
// of the same issuer has the right signature and ends here.
func checkType(p *presentation) error {
	typ := strings.ToLower(p.token.Header.Type) // media types: RFC 7515 §4.1.9
	if typ != "at+jwt" && typ != "application/at+jwt" {
		return invalidToken("This is not an access token: its typ is not at+jwt")
	}
	return nil
}

// "If any of the listed extension Header Parameters are not understood and
// supported by the recipient, then the JWS is invalid." We know none.
func checkCritical(p *presentation) error {
	if p.token.Header.Critical != nil {
		return invalidToken("The token has a crit header")
	}
	return nil
}

// The kid is a name to look up in what we fetched, and never a path, a query
// or a URL to fetch from (RFC 8725 §3.10).
func checkKey(p *presentation) error {
	if p.key == nil {
		return invalidToken("The token is signed with a key that the authorization server does not have")
	}
	return nil
}

// "each key MUST be used with exactly one algorithm": what the header says must
// be that one. "none" and HS256 with the public key as secret end here.
func checkAlgorithm(p *presentation) error {
	if p.key == nil || p.token.Header.Algorithm != p.key.Algorithm {
		return invalidToken("The token is signed with another algorithm than its key is for")
	}
	return nil
}

// The method comes from the key. To take it from the header would let whoever
// wrote the token choose how it is verified.
func checkSignature(p *presentation) error {
	if p.remembered {
		return nil
	}
	if p.key == nil || jwt.GetSigningMethod(p.key.Algorithm).Verify(p.token.signed, p.token.signature, p.key.Public) != nil {
		return invalidToken("The signature is not the authorization server's")
	}
	return nil
}

// "The issuer identifier […] MUST exactly match the value of the iss claim."
func checkIssuer(p *presentation) error {
	if p.token.Claims.Issuer != p.issuer {
		return invalidToken("The token was issued by somebody else")
	}
	return nil
}

// "The resource server MUST validate that the aud claim contains a resource
// indicator value corresponding to an identifier the resource server expects
// for itself." A token for another API must not open this one.
func checkAudience(p *presentation) error {
	if !slices.Contains(p.token.Claims.Audience, p.resource) {
		return invalidToken("The token is for another resource")
	}
	return nil
}

// "the current date/time MUST be before the expiration date/time": on the
// second it is over. We grant no leeway.
func checkExpiry(p *presentation) error {
	exp := p.token.Claims.ExpiresAt
	if exp == nil {
		return invalidToken("The token has no expiry")
	}
	if !p.now.Before(exp.Time) {
		return invalidToken("The token has expired")
	}
	return nil
}

// RFC 7519 §4.1.5 allows "some small leeway […] to account for clock skew".
func checkNotBefore(p *presentation) error {
	for _, from := range []*jwt.NumericDate{p.token.Claims.NotBefore, p.token.Claims.IssuedAt} {
		if from != nil && from.Time.After(p.now.Add(clockSkew)) {
			return invalidToken("The token is not yet valid")
		}
	}
	return nil
}

func checkRequiredClaims(p *presentation) error {
	c := &p.token.Claims
	if c.Subject == "" || c.ClientID == "" || c.ID == "" || c.IssuedAt == nil {
		return invalidToken("The token lacks sub, client_id, jti or iat")
	}
	return nil
}

func checkRevocation(p *presentation) error {
	if p.revoked {
		return invalidToken("The token was revoked")
	}
	return nil
}

// The person took a permission back and left the rest. A token says more than it
// may from then on: the client refreshes it, and gets one that does not.
func checkTakenBack(p *presentation) error {
	if p.takenBack {
		return invalidToken("The person took back a permission that the token carries: refresh it")
	}
	return nil
}

// A server that knows both schemes "MUST reject a DPoP-bound access token received
// as a bearer token". Otherwise a thief would leave the proof out. This is all that
// "required" means here: whoever has a bound token cannot do without a proof,
// and an application whose tokens are always bound is registered with
// dpop_bound_access_tokens at the authorization server.
func checkBoundScheme(p *presentation) error {
	if p.scheme == Bearer && p.token.Claims.Confirmation != nil {
		return &Refusal{Code: InvalidToken, Description: "The token is bound to a key: send it by the scheme DPoP, with a proof", wanted: DPoP}
	}
	return nil
}

// RFC 9449 §7.1 wants a proof's key to be the one "to which the access token is
// bound": there is none.
func checkBoundToken(p *presentation) error {
	if p.scheme == DPoP && p.token.Claims.BoundTo() == "" {
		return invalidToken("The token is bound to no key: it is a bearer token")
	}
	return nil
}

// A detail may stand in for the scope: detailChecks judge it when all else is in
// order.
func checkScope(p *presentation) error {
	if !p.token.Claims.HasScope(p.need.Scope) && p.token.Claims.DetailsOf(p.need.Detail) == nil {
		return insufficientScope("The token does not have the scope that this needs", p)
	}
	return nil
}

// RFC 9068 §5 warns of a client that gets hold of a sub which is a person's.
// The authorization server gives no private scope to a client on its own
// account; should it ever, nobody's data would hang on it.
func checkUser(p *presentation) error {
	if Private(p.need.Scope) && !p.token.Claims.HasUser() {
		return insufficientScope("The token was not granted by a person", p)
	}
	return nil
}

// "the allowable elapsed time in seconds since the last active authentication
// event associated with the access token": a token that was refreshed for a
// year still says when the person last typed her password. One that doesn't say
// it comes from no login that we could judge, and one that says tomorrow was written
// by a clock that was wrong: it would be recent for a day.
func checkLogin(p *presentation) error {
	if p.need.MaxAge == 0 {
		return nil
	}
	login := p.token.Claims.AuthTime
	if login == nil || p.now.Sub(login.Time) > p.need.MaxAge || login.Time.After(p.now.Add(clockSkew)) {
		return &Refusal{
			Code:        InsufficientUserAuthentication,
			Description: "The token comes from no login that is recent enough: the person has to log in again",
			MaxAge:      p.need.MaxAge, Held: p.token.Claims.Scope,
		}
	}
	return nil
}

// Without news from the authorization server a revoked token looks like any
// other. Private data then stays closed; what everybody may read stays open.
func checkFeed(p *presentation) error {
	if Private(p.need.Scope) && !p.feedFresh {
		return &Unavailable{
			Reason: "The authorization server has not told us within the last 30 seconds which tokens are revoked. " +
				"Until it does, private data is refused; public data is served.",
			RetryAfter: 5 * time.Second,
		}
	}
	return nil
}

func insufficientScope(description string, p *presentation) error {
	return &Refusal{Code: InsufficientScope, Description: description, Scope: p.need.Scope, Held: p.token.Claims.Scope}
}

// Private tells whether a scope opens data of a person. What is not known to be
// public is private.
func Private(scope string) bool { return scope != "packages:read" && scope != "reviews:read" }
