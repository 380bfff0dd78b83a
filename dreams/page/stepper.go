package page

import (
	"strings"

	"example.com/acme-dreams/views"
)

// StepperView is what stands beside the messages of a run.
type StepperView struct {
	ID       string
	Lesson   views.Link
	Stepping bool   // it stops before each message
	Typed    bool   // the lesson has to be begun on its own page: something is typed there
	Off      bool   // it does not run here any more
	State    string // working, paused, away, done, ended
	Until    string // the time that it has to wait for; empty: it does not
	Notice   string
	Look     string // how the page is looked at, to come back to it so
	Steps    []StepView
	Changed  []views.Link // messages that somebody changed before they went
	Pending  *PendingView
	Invite   InvitationView
	Notes    []string
	Trouble  string
	Others   []views.Link // runs to compare it with
}

func (v StepperView) action() string { return "/runs/" + v.ID }

func (v StepperView) over() bool { return v.State == "done" || v.State == "ended" }

// StepMark is how a step went.
type StepMark string

// The marks.
const (
	StepDone    StepMark = "done"
	StepNow     StepMark = "now"
	StepFailed  StepMark = "failed"
	StepWaiting StepMark = "waiting"
	StepSkipped StepMark = "skipped"
)

func (m StepMark) glyph() string {
	switch m {
	case StepDone:
		return "✓"
	case StepFailed:
		return "✕"
	case StepSkipped:
		return "–"
	}
	return ""
}

func (m StepMark) words() string {
	switch m {
	case StepFailed:
		return "refused, or it failed"
	case StepSkipped:
		return "never sent"
	}
	return string(m)
}

// StepView is a step of a run.
type StepView struct {
	Label, Href string
	Mark        StepMark
}

// PendingView is what waits until somebody lets it go on.
type PendingView struct {
	Kind            string // leaving, arriving, carrying, resting
	Seq             int
	Sent            bool // the browser was sent once, and has brought no answer
	From, To        views.Party
	Label           string // POST /token
	Caption, Proves string
	Params          []Param
	RunsOut         []string // what grows old meanwhile
	Href            string   // its row; empty: it has none yet
	Edit            *EditView
}

func (p PendingView) heading() string {
	switch {
	case p.Kind == "leaving":
		return "Dreams is about to send"
	case p.Kind == "arriving":
		return "An answer is about to arrive"
	case p.Kind == "resting":
		return "It has to wait"
	case p.Sent:
		return "Your browser is away"
	}
	return "Your browser is about to leave"
}

func (p PendingView) next() string {
	switch {
	case p.Kind == "leaving":
		return "Send it"
	case p.Kind == "arriving":
		return "Let it arrive"
	case p.Kind == "resting":
		return "Ask again"
	case p.Sent:
		return "Send the browser again"
	}
	return "Go there"
}

// EditView is a message that waits, to be changed.
type EditView struct {
	Browser              bool // the browser carries it: there is an address and nothing else
	Method, URL, Headers string
	Body                 string
	HasParams            bool // its parameters have fields of their own
	Params               []Param
	Problems             []string
}

func rows(text string) string { return number(min(12, max(2, 1+strings.Count(text, "\n")))) }
