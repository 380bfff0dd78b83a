package site

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/dreams/page"
)

// outbox shows a person's letters with the newest open.
func (s *Site) outbox(c echo.Context, v visitor) error { return s.letters(c, v, "") }

// letter shows them with one open; another person's is not found.
func (s *Site) letter(c echo.Context, v visitor) error { return s.letters(c, v, c.Param("id")) }

func (s *Site) letters(c echo.Context, v visitor, open string) error {
	if !v.Known() {
		if open != "" {
			return echo.ErrNotFound
		}
		return render(c, http.StatusOK, page.NoOutbox(s.frame(c, v, "Outbox")))
	}
	all, err := s.Store.Letters(c.Request().Context(), v.Person)
	if err != nil {
		return err
	}
	view := page.OutboxView{
		Tab: c.QueryParam("view"), Now: s.Now(),
		MayWrite: offers.Material{Granted: v.Connection.Scope}.Has(offers.ScopeEmail),
		Stopped:  v.Connection.Unsubscribed, StopToken: s.Store.UnsubscribeToken(v.Person),
	}
	for _, letter := range all {
		view.Letters = append(view.Letters, page.OutboxLetter{Letter: letter.Letter, DeliveredAt: letter.DeliveredAt})
	}
	for i := range view.Letters {
		if open == "" || view.Letters[i].ID == open {
			view.Open = &view.Letters[i]
			break
		}
	}
	if open != "" && view.Open == nil {
		return echo.ErrNotFound
	}
	title := "Outbox"
	if view.Open != nil {
		title = view.Open.Subject
	}
	f := s.frame(c, v, title)
	for i := range f.Nav {
		f.Nav[i].Current = f.Nav[i].Href == "/outbox"
	}
	return render(c, http.StatusOK, page.OutboxPage(f, view))
}
