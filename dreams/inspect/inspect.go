// Package inspect tells all there is to know of one row of a run: what it is for,
// what each thing in it is for, where that came from and where it goes, and the
// code that sent, received and checked it. It derives everything from the record;
// the words are in package explain.
package inspect

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/explain"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
)

// Inspection is a row, explained.
type Inspection struct {
	wire.Row
	Channel  string        // "Front channel"
	Took     time.Duration // from the request to its answer; 0: not known
	Sentence string        // what it is for
	Source   string        // where that is written
	Halves   []Half        // of a redirect two: the answer, and the request that follows
	Verdicts []Verdict     // of checks
	Related  []Related     // the rows that belong to it
	Code     []Code        // who sent it, received it, checked it
}

// Half is a message, as one direction of an exchange.
type Half struct {
	Title      string // of a redirect: "303 See Other", "GET /callback"
	Sentence   string // of a redirect's second half
	Source     string
	Request    string // "GET /callback": of an answer what it answers
	Exchange   wiretap.Exchange
	IsResponse bool
	Params     []Param // what the protocol put there
	Headers    []Param // what HTTP and programs add
}

// Raw is the message as it went over the wire.
func (h Half) Raw(reveal bool) string {
	if h.IsResponse {
		return wire.RawResponse(h.Exchange, reveal)
	}
	return wire.RawRequest(h.Exchange, reveal)
}

// Related is another row, and what it has to do with this one.
type Related struct {
	Row  int
	Says string
}

// Inspector explains the rows of a record.
type Inspector struct {
	record  wiretap.Record
	rows    []wire.Row
	trails  *wire.Trails
	parties map[string]wiretap.Party // by host
}

// New reads a record; rows are its rows.
func New(record wiretap.Record, rows []wire.Row) *Inspector {
	i := &Inspector{record, rows, wire.NewTrails(rows), map[string]wiretap.Party{}}
	for _, e := range record.Exchanges {
		if u, err := url.Parse(e.URL); err == nil {
			i.parties[u.Host] = e.To
		}
	}
	return i
}

// Row explains row n, counted from 1.
func (i *Inspector) Row(n int) (Inspection, bool) {
	if n < 1 || n > len(i.rows) {
		return Inspection{}, false
	}
	in := Inspection{Row: i.rows[n-1], Channel: "Back channel"}
	if in.Front {
		in.Channel = "Front channel"
	}
	switch in.Kind {
	case wire.Request:
		h := i.request(in.Exchange)
		in.Halves, in.Sentence, in.Source = []Half{h}, h.Sentence, h.Source
	case wire.Response:
		h := i.response(in.Exchange, false)
		in.Halves, in.Sentence, in.Source, in.Took = []Half{h}, h.Sentence, h.Source, h.Exchange.Duration
	case wire.Redirect:
		answer, next := i.response(in.Exchange, true), i.request(in.Next)
		in.Halves, in.Sentence, in.Source, in.Took = []Half{answer, next}, answer.Sentence, answer.Source, answer.Exchange.Duration
	case wire.Checks:
		in.Channel, in.Sentence, in.Verdicts = "Check", i.judged(in.Row), verdicts(in.Row)
	case wire.Person:
		in.Channel, in.Sentence = "A person acts", "Only a person can do this, and no program can do it for them: it happens in the browser, on a page of the server that asks."
	case wire.Made:
		in.Halves = []Half{{Params: i.made(in.Row)}}
		in.Channel, in.Sentence = "Prepared", names[in.From]+" makes this by itself before it sends anything: random values that nobody can guess, or something signed with a key that nobody else has."
	case wire.Missing:
		in.Channel, in.Sentence = "Missing", "Something that belongs here was not heard. What follows is right, and incomplete."
	}
	in.Related, in.Code = i.related(in), i.code(in)
	return in, true
}

// names are the parties in sentences.
var names = map[wiretap.Party]string{
	wiretap.Browser: "The browser", wiretap.Client: "Dreams", wiretap.AuthorizationServer: "Acme Accounts",
	wiretap.ResourceServer: "Acme Travel", wiretap.Somebody: "Somebody",
}

// Name is what a party is called.
func Name[P ~string](p P) string { return names[wiretap.Party(p)] }

// judged says when the checks of a row were made.
func (i *Inspector) judged(r wire.Row) string {
	what := fmt.Sprintf("%s applied %d rules, one after the other, each of them a function of its own", names[r.From], len(r.Checks))
	if len(r.Checks) == 1 {
		what = names[r.From] + " applied one rule, which is a function of its own"
	}
	if r.Failed {
		return what + ". The last one did not let it pass, so nothing that stands after it was looked at."
	}
	return what + ". All let it pass."
}

// related are the rows of the same exchange.
func (i *Inspector) related(in Inspection) (all []Related) {
	if in.Exchange < 0 {
		return nil
	}
	for _, r := range i.rows {
		of := r.Exchange == in.Exchange
		switch {
		case r.N == in.N:
		case in.Next >= 0 && r.Exchange == in.Next && r.Kind == wire.Checks:
			all = append(all, Related{r.N, "checked in"})
		case in.Next >= 0 && r.Exchange == in.Next:
			all = append(all, Related{r.N, "answered in"})
		case r.Next >= 0 && r.Next == in.Exchange: // the redirect that brought the request
			all = append(all, Related{r.N, "the request is"})
		case !of:
		case r.Kind == wire.Request:
			all = append(all, Related{r.N, "the request is"})
		case r.Kind == wire.Checks:
			all = append(all, Related{r.N, "checked in"})
		case in.Kind != wire.Redirect:
			all = append(all, Related{r.N, "answered in"})
		}
	}
	return all
}

func (i *Inspector) exchange(k int) wiretap.Exchange {
	if k < 0 || k >= len(i.record.Exchanges) {
		return wiretap.Exchange{}
	}
	return i.record.Exchanges[k]
}

// request explains the request of an exchange.
func (i *Inspector) request(k int) Half {
	e := i.exchange(k)
	h := Half{Title: e.Method + " " + endpoint(e.URL), Exchange: e}
	h.Request = h.Title
	params := wire.RequestParams(e)
	at := explain.Place{Party: string(e.To), Endpoint: endpoint(e.URL), Direction: explain.Request, GrantType: valueOf(params, "grant_type")}
	h.Sentence, h.Source, _ = explain.Message(explain.MessageKind{
		Party: at.Party, Method: e.Method, Endpoint: at.Endpoint, Direction: at.Direction, GrantType: at.GrantType, Carries: carries(params),
	})
	row := i.rowOf(k, false)
	i.headers(&h, row, e.Request.Header, at)
	h.Params = append(h.Params, i.params(row, params, at)...)
	return h
}

// response explains the answer of an exchange. What a redirect carries stands in
// the request that follows, and is explained there.
func (i *Inspector) response(k int, followed bool) Half {
	e := i.exchange(k)
	h := Half{Title: fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)), Request: e.Method + " " + endpoint(e.URL), Exchange: e, IsResponse: true}
	sent, params := wire.RequestParams(e), wire.ResponseParams(e)
	at := explain.Place{
		Party: string(e.To), Endpoint: endpoint(e.URL), Direction: explain.Response, GrantType: valueOf(sent, "grant_type"), Status: e.Status,
	}
	h.Sentence, h.Source, _ = explain.Message(explain.MessageKind{
		Party: at.Party, Method: e.Method, Endpoint: at.Endpoint, Direction: at.Direction, GrantType: at.GrantType, Status: e.Status, Carries: carries(params),
	})
	if e.Status == 0 {
		h.Title, h.Sentence = "No answer", "The request was sent, and nothing came back."
	}
	row := i.rowOf(k, true)
	i.headers(&h, row, e.Response.Header, at)
	for k := range h.Params {
		if path, _, has := strings.Cut(h.Params[k].value, "?"); has && h.Params[k].Name == "Location" {
			h.Params[k].Short = path + "?…"
		}
	}
	var here, there []wire.Param
	for _, p := range params {
		if p.In == wire.InQuery || p.In == wire.InFragment {
			there = append(there, p)
		} else {
			here = append(here, p)
		}
	}
	h.Params = append(h.Params, i.params(row, here, at)...)
	if !followed {
		h.Params = append(h.Params, i.params(row, there, i.leadsTo(e))...)
	}
	return h
}

// MadeHere is Param.In of what is in no message yet.
const MadeHere = "made here"

// made explains what a party thought up, by what it is going to be good for.
func (i *Inspector) made(r wire.Row) (all []Param) {
	for _, p := range r.Params {
		at := explain.Place{Party: string(wiretap.AuthorizationServer), Endpoint: "/authorize", Direction: explain.Request, Kind: explain.Query}
		switch p.Name {
		case "code_verifier":
			at.Endpoint, at.Kind, at.GrantType = "/token", explain.Form, "authorization_code"
		case "client_assertion":
			at.Endpoint, at.Kind = "/token", explain.Form
		case "assertion":
			at.Endpoint, at.Kind, at.GrantType = "/token", explain.Form, "urn:ietf:params:oauth:grant-type:jwt-bearer"
		case "DPoP":
			at.Kind = explain.Header
		}
		all = append(all, i.param(r.N, p.Name, p.Value, MadeHere, at))
	}
	return all
}

// leadsTo is where an answer sends whoever asked.
func (i *Inspector) leadsTo(e wiretap.Exchange) explain.Place {
	at := explain.Place{Direction: explain.Request, Party: string(e.To)}
	from, err := url.Parse(e.URL)
	if err != nil {
		return at
	}
	to, err := from.Parse(e.Response.Header.Get("Location"))
	if err != nil {
		return at
	}
	at.Party, at.Endpoint = string(i.parties[to.Host]), to.Path
	return at
}

// rowOf is the row that shows half an exchange.
func (i *Inspector) rowOf(k int, response bool) int {
	for _, r := range i.rows {
		switch {
		case r.Exchange == k && response && (r.Kind == wire.Response || r.Kind == wire.Redirect),
			r.Exchange == k && !response && r.Kind == wire.Request,
			r.Next >= 0 && r.Next == k && !response:
			return r.N
		}
	}
	return 0
}

func endpoint(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return "/"
	}
	return u.Path
}

func valueOf(params []wire.Param, name string) string {
	for _, p := range params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// carries is what a message amounts to, by what stands in its address or form.
func carries(params []wire.Param) string {
	has := map[string]bool{}
	for _, p := range params {
		if p.In == wire.InQuery || p.In == wire.InFragment || p.In == wire.InForm {
			has[p.Name] = true
		}
	}
	return explain.Carries(func(name string) bool { return has[name] })
}

// headers explains the headers; those that carry something of the protocol stand
// with its parameters.
func (i *Inspector) headers(h *Half, row int, header http.Header, at explain.Place) {
	at.Kind = explain.Header
	for _, f := range wire.Fields(header) {
		p := i.param(row, f.Name, f.Value, "a header", at)
		p.secret = p.secret || f.Shown(false) != f.Value
		p.masked = f.Shown(false)
		switch {
		case f.Value == wiretap.Withheld:
			p.Note = "Cookies keep people signed in beyond this run, so they are never recorded."
			h.Headers = append(h.Headers, p)
		case f.Name == "Authorization":
			i.takeApart(&p, row, f.Value, at)
			h.Params = append(h.Params, p)
		case f.Name == "WWW-Authenticate":
			for _, part := range challenge.FindAllStringSubmatch(f.Value, -1) {
				one := i.param(row, part[1], part[2], "in "+f.Name, at)
				one.Explanation, one.Explained = explain.Parameter(f.Name+"."+part[1], at)
				p.Parts = append(p.Parts, one)
			}
			h.Params = append(h.Params, p)
		case f.Name == "DPoP" || f.Name == "DPoP-Nonce" || f.Name == "Location":
			h.Params = append(h.Params, p)
		default:
			h.Headers = append(h.Headers, p)
		}
	}
}

// params explains parameters; headers are explained already.
func (i *Inspector) params(row int, all []wire.Param, at explain.Place) (explained []Param) {
	for _, p := range all {
		switch p.In {
		case wire.InHeader:
			continue
		case wire.InQuery:
			at.Kind = explain.Query
		case wire.InFragment:
			at.Kind = explain.Fragment
		case wire.InForm:
			at.Kind = explain.Form
		case wire.InJSON, wire.InBody:
			at.Kind = explain.JSON
		}
		one := i.param(row, p.Name, p.Value, where[p.In], at)
		if p.In == wire.InQuery || p.In == wire.InForm || p.In == wire.InFragment {
			if encoded := url.QueryEscape(p.Value); encoded != p.Value && !one.secret {
				one.Encoded = encoded
			}
		}
		explained = append(explained, one)
	}
	return explained
}

var where = map[wire.Place]string{
	wire.InQuery: "in the address", wire.InFragment: "behind the #", wire.InForm: "in the form", wire.InJSON: "in the JSON", wire.InBody: "the body",
}

// Everything is every parameter and header of the message, those within others too.
func (in Inspection) Everything() (all []Param) {
	for _, h := range in.Halves {
		all = append(all, flat(h.Params)...)
		all = append(all, flat(h.Headers)...)
	}
	return all
}

func flat(params []Param) (all []Param) {
	for _, p := range params {
		all = append(all, p)
		all = append(all, flat(p.Parts)...)
		if p.Token != nil {
			all = append(all, flat(p.Token.Header)...)
			all = append(all, flat(p.Token.Claims)...)
		}
	}
	return all
}

func sortedKeys(object map[string]any) []string {
	return ordered(maps.Keys(object))
}

// under is the name of a member of something.
func under(outer, name string) string { return strings.TrimPrefix(outer+"."+name, ".") }
