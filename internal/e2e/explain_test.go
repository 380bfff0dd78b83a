package e2e

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"iter"
	"maps"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/endpoint"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/dreams/explain"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
)

// explained collects what the wire view would have nothing to say about.
type explained struct {
	t        *testing.T
	where    string // for messages of this test
	reported map[string]bool
}

func (x *explained) parameter(name string, in explain.Place) {
	e, ok := explain.Parameter(name, in)
	if key := name + in.Kind + in.Endpoint + in.Token; (!ok || e.For == "" || e.Source == "" || e.Required == "") && !x.reported[key] {
		x.reported[key] = true
		x.t.Errorf("%s: nothing explains %q in %+v", x.where, name, in)
	}
}

func (x *explained) message(m explain.MessageKind) {
	sentence, from, ok := explain.Message(m)
	if key := "message" + m.Method + m.Endpoint + m.Direction + m.GrantType + strconv.Itoa(m.Status); (!ok || sentence == "" || from == "") && !x.reported[key] {
		x.reported[key] = true
		x.t.Errorf("%s: nothing says what this is for: %+v", x.where, m)
	}
}

// members explains a JSON value's members, those of objects within it too.
func (x *explained) members(within string, value any, in explain.Place) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			x.parameter(within+name, in)
			x.members(within+name+".", member, in)
		}
	case []any:
		for _, one := range value {
			x.members(within, one, in)
		}
	}
}

// Every transcript's messages, and everything in them, is explained.
func TestEverythingInTheTranscriptsIsExplained(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/transcripts/*.http")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	reported := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scenes := strings.Split(string(text), "\n### ")
		if len(scenes) < 3 {
			t.Errorf("%s has no scenes", file)
		}
		for _, scene := range scenes[1:] {
			title, rest, _ := strings.Cut(scene, "\n")
			x := &explained{t: t, where: filepath.Base(file) + ", " + title, reported: reported}
			x.scene(title, rest)
		}
	}
}

var startLine = regexp.MustCompile(`(?m)^(GET|POST|PUT|DELETE) (/.*)$`)

// scene reads what Transcript.Write wrote.
func (x *explained) scene(title, text string) {
	_, to, _ := strings.Cut(title, " → ")
	party := map[string]string{"Accounts": "A", "Acme": "R", "Dreams": "D"}[to]
	request, response, found := strings.Cut(text, "\nHTTP/1.1 ")
	start := startLine.FindStringSubmatchIndex(request)
	if !found || start == nil || party == "" {
		x.t.Fatalf("%s: not a scene", x.where)
	}
	method, path := request[start[2]:start[3]], request[start[4]:start[5]]
	asked := explain.Place{Party: party, Endpoint: path, Direction: explain.Request}
	// As the table spells it: a transcript has a name in braces there.
	if strings.HasPrefix(path, "/register/") {
		asked.Endpoint = "/register/:client_id"
	}
	sent := x.half(request[start[1]:], &asked)
	carries := explain.Carries(sent.Has)
	x.message(explain.MessageKind{Party: party, Method: method, Endpoint: asked.Endpoint, Direction: explain.Request, GrantType: asked.GrantType, Carries: carries})

	answered := asked
	answered.Direction = explain.Response
	answered.Status, _ = strconv.Atoi(response[:3])
	_, rest, _ := strings.Cut(response, "\n")
	back := x.half("\n"+rest, &answered)
	x.message(explain.MessageKind{Party: party, Method: method, Endpoint: asked.Endpoint, Direction: explain.Response, GrantType: asked.GrantType, Status: answered.Status, Carries: explain.Carries(back.Has)})
	x.decoded(text)
}

// half explains headers and body of a request or a response, and returns the
// parameters of the query, the form or the redirect.
func (x *explained) half(text string, in *explain.Place) url.Values {
	head, body, _ := strings.Cut(text, "\n\n")
	all, kind, contentType := url.Values{}, explain.Query, ""
	of := *in
	add := func(pair string) {
		name, value, _ := strings.Cut(pair, "=")
		decoded, _ := url.QueryUnescape(value)
		all.Add(name, decoded)
		if name == "grant_type" {
			in.GrantType, of.GrantType = decoded, decoded
		}
	}
	for _, line := range strings.Split(head, "\n") {
		switch {
		case line == "" || strings.HasPrefix(strings.TrimSpace(line), "#   ") || strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "    #"):
			kind = explain.Fragment
			add(strings.TrimSpace(line)[1:])
		case strings.HasPrefix(line, "    ?"), strings.HasPrefix(line, "    &"):
			add(strings.TrimSpace(line)[1:])
		default:
			name, value, _ := strings.Cut(line, ": ")
			header := of
			header.Kind = explain.Header
			x.parameter(name, header)
			switch name {
			case "Content-Type":
				contentType = value
			case "Location": // the request that follows
				to, _ := url.Parse(value)
				party := map[string]string{"": of.Party, "localhost:9000": "A", "localhost:9001": "R"}[to.Host]
				of = explain.Place{Party: cmp.Or(party, "D"), Endpoint: to.Path, Direction: explain.Request}
			case "Cookie", "Set-Cookie":
				cookie, _, _ := strings.Cut(value, "=")
				x.parameter(cookie, explain.Place{Party: of.Party, Kind: explain.Cookie})
			}
		}
	}
	of.Kind = kind
	for name := range all {
		x.parameter(name, of)
	}
	body = uncommented(body)
	switch {
	case contentType == "application/x-www-form-urlencoded":
		all = url.Values{}
		for line := range strings.Lines(body) {
			add(strings.TrimPrefix(strings.TrimSpace(line), "&"))
		}
		of.Kind = explain.Form
		for name := range all {
			x.parameter(name, of)
		}
	case strings.Contains(contentType, "json"):
		var document any
		if err := json.Unmarshal([]byte(body), &document); err != nil {
			x.t.Fatalf("%s: %v", x.where, err)
		}
		of.Kind = explain.JSON
		x.members("", document, of)
	case strings.HasPrefix(contentType, "text/html"):
		for _, form := range regexp.MustCompile(`(?m)^<form action="([^"]*)">(.*)$`).FindAllStringSubmatch(body, -1) {
			for field := range strings.FieldsSeq(form[2]) {
				name, _, _ := strings.Cut(strings.Trim(field, "[]"), "=")
				if regexp.MustCompile(`^[a-z_]+$`).MatchString(name) {
					x.parameter(name, explain.Place{Party: of.Party, Endpoint: form[1], Direction: explain.Request, Kind: explain.Form})
				}
			}
		}
	}
	return all
}

func uncommented(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			kept.WriteString(line)
		}
	}
	return strings.TrimSpace(kept.String())
}

// decoded explains the tokens that stand decoded in a scene.
func (x *explained) decoded(text string) {
	for _, at := range regexp.MustCompile(`(?m)^# \{([a-z_]+) \d+\} is, decoded:$`).FindAllStringSubmatchIndex(text, -1) {
		var lines bytes.Buffer
		for line := range strings.Lines(text[at[1]+1:]) {
			if !strings.HasPrefix(line, "#   ") {
				break
			}
			lines.WriteString(line[1:])
		}
		decoder := json.NewDecoder(&lines)
		var header, claims map[string]any
		if decoder.Decode(&header) != nil || decoder.Decode(&claims) != nil {
			x.t.Fatalf("%s: a token cannot be read", x.where)
		}
		typ, _ := header["typ"].(string)
		kind := explain.Token(text[at[2]:at[3]], typ)
		if kind == "" {
			x.t.Errorf("%s: what token is %s?", x.where, text[at[2]:at[3]])
		}
		x.members("", header, explain.Place{Kind: explain.JOSE, Token: kind})
		x.members("", claims, explain.Place{Kind: explain.Claim, Token: kind})
	}
}

// What the programs can read and send is more than the transcripts show.
func TestEverythingThatTheProgramsKnowIsExplained(t *testing.T) {
	t.Parallel()
	x := &explained{t: t, where: "the programs", reported: map[string]bool{}}
	const discovery, register = "/.well-known/openid-configuration", "/register"
	document := func(endpoint string) explain.Place {
		return explain.Place{Party: "A", Endpoint: endpoint, Direction: explain.Response, Kind: explain.JSON, Status: 200}
	}
	claims := func(token string) explain.Place { return explain.Place{Kind: explain.Claim, Token: token} }
	for _, known := range []struct {
		of any
		in explain.Place
	}{
		{oauth.Metadata{}, document(discovery)},
		{oauth.ClientInformation{}, document(register)},
		{oauth.TokenResponse{}, document("/token")},
		{endpoint.Introspection{}, document("/introspect")},
		{endpoint.Introspection{}, claims(explain.Introspection)},
		{oauth.PersonClaims{}, document("/userinfo")},
		{oauth.PersonClaims{}, claims(explain.IDToken)},
		{token.AccessToken{}, claims(explain.AccessToken)},
		{token.IDToken{}, claims(explain.IDToken)},
		{token.LogoutToken{}, claims(explain.LogoutToken)},
		{token.SecurityEvent{}, claims(explain.SecurityEvent)},
	} {
		for _, name := range jsonNames(reflect.TypeOf(known.of)) {
			x.parameter(name, known.in)
		}
	}
	request := func(kind, endpoint string) explain.Place {
		return explain.Place{Party: "A", Endpoint: endpoint, Direction: explain.Request, Kind: kind}
	}
	for _, read := range []struct {
		file, pattern string
		in            explain.Place
	}{
		{"authserver/oauth/authorization_request.go", `p\.(?:Get|All)\("([a-z_]+)"\)`, request(explain.Query, "/authorize")},
		{"authserver/oauth/authorization_request.go", `p\.(?:Get|All)\("([a-z_]+)"\)`, request(explain.Form, "/par")},
		{"authserver/oauth/authorization_request.go", `p\.(?:Get|All)\("([a-z_]+)"\)`, claims(explain.RequestObject)},
		{"authserver/oauth/logout_request.go", `p\.Get\("([a-z_]+)"\)`, request(explain.Query, "/logout")},
		{"authserver/endpoint/client_authentication.go", `form\.Get\("([a-z_]+)"\)`, request(explain.Form, "/token")},
		{"authserver/endpoint/client_authentication.go", `form\.Get\("(client_[a-z_]+)"\)`, request(explain.Form, "/par")},
		{"authserver/endpoint/consent.go", `form(?:\.Get\(|\[)"([a-z_]+)"`, request(explain.Form, "/consent")},
		{"authserver/endpoint/login.go", `form\.Get\("([a-z_]+)"\)`, request(explain.Form, "/login")},
		{"authserver/endpoint/sign_up.go", `form\.Get\("([a-z_]+)"\)`, request(explain.Form, "/signup")},
		{"authserver/endpoint/device.go", `form\.Get\("([a-z_]+)"\)`, request(explain.Form, "/device")},
		{"authserver/endpoint/device_authorization.go", `json:"([a-z_]+)`, document("/device_authorization")},
		{"authserver/endpoint/pushed_authorization_request.go", `json:"([a-z_]+)`, document("/par")},
		{"authserver/endpoint/revocation_feed.go", `json:"([a-z_]+)`, document("/revocations")},
		{"acme/api/metadata.go", `json:"([a-z_]+)`, explain.Place{Party: "R", Endpoint: "/.well-known/oauth-protected-resource", Direction: explain.Response, Kind: explain.JSON, Status: 200}},
		{"acme/api/problem.go", `json:"([a-z_]+)`, explain.Place{Party: "R", Endpoint: "/api/v1/me", Direction: explain.Response, Kind: explain.JSON, Status: 403}},
		{"acme/api/api.go", `h\.Set\("([A-Za-z-]+)"`, explain.Place{Party: "R", Endpoint: "/api/v1/me", Direction: explain.Response, Kind: explain.Header, Status: 200}},
		{"internal/httpserver/echo.go", `"([A-Z][A-Za-z]+-[A-Za-z-]+)":`, explain.Place{Direction: explain.Response, Kind: explain.Header, Status: 200}},
		{"dreams/site/security_events.go", `json:"([a-z_]+)`, explain.Place{Party: "D", Endpoint: "/events", Direction: explain.Response, Kind: explain.JSON, Status: 400}},
	} {
		found := found(t, read.file, read.pattern)
		for _, match := range found {
			x.parameter(match[1], read.in)
		}
	}
	for grantType, names := range map[string]string{
		"authorization_code": "code redirect_uri code_verifier resource authorization_details client_id",
		"refresh_token":      "refresh_token scope resource authorization_details",
		"client_credentials": "scope resource client_secret client_assertion client_assertion_type",
		"password":           "username password scope client_id",
		"urn:ietf:params:oauth:grant-type:device_code":    "device_code client_id",
		"urn:ietf:params:oauth:grant-type:jwt-bearer":     "assertion scope",
		"urn:ietf:params:oauth:grant-type:token-exchange": "subject_token subject_token_type requested_token_type actor_token actor_token_type audience resource scope",
	} {
		for name := range strings.FieldsSeq("grant_type " + names) {
			x.parameter(name, explain.Place{Party: "A", Endpoint: "/token", Direction: explain.Request, Kind: explain.Form, GrantType: grantType})
		}
	}
}

func found(t *testing.T, file, pattern string) [][]string {
	text, ok := source.Text(file)
	matches := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if !ok || len(matches) == 0 {
		t.Errorf("nothing was found in %s by %s", file, pattern)
	}
	return matches
}

// jsonNames lists the members that a type is written with, embedded ones too.
func jsonNames(of reflect.Type) (names []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			names = append(names, jsonNames(field.Type)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	return names
}

// Every address of the protocol has a sentence for what is sent to it and for
// what it answers.
func TestEveryMessageOfTheProtocolIsExplained(t *testing.T) {
	t.Parallel()
	x := &explained{t: t, where: "the route tables", reported: map[string]bool{}}
	both := func(party, method, path string, statuses ...int) {
		x.message(explain.MessageKind{Party: party, Method: strings.ToUpper(method), Endpoint: path, Direction: explain.Request})
		for _, status := range statuses {
			x.message(explain.MessageKind{Party: party, Method: strings.ToUpper(method), Endpoint: path, Direction: explain.Response, Status: status})
		}
	}
	protocol := 0
	for _, route := range found(t, "authserver/server/routes.go", `\{(get|post|put|del|options), "([^"]+)", [A-Za-z.]+, "[^"]*", "([^"]+)"`) {
		method, path, specification := strings.Replace(route[1], "del", "delete", 1), route[2], route[3]
		aside := strings.HasPrefix(path, "/developer") || strings.HasPrefix(path, "/docs")
		if specification != "ours" && !aside {
			protocol++
			both("A", method, path, 200)
		}
	}
	if protocol < 20 {
		t.Errorf("the table of Accounts has %d addresses of the protocol", protocol)
	}
	for _, page := range []string{"/login", "/consent", "/signup"} {
		both("A", "get", page, 200)
		both("A", "post", page, 303)
	}
	for _, path := range []string{"/authorize", "/authorize/resume", "/logout", "/consent"} {
		for _, carries := range []string{"", "code", "token", "error"} {
			x.message(explain.MessageKind{Party: "A", Method: "GET", Endpoint: path, Direction: explain.Response, Status: 303, Carries: carries})
		}
	}
	both("A", "get", "/device/done", 200)
	both("A", "get", "/revocations", 200)
	for _, refused := range []string{"/token", "/par", "/introspect", "/revoke", "/register", "/device_authorization"} {
		both("A", "post", refused, 400, 401, 429, 503)
	}
	both("A", "get", "/userinfo", 401, 403)
	for _, route := range found(t, "acme/api/api.go", `\{http\.Method([A-Z][a-z]+), "(/api/v1/[^"]*)"`) {
		both("R", route[1], route[2], 200, 400, 401, 403, 404, 422, 429, 503)
	}
	both("R", "get", "/.well-known/oauth-protected-resource", 200)
	for _, route := range found(t, "acme/site/site.go", `\{"(GET|POST)", "(/login|/callback|/logout|/logout/accounts|/mobile)"`) {
		both("R", route[1], route[2], 303)
	}
	for _, file := range []string{"dreams/site/site.go", "dreams/tv/tv.go", "dreams/learn/classroom.go"} {
		for _, route := range found(t, file, `\{http\.Method([A-Z][a-z]+), "([^"]+)", [^,]+(?:, "(RFC|OIDC|Back)[^"]*")?`) {
			if route[3] != "" || strings.HasPrefix(route[2], "/learn") {
				both("D", route[1], route[2], 200, 303)
			}
		}
	}
	for _, path := range []string{"/callback", "/lab/callback", "/lab/logged-out", "/spa/callback", "/widget/callback", "/offers"} {
		both("D", "get", path, 200)
	}
	both("D", "post", "/backchannel-logout", 200, 400)
	both("R", "post", "/backchannel-logout", 200, 400)
	both("D", "post", "/events", 202, 400)
	for _, grantType := range []string{"authorization_code", "refresh_token", "client_credentials", "password", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"} {
		of := explain.MessageKind{Party: "A", Method: "POST", Endpoint: "/token", GrantType: grantType}
		for _, of.Direction = range []string{explain.Request, explain.Response} {
			of.Status = map[string]int{explain.Response: 200}[of.Direction]
			special, _, _ := explain.Message(of)
			of.GrantType = ""
			if general, _, _ := explain.Message(of); special == general {
				t.Errorf("%s: the %s has no sentence of its own", grantType, of.Direction)
			}
			of.GrantType = grantType
		}
		of.Status = 400
		x.message(of)
	}
}

// Whatever the wire view shows of the lessons, it can explain: messages, headers,
// parameters, members of documents, and what stands in tokens.
func TestEverythingThatIsRecordedIsExplained(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	for _, slug := range []string{"pkce", "authorization-code", "refresh-token", "client-credentials", "token-exchange", "jwt-bearer"} {
		runLesson(t, w, b, slug)
	}
	for _, slug := range []string{"par", "jar", "rar", "dpop", "resource-indicators", "step-up", "registration", "introspection", "issuer", "resource-metadata", "fapi2", "logout"} {
		runLab(t, w, b, slug)
	}
	reported, messages := map[string]bool{}, 0
	for _, id := range w.room.IDs() {
		for exchange := range settled(w.room.Recording(id)) {
			messages++
			address, _, _ := strings.Cut(exchange.URL, "?")
			x := &explained{t: t, where: exchange.Method + " " + address, reported: reported}
			x.exchange(exchange)
			x.source(exchange)
		}
	}
	if messages < 150 {
		t.Errorf("only %d messages were recorded", messages)
	}
}

// source finds the code behind a message: who sent it, who answered, who checked.
func (x *explained) source(e wiretap.Exchange) {
	for _, function := range []string{e.SentBy, e.HandledBy} {
		if _, ok := source.Function(function); function != "" && !ok && !x.reported[function] {
			x.reported[function] = true
			x.t.Errorf("%s: no source of %s", x.where, function)
		}
	}
	if file, line, ok := strings.Cut(e.SentAt, ":"); ok {
		n, err := strconv.Atoi(line)
		if shown, ok := source.Around(file, n); err != nil || !ok || shown.Mark != n {
			x.t.Errorf("%s: no source at %s", x.where, e.SentAt)
		}
	}
	program := map[wiretap.Party]string{"A": "authserver", "R": "acme", "D": "dreams"}
	if _, ok := source.Handler(program[e.To], e.Method, e.Route); !ok && e.Route != "" && !strings.HasPrefix(e.Route, "/.well-known/") {
		x.t.Errorf("%s: no handler of %s", x.where, e.Route)
	}
	for _, check := range e.Checks {
		if _, ok := source.Check(program[check.By], check.Name); !ok {
			x.t.Errorf("%s: no source of the check %q of %s", x.where, check.Name, check.By)
		}
	}
}

// settled is what a recording has once nothing comes any more.
func settled(recording *wiretap.Recording) iter.Seq[wiretap.Exchange] {
	for {
		_, next := recording.Changes()
		select {
		case <-next:
		case <-time.After(300 * time.Millisecond):
			return slices.Values(recording.Record().Exchanges)
		}
	}
}

// exchange explains a recorded exchange as the inspector does.
func (x *explained) exchange(e wiretap.Exchange) {
	address, err := url.Parse(e.URL)
	if err != nil {
		x.t.Fatal(err)
	}
	in := explain.Place{Party: string(e.To), Endpoint: address.Path, Direction: explain.Request}
	sent := x.parameters(explain.Query, address.RawQuery, in)
	if mediaTypeOf(e.Request) == "application/x-www-form-urlencoded" {
		form, _ := url.ParseQuery(e.Request.Body)
		in.GrantType = form.Get("grant_type")
		maps.Copy(sent, x.parameters(explain.Form, e.Request.Body, in))
	}
	x.recorded(e.Request, in)
	m := explain.MessageKind{Party: in.Party, Method: e.Method, Endpoint: in.Endpoint, Direction: in.Direction, GrantType: in.GrantType, Carries: explain.Carries(sent.Has), From: string(e.From)}
	x.message(m)
	if e.Status == 0 {
		return
	}
	in.Direction, in.Status = explain.Response, e.Status
	x.recorded(e.Response, in)
	carried := url.Values{}
	if to, err := address.Parse(e.Response.Header.Get("Location")); err == nil && e.Status/100 == 3 {
		follows := explain.Place{Party: in.Party, Endpoint: to.Path, Direction: explain.Request}
		if to.Host != address.Host {
			follows.Party = "" // we do not know here, and need not
		}
		carried = x.parameters(explain.Query, to.RawQuery, follows)
		if strings.Contains(to.Fragment, "=") { // otherwise a place on a page
			maps.Copy(carried, x.parameters(explain.Fragment, to.Fragment, follows))
		}
	}
	m.Direction, m.Status, m.Carries = in.Direction, e.Status, explain.Carries(carried.Has)
	x.message(m)
}

// parameters explains a query, a form or a fragment.
func (x *explained) parameters(kind, encoded string, in explain.Place) url.Values {
	values, _ := url.ParseQuery(encoded)
	in.Kind = kind
	for name, all := range values {
		x.parameter(name, in)
		for _, value := range all {
			x.jwt(name, value)
			var document any
			if strings.ContainsAny(value, "{[") && json.Unmarshal([]byte(value), &document) == nil {
				x.members(name+".", document, in)
			}
		}
	}
	return values
}

// recorded explains the headers and the body of one half.
func (x *explained) recorded(half wiretap.Half, in explain.Place) {
	in.Kind = explain.Header
	for name, values := range half.Header {
		x.parameter(name, in)
		for _, value := range values {
			x.jwt(name, value[strings.LastIndexByte(value, ' ')+1:])
		}
	}
	if media := mediaTypeOf(half); strings.HasSuffix(media, "jwt") {
		x.jwt(map[bool]string{true: explain.Userinfo}[in.Endpoint == "/userinfo"], half.Body)
	} else if strings.HasSuffix(media, "json") && half.Body != "" {
		var document any
		if err := json.Unmarshal([]byte(half.Body), &document); err != nil {
			x.t.Errorf("%s: %v", x.where, err)
		}
		in.Kind = explain.JSON
		x.members("", document, in)
		if members, ok := document.(map[string]any); ok {
			for name, member := range members {
				if value, ok := member.(string); ok {
					x.jwt(name, value)
				}
			}
		}
	}
}

// jwt explains what stands in a value, if that is a JWT.
func (x *explained) jwt(name, value string) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		decoded, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(decoded, into) != nil {
			return
		}
	}
	typ, _ := header["typ"].(string)
	kind := explain.Token(name, typ)
	if kind == "" {
		x.t.Errorf("%s: what token is %s, of type %q?", x.where, name, typ)
	}
	x.members("", header, explain.Place{Kind: explain.JOSE, Token: kind})
	x.members("", claims, explain.Place{Kind: explain.Claim, Token: kind})
}

func mediaTypeOf(half wiretap.Half) string {
	media, _, _ := mime.ParseMediaType(half.Header.Get("Content-Type"))
	return media
}
