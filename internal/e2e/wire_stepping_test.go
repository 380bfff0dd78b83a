package e2e

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// stepping is a browser at the page of a run that goes step by step.
type stepping struct {
	t    *testing.T
	w    *World
	b    *Browser
	page Page
	run  string // its page
}

// learner is a browser that is signed in at Acme's accounts.
func learner(t *testing.T, w *World, name string) *Browser {
	t.Helper()
	b := NewBrowser(t)
	w.SignIn(b, name)
	return b
}

// stepThrough begins a lesson that stops before each message.
func stepThrough(t *testing.T, w *World, b *Browser, slug string) *stepping {
	t.Helper()
	form := b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").With(url.Values{"mode": {"step"}})
	s := &stepping{t: t, w: w, b: b, page: form.Submit()}
	if !strings.HasPrefix(s.page.URL.Path, "/runs/") || s.page.Status != 200 {
		t.Fatalf("%s began at %d %s\n%.2000s", slug, s.page.Status, s.page.URL, s.page.Body)
	}
	s.run = address(s.page)
	return s
}

// address is a page's, without what is for the browser alone.
func address(p Page) string {
	u := *p.URL
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// waits is the line of what waits: "leaving POST /token".
func (s *stepping) waits() string {
	_, after, found := strings.Cut(s.page.Body, `id="waits"`)
	if !found {
		return ""
	}
	heading, after, _ := strings.Cut(after, "</h3>")
	_, heading, _ = strings.Cut(heading, "<h3>")
	_, label, _ := strings.Cut(after, "<code>")
	label, _, _ = strings.Cut(label, "</code>")
	return html.UnescapeString(heading + ": " + label)
}

// next presses Next, and does at the authorization server what a person does.
func (s *stepping) next() string {
	s.t.Helper()
	return s.press(url.Values{"action": {"next"}})
}

func (s *stepping) press(fields url.Values) string {
	s.t.Helper()
	s.page = s.b.Form(s.page, "seq").With(fields).Submit()
	s.atAccounts()
	return s.waits()
}

// atAccounts signs in and allows until the browser is back.
func (s *stepping) atAccounts() {
	s.t.Helper()
	for range 6 {
		if !strings.HasPrefix(s.page.URL.String(), s.w.Auth) || s.page.Status != 200 {
			break
		}
		if strings.Contains(s.page.Body, `name="password"`) {
			s.page = s.w.LogIn(s.b, s.page, "alice", "wanderlust")
			continue
		}
		form := s.b.Form(s.page, "decision")
		ticked := url.Values{"decision": {"allow"}}
		for _, box := range form.Boxes {
			name, value, _ := strings.Cut(box, "=")
			ticked[name] = append(ticked[name], value)
		}
		s.page = form.With(ticked).Submit()
	}
}

// over tells whether nothing waits any more.
func (s *stepping) over() bool {
	return strings.Contains(s.page.Body, "✓ Over.") || strings.Contains(s.page.Body, "ended early")
}

// settle opens the page again while Dreams is at work.
func (s *stepping) settle() {
	s.t.Helper()
	for begin := time.Now(); s.waits() == "" && !s.over(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			s.t.Fatalf("nothing waits, and it is not over:\n%s", s.side())
		}
		s.page = s.b.Get(s.run)
	}
}

// toTheEnd presses Next until the run is over, and returns what waited.
func (s *stepping) toTheEnd() []string {
	s.t.Helper()
	var all []string
	for range 120 {
		s.settle()
		if s.over() {
			return all
		}
		all = append(all, s.waits())
		s.next()
	}
	s.t.Fatalf("it is not over after 120 steps: %v", all)
	return nil
}

// side is what stands beside the messages.
func (s *stepping) side() string {
	_, after, _ := strings.Cut(s.page.Body, `aria-labelledby="steps-h"`)
	before, _, _ := strings.Cut(after, "</section>")
	return html.UnescapeString(before)
}

// Each message waits until somebody lets it go: requests, answers, and the browser.
func TestSteppingStopsBeforeEachMessage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	tests := map[string][]string{
		"client-credentials": {
			"Dreams is about to send: POST /token", "An answer is about to arrive: 200 OK",
			"Dreams is about to send: GET /api/v1/packages", "An answer is about to arrive: 200 OK",
			"Dreams is about to send: GET /api/v1/me", "An answer is about to arrive: 403 Forbidden",
		},
		"pkce": {
			"Your browser is about to leave: GET /authorize",
			"Dreams is about to send: POST /token", "An answer is about to arrive: 200 OK",
			"Dreams is about to send: GET /api/v1/me", "An answer is about to arrive: 200 OK",
			"Your browser is about to leave: GET /authorize",
			"Dreams is about to send: POST /token", "An answer is about to arrive: 400 Bad Request",
		},
	}
	for slug, want := range tests {
		b := learner(t, w, "alice")
		s := stepThrough(t, w, b, slug)
		if got := s.toTheEnd(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s stopped at\n%s\nwant\n%s", slug, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if result := html.UnescapeString(b.Get(w.Dreams + "/learn/" + slug).Body); !strings.Contains(result, "✓ Refused") || strings.Contains(result, "should have been") {
			t.Errorf("%s: no refusal in the result\n%s", slug, section(result))
		}
	}
}

// Every lesson goes step by step to its end, and comes to the same result.
func TestEveryLessonCanBeSteppedThrough(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	refusals := map[string]int{
		"pkce": 1, "authorization-code": 1, "refresh-token": 1, "client-credentials": 1, "jwt-bearer": 1, "token-exchange": 1, "implicit": 1, "password": 1, "device-code": 1,
		"par": 3, "jar": 3, "rar": 5, "dpop": 3, "resource-indicators": 3, "issuer": 4, "resource-metadata": 3, "registration": 4, "step-up": 2, "logout": 2, "introspection": 4, "fapi2": 4,
	}
	for _, slug := range lessonSlugs(t, w) {
		want, known := refusals[slug]
		if !known {
			t.Errorf("%s is not among the lessons of this test", slug)
		}
		t.Run(slug, func(t *testing.T) {
			b := learner(t, w, "alice")
			if slug == "step-up" {
				w.Clock.Advance(6 * time.Minute)
			}
			var s *stepping
			switch slug {
			case "password":
				s = &stepping{t: t, w: w, b: b}
				s.page = b.Form(b.Get(w.Dreams+"/learn/password"), "run").With(url.Values{"mode": {"step"}, "username": {"alice"}, "password": {"wanderlust"}}).Submit()
				s.run = address(s.page)
				if strings.Contains(s.page.Body, "wanderlust") {
					t.Error("the password is on the page")
				}
				if got := s.edit(s.set("scope", "profile")); got != "An answer is about to arrive: 200 OK" {
					t.Errorf("the password did not go with the rest: %s", got)
				}
			case "implicit":
				s = stepThrough(t, w, b, slug)
				s.next()
				s.bringToken()
			case "device-code":
				s = stepThrough(t, w, b, slug)
				s.typeCode()
			default:
				s = stepThrough(t, w, b, slug)
			}
			stops := s.toTheEnd()
			if len(stops) < 3 {
				t.Errorf("it stopped at %v alone", stops)
			}
			result := html.UnescapeString(b.Get(w.Dreams + "/learn/" + slug).Body)
			saysNot(t, result, "should have been", "ended early", "It goes on")
			if n := strings.Count(result, "✓ Refused"); n != want {
				t.Errorf("%d refusals, want %d: %v\n%s", n, want, stops, section(result))
			}
			if strings.Contains(s.page.Body, "Something is missing") {
				t.Error("something is missing in the recording")
			}
		})
	}
}

// lessonSlugs are those of the front page.
func lessonSlugs(t *testing.T, w *World) []string {
	t.Helper()
	page := NewBrowser(t).Get(w.Dreams + "/learn").Body
	var all []string
	for _, found := range regexp.MustCompile(`<h3><a href="/learn/([a-z0-9-]+)"`).FindAllStringSubmatch(page, -1) {
		all = append(all, found[1])
	}
	if len(all) < 21 {
		t.Fatalf("lessons: %v", all)
	}
	return all
}

// bringToken does what the widget's script does.
func (s *stepping) bringToken() {
	s.t.Helper()
	s.b.Stay = s.w.Dreams + "/widget/callback"
	answer := s.b.Get(s.w.Auth + "/authorize?" + url.Values{
		"response_type": {"token"}, "client_id": {"dreams-widget"}, "redirect_uri": {s.b.Stay}, "scope": {"profile"}, "state": {"S1"},
	}.Encode())
	if answer.Location == "" {
		answer = s.b.Form(answer, "decision").With(url.Values{"scope": {"profile"}, "decision": {"allow"}}).Submit()
	}
	s.b.Stay = ""
	form := s.b.Form(s.b.Get(s.w.Dreams+"/widget"), "access_token")
	s.page = form.With(url.Values{"access_token": {answer.Answer().Get("access_token")}, "expires_in": {"3600"}, "scope": {"profile"}}).Submit()
	if address(s.page) != s.run {
		s.t.Fatalf("the script brought the token to %s and not to %s", s.page.URL, s.run)
	}
}

// typeCode goes on until the television shows a code, and types it on a phone.
func (s *stepping) typeCode() {
	s.t.Helper()
	shown := regexp.MustCompile(`The television shows ([A-Z]{4}-[A-Z]{4})`)
	for range 20 {
		s.settle()
		if code := shown.FindStringSubmatch(s.page.Body); code != nil && strings.Contains(s.waits(), "wait") {
			phone := s.w.SignedIn(s.t, "alice")
			phone.Form(s.w.TypeCode(phone, code[1]), "decision").With(url.Values{"scope": {"profile", "packages:read"}, "decision": {"allow"}, "duration": nil}).Submit()
			s.w.Clock.Advance(11 * time.Second)
			return
		}
		s.next()
	}
	s.t.Fatalf("no code:\n%s", s.side())
}

// Whatever one learner holds, another does not wait for it: not for the server's
// metadata, not for the lab's client, which all of them share.
func TestAPauseHoldsNobodyElse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	bob := learner(t, w, "bob")
	bob.client.Timeout = 3 * time.Second
	s := stepThrough(t, w, learner(t, w, "alice"), "par")
	for range 40 {
		s.settle()
		if s.over() {
			break
		}
		for _, slug := range []string{"par", "client-credentials"} {
			if page := bob.Form(bob.Get(w.Dreams+"/learn/"+slug), "run").Submit(); page.Status != 200 {
				t.Fatalf("while %q, %s answers %d", s.waits(), slug, page.Status)
			}
		}
		s.next()
	}
	saysNot(t, s.side(), "ended early")
}

// recorded are the messages of the run.
func (s *stepping) recorded() []wiretap.Exchange {
	return s.w.room.Recording(strings.TrimPrefix(s.run, s.w.Dreams+"/runs/")).Record().Exchanges
}

// eventually waits until something is so, for a few seconds at most.
func eventually(so func() bool) {
	for begin := time.Now(); !so() && time.Since(begin) < 5*time.Second; {
		time.Sleep(20 * time.Millisecond)
	}
}

// set returns the edit form's values with one parameter changed.
func (s *stepping) set(name, value string) url.Values {
	s.t.Helper()
	form := s.b.Form(s.page, "url")
	values := append([]string(nil), form.Fields["v"]...)
	for i, one := range form.Fields["n"] {
		if one == name {
			values[i] = value
			return url.Values{"action": {"edit"}, "v": values}
		}
	}
	s.t.Fatalf("no parameter %s in %v", name, form.Fields["n"])
	return nil
}

// edit sends what waits changed.
func (s *stepping) edit(fields url.Values) string {
	s.t.Helper()
	s.page = s.b.Form(s.page, "url").With(fields).Submit()
	s.atAccounts()
	return s.waits()
}

// until presses Next until something waits that is called so.
func (s *stepping) until(what string) {
	s.t.Helper()
	for range 40 {
		s.settle()
		if s.over() {
			break
		}
		if strings.Contains(s.waits(), what) {
			return
		}
		s.next()
	}
	s.t.Fatalf("%q never waited\n%s", what, s.side())
}

// RFC 7636 §4.6: a code_verifier that somebody changed on its way is refused by the
// authorization server, and the record shows what was sent.
func TestAnEditedVerifierIsRefusedByTheServer(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "pkce")
	s.until("POST /token")
	says(t, s.side(), "The code is good for")
	wrong := strings.Repeat("x", 43)
	if got := s.edit(s.set("code_verifier", wrong)); got != "An answer is about to arrive: 400 Bad Request" {
		t.Fatalf("after the edit waits %q\n%s", got, s.side())
	}
	says(t, s.side(), "invalid_grant", "code_verifier")
	sent, refused := false, false
	eventually(func() bool { // what the other programs tell comes a moment later
		for _, e := range s.recorded() {
			sent = sent || strings.Contains(e.Request.Body, "code_verifier="+wrong)
			for _, c := range e.Checks {
				refused = refused || strings.Contains(c.Name, "verifier") && c.Refusal != ""
			}
		}
		return sent && refused
	})
	if !sent || !refused {
		t.Errorf("sent as edited: %t, refused by the check: %t", sent, refused)
	}
	says(t, s.side(), "Changed by hand")
	s.next()
	says(t, s.side(), "ended early", "invalid_grant")
	for _, e := range s.recorded() {
		if e.Front && strings.Contains(e.Request.Body, "action=edit") {
			t.Error("a press is among the messages of the run")
		}
	}
}

// A person who thinks for longer than a client has patience loses nothing: no
// refresh token, and no step.
func TestAPauseOutlastsTheClientsPatience(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	refreshing, calling, leaving := stepThrough(t, w, learner(t, w, "alice"), "refresh-token"), stepThrough(t, w, learner(t, w, "bob"), "introspection"), stepThrough(t, w, learner(t, w, "carol"), "client-credentials")
	refreshing.until("POST /token")
	refreshing.next()
	refreshing.next()
	refreshing.next() // the refresh token was sent, and a new one waits at the door
	calling.until("POST /introspect")
	time.Sleep(11 * time.Second)
	for _, s := range []*stepping{refreshing, calling, leaving} {
		s.toTheEnd()
		saysNot(t, s.side(), "ended early")
	}
	result := html.UnescapeString(refreshing.b.Get(w.Dreams + "/learn/refresh-token").Body)
	says(t, result, "has been used before", "The second refresh token")
}

// RFC 9700 §2.1: an authorization request that somebody changed in the browser.
func TestAnEditedRedirectURIIsRefusedByTheServer(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "pkce")
	s.edit(s.set("redirect_uri", "https://mallory.example/callback"))
	if !strings.HasPrefix(s.page.URL.String(), w.Auth+"/authorize") || s.page.Status != 400 {
		t.Fatalf("the browser is at %d %s", s.page.Status, s.page.URL)
	}
	// Nothing is lost: the page still has the request, and sends it as it was.
	eventually(func() bool {
		s.page = s.b.Get(s.run)
		return strings.Contains(s.side(), "refused, or it failed")
	})
	says(t, s.side(), "Your browser is away", "refused, or it failed")
	if got := s.next(); got != "Dreams is about to send: POST /token" {
		t.Errorf("after the second attempt waits %q", got)
	}
	s.toTheEnd()
	saysNot(t, s.side(), "ended early")
}

// What makes no sense is refused on the page, sends nothing, and keeps what was
// typed.
func TestAnEditThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "client-credentials")
	large := strings.Repeat("a", 70<<10)
	for name, tt := range map[string]struct {
		fields url.Values
		says   string
		kept   string
	}{
		"a method with a space":      {url.Values{"method": {"POST /evil HTTP/1.1"}}, "one word of letters", "POST /evil HTTP/1.1"},
		"a tunnel":                   {url.Values{"method": {"CONNECT"}}, "one word of letters", `value="CONNECT"`},
		"another host":               {url.Values{"url": {"https://mallory.example/token"}}, "has to begin with " + w.Auth, "https://mallory.example/token"},
		"a host that looks the same": {url.Values{"url": {w.Auth + "@mallory.example/token"}}, "has to begin with", "@mallory.example/token"},
		"another scheme":             {url.Values{"url": {"file:///etc/passwd"}}, "has to begin with", "file:///etc/passwd"},
		"a relative address":         {url.Values{"url": {"//mallory.example/"}}, "has to begin with", "//mallory.example/"},
		"a line end in the address":  {url.Values{"url": {w.Auth + "/token HTTP/1.1\r\nX: y"}}, "is none that can be read", "/token HTTP/1.1"},
		"a place that is not heard":  {url.Values{"url": {w.Auth + "/metrics"}}, "no part of any flow", "/metrics"},
		"a fragment":                 {url.Values{"url": {w.Auth + "/token#x"}}, "must not have a #", "/token#x"},
		"a header without a name":    {url.Values{"headers": {"Accept: */*\r\nno header"}}, "is no line of the form", "no header"},
		"a header with a null":       {url.Values{"headers": {"X-A: b\x00c"}}, "has a character that no header may have", "X-A"},
		"a second Host":              {url.Values{"headers": {"host: mallory.example"}}, "is set by the program itself", "mallory.example"},
		"a smuggled length":          {url.Values{"headers": {"Transfer-Encoding: chunked"}}, "is set by the program itself", "chunked"},
		"too large a value":          {url.Values{"n": {"scope"}, "v": {large}}, "too large", large[:100]},
		"a name without a value":     {url.Values{"n": {"scope", "x"}, "v": {"a"}}, "Expected a value for each name", "scope"},
	} {
		before := s.waits()
		fields := url.Values{"action": {"edit"}}
		for name, values := range tt.fields {
			fields[name] = values
		}
		s.page = s.b.Form(s.page, "url").With(fields).Submit()
		body := html.UnescapeString(s.page.Body)
		if !strings.Contains(body, "It was not sent.") || !strings.Contains(body, tt.says) || !strings.Contains(body, tt.kept) {
			t.Errorf("%s: the page does not say %q, or has lost %q\n%.3000s", name, tt.says, tt.kept, s.side())
		}
		if s.waits() != before {
			t.Errorf("%s: now waits %q", name, s.waits())
		}
		s.page = s.b.Get(s.run)
	}
	// As it stood before it goes all the same.
	if got := s.next(); got != "An answer is about to arrive: 200 OK" {
		t.Errorf("after all that waits %q", got)
	}
}

// What Dreams sends can be changed in every part: method, path, headers, body.
func TestAMessageCanBeChangedInEveryPart(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "client-credentials")
	s.edit(url.Values{"action": {"edit"}, "headers": {"Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded"}})
	says(t, s.side(), "401 Unauthorized", "invalid_client")
	s = stepThrough(t, w, learner(t, w, "alice"), "client-credentials")
	s.until("GET /api/v1/packages")
	s.edit(url.Values{"action": {"edit"}, "method": {"OPTIONS"}, "url": {w.Acme + "/nowhere"}})
	says(t, s.waits(), "404")
}

// Who presses twice, or in two tabs, sends one message.
func TestTwoTabsThatPressAtOnceSendOneMessage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "client-credentials")
	form := s.b.Form(s.page, "seq").With(url.Values{"action": {"next"}})
	pages := make([]Page, 6)
	var all sync.WaitGroup
	for i := range pages {
		all.Go(func() { pages[i] = form.Submit() })
	}
	all.Wait()
	late := 0
	for _, page := range pages {
		s.page = page
		if !strings.Contains(s.waits(), "200 OK") && s.waits() != "" {
			t.Errorf("now waits %q", s.waits())
		}
		if strings.Contains(page.Body, "had gone on already") {
			late++
		}
	}
	if late == 0 {
		t.Error("nobody was told that it had gone on already")
	}
	sent := 0
	for _, e := range s.recorded() {
		if strings.HasSuffix(e.URL, "/token") {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("%d token requests, want 1", sent)
	}
}

// A run is its browser's alone.
func TestARunIsItsBrowsersAlone(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "client-credentials")
	bob := learner(t, w, "bob")
	stepThrough(t, w, bob, "client-credentials")
	if page := bob.Get(s.run); page.Status != 404 || strings.Contains(page.Body, "POST /token") {
		t.Errorf("another browser sees it: %d", page.Status)
	}
	form := s.b.Form(s.page, "seq").With(url.Values{"action": {"next"}})
	form.browser = bob
	for _, action := range []string{"next", "end", "restart", "branch"} {
		if page := form.With(url.Values{"action": {action}}).Submit(); page.Status != 404 {
			t.Errorf("another browser may press %s: %d", action, page.Status)
		}
	}
	form.browser = NewBrowser(t)
	if page := form.Submit(); page.Status != 404 {
		t.Errorf("a browser without a session may press: %d", page.Status)
	}
	form.browser = s.b
	if page := form.SubmitAs(http.Header{"Origin": {"https://mallory.example"}, "Sec-Fetch-Site": {"cross-site"}}); page.Status != 403 {
		t.Errorf("another site may press: %d", page.Status)
	}
	if page := form.With(url.Values{"action": {"explode"}}).Submit(); page.Status != 400 {
		t.Errorf("an unknown press: %d", page.Status)
	}
	s.page = s.b.Get(s.run)
	if s.waits() != "Dreams is about to send: POST /token" {
		t.Errorf("now waits %q", s.waits())
	}
}

// Started again, the run before is gone; branched off, it stays to be compared with.
func TestARunIsStartedAgainAndBranchedOff(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "client-credentials")
	s.until("GET /api/v1/packages")
	first := s.run
	s.page = s.b.Form(s.page, "seq").With(url.Values{"action": {"restart"}, "seq": nil}).Submit()
	if s.run = address(s.page); s.run == first || s.waits() != "Dreams is about to send: POST /token" {
		t.Fatalf("%s waits %q", s.run, s.waits())
	}
	if page := s.b.Get(first); page.Status != 404 {
		t.Errorf("the run before is there: %d", page.Status)
	}
	s.until("GET /api/v1/packages")
	kept := s.run
	s.page = s.b.Form(s.page, "seq").With(url.Values{"action": {"branch"}, "seq": nil}).Submit()
	if s.run = address(s.page); s.run == kept || s.waits() != "Dreams is about to send: GET /api/v1/packages" {
		t.Fatalf("the branch %s waits %q", s.run, s.waits())
	}
	s.edit(url.Values{"action": {"edit"}, "headers": {"Accept: application/json"}})
	s.toTheEnd()
	s.page = s.b.Get(kept)
	s.toTheEnd()
	comparison := html.UnescapeString(s.b.Get(kept + "/compare/" + strings.TrimPrefix(s.run, w.Dreams+"/runs/")).Body)
	says(t, comparison, "Two runs side by side", "= alike", "≠ differs", "in the first run only", "new each time", "401 Unauthorized", "access_token")
	saysNot(t, comparison, "eyJhbGci")
	if page := learner(t, w, "bob").Get(kept + "/compare/" + strings.TrimPrefix(s.run, w.Dreams+"/runs/")); page.Status != 404 {
		t.Errorf("another browser compares them: %d", page.Status)
	}
}

// A branch of a run whose browser was away carries the browser as far again.
func TestABranchCarriesTheBrowserAsFar(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "pkce")
	s.until("GET /api/v1/me")
	first := s.run
	s.page = s.b.Form(s.page, "seq").With(url.Values{"action": {"branch"}, "seq": nil}).Submit()
	s.atAccounts()
	if s.run = address(s.page); s.run == first || s.waits() != "Dreams is about to send: GET /api/v1/me" {
		t.Errorf("the branch %s waits %q\n%s", s.run, s.waits(), s.side())
	}
}

// To the end without a pause, from the middle of things.
func TestARunGoesThroughToItsEnd(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	for _, slug := range []string{"pkce", "logout", "par", "client-credentials"} {
		b := learner(t, w, "alice")
		s := stepThrough(t, w, b, slug)
		s.press(url.Values{"action": {"end"}})
		s.settle()
		if !s.over() {
			t.Errorf("%s: still waits %q at %s", slug, s.waits(), s.page.URL)
		}
		saysNot(t, s.side(), "ended early")
	}
}

// Who closes the page loses nothing: a run waits, and goes on where it was.
func TestARunOutlivesItsPage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	s := stepThrough(t, w, learner(t, w, "alice"), "refresh-token")
	s.until("GET /api/v1/me")
	s.page = s.b.Get(w.Dreams + "/learn/refresh-token")
	s.page = s.b.Get(s.run)
	s.toTheEnd()
	saysNot(t, s.side(), "ended early")
}

func TestNothingIsSteppedThroughWithoutARecording(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	b := learner(t, w, "alice")
	page := b.Get(w.Dreams + "/learn/client-credentials")
	saysNot(t, page.Body, "Step through it")
	says(t, page.Body, "there is no stepping")
	answer := b.Form(page, "run").With(url.Values{"mode": {"step"}}).Submit()
	if answer.Status != 409 || !strings.Contains(answer.Body, "It was not begun.") {
		t.Errorf("stepping without a recording: %d", answer.Status)
	}
	if page := b.Get(w.Dreams + "/runs/0123456789abcdef"); page.Status != 404 {
		t.Errorf("there is a run: %d", page.Status)
	}
	saysNot(t, runLesson(t, w, b, "client-credentials"), "/runs/")
}
