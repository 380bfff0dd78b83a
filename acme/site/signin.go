package site

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/labstack/echo/v4"
	"golang.org/x/oauth2"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/views"
)

// Signing in is the authorization code grant with PKCE, for an ID token:
//
//	Browser            Acme Travel (acme-web)       authorization server
//	   │ GET /login          │                              │
//	   │────────────────────>│                              │
//	   │ 303 /authorize?state,nonce,code_challenge          │  OIDC Core §3.1.2.1
//	   │<────────────────────│                              │
//	   │ signs in ─────────────────────────────────────────>│
//	   │ 303 /callback?code,state,iss                       │  OIDC Core §3.1.2.5, RFC 9207
//	   │<───────────────────────────────────────────────────│
//	   │────────────────────>│ responseChecks               │
//	   │                     │ POST /token code,verifier    │  OIDC Core §3.1.3.1
//	   │                     │─────────────────────────────>│
//	   │                     │ id_token: identityChecks     │  OIDC Core §3.1.3.7
//	   │                     │ GET /userinfo                │  OIDC Core §5.3
//	   │                     │─────────────────────────────>│
//	   │ 303 where you were  │                              │
//	   │<────────────────────│                              │

// login begins it.
func (s *Site) login(c echo.Context) error {
	next := views.LocalPath(c.QueryParam("next"))
	if s.person(c).Sub != "" {
		return c.Redirect(http.StatusSeeOther, next)
	}
	provider, err := s.accounts.discover(c.Request().Context())
	if err != nil {
		s.log.Warn("the authorization server cannot be discovered", "issuer", s.accounts.issuer, "error", err)
		return s.refuseSignIn(c, accountsDown)
	}
	begun := pendingSignIn{Next: next, BegunAt: s.now()}
	for _, secret := range []*string{&begun.State, &begun.Nonce, &begun.CodeVerifier} {
		if *secret, err = s.newSecret(); err != nil {
			return err
		}
	}
	if err := s.setPending(c, append(s.pending(c), begun)); err != nil {
		return err
	}
	if err := s.keepSession(c, signInLifetime); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.accounts.authorizationRequest(provider, begun))
}

// newSecret is 256 random bits in 43 characters, as RFC 7636 §4.1 recommends
// for a code verifier.
func (s *Site) newSecret() (string, error) {
	var b [32]byte
	_, err := io.ReadFull(s.random, b[:])
	return base64.RawURLEncoding.EncodeToString(b[:]), err
}

// callback takes the authorization response and ends it, one way or the other.
func (s *Site) callback(c echo.Context) error {
	ctx := c.Request().Context()

	// 1 The response, and the request of ours that it answers: spent by now.
	response := s.readResponse(c)
	if response.Ours {
		if err := s.keepSession(c, signInLifetime); err != nil {
			return err
		}
	}
	if err := check.Run(ctx, s.checks, responseChecks, response); err != nil {
		return s.refuseSignIn(c, err)
	}

	// 2 The tokens for the code.
	provider, err := s.accounts.discover(ctx)
	if err != nil {
		return s.refuseSignIn(c, s.exchangeRefusal(err))
	}
	token, err := s.accounts.redeem(ctx, provider, response.Code, response.Begun.CodeVerifier)
	if err != nil {
		return s.refuseSignIn(c, s.exchangeRefusal(err))
	}

	// 3 Who it is.
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return s.refuseSignIn(c, mismatch("OIDC Core §3.1.3.3: the token response holds no id_token."))
	}
	idToken, err := s.accounts.verify(ctx, provider, raw)
	if err != nil { // or its keys could not be had: go-oidc does not say which in a way to tell
		return s.refuseSignIn(c, mismatch("OIDC Core §3.1.3.7: "+err.Error()))
	}
	if err := check.Run(ctx, s.checks, identityChecks, identity{response.Begun, idToken, token.AccessToken}); err != nil {
		return s.refuseSignIn(c, err)
	}
	info, err := s.accounts.userInfo(ctx, provider, token)
	if err != nil {
		s.log.Warn("userinfo failed", "error", err)
		return s.refuseSignIn(c, accountsDown)
	}
	if err := check.Run(ctx, s.checks, userInfoChecks, claims{idToken.Subject, info}); err != nil {
		return s.refuseSignIn(c, err)
	}
	var profile struct {
		Name string `json:"name"`
	}
	if err := info.Claims(&profile); err != nil {
		return err
	}
	who := travel.Profile{Sub: idToken.Subject, Name: orElse(profile.Name, "A traveller"), Email: info.Email}

	// 4 The session.
	if err := s.store.PutProfile(ctx, who); err != nil {
		return err
	}
	if err := s.beginSession(c, who, idToken, raw); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, response.Begun.Next)
}

// readResponse reads the parameters and takes the sign-in that the state names
// out of the session, so that a second response finds nothing.
func (s *Site) readResponse(c echo.Context) authorizationResponse {
	query := c.QueryParams()
	response := authorizationResponse{
		State: query.Get("state"), Code: query.Get("code"), Issuer: query.Get("iss"), ExpectedIssuer: s.accounts.issuer.String(),
		Error: query.Get("error"), ErrorDescription: query.Get("error_description"),
	}
	for name, values := range query {
		if len(values) > 1 {
			response.Repeated = name
		}
	}
	var others []pendingSignIn
	for _, p := range s.pending(c) {
		if !response.Ours && sameSecret(p.State, response.State) {
			response.Begun, response.Ours = p, true
			continue
		}
		others = append(others, p)
	}
	if response.Ours {
		if err := s.setPending(c, others); err != nil { // strings and times always encode
			s.log.Error("pending sign-ins", "error", err)
		}
	}
	return response
}

// beginSession makes the browser's session the person's. It gets a new name:
// one that somebody planted or saw before is worth nothing (session fixation).
func (s *Site) beginSession(c echo.Context, who travel.Profile, idToken *oidc.IDToken, raw string) error {
	ctx := c.Request().Context()
	var claims struct {
		SessionID string `json:"sid"` // Back-Channel Logout §2.1
	}
	if err := idToken.Claims(&claims); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.sessions.Remove(ctx, sessionPending)
	s.sessions.Put(ctx, sessionSub, who.Sub)
	s.sessions.Put(ctx, sessionSID, claims.SessionID)
	s.sessions.Put(ctx, sessionName, who.Name)
	s.sessions.Put(ctx, sessionIDToken, raw)
	return s.keepSession(c, sessionLifetime)
}

// SignInRefusal is a sign-in that came to nothing: what the person reads, and
// what the log says.
type SignInRefusal struct {
	Status        int
	Heading, Lead string
	Detail        string // for developers: the rule and where it stands
}

func (r *SignInRefusal) Error() string { return "sign-in refused: " + r.Detail }

var accountsDown = &SignInRefusal{
	Status:  http.StatusServiceUnavailable,
	Heading: "Acme Accounts does not answer",
	Lead:    "Signing in happens there, so it has to wait. Everything that needs no name works meanwhile: journeys, stories, the timetable. Try again in a minute.",
	Detail:  "The discovery document, the token endpoint or userinfo of the authorization server could not be reached. It is asked again at the next attempt.",
}

// exchangeRefusal tells a code that was refused from a server that was not
// reached.
func (s *Site) exchangeRefusal(err error) *SignInRefusal {
	var refused *oauth2.RetrieveError
	switch {
	case !errors.As(err, &refused) || refused.Response.StatusCode >= 500:
		s.log.Warn("the token endpoint cannot be reached", "error", err)
		return accountsDown
	case refused.ErrorCode == "invalid_grant":
		return &SignInRefusal{
			http.StatusBadRequest, "That sign-in is over",
			"It was used already or took too long. Nothing has happened to your account.",
			"invalid_grant (RFC 6749 §5.2): the authorization server did not accept the code. A code lives for a minute and is spent once.",
		}
	default: // our registration or our request is at fault, and the operator has to know
		s.log.Error("the token endpoint refused us", "error", err)
		return &SignInRefusal{
			http.StatusBadGateway, "We could not sign you in",
			"Acme Travel and Acme Accounts disagree about something that is not your fault.",
			orElse(refused.ErrorCode, "no error code") + " (RFC 6749 §5.2) from the token endpoint",
		}
	}
}

// refuseSignIn shows why nobody is signed in now. Whoever says no at the
// consent page has not made a mistake, and gets a page that says so.
func (s *Site) refuseSignIn(c echo.Context, err error) error {
	if errors.Is(err, errDeclined) {
		return s.render(c, http.StatusOK, page.DeclinedPage(s.frame(c, "Not signed in")))
	}
	var refusal *SignInRefusal
	if !errors.As(err, &refusal) {
		return err
	}
	s.logRefusal(c.Request().Context(), refusal)
	if refusal.Status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", retryAfter)
	}
	return s.render(c, refusal.Status, views.ErrorPage(s.frame(c, refusal.Heading), views.ErrorView{
		Status: refusal.Status, Heading: refusal.Heading, Lead: refusal.Lead, Detail: refusal.Detail,
		Action: views.Link{Label: "Sign in again", Href: "/login"},
	}))
}

func (s *Site) logRefusal(ctx context.Context, r *SignInRefusal) {
	s.log.InfoContext(ctx, "sign-in refused", "status", r.Status, "reason", r.Detail)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
