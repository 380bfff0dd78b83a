package e2e

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// Reporter is told when something cannot go on. A *testing.T is one; the main
// job, which runs outside of tests too, brings its own.
type Reporter interface {
	Helper()
	Fatal(args ...any) // does not return
	Fatalf(format string, args ...any)
}

// Browser is a scripted browser without script: cookies, redirects, forms.
type Browser struct {
	t      Reporter
	client *http.Client
	// Stay names a base URL that redirects are not followed to: the client's
	// callback, say, so that a test can read the code.
	Stay string
}

// NewBrowser returns a browser with an empty cookie jar.
func NewBrowser(t Reporter) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Jar is the browser's cookies.
func (b *Browser) Jar() http.CookieJar { return b.client.Jar }

// Page is where the browser ended: a page, or a redirect to Stay.
type Page struct {
	Response
	URL      *url.URL
	Location string     // where the redirect that was not followed leads
	Posted   url.Values // what a page of response_mode=form_post would post to Stay
	Visited  []string
}

// Get opens an address and follows redirects.
func (b *Browser) Get(address string) Page {
	b.t.Helper()
	return b.follow(http.MethodGet, address, nil, nil)
}

func (b *Browser) follow(method, address string, form url.Values, header http.Header) Page {
	b.t.Helper()
	var visited []string
	for range 20 {
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		req, err := http.NewRequest(method, address, body)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html,application/xhtml+xml")
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
			req.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		for name, values := range header {
			req.Header[name] = values
		}
		visited = append(visited, method+" "+address)
		resp, err := b.client.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		content, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		page := Page{Response: Response{resp.StatusCode, resp.Header, string(content)}, URL: req.URL, Visited: visited}
		location := resp.Header.Get("Location")
		if resp.StatusCode < 300 || resp.StatusCode > 399 || location == "" {
			page.Posted = b.posted(page)
			return page
		}
		target, err := req.URL.Parse(location)
		if err != nil {
			b.t.Fatal(err)
		}
		if b.Stay != "" && strings.HasPrefix(location, b.Stay) {
			page.Location = location
			return page
		}
		method, address, form, header = http.MethodGet, target.String(), nil, nil
	}
	b.t.Fatalf("redirected more than 20 times: %v", visited)
	return Page{}
}

// posted finds the form that a browser with script would send by itself.
func (b *Browser) posted(p Page) url.Values {
	if b.Stay == "" || !strings.Contains(p.Body, "data-submit") {
		return nil
	}
	for _, form := range b.Forms(p) {
		if strings.HasPrefix(form.Action, b.Stay) {
			return form.Fields
		}
	}
	return nil
}

// Answer are the parameters of the redirect that was not followed, or of the
// form that was not posted.
func (p Page) Answer() url.Values {
	if p.Posted != nil {
		return p.Posted
	}
	u, err := url.Parse(p.Location)
	if err != nil {
		return nil
	}
	if u.Fragment != "" {
		values, _ := url.ParseQuery(u.EscapedFragment())
		return values
	}
	return u.Query()
}

// Refusal is what the page or the redirect refuses: "400 invalid_request",
// "303 access_denied".
func (p Page) Refusal() string {
	if code := p.Answer().Get("error"); code != "" {
		return strconv.Itoa(p.Status) + " " + code
	}
	return p.Response.Refusal()
}

// Form is a form as a person would fill it in.
type Form struct {
	browser *Browser
	Action  string
	Fields  url.Values // what would be sent as it stands
	Boxes   []string   // every checkbox, "name=value", ticked or not
	Buttons []string   // every submit button, "name=value"
}

// Form finds the form whose field or button has a name.
func (b *Browser) Form(p Page, having string) Form {
	b.t.Helper()
	for _, f := range b.Forms(p) {
		if f.has(having) {
			return f
		}
	}
	b.t.Fatalf("no form with %q on %s (%d):\n%.3000s", having, p.URL, p.Status, p.Body)
	return Form{}
}

func (f Form) has(name string) bool {
	if _, ok := f.Fields[name]; ok {
		return true
	}
	for _, one := range append(f.Boxes, f.Buttons...) {
		if strings.HasPrefix(one, name+"=") || one == name {
			return true
		}
	}
	return false
}

// Forms lists a page's forms.
func (b *Browser) Forms(p Page) []Form {
	b.t.Helper()
	root, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		b.t.Fatal(err)
	}
	var forms []Form
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "form" {
			forms = append(forms, b.read(p, node))
		}
	}
	return forms
}

func (b *Browser) read(p Page, form *html.Node) Form {
	f := Form{browser: b, Fields: url.Values{}}
	action, err := p.URL.Parse(attribute(form, "action"))
	if err != nil {
		b.t.Fatal(err)
	}
	f.Action = action.String()
	for node := range form.Descendants() {
		if node.Type != html.ElementNode || (attribute(node, "name") == "" && node.Data != "button") {
			continue
		}
		name, value := attribute(node, "name"), attribute(node, "value")
		switch kind := attribute(node, "type"); {
		case node.Data == "button":
			f.Buttons = append(f.Buttons, name+"="+value)
		case node.Data == "input" && (kind == "checkbox" || kind == "radio"):
			f.Boxes = append(f.Boxes, name+"="+value)
			if has(node, "checked") && !has(node, "disabled") {
				f.Fields.Add(name, value)
			}
		case node.Data == "input" || node.Data == "textarea" || node.Data == "select":
			if node.Data == "textarea" {
				value = text(node)
			}
			f.Fields.Add(name, value)
		}
	}
	return f
}

// With returns the form with fields set; nil values remove one.
func (f Form) With(fields url.Values) Form {
	filled := url.Values{}
	for name, values := range f.Fields {
		filled[name] = values
	}
	for name, values := range fields {
		if values == nil {
			delete(filled, name)
			continue
		}
		filled[name] = values
	}
	f.Fields = filled
	return f
}

// Submit sends the form as the page's browser would.
func (f Form) Submit() Page {
	f.browser.t.Helper()
	return f.browser.follow(http.MethodPost, f.Action, f.Fields, nil)
}

// SubmitAs sends the form with other headers: from another site, say.
func (f Form) SubmitAs(header http.Header) Page {
	f.browser.t.Helper()
	return f.browser.follow(http.MethodPost, f.Action, f.Fields, header)
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// ErrorOnPage is the text of the element with the id oauth-error.
func ErrorOnPage(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return ""
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && attribute(node, "id") == "oauth-error" {
			return strings.TrimSpace(text(node))
		}
	}
	return ""
}

// parameter reads name="value" from a challenge.
func parameter(header, name string) string {
	_, rest, found := strings.Cut(header, name+`="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
