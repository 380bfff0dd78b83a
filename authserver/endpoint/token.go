package endpoint

import (
	"encoding/base64"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// tokenRequest is what is known once a request was read.
type tokenRequest struct {
	oauth.TokenRequest
	Sent oauth.Parameters
}

var tokenRequestChecks = []check.Check[tokenRequest]{
	check.New("no parameter of the token request stands twice", "RFC 6749 §3.2", noTokenParameterTwice),
	check.New("grant_type is given", "RFC 6749 §5.2", grantTypeGiven),
}

// grantUse is what is known once the client is.
type grantUse struct {
	GrantType string
	Client    *oauth.Client
}

var grantTypeChecks = []check.Check[grantUse]{
	check.New("client is registered for the grant type", "RFC 6749 §5.2", grantTypeRegistered),
}

// Token is the token endpoint. RFC 6749 §3.2. The steps are the same for all
// grants; what differs is step 3.
func (e *Endpoints) Token(c echo.Context) error {
	ctx := c.Request().Context()

	// 1. Read the request.
	form, err := readForm(c)
	if err != nil {
		return err
	}
	req := oauth.ParseTokenRequest(form)
	req.Address = c.RealIP()
	if err := check.Run(ctx, e.Checks, tokenRequestChecks, tokenRequest{req, form}); err != nil {
		return err
	}
	if req.JKT, err = e.proof(c); err != nil { // before anything is spent: a client without a nonce comes again
		return err
	}
	grantType, supported := e.Grants[req.GrantType]
	if !supported {
		return oauth.Refuse(oauth.UnsupportedGrantType, "grant_type %q is not supported", limit(req.GrantType, 100))
	}

	// 2. Who is asking?
	client, err := e.identifyClient(c, form, grantType, req)
	if err != nil {
		return err
	}

	// 3. What are they allowed?
	if err := check.Run(ctx, e.Checks, grantTypeChecks, grantUse{req.GrantType, client}); err != nil {
		return err
	}
	if err := check.Run(ctx, e.Checks, proofUseChecks, proofUse{client, req.JKT}); err != nil {
		e.tellNonce(c)
		return err
	}
	if err := check.Run(ctx, e.Checks, targetFormChecks, e.tokenTarget(client, req)); err != nil {
		return err
	}
	issue, err := grantType.Authorize(background(c), client, req)
	if err != nil {
		return err
	}

	// 4. Issue.
	answer, err := e.issue(issue)
	if err != nil {
		return err
	}

	if issue.Warning != "" {
		e.Log.Warn("tokens issued with a warning", "client_id", client.ID, "warning", issue.Warning)
		e.record(c, "tokens issued with a warning", "", client.ID, issue.Warning)
	}

	if err := e.Store.ClientUsed(ctx, client, e.Now()); err != nil {
		e.Log.Error("that a client is used could not be noted", "client_id", client.ID, "error", err)
	}

	// 5. Answer.
	e.counters.tokens.Inc(req.GrantType)
	return answerJSON(c, http.StatusOK, answer)
}

// identifyClient authenticates the client. A grant whose assertion is signed by
// the client may do without: RFC 7521 §4.1, "Authentication of the client is
// optional".
func (e *Endpoints) identifyClient(c echo.Context, form oauth.Parameters, grantType grant.Type, req oauth.TokenRequest) (*oauth.Client, error) {
	asserted, ok := grantType.(interface {
		IdentifyClient(oauth.TokenRequest) (*oauth.Client, error)
	})
	authenticates := c.Request().Header.Get(echo.HeaderAuthorization) != "" || form.Get("client_secret") != "" || form.Get("client_assertion") != ""
	if !ok || authenticates {
		return e.authenticateClient(c, form)
	}
	client, err := asserted.IdentifyClient(req)
	if err == nil && form.Get("client_id") != "" && form.Get("client_id") != client.ID {
		return nil, oauth.Refuse(oauth.InvalidGrant, "client_id is another client than iss of the assertion")
	}
	return client, err
}

// tokenID is an identifier of 128 bits: it need not be secret, only unique.
func (e *Endpoints) tokenID() string {
	var b [16]byte
	if _, err := io.ReadFull(e.Random, b[:]); err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// RFC 6749 §3.2: "Request and response parameters MUST NOT be included more
// than once."
func noTokenParameterTwice(r tokenRequest) error {
	if name := r.Sent.Repeated(); name != "" {
		return oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	return nil
}

func grantTypeGiven(r tokenRequest) error {
	if r.GrantType == "" {
		return oauth.Refuse(oauth.InvalidRequest, "grant_type is missing")
	}
	return nil
}

// RFC 6749 §5.2: "The authenticated client is not authorized to use this
// authorization grant type."
func grantTypeRegistered(g grantUse) error {
	if !g.Client.MayUse(g.GrantType) {
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for grant_type %s", g.GrantType)
	}
	return nil
}
