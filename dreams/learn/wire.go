package learn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// look is how somebody looks at a run: what the address of the page says.
type look struct {
	row    int    // the selected one; 0: the latest
	follow string // the name of a value; empty: none
	reveal bool   // secrets are shown
	tab    string // of the inspector
}

func lookOf(query url.Values) look {
	row, _ := strconv.Atoi(query.Get("m"))
	return look{row: max(0, row), follow: query.Get("follow"), reveal: query.Get("reveal") == "1", tab: query.Get("tab")}
}

// query is the look as an address has it; more comes first.
func (l look) query(more ...string) string {
	all := url.Values{}
	for i := 0; i+1 < len(more); i += 2 {
		all.Set(more[i], more[i+1])
	}
	if l.row > 0 {
		all.Set("m", strconv.Itoa(l.row))
	}
	if l.follow != "" {
		all.Set("follow", l.follow)
	}
	if l.reveal {
		all.Set("reveal", "1")
	}
	if l.tab != "" {
		all.Set("tab", l.tab)
	}
	if len(all) == 0 {
		return ""
	}
	return "?" + all.Encode()
}

// to is a look at another row.
func (l look) to(row int) look {
	l.row = row
	return l
}

// address is where a run is looked at.
func (r *Run) address() string { return "/runs/" + r.ID }

// myRuns lists the runs of this browser.
func (c *Classroom) myRuns(e echo.Context, v Visit) error { return c.listRuns(e, v, http.StatusOK, "") }

// listRuns lists them, with what is wrong with a file that somebody brought.
func (c *Classroom) listRuns(e echo.Context, v Visit, status int, trouble string) error {
	wiretap.Skip(e.Request().Context())
	var all []page.RunView
	for _, run := range c.mine(e.Request().Context()) {
		href := run.address()
		if over(run) {
			href += look{row: 1}.query()
		}
		all = append(all, page.RunView{
			Href: href, Title: run.Title(), When: run.Started.Format("15:04:05"),
			Messages: page.InShort(wire.Rows(run.Recording.Record())), State: inWords(run.State()),
		})
	}
	return renderAs(e, status, page.Runs(v.Frame("My runs"), all, bool(c.Env.Wiretap), trouble))
}

func over(run *Run) bool { return run.State() == Done || run.State() == Ended }

func inWords(s RunState) string {
	switch s {
	case Paused:
		return "A message waits for you."
	case Away:
		return "The browser is away; the run goes on when it is back."
	case Done:
		return "It is over."
	case Ended:
		return "It was ended before it was over."
	}
	return "It goes on."
}

// showRun is a run, each message of it.
func (c *Classroom) showRun(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	wiretap.Skip(ctx)
	run, known := c.found(ctx, e.Param("id"))
	if !known {
		return echo.ErrNotFound
	}
	// Next may be answered by a redirect to the authorization server.
	httpserver.AllowFormAction(e, c.Env.AuthserverURL.String())
	return render(e, page.Wire(v.Frame(run.Title()), c.wireView(run, lookOf(e.QueryParams()))))
}

// wireView is a run as it stands.
func (c *Classroom) wireView(run *Run, l look) page.WireView {
	changes, _ := run.Recording.Changes()
	record := run.Recording.Record()
	diagram := c.diagram(run, record, l)
	rows := diagram.Rows
	if diagram.Current = min(l.row, len(rows)); diagram.Current == 0 {
		diagram.Current = len(rows)
	}
	v := page.WireView{
		Title: run.Title(), Slug: run.Slug(), Run: run.ID, State: inWords(run.State()), Lead: page.InShort(rows),
		Here: run.address() + l.query(), Events: run.address() + "/events" + l.query("after", strconv.Itoa(changes)),
		Hide: l.reveal,
	}
	v.Side, v.Press = c.side(run, record, rows, l)
	if len(rows) > 0 {
		selected := rows[diagram.Current-1]
		v.Caption = caption(record, rows, selected)
	}
	other := l
	other.reveal = !l.reveal
	v.Secrets = run.address() + other.query()
	for _, value := range wire.Values(rows) {
		other := l
		other.follow = value.Name
		if value.Name == l.follow {
			other.follow = ""
			diagram.Follow, v.Followed = value, page.Trace(value, rows)
		}
		v.Values = append(v.Values, page.ValueLink{Name: value.Name, Href: run.address() + other.query(), Current: value.Name == l.follow})
	}
	if run.imported != nil {
		v.Events, v.State = "", ""
	}
	v.Diagram = diagram
	v.Inspector = run.inspector(record, rows, diagram.Current, l, diagram.Follow)
	return v
}

// caption is a row in a sentence: the lesson's, or what such a message is for.
func caption(record wiretap.Record, rows []wire.Row, r wire.Row) string {
	if r.Caption != "" {
		return strings.TrimRight(r.Caption, ".") + "."
	}
	switch r.Kind {
	case wire.Request, wire.Response, wire.Redirect:
		if in, ok := inspect.New(record, rows).Row(r.N); ok && in.Sentence != "" {
			return in.Sentence
		}
	}
	return page.CaptionOf(r)
}

// diagram is a run's, with nothing selected.
func (c *Classroom) diagram(run *Run, record wiretap.Record, l look) page.Diagram {
	d := page.Diagram{
		Rows: wire.Rows(record), Start: run.Started, Person: wire.Who(record), Hosts: c.hosts(), Reveal: l.reveal,
		Link: func(row int) string { return fmt.Sprintf("%s%s#m%d", run.address(), l.to(row).query(), row) },
	}
	if len(d.Rows) > 0 {
		d.Start = d.Rows[0].At
	}
	return d
}

// picture is the diagram of a run as a lesson's page has it; nil: there is none.
func (c *Classroom) picture(ctx context.Context, id string) *page.Diagram {
	run, known := c.found(ctx, id)
	if !known {
		return nil
	}
	d := c.diagram(run, run.Recording.Record(), look{})
	d.Whole = true
	return &d
}

// hosts are the programs' addresses, short.
func (c *Classroom) hosts() map[views.Party]string {
	short := func(u *url.URL) string {
		if u.Hostname() == "localhost" && u.Port() != "" {
			return ":" + u.Port()
		}
		return u.Host
	}
	all := map[views.Party]string{}
	for party, address := range map[views.Party]string{
		views.Client: c.Env.DreamsURL.String(), views.AuthorizationServer: c.Env.AuthserverURL.String(), views.ResourceServer: c.Env.AcmeURL.String(),
	} {
		if u, err := url.Parse(address); err == nil {
			all[party] = short(u)
		}
	}
	return all
}

// heartbeat keeps proxies from ending a stream on which nothing happens; slowest is
// how long a reader may take for what was sent; maxStreams is how many are open at
// once.
const (
	heartbeat  = 15 * time.Second
	slowest    = 10 * time.Second
	maxStreams = 400
	burst      = 40 * time.Millisecond // what comes within goes as one
)

// events sends the rows of a run as they come (HTML Living Standard §9.2). Who was
// cut off says in Last-Event-ID up to which change they know it.
func (c *Classroom) events(e echo.Context, _ Visit) error {
	ctx := e.Request().Context()
	run, known := c.found(ctx, e.Param("id"))
	if !known {
		return echo.ErrNotFound
	}
	if c.streams.Add(1) > maxStreams {
		c.streams.Add(-1)
		return echo.NewHTTPError(http.StatusServiceUnavailable, "too many pages are open")
	}
	defer c.streams.Add(-1)
	seen, err := strconv.Atoi(e.Request().Header.Get("Last-Event-ID"))
	if err != nil {
		seen, _ = strconv.Atoi(e.QueryParam("after"))
	}
	s := &stream{out: e.Response(), control: http.NewResponseController(e.Response())}
	if err := s.begin(); err != nil {
		return err
	}
	l := lookOf(e.QueryParams())
	if count, _ := run.Recording.Changes(); count == seen {
		if _, err := s.update(ctx, c.wireView(run, l)); err != nil { // what the page shows already
			return err
		}
	} else {
		seen = -1
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		count, changed := run.Recording.Changes()
		if count != seen {
			view := c.wireView(run, l)
			update, err := s.update(ctx, view)
			if err != nil {
				return err
			}
			if seen = count; update != nil && s.send(count, *update) != nil {
				return nil // gone, or too slow
			}
		}
		select {
		case <-changed:
			if pause(ctx, burst) != nil {
				return nil
			}
		case <-beat.C:
			if s.write(": still here\n\n") != nil {
				return nil
			}
		case <-c.workers.base.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stream is one page that is looked at.
type stream struct {
	out     http.ResponseWriter
	control *http.ResponseController
	rows    []string // as they were last rendered
	parts   map[string]string
}

// update is what a page does not have yet.
type update struct {
	From   int    `json:"from"`   // the rows before are as they were
	HTML   string `json:"html"`   // the others
	Parts  string `json:"parts"`  // what else has changed, each with its id
	Five   bool   `json:"five"`   // somebody else has a lane
	Events string `json:"events"` // where to go on
}

// update renders what differs from what was last rendered; nil: nothing does.
func (s *stream) update(ctx context.Context, v page.WireView) (*update, error) {
	u := update{Events: v.Events, Five: v.Diagram.Five()}
	var rows []string
	for _, r := range v.Diagram.Rows {
		html, err := rendered(ctx, page.WireRow(v.Diagram, r))
		if err != nil {
			return nil, err
		}
		rows = append(rows, html)
	}
	for u.From < len(rows) && u.From < len(s.rows) && rows[u.From] == s.rows[u.From] {
		u.From++
	}
	for _, html := range rows[u.From:] {
		u.HTML += html
	}
	changed := s.rows == nil || !slices.Equal(rows, s.rows)
	parts := map[string]string{}
	for _, part := range v.Parts() {
		html, err := rendered(ctx, part.Content)
		if err != nil {
			return nil, err
		}
		if parts[part.ID] = html; html != s.parts[part.ID] {
			u.Parts, changed = u.Parts+html, true
		}
	}
	s.rows, s.parts = rows, parts
	if !changed {
		return nil, nil
	}
	return &u, nil
}

func rendered(ctx context.Context, content templ.Component) (string, error) {
	var html bytes.Buffer
	err := content.Render(ctx, &html)
	return html.String(), err
}

// begin answers. The server's timeouts are for answers that end: a stream sets its
// own for each write, and reads nothing any more.
func (s *stream) begin() error {
	if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	h := s.out.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // nginx keeps what it does not know to be a stream
	s.out.WriteHeader(http.StatusOK)
	return s.write("retry: 1000\n\n")
}

func (s *stream) send(id int, u update) error {
	data, err := json.Marshal(u) // one line
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("id: %d\nevent: rows\ndata: %s\n\n", id, data))
}

func (s *stream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(slowest)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.out.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
