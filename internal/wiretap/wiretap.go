// Package wiretap records the HTTP messages of one run, so that people can see
// them: what the browser carries and what servers say to one another.
//
// A Recording travels in a context. Whatever is sent with that context through
// a Transport is written down; everything else passes unheard, and costs one
// look into the context. Protocol code knows nothing of it: handlers begin a
// Recording, and the transport that the program was composed with fills it.
//
// What is recorded is a working token or code, so a Recording belongs into
// memory, for the person whose run it was, and not for long. Passwords are left
// out at once, and the cookies that keep somebody signed in.
package wiretap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// MaxBody is how much of a body is kept.
	MaxBody = 64 << 10
	// MaxExchanges is how many exchanges one Recording holds; later ones are
	// counted and dropped.
	MaxExchanges = 100
	// Withheld stands where something was that is never recorded.
	Withheld = "(not recorded)"
)

// Party is one who sends or receives, by the letter of its mark.
type Party string

// The parties of this system.
const (
	Browser             Party = "B"
	Client              Party = "D"
	AuthorizationServer Party = "A"
	ResourceServer      Party = "R"
)

// Exchange is a request and its answer.
type Exchange struct {
	From, To Party
	Front    bool   // through the browser; otherwise from server to server
	Caption  string // what it is for, in words

	Method, URL string
	Request     Half
	Status      int // 0: no answer, or none that we could see
	Response    Half
	Err         string // why there was no answer

	Start    time.Time
	Duration time.Duration
}

// Half is one direction of an exchange.
type Half struct {
	Header    http.Header
	Body      string
	Truncated bool // the body was larger than MaxBody
}

// Recording is the exchanges of one run. A nil one records nothing, and its
// methods may be called all the same.
type Recording struct {
	mu        sync.Mutex
	caption   string
	exchanges []Exchange
	dropped   int
}

// Say captions the next exchange.
func (r *Recording) Say(caption string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caption = caption
}

// Browser adds an exchange that the browser had or is sent to have: of the other
// party's pages we see nothing but that the browser went there.
func (r *Recording) Browser(to Party, method, address string, status int, location string, at time.Time) {
	e := Exchange{From: Browser, To: to, Front: true, Method: method, URL: address, Status: status, Start: at}
	if location != "" {
		e.Response.Header = http.Header{"Location": {location}}
	}
	r.add(e)
}

func (r *Recording) add(e Exchange) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.exchanges) >= MaxExchanges {
		r.dropped++
		return
	}
	if e.Caption == "" {
		e.Caption, r.caption = r.caption, ""
	}
	r.exchanges = append(r.exchanges, e)
}

// Exchanges are what was recorded so far, and how many were dropped.
func (r *Recording) Exchanges() (all []Exchange, dropped int) {
	if r == nil {
		return nil, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Exchange(nil), r.exchanges...), r.dropped
}

type key struct{}

// With returns a context whose exchanges r records; a nil r records nothing.
func With(ctx context.Context, r *Recording) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, r)
}

// Without returns a context whose exchanges nobody records: for what happens
// beside the run.
func Without(ctx context.Context) context.Context {
	return context.WithValue(ctx, key{}, (*Recording)(nil))
}

func of(ctx context.Context) *Recording {
	r, _ := ctx.Value(key{}).(*Recording)
	return r
}

// Transport records what passes through it, where the request's context has a
// Recording.
type Transport struct {
	Base http.RoundTripper
	From Party                // who we are
	To   func(*url.URL) Party // who is addressed
	Now  func() time.Time
}

// RoundTrip implements http.RoundTripper. It changes nothing that is sent, and
// the answer's body is read by the caller at the caller's pace: what is kept of
// it is what they have read.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	recording := of(req.Context())
	if recording == nil {
		return t.Base.RoundTrip(req)
	}
	e := Exchange{From: t.From, To: t.To(req.URL), Method: req.Method, URL: withheldQuery(req.URL), Start: t.Now()}
	e.Request.Header = withheldHeader(req.Header)
	if req.Body != nil && req.Body != http.NoBody {
		body, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		// RoundTrip must not change the caller's request.
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
		e.Request.Body, e.Request.Truncated = kept(req.Header, body)
	}
	resp, err := t.Base.RoundTrip(req)
	if err != nil {
		e.Duration, e.Err = t.Now().Sub(e.Start), reason(err)
		recording.add(e)
		return nil, err
	}
	e.Status, e.Response.Header = resp.StatusCode, withheldHeader(resp.Header)
	resp.Body = &listener{ReadCloser: resp.Body, done: func(body []byte) {
		e.Duration = t.Now().Sub(e.Start)
		e.Response.Body, e.Response.Truncated = kept(resp.Header, body)
		recording.add(e)
	}}
	return resp, nil
}

// reason is why there was no answer, without the URL, which may hold secrets.
func reason(err error) string {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}

// listener keeps what the caller reads of a body, and tells once it is over.
type listener struct {
	io.ReadCloser
	heard bytes.Buffer
	once  sync.Once
	done  func([]byte)
}

func (l *listener) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if room := MaxBody + 1 - l.heard.Len(); room > 0 {
		l.heard.Write(p[:min(n, room)])
	}
	if err != nil {
		l.finish()
	}
	return n, err
}

func (l *listener) Close() error {
	l.finish()
	return l.ReadCloser.Close()
}

func (l *listener) finish() { l.once.Do(func() { l.done(l.heard.Bytes()) }) }

// kept is a body as it is recorded.
func kept(header http.Header, body []byte) (text string, truncated bool) {
	if len(body) > MaxBody {
		// Half a form or half a document cannot be searched for a password.
		return string(withheldRaw(header, body[:MaxBody])), true
	}
	switch mediaType(header) {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return Withheld, false
		}
		if !withhold(form) {
			return string(body), false
		}
		return form.Encode(), false
	case "application/json", "application/problem+json":
		return string(withheldJSON(body)), false
	}
	return string(body), false
}

func withheldRaw(header http.Header, body []byte) []byte {
	switch mediaType(header) {
	case "application/x-www-form-urlencoded", "application/json":
		if bytes.Contains(body, []byte("password")) {
			return []byte(Withheld)
		}
	}
	return body
}

func mediaType(header http.Header) string {
	t, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return t
}

// never lists the names whose values are not recorded at all: what opens more
// than this run.
var never = []string{"password", "new_password", "old_password"}

func withhold(form url.Values) (found bool) {
	for _, name := range never {
		if form.Has(name) {
			form[name], found = []string{Withheld}, true
		}
	}
	return found
}

func withheldQuery(u *url.URL) string {
	query := u.Query()
	if !withhold(query) {
		return u.String()
	}
	safe := *u
	safe.RawQuery = query.Encode()
	return safe.String()
}

func withheldJSON(body []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body
	}
	found := false
	for _, name := range never {
		if _, has := object[name]; has {
			object[name], found = json.RawMessage(`"`+Withheld+`"`), true
		}
	}
	if !found {
		return body
	}
	safe, err := json.Marshal(object)
	if err != nil {
		return []byte(Withheld)
	}
	return safe
}

func withheldHeader(h http.Header) http.Header {
	safe := h.Clone()
	for _, name := range []string{"Cookie", "Set-Cookie"} {
		if safe.Get(name) != "" {
			safe.Set(name, Withheld)
		}
	}
	return safe
}
