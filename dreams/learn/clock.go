package learn

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// ClockPath is where people move the room's clock.
const ClockPath = "/clock"

// jumps are how far one press moves the clock.
var jumps = []struct{ value, label string }{
	{"1m", "1 minute"}, {"5m", "5 minutes"}, {"1h", "1 hour"}, {"24h", "1 day"}, {"720h", "30 days"},
}

// jump is the time span of a press; false: there is no such button.
func jump(value string) (time.Duration, bool) {
	for _, j := range jumps {
		if j.value == value {
			d, err := time.ParseDuration(value)
			return d, err == nil
		}
	}
	return 0, false
}

// mayMove tells whether people may move the clock: while only this computer reaches
// it. On a network anybody could end everybody's tokens.
func (c *Classroom) mayMove() bool { return c.Room != nil && c.Env.DreamsURL.Loopback() }

// byItsName tells whether a request names this computer as itself. A site that has its
// own name lead here (DNS rebinding) sends what looks like its own origin.
func byItsName(r *http.Request) bool {
	return environment.BaseURL("http://" + r.Host).Loopback()
}

func (c *Classroom) showClock(e echo.Context, v Visit) error {
	return render(e, page.Clock(v.Frame("The room’s clock"), c.clockView(nil)))
}

// moveClock answers a press on the page of the clock.
func (c *Classroom) moveClock(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	wiretap.Skip(ctx)
	if !c.mayMove() || !byItsName(e.Request()) {
		return renderAs(e, http.StatusForbidden, page.Clock(v.Frame("The room’s clock"), c.clockView(nil)))
	}
	var err error
	if by := e.FormValue("by"); by == "0" {
		err = c.Room.PutRight(ctx)
	} else if d, known := jump(by); known {
		err = c.Room.Advance(ctx, d)
	} else {
		return echo.NewHTTPError(http.StatusBadRequest, "expected by to be 1m, 5m, 1h, 24h, 720h or 0")
	}
	if err != nil {
		c.Log.Info("the clock was not moved everywhere", "error", err)
		return render(e, page.Clock(v.Frame("The room’s clock"), c.clockView(err)))
	}
	c.Log.Info("the room's clock was moved", "ahead", c.Room.Ahead())
	return e.Redirect(http.StatusSeeOther, c.Env.DreamsURL.String()+ClockPath)
}

// clockView is the room's clock in words; err is why it was not moved everywhere.
func (c *Classroom) clockView(err error) page.ClockView {
	v := page.ClockView{
		Here: dayTime(c.Now()), World: dayTime(c.World()), May: c.mayMove(), Dreams: c.Env.DreamsURL.String(),
		AtLimit: c.Room.Ahead() >= wiretap.Limit, Limit: views.Span(wiretap.Limit),
	}
	if c.Room.Ahead() != 0 {
		v.Ahead = views.Span(c.Room.Ahead())
	}
	for _, j := range jumps {
		v.Jumps = append(v.Jumps, page.Jump{Value: j.value, Label: j.label})
	}
	v.Behind = behind(err)
	return v
}

// behind are the programs that an error says were not moved.
func behind(err error) (all []views.Party) {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		for _, one := range several.Unwrap() {
			all = append(all, behind(one)...)
		}
		return all
	}
	if one := (*wiretap.NotMoved)(nil); errors.As(err, &one) {
		all = append(all, views.Party(one.Party))
	}
	return all
}

func dayTime(t time.Time) string { return t.Local().Format("2 January 2006, 15:04:05") }
