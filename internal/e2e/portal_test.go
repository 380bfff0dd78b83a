package e2e

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// Where an application wants to be told is judged as at /register, beside its field.
func TestAddressesThatWeCallAreJudgedAsAtRegistration(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "web", nil)
	good := url.Values{
		"redirect_uris": {"https://diary.example/cb"}, "post_logout_redirect_uris": {"https://diary.example/bye"},
		"backchannel_logout_uri": {"https://diary.example/logout"}, "security_events_uri": {"https://diary.example/events"},
	}
	for _, field := range []string{"backchannel_logout_uri", "security_events_uri"} {
		for _, wrong := range []string{
			"http://diary.example/x", "https://127.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]/x", "https://localhost/x", "https://2130706433/x",
			"https://diary.internal/x", "https://me:pw@diary.example/x", "https://diary.example/x#y", "javascript:alert(1)", "diary.example", "https://diary.example/" + strings.Repeat("x", 2048),
		} {
			page := w.act(b, a.ID, "addresses", With(good, url.Values{field: {wrong}}))
			if page.Status != http.StatusUnprocessableEntity || textByID(page.Body, field+"-error") == "" || b.Form(page, "redirect_uris").Fields.Get(field) != wrong {
				t.Errorf("%s %.60s: %d, or nothing is said beside it, or it was lost", field, wrong, page.Status)
			}
		}
	}
	if page := w.act(b, a.ID, "addresses", With(good, url.Values{"post_logout_redirect_uris": {"javascript:alert(1)"}})); textByID(page.Body, "post_logout_redirect_uris-error") == "" {
		t.Errorf("javascript: after signing out: %d", page.Status)
	}
	const row = `SELECT (metadata ->> 'backchannel_logout_uri') || ' ' || (metadata ->> 'security_events_uri') FROM clients WHERE client_id = ?`
	if page := w.act(b, a.ID, "addresses", good); page.Status != http.StatusOK {
		t.Fatalf("%d\n%.2000s", page.Status, page.Body)
	}
	if got := w.value(t, "authserver", row, a.ID); got != "https://diary.example/logout https://diary.example/events" {
		t.Errorf("stored: %s", got)
	}
}

// What is typed there is used: the application hears of a sign-out, and of a
// permission that was taken back.
func TestAnApplicationOfThePortalIsToldWhatHasEnded(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	listener := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard <- r.URL.Path + " " + string(body)
		rw.WriteHeader(http.StatusOK)
	}))
	defer listener.Close()
	w, b := inPortal(t, Options{Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"}}, "carol")
	a := w.newApplication(b, "web", nil)
	page := w.act(b, a.ID, "addresses", url.Values{
		"redirect_uris": {"https://diary.example/cb"}, "backchannel_logout_uri": {listener.URL + "/logout"}, "security_events_uri": {listener.URL + "/events"},
	})
	if page.Status != http.StatusOK {
		t.Fatalf("%d", page.Status)
	}
	request := url.Values{"client_id": {a.ID}, "redirect_uri": {"https://diary.example/cb"}}
	b.Stay = "https://diary.example"
	answer := w.Allow(b, With(w.Request("openid"), request))
	if tokens := w.Token(t, a.credentials(), With(w.Redemption(answer), url.Values{"redirect_uri": {"https://diary.example/cb"}, "client_id": nil})); tokens.Status != http.StatusOK {
		t.Fatalf("%d %s", tokens.Status, tokens.Body)
	}
	hears := func(path, holds string) {
		t.Helper()
		select {
		case got := <-heard:
			if !strings.HasPrefix(got, path+" ") || !strings.Contains(got, holds) {
				t.Errorf("heard %.200s", got)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("nothing came to %s", path)
		}
	}
	b.Stay = ""
	w.removeApp(b, a.ID)
	hears("/events", ".")
	w.signOut(b, nil)
	page = b.Get(w.Auth + "/account")
	for _, form := range b.Forms(page) {
		if strings.HasSuffix(form.Action, "/account/logout") {
			form.Submit()
		}
	}
	hears("/logout", "logout_token=")
}

// The operator's list has every application: page after page, or by a part of its
// name or client_id.
func TestTheOperatorFindsEveryApplication(t *testing.T) {
	t.Parallel()
	w, root := inPortal(t, Options{SQL: map[string][]string{"authserver": {`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 230)
		INSERT INTO clients (client_id, metadata, created_at)
		SELECT printf('c_many%03d', i), json_object('client_name', printf('Diary of person %03d', i), 'kind', 'web', 'token_endpoint_auth_methods', json_array('none'),
			'grant_types', json_array('authorization_code'), 'scope', 'openid', 'redirect_uris', json_array('https://diary.example/cb')), 1700000000000 + i / 3 FROM n`}}}, "root")
	line := regexp.MustCompile(`c_many\d{3}</code>`)
	var seen []string
	older := w.Auth + "/developer"
	for pages := 0; older != ""; pages++ {
		page := root.Get(older)
		seen = append(seen, line.FindAllString(page.Body, -1)...)
		if page.Status != http.StatusOK || pages > 10 {
			t.Fatalf("page %d: %d", pages, page.Status)
		}
		older = linkNamed(page, "Older ones")
	}
	slices.Sort(seen)
	if len(seen) != 230 || len(slices.Compact(seen)) != 230 {
		t.Errorf("%d lines on all pages, want each of 230 once", len(seen))
	}
	for query, want := range map[string]int{"person 117": 1, "PERSON 117": 1, "c_many042": 1, "person 11": 10, "nobody": 0, "<script>": 0} {
		page := root.Get(w.Auth + "/developer?q=" + url.QueryEscape(query))
		if got := len(line.FindAllString(page.Body, -1)); got != want || page.Status != http.StatusOK || strings.Contains(page.Body, "<script>\"") {
			t.Errorf("%s: %d lines, want %d", query, got, want)
		}
	}
	for _, place := range []string{"x", "-1.", "9223372036854775808.c", "1700000000000.%00", strings.Repeat("9", 5000)} {
		if page := root.Get(w.Auth + "/developer?older=" + url.QueryEscape(place)); page.Status >= 500 {
			t.Errorf("%.40s: %d", place, page.Status)
		}
	}
	if page := w.SignedIn(t, "carol").Get(w.Auth + "/developer?q=c_many"); strings.Contains(page.Body, "c_many042") {
		t.Error("the search finds for somebody what is not hers")
	}
}

// linkNamed is where a link of a page leads; empty: there is none.
func linkNamed(p Page, name string) string {
	for _, found := range regexp.MustCompile(`<a href="([^"]+)">([^<]+)</a>`).FindAllStringSubmatch(p.Body, -1) {
		if found[2] == name {
			target, err := p.URL.Parse(strings.ReplaceAll(found[1], "&amp;", "&"))
			if err != nil {
				return ""
			}
			return target.String()
		}
	}
	return ""
}

// uploadLogo sends a file as the page's form does.
func (w *World) uploadLogo(b *Browser, clientID string, file []byte, header http.Header) Page {
	b.t.Helper()
	csrf := b.Form(b.Get(w.Auth+"/developer/new"), "once").Fields.Get("csrf")
	return w.sendLogo(b, clientID, csrf, file, header)
}

func (w *World) sendLogo(b *Browser, clientID, csrf string, file []byte, header http.Header) Page {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("csrf", csrf)
	part, err := form.CreateFormFile("logo", "logo.png")
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = form.Close()
	return b.send(w.Auth+"/developer/apps/"+clientID+"/logo", form.FormDataContentType(), body.Bytes(), header)
}

// send posts a body as a page of ours does, and follows redirects.
func (b *Browser) send(address, contentType string, body []byte, header http.Header) Page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if location, err := resp.Location(); err == nil {
		return b.Get(location.String())
	}
	return Page{Response: Response{resp.StatusCode, resp.Header, string(content)}, URL: req.URL}
}

func paintedPNG(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = uint8(i)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	// A text chunk, as a drawing program leaves one: who, where, with what.
	file := out.Bytes()
	chunk := []byte("tEXtComment\x00drawn at home by alice")
	framed := binary.BigEndian.AppendUint32(nil, uint32(len(chunk)-4))
	framed = append(framed, chunk...)
	framed = binary.BigEndian.AppendUint32(framed, crc32.ChecksumIEEE(chunk))
	const afterHeader = 8 + 25
	return slices.Concat(file[:afterHeader], framed, file[afterHeader:])
}

var logoOnPage = regexp.MustCompile(`<img class="mark" src="(/logos/[^"]+)"`)

// A logo is drawn anew and shown where people decide; without one its first letter
// stands there.
func TestALogoIsShownWherePeopleDecide(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "web", nil)
	request := With(w.Request("openid"), url.Values{"client_id": {a.ID}, "redirect_uri": {"https://diary.example/cb"}, "prompt": {"consent"}})
	b.Stay = "https://diary.example"
	everywhere := func() map[string]Page {
		return map[string]Page{
			"consent": w.Authorize(b, request), "connected apps": b.Get(w.Auth + "/account/apps"), "portal": w.applicationTab(b, a.ID, "overview"), "preview": w.applicationTab(b, a.ID, "permissions"),
		}
	}
	wantCode(t, w.Allow(b, request))
	for where, page := range everywhere() {
		if logoOnPage.MatchString(page.Body) || !strings.Contains(page.Body, `<span class="ava dia" aria-hidden="true">D</span>`) {
			t.Errorf("%s: no letter where there is no logo", where)
		}
	}
	sent := paintedPNG(t, 600, 300)
	if page := w.uploadLogo(b, a.ID, sent, nil); page.Status != http.StatusOK || !strings.Contains(page.Body, "It is saved") {
		t.Fatalf("%d\n%.2000s", page.Status, page.Body)
	}
	address := ""
	for where, page := range everywhere() {
		found := logoOnPage.FindStringSubmatch(page.Body)
		if found == nil {
			t.Errorf("%s: no logo", where)
			continue
		}
		address = found[1]
	}
	if n := strings.Count(w.applicationTab(b, a.ID, "permissions").Body, `src="`+address); n != 3 {
		t.Errorf("the form, its heading and the preview have it %d times", n)
	}
	picture := NewBrowser(t).Get(w.Auth + address)
	drawn, err := png.Decode(strings.NewReader(picture.Body))
	if err != nil || drawn.Bounds().Dx() != 256 || drawn.Bounds().Dy() != 128 {
		t.Fatalf("%v, %v", err, drawn)
	}
	if strings.Contains(picture.Body, "tEXt") || strings.Contains(picture.Body, "alice") {
		t.Error("the picture keeps who drew it")
	}
	for name, want := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"} {
		if got := picture.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if page := w.uploadLogo(b, a.ID, paintedPNG(t, 64, 64), nil); page.Status != http.StatusOK {
		t.Fatalf("another: %d", page.Status)
	}
	if old := b.Get(w.Auth + address); old.Status != http.StatusNotFound {
		t.Errorf("the old picture: %d", old.Status)
	}
	w.restart(t)
	if found := logoOnPage.FindStringSubmatch(w.applicationTab(b, a.ID, "").Body); found == nil || b.Get(w.Auth+found[1]).Status != http.StatusOK {
		t.Error("after a restart the logo is gone")
	}
	if page := w.act(b, a.ID, "remove-logo", nil); logoOnPage.MatchString(page.Body) || !strings.Contains(page.Body, "was removed") {
		t.Errorf("removed: %d", page.Status)
	}
	w.uploadLogo(b, a.ID, sent, nil)
	w.act(b, a.ID, "delete", url.Values{"confirm": {"Diary"}})
	if n := w.value(t, "authserver", "SELECT count(*) FROM client_logos"); n != "0" {
		t.Errorf("%s logos of applications that are gone", n)
	}
}

// A file is judged before it is decoded, and nobody changes somebody else's logo.
func TestWhatIsNoLogoComesBackWithWords(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "web", nil)
	gigapixels := paintedPNG(t, 8, 8)
	binary.BigEndian.PutUint32(gigapixels[16:], 60_000)
	binary.BigEndian.PutUint32(gigapixels[20:], 60_000)
	binary.BigEndian.PutUint32(gigapixels[29:], crc32.ChecksumIEEE(gigapixels[12:29]))
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":    {nil, "The picture is missing"},
		"a page":     {[]byte("<!DOCTYPE html><script>alert(1)</script>"), "must be a JPEG, PNG, GIF or WebP file"},
		"a drawing":  {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "must be a JPEG, PNG, GIF or WebP file"},
		"half":       {paintedPNG(t, 64, 64)[:120], "The picture is broken"},
		"large":      {make([]byte, 1<<20+1), "must not be larger than 1 MB"},
		"gigapixels": {gigapixels, "must not have more than 4 million pixels"},
	} {
		began := time.Now()
		page := w.uploadLogo(b, a.ID, c.file, nil)
		if page.Status != http.StatusUnprocessableEntity || !strings.Contains(textByID(page.Body, "logo-error"), c.says) || !strings.Contains(page.Body, `href="#logo"`) || time.Since(began) > 2*time.Second {
			t.Errorf("%s: %d in %s, %q beside the field", name, page.Status, time.Since(began), textByID(page.Body, "logo-error"))
		}
	}
	if page := w.uploadLogo(b, a.ID, make([]byte, 9<<20), nil); page.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("9 MB: %d", page.Status)
	}
	for name, page := range map[string]Page{
		"a guessed token":   w.sendLogo(b, a.ID, "guessed", paintedPNG(t, 8, 8), nil),
		"another origin":    w.uploadLogo(b, a.ID, paintedPNG(t, 8, 8), http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}),
		"what came with us": w.uploadLogo(w.SignedIn(t, "root"), "dreams-web", paintedPNG(t, 8, 8), nil),
	} {
		if page.Status != http.StatusForbidden {
			t.Errorf("%s: %d", name, page.Status)
		}
	}
	if page := w.uploadLogo(w.SignedIn(t, "bob"), a.ID, paintedPNG(t, 8, 8), nil); page.Status != http.StatusNotFound {
		t.Errorf("by bob: %d", page.Status)
	}
	for _, body := range []string{"", "--x\r\nContent-Disposition: form-data; name=\"logo\"\r\n\r\nhal", "csrf=1"} {
		if page := b.send(w.Auth+"/developer/apps/"+a.ID+"/logo", "multipart/form-data; boundary=x", []byte(body), nil); page.Status != http.StatusBadRequest && page.Status != http.StatusForbidden {
			t.Errorf("%q: %d", body, page.Status)
		}
	}
	for _, path := range []string{"/logos/" + a.ID + "/x.png", "/logos/" + a.ID + "/", "/logos/nobody/x.png", "/logos/../developer"} {
		if page := NewBrowser(t).Get(w.Auth + path); page.Status >= 500 || page.Header.Get("Content-Type") == "image/png" {
			t.Errorf("%s: %d", path, page.Status)
		}
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM client_logos"); n != "0" {
		t.Errorf("%s logos", n)
	}
}

// console fills in the console's form and sends it.
func (w *World) console(b *Browser, operation string, fields url.Values) Page {
	b.t.Helper()
	form := b.Form(b.Get(w.Auth+"/developer/console?op="+operation), "op")
	return form.With(fields).Submit()
}

// Every operation of the API is there with its parameters, and is answered.
func TestTheConsoleSendsEveryOperationOfTheAPI(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	token := w.forge(t, func(f forged) {
		f.Claims["scope"] = "openid profile packages:read reviews:read reviews:write preferences:read preferences:write blog:read blog:write"
	})
	list := b.Get(w.Auth + "/developer/console")
	for operation, c := range map[string]struct {
		fields url.Values
		status string
		holds  string
	}{
		"listPackages":   {url.Values{"p.q": {"hut"}, "p.limit": {"2"}}, "200 OK", `"packages"`},
		"getPackage":     {nil, "200 OK", `"pk-silvretta"`},
		"listReviews":    {nil, "200 OK", `"reviews"`},
		"getReview":      {url.Values{"p.review": {"none"}}, "404 Not Found", "problem"},
		"getProfile":     {nil, "200 OK", "Alice Moreau"},
		"getPreferences": {nil, "200 OK", "interests"},
		"listPosts":      {nil, "200 OK", "posts"},
		"getPost":        {nil, "200 OK", "po-three-huts"},
		"getPicture":     {url.Values{"p.name": {"none.png"}}, "404 Not Found", "problem"},
		"writeReview":    {url.Values{"body": {`{"rating": 5, "text": "it's <b>good</b>"}`}}, "201 Created", "Location: "},
		"createPost":     {url.Values{"body": {`{"title": "By the console", "body": "x"}`}}, "201 Created", "By the console"},
		"putPreferences": {url.Values{"body": {`{"interests": ["hiking"]}`}}, "200 OK", "hiking"},
	} {
		if !strings.Contains(list.Body, "op="+operation) {
			t.Errorf("%s is not in the list", operation)
		}
		page := w.console(b, operation, With(c.fields, url.Values{"token": {token}}))
		answer := html.UnescapeString(page.Body)
		if page.Status != http.StatusOK || !strings.Contains(answer, "HTTP/1.1 "+c.status) || !strings.Contains(answer, c.holds) {
			t.Errorf("%s: %d, no %q or %q\n%.3000s", operation, page.Status, c.status, c.holds, textByID(page.Body, "answer"))
		}
		if strings.Contains(strings.ReplaceAll(page.Body, ">"+token+"</textarea>", ""), token) {
			t.Errorf("%s: the token stands in what is shown", operation)
		}
	}
	if n := strings.Count(list.Body, "/developer/console?op="); n != 12 {
		t.Errorf("%d operations", n)
	}
}

// What the page says that curl does is what curl does.
func TestTheCurlCommandOfTheConsoleRuns(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	token := w.forge(t, func(f forged) { f.Claims["scope"] = "openid packages:read reviews:write" })
	for operation, c := range map[string]struct {
		fields url.Values
		holds  string
	}{
		"listPackages": {url.Values{"p.q": {"it's $HOME `id` \"x\""}}, `"packages":[]`},
		"writeReview":  {url.Values{"body": {`{"rating": 4, "text": "it's $HOME good"}`}}, `it's $HOME good`},
	} {
		page := w.console(b, operation, With(c.fields, url.Values{"token": {token}}))
		run := exec.CommandContext(t.Context(), "bash", "-c", textByID(page.Body, "curl"))
		run.Env = append(os.Environ(), "ACME_TOKEN="+token)
		out, err := run.CombinedOutput()
		if err != nil || !strings.Contains(strings.ReplaceAll(string(out), ": ", ":"), c.holds) && !strings.Contains(string(out), c.holds) {
			t.Errorf("%s: %v\n%s\n%s", operation, err, textByID(page.Body, "curl"), out)
		}
	}
}

// A machine of one's own gets the token by itself, by the checks of its grant. What
// it may not do is explained from the challenge.
func TestTheConsoleExplainsRefusals(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "carol")
	a := w.newApplication(b, "machine", nil)
	as := url.Values{"as": {a.ID}}
	wants := func(page Page, words ...string) {
		t.Helper()
		shown := textByID(page.Body, "answer")
		for _, want := range words {
			if page.Status != http.StatusOK || !strings.Contains(shown, want) {
				t.Errorf("%d: no %q in\n%.2500s", page.Status, want, shown)
			}
		}
	}
	wants(w.console(b, "listPackages", as), "200 OK", `"packages"`, "scope packages:read", "for "+a.ID)
	wants(w.console(b, "listReviews", as), "403 Forbidden", "insufficient_scope", "This wants the scope reviews:read. The token has packages:read.", "Causes and fixes")
	wants(w.console(b, "listPackages", nil), "401 Unauthorized", "No token came with the request")
	wants(w.console(b, "listPackages", url.Values{"token": {"eyJ.abc.def"}}), "401 Unauthorized", "invalid_token", "Causes and fixes")
	old := w.forge(t, func(f forged) { f.Claims["scope"] = "openid reviews:write" })
	w.Clock.Advance(6 * time.Minute)
	wants(w.console(b, "writeReview", url.Values{"token": {old}, "body": {`{"rating": 5, "text": "x"}`}}), "401 Unauthorized", "insufficient_user_authentication", "max_age=300")
	wants(w.console(b, "getPackage", With(as, url.Values{"p.id": {"pk/../../me"}})), "404 Not Found", "GET /api/v1/packages/pk%2F..%2F..%2Fme HTTP/1.1")

	log := w.value(t, "authserver", "SELECT count(*) FROM security_events WHERE kind = 'token issued in the API console' AND client_id = ?", a.ID)
	if log == "0" {
		w.eventually(t, "the security log has no token of the console", func() bool {
			return w.value(t, "authserver", "SELECT count(*) FROM security_events WHERE kind = 'token issued in the API console' AND client_id = ?", a.ID) != "0"
		})
	}
}

// The console is no open proxy: it sends the operations of the document alone, to
// Acme alone, for who is signed in at our page.
func TestTheConsoleIsNoOpenProxy(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "carol")
	a := w.newApplication(b, "machine", nil)
	others := w.newApplication(w.SignedIn(t, "bob"), "machine", nil)
	bound := w.newApplication(b, "machine", nil)
	w.act(b, bound.ID, "settings", url.Values{"access_token_ttl": {"60"}, "refresh_token_ttl": {"30"}, "setting": {"dpop_bound_access_tokens"}})
	disabled := w.newApplication(b, "machine", nil)
	w.act(b, disabled.ID, "disable", nil)
	for name, c := range map[string]struct {
		fields url.Values
		status int
	}{
		"no operation of the document":      {url.Values{"op": {"../../metrics"}}, http.StatusNotFound},
		"an address":                        {url.Values{"op": {"https://evil.test/"}}, http.StatusNotFound},
		"dots in the path":                  {url.Values{"op": {"getPackage"}, "p.id": {".."}}, http.StatusUnprocessableEntity},
		"nothing in the path":               {url.Values{"op": {"getPackage"}, "p.id": {""}}, http.StatusUnprocessableEntity},
		"a header in the token":             {url.Values{"token": {"abc\r\nX-Evil: 1"}}, http.StatusUnprocessableEntity},
		"two headers":                       {url.Values{"token": {"abc, Basic eDp5"}}, http.StatusUnprocessableEntity},
		"a token that is too long":          {url.Values{"token": {strings.Repeat("x", 9<<10)}}, http.StatusUnprocessableEntity},
		"a body that is no JSON":            {url.Values{"op": {"createPost"}, "body": {"title=x"}}, http.StatusUnprocessableEntity},
		"bob's application":                 {url.Values{"as": {others.ID}}, http.StatusUnprocessableEntity},
		"an application with bound tokens":  {url.Values{"as": {bound.ID}}, http.StatusUnprocessableEntity},
		"an application that is disabled":   {url.Values{"as": {disabled.ID}}, http.StatusUnprocessableEntity},
		"an application that came with us":  {url.Values{"as": {"dreams-catalogue"}}, http.StatusUnprocessableEntity},
		"a guessed form token":              {url.Values{"csrf": {"guessed"}}, http.StatusForbidden},
		"nothing but what the console does": {url.Values{"as": {a.ID}}, http.StatusOK},
	} {
		page := w.console(b, "listPackages", c.fields)
		if page.Status != c.status || page.Status != http.StatusOK && textByID(page.Body, "answer") != "" {
			t.Errorf("%s: %d, want %d", name, page.Status, c.status)
		}
	}
	if page := w.console(b, "getProfile", url.Values{"as": {a.ID}, "p.id": {"x"}, "method": {"DELETE"}, "path": {"/metrics"}}); !strings.Contains(page.Body, "GET /api/v1/me HTTP/1.1") {
		t.Errorf("%d: another request was sent", page.Status)
	}
	if page := NewBrowser(t).Get(w.Auth + "/developer/console"); page.URL.Path != "/login" {
		t.Errorf("for nobody in particular: %s", page.URL)
	}
	if page := w.SignedIn(t, "root").Get(w.Auth + "/developer/console"); strings.Contains(page.Body, a.ID) {
		t.Error("the operator may act as somebody's application")
	}
}

// Without Acme the page says so.
func TestTheConsoleWithoutAcme(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	if page := b.Get(w.Auth + "/developer/console"); page.Status != http.StatusServiceUnavailable || !strings.Contains(page.Body, "Acme does not answer") {
		t.Errorf("%d", page.Status)
	}
}

// Who came with Acme to be tried with, and what each is good for; they can sign in
// as it says.
func TestTestUsersOfAnApplication(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	web, machine := w.newApplication(b, "web", nil), w.newApplication(b, "machine", nil)
	page := w.applicationTab(b, web.ID, "test-users")
	for _, user := range []string{"alice", "bob", "carol", "root"} {
		cells := regexp.MustCompile(`data-l="User name">` + user + `</td><td data-l="Password">([^<]+)</td><td data-l="Good for"><span>[^<]{20,} <span`).FindStringSubmatch(page.Body)
		if cells == nil {
			t.Errorf("%s is not there, or good for nothing", user)
			continue
		}
		someone := NewBrowser(t)
		if in := w.LogIn(someone, someone.Get(w.Auth+"/login"), user, cells[1]); in.Status != http.StatusOK || in.URL.Path == "/login" {
			t.Errorf("%s cannot sign in with %s: %d", user, cells[1], in.Status)
		}
	}
	if page := w.applicationTab(b, machine.ID, "test-users"); !strings.Contains(page.Body, "needs nobody to try it with") || strings.Contains(page.Body, "wanderlust") {
		t.Error("a machine has test users")
	}
}
