package learn

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/internal/wiretap"
)

// What a press on the page of a run asks for.
const (
	pressNext    = "next"    // let go what waits
	pressEdit    = "edit"    // the same, in other words
	pressEnd     = "end"     // and everything after it
	pressRestart = "restart" // the same lesson from its beginning, and forget this run
	pressBranch  = "branch"  // the same lesson up to here, and keep this run beside it
)

// press answers POST /runs/{id}.
func (c *Classroom) press(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	run, known := c.found(ctx, e.Param("id"))
	if !known {
		return echo.ErrNotFound
	}
	if run.imported != nil { // it is here to be looked at
		return c.seeRun(e, run)
	}
	form, err := e.FormParams()
	if err != nil {
		return err
	}
	if query, err := url.ParseQuery(strings.TrimPrefix(form.Get("look"), "?")); err == nil {
		run.change(func(p *progress) { p.look = lookOf(query).to(0) })
	}
	action := form.Get("action")
	switch action {
	case pressRestart, pressBranch:
		return c.again(e, v, run, action == pressBranch)
	case pressNext, pressEdit, pressEnd:
	default:
		return echo.NewHTTPError(http.StatusBadRequest, "expected action to be next, edit, end, restart or branch")
	}
	if !run.Stepping() {
		return c.seeRun(e, run)
	}
	seq, _ := strconv.Atoi(form.Get("seq"))
	pending, waits := run.Pending()
	var changed *wiretap.Message
	if action == pressEdit && waits && pending.Seq == seq {
		m, draft := edited(pending, form)
		if draft != nil {
			run.change(func(p *progress) {
				if p.pending != nil && p.pending.Seq == seq {
					p.pending.Draft = draft
				}
			})
			return c.seeRun(e, run)
		}
		changed = &m
	}
	if action == pressEnd {
		run.stepper.toTheEnd()
	}
	was, moved := run.stepper.press(seq, changed)
	switch {
	case !moved && action != pressEnd:
		run.change(func(p *progress) {
			p.notice = "That had gone on already: somebody pressed in another tab, or twice. What waits now is below."
		})
		return c.seeRun(e, run)
	case moved && was.Kind == Carrying:
		return c.carry(e, run, was)
	}
	return c.meanwhile(e, run)
}

// carry sends the browser where the run wants it: it is the one that pressed.
func (c *Classroom) carry(e echo.Context, run *Run, p Pending) error {
	wiretap.Adopt(e.Request().Context(), run.Recording)
	run.Recording.Say(p.Message.Caption)
	run.Recording.Going(p.Message.URL)
	return e.Redirect(http.StatusSeeOther, p.Message.URL)
}

// meanwhile answers once it is known what came of a press, or says that it takes a
// while. Where nobody wants to look, it sends the browser on.
func (c *Classroom) meanwhile(e echo.Context, run *Run) error {
	run.settled(e.Request().Context())
	if pending, waits := run.Pending(); waits && pending.Kind == Carrying && pending.pass && !pending.Sent {
		if p, moved := run.stepper.press(pending.Seq, nil); moved {
			return c.carry(e, run, p)
		}
	}
	return c.seeRun(e, run)
}

// seeRun sends the browser to the page of a run. A press that sends it nowhere else
// is no message of the run.
func (c *Classroom) seeRun(e echo.Context, run *Run) error {
	if e.Request().URL.Path == run.address() {
		wiretap.Skip(e.Request().Context())
	}
	run.progress.mu.Lock()
	l := run.progress.look
	run.progress.mu.Unlock()
	return e.Redirect(http.StatusSeeOther, c.Env.DreamsURL.String()+run.address()+l.query()+"#next")
}

// again begins the lesson of a run once more.
func (c *Classroom) again(e echo.Context, v Visit, run *Run, keep bool) error {
	l := run.lesson
	if l.Fields != nil || c.off(l) { // what was typed there is gone, on purpose
		return e.Redirect(http.StatusSeeOther, c.Env.DreamsURL.String()+"/learn/"+l.Slug)
	}
	next, skip := c.open(v, l, run.Browser, url.Values{}), 0
	run.progress.mu.Lock()
	next.progress.look = run.progress.look
	run.progress.mu.Unlock()
	if keep {
		next.beside = run.ID
		if run.Stepping() && run.State() != Done && run.State() != Ended {
			skip = run.stepper.pauses() - 1
		}
	} else if run.Stepping() {
		run.end(errAbandon)
		c.runs.forget(run)
	}
	return c.step(e, next, max(0, skip))
}

// unrecorded says that there is nothing to step through.
func (c *Classroom) unrecorded(e echo.Context, v Visit, l Lesson) error {
	view := c.view(l)
	view.NoStepping = true
	return renderAs(e, http.StatusConflict, page.Lesson(v.Frame(l.Title), view))
}
