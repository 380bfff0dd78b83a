package site

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/internal/check"
)

// BackchannelLogoutPath is where the authorization server tells us that somebody
// signed out there: other sites may post to it, because no cookie opens it.
const BackchannelLogoutPath = "/backchannel-logout"

// backchannelLogout takes a logout token and ends the sessions that it is about.
//
// Back-Channel Logout §2.8: "If the logout succeeded, the RP MUST respond with HTTP
// 200 OK." "If the logout request was invalid or the logout failed, the RP MUST
// respond with HTTP 400 Bad Request."
func (s *Site) backchannelLogout(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	ended, err := s.receiveLogout(c)
	var refusal *logoutRefusal
	switch {
	case errors.As(err, &refusal):
		s.log.Info("logout token refused", "reason", refusal.Description)
		return c.JSON(http.StatusBadRequest, refusal)
	case err != nil:
		s.log.Error("logout failed", "error", err)
		return c.JSON(http.StatusBadRequest, &logoutRefusal{"temporarily_unavailable", "the session cannot be ended just now"})
	}
	s.log.Info("signed out by the authorization server", "sessions", ended)
	return c.NoContent(http.StatusOK)
}

func (s *Site) receiveLogout(c echo.Context) (ended int64, err error) {
	err = c.Request().ParseForm()
	tokens := c.Request().PostForm["logout_token"] // of the body: a query would end up in logs
	if err != nil || len(tokens) != 1 {
		return 0, refuseLogout("logout_token must be there, once, in a form")
	}
	ctx := c.Request().Context()
	token, err := s.accounts.logoutToken(ctx, tokens[0])
	if err != nil {
		return 0, err
	}
	if token.Seen, err = s.store.Sessions().LogoutTokenSeen(ctx, token.Claims.TokenID); err != nil {
		return 0, err
	}
	if err := check.Run(ctx, s.checks, logoutTokenChecks, token); err != nil {
		return 0, err
	}
	return s.store.Sessions().End(ctx, store.LoggedOut{
		Sub: token.Claims.Subject, SID: token.Claims.SessionID,
		TokenID: token.Claims.TokenID, ExpiresAt: time.Unix(token.Claims.ExpiresAt, 0),
	})
}

// logoutRefusal is RFC 6749 §5.2's form, as Back-Channel Logout §2.8 has it.
type logoutRefusal struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (r *logoutRefusal) Error() string { return r.Description }

func refuseLogout(description string) error {
	return &logoutRefusal{"invalid_request", description}
}

// logoutToken is what the checks judge: a JWT that the authorization server signed.
type logoutToken struct {
	Issuer string // of the server that we know
	Now    time.Time
	Seen   bool // a token with this jti was taken before

	Header struct {
		Type string `json:"typ"`
	}
	Audience []string
	Claims   struct {
		Issuer    string                     `json:"iss"`
		Subject   string                     `json:"sub"`
		IssuedAt  int64                      `json:"iat"`
		ExpiresAt int64                      `json:"exp"`
		TokenID   string                     `json:"jti"`
		SessionID string                     `json:"sid"`
		Events    map[string]json.RawMessage `json:"events"`
		Nonce     json.RawMessage            `json:"nonce"`
	}
}

// logoutToken verifies the signature, as of an ID token. What is in the token is
// for the list.
func (a *accounts) logoutToken(ctx context.Context, compact string) (logoutToken, error) {
	in := logoutToken{Issuer: a.issuer.String(), Now: a.now()}
	provider, err := a.discover(ctx)
	if err != nil {
		return in, err
	}
	verifier := provider.VerifierContext(a.context(ctx), &oidc.Config{
		SkipClientIDCheck: true, SkipIssuerCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: []string{oidc.RS256},
	})
	token, err := verifier.Verify(a.context(ctx), compact)
	if err != nil {
		return in, refuseLogout("the logout token did not pass: " + err.Error())
	}
	in.Audience = token.Audience
	encoded, _, _ := strings.Cut(compact, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(header, &in.Header) != nil || token.Claims(&in.Claims) != nil {
		return in, refuseLogout("the logout token's claims are not what Back-Channel Logout §2.4 says")
	}
	return in, nil
}

var logoutTokenChecks = []check.Check[logoutToken]{
	{Name: "sign-out: typ is logout+jwt", Source: "Back-Channel Logout §4.1", Verify: checkLogoutType},
	{Name: "sign-out: iss is our authorization server", Source: "Back-Channel Logout §2.6", Verify: checkLogoutIssuer},
	{Name: "sign-out: aud is us", Source: "Back-Channel Logout §2.6", Verify: checkLogoutAudience},
	{Name: "sign-out: iat is there, and not ahead", Source: "Back-Channel Logout §2.6", Verify: checkLogoutIssuedAt},
	{Name: "sign-out: exp is ahead", Source: "Back-Channel Logout §2.6", Verify: checkLogoutExpiry},
	{Name: "sign-out: sub or sid is there", Source: "Back-Channel Logout §2.6", Verify: checkLogoutWhose},
	{Name: "sign-out: events has the logout event", Source: "Back-Channel Logout §2.6", Verify: checkLogoutEvent},
	{Name: "sign-out: nonce is not there", Source: "Back-Channel Logout §2.6", Verify: checkLogoutNonce},
	{Name: "sign-out: jti is there, and new", Source: "Back-Channel Logout §2.6", Verify: checkLogoutTokenID},
}

// A token of another kind, signed with the same key, must be of no use here: RFC
// 8725 §3.11.
func checkLogoutType(t logoutToken) error {
	if typ := strings.ToLower(t.Header.Type); typ != "logout+jwt" && typ != "application/logout+jwt" {
		return refuseLogout("typ is not logout+jwt")
	}
	return nil
}

// "Validate the iss, aud, iat, and exp Claims in the same way they are validated in
// ID Tokens." These four checks do.
func checkLogoutIssuer(t logoutToken) error {
	if t.Claims.Issuer != t.Issuer {
		return refuseLogout("iss is not our authorization server")
	}
	return nil
}

func checkLogoutAudience(t logoutToken) error {
	if !slices.Contains(t.Audience, clientID) {
		return refuseLogout("aud is another client")
	}
	return nil
}

// logoutSkew is how far ahead of ours the authorization server's clock may be.
const logoutSkew = 10 * time.Second

func checkLogoutIssuedAt(t logoutToken) error {
	if t.Claims.IssuedAt == 0 || time.Unix(t.Claims.IssuedAt, 0).After(t.Now.Add(logoutSkew)) {
		return refuseLogout("iat is missing, or ahead")
	}
	return nil
}

func checkLogoutExpiry(t logoutToken) error {
	if !t.Now.Before(time.Unix(t.Claims.ExpiresAt, 0)) {
		return refuseLogout("the token has expired, or does not say when it does")
	}
	return nil
}

// "Verify that the Logout Token contains a sub Claim, a sid Claim, or both."
func checkLogoutWhose(t logoutToken) error {
	if t.Claims.Subject == "" && t.Claims.SessionID == "" {
		return refuseLogout("neither sub nor sid is there")
	}
	return nil
}

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// "Verify that the Logout Token contains an events Claim whose value is JSON object
// containing the member name http://schemas.openid.net/event/backchannel-logout."
func checkLogoutEvent(t logoutToken) error {
	if _, ok := t.Claims.Events[logoutEvent]; !ok {
		return refuseLogout("events does not say that somebody has signed out")
	}
	return nil
}

// "Verify that the Logout Token does not contain a nonce Claim." An ID token has
// one, and nobody should be signed out by having signed in.
func checkLogoutNonce(t logoutToken) error {
	if t.Claims.Nonce != nil {
		return refuseLogout("nonce is there")
	}
	return nil
}

// "Optionally verify that another Logout Token with the same jti value has not been
// recently received." Who sees one pass could sign a person out for ever.
func checkLogoutTokenID(t logoutToken) error {
	if t.Claims.TokenID == "" || t.Seen {
		return refuseLogout("jti is missing, or was taken before")
	}
	return nil
}
