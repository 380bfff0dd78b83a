package inspect

import (
	"strconv"
	"strings"

	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
)

// Verdict is a check and the code that judges it.
type Verdict struct {
	wiretap.Check
	Code Code
}

// Code is a function that had to do with a message.
type Code struct {
	Did string // "Dreams sent it", "Acme Accounts answered it"
	source.Excerpt
	Line  int // the line that did it, or the function's first
	Found bool
	Name  string // what package runtime calls it
}

// programs are the parties that have code here.
var programs = map[wiretap.Party]string{
	wiretap.Client: "dreams", wiretap.AuthorizationServer: "authserver", wiretap.ResourceServer: "acme",
}

func verdicts(r wire.Row) (all []Verdict) {
	for _, c := range r.Checks {
		v := Verdict{Check: c}
		v.Code.Excerpt, v.Code.Found = source.Check(programs[c.By], c.Name)
		v.Code.Line = v.Code.Excerpt.Line
		all = append(all, v)
	}
	return all
}

// code is who sent, received and answered a row's message.
func (i *Inspector) code(in Inspection) (all []Code) {
	if in.Exchange < 0 {
		return nil
	}
	e := i.exchange(in.Exchange)
	switch in.Kind {
	case wire.Request:
		all = append(all, sent(e)...)
		all = append(all, handled(e, names[e.To]+" received it")...)
	case wire.Response:
		all = append(all, handled(e, names[e.To]+" answered it")...)
		all = append(all, sent(e)...)
	case wire.Redirect:
		all = append(all, handled(e, names[e.To]+" sent the browser away")...)
		next := i.exchange(in.Next)
		all = append(all, handled(next, names[next.To]+" received what followed")...)
	case wire.Checks:
		all = append(all, handled(e, names[e.To]+" received what was checked")...)
	}
	return all
}

func sent(e wiretap.Exchange) []Code {
	if e.SentBy == "" {
		return nil
	}
	c := Code{Did: names[e.From] + " sent the request", Name: e.SentBy}
	file, line, _ := strings.Cut(e.SentAt, ":")
	if number, err := strconv.Atoi(line); err == nil {
		c.Excerpt, c.Found = source.Around(file, number)
		c.Line = number
	}
	if !c.Found {
		c.Excerpt, c.Found = source.Function(e.SentBy)
		c.Line = c.Excerpt.Line
	}
	return []Code{c}
}

func handled(e wiretap.Exchange, did string) []Code {
	if e.HandledBy == "" {
		return nil
	}
	c := Code{Did: did, Name: e.HandledBy}
	// What the router calls is often a literal around the handler.
	if c.Excerpt, c.Found = source.Handler(programs[e.To], e.Method, e.Route); !c.Found {
		c.Excerpt, c.Found = source.Function(e.HandledBy)
	}
	c.Line = c.Excerpt.Line
	return []Code{c}
}

// Line is a line of code; Marked is the one that did it.
type Line struct {
	N      int
	Text   string
	Marked bool
}

// How much of a function is shown: the rest is in the file.
const (
	mostLines  = 70
	linesAbove = 30
)

// Lines are the function; of a long one those around the line that counts.
func (c Code) Lines() (all []Line, cut bool) {
	all = Numbered(c.Text, c.First)
	for k := range all {
		all[k].Marked = all[k].N == c.Line && c.Line != c.Excerpt.Line
	}
	if len(all) <= mostLines {
		return all, false
	}
	from := max(0, min(c.Line-c.First-linesAbove, len(all)-mostLines))
	return all[from : from+mostLines], true
}

// Numbered are the lines of a text.
func Numbered(text string, first int) (all []Line) {
	for k, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		all = append(all, Line{N: first + k, Text: line})
	}
	return all
}
