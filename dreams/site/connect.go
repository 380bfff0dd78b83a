package site

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/travelapi"
	"example.com/acme-dreams/views"
)

// connect sends the browser to Acme's accounts. ?prompt=consent asks again even
// where everything was granted; ?next is where to come back to.
func (s *Site) connect(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	browser, err := s.Sessions.Begin(ctx)
	if err != nil {
		return err
	}
	prompt := c.FormValue("prompt")
	if prompt != "" && prompt != "consent" {
		return said{"We do not know that prompt", "The parameter prompt can be consent, or be left out."}
	}
	next := "/offers"
	if asked := c.FormValue("next"); asked != "" {
		next = views.LocalPath(asked)
	}
	return s.leave(c, flow.AuthorizationRequest{Browser: browser, Next: next, Prompt: prompt})
}

// leave sends the browser to Acme's accounts.
func (s *Site) leave(c echo.Context, r flow.AuthorizationRequest) error {
	ctx := c.Request().Context()
	to, err := s.Code.Start(ctx, r)
	if err != nil {
		return err
	}
	if err := s.Sessions.Save(ctx, c.Response()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// signInAgain sends the browser there for the login that Acme wants (RFC 9470 §4),
// and comes back to the same page: once, so that nobody is sent in a circle.
func (s *Site) signInAgain(c echo.Context, wanted *travelapi.InsufficientAuthentication) error {
	if c.QueryParam("again") != "" {
		return said{"Acme wants another login", "You have signed in again, and Acme says that it is not enough. We do not know what else to bring."}
	}
	browser, err := s.Sessions.Begin(c.Request().Context())
	if err != nil {
		return err
	}
	login := flow.StepUp{MaxAge: wanted.MaxAge, ACRValues: wanted.ACRValues}
	return s.leave(c, login.Again(flow.AuthorizationRequest{Browser: browser, Next: c.Request().URL.Path + "?again=1"}))
}

// callback is the redirect URI.
func (s *Site) callback(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	attempt, err := s.Code.Receive(ctx, s.Sessions.Browser(ctx), c.QueryParams())
	denied := (*flow.AuthorizationError)(nil)
	// A lesson's answer connects nobody.
	if attempt.Kind != "" && (err == nil || errors.As(err, &denied)) {
		return s.Lessons(c, v.Connection, attempt, denied)
	}
	if errors.As(err, &denied) && denied.Code == "access_denied" {
		return render(c, http.StatusOK, page.Denied(s.frame(c, v, "You said no")))
	}
	if err != nil {
		return err
	}
	connected, err := s.Code.Redeem(ctx, attempt, c.QueryParam("code"))
	if err != nil {
		return err
	}
	random, err := flow.Unguessable(s.Random)
	if err != nil {
		return err
	}
	person, err := s.Store.Connect(ctx, "c_"+random[:22], connected.Identity, connected.Tokens)
	if err != nil {
		return err
	}
	if err := s.Sessions.SignIn(ctx, person, connected.SessionID); err != nil {
		return err
	}
	if err := s.Sessions.Save(ctx, c.Response()); err != nil {
		return err
	}
	s.giveBackOrLater(ctx) // what an earlier connection of this person held
	s.Log.Info("connected", "person", person, "scope", connected.Scope)
	return s.see(c, connected.Next)
}

func (s *Site) giveBackOrLater(ctx context.Context) bool {
	done, err := s.GiveBack(ctx)
	if err != nil {
		s.Log.Warn("tokens could not be revoked yet", "error", err)
	}
	return done
}

// disconnect gives the tokens back and deletes what came of them. The page is
// the answer to the POST itself: afterwards there is nobody left to show it to.
func (s *Site) disconnect(c echo.Context, v visitor) error {
	if !v.Known() {
		return s.see(c, "/")
	}
	ctx := c.Request().Context()
	deleted, err := s.Store.Disconnect(ctx, v.Person)
	if err != nil {
		return err
	}
	if err := s.Sessions.SignOut(ctx); err != nil {
		return err
	}
	if err := s.Sessions.Save(ctx, c.Response()); err != nil {
		return err
	}
	revoked := s.giveBackOrLater(ctx)
	s.Log.Info("disconnected", "person", v.Person, "revoked", revoked)
	return render(c, http.StatusOK, page.Disconnected(s.frame(c, visitor{}, "Disconnected"), page.DisconnectedView{
		Deleted: append(deletedLines(deleted), "the note of who you are"), Revoked: revoked, ConnectedApps: s.connectedApps(),
	}))
}

func (s *Site) logout(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	if err := s.Sessions.SignOut(ctx); err != nil {
		return err
	}
	if err := s.Sessions.Save(ctx, c.Response()); err != nil {
		return err
	}
	return s.see(c, "/")
}
