package site

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/store"
)

func (s *Site) home(c echo.Context, v visitor) error {
	f := s.frame(c, v, "You dream it, we find the train")
	home := page.HomeView{AcmeURL: s.Env.AcmeURL.String(), Asked: s.asked()}
	ctx := c.Request().Context()
	if v.Known() {
		deletions, err := s.deletions(ctx, v)
		if err != nil {
			return err
		}
		home.Deletions, home.Ended = deletions, v.Connection.Ended()
	}
	if v.Known() && !v.Connection.Ended() {
		held, err := s.Store.CountOf(ctx, v.Person)
		if err != nil {
			return err
		}
		last, found, err := s.Store.LastOffers(ctx, v.Connection.ID)
		if err != nil {
			return err
		}
		if found {
			home.Last = &page.OffersView{Offers: &last, Now: s.Now()}
		}
		home.Connection = &page.ConnectionView{
			Name: nameOf(v.Connection), Scopes: v.Connection.Scope,
			Since: v.Connection.ConnectedAt.In(s.Now().Location()).Format("2 January 2006, 15:04"), Until: until(v.Connection), Hold: strings.Join(heldOf(held), ", "),
		}
	}
	return render(c, http.StatusOK, page.Home(f, home))
}

// asked is what we ask for, in the words that Acme's consent page shows.
func (s *Site) asked() []page.AskedScope {
	all := make([]page.AskedScope, len(flow.Scopes))
	for i, scope := range flow.Scopes {
		all[i] = page.AskedScope{Scope: scope, Reason: s.Client.Reasons[scope]}
	}
	// What is needed first.
	slices.SortStableFunc(all, func(a, b page.AskedScope) int { return needed(b.Scope) - needed(a.Scope) })
	return all
}

func needed(scope string) int {
	if scope == "openid" || scope == "profile" {
		return 1
	}
	return 0
}

func until(c store.Connection) string {
	if c.Offline {
		return "you disconnect, here or at Acme"
	}
	return "the access ends by itself: you did not let us come back alone"
}

// heldOf lists what we keep about a person, besides the tokens.
func heldOf(d store.Deleted) []string {
	var lines []string
	if d.Name {
		lines = append(lines, "your name")
	}
	return append(lines, count(d.Offers, "offer"), count(d.Letters, "letter"))
}

func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (s *Site) help(c echo.Context, v visitor) error {
	return render(c, http.StatusOK, page.Help(s.frame(c, v, "Help"), s.Env.AuthserverURL.String(), s.Env.AcmeURL.String()))
}
