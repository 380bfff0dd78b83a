package server_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/api"
	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server/acmetest"
	"example.com/acme-dreams/seed"
)

const allScopes = "packages:read reviews:read reviews:write profile email preferences:read preferences:write blog:read blog:write"

type problem struct {
	Type, Title, Detail, Error string
	Status                     int
	Errors                     []struct{ Field, Detail string }
}

// isProblem wants a problem document, RFC 9457, whose fields name exactly these.
func isProblem(t *testing.T, a acmetest.Answer, status int, fields ...string) problem {
	t.Helper()
	if a.Status != status || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %s, want a problem document with status %d", a.Status, a.Header.Get("Content-Type"), a.Body, status)
		return problem{}
	}
	p := acmetest.JSON[problem](t, a)
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Field)
	}
	if p.Status != status || p.Title == "" || p.Type == "" || !slices.Equal(named, fields) {
		t.Errorf("got %s, want the fields %v", a.Body, fields)
	}
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("header is %v", a.Header)
	}
	return p
}

// path fills a route's parameters with what belongs to alice.
func path(route api.Route) string {
	p := route.Path
	if strings.Contains(p, "/posts/") {
		p = strings.Replace(p, ":id", "po-three-huts", 1)
	}
	return strings.NewReplacer(":id", "pk-silvretta", ":review", "rv-none", ":name", "alps.svg").Replace(p)
}

func TestEveryRouteWantsItsScope(t *testing.T) {
	a := acmetest.New(t)
	for _, route := range (&api.API{}).Routes() {
		t.Run(route.Method+" "+route.Path, func(t *testing.T) {
			ask := func(token string) acmetest.Answer {
				return a.Do(acmetest.Request{Method: route.Method, Path: path(route), Token: token})
			}
			const metadata = `resource_metadata="` + bearertest.Resource + `/.well-known/oauth-protected-resource"`

			// RFC 6750 §3.1: without a token there is no error code.
			none := ask("")
			isProblem(t, none, 401)
			if got := none.Header.Get("WWW-Authenticate"); got != `Bearer realm="acme", `+metadata {
				t.Errorf("without a token: %s", got)
			}
			forged := ask(a.Token(acmetest.Alice, allScopes) + "x")
			if p := isProblem(t, forged, 401); p.Error != bearer.InvalidToken {
				t.Errorf("forged: %+v", p)
			}
			if got := forged.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="acme", error="invalid_token", error_description="`) || !strings.HasSuffix(got, metadata) {
				t.Errorf("forged: %s", got)
			}
			others := strings.Replace(allScopes, route.Scope, "", 1)
			narrow := ask(a.Token(acmetest.Alice, others))
			if p := isProblem(t, narrow, 403); p.Error != bearer.InsufficientScope {
				t.Errorf("with every other scope: %+v", p)
			}
			if got := narrow.Header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) || !strings.Contains(got, `scope="`+route.Scope+`"`) {
				t.Errorf("with every other scope: %s", got)
			}
			if status := ask(a.Token(acmetest.Alice, route.Scope)).Status; status == 401 || status == 403 {
				t.Errorf("with this scope alone: %d", status)
			}
			// A token of the client itself, with a scope that it should never have got.
			claims := a.Authserver.Claims("dreams-catalogue", route.Scope)
			claims["client_id"], claims["grant_id"] = "dreams-catalogue", nil
			status := ask(a.Authserver.Token(claims)).Status
			if bearer.Private(route.Scope) != (status == 403) {
				t.Errorf("client credentials: %d", status)
			}
		})
	}
}

// RFC 6750 §2.2 and §2.3 are the other two ways; RFC 9700 §4.3.2 forbids the URL.
func TestATokenElsewhereIsNone(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	inQuery := a.Get("/api/v1/me?access_token="+token, "")
	isProblem(t, inQuery, 401)
	inBody := a.Do(acmetest.Request{
		Method: "POST", Path: "/api/v1/me/posts", Body: "access_token=" + token,
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
	isProblem(t, inBody, 401)
	for _, answer := range []acmetest.Answer{inQuery, inBody} {
		if strings.Contains(answer.Header.Get("WWW-Authenticate"), "error=") {
			t.Errorf("challenge: %s", answer.Header.Get("WWW-Authenticate"))
		}
	}
	if strings.Contains(a.Log.String(), token) {
		t.Error("the token is in the log")
	}
}

type packagePage struct {
	Packages []struct {
		ID, Title, Destination, Picture, URL string
		Tags                                 []string
		Price                                struct {
			Amount   int
			Currency string
		}
		Nights int
		Rating *float64
		Months []int
	}
	NextCursor *string `json:"next_cursor"`
}

func TestPagesShowEveryPackageOnce(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "packages:read")
	for _, limit := range []int{1, 7, 20, 100} {
		var seen []string
		next := fmt.Sprintf("/api/v1/packages?limit=%d", limit)
		for next != "" {
			page := acmetest.JSON[packagePage](t, a.Get(next, token))
			if len(page.Packages) == 0 || len(page.Packages) > limit {
				t.Fatalf("%d packages on a page of %d", len(page.Packages), limit)
			}
			for _, p := range page.Packages {
				seen = append(seen, p.ID)
			}
			if next = ""; page.NextCursor != nil {
				next = fmt.Sprintf("/api/v1/packages?limit=%d&cursor=%s", limit, url.QueryEscape(*page.NextCursor))
			}
		}
		var want []string
		for _, p := range seed.Packages() {
			want = append(want, p.ID)
		}
		if !slices.Equal(seen, want) {
			t.Errorf("with limit %d: %v", limit, seen)
		}
	}
	if page := acmetest.JSON[packagePage](t, a.Get("/api/v1/packages", token)); len(page.Packages) != 20 {
		t.Errorf("without a limit: %d packages", len(page.Packages))
	}
}

func TestSearch(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "packages:read")
	count := func(query string) int {
		t.Helper()
		answer := a.Get("/api/v1/packages?limit=100&"+query, token)
		if answer.Status != 200 {
			t.Fatalf("%s: %d %s", query, answer.Status, answer.Body)
		}
		return len(acmetest.JSON[packagePage](t, answer).Packages)
	}
	huts := 0
	for _, p := range seed.Packages() {
		if slices.Contains(p.Tags, "huts") {
			huts++
		}
	}
	all := len(seed.Packages())
	if got := count("tag=huts"); got != huts || huts == 0 {
		t.Errorf("tag=huts: %d, want %d", got, huts)
	}
	if count("q=SILVRETTA") == 0 || count("q=silvretta") != count("q=SILVRETTA") {
		t.Error("letter case matters")
	}
	if got := count("tag=huts&q=silvretta"); got == 0 || got > huts {
		t.Errorf("both: %d", got)
	}
	if count("q=%25") == all || count("q=_") == all { // SQL's wildcards mean themselves
		t.Error("a wildcard matched everything")
	}
	for _, nothing := range []string{"tag=nowhere", "q=" + url.QueryEscape("' OR 1=1--"), "tag=" + url.QueryEscape("' OR ''='")} {
		if got := count(nothing); got != 0 {
			t.Errorf("%s: %d", nothing, got)
		}
	}
}

func TestBadQueriesNameTheParameter(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "packages:read")
	ours := *acmetest.JSON[packagePage](t, a.Get("/api/v1/packages?limit=1", token)).NextCursor
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=101": "limit", "limit=-1": "limit", "limit=ten": "limit", "limit=1.5": "limit",
		"limit=99999999999999999999":          "limit",
		"limit=1&limit=2":                     "limit",
		"cursor=2":                            "cursor",
		"cursor=" + ours[:len(ours)-1]:        "cursor",
		"cursor=" + ours + "%3D":              "cursor",
		"cursor=" + raw("after:pk-nowhere"):   "cursor",
		"cursor=" + raw("after:"):             "cursor",
		"cursor=" + raw("' OR 1=1--"):         "cursor",
		"cursor=" + strings.Repeat("A", 9999): "cursor",
		"cursor=%00":                          "cursor",
		"q=" + strings.Repeat("a", 201):       "q",
	} {
		isProblem(t, a.Get("/api/v1/packages?"+query, token), 400, field)
	}
	isProblem(t, a.Get("/api/v1/packages?q=%zz", token), 400)
	// Both faults at once are both named.
	isProblem(t, a.Get("/api/v1/packages?cursor=x&limit=0", token), 400, "cursor", "limit")
}

func TestPackage(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "packages:read")
	answer := a.Get("/api/v1/packages/pk-silvretta", token)
	if answer.Status != 200 || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", answer.Status, answer.Header)
	}
	p := acmetest.JSON[struct {
		ID, Title, Description, Picture, URL string
		Price                                struct {
			Amount   int
			Currency string
		}
	}](t, answer)
	if p.Title != "Hut to hut, Silvretta" || p.Description == "" || p.Price.Amount != 540 || p.Price.Currency != "EUR" ||
		p.Picture != bearertest.Resource+"/static/art/alps.svg" || p.URL != bearertest.Resource+"/packages/pk-silvretta" {
		t.Errorf("got %s", answer.Body)
	}
	for _, unknown := range []string{"pk-nowhere", "%27%20OR%201=1--", "..%2f..%2fetc%2fpasswd"} {
		isProblem(t, a.Get("/api/v1/packages/"+unknown, token), 404)
	}
	isProblem(t, a.Get("/api/v1/packages/pk-nowhere/reviews", a.Token(acmetest.Alice, "reviews:read")), 404)
}

// Links come from our configured URL: a Host header is anybody's word.
func TestLinksDoNotFollowTheHostHeader(t *testing.T) {
	a := acmetest.New(t)
	evil := map[string]string{"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.test"}
	for _, p := range []string{"/api/v1/packages/pk-silvretta", "/.well-known/oauth-protected-resource", "/api/openapi.json", "/api/v1/me"} {
		answer := a.Do(acmetest.Request{Path: p, Token: a.Token(acmetest.Alice, "packages:read"), Host: "evil.test", Header: evil})
		if strings.Contains(string(answer.Body), "evil.test") || strings.Contains(fmt.Sprint(answer.Header), "evil.test") {
			t.Errorf("%s: %v %s", p, answer.Header, answer.Body)
		}
	}
}

type reviewBody struct {
	ID, Author, Text string
	Rating           int
	CreatedAt        time.Time `json:"created_at"`
}

func TestWriteReview(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "reviews:read reviews:write")
	write := func(rating int) (reviewBody, acmetest.Answer) {
		t.Helper()
		answer := a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/packages/pk-cadiz/reviews", Token: token, Body: map[string]any{"rating": rating, "text": "<script>alert(1)</script>"}})
		if answer.Status != 201 {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
		return acmetest.JSON[reviewBody](t, answer), answer
	}
	list := func() []reviewBody {
		t.Helper()
		return acmetest.JSON[struct{ Reviews []reviewBody }](t, a.Get("/api/v1/packages/pk-cadiz/reviews", token)).Reviews
	}
	write(2)
	before := list()
	r, answer := write(4)
	if r.Author != "Alice Moreau" || r.Rating != 4 || r.Text != "<script>alert(1)</script>" || !r.CreatedAt.Equal(a.Authserver.Clock.Now()) {
		t.Errorf("got %+v", r)
	}
	location, ours := strings.CutPrefix(answer.Header.Get("Location"), bearertest.Resource)
	if again := acmetest.JSON[reviewBody](t, a.Get(location, token)); !ours || again != r {
		t.Errorf("at %s: %+v", location, again)
	}
	if after := list(); len(after) != len(before) || !slices.Contains(after, r) {
		t.Errorf("a second review does not take the place of the first: %+v", after)
	}
}

// Somebody else's data opens to no id, and does not differ from nothing.
func TestAnotherPersonsPostIs404(t *testing.T) {
	a := acmetest.New(t)
	alice, bob := a.Token(acmetest.Alice, "blog:read blog:write"), a.Token(acmetest.Bob, "blog:read blog:write")
	for _, p := range []string{"/api/v1/me/posts/po-three-huts", "/api/v1/me/posts/po-three-huts/pictures/alps.svg"} {
		if answer := a.Get(p, alice); answer.Status != 200 {
			t.Errorf("alice at %s: %d", p, answer.Status)
		}
		others, nobodys := a.Get(p, bob), a.Get(strings.Replace(p, "po-three-huts", "po-nothing", 1), bob)
		isProblem(t, others, 404)
		if string(others.Body) != string(nobodys.Body) {
			t.Errorf("alice's: %s\nnobody's: %s", others.Body, nobodys.Body)
		}
	}
}

type postBody struct {
	ID, Title, Body string
	Published       bool
	Pictures        []string
	CreatedAt       time.Time `json:"created_at"`
}

func TestPosts(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "blog:read blog:write")
	list := func() []postBody {
		t.Helper()
		return acmetest.JSON[struct{ Posts []postBody }](t, a.Get("/api/v1/me/posts", token)).Posts
	}
	unpublished, pictures := 0, 0
	for _, p := range list() {
		if !p.Published {
			unpublished++
		}
		for _, picture := range p.Pictures {
			pictures++
			path, ours := strings.CutPrefix(picture, bearertest.Resource)
			answer := a.Get(path, token)
			if !ours || answer.Status != 200 || answer.Header.Get("Content-Type") != "image/svg+xml" || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %v", picture, answer.Status, answer.Header)
			}
			isProblem(t, a.Get(path, ""), 401)
		}
	}
	if unpublished != 2 || pictures == 0 {
		t.Errorf("alice has %d unpublished posts and %d pictures", unpublished, pictures)
	}
	answer := a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/me/posts", Token: token, Body: map[string]any{"title": " Ligurian rain ", "body": "It *rained*."}})
	p := acmetest.JSON[postBody](t, answer)
	if answer.Status != 201 || p.Title != "Ligurian rain" || p.Published || p.Pictures == nil || answer.Header.Get("Location") != bearertest.Resource+"/api/v1/me/posts/"+p.ID {
		t.Errorf("%d %s %s", answer.Status, answer.Header.Get("Location"), answer.Body)
	}
	if all := list(); all[0].ID != p.ID {
		t.Errorf("the newest is %+v", all[0])
	}
}

func TestProfile(t *testing.T) {
	a := acmetest.New(t)
	for _, c := range []struct{ sub, scope, want string }{
		{acmetest.Alice, "profile", `{"sub":"` + acmetest.Alice + `","name":"Alice Moreau","picture":"` + bearertest.Resource + `/static/art/alice.svg"}`},
		{acmetest.Alice, "profile email", `{"sub":"` + acmetest.Alice + `","name":"Alice Moreau","picture":"` + bearertest.Resource + `/static/art/alice.svg","email":"alice@acme.test"}`},
		{"u_new", "profile email", `{"sub":"u_new","name":"","picture":null}`},
	} {
		if answer := a.Get("/api/v1/me", a.Token(c.sub, c.scope)); string(answer.Body) != c.want {
			t.Errorf("%s, %s: %s", c.sub, c.scope, answer.Body)
		}
	}
}

func TestPreferences(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, "preferences:read preferences:write")
	const was = `{"interests":["hiking","mountains","huts"],"budget":{"max":800,"currency":"EUR"},"travels_with":"friend","months":[6,9]}`
	if answer := a.Get("/api/v1/me/preferences", token); string(answer.Body) != was {
		t.Errorf("got %s", answer.Body)
	}
	for body, want := range map[string]string{
		was: was,
		`{"months":["September",6,"jun","6"],"interests":[" Food ","food"],"budget":{"max":900},"travels_with":"partner"}`: `{"interests":["food"],"budget":{"max":900,"currency":"EUR"},"travels_with":"partner","months":[6,9]}`,
		`{}`: `{"interests":[],"budget":{"max":0,"currency":"EUR"},"travels_with":"","months":[]}`,
	} {
		put := a.Do(acmetest.Request{Method: "PUT", Path: "/api/v1/me/preferences", Token: token, Body: body})
		got := a.Get("/api/v1/me/preferences", token)
		if put.Status != 200 || string(put.Body) != want || string(got.Body) != want {
			t.Errorf("%s:\n put %d %s\n got %s", body, put.Status, put.Body, got.Body)
		}
	}
}

// RFC 9396: what the person agreed to in place of the scope is told, and nothing
// else; it reads for as long as it lasts, and never writes.
func TestPreferencesInPart(t *testing.T) {
	a := acmetest.New(t)
	claims := a.Authserver.Claims(acmetest.Alice, "profile")
	claims["authorization_details"] = []any{a.Authserver.Detail("mountains", "beaches")}
	token := a.Authserver.Token(claims)
	answer := a.Get("/api/v1/me/preferences", token)
	if answer.Status != 200 || string(answer.Body) != `{"interests":["mountains"]}` {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if answer.Header.Get("X-OAuth-Authorization-Details") != "travel_preferences" || answer.Header.Get("X-OAuth-Scopes") != "profile" {
		t.Errorf("header is %v", answer.Header)
	}
	put := a.Do(acmetest.Request{Method: "PUT", Path: "/api/v1/me/preferences", Token: token, Body: `{}`})
	if p := isProblem(t, put, 403); p.Error != bearer.InsufficientScope {
		t.Errorf("a write: %+v", p)
	}
	a.Authserver.Clock.Advance(time.Minute)
	within2s(t, "ended", func() bool { return a.Get("/api/v1/me", token).Status == 200 })
	ended := a.Get("/api/v1/me/preferences", token)
	if p := isProblem(t, ended, 403); p.Error != bearer.InsufficientScope || !strings.Contains(p.Detail, "ended") || ended.Header.Get("X-OAuth-Scopes") != "profile" {
		t.Errorf("after its end: %+v %v", p, ended.Header)
	}
	if whole := a.Get("/api/v1/me/preferences", a.Token(acmetest.Alice, "preferences:read")); !strings.Contains(string(whole.Body), `"max":800`) || whole.Header.Get("X-OAuth-Authorization-Details") != "" {
		t.Errorf("with the scope: %s", whole.Body)
	}
}

func TestBadBodiesNameTheField(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	const (
		reviews     = "POST /api/v1/packages/pk-silvretta/reviews"
		posts       = "POST /api/v1/me/posts"
		preferences = "PUT /api/v1/me/preferences"
	)
	for _, c := range []struct {
		request, body string
		fields        []string
	}{
		{reviews, `{"rating":0,"text":"x"}`, []string{"rating"}},
		{reviews, `{"rating":6,"text":"x"}`, []string{"rating"}},
		{reviews, `{"rating":4.5,"text":"x"}`, []string{"rating"}},
		{reviews, `{"rating":"5","text":"x"}`, []string{"rating"}},
		{reviews, `{"rating":null,"text":"x"}`, []string{"rating"}},
		{reviews, `{"rating":1e99,"text":"x"}`, []string{"rating"}},
		{reviews, `{"text":"x"}`, []string{"rating"}},
		{reviews, `{"rating":5,"text":" \n"}`, []string{"text"}},
		{reviews, `{"rating":5,"text":7}`, []string{"text"}},
		{reviews, `{"rating":5,"text":"` + strings.Repeat("x", 4001) + `"}`, []string{"text"}},
		{reviews, `{}`, []string{"rating", "text"}},
		{posts, `{"title":"","body":"x"}`, []string{"title"}},
		{posts, `{"title":"x","body":" "}`, []string{"body"}},
		{posts, `{"title":"x\ny","body":"x"}`, []string{"title"}},
		{posts, `{"title":"x\u0000","body":"x"}`, []string{"title"}},
		{posts, `{"title":"x","body":"x","published":"yes"}`, []string{"published"}},
		{preferences, `{"budget":{"max":-1}}`, []string{"budget.max"}},
		{preferences, `{"budget":{"max":12.5}}`, []string{"budget.max"}},
		{preferences, `{"budget":{"max":1,"currency":"USD"}}`, []string{"budget.currency"}},
		{preferences, `{"budget":7}`, []string{"budget"}},
		{preferences, `{"months":[13]}`, []string{"months"}},
		{preferences, `{"months":[0]}`, []string{"months"}},
		{preferences, `{"months":["Juni"]}`, []string{"months"}},
		{preferences, `{"months":6}`, []string{"months"}},
		{preferences, `{"travels_with":"my dog"}`, []string{"travels_with"}},
		{preferences, `{"interests":[""]}`, []string{"interests"}},
		{preferences, `{"interests":"hiking"}`, []string{"interests"}},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		isProblem(t, a.Do(acmetest.Request{Method: method, Path: path, Token: token, Body: c.body}), 422, c.fields...)
	}
	for _, body := range []string{"", "{", "[]", `"x"`, "nonsense", `{"rating":5,"text":"x"} {}`, "\xff", strings.Repeat("[", 10_001), strings.Repeat(`{"a":`, 10_001)} {
		answer := a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/packages/pk-silvretta/reviews", Token: token, Body: body})
		isProblem(t, answer, 400)
	}
}

func TestWhatCanNotBeRead(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	post := func(body, contentType, encoding string) acmetest.Answer {
		return a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/me/posts", Token: token, Body: body,
			Header: map[string]string{"Content-Type": contentType, "Content-Encoding": encoding}})
	}
	const good = `{"title":"x","body":"x"}`
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"} {
		isProblem(t, post(good, contentType, ""), 415)
	}
	isProblem(t, post(good, "application/json", "gzip"), 415)
	isProblem(t, post(`{"title":"x","body":"`+strings.Repeat("x", 2<<20)+`"}`, "application/json", ""), 413)
	if answer := post(good, "application/json; charset=utf-8", ""); answer.Status != 201 {
		t.Errorf("with a charset: %d %s", answer.Status, answer.Body)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	a := acmetest.New(t)
	for _, p := range []string{"/api/", "/api/v1", "/api/v2/packages", "/api/v1/packages/pk-silvretta/photos", "/api/v1/users/" + acmetest.Bob, "/.well-known/nothing"} {
		isProblem(t, a.Get(p, a.Token(acmetest.Alice, allScopes)), 404)
	}
	for request, allow := range map[string][]string{
		"DELETE /api/v1/me/preferences": {"GET", "HEAD", "PUT"},
		"PATCH /api/v1/me/posts":        {"GET", "HEAD", "POST"},
		"POST /api/v1/packages":         {"GET", "HEAD"},
		"PUT /api/openapi.json":         {"GET", "HEAD"},
	} {
		method, path, _ := strings.Cut(request, " ")
		answer := a.Do(acmetest.Request{Method: method, Path: path, Token: a.Token(acmetest.Alice, allScopes)})
		isProblem(t, answer, 405)
		allowed := strings.Split(answer.Header.Get("Allow"), ", ")
		slices.Sort(allowed)
		if !slices.Equal(slices.DeleteFunc(allowed, func(m string) bool { return m == "OPTIONS" }), allow) {
			t.Errorf("%s: Allow: %s", request, answer.Header.Get("Allow"))
		}
	}
}

func TestAMethodOverrideIsIgnored(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		answer := a.Do(acmetest.Request{Path: "/api/v1/me/preferences?_method=PUT", Token: token, Header: map[string]string{header: "PUT"}})
		if answer.Status != 200 || !strings.Contains(string(answer.Body), `"max":800`) {
			t.Errorf("%s: %d %s", header, answer.Status, answer.Body)
		}
	}
}

// RFC 9110 §9.3.2: like GET, without the content.
func TestHEAD(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	for _, p := range []string{"/api/v1/packages", "/api/v1/me", "/api/openapi.json", "/.well-known/oauth-protected-resource"} {
		get, head := a.Get(p, token), a.Do(acmetest.Request{Method: "HEAD", Path: p, Token: token})
		if head.Status != get.Status || len(head.Body) != 0 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("%s: %d %v", p, head.Status, head.Header)
		}
	}
	if head := a.Do(acmetest.Request{Method: "HEAD", Path: "/api/v1/me"}); head.Status != 401 || head.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a token: %d", head.Status)
	}
}

// Acme's API answers any origin without credentials; its pages answer none.
func TestCORS(t *testing.T) {
	a := acmetest.New(t)
	origin := map[string]string{"Origin": "http://spa.test"}
	for _, p := range []string{"/api/v1/packages", "/api/v1/nothing", "/api/openapi.json", "/.well-known/oauth-protected-resource"} {
		answer := a.Do(acmetest.Request{Path: p, Header: origin})
		if answer.Header.Get("Access-Control-Allow-Origin") != "*" || answer.Header.Get("Access-Control-Allow-Credentials") != "" ||
			!strings.Contains(answer.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate, DPoP-Nonce") {
			t.Errorf("%s: %v", p, answer.Header)
		}
	}
	preflight := a.Do(acmetest.Request{Method: "OPTIONS", Path: "/api/v1/me/preferences", Header: map[string]string{
		"Origin": "http://spa.test", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}})
	h := preflight.Header
	if preflight.Status != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, DPoP" ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", preflight.Status, h)
	}
	put := a.Do(acmetest.Request{Method: "PUT", Path: "/api/v1/me/preferences", Token: a.Token(acmetest.Alice, allScopes), Body: `{}`,
		Header: map[string]string{"Origin": "http://spa.test", "Sec-Fetch-Site": "cross-site"}})
	if put.Status != 200 {
		t.Errorf("PUT from another origin: %d %s", put.Status, put.Body)
	}
	for _, p := range []string{"/", "/packages", "/me", "/login", "/static/app.css", "/healthz"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			answer := a.Do(acmetest.Request{Method: method, Path: p, Header: origin})
			for name := range answer.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s has %s", method, p, name)
				}
			}
		}
	}
}

// protectedResourceMetadata is every member that RFC 9728 §2 defines.
var protectedResourceMetadata = []string{
	"resource", "authorization_servers", "jwks_uri", "scopes_supported", "bearer_methods_supported",
	"resource_signing_alg_values_supported", "resource_name", "resource_documentation", "resource_policy_uri", "resource_tos_uri",
	"tls_client_certificate_bound_access_tokens", "authorization_details_types_supported", "dpop_signing_alg_values_supported",
	"dpop_bound_access_tokens_required", "signed_metadata",
}

// RFC 9728 §2.
func TestProtectedResourceMetadata(t *testing.T) {
	a := acmetest.New(t)
	answer := a.Get("/.well-known/oauth-protected-resource", "")
	m := acmetest.JSON[map[string]any](t, answer)
	if answer.Status != 200 || answer.Header.Get("Content-Type") != "application/json" || m["resource"] != bearertest.Resource ||
		fmt.Sprint(m["authorization_servers"]) != "["+a.Authserver.URL+"]" || fmt.Sprint(m["bearer_methods_supported"]) != "[header]" ||
		fmt.Sprint(m["dpop_signing_alg_values_supported"]) != "[ES256 PS256 Ed25519 EdDSA]" || m["dpop_bound_access_tokens_required"] != false || m["resource_name"] != "Acme Travel" {
		t.Errorf("got %s", answer.Body)
	}
	if fmt.Sprint(m["authorization_details_types_supported"]) != "[travel_preferences]" {
		t.Errorf("types of authorization details: %v", m["authorization_details_types_supported"])
	}
	want := strings.Fields(allScopes)
	slices.Sort(want)
	if got := fmt.Sprint(m["scopes_supported"]); got != fmt.Sprint(want) {
		t.Errorf("scopes: %s", got)
	}
	for _, name := range []string{"resource_documentation", "resource_policy_uri"} {
		page, anchor, _ := strings.Cut(strings.TrimPrefix(fmt.Sprint(m[name]), bearertest.Resource), "#")
		answer := a.Get(page, "")
		if answer.Status != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") || !strings.Contains(string(answer.Body), `id="`+anchor) {
			t.Errorf("%s is %v: %d, or no page for people", name, m[name], answer.Status)
		}
	}
	for name := range m {
		if !slices.Contains(protectedResourceMetadata, name) {
			t.Errorf("RFC 9728 has no %s", name)
		}
	}
}

func TestARevokedTokenIsRefusedWithinTwoSecondsAndAfterARestart(t *testing.T) {
	authserver, data := bearertest.New(t), t.TempDir()
	a := acmetest.Start(t, authserver, data)
	token := a.Token(acmetest.Alice, "profile")
	within2s(t, "served, the feed once heard", func() bool { return a.Get("/api/v1/me", token).Status == 200 })
	within2s(t, "waiting for news", func() bool { _, polls := authserver.Counts(); return polls > 1 })
	_, polled := authserver.Counts()
	authserver.Revoke("g_1", "")
	within2s(t, "refused", func() bool { return a.Get("/api/v1/me", token).Status == 401 })
	// Whoever asks again has written down what came before.
	within2s(t, "asked for more", func() bool { _, now := authserver.Counts(); return now > polled })
	if err := a.Server.Close(); err != nil {
		t.Fatal(err)
	}
	authserver.Do(func() { authserver.Revocations = nil })
	again := acmetest.Start(t, authserver, data)
	if p := isProblem(t, again.Get("/api/v1/me", token), 401); p.Error != bearer.InvalidToken || !strings.Contains(p.Detail, "revoked") {
		t.Errorf("got %+v", p)
	}
}

// Our policy while the revocation feed is stale.
func TestPrivateDataIs503WhileTheFeedIsStale(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	if answer := a.Get("/api/v1/me", token); answer.Status != 200 {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	a.Authserver.Do(func() { a.Authserver.Down = true })
	a.Authserver.Clock.Advance(31 * time.Second)
	for _, route := range (&api.API{}).Routes() {
		answer := a.Do(acmetest.Request{Method: route.Method, Path: path(route), Token: token})
		if !bearer.Private(route.Scope) {
			if answer.Status == 503 {
				t.Errorf("%s %s is public: %s", route.Method, route.Path, answer.Body)
			}
			continue
		}
		if p := isProblem(t, answer, 503); !strings.Contains(p.Detail, "revoked") || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %+v, Retry-After %q", route.Method, route.Path, p, answer.Header.Get("Retry-After"))
		}
	}
	if n := strings.Count(a.Log.String(), "level=WARN msg=\"which tokens are revoked is not known"); n > 1 {
		t.Errorf("told %d times", n)
	}
	a.Authserver.Do(func() { a.Authserver.Down = false })
	within2s(t, "served again", func() bool { return a.Get("/api/v1/me", token).Status == 200 })
}

func within2s(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 2 s: %s", what)
		}
	}
}

func TestADatabaseThatDoesNotAnswerIs503(t *testing.T) {
	a := acmetest.New(t)
	token := a.Token(acmetest.Alice, allScopes)
	if answer := a.Get("/api/v1/me", token); answer.Status != 200 {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	if err := a.Server.Close(); err != nil {
		t.Fatal(err)
	}
	answer := a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/me/posts", Token: token, Body: `{"title":"x","body":"x"}`})
	if isProblem(t, answer, 503); answer.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if answer := a.Get("/readyz", ""); answer.Status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", answer.Status)
	}
}
