package endpoint

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/views"
)

// The API console sends the requests of Acme's OpenAPI document, and no others, to
// Acme, and to nobody else:
//
//	Browser                portal                        Acme
//	   │ the operation,      │                             │
//	   │ its parameters,     │                             │
//	   │ a token             │ method and path of the      │
//	   │────────────────────>│ document, Bearer token      │
//	   │                     │────────────────────────────>│
//	   │ both messages, the  │<────────────────────────────│
//	   │ refusal explained   │
//	   │<────────────────────│
const (
	callTime      = 10 * time.Second
	callsAtOnce   = 8
	maxAPIAnswer  = 256 << 10 // of which we read
	maxShown      = 64 << 10  // and show
	maxPastedSize = 8 << 10
)

// How many calls are made in ten minutes: no way to have Acme asked more often
// than anybody can by themselves.
const (
	callsPerAddress = 600
	callsInAll      = 6000
)

// apiAnswer is what came back.
type apiAnswer struct {
	Status int
	Header http.Header
	Body   []byte
	Cut    bool
}

// callAcme sends a request to the API and follows no redirect. path begins with /.
func (e *Endpoints) callAcme(ctx context.Context, method, path string, header http.Header, body []byte) (apiAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.Env.AcmeURL.String()+path, bytes.NewReader(body))
	if err != nil {
		return apiAnswer{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := e.Acme.Do(req)
	if err != nil {
		return apiAnswer{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAPIAnswer+1))
	return apiAnswer{Status: resp.StatusCode, Header: resp.Header, Body: content[:min(len(content), maxAPIAnswer)], Cut: len(content) > maxAPIAnswer}, err
}

// Console shows the operations of the API, and the form of one of them.
func (e *Endpoints) Console(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	return e.showConsole(c, session, http.StatusOK, consoleCall{Operation: c.QueryParam("op"), As: c.QueryParam("app")}, nil)
}

// consoleCall is what was filled in.
type consoleCall struct {
	Operation, As, Token, Body string
	Values                     map[string]string // nil: nothing was filled in
	sent                       *page.ConsoleSent
}

func readConsoleCall(form oauth.Parameters) consoleCall {
	call := consoleCall{
		Operation: form.Get("op"), As: form.Get("as"), Token: strings.TrimSpace(form.Get("token")), Body: strings.TrimSpace(form.Get("body")), Values: map[string]string{},
	}
	for name := range form {
		if parameter, is := strings.CutPrefix(name, "p."); is {
			call.Values[parameter] = form.Get(name)
		}
	}
	return call
}

// consoleApps are the applications of a person that get a token by themselves.
func (e *Endpoints) consoleApps(person oauth.User) []*oauth.Client {
	return slices.DeleteFunc(e.Store.Applications(person), func(client *oauth.Client) bool {
		return client.Owner != person.Sub || client.Disabled || client.DPoPBound || !client.MayUse(oauth.ClientCredentialsGrant)
	})
}

func (e *Endpoints) showConsole(c echo.Context, session store.Session, status int, call consoleCall, wrong problems) error {
	view := page.ConsoleView{CSRF: e.csrf(c), Errors: wrong.summary(), Sent: call.sent, Document: e.Env.AcmeURL.String() + "/api/openapi.json"}
	document, err := e.apiDocument(c.Request().Context())
	if err != nil {
		e.Log.Warn("the API console has no document", "error", err)
		view.Problem = "Acme does not answer at the moment, so we do not know its operations. Try again in a minute."
		return render(c, http.StatusServiceUnavailable, page.Console(e.developerFrame(c, "API console"), view))
	}
	if len(document.operations) == 0 {
		return echo.ErrNotFound
	}
	op := document.find(cmp.Or(call.Operation, document.operations[0].ID))
	if op == nil {
		return echo.ErrNotFound
	}
	for _, tag := range document.Tags {
		group := page.ConsoleGroup{Name: tag.Name, Description: tag.Description}
		for _, one := range document.operations {
			if one.Tag == tag.Name {
				query := url.Values{"op": {one.ID}}
				if call.As != "" {
					query.Set("app", call.As)
				}
				group.Operations = append(group.Operations, page.ConsoleOperation{
					Method: one.Method, Path: one.Path, Summary: one.Summary, Href: "/developer/console?" + query.Encode() + "#call", Current: one.ID == op.ID,
				})
			}
		}
		view.Groups = append(view.Groups, group)
	}
	view.Operation = page.ConsoleForm{
		ID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description, Scope: op.Scope, Fields: consoleFields(op, call, wrong),
	}
	if op.Body != "" {
		field := views.Field{ID: "body", Name: "body", Label: "Body: JSON", Value: op.Body, Error: wrong.of("body"), Attrs: map[string]any{"rows": "8", "spellcheck": "false"}}
		if call.Values != nil {
			field.Value = call.Body
		}
		view.Operation.Body = &field
	}
	for _, client := range e.consoleApps(session.User) {
		scope := client.Scope.Without(client.Scope.NeedingUser())
		view.Apps = append(view.Apps, page.ConsoleApp{ClientID: client.ID, Name: client.Name, Scope: scope.String(), Chosen: client.ID == call.As})
	}
	view.Token = views.Field{
		ID: "token", Name: "token", Label: "Access token", Value: limit(call.Token, maxPastedSize), Error: wrong.of("token"), Autocomplete: "off",
		Hint: "Without “Bearer”. It goes to Acme and nowhere else, and is not kept.", Attrs: map[string]any{"rows": "3", "spellcheck": "false"},
	}
	return render(c, status, page.Console(e.developerFrame(c, "API console"), view))
}

func consoleFields(op *operation, call consoleCall, wrong problems) []views.Field {
	var fields []views.Field
	for _, p := range op.Parameters {
		f := views.Field{ID: "p-" + p.Name, Name: "p." + p.Name, Label: p.Name + " (" + p.In + ")", Hint: p.Description, Required: p.Required, Autocomplete: "off", Error: wrong.of("p-" + p.Name)}
		if p.Example != nil {
			f.Value = fmt.Sprint(p.Example)
		}
		if p.Schema.Default != nil && f.Hint != "" {
			f.Hint += fmt.Sprintf(" Left out it is %v.", p.Schema.Default)
		}
		if call.Values != nil {
			f.Value = limit(call.Values[p.Name], maxURI)
		}
		fields = append(fields, f)
	}
	return fields
}

// CallAPI sends an operation to Acme and shows both messages.
func (e *Endpoints) CallAPI(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	call := readConsoleCall(form)
	document, err := e.apiDocument(c.Request().Context())
	if err != nil {
		return e.showConsole(c, session, http.StatusServiceUnavailable, call, nil)
	}
	op := document.find(call.Operation)
	if op == nil {
		return echo.ErrNotFound
	}
	path, wrong := op.address(call.Values)
	token, problem := e.consoleToken(c, session, call)
	if problem != "" {
		wrong = append(wrong, oneProblem("token", problem)...)
	}
	var body []byte
	if op.Body != "" {
		if body = []byte(call.Body); !json.Valid(body) {
			wrong = append(wrong, oneProblem("body", "This is not JSON.")...)
		}
	}
	if len(wrong) > 0 {
		return e.showConsole(c, session, http.StatusUnprocessableEntity, call, wrong)
	}
	if wait := e.calls.take(c.RealIP(), e.Now()); wait > 0 || !begin(e.calling) {
		return e.showConsole(c, session, http.StatusServiceUnavailable, call, oneProblem("", "Too many calls are made from here at the moment. Try again in a minute, or use the curl command."))
	}
	defer func() { <-e.calling }()
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {"Acme-API-console"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTime)
	defer cancel()
	began := time.Now()
	answer, err := e.callAcme(ctx, op.Method, path, header, body)
	if err != nil {
		e.Log.Warn("a call of the API console had no answer", "operation", op.ID, "error", err)
		return e.showConsole(c, session, http.StatusBadGateway, call, oneProblem("", "Acme did not answer in time, or broke off."))
	}
	call.sent = e.shownCall(op.Method, path, header, body, answer, token, time.Since(began))
	return e.showConsole(c, session, http.StatusOK, call, nil)
}

func oneProblem(field, text string) problems { return problems{{field, text}} }

// begin takes a place where there is one.
func begin(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// address is the path of the operation with its values in it. What would lead out
// of it is refused: a segment that is empty, or dots.
func (op operation) address(values map[string]string) (string, problems) {
	var wrong problems
	path, query := op.Path, url.Values{}
	for _, p := range op.Parameters {
		value := values[p.Name]
		switch {
		case value == "" && p.Required:
			wrong = append(wrong, problem{"p-" + p.Name, p.Name + " is needed."})
		case len(value) > maxURI || !utf8.ValidString(value):
			wrong = append(wrong, problem{"p-" + p.Name, p.Name + " is too long, or no text."})
		case p.In == "path" && strings.Trim(value, ".") == "":
			wrong = append(wrong, problem{"p-" + p.Name, p.Name + " must be more than dots."})
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case value != "":
			query.Set(p.Name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, wrong
}

// RFC 6750 §2.1: b64token.
var b64token = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// consoleToken is the token to send: one that was pasted, or one that an application
// of the person's gets for itself, by the checks of its grant. Whoever owns an
// application can make a secret for it, and get the same with that. Empty: none.
func (e *Endpoints) consoleToken(c echo.Context, session store.Session, call consoleCall) (token, problem string) {
	if call.As == "" {
		switch {
		case len(call.Token) > maxPastedSize || call.Token != "" && !b64token.MatchString(call.Token):
			return "", "This is no access token: it is too long, or holds what no token holds."
		}
		return call.Token, ""
	}
	mine := e.consoleApps(session.User)
	i := slices.IndexFunc(mine, func(client *oauth.Client) bool { return client.ID == call.As })
	if i < 0 {
		return "", "This application gets no token by itself here."
	}
	ctx := c.Request().Context()
	issue, err := e.Grants[oauth.ClientCredentialsGrant].Authorize(ctx, mine[i], oauth.TokenRequest{GrantType: oauth.ClientCredentialsGrant})
	if err != nil {
		return "", sentence(err.Error())
	}
	answer, err := e.issue(issue)
	if err != nil {
		e.Log.Error("the API console got no token", "client_id", call.As, "error", err)
		return "", "The token could not be made."
	}
	e.record(c, "token issued in the API console", session.User.Sub, call.As, answer.Scope)
	return answer.AccessToken, ""
}

// shownCall words both messages. The token is cut: people show this page to others.
func (e *Endpoints) shownCall(method, path string, header http.Header, body []byte, answer apiAnswer, token string, took time.Duration) *page.ConsoleSent {
	sent := &page.ConsoleSent{
		Curl: curlCommand(method, e.Env.AcmeURL.String()+path, header, body), HasToken: token != "", Took: strconv.FormatInt(took.Milliseconds(), 10) + " ms",
		Status: strconv.Itoa(answer.Status) + " " + http.StatusText(answer.Status), OK: answer.Status < 300, TokenSays: e.tokenSays(token),
	}
	shown := header.Clone()
	if token != "" {
		shown.Set("Authorization", fmt.Sprintf("Bearer %s… (%d characters)", token[:min(len(token), 8)], len(token)))
	}
	sent.Request = method + " " + path + " HTTP/1.1\nHost: " + e.Env.AcmeURL.Host() + "\n" + headerLines(shown)
	if body != nil {
		sent.Request += "\n" + string(body)
	}
	sent.Response = "HTTP/1.1 " + sent.Status + "\n" + headerLines(answer.Header) + "\n" + bodyInWords(answer)
	if !sent.OK {
		sent.Why = explainRefusal(answer)
	}
	return sent
}

func curlCommand(method, address string, header http.Header, body []byte) string {
	var command strings.Builder
	command.WriteString("curl -i " + shellQuote(address))
	if method != http.MethodGet && (method != http.MethodPost || body == nil) {
		command.WriteString(" -X " + method)
	}
	if header.Get("Authorization") != "" {
		command.WriteString(" \\\n  -H \"Authorization: Bearer $ACME_TOKEN\"")
	}
	if body != nil {
		command.WriteString(" \\\n  -H 'Content-Type: application/json' \\\n  -d " + shellQuote(string(body)))
	}
	return command.String()
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// asSpelt are the names as their RFCs spell them; net/http has them otherwise.
var asSpelt = strings.NewReplacer("Www-Authenticate", "WWW-Authenticate", "Dpop", "DPoP", "Oauth", "OAuth")

func headerLines(h http.Header) string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			lines.WriteString(asSpelt.Replace(name) + ": " + value + "\n")
		}
	}
	return lines.String()
}

// bodyInWords is a body as text: JSON indented, and of what is no text its size.
func bodyInWords(answer apiAnswer) string {
	var indented bytes.Buffer
	content := answer.Body
	if json.Indent(&indented, content, "", "  ") == nil {
		content = indented.Bytes()
	}
	if !utf8.Valid(content) && !answer.Cut {
		return fmt.Sprintf("(%d bytes of %s)", len(answer.Body), answer.Header.Get("Content-Type"))
	}
	if len(content) > maxShown || answer.Cut {
		return limit(string(content), maxShown) + "\n… (cut here)"
	}
	return string(content)
}

// tokenSays reads a token's claims, whoever signed it: what it says and not what is
// true. Empty: it cannot be read.
func (e *Endpoints) tokenSays(compact string) string {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		ClientID string `json:"client_id"`
		Scope    string
		Exp      int64
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Exp == 0 {
		return ""
	}
	until, left := time.Unix(claims.Exp, 0), time.Unix(claims.Exp, 0).Sub(e.Now()).Round(time.Second)
	words := "expired on " + dayTime(until)
	if left > 0 {
		words = fmt.Sprintf("expires in %d min %d s", int(left.Minutes()), int(left.Seconds())%60)
	}
	return fmt.Sprintf("for %s, scope %s, %s", cmp.Or(claims.ClientID, "nobody"), cmp.Or(claims.Scope, "none"), words)
}

var challengeParameter = regexp.MustCompile(`([A-Za-z0-9_-]+)="((?:[^"\\]|\\.)*)"`)

// explainRefusal reads WWW-Authenticate (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3), a
// challenge in each header as Acme sends them: the one with an error, or the first.
func explainRefusal(answer apiAnswer) *page.ConsoleWhy {
	if answer.Status != http.StatusUnauthorized && answer.Status != http.StatusForbidden {
		return nil
	}
	said := map[string]string{}
	for i, value := range answer.Header.Values("WWW-Authenticate") {
		parameters := map[string]string{}
		for _, found := range challengeParameter.FindAllStringSubmatch(value, -1) {
			parameters[found[1]] = found[2]
		}
		if i == 0 || parameters["error"] != "" && said["error"] == "" {
			said = parameters
		}
	}
	why := &page.ConsoleWhy{Code: said["error"], Description: said["error_description"]}
	entry, known := oauth.ErrorByCode(why.Code)
	if known {
		why.Meaning, why.Href = entry.Meaning, "/docs/errors/"+entry.Code
	}
	switch held := answer.Header.Get("X-OAuth-Scopes"); {
	case why.Code == "":
		why.Meaning = "No token came with the request, so Acme says where one is to be had and nothing else (RFC 6750 §3.1)."
		why.Fix = "Let an application of yours get one, or paste one."
	case said["scope"] != "":
		why.Fix = fmt.Sprintf("This wants the scope %s. The token has %s. Ask the person for it: a token never gets more by itself.", said["scope"], cmp.Or(held, "none"))
	case said["max_age"] != "":
		why.Fix = fmt.Sprintf("Send the person through the sign-in again with max_age=%s in the authorization request (RFC 9470).", said["max_age"])
	case why.Code == "use_dpop_nonce" || strings.Contains(why.Description, "bound to a key"):
		why.Fix = "A bound token is of no use to anybody without its key, this page included. Your program under “Code” proves it."
	}
	return why
}
