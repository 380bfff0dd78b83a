package wiretap

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func formBody(body string) Half {
	return Half{Header: http.Header{"Content-Type": {formType}}, Body: body}
}

func jsonBody(body string) Half {
	return Half{Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// Somebody reads a user code from another's screen, and types it into a request of
// their own run: what belongs to the other does not come to them.
func TestAValueThatSomebodyNamesLeadsToNobodyElse(t *testing.T) {
	victim := []Exchange{
		{ID: "device", Trace: newID(16), From: Client, To: AuthorizationServer, ToldBy: AuthorizationServer, URL: "http://as/device_authorization", Response: jsonBody(`{"device_code":"DC","user_code":"BCDF-GHJK"}`)},
		{ID: "token", Trace: newID(16), From: Client, To: AuthorizationServer, ToldBy: AuthorizationServer, URL: "http://as/token", Request: formBody("device_code=DC"), Response: jsonBody(`{"access_token":"AT","refresh_token":"RT"}`)},
	}
	trace := newID(16)
	for name, mine := range map[string]Exchange{
		"in a form":                  {From: Browser, To: AuthorizationServer, ToldBy: AuthorizationServer, Trace: newID(16), URL: "http://as/login?state=MINE-STATE", Request: formBody("user_code=BCDF-GHJK&device_code=DC")},
		"reflected":                  {From: Browser, To: AuthorizationServer, ToldBy: AuthorizationServer, Trace: newID(16), URL: "http://as/device?state=MINE-STATE&user_code=BCDF-GHJK", Response: Half{Header: http.Header{"Location": {"/consent?user_code=BCDF-GHJK"}}}},
		"in a message that I edited": {From: Client, To: AuthorizationServer, ToldBy: Client, Edited: true, Trace: trace, URL: "http://as/token", Request: formBody("user_code=BCDF-GHJK&device_code=DC")},
		"and as its receiver has it": {From: Client, To: AuthorizationServer, ToldBy: AuthorizationServer, Trace: trace, URL: "http://as/token", Request: formBody("user_code=BCDF-GHJK&device_code=DC")},
	} {
		m, now := &matcher{}, time.Now()
		for _, e := range victim[:1] {
			m.offer(e, now)
		}
		m.watch("mine", trace, []string{Link("MINE-STATE")}, now)
		if got := m.offer(mine, now); len(got) != 1 || got[0].e.URL != mine.URL {
			t.Fatalf("%s: my own message brings %v", name, got)
		}
		for _, e := range victim[1:] {
			if got := m.offer(e, now); len(got) != 0 {
				t.Errorf("%s: I hear %s", name, e.ID)
			}
		}
	}
}

// Who has somebody's token sees what is sent with it, and not what it came with.
func TestATokenDoesNotLeadToWhatItCameWith(t *testing.T) {
	m, now := &matcher{}, time.Now()
	m.offer(Exchange{ID: "token", Trace: newID(16), From: Client, ToldBy: AuthorizationServer, To: AuthorizationServer, URL: "http://as/token", Request: formBody("code=C"), Response: jsonBody(`{"access_token":"AT","refresh_token":"RT"}`)}, now)
	if _, before := m.watch("mine", newID(16), []string{Link("AT")}, now); len(before) != 0 {
		t.Errorf("the refresh token is mine, too: %v", before)
	}
}

// What says that it is a program of ours, and has nothing but a value, is somebody.
func TestNobodyIsAPartyBecauseTheySaySo(t *testing.T) {
	tap := newTap(ResourceServer, time.Now, nil, func(found) {})
	req := httptest.NewRequest(http.MethodGet, "http://acme/api", nil)
	req.Header.Set("Authorization", "Bearer STOLEN")
	req.Header.Set("tracestate", stateKey+"="+newID(16)+"-"+newID(8)+"-D")
	e := tap.received(req)
	tap.matcher.watch("run", newID(16), []string{Link("STOLEN")}, time.Now())
	if got := tap.matcher.offer(e, time.Now()); len(got) != 1 || got[0].e.From != Somebody {
		t.Errorf("it is shown as %v", got)
	}
	run := newID(16)
	tap.matcher.watch("other", run, nil, time.Now())
	req.Header.Set("tracestate", "")
	req.Header.Set("traceparent", "00-"+run+"-"+newID(8)+"-01")
	if e := tap.received(req); e.Trace == run || e.From != Somebody {
		t.Error("a stranger's traceparent leads into a run")
	}
}

// What was a run's own is nobody else's when that run is over.
func TestWhatIsOverIsNotHandedOn(t *testing.T) {
	m, now := &matcher{}, time.Now()
	m.watch("over", "its-trace", nil, now)
	if got := m.offer(Exchange{ID: "1", Trace: "its-trace", URL: "http://as/?code=C"}, now); len(got) != 1 {
		t.Fatal("it is not the run's")
	}
	m.drop("over")
	if _, before := m.watch("next", newID(16), []string{Link("C")}, now); len(before) != 0 {
		t.Error("it is handed on")
	}
}

// The same request once more is another message.
func TestAMessageThatIsSentAgainIsThereTwice(t *testing.T) {
	r := &Recording{}
	e := Exchange{ID: "1", From: Client, To: ResourceServer, ToldBy: ResourceServer, Route: "/api"}
	r.Receive(e)
	r.Receive(e)
	all, _ := r.Exchanges()
	if len(all) != 2 || all[0].From == all[1].From {
		t.Errorf("%+v", all)
	}
}

// Nobody outside learns what would get them into a run.
func TestTheTraceGoesToOurProgramsAlone(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer server.Close()
	for to, named := range map[Party]bool{AuthorizationServer: true, Somebody: false} {
		tap := newTap(Client, time.Now, func(*url.URL) Party { return to }, func(found) {})
		req, _ := http.NewRequestWithContext(With(t.Context(), &Recording{Trace: newID(16)}), http.MethodGet, server.URL, nil)
		resp, err := (&http.Client{Transport: tap.Transport(http.DefaultTransport)}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if has := got.Get("tracestate") != "" && got.Get("traceparent") != ""; has != named {
			t.Errorf("%s gets the trace: %t", to, has)
		}
	}
}

func TestPasswordsInEveryWritingAreNotRecorded(t *testing.T) {
	for _, one := range []struct{ kind, body string }{
		{formType, "%70assword=hunter2"},
		{formType, "Password=hunter2&New_Password=hunter2"},
		{formType + "; charset", "password=hunter2"},
		{formType, "a=%zz&password=hunter2"},
		{"", "password=hunter2"},
		{"text/plain", "%50assword=hunter2"},
		{"text/xml", "<Password>hunter2</Password>"},
		{"application/json", `{"user":{"Password":"hunter2"},"list":[{"new_password":"hunter2"}]}`},
		{"application/json", `{"p\u0061ssword":"hunter2"}`},
		{"application/json", `{"password":"hunter2"`},
		{"application/json", `{} {"password":"hunter2"}`},
		{"application/scim+json", `{"password":"hunter2"}`},
		{"application/json", `{"password":"hunter2","x":"` + strings.Repeat("x", MaxBody) + `"}`},
		{"multipart/form-data; boundary=x", "hunter2"},
	} {
		if text, _ := kept(http.Header{"Content-Type": {one.kind}}, []byte(one.body)); strings.Contains(text, "hunter2") {
			t.Errorf("%s: %.80s is recorded as %.80s", one.kind, one.body, text)
		}
	}
	h := withheldHeader(http.Header{"Location": {"/login?password=hunter2"}, "Referer": {"http://a/?PASSWORD=hunter2"}})
	if strings.Contains(fmt.Sprint(h), "hunter2") {
		t.Errorf("%v", h)
	}
	for _, address := range []string{"http://a/#password=hunter2", "http://x:hunter2@a/", "http://a/?p%61ssword=hunter2"} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if text := withheldQuery(u); strings.Contains(text, "hunter2") {
			t.Errorf("%s is recorded as %s", address, text)
		}
	}
}

// Somebody fills every run that there may be with as much as a run may hold.
func TestRecordingsHaveABoundTogether(t *testing.T) {
	n := newNeighbours(t)
	small := n.room.Open(t.Context(), nil)
	small.Receive(Exchange{ID: newID(8), URL: "http://as/token"})
	large := strings.Repeat("x", MaxBody)
	for range MaxRuns - 1 {
		r := n.room.Open(t.Context(), nil)
		for range 20 {
			r.Receive(Exchange{ID: newID(8), Request: Half{Body: large}, Response: Half{Body: large}})
		}
		if r.Size() > MaxBytes {
			t.Fatalf("one has %d bytes", r.Size())
		}
	}
	all := 0
	for _, id := range n.room.IDs() {
		all += n.room.Recording(id).Size()
	}
	if all > maxRoom {
		t.Errorf("all have %d bytes", all)
	}
	if got, _ := small.Exchanges(); len(got) != 1 {
		t.Error("the small one made room for the large ones")
	}
}

// What waits for the room has a bound in bytes.
func TestTheQueueHasABound(t *testing.T) {
	m := NewMember(ResourceServer, &Clock{Base: time.Now}, "http://nowhere.invalid", nil, http.DefaultTransport, nil)
	large := strings.Repeat("x", MaxBody)
	for range queued {
		m.keep(found{e: Exchange{Request: Half{Body: large}, Response: Half{Body: large}}})
	}
	if m.bytes.Load() > queuedBytes || m.lost.Load() == 0 || len(m.queue) < 10 {
		t.Errorf("%d bytes wait, %d are lost", m.bytes.Load(), m.lost.Load())
	}
}

// Strangers give orders while the room does not answer: who is known waits for none
// of them.
func TestStrangersDoNotMakeTheRoomWait(t *testing.T) {
	silent := make(chan struct{})
	dreams := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-silent }))
	defer dreams.Close()
	defer close(silent)
	m := NewMember(ResourceServer, &Clock{Base: time.Now}, dreams.URL, nil, http.DefaultTransport, nil)
	m.key = "known"
	var strangers sync.WaitGroup
	defer strangers.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 50 {
		strangers.Go(func() { _, _ = m.trust(ctx, order{Key: fmt.Sprint("stranger", i)}) })
	}
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	if _, err := m.trust(t.Context(), order{Key: "known"}); err != nil || time.Since(began) > 100*time.Millisecond {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// A run that is known by very much does not make an order that no program reads.
func TestOrdersComeInParts(t *testing.T) {
	n := newNeighbours(t)
	for range 40 {
		r := n.room.Open(t.Context(), nil)
		var values []string
		for i := range maxLinks {
			values = append(values, Link(fmt.Sprint(r.ID, i)))
		}
		n.room.matcher.watch(r.ID, r.Trace, values, time.Now())
	}
	n.serving.Store(NewMember(AuthorizationServer, &Clock{Base: time.Now}, n.dreams.URL, n.member.to, http.DefaultTransport, n.room.log))
	if err := n.room.send(t.Context(), n.room.members[0]); err != nil {
		t.Fatal(err)
	}
	if got := len(n.serving.Load().matcher.all()); got != 40 {
		t.Errorf("%d runs are listened for", got)
	}
}

// A handler that breaks off, and one that asks for another protocol, do as they
// would without us.
func TestTheTapLeavesHandlersAlone(t *testing.T) {
	var heard []found
	tap := newTap(AuthorizationServer, time.Now, nil, func(f found) { heard = append(heard, f) })
	tap.on.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, out, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = out.WriteString("HTTP/1.1 204 No Content\r\nX-Hijacked: yes\r\n\r\n")
		_ = out.Flush()
	})
	mux.HandleFunc("/flush", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = w.Write([]byte("first"))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/unread", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(tap.Handler(mux))
	defer server.Close()
	server.Config.ErrorLog = nil
	if _, err := http.Get(server.URL + "/abort"); err == nil {
		t.Error("what was broken off looks whole")
	}
	for path, status := range map[string]int{"/hijack": 204, "/flush": 200, "/unread": 200} {
		for _, method := range []string{http.MethodPost, http.MethodHead} {
			body := strings.NewReader(strings.Repeat("x", 1<<20))
			if path == "/hijack" {
				body = strings.NewReader("")
			}
			req, _ := http.NewRequestWithContext(t.Context(), method, server.URL+path, body)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != status {
				t.Errorf("%s %s: %d", method, path, resp.StatusCode)
			}
		}
	}
}
