// Package offers turns what a person chose to share into vacation offers, and
// the offers into a letter. It reads nothing and asks nobody: whoever calls it
// hands over a Material, and what is not in there cannot influence an offer.
//
// The files, in the order in which a letter comes about:
//
//	offers.go  the nouns: Material, Offer, Reason, Unused
//	words.go   which words of a person's posts speak of a package
//	score.go   the weights, and the choice
//	letter.go  the same offers as an e-mail, byte for byte
//	smtp.go    the way to a mail server, where there is one
package offers

import (
	"slices"
	"strings"
	"time"
)

// The scopes that open the records below (RFC 6749 §3.3; the names are Acme's).
const (
	ScopePackages    = "packages:read"
	ScopeReviews     = "reviews:read"
	ScopeProfile     = "profile"
	ScopeEmail       = "email"
	ScopePreferences = "preferences:read"
	ScopePosts       = "blog:read"
)

// Record names where a fact was read, as the request that read it. The page
// and the letter show it beside every fact.
type Record string

// The records that an offer can come from.
const (
	RecordPackages    Record = "GET /api/v1/packages"
	RecordMe          Record = "GET /api/v1/me"
	RecordPreferences Record = "GET /api/v1/me/preferences"
	RecordPosts       Record = "GET /api/v1/me/posts"
)

// RecordReviews is the record of one package's reviews.
func RecordReviews(packageID string) Record {
	return Record("GET /api/v1/packages/" + packageID + "/reviews")
}

// Reading tells when a record was read and with whose token.
type Reading struct {
	At time.Time `json:"at"`
	// Itself: Dreams read it with a token of its own (client credentials), not
	// with one that the person had granted.
	Itself bool `json:"itself,omitempty"`
}

// Material is everything that offers for one person are made from.
type Material struct {
	Name    string   // empty where it was not granted
	Email   string   // empty where it was not granted
	Granted []string // the scopes of the person's grant

	Packages    []Package
	Reviews     map[string][]Review // by package id; where absent, the package's own rating counts
	Preferences *Preferences        // nil: not granted, or not readable just now
	Posts       []Post

	// Read has an entry for every record that was read. A granted record
	// without one could not be read, and the offers say so.
	Read map[Record]Reading
}

// Has tells whether the person granted a scope.
func (m Material) Has(scope string) bool { return slices.Contains(m.Granted, scope) }

// Package is a vacation as Acme's API describes it.
type Package struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Destination string   `json:"destination"`
	Summary     string   `json:"summary"`
	Tags        []string `json:"tags"`
	Price       Price    `json:"price"`
	Nights      int      `json:"nights"`
	Months      []int    `json:"months"`  // 1 to 12: when it runs
	Company     []string `json:"company"` // whom it suits: alone, partner, friend, family, group
	Leaves      string   `json:"leaves"`  // next departure, RFC 3339 date
	Picture     string   `json:"picture"` // Acme's URL; a page of Dreams shows its own copy of the same name
	Rating      *float64 `json:"rating"`  // nil: nobody has reviewed it
	ReviewCount int      `json:"review_count"`
	URL         string   `json:"url"` // the package's page at Acme
}

// Price is what one person pays.
type Price struct {
	Amount   int    `json:"amount"` // whole units
	Currency string `json:"currency"`
}

// Review is what a traveller published about a package.
type Review struct {
	ID        string    `json:"id"`
	Author    string    `json:"author"`
	Rating    int       `json:"rating"` // 1 to 5
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// Preferences is what a person told Acme about the journeys they like.
type Preferences struct {
	Interests   []string `json:"interests"`
	Budget      Budget   `json:"budget"`
	TravelsWith string   `json:"travels_with"`
	Months      []int    `json:"months"`
}

// Budget is the most that a person wants to pay; Max 0 is none given.
type Budget struct {
	Max      int    `json:"max"`
	Currency string `json:"currency"`
}

// Post is an article in a person's blog, published or not.
type Post struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	Published bool      `json:"published"`
	CreatedAt time.Time `json:"created_at"`
}

// Offers is what was made for one person at one time. It is plain data, so
// that it can be kept as JSON and shown again while Acme is away.
type Offers struct {
	Name     string    `json:"name,omitempty"`
	MadeAt   time.Time `json:"made_at"`
	Personal bool      `json:"personal"` // false: the best rated packages, the same for everybody
	Best     []Offer   `json:"best"`     // best first
	Unused   []Unused  `json:"unused,omitempty"`
	Used     []Source  `json:"used,omitempty"` // the private records that these offers really used
}

// Offer is one package with the reasons for offering it.
type Offer struct {
	Package Package  `json:"package"`
	Kick    string   `json:"kick"` // two or three words above the title: "Best match"
	Score   float64  `json:"score"`
	Reasons []Reason `json:"reasons"`
}

// Reason is one fact in words, and where it comes from.
type Reason struct {
	Text   Text    `json:"text"`
	Points float64 `json:"points"` // what it added to the score; below zero it speaks against
	Source
}

// Counts tells whether the fact spoke for the package. One that does not is
// shown all the same: leaving it out would flatter the offer.
func (r Reason) Counts() bool { return r.Points > 0 }

// Source is a record, the scope that opened it and when that was.
type Source struct {
	Record Record `json:"record"`
	Scope  string `json:"scope"`
	Reading
}

// Public tells whether the scope opens public data, for which nobody's consent
// is needed.
func (s Source) Public() bool { return s.Scope == ScopePackages || s.Scope == ScopeReviews }

// Unused is data that could have made the offers better.
type Unused struct {
	What    string `json:"what"`   // "your posts"
	Why     string `json:"why"`    // "You did not share them."
	Better  string `json:"better"` // what it would better: "With them we would look for the places that you write about."
	Scope   string `json:"scope"`
	Record  Record `json:"record"`
	Granted bool   `json:"granted,omitempty"` // the scope was granted, the record empty or unreadable
}

// Text is a sentence in parts, so that a page, a letter's HTML and its text
// come from the same words, and none of them from raw HTML.
type Text []Part

// Part is a run of words; Bold ones are the facts.
type Part struct {
	Words string `json:"words"`
	Bold  bool   `json:"bold,omitempty"`
}

// String is the sentence without its emphasis.
func (t Text) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.Words)
	}
	return b.String()
}
