// Package endpoint holds the authorization server's endpoints, a file each. It
// alone knows Echo. An endpoint reads, walks its list of checks, acts and
// answers; the rules themselves are small functions below the lists.
package endpoint

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/letter"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/password"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/metrics"
	"example.com/acme-dreams/views"
)

// Endpoints is what the endpoints share.
type Endpoints struct {
	Env              environment.Environment
	Log              *slog.Logger
	Now              func() time.Time
	Ahead            func() time.Duration // of the room's clock; nil: there is none
	Random           io.Reader
	Checks           check.Runner
	Store            *store.Store
	Keys             *token.Keys
	Passwords        *password.Hasher
	Grants           map[string]grant.Type // by grant_type
	ClientAssertions grant.ClientAssertion
	ClientKeys       grant.ClientKeys
	Personas         []Persona // of the classroom; empty: none shown

	Strangers *http.Client // for addresses that strangers name
	Acme      *http.Client // the resource server, on the back channel
	Letters   *letter.Outbox
	Metrics   *metrics.Registry

	proofs        *dpop.Verifier
	throttle      *throttle
	codes         *throttle // wrong user codes, at /device
	refusals      *refusalLog
	registrations *quota
	accounts      *quota
	letters       *quota        // by account
	drawing       chan struct{} // the place for a logo that is drawn
	documents     *apiDocuments
	calls         *quota        // of the API console
	calling       chan struct{} // places for those that wait for an answer
	stopping      chan struct{}
	jwksMade      *atomic.Pointer[keysDocument]
	counters      counters
}

// Persona is one of the classroom's people, whose password everybody knows.
type Persona struct {
	Username, Password, Name string
	About                    string // what there is to know of them, and so to try
}

// New completes the endpoints.
func New(e Endpoints) *Endpoints {
	e.proofs = dpop.NewVerifier(e.Now, e.Random, e.Checks)
	e.throttle, e.codes, e.refusals, e.stopping = newThrottle(), newThrottle(), &refusalLog{}, make(chan struct{})
	e.jwksMade = &atomic.Pointer[keysDocument]{}
	e.registrations = &quota{perAddress: registrationsPerAddress, inAll: registrationsInAll}
	e.accounts = &quota{perAddress: accountsPerAddress, inAll: accountsInAll}
	e.letters = &quota{perAddress: lettersPerAccount, inAll: lettersInAll}
	e.drawing = make(chan struct{}, 1)
	e.documents, e.calls, e.calling = &apiDocuments{}, &quota{perAddress: callsPerAddress, inAll: callsInAll}, make(chan struct{}, callsAtOnce)
	e.counters = newCounters(e.Metrics)
	return &e
}

// Stop answers everybody who waits for something that may not happen soon.
func (e *Endpoints) Stop() { close(e.stopping) }

// Purge forgets login failures that no longer count.
func (e *Endpoints) Purge() {
	e.throttle.purge(e.Now())
	e.codes.purge(e.Now())
}

// Rules lists the checks of all endpoints, for the index.
func Rules() []check.Rule {
	return slices.Concat(
		check.Rules("authorization request: what it refers to", referenceChecks),
		check.Rules("authorization request: request_uri", requestURIChecks),
		check.Rules("authorization request: request object", requestObjectChecks),
		check.Rules("authorization request: how it came", arrivalChecks),
		check.Rules("authorization request: who asks", clientChecks),
		check.Rules("authorization request: what is asked", requestChecks),
		check.Rules("pushed authorization request", pushChecks),
		check.Rules("token request", tokenRequestChecks),
		check.Rules("client authentication", clientAuthenticationChecks),
		check.Rules("DPoP: who has to send a proof", proofUseChecks),
		check.Rules("DPoP: at the PAR endpoint", keyOfCodeChecks),
		check.Rules("grant type", grantTypeChecks),
		check.Rules("userinfo", userinfoChecks),
		check.Rules("introspection: who asks", introspectionCallerChecks),
		check.Rules("introspection: the token", introspectionChecks),
		check.Rules("revocation", revocationChecks),
		check.Rules("registration: who asks", initialAccessChecks),
		check.Rules("registration", registrationChecks),
		check.Rules("registration: sector", sectorChecks),
		check.Rules("registration management: who asks", managementChecks),
		check.Rules("registration management: an update", updateChecks),
		check.Rules("developer portal: whose application it is", ownershipChecks),
		check.Rules("revocation feed", feedChecks),
		check.Rules("logout request", logoutRequestChecks),
	)
}

func (e *Endpoints) issuer() string { return e.Env.AuthserverURL.String() }

// opaque makes a value that nobody can guess.
func (e *Endpoints) opaque(prefix string) string { return grant.Opaque(e.Random, prefix) }

// limit cuts what a stranger sent, between two characters.
func limit(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// readForm reads a request of a protocol endpoint by hand: Echo's binders would
// mix the query in, and hide a parameter that stands twice. RFC 6749 §3.2,
// Appendix B.
func readForm(c echo.Context) (oauth.Parameters, error) {
	r := c.Request()
	media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEApplicationForm {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body must be %s", echo.MIMEApplicationForm)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body could not be read")
	}
	if len(body) > maxForm {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body is larger than %d bytes", maxForm)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequest, "the body does not decode: %v", err)
	}
	return oauth.Parameters(values), nil
}

// maxForm is the largest form that a protocol endpoint or a page reads.
const maxForm = 64 << 10

// answerJSON answers a protocol endpoint. RFC 6749 §5.1: no-store, and Pragma
// for caches of the century before.
func answerJSON(c echo.Context, status int, body any) error {
	c.Response().Header().Set("Pragma", "no-cache")
	return c.JSON(status, body)
}

// render renders into memory first, so that a page which fails half-way leaves
// as a clean error.
func render(c echo.Context, status int, page templ.Component) error {
	var html bytes.Buffer
	if err := page.Render(c.Request().Context(), &html); err != nil {
		return err
	}
	return c.HTMLBlob(status, html.Bytes())
}

// frame is what stands around every page.
func (e *Endpoints) frame(c echo.Context, title string) views.Frame {
	f := views.Frame{
		Brand: views.AccountsBrand, Title: title, Host: e.Env.AuthserverURL.Host(),
		Theme: views.Theme(c.Request(), "authserver_theme"), Path: "/",
		HelpHref:      "/help",
		AuthserverURL: e.issuer(), AcmeURL: e.Env.AcmeURL.String(), DreamsURL: e.Env.DreamsURL.String(),
	}
	if e.Ahead != nil {
		f.Ahead = e.Ahead()
	}
	if c.Request().Method == http.MethodGet {
		f.Path = c.Request().URL.RequestURI()
	}
	session, err := e.session(c)
	if err != nil {
		f.SignIn = "/login"
		return f
	}
	f.Person = &views.Person{Name: session.User.Name, SignOut: "/account/logout", CSRF: e.csrf(c)}
	for _, link := range []views.Link{{Label: "Connected apps", Href: "/account/apps"}, {Label: "Security", Href: "/account/security"}} {
		link.Current = c.Request().URL.Path == link.Href
		f.Nav = append(f.Nav, link)
	}
	f.Nav = append(f.Nav, views.Link{Label: "Developer", Href: "/developer", Current: strings.HasPrefix(c.Request().URL.Path, "/developer")})
	if session.User.Operator {
		f.Nav = append(f.Nav, views.Link{Label: "People", Href: "/operator/users", Current: c.Request().URL.Path == "/operator/users"})
	}
	return f
}

// background is a context for what must end well even when the caller hangs up.
func background(c echo.Context) context.Context {
	return context.WithoutCancel(c.Request().Context())
}

// day, dayTime are how pages write a moment.
func day(t time.Time) string     { return t.Local().Format("2 January 2006") }
func dayTime(t time.Time) string { return t.Local().Format("2 January 2006, 15:04") }
