package e2e

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
)

// recordedLessons runs each lesson, whatever it takes.
var recordedLessons = map[string]func(t *testing.T, w *World, b *Browser, slug string){
	"device-code": func(t *testing.T, w *World, b *Browser, slug string) {
		page := html.UnescapeString(b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").Submit().Body)
		code := regexp.MustCompile(`The television shows ([A-Z]{4}-[A-Z]{4})`).FindStringSubmatch(page)
		b.Form(w.TypeCode(b, code[1]), "decision").With(url.Values{"scope": {"profile", "packages:read"}, "decision": {"allow"}, "duration": nil}).Submit()
		w.Clock.Advance(11 * time.Second)
		b.Get(w.Dreams + "/learn/" + slug)
	},
	"password": func(t *testing.T, w *World, b *Browser, slug string) {
		b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").With(url.Values{"username": {"alice"}, "password": {"wanderlust"}}).Submit()
	},
	"pkce": viaLesson, "authorization-code": viaLesson, "refresh-token": viaLesson, "client-credentials": viaLesson, "token-exchange": viaLesson, "jwt-bearer": viaLesson,
	"par": viaLab, "jar": viaLab, "rar": viaLab, "dpop": viaLab, "resource-indicators": viaLab, "step-up": viaLab, "registration": viaLab,
	"introspection": viaLab, "issuer": viaLab, "resource-metadata": viaLab, "fapi2": viaLab, "logout": viaLab,
}

func viaLesson(t *testing.T, w *World, b *Browser, slug string) { runLesson(t, w, b, slug) }
func viaLab(t *testing.T, w *World, b *Browser, slug string)    { runLab(t, w, b, slug) }

// said is a message in a word: who said what to whom, and what came of it.
func said(from, to, method, path string, status int) string {
	return fmt.Sprintf("%s → %s %s %s %d", from, to, method, path, status)
}

// names are what the wire view's parties are called in a transcript.
var names = map[wiretap.Party]string{"B": "Browser", "D": "Dreams", "A": "Accounts", "R": "Acme"}

// Of each lesson every message is there, once, with both its ends: what a recorder
// on the wire hears, which knows nothing of the wiretap, is what the run shows. And
// the run shows the rows that its transcript has, checks included.
func TestEveryMessageOfEveryLessonIsRecordedOnce(t *testing.T) {
	t.Parallel()
	for slug, run := range recordedLessons {
		t.Run(slug, func(t *testing.T) {
			heard := &Recorder{}
			w := New(t, Options{Record: heard})
			b := NewBrowser(t)
			w.SignIn(b, "alice")
			if slug == "refresh-token" || slug == "token-exchange" || slug == "jwt-bearer" {
				b.Form(b.Get(w.Dreams+"/connect"), "decision").With(url.Values{"scope": {"preferences:read", "offline_access"}, "decision": {"allow"}}).Submit()
			}
			quiet(heard)
			b.client.Transport = heard.Transport("Browser", http.DefaultTransport)
			heard.forget()
			run(t, w, b, slug)

			id := w.room.IDs()[0]
			for range settled(w.room.Recording(id)) { // until nothing comes any more
				break
			}
			record := w.room.Recording(id).Record()
			var got []string
			for _, e := range record.Exchanges {
				u, err := url.Parse(e.URL)
				if err != nil {
					t.Fatal(err)
				}
				if e.ID == "" { // what the lesson says of a browser that is not there
					continue
				}
				got = append(got, said(names[e.From], names[e.To], e.Method, u.Path, e.Status))
			}
			want := w.said(heard)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("recorded:\n%s\nheard on the wire:\n%s", strings.Join(only(got, want), "\n"), strings.Join(only(want, got), "\n"))
			}
			record.Exchanges = askedOnce(record.Exchanges)
			golden(t, slug, w.nameless(transcript(record)))
		})
	}
}

// only are those of a that b has not, or not so often.
func only(a, b []string) (all []string) {
	rest := slices.Clone(b)
	for _, one := range a {
		if i := slices.Index(rest, one); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		all = append(all, one)
	}
	return all
}

// quiet waits until the programs have done what they do at their start.
func quiet(r *Recorder) {
	for before := -1; ; time.Sleep(200 * time.Millisecond) {
		r.mu.Lock()
		now := len(r.exchanges)
		r.mu.Unlock()
		if now == before {
			return
		}
		before = now
	}
}

func (r *Recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = nil
}

// said is what a recorder heard of a lesson: pages of the lesson itself, and what
// goes on all the time, are no part of it.
func (w *World) said(r *Recorder) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.exchanges {
		path := e.Request.URL.Path
		switch {
		case path == wiretap.Path, path == wiretap.ConfirmPath, path == "/revocations":
		case e.From == "Browser" && e.Request.Method == http.MethodGet && (strings.HasPrefix(path, "/learn/") || path == "/device/done"):
		case e.From == "Browser" && e.Request.Method == http.MethodGet && path == "/device" && e.Request.URL.RawQuery == "": // the form for the code, before there is one
		case path == "/jwks": // fetched for everybody
		case path == "/events": // told from a queue, about a grant and not about a run
		default:
			all = append(all, said(e.From, w.nameOf(e.Request.URL), e.Request.Method, path, e.Response.StatusCode))
		}
	}
	return all
}

// askedOnce leaves out that Dreams asks with the same token again: how often it
// does until Acme has heard of a revocation differs from run to run.
func askedOnce(all []wiretap.Exchange) []wiretap.Exchange {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(e wiretap.Exchange) bool {
		with := e.Request.Header.Get("Authorization")
		again := seen[with] && e.Status == http.StatusOK && strings.HasSuffix(e.URL, "/api/v1/me")
		seen[with] = true
		return again
	})
}

// nameless leaves out of a text what differs from run to run.
func (w *World) nameless(text string) string {
	text = strings.NewReplacer(w.Auth, "{AUTHSERVER_URL}", w.Acme, "{ACME_URL}", w.Dreams, "{DREAMS_URL}").Replace(text)
	return regexp.MustCompile(`c_[A-Za-z0-9_-]{43}`).ReplaceAllString(text, "{client_id}")
}

// transcript is a record as text: its rows, with what was checked.
func transcript(record wiretap.Record) string {
	var b strings.Builder
	for _, r := range wire.Rows(record) {
		from, to := names[r.From], names[r.To]
		if r.From == r.To && r.Kind != wire.Redirect {
			fmt.Fprintf(&b, "%d. %s, at %s: %s\n", r.N, r.Kind, from, r.Label)
		} else {
			channel := "back channel"
			if r.Front {
				channel = "front channel"
			}
			fmt.Fprintf(&b, "%d. %s, %s, %s to %s: %s\n", r.N, r.Kind, channel, from, to, r.Label)
		}
		for _, p := range r.Params {
			fmt.Fprintf(&b, "   %s %s\n", p.In, p.Name)
		}
		for _, c := range r.Checks {
			result := "passed"
			if c.Refusal != "" {
				result = "REFUSED"
			}
			fmt.Fprintf(&b, "   %s: %s (%s)\n", result, c.Name, c.Source)
		}
	}
	return b.String()
}

// golden compares a text with the one that was recorded; -update writes it.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", "wire", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("the run differs from %s:\n%s\nhas instead:\n%s", file,
			strings.Join(only(strings.Split(string(want), "\n"), strings.Split(text, "\n")), "\n"),
			strings.Join(only(strings.Split(text, "\n"), strings.Split(string(want), "\n")), "\n"))
	}
}

// Three people at once, each with a browser of their own: each run has its own
// messages and nobody else's.
func TestThreeLearnersAtOnceSeeTheirOwn(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	people := []string{"alice", "bob", "carol"}
	browsers := map[string]*Browser{}
	for _, name := range people {
		browsers[name] = NewBrowser(t)
		w.SignIn(browsers[name], name)
	}
	var all sync.WaitGroup
	for _, name := range people {
		all.Go(func() { runLesson(t, w, browsers[name], "pkce") })
	}
	all.Wait()
	if n := len(w.room.IDs()); n != len(people) {
		t.Fatalf("%d runs", n)
	}
	subs := map[string]bool{}
	for _, id := range w.room.IDs() {
		for range settled(w.room.Recording(id)) {
			break
		}
		states, who := map[string]bool{}, map[string]bool{}
		for _, e := range w.room.Recording(id).Record().Exchanges {
			u, _ := url.Parse(e.URL)
			if u.Path == "/authorize" {
				states[u.Query().Get("state")] = true
			}
			if _, after, found := strings.Cut(e.Response.Body, `"name":"`); found && u.Path == "/api/v1/me" {
				name, _, _ := strings.Cut(after, `"`)
				who[name] = true
			}
		}
		if len(states) != 2 || len(who) != 1 { // the lesson asks twice
			t.Errorf("a run has %d states, and data of %v", len(states), who)
		}
		for name := range who {
			subs[name] = true
		}
	}
	if len(subs) != len(people) {
		t.Errorf("runs are of %v", subs)
	}
}

// Nothing is heard, and the room's addresses are not there.
func TestNothingIsRecordedWithTheWiretapOff(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	runLesson(t, w, b, "pkce")
	if w.room != nil {
		t.Error("there is a room")
	}
	for _, address := range []string{w.Auth + wiretap.Path, w.Acme + wiretap.Path, w.Dreams + wiretap.Path, w.Dreams + wiretap.ConfirmPath} {
		resp, err := w.Client.Post(address, "application/json", strings.NewReader(`{"key":"k","ahead_ms":3600000,"runs":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", address, resp.StatusCode)
		}
	}
}

// While others load the token endpoint, a run that is watched loses nothing.
func TestUnderLoadNothingThatIsWatchedIsLost(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	done := make(chan struct{})
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}, "scope": {"packages:read"}})
				}
			}
		})
	}
	for range 3 {
		runLesson(t, w, b, "pkce")
	}
	close(done)
	load.Wait()
	for _, id := range w.room.IDs() {
		for range settled(w.room.Recording(id)) {
			break
		}
		record := w.room.Recording(id).Record()
		if len(record.Gaps) > 0 || record.Dropped > 0 {
			t.Errorf("gaps: %+v, dropped %d", record.Gaps, record.Dropped)
		}
		checked := 0
		for _, e := range record.Exchanges {
			if strings.HasSuffix(e.URL, "/token") {
				if e.Route == "" || len(e.Checks) == 0 {
					t.Errorf("of %s only one end was heard", e.URL)
				}
				checked++
			}
		}
		if checked != 2 {
			t.Errorf("%d redemptions, want 2", checked)
		}
	}
}
