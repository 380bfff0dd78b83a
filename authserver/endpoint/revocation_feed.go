package endpoint

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
)

// feed is the answer of the revocation feed.
type feed struct {
	Feed        string      `json:"feed"`   // changes with every start
	Cursor      int64       `json:"cursor"` // to ask with next time
	Revocations []feedEntry `json:"revocations"`
	// JWKS is the ETag of the signing keys' document: where it changes, keys have.
	JWKS string `json:"jwks_etag"`
}

type feedEntry struct {
	Cursor     int64       `json:"cursor"`
	GrantID    string      `json:"grant_id,omitempty"`
	Permission string      `json:"permission,omitempty"` // of the grant's tokens, those that carry it: a name in scope, or a type of authorization details
	JWTID      string      `json:"jti,omitempty"`
	ExpiresAt  int64       `json:"expires_at,omitempty"` // seconds since 1970: forget the entry then
	Person     *feedPerson `json:"person,omitempty"`     // somebody whose name or address is new; nothing is revoked
}

type feedPerson struct {
	Subject string `json:"sub"`
	Name    string `json:"name"`
	Email   string `json:"email"`
	Picture string `json:"picture,omitempty"`
}

func entryOf(r store.Revocation) feedEntry {
	if r.Person != nil {
		return feedEntry{Cursor: r.Cursor, Person: &feedPerson{r.Person.Sub, r.Person.Name, r.Person.Email, r.Person.Picture}}
	}
	return feedEntry{Cursor: r.Cursor, GrantID: r.GrantID, Permission: r.Permission, JWTID: r.JWTID, ExpiresAt: r.ExpiresAt.Unix()}
}

var feedChecks = []check.Check[*oauth.Client]{
	check.New("client that reads the revocation feed is a resource server", "ours", feedReaderIsResourceServer),
}

const (
	feedPage = 500
	feedWait = 10 // seconds, the longest
)

// Revocations tells a resource server which tokens to refuse before they
// expire. It is ours, not a standard's: one question that waits for news costs
// less than an introspection call for every request, and is as fast. The
// cursor is what makes it safe: whoever was away continues where it stopped.
//
// Names and addresses of people who are new, or have changed them, come the same
// way: whoever shows them needs no sign-in to know them.
//
// It tells when the signing keys change, too: who sends the ETag of their JWKS
// as jwks_etag is answered as soon as that is another one.
func (e *Endpoints) Revocations(c echo.Context) error {
	client, err := e.authenticateClient(c, nil)
	if err != nil {
		return err
	}
	if err := check.Run(c.Request().Context(), e.Checks, feedChecks, client); err != nil {
		return err
	}
	after, err := number(c.QueryParam("after"), 0)
	if err != nil {
		return oauth.Refuse(oauth.InvalidRequest, "after must be a cursor of this feed")
	}
	wait, err := number(c.QueryParam("wait"), 0)
	if err != nil || wait > feedWait {
		return oauth.Refuse(oauth.InvalidRequest, "wait must be a number of seconds from 0 to %d", feedWait)
	}
	if c.QueryParam("feed") != e.Store.FeedID() {
		after, wait = 0, 0 // the reader knows an earlier start: everything is news
	}
	keys := e.jwks()
	if c.QueryParams().Has("jwks_etag") && c.QueryParam("jwks_etag") != keys.etag {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), time.Duration(wait)*time.Second)
	defer cancel()
	go func() { // whoever waits for news does not hold up a stop
		select {
		case <-e.stopping:
			cancel()
		case <-keys.of.Replaced:
			cancel()
		case <-ctx.Done():
		}
	}()
	entries, err := e.Store.RevocationsAfter(ctx, after, feedPage)
	if err != nil {
		return err
	}
	answer := feed{Feed: e.Store.FeedID(), Cursor: after, Revocations: make([]feedEntry, 0, len(entries)), JWKS: e.jwks().etag}
	for _, entry := range entries {
		answer.Cursor = entry.Cursor
		answer.Revocations = append(answer.Revocations, entryOf(entry))
	}
	return answerJSON(c, http.StatusOK, answer)
}

// The feed tells when whose authorization ended: no client's matter.
func feedReaderIsResourceServer(client *oauth.Client) error {
	if client.Resource == "" {
		return oauth.Refuse(oauth.UnauthorizedClient, "the revocation feed is for resource servers")
	}
	return nil
}

func number(s string, missing int64) (int64, error) {
	if s == "" {
		return missing, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
