package e2e

import (
	"bytes"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// linkIn is the newest link in a text that a letter has to confirm an address.
func linkIn(t Reporter, text string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "/account/address?token=")
	if !found {
		t.Fatal("no letter asks for an address to be confirmed")
	}
	return "/account/address?token=" + after[:strings.IndexFunc(after, func(r rune) bool { return strings.ContainsRune("\"&< \r\n", r) })]
}

// answerLetter confirms the address that is waiting, with the letter in the outbox.
func (w *World) answerLetter(b *Browser) Page {
	b.t.Helper()
	return b.Form(b.Get(w.Auth+linkIn(b.t, b.Get(w.Auth+"/account/outbox").Body)), "token").With(url.Values{"action": {"confirm"}}).Submit()
}

// wants asks for another address.
func (w *World) wants(b *Browser, email string) Page {
	b.t.Helper()
	return b.Form(b.Get(w.Auth+"/account/profile"), "name").With(url.Values{"email": {email}}).Submit()
}

// Another address counts when its reader has said so, and not before: for signing in,
// for Acme, for applications. The address before is told.
func TestAnotherAddressIsConfirmedByMail(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	b := w.SignedIn(t, "bob")
	b.Stay = w.Dreams
	token := w.granted(t, w.Allow(b, w.Request("openid profile email"), "email")).String("access_token")
	knows := func(email string, verified bool) bool {
		info := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(token), "").JSON()
		return info["email"] == email && info["email_verified"] == verified && w.API(t, "GET", "/me", token, "").String("email") == email
	}
	signsIn := func(login string) bool {
		b := NewBrowser(t)
		return w.LogIn(b, b.Get(w.Auth+"/login"), login, "wanderlust").URL.Path == "/account"
	}
	says(t, w.wants(b, "Bob@New.test").Body, "A letter is on its way", "To be confirmed", "bob@new.test", "bob@acme.test")
	if !knows("bob@acme.test", true) || signsIn("bob@new.test") || !signsIn("bob@acme.test") {
		t.Error("the address counts before it is confirmed")
	}
	outbox := b.Get(w.Auth + "/account/outbox").Body
	says(t, outbox, "Confirm your e-mail address", "Your e-mail address is about to change", "bob@new.test")
	// Opening the link does nothing: mail servers open links.
	link := w.Auth + linkIn(t, outbox)
	for range 2 {
		says(t, b.Get(link).Body, "Is this your address?", "bob@new.test")
	}
	if !knows("bob@acme.test", true) {
		t.Error("the link alone has changed it")
	}
	says(t, w.answerLetter(b).Body, "confirmed, and counts")
	waitFor(t, within, "the address counts everywhere", func() bool { return knows("bob@new.test", true) })
	if !signsIn("bob@new.test") || signsIn("bob@acme.test") {
		t.Error("the wrong address signs in")
	}
	says(t, b.Get(w.Auth+"/account/outbox").Body, "Your e-mail address has changed")
	if got := b.Get(link); got.Status != http.StatusNotFound {
		t.Errorf("the link again: %d", got.Status)
	}
	w.wantLogged(t, "address confirmed", "", 1)
}

// A link is for one account, once, half an hour, the newest, and for a person at our
// page; the database does not have it.
func TestLinksThatConfirmNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b, carol := w.SignedIn(t, "bob"), w.SignedIn(t, "carol")
	ask := func(email string) (link string) {
		t.Helper()
		w.wants(b, email)
		return w.Auth + linkIn(t, b.Get(w.Auth+"/account/outbox").Body)
	}
	counts := func() string { return w.value(t, "authserver", "SELECT email FROM users WHERE username = 'bob'") }
	post := func(b *Browser, link string) Page {
		csrf := b.Form(b.Get(w.Auth+"/account"), "csrf").Fields["csrf"]
		u, _ := url.Parse(link)
		return b.follow("POST", w.Auth+"/account/address", url.Values{"csrf": csrf, "token": {u.Query().Get("token")}, "action": {"confirm"}}, nil)
	}
	first := ask("bob@one.test")
	for _, file := range []string{"authserver.db", "authserver.db-wal"} {
		content, _ := os.ReadFile(filepath.Join(w.DataDir, file))
		if _, secret, _ := strings.Cut(first, "token="); len(secret) < 20 || bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s has what stands in the letter", file)
		}
	}
	for what, page := range map[string]Page{
		"carol reads it": carol.Get(first), "carol answers": post(carol, first), "made up": post(b, w.Auth+"/account/address?token=ea_made-up"), "none": post(b, w.Auth+"/account/address"),
	} {
		if page.Status != http.StatusNotFound {
			t.Errorf("%s: %d", what, page.Status)
		}
	}
	if page := NewBrowser(t).Get(first); page.URL.Path != "/login" {
		t.Errorf("nobody is sent to %s", page.URL)
	}
	form := b.Form(b.Get(first), "token").With(url.Values{"action": {"confirm"}})
	for what, page := range map[string]Page{
		"without the form token": form.With(url.Values{"csrf": nil}).Submit(),
		"from another site":      form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}),
	} {
		if page.Status != http.StatusForbidden {
			t.Errorf("%s: %d", what, page.Status)
		}
	}
	if page := form.With(url.Values{"action": {"change"}}).Submit(); page.Status != http.StatusBadRequest {
		t.Errorf("another action: %d", page.Status)
	}
	second := ask("bob@two.test")
	if page := post(b, first); page.Status != http.StatusNotFound || counts() != "bob@acme.test" {
		t.Errorf("the one before: %d", page.Status)
	}
	w.Clock.Advance(31 * time.Minute)
	if page := post(b, second); page.Status != http.StatusNotFound || counts() != "bob@acme.test" {
		t.Errorf("after half an hour: %d", page.Status)
	}
	forgotten := ask("bob@three.test")
	b.Form(b.Get(w.Auth+"/account/profile"), "action").With(url.Values{"action": {"forget"}}).Submit()
	if page := post(b, forgotten); page.Status != http.StatusNotFound || counts() != "bob@acme.test" {
		t.Errorf("after forgetting: %d", page.Status)
	}
	// Whoever had the password before may have asked.
	stolen := ask("mallory@evil.test")
	b.Form(b.Get(w.Auth+"/account/password"), "current").With(url.Values{"current": {"wanderlust"}, "password": {"a walk in the hills"}}).Submit()
	if page := post(b, stolen); page.Status != http.StatusNotFound || counts() != "bob@acme.test" {
		t.Errorf("after another password: %d", page.Status)
	}
	// Twice at once it counts once.
	w.Clock.Advance(11 * time.Minute)
	last := ask("bob@four.test")
	statuses := make(chan int, 8)
	for range cap(statuses) {
		go func() { statuses <- post(b, last).Status }()
	}
	var all []int
	for range cap(statuses) {
		all = append(all, <-statuses)
	}
	if n := len(slices.DeleteFunc(all, func(status int) bool { return status != http.StatusOK })); n != 1 || counts() != "bob@four.test" {
		t.Errorf("%d of %d answers counted", n, cap(statuses))
	}
}

// Whose an address is already, the page does not say; its reader is told, and cannot
// confirm anything. One that somebody else took meanwhile is not given twice.
func TestAnAddressThatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	office := openPostOffice(t)
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"SMTP_URL": "smtp://" + office.address}})
	b, carol := w.SignedIn(t, "bob"), w.SignedIn(t, "carol")
	mailed := func(to, subject string) (text string) {
		t.Helper()
		waitFor(t, 5*time.Second, subject+" to "+to, func() bool {
			for _, l := range office.letters() {
				m, err := mail.ReadMessage(bytes.NewReader(l.data))
				if err != nil {
					t.Fatal(err)
				}
				if slices.Equal(l.to, []string{to}) && m.Header.Get("Subject") == subject {
					text = strings.ReplaceAll(string(l.data), "=\r\n", "")
					text = strings.ReplaceAll(text, "=3D", "=")
				}
			}
			return text != ""
		})
		return text
	}
	said := func(email string) string {
		return strings.ReplaceAll(strings.ReplaceAll(w.wants(b, email).Body, email, "?"), strings.ToUpper(email), "?")
	}
	taken := said("alice@acme.test")
	if text := mailed("alice@acme.test", "Somebody wanted to use your e-mail address"); strings.Contains(text, "token") {
		t.Error("alice can confirm bob's wish")
	}
	free := said("free@new.test")
	if csrf := b.Form(b.Get(w.Auth+"/account"), "csrf").Fields.Get("csrf"); strings.ReplaceAll(taken, csrf, "") != strings.ReplaceAll(free, csrf, "") {
		t.Error("the page tells a taken address from another")
	}
	mailed("bob@acme.test", "Your e-mail address is about to change")
	bobs := linkIn(t, mailed("free@new.test", "Confirm your e-mail address"))
	w.wants(carol, "free@new.test")
	waitFor(t, 5*time.Second, "carol's letter", func() bool { return len(office.letters()) >= 6 })
	for _, l := range office.letters() {
		if text := strings.ReplaceAll(strings.ReplaceAll(string(l.data), "=\r\n", ""), "=3D", "="); strings.Contains(text, "account carol") && strings.Contains(text, "token=") {
			carol.Form(carol.Get(w.Auth+linkIn(t, text)), "token").With(url.Values{"action": {"confirm"}}).Submit()
		}
	}
	if n := w.value(t, "authserver", "SELECT username FROM users WHERE email = 'free@new.test'"); n != "carol" {
		t.Fatalf("the address is %q's", n)
	}
	page := b.Form(b.Get(w.Auth+bobs), "token").With(url.Values{"action": {"confirm"}}).Submit()
	if page.Status != http.StatusNotFound || w.value(t, "authserver", "SELECT email FROM users WHERE username = 'bob'") != "bob@acme.test" {
		t.Errorf("bob took it from carol: %d", page.Status)
	}
	// With a mail server nobody reads letters here.
	if got := b.Get(w.Auth + "/account/outbox"); got.Status != http.StatusNotFound {
		t.Errorf("the outbox: %d", got.Status)
	}
	// A mailbox is not filled from here.
	var last Page
	for range 10 {
		last = w.wants(b, "victim@new.test")
	}
	if last.Status != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Errorf("ten letters: %d", last.Status)
	}
}

// A new account's address is not confirmed until its letter is answered, and a letter
// that a stranger causes has none of their words.
func TestANewAccountConfirmsItsAddress(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := NewBrowser(t)
	b.Stay = w.Dreams
	fields := newcomer("dora")
	fields.Set("name", "Buy now at evil.test")
	question := w.signUp(b, w.Authorize(b, w.Request("openid profile email")), fields)
	token := w.granted(t, decide(b, question, "allow", nil, "email")).String("access_token")
	verified := func() any {
		return w.Do(t, "GET", w.Auth+"/userinfo", Bearer(token), "").JSON()["email_verified"]
	}
	if verified() != false {
		t.Error("an address that nobody confirmed is verified")
	}
	letters := b.Get(w.Auth + "/account/outbox").Body
	_, letter, _ := strings.Cut(letters, "<article")
	letter, _, _ = strings.Cut(letter, "</article>")
	saysNot(t, letter, "Buy now")
	w.answerLetter(b)
	if verified() != true {
		t.Error("the confirmed address is not verified")
	}
	if w.value(t, "authserver", "SELECT count(*) FROM address_changes") != "0" {
		t.Error("something waits still")
	}
}
