// Package server composes Acme Travel.
package server

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/accesslog"
	"example.com/acme-dreams/acme/api"
	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/site"
	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/program"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

type server struct {
	http.Handler
	store *store.Store
	keys  *bearer.Keys
	feed  *bearer.Feed
	site  *site.Site

	accesses *accesslog.Log
	tap      *wiretap.Member // nil with WIRETAP=off
}

// New opens the database and puts the website and the API on one router.
func New(ctx context.Context, c program.Config) (program.Server, error) {
	c, tap := c.Listen(wiretap.ResourceServer)
	data, err := store.Open(ctx, filepath.Join(c.Env.DataDir, "acme.db"), c.Now, c.Random)
	if err != nil {
		return nil, err
	}
	s, err := compose(ctx, c, data, tap)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return s, nil
}

func compose(ctx context.Context, c program.Config, data *store.Store, tap *wiretap.Member) (*server, error) {
	secret, err := ownSecret()
	if err != nil {
		return nil, err
	}
	issuer := c.Env.AuthserverURL.String()
	// No redirects: nothing that the API asks the authorization server for
	// answers with one, and our password must not follow.
	client := &http.Client{
		Transport:     c.Back,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	keys := bearer.NewKeys(issuer, client, c.Now, c.Log)
	feed, err := bearer.NewFeed(ctx, issuer, resourceServerID, secret, client, data, c.Now, c.Log)
	if err != nil {
		return nil, err
	}
	feed.Keys = keys
	website, err := site.New(site.Config{
		Store: data, Env: c.Env, Now: c.Now, Ahead: c.Clock.Ahead, Random: c.Random, Back: c.Back, Checks: c.Checks, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	accesses := accesslog.New(data, c.Now, c.Log)
	static := views.Static()
	resources := &api.API{
		URL: c.Env.AcmeURL, Authserver: c.Env.AuthserverURL, Store: data, Static: static, Log: c.Log, Accesses: accesses, Now: c.Now,
		Refusals: c.Metrics.Counter("acme_api_refusals_total", "Tokens that the API refused, by error code; none: there was no token.", "error"),
		Verifier: &bearer.Verifier{
			Issuer: issuer, Resource: c.Env.AcmeURL.String(), Keys: keys, Feed: feed, Checks: c.Checks, Now: c.Now,
			Proofs: dpop.NewVerifier(c.Now, c.Random, c.Checks),
		},
	}
	e := httpserver.New(httpserver.Settings{
		TrustedProxies: c.Env.TrustedProxies.Prefixes(), Metrics: c.Metrics, ShowMetrics: c.ShowMetrics(c.Env.AcmeURL),
		Name: "acme", PublicURL: c.Env.AcmeURL, Log: c.Log, Ready: data.Ping,
		Error: func(c echo.Context, err error) {
			if api.Owns(c.Request().URL.Path) {
				resources.Problem(c, err)
			} else {
				website.Error(c, err)
			}
		},
		Largest: site.Largest,
		CrossOrigin: func(path string) bool {
			return strings.HasPrefix(path, "/api/") || path == site.BackchannelLogoutPath
		},
	})
	resources.Mount(e)
	website.Register(e)
	e.GET("/static/*", echo.WrapHandler(static))
	e.HEAD("/static/*", echo.WrapHandler(static))
	s := &server{Handler: e, store: data, keys: keys, feed: feed, site: website, accesses: accesses, tap: tap}
	if tap != nil {
		e.POST(wiretap.Path, echo.WrapHandler(http.HandlerFunc(tap.Order)))
		s.Handler = tap.Handler(e)
	}
	s.measure(c.Metrics)
	return s, nil
}

// resourceServerID is who we are to the authorization server.
const resourceServerID = "acme-api"

func ownSecret() (string, error) {
	clients := seed.Clients()
	i := slices.IndexFunc(clients, func(client seed.Client) bool { return client.ID == resourceServerID })
	if i < 0 {
		return "", errors.New("the client " + resourceServerID + " is not in seed/clients.json")
	}
	return clients[i].Secret, nil
}

// Work keeps keys and revocations up to date, and forgets old sessions and accesses.
func (s *server) Work(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.keys.Work(ctx) })
	all.Go(func() { s.feed.Work(ctx) })
	all.Go(func() { s.site.Work(ctx) })
	all.Go(func() { s.accesses.Work(ctx) })
	all.Go(func() { s.tap.Work(ctx) })
	all.Wait()
}

// Close waits for what is being written.
func (s *server) Close() error {
	s.accesses.Close()
	return s.store.Close()
}
