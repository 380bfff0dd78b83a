package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func poll(device Response) url.Values {
	return url.Values{"grant_type": {deviceCodeGrant}, "client_id": {"dreams-tv"}, "device_code": {device.String("device_code")}}
}

// RFC 8628 §3.2, §6.1.
func TestDeviceAuthorizationResponse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	answer := w.Device(t, "profile offline_access")
	code, user := answer.String("device_code"), answer.String("user_code")
	if len(code) < 43 {
		t.Errorf("device_code %q has less than 256 bits", code)
	}
	letters := strings.ReplaceAll(user, "-", "")
	if len(letters) != 8 || strings.Trim(letters, "BCDFGHJKLMNPQRSTVWXZ") != "" {
		t.Errorf("user_code %q", user)
	}
	if answer.String("verification_uri") != w.Auth+"/device" || answer.String("verification_uri_complete") != w.Auth+"/device?user_code="+user {
		t.Errorf("%s", answer.Body)
	}
	if answer.JSON()["expires_in"] != 600.0 || answer.JSON()["interval"] != 5.0 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", answer.Body, answer.Header)
	}
}

func TestDeviceAuthorizationRefusals(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"no scope":               {url.Values{"client_id": {"dreams-tv"}}, "400 invalid_scope"},
		"a scope not its own":    {url.Values{"client_id": {"dreams-tv"}, "scope": {"blog:read"}}, "400 invalid_scope"},
		"another grant's client": {url.Values{"client_id": {"dreams-spa"}, "scope": {"profile"}}, "400 unauthorized_client"},
		"nobody":                 {url.Values{"scope": {"profile"}}, "401 invalid_client"},
		"unknown":                {url.Values{"client_id": {"nope"}, "scope": {"profile"}}, "401 invalid_client"},
		"scope twice":            {url.Values{"client_id": {"dreams-tv"}, "scope": {"profile", "profile"}}, "400 invalid_request"},
	} {
		if got := w.Post(t, w.Auth+"/device_authorization", nil, c.form).Refusal(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if answer := w.Do(t, http.MethodGet, w.Auth+"/device_authorization", nil, ""); answer.Status != 405 || !strings.Contains(answer.Header.Get("Allow"), "POST") {
		t.Errorf("GET: %d, Allow %q", answer.Status, answer.Header.Get("Allow"))
	}
}

// RFC 8628 §3.5, in the order in which a television meets it.
func TestDeviceCodeFlow(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	device := w.Device(t, "profile preferences:read offline_access")
	for _, step := range []struct {
		wait time.Duration
		want string
	}{
		{0, "400 authorization_pending"},
		{time.Second, "400 slow_down"},     // 5 s are asked, 10 from now on
		{6 * time.Second, "400 slow_down"}, // 15 from now on
		{16 * time.Second, "400 authorization_pending"},
	} {
		w.Clock.Advance(step.wait)
		if got := w.Token(t, nil, poll(device)).Refusal(); got != step.want {
			t.Fatalf("after %s: %s, want %s", step.wait, got, step.want)
		}
	}
	b := w.SignedIn(t, "alice")
	typed := " " + strings.ToLower(strings.ReplaceAll(device.String("user_code"), "-", " ")) + " "
	question := w.TypeCode(b, typed)
	if !strings.Contains(question.Body, "If somebody sent you this code") || !strings.Contains(question.Body, device.String("user_code")) {
		t.Error("the consent page does not warn of codes that somebody sent")
	}
	done := b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
	if done.Status != 200 || !strings.Contains(done.Body, "Look at your television") {
		t.Fatalf("%d %s", done.Status, done.URL)
	}
	w.Clock.Advance(time.Minute)
	tokens := w.Token(t, nil, poll(device))
	if tokens.Status != 200 || tokens.String("scope") != "profile preferences:read" || tokens.String("refresh_token") != "" {
		t.Fatalf("%d %s", tokens.Status, tokens.Body)
	}
	w.Clock.Advance(time.Minute)
	if got := w.Token(t, nil, poll(device)).Refusal(); got != "400 invalid_grant" {
		t.Errorf("the same code again: %s", got)
	}
	// The consent is listed, and removing it ends the television's tokens.
	apps := b.Get(w.Auth + "/account/apps")
	b.Form(apps, "action").With(url.Values{"client_id": {"dreams-tv"}, "action": {"revoke"}}).Submit()
	answer := w.Post(t, w.Auth+"/introspect", Basic("acme-api"), url.Values{"token": {tokens.String("access_token")}})
	if strings.TrimSpace(answer.Body) != `{"active":false}` {
		t.Errorf("after removal: %s", answer.Body)
	}
}

func TestADeviceThatIsDeniedOrTooLate(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	denied, late := w.Device(t, "profile"), w.Device(t, "profile")
	question := w.TypeCode(b, denied.String("user_code"))
	b.Form(question, "decision").With(url.Values{"decision": {"deny"}}).Submit()
	if got := w.Token(t, nil, poll(denied)).Refusal(); got != "400 access_denied" {
		t.Errorf("denied: %s", got)
	}
	if page := w.TypeCode(b, denied.String("user_code")); page.Status != 422 {
		t.Errorf("a code that was answered is asked about again: %d", page.Status)
	}
	w.Clock.Advance(10 * time.Minute)
	if got := w.Token(t, nil, poll(late)).Refusal(); got != "400 expired_token" {
		t.Errorf("too late: %s", got)
	}
	if page := w.TypeCode(b, late.String("user_code")); page.Status != 422 {
		t.Errorf("an expired code is asked about: %d", page.Status)
	}
	if got := w.Token(t, nil, url.Values{"grant_type": {deviceCodeGrant}, "client_id": {"dreams-tv"}, "device_code": {"nope"}}).Refusal(); got != "400 invalid_grant" {
		t.Errorf("unknown: %s", got)
	}
	if got := w.Token(t, nil, url.Values{"grant_type": {deviceCodeGrant}, "client_id": {"dreams-tv"}}).Refusal(); got != "400 invalid_request" {
		t.Errorf("none: %s", got)
	}
}

// RFC 8628 §5: the page is a form of ours, and codes cannot be tried out.
func TestDevicePageIsGuarded(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := NewBrowser(t)
	form := b.Form(b.Get(w.Auth+"/device"), "user_code")
	if page := form.With(url.Values{"csrf": nil, "user_code": {"BCDF-GHJK"}}).Submit(); page.Status != 403 {
		t.Errorf("without the form's token: %d", page.Status)
	}
	for range 10 {
		if page := form.With(url.Values{"user_code": {"BCDF-GHJK"}}).Submit(); page.Status != 422 {
			t.Fatalf("a wrong code: %d", page.Status)
		}
	}
	page := form.With(url.Values{"user_code": {"BCDF-GHJK"}}).Submit()
	if page.Status != 429 || page.Header.Get("Retry-After") == "" {
		t.Errorf("the eleventh: %d, Retry-After %q", page.Status, page.Header.Get("Retry-After"))
	}
	if page := b.Form(b.Get(w.Auth+"/device?user_code=%3Cscript%3E"), "user_code"); page.Fields.Get("user_code") != "" {
		t.Errorf("a prefilled %q", page.Fields.Get("user_code"))
	}
}

// A person signs in on the way, and the code is not lost.
func TestDeviceCodeThroughTheLoginPage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	device := w.Device(t, "profile")
	b := NewBrowser(t)
	login := b.Form(b.Get(device.String("verification_uri_complete")), "user_code").Submit()
	question := w.LogIn(b, login, "carol", "wanderlust")
	b.Form(question, "decision").With(url.Values{"decision": {"allow"}}).Submit()
	if tokens := w.Token(t, nil, poll(device)); tokens.Status != 200 {
		t.Errorf("%d %s", tokens.Status, tokens.Body)
	}
}
