package offers

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// The sender of every letter. The domain is reserved for tests (RFC 2606 §2).
const (
	senderName    = "Dreams"
	senderAddress = "letters@dreams.test"
	senderDomain  = "dreams.test"
)

// ErrNoEmail: the person did not grant the scope email, so there is no letter,
// whatever address somebody may know; or the account's address is of no use.
var ErrNoEmail = errors.New("no address was granted")

// Envelope is what a letter needs besides the offers.
type Envelope struct {
	ID          string    // unguessable, of A-Z a-z 0-9 - _; the left half of the Message-ID
	Name, Email string    // as read from Acme
	Granted     []string  // without "email" there is no letter
	Date        time.Time // when the letter is written
	ConnectedAt time.Time // when the person connected Acme; zero: not said
	MeReadAt    time.Time // when name and address were read
	OffersURL   string    // absolute: Dreams' page with the same offers
	ConnectURL  string    // absolute: where sharing is changed
	Unsubscribe string    // absolute, for this person alone; a POST to it stops the letters (RFC 8058 §3.1)
}

// Letter is the offers as an e-mail. Source holds the whole message: what the
// outbox shows and what goes out by SMTP are the same bytes.
type Letter struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"` // the addressee's
	Email   string    `json:"email"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"`

	// What the letter says, for a page that shows it, and the two parts that
	// say it in the message.
	Greeting string `json:"greeting"` // "Dear Alice"
	Opening  string `json:"opening"`
	Because  string `json:"because"` // why the person gets it
	Offers   Offers `json:"offers"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
	Source   []byte `json:"source"`

	Why []Fact `json:"why"` // which words come from which record

	OffersURL   string `json:"offers_url"`
	ConnectURL  string `json:"connect_url"`
	Unsubscribe string `json:"unsubscribe"`
}

// From is the sender as the header has it.
func (Letter) From() string { return senderName + " <" + senderAddress + ">" }

// To is the addressee as a person reads it.
func (l Letter) To() string {
	if l.Name == "" {
		return l.Email
	}
	return l.Name + " <" + l.Email + ">"
}

// Missing is the unused data that a permission would open. The e-mail address
// is not among it: this is a letter.
func (l Letter) Missing() []Unused {
	return slices.DeleteFunc(slices.Clone(l.Offers.Unused), func(u Unused) bool { return u.Granted || u.Scope == ScopeEmail })
}

// Fact tells which words of the letter come from one record.
type Fact struct {
	Words []string `json:"words"` // "September", "€260 below"
	Source
}

// Write composes the letter. The error is ErrNoEmail for a person whom we may
// not or cannot write to.
func Write(o Offers, e Envelope) (Letter, error) {
	if !slices.Contains(e.Granted, ScopeEmail) || e.Email == "" {
		return Letter{}, ErrNoEmail
	}
	if err := e.check(); err != nil {
		return Letter{}, fmt.Errorf("letter: %w", err)
	}
	l := Letter{
		ID:          e.ID,
		Name:        oneLine(e.Name),
		Email:       e.Email,
		Date:        e.Date,
		Subject:     subject(o),
		Greeting:    "Hello",
		Opening:     opening(o),
		Because:     because(e),
		Offers:      o,
		OffersURL:   e.OffersURL,
		ConnectURL:  e.ConnectURL,
		Unsubscribe: e.Unsubscribe,
	}
	if first, _, _ := strings.Cut(l.Name, " "); first != "" {
		l.Greeting = "Dear " + first
	}
	l.Why = why(l, e.MeReadAt)
	if err := l.compose(); err != nil {
		return Letter{}, err
	}
	return l, nil
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check refuses what would end up in a header and is not what it claims to be:
// a line end in one of these could add headers or a second letter.
func (e Envelope) check() error {
	if !identifier.MatchString(e.ID) {
		return errors.New("the id must be of letters, digits, - and _")
	}
	// An address outside ASCII wants SMTPUTF8 (RFC 6531) all the way.
	if a, err := mail.ParseAddress(e.Email); err != nil || a.Address != e.Email || !isASCII(e.Email) {
		return fmt.Errorf("%w: %q is no address that we can write to", ErrNoEmail, e.Email)
	}
	for _, raw := range []string{e.OffersURL, e.ConnectURL, e.Unsubscribe} {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || !isASCII(raw) || strings.ContainsAny(raw, "<>, ") {
			return fmt.Errorf("%q is not an absolute URL", raw)
		}
	}
	return nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func subject(o Offers) string {
	if len(o.Best) == 0 {
		return "Nothing new this time"
	}
	p := o.Best[0].Package
	return firstRunes(oneLine(p.Title), 120) + ": " + nights(p.Nights) + " for " + p.Price.String()
}

func opening(o Offers) string {
	switch n := len(o.Best); {
	case n == 0:
		return "We looked, and found no journey that we would send you on."
	case !o.Personal:
		return "You shared nothing that tells us where you would like to go. These are simply the best rated journeys at Acme, the same for everybody."
	case n == 1:
		return "Of all the journeys at Acme this one fits what you share best. Below it stands why."
	default:
		return "Of all the journeys at Acme these " + inWords(n) + " fit what you share best. Below each stands why."
	}
}

func because(e Envelope) string {
	if e.ConnectedAt.IsZero() {
		return "You get this because you connected your Acme account and shared your e-mail address."
	}
	return "You get this because you connected your Acme account on " + e.ConnectedAt.Format("2 January 2006") + " and shared your e-mail address."
}

func nights(n int) string {
	if n == 1 {
		return "1 night"
	}
	return strconv.Itoa(n) + " nights"
}

// Facts is the line below a package's title.
func Facts(p Package) string {
	line := oneLine(p.Destination) + ". " + nights(p.Nights) + ", " + p.Price.String() + "."
	if leaves, err := time.Parse(time.DateOnly, p.Leaves); err == nil {
		line += " Next departure " + leaves.Format("2 January 2006") + "."
	}
	return line
}

// why collects the words by the record that they come from, in the order in
// which they stand in the letter.
func why(l Letter, meReadAt time.Time) []Fact {
	me := func(scope string) Source {
		return Source{Record: RecordMe, Scope: scope, Reading: Reading{At: meReadAt}}
	}
	all := []Fact{{[]string{l.Email}, me(ScopeEmail)}}
	if l.Name != "" {
		all = append(all, Fact{[]string{l.Greeting}, me(ScopeProfile)})
	}
	for _, o := range l.Offers.Best {
		for _, r := range o.Reasons {
			all = addFact(all, r)
		}
	}
	return all
}

func addFact(all []Fact, r Reason) []Fact {
	i := slices.IndexFunc(all, func(f Fact) bool { return f.Source == r.Source })
	if i < 0 {
		all, i = append(all, Fact{Source: r.Source}), len(all)
	}
	for _, part := range r.Text {
		if part.Bold && !slices.Contains(all[i].Words, part.Words) {
			all[i].Words = append(all[i].Words, part.Words)
		}
	}
	return all
}

var (
	//go:embed letter.html
	htmlSource string
	//go:embed letter.txt
	textSource string

	// html/template escapes for the place that a value stands in; text needs no
	// escaping, only values without line ends, which is what line makes.
	htmlLetter = htmltemplate.Must(htmltemplate.New("letter").Funcs(htmltemplate.FuncMap{"line": oneLine, "facts": Facts}).Parse(htmlSource))
	textLetter = texttemplate.Must(texttemplate.New("letter").Funcs(texttemplate.FuncMap{"line": oneLine, "facts": Facts}).Parse(textSource))
)

// compose fills Text, HTML and Source.
func (l *Letter) compose() error {
	var text, html, source bytes.Buffer
	if err := textLetter.Execute(&text, l); err != nil {
		return fmt.Errorf("letter: text: %w", err)
	}
	if err := htmlLetter.Execute(&html, l); err != nil {
		return fmt.Errorf("letter: html: %w", err)
	}
	l.Text, l.HTML = text.String(), html.String()
	if _, err := l.message().WriteTo(&source); err != nil {
		return fmt.Errorf("letter: message: %w", err)
	}
	l.Source = source.Bytes()
	return nil
}

// message is the letter as RFC 5322 wants it. Everything in it that could be
// random or read the clock is given, so that the bytes depend on the letter
// alone.
func (l *Letter) message() *gomail.Msg {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("letter_"+l.ID))
	m.FromMailAddress(&mail.Address{Name: senderName, Address: senderAddress})
	m.ToMailAddress(&mail.Address{Name: firstRunes(l.Name, 100), Address: l.Email})
	m.Subject(l.Subject)
	m.SetMessageIDWithValue(l.ID + "@" + senderDomain)
	m.SetDateWithValue(l.Date)
	// RFC 2369 §3.2. RFC 8058 §3.1 wants HTTPS here: it is, where Dreams'
	// public URL is.
	m.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+l.Unsubscribe+">")
	m.SetGenHeader(gomail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	// RFC 3834 §5: out-of-office replies answer no letter from a machine.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	// The last part is the one that a reader prefers (RFC 2046 §5.1.4).
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	return m
}
