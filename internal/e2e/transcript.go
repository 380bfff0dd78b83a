package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/html"
)

// Recorder writes down HTTP exchanges: what a browser says, and what the
// programs say to one another behind its back.
type Recorder struct {
	mu        sync.Mutex
	exchanges []Exchange
}

// Exchange is one request and its answer.
type Exchange struct {
	From           string // who asks
	Request        *http.Request
	RequestBody    string
	Response       *http.Response
	ResponseBody   string
	form           url.Values
	alreadyWritten bool
}

// Transport writes down what goes through next, as said by from.
func (r *Recorder) Transport(from string, next http.RoundTripper) http.RoundTripper {
	return recorded{r, from, next}
}

type recorded struct {
	recorder *Recorder
	from     string
	next     http.RoundTripper
}

func (t recorded) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		var err error
		if sent, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	e := Exchange{From: t.from, Request: req, RequestBody: string(sent), Response: resp, ResponseBody: string(got)}
	if req.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		e.form, _ = url.ParseQuery(e.RequestBody)
	}
	t.recorder.mu.Lock()
	defer t.recorder.mu.Unlock()
	t.recorder.exchanges = append(t.recorder.exchanges, e)
	return resp, nil
}

// Scene is an exchange that a transcript tells of.
type Scene struct {
	From, To string // Browser, Dreams, Accounts or Acme
	Method   string
	Path     string
	Having   string // "name=value" in the form or the query; empty: any
	Source   string // whose rules it follows
	Words    string // what it is for
}

// Take returns the first exchange that the scene is about and that no scene
// before has taken.
func (r *Recorder) Take(w *World, s Scene) (Exchange, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, value, _ := strings.Cut(s.Having, "=")
	for i := range r.exchanges {
		e := &r.exchanges[i]
		if !e.alreadyWritten && e.From == s.From && w.nameOf(e.Request.URL) == s.To &&
			e.Request.Method == s.Method && e.Request.URL.Path == s.Path &&
			(e.form.Get(name) == value || e.Request.URL.Query().Get(name) == value) {
			e.alreadyWritten = true
			return *e, true
		}
	}
	return Exchange{}, false
}

// nameOf is what the program at an address is called in a transcript.
func (w *World) nameOf(u *url.URL) string {
	return map[string]string{w.Auth: role["authserver"], w.Acme: role["acme"], w.Dreams: role["dreams"]}[base(u)]
}

// cookiePrefix begins the names of a program's own cookies. A browser sends it
// the others' as well: to cookies, all ports of a host are one.
func (w *World) cookiePrefix(u *url.URL) string {
	return map[string]string{w.Auth: "authserver_", w.Acme: "acme_", w.Dreams: "dreams_"}[base(u)]
}

// base is the base URL of an address.
func base(u *url.URL) string { return u.Scheme + "://" + u.Host }

// Transcript is exchanges as text. What differs from run to run stands in it as
// a name in braces, the same one wherever the value stands.
type Transcript struct {
	world  *World
	reader *Browser // reads the forms on pages
	text   strings.Builder
	scenes int
	names  map[string]string // value → {name n}
	counts map[string]int
}

// NewTranscript begins a transcript with what it is about.
func NewTranscript(r Reporter, w *World, introduction string) *Transcript {
	t := &Transcript{world: w, reader: &Browser{t: r}, names: map[string]string{}, counts: map[string]int{}}
	for _, line := range strings.Split(strings.TrimSpace(introduction), "\n") {
		t.line("# %s", line)
	}
	return t
}

func (t *Transcript) line(format string, args ...any) {
	t.text.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// String is the transcript with every value replaced.
func (t *Transcript) String() string {
	text := t.text.String()
	values := make([]string, 0, 2*len(t.names))
	for value := range t.names {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // the longest first: one may hold another
	var pairs []string
	for _, value := range values {
		pairs = append(pairs, value, t.names[value])
		if escaped := url.QueryEscape(value); escaped != value {
			pairs = append(pairs, escaped, t.names[value])
		}
	}
	for public, standard := range map[string]string{t.world.Auth: "9000", t.world.Acme: "9001", t.world.Dreams: "9002"} {
		host := strings.TrimPrefix(public, "http://")
		pairs = append(pairs, host, "localhost:"+standard, url.QueryEscape(host), "localhost%3A"+standard)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// secrets are the parameters and members whose values are made at random.
var secrets = []string{
	"code", "state", "nonce", "code_challenge", "code_verifier", "access_token", "refresh_token", "id_token",
	"request_uri", "request", "device_code", "user_code", "assertion", "subject_token", "interaction", "csrf", "jti", "grant_id", "at_hash", "ath", "jkt", "dpop_jkt", "sid", "logout_token", "id_token_hint", "kid", "x", "y", "n",
	"client_id", "client_secret", "registration_access_token",
}

// name gives a random value its name.
func (t *Transcript) name(parameter, value string) {
	if len(value) < 6 || t.names[value] != "" || (parameter == "client_id" && !strings.HasPrefix(value, "c_")) {
		return // too short to be random, known, or the name of a client that was seeded
	}
	t.counts[parameter]++
	t.names[value] = fmt.Sprintf("{%s %d}", parameter, t.counts[parameter])
}

func (t *Transcript) nameAll(values url.Values) {
	for _, parameter := range secrets {
		for _, value := range values[parameter] {
			t.name(parameter, value)
		}
	}
}

// Write adds an exchange.
func (t *Transcript) Write(s Scene, e Exchange) {
	t.scenes++
	t.line("")
	t.line("### %d. %s → %s", t.scenes, s.From, s.To)
	t.line("# %s", s.Words)
	t.line("# %s", s.Source)
	t.request(e)
	t.line("")
	t.response(e)
}

func (t *Transcript) request(e Exchange) {
	query := e.Request.URL.Query()
	t.nameAll(query)
	t.nameAll(e.form)
	t.line("%s %s", e.Request.Method, e.Request.URL.Path)
	t.parameters("?", "    ", e.Request.URL.RawQuery)
	t.line("Host: %s", e.Request.URL.Host)
	for _, c := range e.Request.Cookies() {
		if strings.HasPrefix(c.Name, t.world.cookiePrefix(e.Request.URL)) {
			t.name(c.Name, c.Value)
			t.line("Cookie: %s=%s", c.Name, c.Value)
		}
	}
	switch authorization := e.Request.Header.Get("Authorization"); {
	case strings.HasPrefix(authorization, "Basic "):
		pair, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(authorization, "Basic "))
		id, _, _ := strings.Cut(string(pair), ":")
		t.line("Authorization: Basic {base64 of %s:its secret}", id)
	case authorization != "":
		token := strings.TrimPrefix(authorization, "Bearer ")
		unseen := strings.HasPrefix(authorization, "Bearer ") && t.names[token] == "" && strings.Count(token, ".") == 2
		if unseen { // whoever sends it made it
			t.name("access_token", token)
		}
		t.line("Authorization: %s", authorization)
		if unseen {
			t.token(token)
		}
	}
	if proof := e.Request.Header.Get("DPoP"); proof != "" {
		t.name("proof", proof)
		t.line("DPoP: %s", proof)
		t.token(proof)
	}
	t.token(query.Get("request"))
	if e.RequestBody == "" {
		return
	}
	t.line("Content-Type: %s", e.Request.Header.Get("Content-Type"))
	t.line("")
	if e.Request.Header.Get("Content-Type") == "application/secevent+jwt" {
		t.name("security_event_token", e.RequestBody)
	}
	if e.form != nil {
		t.parameters("", "", typed.ReplaceAllString(e.RequestBody, "$1***"))
		t.token(e.form.Get("logout_token"))
		return
	}
	t.line("%s", e.RequestBody)
	if t.names[e.RequestBody] != "" {
		t.token(e.RequestBody)
	}
}

// typed is what somebody typed and nobody else should read.
var typed = regexp.MustCompile(`\b(password=|client_secret=)[^&]*`)

// parameters writes a query or a form, a parameter on each line.
func (t *Transcript) parameters(first, indent, encoded string) {
	if encoded == "" {
		return
	}
	for i, pair := range strings.Split(encoded, "&") {
		sign := first
		if i > 0 {
			sign = "&"
		}
		t.line("%s%s%s", indent, sign, pair)
		if name, value, _ := strings.Cut(pair, "="); name == "authorization_details" {
			decoded, _ := url.QueryUnescape(value)
			t.line("%s#   %s", indent, decoded)
		}
	}
}

// answers are the headers worth reading.
var answers = []string{"Location", "Content-Type", "Cache-Control", "WWW-Authenticate", "DPoP-Nonce", "Retry-After"}

func (t *Transcript) response(e Exchange) {
	resp := e.Response
	t.line("HTTP/1.1 %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	for _, header := range answers {
		for _, value := range resp.Header.Values(header) {
			switch header {
			case "Location":
				t.location(value)
				continue
			case "DPoP-Nonce":
				t.name("nonce", value)
			}
			t.line("%s: %s", header, value)
		}
	}
	for _, c := range resp.Cookies() {
		t.name(c.Name, c.Value)
		attributes := []string{c.Name + "=" + c.Value, "Path=" + c.Path}
		if c.HttpOnly {
			attributes = append(attributes, "HttpOnly")
		}
		if c.SameSite == http.SameSiteLaxMode {
			attributes = append(attributes, "SameSite=Lax")
		}
		if c.MaxAge < 0 {
			attributes = append(attributes, "Max-Age=0")
		}
		t.line("Set-Cookie: %s", strings.Join(attributes, "; "))
	}
	switch {
	case e.ResponseBody == "":
	case strings.Contains(resp.Header.Get("Content-Type"), "json"):
		t.line("")
		t.json(e.ResponseBody)
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"):
		t.line("")
		t.page(e)
	}
}

func (t *Transcript) location(value string) {
	sign := "?"
	if strings.Contains(value, "#") {
		sign = "#" // RFC 6749 §4.2.2
	}
	address, answer, found := strings.Cut(value, sign)
	t.line("Location: %s", address)
	if found {
		parameters, _ := url.ParseQuery(answer)
		t.nameAll(parameters)
		t.parameters(sign, "    ", answer)
	}
}

// page tells of an HTML page what a client needs to know of it: its title and
// its forms.
func (t *Transcript) page(e Exchange) {
	root, err := html.Parse(strings.NewReader(e.ResponseBody))
	if err != nil {
		return
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "title" && node.Parent.Data == "head" {
			t.line("<title>%s</title>", text(node))
		}
	}
	for _, f := range t.reader.Forms(Page{Response: Response{Body: e.ResponseBody}, URL: e.Request.URL}) {
		t.nameAll(f.Fields)
		action := strings.TrimPrefix(f.Action, base(e.Request.URL))
		if action == "/theme" || strings.HasSuffix(action, "/logout") || f.Fields.Get("password") != "" {
			continue // the frame's, and the buttons that fill in the login form
		}
		t.line("<form action=%q> %s", action, strings.Join(fieldsOf(f), " "))
	}
}

// fieldsOf lists a form's fields: the hidden ones with their values, the boxes
// and buttons with theirs.
func fieldsOf(f Form) []string {
	var fields []string
	for _, name := range []string{"interaction", "csrf", "username", "password"} {
		if values, ok := f.Fields[name]; ok {
			fields = append(fields, strings.TrimSuffix(name+"="+values[0], "="))
		}
	}
	for _, one := range append(f.Boxes, f.Buttons...) {
		if one != "=" {
			fields = append(fields, "["+one+"]")
		}
	}
	return fields
}

// changing are members that tell a time.
var changing = regexp.MustCompile(`"(iat|exp|nbf|toe|auth_time|expires_at|client_id_issued_at|leaves)": (\d+|"[^"]*")`)

// timeless names the times in a JSON object. exp is told from iat.
func timeless(object string) string {
	var times struct{ Iat, Exp int64 }
	_ = json.Unmarshal([]byte(object), &times)
	return changing.ReplaceAllStringFunc(ordered(object), func(member string) string {
		name := changing.FindStringSubmatch(member)[1]
		if name == "exp" && times.Iat > 0 {
			return fmt.Sprintf(`"exp": "{iat + %d s}"`, times.Exp-times.Iat)
		}
		return fmt.Sprintf(`"%s": "{%s}"`, name, name)
	})
}

func (t *Transcript) json(body string) {
	var members map[string]any
	_ = json.Unmarshal([]byte(body), &members)
	t.nameMembers(members)
	t.line("%s", timeless(body))
	for _, token := range []string{"access_token", "id_token"} {
		if value, ok := members[token].(string); ok {
			t.token(value)
		}
	}
}

func (t *Transcript) nameMembers(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range secrets {
			if s, ok := v[name].(string); ok {
				t.name(name, s)
			}
		}
		for _, name := range []string{"keys", "jwk", "cnf"} {
			t.nameMembers(v[name])
		}
	case []any:
		for _, one := range v {
			t.nameMembers(one)
		}
	}
}

// token shows what stands in a JWT.
func (t *Transcript) token(token string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	t.line("# %s is, decoded:", t.names[token])
	for _, part := range parts[:2] {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return
		}
		var claims map[string]any
		_ = json.Unmarshal(decoded, &claims)
		t.nameMembers(claims)
		for _, line := range strings.Split(timeless(string(decoded)), "\n") {
			t.line("#   %s", line)
		}
	}
}

// ordered indents a JSON object without changing the order of its members. Of a
// long list of objects it keeps the first.
func ordered(object string) string {
	d := json.NewDecoder(strings.NewReader(object))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return object
	}
	var members []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return object
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return object
		}
		members = append(members, fmt.Sprintf("%q: %s", name, first(value)))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte("{"+strings.Join(members, ",")+"}"), "", "  "); err != nil {
		return object
	}
	return shortLists.ReplaceAllStringFunc(indented.String(), func(list string) string {
		return strings.Join(strings.Fields(list), " ")
	})
}

// shortLists are lists of texts or numbers, which read better on one line.
var shortLists = regexp.MustCompile(`\[[^][{}]*\]`)

func first(value json.RawMessage) string {
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil || len(list) < 3 || list[0][0] != '{' {
		return string(value)
	}
	return fmt.Sprintf("[%s,\"… and %d more\"]", list[0], len(list)-1)
}
