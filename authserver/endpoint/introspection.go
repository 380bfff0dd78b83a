package endpoint

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
)

// introspected is what is known of a token that somebody asks about.
type introspected struct {
	Caller   *oauth.Client
	ClientID string   // whom the token was issued to
	Audience []string // whom it is meant for; empty: a refresh token, for us alone
	Ended    bool     // revoked, or spent
	Expires  time.Time
	Now      time.Time
}

var introspectionChecks = []check.Check[introspected]{
	check.New("token that is asked about has not expired", "RFC 7662 §2.2", introspectedNotExpired),
	check.New("token that is asked about has not been revoked", "RFC 7662 §2.2", introspectedNotEnded),
	check.New("caller may know about the token", "RFC 7662 §4", callerMayKnow),
}

var introspectionCallerChecks = []check.Check[*oauth.Client]{
	check.New("client that introspects has authenticated", "RFC 7662 §2.1", introspectingClientConfidential),
}

// Introspection is the answer about a token. RFC 7662 §2.2.
type Introspection struct {
	Active    bool           `json:"active"`
	Scope     string         `json:"scope,omitempty"`
	ClientID  string         `json:"client_id,omitempty"`
	Username  string         `json:"username,omitempty"`
	TokenType string         `json:"token_type,omitempty"`
	ExpiresAt int64          `json:"exp,omitempty"`
	IssuedAt  int64          `json:"iat,omitempty"`
	Subject   string         `json:"sub,omitempty"`
	Audience  token.Audience `json:"aud,omitempty"`
	Issuer    string         `json:"iss,omitempty"`
	JWTID     string         `json:"jti,omitempty"`
	Actor     *token.Actor   `json:"act,omitempty"`       // RFC 8693 §4.1
	AuthTime  int64          `json:"auth_time,omitempty"` // RFC 9470 §6.2
	ACR       string         `json:"acr,omitempty"`

	Confirmation         *token.Confirmation `json:"cnf,omitempty"`                   // RFC 9449 §6.2
	AuthorizationDetails json.RawMessage     `json:"authorization_details,omitempty"` // RFC 9396 §9.2
}

// Introspect tells a resource server, or the client that holds it, whether a
// token is good. RFC 7662 §2.
func (e *Endpoints) Introspect(c echo.Context) error {
	form, caller, err := e.tokenFromClient(c)
	if err != nil {
		return err
	}
	if err := check.Run(c.Request().Context(), e.Checks, introspectionCallerChecks, caller); err != nil {
		return err
	}
	about, answer, err := e.lookUp(c, caller, form.Get("token"))
	if err != nil {
		return err
	}
	// Whatever is wrong with a token, the caller learns no more than this.
	if answer.Active && check.Run(c.Request().Context(), e.Checks, introspectionChecks, about) != nil {
		answer = Introspection{}
	}
	return e.answerIntrospection(c, caller, answer)
}

// lookUp reads a token of either kind; an answer that is not active means that
// there is none.
func (e *Endpoints) lookUp(c echo.Context, caller *oauth.Client, compact string) (introspected, Introspection, error) {
	if t, err := e.Keys.ReadAccessToken(compact); err == nil {
		about := introspected{
			Caller: caller, ClientID: t.ClientID, Audience: t.Audience,
			Ended: e.Store.Ended(t), Expires: time.Unix(t.ExpiresAt, 0), Now: e.Now(),
		}
		return about, Introspection{
			Active: true, Scope: t.Scope, ClientID: t.ClientID, TokenType: tokenType(t.Confirmation), Confirmation: t.Confirmation,
			ExpiresAt: t.ExpiresAt, IssuedAt: t.IssuedAt, Subject: t.Subject, Audience: t.Audience, Issuer: t.Issuer, JWTID: t.JWTID,
			Actor: t.Actor, AuthTime: t.AuthTime, ACR: t.ACR, AuthorizationDetails: t.AuthorizationDetails,
		}, nil
	}
	t, err := e.Store.RefreshToken(c.Request().Context(), compact)
	if errors.Is(err, store.ErrNotFound) {
		return introspected{}, Introspection{}, nil
	}
	if err != nil {
		return introspected{}, Introspection{}, err
	}
	expires := t.ExpiresAt
	if t.IdleExpiresAt.Before(expires) {
		expires = t.IdleExpiresAt
	}
	about := introspected{
		Caller: caller, ClientID: t.Grant.ClientID,
		Ended: t.Spent || !t.Grant.Live(e.Now()) || !t.Grant.Scope.Has(oauth.OfflineAccess), Expires: expires, Now: e.Now(),
	}
	return about, Introspection{
		Active: true, Scope: t.Grant.Scope.String(), ClientID: t.Grant.ClientID,
		ExpiresAt: expires.Unix(), Subject: t.Grant.Sub, Issuer: e.issuer(),
		AuthorizationDetails: json.RawMessage(oauth.FormatAuthorizationDetails(oauth.LiveDetails(t.Grant.AuthorizationDetails, e.Now()))),
	}, nil
}

// tokenFromClient reads what introspection and revocation have in common: a
// form with a token, and a client that authenticates.
func (e *Endpoints) tokenFromClient(c echo.Context) (oauth.Parameters, *oauth.Client, error) {
	form, err := readForm(c)
	if err != nil {
		return nil, nil, err
	}
	if name := form.Repeated(); name != "" {
		return nil, nil, oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	client, err := e.authenticateClient(c, form)
	if err != nil {
		return nil, nil, err
	}
	if form.Get("token") == "" {
		return nil, nil, oauth.Refuse(oauth.InvalidRequest, "token is missing")
	}
	return form, client, nil
}

// RFC 7662 §2.1: "To prevent token scanning attacks, the endpoint MUST also
// require some form of authorization to access this endpoint". A public client's
// name is none.
func introspectingClientConfidential(caller *oauth.Client) error {
	if caller.Public() {
		return oauth.Refuse(oauth.InvalidClient, "introspection needs a client that authenticates")
	}
	return nil
}

func introspectedNotExpired(i introspected) error {
	if !i.Now.Before(i.Expires) {
		return oauth.Refuse(oauth.InvalidToken, "the token has expired")
	}
	return nil
}

func introspectedNotEnded(i introspected) error {
	if i.Ended {
		return oauth.Refuse(oauth.InvalidToken, "the token has been revoked or used")
	}
	return nil
}

// A resource server learns about the tokens that are meant for it, a client
// about its own. RFC 7662 §4: "If the token can be used only at certain resource
// servers, the authorization server MUST determine whether or not the token can
// be used at the resource server making the introspection call."
func callerMayKnow(i introspected) error {
	if i.ClientID == i.Caller.ID || (i.Caller.Resource != "" && slices.Contains(i.Audience, i.Caller.Resource)) {
		return nil
	}
	return oauth.Refuse(oauth.InvalidToken, "the token is not the caller's matter")
}
