package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"example.com/acme-dreams/internal/wiretap"
)

// Field is a header of a message.
type Field struct{ Name, Value string }

// foremost lists the headers that people look for, in the order in which they are
// shown.
var foremost = []string{
	"Host", "Authorization", "DPoP", "Content-Type", "Accept", "Origin", "Referer",
	"Location", "WWW-Authenticate", "DPoP-Nonce", "Cache-Control", "Retry-After", "Cookie", "Set-Cookie",
}

// Fields are all headers of half a message, those that matter first.
func Fields(h http.Header) (all []Field) {
	for name, values := range h {
		name = spelled(name)
		for _, value := range values {
			all = append(all, Field{name, value})
		}
	}
	slices.SortStableFunc(all, func(a, b Field) int {
		if by := place(a.Name) - place(b.Name); by != 0 {
			return by
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// Matters tells whether people look for the header: it has to do with the
// protocol, and not with how programs talk.
func Matters(name string) bool { return place(spelled(name)) < len(foremost) }

func place(name string) int {
	if i := slices.Index(foremost, name); i >= 0 {
		return i
	}
	return len(foremost)
}

// spelled is a header's name as its standard spells it.
func spelled(name string) string {
	for _, known := range foremost {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// RawRequest is a request as it went over the wire, with its secrets masked unless
// revealed.
func RawRequest(e wiretap.Exchange, reveal bool) string {
	target := e.URL
	if u, err := url.Parse(e.URL); err == nil {
		target = u.RequestURI()
	}
	h := e.Request
	if u, err := url.Parse(e.URL); err == nil && h.Header.Get("Host") == "" { // the sender's net/http writes it last of all
		h.Header = h.Header.Clone()
		if h.Header == nil {
			h.Header = http.Header{}
		}
		h.Header.Set("Host", u.Host)
	}
	return raw(e.Method+" "+Address(target, reveal)+" HTTP/1.1", h, reveal)
}

// RawResponse is an answer likewise.
func RawResponse(e wiretap.Exchange, reveal bool) string {
	if e.Status == 0 {
		return ""
	}
	return raw(fmt.Sprintf("HTTP/1.1 %d %s", e.Status, http.StatusText(e.Status)), e.Response, reveal)
}

func raw(start string, h wiretap.Half, reveal bool) string {
	var b strings.Builder
	b.WriteString(start + "\n")
	for _, f := range Fields(h.Header) {
		b.WriteString(f.Name + ": " + f.Shown(reveal) + "\n")
	}
	if h.Body != "" {
		b.WriteString("\n" + Body(h, reveal))
	}
	if h.Truncated {
		b.WriteString("\n(the rest was too long to keep)")
	}
	return b.String()
}

// Shown is the header's value, with what is secret in it masked unless revealed.
func (f Field) Shown(reveal bool) string {
	switch {
	case reveal:
		return f.Value
	case f.Name == "Location" || f.Name == "Referer":
		return Address(f.Value, false)
	case wiretap.Secret(f.Name):
		return wiretap.Mask(f.Value)
	}
	return f.Value
}

// Address is an address with what is secret in it masked unless revealed.
func Address(address string, reveal bool) string {
	if reveal {
		return address
	}
	rest, fragment, hasFragment := strings.Cut(address, "#")
	path, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery {
		path += "?" + pairs(query)
	}
	if hasFragment {
		path += "#" + pairs(fragment)
	}
	return path
}

// pairs masks the secrets among a=b&c=d and leaves everything else as it is.
func pairs(form string) string {
	all := strings.Split(form, "&")
	for i, pair := range all {
		name, value, _ := strings.Cut(pair, "=")
		if wiretap.Secret(name) && value != "" {
			all[i] = name + "=" + wiretap.Mask(value)
		}
	}
	return strings.Join(all, "&")
}

// Body is a body with what is secret in it masked unless revealed.
func Body(h wiretap.Half, reveal bool) string {
	switch kind := kindOf(h); {
	case reveal:
		return h.Body
	case kind == formKind:
		return pairs(h.Body)
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return secretMember.ReplaceAllStringFunc(h.Body, func(member string) string {
			found := secretMember.FindStringSubmatch(member)
			if !wiretap.Secret(found[1]) || found[3] == "" {
				return member
			}
			return `"` + found[1] + `"` + found[2] + `"` + wiretap.Mask(found[3]) + `"`
		})
	}
	return h.Body
}

// secretMember is a member of an object, at any depth, whose value is a string.
var secretMember = regexp.MustCompile(`"([a-z_]+)"(\s*:\s*)"((?:[^"\\]|\\.)*)"`)

const formKind = "application/x-www-form-urlencoded"

func kindOf(h wiretap.Half) string {
	kind, _, _ := strings.Cut(h.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
