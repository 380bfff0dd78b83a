package learn

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/wiretap"
)

// trial is a token that was sent to Acme, and what Acme checked before it answered.
type trial struct {
	Request string // "GET /api/v1/me"
	Scheme  string // by which it was sent
	Answer
	Checks []wiretap.Check // Acme's, as it told them over the wiretap
	Heard  bool            // it told them
}

// refusal is the check that refused; false: none did.
func (t trial) refusal() (wiretap.Check, bool) {
	i := slices.IndexFunc(t.Checks, func(c wiretap.Check) bool { return c.Refusal != "" })
	if i < 0 {
		return wiretap.Check{}, false
	}
	return t.Checks[i], true
}

// hearing is how long we wait for Acme to tell what it has checked.
const hearing = 2 * time.Second

// try sends a token to Acme as it is. With a key it proves that one; key nil: the
// token goes by the scheme that is named.
func (c *Classroom) try(ctx context.Context, recording *wiretap.Recording, path, scheme, token string, key *flow.DPoP) (trial, error) {
	before := len(toAcme(recording, wiretap.Client))
	ctx = wiretap.With(ctx, recording)
	answer, err := c.call(ctx, http.MethodGet, path, func(client *http.Client, req *http.Request) (*http.Response, error) {
		if key != nil {
			return key.Do(client, req, token)
		}
		req.Header.Set("Authorization", scheme+" "+token)
		return client.Do(req)
	})
	if err != nil {
		return trial{}, err
	}
	t := trial{Request: "GET " + path, Scheme: scheme, Answer: answer}
	if key != nil {
		t.Scheme = "DPoP"
	}
	if e, told := told(ctx, recording, wiretap.Client, before); told {
		t.Checks, t.Heard = e.Checks, true
	}
	return t, nil
}

// steal is try by somebody who is no part of the run: nothing in the request says
// that it belongs to it. The recording has it by the token, as it has what somebody
// sends from a terminal.
func (c *Classroom) steal(ctx context.Context, recording *wiretap.Recording, path, scheme, token string) (trial, error) {
	before := len(toAcme(recording, wiretap.Somebody))
	answer, err := c.call(wiretap.Without(ctx), http.MethodGet, path, func(client *http.Client, req *http.Request) (*http.Response, error) {
		req.Header.Set("Authorization", scheme+" "+token)
		return client.Do(req)
	})
	if err != nil {
		return trial{}, err
	}
	t := trial{Request: "GET " + path, Scheme: scheme, Answer: answer}
	if e, told := told(ctx, recording, wiretap.Somebody, before); told {
		t.Checks, t.Heard = e.Checks, true
	}
	return t, nil
}

// toAcme is what a party has sent to Acme in a recording.
func toAcme(recording *wiretap.Recording, from wiretap.Party) []wiretap.Exchange {
	all, _ := recording.Exchanges()
	return slices.DeleteFunc(all, func(e wiretap.Exchange) bool { return e.From != from || e.To != wiretap.ResourceServer })
}

// told waits until Acme has told of the last request of a party's, which had sent
// so many before.
func told(ctx context.Context, recording *wiretap.Recording, from wiretap.Party, before int) (last wiretap.Exchange, heard bool) {
	if recording == nil {
		return last, false
	}
	enough := time.NewTimer(hearing)
	defer enough.Stop()
	for {
		_, changed := recording.Changes()
		if all := toAcme(recording, from); len(all) > before {
			if last = all[len(all)-1]; last.Route != "" {
				return last, true
			}
		}
		select {
		case <-changed:
		case <-enough.C:
			return last, false
		case <-ctx.Done():
			return last, false
		}
	}
}

// opened are the requests that we try a token with, by the scope that they need.
var opened = []struct{ scope, path string }{
	{"profile", mePath}, {"preferences:read", "/api/v1/me/preferences"}, {"blog:read", "/api/v1/me/posts"},
	{"packages:read", "/api/v1/packages?limit=1"}, {"reviews:read", "/api/v1/packages/pk-silvretta/reviews"},
}

// opens is a request that a token should open, by its scopes.
func opens(scope string, details bool) string {
	has := strings.Fields(scope)
	for _, o := range opened {
		if slices.Contains(has, o.scope) {
			return o.path
		}
	}
	if details {
		return "/api/v1/me/preferences"
	}
	return mePath
}

// asked is what a server says of an opaque token.
type asked struct {
	Client string
	flow.Introspected
}

// ask asks Acme's accounts about a token, as each client that Dreams is: a client
// learns of its own tokens alone (RFC 7662 §4).
func (c *Classroom) ask(ctx context.Context, run *Run, token string) (asked, error) {
	clients := []*flow.Introspection{
		{Server: c.Server, Client: c.Code.Client, Checks: c.Code.Checks, Now: c.Now},
		{Server: c.Server, Client: c.Catalogue, Checks: c.Code.Checks, Now: c.Now},
	}
	for _, p := range []purpose{forLab, forFAPI2} {
		if r, found, err := c.Store.RegistrationFor(ctx, string(p)); err == nil && found && r.Issuer == c.Server.Issuer {
			as := c.as(r)
			lab := &flow.Introspection{Server: c.Server, Client: as.Client, Assertion: as.Assertion, Checks: as.Checks, Now: c.Now}
			if run != nil && run.lesson.Lab {
				clients = slices.Insert(clients, 0, lab)
			} else {
				clients = append(clients, lab)
			}
		}
	}
	var last asked
	for i, client := range clients {
		said, err := client.Introspect(ctx, token)
		if err != nil && i == 0 {
			return asked{}, err
		}
		if err == nil {
			last = asked{client.Client.ID, said}
		}
		if last.Active {
			break
		}
	}
	return last, nil
}

// location is a path of Acme's as an address.
func (c *Classroom) location(path string) string {
	return strings.TrimSuffix(c.Env.AcmeURL.String(), "/") + path
}

// commandOf is a request as somebody types it at a terminal.
func (c *Classroom) requestOf(path, scheme, token string) wiretap.Exchange {
	e := wiretap.Exchange{From: wiretap.Somebody, To: wiretap.ResourceServer, Method: http.MethodGet, URL: c.location(path)}
	e.Request.Header = http.Header{"Authorization": {scheme + " " + token}}
	if _, err := url.Parse(e.URL); err != nil {
		e.URL = ""
	}
	return e
}
