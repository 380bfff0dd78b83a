package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server/acmetest"
)

// What was answered is there after a restart.
func TestARestartKeepsEverything(t *testing.T) {
	authserver, data := bearertest.New(t), t.TempDir()
	a := acmetest.Start(t, authserver, data)
	token := a.Token(acmetest.Alice, allScopes)
	if answer := a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/me/posts", Token: token, Body: `{"title":"Kept","body":"x"}`}); answer.Status != 201 {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	before := a.Get("/api/v1/me/posts", token)
	if err := a.Server.Close(); err != nil {
		t.Fatal(err)
	}
	after := acmetest.Start(t, authserver, data).Get("/api/v1/me/posts", token)
	if string(after.Body) != string(before.Body) || !strings.Contains(string(after.Body), "Kept") {
		t.Errorf("before %s\nafter %s", before.Body, after.Body)
	}
}

// Acme starts alone and serves its pages; what needs the authorization server
// says so, and works when it comes up.
func TestAcmeStartsAlone(t *testing.T) {
	authserver := bearertest.New(t)
	authserver.Do(func() { authserver.Down = true })
	a := acmetest.Start(t, authserver, t.TempDir())
	token := a.Token(acmetest.Alice, "profile")
	if answer := a.Get("/", ""); answer.Status != 200 {
		t.Errorf("the front page: %d", answer.Status)
	}
	if answer := a.Get("/readyz", ""); answer.Status != 200 {
		t.Errorf("/readyz: %d", answer.Status)
	}
	isProblem(t, a.Get("/api/v1/me", token), 503)
	authserver.Do(func() { authserver.Down = false })
	within2s(t, "served", func() bool {
		authserver.Clock.Advance(1e9) // an unknown key is asked for once a second
		return a.Get("/api/v1/me", token).Status == 200
	})
}

// Pages fail as pages, the API as problem documents; both tell browsers what
// they must know.
func TestPagesFailAsPages(t *testing.T) {
	a := acmetest.New(t)
	for _, request := range []acmetest.Request{
		{Path: "/nowhere"}, {Path: "/packages/pk-nowhere"}, {Method: "DELETE", Path: "/packages"}, {Path: "/packages?q=%zz"}, {Path: "/static/nothing.css"},
	} {
		answer := a.Do(request)
		h := answer.Header
		if answer.Status < 400 || answer.Status >= 500 || strings.Contains(h.Get("Content-Type"), "json") ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s %s: %d %v", request.Method, request.Path, answer.Status, h)
		}
	}
	if css := a.Get("/static/app.css", ""); css.Status != 200 || !strings.HasPrefix(css.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d %v", css.Status, css.Header)
	}
}

// RFC 6819 §5.1.4: tokens open doors, and logs are read by many.
func TestNoTokenIsLogged(t *testing.T) {
	a := acmetest.New(t)
	good, forged := a.Token(acmetest.Alice, "profile"), a.Token(acmetest.Alice, "profile")+"x"
	a.Get("/api/v1/me", good)
	a.Get("/api/v1/me", forged)
	a.Get("/api/v1/packages", good)
	a.Get("/api/v1/me?access_token="+good, "")
	log := a.Log.String()
	if !strings.Contains(log, "/api/v1/me") {
		t.Fatalf("requests are not logged at all: %s", log)
	}
	for _, secret := range []string{good, strings.Split(good, ".")[2], bearertest.Secret} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestADatabaseThatCanNotBeOpenedStopsTheStart(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "acme.db"), []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := acmetest.Try(t, data); err == nil || !strings.Contains(err.Error(), "acme.db") {
		t.Errorf("got %v", err)
	}
}
