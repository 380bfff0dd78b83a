package e2e

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// RFC 8628: the lesson asks twice at once and is told slow_down; afterwards its
// code is good for nothing.
func TestLessonDeviceCode(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	page := html.UnescapeString(b.Form(b.Get(w.Dreams+"/learn/device-code"), "run").Submit().Body)
	says(t, page, "/device_authorization", "slow_down", "authorization_pending", "every 10 seconds", "It goes on", "Open the phone simulator")
	code := regexp.MustCompile(`The television shows ([A-Z]{4}-[A-Z]{4})`).FindStringSubmatch(page)
	if code == nil {
		t.Fatalf("no code:\n%s", section(page))
	}
	if waiting := b.Get(w.Dreams + "/learn/device-code"); waiting.Header.Get("Refresh") == "" || strings.Contains(waiting.Body, "expired") {
		t.Errorf("the page does not open itself again: %v", waiting.Header)
	}
	phone := w.SignedIn(t, "alice")
	phone.Form(w.TypeCode(phone, code[1]), "decision").With(url.Values{"scope": {"profile", "packages:read"}, "decision": {"allow"}, "duration": nil}).Submit()
	w.Clock.Advance(11 * time.Second)
	page = html.UnescapeString(b.Get(w.Dreams + "/learn/device-code").Body)
	says(t, page, "Alice Moreau", "✓ Refused", `id="refusal">invalid_grant`, "has been used before", "dreams-tv")
	saysNot(t, page, "It goes on", "ended early", "should have been", "Open the phone simulator")
	if got := b.Get(w.Dreams + "/learn/device-code").Header.Get("Refresh"); got != "" {
		t.Errorf("the page goes on opening itself: %s", got)
	}
}

func TestLessonDeviceCodeThatIsDenied(t *testing.T) { // RFC 8628 §3.5
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	page := b.Form(b.Get(w.Dreams+"/learn/device-code"), "run").Submit().Body
	code := regexp.MustCompile(`The television shows ([A-Z]{4}-[A-Z]{4})`).FindStringSubmatch(page)
	phone := w.SignedIn(t, "alice")
	phone.Form(w.TypeCode(phone, code[1]), "decision").With(url.Values{"decision": {"deny"}, "duration": nil}).Submit()
	w.Clock.Advance(11 * time.Second)
	page = b.Get(w.Dreams + "/learn/device-code").Body
	says(t, page, "It got access_denied", "has nothing, and stops asking")
	saysNot(t, page, "ended early", "It goes on")
}

// The widget's script brings the token; here the test does.
func TestLessonImplicit(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	b.Stay = w.Dreams + "/widget/callback"
	answer := b.Get(w.Auth + "/authorize?" + url.Values{
		"response_type": {"token"}, "client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"},
		"scope": {"profile packages:read preferences:read"}, "state": {"S1"},
	}.Encode())
	if answer.Location == "" {
		answer = b.Form(answer, "decision").With(url.Values{"scope": {"profile"}, "decision": {"allow"}}).Submit()
	}
	token := answer.Answer().Get("access_token")
	if token == "" {
		t.Fatalf("no token: %s", answer.Location)
	}
	b.Stay = ""
	if begun := b.Form(b.Get(w.Dreams+"/learn/implicit"), "run").Submit(); begun.URL.String() != w.Dreams+"/widget?for=lesson" || !strings.Contains(begun.Body, `data-lesson="true"`) {
		t.Errorf("the lesson begins at %s", begun.URL)
	}
	bring := func() string {
		form := b.Form(b.Get(w.Dreams+"/widget"), "access_token")
		return html.UnescapeString(form.With(url.Values{"access_token": {token}, "expires_in": {"3600"}, "scope": {"profile"}}).Submit().Body)
	}
	page := bring()
	says(t, page, "Alice Moreau", "dreams-widget", "✓ Refused", `id="refusal">unauthorized_client`, "Connect your account to Dreams and run this again")
	saysNot(t, page, "ended early", "should have been")

	b.Form(b.Get(w.Dreams+"/connect"), "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
	page = bring()
	says(t, page, "A token of dreams-web, given to the widget", "The widget got the same answer with a token of dreams-web", "✓ Refused")
	saysNot(t, page, "ended early", "should have been")
}

// RFC 6749 §4.3: dreams-web may not use the grant, and no password is recorded.
func TestLessonPassword(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	run := func(password string) string {
		form := b.Form(b.Get(w.Dreams+"/learn/password"), "run").With(url.Values{"username": {"alice"}, "password": {password}})
		return html.UnescapeString(form.Submit().Body)
	}
	page := run("wanderlust")
	says(t, page, "a password of 10 characters, in clear", "Alice Moreau", "acme-mobile", "✓ Refused", `id="refusal">unauthorized_client`)
	saysNot(t, page, "ended early", "should have been")
	if strings.Contains(section(page), "wanderlust") || strings.Contains(section(page), "any password</") {
		t.Errorf("the password is recorded:\n%s", section(page))
	}
	page = run("wrong and long enough to notice")
	says(t, page, "ended early", "invalid_grant")
	if strings.Contains(page, "wrong and long") {
		t.Error("the wrong password is on the page")
	}
}
