package wiretap

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func client(base http.RoundTripper) *http.Client {
	tap := newTap(Client, time.Now, func(*url.URL) Party { return AuthorizationServer }, func(found) {})
	return &http.Client{Transport: tap.Transport(base)}
}

// send sends a body to a server that answers with another, and returns what the
// server got.
func send(t *testing.T, ctx context.Context, contentType, body, answer string) (got string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = string(b)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "session=s3cret")
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/token?q=1&password=hunter2", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Cookie", "session=s3cret")
	resp, err := client(http.DefaultTransport).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if read, _ := io.ReadAll(resp.Body); string(read) != answer {
		t.Errorf("the caller read %d bytes, want %d", len(read), len(answer))
	}
	return got
}

const form = "application/x-www-form-urlencoded"

func TestAnExchangeIsRecordedAsItWas(t *testing.T) {
	r := &Recording{}
	r.Say("asks for a token")
	send(t, With(t.Context(), r), form, "grant_type=refresh_token&refresh_token=rt_1", `{"access_token":"at_1"}`)
	all, dropped := r.Exchanges()
	if len(all) != 1 || dropped != 0 {
		t.Fatalf("%d exchanges", len(all))
	}
	e := all[0]
	if e.From != Client || e.To != AuthorizationServer || e.Front || e.Method != "POST" || e.Status != 200 || e.Caption != "asks for a token" ||
		e.Request.Body != "grant_type=refresh_token&refresh_token=rt_1" || e.Response.Body != `{"access_token":"at_1"}` {
		t.Errorf("%+v", e)
	}
}

func TestPasswordsAndCookiesAreNeverRecorded(t *testing.T) {
	for contentType, body := range map[string]string{
		form:               "grant_type=password&username=alice&password=hunter2",
		"application/json": `{"username":"alice","password":"hunter2"}`,
	} {
		r := &Recording{}
		if got := send(t, With(t.Context(), r), contentType, body, `{"password":"hunter2"}`); got != body {
			t.Errorf("what was sent has changed: %s", got)
		}
		all, _ := r.Exchanges()
		e := all[0]
		for _, text := range []string{e.URL, e.Request.Body, e.Response.Body, e.Request.Header.Get("Cookie"), e.Response.Header.Get("Set-Cookie")} {
			if strings.Contains(text, "hunter2") || strings.Contains(text, "s3cret") || !strings.Contains(text, "recorded") {
				t.Errorf("recorded: %s", text)
			}
		}
		if !strings.Contains(e.Request.Body, "alice") {
			t.Errorf("the rest is gone: %s", e.Request.Body)
		}
	}
}

func TestAPasswordInABodyThatIsCutIsNotRecordedEither(t *testing.T) {
	r := &Recording{}
	send(t, With(t.Context(), r), form, "password=hunter2&x="+strings.Repeat("a", MaxBody), "{}")
	all, _ := r.Exchanges()
	if strings.Contains(all[0].Request.Body, "hunter2") || !all[0].Request.Truncated {
		t.Errorf("%.40s", all[0].Request.Body)
	}
}

func TestBodiesAndExchangesAreBounded(t *testing.T) {
	r := &Recording{}
	ctx := With(t.Context(), r)
	large := strings.Repeat("a", 3*MaxBody)
	if got := send(t, ctx, "text/plain", large, large); got != large {
		t.Error("what was sent has changed")
	}
	all, _ := r.Exchanges()
	if e := all[0]; len(e.Request.Body) != MaxBody || len(e.Response.Body) != MaxBody || !e.Request.Truncated || !e.Response.Truncated {
		t.Errorf("kept %d and %d", len(e.Request.Body), len(e.Response.Body))
	}
	for range MaxExchanges + 5 {
		r.Browser(Client, "GET", "http://x", 200, "", time.Now())
	}
	if all, dropped := r.Exchanges(); len(all) != MaxExchanges || dropped != 6 {
		t.Errorf("%d kept, %d dropped", len(all), dropped)
	}
}

func TestWithoutARecordingNothingIsHeard(t *testing.T) {
	send(t, t.Context(), form, "a=b", "{}")
	var none *Recording
	send(t, With(t.Context(), none), form, "a=b", "{}")
	none.Say("x")
	none.Browser(Client, "GET", "http://x", 200, "", time.Now())
	if all, _ := none.Exchanges(); all != nil {
		t.Errorf("%v", all)
	}
	r := &Recording{}
	send(t, Without(With(t.Context(), r)), form, "a=b", "{}")
	if all, _ := r.Exchanges(); all != nil {
		t.Errorf("%v", all)
	}
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

func TestAFailureIsRecordedToo(t *testing.T) {
	r := &Recording{}
	req, _ := http.NewRequestWithContext(With(t.Context(), r), http.MethodGet, "http://x.test/", nil)
	if resp, err := client(broken{}).Do(req); err == nil {
		resp.Body.Close()
		t.Fatal("no error")
	}
	if all, _ := r.Exchanges(); len(all) != 1 || all[0].Status != 0 || all[0].Err != "refused" {
		t.Errorf("%+v", all)
	}
}

func TestMasksTellApartAndGiveNothingAway(t *testing.T) {
	secret := "rt_abcdefghijklmnopqrstuvwxyz"
	for value, want := range map[string]string{
		secret: "rt_abc…wxyz", "Bearer " + secret: "Bearer rt_abc…wxyz", "Basic short": "Basic ••••••", "short": "••••••",
	} {
		if got := Mask(value); got != want {
			t.Errorf("Mask(%q) = %q", value, got)
		}
	}
	if !Secret("Authorization") || !Secret("code_verifier") || Secret("scope") || Secret("client_id") {
		t.Error("wrong names are masked")
	}
}
