package grant

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// ClientAssertion authenticates a client by what it signed, private_key_jwt:
// RFC 7523 §2.2, OIDC Core §9. No secret is shared, and none travels.
type ClientAssertion struct {
	Environment
	Issuer string // ours
	Keys   ClientKeys
	Spent  SpendAssertion
}

// ClientAssertionType is the one client_assertion_type. RFC 7523 §2.2.
const ClientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// longestClientAssertion is how far ahead exp may lie: a client signs one when
// it needs one.
const longestClientAssertion = 10 * time.Minute

var clientAssertionChecks = []check.Check[asserted]{
	check.New("client assertion is signed by the client", "RFC 7523 §3", assertionSigned),
	check.New("client assertion is signed with the algorithm that was registered", "OIDC Registration §2", assertionSignedAsRegistered),
	check.New("client assertion is no other kind of JWT", "RFC 8725 §3.11", assertionTyped),
	check.New("client assertion is from and about the client", "RFC 7523 §3", assertionAboutItself),
	check.New("client assertion is for this server alone", "RFC 7523 §3", assertionForUs),
	check.New("aud of a FAPI client's assertion is a string", "FAPI 2.0 Security Profile §5.3.2.1", assertionAudienceString),
	check.New("client assertion expires, and has not yet", "RFC 7523 §3", assertionExpires),
	check.New("client assertion lives ten minutes at most", "RFC 7523 §3", assertionShort),
	check.New("client assertion is not from the future", "RFC 7523 §3", assertionNotFromTheFuture),
	check.New("client assertion has a jti", "OIDC Core §9", assertionHasJTI),
}

// Authenticate tells whether an assertion is the client's, once.
func (a ClientAssertion) Authenticate(ctx context.Context, client *oauth.Client, compact string) error {
	assertion, err := PeekAssertion(compact)
	if err != nil {
		return oauth.Refuse(oauth.InvalidClient, "client_assertion is not a JWT")
	}
	keys, noKeys := a.Keys.ClientKeys(ctx, client, assertion.KeyID)
	err = check.Run(ctx, a.Checks, clientAssertionChecks, asserted{
		Assertion: assertion, Client: client, Signed: SignedBy(keys, compact), NoKeys: noKeys,
		Issuer: a.Issuer, Longest: longestClientAssertion, Now: a.Now(), refuse: oauth.InvalidClient,
	})
	if err != nil {
		return err
	}
	err = a.Spent.SpendAssertion(ctx, assertion.replayID(compact), assertion.end(a.Now().Add(longestClientAssertion)))
	if errors.Is(err, ErrSpent) {
		return oauth.Refuse(oauth.InvalidClient, "client_assertion has been used before")
	}
	return err
}

// OIDC Registration §2, token_endpoint_auth_signing_alg: "All Token Requests
// using these authentication methods from this Client MUST be rejected, if the
// JWT is not signed with this algorithm."
func assertionSignedAsRegistered(a asserted) error {
	if want := a.Client.TokenEndpointAuthSigningAlg; want != "" && !oauth.SameAlgorithm(a.Algorithm, want) {
		return a.no("client_assertion must be signed with %s", want)
	}
	if a.Client.FAPI() && a.Algorithm == "RS256" { // §5.4.1
		return a.no("client_assertion must be signed with PS256, ES256 or Ed25519")
	}
	return nil
}

// RFC 9101 §10.8: "One way that an attacker might attempt to repurpose a Request
// Object is to try to use it as a client authentication JWT": it passes through
// the browser. What says that it is something else is not taken for one.
func assertionTyped(a asserted) error {
	switch strings.TrimPrefix(strings.ToLower(a.Type), "application/") {
	case "", "jwt", "client-authentication+jwt":
		return nil
	}
	return a.no("typ of client_assertion is that of another kind of JWT")
}

// FAPI 2.0 Security Profile §5.3.2.1: "shall only accept its issuer identifier
// value (as defined in [RFC8414]) as a string in the aud claim received in
// client authentication assertions". RFC 7519 §4.1.3 has an array of one mean the
// same, and libraries write it: from others we take it.
func assertionAudienceString(a asserted) error {
	if a.Client.FAPI() && !bytes.HasPrefix(a.Members["aud"], []byte{'"'}) {
		return a.no("aud of client_assertion must be a string, not an array")
	}
	return nil
}

// RFC 7523 §3: iss and sub of a client authentication are both the client_id.
func assertionAboutItself(a asserted) error {
	if a.Assertion.Issuer != a.Client.ID || a.Subject != a.Client.ID {
		return a.no("iss and sub of client_assertion must both be %s", a.Client.ID)
	}
	return nil
}

// OIDC Core §9: jti is "A unique identifier for the token, which can be used to
// prevent reuse of the token." and REQUIRED.
func assertionHasJTI(a asserted) error {
	if a.JWTID == "" {
		return a.no("client_assertion has no jti")
	}
	return nil
}
