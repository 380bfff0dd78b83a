package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"example.com/acme-dreams/acme/api"
	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server/acmetest"
)

func document(t *testing.T, a *acmetest.Acme) *openapi3.T {
	t.Helper()
	answer := a.Get("/api/openapi.json", "")
	if answer.Status != 200 || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", answer.Status, answer.Header)
	}
	doc, err := openapi3.NewLoader().LoadFromData(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The route table and the document say the same, both ways.
func TestTheDocumentHasEveryRouteWithItsScopeAndNoOther(t *testing.T) {
	a := acmetest.New(t)
	doc := document(t, a)
	var routes, described []string
	for _, r := range (&api.API{}).Routes() {
		path := r.Path
		for _, name := range []string{"id", "review", "name"} {
			path = strings.Replace(path, ":"+name, "{"+name+"}", 1)
		}
		routes = append(routes, r.Method+" "+path+" "+r.Scope)
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.Security == nil || len(*operation.Security) != 1 || len((*operation.Security)[0]["acme"]) != 1 {
				t.Fatalf("%s %s names no scope", method, path)
			}
			described = append(described, method+" "+path+" "+(*operation.Security)[0]["acme"][0])
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes    %v\ndescribed %v", routes, described)
	}
	if doc.Servers[0].URL != bearertest.Resource || doc.Components.SecuritySchemes["acme"].Value.Flows.AuthorizationCode.TokenURL != a.Authserver.URL+"/token" {
		t.Error("the document has other addresses than ours")
	}
	for _, r := range (&api.API{}).Routes() {
		path := strings.NewReplacer(":id", "{id}", ":review", "{review}", ":name", "{name}").Replace(r.Path)
		told := doc.Paths.Find(path).GetOperation(r.Method).Responses.Value("401").Ref == "#/components/responses/LogInAgain"
		if told != (r.MaxAge > 0) || (r.MaxAge > 0) == (r.Method == http.MethodGet) {
			t.Errorf("%s %s wants a login not older than %s; the document says so: %v", r.Method, r.Path, r.MaxAge, told)
		}
	}
	for _, scope := range (&api.API{}).Routes() {
		if doc.Components.SecuritySchemes["acme"].Value.Flows.AuthorizationCode.Scopes[scope.Scope] == "" {
			t.Errorf("%s is not described", scope.Scope)
		}
	}
}

// Every request is sent, well and badly, and each answer is one that the
// document promises.
func TestAnswersAreAsTheDocumentPromises(t *testing.T) {
	a := acmetest.New(t)
	doc := document(t, a)
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	openapi3filter.RegisterBodyDecoder("application/problem+json", openapi3filter.JSONBodyDecoder)
	for _, mediaType := range []string{"image/svg+xml", "image/png", "image/jpeg"} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.FileBodyDecoder)
	}
	const scopes = "packages:read reviews:read reviews:write profile email preferences:read preferences:write blog:read blog:write"
	token := a.Token(acmetest.Alice, scopes)
	narrow := a.Token(acmetest.Alice, "openid")
	old := a.Authserver.Claims(acmetest.Alice, scopes)
	old["auth_time"] = a.Authserver.Clock.Now().Unix() - 301
	part := a.Authserver.Claims(acmetest.Alice, "openid")
	part["authorization_details"] = []any{a.Authserver.Detail("hiking")}
	inPart := func(method, path string) int { // what a detail opens
		if method == "GET" && path == "/api/v1/me/preferences" {
			return 200
		}
		return 403
	}
	writer := map[string]int{"PUT": 401, "POST": 401} // what an old login may not do

	created := a.Do(acmetest.Request{Method: "POST", Path: "/api/v1/packages/pk-cadiz/reviews", Token: token, Body: `{"rating":4,"text":"Sand."}`})
	review := acmetest.JSON[struct{ ID string }](t, created).ID
	asked := map[string]bool{}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/v1/packages", "", 200},
		{"GET", "/api/v1/packages?limit=100", "", 200},
		{"GET", "/api/v1/packages?tag=huts&q=silvretta", "", 200},
		{"GET", "/api/v1/packages?q=nothing+like+it", "", 200},
		{"GET", "/api/v1/packages?limit=0", "", 400},
		{"GET", "/api/v1/packages/pk-silvretta", "", 200},
		{"GET", "/api/v1/packages/pk-nowhere", "", 404},
		{"GET", "/api/v1/packages/pk-cadiz/reviews", "", 200},
		{"GET", "/api/v1/packages/pk-cadiz/reviews/" + review, "", 200},
		{"GET", "/api/v1/packages/pk-silvretta/reviews/" + review, "", 404},
		{"POST", "/api/v1/packages/pk-silvretta/reviews", `{"rating":5,"text":"Huts."}`, 201},
		{"POST", "/api/v1/packages/pk-nowhere/reviews", `{"rating":5,"text":"Huts."}`, 404},
		{"POST", "/api/v1/packages/pk-silvretta/reviews", `{"rating":9,"text":""}`, 422},
		{"POST", "/api/v1/packages/pk-silvretta/reviews", `{`, 400},
		{"GET", "/api/v1/me", "", 200},
		{"GET", "/api/v1/me/preferences", "", 200},
		{"PUT", "/api/v1/me/preferences", `{"interests":["food"],"budget":{"max":500,"currency":"EUR"},"travels_with":"alone","months":[1,"June"]}`, 200},
		{"PUT", "/api/v1/me/preferences", `{}`, 200},
		{"PUT", "/api/v1/me/preferences", `{"budget":{"max":-1}}`, 422},
		{"GET", "/api/v1/me/posts", "", 200},
		{"GET", "/api/v1/me/posts/po-three-huts", "", 200},
		{"GET", "/api/v1/me/posts/po-nothing", "", 404},
		{"GET", "/api/v1/me/posts/po-three-huts/pictures/alps.svg", "", 200},
		{"GET", "/api/v1/me/posts/po-three-huts/pictures/other.svg", "", 404},
		{"POST", "/api/v1/me/posts", `{"title":"x","body":"y"}`, 201},
		{"POST", "/api/v1/me/posts", `{"title":"","body":"y","published":1}`, 422},
	} {
		for _, ask := range []struct {
			token  string
			status int
		}{{token, c.status}, {"", 401}, {token + "x", 401}, {narrow, 403}, {a.Authserver.Token(old), cmp.Or(writer[c.method], c.status)}, {a.Authserver.Token(part), inPart(c.method, c.path)}} {
			request := acmetest.Request{Method: c.method, Path: c.path, Token: ask.token}
			if c.body != "" {
				request.Body = c.body
			}
			answer := a.Do(request)
			if answer.Status != ask.status {
				t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, answer.Status, answer.Body, ask.status)
			}
			route := validate(t, router, c.method, c.path, c.body, answer)
			asked[route.Method+" "+route.Path] = true
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !asked[method+" "+path] {
				t.Errorf("%s %s was not asked", method, path)
			}
		}
	}
}

// validate holds an answer, and the request where the answer took it, to the
// document.
func validate(t *testing.T, router routers.Router, method, path, body string, answer acmetest.Answer) *routers.Route {
	t.Helper()
	req, err := http.NewRequest(method, bearertest.Resource+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	route, params, err := router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	request := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), request); err != nil && answer.Status < 300 {
		t.Errorf("%s %s %s was taken, but: %v", method, path, body, err)
	}
	if err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body)),
		Options: request.Options,
	}); err != nil {
		t.Errorf("%s %s answered %d, but: %v", method, path, answer.Status, err)
	}
	var any json.RawMessage
	if strings.Contains(answer.Header.Get("Content-Type"), "json") && json.Unmarshal(answer.Body, &any) != nil {
		t.Errorf("%s %s: no JSON: %s", method, path, answer.Body)
	}
	return route
}
