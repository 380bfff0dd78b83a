package site_test

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/site"
	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/views"
)

const (
	alice = "u_7Qm2kXf0Rb9sTzLw"
	bob   = "u_Vn4dPy8HcE1gJq6A"
)

// world is Acme's website beside a provider that does as it is told.
type world struct {
	t        *testing.T
	provider *provider
	acme     *httptest.Server
	store    *store.Store
	site     *site.Site
	now      time.Time
}

func newWorld(t *testing.T) *world { return newWorldWith(t, check.Runner{}) }

func newWorldWith(t *testing.T, checks check.Runner) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.provider = newProvider(clock)
	t.Cleanup(w.provider.Close)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	env, err := environment.Parse(map[string]string{"AUTHSERVER_URL": w.provider.URL, "ACME_URL": "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "acme.db"), clock, rand.Reader); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := site.New(site.Config{
		Store: w.store, Env: env, Now: clock, Random: rand.Reader, Back: http.DefaultTransport, Checks: checks, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	e := httpserver.New(httpserver.Settings{Name: "acme", PublicURL: env.AcmeURL, Log: log, Ready: w.store.Ping, Error: s.Error, Largest: site.Largest})
	e.GET("/static/*", echo.WrapHandler(views.Static()))
	s.Register(e)
	w.site = s
	w.acme = &httptest.Server{Listener: listener, Config: &http.Server{Handler: e}}
	w.acme.Start()
	t.Cleanup(w.acme.Close)
	return w
}

// browser keeps cookies and follows no redirect by itself.
type browser struct {
	world *world
	http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w, http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answered struct {
	*http.Response
	body string
}

func (b *browser) send(r *http.Request) answered {
	b.world.t.Helper()
	resp, err := b.Do(r)
	if err != nil {
		b.world.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.world.t.Fatal(err)
	}
	return answered{resp, string(body)}
}

// get asks for a path of Acme's, or for a whole URL.
func (b *browser) get(address string) answered {
	b.world.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.world.acme.URL + address
	}
	r, err := http.NewRequestWithContext(b.world.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.world.t.Fatal(err)
	}
	return b.send(r)
}

func (b *browser) post(path string, form url.Values) answered {
	b.world.t.Helper()
	r, err := http.NewRequestWithContext(b.world.t.Context(), http.MethodPost, b.world.acme.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.world.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.world.acme.URL)
	return b.send(r)
}

// signIn goes through the whole flow and ends at next.
func (b *browser) signIn(next string) answered {
	b.world.t.Helper()
	return b.get(b.beginSignIn(next))
}

// beginSignIn goes as far as the provider's response and returns the address
// that it sends the browser to.
func (b *browser) beginSignIn(next string) string {
	b.world.t.Helper()
	login := b.get("/login?next=" + url.QueryEscape(next))
	if login.StatusCode != http.StatusSeeOther {
		b.world.t.Fatalf("/login answered %d", login.StatusCode)
	}
	return b.get(login.Header.Get("Location")).Header.Get("Location")
}

// as is a browser that is signed in.
func (w *world) as(sub, name string) *browser {
	w.t.Helper()
	w.provider.UserInfo = map[string]any{"sub": sub, "name": name, "email": strings.ToLower(strings.Fields(name)[0]) + "@acme.test"}
	b := w.browser()
	if got := b.signIn("/me"); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/me" {
		w.t.Fatalf("sign-in ended with %d %s", got.StatusCode, got.Header.Get("Location"))
	}
	return b
}

func (b *browser) sessionCookie() string {
	b.world.t.Helper()
	u, _ := url.Parse(b.world.acme.URL)
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == "acme_session" {
			return c.Value
		}
	}
	return ""
}

func (a answered) wants(t *testing.T, status int, parts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: got status %d, want %d", a.Request.Method, a.Request.URL.Path, a.StatusCode, status)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s %s: %q is not on the page", a.Request.Method, a.Request.URL.Path, part)
		}
	}
}

func (a answered) lacks(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(a.body, part) {
			t.Errorf("%s %s: %q is on the page", a.Request.Method, a.Request.URL.Path, part)
		}
	}
}

func (a answered) goesTo(t *testing.T, location string) {
	t.Helper()
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != location {
		t.Fatalf("%s %s: got %d to %q, want 303 to %q", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header.Get("Location"), location)
	}
}
