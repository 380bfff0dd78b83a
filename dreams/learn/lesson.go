package learn

import (
	"context"
	"net/url"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

// Group is where a lesson stands on the front page.
type Group string

// The groups, in their order.
const (
	PersonThere Group = "A person is there"
	NobodyThere Group = "Nobody is there"
	History     Group = "History"
	Besides     Group = "What a serious provider needs besides"
)

// State is what the standards say of a grant today.
type State string

// The states of a grant.
const (
	Current    State = "Current"
	Deprecated State = "Deprecated by RFC 9700"
	Removed    State = "Removed from OAuth 2.1"
	ForServers State = "Fine for servers that know what they do"
)

// Lesson is one way to get a token.
type Lesson struct {
	Slug  string // /learn/{slug}
	Title string
	Group Group
	Line  string // one sentence for the list
	Stops string // which attack it stops, and how; empty: a grant stops none

	For, NotFor string // when to use it, and when not
	Client      string // the client_id that runs it

	State  State
	Reason string // why it has that state
	Source string // whose rule that is: "RFC 9700 §2.1.2"

	Steps   []Step    // the messages, in order: the list and its picture come from these
	Secrets []Secret  // who gets to see what
	Files   []File    // where it is in the code
	Code    []Excerpt // the client's code, beside the messages

	// Lab: it runs as a client that the lab registers for itself. Needs are what the
	// server's metadata has to name for it (RFC 8414 §2).
	Lab   bool
	Needs []string

	// Legacy: LEGACY_GRANTS=off turns it off.
	Legacy bool
	// Elsewhere is where else it runs; zero: nowhere.
	Elsewhere views.Link

	// Fields are what the form that runs it has besides its button; nil: nothing.
	Fields templ.Component
	// Before is what the page says above the button; empty: nothing.
	Before string

	Run      func(ctx context.Context, run *Run) error
	Return   func(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error
	Continue func(ctx context.Context, run *Run) error
	// Denied gets an error that came back in place of a code; nil: it ends the run.
	Denied func(ctx context.Context, run *Run, attempt flow.Attempt, denied *flow.AuthorizationError) error
}

// Step is a message from one party to another, or, where both are the same,
// something that a party does by itself.
type Step struct {
	From, To views.Party
	Title    string
	Rule     string // "RFC 6749 §4.4.2"
}

// Front tells whether the browser carries it.
func (s Step) Front() bool { return s.From == views.Browser || s.To == views.Browser }

// Secret is something secret, and whether each party gets to see it, in a word
// or two: "no", "yes", "types it".
type Secret struct {
	What, Browser, Dreams, Accounts, Acme string
}

// File is a file of this repository, and what is in it.
type File struct{ Path, About string }

// Excerpt is a declaration of package flow: the file's name, and the function's
// or type's, "AuthorizationCode.push" for a method.
type Excerpt struct{ File, Name string }
