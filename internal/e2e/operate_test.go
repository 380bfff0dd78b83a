package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// metric reads a value from a program's metrics; labels as Prometheus writes them.
func (w *World) metric(t testing.TB, program, series string) float64 {
	t.Helper()
	answer := w.Do(t, "GET", program+"/metrics", nil, "")
	if answer.Status != http.StatusOK {
		t.Fatalf("%s/metrics: %d", program, answer.Status)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(answer.Body)
	if found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// What an operator watches: who comes in, what is given out, what is refused,
// and whether Acme hears of revocations.
func TestMetricsTellWhatHappens(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.waitForAcme(t)
	b := NewBrowser(t)
	w.LogIn(b, b.Get(w.Auth+"/login"), "alice", "not-the-password")
	w.SignIn(b, "alice")
	tokens := w.offline(t) // signs in once more
	tokens = w.refresh(t, "dreams-web", tokens.String("refresh_token"))
	w.Token(t, Credentials{"dreams-web", "wrong"}.Header(), url.Values{"grant_type": {"client_credentials"}})
	w.Do(t, "GET", w.Auth+"/.well-known/invented-by-a-stranger", nil, "")
	w.Do(t, "BREW", w.Auth+"/invented-by-a-stranger", nil, "")
	w.API(t, "GET", "/me", "", "")
	w.API(t, "GET", "/me", tokens.String("access_token")+"x", "")
	w.revoke(t, "dreams-web", tokens.String("refresh_token"))
	waitFor(t, within, "Acme has heard of the revocation", func() bool { return w.metric(t, w.Acme, "acme_revocations_known") == 1 })
	for _, tt := range []struct {
		program, series string
		want            float64
	}{
		{w.Auth, `authserver_sign_ins_total{result="failed"}`, 1},
		{w.Auth, `authserver_sign_ins_total{result="ok"}`, 2},
		{w.Auth, `oauth_tokens_issued_total{grant_type="authorization_code"}`, 1},
		{w.Auth, `oauth_tokens_issued_total{grant_type="refresh_token"}`, 1},
		{w.Auth, `oauth_refusals_total{endpoint="/token",error="invalid_client"}`, 1},
		{w.Auth, `oauth_refusals_total{endpoint="/.well-known/",error="invalid_request"}`, 1},
		{w.Auth, `oauth_revocations_total`, 1},
		{w.Auth, `authserver_notices_waiting`, 0},
		{w.Auth, `database_busy_total`, 0},
		{w.Auth, `http_requests_total{method="POST",route="/token",status="4xx"}`, 1},
		{w.Auth, `http_requests_total{method="other",route="other",status="4xx"}`, 1},
		{w.Acme, `acme_api_refusals_total{error="none"}`, 1},
		{w.Acme, `acme_api_refusals_total{error="invalid_token"}`, 1},
		{w.Acme, `acme_revocation_feed_fresh`, 1},
		{w.Dreams, `dreams_outbox_waiting`, 0},
	} {
		if got := w.metric(t, tt.program, tt.series); got != tt.want {
			t.Errorf("%s%s: %g, want %g", tt.program, tt.series, got, tt.want)
		}
	}
	if age := w.metric(t, w.Auth, "authserver_signing_key_age_seconds"); age < 0 {
		t.Error("the key has no age")
	}
	for _, address := range []string{w.Auth, w.Acme, w.Dreams} {
		text := w.Do(t, "GET", address+"/metrics", nil, "").Body
		for _, runtime := range []string{"go_goroutines ", "process_resident_memory_bytes ", "go_build_info{"} {
			if !strings.Contains(text, runtime) {
				t.Errorf("%s has no %s", address, runtime)
			}
		}
		// A time series for each word that a stranger thinks of would fill the memory.
		for _, strangers := range []string{"stranger", "BREW", "dreams-web", "alice"} {
			if strings.Contains(text, strangers) {
				t.Errorf("%s: %q is in the metrics", address, strangers)
			}
		}
	}
}

// The metrics are nobody's business but the operator's: at the public address
// they are for training alone.
func TestMetricsAreNotPublic(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string]map[string]string{
		"a public URL":                {"ACME_URL": "http://acme.example.test"},
		"a listener of the metrics's": {"METRICS_ADDR": "127.0.0.1:1"}, // main listens there
	} {
		w := New(t, Options{Only: []string{"acme"}, Env: variables})
		if answer := w.Do(t, "GET", w.Acme+"/metrics", nil, ""); answer.Status != http.StatusNotFound {
			t.Errorf("%s: %d", name, answer.Status)
		}
	}
}

// A line for each request, for machines: what, how it ended, whose it was. Not
// what stood in the path or the query.
func TestEveryRequestIsALine(t *testing.T) {
	t.Parallel()
	log := &lockedBuffer{}
	w := New(t, Options{Log: log, Env: map[string]string{"LOG_FORMAT": "json"}})
	w.waitForAcme(t)
	_, _ = w.machineToken(t)
	w.Do(t, "GET", w.Acme+"/packages/pk-silvretta?secret=12345", nil, "")
	w.Do(t, "GET", w.Auth+"/authorize?client_id=dreams-web", nil, "")
	w.Stop()
	type line struct {
		Msg, Program, Method, Route string
		Status                      int
		Took                        int64
		ClientID                    string `json:"client_id"`
	}
	var lines []line
	for text := range strings.Lines(string(log.Bytes())) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if l.Msg == "request" && l.Took > 0 {
			l.Took = 0
			lines = append(lines, l)
		}
	}
	for _, want := range []line{
		{Msg: "request", Program: "authserver", Method: "POST", Route: "/token", Status: 200, ClientID: "dreams-catalogue"},
		{Msg: "request", Program: "acme", Method: "GET", Route: "/packages/:id", Status: 200},
		{Msg: "request", Program: "authserver", Method: "GET", Route: "/authorize", Status: 400},
	} {
		found := false
		for _, l := range lines {
			found = found || l == want
		}
		if !found {
			t.Errorf("no line like %+v in %+v", want, lines)
		}
	}
}

// Behind a TLS proxy the address that counts is the one that the proxy saw, and
// only a proxy that is ours may say so.
func TestForwardedForCountsFromTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, trusted string
		forwarded     []string // what each of six guesses says
		want          string   // address in the security log
	}{
		{"nobody is trusted", "", []string{"203.0.113.1"}, "127.0.0.1"},
		{"another proxy is trusted", "10.0.0.0/8", []string{"203.0.113.1"}, "127.0.0.1"},
		{"the proxy is trusted", "127.0.0.0/8", []string{"203.0.113.1"}, "203.0.113.1"},
		{"what the client wrote stands further left", "127.0.0.0/8", []string{"198.51.100.9, 203.0.113.1"}, "203.0.113.1"},
		{"in a header of its own", "127.0.0.0/8", []string{"198.51.100.9", "203.0.113.1"}, "203.0.113.1"},
		{"two proxies", "127.0.0.0/8,10.0.0.0/8", []string{"198.51.100.9, 203.0.113.1, 10.1.2.3"}, "203.0.113.1"},
		{"a client that names itself a proxy", "127.0.0.0/8,10.0.0.0/8", []string{"10.6.6.6, 203.0.113.1"}, "203.0.113.1"},
		{"no address", "127.0.0.0/8", []string{"unknown"}, "127.0.0.1"},
		{"IPv6", "127.0.0.0/8", []string{"[2001:db8::1]"}, "2001:db8::1"},
	} {
		w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"TRUSTED_PROXIES": tt.trusted}})
		header := Credentials{"dreams-web", "wrong"}.Header()
		header["X-Forwarded-For"] = tt.forwarded
		header["X-Real-Ip"] = []string{"192.0.2.66"}
		header["Forwarded"] = []string{"for=192.0.2.66"}
		w.Token(t, header, url.Values{"grant_type": {"client_credentials"}})
		w.Stop()
		if got := w.value(t, "authserver", "SELECT address FROM security_events WHERE kind = 'request refused' ORDER BY id DESC LIMIT 1"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
