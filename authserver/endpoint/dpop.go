package endpoint

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
)

// What makes a proof good is one list for everybody who receives one: it is in
// internal/dpop. Here stands what an authorization server does with it.

// proofUse is what is known once client and proof are.
type proofUse struct {
	Client *oauth.Client
	JKT    string // thumbprint of the proof's key; empty: there was no proof
}

var proofUseChecks = []check.Check[proofUse]{
	check.New("client that is registered for bound tokens sends a proof", "RFC 9449 §5.2", boundClientProves),
}

// keyOfCode is a pushed request that names a key, by dpop_jkt and by a proof.
type keyOfCode struct{ Named, Proven string }

var keyOfCodeChecks = []check.Check[keyOfCode]{
	check.New("dpop_jkt is the key of the proof beside it", "RFC 9449 §10.1", jktIsProofs),
}

// proof verifies the DPoP proof of a request to one of our endpoints and returns
// the thumbprint of its key; empty: there is none, and nothing is bound. Whoever
// sent one learns what the next must hold. RFC 9449 §5, §8.2.
func (e *Endpoints) proof(c echo.Context) (jkt string, err error) {
	if !dpop.Sent(c.Request().Header) {
		return "", nil
	}
	return e.prove(c, dpop.Request{})
}

// provePossession verifies the proof that must come with a token that is bound
// to a key. RFC 9449 §7.1.
func (e *Endpoints) provePossession(c echo.Context, accessToken string, bound *token.Confirmation) error {
	request := dpop.Request{AccessToken: accessToken}
	if bound != nil {
		request.JKT = bound.JKT
	}
	_, err := e.prove(c, request)
	return err
}

func (e *Endpoints) prove(c echo.Context, r dpop.Request) (jkt string, err error) {
	e.tellNonce(c)
	sent := c.Request()
	r.Header, r.Method, r.URL = sent.Header, sent.Method, e.issuer()+sent.URL.EscapedPath()
	jkt, err = e.proofs.Verify(sent.Context(), r)
	var refused *dpop.Error
	switch {
	case errors.As(err, &refused):
		return "", oauth.Refuse(refused.Code, "%s", refused.Description)
	case errors.Is(err, dpop.ErrBusy):
		return "", oauth.Refuse(oauth.TemporarilyUnavailable, "more proofs come in than can be remembered; try again")
	}
	return jkt, err
}

func (e *Endpoints) tellNonce(c echo.Context) {
	c.Response().Header().Set("DPoP-Nonce", e.proofs.Nonce())
}

// bindCode binds the code of a pushed authorization request to the key of the
// proof that came with it. RFC 9449 §10.1: "It MUST further behave as if the
// contained public key's thumbprint was provided using dpop_jkt". So it is written
// into what was sent, and kept with it.
func (e *Endpoints) bindCode(ctx context.Context, sent oauth.Parameters, jkt string) error {
	if jkt == "" {
		return nil
	}
	if err := check.Run(ctx, e.Checks, keyOfCodeChecks, keyOfCode{sent.Get("dpop_jkt"), jkt}); err != nil {
		return err
	}
	sent["dpop_jkt"] = []string{jkt}
	return nil
}

// challenges are the WWW-Authenticate headers of userinfo: RFC 6750 §3, RFC 9449
// §7.1. The error, where there is one, stands with the scheme by which the token
// came; where it should have come by DPoP, with both.
func challenges(r *http.Request, refusal *oauth.Error) []string {
	var fault []string
	if refusal != nil {
		fault = append(fault, `error="`+refusal.Code+`"`, `error_description="`+refusal.Description+`"`)
		if refusal.Code == oauth.InsufficientScope {
			fault = append(fault, `scope="openid"`)
		}
	}
	bearer := func(fault ...string) string {
		return "Bearer " + strings.Join(append([]string{`realm="acme accounts"`}, fault...), ", ")
	}
	proof := func(fault ...string) string {
		return "DPoP " + strings.Join(append(slices.Clone(fault), `algs="`+strings.Join(dpop.Algorithms, " ")+`"`), ", ")
	}
	switch scheme, _, _ := credentials(r); {
	case refusal == errBoundToken:
		return []string{proof(fault...), bearer(fault...)}
	case scheme == dpopScheme:
		return []string{proof(fault...), bearer()}
	}
	return []string{bearer(fault...), proof()}
}

// errBoundToken is what a bound token gets that comes alone.
var errBoundToken = oauth.Refuse(oauth.InvalidToken, "the access token is bound to a key: send it by the scheme DPoP, with a proof")

// RFC 9449 §5.2: "If the value is true, the authorization server MUST reject token
// requests from the client that do not contain the DPoP header."
func boundClientProves(p proofUse) error {
	if p.Client.DPoPBound && p.JKT == "" {
		return oauth.Refuse(oauth.InvalidDPoPProof, "the client is registered with dpop_bound_access_tokens: send a proof in the header DPoP")
	}
	return nil
}

// RFC 9449 §10.1: "If both mechanisms are used at the same time, the authorization
// server MUST reject the request if the JWK Thumbprint in dpop_jkt does not match
// the public key in the DPoP header."
func jktIsProofs(k keyOfCode) error {
	if k.Named != "" && k.Named != k.Proven {
		return oauth.Refuse(oauth.InvalidDPoPProof, "dpop_jkt is another key than that of the proof")
	}
	return nil
}
