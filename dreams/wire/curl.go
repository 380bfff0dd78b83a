package wire

import (
	"encoding/base64"
	"fmt"
	"go/format"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/acme-dreams/internal/wiretap"
)

// Curl is the request as a command that runs as it is pasted; empty: there is
// none. With masked secrets it runs, too, and is refused.
func Curl(e wiretap.Exchange, reveal bool) string {
	if !sendable(e) {
		return ""
	}
	args := []string{"curl -i " + quoted(Address(e.URL, reveal))}
	if strings.ContainsAny(e.URL, "[]{}") {
		args[0] = "curl -g -i " + quoted(Address(e.URL, reveal)) // they stand for themselves
	}
	if e.Method != http.MethodGet && (e.Method != http.MethodPost || e.Request.Body == "") {
		args = append(args, "-X "+e.Method)
	}
	form := kindOf(e.Request) == formKind && e.Request.Body != ""
	for _, f := range repeated(e) {
		if id, secret, basic := f.basic(); basic {
			args = append(args, "-u "+quoted(id+":"+masked(secret, reveal)))
		} else if f.Name != "Content-Type" || !form || f.Value != formKind {
			args = append(args, "-H "+quoted(f.Name+": "+f.Shown(reveal)))
		}
	}
	switch body := Body(e.Request, reveal); {
	case form:
		for pair := range strings.SplitSeq(body, "&") {
			args = append(args, "--data-raw "+quoted(pair))
		}
	case body != "":
		args = append(args, "--data-raw "+quoted(body))
	}
	return strings.Join(args, " \\\n  ") + "\n"
}

// GoProgram is the request as a program; empty: there is none.
func GoProgram(e wiretap.Exchange, reveal bool) string {
	if !sendable(e) {
		return ""
	}
	var b strings.Builder
	imports := []string{"fmt", "io", "log", "net/http", "os"}
	body := "nil"
	if e.Request.Body != "" {
		imports = append(imports, "strings")
		body = "strings.NewReader(body)"
	}
	form, isForm := formOf(e)
	if isForm {
		imports = append(imports, "net/url")
		body = "strings.NewReader(form.Encode())"
	}
	slices.Sort(imports)
	b.WriteString("package main\n\nimport (\n")
	for _, name := range imports {
		fmt.Fprintf(&b, "%q\n", name)
	}
	b.WriteString(")\n\nfunc main() {\n")
	switch {
	case isForm:
		b.WriteString("form := url.Values{\n")
		for _, name := range sortedNames(form) {
			var values []string
			for _, v := range form[name] {
				values = append(values, strconv.Quote(maskedNamed(name, v, reveal)))
			}
			fmt.Fprintf(&b, "%q: {%s},\n", name, strings.Join(values, ", "))
		}
		b.WriteString("}\n")
	case e.Request.Body != "":
		fmt.Fprintf(&b, "const body = %s\n", literal(Body(e.Request, reveal)))
	}
	fmt.Fprintf(&b, "req, err := http.NewRequest(%q, %q, %s)\nif err != nil {\nlog.Fatal(err)\n}\n", e.Method, Address(e.URL, reveal), body)
	for _, f := range repeated(e) {
		if id, secret, basic := f.basic(); basic {
			fmt.Fprintf(&b, "req.SetBasicAuth(%q, %q) // RFC 6749 §2.3.1\n", id, masked(secret, reveal))
		} else {
			fmt.Fprintf(&b, "req.Header.Set(%q, %q)\n", f.Name, f.Shown(reveal))
		}
	}
	b.WriteString(`
	// A Transport follows no redirects: we want the answer, and not where it leads.
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		log.Fatal(err)
	}
}
`)
	text, err := format.Source([]byte(b.String()))
	if err != nil {
		return ""
	}
	return string(text)
}

// Caveats are what there is to know before a request is sent once more.
func Caveats(e wiretap.Exchange, reveal bool) (all []string) {
	params := requestParams(e)
	if !reveal && slices.ContainsFunc(params, Param.Secret) {
		all = append(all, "Its secrets are masked: it runs, and is refused. Show the secrets, and it is the request as it was.")
	}
	if slices.ContainsFunc(params, func(p Param) bool { return p.Value == wiretap.Withheld }) {
		all = append(all, "It held a password, which is never recorded: put it in yourself.")
	}
	if e.Request.Header.Get("Cookie") != "" {
		all = append(all, "Your browser sent its cookies with it, which are never recorded: without them you are somebody else.")
	}
	if e.Request.Truncated {
		all = append(all, "Its body was too long to keep: this is the beginning.")
	}
	grant := ""
	for _, p := range params {
		if p.Name == "grant_type" {
			grant = p.Value
		}
	}
	for _, once := range []struct{ name, grant, words string }{
		{"code", "authorization_code", "The code is good once and is spent: you will be told invalid_grant, and what it gave is revoked (RFC 6749 §4.1.2)."},
		{"refresh_token", "refresh_token", "A refresh token is good once: a second use looks like a thief’s, and ends the whole connection (RFC 9700 §4.14.2)."},
		{"device_code", "", "A device code is good once."},
		{"DPoP", "", "The proof in DPoP is good once, and not for long: a copy is refused (RFC 9449 §11.1)."},
		{"client_assertion", "", "The client’s assertion is good once, and not for long: a copy is refused (RFC 7523 §3)."},
		{"assertion", "", "The assertion is good once, and not for long: a copy is refused (RFC 7523 §3)."},
		{"logout_token", "", "A logout token is good once, and not for long."},
		{"access_token", "", "Its token may have ended since: a lesson gives back what it got, and tokens are good for an hour at most."},
		{"subject_token", "", "Its token may have ended since: a lesson gives back what it got, and tokens are good for an hour at most."},
	} {
		if slices.ContainsFunc(params, func(p Param) bool { return p.Name == once.name && (once.grant == "" || once.grant == grant) }) {
			all = append(all, once.words)
		}
	}
	return all
}

// sendable tells whether a request can be written as a command. What was recorded
// can; a run from elsewhere could hold anything, also what a terminal would obey
// before its shell has read the line.
func sendable(e wiretap.Exchange) bool {
	u, err := url.Parse(e.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || !isToken(e.Method) {
		return false
	}
	text := e.URL + e.Request.Body
	for _, f := range repeated(e) {
		_, secret, _ := f.basic()
		text += f.Value + secret
	}
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.In(r, unicode.Cf) // Cf turns the direction of text
	})
}

func isToken(s string) bool { return tokenPattern.MatchString(s) }

// tokenPattern is RFC 9110 §5.6.2.
var tokenPattern = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// repeated are the headers that a repetition needs. What a program adds by itself
// is left out, and what would pass the copy for a part of the run.
func repeated(e wiretap.Exchange) (all []Field) {
	for _, f := range Fields(e.Request.Header) {
		switch name := strings.ToLower(f.Name); {
		case !isToken(f.Name), strings.ContainsAny(f.Value, "\r\n\x00"), f.Value == wiretap.Withheld,
			strings.HasPrefix(name, "sec-"), name == "accept" && f.Value == "*/*",
			slices.Contains([]string{
				"host", "content-length", "user-agent", "connection", "accept-encoding", "accept-language", "traceparent", "tracestate",
				"cookie", "upgrade-insecure-requests", "cache-control", "pragma", "priority", "dnt", "te", "transfer-encoding", "expect",
			}, name):
		default:
			all = append(all, f)
		}
	}
	return all
}

// basic are the parts of Authorization: Basic, as they travel.
func (f Field) basic() (id, secret string, ok bool) {
	value, ok := strings.CutPrefix(f.Value, "Basic ")
	if f.Name != "Authorization" || !ok {
		return "", "", false
	}
	pair, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(pair), ":")
}

func masked(secret string, reveal bool) string {
	if reveal || secret == "" {
		return secret
	}
	return wiretap.Mask(secret)
}

func maskedNamed(name, value string, reveal bool) string {
	return masked(value, reveal || !wiretap.Secret(name))
}

// formOf is the form of a request, where url.Values writes it as it was.
func formOf(e wiretap.Exchange) (url.Values, bool) {
	if kindOf(e.Request) != formKind || e.Request.Body == "" {
		return nil, false
	}
	form, err := url.ParseQuery(e.Request.Body)
	if err != nil || len(form.Encode()) != len(e.Request.Body) {
		return nil, false
	}
	return form, true
}

func sortedNames(form url.Values) (names []string) {
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// quoted is a word of the shell, whatever stands in it.
func quoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// literal is a string of Go, raw where it can be.
func literal(s string) string {
	if strconv.CanBackquote(strings.ReplaceAll(s, "\n", "")) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}
