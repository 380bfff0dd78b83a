package learn

import (
	"path"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
)

// inspector is what stands beside the diagram of a run: all there is to know of
// row n.
func (c *Classroom) inspector(run *Run, rows []wire.Row, n int, tab string, reveal bool) templ.Component {
	return inspected(run.Recording.Record(), rows, n, tab, reveal, link)
}

// link is where a row of the run that is looked at is.
func link(row int, tab string, reveal bool) string {
	to := "?m=" + strconv.Itoa(row)
	if tab != "" {
		to += "&tab=" + tab
	}
	if reveal {
		to += "&reveal=1"
	}
	return to + "#insp"
}

func inspected(record wiretap.Record, rows []wire.Row, n int, tab string, reveal bool, link func(int, string, bool) string) templ.Component {
	in, ok := inspect.New(record, rows).Row(n)
	if !ok {
		return nil
	}
	return page.Inspector(page.InspectorView{Inspection: in, Tab: tab, Reveal: reveal, Link: link})
}

// sourceText shows a file of this repository, as it was compiled.
func (c *Classroom) sourceText(e echo.Context, v Visit) error {
	file := e.Param("*")
	text, ok := source.Text(file)
	if !ok {
		return echo.ErrNotFound
	}
	frame := v.Frame(path.Base(file))
	return render(e, page.SourceText(frame, page.SourceView{File: file, Lines: inspect.Numbered(text, 1), Sum: source.Sum()}))
}

// sources lists what there is to read.
func (c *Classroom) sources(e echo.Context, v Visit) error {
	view := page.SourcesView{Sum: source.Sum()}
	for _, file := range source.Files() {
		folder, name := path.Dir(file), path.Base(file)
		if last := len(view.Folders) - 1; last < 0 || view.Folders[last].Name != folder {
			view.Folders = append(view.Folders, page.SourceFolder{Name: folder})
		}
		of := &view.Folders[len(view.Folders)-1]
		of.Files = append(of.Files, name)
	}
	return render(e, page.Sources(v.Frame("The source"), view))
}

var _ = (*Classroom).inspector // for the page of a run
