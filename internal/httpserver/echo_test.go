package httpserver

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// site is a server as the programs compose one, with a route for each way to
// end badly. What it logs goes to log.
func site(t *testing.T, log io.Writer, change ...func(*Settings)) *echo.Echo {
	t.Helper()
	s := Settings{
		Name: "acme", PublicURL: "http://localhost:9001",
		Log:         slog.New(slog.NewTextHandler(log, nil)),
		Ready:       func(context.Context) error { return nil },
		CrossOrigin: func(path string) bool { return path == "/token" },
		Error: func(c echo.Context, err error) {
			status := http.StatusInternalServerError
			var refusal *echo.HTTPError
			if errors.As(err, &refusal) {
				status = refusal.Code
			}
			_ = c.String(status, http.StatusText(status))
		},
	}
	for _, c := range change {
		c(&s)
	}
	e := New(s)
	ok := func(c echo.Context) error { return c.String(http.StatusOK, "hello") }
	e.GET("/", ok)
	e.GET("/consent", func(c echo.Context) error {
		AllowFormAction(c, "https://client.example")
		return c.String(http.StatusOK, "allow?")
	})
	form := func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return fmt.Errorf("reading the form: %w", err)
		}
		return c.String(http.StatusOK, fmt.Sprint(len(body)))
	}
	e.POST("/form", form)
	e.POST("/token", form)
	e.GET("/fails", func(echo.Context) error { return errors.New("the database's password is hunter2") })
	e.GET("/panics", func(echo.Context) error { panic("out of cheese") })
	e.GET("/panics-late", func(c echo.Context) error {
		_ = c.String(http.StatusOK, "half of ")
		panic("out of cheese")
	})
	return e
}

func do(e http.Handler, method, target, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost:9001"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSecurityHeadersStandOnEveryAnswer(t *testing.T) {
	e := site(t, io.Discard)
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"X-Frame-Options":         "DENY",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Cache-Control":           "no-store",
	}
	for _, tt := range []struct {
		method, target string
		status         int
		header         []string
	}{
		{"GET", "/", 200, nil},
		{"GET", "/healthz", 200, nil},
		{"GET", "/readyz", 200, nil},
		{"GET", "/nowhere", 404, nil},
		{"DELETE", "/", 405, nil},
		{"GET", "/fails", 500, nil},
		{"GET", "/panics", 500, nil},
		{"GET", "/?a=%zz", 400, nil},
		{"POST", "/form", 415, []string{"Content-Encoding", "gzip"}},
		{"POST", "/form", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"GET", "/", 303, []string{"Host", "127.0.0.1:9001", "Accept", "text/html"}},
	} {
		resp := do(e, tt.method, tt.target, "", tt.header...)
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s %q: status %d, want %d", tt.method, tt.target, tt.header, resp.StatusCode, tt.status)
		}
		for name, value := range want {
			if got := resp.Header.Get(name); got != value {
				t.Errorf("%s %s %q: %s is %q, want %q", tt.method, tt.target, tt.header, name, got, value)
			}
		}
		if resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s %s: Strict-Transport-Security over plain HTTP", tt.method, tt.target)
		}
	}
}

func TestStrictTransportSecurityBehindATLSProxy(t *testing.T) {
	e := site(t, io.Discard, func(s *Settings) { s.PublicURL = "https://acme.example" })
	if got := do(e, "GET", "/nowhere", "").Header.Get("Strict-Transport-Security"); got == "" {
		t.Error("it is missing")
	}
}

func TestScriptsMayCallOnlyWhatThePathMay(t *testing.T) {
	e := site(t, io.Discard, func(s *Settings) {
		s.ConnectTo = func(path string) []string {
			if path == "/consent" {
				return nil
			}
			return []string{"http://localhost:9000"}
		}
	})
	for path, want := range map[string]string{"/": "connect-src 'self' http://localhost:9000;", "/consent": "connect-src 'self';"} {
		if got := do(e, "GET", path, "").Header.Get("Content-Security-Policy"); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", path, got, want)
		}
	}
}

func TestAllowFormActionNamesTheClientsOrigin(t *testing.T) {
	got := do(site(t, io.Discard), "GET", "/consent", "").Header.Get("Content-Security-Policy")
	if !strings.Contains(got, "form-action 'self' https://client.example;") || !strings.Contains(got, "default-src 'none';") {
		t.Errorf("got %q", got)
	}
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	if got := do(site(t, io.Discard), "DELETE", "/form", "").Header.Get("Allow"); !strings.Contains(got, "POST") {
		t.Errorf("Allow is %q", got)
	}
}

func TestAQueryThatDoesNotDecodeIsRefused(t *testing.T) {
	for _, query := range []string{"a=%zz", "a=1;b=2", "%"} {
		if resp := do(site(t, io.Discard), "GET", "/?"+query, ""); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", query, resp.StatusCode)
		}
	}
}

func TestAFormThatDoesNotDecodeIsRefused(t *testing.T) {
	for form, status := range map[string]int{
		"a=%zz": 400, "a=%": 400, "a=%4": 400, "a=1;b=2": 400, "%4g": 400, "a=%41%4a%4A&b=+%25%3B": 200, "": 200, "a=é&=&&": 200,
	} {
		if _, err := url.ParseQuery(form); (err == nil) != (status == 200) {
			t.Errorf("%q: url.ParseQuery says %v", form, err)
		}
		if resp := do(site(t, io.Discard), "POST", "/form", form, "Content-Type", "application/x-www-form-urlencoded"); resp.StatusCode != status {
			t.Errorf("%q: %d, want %d", form, resp.StatusCode, status)
		}
	}
	// Another type is for its handler to read.
	if resp := do(site(t, io.Discard), "POST", "/form", "a=%zz", "Content-Type", "text/plain"); resp.StatusCode != 200 {
		t.Errorf("text/plain: %d", resp.StatusCode)
	}
}

func TestACompressedBodyIsRefused(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 10<<20))
	_ = z.Close()
	for encoding, status := range map[string]int{"gzip": 415, "br": 415, "identity": 200} {
		if resp := do(site(t, io.Discard), "POST", "/form", bomb.String(), "Content-Encoding", encoding); resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", encoding, resp.StatusCode, status)
		}
	}
}

func TestABodyIsAtMostAMebibyte(t *testing.T) {
	e := site(t, io.Discard)
	for size, status := range map[int]int{maxBody: 200, maxBody + 1: 413} {
		if resp := do(e, "POST", "/form", strings.Repeat("a", size)); resp.StatusCode != status {
			t.Errorf("%d bytes: %d, want %d", size, resp.StatusCode, status)
		}
		r := httptest.NewRequest("POST", "http://localhost:9001/form", strings.NewReader(strings.Repeat("a", size)))
		r.ContentLength = -1 // chunked: the length is told nowhere
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%d bytes in chunks: %d, want %d", size, w.Code, status)
		}
	}
}

func TestAnotherNameOfThisComputerLeadsToThePublicOne(t *testing.T) {
	for _, tt := range []struct {
		public, host, method, accept string
		location                     string // empty: answered where it was asked
	}{
		{"http://localhost:9001", "127.0.0.1:9001", "GET", "text/html", "http://localhost:9001/?a=b%20c"},
		{"http://localhost:9001", "[::1]:9001", "GET", "text/html,*/*", "http://localhost:9001/?a=b%20c"},
		{"http://localhost:9001", "acme.localhost:9001", "HEAD", "text/html", "http://localhost:9001/?a=b%20c"},
		{"http://127.0.0.1:9001", "localhost:9001", "GET", "text/html", "http://127.0.0.1:9001/?a=b%20c"},
		{"http://localhost:80", "127.0.0.1", "GET", "text/html", "http://localhost:80/?a=b%20c"},

		{"http://localhost:9001", "localhost:9001", "GET", "text/html", ""},
		{"http://localhost:80", "localhost", "GET", "text/html", ""}, // browsers leave the scheme's port out
		{"http://LocalHost:9001", "localhost:9001", "GET", "text/html", ""},
		{"http://localhost:9001", "127.0.0.1:9001", "GET", "application/json", ""},       // a program asks
		{"http://localhost:9001", "127.0.0.1:9999", "GET", "text/html", ""},              // a proxy rewrote Host: no endless redirect
		{"https://localhost:9001", "127.0.0.1:9001", "GET", "text/html", ""},             // likewise, with TLS before us
		{"http://localhost:9001", "acme.example:9001", "GET", "text/html", ""},           // not this computer
		{"http://acme.example:9001", "127.0.0.1:9001", "GET", "text/html", ""},           // the public one is not this computer
		{"http://localhost:9001", "localhost.evil.example:9001", "GET", "text/html", ""}, // only looks like it
	} {
		e := site(t, io.Discard, func(s *Settings) { _ = s.PublicURL.UnmarshalText([]byte(tt.public)) })
		resp := do(e, tt.method, "/?a=b%20c", "", "Host", tt.host, "Accept", tt.accept)
		if got := resp.Header.Get("Location"); got != tt.location || (tt.location == "") != (resp.StatusCode == http.StatusOK) {
			t.Errorf("%s at %s (%s, %s): %d %q, want %q", tt.host, tt.public, tt.method, tt.accept, resp.StatusCode, got, tt.location)
		}
	}
	if resp := do(site(t, io.Discard), "POST", "/form", "", "Host", "127.0.0.1:9001", "Accept", "text/html"); resp.StatusCode != http.StatusOK {
		t.Errorf("a form was redirected: %d", resp.StatusCode)
	}
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	for _, tt := range []struct {
		public, path string
		header       []string
		status       int
	}{
		{"http://localhost:9001", "/form", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"http://localhost:9001", "/form", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:9002"}, 403},
		{"http://localhost:9001", "/form", []string{"Origin", "https://evil.example"}, 403},
		{"http://localhost:9001", "/form", []string{"Origin", "null"}, 403},
		{"http://localhost:9001", "/form", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:9001"}, 200},
		{"http://localhost:9001", "/form", []string{"Origin", "http://localhost:9001"}, 200},
		{"http://localhost:9001", "/form", nil, 200}, // curl
		{"http://localhost:9001", "/token", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://client.example"}, 200},
		// Behind a proxy that rewrites Host, the public origin is ours still.
		{"https://acme.example", "/form", []string{"Origin", "https://acme.example"}, 200},
		{"https://acme.example", "/form", []string{"Origin", "http://acme.example"}, 403},
	} {
		e := site(t, io.Discard, func(s *Settings) { _ = s.PublicURL.UnmarshalText([]byte(tt.public)) })
		if resp := do(e, "POST", tt.path, "a=b", tt.header...); resp.StatusCode != tt.status {
			t.Errorf("%s %q: %d, want %d", tt.path, tt.header, resp.StatusCode, tt.status)
		}
	}
	if resp := do(site(t, io.Discard), "GET", "/", "", "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusOK {
		t.Errorf("a link from another site was refused: %d", resp.StatusCode)
	}
}

func TestAPanicIsA500ThatTellsTheLogAlone(t *testing.T) {
	for _, path := range []string{"/panics", "/fails"} {
		var log bytes.Buffer
		resp := do(site(t, &log), "GET", path, "")
		if body := text(t, resp); resp.StatusCode != http.StatusInternalServerError || body != "Internal Server Error" {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
		if path == "/panics" && (!strings.Contains(log.String(), "out of cheese") || !strings.Contains(log.String(), "echo_test.go")) {
			t.Errorf("the log does not tell what panicked, and where: %s", log.String())
		}
	}
}

func TestAPanicInTheMiddleBreaksTheAnswerOff(t *testing.T) {
	server := httptest.NewServer(site(t, io.Discard))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	resp, err := http.Get(server.URL + "/panics-late")
	if err != nil {
		return // broken off before anything was sent
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%q passed for a whole answer", body)
	}
}

func TestReadyOnlyWhileTheDatabaseAnswers(t *testing.T) {
	e := site(t, io.Discard, func(s *Settings) { s.Ready = func(context.Context) error { return errors.New("disk on fire") } })
	resp := do(e, "GET", "/readyz", "")
	if body := text(t, resp); resp.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "fire") {
		t.Errorf("/readyz: %d %q", resp.StatusCode, body)
	}
	if resp := do(e, "GET", "/healthz", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %d", resp.StatusCode)
	}
}

func TestTheAccessLogHasNoQuery(t *testing.T) {
	var log bytes.Buffer
	e := site(t, &log, func(s *Settings) {
		s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for target, status := range map[string]int{"/?code=SplxlOBeZQQYbYS6WxSbIA": 200, "/nowhere?code=SplxlOBeZQQYbYS6WxSbIA": 404} {
		log.Reset()
		do(e, "GET", target, "")
		if !strings.Contains(log.String(), fmt.Sprint("status=", status)) || strings.Contains(log.String(), "Splx") {
			t.Errorf("%s: logged %s", target, log.String())
		}
	}
}

func TestTheClientsAddressIsTheConnections(t *testing.T) {
	e := site(t, io.Discard)
	e.GET("/ip", func(c echo.Context) error { return c.String(http.StatusOK, c.RealIP()) })
	if got := text(t, do(e, "GET", "/ip", "", "X-Forwarded-For", "10.0.0.1", "X-Real-IP", "10.0.0.2")); got != "192.0.2.1" {
		t.Errorf("got %s: anybody could write that header", got)
	}
}

func TestWhatAHandlerSaysEndsWithItsAnswer(t *testing.T) {
	e := site(t, io.Discard)
	e.GET("/public", func(c echo.Context) error {
		c.Response().Header().Add("Cache-Control", "public")
		return c.NoContent(http.StatusOK)
	})
	for range 2 {
		if got := do(e, http.MethodGet, "/public", "").Header.Values("Cache-Control"); len(got) != 2 {
			t.Errorf("Cache-Control is %q, want no-store and public", got)
		}
	}
}
