package site

import (
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/views"
)

func (s *Site) home(c echo.Context, v visitor) error {
	f := s.frame(c, v, "You dream it, we find the train")
	home := page.HomeView{AcmeURL: s.Env.AcmeURL.String(), Asked: s.asked()}
	if v.Known() && !v.Connection.Ended() {
		ctx := c.Request().Context()
		held, err := s.Store.CountOf(ctx, v.Person)
		if err != nil {
			return err
		}
		last, found, err := s.Store.LastOffers(ctx, v.Connection.ID)
		if err != nil {
			return err
		}
		if found {
			home.Last = &page.OffersView{Offers: &last, Now: s.Now()}
		}
		home.Connection = &page.ConnectionView{
			Name: nameOf(v.Connection), Scopes: v.Connection.Scope,
			Since: v.Connection.ConnectedAt.In(s.Now().Location()).Format("2 January 2006, 15:04"), Until: until(v.Connection), Hold: strings.Join(heldOf(v.Connection, held), ", "),
		}
	}
	return render(c, http.StatusOK, page.Home(f, home))
}

// asked is what we ask for, in the words that Acme's consent page shows.
func (s *Site) asked() []page.AskedScope {
	all := make([]page.AskedScope, len(flow.Scopes))
	for i, scope := range flow.Scopes {
		all[i] = page.AskedScope{Scope: scope, Reason: s.Client.Reasons[scope]}
	}
	// What is needed first.
	slices.SortStableFunc(all, func(a, b page.AskedScope) int { return needed(b.Scope) - needed(a.Scope) })
	return all
}

func needed(scope string) int {
	if scope == "openid" || scope == "profile" {
		return 1
	}
	return 0
}

func until(c store.Connection) string {
	if c.Offline {
		return "you disconnect, here or at Acme"
	}
	return "the access ends by itself: you did not let us come back alone"
}

// heldOf lists what we keep about a person, besides the tokens.
func heldOf(c store.Connection, d store.Deleted) []string {
	var lines []string
	if c.Name != "" {
		lines = append(lines, "your name")
	}
	return append(lines, count(d.Offers, "offer"), count(d.Letters, "letter"))
}

func deletedLines(c store.Connection, d store.Deleted) []string {
	lines := heldOf(c, d)
	if !c.Ended() {
		if c.Offline {
			lines = append(lines, "an access token and a refresh token")
		} else {
			lines = append(lines, "an access token")
		}
	}
	return append(lines, "the note of who you are")
}

func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (s *Site) help(c echo.Context, v visitor) error {
	return render(c, http.StatusOK, page.Help(s.frame(c, v, "Help"), s.Env.AuthserverURL.String(), s.Env.AcmeURL.String()))
}

func (s *Site) learn(c echo.Context, v visitor) error {
	return render(c, http.StatusOK, page.Learn(s.frame(c, v, "How it works"), steps))
}

// source shows one file of package flow.
func (s *Site) source(c echo.Context, v visitor) error {
	name := c.Param("file")
	text, err := fs.ReadFile(flow.Source, name)
	if err != nil {
		return echo.ErrNotFound
	}
	f := s.frame(c, v, name)
	f.Crumbs = []views.Link{{Label: "Learn", Href: "/learn"}, {Label: "dreams/flow/" + name, Current: true}}
	return render(c, http.StatusOK, page.Source(f, page.SourceFile{Name: "dreams/flow/" + name, Text: string(text)}))
}

var steps = []page.StepView{
	{From: views.Browser, To: views.Client, Title: "You press Connect",
		Text: "Dreams makes three fresh secrets: state, nonce and code_verifier. It notes them down for this browser alone, for ten minutes and for one use.",
		Rule: "RFC 6749 §10.12, RFC 7636 §4.1", File: "authorization_code.go", Path: "dreams/flow/authorization_code.go"},
	{From: views.Client, To: views.AuthorizationServer, Back: true, Title: "Dreams asks where to send you",
		Text: "It knows one thing about Acme’s accounts: their address. Endpoints, keys and algorithms stand in the discovery document there, and it must name that same address.",
		Rule: "OIDC Discovery §4, RFC 8414 §3.3", File: "authorization_server.go", Path: "dreams/flow/authorization_server.go"},
	{From: views.Client, To: views.AuthorizationServer, Title: "Your browser carries the request to Acme",
		Text: "Who asks, for which scopes, where to send you back, the state, the nonce, and a hash of the verifier: the code_challenge. The verifier itself stays at Dreams.",
		Rule: "RFC 6749 §4.1.1, RFC 7636 §4.3", File: "authorization_code.go", Path: "dreams/flow/authorization_code.go"},
	{From: views.Browser, To: views.AuthorizationServer, Title: "You sign in and decide, at Acme",
		Text: "Dreams is not there. It sees neither your password nor what you thought about. You may tick some permissions and leave others.",
		Rule: "RFC 6749 §3.1", Path: "authserver/endpoint/authorize.go"},
	{From: views.AuthorizationServer, To: views.Client, Title: "Your browser brings back a code",
		Text: "Short-lived, for one use, and worth nothing alone. Before Dreams does anything with it, a list of checks runs: is the state this browser’s own and unspent, does iss name the server that was asked, is there a code and no error? One no, and nothing is sent anywhere.",
		Rule: "RFC 6749 §4.1.2, RFC 9207 §2.4", File: "authorization_code.go", Path: "dreams/flow/authorization_code.go"},
	{From: views.Client, To: views.AuthorizationServer, Back: true, Title: "Dreams redeems the code",
		Text: "From server to server, with its own client secret and with the code_verifier. Whoever stole the code has neither.",
		Rule: "RFC 6749 §4.1.3, RFC 7636 §4.5", File: "authorization_code.go", Path: "dreams/flow/authorization_code.go"},
	{From: views.AuthorizationServer, To: views.Client, Back: true, Title: "Dreams gets tokens",
		Text: "An ID token that says who you are, checked for signature, issuer, audience, time and nonce. An access token for an hour. A refresh token, if you allowed that. And the scopes that you really granted, which may be fewer than were asked for.",
		Rule: "RFC 6749 §5.1, OIDC Core §3.1.3.7", File: "authorization_code.go", Path: "dreams/flow/authorization_code.go"},
	{From: views.Client, To: views.ResourceServer, Back: true, Title: "Dreams reads what you shared",
		Text: "With the access token in the Authorization header. Acme checks signature, audience, expiry and scope, and answers 403 where you did not tick the box.",
		Rule: "RFC 6750 §2.1, RFC 9068 §4", Path: "dreams/travelapi/travelapi.go"},
	{From: views.Client, To: views.AuthorizationServer, Back: true, Title: "An hour later, Dreams refreshes",
		Text: "The refresh token buys a new access token and a new refresh token; the old one is spent. Dreams stores the new one on disk before it uses anything, and never refreshes twice at once: a spent token that returns looks like theft and ends everything.",
		Rule: "RFC 6749 §6, RFC 9700 §4.14.2", File: "refresh_token.go", Path: "dreams/flow/refresh_token.go"},
	{From: views.Client, To: views.AuthorizationServer, Back: true, Title: "You disconnect",
		Text: "Dreams deletes what it made of your data and gives the tokens back, so that not even a copy of them opens anything.",
		Rule: "RFC 7009 §2.1", File: "revocation.go", Path: "dreams/flow/revocation.go"},
	{From: views.Client, To: views.AuthorizationServer, Back: true, Title: "Meanwhile, Dreams speaks for itself",
		Text: "The catalogue and the reviews are public. Dreams fetches them with a token of its own, in which no person appears.",
		Rule: "RFC 6749 §4.4", File: "client_credentials.go", Path: "dreams/flow/client_credentials.go"},
}
