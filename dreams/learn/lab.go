package learn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// The lab is the lessons about what goes around a grant. They run as a client that
// introduces itself: nobody has typed it in at Acme.

// Where the lab's answers come back to.
const (
	LabCallbackPath = "/lab/callback"
	LoggedOutPath   = "/lab/logged-out"
)

// purpose is which of the lab's clients.
type purpose string

const (
	forLab   purpose = "lab"   // asks in every way there is
	forFAPI2 purpose = "fapi2" // registered for the strict one alone
)

// preferencesType is the kind of authorization details that Acme knows (RFC 9396
// §2.1).
const preferencesType = "travel_preferences"

var labScopes = []string{"openid", "profile", "preferences:read"}

// notRegistered: the server did not take the lab for a client.
type notRegistered struct {
	words string
	err   error
}

func (n *notRegistered) Error() string { return "the lab could not register: " + n.err.Error() }
func (n *notRegistered) Unwrap() error { return n.err }

// client is the lab's client for a purpose: the one that it registered, while the
// server knows it, or a new one.
func (c *Classroom) client(ctx context.Context, p purpose) (store.Registration, error) {
	c.registering.Lock() // two that register at once would leave one client behind
	defer c.registering.Unlock()
	ctx = withoutPause(ctx) // who steps through this would stop the whole class
	r, found, err := c.Store.RegistrationFor(ctx, string(p))
	if err != nil {
		return store.Registration{}, err
	}
	if found && r.Issuer == c.Server.Issuer && slices.Equal(r.Client.RedirectURIs, c.metadata(p, r.Key).RedirectURIs) {
		known, err := c.stillKnown(ctx, p, &r)
		if known || err != nil {
			return r, err
		}
	}
	return c.register(ctx, p)
}

// stillKnown asks the server what is registered: clients are deleted, and a
// classroom forgets everything between two classes.
func (c *Classroom) stillKnown(ctx context.Context, p purpose, r *store.Registration) (bool, error) {
	if r.Client.URI == "" {
		return true, nil // there is no way to ask
	}
	before := *r
	now, err := c.Registration.Read(ctx, r.Client)
	// "If the client does not exist on this server, the server MUST respond with
	// HTTP 401 Unauthorized" (RFC 7592 §2.1)
	if refused := (*flow.TokenError)(nil); errors.As(err, &refused) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if r.Client.AccessToken = now.AccessToken; now.AccessToken != before.Client.AccessToken {
		return true, c.Store.KeepRegistration(ctx, string(p), *r)
	}
	return true, nil
}

func (c *Classroom) register(ctx context.Context, p purpose) (store.Registration, error) {
	key, err := flow.NewSigningKey(c.Random)
	if err != nil {
		return store.Registration{}, err
	}
	client, err := c.Registration.Register(ctx, c.metadata(p, key))
	if err != nil {
		return store.Registration{}, c.unregistered(err)
	}
	r := store.Registration{Issuer: c.Server.Issuer, Client: client, Key: key}
	c.Log.Info("the lab registered a client", "purpose", p, "client", client.ID)
	return r, c.Store.KeepRegistration(ctx, string(p), r)
}

// unregistered is a refusal in words for the page.
func (c *Classroom) unregistered(err error) error {
	refused := (*flow.TokenError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	words := fmt.Sprintf("Acme’s accounts did not let the lab register itself: they answered %s (%s).", refused.Code, refused.Description)
	switch refused.Code {
	case "invalid_token":
		words = "Acme’s accounts register only who brings their initial access token (RFC 7591 §3). Start Dreams with the same REGISTRATION_TOKEN as they have."
	case "invalid_redirect_uri":
		words = fmt.Sprintf("Acme’s accounts do not take %s for a redirect URI: whoever listens on the way could read the code. Plain http will do on this computer alone, so open Dreams at a localhost address, or by https.",
			c.Env.DreamsURL.String()+LabCallbackPath)
	}
	return &notRegistered{words, err}
}

// metadata is what the lab says of itself (RFC 7591 §2).
func (c *Classroom) metadata(p purpose, key flow.SigningKey) flow.ClientMetadata {
	public := c.Env.DreamsURL.String()
	m := flow.ClientMetadata{
		Name:                      "Dreams Lab",
		RedirectURIs:              []string{public + LabCallbackPath},
		PostLogoutRedirectURIs:    []string{public + LoggedOutPath},
		GrantTypes:                []string{"authorization_code", "refresh_token"},
		ResponseTypes:             []string{"code"},
		Scope:                     "openid profile offline_access preferences:read preferences:write reviews:write",
		TokenEndpointAuthMethod:   "private_key_jwt",
		TokenEndpointAuthAlg:      "ES256",
		JWKS:                      &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}},
		AuthorizationDetailsTypes: []string{preferencesType},
	}
	if p == forFAPI2 {
		m.Name = "Dreams Lab, strict"
		m.RequirePushed, m.RequireSigned, m.DPoPBound, m.RequestObjectAlg = true, true, true, "ES256"
	}
	return m
}

// as is the authorization code grant of a registered client, which signs in place
// of a secret.
func (c *Classroom) as(r store.Registration) *flow.AuthorizationCode {
	code := *c.Lab
	code.Client = flow.Client{ID: r.Client.ID}
	code.Assertion = &flow.ClientAssertion{Issuer: c.Server.Issuer, Key: r.Key, Now: c.Now, Random: c.Random}
	return &code
}

// labClient is client and as in one.
func (c *Classroom) labClient(ctx context.Context, p purpose) (*flow.AuthorizationCode, error) {
	r, err := c.client(ctx, p)
	if err != nil {
		return nil, err
	}
	return c.as(r), nil
}

// stranger is the same client to look at, with a key that nobody registered.
func (c *Classroom) stranger(code *flow.AuthorizationCode) (*flow.AuthorizationCode, error) {
	key, err := flow.NewSigningKey(c.Random)
	other := *code
	other.Assertion = &flow.ClientAssertion{Issuer: c.Server.Issuer, Key: key, Now: c.Now, Random: c.Random}
	return &other, err
}

// missing are the metadata values that a lesson needs and the server does not
// have. While nobody answers, nothing is known to be missing.
func (c *Classroom) missing(ctx context.Context, l Lesson) []string {
	if len(l.Needs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	lacking, err := c.Server.Lacks(ctx, l.Needs...)
	if err != nil {
		return nil
	}
	return lacking
}

// labCallback is the redirect URI of the lab's clients. The checks are those of
// every callback.
func (c *Classroom) labCallback(e echo.Context, _ Visit) error {
	ctx := e.Request().Context()
	attempt, err := c.Lab.Receive(ctx, c.Sessions.Browser(ctx), e.QueryParams())
	denied := (*flow.AuthorizationError)(nil)
	if err != nil && !errors.As(err, &denied) {
		return err
	}
	return c.returned(e, attempt, denied, true)
}

// loggedOut is the post-logout redirect URI.
func (c *Classroom) loggedOut(e echo.Context, _ Visit) error {
	ctx := e.Request().Context()
	attempt, err := c.Lab.ReceiveLogout(ctx, c.Sessions.Browser(ctx), e.QueryParams())
	if err != nil {
		return err
	}
	return c.returned(e, attempt, nil, true)
}

// knock opens an address of the authorization server as somebody would who has no
// session there, and returns the error that its page names.
func (r *Run) knock(ctx context.Context, address string) (Answer, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, "", err
	}
	client := http.Client{
		Transport: r.room.Back, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, "", &flow.Unreachable{Err: unaddressed(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, wiretap.MaxBody))
	if err != nil {
		return Answer{}, "", &flow.Unreachable{Err: err}
	}
	code := ""
	if found := errorOnPage.FindSubmatch(body); found != nil {
		code = string(found[1])
	}
	return Answer{Status: resp.StatusCode}, code, nil
}

// errorOnPage is the error code on a page of Acme's accounts.
var errorOnPage = regexp.MustCompile(`id="oauth-error"[^>]*>\s*([a-z_]+)`)

// slammed knocks, and shows that the door stays shut: a page that names the error
// and leads nowhere else.
func (r *Run) slammed(ctx context.Context, address string, refusal Refusal) error {
	answer, code, err := r.knock(ctx, address)
	if err != nil {
		return err
	}
	refusal.By, refusal.Status, refusal.Code = views.AuthorizationServer.Name(), answer.Status, code
	refusal.Got = answer.Status != http.StatusBadRequest
	r.Refused(refusal)
	return nil
}

// served tells of something that Acme had to refuse.
func (r *Run) served(answer Answer, refusal Refusal) {
	refusal.By, refusal.Status, refusal.Code = views.ResourceServer.Name(), answer.Status, answer.Code()
	refusal.Words, refusal.Got = answer.Description(), answer.Status < 400
	r.Refused(refusal)
}

// changed is an address with other parameters: what somebody made of it on its way
// through the browser.
func changed(address string, change func(url.Values)) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	parameters := u.Query()
	change(parameters)
	u.RawQuery = parameters.Encode()
	return u.String()
}

// flipped is a signed thing with one letter changed in the middle of what it says.
func flipped(jws string) string {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 || len(parts[1]) < 8 {
		return jws
	}
	letters := []byte(parts[1])
	at := len(letters) / 2
	if letters[at]++; letters[at] == 'z'+1 || letters[at] == 'Z'+1 || letters[at] == '9'+1 {
		letters[at] = 'A'
	}
	parts[1] = string(letters)
	return strings.Join(parts, ".")
}

// own is the value of a parameter of an address.
func own(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

// labBench is what a lab's run remembers while the browser is away.
type labBench struct {
	code  *flow.AuthorizationCode
	sent  string // the address that the browser was sent to
	stage string // where the run is; empty: at its beginning
	first flow.Connected
}

// begin registers where that has to be, and sends the browser away.
func (r *Run) begin(ctx context.Context, p purpose, request flow.AuthorizationRequest) error {
	code, err := r.room.labClient(ctx, p)
	if err != nil {
		return err
	}
	return r.send(ctx, &labBench{code: code}, request, nil)
}

// send sends the browser to the authorization endpoint, with an address that
// somebody may have changed on its way.
func (r *Run) send(ctx context.Context, bench *labBench, request flow.AuthorizationRequest, change func(string) string) error {
	to, state, err := r.prepare(ctx, bench.code, request)
	if err != nil {
		return err
	}
	bench.sent = to
	if request.Pushed {
		r.Tell("Your browser carries the reference", "There is nothing else in the address: nothing to read, nothing to change.")
	}
	if change != nil {
		bench.sent = change(to)
	}
	r.Memory = bench
	r.leave(bench.sent, state)
	return nil
}

// bench is what the run remembers.
func (r *Run) bench() *labBench {
	if b, ok := r.Memory.(*labBench); ok {
		return b
	}
	return &labBench{}
}
