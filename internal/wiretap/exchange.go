package wiretap

import (
	"net/http"
	"time"
)

// Party is one who sends or receives, by the letter of its mark.
type Party string

// The parties of this system.
const (
	Browser             Party = "B"
	Client              Party = "D"
	AuthorizationServer Party = "A"
	ResourceServer      Party = "R"
	// Somebody is whoever else calls: a terminal, or a thief.
	Somebody Party = "X"
)

// ours tells whether it is a program of ours.
func (p Party) ours() bool { return p == Client || p == AuthorizationServer || p == ResourceServer }

// Exchange is a request and its answer. Both ends may tell of the same one: the
// sender knows why it was sent, the receiver what was checked.
type Exchange struct {
	ID     string `json:"id"`               // the request's span (W3C Trace Context §3.2.2.4), or one of ours
	Trace  string `json:"trace"`            // what it belongs to (§3.2.2.3)
	Within string `json:"within,omitempty"` // the exchange during which it was sent; empty: none

	From    Party  `json:"from"`
	To      Party  `json:"to"`
	ToldBy  Party  `json:"told_by,omitempty"` // which of the two we have it from
	Front   bool   `json:"front,omitempty"`   // through the browser; otherwise from server to server
	Caption string `json:"caption,omitempty"` // what it is for, in words; a second line says what it proves

	Method   string        `json:"method"`
	URL      string        `json:"url"`
	Request  Half          `json:"request"`
	Status   int           `json:"status"` // 0: no answer, or none that we could see
	Response Half          `json:"response"`
	Err      string        `json:"error,omitempty"` // why there was no answer
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration"` // nanoseconds

	SentBy    string  `json:"sent_by,omitempty"`    // the function that sent it, as package runtime names it
	Edited    bool    `json:"-"`                    // somebody changed it before it left
	SentAt    string  `json:"sent_at,omitempty"`    // its file and line: "dreams/flow/dpop.go:42"
	Route     string  `json:"route,omitempty"`      // the receiver's route: "/learn/:slug"
	HandledBy string  `json:"handled_by,omitempty"` // the function that answered it, as package runtime names it
	Checks    []Check `json:"checks,omitempty"`     // what the receiver checked before it answered
}

// Half is one direction of an exchange.
type Half struct {
	Header    http.Header `json:"header,omitempty"`
	Body      string      `json:"body,omitempty"`
	Truncated bool        `json:"truncated,omitempty"` // the body was larger than MaxBody
}

// Check is a rule that somebody applied.
type Check struct {
	By      Party     `json:"by"`
	Name    string    `json:"name"`
	Source  string    `json:"source"`            // whose rule: "RFC 7636 §4.6"
	Refusal string    `json:"refusal,omitempty"` // why it did not pass; empty: it did
	At      time.Time `json:"at"`
}

// Gap is a place where something is missing that was to be seen.
type Gap struct {
	At    time.Time `json:"at"`
	Party Party     `json:"party"` // who was not heard
	Lost  int       `json:"lost"`  // how many exchanges were dropped; 0: we do not know
	Why   string    `json:"why"`
}

// both is an exchange as its two ends tell it.
func both(a, b Exchange) Exchange {
	if b.ToldBy == b.From && a.ToldBy != a.From {
		a, b = b, a // the sender's word comes first
	}
	if b.Route != "" {
		a.Route, a.HandledBy = b.Route, b.HandledBy
	}
	if len(a.Checks) == 0 {
		a.Checks = b.Checks
	}
	if a.From == "" || a.From == Somebody {
		a.From = b.From
	}
	if a.Status == 0 && a.Err == "" {
		a.Status, a.Response = b.Status, b.Response
	}
	return a
}

// size is how much memory an exchange takes, about: strings, and what holds them.
func (e *Exchange) size() int {
	const each = 64
	bytes := 1000 + len(e.URL) + len(e.Caption) + len(e.Err)
	for _, half := range []Half{e.Request, e.Response} {
		bytes += len(half.Body)
		for name, values := range half.Header {
			bytes += each + len(name)
			for _, value := range values {
				bytes += each/2 + len(value)
			}
		}
	}
	for _, c := range e.Checks {
		bytes += c.size()
	}
	return bytes
}

func (c Check) size() int { return 128 + len(c.Name) + len(c.Source) + len(c.Refusal) }
