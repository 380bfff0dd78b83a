package e2e

import (
	"fmt"
	"html"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
)

// recordLessons runs every lesson with somebody who signs in and allows all, and
// returns what was recorded, by lesson.
func recordLessons(t *testing.T, w *World) map[string]wiretap.Record {
	t.Helper()
	records := map[string]wiretap.Record{}
	before := map[string]bool{}
	take := func(slug string) {
		t.Helper()
		for _, id := range w.room.IDs() {
			if !before[id] {
				before[id] = true
				records[slug] = whole(w.room.Recording(id))
			}
		}
	}
	for _, slug := range append([]string{"pkce", "authorization-code", "refresh-token", "client-credentials", "token-exchange", "jwt-bearer"}, labSlugs...) {
		b := NewBrowser(t)
		runLab(t, w, b, slug)
		take(slug)
	}
	b := NewBrowser(t)
	page := html.UnescapeString(b.Form(b.Get(w.Dreams+"/learn/device-code"), "run").Submit().Body)
	code := regexp.MustCompile(`The television shows ([A-Z]{4}-[A-Z]{4})`).FindStringSubmatch(page)
	if code == nil {
		t.Fatalf("no user code:\n%s", section(page))
	}
	phone := w.SignedIn(t, "alice")
	phone.Form(w.TypeCode(phone, code[1]), "decision").With(url.Values{"scope": {"profile", "packages:read"}, "decision": {"allow"}, "duration": nil}).Submit()
	w.Clock.Advance(11 * time.Second)
	b.Get(w.Dreams + "/learn/device-code")
	take("device-code")
	b.Form(b.Get(w.Dreams+"/learn/password"), "run").With(url.Values{"username": {"alice"}, "password": {"wanderlust"}}).Submit()
	take("password")
	b = w.SignedIn(t, "alice")
	b.Stay = w.Dreams + "/widget/callback"
	answer := b.Get(w.Auth + "/authorize?" + url.Values{
		"response_type": {"token"}, "client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"}, "scope": {"profile"}, "state": {"S1"},
	}.Encode())
	if answer.Location == "" {
		answer = b.Form(answer, "decision").With(url.Values{"scope": {"profile"}, "decision": {"allow"}}).Submit()
	}
	b.Stay = ""
	b.Form(b.Get(w.Dreams+"/learn/implicit"), "run").Submit()
	b.Form(b.Get(w.Dreams+"/widget"), "access_token").With(url.Values{"access_token": {answer.Answer().Get("access_token")}, "expires_in": {"3600"}, "scope": {"profile"}}).Submit()
	take("implicit")
	return records
}

// whole is a recording once nothing is added to it any more.
func whole(r *wiretap.Recording) wiretap.Record {
	for {
		_, next := r.Changes()
		select {
		case <-next:
		case <-time.After(150 * time.Millisecond):
			return r.Record()
		}
	}
}

// Of every message of every lesson the inspector says what it is for; of
// everything in it what that is for; and which code sent, received and judged it.
// And the message can be sent once more.
func TestTheInspector(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	records := recordLessons(t, w)
	t.Run("knows everything that was recorded", func(t *testing.T) { knowsEverything(t, records) })
	t.Run("knows where values come from and go to", func(t *testing.T) { knowsProvenance(t, records) })
	t.Run("masks secrets whichever way a row is looked at", func(t *testing.T) { masksSecrets(t, records) })
	t.Run("shows commands that run as they are pasted", func(t *testing.T) { runsAsPasted(t, records) })
	t.Run("shows programs that run", func(t *testing.T) { runsAsGo(t, records["client-credentials"]) })
}

func knowsEverything(t *testing.T, records map[string]wiretap.Record) {
	reported := map[string]bool{}
	missing := func(format, key, where string) {
		if !reported[format+key] {
			reported[format+key] = true
			t.Errorf(format+" (%s)", key, where)
		}
	}
	checks, senders, handlers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, slug := range slices.Sorted(maps.Keys(records)) {
		record := records[slug]
		rows := wire.Rows(record)
		if len(rows) < 4 {
			t.Errorf("%s has %d rows", slug, len(rows))
		}
		inspector := inspect.New(record, rows)
		for _, row := range rows {
			where := slug + ", row " + row.ID() + ", " + row.Label
			in, ok := inspector.Row(row.N)
			if !ok || in.Sentence == "" {
				missing("nothing says what this is for: %s", string(row.Kind)+" "+row.Label, where)
			}
			for _, h := range in.Halves {
				if h.Sentence == "" && h.Title != "" {
					missing("nothing says what this half is for: %s", h.Exchange.Method+" "+h.Title, where)
				}
			}
			for _, p := range in.Everything() {
				if !p.Explained || p.For == "" || p.Source == "" || p.Required == "" {
					missing("nothing explains %s", p.Name+" "+p.Place.Kind+" "+p.Place.Endpoint+" "+p.Place.Token, where)
				}
			}
			for _, v := range in.Verdicts {
				checks[v.Name] = true
				if !v.Code.Found || !hasLine(v.Code.File, v.Code.Line, "") {
					missing("no source of the check %q", v.Name, where)
				}
			}
			for _, c := range in.Code {
				if !c.Found || c.Line == 0 || !hasLine(c.File, c.Line, "") {
					missing("no source of %s", c.Did+": "+c.Name, where)
				}
				if strings.Contains(c.Did, "sent the request") {
					senders[c.Excerpt.Name] = true
				} else {
					handlers[c.Excerpt.Name] = true
				}
			}
			if row.Exchange < 0 {
				continue
			}
			e := record.Exchanges[row.Exchange]
			if !e.Front && e.From != wiretap.Somebody && e.SentBy == "" {
				missing("nobody sent %s", e.Method+" "+e.URL, where)
			}
			// What has no number of its own was only sent to the browser, and judged by hand.
			if e.HandledBy == "" && e.Status != 0 && e.ID != "" {
				missing("nobody answered %s", e.Method+" "+e.URL, where)
			}
		}
	}
	// The names are of functions that do the work, and not of what stands around them.
	for _, want := range []string{"Endpoints.Token", "Endpoints.Authorize", "Endpoints.Consent", "Endpoints.Login", "Endpoints.Register", "API.getPreferences", "Site.callback", "Classroom.run"} {
		if !handlers[want] {
			t.Errorf("%s answered nothing: %v", want, slices.Sorted(maps.Keys(handlers)))
		}
	}
	if len(checks) < 100 || len(senders) < 10 {
		t.Errorf("%d checks and senders %v", len(checks), slices.Sorted(maps.Keys(senders)))
	}
}

// knowsProvenance follows the values that the lessons are about.
func knowsProvenance(t *testing.T, records map[string]wiretap.Record) {
	// find is the first parameter of that name in a message to or from an address.
	find := func(slug, label, name string) (inspect.Param, []wire.Row) {
		t.Helper()
		rows := wire.Rows(records[slug])
		inspector := inspect.New(records[slug], rows)
		for _, row := range rows {
			in, _ := inspector.Row(row.N)
			for _, h := range in.Halves {
				if !strings.HasPrefix(h.Request, label) {
					continue
				}
				for _, p := range flatten(h.Params) {
					if p.Name == name {
						return p, rows
					}
				}
			}
		}
		t.Fatalf("%s: no %s in %s", slug, name, label)
		return inspect.Param{}, nil
	}
	verifier, rows := find("pkce", "POST /token", "code_verifier")
	if made := verifier.Trail.Made; made == 0 || rows[made-1].Kind != wire.Made || len(verifier.Trail.Browser) != 0 {
		t.Errorf("the verifier: %+v", verifier.Trail)
	}
	if d := verifier.Trail.Derived; len(d) != 1 || d[0].From || d[0].As != "code_challenge" || rows[d[0].Row-1].Kind != wire.Redirect {
		t.Errorf("the verifier’s hash: %+v", d)
	}
	if c := verifier.Trail.Checked; len(c) == 0 || rows[c[0]-1].From != wiretap.AuthorizationServer {
		t.Errorf("the verifier is judged in %v", c)
	}
	code, rows := find("pkce", "POST /token", "code")
	if from := code.Trail.First; from.Row == 0 || rows[from.Row-1].Kind != wire.Redirect || rows[from.Row-1].From != wiretap.AuthorizationServer || len(code.Trail.Browser) == 0 {
		t.Errorf("the code: %+v", code.Trail)
	}
	for _, tt := range []struct{ slug, label, name, how, as string }{
		{"pkce", "POST /token", "at_hash", "the first half of the SHA-256 of", "access_token"},
		{"dpop", "GET /api/v1/me", "ath", "the SHA-256 of", "access_token"},
		{"pkce", "GET /authorize", "code_challenge", "the SHA-256 of", "code_verifier"},
	} {
		p, _ := find(tt.slug, tt.label, tt.name)
		if !slices.ContainsFunc(p.Trail.Derived, func(d wire.Derivation) bool { return d.From && d.How == tt.how && d.As == tt.as }) {
			t.Errorf("%s of %s: %+v", tt.name, tt.slug, p.Trail)
		}
	}
	if jkt, _ := find("dpop", "POST /token", "cnf.jkt"); jkt.Trail.Made == 0 || jkt.Trail.First.As != "dpop_jkt" {
		t.Errorf("the thumbprint of the key: %+v", jkt.Trail)
	}
	if kid, rows := find("pkce", "POST /token", "kid"); len(kid.Trail.Next) == 0 {
		t.Errorf("the key by its name: %+v of %d rows", kid.Trail, len(rows))
	}
}

func flatten(params []inspect.Param) (all []inspect.Param) {
	return inspect.Inspection{Halves: []inspect.Half{{Params: params}}}.Everything()
}

// The pages of source show what is embedded and nothing else, and a link with a line
// leads to it.
func TestTheSourceIsShownLineByLine(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"dreams"}})
	get := func(path string) Response { return w.Do(t, "GET", w.Dreams+path, nil, "") }
	index := get("/source")
	if index.Status != 200 {
		t.Fatal(index.Status)
	}
	for _, file := range source.Files() {
		if !strings.Contains(index.Body, `href="/source/`+file+`"`) {
			t.Errorf("%s is not in the list", file)
		}
	}
	page := get("/source/dreams/flow/authorization_code.go")
	text, _ := source.Text("dreams/flow/authorization_code.go")
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if want := fmt.Sprintf("<code data-n=\"%d\" id=\"L%d\">%s\n</code>", n+1, n+1, html.EscapeString(line)); !strings.Contains(page.Body, want) {
			t.Fatalf("no %s", want)
		}
	}
	for _, path := range []string{
		"/source/", "/source/go.mod", "/source/..%2f..%2fgo.mod", "/source/dreams/../go.mod", "/source/dreams%2f..%2f..%2fetc%2fpasswd", "/source//etc/passwd",
		"/source/internal/e2e/world.go", "/source/internal/source/source_test.go", "/source/dreams/page/wire_templ.go", "/source/dreams/page", "/source/dreams/flow/%00.go",
	} {
		if got := get(path); got.Status != 404 && got.Status != 400 {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
}

// hasLine tells whether the embedded text of a file has a line, and it says what it
// is to say.
func hasLine(file string, line int, says string) bool {
	text, ok := source.Text(file)
	lines := strings.Split(text, "\n")
	return ok && line >= 1 && line <= len(lines) && strings.Contains(lines[line-1], says) && strings.TrimSpace(lines[line-1]) != ""
}

// Every request runs as it is pasted; between servers with its secrets and without:
// what comes back is what came back then, or a refusal, where something in it is good
// only once.
func runsAsPasted(t *testing.T, records map[string]wiretap.Record) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("curl is not installed: nothing to try")
		return
	}
	tried := map[string]bool{}
	same, spent := 0, 0
	for _, slug := range slices.Sorted(maps.Keys(records)) {
		for _, e := range records[slug].Exchanges {
			command := wire.Curl(e, true)
			if e.Status == 0 || tried[command] || e.Front && e.Method != "GET" {
				continue
			}
			tried[command] = true
			run := func(command string) int {
				t.Helper()
				shell := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "curl ", curl+" -s ", 1))
				out, err := shell.CombinedOutput()
				status := regexp.MustCompile(`^HTTP/1\.1 (\d{3})`).FindSubmatch(out)
				if err != nil || status == nil {
					t.Fatalf("%s: %v\n%s\n%s", slug, err, command, out)
				}
				code, _ := strconv.Atoi(string(status[1]))
				return code
			}
			got := run(command)
			switch {
			case e.Front: // without the browser's cookies: whatever it is, it is an answer
			case got == e.Status:
				same++
			case once(e) && (got == 400 || got == 401 || got == 404) && len(wire.Caveats(e, true)) > 0, got == 429:
				spent++
			default:
				t.Errorf("%s: %s %s answered %d then and %d now, of which nothing is said\n%s", slug, e.Method, e.URL, e.Status, got, command)
			}
			masked := wire.Curl(e, false)
			if masked == command || e.Front {
				continue
			}
			if len(wire.Caveats(e, false)) == 0 {
				t.Errorf("%s: nothing says that the secrets are masked\n%s", slug, masked)
			}
			if got := run(masked); got < 400 && e.Status < 400 && e.Method != "DELETE" && !strings.HasSuffix(e.URL, "/revoke") {
				t.Errorf("%s: %s %s answers %d with masked secrets\n%s", slug, e.Method, e.URL, got, masked)
			}
		}
	}
	if same < 40 || spent < 10 {
		t.Errorf("%d answered as they did, %d were refused", same, spent)
	}
}

// once tells whether a request holds something that is good only once, or that has
// ended with the run.
func once(e wiretap.Exchange) bool {
	for _, p := range wire.RequestParams(e) {
		if slices.Contains([]string{"code", "refresh_token", "device_code", "DPoP", "client_assertion", "assertion", "access_token", "subject_token"}, p.Name) || p.Value == wiretap.Withheld {
			return true
		}
	}
	return false
}

// Whichever way a row is looked at, its secrets are masked until they are asked for,
// and the page needs neither script nor style of its own.
func masksSecrets(t *testing.T, records map[string]wiretap.Record) {
	masked, revealed := 0, 0
	for slug, record := range records {
		rows := wire.Rows(record)
		inspector := inspect.New(record, rows)
		for _, row := range rows {
			in, _ := inspector.Row(row.N)
			for _, tab := range page.InspectorTabs {
				show := func(reveal bool) string {
					var b strings.Builder
					view := page.InspectorView{Inspection: in, Tab: tab, Reveal: reveal, Link: func(int, string, bool) string { return "?" }}
					if err := page.Inspector(view).Render(t.Context(), &b); err != nil {
						t.Fatal(err)
					}
					return b.String()
				}
				hidden, shown := show(false), show(true)
				for _, p := range row.Params {
					if !p.Secret() || len(p.Value) < 12 || p.Value == wiretap.Withheld {
						continue
					}
					value := html.EscapeString(p.Value)
					if strings.Contains(hidden, value) || strings.Contains(hidden, url.QueryEscape(p.Value)) {
						t.Errorf("%s, row %d, %s: %s is not masked", slug, row.N, tab, p.Name)
					}
					masked++
					if strings.Contains(shown, value) {
						revealed++
					}
				}
				for _, never := range []string{"wanderlust", "<script", "<style", " style=", "onclick"} {
					if strings.Contains(shown, never) {
						t.Errorf("%s, row %d, %s: %s", slug, row.N, tab, never)
					}
				}
			}
		}
	}
	if masked < 500 || revealed < 300 {
		t.Errorf("%d secrets, of which %d were shown", masked, revealed)
	}
}

// The same request as a Go program compiles, runs, and gets what it got.
func runsAsGo(t *testing.T, record wiretap.Record) {
	for _, e := range record.Exchanges {
		if e.Front || e.Method != "POST" {
			continue
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(wire.GoProgram(e, true)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
		if want := strconv.Itoa(e.Status) + " "; err != nil || !strings.HasPrefix(string(out), want) {
			t.Fatalf("%v: want %s\n%s\n%s", err, want, out, wire.GoProgram(e, true))
		}
		return
	}
	t.Error("there was nothing to send")
}

// Every row, looked at in every way, is a page that needs no script; its links lead
// to rows that are there, and to lines of the code that are there. Another browser
// sees nothing of it.
func TestEveryRowHasItsPage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	runLab(t, w, b, "dpop")
	id := w.room.IDs()[0]
	rows := wire.Rows(whole(w.room.Recording(id)))
	lines := map[string]bool{}
	for _, row := range rows {
		for _, tab := range page.InspectorTabs {
			address := fmt.Sprintf("%s/runs/%s?m=%d&tab=%s&follow=code", w.Dreams, id, row.N, tab)
			got := b.Get(address)
			_, inspector, found := strings.Cut(got.Body, `id="insp"`)
			if got.Status != 200 || !found || !strings.Contains(inspector, fmt.Sprintf(`<h2 id="in">%d · `, row.N)) {
				t.Fatalf("%s: %d", address, got.Status)
			}
			for _, link := range regexp.MustCompile(`href="/source/([^"#]+)#L(\d+)"`).FindAllStringSubmatch(inspector, -1) {
				line, _ := strconv.Atoi(link[2])
				if lines[link[0]] = true; !hasLine(link[1], line, "") {
					t.Errorf("%s: nothing stands at %s", address, link[0])
				}
			}
			for _, link := range regexp.MustCompile(`href="(/runs/[^"]*[?&;]m=(\d+)[^"]*)"`).FindAllStringSubmatch(inspector, -1) {
				if n, _ := strconv.Atoi(link[2]); n < 1 || n > len(rows) || !strings.Contains(link[1], "follow=code") {
					t.Errorf("%s leads to %s", address, link[1])
				}
			}
		}
	}
	if len(lines) < 40 {
		t.Errorf("only %d lines of code are shown", len(lines))
	}
	if got := NewBrowser(t).Get(w.Dreams + "/runs/" + id + "?m=1&tab=raw"); got.Status != 404 {
		t.Errorf("another browser: %d", got.Status)
	}
}

// The inspector in a browser: in each theme, on a phone, and for who reads it with
// their ears.
func TestEveryWayToLookAtARowInABrowser(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	var found findings
	a := newAuditor(t, w, b, &found)
	a.tab.Open(w.Dreams + "/learn/client-credentials")
	a.tab.Click("#run")
	id := w.room.IDs()[0]
	rows := wire.Rows(whole(w.room.Recording(id)))
	request := slices.IndexFunc(rows, func(r wire.Row) bool { return r.Kind == wire.Request && r.Label == "POST /token" })
	checks := slices.IndexFunc(rows, func(r wire.Row) bool { return r.Kind == wire.Checks && r.From == wiretap.ResourceServer })
	for _, tab := range page.InspectorTabs {
		a.open("inspector, request, "+tab, fmt.Sprintf("%s/runs/%s?m=%d&tab=%s", w.Dreams, id, request+1, tab), 200)
	}
	a.open("inspector, answer", fmt.Sprintf("%s/runs/%s?m=%d&reveal=1", w.Dreams, id, request+3), 200)
	a.open("inspector, checks", fmt.Sprintf("%s/runs/%s?m=%d", w.Dreams, id, checks+1), 200)
	a.open("inspector, checks, source", fmt.Sprintf("%s/runs/%s?m=%d&tab=source", w.Dreams, id, checks+1), 200)
	found.report(t)
}
