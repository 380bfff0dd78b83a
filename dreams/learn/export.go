package learn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
)

// Largest is how many bytes a path takes: httpserver.Settings.
func Largest(path string) int64 {
	const form = 64 << 10 // what stands around the file
	switch path {
	case "/runs":
		return wire.MaxFile + form
	case wiretap.Path:
		return wiretap.MaxDelivery
	}
	return 0
}

// file is a run to take away, without its secrets unless somebody asks for them.
func (c *Classroom) file(e echo.Context) (wire.File, *Run, error) {
	wiretap.Skip(e.Request().Context())
	run, known := c.found(e.Request().Context(), e.Param("id"))
	if !known {
		return wire.File{}, nil, echo.ErrNotFound
	}
	f := wire.File{
		Format: wire.FileFormat, Version: wire.FileVersion, Lesson: run.Slug(), Title: run.Title(), Started: run.Started.UTC(), Build: source.Sum(),
		Secrets: e.QueryParam("secrets") == "1", Record: run.Recording.Record(),
	}
	if run.imported != nil {
		f.Build, f.Secrets = run.imported.Build, f.Secrets && run.imported.Secrets
	}
	if f.Secrets {
		return f, run, nil
	}
	var err error
	f.Record, err = wire.Masked(f.Record)
	return f, run, err
}

// taken answers with a file to be kept.
func taken(e echo.Context, run *Run, ending, mediaType string, content []byte) error {
	e.Response().Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.%s"`, run.Slug(), run.ID, ending))
	return e.Blob(http.StatusOK, mediaType, content)
}

func (c *Classroom) exportFile(e echo.Context, _ Visit) error {
	f, run, err := c.file(e)
	if err != nil {
		return err
	}
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return taken(e, run, "json", "application/json", content)
}

func (c *Classroom) exportHAR(e echo.Context, _ Visit) error {
	f, run, err := c.file(e)
	if err != nil {
		return err
	}
	content, err := wire.HAR(f)
	if err != nil {
		return err
	}
	return taken(e, run, "har", "application/json", content)
}

func (c *Classroom) exportMarkdown(e echo.Context, _ Visit) error {
	f, run, err := c.file(e)
	if err != nil {
		return err
	}
	return taken(e, run, "md", "text/markdown; charset=utf-8", []byte(wire.Markdown(f)))
}

// exportPage is the run as one file: what the page shows of each row, below one
// another, with the style sheets in it.
func (c *Classroom) exportPage(e echo.Context, _ Visit) error {
	f, run, err := c.file(e)
	if err != nil {
		return err
	}
	rows := wire.Rows(f.Record)
	to := func(row int) string { return fmt.Sprintf("#i%d", row) }
	v := page.TakenView{
		Title: f.Title, When: f.Started.Format("2 January 2006, 15:04:05 UTC"), Lead: page.InShort(rows), Secrets: f.Secrets,
		Diagram: page.Diagram{Rows: rows, Start: f.Started, Person: wire.Who(f.Record), Hosts: c.hosts(), Reveal: true, Link: to, Whole: true},
	}
	if len(rows) > 0 {
		v.Diagram.Start = rows[0].At
	}
	all := inspect.New(f.Record, rows)
	for _, r := range rows {
		if in, ok := all.Row(r.N); ok {
			v.Rows = append(v.Rows, page.InspectorView{Inspection: in, Reveal: true, Still: true, Link: func(row int, _ string, _ bool) string { return to(row) }})
		}
	}
	var html bytes.Buffer
	if err := page.Taken(v).Render(e.Request().Context(), &html); err != nil {
		return err
	}
	return taken(e, run, "html", "text/html; charset=utf-8", html.Bytes())
}

// importRun puts a run that somebody took along on the desk of who brings it, to be
// looked at. Nothing in it is asked for or sent, so this works with WIRETAP=off too.
func (c *Classroom) importRun(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	wiretap.Skip(ctx)
	upload, err := readRun(e.Request())
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return err
	}
	var f wire.File
	if err == nil {
		f, err = wire.ReadFile(bytes.NewReader(upload))
	}
	if err == nil && f.Record.Size() > wiretap.MaxBytes {
		err = errors.New("it holds more than a run of ours can")
	}
	if err != nil {
		return c.listRuns(e, v, http.StatusUnprocessableEntity, "This file cannot be shown: "+err.Error()+".")
	}
	browser, err := c.Sessions.Begin(ctx)
	if err != nil {
		return err
	}
	if err := c.Sessions.Save(ctx, e.Response()); err != nil {
		return err
	}
	l, known := c.lesson(f.Lesson)
	if !known {
		l = Lesson{}
	}
	l.Title = f.Title
	run := &Run{ID: wiretap.NewID(), Started: f.Started, Browser: browser, lesson: l, room: c, imported: &f}
	run.Recording = &wiretap.Recording{ID: run.ID}
	run.Recording.Load(f.Record)
	run.progress.state = Done
	c.runs.keep(run)
	return e.Redirect(http.StatusSeeOther, c.Env.DreamsURL.String()+run.address()+"?m=1")
}

var errNoFile = errors.New("the form has no file: expected the run file that “Take it away” gives")

// readRun reads the form as it comes.
func readRun(r *http.Request) ([]byte, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, errNoFile
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errNoFile
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() == "file" {
			return io.ReadAll(io.LimitReader(part, wire.MaxFile+1))
		}
	}
}

// broughtBytes is how much memory an imported run takes.
func (r *Run) broughtBytes() int {
	if r.imported == nil {
		return 0
	}
	return r.Recording.Size()
}

// brought tells when an imported run was recorded.
func (r *Run) brought() string {
	if r.imported == nil {
		return ""
	}
	return r.Started.In(time.UTC).Format("2 January 2006, 15:04 UTC")
}
