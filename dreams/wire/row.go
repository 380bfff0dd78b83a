// Package wire makes of what was recorded of a run what people look at: the rows
// of a sequence diagram, what each message carries, and which way a value went;
// the same message by curl or in Go; and the files in which a run is taken away. It
// derives all of it from the record and invents nothing: what the page says
// has happened.
package wire

import (
	"crypto/sha256"
	"encoding/base64"
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

	Params []Param         // what it carries; of a redirect both halves, the answer's first; of Checks what was judged
	Checks []wiretap.Check // of Checks: what was checked
	Took   time.Duration   // of an answer: since its request

	// Exchange is whose half it is: an index into Record.Exchanges, -1: nobody's. Of a
	// redirect the one that is answered; Next is the one that follows, else -1.
	Exchange, Next int
}

// ID is the row's anchor.
func (r Row) ID() string { return "m" + strconv.Itoa(r.N) }

func (r Row) answers() bool { return r.Kind == Response || r.Kind == Redirect }

// Rows are the lines of a record, in the order of time.
func Rows(record wiretap.Record) []Row {
	var all []Row
	follows, who, verifiers := redirects(record.Exchanges), "", verifiers(record.Exchanges)
	comings := comingsOf(record.Exchanges)
	followed := map[int]bool{}
	for _, j := range follows {
		followed[j] = true
	}
	for i, e := range record.Exchanges {
		if name := whoSignsIn(e); name != "" {
			who = name
		}
		all = append(all, moments(i, e, followed[i], who, verifiers)...)
		all = append(all, checked(i, e, comings)...)
		if e.Status != 0 || e.Err != "" {
			all = append(all, answered(record.Exchanges, i, follows, verifiers)...)
		}
	}
	all = append(all, together(record.Checks, nil, comings)...)
	for _, g := range record.Gaps {
		all = append(all, Row{Kind: Missing, At: g.At, From: g.Party, To: g.Party, Label: gap(g), Line: g.Why, Exchange: -1, Next: -1})
	}
	slices.SortStableFunc(all, func(a, b Row) int {
		if order := a.At.Compare(b.At); order != 0 || !a.answers() || !b.answers() {
			return order
		}
		return b.Exchange - a.Exchange // at the same time: what was asked last is answered first
	})
	all = firstTime(all)
	for i := range all {
		all[i].N = i + 1
	}
	return all
}

// firstTime leaves of what was thought up what is new in its place.
func firstTime(rows []Row) (all []Row) {
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Kind == Made {
			r.Params = slices.DeleteFunc(r.Params, func(p Param) bool { return seen[p.Value] })
			if len(r.Params) == 0 {
				continue
			}
			r.Label, r.Line = making(r.Params)
		}
		for _, p := range r.Params {
			seen[p.Value] = true
		}
		all = append(all, r)
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
func moments(i int, e wiretap.Exchange, followed bool, who string, verifiers map[string]string) (all []Row) {
	if act, ok := act(e, who); ok {
		act.At, act.From, act.To, act.Front, act.Exchange, act.Next = e.Start, wiretap.Browser, wiretap.Browser, true, -1, -1
		all = append(all, act)
	}
	if followed {
		return all
	}
	caption, proves, _ := strings.Cut(e.Caption, "\n")
	params := RequestParams(e)
	if made, ok := thoughtUp(e.From, params, verifiers); ok {
		made.At = e.Start
		all = append(all, made)
	}
	return append(all, Row{
		Kind: Request, At: e.Start, From: e.From, To: e.To, Front: e.Front, Label: e.Method + " " + path(e.URL), Line: names(params),
		Caption: caption, Proves: proves, Params: params, Exchange: i, Next: -1,
	})
}

// answered are the rows of an answer, before it what was thought up for it.
func answered(all []wiretap.Exchange, i int, follows map[int]int, verifiers map[string]string) []Row {
	e := all[i]
	r := Row{
		Kind: Response, At: e.Start.Add(e.Duration), From: e.To, To: e.From, Front: e.Front, Took: e.Duration,
		Failed: e.Status >= 400 || e.Status == 0, Params: ResponseParams(e), Exchange: i, Next: -1,
	}
	r.Label, r.Line = answer(e, r.Params)
	j, is := follows[i]
	if !is {
		return []Row{r}
	}
	next := all[j]
	r.Kind, r.To, r.Next = Redirect, next.To, j
	r.Caption, r.Proves, _ = strings.Cut(next.Caption, "\n")
	params := RequestParams(next)
	r.Label, r.Line = status(e), next.Method+" "+path(next.URL)+with(names(params))
	r.Params = append(r.Params, params...)
	if made, ok := thoughtUp(r.From, params, verifiers); ok {
		made.At = r.At
		return []Row{made, r}
	}
	return []Row{r}
}

// answer is what an answer is called, and what it brings.
func answer(e wiretap.Exchange, params []Param) (label, line string) {
	switch {
	case e.Status == 0:
		return status(e), e.Err
	case e.Status >= 400:
		code, words := reasonOf(params)
		if words == "" {
			words = title(e)
		}
		if code == "" {
			return status(e), words
		}
		return strconv.Itoa(e.Status) + " " + code, words
	}
	if to, err := url.Parse(e.Response.Header.Get("Location")); err == nil && to.Path != "" && e.Status >= 300 {
		return status(e), "to " + to.Path + with(names(params))
	}
	if title := title(e); title != "" {
		return strconv.Itoa(e.Status) + " page", title
	}
	var brings []string
	for _, p := range params {
		if wiretap.Secret(p.Name) || p.Name == "request_uri" || p.Name == "user_code" || p.Name == "client_id" {
			brings = append(brings, p.Name)
		}
	}
	if len(brings) > 0 && len(brings) <= 3 {
		return strconv.Itoa(e.Status) + " " + strings.Join(brings, ", "), names(without(params, brings))
	}
	return status(e), names(params)
}

// title is the page's that was answered; empty: there was none.
func title(e wiretap.Exchange) string {
	page, is := strings.CutPrefix(e.Response.Body, "(a page: ")
	if !is {
		return ""
	}
	title, _, _ := strings.Cut(strings.TrimSuffix(page, ")"), " – ")
	return "“" + title + "”"
}

func without(params []Param, names []string) (rest []Param) {
	for _, p := range params {
		if !slices.Contains(names, p.Name) {
			rest = append(rest, p)
		}
	}
	return rest
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
	return strings.TrimSpace(strconv.Itoa(e.Status) + " " + http.StatusText(e.Status))
}

// reasonOf is why something failed, in the words of whoever refused.
func reasonOf(params []Param) (code, words string) {
	for _, p := range params {
		switch p.Name {
		case "error", "err":
			code = p.Value
		case "error_description", "detail", "title", "description":
			words = p.Value
		case "WWW-Authenticate":
			_, after, _ := strings.Cut(p.Value, `error="`)
			named, _, found := strings.Cut(after, `"`)
			if code == "" && found {
				code = named
			}
		}
	}
	return code, words
}

// checked are the rows of what the receiver checked: those in one go are one row.
func checked(i int, e wiretap.Exchange, m comings) []Row {
	params := RequestParams(e)
	all := together(e.Checks, params, m)
	end := e.Start.Add(e.Duration)
	for k := range all {
		all[k].Exchange = i
		for _, p := range params {
			if slices.ContainsFunc(all[k].Checks, func(c wiretap.Check) bool { return speaksOf(c.Name, p.Name) }) {
				all[k].Params = append(all[k].Params, p)
			}
		}
		// Two computers' clocks may differ; that it happened in between is certain.
		if all[k].At.Before(e.Start) {
			all[k].At = e.Start
		} else if all[k].At.After(end) {
			all[k].At = end
		}
	}
	return all
}

// speaksOf tells whether a check's name has a parameter's in it, or what people
// call it.
func speaksOf(check, param string) bool {
	words := map[string]string{
		"access_token": "token", "client_secret": "secret", "client_assertion": "assertion", "DPoP": "proof",
	}
	word, named := words[param]
	if !named {
		word = param
	}
	return slices.Contains(strings.FieldsFunc(check, func(r rune) bool {
		return r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}), word)
}

// comings are when messages came and went, in the order of time: what was checked
// before one and what was checked after it are two rows.
type comings []time.Time

func comingsOf(all []wiretap.Exchange) (m comings) {
	for _, e := range all {
		m = append(m, e.Start, e.Start.Add(e.Duration))
	}
	slices.SortFunc(m, time.Time.Compare)
	return m
}

// between tells whether a message came or went from one time to another.
func (m comings) between(from, to time.Time) bool {
	i, _ := slices.BinarySearchFunc(m, from, func(at, from time.Time) int {
		if at.After(from) {
			return 1
		}
		return -1
	})
	return i < len(m) && m[i].Before(to)
}

// together makes rows of checks; params are what was there to check.
func together(checks []wiretap.Check, params []Param, m comings) (all []Row) {
	for k, c := range checks {
		if k == 0 || c.By != checks[k-1].By || checks[k-1].Refusal != "" || m.between(checks[k-1].At, c.At) {
			all = append(all, Row{Kind: Checks, At: c.At, From: c.By, To: c.By, Exchange: -1, Next: -1})
		}
		last := &all[len(all)-1]
		last.Checks = append(last.Checks, c)
	}
	for k := range all {
		all[k].Label, all[k].Line, all[k].Failed = inShort(all[k].Checks, params)
	}
	return all
}

// inShort tells a list of checks in two lines.
func inShort(checks []wiretap.Check, params []Param) (label, line string, failed bool) {
	last := checks[len(checks)-1]
	if last.Refusal != "" {
		line = last.Refusal
		if code, words, found := strings.Cut(line, " "); found && strings.Contains(code, "_") {
			if with := strings.HasSuffix(code, ":"); with || strings.ToUpper(words[:1]) == words[:1] {
				line = words // the code stands in the answer
			}
		}
		return "Refused: " + line, plain(last.Name), true
	}
	told := telling(checks, params)
	if len(told) == 0 && len(checks) > 1 {
		return fmt.Sprintf("All %d checks pass", len(checks)), "", false
	} else if len(told) == 0 {
		told = []string{plain(last.Name)}
	}
	label = told[0]
	others := len(checks) - 1
	if len(told) > 1 {
		line = told[1]
		others--
	}
	switch {
	case others == 0 && line == "":
		return label, last.Source, false
	case others == 0:
		return label, line, false
	case line != "":
		line += ", "
	}
	return label, line + "and " + strconv.Itoa(others) + " more", false
}

// asked is what people ask about, the first first; a check counts where there was
// something for it to check.
var asked = []struct{ check, param string }{
	{"code_verifier matches the code_challenge", "code_verifier"},
	{"code is used once", "code"},
	{"callback: state is this browser's own", "state"},
	{"callback: iss is the server that we asked", "iss"},
	{"ID token: nonce is the one that we sent", ""},
	{"device code belongs to this client", "device_code"},
	{"refresh token is used once", "refresh_token"},
	{"bearer assertion is signed by its issuer", "assertion"},
	{"exchanged token has no more scope than the subject token", "subject_token"},
	{"request_uri is used once", "request_uri"},
	{"request object is signed with a key of the client", "request"},
	{"proof's key is the one that the token is bound to", "DPoP"},
	{"signature is the issuer's", "access_token"},
	{"token has the scope", "access_token"},
	{"logout request: post_logout_redirect_uri is registered, compared as a string", "post_logout_redirect_uri"},
	{"redirect_uri is registered, compared as a string", "redirect_uri"},
	{"code_challenge_method is S256", "code_challenge_method"},
	{"client assertion is signed by the client", "client_assertion"},
	{"client secret matches, compared in constant time", "client_secret"},
	{"proof is used once", "DPoP"},
}

// telling names one or two of the checks.
func telling(checks []wiretap.Check, params []Param) (told []string) {
	for _, a := range asked {
		there := a.param == "" || slices.ContainsFunc(params, func(p Param) bool { return p.Name == a.param })
		for _, c := range checks {
			if there && len(told) < 2 && c.Name == a.check {
				told = append(told, plain(c.Name))
			}
		}
	}
	return told
}

// plain is a check's name without where it is made, which the row shows.
func plain(check string) string {
	return strings.TrimPrefix(strings.TrimPrefix(check, "callback: "), "logout request: ")
}

// act is what a person did before a request could come.
func act(e wiretap.Exchange, who string) (Row, bool) {
	if e.From != wiretap.Browser || e.To != wiretap.AuthorizationServer || e.Method != http.MethodPost {
		return Row{}, false
	}
	if who == "" {
		who = "The person"
	}
	form, _ := url.ParseQuery(e.Request.Body)
	switch path(e.URL) {
	case "/login":
		return Row{Kind: Person, Label: who + " signs in", Line: "at " + host(e.URL) + ". Dreams never sees the password."}, true
	case "/consent":
		switch scopes := len(form["scope"]); {
		case form.Get("decision") != "allow":
			return Row{Kind: Person, Label: who + " says no"}, true
		case scopes == 0:
			return Row{Kind: Person, Label: who + " allows no more than had to be"}, true
		}
		return Row{Kind: Person, Label: who + " says yes", Line: "to " + strings.Join(form["scope"], ", ")}, true
	case "/device":
		return Row{Kind: Person, Label: who + " types the code", Line: form.Get("user_code")}, true
	case "/logout/confirm":
		return Row{Kind: Person, Label: who + " confirms the logout"}, true
	}
	return Row{}, false
}

func whoSignsIn(e wiretap.Exchange) string {
	if e.From != wiretap.Browser || e.To != wiretap.AuthorizationServer || e.Method != http.MethodPost || path(e.URL) != "/login" {
		return ""
	}
	form, _ := url.ParseQuery(e.Request.Body)
	name := []rune(form.Get("username"))
	if len(name) == 0 || e.Status >= 400 {
		return ""
	}
	return strings.ToUpper(string(name[:1])) + string(name[1:])
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// verifiers finds for each code_challenge the code_verifier that it was made from,
// where that was sent in the end (RFC 7636 §4.2, S256).
func verifiers(all []wiretap.Exchange) map[string]string {
	found := map[string]string{}
	for _, e := range all {
		if e.From != wiretap.Client || !strings.Contains(e.Request.Body, "code_verifier") {
			continue
		}
		for _, p := range RequestParams(e) {
			if p.Name == "code_verifier" {
				sum := sha256.Sum256([]byte(p.Value))
				found[base64.RawURLEncoding.EncodeToString(sum[:])] = p.Value
			}
		}
	}
	return found
}

// thoughtUp is the row of what Dreams's request shows for the first time, where
// that is something.
func thoughtUp(by wiretap.Party, params []Param, verifiers map[string]string) (Row, bool) {
	r := Row{Kind: Made, From: by, To: by, Exchange: -1, Next: -1}
	for _, p := range params {
		switch p.Name {
		case "code_challenge":
			r.Params = append(r.Params, p)
			if verifier := verifiers[p.Value]; verifier != "" {
				r.Params = append(r.Params, Param{Name: "code_verifier", Value: verifier})
			}
		case "state", "nonce", "DPoP", "client_assertion", "assertion", "request":
			r.Params = append(r.Params, p)
		}
	}
	return r, len(r.Params) > 0 && by == wiretap.Client
}

// making names what was thought up, and says how one of it was made.
func making(params []Param) (label, line string) {
	var made []string
	for _, p := range params {
		name := p.Name
		switch name {
		case "code_challenge":
			line, name = "code_challenge = SHA-256(code_verifier)", "code_verifier"
		case "DPoP":
			line = "signed for this request alone"
		case "client_assertion", "assertion", "request":
			line = "signed with a private key"
		}
		if !slices.Contains(made, name) {
			made = append(made, name)
		}
	}
	slices.SortStableFunc(made, func(a, b string) int { return rank(a) - rank(b) })
	return strings.Join(made, ", "), line
}

// Who is who signed in last; empty: nobody did.
func Who(record wiretap.Record) (who string) {
	for _, e := range record.Exchanges {
		if name := whoSignsIn(e); name != "" {
			who = name
		}
	}
	return who
}
