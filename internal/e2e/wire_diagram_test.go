package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/e2e/chrome"
	"example.com/acme-dreams/internal/wiretap"
)

// watched runs a lesson, and returns where it is to be seen and what was recorded.
func watched(t *testing.T, w *World, b *Browser, slug string) (address string, record wiretap.Record) {
	t.Helper()
	page := runLesson(t, w, b, slug)
	_, after, found := strings.Cut(page, `href="/runs/`)
	if !found || !strings.HasPrefix(after, w.room.IDs()[len(w.room.IDs())-1]) {
		t.Fatalf("the lesson's page does not lead to its run: %s", section(page))
	}
	id := w.room.IDs()[len(w.room.IDs())-1]
	return w.Dreams + "/runs/" + id, atRest(w.room.Recording(id))
}

// atRest is a record once the other programs have told what they heard.
func atRest(r *wiretap.Recording) wiretap.Record {
	for count := -1; ; time.Sleep(100 * time.Millisecond) {
		if now, _ := r.Changes(); now == count {
			return r.Record()
		} else {
			count = now
		}
	}
}

// lines are the rows of the wire view, each as a screen reader has it.
func lines(page string) (all []string) {
	_, list, _ := strings.Cut(page, `<ol class="msgs`)
	list, _, _ = strings.Cut(list, "</ol>")
	hidden := regexp.MustCompile(`(?s)<svg.*?</svg>|<span class="route".*?</span></span>|<[^>]*>`)
	for _, row := range strings.Split(list, "<li ")[1:] {
		_, row, _ = strings.Cut(row, ">")
		all = append(all, strings.Join(strings.Fields(html.UnescapeString(hidden.ReplaceAllString(row, " "))), " "))
	}
	return all
}

// The list is whole without script: one row for each message, each list of checks
// and each moment, in the order of time, and each says who speaks to whom.
func TestTheWireViewIsAListOfEveryMessage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	address, record := watched(t, w, b, "pkce")
	page := b.Get(address).Body
	all, rows := lines(page), wire.Rows(record)
	if len(all) != len(rows) {
		t.Fatalf("%d rows on the page, %d in the record", len(all), len(rows))
	}
	text := strings.Join(all, "\n")
	if n := strings.Count(page, `href="/runs/`); n < len(rows) {
		t.Errorf("%d links for %d rows", n, len(rows))
	}
	for _, want := range []string{
		"Prepared at Dreams: ", "state, nonce, code_verifier", "Front channel, redirect from Dreams by way of the browser to Acme Accounts: ",
		"Check at Acme Accounts: ", "A person acts at the browser: ", "Back channel, Dreams to Acme Accounts: ", "POST /token code code_verifier",
		"Back channel, Acme Accounts to Dreams: ", "Back channel, Dreams to Acme Travel: ", "400 invalid_grant", "Refused: code_verifier does not match the code_challenge",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no row says %q:\n%s", want, text)
		}
	}
	for _, e := range record.Exchanges {
		path := e.URL[strings.Index(e.URL[8:], "/")+8:]
		path, _, _ = strings.Cut(path, "?")
		if !strings.Contains(text, e.Method+" "+path) {
			t.Errorf("no row says %s %s", e.Method, path)
		}
	}
	says(t, page, "Check for new messages", "never passwords", "Previous")
}

// RFC 7636 §1: that the verifier never passes through the browser is seen: its rows
// light up, and none is of the front channel. The record says the same.
func TestTheVerifierIsFollowedAndTheBrowserNeverSeesIt(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	address, record := watched(t, w, b, "pkce")
	page := b.Get(address + "?m=1&follow=code_verifier").Body
	says(t, page, "<mark>code_verifier</mark> lights up in 3 rows; the browser never sees it.")
	_, list, _ := strings.Cut(page, `<ol class="msgs`)
	lit := 0
	for _, row := range strings.Split(list, "<li ")[1:] {
		if !strings.Contains(row, " carry") {
			continue
		}
		lit++
		if strings.Contains(row, "Front channel") || !strings.Contains(row, "<mark>code_verifier=") {
			t.Errorf("this row lights up: %s", row)
		}
	}
	if lit != 3 {
		t.Errorf("%d rows light up: where it was made, sent and checked are 3", lit)
	}
	says(t, b.Get(address+"?m=1&follow=code").Body, "<mark>code</mark> lights up in 4 rows: it passes through the browser once, at ", ", and is spent at ")

	verifier := ""
	for _, e := range record.Exchanges {
		if form, err := url.ParseQuery(e.Request.Body); err == nil && verifier == "" {
			verifier = form.Get("code_verifier")
		}
	}
	for _, e := range record.Exchanges {
		all, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if e.Front && (verifier == "" || strings.Contains(string(all), verifier)) {
			t.Errorf("the browser has seen the verifier %q: %s", verifier, all)
		}
	}
}

// What opens something is masked until somebody asks for it, and a password is not
// there to be asked for.
func TestSecretsAreMaskedUntilAskedFor(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	page := b.Form(b.Get(w.Dreams+"/learn/pkce"), "run").Submit()
	page = w.LogIn(b, page, "alice", "wanderlust")
	b.Form(page, "decision").With(url.Values{"scope": {"openid", "profile"}, "decision": {"allow"}}).Submit()
	id := w.room.IDs()[0]
	var code, token string
	for _, r := range wire.Rows(atRest(w.room.Recording(id))) {
		for _, p := range r.Params {
			switch p.Name {
			case "code":
				code = p.Value
			case "access_token":
				token = p.Value
			}
		}
	}
	if code == "" || token == "" {
		t.Fatal("nothing was recorded")
	}
	masked, shown := "", ""
	for row := range lines(b.Get(w.Dreams + "/runs/" + id).Body) {
		address := fmt.Sprintf("%s/runs/%s?m=%d&follow=code", w.Dreams, id, row+1)
		masked += b.Get(address).Body
		shown += b.Get(address + "&reveal=1").Body
	}
	saysNot(t, masked, code, token, "wanderlust")
	says(t, shown, code, token)
	saysNot(t, shown, "wanderlust")
}

// What one learner runs no other sees.
func TestAnotherBrowsersRunIsNotThere(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	address, _ := watched(t, w, b, "client-credentials")
	other := NewBrowser(t)
	w.SignIn(other, "bob")
	for _, path := range []string{"", "?m=1&reveal=1", "/events?after=0"} {
		if page := other.Get(address + path); page.Status != http.StatusNotFound {
			t.Errorf("%s: %d for somebody else", path, page.Status)
		}
	}
	says(t, other.Get(w.Dreams+"/runs").Body, "You have run nothing yet")
	mine := b.Get(w.Dreams + "/runs").Body
	says(t, mine, strings.TrimPrefix(address, w.Dreams), "It is over.")
}

// With WIRETAP=off there is nothing to look at.
func TestWiretapOffHasNoRuns(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	page := runLesson(t, w, b, "client-credentials")
	saysNot(t, page, "/runs/", "Recorded in this room")
	says(t, b.Get(w.Dreams+"/runs").Body, "Nothing is recorded here")
}

// stream is a page's, read to its events.
type stream struct {
	*http.Response
	events chan event
}

type event struct {
	ID   string
	From int    `json:"from"`
	HTML string `json:"html"`
	Five bool   `json:"five"`
}

func listen(t *testing.T, b *Browser, address, last string) *stream {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	jar, _ := b.Jar().(*cookiejar.Jar)
	resp, err := (&http.Client{Jar: jar, Transport: &http.Transport{}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	s := &stream{resp, make(chan event, 100)}
	go func() {
		defer close(s.events)
		lines, now := bufio.NewScanner(resp.Body), event{}
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				now.ID = value
			case "data":
				_ = json.Unmarshal([]byte(value), &now)
			case "":
				if now.ID != "" {
					s.events <- now
				}
				now = event{}
			}
		}
	}()
	return s
}

// next is the next event; none: nothing came within d.
func (s *stream) next(d time.Duration) (event, bool) {
	select {
	case e, open := <-s.events:
		return e, open
	case <-time.After(d):
		return event{}, false
	}
}

var afterPattern = regexp.MustCompile(`data-events="([^"]+)"`)

// steal calls Acme's API from somewhere else with a token of the run.
func steal(t *testing.T, w *World, record wiretap.Record) {
	t.Helper()
	for _, r := range wire.Rows(record) {
		for _, p := range r.Params {
			if p.Name == "access_token" {
				w.API(t, http.MethodGet, "/packages", p.Value, "")
				return
			}
		}
	}
	t.Fatal("the run has no token")
}

// New rows come by themselves over server-sent events, with those that they changed.
// Who was cut off goes on where they were (Last-Event-ID), and who has it all gets
// nothing. Whoever is none of us has a lane of their own.
func TestRowsComeOverAStream(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	address, record := watched(t, w, b, "client-credentials")
	page := b.Get(address + "?m=1").Body
	saysNot(t, page, "Somebody else")
	before := len(lines(page))
	events := w.Dreams + html.UnescapeString(afterPattern.FindStringSubmatch(page)[1])
	s := listen(t, b, events, "")
	if kind := s.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") || s.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s %s", s.StatusCode, kind, s.Header.Get("Cache-Control"))
	}
	if e, came := s.next(300 * time.Millisecond); came {
		t.Errorf("the page has it all, and got %+v", e)
	}
	steal(t, w, record)
	e, came := s.next(5 * time.Second)
	if !came || e.From != before || !e.Five || !strings.Contains(e.HTML, "Back channel, Somebody else to Acme Travel") {
		t.Fatalf("after %d rows came %+v", before, e)
	}
	for more := true; more; {
		var later event
		if later, more = s.next(300 * time.Millisecond); more {
			e = later
		}
	}
	if again, came := listen(t, b, events, e.ID).next(300 * time.Millisecond); came {
		t.Errorf("who has it all got %+v", again)
	}
	if again, came := listen(t, b, events, "1").next(5 * time.Second); !came || again.From != 0 || strings.Count(again.HTML, "<li ") <= before {
		t.Errorf("who was cut off at the beginning got %+v", again)
	}
	says(t, b.Get(address).Body, `<ol class="msgs five"`, "Somebody else")
}

// A program that stops does not wait for who looks on.
func TestStreamsEndWithTheProgram(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	address, _ := watched(t, w, b, "client-credentials")
	s := listen(t, b, address+"/events?after=0", "")
	s.next(5 * time.Second)
	begin := time.Now()
	w.Stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for open := true; open; _, open = <-s.events {
	}
}

// What another program could not tell is a row that says so.
func TestAGapIsARow(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	address, record := watched(t, w, b, "client-credentials")
	id := address[strings.LastIndexByte(address, '/')+1:]
	w.room.Recording(id).Miss(wiretap.Gap{At: record.Exchanges[0].Start, Party: wiretap.AuthorizationServer, Lost: 3, Why: "more happened at once than it could tell"})
	says(t, strings.Join(lines(b.Get(address).Body), "\n"), "Missing, from Acme Accounts: ", "3 messages are missing", "more happened at once")
}

// In a browser new rows appear without a reload, rows are selected in their place,
// and the page is as it should be in light, dark, on a phone and before a room.
func TestTheWireViewInABrowser(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	var found findings
	a := newAuditor(t, w, b, &found)
	a.tab.Open(w.Auth + "/login")
	a.signIn("alice", "wanderlust")
	a.tab.Open(w.Dreams + "/learn/pkce")
	a.tab.Click("#run")
	a.tab.Tick("input[value='profile']")
	a.tab.Click("#allow")
	a.tab.Seen()
	id := w.room.IDs()[0]
	record := atRest(w.room.Recording(id))
	address := w.Dreams + "/runs/" + id
	a.openLarge("wire view", address+"?m=3&follow=state")
	a.open("runs", w.Dreams+"/runs", 200)

	a.tab.Size(1280, 900)
	a.tab.Open(address + "?m=1&follow=code_verifier")
	lit := chrome.Evaluate[[]string](a.tab, `[...document.querySelectorAll(".msgs .carry")].map(r => r.querySelector(":scope > .vh").textContent.trim())`)
	if len(lit) != 3 || slices.ContainsFunc(lit, func(row string) bool { return strings.HasPrefix(row, "Front channel") }) {
		t.Errorf("for the verifier these rows light up: %q", lit)
	}
	count := func() int { return chrome.Evaluate[int](a.tab, `document.querySelectorAll(".msgs > li").length`) }
	until := func(what string, is func() bool) {
		t.Helper()
		for begin := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("%s: %.600s", what, a.tab.Text())
			}
		}
	}
	before := count()
	chrome.Evaluate[bool](a.tab, "window.stays = true")
	steal(t, w, record)
	until("no row appeared", func() bool { return count() > before })
	until("somebody else has no lane", func() bool {
		return chrome.Evaluate[bool](a.tab, `!!document.querySelector(".msgs.five") && !!document.querySelector(".heads.five .X")`)
	})
	until("nothing was said", func() bool {
		return strings.Contains(chrome.Evaluate[string](a.tab, `document.querySelector("#said").textContent`), "rows. ")
	})
	a.tab.Tick("#m2 a")
	until("the row was not selected", func() bool {
		return chrome.Evaluate[bool](a.tab, `!!document.querySelector("#m2 [aria-current]") && document.querySelector("#insp h2").textContent.trim().startsWith("2 ") && document.activeElement.closest("li")?.id === "m2"`)
	})
	a.tab.Tick("#cap [rel=next]")
	until("Next did not go on", func() bool {
		return chrome.Evaluate[bool](a.tab, `!!document.querySelector("#m3 [aria-current]") && location.search.includes("m=3")`)
	})
	if !chrome.Evaluate[bool](a.tab, "window.stays === true") {
		t.Error("the page was loaded again")
	}
	for _, v := range variants {
		a.name = "wire view with five lanes"
		a.as(v)
	}
	if _, said := a.tab.Seen(); len(said) > 0 {
		t.Errorf("the console says %q", said)
	}
	found.report(t)
}
