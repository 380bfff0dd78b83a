// Package travel holds the nouns of Acme Travel and the rules about their
// content. It is pure: no database, no HTTP, no clock.
package travel

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrNotFound is what the store answers for what does not exist, and for what
// belongs to somebody else: the two must look the same.
var ErrNotFound = errors.New("travel: not found")

// Currency is the one that Acme sells in.
const Currency = "EUR"

// Company lists whom somebody can travel with.
var Company = []string{"alone", "partner", "friend", "family", "group"}

// Package is a vacation that Acme sells.
type Package struct {
	ID          string
	Title       string
	Destination string // place, country
	Summary     string // one or two short sentences
	Description string
	Days        []string // one line per day: "Landeck to Galtür. Bus, soup, first steep hour."
	Tags        []string
	Price       int // whole euros per person
	Nights      int
	Months      []Month  // when it runs
	Company     []string // of Company: whom it suits
	Leaves      string   // next departure, an RFC 3339 date
	From        string   // where the journey begins
	Effort      string
	Picture     string  // file name below /static/art
	Rating      float64 // mean of the reviews, one decimal; means nothing without reviews
	ReviewCount int
}

// Profile is who a person is, as the authorization server told us at sign-in.
type Profile struct {
	Sub     string // the only thing that identifies a person
	Name    string
	Email   string
	Picture string // file name below /static/art, or an absolute URL, or empty
}

// Review is a published opinion about a package.
type Review struct {
	ID        string
	Package   string
	Sub       string // empty where the author has no account
	Author    string
	Rating    int // 1 to 5
	Text      string
	CreatedAt time.Time
}

// Opinion is what a person writes into a review.
type Opinion struct {
	Rating int
	Text   string
}

// Post is an article in a person's blog. Unpublished ones are nobody else's
// business.
type Post struct {
	ID        string
	Sub       string
	Title     string
	Body      string // Markdown
	Published bool
	Pictures  []string // names, for the store's Picture
	Alts      []string // what is on them, in the same order
	CreatedAt time.Time
}

// Draft is what a person writes into a post.
type Draft struct {
	Title     string
	Body      string
	Published bool
}

// Story is a published post as everybody may read it.
type Story struct {
	Post
	Author        string
	AuthorPicture string
}

// Preferences is what a person told Acme about the journeys she likes.
type Preferences struct {
	Interests   []string
	BudgetMax   int    // whole euros per trip; 0: not said
	TravelsWith string // of Company; empty: not said
	Months      []Month
}

// Said tells whether there is anything in them.
func (p Preferences) Said() bool {
	return len(p.Interests) > 0 || p.BudgetMax > 0 || p.TravelsWith != "" || len(p.Months) > 0
}

// Among lists the interests that are among some topics. Never nil.
func (p Preferences) Among(topics []string) []string {
	among := []string{}
	for _, interest := range p.Interests {
		if contains(topics, interest) {
			among = append(among, interest)
		}
	}
	return among
}

// FieldError says what is wrong with one field of what somebody sent.
type FieldError struct{ Field, Detail string }

func (e FieldError) Error() string { return e.Field + ": " + e.Detail }

// Invalid is everything that is wrong with it.
type Invalid []FieldError

func (all Invalid) Error() string {
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "; ")
}

// add notes a fault where there is one.
func (all *Invalid) add(field, detail string) {
	if detail != "" {
		*all = append(*all, FieldError{field, detail})
	}
}

// err is nil where nothing was added: an empty Invalid in an error is not nil.
func (all Invalid) err() error {
	if len(all) == 0 {
		return nil
	}
	return all
}

// Longest texts, in characters.
const (
	maxTitle     = 200
	maxBody      = 20_000
	maxReview    = 4_000
	maxInterest  = 40
	maxInterests = 20
	maxBudget    = 1_000_000
)

// Validate returns the opinion as it is stored, or Invalid.
func (o Opinion) Validate() (Opinion, error) {
	var faults Invalid
	if o.Rating < 1 || o.Rating > 5 {
		faults.add("rating", "must be a whole number from 1 to 5")
	}
	o.Text = strings.TrimSpace(o.Text)
	faults.add("text", textFault(o.Text, maxReview))
	return o, faults.err()
}

// Validate returns the draft as it is stored, or Invalid.
func (d Draft) Validate() (Draft, error) {
	var faults Invalid
	d.Title = strings.TrimSpace(d.Title)
	d.Body = strings.TrimSpace(d.Body)
	faults.add("title", textFault(d.Title, maxTitle))
	if strings.ContainsAny(d.Title, "\r\n") {
		faults.add("title", "must be one line")
	}
	faults.add("body", textFault(d.Body, maxBody))
	return d, faults.err()
}

// Validate returns the preferences as they are stored (nothing twice, months in
// order), or Invalid. An interest that no package has yet is kept: it is hers.
func (p Preferences) Validate() (Preferences, error) {
	var faults Invalid
	interests := []string{}
	for _, interest := range p.Interests {
		interest = strings.ToLower(strings.TrimSpace(interest))
		if fault := textFault(interest, maxInterest); fault != "" {
			faults.add("interests", fault)
			break
		}
		interests = appendNew(interests, interest)
	}
	if len(interests) > maxInterests {
		faults.add("interests", fmt.Sprintf("must not be more than %d", maxInterests))
	}
	p.Interests = interests
	switch {
	case p.BudgetMax < 0:
		faults.add("budget.max", "must not be negative")
	case p.BudgetMax > maxBudget:
		faults.add("budget.max", fmt.Sprintf("must not be more than %d", maxBudget))
	}
	if p.TravelsWith != "" && !contains(Company, p.TravelsWith) {
		faults.add("travels_with", "must be one of "+strings.Join(Company, ", "))
	}
	for _, m := range p.Months {
		if !m.Valid() {
			faults.add("months", monthFault)
			break
		}
	}
	p.Months = inOrder(p.Months)
	return p, faults.err()
}

// textFault says what is wrong with a text that must not be empty.
func textFault(text string, most int) string {
	switch {
	case text == "":
		return "must not be empty"
	case !utf8.ValidString(text):
		return "must be UTF-8"
	case utf8.RuneCountInString(text) > most:
		return fmt.Sprintf("must not be longer than %d characters", most)
	case strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	}):
		return "must not contain control characters"
	}
	return ""
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func appendNew(all []string, one string) []string {
	if contains(all, one) {
		return all
	}
	return append(all, one)
}
