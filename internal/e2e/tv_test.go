package e2e

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// television is a tab with Dreams on the television.
type television struct {
	t *testing.T
	w *World
	b *Browser
}

func switchedOn(t *testing.T, w *World) television {
	t.Helper()
	tv := television{t, w, NewBrowser(t)}
	tv.press("/tv")
	return tv
}

// press presses the button of the form that is sent to path.
func (tv television) press(path string) string {
	tv.t.Helper()
	page := tv.b.Get(tv.w.Dreams + "/tv")
	for _, f := range tv.b.Forms(page) {
		if f.Action == tv.w.Dreams+path {
			return html.UnescapeString(f.Submit().Body)
		}
	}
	tv.t.Fatalf("no form for %s:\n%s", path, page.Body)
	return ""
}

func (tv television) screen() string {
	tv.t.Helper()
	page := tv.b.Get(tv.w.Dreams + "/tv")
	if page.Status != 200 {
		tv.t.Fatalf("/tv: %d %s", page.Status, page.Body)
	}
	return html.UnescapeString(page.Body)
}

func (tv television) until(words string) string {
	tv.t.Helper()
	screen := ""
	for begin := time.Now(); time.Since(begin) < 15*time.Second; time.Sleep(50 * time.Millisecond) {
		if screen = tv.screen(); strings.Contains(screen, words) {
			return screen
		}
	}
	tv.t.Fatalf("the screen never says %q:\n%s", words, screen)
	return ""
}

var userCode = regexp.MustCompile(`<p class="code">([A-Z]{4}-[A-Z]{4})</p>`)

func (tv television) code() string {
	tv.t.Helper()
	found := userCode.FindStringSubmatch(tv.screen())
	if found == nil {
		tv.t.Fatalf("no code in groups of four:\n%s", tv.screen())
	}
	return found[1]
}

// decide is the person with the telephone.
func (tv television) decide(username, decision string, scopes ...string) {
	tv.t.Helper()
	phone := tv.w.SignedIn(tv.t, username)
	asked := tv.w.TypeCode(phone, tv.code())
	phone.Form(asked, "decision").With(url.Values{"scope": scopes, "decision": {decision}, "duration": nil}).Submit()
}

var quick = Options{Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s"}}

func TestTelevision(t *testing.T) { // RFC 8628
	w := New(t, quick)
	tv := switchedOn(t, w)
	screen := tv.screen()
	for _, words := range []string{
		strings.TrimPrefix(w.Auth, "http://") + "/device", // §3.3: the address and the code stand there as text
		`role="img" aria-label="QR code for the address and the code`,
		"Somebody sent you this code?", // §5.4
		w.Auth + "/device?user_code=" + tv.code(),
	} {
		if !strings.Contains(screen, words) {
			t.Errorf("the screen has no %q", words)
		}
	}
	if tv.b.Get(w.Dreams+"/tv").Header.Get("Refresh") == "" {
		t.Error("the screen does not open itself again")
	}
	if strings.Contains(screen, "dc_") {
		t.Error("the device code is on the screen: whoever reads it gets the tokens")
	}
	tv.until("authorization_pending")
	tv.decide("alice", "allow", "profile", "preferences:read", "packages:read", "offline_access")
	screen = tv.until("Good evening, Alice")
	if !strings.Contains(screen, "Tonight, from what you like") || !strings.Contains(screen, "Hut to hut, Silvretta") {
		t.Errorf("the offers are not hers:\n%s", screen)
	}

	t.Run("another tab is another television", func(t *testing.T) {
		if stranger := (television{t, w, NewBrowser(t)}).screen(); !strings.Contains(stranger, "It is off") {
			t.Errorf("%s", stranger)
		}
	})
	t.Run("it refreshes when the hour is over", func(t *testing.T) {
		w.Clock.Advance(2 * time.Hour)
		tv.until("Good evening, Alice")
	})
	t.Run("it stops when the person removes it", func(t *testing.T) {
		b := w.SignedIn(t, "alice")
		b.Form(b.Get(w.Auth+"/account/apps"), "client_id").With(url.Values{"client_id": {"dreams-tv"}, "action": {"revoke"}}).Submit()
		tv.until("You stopped sharing")
	})
}

func TestTelevisionThatGetsNothing(t *testing.T) {
	w := New(t, quick)
	t.Run("the person says no", func(t *testing.T) { // RFC 8628 §3.5: access_denied
		tv := switchedOn(t, w)
		tv.decide("alice", "deny")
		if screen := tv.until("Somebody said no"); !strings.Contains(screen, "access_denied") || userCode.MatchString(screen) {
			t.Errorf("%s", screen)
		}
		tv.press("/tv")
		tv.code() // a new one
	})
	t.Run("nobody says anything", func(t *testing.T) { // RFC 8628 §3.5: expired_token
		tv := switchedOn(t, w)
		tv.code()
		w.Clock.Advance(11 * time.Minute)
		tv.until("The code has expired")
	})
	t.Run("only part is granted", func(t *testing.T) {
		tv := switchedOn(t, w)
		tv.decide("bob", "allow", "profile")
		if screen := tv.until("Good evening, Bob"); !strings.Contains(screen, "may not see what Acme sells") || !strings.Contains(screen, "packages:read") {
			t.Errorf("%s", screen)
		}
	})
}

// RFC 8628 §3.5: who asks too early is told slow_down, and waits five seconds
// more from then on.
func TestImpatientTelevision(t *testing.T) {
	w := New(t, Options{})
	tv := switchedOn(t, w)
	if screen := tv.press("/tv/ask"); !strings.Contains(screen, "authorization_pending") || !strings.Contains(screen, "every 5 s") {
		t.Errorf("the first question: %s", screen)
	}
	if screen := tv.press("/tv/ask"); !strings.Contains(screen, "slow_down") || !strings.Contains(screen, "every 10 s") {
		t.Errorf("the second, at once: %s", screen)
	}
	if screen := tv.press("/tv/ask"); !strings.Contains(screen, "slow_down") || !strings.Contains(screen, "every 15 s") {
		t.Errorf("the third, at once: %s", screen)
	}
	// It has learnt: after the new interval it gets its tokens all the same.
	tv.decide("alice", "allow", "profile")
	w.Clock.Advance(16 * time.Second)
	tv.until("Good evening, Alice")
}

func TestTelevisionSwitchedOffGivesItsTokensBack(t *testing.T) { // RFC 7009 §2.1
	w := New(t, quick)
	tv := switchedOn(t, w)
	tv.decide("alice", "allow", "profile", "offline_access")
	tv.until("Good evening, Alice")
	b := w.SignedIn(t, "alice")
	if apps := b.Get(w.Auth + "/account/apps"); !strings.Contains(apps.Body, "dreams-tv") {
		t.Fatalf("the television is no connected app:\n%s", apps.Body)
	}
	if screen := tv.press("/tv/off"); !strings.Contains(screen, "It is off") {
		t.Errorf("%s", screen)
	}
}
