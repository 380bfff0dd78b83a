package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/views"
)

// WireView is a run as it is looked at.
type WireView struct {
	Title, Slug string // the lesson's
	Run         string // the run's ID
	State       string // where it is, in words
	Lead        string
	Diagram     Diagram
	Caption     string // of the selected row
	Values      []ValueLink
	Followed    string // what there is to say about the followed value; empty: none is
	Hide        bool   // secrets are shown: offer to mask them
	Secrets     string // where a click shows or masks them
	Here        string // this page, once more
	Events      string // where new rows come from; empty: none will come
	Side        templ.Component
	Press       templ.Component // lets go what waits; nil: nothing does
	Inspector   templ.Component
}

// ValueLink is a value that can be followed.
type ValueLink struct {
	Name, Href string
	Current    bool
}

// WirePart is a piece of the page that changes while a run goes on.
type WirePart struct {
	ID      string
	Content templ.Component
}

// Parts are what changes, besides the rows.
func (v WireView) Parts() []WirePart {
	return []WirePart{
		{"cap", wireCaption(v)}, {"lead", wireLead(v)}, {"follow", wireFollow(v)}, {"side", wireSide(v)},
		{"heads", wireHeads(v.Diagram)}, {"earlier", wireEarlier(v.Diagram)}, {"later", wireLater(v.Diagram)}, {"insp", wireInspector(v)},
	}
}

// Diagram is rows as a sequence diagram, which is a list to who does not see it.
type Diagram struct {
	Rows    []wire.Row
	Start   time.Time
	Person  string // who sits at the browser; empty: nobody has said
	Hosts   map[views.Party]string
	Current int // N of the selected row; 0: none
	Follow  wire.Value
	Reveal  bool
	Link    func(row int) string // where a row leads; nil: nowhere
	Whole   bool                 // no window of a few rows for the back row
}

// lanes are who stands in the diagram, from the left.
func (d Diagram) lanes() []views.Party {
	all := []views.Party{views.Browser, views.Client, views.AuthorizationServer, views.ResourceServer}
	if slices.ContainsFunc(d.Rows, func(r wire.Row) bool { return lane(r.From) > 3 || lane(r.To) > 3 }) {
		all = append(all, views.Attacker)
	}
	return all
}

// Five tells whether somebody else takes part, who has a lane then.
func (d Diagram) Five() bool { return len(d.lanes()) > 4 }

// laneName is what stands above a lane.
func laneName(p views.Party) string {
	switch p {
	case views.AuthorizationServer:
		return "Accounts"
	case views.ResourceServer:
		return "Acme API"
	case views.Attacker:
		return "Somebody else"
	}
	return p.Name()
}

// named is a party in a sentence.
func named[P ~string](p P) string {
	if lane(p) > 3 {
		return "Somebody else"
	}
	return views.Party(p).Name()
}

// lane is a party's place from the left.
func lane[P ~string](p P) int {
	if at := strings.Index("BDAR", string(p)); at >= 0 && p != "" {
		return at
	}
	return 4
}

// between is the class of what reaches from one lane to another: "DA".
func between(a, b int) string {
	const letters = "BDARX"
	return letters[min(a, b):min(a, b)+1] + letters[max(a, b):max(a, b)+1]
}

func letter[P ~string](p P) string { return "BDARX"[lane(p) : lane(p)+1] }

// window is the first and the last row that the back row sees.
func (d Diagram) window() (first, last int) {
	const rows = 12
	first = max(1, min(d.Current-5, len(d.Rows)-rows+1))
	return first, min(len(d.Rows), first+rows-1)
}

func (d Diagram) far(r wire.Row) bool {
	first, last := d.window()
	return !d.Whole && (r.N < first || r.N > last)
}

// classes are a row's.
func (d Diagram) classes(r wire.Row) string {
	all := []string{"m"}
	switch r.Kind {
	case wire.Checks, wire.Person, wire.Made, wire.Missing:
		all = append(all, "box-row", "at-"+letter(r.From), letter(r.From), map[wire.Kind]string{
			wire.Checks: "check", wire.Person: "human", wire.Made: "make", wire.Missing: "gap",
		}[r.Kind])
	case wire.Redirect:
		all = append(all, "turn", between(0, max(lane(r.From), lane(r.To))), letter(r.From), "from-"+letter(r.From))
	default:
		all = append(all, between(lane(r.From), lane(r.To)), letter(r.From))
	}
	if r.Failed {
		all = append(all, "bad")
	}
	return strings.Join(append(all, d.thread(r)...), " ")
}

// thread is how the followed value's line goes through a row.
func (d Diagram) thread(r wire.Row) (all []string) {
	rows := d.Follow.Rows
	if len(rows) == 0 || r.N < rows[0] || r.N > rows[len(rows)-1] {
		return nil
	}
	if slices.Contains(rows, r.N) {
		all = append(all, "carry")
	}
	if len(rows) == 1 {
		return all
	}
	all = append(all, "thr")
	if r.N == rows[0] {
		all = append(all, "start")
	}
	if r.N == rows[len(rows)-1] {
		all = append(all, "end")
	}
	return all
}

func (d Diagram) carries(r wire.Row) bool { return slices.Contains(d.Follow.Rows, r.N) }

// attributes are those of the link that a row is.
func (d Diagram) attributes(r wire.Row) templ.Attributes {
	all := templ.Attributes{}
	if d.Link != nil {
		all["href"] = d.Link(r.N)
	}
	if r.N == d.Current {
		all["aria-current"] = "true"
	}
	return all
}

// since is how long after the beginning a row was.
func (d Diagram) since(r wire.Row) string { return took(max(0, r.At.Sub(d.Start))) }

func took(t time.Duration) string {
	switch {
	case t < 10*time.Millisecond:
		return strconv.FormatFloat(float64(t)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case t < time.Second:
		return strconv.FormatInt(t.Milliseconds(), 10) + " ms"
	case t < 10*time.Second:
		return strconv.FormatFloat(t.Seconds(), 'f', 2, 64) + " s"
	case t < 100*time.Second:
		return strconv.FormatFloat(t.Seconds(), 'f', 1, 64) + " s"
	case t < time.Hour:
		return fmt.Sprintf("%d:%02d min", int(t.Minutes()), int(t.Seconds())%60)
	}
	return strconv.FormatFloat(t.Hours(), 'f', 1, 64) + " h"
}

// spoken is what a row begins with for who does not see the arrow.
func spoken(r wire.Row) string {
	switch {
	case r.Kind == wire.Checks:
		return "Check at " + named(r.From) + ": "
	case r.Kind == wire.Made:
		return "Prepared at " + named(r.From) + ": "
	case r.Kind == wire.Person:
		return "A person acts at the browser: "
	case r.Kind == wire.Missing:
		return "Missing, from " + named(r.From) + ": "
	case r.Kind == wire.Redirect:
		return "Front channel, redirect from " + named(r.From) + " by way of the browser to " + named(r.To) + ": "
	case r.Front:
		return "Front channel, " + named(r.From) + " to " + named(r.To) + ": "
	}
	return "Back channel, " + named(r.From) + " to " + named(r.To) + ": "
}

// route is who a row concerns, in the order of the way, and what it is called.
func route(r wire.Row) (all []views.Party, called string) {
	from, to := views.Party(letter(r.From)), views.Party(letter(r.To))
	switch r.Kind {
	case wire.Checks:
		return []views.Party{from}, "Check"
	case wire.Made:
		return []views.Party{from}, "Prepared"
	case wire.Person:
		return []views.Party{from}, "A person acts"
	case wire.Missing:
		return []views.Party{from}, "Missing"
	case wire.Redirect:
		return []views.Party{from, views.Browser, to}, "Redirect"
	}
	if r.Front {
		return []views.Party{from, to}, "Front channel"
	}
	return []views.Party{from, to}, "Back channel"
}

// glyph is the picture of a row that is no message.
func glyph(r wire.Row) string {
	switch {
	case r.Failed:
		return "M4 4l12 12M16 4L4 16"
	case r.Kind == wire.Checks:
		return "M3 10l5 5 9-10"
	case r.Kind == wire.Made:
		return "M10 3v14M3 10h14"
	case r.Kind == wire.Person:
		return "M10 2.500a3.500 3.500 0 1 0 0 7a3.500 3.500 0 1 0 0-7M3 18c0-9 14-9 14 0"
	}
	return "M10 2L1 18h18zM10 8v4M10 14.500v.5"
}

// piece is a part of a line; marked: it is the followed value.
type piece struct {
	Text   string
	Marked bool
}

// label and line are a row's two lines, with the followed value in its place.
func (d Diagram) label(r wire.Row) []piece { return d.pieces(r, r.Label) }

func (d Diagram) line(r wire.Row) []piece {
	line := d.pieces(r, r.Line)
	if !d.carries(r) || marked(line) || marked(d.label(r)) {
		return line
	}
	if r.Line != "" {
		line = append(line, piece{Text: " "})
	}
	return append(line, piece{d.valueIn(r), true})
}

func marked(all []piece) bool {
	return slices.ContainsFunc(all, func(p piece) bool { return p.Marked })
}

func (d Diagram) pieces(r wire.Row, text string) (all []piece) {
	if !d.carries(r) {
		return []piece{{Text: text}}
	}
	for i, word := range strings.Split(text, " ") {
		if i > 0 {
			all = append(all, piece{Text: " "})
		}
		name := strings.TrimRight(word, ",;:")
		if !slices.ContainsFunc(r.Params, func(p wire.Param) bool { return p.Name == name && p.Value == d.Follow.Raw }) {
			all = append(all, piece{Text: word})
			continue
		}
		all = append(all, piece{name + "=" + d.short(name), true}, piece{Text: word[len(name):]})
	}
	return all
}

// valueIn names the followed value as the row does.
func (d Diagram) valueIn(r wire.Row) string {
	for _, p := range r.Params {
		if p.Value == d.Follow.Raw {
			return p.Name + "=" + d.short(p.Name)
		}
	}
	return d.Follow.Name
}

// short is the beginning of the followed value.
func (d Diagram) short(name string) string {
	shown := wire.Param{Name: name, Value: d.Follow.Raw}.Shown(d.Reveal)
	const most = 6
	runes := []rune(shown)
	switch {
	case len(runes) <= most+2:
		return shown
	case strings.HasPrefix(shown, "eyJ"): // all JWTs begin alike
		return "…" + string(runes[len(runes)-most+2:])
	}
	return string(runes[:most]) + "…"
}

// lead and tip of an arrow, from the left, in percent of its span.
func percent(part, whole int) string {
	if whole == 0 {
		return "0"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', -1, 64) + "%"
}

func (d Diagram) selected() (wire.Row, bool) {
	if d.Current < 1 || d.Current > len(d.Rows) {
		return wire.Row{}, false
	}
	return d.Rows[d.Current-1], true
}

// CaptionOf is a row in a sentence, where nobody has said anything better.
func CaptionOf(r wire.Row) string {
	switch r.Kind {
	case wire.Checks:
		if r.Failed {
			return named(r.From) + " refuses it."
		}
		if len(r.Checks) == 1 {
			return named(r.From) + " checks that, and it passes."
		}
		return fmt.Sprintf("%s makes %d checks, and all pass.", named(r.From), len(r.Checks))
	case wire.Made:
		return named(r.From) + " thinks up what nobody can guess."
	case wire.Person:
		return "Only a person can do this."
	case wire.Missing:
		return "Something was not recorded: this picture is not whole."
	case wire.Redirect:
		return named(r.From) + " sends the browser to " + named(r.To) + ". What stands in the address, the browser has seen."
	case wire.Response:
		if r.Front {
			return named(r.From) + " answers the browser."
		}
		return named(r.From) + " answers " + named(r.To) + ". The browser is not part of this."
	}
	if r.Front {
		return "The browser asks " + named(r.To) + "."
	}
	return named(r.From) + " asks " + named(r.To) + ". The browser is not part of this."
}

// Trace says of a followed value where it lights up, and what of that the browser
// sees.
func Trace(v wire.Value, rows []wire.Row) string {
	said := "lights up in " + counted(len(v.Rows), "row")
	switch seen := v.InBrowser(rows); len(seen) {
	case 0:
		return said + "; the browser never sees it."
	case 1:
		return said + ": it passes through the browser once, at " + number(seen[0]) + spent(v, rows) + "."
	default:
		var at []string
		for _, n := range seen {
			at = append(at, number(n))
		}
		return said + ": the browser sees it at " + strings.Join(at[:len(at)-1], ", ") + " and " + at[len(at)-1] + spent(v, rows) + "."
	}
}

// spent tells where a value was used up that is good once.
func spent(v wire.Value, rows []wire.Row) string {
	name, _, _ := strings.Cut(v.Name, " ")
	for _, n := range v.Rows {
		r := rows[n-1]
		for _, c := range r.Checks {
			if c.Name == name+" is used once" && !r.Failed {
				return ", and is spent at " + number(n)
			}
		}
	}
	return ""
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// InShort counts what there is in a run.
func InShort(rows []wire.Row) string {
	messages, checks, moments := 0, 0, 0
	for _, r := range rows {
		checks += len(r.Checks)
		switch r.Kind {
		case wire.Request, wire.Response:
			messages++
		case wire.Redirect:
			messages += 2
		case wire.Person:
			moments++
		}
	}
	said := counted(messages, "message") + ", " + counted(checks, "check")
	if moments > 0 {
		said += ", and " + counted(moments, "moment") + " that only a person can have"
	}
	return said + "."
}

// RunView is a run in the list.
type RunView struct{ Href, Title, When, Messages, State string }
