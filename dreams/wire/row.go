// Package wire makes of what was recorded of a run what people look at: the rows
// of a sequence diagram, what each message carries, and which way a value went.
// It derives all of it from the record and invents nothing: what the page says
// has happened.
package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// Kind is what a row shows.
type Kind string

// The kinds of rows.
const (
	Request  Kind = "request"
	Response Kind = "response"
	Redirect Kind = "redirect" // an answer, and the request that the browser makes of it
	Checks   Kind = "checks"   // what a party checked by itself
	Person   Kind = "person"   // something that only a person can do
	Made     Kind = "made"     // secrets that a party thought up
	Missing  Kind = "missing"  // a gap
)

// Row is a line of the diagram.
type Row struct {
	N    int // from 1
	Kind Kind
	At   time.Time

	From, To wiretap.Party // the same where a party does something by itself; of a redirect the browser stands between
	Front    bool          // the browser sees it
	Label    string        // "POST /token", "303 See Other"
	Line     string        // what else is to be said in a few words
	Failed   bool          // refused, or an error
	Caption  string        // what the lesson says about it, where it does
	Proves   string

	Params []Param         // what it carries; of a redirect both halves, the answer's first
	Checks []wiretap.Check // of Checks: what was checked

	// Exchange is whose half it is: an index into Record.Exchanges, -1: nobody's. Of a
	// redirect the one that is answered; Next is the one that follows, else -1.
	Exchange, Next int
}

// ID is the row's anchor.
func (r Row) ID() string { return "m" + strconv.Itoa(r.N) }

// Rows are the lines of a record, in the order of time.
func Rows(record wiretap.Record) []Row {
	var all []Row
	follows := redirects(record.Exchanges)
	followed := map[int]bool{}
	for _, j := range follows {
		followed[j] = true
	}
	for i, e := range record.Exchanges {
		all = append(all, moments(i, e, followed[i])...)
		all = append(all, checked(i, e)...)
		if e.Status != 0 || e.Err != "" {
			all = append(all, answered(record.Exchanges, i, follows))
		}
	}
	all = append(all, together(record.Checks)...)
	for _, g := range record.Gaps {
		all = append(all, Row{Kind: Missing, At: g.At, From: g.Party, To: g.Party, Label: gap(g), Line: g.Why, Exchange: -1, Next: -1})
	}
	slices.SortStableFunc(all, func(a, b Row) int { return a.At.Compare(b.At) })
	for i := range all {
		all[i].N = i + 1
	}
	return all
}

func gap(g wiretap.Gap) string {
	if g.Lost == 0 {
		return "Something is missing"
	}
	return fmt.Sprintf("%d messages are missing", g.Lost)
}

// redirects finds for each answer that sends the browser somewhere the request that
// came of it.
func redirects(all []wiretap.Exchange) map[int]int {
	found, taken := map[int]int{}, map[int]bool{}
	for i, e := range all {
		to := destination(e)
		if to == "" || e.From != wiretap.Browser {
			continue
		}
		for j := i + 1; j < len(all); j++ {
			if n := all[j]; !taken[j] && n.From == wiretap.Browser && n.Method == http.MethodGet && n.URL == to {
				found[i], taken[j] = j, true
				break
			}
		}
	}
	return found
}

// destination is where an answer sends the browser, without the fragment, which the
// browser keeps to itself.
func destination(e wiretap.Exchange) string {
	if e.Status < 300 || e.Status > 399 {
		return ""
	}
	from, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	to, err := from.Parse(e.Response.Header.Get("Location"))
	if err != nil {
		return ""
	}
	to.Fragment, to.RawFragment = "", ""
	return to.String()
}

// moments are the rows up to where a request has arrived; a redirect's row tells of
// the request that follows from it.
func moments(i int, e wiretap.Exchange, followed bool) (all []Row) {
	caption, proves, _ := strings.Cut(e.Caption, "\n")
	if act, ok := act(e); ok {
		act.At, act.From, act.To, act.Front, act.Exchange, act.Next = e.Start, wiretap.Browser, wiretap.Browser, true, -1, -1
		all = append(all, act)
	}
	params := RequestParams(e)
	if !followed {
		if made := thoughtUp(params); made != "" && e.From == wiretap.Client {
			all = append(all, Row{Kind: Made, At: e.Start, From: e.From, To: e.From, Label: made, Line: how(params), Exchange: -1, Next: -1})
		}
		all = append(all, Row{
			Kind: Request, At: e.Start, From: e.From, To: e.To, Front: e.Front, Label: e.Method + " " + path(e.URL), Line: names(params),
			Caption: caption, Proves: proves, Params: params, Exchange: i, Next: -1,
		})
	}
	return all
}

// answered is the row of an answer.
func answered(all []wiretap.Exchange, i int, follows map[int]int) Row {
	e := all[i]
	r := Row{
		Kind: Response, At: e.Start.Add(e.Duration), From: e.To, To: e.From, Front: e.Front,
		Label: status(e), Failed: e.Status >= 400 || e.Status == 0, Params: ResponseParams(e), Exchange: i, Next: -1,
	}
	r.Line = names(r.Params)
	if r.Failed {
		r.Line = reasonOf(e)
	}
	if j, is := follows[i]; is {
		next := all[j]
		r.Kind, r.To, r.Next = Redirect, next.To, j
		r.Caption, r.Proves, _ = strings.Cut(next.Caption, "\n")
		params := RequestParams(next)
		r.Line = next.Method + " " + path(next.URL) + with(names(params))
		r.Params = append(r.Params, params...)
	}
	return r
}

func with(names string) string {
	if names == "" {
		return ""
	}
	return " ? " + names
}

func path(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return "/"
	}
	return u.Path
}

func status(e wiretap.Exchange) string {
	if e.Status == 0 {
		return "no answer"
	}
	return strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
}

// reasonOf is why something failed, in the words of whoever refused.
func reasonOf(e wiretap.Exchange) string {
	if e.Err != "" {
		return e.Err
	}
	code, description := "", ""
	for _, p := range ResponseParams(e) {
		switch p.Name {
		case "error":
			code = p.Value
		case "error_description", "detail", "title":
			description = p.Value
		}
	}
	if code != "" && description != "" {
		return code + ": " + description
	}
	return code + description
}

// checked are the rows of what the receiver checked: those in one go are one row.
func checked(i int, e wiretap.Exchange) []Row {
	all := together(e.Checks)
	end := e.Start.Add(e.Duration)
	for k := range all {
		all[k].Exchange = i
		// Two computers' clocks may differ; that it happened in between is certain.
		if all[k].At.Before(e.Start) {
			all[k].At = e.Start
		} else if all[k].At.After(end) {
			all[k].At = end
		}
	}
	return all
}

// pause is how far apart checks of one go may be.
const pause = 250 * time.Millisecond

func together(checks []wiretap.Check) (all []Row) {
	for k, c := range checks {
		if k == 0 || c.By != checks[k-1].By || checks[k-1].Refusal != "" || c.At.Sub(checks[k-1].At) > pause {
			all = append(all, Row{Kind: Checks, At: c.At, From: c.By, To: c.By, Exchange: -1, Next: -1})
		}
		last := &all[len(all)-1]
		last.Checks = append(last.Checks, c)
	}
	for k := range all {
		all[k].Label, all[k].Line, all[k].Failed = inShort(all[k].Checks)
	}
	return all
}

// inShort tells a list of checks in two lines.
func inShort(checks []wiretap.Check) (label, line string, failed bool) {
	last := checks[len(checks)-1]
	if last.Refusal != "" {
		return last.Name, last.Refusal, true
	}
	if len(checks) == 1 {
		return last.Name, last.Source, false
	}
	return fmt.Sprintf("%d checks", len(checks)), telling(checks), false
}

// telling names the checks that people ask about.
func telling(checks []wiretap.Check) string {
	var told []string
	for _, word := range []string{"verifier", "challenge", "state", "nonce", "redirect", "signature", "audience", "proof", "secret", "spent", "used", "scope", "client"} {
		for _, c := range checks {
			if len(told) < 2 && strings.Contains(c.Name, word) && !slices.Contains(told, c.Name) {
				told = append(told, c.Name)
			}
		}
	}
	if len(told) == 0 {
		told = []string{checks[0].Name}
	}
	return strings.Join(told, "; ")
}

// act is what a person did before a request could come.
func act(e wiretap.Exchange) (Row, bool) {
	if e.From != wiretap.Browser || e.To != wiretap.AuthorizationServer || e.Method != http.MethodPost {
		return Row{}, false
	}
	form, _ := url.ParseQuery(e.Request.Body)
	switch path(e.URL) {
	case "/login":
		return Row{Kind: Person, Label: person(form.Get("username")) + " signs in", Line: "at Acme’s accounts: nobody else sees the password"}, true
	case "/consent":
		if form.Get("decision") != "allow" {
			return Row{Kind: Person, Label: "The person says no"}, true
		}
		return Row{Kind: Person, Label: "The person allows " + strings.Join(form["scope"], ", "), Line: "and could have said no to each"}, true
	case "/device":
		return Row{Kind: Person, Label: "The person types the code", Line: form.Get("user_code")}, true
	case "/logout/confirm":
		return Row{Kind: Person, Label: "The person confirms the logout"}, true
	}
	return Row{}, false
}

func person(username string) string {
	if username == "" {
		return "The person"
	}
	return strings.ToUpper(username[:1]) + username[1:]
}

// thoughtUp names the values that a request of Dreams's shows for the first time.
func thoughtUp(params []Param) string {
	var made []string
	for _, p := range params {
		switch p.Name {
		case "code_challenge":
			made = append(made, "code_verifier")
		case "state", "nonce", "client_assertion", "assertion", "request", "DPoP":
			made = append(made, p.Name)
		}
	}
	return strings.Join(made, ", ")
}

func how(params []Param) string {
	for _, p := range params {
		switch p.Name {
		case "code_challenge":
			return "code_challenge = SHA-256(code_verifier)"
		case "DPoP":
			return "signed for this request alone"
		case "client_assertion", "assertion", "request":
			return "signed with a private key"
		}
	}
	return ""
}
