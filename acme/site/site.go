// Package site is Acme Travel's website: the handlers of its pages, and the
// sign-in with the Acme account, for which the site is an OpenID Connect client
// of the authorization server like any other.
package site

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

// clientID is the site's own registration at the authorization server.
const clientID = "acme-web"

// Config is what the site is composed from.
type Config struct {
	Store  *store.Store
	Env    environment.Environment
	Now    func() time.Time
	Ahead  func() time.Duration // of the room's clock; nil: there is none
	Random io.Reader
	Back   http.RoundTripper // connections to the authorization server
	Checks check.Runner
	Log    *slog.Logger
}

// Site is the website.
type Site struct {
	store    *store.Store
	env      environment.Environment
	now      func() time.Time
	ahead    func() time.Duration
	random   io.Reader
	checks   check.Runner
	log      *slog.Logger
	sessions *scs.SessionManager
	accounts *accounts
	apps     map[string]app // by client_id

	uploads, drawing chan struct{} // places for pictures that are read, and drawn
}

// New composes the site. It calls nobody: the authorization server may be down.
func New(c Config) (*Site, error) {
	clients := seed.Clients()
	i := slices.IndexFunc(clients, func(client seed.Client) bool { return client.ID == clientID })
	if i < 0 {
		return nil, errors.New("site: the client " + clientID + " is not in seed/clients.json")
	}
	return &Site{
		store: c.Store, env: c.Env, now: c.Now, ahead: c.Ahead, random: c.Random, checks: c.Checks, log: c.Log,
		sessions: newSessions(c.Store.Sessions(), c.Env.AcmeURL.Secure()),
		accounts: newAccounts(c, clients[i].Secret), apps: apps(),
		uploads: make(chan struct{}, uploadsAtOnce), drawing: make(chan struct{}, drawnAtOnce),
	}, nil
}

// Route is one request that the site answers.
type Route struct {
	Method, Path string
	Handler      echo.HandlerFunc
	Purpose      string
}

// Routes is every request that the site answers.
func (s *Site) Routes() []Route {
	return []Route{
		{"GET", "/", s.home, "front page"},
		{"GET", "/packages", s.packages, "the catalogue: search, tags, pages"},
		{"GET", "/packages/:id", s.onePackage, "one journey with its reviews"},
		{"POST", "/packages/:id/reviews", s.signedIn(s.writeReview), "publish a review"},
		{"GET", "/stories", s.stories, "published posts"},
		{"GET", "/stories/:id", s.story, "one published post"},
		{"GET", "/stories/:id/pictures/:name", s.storyPicture, "a picture of a published post"},
		{"GET", "/recommended", s.signedIn(s.recommended), "what Acme itself would suggest"},

		{"GET", "/me", s.signedIn(s.me), "what Acme knows about the person"},
		{"GET", "/me/access", s.signedIn(s.accesses), "who used the API in the person's name"},
		{"GET", "/me/access.csv", s.signedIn(s.accessesCSV), "the same, as a table to keep"},
		{"POST", "/me/preferences", s.signedIn(s.savePreferences), "change preferences"},
		{"GET", "/me/posts/new", s.signedIn(s.newPost), "form for a new post"},
		{"POST", "/me/posts", s.signedIn(s.createPost), "write a post"},
		{"GET", "/me/posts/:id", s.signedIn(s.post), "one's own post, unpublished ones too"},
		{"POST", "/me/posts/:id", s.signedIn(s.savePost), "change one's own post"},
		{"GET", "/me/posts/:id/edit", s.signedIn(s.editPost), "form for one's own post"},
		{"POST", "/me/posts/:id/published", s.signedIn(s.publishPost), "publish or unpublish"},
		{"GET", "/me/posts/:id/delete", s.signedIn(s.askDeletePost), "is the post to be deleted?"},
		{"POST", "/me/posts/:id/delete", s.signedIn(s.deletePost), "delete one's own post with its pictures"},
		{"POST", "/me/posts/:id/pictures", s.signedIn(s.addPicture), "upload a picture"},
		{"POST", "/me/posts/:id/pictures/:name/delete", s.signedIn(s.removePicture), "take a picture out of one's own post"},
		{"GET", "/me/posts/:id/pictures/:name", s.signedIn(s.postPicture), "a picture of one's own post"},

		{"GET", "/login", s.login, "begin to sign in: redirects to the authorization server"},
		{"GET", "/callback", s.callback, "the authorization response (redirect URI)"},
		{"POST", "/logout", s.logout, "end Acme Travel's session"},
		{"GET", "/logout/accounts", s.logoutAccounts, "end the session at the authorization server too: redirects to it"},
		{"GET", signedOutPath, s.signedOut, "what ended and what did not"},
		{"POST", BackchannelLogoutPath, s.backchannelLogout, "the authorization server tells that somebody signed out"},

		{"GET", "/mobile", s.mobile, "Acme's first app for telephones: what was wrong with it"},
		{"POST", "/mobile", s.mobileSignIn, "the password grant"},

		{"GET", "/developers", s.developers, "the API in short"},
		{"GET", "/help", s.help, "questions and answers"},
		{"POST", "/theme", echo.WrapHandler(views.ThemeHandler(themeCookie, s.env.AcmeURL.Secure())), "light, dark, projector"},
	}
}

// Register puts the routes on e.
func (s *Site) Register(e *echo.Echo) {
	for _, r := range s.Routes() {
		e.Add(r.Method, r.Path, s.withSession(r.Handler))
	}
}

// Work forgets what has expired, now and every hour until ctx ends.
func (s *Site) Work(ctx context.Context) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		if err := s.store.Purge(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("what has expired could not be deleted", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
