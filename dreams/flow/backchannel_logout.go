package flow

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/acme-dreams/internal/check"
)

//	+---------+                  +----------------------+            +--------+
//	| Browser |                  | authorization server |            | Dreams |
//	+---------+                  +----------------------+            +--------+
//	     |--- signs out, anywhere ----------->|                           |
//	     |<-- 303 ----------------------------|                           |
//	     |                                    |--- POST logout_token ---->|
//	     |                                    |    (Back-Channel Logout §2.5)
//	     |                                    |<-- 200 (§2.8) ------------|

// LoggedOut is what a logout token says has ended.
type LoggedOut struct {
	Issuer, Subject string // either who
	SessionID       string // or which session of theirs; empty: every one
	TokenID         string // jti
	ExpiresAt       time.Time
}

// SignedIn knows which browsers are signed in.
type SignedIn interface {
	// LogoutTokenSeen tells whether a logout token with this jti was taken before.
	LogoutTokenSeen(ctx context.Context, jti string) (bool, error)

	// EndSessions ends the sessions that a logout token is about and remembers its
	// jti, in one transaction. It returns how many there were.
	EndSessions(ctx context.Context, out LoggedOut) (int64, error)
}

// BackchannelLogout is Dreams as a relying party that is told when somebody signs
// out at the authorization server.
type BackchannelLogout struct {
	Server   *AuthorizationServer
	Client   Client
	SignedIn SignedIn
	Checks   check.Runner
	Now      func() time.Time
}

// Receive takes a logout token and returns how many sessions it ended. Anybody can
// send one: the signature is all that stands between a stranger and the sessions
// of everybody.
func (l *BackchannelLogout) Receive(ctx context.Context, compact string) (int64, error) {
	in, err := l.read(ctx, compact)
	if err != nil {
		return 0, err
	}
	if in.Seen, err = l.SignedIn.LogoutTokenSeen(ctx, in.Claims.TokenID); err != nil {
		return 0, err
	}
	if err := judge(ctx, l.Checks, logoutTokenChecks, in); err != nil {
		return 0, err
	}
	return l.SignedIn.EndSessions(ctx, LoggedOut{
		Issuer: l.Server.Issuer, Subject: in.Claims.Subject, SessionID: in.Claims.SessionID,
		TokenID: in.Claims.TokenID, ExpiresAt: time.Unix(in.Claims.ExpiresAt, 0),
	})
}

// read verifies the signature, with a key of the server's by an algorithm of its
// metadata, as go-oidc does for an ID token. What is in the token is for the list.
func (l *BackchannelLogout) read(ctx context.Context, compact string) (logoutToken, error) {
	in := logoutToken{Issuer: l.Server.Issuer, ClientID: l.Client.ID, Now: l.Now()}
	server, err := l.Server.discover(ctx)
	if err != nil {
		return in, err
	}
	// Anybody may send one, so the keys are asked for anew: one that was known and has
	// been revoked since (a leak) must sign nobody out.
	verifier := server.VerifierContext(l.Server.context(ctx), &oidc.Config{SkipClientIDCheck: true, SkipIssuerCheck: true, SkipExpiryCheck: true})
	token, err := verifier.Verify(l.Server.context(ctx), compact)
	if noKeys := (*url.Error)(nil); errors.As(err, &noKeys) {
		return in, &Unreachable{noKeys}
	}
	if err != nil {
		return in, &Refusal{Words: "The logout token did not pass: " + err.Error()}
	}
	encoded, _, _ := strings.Cut(compact, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil {
		err = errors.Join(json.Unmarshal(header, &in.Header), token.Claims(&in.Claims))
	}
	if err != nil {
		return in, &Refusal{Words: "The logout token's claims are not what Back-Channel Logout §2.4 says."}
	}
	in.Claims.Audience = token.Audience
	return in, nil
}

// logoutToken is what the checks judge, the signature being good.
type logoutToken struct {
	Issuer   string // of the server that we know
	ClientID string // ours
	Now      time.Time
	Seen     bool // a token with this jti was taken before

	Header struct {
		Type string `json:"typ"`
	}
	Claims struct {
		Issuer    string                     `json:"iss"`
		Subject   string                     `json:"sub"`
		Audience  []string                   `json:"-"` // one or several: go-oidc reads both
		IssuedAt  int64                      `json:"iat"`
		ExpiresAt int64                      `json:"exp"`
		TokenID   string                     `json:"jti"`
		SessionID string                     `json:"sid"`
		Events    map[string]json.RawMessage `json:"events"`
		Nonce     json.RawMessage            `json:"nonce"`
	}
}

var logoutTokenChecks = []check.Check[logoutToken]{
	{Name: "logout token: typ is logout+jwt", Source: "Back-Channel Logout §4.1", Verify: checkLogoutType},
	{Name: "logout token: iss is the server that we know", Source: "Back-Channel Logout §2.6", Verify: checkLogoutIssuer},
	{Name: "logout token: aud is us", Source: "Back-Channel Logout §2.6", Verify: checkLogoutAudience},
	{Name: "logout token: iat is there, and not ahead", Source: "Back-Channel Logout §2.6", Verify: checkLogoutIssuedAt},
	{Name: "logout token: exp is ahead", Source: "Back-Channel Logout §2.6", Verify: checkLogoutExpiry},
	{Name: "logout token: sub or sid is there", Source: "Back-Channel Logout §2.6", Verify: checkLogoutWhose},
	{Name: "logout token: events has the logout event", Source: "Back-Channel Logout §2.6", Verify: checkLogoutEvent},
	{Name: "logout token: nonce is not there", Source: "Back-Channel Logout §2.6", Verify: checkLogoutNonce},
	{Name: "logout token: jti is there, and new", Source: "Back-Channel Logout §2.6", Verify: checkLogoutTokenID},
}

// Whoever has a token of another kind, signed with the same key, must not be able
// to use it here. The specification recommends the type; ours always sends it.
func checkLogoutType(in logoutToken) error {
	if typ := strings.ToLower(in.Header.Type); typ != "logout+jwt" && typ != "application/logout+jwt" {
		return &Refusal{Words: "The token's typ is not logout+jwt."}
	}
	return nil
}

// "Validate the iss, aud, iat, and exp Claims in the same way they are validated in
// ID Tokens." These four checks do.
func checkLogoutIssuer(in logoutToken) error {
	if in.Claims.Issuer != in.Issuer {
		return &Refusal{Words: "The token's iss is not the server that Dreams knows."}
	}
	return nil
}

func checkLogoutAudience(in logoutToken) error {
	if !slices.Contains(in.Claims.Audience, in.ClientID) {
		return &Refusal{Words: "The token is not for Dreams: its aud is another client."}
	}
	return nil
}

func checkLogoutIssuedAt(in logoutToken) error {
	if in.Claims.IssuedAt == 0 || time.Unix(in.Claims.IssuedAt, 0).After(in.Now.Add(clockSkew)) {
		return &Refusal{Words: "The token's iat is missing, or ahead."}
	}
	return nil
}

func checkLogoutExpiry(in logoutToken) error {
	if !in.Now.Before(time.Unix(in.Claims.ExpiresAt, 0)) {
		return &Refusal{Words: "The token has expired, or does not say when it does."}
	}
	return nil
}

// "Verify that the Logout Token contains a sub Claim, a sid Claim, or both."
func checkLogoutWhose(in logoutToken) error {
	if in.Claims.Subject == "" && in.Claims.SessionID == "" {
		return &Refusal{Words: "The token has neither sub nor sid: nobody can tell whose session has ended."}
	}
	return nil
}

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// "Verify that the Logout Token contains an events Claim whose value is JSON object
// containing the member name http://schemas.openid.net/event/backchannel-logout."
func checkLogoutEvent(in logoutToken) error {
	if _, ok := in.Claims.Events[logoutEvent]; !ok {
		return &Refusal{Words: "The token's events do not say that somebody has signed out."}
	}
	return nil
}

// "Verify that the Logout Token does not contain a nonce Claim." An ID token has
// one, and nobody should be signed out by having signed in.
func checkLogoutNonce(in logoutToken) error {
	if in.Claims.Nonce != nil {
		return &Refusal{Words: "The token has a nonce, which a logout token must not have."}
	}
	return nil
}

// "Optionally verify that another Logout Token with the same jti value has not been
// recently received." We do: who sees one pass could sign a person out as often as
// they sign in.
func checkLogoutTokenID(in logoutToken) error {
	if in.Claims.TokenID == "" || in.Seen {
		return &Refusal{Words: "The token's jti is missing, or was taken before."}
	}
	return nil
}
