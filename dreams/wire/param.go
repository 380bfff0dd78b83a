package wire

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/acme-dreams/internal/wiretap"
)

// Place is where in a message a value stands.
type Place string

// The places.
const (
	InQuery    Place = "query"
	InFragment Place = "fragment"
	InForm     Place = "form"
	InJSON     Place = "json"
	InHeader   Place = "header"
	InBody     Place = "body"
)

// Param is a named value of a message.
type Param struct {
	Name, Value string
	In          Place
	Header      string // the header that it stands in: of "access_token" it is Authorization
}

// Secret tells whether it is to be masked where it is shown.
func (p Param) Secret() bool { return p.Value != "" && wiretap.Secret(p.Name) }

// Shown is the value, masked unless revealed.
func (p Param) Shown(reveal bool) string {
	if p.Secret() && !reveal {
		return wiretap.Mask(p.Value)
	}
	return p.Value
}

// mostParams is how many values of a message are shown one by one: whoever sends more
// has it in mind to fill the page. The message itself is there as a whole.
const mostParams = 200

func few(all []Param) []Param {
	if len(all) <= mostParams {
		return all
	}
	return append(all[:mostParams:mostParams], Param{Name: "…", Value: "and " + strconv.Itoa(len(all)-mostParams) + " more", In: InBody})
}

// RequestParams are what a request carries.
func RequestParams(e wiretap.Exchange) []Param { return few(requestParams(e)) }

func requestParams(e wiretap.Exchange) []Param {
	all := inHeader(e.Request.Header, "DPoP")
	all = append(all, inAddress(e.URL)...)
	return append(all, inBody(e.Request)...)
}

// ResponseParams are what an answer carries.
func ResponseParams(e wiretap.Exchange) []Param { return few(responseParams(e)) }

func responseParams(e wiretap.Exchange) []Param {
	all := inHeader(e.Response.Header, "WWW-Authenticate", "DPoP-Nonce")
	if to := e.Response.Header.Get("Location"); to != "" {
		all = append(all, inAddress(to)...)
	}
	return append(all, inBody(e.Response)...)
}

func inAddress(address string) []Param {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	all := sorted(u.Query(), InQuery)
	if fragment, err := url.ParseQuery(u.Fragment); err == nil && strings.Contains(u.Fragment, "=") {
		all = append(all, sorted(fragment, InFragment)...)
	}
	return all
}

func inBody(h wiretap.Half) []Param {
	kind, _, _ := strings.Cut(h.Header.Get("Content-Type"), ";")
	switch {
	case h.Body == "":
		return nil
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(h.Body)
		if err != nil {
			return []Param{{Name: "body", Value: h.Body, In: InBody}}
		}
		return sorted(form, InForm)
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return members(h.Body)
	case kind == "text/html":
		return nil
	}
	return []Param{{Name: "body", Value: h.Body, In: InBody}}
}

func sorted(values url.Values, in Place) (all []Param) {
	for name, vs := range values {
		for _, v := range vs {
			all = append(all, Param{Name: name, Value: v, In: in})
		}
	}
	slices.SortFunc(all, func(a, b Param) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return all
}

// members are a JSON object's, in the order in which they came.
func members(body string) (all []Param) {
	dec := json.NewDecoder(strings.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return []Param{{Name: "body", Value: body, In: InBody}}
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			break
		}
		text := string(value)
		var plain string
		if json.Unmarshal(value, &plain) == nil {
			text = plain
		}
		key, _ := name.(string)
		all = append(all, Param{Name: key, Value: text, In: InJSON})
	}
	return all
}

// inHeader are the values that headers carry: of Authorization what is in it.
func inHeader(h http.Header, names ...string) (all []Param) {
	scheme, value, _ := strings.Cut(h.Get("Authorization"), " ")
	switch scheme {
	case "Basic":
		if pair, err := base64.StdEncoding.DecodeString(value); err == nil {
			id, secret, _ := strings.Cut(string(pair), ":")
			id, _ = url.QueryUnescape(id) // RFC 6749 §2.3.1
			secret, _ = url.QueryUnescape(secret)
			all = append(all, Param{"client_id", id, InHeader, "Authorization"}, Param{"client_secret", secret, InHeader, "Authorization"})
		}
	case "Bearer", "DPoP":
		all = append(all, Param{"access_token", value, InHeader, "Authorization"})
	}
	for _, name := range names {
		if value := strings.Join(h.Values(name), ", "); value != "" {
			all = append(all, Param{name, value, InHeader, name})
		}
	}
	return all
}

// first lists the parameters that people look for, in the order of a message's
// line; unsaid those that stand in every message of a kind, or in a form alone.
var (
	first = []string{
		"code", "state", "code_challenge", "nonce", "iss", "code_verifier", "error", "request_uri", "request", "access_token", "id_token", "refresh_token",
		"device_code", "user_code", "username", "password", "decision", "scope", "subject_token", "actor_token", "assertion", "client_assertion", "client_secret",
		"DPoP", "DPoP-Nonce", "dpop_jkt", "authorization_details", "resource", "id_token_hint", "logout_token", "prompt",
	}
	unsaid = []string{
		"csrf", "interaction", "asked", "duration", "response_type", "code_challenge_method", "client_id", "redirect_uri", "error_description", "error_uri",
		"client_assertion_type", "subject_token_type", "token_type", "expires_in", "issued_token_type", "requested_token_type",
	}
)

// names are what a message carries, for its line: in a few words.
func names(params []Param) string {
	var all, last []string
	for _, p := range params {
		switch {
		case p.In == InBody || slices.Contains(all, p.Name) || slices.Contains(last, p.Name):
		case slices.Contains(unsaid, p.Name):
			last = append(last, p.Name)
		default:
			all = append(all, p.Name)
		}
	}
	place := func(name string) int {
		if at := slices.Index(first, name); at >= 0 {
			return at
		}
		return len(first)
	}
	slices.SortStableFunc(all, func(a, b string) int { return place(a) - place(b) })
	if len(all) == 0 {
		all, last = last, nil
	}
	const most = 4
	if len(all) > most {
		return strings.Join(all[:most], " ") + " …"
	}
	return strings.Join(all, " ")
}
