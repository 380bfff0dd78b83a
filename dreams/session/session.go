// Package session ties requests to a browser, and a browser to the person who
// is signed in at Dreams. The cookie holds a random token; the database knows
// its SHA-256.
package session

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/acme-dreams/dreams/flow"
)

const (
	anonymousLifetime = time.Hour
	signedInLifetime  = 30 * 24 * time.Hour

	keyBrowser = "browser"
	keyPerson  = "person"
	keySID     = "sid"
)

// Sessions is the sessions of one server.
type Sessions struct {
	manager *scs.SessionManager
	now     func() time.Time
	random  io.Reader
}

// New returns sessions that are kept in store. secure: browsers reach us by TLS.
func New(store scs.CtxStore, secure bool, now func() time.Time, random io.Reader) *Sessions {
	// Not scs.New, which starts a store in memory with a goroutine of its own.
	manager := &scs.SessionManager{
		Store: store, HashTokenInStore: true, Codec: scs.GobCodec{}, Lifetime: signedInLifetime,
		Cookie: scs.SessionCookie{
			Name: CookieName("dreams_session", secure), Path: "/", HttpOnly: true, Secure: secure,
			// Lax: the browser must bring the cookie when the authorization server
			// sends it back to /callback, and must not on another site's POST.
			SameSite: http.SameSiteLaxMode,
			Persist:  false, // gone with the browser's window
		},
	}
	return &Sessions{manager, now, random}
}

// CookieName adds the prefix that makes a browser insist on Secure, Path=/ and
// no Domain (RFC 6265bis §4.1.3.2), where there is TLS to be secure by.
func CookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// Load returns the request with its session in its context.
func (s *Sessions) Load(r *http.Request) (*http.Request, error) {
	token := ""
	if cookie, err := r.Cookie(s.manager.Cookie.Name); err == nil {
		token = cookie.Value
	}
	ctx, err := s.manager.Load(r.Context(), token)
	if err != nil {
		return nil, err
	}
	return r.WithContext(ctx), nil
}

// Save writes a changed session to the store and the cookie to the answer. Call
// it before the answer's header is written, so that a session that could not
// be stored can still be told.
func (s *Sessions) Save(ctx context.Context, w http.ResponseWriter) error {
	switch s.manager.Status(ctx) {
	case scs.Modified:
		token, expiry, err := s.manager.Commit(ctx)
		if err != nil {
			return err
		}
		s.manager.WriteSessionCookie(ctx, w, token, expiry)
		w.Header().Set("Cache-Control", "no-store") // scs would have a copy without the cookie kept
	case scs.Destroyed:
		s.manager.WriteSessionCookie(ctx, w, "", time.Time{})
		w.Header().Set("Cache-Control", "no-store")
	}
	return nil
}

// Browser names the browser that the session belongs to; empty: it has none.
func (s *Sessions) Browser(ctx context.Context) string {
	return s.manager.GetString(ctx, keyBrowser)
}

// Begin is Browser, and starts a session where there is none.
func (s *Sessions) Begin(ctx context.Context) (string, error) {
	if browser := s.Browser(ctx); browser != "" {
		return browser, nil
	}
	browser, err := flow.Unguessable(s.random)
	if err != nil {
		return "", err
	}
	s.manager.SetDeadline(ctx, s.now().Add(anonymousLifetime))
	s.manager.Put(ctx, keyBrowser, browser)
	return browser, nil
}

// Person is who is signed in; 0: nobody.
func (s *Sessions) Person(ctx context.Context) int64 {
	return s.manager.GetInt64(ctx, keyPerson)
}

// SignIn signs a person in under a new session id: one that somebody planted
// before (session fixation) stays anonymous. sid is the session at the
// authorization server, which may end before ours.
func (s *Sessions) SignIn(ctx context.Context, person int64, sid string) error {
	if err := s.manager.RenewToken(ctx); err != nil {
		return err
	}
	s.manager.SetDeadline(ctx, s.now().Add(signedInLifetime))
	s.manager.Put(ctx, keyPerson, person)
	s.manager.Put(ctx, keySID, sid)
	return nil
}

// Whose tells for a session as it is stored who is signed in, and with which
// session at the authorization server. 0 and empty: nobody, none.
func Whose(data []byte) (person int64, sid string, err error) {
	_, values, err := scs.GobCodec{}.Decode(data)
	person, _ = values[keyPerson].(int64)
	sid, _ = values[keySID].(string)
	return person, sid, err
}

// WithoutPerson is a stored session after its person was signed out from elsewhere.
// The browser stays who it is: it may be on its way back from the authorization
// server, with the answer to something else.
func WithoutPerson(data []byte, now time.Time) ([]byte, time.Time, error) {
	deadline, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return nil, time.Time{}, err
	}
	if end := now.Add(anonymousLifetime); end.Before(deadline) {
		deadline = end
	}
	delete(values, keyPerson)
	delete(values, keySID)
	data, err = scs.GobCodec{}.Encode(deadline, values)
	return data, deadline, err
}

// SignOut ends the session.
func (s *Sessions) SignOut(ctx context.Context) error {
	return s.manager.Destroy(ctx)
}
