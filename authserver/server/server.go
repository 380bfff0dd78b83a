// Package server composes the authorization server. main and the end-to-end
// tests import it; nothing else does.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/endpoint"
	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/jwks"
	"example.com/acme-dreams/authserver/letter"
	"example.com/acme-dreams/authserver/notice"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/password"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/mail"
	"example.com/acme-dreams/internal/outbound"
	"example.com/acme-dreams/internal/program"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/seed"
)

// Server is the authorization server.
type Server struct {
	router    *echo.Echo
	store     *store.Store
	endpoints *endpoint.Endpoints
	ring      *keyRing
	notifier  *notice.Notifier
	letters   *letter.Outbox
	log       *slog.Logger
	now       func() time.Time
	metadata  echo.HandlerFunc
	tap       *wiretap.Member // nil with WIRETAP=off
	handler   http.Handler
}

// New opens the database, fills it where it is empty, and puts everything
// together.
func New(ctx context.Context, c program.Config) (program.Server, error) {
	c, tap := c.Listen(wiretap.AuthorizationServer)
	db, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &Server{store: db, log: c.Log, now: c.Now, tap: tap}
	if err := s.compose(ctx, c, password.New(c.Random)); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// database is the file.
func database(env environment.Environment) string { return filepath.Join(env.DataDir, "authserver.db") }

func openStore(ctx context.Context, c program.Config) (*store.Store, error) {
	seal, err := token.NewSeal(c.Env.KeyEncryptionKey.Keys())
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Settings{
		Path: database(c.Env), Log: c.Log, Now: c.Now,
		AccessTokenTTL: c.Env.AccessTokenTTL.Value(), Expand: expander(c.Env), Seal: seal,
		FeedID: grant.Opaque(c.Random, "f_"),
	})
}

func (s *Server) compose(ctx context.Context, c program.Config, passwords *password.Hasher) error {
	seeded, err := s.store.Seeded(ctx)
	if err != nil {
		return err
	}
	if !seeded {
		if err := s.fill(ctx, passwords); err != nil {
			return fmt.Errorf("filling the empty database: %w", err)
		}
	}
	if err := s.refuseDemoSecrets(ctx, c.Env); err != nil {
		return err
	}
	s.ring = &keyRing{store: s.store, log: c.Log, now: c.Now, every: c.Env.KeyRotation.Value()}
	if err := s.ring.open(ctx, max(c.Env.AccessTokenTTL.Value(), endpoint.IDTokenTTL)); err != nil {
		return unusableSeal(c.Env, err)
	}
	keys := s.ring.keys
	strangers := outbound.Client(bool(c.Env.AllowPrivateURIs))
	clientKeys := jwks.NewKeys(strangers, c.Now, c.Log)
	dice := grant.Environment{
		Now: c.Now, Random: c.Random, Checks: c.Checks,
		Resources: oauth.Resources{API: c.Env.AcmeURL.String(), Issuer: c.Env.AuthserverURL.String()},
	}
	s.letters = letters(c)
	s.endpoints = endpoint.New(endpoint.Endpoints{
		Env: c.Env, Log: c.Log, Now: c.Now, Ahead: c.Clock.Ahead, Random: c.Random, Checks: c.Checks,
		Store: s.store, Keys: keys, Passwords: passwords, Personas: personas(),
		ClientAssertions: grant.ClientAssertion{Environment: dice, Issuer: c.Env.AuthserverURL.String(), Keys: clientKeys, Spent: s.store},
		ClientKeys:       clientKeys,
		Strangers:        strangers,
		Acme:             ours(c),
		Letters:          s.letters,
		Metrics:          c.Metrics,
	})
	s.endpoints.Grants = s.grants(c, dice, keys, clientKeys)
	s.notifier = &notice.Notifier{
		Issuer: c.Env.AuthserverURL.String(), Store: s.store, Keys: keys, Log: c.Log, Now: c.Now, Random: c.Random, Client: notified(c, expander(c.Env)),
	}
	s.router = httpserver.New(httpserver.Settings{
		TrustedProxies: c.Env.TrustedProxies.Prefixes(), Metrics: c.Metrics, ShowMetrics: c.ShowMetrics(c.Env.AuthserverURL),
		Name: "authserver", PublicURL: c.Env.AuthserverURL, Log: c.Log,
		Ready: s.store.Ready, Error: s.endpoints.Error, CrossOrigin: endpoint.CrossOriginPath, Largest: endpoint.Largest,
	})
	table := s.routes(s.endpoints)
	if s.tap != nil {
		table = append(table, Route{http.MethodPost, wiretap.Path, echo.WrapHandler(http.HandlerFunc(s.tap.Order)), "", "ours", false})
	}
	if s.metadata, err = s.endpoints.Metadata(metadataPaths(table)); err != nil {
		return err
	}
	mount(s.router, s.endpoints, table)
	s.handler = s.router
	if s.tap != nil {
		s.handler = s.tap.Handler(s.router)
	}
	s.measure(c.Metrics)
	return nil
}

// letters leave by the mail server. Without one they lie where everybody knows every
// password anyway, and on a server for strangers there are none.
func letters(c program.Config) *letter.Outbox {
	o := &letter.Outbox{
		Shown: c.Env.SMTPURL == "" && (c.Env.AuthserverURL.Loopback() || bool(c.Env.AllowDemoSecrets)),
		Log:   c.Log, Now: c.Now, ID: func() string { return grant.Opaque(c.Random, "l_") },
	}
	if c.Env.SMTPURL != "" {
		o.Server = &mail.Server{Address: string(c.Env.SMTPURL)}
	}
	return o.Open()
}

// grants are the grant types that the token endpoint knows. To add one: its file
// in package grant, and its line here.
func (s *Server) grants(c program.Config, dice grant.Environment, keys *token.Keys, clientKeys grant.ClientKeys) map[string]grant.Type {
	issuer, lasts := c.Env.AuthserverURL.String(), c.Env.RefreshTokenTTL.Value()
	all := map[string]grant.Type{
		oauth.AuthorizationCodeGrant: grant.AuthorizationCode{Environment: dice, Codes: s.store, RefreshTokenExpiry: lasts},
		oauth.RefreshTokenGrant:      grant.RefreshToken{Environment: dice, RefreshTokens: s.store},
		oauth.ClientCredentialsGrant: grant.ClientCredentials{Environment: dice},
		oauth.DeviceCodeGrant:        grant.DeviceCode{Environment: dice, Devices: s.store, RefreshTokenExpiry: lasts},
		oauth.TokenExchangeGrant:     grant.TokenExchange{Environment: dice, Subjects: subjectTokens{keys, s.store}, Resource: c.Env.AcmeURL.String()},
		oauth.JWTBearerGrant:         grant.JWTBearer{Environment: dice, Issuer: issuer, Clients: s.store.Client, Keys: clientKeys, People: s.store, Spent: s.store, Grants: s.store},
	}
	if c.Env.LegacyGrants {
		all[oauth.PasswordGrant] = grant.Password{Environment: dice, People: s.endpoints, Grants: s.store, RefreshTokenExpiry: lasts}
	}
	return all
}

// subjectTokens reads tokens with the keys and knows their fate from the store.
type subjectTokens struct {
	*token.Keys
	*store.Store
}

// Rules lists every check of the program.
func Rules() []check.Rule { return append(endpoint.Rules(), grant.Rules()...) }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// purgeInterval is how often what has expired is forgotten.
const purgeInterval = 5 * time.Minute

// Work does what happens between requests, until ctx ends.
func (s *Server) Work(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.ring.work(ctx) })
	all.Go(func() { s.notifier.Work(ctx) })
	all.Go(func() { s.purge(ctx) })
	all.Go(func() { s.expire(ctx) })
	all.Go(func() { s.letters.Work(ctx) })
	all.Go(func() { s.tap.Work(ctx) })
	all.Wait()
}

// expireInterval is how late somebody may be told that a consent has run out. Its
// tokens have ended by themselves.
const expireInterval = 5 * time.Second

// expire ends what has run out by its date, until ctx ends.
func (s *Server) expire(ctx context.Context) {
	ticker := time.NewTicker(expireInterval)
	defer ticker.Stop()
	for {
		if err := s.store.EndExpired(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.log.Error("consents that have run out could not be ended", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// purge forgets what has expired, until ctx ends.
func (s *Server) purge(ctx context.Context) {
	ticker := time.NewTicker(purgeInterval)
	defer ticker.Stop()
	for {
		s.endpoints.Purge()
		if err := s.store.Purge(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.log.Error("expired entries could not be removed", "error", err)
		}
		if err := s.store.EndUnused(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.log.Error("consents that nobody used could not be ended", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.endpoints.Stop()
			return
		}
	}
}

// Close writes what is waiting and closes the database.
func (s *Server) Close() error { return s.store.Close() }

// expander puts the programs' URLs into what the seed registers, at every
// start: a changed port changes them.
func expander(env environment.Environment) func(string) string {
	return strings.NewReplacer("{ACME_URL}", env.AcmeURL.String(), "{DREAMS_URL}", env.DreamsURL.String()).Replace
}

// notified says how an address that a client registered to be told at is called: the other two
// programs where their back channel is, everybody else as a stranger.
func notified(c program.Config, expand func(string) string) func(uri string) *http.Client {
	seeded := map[string]bool{}
	for _, client := range seed.Clients() {
		seeded[expand(client.BackchannelLogoutURI)], seeded[expand(client.SecurityEventsURI)] = true, true
	}
	back := ours(c)
	strangers := outbound.Client(bool(c.Env.AllowPrivateURIs))
	return func(uri string) *http.Client {
		if seeded[uri] {
			return back
		}
		return strangers
	}
}

// ours calls the other two programs, where their back channel is.
func ours(c program.Config) *http.Client {
	return &http.Client{
		Transport:     c.Back,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// unusableSeal words why private keys do not open.
func unusableSeal(env environment.Environment, err error) error {
	if !store.Sealed(err) {
		return err
	}
	return program.Unusable{
		Variable: "KEY_ENCRYPTION_KEY", Value: env.KeyEncryptionKey.String(),
		Expected: "the signing keys in the database are encrypted: expected the key that they were encrypted with",
	}
}

// fill stores the seed.
func (s *Server) fill(ctx context.Context, passwords *password.Hasher) error {
	var first store.Seed
	for _, u := range seed.Users() {
		hash, err := passwords.Hash(u.Password)
		if err != nil {
			return err
		}
		first.Users = append(first.Users, store.NewUser{
			User:         oauth.User{Sub: u.Sub, Username: u.Username, Name: u.Name, Email: u.Email, Picture: u.Picture, Operator: u.Operator},
			PasswordHash: hash,
		})
	}
	for _, c := range seed.Clients() {
		client, err := clientOf(c)
		if err != nil {
			return err
		}
		first.Clients = append(first.Clients, store.NewClient{Client: client})
	}
	return s.store.Fill(ctx, first, s.now())
}

func clientOf(c seed.Client) (oauth.Client, error) {
	since, err := time.Parse(time.DateOnly, c.Since)
	if err != nil {
		return oauth.Client{}, fmt.Errorf("client %s: %w", c.ID, err)
	}
	client := oauth.Client{
		ID: c.ID, Name: c.Name, Kind: c.Kind, AuthMethods: c.TokenEndpointAuthMethods, GrantTypes: c.GrantTypes,
		Scope: c.Scopes, RedirectURIs: c.RedirectURIs, Resource: c.Resource, RequirePKCE: c.RequirePKCE, FirstParty: c.FirstParty,
		AlwaysAsk: c.AlwaysAsk, Purpose: c.Purpose, Developer: c.Developer, Homepage: c.Homepage, Verified: c.Verified,
		Since: since, Reasons: c.Reasons, ActsFor: c.ActsFor, AuthorizationDetailsTypes: c.AuthorizationDetailsTypes,
		PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, BackchannelLogoutURI: c.BackchannelLogoutURI,
		BackchannelLogoutSessionRequired: c.BackchannelLogoutURI != "", SecurityEventsURI: c.SecurityEventsURI,
	}
	if client.Keys, err = store.PublicKeys(c.JWKS); err != nil {
		return oauth.Client{}, fmt.Errorf("client %s: %w", c.ID, err)
	}
	if c.Secret != "" {
		client.Secrets = []oauth.Secret{{Hash: oauth.HashSecret(c.Secret)}}
	}
	return client, nil
}

// refuseDemoSecrets stops the start where strangers could reach people and
// applications whose passwords and secrets are in this repository.
func (s *Server) refuseDemoSecrets(ctx context.Context, env environment.Environment) error {
	public := env.AuthserverURL
	if public.Loopback() || bool(env.AllowDemoSecrets) {
		return nil
	}
	var subs, ids []string
	var hashes [][]byte
	for _, u := range seed.Users() {
		subs = append(subs, u.Sub)
	}
	for _, c := range seed.Clients() {
		if c.Secret != "" {
			ids, hashes = append(ids, c.ID), append(hashes, oauth.HashSecret(c.Secret))
		}
	}
	demo, err := s.store.DemoSecrets(ctx, subs, ids, hashes)
	if err != nil || !demo {
		return err
	}
	return program.Unusable{
		Variable: "AUTHSERVER_URL", Value: public.String(),
		Expected: "the database holds the demonstration's people and secrets, which everybody knows: expected a loopback URL, or ALLOW_DEMO_SECRETS=on on a classroom's network",
	}
}

// personas are the classroom's people, for the buttons on the login page. A
// server that others can reach only starts with them where that was allowed.
func personas() []endpoint.Persona {
	var all []endpoint.Persona
	for _, u := range seed.Users() {
		first, _, _ := strings.Cut(u.Name, " ")
		all = append(all, endpoint.Persona{Username: u.Username, Password: u.Password, Name: first, About: u.About})
	}
	return all
}
