package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"example.com/acme-dreams/views"
)

// LearnView is the front page of the lessons.
type LearnView struct {
	Groups  []LessonGroup // the grants
	Besides LessonGroup   // what goes around them
	Choice  []Choice
	Never   []views.Link // what nobody should choose today
	Ran     int          // lessons that this browser has run
	Total   int
	Wiretap bool // messages are recorded
}

// LessonGroup is lessons with something in common.
type LessonGroup struct {
	Name, Note string
	Lessons    []LessonView
}

// Choice is one question of the decision tree and where a yes leads.
type Choice struct {
	Question string // in full
	Short    []string
	Lesson   views.Link
}

// LessonView is a lesson, on its own page and on the front page.
type LessonView struct {
	Slug, Title, Line   string
	Stops               string // which attack it stops; empty: none
	For, NotFor, Client string

	State, Reason, Source string
	Mark                  StateMark

	Steps   []LessonStep
	Secrets []LessonSecret
	Files   []LessonFile
	Code    []SourceFile // excerpts

	Lab       bool
	Missing   []string // metadata that the server lacks: it does not run here
	Off       bool     // LEGACY_GRANTS=off
	Wiretap   bool
	Elsewhere views.Link
	Fields    templ.Component
	Before    string
	Waiting   bool // the run goes on by itself
	// NoStepping: somebody wants to step through it, and nothing is recorded.
	NoStepping bool
	Result     *ResultView
}

// StateMark is how a state looks: always beside its words.
type StateMark string

// The marks.
const (
	MarkCurrent    StateMark = "ok"
	MarkDeprecated StateMark = "B"
	MarkRemoved    StateMark = "no"
)

func (m StateMark) glyph() string {
	switch m {
	case MarkCurrent:
		return "M3 10l5 5 9-10"
	case MarkRemoved:
		return "M4 4l12 12M16 4L4 16"
	default:
		return "M10 3L2 17h16zM10 8v4M10 14v1"
	}
}

// LessonStep is a message, or what a party does by itself.
type LessonStep struct {
	From, To    views.Party
	Title, Rule string
}

func (s LessonStep) alone() bool { return s.From == s.To }

func (s LessonStep) front() bool { return s.From == views.Browser || s.To == views.Browser }

// LessonSecret tells who sees a secret.
type LessonSecret struct{ What, Browser, Dreams, Accounts, Acme string }

// LessonFile is a file; Href is empty where no page shows it.
type LessonFile struct{ Path, About, Href string }

// ResultView is what came of a run.
type ResultView struct {
	At       string
	Run      string // where all of it is to be seen; empty: nowhere
	Diagram  *Diagram
	Recorded bool // false: WIRETAP=off
	Messages []MessageView
	Dropped  int
	Tokens   []TokenView
	Answers  []AnswerView
	Refusals []RefusalView
	Notes    []string
	Invite   InvitationView
	Trouble  string
}

// InvitationView is something to do in another tab.
type InvitationView struct{ Words, Label, Href string }

// MessageView is one exchange.
type MessageView struct {
	From, To     views.Party
	Front        bool
	Caption      string
	Proves       string
	Method, URL  string // without its query
	Sent         []Param
	SentHeaders  []Param
	SentBody     string // where it is no list of members
	Status       string // "200 OK"; empty: not seen
	Took         string
	Received     []Param
	ReceivedHead []Param
	Body         string // where it is no list of members
	Truncated    bool
	Err          string
}

// Param is a parameter, header or member. Masked is what stands in place of a
// secret; empty: it is none.
type Param struct{ Name, Value, Masked string }

// TokenView is a token taken apart; Parts are empty for an opaque one.
type TokenView struct {
	Label, Raw, Masked string
	Parts              [3]string
	Header, Claims     []ClaimView
}

// ClaimView is a line of it.
type ClaimView struct{ Name, Value, Means, Source string }

// AnswerView is what Acme said.
type AnswerView struct{ Request, Status, Challenge, Body string }

// RefusalView is what was tried and refused.
type RefusalView struct {
	Tried, By, Status, Code, Words, Rule, Means string
	Got                                         bool
	Ignored                                     bool // served, and it made no difference
}

func (v LessonView) parties() []views.Party {
	var all []views.Party
	for _, p := range []views.Party{views.Browser, views.Client, views.AuthorizationServer, views.ResourceServer} {
		if slices.ContainsFunc(v.Steps, func(s LessonStep) bool { return s.From == p || s.To == p }) {
			all = append(all, p)
		}
	}
	return all
}

func (v LessonView) messages() string {
	n := 0
	for _, s := range v.Steps {
		if !s.alone() {
			n++
		}
	}
	return strconv.Itoa(n) + " messages"
}

// lines tells whether something is more than a sentence.
func lines(text string) bool { return strings.Contains(text, "\n") }

// refusals is the heading above them.
func (r ResultView) refusals() string {
	if len(r.Refusals) == 1 {
		return "The one thing it cannot do"
	}
	return "What somebody tries in vain"
}

// refusalID is the id of a refusal's error code; the first is the lesson's own.
func refusalID(i int) string {
	if i == 0 {
		return "refusal"
	}
	return "refusal-" + number(i+1)
}

func (v LessonView) href() string { return "/learn/" + v.Slug }

func (v LessonView) ran() bool { return v.Result != nil }

func (v LearnView) progress() string {
	switch v.Ran {
	case 0:
		return "You have run none of them yet."
	case v.Total:
		return "You have run all of them."
	default:
		return fmt.Sprintf("You have run %d of %d.", v.Ran, v.Total)
	}
}

// The score: a line for each party, seven units for each step.
const scoreRow = 7

var scoreLanes = []struct {
	party views.Party
	x     int
	ink   string
}{{views.Browser, 8, "var(--b)"}, {views.Client, 42, "var(--d)"}, {views.AuthorizationServer, 76, "var(--a)"}, {views.ResourceServer, 110, "var(--r)"}}

func laneOf(p views.Party) int {
	for _, lane := range scoreLanes {
		if lane.party == p {
			return lane.x
		}
	}
	return 0
}

func scoreHeight(steps []LessonStep) string { return strconv.Itoa(scoreRow*len(steps) + scoreRow - 1) }

func scoreViewBox(steps []LessonStep) string { return "0 0 118 " + scoreHeight(steps) }

func scoreY(i int) int { return scoreRow * (i + 1) }

func scoreLine(i int, s LessonStep) string {
	from, to := laneOf(s.From), laneOf(s.To)
	end := to - 1
	if to < from {
		end = to + 1
	}
	return fmt.Sprintf("M%d %dH%d", from, scoreY(i), end)
}

func scoreHead(i int, s LessonStep) string {
	from, to := laneOf(s.From), laneOf(s.To)
	back := -5
	if to < from {
		back = 5
	}
	return fmt.Sprintf("M%d %dl%d -2.8v5.6z", to, scoreY(i), back)
}

// The decision tree as a picture: questions below one another, a grant beside each.
const (
	treeRow    = 86
	treeBox    = 62
	treeLeft   = 232
	treeLeaf   = 296
	treeWidth  = 460
	treeMargin = 4
)

func treeViewBox(choices []Choice) string {
	return fmt.Sprintf("0 0 %d %d", treeWidth, treeRow*len(choices)-(treeRow-treeBox)+2*treeMargin)
}

func treeY(i int) int { return treeMargin + treeRow*i }

func treeText(i, line, lines int) string {
	return strconv.Itoa(treeY(i) + treeBox/2 + 6 + 20*line - 10*(lines-1))
}

func number(n int) string { return strconv.Itoa(n) }
