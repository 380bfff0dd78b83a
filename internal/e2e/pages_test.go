package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// crawler opens every page that links lead to.
type crawler struct {
	t     *testing.T
	w     *World
	b     *Browser
	seen  map[string]bool
	below map[string]int // pages of one kind: of many journeys a few will do
	pages int
}

func (c *crawler) open(address string) {
	c.t.Helper()
	address, _, _ = strings.Cut(address, "#")
	parsed, err := url.Parse(address)
	if err != nil || c.seen[address] || !c.w.ours(address) || strings.HasPrefix(parsed.Path, "/static/") {
		return
	}
	kind := parsed.Host + parsed.Path[:strings.LastIndex("/"+parsed.Path, "/")]
	c.seen[address], c.below[kind] = true, c.below[kind]+1
	if c.below[kind] > 25 {
		return
	}
	page := c.b.Get(address)
	c.seen[page.URL.String()] = true
	if page.Status >= 500 {
		c.t.Errorf("%s: %d", address, page.Status)
	}
	if !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		return
	}
	c.pages++
	wantSafePage(c.t, c.w, page)
	root, err := html.Parse(strings.NewReader(page.Body))
	if err != nil {
		c.t.Fatal(err)
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "a" && has(node, "href") {
			if target, err := page.URL.Parse(attribute(node, "href")); err == nil {
				c.open(target.String())
			}
		}
	}
}

// ours tells whether an address is one of the three programs'.
func (w *World) ours(address string) bool {
	return slices.ContainsFunc([]string{w.Auth, w.Acme, w.Dreams}, func(base string) bool { return address == base || strings.HasPrefix(address, base+"/") })
}

// wantSafePage is the headers, and a page that lives within them: nothing
// inline, nothing from elsewhere.
func wantSafePage(t testing.TB, w *World, page Page) {
	t.Helper()
	wantPageHeaders(t, page.Response)
	wantPolicy(t, w, page.Header.Get("Content-Security-Policy"))
	root, err := html.Parse(strings.NewReader(page.Body))
	if err != nil {
		t.Fatal(err)
	}
	for node := range root.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		for _, a := range node.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("%s: <%s %s=%q>", page.URL, node.Data, a.Key, a.Val)
			}
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("%s: %s=%q", page.URL, a.Key, a.Val)
			}
		}
		source := attribute(node, "src")
		switch node.Data {
		case "style", "base", "iframe", "object", "embed":
			t.Errorf("%s: <%s>", page.URL, node.Data)
		case "script":
			if source == "" {
				t.Errorf("%s: an inline script", page.URL)
			}
		case "link":
			source = attribute(node, "href")
		}
		if source == "" || strings.HasPrefix(source, "data:") {
			continue
		}
		if from, err := page.URL.Parse(source); err != nil || from.Host != page.URL.Host {
			t.Errorf("%s: <%s> from %s", page.URL, node.Data, source)
		}
	}
}

// wantPolicy is a Content-Security-Policy that lets nothing in from elsewhere.
// A form may end at a client's address, and a lesson's at the authorization
// server's: a browser applies form-action to the redirect after the POST.
func wantPolicy(t testing.TB, w *World, policy string) {
	t.Helper()
	want := map[string]string{
		"default-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'",
		"script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "img-src": "'self' data:", "form-action": "'self'",
	}
	for directive := range strings.SplitSeq(policy, "; ") {
		name, value, _ := strings.Cut(directive, " ")
		if name == "form-action" && (value == "'self' "+w.Dreams || value == "'self' "+w.Acme || value == "'self' "+w.Auth) {
			value = "'self'"
		}
		if name == "connect-src" && value == "'self' "+w.Auth+" "+w.Acme {
			value = "'self'" // the single-page app and the widget
		}
		if want[name] != value {
			t.Errorf("Content-Security-Policy: %s", directive)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("Content-Security-Policy lacks %v", want)
	}
}

// connected is a browser at which alice is signed in at all three programs.
func (w *World) connected(t testing.TB) *Browser {
	t.Helper()
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	question := b.Get(w.Dreams + "/connect")
	scopes := strings.Fields("openid profile email offline_access preferences:read blog:read packages:read reviews:read")
	if page := decide(b, question, "allow", nil, scopes...); page.URL.String() != w.Dreams+"/offers" {
		t.Fatalf("not connected: %d %s", page.Status, page.URL)
	}
	if page := b.Get(w.Acme + "/login?next=/me"); page.URL.String() != w.Acme+"/me" {
		t.Fatalf("not signed in: %d %s", page.Status, page.URL)
	}
	return b
}

// RFC 9700 §4.16 (clickjacking), §4.2.4 (referrer).
func TestEveryPageHasItsHeadersAndNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	root := NewBrowser(t)
	w.SignIn(root, "root")
	for name, b := range map[string]*Browser{"nobody": NewBrowser(t), "alice": w.connected(t), "root": root} {
		t.Run(name, func(t *testing.T) {
			c := &crawler{t: t, w: w, b: b, seen: map[string]bool{}, below: map[string]int{}}
			c.open(w.Auth + "/")
			if name != "root" {
				c.open(w.Acme + "/")
				c.open(w.Dreams + "/")
			}
			if c.pages < 8 {
				t.Errorf("%d pages were found", c.pages)
			}
		})
	}
}

// The same holds for what nobody wants to see.
func TestErrorPagesHaveTheirHeaders(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	form := url.Values{"a": {"b"}}
	for _, test := range []struct {
		method, address string
		form            url.Values
		header          http.Header
		status          int
	}{
		{"GET", w.Auth + "/nope", nil, nil, 404},
		{"GET", w.Auth + "/operator/users/1", nil, nil, 404},
		{"DELETE", w.Auth + "/login", nil, nil, 405},
		{"PUT", w.Auth + "/authorize", nil, nil, 405},
		{"POST", w.Auth + "/help", form, nil, 405},
		{"GET", w.Auth + "/account/logout", nil, nil, 405},
		{"GET", w.Auth + "/authorize", nil, nil, 400},
		{"GET", w.Auth + "/consent?interaction=x", nil, nil, 400},
		{"GET", w.Auth + "/consent", nil, nil, 400},
		{"POST", w.Auth + "/login", form, nil, 403},
		{"POST", w.Auth + "/consent", form, http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"POST", w.Auth + "/login", form, http.Header{"Content-Encoding": {"gzip"}}, 415},
		{"GET", w.Acme + "/nope", nil, nil, 404},
		{"GET", w.Acme + "/packages/nope", nil, nil, 404},
		{"GET", w.Acme + "/stories/nope", nil, nil, 404},
		{"DELETE", w.Acme + "/packages", nil, nil, 405},
		{"GET", w.Acme + "/logout", nil, nil, 405},
		{"GET", w.Acme + "/callback", nil, nil, 400},
		{"POST", w.Acme + "/me/posts", form, nil, 401},
		{"POST", w.Acme + "/logout", form, http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"POST", w.Acme + "/me/posts", form, http.Header{"Content-Encoding": {"gzip"}}, 415},
		{"GET", w.Dreams + "/nope", nil, nil, 404},
		{"GET", w.Dreams + "/outbox/nope", nil, nil, 404},
		{"GET", w.Dreams + "/source/nope", nil, nil, 404},
		{"DELETE", w.Dreams + "/offers", nil, nil, 405},
		{"GET", w.Dreams + "/disconnect", nil, nil, 405},
		{"GET", w.Dreams + "/callback", nil, nil, 400},
		{"GET", w.Dreams + "/unsubscribe?token=x", nil, nil, 400},
		{"POST", w.Dreams + "/disconnect", form, http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"POST", w.Dreams + "/subscribe", form, http.Header{"Content-Encoding": {"gzip"}}, 415},
	} {
		t.Run(test.method+" "+w.place(test.address), func(t *testing.T) {
			page := b.follow(test.method, test.address, test.form, test.header)
			if page.Status != test.status || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
				t.Fatalf("got %d %s, want a %d page", page.Status, page.Header.Get("Content-Type"), test.status)
			}
			if test.status == 405 && page.Header.Get("Allow") == "" {
				t.Error("no Allow (RFC 9110 §15.5.6)")
			}
			wantSafePage(t, w, page)
		})
	}
}

// place is an address as a test's name.
func (w *World) place(address string) string {
	return strings.NewReplacer(w.Auth, "authserver ", w.Acme, "acme ", w.Dreams, "dreams ").Replace(address)
}

// What breaks in a program is told in its own form, with its headers, and says
// nothing about what broke.
func TestWhatBreaksIsAPageAndTellsNothing(t *testing.T) {
	t.Parallel()
	w, b := New(t, Options{}), NewBrowser(t)
	b.Get(w.Auth + "/login")
	for program, statements := range map[string][]string{
		"authserver": {"DROP TABLE interactions", "ALTER TABLE users RENAME TO people"}, "acme": {"ALTER TABLE reviews RENAME TO opinions"}, "dreams": {"DROP TABLE attempts"},
	} {
		runSQL(t, filepath.Join(w.DataDir, program+".db"), statements)
	}
	pkg := regexp.MustCompile(`/packages/[a-z0-9-]+`).FindString(b.Get(w.Acme + "/packages").Body)
	for name, page := range map[string]Page{
		"authserver": w.Authorize(b, w.Request("openid")),
		"acme":       b.Get(w.Acme + pkg),
		"dreams":     b.Get(w.Dreams + "/connect"),
	} {
		t.Run(name, func(t *testing.T) {
			if page.Status != 500 || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
				t.Fatalf("got %d %s at %s", page.Status, page.Header.Get("Content-Type"), page.URL)
			}
			for _, inside := range []string{"SQL", "no such table", "goroutine", ".go:", "sqlite"} {
				if strings.Contains(page.Body, inside) {
					t.Errorf("the page says %q", inside)
				}
			}
			wantSafePage(t, w, page)
		})
	}
	userinfo := w.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"rt_x"}})
	if userinfo.Refusal() != "500 server_error" || strings.Contains(userinfo.Body, "table") {
		t.Errorf("the token endpoint: %d %s", userinfo.Status, userinfo.Body)
	}
	wantJSON(t, userinfo)
}

func wantJSON(t testing.TB, r Response) {
	t.Helper()
	if media := r.Header.Get("Content-Type"); media != "application/json" && media != "application/problem+json" {
		t.Errorf("Content-Type: %q", media)
	}
	if r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("no nosniff")
	}
	if r.JSON() == nil {
		t.Errorf("no JSON object: %.300s", r.Body)
	}
}

func TestJSONIsJSONAndIsNotSniffed(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	tokens := w.Tokens(t, "alice", "openid profile")
	for _, r := range []Response{
		tokens,
		w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, ""), w.Do(t, "GET", w.Auth+"/.well-known/oauth-authorization-server", nil, ""),
		w.Do(t, "GET", w.Auth+"/.well-known/nope", nil, ""), w.Do(t, "GET", w.Auth+"/jwks", nil, ""),
		w.Do(t, "GET", w.Auth+"/userinfo", Bearer(tokens.String("access_token")), ""), w.Do(t, "GET", w.Auth+"/token", nil, ""), w.Do(t, "POST", w.Auth+"/token", nil, ""),
		w.Do(t, "PUT", w.Auth+"/revoke", nil, ""), w.Do(t, "GET", w.Auth+"/introspect", nil, ""), w.Do(t, "GET", w.Auth+"/revocations", nil, ""),
		w.Do(t, "GET", w.Acme+"/.well-known/oauth-protected-resource", nil, ""), w.Do(t, "GET", w.Acme+"/api/openapi.json", nil, ""),
		w.API(t, "GET", "/me", "", ""), w.API(t, "GET", "/me", tokens.String("access_token"), ""), w.API(t, "GET", "/nope", "", ""), w.API(t, "DELETE", "/me", "", ""),
		w.API(t, "GET", "/packages", tokens.String("access_token"), ""),
	} {
		wantJSON(t, r)
	}
}

// RFC 9700 §2.6: "CORS MUST NOT be supported at the authorization endpoint".
// Scripts of registered applications may call what no cookie opens.
func TestCrossOriginResourceSharing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	from := func(origin, method string) http.Header {
		h := http.Header{"Origin": {origin}}
		if method != "" {
			h.Set("Access-Control-Request-Method", method)
			h.Set("Access-Control-Request-Headers", "authorization, content-type")
		}
		return h
	}
	const allowed = "Access-Control-Allow-Origin"
	none := func(what string, r Response) {
		t.Helper()
		for name := range r.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s: %s", what, name, r.Header.Get(name))
			}
		}
	}
	for _, path := range []string{"/token", "/par", "/revoke", "/userinfo"} {
		preflight := w.Do(t, "OPTIONS", w.Auth+path, from(w.Dreams, "POST"), "")
		if preflight.Status != http.StatusNoContent || preflight.Header.Get(allowed) != w.Dreams ||
			!strings.Contains(strings.ToLower(preflight.Header.Get("Access-Control-Allow-Headers")), "authorization") ||
			!strings.Contains(preflight.Header.Get("Access-Control-Allow-Methods"), "POST") {
			t.Errorf("preflight to %s: %d %v", path, preflight.Status, preflight.Header)
		}
		answer := w.Do(t, "POST", w.Auth+path, from(w.Dreams, ""), "")
		if answer.Header.Get(allowed) != w.Dreams {
			t.Errorf("%s for a registered origin: %v", path, answer.Header)
		}
		for _, r := range []Response{preflight, answer} {
			if !slices.Contains(r.Header.Values("Vary"), "Origin") || r.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: %v", path, r.Header)
			}
		}
		for _, origin := range []string{"https://evil.test", "null", w.Dreams + ".evil.test", w.Dreams + "/", strings.ToUpper(w.Dreams), w.Auth, "http://localhost"} {
			preflight, answer := w.Do(t, "OPTIONS", w.Auth+path, from(origin, "POST"), ""), w.Do(t, "POST", w.Auth+path, from(origin, ""), "")
			none("preflight to "+path+" from "+origin, preflight)
			none(path+" from "+origin, answer)
			if !slices.Contains(answer.Header.Values("Vary"), "Origin") {
				t.Errorf("%s from %s has no Vary", path, origin)
			}
		}
	}
	for _, path := range []string{"/authorize", "/login", "/consent", "/account", "/account/apps", "/authorize/resume", "/introspect", "/revocations", "/"} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			r := w.Do(t, method, w.Auth+path+"?"+w.Request("openid").Encode(), from(w.Dreams, "GET"), "")
			none(method+" "+path, r)
		}
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"} {
		if r := w.Do(t, "GET", w.Auth+path, from("https://evil.test", ""), ""); r.Header.Get(allowed) != "*" || r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
	for _, address := range []string{w.Acme + "/", w.Acme + "/me", w.Acme + "/login", w.Dreams + "/", w.Dreams + "/offers", w.Dreams + "/callback"} {
		none(address, w.Do(t, "GET", address, from(w.Auth, ""), ""))
		none("preflight to "+address, w.Do(t, "OPTIONS", address, from(w.Auth, "POST"), ""))
	}
	api := w.Do(t, "OPTIONS", w.Acme+"/api/v1/me", from("https://anybody.test", "GET"), "")
	if api.Status != http.StatusNoContent || api.Header.Get(allowed) != "*" || api.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight to the API: %d %v", api.Status, api.Header)
	}
}

// What a stranger writes into Host or a forwarding header names nothing of ours.
func TestHostAndForwardingHeadersAreNotBelieved(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.Auth, "http://"))
	lies := http.Header{
		"X-Forwarded-Host": {"evil.test"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-For": {"203.0.113.1"}, "X-Real-Ip": {"203.0.113.1"},
		"Forwarded": {"for=203.0.113.1;host=evil.test;proto=https"}, "X-Original-Url": {"/account"}, "X-Rewrite-Url": {"/account"}, "X-Http-Method-Override": {"DELETE"},
	}
	good := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "")
	for _, host := range []string{"", "evil.test", "evil.test:" + port, "localhost:" + port + ".evil.test"} {
		header := lies.Clone()
		got := w.as(t, host, "GET", "/.well-known/openid-configuration", header)
		if got.Body != good.Body {
			t.Errorf("Host %q: another document: %s", host, got.Body)
		}
		header.Set("Cookie", sessionCookie+"="+b.session(w))
		header.Set("Accept", "text/html")
		for _, path := range []string{"/", "/account/apps", "/login", "/authorize?" + w.Request("openid").Encode(), "/nope"} {
			r := w.as(t, host, "GET", path, header)
			if location := r.Header.Get("Location"); strings.Contains(location, "evil") || strings.HasPrefix(location, "https:") {
				t.Errorf("Host %q: %s leads to %s", host, path, location)
			}
			if strings.Contains(r.Body, "evil.test") {
				t.Errorf("Host %q: %s repeats it", host, path)
			}
			if strings.Contains(r.Header.Get("Set-Cookie"), "Domain") {
				t.Errorf("Host %q: %s sets %s", host, path, r.Header.Get("Set-Cookie"))
			}
		}
	}
	wantCode(t, w.Allow(b, w.Request("openid profile")))
	answer := w.as(t, "evil.test", "GET", "/authorize?"+w.Request("openid profile").Encode(), http.Header{"Cookie": {sessionCookie + "=" + b.session(w)}})
	if to := mustParse(t, answer.Header.Get("Location")); to.Query().Get("iss") != w.Auth || to.Query().Get("code") == "" {
		t.Errorf("iss after another Host: %s", to)
	}
	// Another name of this computer leads to the public one, and no further.
	if r := w.as(t, "127.0.0.1:"+port, "GET", "/login?next=/account", http.Header{"Accept": {"text/html"}}); r.Header.Get("Location") != w.Auth+"/login?next=/account" {
		t.Errorf("under another name: %d %s", r.Status, r.Header.Get("Location"))
	}
	for _, address := range []string{"203.0.113.1", "evil.test"} {
		w.wantUnlogged(t, address)
		if n := w.value(t, "authserver", "SELECT count(*) FROM security_events WHERE address = ?", address); n != "0" {
			t.Errorf("%s entries of the security log come from %s", n, address)
		}
	}
}

// as asks authserver under another name.
func (w *World) as(t testing.TB, host, method, path string, header http.Header) Response {
	t.Helper()
	req, err := http.NewRequest(method, w.Auth+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header, req.Host = header, host
	return w.send(t, req)
}

func (w *World) send(t testing.TB, req *http.Request) Response {
	t.Helper()
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	if _, err := bufio.NewReader(resp.Body).WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	return Response{resp.StatusCode, resp.Header, body.String()}
}

// The places that take a form or a query, by the form of their errors.
var (
	protocolForms = []string{"/token", "/revoke", "/introspect", "/userinfo"}
	accountForms  = []string{"/authorize", "/logout", "/logout/confirm", "/login", "/consent", "/account/switch", "/account/apps", "/account/logout", "/developer/new", "/operator/users", "/theme"}
	acmeForms     = []string{"/logout", "/theme", "/me/preferences", "/me/posts", "/packages/pk-saimaa/reviews"}
	dreamsForms   = []string{"/connect", "/unsubscribe", "/subscribe", "/disconnect", "/logout", "/theme"}
	protocolReads = []string{"/userinfo", "/jwks", "/revocations", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"}
	accountReads  = []string{"/", "/authorize", "/authorize/resume", "/logout", "/login", "/consent", "/account", "/account/apps", "/account/security", "/signed-out", "/help", "/developer", "/developer/new", "/operator/users", "/nope"}
	apiReads      = []string{"/api/v1/packages", "/api/v1/me", "/api/v1/me/posts", "/api/openapi.json", "/.well-known/oauth-protected-resource", "/api/v1/nope"}
	acmeReads     = []string{"/", "/logout/accounts", "/packages", "/packages/pk-saimaa", "/stories", "/recommended", "/me", "/login", "/callback", "/signed-out", "/developers", "/help", "/nope"}
	dreamsReads   = []string{"/", "/connect", "/callback", "/offers", "/outbox", "/unsubscribe", "/learn", "/help", "/nope"}
)

// places calls a function for every address of a list of each program.
func (w *World) places(protocol, account, api, acme, dreams []string, each func(address, form string)) {
	for _, list := range []struct {
		base, form string
		paths      []string
	}{
		{w.Auth, "application/json", protocol}, {w.Auth, "text/html", account},
		{w.Acme, "application/problem+json", api}, {w.Acme, "text/html", acme}, {w.Dreams, "text/html", dreams},
	} {
		for _, path := range list.paths {
			each(list.base+path, list.form)
		}
	}
}

// wantForm is a refusal in the form that belongs to its place.
func wantForm(t testing.TB, what string, r Response, form string, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, r.Status) || !strings.HasPrefix(r.Header.Get("Content-Type"), form) {
		t.Errorf("%s: %d %s, want %v %s", what, r.Status, r.Header.Get("Content-Type"), statuses, form)
		return
	}
	if form == "text/html" {
		wantPageHeaders(t, r)
	} else {
		wantJSON(t, r)
	}
}

// RFC 6749 Appendix B.
func TestMalformedEncodingIs400Everywhere(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	cookies := func(address string) http.Header {
		u := mustParse(t, address)
		h := http.Header{"Accept": {"text/html"}}
		for _, c := range b.Jar().Cookies(u) {
			h.Add("Cookie", c.Name+"="+c.Value)
		}
		return h
	}
	for _, bad := range []string{"%zz", "a=%zz", "a=%", "%z=1", "a=1;b=2"} {
		w.places(protocolReads, accountReads, apiReads, acmeReads, dreamsReads, func(address, form string) {
			wantForm(t, "GET "+w.place(address)+"?"+bad, w.Do(t, "GET", address+"?"+bad, cookies(address), ""), form, 400)
		})
	}
	for _, bad := range []string{"a=%zz", "a=1;b=2"} {
		w.places(protocolForms, accountForms, nil, acmeForms, dreamsForms, func(address, form string) {
			header := cookies(address)
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			wantForm(t, "POST "+w.place(address)+" "+bad, w.Do(t, "POST", address, header, bad), form, 400)
			wantForm(t, "POST "+w.place(address)+"?"+bad, w.Do(t, "POST", address+"?"+bad, header, "a=b"), form, 400)
		})
	}
	if page := w.Do(t, "GET", w.Auth+"/authorize?%zz", nil, ""); ErrorOnPage(page.Body) != "invalid_request" || page.Header.Get("Location") != "" {
		t.Errorf("/authorize: %d %s", page.Status, ErrorOnPage(page.Body))
	}
	if page := w.Post(t, w.Auth+"/authorize", nil, nil); ErrorOnPage(page.Body) != "invalid_request" {
		t.Errorf("POST /authorize: %d %s", page.Status, ErrorOnPage(page.Body))
	}
	if !b.signedIn(w) {
		t.Error("a malformed form has signed alice out")
	}
}

// RFC 9110 §8.4: nobody asked for a compressed body, which may be a bomb.
func TestCompressedBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.places(protocolForms, accountForms, []string{"/api/v1/me/posts", "/api/v1/me/preferences"}, acmeForms, dreamsForms, func(address, form string) {
		for _, encoding := range []string{"gzip", "deflate, gzip", "br"} {
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Content-Encoding": {encoding}}
			wantForm(t, w.place(address), w.Do(t, "POST", address, header, "\x1f\x8b\x08"), form, 415)
		}
	})
}

// A body that is too large is refused before it is read, whether it says how
// large it is or not.
func TestLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	api := w.Tokens(t, "alice", "openid profile").String("access_token")
	w.places(protocolForms, accountForms, []string{"/api/v1/me/posts"}, acmeForms, dreamsForms, func(address, form string) {
		at := mustParse(t, address)
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nAuthorization: Bearer %s\r\n", at.Path, at.Host, api)
		for _, c := range b.Jar().Cookies(at) {
			head += "Cookie: " + c.Name + "=" + c.Value + "\r\n"
		}
		wantForm(t, w.place(address)+", 5 MiB announced", raw(t, at.Host, head+"Content-Length: 5242880\r\n\r\na="), form, 413)
	})
	// Not announced, but in chunks: reading stops at 1 MiB.
	w.places([]string{"/token", "/revoke", "/introspect"}, []string{"/authorize", "/login", "/consent"}, nil, nil, nil, func(address, form string) {
		at := mustParse(t, address)
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n", at.Path, at.Host)
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20+1, strings.Repeat("a", 1<<20+1))
		wantForm(t, w.place(address)+", in chunks", raw(t, at.Host, head+chunk), form, 413)
	})
}

// raw sends bytes and reads the answer.
func raw(t testing.TB, host, request string) Response {
	t.Helper()
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.100s: %v", request, err)
	}
	defer resp.Body.Close()
	var body strings.Builder
	_, _ = bufio.NewReader(resp.Body).WriteTo(&body)
	return Response{resp.StatusCode, resp.Header, body.String()}
}

// What strangers write into an address or a form comes back as text.
func TestWhatStrangersWriteIsText(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	nobody := NewBrowser(t)
	const attack = `"'><script>alert(1)</script><img src=x onerror=alert(2)>`
	q := url.QueryEscape(attack)
	for _, address := range []string{
		w.Auth + "/login?next=/" + q, w.Auth + "/login?interaction=" + q, w.Auth + "/consent?interaction=" + q, w.Auth + "/" + url.PathEscape(attack),
		w.Auth + "/authorize?client_id=" + q, w.Auth + "/authorize?client_id=dreams-web&redirect_uri=" + q, w.Auth + "/account/apps?tab=" + q + "&removed=" + q,
		w.Auth + "/authorize?" + With(w.Request("openid profile"), url.Values{"login_hint": {attack}, "prompt": {"login"}}).Encode(),
		w.Auth + "/authorize?" + With(w.Request("openid profile email "+attack), url.Values{"prompt": {"none"}, "state": {attack}}).Encode(),
		w.Acme + "/packages?q=" + q, w.Acme + "/packages?tag=" + q, w.Acme + "/packages?cursor=" + q, w.Acme + "/packages/" + url.PathEscape(attack), w.Acme + "/login?next=" + q,
		w.Acme + "/callback?error=" + q + "&error_description=" + q, w.Acme + "/callback?state=" + q + "&iss=" + q + "&code=" + q, w.Acme + "/callback?state=1&state=2&" + q + "=1&" + q + "=2",
		w.Dreams + "/callback?error=" + q + "&error_description=" + q, w.Dreams + "/callback?state=" + q + "&iss=" + q, w.Dreams + "/connect?prompt=" + q, w.Dreams + "/connect?next=" + q,
		w.Dreams + "/outbox?view=" + q, w.Dreams + "/outbox/" + url.PathEscape(attack), w.Dreams + "/unsubscribe?token=" + q, w.Dreams + "/source/" + url.PathEscape(attack),
	} {
		for name, browser := range map[string]*Browser{"alice": b, "nobody": nobody} {
			page := browser.Get(address)
			if page.Status >= 500 && page.Status != http.StatusBadGateway {
				t.Errorf("%s, %s: %d", w.place(address), name, page.Status)
			}
			if strings.Contains(page.Body, "<script>alert") || strings.Contains(page.Body, "<img src=x") {
				t.Errorf("%s, %s: stands there as it is", w.place(address), name)
			}
			wantSafePage(t, w, page)
		}
	}
	login := nobody.Get(w.Auth + "/login")
	if page := w.LogIn(nobody, login, attack, attack); strings.Contains(page.Body, "<script>alert") || !strings.Contains(page.Body, "&lt;script&gt;") {
		t.Error("the user name comes back as it is, or not at all")
	}
	// A post and a review that she wrote herself.
	post := b.Form(b.Get(w.Acme+"/me/posts/new"), "title").With(url.Values{"title": {attack}, "body": {attack + "\n\n[a](javascript:alert(3)) **" + attack + "**"}})
	if page := post.Submit(); strings.Contains(page.Body, "<script>alert") || !strings.Contains(page.Body, "&lt;script&gt;") {
		t.Errorf("a post: %d", page.Status)
	} else {
		wantSafePage(t, w, page)
	}
	wantSafePage(t, w, b.Get(w.Dreams+"/offers"))
}

// Strings that mean something to a database mean nothing here.
func TestSQLIsText(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	before := w.minted(t)
	for _, attack := range []string{"' OR 1=1--", "' OR ''='", "alice'--", "%", "_", `"; DROP TABLE users; --`, "\x00", "\xff"} {
		wantPage(t, w.Authorize(b, With(w.Request("openid"), url.Values{"client_id": {attack}})), "invalid_request")
		wantPage(t, b.Get(w.Auth+"/consent?interaction="+url.QueryEscape(attack)), "invalid_request")
		redemption := url.Values{"grant_type": {"authorization_code"}, "code": {attack}, "redirect_uri": {w.Dreams + "/callback"}, "code_verifier": {Verifier}}
		for what, got := range map[string]Response{
			"400 invalid_grant: code":          w.Token(t, Basic("dreams-web"), redemption),
			"400 invalid_grant: refresh token": w.refresh(t, "dreams-web", attack),
			"401 invalid_client: client_id":    w.Token(t, Credentials{attack, attack}.Header(), redemption),
			"401 invalid_client: secret":       w.Token(t, Credentials{"dreams-web", attack}.Header(), redemption),
		} {
			if want, _, _ := strings.Cut(what, ":"); got.Refusal() != want {
				t.Errorf("%s %q: %s", what, attack, got.Refusal())
			}
		}
		if got := w.revoke(t, "dreams-web", attack); got.Status != http.StatusOK {
			t.Errorf("revoking %q: %d", attack, got.Status)
		}
		thief := NewBrowser(t)
		thief.plant(w, strings.Map(func(r rune) rune {
			if r < 0x20 || r > 0x7E || r == '"' || r == ';' {
				return 'x'
			}
			return r
		}, attack)+strings.Repeat(" OR 1=1", 5))
		if thief.signedIn(w) {
			t.Errorf("the cookie %q signs in", attack)
		}
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	wantCode(t, w.Allow(b, w.Request("openid profile")))
}
