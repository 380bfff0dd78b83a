package page

import (
	"fmt"
	"strings"

	"example.com/acme-dreams/views"
)

// TokenInspectorView is the page on which tokens are taken apart.
type TokenInspectorView struct {
	Wiretap  bool
	Offers   []TokenOffer // tokens of the browser's own runs
	Problem  string       // why there is nothing to see
	Token    *InspectedToken
	Compared *ThreeWays
}

// TokenOffer is a token of a run.
type TokenOffer struct{ Value, Label string }

// Kinds of tokens.
const (
	AccessTokenKind = "Access token"
	IDTokenKind     = "ID token"
	OpaqueKind      = "Opaque"
	OtherKind       = "Another JWT"
)

// InspectedToken is a token on the bench.
type InspectedToken struct {
	Kind, Raw, Masked string
	Run               views.Link // the run that it is of; zero: it was pasted
	Notice            string     // what came of a press
	Failed            bool       // it came to nothing

	Parts          [3]string
	Header, Claims []TokenClaim
	Bytes          int // of the signature
	Bound, HasKey  bool
	Life           *Life
	Key            *TokenKey

	Verdict  Verdict
	Sent     SentToken
	Checks   []CheckView // Acme's
	ByDreams []CheckView // Dreams's, when an ID token came
	AskedAs  string      // the client that was told
	Said     []TokenClaim

	Refresh, MayMove, Ahead bool

	Changes  []TokenChange
	Tried    []TriedChange
	Commands []Command
	Thefts   []Theft
}

// ClaimMark is what Acme's checks made of a claim.
type ClaimMark string

// The marks; empty: no check looks at it.
const (
	Passed      ClaimMark = "ok"
	Refused     ClaimMark = "no"
	NotLookedAt ClaimMark = "muted"
)

func (m ClaimMark) glyph() string { return map[ClaimMark]string{Passed: "✓", Refused: "✕"}[m] }

// TokenClaim is a line of a token.
type TokenClaim struct {
	Name, Value, Means, Stops, Source string
	Mark                              ClaimMark
	Words                             string
}

// Life is how long a token has still to live, in seconds.
type Life struct {
	Left, Total int64
	Words       string // "48 min 12 s", of what is left or since it is over
	At          string // "15:02:10"
}

func (l Life) over() bool { return l.Left <= 0 }

// TokenKey is the key that signed.
type TokenKey struct {
	ID, Algorithm, Signed string
	Known                 bool // we could read the JWKS
	There                 bool // and it is in it
	Published             []string
}

// Verdict is what came of it in one line.
type Verdict struct {
	Mark      views.Party
	Words     string
	Good, Bad bool
}

func (v Verdict) glyph() string {
	switch {
	case v.Good:
		return "✓"
	case v.Bad:
		return "✕"
	}
	return "–"
}

// SentToken is the request that the token was sent with.
type SentToken struct {
	Request, Scheme, Status, Challenge, Body string
	Proof                                    bool
	Heard                                    bool // Acme told what it checked
}

// CheckView is a check that somebody ran.
type CheckView struct {
	Name, Source, Refusal string
	By                    views.Party
	File, Function        string
	Line                  int
}

// TokenChange is a button; TriedChange is what came of it.
type TokenChange struct{ Name, Label string }

// TriedChange is what came of sending a token in another form.
type TriedChange struct {
	Change, Does, Status, Says string
	Check                      CheckView
	Heard, Through             bool
}

// Command is a request for a terminal.
type Command struct{ Scheme, Masked, Text string }

// Theft is what came of the token in another's hands.
type Theft struct {
	Request, Scheme, Status, Says, Body string
	Through                             bool
	Check                               CheckView
}

// ThreeWays is one call in three ways.
type ThreeWays struct {
	Call string
	Run  views.Link
	Ways []Way
}

// Way is one of them.
type Way struct {
	Title, Lead string
	Messages    []WayMessage
	Thefts      []Theft
	Command     Command
}

// WayMessage is an exchange and what its receiver checked.
type WayMessage struct {
	From, To     views.Party
	Line, Status string
	Checks       []CheckView
}

// counts are its messages and checks in a line.
func (w Way) counts() string {
	checks := 0
	for _, m := range w.Messages {
		checks += len(m.Checks)
	}
	return fmt.Sprintf("%d requests with their answers, %d checks", len(w.Messages), checks)
}

// lower is a label within a sentence; ID stays as it is.
func lower(label string) string {
	if strings.HasPrefix(label, "ID ") {
		return label
	}
	return strings.ToLower(label[:1]) + label[1:]
}
