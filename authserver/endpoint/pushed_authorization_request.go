package endpoint

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
)

// pushedRequestTTL is how long the person may take to arrive, not to decide.
// RFC 9101 §10.2: "A general guidance for the validity time would be less than a
// minute".
const pushedRequestTTL = 60 * time.Second

// requestURIPrefix is how our request URIs begin. RFC 9126 §2.2.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// pushedAuthorization is the answer. RFC 9126 §2.2.
type pushedAuthorization struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

var pushChecks = []check.Check[oauth.Parameters]{
	check.New("no parameter of a pushed request stands twice", "RFC 6749 §3.1", noPushedParameterTwice),
	check.New("pushed request does not refer to another", "RFC 9126 §2.1", pushedRequestAlone),
}

// PushedAuthorizationRequest takes an authorization request from the client
// itself, before anybody is sent anywhere. RFC 9126 §2.
//
//	browser          client (Dreams)            authorization server
//	   |                 |  POST /par, authenticated   |   §2.1
//	   |                 |---------------------------->|  (this file)
//	   |                 |  201 request_uri            |   §2.2
//	   |                 |<----------------------------|
//	   |  303 /authorize?client_id&request_uri         |   §4
//	   |<----------------|                             |
//	   |---------------------------------------------->|
//
// The browser carries a reference: nobody at it can read the request or change
// it, and the client has shown who it is before its person sees a page.
func (e *Endpoints) PushedAuthorizationRequest(c echo.Context) error {
	ctx := c.Request().Context()

	// 1. Read the request.
	form, err := readForm(c)
	if err != nil {
		return err
	}
	if err := check.Run(ctx, e.Checks, pushChecks, form); err != nil {
		return err
	}
	jkt, err := e.proof(c)
	if err != nil {
		return err
	}

	// 2. Who is asking?
	client, err := e.authenticateClient(c, form)
	if err != nil {
		return err
	}
	sent := withoutCredentials(form)
	object := sent.Get("request")
	if object != "" {
		if sent, err = e.openRequestObject(ctx, client, object); err != nil {
			return err
		}
	}

	if err := e.bindCode(ctx, sent, jkt); err != nil {
		return err
	}

	// 3. Is what they ask in order? RFC 9126 §2.1: "The authorization server MUST
	// process the request as follows: [...] Validate the pushed request as it would
	// an authorization request sent to the authorization endpoint."
	now := e.Now()
	p := e.pend(sent, now)
	p.Client = client
	if err := check.Run(ctx, e.Checks, arrivalChecks, arrival{Client: client, Pushed: true, Signed: object != ""}); err != nil {
		return err
	}
	if err := e.checkClient(c, p); err != nil {
		return err
	}
	if err := e.judge(c, p); err != nil {
		return err
	}

	// 4. Keep it, and answer.
	uri := e.opaque(requestURIPrefix)
	err = e.Store.PushRequest(background(c), uri, store.PushedRequest{
		ClientID: client.ID, Request: url.Values(sent).Encode(), CreatedAt: now, ExpiresAt: now.Add(pushedRequestTTL),
	})
	if err != nil {
		return err
	}
	return answerJSON(c, http.StatusCreated, pushedAuthorization{uri, int64(pushedRequestTTL / time.Second)})
}

// withoutCredentials leaves out what a client authenticates with: it asks for
// nothing, and is not to be stored.
func withoutCredentials(form oauth.Parameters) oauth.Parameters {
	sent := oauth.Parameters{}
	for name, values := range form {
		if name != "client_secret" && name != "client_assertion" && name != "client_assertion_type" {
			sent[name] = values
		}
	}
	return sent
}

// referenceChecks judge how a request refers to another one.
var referenceChecks = []check.Check[oauth.Parameters]{
	check.New("client_id, request and request_uri stand once", "RFC 6749 §3.1", referenceOnce),
	check.New("request and request_uri do not come together", "RFC 9101 §5", referenceSingle),
}

// presentedURI is what is known when a browser brings a request_uri of ours.
type presentedURI struct {
	store.PushedRequest
	Client *oauth.Client // that client_id names
	Now    time.Time
}

var requestURIChecks = []check.Check[presentedURI]{
	check.New("request_uri belongs to the client that asks", "RFC 9126 §2.2", requestURIBelongsToClient),
	check.New("request_uri is used once", "RFC 9126 §4", requestURIUsedOnce),
	check.New("request_uri has not expired", "RFC 9126 §4", requestURINotExpired),
}

// arrival is the way on which a request reached us.
type arrival struct {
	Client         *oauth.Client
	Pushed, Signed bool
}

// arrivalChecks refuse on a page: what a client that pushes or signs has neither
// pushed nor signed is not from it, and nothing in it counts, where to answer
// neither.
var arrivalChecks = []check.Check[arrival]{
	check.New("a client that must push its requests has pushed this one", "RFC 9126 §4", requestPushed),
	check.New("a client that must sign its requests has signed this one", "RFC 9101 §10.5", requestSigned),
}

// resolve finds the request that counts: the pushed one that request_uri names,
// the one that was signed, or what stands in the query.
func (e *Endpoints) resolve(c echo.Context, sent oauth.Parameters) (pending, error) {
	ctx := c.Request().Context()
	p := e.pend(sent, e.Now())
	if err := check.Run(ctx, e.Checks, referenceChecks, sent); err != nil || p.Client == nil {
		return p, err
	}
	if strings.HasPrefix(sent.Get("request_uri"), requestURIPrefix) {
		return e.resolvePushed(c, p)
	}
	object := sent.Get("request")
	if err := check.Run(ctx, e.Checks, arrivalChecks, arrival{Client: p.Client, Signed: object != ""}); err != nil {
		return p, err
	}
	if object != "" {
		inside, err := e.openRequestObject(ctx, p.Client, object)
		if err != nil {
			// RFC 9101 §7. Where the query itself is good to go by, the client is told
			// by redirect, as soon as it is known who is at the browser.
			if !errors.As(err, &p.Refusal) {
				return p, err
			}
			return p, nil
		}
		p = e.pend(inside, p.StartedAt)
	}
	return p, nil
}

// resolvePushed finds what was pushed. RFC 9126 §4. Whatever else stands in the
// query is not read.
func (e *Endpoints) resolvePushed(c echo.Context, p pending) (pending, error) {
	ctx := c.Request().Context()
	found, err := e.Store.PushedRequest(ctx, p.Sent.Get("request_uri"))
	if errors.Is(err, store.ErrNotFound) {
		return p, e.show(c, stop{Refusal: oauth.Refuse(oauth.InvalidRequestURI, "request_uri is not known"), Pending: p, Over: true})
	}
	if err != nil {
		return p, err
	}
	err = check.Run(ctx, e.Checks, requestURIChecks, presentedURI{found, p.Client, e.Now()})
	var refusal *oauth.Error
	if errors.As(err, &refusal) && found.ClientID == p.Client.ID { // it was good once
		return p, e.show(c, stop{Refusal: refusal, Pending: p, Over: true})
	}
	if err != nil {
		return p, err
	}
	sent, _ := url.ParseQuery(found.Request) // we wrote it
	p = e.pend(oauth.Parameters(sent), p.StartedAt)
	p.Pushed = found.Key
	return p, nil
}

func noPushedParameterTwice(form oauth.Parameters) error {
	if name := form.Repeated(); name != "" {
		return oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	return nil
}

// RFC 9126 §2.1: "The "request_uri" authorization request parameter is one
// exception, and it MUST NOT be provided."
func pushedRequestAlone(form oauth.Parameters) error {
	if form.Get("request_uri") != "" {
		return oauth.Refuse(oauth.InvalidRequest, "a pushed request must not have a request_uri")
	}
	return nil
}

func referenceOnce(sent oauth.Parameters) error {
	if sent.Get("request") == "" && sent.Get("request_uri") == "" {
		return nil // a request by value, which has its own list
	}
	for _, name := range []string{"client_id", "request", "request_uri"} {
		if len(sent[name]) > 1 {
			return oauth.Refuse(oauth.InvalidRequest, "%s stands twice", name)
		}
	}
	return nil
}

// RFC 9101 §5, of request: "If this parameter is present in the authorization
// request, "request_uri" MUST NOT be present."
func referenceSingle(sent oauth.Parameters) error {
	if sent.Get("request") != "" && sent.Get("request_uri") != "" {
		return oauth.Refuse(oauth.InvalidRequest, "request and request_uri do not go together")
	}
	return nil
}

// RFC 9126 §2.2: "The "request_uri" value MUST be bound to the client that posted
// the authorization request."
func requestURIBelongsToClient(p presentedURI) error {
	if p.ClientID != p.Client.ID {
		return oauth.Refuse(oauth.InvalidRequestURI, "request_uri was made for another client")
	}
	return nil
}

// RFC 9126 §4: "Authorization servers SHOULD treat "request_uri" values as
// one-time use but MAY allow for duplicate requests due to a user
// reloading/refreshing their user agent." So it is used up by the answer, not by
// the page that asks.
func requestURIUsedOnce(p presentedURI) error {
	if p.Spent {
		return oauth.Refuse(oauth.InvalidRequestURI, "request_uri has been used before")
	}
	return nil
}

// RFC 9126 §4: "An expired "request_uri" MUST be rejected as invalid."
func requestURINotExpired(p presentedURI) error {
	if !p.Now.Before(p.ExpiresAt) {
		return oauth.Refuse(oauth.InvalidRequestURI, "request_uri has expired: it was good for %s", pushedRequestTTL)
	}
	return nil
}

// RFC 9126 §4: "the authorization server will refuse, using the
// "invalid_request" error code, to process any request to the authorization
// endpoint that does not have a "request_uri" parameter with a value obtained
// from the PAR endpoint."
func requestPushed(a arrival) error {
	if a.Client.RequirePAR && !a.Pushed {
		return oauth.Refuse(oauth.InvalidRequest, "the client must push its requests to the pushed authorization request endpoint")
	}
	return nil
}

// RFC 9101 §10.5: "the server MUST reject the authorization request from the
// client that does not conform to this specification." RFC 9126 §2.3 has the
// error code.
func requestSigned(a arrival) error {
	if a.Client.RequireSignedRequest && !a.Signed {
		return oauth.Refuse(oauth.InvalidRequest, "the client must send its requests as signed request objects")
	}
	return nil
}
