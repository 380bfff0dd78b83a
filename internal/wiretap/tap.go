package wiretap

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Tap hears what one program receives, sends and checks. A nil one hears
// nothing. While no run is watched it costs one look at a flag.
type Tap struct {
	party Party
	now   func() time.Time // in the room
	world func() time.Time // outside: by this we know how long something took, and what to forget
	to    func(*url.URL) Party

	on      atomic.Bool // somebody watches
	matcher matcher
	found   func(found) // takes what belongs to a run; must not wait
}

// newTap makes a tap; found takes what it hears of watched runs.
func newTap(party Party, now func() time.Time, to func(*url.URL) Party, take func(found)) *Tap {
	return &Tap{party: party, now: now, world: now, to: to, found: take}
}

// beside lists what is no part of any flow: what every page needs, and what goes on
// all the time.
func beside(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/revocations", "/theme", Path, ConfirmPath, "/favicon.ico":
		return true
	}
	return strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/runs/") && strings.HasSuffix(path, "/events")
}

// Beside tells whether what is at a path is no part of any flow, so that nobody sees
// what is sent there.
func Beside(path string) bool { return beside(path) }

type hearingKey struct{}

// hearing is an exchange under way.
type hearing struct {
	mu     sync.Mutex
	e      Exchange
	adopts *Recording
	skip   bool
}

func current(ctx context.Context) *hearing {
	h, _ := ctx.Value(hearingKey{}).(*hearing)
	return h
}

// Handler hears what a program receives.
func (t *Tap) Handler(program http.Handler) http.Handler {
	if t == nil {
		return program
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !t.on.Load() || beside(r.URL.Path) {
			program.ServeHTTP(w, r)
			return
		}
		began := t.world() // before its Start: what it answers comes after all that it asked others
		h := &hearing{e: t.received(r)}
		body := &listener{ReadCloser: r.Body, done: func([]byte) {}}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = body
		}
		answer := &answer{ResponseWriter: w}
		defer func() {
			h.mu.Lock()
			e, adopts, skip := h.e, h.adopts, h.skip
			h.mu.Unlock()
			if skip {
				return
			}
			e.Duration = t.world().Sub(began)
			e.Request.Body, e.Request.Truncated = kept(r.Header, body.text())
			e.Status, e.Response.Header = answer.status, withheldHeader(w.Header())
			e.Response.Body, e.Response.Truncated = kept(w.Header(), answer.heard.Bytes())
			t.heard(e, adopts)
		}()
		program.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), hearingKey{}, h)))
	})
}

// received begins the receiver's view of an exchange.
func (t *Tap) received(r *http.Request) Exchange {
	e := Exchange{
		To: t.party, ToldBy: t.party, Method: r.Method, Start: t.now(),
		Request: Half{Header: withheldHeader(r.Header)},
	}
	address := *r.URL
	address.Scheme, address.Host = "http", r.Host
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		address.Scheme = "https"
	}
	e.URL = withheldQuery(&address)
	e.Trace, e.ID, e.From = parseTrace(r.Header)
	switch {
	case e.From != "": // it told us
	case browses(r.Header):
		e.From, e.Front = Browser, true
	default:
		e.From = Somebody
	}
	if !e.From.ours() {
		e.ID, e.Trace = newID(8), newID(16) // a stranger's word for it could be another's
	}
	e.Request.Header.Set("Host", r.Host)
	return e
}

// browses tells a browser from other programs.
func browses(h http.Header) bool {
	return h.Get("Sec-Fetch-Mode") != "" || strings.Contains(h.Get("Accept"), "text/html")
}

// heard gives an exchange to the runs that it belongs to.
func (t *Tap) heard(e Exchange, whose *Recording) {
	if whose != nil {
		whose.Receive(e)
		_, teaches := links(e)
		fresh, before := t.matcher.watch(whose.ID, whose.Trace, teaches, t.world())
		for _, f := range append(before, found{run: whose.ID, newLinks: fresh}) {
			t.found(f)
		}
		return
	}
	for _, f := range t.matcher.offer(e, t.world()) {
		t.found(f)
	}
}

// Observe hears what was checked (check.Runner).
func (t *Tap) Observe(ctx context.Context, name, source string, err error) {
	if !t.on.Load() {
		return
	}
	c := Check{By: t.party, Name: name, Source: source, At: t.now()}
	if err != nil {
		c.Refusal = err.Error()
	}
	if r, unheard := of(ctx); unheard {
		return
	} else if r != nil {
		r.Checked(c)
		return
	}
	if h := current(ctx); h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.e.Checks = append(h.e.Checks, c)
	}
}

// Adopt says that the request that is being answered belongs to a run.
func Adopt(ctx context.Context, r *Recording) {
	if h := current(ctx); h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.adopts = r
	}
}

// Skip says that the request that is being answered belongs to no run, whatever it
// carries.
func Skip(ctx context.Context) {
	if h := current(ctx); h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.skip = true
	}
}

// Routed tells which route answers a request, and which function.
func Routed(ctx context.Context, route, function string) {
	if h := current(ctx); h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.e.Route, h.e.HandledBy = route, function
	}
}

// answer keeps what is answered.
type answer struct {
	http.ResponseWriter
	status int
	heard  bytes.Buffer
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if room := MaxBody + 1 - a.heard.Len(); room > 0 {
		a.heard.Write(p[:min(len(p), room)])
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Transport hears what a program sends.
func (t *Tap) Transport(base http.RoundTripper) http.RoundTripper {
	if t == nil {
		return base
	}
	return &transport{t, base}
}

type transport struct {
	tap  *Tap
	base http.RoundTripper
}

// answerTimeout is how long a request may take that a gate has held: the caller's
// own patience may be over by then.
const answerTimeout = 15 * time.Second

// RoundTrip implements http.RoundTripper. It adds the trace to what is sent and
// changes nothing else, unless the run has a gate.
func (tr *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t, ctx := tr.tap, req.Context()
	recording, unheard := of(ctx)
	if unheard || (recording == nil && !t.on.Load()) || beside(req.URL.Path) {
		return tr.base.RoundTrip(req)
	}
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	e := Exchange{From: t.party, ToldBy: t.party, To: t.to(req.URL), ID: newID(8), Caption: recording.said()}
	e.SentBy, e.SentAt = sender()
	if within := current(ctx); within != nil {
		within.mu.Lock()
		e.Trace, e.Within = within.e.Trace, within.e.ID
		within.mu.Unlock()
	}
	if recording != nil && recording.Trace != "" {
		e.Trace = recording.Trace
	}
	if e.Trace == "" {
		e.Trace = newID(16)
	}
	req = req.Clone(ctx) // RoundTrip must not change the caller's request
	if recording != nil && recording.Gate != nil {
		changed, err := recording.Gate.Leaving(ctx, Message{e.To, req.Method, req.URL.String(), req.Header.Clone(), string(body), e.Caption})
		if err != nil {
			return nil, err
		}
		before, was, headers := req.Method+" "+req.URL.String(), string(body), req.Header
		if body, err = apply(req, changed); err != nil {
			return nil, err
		}
		e.Edited = before != req.Method+" "+req.URL.String() || was != string(body) || !maps.EqualFunc(headers, req.Header, slices.Equal)
		// A request of its own: the caller's may have been given up while it was held.
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		req = (&http.Request{Method: req.Method, URL: req.URL, Header: req.Header, Host: req.Host, ContentLength: int64(len(body))}).WithContext(patient)
	}
	req.Body = http.NoBody
	if len(body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	if e.To.ours() { // nobody else learns what would get them into the run
		t.name(req.Header, e)
	}
	e.Method, e.URL, e.Start = req.Method, withheldQuery(req.URL), t.now()
	began := t.world()
	e.Request.Header = withheldHeader(req.Header)
	e.Request.Body, e.Request.Truncated = kept(req.Header, body)
	resp, err := tr.base.RoundTrip(req)
	if err != nil {
		e.Duration, e.Err = t.world().Sub(began), reason(err)
		t.heard(e, recording)
		return nil, err
	}
	e.Status, e.Response.Header = resp.StatusCode, withheldHeader(resp.Header)
	done := func(heard []byte) {
		e.Duration = t.world().Sub(began)
		e.Response.Body, e.Response.Truncated = kept(resp.Header, heard)
		t.heard(e, recording)
	}
	if recording == nil || recording.Gate == nil {
		resp.Body = &listener{ReadCloser: resp.Body, done: done}
		return resp, nil
	}
	whole, err := io.ReadAll(io.LimitReader(resp.Body, maxHeld))
	_ = resp.Body.Close()
	if err != nil {
		e.Err = reason(err)
		done(nil)
		return nil, err
	}
	done(whole[:min(len(whole), MaxBody+1)])
	resp.Body = io.NopCloser(bytes.NewReader(whole))
	return resp, recording.Gate.Arriving(ctx, e)
}

// maxHeld is the largest answer that a gate holds.
const maxHeld = 4 << 20

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// apply makes a request what a gate made of it. Where it goes to stays.
func apply(req *http.Request, m Message) (body []byte, err error) {
	to, err := url.Parse(m.URL)
	if err != nil {
		return nil, err
	}
	to.Scheme, to.Host, to.User = req.URL.Scheme, req.URL.Host, nil
	req.Method, req.URL, req.Header = m.Method, to, m.Header
	return []byte(m.Body), nil
}

// sender is the function of ours that sends, and where.
func sender() (function, at string) {
	var callers [48]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		f, more := frames.Next()
		if path, ours := strings.CutPrefix(f.Function, module); ours && !strings.HasPrefix(path, "internal/") {
			_, file, found := strings.Cut(f.File, module)
			if !found { // built without -trimpath
				parts := strings.Split(f.File, "/")
				file = strings.Join(parts[max(0, len(parts)-3):], "/")
			}
			return f.Function, file + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "", ""
		}
	}
}

const module = "example.com/acme-dreams/"

// name says in a request what it belongs to (W3C Trace Context §3.2, §3.3). Our
// own member of tracestate stays as it is where a tracer writes traceparent.
func (t *Tap) name(h http.Header, e Exchange) {
	if h.Get("traceparent") == "" {
		h.Set("traceparent", "00-"+e.Trace+"-"+e.ID+"-01")
	}
	h.Set("tracestate", stateKey+"="+e.Trace+"-"+e.ID+"-"+string(t.party))
}

const stateKey = "acme-dreams"

// parseTrace reads what a request belongs to, and who says that they sent it.
func parseTrace(h http.Header) (trace, span string, from Party) {
	for member := range strings.SplitSeq(h.Get("tracestate"), ",") {
		if value, ours := strings.CutPrefix(strings.TrimSpace(member), stateKey+"="); ours {
			parts := strings.Split(value, "-")
			if len(parts) == 3 && isHex(parts[0], 32) && isHex(parts[1], 16) && slices.Contains([]Party{Client, AuthorizationServer, ResourceServer}, Party(parts[2])) {
				return parts[0], parts[1], Party(parts[2])
			}
		}
	}
	return "", "", ""
}

func isHex(s string, length int) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == length
}

// NewID names a run.
func NewID() string { return newID(8) }

// newID names what nobody has to guess.
func newID(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func mediaType(header http.Header) string {
	t, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return t
}
