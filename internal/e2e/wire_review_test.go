package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A user code stands on a screen for everybody to read. Who types it into a message
// of their own run does not come to hear the tokens that it leads to.
func TestAUserCodeFromAScreenOpensNobodysRun(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	mallory := learner(t, w, "bob")
	s := stepThrough(t, w, mallory, "client-credentials")
	w.Client.Timeout = 10 * time.Second
	post := func(path string, form url.Values) string {
		resp, err := w.Client.PostForm(w.Auth+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	device := map[string]any{}
	answer := post("/device_authorization", url.Values{"client_id": {"dreams-tv"}, "scope": {"profile"}})
	if err := json.Unmarshal([]byte(answer), &device); err != nil {
		t.Fatal(answer)
	}
	code, _ := device["user_code"].(string)
	secret, _ := device["device_code"].(string)
	if code == "" || secret == "" {
		t.Fatal(answer)
	}
	form := s.b.Form(s.page, "method")
	names := append(append([]string{}, form.Fields["n"]...), "user_code")
	values := append(append([]string{}, form.Fields["v"]...), code)
	form = form.With(url.Values{"action": {"edit"}, "n": names, "v": values})
	form.Submit()
	post("/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"dreams-tv"}, "device_code": {secret}})
	time.Sleep(300 * time.Millisecond)
	text := mallory.Get(s.run + "/export.json?secrets=1").Body
	if strings.Contains(text, secret) {
		t.Error("the other's device code is in the run")
	}
	if !strings.Contains(text, "user_code="+code) {
		t.Error("the message was not sent as it was typed: this test tests nothing")
	}
}

// Without the wiretap no request names what it belongs to.
func TestWithoutTheWiretapRequestsNameNothing(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]bool{"on": true, "off": false} {
		var asked, named atomic.Int64
		w := New(t, Options{Env: map[string]string{"WIRETAP": setting}, Resource: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wiretap" {
				return
			}
			asked.Add(1)
			if r.Header.Get("tracestate") != "" || r.Header.Get("traceparent") != "" {
				named.Add(1)
			}
		})})
		b := NewBrowser(t)
		b.Form(b.Get(w.Dreams+"/learn/client-credentials"), "run").Submit()
		if asked.Load() == 0 || (named.Load() > 0) != want {
			t.Errorf("WIRETAP=%s: %d of %d requests name a trace", setting, named.Load(), asked.Load())
		}
	}
}

// A site whose name leads to this computer for a moment sends requests of its own
// origin, as a browser sees it. They do not move the clock.
func TestASiteThatLeadsItsNameHereMovesNoClock(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	for path, form := range map[string]string{"/clock": "by=1h", "/inspector": "action=clock&token=abc"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Dreams+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "rebound.example:9002"
		req.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"http://rebound.example:9002"}, "Sec-Fetch-Site": {"same-origin"}}
		resp, err := w.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || w.room.Ahead() != 0 {
			t.Errorf("%s: %d, the clock is %s ahead", path, resp.StatusCode, w.room.Ahead())
		}
	}
}
