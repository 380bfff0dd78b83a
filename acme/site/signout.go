package site

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
)

// signedOutPath is the post_logout_redirect_uri.
const signedOutPath = "/signed-out"

// logout ends our session. The authorization server's is its own: whether that one
// ends too, the next page asks. Until then the browser keeps the ID token, which
// says whose session that is.
func (s *Site) logout(c echo.Context) error {
	ctx := c.Request().Context()
	idToken := s.sessions.GetString(ctx, sessionIDToken)
	if err := s.sessions.Destroy(ctx); err != nil {
		return err
	}
	if idToken != "" {
		s.sessions.Put(ctx, sessionIDToken, idToken)
		if err := s.keepSession(c, signInLifetime); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, signedOutPath)
	}
	s.dropCookie(c)
	return c.Redirect(http.StatusSeeOther, signedOutPath)
}

func (s *Site) dropCookie(c echo.Context) {
	cookie := s.sessions.Cookie
	c.SetCookie(&http.Cookie{
		Name: cookie.Name, Path: cookie.Path, MaxAge: -1, HttpOnly: true, Secure: cookie.Secure, SameSite: cookie.SameSite,
	})
}

// logoutAccounts asks the authorization server to end its session: RP-Initiated
// Logout §2. A link and no form, because a form's redirect to another site is what
// Content-Security-Policy stops; it does nothing for who has not just signed out.
func (s *Site) logoutAccounts(c echo.Context) error {
	ctx := c.Request().Context()
	idToken := s.sessions.GetString(ctx, sessionIDToken)
	if idToken == "" || s.person(c).Sub != "" {
		return c.Redirect(http.StatusSeeOther, signedOutPath)
	}
	provider, err := s.accounts.discover(ctx)
	if err != nil {
		s.log.Warn("the authorization server cannot be discovered", "issuer", s.accounts.issuer, "error", err)
		return s.refuseSignIn(c, accountsDown)
	}
	state, err := s.newSecret()
	if err != nil {
		return err
	}
	to, err := s.accounts.logoutRequest(provider, idToken, s.env.AcmeURL.String()+signedOutPath, state)
	if err != nil {
		return err
	}
	if to == "" {
		to = s.env.AuthserverURL.String() + "/account"
	}
	s.sessions.Put(ctx, sessionLogoutState, state)
	if err := s.keepSession(c, signInLifetime); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// signedOut says what has ended. Somebody who comes back with the state of our
// request has signed out there too; anybody can write that into a link, so nothing
// else follows from it.
func (s *Site) signedOut(c echo.Context) error {
	if s.person(c).Sub != "" {
		return c.Redirect(http.StatusSeeOther, "/")
	}
	ctx := c.Request().Context()
	view := page.SignedOut{Accounts: s.env.AuthserverURL.Host(), Account: s.env.AuthserverURL.String() + "/account"}
	switch {
	case sameSecret(s.sessions.GetString(ctx, sessionLogoutState), c.QueryParam("state")):
		view.Both = true
		if err := s.sessions.Destroy(ctx); err != nil {
			return err
		}
		s.dropCookie(c)
	case s.sessions.GetString(ctx, sessionIDToken) != "":
		view.End = "/logout/accounts"
	}
	return s.render(c, http.StatusOK, page.SignedOutPage(s.frame(c, "Signed out"), view))
}
