package learn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/session"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// Classroom answers the requests for lessons.
type Classroom struct {
	Env      environment.Environment
	Log      *slog.Logger
	Now      func() time.Time
	World    func() time.Time // the time outside, wherever the room's clock is
	Random   io.Reader
	Back     http.RoundTripper // records where a context has a recording
	Room     *wiretap.Room     // where recordings are; nil with WIRETAP=off
	Store    *store.Store
	Sessions *session.Sessions

	Server    *flow.AuthorizationServer
	Code      *flow.AuthorizationCode
	Refresh   *flow.RefreshToken
	Exchange  *flow.TokenExchange
	Bearer    *flow.JWTBearer
	Revoke    *flow.Revocation
	Catalogue flow.Client // dreams-catalogue

	// Lab is the authorization code grant as the lab's lessons use it, still without
	// a client: that one registers itself.
	Lab          *flow.AuthorizationCode
	Registration *flow.Registration

	desks       *desks
	runs        *runs
	workers     *workers
	streams     atomic.Int64 // pages that are looked at
	lessons     []Lesson
	tried       tried // in the inspector
	registering sync.Mutex
}

// Visit is a request with who makes it.
type Visit struct {
	Connection store.Connection // empty: nobody is connected
	Frame      func(title string) views.Frame
}

// Route is one line of the route table.
type Route struct {
	Method, Path string
	Handler      echo.HandlerFunc
}

// Routes is the route table. page loads the session.
func (c *Classroom) Routes(page func(func(echo.Context, store.Connection, func(string) views.Frame) error) echo.HandlerFunc) []Route {
	handler := func(handle func(echo.Context, Visit) error) echo.HandlerFunc {
		return page(func(e echo.Context, connection store.Connection, frame func(string) views.Frame) error {
			return handle(e, Visit{connection, frame})
		})
	}
	all := []Route{
		{http.MethodGet, "/learn", handler(c.front)},
		{http.MethodGet, "/learn/:slug", handler(c.show)},
		{http.MethodPost, "/learn/:slug", handler(c.run)},
		{http.MethodGet, "/runs", handler(c.myRuns)},
		{http.MethodPost, "/runs", handler(c.importRun)},
		{http.MethodGet, "/runs/:id/export.html", handler(c.exportPage)},
		{http.MethodGet, "/runs/:id/export.md", handler(c.exportMarkdown)},
		{http.MethodGet, "/runs/:id/export.har", handler(c.exportHAR)},
		{http.MethodGet, "/runs/:id/export.json", handler(c.exportFile)},
		{http.MethodGet, "/runs/:id", handler(c.showRun)},
		{http.MethodGet, "/runs/:id/events", handler(c.events)},
		{http.MethodPost, "/runs/:id", handler(c.press)},
		{http.MethodGet, "/runs/:id/compare/:other", handler(c.compare)},
		{http.MethodGet, LabCallbackPath, handler(c.labCallback)},
		{http.MethodGet, LoggedOutPath, handler(c.loggedOut)},
		{http.MethodGet, InspectorPath, handler(c.showInspector)},
		{http.MethodPost, InspectorPath, handler(c.inspectToken)},
		{http.MethodGet, "/learn/" + inspectorSlug, handler(c.toInspector)},
		{http.MethodGet, "/source", handler(c.sources)},
		{http.MethodGet, "/source/*", handler(c.sourceText)},
	}
	if c.Room != nil { // with WIRETAP=off there is no clock to move
		all = append(all, Route{http.MethodGet, ClockPath, handler(c.showClock)}, Route{http.MethodPost, ClockPath, handler(c.moveClock)})
	}
	return all
}

// Open makes the classroom ready.
func (c *Classroom) Open() *Classroom {
	c.desks, c.lessons, c.runs, c.workers = newDesks(), c.all(), &runs{}, newWorkers()
	return c
}

func (c *Classroom) lesson(slug string) (Lesson, bool) {
	for _, l := range c.lessons {
		if l.Slug == slug {
			return l, true
		}
	}
	if slug == inspectorSlug {
		return c.tokenLesson(), true
	}
	return Lesson{}, false
}

func (c *Classroom) off(l Lesson) bool { return l.Legacy && !bool(c.Env.LegacyGrants) }

func (c *Classroom) front(e echo.Context, v Visit) error {
	results := c.desks.results(c.Sessions.Browser(e.Request().Context()))
	view := page.LearnView{Choice: choices, Never: never, Total: len(c.lessons), Wiretap: bool(c.Env.Wiretap)}
	group := func(name Group, note string) page.LessonGroup {
		g := page.LessonGroup{Name: string(name), Note: note}
		for _, l := range c.lessons {
			if l.Group != name {
				continue
			}
			one := c.view(l)
			if result, ran := results[l.Slug]; ran {
				view.Ran++
				one.Result = &page.ResultView{At: clock(result.At)}
			}
			g.Lessons = append(g.Lessons, one)
		}
		return g
	}
	view.Groups = []page.LessonGroup{
		group(PersonThere, ""), group(NobodyThere, ""),
		group(History, "They run here so that you can see why they had to go."),
	}
	view.Besides = group(Besides, "Not other ways to a token, but what goes around them: each stops an attack that a grant alone does not stop. They run as Dreams Lab, a client that registers itself.")
	return render(e, page.Learn(v.Frame("Nine ways to get a token"), view))
}

func (c *Classroom) show(e echo.Context, v Visit) error {
	l, known := c.lesson(e.Param("slug"))
	if !known {
		return echo.ErrNotFound
	}
	browser := c.Sessions.Browser(e.Request().Context())
	view := c.view(l)
	view.Missing = c.missing(e.Request().Context(), l)
	if run := c.desks.take(browser, l.Slug); run != nil {
		run.Unfinished = 0
		err := l.Continue(wiretap.With(e.Request().Context(), run.Recording), run)
		if to := run.redirect; to != "" && err == nil {
			run.redirect = ""
			return e.Redirect(http.StatusSeeOther, to)
		}
		c.finish(run, err)
		if run.Unfinished > 0 && run.result.Trouble == "" {
			view.Waiting = true
			e.Response().Header().Set("Refresh", seconds(run.Unfinished)) // no script needed
		}
	}
	if result, ran := c.desks.results(browser)[l.Slug]; ran {
		shown := c.shown(result)
		shown.Diagram = c.picture(e.Request().Context(), result.Run)
		view.Result = &shown
	}
	// The form below may be answered by a redirect to the authorization server.
	httpserver.AllowFormAction(e, c.Env.AuthserverURL.String())
	return render(e, page.Lesson(v.Frame(l.Title), view))
}

// run runs a lesson.
func (c *Classroom) run(e echo.Context, v Visit) error {
	l, known := c.lesson(e.Param("slug"))
	if !known {
		return echo.ErrNotFound
	}
	if c.off(l) || l.Run == nil {
		return c.see(e, l)
	}
	ctx := e.Request().Context()
	browser, err := c.Sessions.Begin(ctx)
	if err != nil {
		return err
	}
	if err := c.Sessions.Save(ctx, e.Response()); err != nil {
		return err
	}
	form, err := e.FormParams()
	if err != nil {
		return err
	}
	if form.Get("mode") == "step" {
		if c.Room == nil {
			return c.unrecorded(e, v, l)
		}
		return c.step(e, c.open(v, l, browser, form), 0)
	}
	if run, brings := c.bringsToken(browser, l, form); brings {
		wiretap.Adopt(ctx, run.Recording)
		return c.resume(e, run, func(ctx context.Context, run *Run) error {
			run.Form = form
			return l.Run(ctx, run)
		})
	}
	run := c.open(v, l, browser, form)
	run.Recording = c.Room.Open(ctx, nil)
	c.begin(run)
	wiretap.Adopt(ctx, run.Recording)
	return c.goOn(e, run, l.Run(wiretap.With(ctx, run.Recording), run))
}

// open makes a run that has not begun.
func (c *Classroom) open(v Visit, l Lesson, browser string, form url.Values) *Run {
	run := &Run{Browser: browser, Person: v.Connection.Person, Form: form, Started: c.Now(), lesson: l, room: c}
	if v.Connection.ID != "" && !v.Connection.Ended() {
		run.Connection, run.Scope = v.Connection.ID, v.Connection.Scope
	}
	return run
}

// begin keeps a run whose recording is open.
func (c *Classroom) begin(run *Run) {
	run.progress.state = Working
	if run.Recording != nil {
		run.ID = run.Recording.ID
		c.runs.keep(run)
	}
}

// step begins a run that stops before each message; skip is how many pauses to
// leave out.
func (c *Classroom) step(e echo.Context, run *Run, skip int) error {
	ctx := e.Request().Context()
	run.stepper = newStepper(c.workers.base, run, skip)
	run.Recording = c.Room.Open(ctx, run.stepper)
	run.progress.busy = true
	c.begin(run)
	run.stepper.expire()
	wiretap.Adopt(ctx, run.Recording)
	if !c.launch(run, func(ctx context.Context) error { return run.lesson.Run(ctx, run) }) {
		return echo.NewHTTPError(http.StatusServiceUnavailable, errStopping.Error()).SetInternal(errStopping)
	}
	return c.meanwhile(e, run)
}

// resume goes on with a run whose browser is back.
func (c *Classroom) resume(e echo.Context, run *Run, do func(context.Context, *Run) error) error {
	if run.stepper == nil {
		return c.goOn(e, run, do(wiretap.With(e.Request().Context(), run.Recording), run))
	}
	if !run.claim() {
		return c.see(e, run.lesson)
	}
	if !c.launch(run, func(ctx context.Context) error { return do(ctx, run) }) {
		return echo.NewHTTPError(http.StatusServiceUnavailable, errStopping.Error()).SetInternal(errStopping)
	}
	return c.meanwhile(e, run)
}

// bringsToken finds the run of the implicit grant that a script brings a token to:
// it has no other way to come back.
func (c *Classroom) bringsToken(browser string, l Lesson, form url.Values) (*Run, bool) {
	if form.Get("access_token") == "" {
		return nil, false
	}
	for _, run := range c.runs.of(browser) {
		if run.lesson.Slug == l.Slug {
			return run, run.State() == Away && (run.Stepping() || run.claim())
		}
	}
	return nil, false
}

// Returned goes on with a run whose browser has come back to the redirect URI.
// Everything that there is to check of the answer has been checked.
func (c *Classroom) Returned(e echo.Context, _ store.Connection, attempt flow.Attempt, denied *flow.AuthorizationError) error {
	return c.returned(e, attempt, denied, false)
}

func (c *Classroom) returned(e echo.Context, attempt flow.Attempt, denied *flow.AuthorizationError, lab bool) error {
	l, known := c.lesson(attempt.Kind)
	if !known || l.Return == nil || l.Lab != lab {
		return echo.ErrNotFound // an answer at another address than the one that was asked for
	}
	run := c.desks.back(attempt.State)
	if run == nil { // this program was started again in between
		return c.see(e, l)
	}
	query := e.QueryParams()
	wiretap.Adopt(e.Request().Context(), run.Recording)
	return c.resume(e, run, func(ctx context.Context, run *Run) error {
		if lab {
			run.Tell("Your browser brings the answer", "The same list of checks judges it as every answer that comes to Dreams: state, iss, and the rest.")
		}
		if denied != nil && l.Denied != nil {
			return l.Denied(ctx, run, attempt, denied)
		}
		if denied != nil {
			run.Note("Acme’s accounts sent an error in place of a code, %s: that is a person who says no, or a request that the server does not like. Dreams got nothing.", denied.Code)
			return nil
		}
		return l.Return(ctx, run, attempt, query)
	})
}

// goOn sends the browser where the run wants it, or to the result.
func (c *Classroom) goOn(e echo.Context, run *Run, err error) error {
	if to := run.redirect; to != "" && err == nil {
		run.redirect = ""
		run.show(Away, nil)
		return e.Redirect(http.StatusSeeOther, to)
	}
	c.finish(run, err)
	return c.see(e, run.lesson)
}

func (c *Classroom) finish(run *Run, err error) {
	if err != nil {
		c.Log.Info("a lesson ended early", "lesson", run.lesson.Slug, "error", err)
		run.result.Trouble = trouble(err)
	}
	state := Done
	if run.stepper != nil {
		if why := context.Cause(run.stepper.ctx); why != nil && err != nil {
			state, run.result.Trouble = Ended, "This run was ended before it was over: "+why.Error()+"."
		}
	}
	c.desks.keep(run, c.Now())
	if run.Unfinished > 0 && run.result.Trouble == "" {
		state = Working
	}
	run.show(state, nil)
	if state != Working {
		run.Form = nil // a password may be in it
		run.end(nil)
	}
}

// trouble is an error in words for the page.
func trouble(err error) string {
	var (
		token       *flow.TokenError
		unreachable *flow.Unreachable
		refusal     *flow.Refusal
		away        *acmeAway
		stranger    *notRegistered
	)
	switch {
	case errors.As(err, &stranger):
		return stranger.words
	case errors.As(err, &token):
		return "Acme’s accounts answered " + token.Code + ": " + token.Description + "."
	case errors.As(err, &refusal):
		return refusal.Heading + ". " + refusal.Words
	case errors.As(err, &unreachable):
		return "Acme’s accounts cannot be reached just now. Please run it again in a moment."
	case errors.As(err, &away):
		return "Acme’s API cannot be reached just now. Please run it again in a moment."
	case errors.Is(err, flow.ErrEnded):
		return "Your connection to Acme has ended: connect again first."
	}
	return "Something broke, and it was us. It is in our log."
}

// see sends the browser to the lesson's result.
func (c *Classroom) see(e echo.Context, l Lesson) error {
	return e.Redirect(http.StatusSeeOther, c.Env.DreamsURL.String()+"/learn/"+l.Slug+"#result")
}

// refused tells what came of something that had to be refused by the
// authorization server: err is that refusal. Another error is the caller's.
func refused(err error, r Refusal) (Refusal, error) {
	r.By = views.AuthorizationServer.Name()
	var token *flow.TokenError
	switch {
	case err == nil:
		r.Got = true
	case errors.As(err, &token):
		r.Status, r.Code, r.Words = token.Status, token.Code, token.Description
	default:
		return r, err
	}
	return r, nil
}

// tell keeps a refusal for the page, and passes on what was none.
func (r *Run) tell(err error, refusal Refusal) error {
	refusal, err = refused(err, refusal)
	if err == nil {
		r.Refused(refusal)
	}
	return err
}

func render(e echo.Context, content templ.Component) error {
	return renderAs(e, http.StatusOK, content)
}

func renderAs(e echo.Context, status int, content templ.Component) error {
	var html bytes.Buffer
	if err := content.Render(e.Request().Context(), &html); err != nil {
		return err
	}
	return e.HTMLBlob(status, html.Bytes())
}

func values(u *url.URL) url.Values {
	all := u.Query()
	fragment, _ := url.ParseQuery(strings.TrimPrefix(u.EscapedFragment(), "#"))
	for name, v := range fragment {
		all[name] = append(all[name], v...)
	}
	return all
}
