package learn

import (
	"fmt"
	"path"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
)

// inspector is what stands beside the diagram: all there is to know of a row.
func (r *Run) inspector(record wiretap.Record, rows []wire.Row, row int, l look, follow wire.Value) templ.Component {
	in, ok := inspect.New(record, rows).Row(row)
	if !ok {
		return nil
	}
	link := func(to int, tab string, reveal bool) string {
		other := l.to(to)
		other.tab, other.reveal = tab, reveal
		if to == row {
			return r.address() + other.query() + "#insp"
		}
		return fmt.Sprintf("%s%s#m%d", r.address(), other.query(), to)
	}
	return page.Inspector(page.InspectorView{Inspection: in, Tab: l.tab, Reveal: l.reveal, Follow: follow.Raw, Link: link})
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
