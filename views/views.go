// Package views holds what the three web applications look like: the page
// around the content, the forms, and the few objects that stand for the same
// thing everywhere. A party is always one colour, one shape and one letter; a
// scope is always a luggage tag; a price is always a stamp.
//
// The components word nothing that a page could word better: they take
// sentences that are ready, and templ escapes them. Nothing here needs script,
// and no page carries a script or a style of its own, so that a
// Content-Security-Policy without 'unsafe-inline' holds.
package views

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// Brand says whose page it is.
type Brand string

const (
	AcmeBrand     Brand = "acme"
	AccountsBrand Brand = "accounts"
	DreamsBrand   Brand = "dreams"
)

// Name is the brand's name as people read it, in page titles too.
func (b Brand) Name() string {
	switch b {
	case AcmeBrand:
		return "Acme Travel"
	case AccountsBrand:
		return "Acme Accounts"
	default:
		return "Dreams"
	}
}

// Party is the part that the brand's server plays (RFC 6749 §1.1).
func (b Brand) Party() Party {
	switch b {
	case AcmeBrand:
		return ResourceServer
	case AccountsBrand:
		return AuthorizationServer
	default:
		return Client
	}
}

// Party is one who takes part in a flow: the letter of its mark, and the class
// that gives its colour.
type Party string

const (
	Browser             Party = "B"
	Client              Party = "D"
	AuthorizationServer Party = "A"
	ResourceServer      Party = "R"
	Attacker            Party = "X"
)

// Name is what the party is called in this system.
func (p Party) Name() string {
	switch p {
	case Browser:
		return "Browser"
	case Client:
		return "Dreams"
	case AuthorizationServer:
		return "Acme Accounts"
	case ResourceServer:
		return "Acme Travel"
	default:
		return "Attacker"
	}
}

// Role is what RFC 6749 §1.1 calls the party.
func (p Party) Role() string {
	switch p {
	case Browser:
		return "user agent"
	case Client:
		return "client"
	case AuthorizationServer:
		return "authorization server"
	case ResourceServer:
		return "resource server"
	default:
		return "attacker"
	}
}

func (p Party) letter() string {
	if p == Attacker {
		return "!"
	}
	return string(p)
}

// Link is a place to go. Current marks the page that the person is on.
type Link struct {
	Label, Href string
	Current     bool
}

// Person is who is signed in.
type Person struct {
	Name    string
	Links   []Link // what is the person's own, beside the name
	SignOut string // where the sign-out form is posted
	CSRF    string // hidden field "csrf", where not empty
}

// initials stand where a picture would.
func (p Person) initials() string {
	words := strings.Fields(p.Name)
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return strings.ToUpper(string([]rune{first, last}))
}

// Frame is everything around the content, filled once per request.
type Frame struct {
	Brand    Brand
	Title    string // "Sign in" becomes "Sign in – Acme Accounts"
	Host     string // "localhost:9000", as the browser sees it
	Theme    string // see Theme
	Path     string // path and query of this page: where the theme form comes back to
	Nav      []Link
	Crumbs   []Link // the way here; the last one is this page
	Person   *Person
	SignIn   string // shown while nobody is signed in; empty: no such link
	HelpHref string

	// The public addresses of the three servers, for "who is who" in the footer.
	AuthserverURL, AcmeURL, DreamsURL string

	// Ahead is how far the clock of all three programs has been moved forward.
	Ahead time.Duration

	Stylesheet string // empty: StylesheetURL
}

func (f Frame) title() string {
	if f.Title == "" {
		return f.Brand.Name()
	}
	return f.Title + " – " + f.Brand.Name()
}

func (f Frame) theme() string {
	if validTheme(f.Theme) {
		return f.Theme
	}
	return themeSystem
}

// ahead says how far the clock is ahead: "1 h 5 min".
func (f Frame) ahead() string { return Span(f.Ahead) }

func (f Frame) stylesheet() string {
	if f.Stylesheet == "" {
		return StylesheetURL()
	}
	return f.Stylesheet
}

func current(is bool) templ.Attributes {
	if !is {
		return nil
	}
	return templ.Attributes{"aria-current": "page"}
}

// shortHost names a server in the footer: ":9002" where all share one name.
func shortHost(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil {
		return ""
	}
	if u.Hostname() == "localhost" && u.Port() != "" {
		return ":" + u.Port()
	}
	return u.Host
}
