package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"golang.org/x/oauth2"

	"example.com/acme-dreams/acme/page"
)

// Acme's first app for telephones, of 2013. It asks for the password of the Acme
// account and hands it to the token endpoint: the resource owner password
// credentials grant.
//
//	person          app (acme-mobile)         authorization server
//	   | user name, password |                        |
//	   |-------------------->| POST /token            |
//	   |                     | username, password ---->|   RFC 6749 §4.3.2
//	   |                     | access_token            |
//	   |                     |<------------------------|   RFC 6749 §4.3.3
//	   |                     | GET /api/v1/me, to ourselves
//
// RFC 9700 §2.4: the grant "MUST NOT be used". It is kept to be looked at. The
// password is a variable of one request here: it is not stored, not logged and
// not sent back to the page.

// mobileClientID is public: an app on everybody's telephone keeps no secret.
const mobileClientID = "acme-mobile"

var mobileScopes = []string{"profile", "email", "preferences:read"}

// mobile shows the app.
func (s *Site) mobile(c echo.Context) error {
	return s.showMobile(c, http.StatusOK, page.Mobile{})
}

func (s *Site) showMobile(c echo.Context, status int, v page.Mobile) error {
	v.Off = !bool(s.env.LegacyGrants)
	v.Accounts, v.DreamsURL = s.env.AuthserverURL.Host(), s.env.DreamsURL.String()
	return s.render(c, status, page.MobilePage(s.frame(c, "Acme on your telephone"), v))
}

// mobileSignIn takes a password.
func (s *Site) mobileSignIn(c echo.Context) error {
	if !bool(s.env.LegacyGrants) {
		return c.Redirect(http.StatusSeeOther, "/mobile")
	}
	username, password := c.FormValue("username"), c.FormValue("password")
	v := page.Mobile{Username: username}
	if username == "" || password == "" {
		v.Problem = "Type both the user name and the password."
		return s.showMobile(c, http.StatusUnprocessableEntity, v)
	}
	ctx := c.Request().Context()
	token, err := s.passwordGrant(ctx, username, password)
	if err != nil {
		status := http.StatusUnprocessableEntity
		switch v.Problem, status = mobileProblem(err); status {
		case http.StatusServiceUnavailable:
			s.log.Warn("the password grant gets no answer") // its error may hold the request
			c.Response().Header().Set("Retry-After", retryAfter)
		case http.StatusTooManyRequests: // for as long as we were told
			var refused *oauth2.RetrieveError
			if errors.As(err, &refused) {
				c.Response().Header().Set("Retry-After", refused.Response.Header.Get("Retry-After"))
			}
		}
		return s.showMobile(c, status, v)
	}
	shown := page.MobileResult{
		Seen:   fmt.Sprintf("%d characters, in clear", utf8.RuneCountInString(password)),
		Scope:  tokenScope(token),
		Expiry: fmt.Sprintf("%d seconds", token.ExpiresIn),
	}
	if shown.Status, shown.Me, err = s.ownAPI(ctx, "/api/v1/me", token.AccessToken); err != nil {
		return err
	}
	v.Result = &shown
	return s.showMobile(c, http.StatusOK, v)
}

// passwordGrant is RFC 6749 §4.3.2. Do not copy it: see signin.go.
func (s *Site) passwordGrant(ctx context.Context, username, password string) (*oauth2.Token, error) {
	provider, err := s.accounts.discover(ctx)
	if err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // no secret: client_id alone
	config := oauth2.Config{ClientID: mobileClientID, Endpoint: endpoint, Scopes: mobileScopes}
	return config.PasswordCredentialsToken(s.accounts.context(ctx), username, password)
}

// mobileProblem is what the person reads, and the status of the page.
func mobileProblem(err error) (words string, status int) {
	var refused *oauth2.RetrieveError
	switch {
	case !errors.As(err, &refused) || refused.Response.StatusCode >= http.StatusInternalServerError:
		return "Acme Accounts does not answer. Try again in a minute.", http.StatusServiceUnavailable
	case refused.Response.StatusCode == http.StatusTooManyRequests:
		return "Too many wrong passwords. Wait a few minutes.", http.StatusTooManyRequests
	case refused.ErrorCode == "invalid_grant":
		return "The user name or the password is wrong.", http.StatusUnprocessableEntity
	}
	return "Acme Accounts refused this app: " + refused.ErrorCode + ".", http.StatusUnprocessableEntity
}

func tokenScope(token *oauth2.Token) []string {
	scope, _ := token.Extra("scope").(string)
	return strings.Fields(scope)
}

// ownAPI calls our own API as an app on a telephone would: over HTTP, with a
// token. The answer is JSON made readable.
func (s *Site) ownAPI(ctx context.Context, path, token string) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.env.AcmeURL.String()+path, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.accounts.httpClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return 0, "", err
	}
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return resp.StatusCode, string(body), nil
	}
	readable, err := json.MarshalIndent(object, "", "  ")
	return resp.StatusCode, string(readable), err
}
