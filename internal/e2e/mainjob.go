package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Addresses are the public base URLs of three running programs.
type Addresses struct{ Auth, Acme, Dreams string }

// RevocationTime is how long after a person removed an application it may still
// be let in.
const RevocationTime = 2 * time.Second

// MainJob is what the programs are there for, done by a scripted browser: alice
// connects Dreams to her Acme account, lets some of her data through, sees
// offers made from it, finds the letter with them, and takes it all back. step
// is told what was done.
func MainJob(t Reporter, at Addresses, step func(string)) {
	t.Helper()
	j := mainJob{t: t, at: at, step: step, browser: NewBrowser(t)}
	j.removeEarlier()
	j.connect()
	j.signIn()
	j.consent()
	j.offers()
	j.outbox()
	j.remove()
	j.ended()
}

type mainJob struct {
	t       Reporter
	at      Addresses
	step    func(string)
	browser *Browser
	page    Page // where the browser is
}

// want fails unless the page has the status and every one of the texts.
func (j *mainJob) want(status int, texts ...string) {
	j.t.Helper()
	content := visibleText(j.page.Body)
	if j.page.Status != status {
		j.t.Fatalf("%s answered %d, expected %d: %.600s", j.page.URL, j.page.Status, status, content)
	}
	for _, text := range texts {
		if !strings.Contains(content, text) {
			j.t.Fatalf("%s does not say %q: %.2000s", j.page.URL, text, content)
		}
	}
}

// wantAt fails unless the page's address begins with the prefix.
func (j *mainJob) wantAt(prefix string) {
	j.t.Helper()
	if !strings.HasPrefix(j.page.URL.String(), prefix) {
		j.t.Fatalf("the browser is at %s, expected %s: %.600s", j.page.URL, prefix, visibleText(j.page.Body))
	}
}

// removeEarlier ends what an earlier run may have left, in a browser of its
// own, so that the consent page is the one of a first time.
func (j *mainJob) removeEarlier() {
	j.t.Helper()
	b := NewBrowser(j.t)
	login := b.Get(j.at.Auth + "/login")
	b.Form(login, "password").With(url.Values{"username": {"alice"}, "password": {"wanderlust"}}).Submit()
	apps := b.Get(j.at.Auth + "/account/apps")
	for _, f := range b.Forms(apps) {
		if f.Fields.Get("client_id") == "dreams-web" {
			f.With(url.Values{"action": {"revoke"}}).Submit()
			j.step("removed what an earlier run had connected")
		}
	}
}

func (j *mainJob) connect() {
	j.t.Helper()
	j.page = j.browser.Get(j.at.Dreams + "/")
	j.want(200, "Connect my Acme account")
	link := linkTo(j.page.Body, "Connect my Acme account")
	if link == "" {
		j.t.Fatalf("%s: \"Connect my Acme account\" is not a link", j.page.URL)
	}
	target, err := j.page.URL.Parse(link)
	if err != nil {
		j.t.Fatal(err)
	}
	j.page = j.browser.Get(target.String())
	j.wantAt(j.at.Auth + "/")
	j.want(200, "Sign in to Acme", "will not see your password")
	j.step("opened Dreams, clicked \"Connect my Acme account\", and came to the sign-in of " + j.page.URL.Host)
}

func (j *mainJob) signIn() {
	j.t.Helper()
	j.page = j.browser.Form(j.page, "password").With(url.Values{"username": {"alice"}, "password": {"wanderlust"}}).Submit()
	j.wantAt(j.at.Auth + "/")
	j.want(200)
	j.step("signed in as alice")
}

// asked is what Dreams asks for; the first two cannot be refused.
var asked = []string{"openid", "profile", "email", "preferences:read", "blog:read", "offline_access"}

func (j *mainJob) consent() {
	j.t.Helper()
	dreams, err := url.Parse(j.at.Dreams)
	if err != nil {
		j.t.Fatal(err)
	}
	j.want(200, "Dreams", "Alice Moreau", dreams.Host)
	form := j.browser.Form(j.page, "decision")
	for _, scope := range asked {
		if !slices.Contains(form.Boxes, "scope="+scope) {
			j.t.Fatalf("the consent page has no box for %s, only %v", scope, form.Boxes)
		}
	}
	if ticked := form.Fields["scope"]; len(ticked) > 0 {
		j.t.Fatalf("on the consent page %v is ticked before anybody chose", ticked)
	}
	j.step("the consent page says who asks and for what; nothing that is optional is ticked")

	j.page = form.With(url.Values{"scope": {"preferences:read", "email", "offline_access"}, "decision": {"allow"}}).Submit()
	j.wantAt(j.at.Dreams + "/offers")
	j.step("allowed preferences:read, email and offline_access, and not blog:read")
}

// offers checks that what is shown was made from alice's record at Acme
// (seed/preferences.json) and not from what she kept to herself.
func (j *mainJob) offers() {
	j.t.Helper()
	j.want(200, "offers for you, Alice", "GET /api/v1/me/preferences", "preferences:read", "blog:read not granted")
	content := visibleText(j.page.Body)
	for _, interest := range []string{"hiking", "mountains", "huts"} {
		if strings.Contains(content, "You like "+interest) {
			j.step(fmt.Sprintf("saw %q, with \"You like %s\" from her preferences, and that her posts were not used", heading(j.page.Body), interest))
			return
		}
	}
	j.t.Fatalf("no offer names one of alice's interests as its reason: %.3000s", content)
}

func (j *mainJob) outbox() {
	j.t.Helper()
	j.page = j.browser.Get(j.at.Dreams + "/outbox")
	j.want(200, "alice@acme.test", "Alice,", "Stop these letters")
	j.step("found the letter to alice@acme.test in the outbox")
}

func (j *mainJob) remove() {
	j.t.Helper()
	j.page = j.browser.Get(j.at.Auth + "/account/apps")
	j.want(200, "Dreams", "dreams-web", "Remove access")
	for _, f := range j.browser.Forms(j.page) {
		if f.Fields.Get("client_id") == "dreams-web" {
			j.page = f.With(url.Values{"action": {"revoke"}}).Submit()
			j.want(200)
			j.step("removed Dreams in the connected apps")
			return
		}
	}
	j.t.Fatalf("%s has no form that removes dreams-web", j.page.URL)
}

func (j *mainJob) ended() {
	j.t.Helper()
	removed := time.Now()
	for {
		j.page = j.browser.Get(j.at.Dreams + "/offers")
		if strings.Contains(visibleText(j.page.Body), "You stopped sharing") {
			break
		}
		if time.Since(removed) > RevocationTime {
			j.t.Fatalf("Dreams still shows %q %v after it was removed", heading(j.page.Body), RevocationTime)
		}
		time.Sleep(50 * time.Millisecond)
	}
	j.want(200, "Connect again")
	j.step(fmt.Sprintf("Dreams says that the connection ended, %d ms later", time.Since(removed).Milliseconds()))
}

// visibleText is the text of a page with single spaces, as a person reads it.
func visibleText(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	return strings.Join(strings.Fields(text(root)), " ")
}

// linkTo is the address of the link with a text.
func linkTo(page, label string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return ""
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "a" && strings.TrimSpace(text(node)) == label {
			return attribute(node, "href")
		}
	}
	return ""
}

func heading(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return ""
	}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && node.Data == "h1" {
			return strings.Join(strings.Fields(text(node)), " ")
		}
	}
	return ""
}
