// Package wiretap records the HTTP messages of one run, and what was checked, so
// that people can see them: what the browser carries and what servers say to one
// another.
//
// A Recording travels in a context: whatever Dreams sends for a run is written
// down. A Tap in each program hears what the program receives, sends and checks,
// and knows the run by the trace that a request names, or by a value that it
// carries. Protocol code knows nothing of it.
//
// The recordings are in Dreams, the room where people watch. It tells the other
// programs what to listen for, and they send what they hear to the one address
// that they were configured with, whoever asked. What could not be heard is a Gap.
// A Gate, where a run has one, holds each message until somebody lets it go. The
// Clock is the room's: one for all programs.
//
// What is recorded is a working token or code, so a Recording belongs into
// memory, for the person whose run it was, and not for long. Passwords are left
// out at once, and the cookies that keep somebody signed in.
package wiretap

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	// MaxBody is how much of a body is kept.
	MaxBody = 64 << 10
	// Withheld stands where something was that is never recorded.
	Withheld = "(not recorded)"
)

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
	mu    sync.Mutex // of heard: some close while they read
	once  sync.Once
	done  func([]byte)
}

func (l *listener) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.mu.Lock()
	if room := MaxBody + 1 - l.heard.Len(); room > 0 {
		l.heard.Write(p[:min(n, room)])
	}
	l.mu.Unlock()
	if err != nil {
		l.finish()
	}
	return n, err
}

func (l *listener) Close() error {
	l.finish()
	return l.ReadCloser.Close()
}

func (l *listener) finish() { l.once.Do(func() { l.done(l.text()) }) }

// text is what was read so far.
func (l *listener) text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.heard.Bytes())
}

// kept is a body as it is recorded.
func kept(header http.Header, body []byte) (text string, truncated bool) {
	kind := mediaType(header)
	switch {
	case len(body) == 0:
		return "", false
	case kind == "text/html":
		// A page is for its reader; its forms hold what keeps others from posting them.
		return title(body), false
	case kind == "multipart/form-data", header.Get("Content-Encoding") != "":
		return Withheld, false
	case len(body) > MaxBody:
		// Half a form or half a document cannot be searched for a password.
		return opaque(body[:MaxBody]), true
	case kind == formType:
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return Withheld, false
		}
		if !withhold(form) {
			return string(body), false
		}
		return form.Encode(), false
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return withheldJSON(body), false
	}
	return opaque(body), false
}

// opaque is a body that is of no kind whose names we can tell: what may be a password
// in it is reason enough.
func opaque(body []byte) string {
	text := string(body)
	if unescaped, err := url.PathUnescape(text); strings.Contains(strings.ToLower(text), "password") || err == nil && strings.Contains(strings.ToLower(unescaped), "password") {
		return Withheld
	}
	return text
}

// formType is the media type of forms and of most of the protocol's requests.
const formType = "application/x-www-form-urlencoded"

// title is all that is kept of a page.
func title(page []byte) string {
	_, after, _ := strings.Cut(string(page), "<title>")
	title, _, found := strings.Cut(after, "</title>")
	if !found {
		return "(a page)"
	}
	return "(a page: " + html.UnescapeString(title) + ")"
}

// never lists the names whose values are not recorded at all: what opens more
// than this run.
var never = []string{"password", "new_password", "old_password", "current_password", "repeat_password", "csrf"}

// Unrecorded tells whether a value of this name is never recorded, so that it is
// not shown either. Some read names without a look at their case.
func Unrecorded(name string) bool { return slices.Contains(never, strings.ToLower(name)) }

func withhold(form url.Values) (found bool) {
	for name := range form {
		if Unrecorded(name) {
			form[name], found = []string{Withheld}, true
		}
	}
	return found
}

func withheldQuery(u *url.URL) string {
	query := u.Query()
	fragment, err := url.ParseQuery(u.Fragment)
	inQuery, inFragment := withhold(query), err == nil && withhold(fragment)
	if !inQuery && !inFragment && u.User == nil {
		return u.String()
	}
	safe := *u
	safe.User = nil
	if inQuery {
		safe.RawQuery = query.Encode()
	}
	if inFragment {
		safe.Fragment, safe.RawFragment = fragment.Encode(), ""
	}
	return safe.String()
}

func withheldJSON(body []byte) string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil || dec.More() {
		return opaque(body)
	}
	if !withholdIn(value) {
		return string(body)
	}
	safe, err := json.Marshal(value)
	if err != nil {
		return Withheld
	}
	return string(safe)
}

func withholdIn(value any) (found bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, one := range v {
			if Unrecorded(name) {
				v[name], found = Withheld, true
			} else {
				found = withholdIn(one) || found
			}
		}
	case []any:
		for _, one := range v {
			found = withholdIn(one) || found
		}
	}
	return found
}

func withheldHeader(h http.Header) http.Header {
	safe := h.Clone()
	for _, name := range []string{"Cookie", "Set-Cookie"} {
		if safe.Get(name) != "" {
			safe.Set(name, Withheld)
		}
	}
	for _, name := range []string{"Location", "Referer"} {
		address := safe.Get(name)
		if address == "" {
			continue
		}
		u, err := url.Parse(address)
		if err != nil {
			safe.Set(name, Withheld)
		} else if as := withheldQuery(u); as != u.String() {
			safe.Set(name, as)
		}
	}
	return safe
}
