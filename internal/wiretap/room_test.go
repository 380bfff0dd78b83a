package wiretap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// neighbours are a room and a program that it listens to, each behind an address.
type neighbours struct {
	room           *Room
	member         *Member
	serving        atomic.Pointer[Member] // who answers: another one after a start
	dreams, server *httptest.Server
	program        http.Handler // what the program does; nil: 204
	deaf           atomic.Bool  // the room does not answer deliveries
}

func newNeighbours(t *testing.T) *neighbours {
	t.Helper()
	n := &neighbours{}
	quiet := slog.New(slog.DiscardHandler)
	var orders, toRoom http.Handler
	n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { orders.ServeHTTP(w, r) }))
	n.dreams = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { toRoom.ServeHTTP(w, r) }))
	to := func(u *url.URL) Party {
		if "http://"+u.Host == n.server.URL {
			return AuthorizationServer
		}
		return Client
	}
	n.member = NewMember(AuthorizationServer, &Clock{Base: time.Now}, n.dreams.URL, to, http.DefaultTransport, quiet)
	n.serving.Store(n.member)
	n.room = NewRoom(&Clock{Base: time.Now}, map[Party]string{AuthorizationServer: n.server.URL, ResourceServer: n.server.URL}, to, http.DefaultTransport, quiet)
	n.room.members = n.room.members[:1] // one is enough
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) { n.serving.Load().Order(w, r) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		Routed(r.Context(), r.URL.Path, "the.Handler")
		if n.program != nil {
			n.program.ServeHTTP(w, r)
		}
	})
	orders = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.serving.Load().Handler(mux).ServeHTTP(w, r) })
	classroom := http.NewServeMux()
	classroom.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) {
		if n.deaf.Load() {
			_, _ = io.Copy(io.Discard, r.Body)
			for begin := time.Now(); n.deaf.Load() && time.Since(begin) < 3*time.Second; {
				time.Sleep(time.Millisecond)
			}
			return
		}
		n.room.Deliver(w, r)
	})
	classroom.HandleFunc("POST "+ConfirmPath, n.room.Confirm)
	toRoom = classroom
	ctx, stop := context.WithCancel(context.Background())
	worked := make(chan struct{}, 2)
	go func() { n.member.Work(ctx); worked <- struct{}{} }()
	go func() { n.room.Work(ctx); worked <- struct{}{} }()
	t.Cleanup(func() {
		stop()
		n.dreams.CloseClientConnections()
		<-worked
		<-worked
		n.server.Close()
		n.dreams.Close()
	})
	return n
}

// call sends a request as Dreams does, for a run.
func (n *neighbours) call(t *testing.T, r *Recording, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(With(t.Context(), r), http.MethodPost, n.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formType)
	n.do(t, &http.Client{Transport: n.room.Transport(http.DefaultTransport)}, req)
}

// browse opens an address of the program as a browser does.
func (n *neighbours) browse(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	n.do(t, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, req)
}

func (n *neighbours) do(t *testing.T, client *http.Client, req *http.Request) {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
}

// until waits for what comes by another way than the answer.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

func urls(r *Recording) string {
	var all []string
	for _, e := range r.Record().Exchanges {
		u, _ := url.Parse(e.URL)
		all = append(all, u.Path)
	}
	return strings.Join(all, " ")
}

func TestAMessageIsThereOnceWithWhatBothEndsKnow(t *testing.T) {
	n := newNeighbours(t)
	n.program = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.member.Observe(r.Context(), "it is good", "RFC 1 §1", nil)
		n.member.Observe(r.Context(), "it is new", "RFC 1 §2", errors.New("it is old"))
		w.WriteHeader(http.StatusBadRequest)
	})
	run := n.room.Open(t.Context(), nil)
	run.Say("asks")
	n.call(t, run, "/token", "code=c1")
	until(t, "the checks are there", func() bool { e, _ := run.Exchanges(); return len(e) == 1 && len(e[0].Checks) == 2 })
	e := run.Record().Exchanges[0]
	if e.From != Client || e.To != AuthorizationServer || e.Front || e.Caption != "asks" || e.Route != "/token" || e.HandledBy != "the.Handler" || e.Status != 400 {
		t.Errorf("%+v", e)
	}
	if e.Checks[0].Refusal != "" || e.Checks[1].Refusal != "it is old" || e.Checks[1].By != AuthorizationServer {
		t.Errorf("%+v", e.Checks)
	}
}

// The browser says nothing of traces: it is known by what it carries, from one
// value to the next.
func TestTheBrowsersWayIsFoundByTheValuesThatTravel(t *testing.T) {
	n := newNeighbours(t)
	n.program = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/authorize":
			http.Redirect(w, r, "/consent?interaction=of-"+r.URL.Query().Get("state"), http.StatusSeeOther)
		case "/consent":
			http.Redirect(w, r, n.dreams.URL+"/callback?code=c1", http.StatusSeeOther)
		}
	})
	run := n.room.Open(t.Context(), nil)
	n.browse(t, "/authorize?state=s1") // before anybody knows whose state this is
	n.browse(t, "/consent?interaction=of-s1")
	n.browse(t, "/authorize?state=somebody-elses")
	n.room.heard(Exchange{ID: "1", Start: time.Now(), URL: "http://dreams.test/learn", Response: Half{Header: http.Header{"Location": {"http://x/?state=s1"}}}}, run)
	until(t, "all of its messages are there", func() bool { return urls(run) == "/authorize /consent /learn" })
	for _, e := range run.Record().Exchanges {
		if strings.Contains(e.URL, "somebody") {
			t.Errorf("somebody else's message is in the run: %s", e.URL)
		}
		if strings.Contains(e.URL, "/consent") && (e.From != Browser || !e.Front || e.To != AuthorizationServer) {
			t.Errorf("%+v", e)
		}
	}
	n.call(t, run, "/token", "code=c1")
	n.browse(t, "/again?code=c1")
	until(t, "the code is known", func() bool { return strings.Contains(urls(run), "/again") })
}

func TestARunHasItsOwnMessagesAlone(t *testing.T) {
	n := newNeighbours(t)
	runs := []*Recording{n.room.Open(t.Context(), nil), n.room.Open(t.Context(), nil), n.room.Open(t.Context(), nil)}
	for i, r := range runs {
		n.call(t, r, fmt.Sprintf("/token%d", i), "access_token=the-same-for-all") // a token that they share
	}
	for i, r := range runs {
		until(t, "the other end was heard", func() bool { e, _ := r.Exchanges(); return len(e) == 1 && e[0].Route != "" })
		if got, want := urls(r), fmt.Sprintf("/token%d", i); got != want {
			t.Errorf("run %d has %s, want %s", i, got, want)
		}
	}
}

func TestWhatNobodyWatchesIsNotHeard(t *testing.T) {
	n := newNeighbours(t)
	n.browse(t, "/authorize?state=s1")
	if n.member.on.Load() || len(n.member.matcher.ring) != 0 {
		t.Error("a program listens though nobody watches")
	}
	n.room.Open(t.Context(), nil)
	if !n.member.on.Load() {
		t.Error("it does not listen once somebody does")
	}
}

func TestOrdersOfStrangersAreRefused(t *testing.T) {
	n := newNeighbours(t)
	for body, want := range map[string]int{
		`{"key":"made up","runs":{"r":{"trace":"t"}},"ahead_ms":3600000,"fresh":true}`: http.StatusForbidden,
		`{"runs":{}}`: http.StatusBadRequest,
		`nonsense`:    http.StatusBadRequest,
	} {
		resp, err := http.Post(n.server.URL+Path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, resp.StatusCode, want)
		}
	}
	if n.member.on.Load() || n.member.clock.Ahead() != 0 {
		t.Error("an order that is not the room's was followed")
	}
	for _, key := range []string{"", "made up"} {
		status, err := post(t.Context(), http.DefaultClient, n.dreams.URL+Path, key, delivery{Party: AuthorizationServer})
		if err != nil || status != http.StatusUnauthorized {
			t.Errorf("a delivery with the key %q: %d, %v", key, status, err)
		}
	}
}

func TestAProgramThatWasStartedAgainIsToldAgain(t *testing.T) {
	n := newNeighbours(t)
	run := n.room.Open(t.Context(), nil)
	if err := n.room.Advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	again := NewMember(AuthorizationServer, &Clock{Base: time.Now}, n.dreams.URL, n.member.to, http.DefaultTransport, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	n.serving.Store(again)
	go again.Work(ctx)
	n.room.Open(t.Context(), nil) // the next order
	if ahead := again.clock.Ahead(); ahead != time.Hour {
		t.Errorf("its clock is %s ahead", ahead)
	}
	n.call(t, run, "/token", "code=c1")
	until(t, "the old run is heard", func() bool { e, _ := run.Exchanges(); return len(e) == 1 && e[0].Route != "" })
}

// A room that hangs delays no request; what there was no room for is a gap.
func TestNothingWaitsForTheRoomAndWhatIsLostIsSaid(t *testing.T) {
	n := newNeighbours(t)
	run := n.room.Open(t.Context(), nil)
	n.deaf.Store(true)
	var slowest time.Duration
	for range queued + 50 {
		begin := time.Now()
		n.call(t, run, "/token", "code=c1")
		slowest = max(slowest, time.Since(begin))
	}
	if slowest > time.Second {
		t.Errorf("a request took %s", slowest)
	}
	n.deaf.Store(false)
	until(t, "the gap is there", func() bool { return len(run.Record().Gaps) > 0 })
	if g := run.Record().Gaps[0]; g.Lost == 0 || g.Party != AuthorizationServer {
		t.Errorf("%+v", g)
	}
}

func TestAProgramThatIsAwayIsAGap(t *testing.T) {
	n := newNeighbours(t)
	n.server.Close()
	begin := time.Now()
	run := n.room.Open(t.Context(), nil)
	if took := time.Since(begin); took > 2*readyWithin {
		t.Errorf("opening a run took %s", took)
	}
	if gaps := run.Record().Gaps; len(gaps) != 1 || gaps[0].Party != AuthorizationServer {
		t.Errorf("%+v", gaps)
	}
}

func TestPagesPasswordsAndCookiesOfAProgramAreNotRecorded(t *testing.T) {
	n := newNeighbours(t)
	n.program = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Set-Cookie", "session=s3cret")
		_, _ = io.WriteString(w, "<title>Sign in</title><input name=csrf value=s3cret>")
	})
	run := n.room.Open(t.Context(), nil)
	n.call(t, run, "/login", "username=alice&password=hunter2&csrf=s3cret")
	until(t, "it is heard", func() bool { e, _ := run.Exchanges(); return len(e) == 1 && e[0].Route != "" })
	text := fmt.Sprintf("%+v", run.Record())
	if strings.Contains(text, "hunter2") || strings.Contains(text, "s3cret") || !strings.Contains(text, "alice") || !strings.Contains(text, "Sign in") {
		t.Error(text)
	}
}

// gate changes what leaves, and keeps answers back.
type gate struct {
	hold    time.Duration
	change  func(Message) Message
	arrived atomic.Int32
}

func (g *gate) Leaving(_ context.Context, m Message) (Message, error) {
	time.Sleep(g.hold)
	return g.change(m), nil
}

func (g *gate) Arriving(context.Context, Exchange) error { g.arrived.Add(1); return nil }

func TestAGateMayChangeWhatIsSentButNotWhereTo(t *testing.T) {
	n := newNeighbours(t)
	got := make(chan string, 1)
	n.program = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Host + r.URL.String() + " " + string(body)
	})
	g := &gate{hold: 50 * time.Millisecond, change: func(m Message) Message {
		m.URL, m.Body = "http://elsewhere.test/token?x=1", "code=another"
		return m
	}}
	run := n.room.Open(t.Context(), g)
	// The caller's patience is shorter than the pause.
	client := &http.Client{Transport: n.room.Transport(http.DefaultTransport), Timeout: 20 * time.Millisecond}
	req, _ := http.NewRequestWithContext(With(t.Context(), run), http.MethodPost, n.server.URL+"/token", strings.NewReader("code=c1"))
	req.Header.Set("Content-Type", formType)
	n.do(t, client, req)
	if want := strings.TrimPrefix(n.server.URL, "http://") + "/token?x=1 code=another"; <-got != want {
		t.Errorf("want %s", want)
	}
	e := run.Record().Exchanges[0]
	if e.Request.Body != "code=another" || g.arrived.Load() != 1 {
		t.Errorf("recorded: %+v", e.Request)
	}
}

func TestTheRoomKeepsSoManyRunsAndNoMore(t *testing.T) {
	room := NewRoom(&Clock{Base: time.Now}, nil, func(*url.URL) Party { return Client }, http.DefaultTransport, slog.New(slog.DiscardHandler))
	room.members = nil
	first := room.Open(t.Context(), nil)
	for range MaxRuns {
		room.Open(t.Context(), nil)
	}
	if room.Recording(first.ID) != nil || len(room.IDs()) != MaxRuns {
		t.Errorf("%d runs", len(room.IDs()))
	}
}
