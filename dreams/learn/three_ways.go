package learn

import (
	"context"
	"net/url"
	"slices"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// threePath is what is asked for in three ways.
const threePath = "/api/v1/packages?limit=1"

var threeScopes = []string{"packages:read"}

// threeWays makes one call with a bearer token, with introspection, and with a
// token that is bound to a key. Each is then sent by somebody who found the token.
// It is a run of the browser's like any other.
func (c *Classroom) threeWays(ctx context.Context, v Visit, browser string) (*page.ThreeWays, error) {
	l := c.tokenLesson()
	l.Title, l.Client = "The same call, three ways", c.Catalogue.ID
	run := c.open(v, l, browser, url.Values{})
	run.Recording = c.Room.Open(ctx, nil)
	c.begin(run)
	var ends []int
	var stolen []trial
	tokens := []string{"", "", ""}
	err := func() error {
		recorded := wiretap.With(ctx, run.Recording)
		mark := func(token string, schemes ...string) error {
			for _, scheme := range schemes {
				got, err := c.steal(ctx, run.Recording, threePath, scheme, token)
				if err != nil {
					return err
				}
				stolen = append(stolen, got)
			}
			tokens[len(ends)] = token
			all, _ := run.Recording.Exchanges()
			ends = append(ends, len(all))
			return nil
		}
		plain := &flow.ClientCredentials{Server: c.Server, Client: c.Catalogue, Scopes: threeScopes, Now: c.Now}
		run.Say("Dreams gets a token for itself")
		token, err := plain.AccessToken(recorded)
		if err != nil {
			return err
		}
		run.Say("And sends it: whoever holds it may")
		if _, err := c.try(ctx, run.Recording, threePath, "Bearer", token, nil); err != nil {
			return err
		}
		if err := mark(token, "Bearer"); err != nil {
			return err
		}
		run.Say("Is this token good? Asked before the call, as a resource server would that cannot read tokens")
		asking := &flow.Introspection{Server: c.Server, Client: c.Catalogue, Checks: c.Code.Checks, Now: c.Now}
		if _, err := asking.Introspect(recorded, token); err != nil {
			return err
		}
		run.Say("Then the same call")
		if _, err := c.try(ctx, run.Recording, threePath, "Bearer", token, nil); err != nil {
			return err
		}
		if err := mark(token, "Bearer"); err != nil {
			return err
		}
		key, err := flow.NewDPoP(c.Now, c.Random)
		if err != nil {
			return err
		}
		run.Memory = &labBench{code: &flow.AuthorizationCode{DPoP: key}} // for who looks at the token later
		bound := &flow.ClientCredentials{Server: c.Server, Client: c.Catalogue, Scopes: threeScopes, Now: c.Now, DPoP: key}
		run.Say("A token that names a key: the request proves that Dreams has it")
		if token, err = bound.AccessToken(recorded); err != nil {
			return err
		}
		run.Say("And the call proves it again")
		if _, err := c.try(ctx, run.Recording, threePath, "DPoP", token, key); err != nil {
			return err
		}
		return mark(token, "Bearer", "DPoP")
	}()
	c.finish(run, err)
	if err != nil {
		return nil, err
	}
	return c.threeView(ctx, run, ends, tokens, stolen), nil
}

// threeView sets the parts of the run side by side.
func (c *Classroom) threeView(ctx context.Context, run *Run, ends []int, tokens []string, stolen []trial) *page.ThreeWays {
	all := settledExchanges(ctx, run.Recording)
	v := &page.ThreeWays{Run: views.Link{Label: "Every message of it", Href: run.address()}, Call: "GET " + threePath}
	names := []struct{ title, lead string }{
		{"JWT, as bearer", "Acme reads the token and asks nobody. Whoever finds it can use it, until it ends or Acme hears that it was revoked."},
		{"With introspection", "One question more for each call, to the one who knows at this moment. Acme itself does not ask, so Dreams asks about its own token here. Whoever finds the token can still use it."},
		{"With DPoP", "Each request proves a key besides. The token alone opens nothing."},
	}
	begin := 0
	for i, name := range names {
		way := page.Way{Title: name.title, Lead: name.lead}
		for _, e := range all[begin:min(ends[i], len(all))] {
			one := page.WayMessage{From: views.Party(e.From), To: views.Party(e.To), Line: e.Method + " " + pathOf(e.URL), Status: status(e.Status)}
			for _, check := range e.Checks {
				one.Checks = append(one.Checks, c.checkView(check))
			}
			way.Messages = append(way.Messages, one)
		}
		begin = min(ends[i], len(all))
		for _, scheme := range map[bool][]string{true: {"DPoP"}, false: {"Bearer"}}[i == 2] {
			e := c.requestOf(threePath, scheme, tokens[i])
			way.Command = page.Command{Scheme: scheme, Masked: wire.Curl(e, false), Text: wire.Curl(e, true)}
		}
		v.Ways = append(v.Ways, way)
	}
	for i, got := range stolen {
		one := page.Theft{Request: got.Request, Scheme: got.Scheme, Status: status(got.Status), Through: got.Status < 400, Says: got.Description()}
		if check, refused := got.refusal(); refused {
			one.Check = c.checkView(check)
		}
		way := &v.Ways[min(i, 2)]
		way.Thefts = append(way.Thefts, one)
	}
	return v
}

// settledExchanges are the exchanges of a recording once the other programs have
// told of them.
func settledExchanges(ctx context.Context, r *wiretap.Recording) []wiretap.Exchange {
	enough := time.NewTimer(hearing)
	defer enough.Stop()
	for {
		_, changed := r.Changes()
		all, _ := r.Exchanges()
		if !slices.ContainsFunc(all, func(e wiretap.Exchange) bool { return e.Route == "" }) {
			return all
		}
		select {
		case <-changed:
		case <-enough.C:
			return all
		case <-ctx.Done():
			return all
		}
	}
}
