package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

// The modules of oidcc-rp-initiated-logout-certification-test-plan, by their
// names. Each begins with alice signed in and an ID token of that session.
func TestRPInitiatedLogoutPlan(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	for name, module := range map[string]struct {
		request func(hint string) url.Values
		want    func(t *testing.T, b *Browser, page Page)
	}{
		"oidcc-rp-initiated-logout": {
			func(hint string) url.Values { return w.logoutRequest(hint) },
			func(t *testing.T, b *Browser, page Page) {
				if page.Status != 303 || page.Location != w.Dreams+"/?state=S1" {
					t.Errorf("not redirected: %d %s", page.Status, page.Location)
				}
			},
		},
		"oidcc-rp-initiated-logout-no-state": {
			func(hint string) url.Values { return With(w.logoutRequest(hint), url.Values{"state": nil}) },
			func(t *testing.T, b *Browser, page Page) {
				if page.Status != 303 || page.Location != w.Dreams+"/" {
					t.Errorf("not redirected, or with a state: %d %s", page.Status, page.Location)
				}
			},
		},
		"oidcc-rp-initiated-logout-no-post-logout-redirect-uri": {
			func(hint string) url.Values {
				return With(w.logoutRequest(hint), url.Values{"post_logout_redirect_uri": nil})
			},
			wantSignedOutPage,
		},
		"oidcc-rp-initiated-logout-no-params": {
			func(string) url.Values { return nil }, confirmed(wantSignedOutPage),
		},
		"oidcc-rp-initiated-logout-only-state": {
			func(string) url.Values { return url.Values{"state": {"S1"}} }, confirmed(wantSignedOutPage),
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.SignedIn(t, "alice")
			module.want(t, b, w.signOut(b, module.request(w.idTokenAt(t, b))))
			answer := w.Authorize(b, With(w.Request("openid profile"), url.Values{"prompt": {"none"}}))
			if answer.Refusal() != "303 login_required" {
				t.Errorf("prompt=none afterwards: %s", answer.Refusal())
			}
		})
	}
	for name, change := range map[string]func(hint string) url.Values{
		"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": func(string) url.Values {
			return url.Values{"post_logout_redirect_uri": {w.Dreams + "/elsewhere"}}
		},
		"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": func(string) url.Values {
			return url.Values{"post_logout_redirect_uri": {w.Dreams + "/?foo=bar"}}
		},
		// As the suite does it: the header says alg none, the signature is gone.
		"oidcc-rp-initiated-logout-modified-id-token-hint": func(hint string) url.Values {
			return url.Values{"id_token_hint": {encoded(t, map[string]any{"alg": "none"}) + "." + strings.Split(hint, ".")[1] + "."}}
		},
		"oidcc-rp-initiated-logout-bad-id-token-hint": func(string) url.Values { return url.Values{"id_token_hint": {"no.such.token"}} },
		"oidcc-rp-initiated-logout-no-id-token-hint":  func(string) url.Values { return url.Values{"id_token_hint": nil} },
	} {
		t.Run(name, func(t *testing.T) {
			b := w.SignedIn(t, "alice")
			hint := w.idTokenAt(t, b)
			page := w.signOut(b, With(w.logoutRequest(hint), change(hint)))
			if page.Refusal() != "400 invalid_request" || page.Location != "" || !b.signedIn(w) {
				t.Errorf("%s %s, signed in %t", page.Refusal(), page.Location, b.signedIn(w))
			}
		})
	}
	t.Run("oidcc-rp-initiated-logout-discovery-endpoint-verification", func(t *testing.T) {
		document := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "")
		if document.String("end_session_endpoint") != w.Auth+"/logout" {
			t.Errorf("end_session_endpoint is %q", document.String("end_session_endpoint"))
		}
	})
}

func wantSignedOutPage(t *testing.T, _ *Browser, page Page) {
	t.Helper()
	if page.Status != http.StatusOK || page.Location != "" || !strings.Contains(page.Body, "You are signed out") {
		t.Errorf("no page says so: %d %s %.300s", page.Status, page.Location, page.Body)
	}
}

// confirmed answers the question with yes.
func confirmed(then func(*testing.T, *Browser, Page)) func(*testing.T, *Browser, Page) {
	return func(t *testing.T, b *Browser, page Page) {
		t.Helper()
		if page.Status != http.StatusOK || !strings.Contains(page.Body, "Sign out of Acme accounts?") {
			t.Fatalf("nobody asks: %d %.300s", page.Status, page.Body)
		}
		then(t, b, b.confirm(page))
	}
}

// confirm presses the button of the question.
func (b *Browser) confirm(page Page) Page {
	b.t.Helper()
	for _, f := range b.Forms(page) {
		if strings.HasSuffix(f.Action, "/logout/confirm") {
			return f.Submit()
		}
	}
	b.t.Fatalf("no question on %s (%d):\n%.2000s", page.URL, page.Status, page.Body)
	return Page{}
}

// RP-Initiated Logout §2: the person "MUST" be asked where the hint is of
// somebody else, of another session, or not there.
func TestALinkAloneSignsNobodyOut(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	other := w.SignedIn(t, "alice")
	elsewhere := w.idTokenAt(t, other)
	for name, request := range map[string]url.Values{
		"no hint, client_id":          With(w.logoutRequest(""), url.Values{"id_token_hint": nil, "client_id": {"dreams-web"}}),
		"the hint of another session": w.logoutRequest(elsewhere),
		"the hint of another person":  w.logoutRequest(w.hint(t, jwt.MapClaims{"sub": person(t, "bob")})),
	} {
		t.Run(name, func(t *testing.T) {
			b := w.SignedIn(t, "alice")
			page := w.signOut(b, request)
			if !strings.Contains(page.Body, "Dreams asks to sign you out") || !b.signedIn(w) {
				t.Fatalf("%d %s %.300s", page.Status, page.Location, page.Body)
			}
			// The redirect that follows the form must be one that a browser lets happen.
			if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+w.Dreams+";") {
				t.Errorf("CSP %s", csp)
			}
			form := b.Form(page, "post_logout_redirect_uri")
			for what, changes := range map[string]url.Values{
				"without our token": {"csrf": nil}, "with another's": {"csrf": {"x"}},
			} {
				if answer := form.With(changes).Submit(); answer.Status != http.StatusForbidden || !b.signedIn(w) {
					t.Errorf("the form %s: %d", what, answer.Status)
				}
			}
			if answer := form.With(url.Values{"post_logout_redirect_uri": {"https://evil.test/"}}).Submit(); answer.Refusal() != "400 invalid_request" {
				t.Errorf("another URI in the form: %s", answer.Refusal())
			}
			if answer := form.Submit(); answer.Location != w.Dreams+"/?state=S1" || b.signedIn(w) {
				t.Errorf("the person's yes: %d %s", answer.Status, answer.Location)
			}
		})
	}
	if !other.signedIn(w) {
		t.Error("the other session has ended too")
	}
}

// RP-Initiated Logout §2: an expired hint is a hint; an answer comes also where
// nobody is signed in any more.
func TestLogoutIsIdempotent(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := w.SignedIn(t, "alice")
	hint := w.idTokenAt(t, b)
	w.Clock.Advance(time.Hour)
	for _, when := range []string{"signed in", "signed out"} {
		if page := w.signOut(b, w.logoutRequest(hint)); page.Location != w.Dreams+"/?state=S1" {
			t.Errorf("%s: %d %s", when, page.Status, page.Location)
		}
	}
	// Without a hint anybody can have made the link: a person decides.
	page := w.signOut(b, With(w.logoutRequest(""), url.Values{"id_token_hint": nil, "client_id": {"dreams-web"}}))
	if page.Location != "" || !strings.Contains(page.Body, `href="`+w.Dreams+`/?state=S1"`) {
		t.Errorf("nobody signed in, no hint: %d %s", page.Status, page.Location)
	}
}

// RP-Initiated Logout §2: "OpenID Providers MUST support the use of the HTTP GET
// and POST methods". A form on another site's page comes without our cookie.
func TestLogoutByPOST(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := w.SignedIn(t, "alice")
	request := w.logoutRequest(w.idTokenAt(t, b))
	fromDreams := http.Header{"Origin": {w.Dreams}, "Sec-Fetch-Site": {"cross-site"}}
	answer := w.Post(t, w.Auth+"/logout", fromDreams, request)
	if answer.Status != 303 || !strings.HasPrefix(answer.Header.Get("Location"), "/logout?") || !b.signedIn(w) {
		t.Fatalf("without the cookie: %d %v", answer.Status, answer.Header)
	}
	if page := b.Get(w.Auth + answer.Header.Get("Location")); page.Location != w.Dreams+"/?state=S1" || b.signedIn(w) {
		t.Errorf("and again with it: %d %s", page.Status, page.Location)
	}
	w.SignIn(b, "alice")
	form := Form{browser: b, Action: w.Auth + "/logout", Fields: w.logoutRequest(w.idTokenAt(t, b))}
	if page := form.SubmitAs(fromDreams); page.Location != w.Dreams+"/?state=S1" || b.signedIn(w) {
		t.Errorf("with the cookie: %d %s", page.Status, page.Location)
	}
	if page := (Form{browser: b, Action: w.Auth + "/logout", Fields: url.Values{"a": {strings.Repeat("a", 70<<10)}}}).Submit(); page.Refusal() != "400 invalid_request" {
		t.Errorf("a form that is too large: %s", page.Refusal())
	}
}

// OIDC Core §11: offline access outlives the session.
func TestOfflineAccessOutlivesRPInitiatedLogout(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := w.SignedIn(t, "alice")
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(w.Allow(b, w.Request("openid profile offline_access"), "offline_access")))
	w.signOut(b, w.logoutRequest(tokens.String("id_token")))
	if b.signedIn(w) {
		t.Fatal("still signed in")
	}
	if answer := w.refresh(t, "dreams-web", tokens.String("refresh_token")); answer.Status != 200 {
		t.Errorf("refresh after logout: %d %s", answer.Status, answer.Body)
	}
}

// relyingParty is a client that wants to hear of logouts.
type relyingParty struct {
	*httptest.Server
	id      string             // client_id
	heard   chan *http.Request // its form parsed
	refuses atomic.Int32       // how often it answers 503 first
}

func newRelyingParty(t *testing.T) *relyingParty {
	rp := &relyingParty{id: "rp", heard: make(chan *http.Request, 10)}
	rp.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if rp.refuses.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		rp.heard <- r
	}))
	t.Cleanup(rp.Close)
	return rp
}

// registration stores it as a client.
func (rp *relyingParty) registration() string {
	return fmt.Sprintf(`INSERT INTO clients (client_id, metadata, created_at) VALUES ('rp', '{
		"client_name": "A relying party", "id_token_signed_response_alg": "ES256", "kind": "web", "token_endpoint_auth_methods": ["none"], "grant_types": ["authorization_code"],
		"scope": "openid profile", "redirect_uris": ["%[1]s/cb"], "post_logout_redirect_uris": ["%[1]s/out"],
		"backchannel_logout_uri": "%[1]s/backchannel-logout", "backchannel_logout_session_required": true}', 0)`, rp.URL)
}

// signIn signs alice in at the relying party, and returns its ID token.
func (rp *relyingParty) signIn(t *testing.T, w *World, b *Browser) string {
	t.Helper()
	request := url.Values{"client_id": {rp.id}, "redirect_uri": {rp.URL + "/cb"}}
	b.Stay = rp.URL
	answer := w.Allow(b, With(w.Request("openid profile"), request))
	tokens := w.Token(t, nil, With(w.Redemption(answer), request))
	if tokens.String("id_token") == "" {
		t.Fatalf("no ID token: %d %s", tokens.Status, tokens.Body)
	}
	return tokens.String("id_token")
}

// hears waits for a logout token, and verifies it as any client would.
func (rp *relyingParty) hears(t *testing.T, w *World) *oidc.LogoutToken {
	t.Helper()
	select {
	case r := <-rp.heard:
		ctx := oidc.ClientContext(context.Background(), w.Client)
		provider, err := oidc.NewProvider(ctx, w.Auth)
		if err != nil {
			t.Fatal(err)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.Path != "/backchannel-logout" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		raw := r.PostForm.Get("logout_token")
		token, err := provider.Verifier(&oidc.Config{ClientID: rp.id, Now: w.Clock.Now}).VerifyLogout(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		header, claims := parts(t, raw)
		events, _ := claims["events"].(map[string]any)
		event, isObject := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		if header["typ"] != "logout+jwt" || header["alg"] != "ES256" || claims["nonce"] != nil || len(events) != 1 || !isObject || len(event) != 0 ||
			token.IssuedAt.IsZero() || token.Expiry.Sub(token.IssuedAt) > 2*time.Minute {
			t.Errorf("logout token %v %v", header, claims)
		}
		return token
	case <-time.After(5 * time.Second):
		t.Fatal("nobody told the relying party")
		return nil
	}
}

func worldWithRelyingParty(t *testing.T) (*World, *relyingParty) {
	rp := newRelyingParty(t)
	return New(t, Options{
		Only: []string{"authserver"}, Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"},
		SQL: map[string][]string{"authserver": {rp.registration()}},
	}), rp
}

// The modules of oidcc-backchannel-rp-initiated-logout-certification-test-plan.
func TestBackchannelLogoutPlan(t *testing.T) {
	t.Parallel()
	w, rp := worldWithRelyingParty(t)
	t.Run("oidcc-backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		document := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").JSON()
		if document["end_session_endpoint"] != w.Auth+"/logout" || document["backchannel_logout_supported"] != true || document["backchannel_logout_session_supported"] != true {
			t.Errorf("%v %v %v", document["end_session_endpoint"], document["backchannel_logout_supported"], document["backchannel_logout_session_supported"])
		}
	})
	t.Run("oidcc-backchannel-rp-initiated-logout", func(t *testing.T) {
		// As the suite does it, with a client that registers itself.
		rp.id = w.registeredClient(t, map[string]any{
			"redirect_uris": []string{rp.URL + "/cb"}, "post_logout_redirect_uris": []string{rp.URL + "/out"}, "scope": "openid profile",
			"backchannel_logout_uri": rp.URL + "/backchannel-logout", "backchannel_logout_session_required": true,
			"token_endpoint_auth_method": "none", "id_token_signed_response_alg": "ES256",
		}).String("client_id")
		b := w.SignedIn(t, "alice")
		hint := rp.signIn(t, w, b)
		page := w.signOut(b, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {rp.URL + "/out"}, "state": {"S1"}})
		if page.Location != rp.URL+"/out?state=S1" {
			t.Errorf("not redirected: %d %s", page.Status, page.Location)
		}
		token := rp.hears(t, w)
		if _, claims := parts(t, hint); token.Subject != claims["sub"] || token.SessionID != claims["sid"] || token.SessionID == "" {
			t.Errorf("the logout token is about %s %s, the ID token about %s %s", token.Subject, token.SessionID, claims["sub"], claims["sid"])
		}
		answer := w.Authorize(b, With(w.Request("openid profile"), url.Values{"client_id": {rp.id}, "redirect_uri": {rp.URL + "/cb"}, "prompt": {"none"}}))
		if answer.Refusal() != "303 login_required" {
			t.Errorf("prompt=none afterwards: %s", answer.Refusal())
		}
	})
}

// A session ends in more ways than one; a client that took part in it hears of
// each, and one that did not hears of none.
func TestClientsHearOfEveryEndOfTheirSession(t *testing.T) {
	t.Parallel()
	w, rp := worldWithRelyingParty(t)
	for name, end := range map[string]func(b *Browser){
		"the form on our own pages": func(b *Browser) {
			b.Form(b.Get(w.Auth+"/account"), "csrf").Submit()
		},
		"somebody else signs in": func(b *Browser) { w.SignIn(b, "bob") },
		"the account is locked": func(b *Browser) {
			root := w.SignedIn(t, "root")
			people := root.Get(w.Auth + "/operator/users")
			for _, action := range []string{"lock", "unlock"} {
				for _, f := range root.Forms(people) {
					if f.Fields.Get("sub") == person(t, "alice") {
						people = f.With(url.Values{"action": {action}}).Submit()
						break
					}
				}
			}
		},
	} {
		b := w.SignedIn(t, "alice")
		_, claims := parts(t, rp.signIn(t, w, b))
		bystander := w.SignedIn(t, "carol")
		end(b)
		if token := rp.hears(t, w); token.SessionID != claims["sid"] {
			t.Errorf("%s: told of %s, which is not %s", name, token.SessionID, claims["sid"])
		}
		if !bystander.signedIn(w) {
			t.Errorf("%s: somebody else is signed out", name)
		}
	}
	// Signing in again is no end: the clients' sessions go on under the same sid.
	b := w.SignedIn(t, "alice")
	_, before := parts(t, rp.signIn(t, w, b))
	w.SignIn(b, "alice")
	_, after := parts(t, rp.signIn(t, w, b))
	if before["sid"] != after["sid"] {
		t.Errorf("sid was %v and is %v", before["sid"], after["sid"])
	}
	// A session without the client is none of its business.
	w.signOut(w.SignedIn(t, "carol"), nil)
	select {
	case r := <-rp.heard:
		t.Errorf("told of %v", r.PostForm)
	case <-time.After(300 * time.Millisecond):
	}
}

// endings are the ways to end a session from another browser.
var endings = map[string]func(w *World, at *Browser){
	"that session, on the page of sessions": func(w *World, at *Browser) {
		at.Form(at.Get(w.Auth+"/account/sessions"), "session").With(url.Values{"action": {"end"}}).Submit()
	},
	"all others, on the page of sessions": func(w *World, at *Browser) {
		at.Form(at.Get(w.Auth+"/account/sessions"), "action").With(url.Values{"action": {"end-others"}, "session": nil}).Submit()
	},
	"another password": func(w *World, at *Browser) {
		form := at.Form(at.Get(w.Auth+"/account/password"), "current")
		form.With(url.Values{"current": {"wanderlust"}, "password": {"a walk in the hills"}, "keep": {"rp", "dreams-web"}}).Submit()
	},
}

// Back-Channel Logout §2.5: who ends a session from elsewhere, by the list of
// sessions or with another password, ends it at its clients too; the session from
// which that was done goes on at them.
func TestClientsHearOfSessionsThatEndFromElsewhere(t *testing.T) {
	t.Parallel()
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, rp := worldWithRelyingParty(t)
			lost, here := w.SignedIn(t, "alice"), w.SignedIn(t, "alice")
			_, claims := parts(t, rp.signIn(t, w, lost))
			_, kept := parts(t, rp.signIn(t, w, here))
			here.Stay = ""
			end(w, here)
			if token := rp.hears(t, w); token.SessionID != claims["sid"] || token.Subject != claims["sub"] {
				t.Errorf("told of %s %s, which is not %s %s", token.Subject, token.SessionID, claims["sub"], claims["sid"])
			}
			if lost.signedIn(w) || !here.signedIn(w) {
				t.Errorf("signed in: there %t, here %t", lost.signedIn(w), here.signedIn(w))
			}
			if _, after := parts(t, rp.signIn(t, w, here)); after["sid"] != kept["sid"] {
				t.Errorf("the session here was %s and is %s", kept["sid"], after["sid"])
			}
			select {
			case r := <-rp.heard:
				t.Errorf("told of another, too: %v", r.PostForm)
			case <-time.After(300 * time.Millisecond):
			}
		})
	}
}

// So Dreams and Acme sign out whoever had the other browser, and keep what was granted.
func TestSessionsThatEndFromElsewhereEndAtDreamsAndAcme(t *testing.T) {
	t.Parallel()
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{})
			lost := w.connected(t)
			here := NewBrowser(t)
			w.SignIn(here, "alice")
			end(w, here)
			w.eventually(t, "Dreams goes on", func() bool { return !strings.Contains(lost.Get(w.Dreams+"/").Body, "Alice Moreau") })
			w.eventually(t, "Acme goes on", func() bool { return !strings.Contains(lost.Get(w.Acme+"/").Body, "Alice Moreau") })
			if w.connections(t) != "1" {
				t.Error("the connection is gone with the session")
			}
		})
	}
}

// Whom to tell is on disk: a client that does not answer is told later, also
// after a restart, and nobody waits for it.
func TestAClientThatDoesNotAnswerIsToldLater(t *testing.T) {
	t.Parallel()
	w, rp := worldWithRelyingParty(t)
	rp.refuses.Store(1)
	b := w.SignedIn(t, "alice")
	hint := rp.signIn(t, w, b)
	if page := w.signOut(b, url.Values{"id_token_hint": {hint}}); page.Status != 200 || b.signedIn(w) {
		t.Fatalf("the person waits: %d", page.Status)
	}
	first := rp.hears(t, w)
	w.Stop()
	again := New(t, Options{
		Only: []string{"authserver"}, DataDir: w.DataDir,
		Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"},
	})
	again.Clock.Advance(10 * time.Second)
	second := rp.hears(t, again)
	if second.SessionID != first.SessionID || second.TokenID == first.TokenID {
		t.Errorf("the second token: %+v after %+v", second, first)
	}
	for begin := time.Now(); again.value(t, "authserver", "SELECT count(*) FROM notices") != "0"; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("a notice that was taken is kept")
		}
	}
}

// internal/outbound: what a stranger registered is called as a stranger.
func TestLogoutTokensDoNotReachPrivateAddresses(t *testing.T) {
	t.Parallel()
	rp := newRelyingParty(t)
	w := New(t, Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {rp.registration()}}})
	b := w.SignedIn(t, "alice")
	w.signOut(b, url.Values{"id_token_hint": {rp.signIn(t, w, b)}})
	for begin := time.Now(); w.value(t, "authserver", "SELECT coalesce(sum(attempts), 0) FROM notices") != "1"; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("nobody tried")
		}
	}
	select {
	case r := <-rp.heard:
		t.Errorf("called: %v", r.PostForm)
	default:
	}
}

// "Sign out" on Acme's site, then at the authorization server too: Dreams, which
// alice was signed in to in the same browser, hears of it. What she granted it for
// while she is away stays.
func TestSigningOutAtAcmeReachesDreams(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	elsewhere := NewBrowser(t)
	for _, browser := range []*Browser{elsewhere, b} {
		consent := w.LogIn(browser, browser.Get(w.Dreams+"/connect"), "alice", "wanderlust")
		browser.Form(consent, "decision").With(url.Values{"scope": {"offline_access"}, "decision": {"allow"}}).Submit()
	}
	b.Get(w.Acme + "/login?next=/me")
	if !knownAtDreams(w, b) || !knownAtDreams(w, elsewhere) || !signedInAtAcme(w, b) {
		t.Fatal("not signed in everywhere")
	}
	out := Form{browser: b, Action: w.Acme + "/logout", Fields: url.Values{}}
	page := out.SubmitAs(http.Header{"Origin": {w.Acme}, "Sec-Fetch-Site": {"same-origin"}})
	if page.URL.Path != "/signed-out" || !strings.Contains(page.Body, `href="/logout/accounts"`) {
		t.Fatalf("nobody offers to sign out of Acme accounts: %d %s", page.Status, page.URL)
	}
	if signedInAtAcme(w, b) || !b.signedIn(w) || !knownAtDreams(w, b) {
		t.Error("signing out at Acme is to end the session there and no other")
	}
	page = b.Get(w.Acme + "/logout/accounts")
	if base(page.URL) != w.Acme || page.URL.Path != "/signed-out" || !strings.Contains(page.Body, "You are signed out of both") || b.signedIn(w) {
		t.Errorf("after signing out at Acme accounts: %d %s", page.Status, page.URL)
	}
	w.eventually(t, "Dreams still knows alice", func() bool { return !knownAtDreams(w, b) })
	if !knownAtDreams(w, elsewhere) {
		t.Error("alice's other browser is signed out of Dreams too")
	}
	if n := w.value(t, "dreams", "SELECT count(*) FROM connections WHERE ended_at IS NULL"); n != "1" {
		t.Errorf("%s connections live", n)
	}
	// The link does nothing for who has not just signed out.
	if page := b.Get(w.Acme + "/logout/accounts"); base(page.URL) != w.Acme || !strings.Contains(page.Body, "Your Acme account goes on") {
		t.Errorf("the link once more: %d %s", page.Status, page.URL)
	}
}

// Who is signed out of Dreams from elsewhere keeps what their browser has begun
// there: the lesson about logout itself, say.
func TestBeingSignedOutOfDreamsLosesNoAttempt(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	page := runLab(t, w, b, "logout")
	says(t, page, "login_required")
	w.eventually(t, "Dreams still knows alice", func() bool { return !knownAtDreams(w, b) })
}

// A session that ends at the authorization server ends on Acme's site.
func TestSigningOutAtAccountsReachesAcme(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	b.Get(w.Acme + "/login?next=/me")
	if !signedInAtAcme(w, b) {
		t.Fatal("not signed in")
	}
	b.Form(b.Get(w.Auth+"/account"), "csrf").Submit()
	w.eventually(t, "Acme still knows alice", func() bool { return !signedInAtAcme(w, b) })
}

func (w *World) eventually(t testing.TB, otherwise string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatal(otherwise)
		}
	}
}

// A key that leaked and was revoked signs nobody out, at clients neither that knew it
// and have not met the next one.
func TestARevokedKeySignsNoLogoutToken(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	b.Get(w.Acme + "/login?next=/me")
	id, key := w.signingKey(t, "RS256")
	_, before := w.machineToken(t)
	w.rotateKeys(t, "--revoke-old")
	w.waitForKey(t, before)
	for base, client := range map[string]string{w.Dreams: "dreams-web", w.Acme: "acme-web"} {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": w.Auth, "sub": person(t, "alice"), "aud": client, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			"jti": rand.Text(), "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		})
		token.Header["typ"], token.Header["kid"] = "logout+jwt", id
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if answer := w.Post(t, base+"/backchannel-logout", nil, url.Values{"logout_token": {signed}}); answer.Refusal() != "400 invalid_request" {
			t.Errorf("%s: %d %s", client, answer.Status, answer.Body)
		}
	}
	if !knownAtDreams(w, b) || !signedInAtAcme(w, b) {
		t.Error("somebody is signed out")
	}
}

// Back-Channel Logout §2.6, §2.8: what is no logout token for this client, signed by
// this server, is 400 and ends nothing.
func TestWhatIsNoLogoutTokenEndsNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	b.Get(w.Acme + "/login?next=/me")
	idToken := w.idTokenAt(t, w.SignedIn(t, "alice"))
	good := func(client string) jwt.MapClaims {
		return jwt.MapClaims{
			"iss": w.Auth, "sub": person(t, "alice"), "aud": client, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			"jti": rand.Text(), "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
	}
	id, key := w.signingKey(t, "RS256")
	compact := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token := jwt.NewWithClaims(method, claims)
		token.Header["typ"], token.Header["kid"] = "logout+jwt", id
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for base, client := range map[string]string{w.Dreams: "dreams-web", w.Acme: "acme-web"} {
		secret := []byte(client + "-secret")
		for what, form := range map[string]url.Values{
			"nothing":           {},
			"two of them":       {"logout_token": {compact(jwt.SigningMethodRS256, key, good(client)), compact(jwt.SigningMethodRS256, key, good(client))}},
			"garbage":           {"logout_token": {"garbage"}},
			"an ID token":       {"logout_token": {idToken}},
			"alg none":          {"logout_token": {compact(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(client))}},
			"HS256 with secret": {"logout_token": {compact(jwt.SigningMethodHS256, secret, good(client))}},
			"another key":       {"logout_token": {compact(jwt.SigningMethodRS256, stranger, good(client))}},
			"another client's":  {"logout_token": {compact(jwt.SigningMethodRS256, key, good("rp"))}},
			"in the query":      nil,
		} {
			address := base + "/backchannel-logout"
			if form == nil {
				address += "?logout_token=" + compact(jwt.SigningMethodRS256, key, good(client))
			}
			answer := w.Post(t, address, nil, form)
			if answer.Status != 400 || answer.String("error") != "invalid_request" || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s at %s: %d %.200s", what, client, answer.Status, answer.Body)
			}
		}
		if answer := w.Do(t, "GET", base+"/backchannel-logout", nil, ""); answer.Status != http.StatusMethodNotAllowed {
			t.Errorf("GET at %s: %d", client, answer.Status)
		}
	}
	if !knownAtDreams(w, b) || !signedInAtAcme(w, b) {
		t.Fatal("somebody is signed out")
	}
	// A token without a sid is about every session of that person (§2.4).
	for base, client := range map[string]string{w.Dreams: "dreams-web", w.Acme: "acme-web"} {
		if answer := w.Post(t, base+"/backchannel-logout", nil, url.Values{"logout_token": {compact(jwt.SigningMethodRS256, key, good(client))}}); answer.Status != 200 {
			t.Errorf("the good one at %s: %d %s", client, answer.Status, answer.Body)
		}
	}
	if knownAtDreams(w, b) || signedInAtAcme(w, b) {
		t.Error("still signed in")
	}
}
