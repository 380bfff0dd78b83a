package site

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/night"
	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/store"
)

// LookAgain makes offers for a person who is away and who granted
// offline_access, and writes the letter about what is new. Tokens that have
// ended are refreshed on the way.
func (s *Site) LookAgain(ctx context.Context, connection store.Connection) error {
	m, away, err := s.gather(ctx, connection)
	if err != nil {
		return err
	}
	if away != "" {
		return &night.NoAnswer{Who: away}
	}
	_, err = s.keep(ctx, visitor{Person: connection.Person, Connection: connection}, m, offers.Make(m, s.Now()))
	return err
}

// night shows what the nightly job did, and does.
func (s *Site) night(c echo.Context, v visitor) error {
	nights, err := s.Night.Nights(c.Request().Context())
	if err != nil {
		return err
	}
	view := page.NightView{Busy: s.Night.Busy()}
	for i, n := range nights {
		one := page.NightRound{Started: n.StartedAt.Format("2 January, 15:04:05") + " UTC", Total: n.Total, Done: len(n.Outcomes), Ended: !n.FinishedAt.IsZero()}
		for _, o := range n.Outcomes {
			who := fmt.Sprintf("Person %d", o.Person) // whose business it is knows their own
			if o.Person == v.Person {
				who = "You"
			}
			if o.Refused != "" {
				one.Refused++
			}
			one.Outcomes = append(one.Outcomes, page.NightOutcome{Who: who, Refused: o.Refused, Refreshed: o.Refreshed})
		}
		one.Running = i == 0 && view.Busy && !one.Ended
		view.Rounds = append(view.Rounds, one)
	}
	if view.Busy {
		c.Response().Header().Set("Refresh", "1") // without script
	}
	return render(c, http.StatusOK, page.Night(s.frame(c, v, "The nightly job"), view))
}

func (s *Site) beginNight(c echo.Context, _ visitor) error {
	s.Night.Ask()
	return s.see(c, "/night")
}
