package learn

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"example.com/acme-dreams/internal/wiretap"
)

// Draft is a message as somebody typed it, and what is wrong with it.
type Draft struct {
	Method, URL, Headers, Body string
	Names, Values              []string // of the parameters, where they have a field each
	Problems                   []string
}

// How large a message may be that somebody types.
const (
	longestAddress = 16 << 10
	longestHeaders = 16 << 10
	mostParameters = 100
)

const formType = "application/x-www-form-urlencoded"

// place is where a message has its parameters.
type place int

const (
	nowhere place = iota
	inQuery
	inForm
)

func placeOf(p Pending) place {
	switch kind, _, _ := strings.Cut(p.Message.Header.Get("Content-Type"), ";"); {
	case p.Kind == Carrying:
		return inQuery
	case kind == formType:
		return inForm
	case p.Message.Body == "" && strings.Contains(p.Message.URL, "?"):
		return inQuery
	}
	return nowhere
}

// draftOf is a message as it stands before anybody has typed anything. What is
// never shown is not shown here either: it goes as it is.
func draftOf(p Pending) Draft {
	m := p.Message
	d := Draft{Method: m.Method, URL: m.URL, Headers: headerLines(m.Header)}
	switch placeOf(p) {
	case inQuery:
		address, query, _ := strings.Cut(m.URL, "?")
		d.URL = address
		d.Names, d.Values = pairs(query)
	case inForm:
		d.Names, d.Values = pairs(m.Body)
	default:
		d.Body = m.Body
	}
	for i, name := range d.Names {
		if wiretap.Unrecorded(name) {
			d.Values[i] = wiretap.Withheld
		}
	}
	return d
}

// pairs are parameters in the order in which they stand.
func pairs(encoded string) (names, values []string) {
	for pair := range strings.SplitSeq(encoded, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if pair != "" && errName == nil && errValue == nil {
			names, values = append(names, name), append(values, value)
		}
	}
	return names, values
}

func encode(names, values []string) string {
	var b strings.Builder
	for i, name := range names {
		if name == "" {
			continue // left out
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(values[i]))
	}
	return b.String()
}

func headerLines(h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	return b.String()
}

// edited makes the message that somebody typed in place of one that waits. Where
// it cannot be sent, the draft says why, and keeps what was typed.
func edited(p Pending, form url.Values) (wiretap.Message, *Draft) {
	d := Draft{Method: p.Message.Method, URL: strings.TrimSpace(form.Get("url")), Headers: headerLines(p.Message.Header), Names: form["n"], Values: form["v"]}
	if p.Kind == Leaving {
		d.Method, d.Headers, d.Body = strings.TrimSpace(form.Get("method")), form.Get("headers"), form.Get("body")
	}
	complain := func(format string, args ...any) { d.Problems = append(d.Problems, fmt.Sprintf(format, args...)) }
	m := p.Message
	switch {
	case p.Kind != Leaving && p.Kind != Carrying:
		complain("An answer is what the other side said: it cannot be changed here.")
		return m, &d
	case len(d.Names) != len(d.Values) || len(d.Names) > mostParameters:
		complain("Expected a value for each name, and no more than %d of them.", mostParameters)
		d.Names, d.Values = draftOf(p).Names, draftOf(p).Values
		return m, &d
	}
	if m.Method = d.Method; !isToken(m.Method) || m.Method == http.MethodConnect {
		complain("The method has to be one word of letters, such as POST.")
	}
	if err := sameOrigin(p.Message.URL, d.URL); err != nil {
		complain("The address %s.", err.Error())
	}
	var err error
	if p.Kind == Leaving {
		if m.Header, err = parseHeaders(d.Headers); err != nil {
			complain("The headers: %s.", err.Error())
		}
	}
	m.URL, m.Body = d.URL, d.Body
	switch encoded := encode(d.Names, restored(p, d)); placeOf(p) {
	case inQuery:
		address, more, has := strings.Cut(d.URL, "?")
		if has && more != "" && encoded != "" {
			more += "&"
		}
		if m.URL = address; more+encoded != "" {
			m.URL += "?" + more + encoded
		}
	case inForm:
		m.Body = encoded
	default:
		if !strings.Contains(p.Message.Body, "\r") { // browsers send line ends their own way
			m.Body = strings.ReplaceAll(d.Body, "\r\n", "\n")
		}
	}
	if len(m.URL) > longestAddress || len(m.Body) > wiretap.MaxBody {
		complain("The message is too large: an address may have %d kB, a body %d kB.", longestAddress>>10, wiretap.MaxBody>>10)
	}
	if d.Problems != nil {
		return p.Message, &d
	}
	return m, nil
}

// restored are the values with what was never shown put back.
func restored(p Pending, d Draft) []string {
	encoded := p.Message.Body
	if placeOf(p) == inQuery {
		_, encoded, _ = strings.Cut(p.Message.URL, "?")
	}
	names, values := pairs(encoded)
	all := slices.Clone(d.Values)
	for i, name := range d.Names {
		if at := slices.Index(names, name); at >= 0 && all[i] == wiretap.Withheld && wiretap.Unrecorded(name) {
			all[i] = values[at]
		}
	}
	return all
}

func isToken(s string) bool {
	return s != "" && len(s) <= 32 && strings.IndexFunc(s, func(r rune) bool { return !httpguts.IsTokenRune(r) }) < 0
}

type wrong string

func (w wrong) Error() string { return string(w) }

// sameOrigin tells whether an address leads to the server that the message was
// for: whoever else it were sent to would get what it carries.
func sameOrigin(was, is string) error {
	from, err := url.Parse(was)
	if err != nil {
		return err
	}
	to, err := url.Parse(is)
	switch origin := from.Scheme + "://" + from.Host; {
	case err != nil:
		return wrong("is none that can be read")
	case to.Scheme+"://"+to.Host != origin || to.User != nil || to.Opaque != "":
		return wrong("has to begin with " + origin + "/: what is in the message is for that server alone")
	case wiretap.Beside(to.Path):
		return wrong("leads to what is no part of any flow, and would not be seen here")
	case to.Fragment != "" || strings.Contains(is, "#"):
		return wrong("must not have a #: what stands behind it is sent to nobody")
	}
	return nil
}

// ours are the headers that the program sets itself.
var ours = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade",
	"Proxy-Connection", "Traceparent", "Tracestate",
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", // a proxy's word, and Dreams may be where one is trusted
}

// parseHeaders reads a header from each line.
func parseHeaders(text string) (http.Header, error) {
	if len(text) > longestHeaders {
		return nil, wrong(fmt.Sprintf("they may have %d kB together", longestHeaders>>10))
	}
	all := http.Header{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !found || !httpguts.ValidHeaderFieldName(name):
			return nil, wrong(fmt.Sprintf("%q is no line of the form “Name: value”", line))
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, wrong(fmt.Sprintf("the value of %s has a character that no header may have", name))
		case slices.Contains(ours, http.CanonicalHeaderKey(name)):
			return nil, wrong(name + " is set by the program itself")
		}
		all.Add(name, value)
	}
	return all, nil
}
