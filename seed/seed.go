// Package seed holds what the three programs start with: the people, the
// applications, the journeys and what the people wrote about them. The files
// beside this one are meant to be read and edited; the programs load them into
// an empty database once and never again.
package seed

import (
	"embed"
	"encoding/json"
	"fmt"
	"time"
)

//go:embed *.json keys/*.jwk
var files embed.FS

// User is a person with an Acme account. The authorization server seeds the
// account from it, Acme Travel the profile: the two meet in Sub alone.
type User struct {
	Sub      string `json:"sub"` // opaque and stable: never the username, never the address
	Username string `json:"username"`
	Password string `json:"password"` // a demonstration's password; stored as an Argon2id hash
	Name     string `json:"name"`
	Email    string `json:"email"`
	Picture  string `json:"picture"` // file name below /static/art
	Operator bool   `json:"operator,omitempty"`
	About    string `json:"about"`
}

// Client is an application as RFC 7591 §2 would register it, with the words
// that the consent page needs.
type Client struct {
	ID                       string          `json:"client_id"`
	Secret                   string          `json:"client_secret,omitempty"`
	Name                     string          `json:"client_name"`
	Kind                     string          `json:"kind"` // web, browser, native, device, machine or resource_server
	TokenEndpointAuthMethods []string        `json:"token_endpoint_auth_methods"`
	GrantTypes               []string        `json:"grant_types"`
	ResponseTypes            []string        `json:"response_types,omitempty"`
	Scopes                   []string        `json:"scopes"`
	RedirectURIs             []string        `json:"redirect_uris,omitempty"`             // with {ACME_URL} and {DREAMS_URL}, expanded at every start
	PostLogoutRedirectURIs   []string        `json:"post_logout_redirect_uris,omitempty"` // RP-Initiated Logout §3.1
	BackchannelLogoutURI     string          `json:"backchannel_logout_uri,omitempty"`    // Back-Channel Logout §2.2
	SecurityEventsURI        string          `json:"security_events_uri,omitempty"`       // our own: where RFC 8935 pushes to
	RequirePKCE              bool            `json:"require_pkce,omitempty"`
	Resource                 string          `json:"resource,omitempty"`    // of a resource server: its identifier
	FirstParty               bool            `json:"first_party,omitempty"` // consent is asked only with prompt=consent
	AlwaysAsk                bool            `json:"always_ask,omitempty"`  // consent is never silent (RFC 8252 §8.6)
	Purpose                  string          `json:"purpose,omitempty"`     // in the client's own voice
	Developer                string          `json:"developer,omitempty"`
	Verified                 bool            `json:"verified,omitempty"`
	Homepage                 string          `json:"homepage,omitempty"` // with {ACME_URL} and {DREAMS_URL}
	Since                    string          `json:"since"`              // RFC 3339 date
	JWKS                     json.RawMessage `json:"jwks,omitempty"`     // public keys that it signs with
	// AuthorizationDetailsTypes are the types of RFC 9396 that it may ask for.
	AuthorizationDetailsTypes []string `json:"authorization_details_types"`
	ActsFor                   string   `json:"acts_for,omitempty"` // the client whose people it may speak for
	// Reasons tells for each scope why the client wants it; the consent page shows it.
	Reasons map[string]string `json:"reasons,omitempty"`
}

// Package is a vacation that Acme Travel sells.
type Package struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Destination string   `json:"destination"` // place, country
	Summary     string   `json:"summary"`     // one or two short sentences for the postcard
	Description string   `json:"description"`
	Days        []string `json:"days"`  // "Landeck to Galtür. Bus, soup, first steep hour."
	Tags        []string `json:"tags"`  // of Tags
	Price       int      `json:"price"` // whole euros per person
	Nights      int      `json:"nights"`
	Months      []int    `json:"months"`  // 1 to 12: when it runs
	Company     []string `json:"company"` // of Company: whom it suits
	Leaves      string   `json:"leaves"`  // next departure, RFC 3339 date
	From        string   `json:"from"`    // where the journey begins
	Effort      string   `json:"effort"`
	Picture     string   `json:"picture"` // file name below /static/art
}

// Review is a published opinion about a package. Sub is empty where the author
// has no account that anyone could sign in to.
type Review struct {
	ID        string    `json:"id"`
	Package   string    `json:"package"`
	Sub       string    `json:"sub,omitempty"`
	Author    string    `json:"author"`
	Rating    int       `json:"rating"` // 1 to 5
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// Post is an article in a traveller's blog.
type Post struct {
	ID        string    `json:"id"`
	Sub       string    `json:"sub"`
	Title     string    `json:"title"`
	Body      string    `json:"body"` // Markdown: paragraphs, emphasis, lists
	Published bool      `json:"published"`
	Pictures  []string  `json:"pictures"` // file names below /static/art
	CreatedAt time.Time `json:"created_at"`
}

// Preferences is what a person told Acme about the journeys they like.
type Preferences struct {
	Sub         string   `json:"sub"`
	Interests   []string `json:"interests"`    // of Tags
	BudgetMax   int      `json:"budget_max"`   // whole euros per trip
	TravelsWith string   `json:"travels_with"` // of Company
	Months      []int    `json:"months"`
}

// Company lists whom somebody can travel with.
var Company = []string{"alone", "partner", "friend", "family", "group"}

// Users, Clients and the rest return what the files hold, in the files' order.
func Users() []User                 { return read[User]("users.json") }
func Clients() []Client             { return read[Client]("clients.json") }
func Packages() []Package           { return read[Package]("packages.json") }
func Reviews() []Review             { return read[Review]("reviews.json") }
func Posts() []Post                 { return read[Post]("posts.json") }
func AllPreferences() []Preferences { return read[Preferences]("preferences.json") }

// Key returns a private key of the demonstration, a JWK (RFC 7517): of
// dreams-batch there are dreams-batch-es256 and dreams-batch-rs256. Everybody
// can read them here, so they keep nobody out.
func Key(name string) ([]byte, error) { return files.ReadFile("keys/" + name + ".jwk") }

// read panics on a file that does not parse: the files are part of the
// program, and a test loads every one of them.
func read[T any](name string) []T {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	var all []T
	if err := json.Unmarshal(b, &all); err != nil {
		panic(fmt.Errorf("seed/%s: %w", name, err))
	}
	return all
}
