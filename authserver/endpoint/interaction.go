package endpoint

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/views"
)

// interactionTTL is how long a person may take to sign in and decide.
const interactionTTL = 15 * time.Minute

// errShown says that a page has been shown and there is nothing left to do.
var errShown = errors.New("endpoint: answered")

// interaction loads a request that waits, and checks again who asks: a client
// may have been changed in the meantime. It shows a page and returns errShown
// where there is nothing to go on with.
func (e *Endpoints) interaction(c echo.Context, id string) (pending, error) {
	waiting, err := e.Store.InteractionByID(c.Request().Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return pending{}, err
	}
	sent, _ := url.ParseQuery(waiting.Request) // we wrote it
	p := e.pend(oauth.Parameters(sent), waiting.CreatedAt)
	p.Interaction, p.Chosen, p.Pushed = id, waiting.Chosen, waiting.Pushed
	if code, description, refused := strings.Cut(waiting.Refusal, ": "); refused {
		p.Refusal = &oauth.Error{Code: code, Description: description}
	}
	switch {
	case err != nil:
		return p, e.show(c, stop{Refusal: oauth.Refuse(oauth.InvalidRequest, "this sign-in is not known: it was too long ago, or the address is incomplete"), Over: true})
	case waiting.Answered:
		return p, e.show(c, stop{Refusal: oauth.Refuse(oauth.InvalidRequest, "this question has been answered already"), Pending: p, Over: true})
	case !e.Now().Before(waiting.ExpiresAt):
		return p, e.show(c, stop{Refusal: oauth.Refuse(oauth.InvalidRequest, "this sign-in began at %s and has expired", waiting.CreatedAt.Local().Format("15:04")), Pending: p, Over: true})
	}
	if waiting.Device != nil {
		return e.deviceInteraction(c, p, waiting.Device)
	}
	if err := e.checkClient(c, p); err != nil {
		if err := e.stopAt(c, p, err); err != nil {
			return p, err
		}
		return p, errShown
	}
	return p, nil
}

func (e *Endpoints) show(c echo.Context, s stop) error {
	if err := e.stopped(c, s); err != nil {
		return err
	}
	return errShown
}

// stop is a refusal that a person sees, because nobody may be sent on.
type stop struct {
	Refusal *oauth.Error
	Pending pending
	Over    bool // the request was good; it is too late for it
}

// stopAt shows what is wrong with a request that may not be answered anywhere
// else. What is no refusal is a fault of ours, and no reason to go on.
func (e *Endpoints) stopAt(c echo.Context, p pending, err error) error {
	var refusal *oauth.Error
	if !errors.As(err, &refusal) {
		return err
	}
	return e.stopped(c, stop{Refusal: refusal, Pending: p})
}

// stopped shows the page. RFC 6749 §4.1.2.1, status 400.
func (e *Endpoints) stopped(c echo.Context, s stop) error {
	p := s.Pending
	e.refused(c, p.ClientID, s.Refusal)
	view := page.ErrorView{
		Code: s.Refusal.Code, Explanation: s.Refusal.Description, ClientID: limit(p.ClientID, 200),
		Heading: "We stopped here, so that nobody gets sent to the wrong place",
		Lead:    "An app sent you to us with a request that we cannot take. That can be a mistake of its makers, or somebody trying to catch your sign-in. Nothing was shared, and we did not send you anywhere.",
		Next:    views.Link{Label: "Go to Acme Travel", Href: e.Env.AcmeURL.String()},
	}
	switch {
	case s.Over:
		view.Heading = "This question is closed"
		view.Lead = "You answered it before, or it waited too long. Nothing was shared by opening this page. Start again from the app."
		if p.Client != nil && p.Client.Homepage != "" {
			view.Next = views.Link{Label: "Back to " + p.Client.Name, Href: p.Client.Homepage}
		}
	case p.Client != nil && p.RedirectURI != "" && !p.Client.RedirectURIRegistered(p.RedirectURI):
		view.Lead = "An app wanted us to send you on to an address that it never registered with us. That can be a typing error of its makers, or somebody trying to catch your sign-in. Nothing was shared, and we did not send you anywhere."
		view.Received, view.Registered, view.Nearest = limit(p.RedirectURI, 2000), p.Client.RedirectURIs, nearest(p.Client.RedirectURIs, p.RedirectURI)
		view.Rule = "Compared as strings, character by character. No redirect after such an error."
		view.Sources = []string{"RFC 9700 §4.1.3", "RFC 6749 §4.1.2.1"}
		view.Fix = "Send the registered address, byte for byte, or register this one."
	case p.Client == nil && p.ClientID != "":
		view.Rule, view.Sources = "Only registered applications may ask.", []string{"RFC 6749 §4.1.2.1"}
		view.Fix = "Send the client_id that you were given when the application was registered."
	default:
		view.Sources = []string{"RFC 6749 §4.1.2.1"}
	}
	switch s.Refusal.Code {
	case oauth.InvalidRequestURI:
		view.Sources = []string{"RFC 9126 §4"}
	case oauth.InvalidRequestObject:
		view.Sources = []string{"RFC 9101 §6", "RFC 9101 §7"}
	}
	return render(c, http.StatusBadRequest, page.OAuthError(e.frame(c, "We stopped here"), view))
}

// nearest returns the registered URI that shares the longest beginning with
// the one that was sent.
func nearest(registered []string, sent string) string {
	best, longest := "", -1
	for _, uri := range registered {
		n := 0
		for n < len(uri) && n < len(sent) && uri[n] == sent[n] {
			n++
		}
		if n > longest {
			best, longest = uri, n
		}
	}
	return best
}
