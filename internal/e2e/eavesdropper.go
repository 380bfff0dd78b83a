package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// doorOpeners are what opens a door, by what it is.
type doorOpeners map[string]string

// eavesdropper hears what is said to programs and what they answer, and keeps
// whatever of it opens a door: a test looks for it where it must not be.
type eavesdropper struct {
	mu    sync.Mutex
	heard doorOpeners
}

// secretParameters are members of forms, queries and JSON answers.
var secretParameters = []string{
	"access_token", "refresh_token", "id_token", "id_token_hint", "token", "subject_token", "actor_token", "logout_token", "registration_access_token",
	"code", "code_verifier", "device_code", "client_secret", "assertion", "client_assertion", "password", "current", "csrf", "request", "request_uri",
}

// hear keeps a value that is long enough to be no word of a test.
func (e *eavesdropper) hear(what, value string) {
	if len(value) < 16 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard == nil {
		e.heard = doorOpeners{}
	}
	e.heard[what+" "+value] = value
	if dot := strings.LastIndexByte(value, '.'); strings.HasPrefix(value, "eyJ") && len(value)-dot > 16 {
		e.heard["the signature of "+what+" "+value] = value[dot+1:]
	}
}

func (e *eavesdropper) values(all url.Values) {
	for _, name := range secretParameters {
		for _, value := range all[name] {
			e.hear(name, value)
		}
	}
}

func (e *eavesdropper) cookies(all []*http.Cookie) {
	for _, c := range all {
		e.hear("cookie "+c.Name, c.Value)
	}
}

func (e *eavesdropper) header(h http.Header) {
	for _, name := range []string{"Authorization", "Dpop"} {
		for _, value := range h[name] {
			scheme, credentials, found := strings.Cut(value, " ")
			if !found {
				credentials = value
			}
			e.hear(name, credentials)
			if pair, err := base64.StdEncoding.DecodeString(credentials); err == nil && strings.EqualFold(scheme, "Basic") {
				_, secret, _ := strings.Cut(string(pair), ":")
				e.hear("client_secret", secret)
			}
		}
	}
}

func (e *eavesdropper) location(address string) {
	if u, err := url.Parse(address); err == nil {
		e.values(u.Query())
		if fragment, err := url.ParseQuery(u.Fragment); err == nil {
			e.values(fragment)
		}
	}
}

// at listens at a program's door.
func (e *eavesdropper) at(program http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.values(r.URL.Query())
		e.header(r.Header)
		e.cookies(r.Cookies())
		var sent, answered bytes.Buffer
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &sent), r.Body}
		program.ServeHTTP(&copied{w, &answered}, r)
		e.body(r.Header, sent.Bytes())
		e.body(w.Header(), answered.Bytes())
		e.location(w.Header().Get("Location"))
		e.cookies((&http.Response{Header: w.Header()}).Cookies())
	})
}

// body hears a form of either kind, an object, or a token that is all there is.
func (e *eavesdropper) body(header http.Header, content []byte) {
	kind, parameters, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch {
	case kind == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(string(content)); err == nil {
			e.values(form)
		}
	case kind == "multipart/form-data":
		if form, err := multipart.NewReader(bytes.NewReader(content), parameters["boundary"]).ReadForm(1 << 20); err == nil {
			e.values(form.Value)
			_ = form.RemoveAll()
		}
	case bytes.HasPrefix(content, []byte("eyJ")):
		e.hear(kind, string(content))
	}
	var object map[string]any
	if json.Unmarshal(content, &object) == nil {
		for _, name := range secretParameters {
			if value, ok := object[name].(string); ok {
				e.hear(name, value)
			}
		}
	}
}

// copied is an answer that somebody else reads too.
type copied struct {
	http.ResponseWriter
	copy *bytes.Buffer
}

func (c *copied) Write(b []byte) (int, error) {
	c.copy.Write(b)
	return c.ResponseWriter.Write(b)
}

func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }
func (c *copied) Flush()                      { _ = http.NewResponseController(c.ResponseWriter).Flush() }
