package site

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/store"
)

const (
	sessionLifetime = 12 * time.Hour
	signInLifetime  = 15 * time.Minute // for somebody who has begun to sign in
	maxPending      = 5                // sign-ins that one browser has begun, in tabs side by side
)

// What a session holds. Access tokens are not among it: the site needs one for a
// moment at sign-in, and what is not kept cannot be stolen. The ID token opens
// nothing, and tells the authorization server whose session is to end.
const (
	sessionSub     = store.SessionSub
	sessionSID     = store.SessionSID
	sessionName    = "name"
	sessionPending = "pending"
	sessionIDToken = "id_token" // still there for a while after signing out

	sessionLogoutState = "logout_state" // of a request to sign out at the authorization server
)

// newSessions is scs.New without the store in memory that New would start a
// goroutine for.
func newSessions(kept *store.Sessions, secure bool) *scs.SessionManager {
	m := &scs.SessionManager{
		Store:    kept,
		Codec:    scs.GobCodec{},
		Lifetime: sessionLifetime,
		Cookie:   scs.SessionCookie{Name: "acme_session", Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode},
	}
	if secure {
		// RFC 6265bis §4.1.3.2: a browser takes such a cookie from this host
		// alone, over TLS, so no neighbour can plant one.
		m.Cookie.Name = "__Host-acme_session"
	}
	return m
}

// withSession finds the session that the cookie names, or begins an empty one
// that nothing remembers until keepSession.
func (s *Site) withSession(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.loadSession(c); err != nil {
			return err
		}
		return next(c)
	}
}

func (s *Site) loadSession(c echo.Context) error {
	r := c.Request()
	var token string
	if cookie, err := r.Cookie(s.sessions.Cookie.Name); err == nil {
		token = cookie.Value
	}
	ctx, err := s.sessions.Load(r.Context(), token)
	if err != nil {
		return err
	}
	c.SetRequest(r.WithContext(ctx))
	return nil
}

// keepSession writes the session and its cookie. It comes before the answer is
// begun, so that an error can still be told.
func (s *Site) keepSession(c echo.Context, lifetime time.Duration) error {
	ctx := c.Request().Context()
	s.sessions.SetDeadline(ctx, s.now().Add(lifetime).UTC())
	token, expiry, err := s.sessions.Commit(ctx)
	if err != nil {
		return err
	}
	s.sessions.WriteSessionCookie(ctx, c.Response(), token, expiry)
	c.Response().Header().Set("Cache-Control", "no-store") // scs would have a copy without the cookie kept
	return nil
}

// person is who is signed in; without a sub, nobody.
type person struct{ Sub, Name string }

func (s *Site) person(c echo.Context) person {
	ctx := c.Request().Context()
	return person{s.sessions.GetString(ctx, sessionSub), s.sessions.GetString(ctx, sessionName)}
}

// signedIn lets nobody in who isn't. Somebody who asks for a page is sent to
// sign in and comes back; somebody who sent a form stays where it can be sent
// again, or what was typed would be lost.
func (s *Site) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch r := c.Request(); {
		case s.person(c).Sub != "":
			return next(c)
		case r.Method == http.MethodGet:
			return c.Redirect(http.StatusSeeOther, loginFor(r.URL.RequestURI()))
		default:
			return s.render(c, http.StatusUnauthorized, page.SignInFirstPage(s.frame(c, "Sign in first"), loginFor("/me")))
		}
	}
}

// loginFor is the link that signs somebody in and leads back.
func loginFor(path string) string {
	return "/login?next=" + url.QueryEscape(path)
}

// pendingSignIn is what has to be remembered between the authorization request
// and its response.
type pendingSignIn struct {
	State, Nonce, CodeVerifier string
	Next                       string // where to go afterwards
	BegunAt                    time.Time
}

// pending lists the sign-ins that this browser began and that can still end.
func (s *Site) pending(c echo.Context) []pendingSignIn {
	var all, live []pendingSignIn
	stored := s.sessions.GetString(c.Request().Context(), sessionPending)
	if stored == "" || json.Unmarshal([]byte(stored), &all) != nil {
		return nil
	}
	for _, p := range all {
		if s.now().Sub(p.BegunAt) < signInLifetime {
			live = append(live, p)
		}
	}
	return live
}

// setPending replaces them; the oldest give way.
func (s *Site) setPending(c echo.Context, all []pendingSignIn) error {
	b, err := json.Marshal(all[max(0, len(all)-maxPending):])
	if err != nil {
		return err
	}
	s.sessions.Put(c.Request().Context(), sessionPending, string(b))
	return nil
}
