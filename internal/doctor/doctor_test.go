package doctor

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/environment"
)

// patient is a program that answers as it is told to.
type patient struct {
	status int
	body   string
	ahead  time.Duration
	issuer string // empty: its own address
}

func (p patient) start(t *testing.T) string {
	var own string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(p.ahead).UTC().Format(http.TimeFormat))
		if r.URL.Path != "/readyz" {
			if p.issuer != "" {
				own = p.issuer
			}
			if own == "-" {
				own = ""
			}
			_, _ = w.Write([]byte(`{"issuer":"` + own + `","resource":"` + own + `"}`))
			return
		}
		if p.status != 0 {
			w.WriteHeader(p.status)
		}
		_, _ = w.Write([]byte(p.body))
	}))
	t.Cleanup(server.Close)
	own = server.URL
	return server.URL
}

func TestEachFindingSaysWhatToDo(t *testing.T) {
	well := patient{body: "ok\n"}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	_ = listener.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		authserver patient
		variables  map[string]string
		want       []string // all of them, in this order
		sound      bool
	}{
		{"all is well", well, nil, []string{"ok     authserver", "ok     acme", "ok     dreams", "ok     data"}, true},
		{"a clock is ahead", patient{body: "ok\n", ahead: 20 * time.Second}, nil, []string{"WRONG  authserver", "its clock is", "ahead of ours", "NTP"}, false},
		{"a clock is behind", patient{body: "ok\n", ahead: -20 * time.Second}, nil, []string{"WRONG  authserver", "its clock is", "behind ours", "NTP"}, false},
		{"a second is none", patient{body: "ok\n", ahead: time.Second}, nil, []string{"ok     authserver"}, true},
		{"not ready", patient{status: 503}, nil, []string{"WRONG  authserver", "is not ready", "its database does not answer"}, false},
		{"something else is there", patient{body: "<html>"}, nil, []string{"WRONG  authserver", "none of the three programs", "AUTHSERVER_URL"}, false},
		{"another name", patient{body: "ok\n", issuer: "http://127.0.0.1:1"}, nil, []string{"WRONG  authserver", `it calls itself "http://127.0.0.1:1"`, "byte for byte"}, false},
		{"another of the three", patient{body: "ok\n", issuer: "-"}, nil, []string{"WRONG  authserver", "what answers is not authserver", "AUTHSERVER_BACKCHANNEL_URL"}, false},
		{"nobody is there", well, map[string]string{"AUTHSERVER_URL": nobody}, []string{"WRONG  authserver", "refused", "AUTHSERVER_BACKCHANNEL_URL"}, false},
		{"a name that nobody knows", well, map[string]string{"AUTHSERVER_URL": "http://accounts.invalid:9"}, []string{"WRONG  authserver", "does not resolve", "/etc/hosts"}, false},
		{"a way of its own", patient{body: "ok\n", issuer: "http://accounts.invalid:9"}, map[string]string{"AUTHSERVER_URL": "http://accounts.invalid:9", "AUTHSERVER_BACKCHANNEL_URL": "own"},
			[]string{"note   authserver", "AUTHSERVER_BACKCHANNEL_URL is used", "ok     authserver", "only browsers have to"}, false},
		{"a folder that is a file", well, map[string]string{"DATA_DIR": file}, []string{"WRONG  data", "correct DATA_DIR"}, false},
		{"secrets that everybody knows", well, map[string]string{"AUTHSERVER_URL": "http://192.0.2.1", "AUTHSERVER_BACKCHANNEL_URL": "own", "ALLOW_DEMO_SECRETS": "on"},
			[]string{"WRONG  secrets", "in the repository", "WRONG  secrets", "plain HTTP"}, false},
		{"no collector", well, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": nobody + "/otlp"}, []string{"WRONG  network", "OTEL_EXPORTER_OTLP_ENDPOINT"}, false},
		{"no mail server", well, map[string]string{"SMTP_URL": "smtp://" + strings.TrimPrefix(nobody, "http://")}, []string{"WRONG  network", "SMTP_URL"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			authserver := tt.authserver.start(t)
			variables := map[string]string{"AUTHSERVER_URL": authserver, "ACME_URL": well.start(t), "DREAMS_URL": well.start(t), "DATA_DIR": t.TempDir()}
			for name, value := range tt.variables {
				if value == "own" {
					value = authserver
				}
				variables[name] = value
			}
			env, err := environment.Parse(variables)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			sound := (&Doctor{Env: env, Name: "dreams", Now: time.Now, Out: &out}).Examine(t.Context())
			rest := out.String()
			for _, part := range tt.want {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Fatalf("no %q (in this order) in\n%s", part, out.String())
				}
				rest = after
			}
			if sound != tt.sound {
				t.Errorf("sound is %t:\n%s", sound, out.String())
			}
			if strings.Count(out.String(), "WRONG") != strings.Count(out.String(), "-> ") {
				t.Errorf("something wrong has no remedy:\n%s", out.String())
			}
		})
	}
}

// From outside, before a start, free ports are well; beside programs that run
// they are one that does not.
func TestAFreePortIsWellBeforeAStartAlone(t *testing.T) {
	free := func() string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return "http://" + listener.Addr().String()
	}
	for _, tt := range []struct {
		name, acme, want string
		sound            bool
	}{
		{"none runs", free(), "ok     dreams", true},
		{"another one runs", patient{body: "ok\n"}.start(t), "WRONG  dreams      does not run", false},
		{"another one runs, not ready", patient{status: 503}.start(t), "docker compose up -d dreams", false},
	} {
		env, err := environment.Parse(map[string]string{"AUTHSERVER_URL": free(), "ACME_URL": tt.acme, "DREAMS_URL": free(), "DATA_DIR": t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if sound := (&Doctor{Env: env, Now: time.Now, Out: &out}).Examine(t.Context()); sound != tt.sound || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: sound is %t\n%s", tt.name, sound, out.String())
		}
	}
}
