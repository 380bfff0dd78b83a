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
	switch mediaType(header) {
	case "text/html":
		// A page is for its reader; its forms hold what keeps others from posting them.
		return title(body), false
	case "multipart/form-data":
		return Withheld, false
	}
	if len(body) > MaxBody {
		// Half a form or half a document cannot be searched for a password.
		return string(withheldRaw(header, body[:MaxBody])), true
	}
	switch mediaType(header) {
	case formType:
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

func withheldRaw(header http.Header, body []byte) []byte {
	switch mediaType(header) {
	case formType, "application/json":
		if bytes.Contains(body, []byte("password")) {
			return []byte(Withheld)
		}
	}
	return body
}

// never lists the names whose values are not recorded at all: what opens more
// than this run.
var never = []string{"password", "new_password", "old_password", "current_password", "repeat_password", "csrf"}

// Unrecorded tells whether a value of this name is never recorded, so that it is
// not shown either.
func Unrecorded(name string) bool { return slices.Contains(never, name) }

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
