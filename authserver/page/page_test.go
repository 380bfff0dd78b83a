package page

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"example.com/acme-dreams/views"
)

// document renders a page as a browser would read it.
func document(t *testing.T, page templ.Component) *html.Node {
	t.Helper()
	var b bytes.Buffer
	if err := page.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// find returns the elements below n of that name whose attributes are as given,
// as pairs of name and value.
func find(n *html.Node, element string, attrs ...string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type != html.ElementNode || (element != "" && d.Data != element) {
			continue
		}
		matches := true
		for i := 0; i < len(attrs); i += 2 {
			value, has := attr(d, attrs[i])
			matches = matches && has && value == attrs[i+1]
		}
		if matches {
			found = append(found, d)
		}
	}
	return found
}

// only is find for what there has to be exactly one of.
func only(t *testing.T, n *html.Node, element string, attrs ...string) *html.Node {
	t.Helper()
	found := find(n, element, attrs...)
	if len(found) != 1 {
		t.Fatalf("%d elements %s %q, want one", len(found), element, attrs)
	}
	return found[0]
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func value(n *html.Node, name string) string {
	v, _ := attr(n, name)
	return v
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// form returns the form that a control stands in.
func form(t *testing.T, control *html.Node) *html.Node {
	t.Helper()
	for n := range control.Ancestors() {
		if n.Data == "form" {
			return n
		}
	}
	t.Fatal("the control stands in no form")
	return nil
}

func hasHidden(t *testing.T, form *html.Node, name, want string) {
	t.Helper()
	if got := value(only(t, form, "input", "type", "hidden", "name", name), "value"); got != want {
		t.Errorf("hidden %s = %q, want %q", name, got, want)
	}
}

func TestEveryPageIsOneDocumentWithoutInlineScriptOrStyle(t *testing.T) {
	for name, page := range samples() {
		t.Run(name, func(t *testing.T) {
			doc := document(t, page)
			only(t, doc, "h1")
			only(t, doc, "main", "id", "main")
			ids := map[string]bool{}
			for _, n := range find(doc, "") {
				if id, has := attr(n, "id"); has && ids[id] {
					t.Errorf("id %q stands twice", id)
				} else if has {
					ids[id] = true
				}
				for _, a := range n.Attr {
					if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
						t.Errorf("<%s> has the attribute %s, which the Content-Security-Policy refuses", n.Data, a.Key)
					}
				}
				if n.Data == "style" || (n.Data == "script" && n.FirstChild != nil) {
					t.Errorf("inline <%s>", n.Data)
				}
			}
			for _, n := range find(doc, "") {
				for _, id := range strings.Fields(value(n, "aria-describedby") + " " + value(n, "aria-labelledby") + " " + value(n, "for")) {
					if !ids[id] {
						t.Errorf("<%s> refers to the id %q, which is not there", n.Data, id)
					}
				}
			}
		})
	}
}

func TestEveryFormThatChangesSomethingIsPosted(t *testing.T) {
	for name, page := range samples() {
		for _, f := range find(document(t, page), "form") {
			if name == "form-post" && value(f, "action") == "http://localhost:9002/callback" {
				continue // the one form that is the client's business
			}
			if value(f, "method") == "get" && strings.Contains(text(f), "Compare") {
				continue // it compares, and changes nothing
			}
			if value(f, "method") != "post" || !strings.HasPrefix(value(f, "action"), "/") {
				t.Errorf("%s: form with method %q and action %q", name, value(f, "method"), value(f, "action"))
			}
		}
	}
}

func TestLoginAsksForUserNameAndPassword(t *testing.T) {
	doc := document(t, Login(sampleFrame(), sampleLogin()))
	submit := only(t, doc, "button", "id", "sign-in")
	f := form(t, submit)
	hasHidden(t, f, "interaction", "i-1")
	hasHidden(t, f, "csrf", "c-1")
	only(t, f, "input", "name", "username", "autocomplete", "username")
	only(t, f, "input", "name", "password", "autocomplete", "current-password", "type", "password")
	if _, ticked := attr(only(t, f, "input", "name", "remember"), "checked"); ticked {
		t.Error("“Keep me signed in” is ticked before anybody asked for it")
	}
	if got := text(doc); !strings.Contains(got, "You are on localhost:9000. Dreams (localhost:9002) sent you here and will not see your password.") {
		t.Errorf("the page does not say where one is and who asked: %s", got)
	}
}

func TestLoginPersonaIsTheOrdinaryForm(t *testing.T) {
	doc := document(t, Login(sampleFrame(), sampleLogin()))
	main := form(t, only(t, doc, "button", "id", "sign-in"))
	users := find(doc, "input", "type", "hidden", "name", "username")
	if len(users) != 4 {
		t.Fatalf("%d personas, want 4", len(users))
	}
	for _, user := range users {
		f := form(t, user)
		if value(f, "action") != value(main, "action") {
			t.Errorf("the persona %q is posted to %q", value(user, "value"), value(f, "action"))
		}
		hasHidden(t, f, "password", "wanderlust")
		hasHidden(t, f, "interaction", "i-1")
		hasHidden(t, f, "csrf", "c-1")
	}
}

func TestLoginWithoutPersonasShowsNoPassword(t *testing.T) {
	v := sampleLogin()
	v.Personas = nil
	if got := text(document(t, Login(sampleFrame(), v))); strings.Contains(got, "classroom") || strings.Contains(got, "wanderlust") {
		t.Errorf("the training strip is shown: %s", got)
	}
}

func TestLoginFailureDoesNotSayWhichFieldIsWrong(t *testing.T) {
	v := sampleLogin()
	v.Username, v.Error = "alice", "User name or password is wrong."
	doc := document(t, Login(sampleFrame(), v))
	if got := text(only(t, doc, "div", "role", "alert")); !strings.Contains(got, v.Error) {
		t.Errorf("the summary says %q", got)
	}
	f := form(t, only(t, doc, "button", "id", "sign-in"))
	for _, name := range []string{"username", "password"} {
		only(t, f, "input", "name", name, "aria-invalid", "true")
	}
	if got := value(only(t, f, "input", "name", "username"), "value"); got != "alice" {
		t.Errorf("the user name came back as %q", got)
	}
	if _, has := attr(only(t, f, "input", "name", "password"), "value"); has {
		t.Error("the page carries the password that was typed")
	}
}

func TestLoginTellsHowLongToWait(t *testing.T) {
	v := sampleLogin()
	v.Wait = "Try again in 4 minutes."
	if got := text(only(t, document(t, Login(sampleFrame(), v)), "div", "role", "alert")); !strings.Contains(got, v.Wait) {
		t.Errorf("the alert says %q", got)
	}
}

func TestConsentButtonsAreEqual(t *testing.T) {
	doc := document(t, Consent(signedInFrame(), sampleConsent()))
	allow := only(t, doc, "button", "id", "allow", "name", "decision", "value", "allow")
	deny := only(t, doc, "button", "id", "deny", "name", "decision", "value", "deny")
	if value(allow, "class") != value(deny, "class") || allow.Parent != deny.Parent {
		t.Errorf("allow is %q, deny %q", value(allow, "class"), value(deny, "class"))
	}
	f := form(t, allow)
	hasHidden(t, f, "interaction", "i-1")
	hasHidden(t, f, "csrf", "c-1")
}

func TestConsentTicksNothingThatCanBeRefused(t *testing.T) {
	for _, view := range []ConsentView{sampleConsent(), detailedConsent()} {
		ticksNothingThatCanBeRefused(t, view)
	}
}

func ticksNothingThatCanBeRefused(t *testing.T, view ConsentView) {
	t.Helper()
	doc := document(t, Consent(signedInFrame(), view))
	for _, scope := range view.all() {
		box := only(t, doc, "input", "type", "checkbox", "name", scope.field(), "value", scope.value())
		_, ticked := attr(box, "checked")
		_, disabled := attr(box, "disabled")
		if ticked != scope.Locked || disabled != scope.Locked {
			t.Errorf("%s: ticked %t, disabled %t, but locked %t", scope.Scope, ticked, disabled, scope.Locked)
		}
		if got := text(only(t, doc, "label", "for", value(box, "id"))); got != scope.Sentence {
			t.Errorf("%s is labelled %q", scope.Scope, got)
		}
		why := text(only(t, doc, "small", "id", value(box, "aria-describedby")))
		if !strings.Contains(why, scope.Reason) || !strings.Contains(why, "Sensitivity: "+scope.Sensitivity) {
			t.Errorf("%s is described by %q", scope.Scope, why)
		}
	}
	if locks := find(doc, "svg", "aria-label", "Always shared"); len(locks) != 2 {
		t.Errorf("%d locks, want 2", len(locks))
	}
}

func TestConsentGroupsByVerbAndSaysNothingWhereNothingIsAsked(t *testing.T) {
	groups := map[string]string{}
	for _, fieldset := range find(document(t, Consent(signedInFrame(), sampleConsent())), "fieldset") {
		groups[text(only(t, fieldset, "legend"))] = text(fieldset)
	}
	for _, verb := range []string{"Change", "Act for you"} {
		if !strings.Contains(groups[verb], "Nothing. Dreams does not ask") {
			t.Errorf("%s: %q", verb, groups[verb])
		}
	}
	for _, verb := range []string{"See", "Keep access while you’re away"} {
		if groups[verb] == "" || strings.Contains(groups[verb], "Nothing.") {
			t.Errorf("%s: %q", verb, groups[verb])
		}
	}
}

func TestConsentCountsOptionalScopesOnly(t *testing.T) {
	for _, test := range []struct {
		view ConsentView
		want string
	}{
		{sampleConsent(), "2 always shared, 0 of 5 optional ones ticked"},
		{detailedConsent(), "2 always shared, 0 of 4 optional ones ticked"},
		{againConsent(), "2 always shared, 1 of 5 optional ones ticked"},
	} {
		if got := text(only(t, document(t, Consent(signedInFrame(), test.view)), "span", "role", "status")); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestConsentAgainKeepsTicksAndMarksWhatIsNew(t *testing.T) {
	doc := document(t, Consent(signedInFrame(), againConsent()))
	if got := text(doc); !strings.Contains(got, "New since 3 May: your blog posts, unpublished ones and pictures included; look again without asking you each time.") {
		t.Errorf("the page does not say what is new: %s", got)
	}
	if _, ticked := attr(only(t, doc, "input", "name", "scope", "value", "preferences:read"), "checked"); !ticked {
		t.Error("what was granted before is not ticked")
	}
	if _, ticked := attr(only(t, doc, "input", "name", "scope", "value", "blog:read"), "checked"); ticked {
		t.Error("what is new is ticked")
	}
}

func TestConsentSaysWhoAsksAndInWhoseName(t *testing.T) {
	doc := document(t, Consent(signedInFrame(), sampleConsent()))
	got := text(doc)
	for _, want := range []string{
		"Dreams asks to see some of your data", "Dreams says: to find holidays you would like and e-mail you offers",
		"Dreams GmbH ✓ Verified by Acme", "localhost:9002", "Alice Moreau, alice@acme.test",
		"The right to book, write or delete anything as you.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	f := only(t, doc, "form", "action", "/account/switch")
	hasHidden(t, f, "interaction", "i-1")
	hasHidden(t, f, "csrf", "c-1")
}

func TestConsentDoesNotPromiseThatAWriterCannotWrite(t *testing.T) {
	doc := document(t, Consent(signedInFrame(), strangerConsent()))
	if got := text(doc); strings.Contains(got, "The right to book, write or delete") || !strings.Contains(got, "asks to see and change some of your data") {
		t.Errorf("the page promises too much: %s", got)
	}
}

func TestConsentOffersThreeDurations(t *testing.T) {
	doc := document(t, Consent(signedInFrame(), sampleConsent()))
	var values, checked []string
	for _, radio := range find(doc, "input", "type", "radio", "name", "duration") {
		values = append(values, value(radio, "value"))
		if _, has := attr(radio, "checked"); has {
			checked = append(checked, value(radio, "value"))
		}
	}
	if !slices.Equal(values, []string{"once", "30d", "until_revoked"}) || !slices.Equal(checked, []string{"until_revoked"}) {
		t.Errorf("durations %q, checked %q", values, checked)
	}
}

func TestConsentWarnsOfAClientThatNobodyVerified(t *testing.T) {
	got := text(document(t, Consent(signedInFrame(), strangerConsent())))
	for _, want := range []string{"Not verified: anyone could have chosen this name.", "Careful. Did you start this yourself"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(got, "✓ Verified") {
		t.Error("the page calls a stranger verified")
	}
}

// The hostile client brings markup, a script's address and characters that turn
// the direction of writing: RFC 6749 §10.13 and consent phishing.
func TestStrangersWordsStayWords(t *testing.T) {
	hostile := strangerConsent()
	login := sampleLogin()
	login.ClientName = hostile.Client.Name
	pages := map[string]templ.Component{
		"consent":    Consent(signedInFrame(), hostile),
		"login":      Login(sampleFrame(), login),
		"apps":       Apps(signedInFrame(), AppsView{Apps: []App{{Name: hostile.Client.Name, ClientID: `"><script>`, Host: "<b>"}}}),
		"app":        AppPage(signedInFrame(), AppView{App: App{Name: hostile.Client.Name, ClientID: `"><script>`, Host: "<b>", Active: true}}),
		"remove":     RemoveApp(signedInFrame(), AppView{App: App{Name: hostile.Client.Name, ClientID: `"><script>`}}),
		"remove all": RemoveAllApps(signedInFrame(), AppsView{Apps: []App{{Name: hostile.Client.Name, ClientID: `"><script>`}}}),
		"developer":  Developer(signedInFrame(), DeveloperView{Applications: []ApplicationLine{{ClientID: `"><script>`, Name: hostile.Client.Name}}}),
		"application": Application(signedInFrame(), ApplicationView{
			ClientID: `"><script>`, Name: hostile.Client.Name, Tab: ErrorsTab, Refusals: []RefusalLine{{Description: hostile.Client.Name, Code: `"><img src=x>`, Meaning: "x"}},
		}),
		"registered": Registered(signedInFrame(), RegisteredView{Name: hostile.Client.Name, Snippets: []Snippet{{Code: "</code><script>alert(1)</script>"}}}),
		"security": Security(signedInFrame(), SecurityView{
			Events: []SecurityEvent{{What: "<b>", App: hostile.Client.Name, Address: "<script>"}},
		}),
		"error": OAuthError(sampleFrame(), ErrorView{
			Code: "invalid_request", Heading: "Stop", ClientID: "<script>alert(1)</script>\u202e",
			Received: `javascript:alert("<b>")` + "\u202e", Registered: []string{"javascript:alert(1)"},
			Next: views.Link{Label: "Back", Href: "javascript:alert(1)"}, More: []views.Link{{Label: "Out", Href: "data:text/html,x"}},
		}),
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			doc := document(t, page)
			if scripts := find(doc, "script"); len(scripts) != 1 {
				t.Errorf("%d script elements, want the one of the frame", len(scripts))
			}
			for _, element := range []string{"img"} {
				if len(find(doc, element)) > 0 {
					t.Errorf("<%s> got into the page", element)
				}
			}
			for _, link := range find(doc, "a") {
				href := value(link, "href")
				if strings.HasPrefix(href, "javascript:") || strings.HasPrefix(href, "data:") {
					t.Errorf("a link leads to %q", href)
				}
			}
			if got := text(doc); strings.ContainsRune(got, '\u202e') {
				t.Error("U+202E got into the page")
			}
		})
	}
}

// What a developer sees of the consent page is the page, and does nothing.
func TestThePreviewOfTheConsentPageIsInert(t *testing.T) {
	preview := only(t, document(t, NewApplication(signedInFrame(), sampleApplicationForm())), "section", "id", "preview")
	if n := len(find(preview, "form")); n != 0 {
		t.Errorf("%d forms in it", n)
	}
	for _, button := range find(preview, "button") {
		if _, disabled := attr(button, "disabled"); !disabled || value(button, "type") != "button" {
			t.Errorf("%q can be pressed", text(button))
		}
	}
	asked := text(document(t, Consent(signedInFrame(), strangerConsent())))
	for _, want := range []string{"Not verified: anyone could have chosen this name.", "Allow selected", "Don’t allow", "How long?"} {
		if !strings.Contains(text(preview), want) || !strings.Contains(asked, want) {
			t.Errorf("%q is not on both", want)
		}
	}
}

func TestErrorPageNamesTheCheckAndShowsTheDifference(t *testing.T) {
	doc := document(t, OAuthError(sampleFrame(), sampleError()))
	if got := text(only(t, doc, "code", "id", "oauth-error")); got != "invalid_request" {
		t.Errorf("oauth-error is %q", got)
	}
	got := text(doc)
	for _, want := range []string{"Compared as strings", "RFC 9700 §4.1.3", "a trailing slash", "Send the registered address"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	only(t, doc, "a", "href", "https://www.rfc-editor.org/rfc/rfc9700#section-4.1.3")
}

func TestErrorPageListsEveryRegisteredURI(t *testing.T) {
	v := sampleError()
	v.Registered = []string{"https://a.example/", "https://b.example/"}
	got := text(document(t, OAuthError(sampleFrame(), v)))
	for _, uri := range v.Registered {
		if !strings.Contains(got, uri) {
			t.Errorf("%s is missing", uri)
		}
	}
}

func TestErrorPageWithoutDetailsHasNoneForDevelopers(t *testing.T) {
	doc := document(t, OAuthError(sampleFrame(), ErrorView{Code: "invalid_request", Heading: "Too old", Next: views.Link{Label: "Back to Dreams", Href: "http://localhost:9002"}}))
	if strings.Contains(text(doc), "For developers") {
		t.Error("an empty box for developers")
	}
	only(t, doc, "a", "class", "btn", "href", "http://localhost:9002")
}

func TestSpecificationLeadsToTheSection(t *testing.T) {
	for source, want := range map[string]string{
		"RFC 6749 §4.1.2.1":  "https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1",
		"RFC 9207":           "https://www.rfc-editor.org/rfc/rfc9207",
		"OIDC Core §3.1.2.1": "",
		"ours":               "",
	} {
		if got := specification(source); got != want {
			t.Errorf("%s leads to %q, want %q", source, got, want)
		}
	}
}

func TestAppsHaveOneFormEach(t *testing.T) {
	doc := document(t, Apps(signedInFrame(), sampleApps()))
	buttons := find(doc, "button", "name", "action", "value", "revoke")
	if len(buttons) != 2 {
		t.Fatalf("%d buttons, want 2", len(buttons))
	}
	for i, id := range []string{"dreams-web", "c_9f"} {
		f := form(t, buttons[i])
		hasHidden(t, f, "client_id", id)
		hasHidden(t, f, "csrf", "c-1")
	}
	if got := text(only(t, doc, "div", "role", "status")); !strings.Contains(got, "Dreams TV was removed.") {
		t.Errorf("the notice says %q", got)
	}
}

func TestAppsThatEndedCannotBeRemoved(t *testing.T) {
	doc := document(t, Apps(signedInFrame(), endedApps()))
	if len(find(doc, "button", "value", "revoke")) > 0 {
		t.Error("an app that ended has a button to remove it")
	}
	if got := text(only(t, doc, "a", "href", "/account/apps?tab=removed", "aria-current", "page")); got != "Removed (1)" {
		t.Errorf("the tab is %q", got)
	}
	if !strings.Contains(text(doc), "9 May 2026, removed by you") {
		t.Error("the page does not say how it ended")
	}
}

func TestAPermissionThatEveryConnectionHasCannotBeSwitchedOffAlone(t *testing.T) {
	doc := document(t, AppPage(signedInFrame(), sampleApp()))
	buttons := find(doc, "button", "name", "action", "value", "withdraw")
	if len(buttons) != 2 {
		t.Fatalf("%d buttons, want 2", len(buttons))
	}
	for i, name := range []string{"preferences:read", "blog:read"} {
		hasHidden(t, form(t, buttons[i]), "permission", name)
	}
}

func TestAppsNoneSaysWhatToDoNext(t *testing.T) {
	doc := document(t, Apps(signedInFrame(), AppsView{}))
	if got := text(doc); !strings.Contains(got, "No app may look at your data.") {
		t.Errorf("the empty list says %q", got)
	}
}

func TestSecurityAlarmIsMoreThanRed(t *testing.T) {
	doc := document(t, Security(signedInFrame(), sampleSecurity()))
	alarms := find(doc, "span", "class", "no")
	if len(alarms) != 1 || !strings.HasPrefix(text(alarms[0]), "✕") {
		t.Errorf("%d alarms with a sign, want 1", len(alarms))
	}
	only(t, doc, "a", "href", "?before=7")
}

func TestConfirmSendsItsHiddenFields(t *testing.T) {
	doc := document(t, Confirm(sampleFrame(), ConfirmView{
		Heading: "Sign out?", Action: "/account/logout", Button: "Sign out", CancelHref: "/account",
		Hidden: []KeyValue{{"csrf", "c-1"}, {"state", `"><b>`}},
	}))
	f := only(t, doc, "form", "action", "/account/logout")
	hasHidden(t, f, "csrf", "c-1")
	hasHidden(t, f, "state", `"><b>`)
	only(t, f, "a", "href", "/account")
}

func TestHomeNamesIssuerAndDiscovery(t *testing.T) {
	doc := document(t, Home(sampleFrame(), HomeView{Issuer: "https://id.example", SignIn: "/login"}))
	if !strings.Contains(text(doc), "https://id.example") {
		t.Error("the issuer is missing")
	}
	for _, href := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"} {
		only(t, doc, "a", "href", href)
	}
}
