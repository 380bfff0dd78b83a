// Package server composes Dreams.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/catalogue"
	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/learn"
	"example.com/acme-dreams/dreams/night"
	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/dreams/session"
	"example.com/acme-dreams/dreams/site"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/dreams/travelapi"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/program"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/seed"
)

// Server is Dreams, composed.
type Server struct {
	echo      *echo.Echo
	handler   http.Handler
	room      *wiretap.Room // nil with WIRETAP=off
	site      *site.Site
	store     *store.Store
	catalogue *catalogue.Keeper
	lessons   *learn.Classroom
	smtp      *offers.SMTP // nil: letters stay in the outbox
	clients   clients
	log       *slog.Logger
}

// New opens the database and puts the parts together. It talks to nobody: the
// other two programs may come up later.
func New(ctx context.Context, c program.Config) (program.Server, error) {
	c, room := c.OpenRoom()
	web, err := client("dreams-web")
	if err != nil {
		return nil, err
	}
	job, err := client("dreams-catalogue")
	if err != nil {
		return nil, err
	}
	batchKey, err := signingKey()
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, c.Env.DataDir, c.Now, c.Random)
	if err != nil {
		return nil, err
	}
	db.World = c.World()
	accounts := flow.NewAuthorizationServer(c.Env.AuthserverURL.String(), c.Back)
	// What Dreams does for itself uses a client of its own, so that neither
	// secret opens more than it has to.
	itself := travelapi.Client{BaseURL: c.Env.AcmeURL.String(), Back: c.Back, Tokens: &flow.ClientCredentials{
		Server: accounts, Client: flow.Client{ID: job.ID, Secret: job.Secret}, Scopes: job.Scopes, Now: c.Now,
	}}
	keeper, err := catalogue.New(ctx, itself, db, c.Now, c.Log)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	dreams := flow.Client{ID: web.ID, Secret: web.Secret}
	revocation := &flow.Revocation{Server: accounts, Client: dreams}
	pages := &site.Site{
		Env: c.Env, Log: c.Log, Now: c.Now, Ahead: c.Clock.Ahead, Random: c.Random, Back: c.Back, Store: db, Client: web, Catalogue: keeper,
		Sessions: session.New(store.Sessions{Store: db}, c.Env.DreamsURL.Secure(), c.World(), c.Random),
		Code: &flow.AuthorizationCode{
			Server: accounts, Client: dreams, RedirectURI: c.Env.DreamsURL.String() + site.CallbackPath,
			Attempts: db, Checks: c.Checks, Now: c.Now, Random: c.Random,
		},
		Refresh:        &flow.RefreshToken{Server: accounts, Client: dreams, Connections: db, Revocation: revocation, Now: c.Now},
		Revocation:     revocation,
		Logout:         &flow.BackchannelLogout{Server: accounts, Client: dreams, SignedIn: db, Checks: c.Checks, Now: c.Now},
		SecurityEvents: &flow.SecurityEvents{Server: accounts, Client: dreams, Kept: db, Checks: c.Checks, Now: c.Now},
	}
	classroom := (&learn.Classroom{
		Env: c.Env, Log: c.Log, Now: c.Now, World: c.World(), Random: c.Random, Back: c.Back, Store: db, Sessions: pages.Sessions, Room: room,
		Server: accounts, Code: pages.Code, Refresh: pages.Refresh, Revoke: revocation,
		Exchange:  &flow.TokenExchange{Server: accounts, Client: dreams, Now: c.Now},
		Bearer:    &flow.JWTBearer{Server: accounts, Client: "dreams-batch", Key: batchKey, Now: c.Now, Random: c.Random},
		Catalogue: flow.Client{ID: job.ID, Secret: job.Secret},
		Lab: &flow.AuthorizationCode{
			Server: accounts, RedirectURI: c.Env.DreamsURL.String() + learn.LabCallbackPath,
			Attempts: db, Checks: c.Checks, Now: c.Now, Random: c.Random,
		},
		Registration: &flow.Registration{Server: accounts, InitialAccessToken: c.Env.RegistrationToken},
	}).Open()
	pages.Lessons = classroom.Returned
	pages.Night = night.New(db, pages.LookAgain, c.Now, c.Log)
	s := &Server{site: pages, store: db, catalogue: keeper, lessons: classroom, clients: newClients(c, accounts), log: c.Log}
	if c.Env.SMTPURL != "" {
		s.smtp = &offers.SMTP{Address: string(c.Env.SMTPURL)}
	}
	s.echo = httpserver.New(httpserver.Settings{
		TrustedProxies: c.Env.TrustedProxies.Prefixes(), Metrics: c.Metrics, ShowMetrics: c.ShowMetrics(c.Env.DreamsURL),
		Name: "dreams", PublicURL: c.Env.DreamsURL, Log: c.Log, Ready: db.Ping,
		Error: pages.Error, CrossOrigin: site.CrossOrigin, Largest: learn.Largest, ConnectTo: s.clients.connectTo,
	})
	for _, route := range pages.Routes() {
		s.echo.Add(route.Method, route.Path, route.Handler)
	}
	for _, route := range classroom.Routes(pages.Page) {
		s.echo.Add(route.Method, route.Path, route.Handler)
	}
	s.handler = s.echo
	if room != nil {
		s.room = room
		s.echo.POST(wiretap.Path, echo.WrapHandler(http.HandlerFunc(room.Deliver)))
		s.echo.POST(wiretap.ConfirmPath, echo.WrapHandler(http.HandlerFunc(room.Confirm)))
		s.handler = room.Handler(s.echo)
	}
	s.clients.mount(s.echo, pages)
	s.measure(c.Metrics)
	return s, nil
}

// signingKey is what dreams-batch signs with.
func signingKey() (flow.SigningKey, error) {
	document, err := seed.Key("dreams-batch-es256")
	if err != nil {
		return flow.SigningKey{}, err
	}
	return flow.ParseSigningKey(document)
}

func client(id string) (seed.Client, error) {
	for _, c := range seed.Clients() {
		if c.ID == id {
			return c, nil
		}
	}
	return seed.Client{}, fmt.Errorf("seed/clients.json has no client %s", id)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Room is where recordings are; nil with WIRETAP=off.
func (s *Server) Room() *wiretap.Room { return s.room }

// Close closes the database.
func (s *Server) Close() error { return s.store.Close() }

// Work does what happens between requests.
func (s *Server) Work(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { s.catalogue.Work(ctx) })
	group.Go(func() { s.clients.tv.Work(ctx) })
	group.Go(func() { s.every(ctx, time.Hour, "sweep", s.store.Sweep) })
	group.Go(func() { s.every(ctx, time.Minute, "revoke", s.giveBack) })
	group.Go(func() { s.site.Night.Work(ctx) })
	group.Go(func() { s.room.Work(ctx) })
	group.Go(func() { s.lessons.Work(ctx) })
	if s.smtp != nil {
		group.Go(func() { s.every(ctx, 5*time.Second, "deliver", s.deliver) })
	}
	group.Wait()
}

func (s *Server) every(ctx context.Context, interval time.Duration, name string, do func(context.Context) error) {
	for ctx.Err() == nil {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("work between requests failed", "what", name, "error", err)
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
		}
	}
}

func (s *Server) giveBack(ctx context.Context) error {
	_, err := s.site.GiveBack(ctx)
	return err
}

// deliver hands waiting letters to the mail server. A crash between "the server
// took it" and "noted" sends a letter twice, under the same Message-ID; the
// other order would lose it.
func (s *Server) deliver(ctx context.Context) error {
	waiting, err := s.store.Undelivered(ctx)
	if err != nil {
		return err
	}
	for _, letter := range waiting {
		if err := s.smtp.Send(ctx, letter.Letter); err != nil {
			return err
		}
		if err := s.store.Delivered(ctx, letter.ID); err != nil {
			return err
		}
	}
	return nil
}

// Rules lists the checks of Dreams for an index.
func Rules() []check.Rule { return flow.Rules() }
