package site

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/page"
)

var errNoSuchLetter = said{"This link is not one of ours",
	"The token in it is missing or was changed. Please use the link in the letter as it is."}

// askUnsubscribe shows a button. Opening the link changes nothing: mail
// programs open links to look at them.
func (s *Site) askUnsubscribe(c echo.Context, v visitor) error {
	token := c.QueryParam("token")
	if _, ok := s.Store.UnsubscribeTokenOf(token); !ok {
		return errNoSuchLetter
	}
	return render(c, http.StatusOK, page.Unsubscribe(s.frame(c, v, "Stop our letters"), page.UnsubscribeView{Token: token}))
}

// unsubscribe takes our own form and the one-click POST of a mail program: "The
// POST request MUST NOT include cookies, HTTP authorization, or any other
// context information" (RFC 8058 §3.1), so the token in the URL says it all.
func (s *Site) unsubscribe(c echo.Context, v visitor) error {
	person, ok := s.Store.UnsubscribeTokenOf(c.FormValue("token")) // of the URL or of the form
	if !ok {
		return errNoSuchLetter
	}
	if err := s.Store.SetSubscribed(c.Request().Context(), person, false); err != nil {
		return err
	}
	s.Log.Info("letters stopped", "person", person)
	return render(c, http.StatusOK, page.Unsubscribe(s.frame(c, v, "No more letters"),
		page.UnsubscribeView{Done: true, CanReturn: v.Person == person}))
}

// subscribe lets the letters come again, for who is signed in.
func (s *Site) subscribe(c echo.Context, v visitor) error {
	if !v.Known() {
		return s.see(c, "/")
	}
	if err := s.Store.SetSubscribed(c.Request().Context(), v.Person, true); err != nil {
		return err
	}
	return s.see(c, "/outbox")
}
