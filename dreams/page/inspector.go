package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// InspectorView is one row of a run, with all there is to know of it.
type InspectorView struct {
	inspect.Inspection
	Tab    string // one of Tabs
	Reveal bool   // secrets are shown
	Still  bool   // nothing can be switched: it stands in a file
	Follow string // the value that is followed; empty: none
	// Link is where a row is, with a tab and with secrets shown or not.
	Link func(row int, tab string, reveal bool) string
}

// InspectorTabs are how a row can be looked at.
var InspectorTabs = []string{"annotated", "raw", "curl", "go", "source"}

var tabNames = map[string]string{"annotated": "Annotated", "raw": "Raw", "curl": "curl", "go": "Go", "source": "Source"}

// tabs are those that the row has.
func (v InspectorView) tabs() []string {
	switch v.Kind {
	case wire.Checks:
		return []string{"annotated", "source"}
	case wire.Person, wire.Made, wire.Missing:
		return nil
	}
	return InspectorTabs
}

// tab is the one that is shown: the first, where the row has not the one that was
// asked for.
func (v InspectorView) tab() string {
	tabs := v.tabs()
	if slices.Contains(tabs, v.Tab) || len(tabs) == 0 {
		return v.Tab
	}
	return tabs[0]
}

func (v InspectorView) to(row int) string { return v.Link(row, v.Tab, v.Reveal) }

func (v InspectorView) tookWords() string {
	switch {
	case v.Took <= 0:
		return ""
	case v.Took < time.Second:
		return fmt.Sprintf("%d ms", max(1, v.Took.Milliseconds()))
	}
	return fmt.Sprintf("%.1f s", v.Took.Seconds())
}

// ends are the parties, in the order of the message's way.
func (v InspectorView) ends() []views.Party {
	from, to := views.Party(v.From), views.Party(v.To)
	switch {
	case v.Kind == wire.Redirect:
		return []views.Party{from, views.Browser, to}
	case from == to:
		return []views.Party{from}
	}
	return []views.Party{from, to}
}

func (v InspectorView) endsWords() string {
	var names []string
	for _, p := range v.ends() {
		names = append(names, inspect.Name(p))
	}
	return strings.Join(names, " to ")
}

// judged names what a row's checks were about.
func (v InspectorView) judged() string {
	var names []string
	for _, p := range v.Params {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, " ")
}

// hidden tells whether anything of the row is masked unless it is asked for.
func (v InspectorView) hidden() bool {
	return slices.ContainsFunc(v.Everything(), inspect.Param.Secret)
}

// sendable are the requests of a row's exchange, for curl and Go.
func (v InspectorView) sendable() (all []inspect.Half) {
	for _, h := range v.Halves {
		if !h.IsResponse || v.Kind != wire.Redirect {
			all = append(all, h)
		}
	}
	return all
}

// longest is how much of a value stands in a line; the rest is folded.
const longest = 300

func tooLong(value string) bool { return len(value) > longest }

func beginning(value string) string { return strings.ToValidUTF8(value[:longest/2], "") + " …" }

// marking are the pieces of a text, with the followed value in its place, as it
// is written there: in the clear, in an address, or masked.
func (v InspectorView) marking(text string) (all []piece) {
	if len(v.Follow) < 6 {
		return []piece{{Text: text}}
	}
	for _, needle := range []string{v.Follow, url.QueryEscape(v.Follow), wiretap.Mask(v.Follow)} {
		if !strings.Contains(text, needle) {
			continue
		}
		for i, part := range strings.Split(text, needle) {
			if i > 0 {
				all = append(all, piece{needle, true})
			}
			all = append(all, piece{Text: part})
		}
		return all
	}
	return []piece{{Text: text}}
}

// mentions are the other rows that a value is in, in words and links.
func mentions(p inspect.Param) (all []mention) {
	add := func(words string, rows ...int) {
		if len(rows) > 0 {
			all = append(all, mention{words, rows})
		}
	}
	t := p.Trail
	if t.Made > 0 && p.In != inspect.MadeHere {
		add("made in", t.Made)
	}
	if t.First.Row > 0 {
		words := "came from"
		if t.First.As != p.Name {
			words = "as " + t.First.As + " in"
		}
		add(words, t.First.Row)
	}
	for _, d := range t.Derived {
		if d.From {
			add(d.How+" "+d.As+" in", d.Row)
		} else {
			add(d.As+" is "+d.How+" it, in", d.Row)
		}
	}
	add("checked in", t.Checked...)
	var next []int
	for _, s := range t.Next {
		next = append(next, s.Row)
	}
	add("goes on to", next...)
	return all
}

type mention struct {
	Words string
	Rows  []int
}

// mostRows is how many rows are named one by one.
const mostRows = 6

// rowLinks are the numbers of rows, each a link, with commas between them that no
// template would put in their place.
func (v InspectorView) rowLinks(rows []int) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		for i, row := range rows[:min(len(rows), mostRows)] {
			if i > 0 {
				_, _ = io.WriteString(w, ", ")
			}
			if _, err := fmt.Fprintf(w, `<a href="%s">%d</a>`, templ.EscapeString(v.to(row)), row); err != nil {
				return err
			}
		}
		if more := len(rows) - mostRows; more > 0 {
			_, err := fmt.Fprintf(w, " and %d more", more)
			return err
		}
		return nil
	})
}

// seen says whether the browser sees a secret.
func seen(p inspect.Param) string {
	switch {
	case !p.Secret() || p.Trail.Made == 0 && p.Trail.First.Row == 0 && len(p.Trail.Next) == 0:
		return ""
	case len(p.Trail.Browser) == 0:
		return "never in the browser"
	}
	return "the browser has seen it"
}

// SourceHref is where a line of the code is shown.
func SourceHref(file string, line int) string { return "/source/" + file + "#L" + strconv.Itoa(line) }

// SourceView is one file.
type SourceView struct {
	File, Package string
	Lines         []inspect.Line
	Sum           string // of all that is shown
}

// SourcesView lists the files.
type SourcesView struct {
	Folders []SourceFolder
	Sum     string
}

// SourceFolder is a package.
type SourceFolder struct {
	Name  string
	Files []string
}

// indented is JSON made readable, and anything else as it is.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}
