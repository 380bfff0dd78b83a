package wiretap

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// linking lists the names whose values tie one message to the next: they are
// unguessable and belong to one run. A session, which many runs share, is none.
var linking = []string{
	"state", "code", "request_uri", "interaction", "device_code", "user_code", "nonce", "jti",
	"access_token", "refresh_token", "id_token_hint", "logout_token", "registration_access_token", "auth_req_id",
}

// mostLinks is how many values tie one exchange.
const mostLinks = 64

// links are the hashes of what ties an exchange to others. Of a value that may
// be a working secret nothing else leaves a program.
//
// An exchange is known by what was asked. It teaches what the answer made: whoever
// asks may name any value, also one that they saw on somebody else's screen, and
// must not come to hear what belongs to it. What a program of ours sends of its own
// accord it may name, too.
func links(e Exchange) (known, teaches []string) {
	asked := newTies()
	asked.address(e.URL)
	asked.body(e.Request)
	if scheme, token, is := strings.Cut(e.Request.Header.Get("Authorization"), " "); is && scheme != "Basic" {
		asked.add("access_token", token)
	}
	answered := newTies()
	answered.address(e.Response.Header.Get("Location"))
	answered.body(e.Response)
	for _, l := range answered.all {
		if !asked.has[l] {
			teaches = append(teaches, l)
		}
	}
	known = asked.all
	if e.ToldBy == e.From && !e.Edited {
		teaches = append(teaches, asked.all...)
	}
	if e.Trace != "" {
		known = append(known, traceLink(e.Trace))
		if e.ToldBy == e.From || !e.From.ours() { // not what somebody says that it is
			teaches = append(teaches, traceLink(e.Trace))
		}
	}
	return known, teaches
}

// ties are links as they are found.
type ties struct {
	all []string
	has map[string]bool
}

func newTies() *ties { return &ties{has: map[string]bool{}} }

func (t *ties) value(value string) {
	if l := Link(value); value != "" && !t.has[l] && len(t.all) < mostLinks {
		t.all, t.has[l] = append(t.all, l), true
	}
}

func (t *ties) add(name, value string) {
	if value == "" || value == Withheld {
		return
	}
	if slices.Contains(linking, name) {
		t.value(value)
	}
	if claims, is := claims(value); is {
		for _, name := range []string{"jti", "nonce", "state"} {
			if text, is := claims[name].(string); is {
				t.value(text)
			}
		}
	}
}

func (t *ties) form(values url.Values) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			t.add(name, v)
		}
	}
}

func (t *ties) address(address string) {
	u, err := url.Parse(address)
	if err != nil {
		return
	}
	t.form(u.Query())
	if fragment, err := url.ParseQuery(u.Fragment); err == nil {
		t.form(fragment)
	}
}

func (t *ties) body(half Half) {
	switch mediaType(half.Header) {
	case formType:
		if values, err := url.ParseQuery(half.Body); err == nil {
			t.form(values)
		}
	case "application/json":
		var object map[string]any
		if json.Unmarshal([]byte(half.Body), &object) != nil {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if text, is := object[name].(string); is {
				t.add(name, text)
			}
		}
	case "application/secevent+jwt":
		t.add("jwt", half.Body)
	}
}

// Link is the name by which programs speak of a value without saying it.
func Link(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:16])
}

func traceLink(trace string) string { return "trace:" + trace }

// claims reads a JWT without believing it.
func claims(token string) (map[string]any, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !strings.HasPrefix(token, "eyJ") {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	var all map[string]any
	return all, json.Unmarshal(payload, &all) == nil
}
