package e2e

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
)

// runLab presses the button of one of the lab's lessons, signs in as alice and
// allows whatever Acme asks about, until the browser is back with the result.
func runLab(t *testing.T, w *World, b *Browser, slug string) string {
	t.Helper()
	return backAtTheLab(t, w, b, slug, b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").Submit())
}

func backAtTheLab(t *testing.T, w *World, b *Browser, slug string, page Page) string {
	t.Helper()
	for range 8 {
		if !strings.HasPrefix(page.URL.String(), w.Auth) {
			break
		}
		if strings.Contains(page.Body, `name="password"`) {
			page = w.LogIn(b, page, "alice", "wanderlust")
			continue
		}
		form := b.Form(page, "decision")
		ticked := url.Values{"decision": {"allow"}}
		for _, box := range form.Boxes {
			name, value, _ := strings.Cut(box, "=")
			ticked[name] = append(ticked[name], value)
		}
		page = form.With(ticked).Submit()
	}
	if page.Status != 200 || !strings.HasPrefix(page.URL.String(), w.Dreams+"/learn/"+slug) {
		t.Fatalf("%s ended at %d %s: %v\n%.2000s", slug, page.Status, page.URL, page.Visited, page.Body)
	}
	return html.UnescapeString(page.Body)
}

// Each lesson of the lab runs for real, and what somebody tries in vain is refused
// for real.
func TestTheLabRunsAndItsRefusalsAreReal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		slug     string
		says     []string
		refused  []string // the error codes, in their order
		refusals int
	}{
		{"par", []string{"urn:ietf:params:oauth:request_uri:", "✓ Ignored", "201 Created", "client_assertion", "scope=openid profile preferences:read"},
			[]string{"invalid_request_uri", "invalid_request", "invalid_client"}, 3},
		{"jar", []string{"oauth-authz-req+jwt", "code_challenge_method", "The request that Dreams signed"},
			[]string{"invalid_request_object", "invalid_request_object", "invalid_request_object"}, 3},
		{"rar", []string{"travel_preferences", `"topics"`, "expires_at", "hiking"},
			[]string{"insufficient_scope", "invalid_authorization_details", "invalid_authorization_details", "invalid_authorization_details", "invalid_authorization_details"}, 5},
		{"dpop", []string{"use_dpop_nonce", "Once more, with the server’s nonce", "dpop+jwt", "Alice Moreau", "jkt", "dpop_jkt"},
			[]string{"invalid_token", "invalid_token", "invalid_dpop_proof"}, 3},
		{"resource-indicators", []string{"Alice Moreau", "The access token for Acme Travel", "The access token for Acme’s accounts"},
			[]string{"invalid_token", "insufficient_scope", "invalid_target"}, 3},
		{"issuer", []string{"The ID token: iss once more", "accounts.mallory.example", "This answer comes from somebody else", "Another browser asked for this"}, nil, 4},
		{"resource-metadata", []string{"resource_metadata=", "authorization_servers", "Alice Moreau", "This speaks for another API", "We do not know that authorization server"},
			nil, 3},
		{"registration", []string{"registration_access_token", "Dreams for an evening", "204 No Content"},
			[]string{"invalid_redirect_uri", "invalid_client_metadata", "invalid_token", "invalid_token"}, 4},
		{"logout", []string{"post_logout_redirect_uri", "id_token_hint", "/lab/logged-out"},
			[]string{"invalid_request", "login_required"}, 2},
		{"introspection", []string{"token-introspection+jwt", "token_introspection", `{"active":false}`}, nil, 4},
		{"fapi2", []string{"Alice Moreau", "jkt", "request_uri", "authorization_details"},
			[]string{"invalid_dpop_proof", "invalid_request", "invalid_token", "invalid_request"}, 4},
	}
	w := New(t, Options{})
	for _, tt := range tests {
		t.Run(tt.slug, func(t *testing.T) {
			b := NewBrowser(t)
			w.SignIn(b, "alice")
			page := runLab(t, w, b, tt.slug)
			says(t, page, tt.says...)
			saysNot(t, page, "should have been", "ended early", "does not offer it")
			if n := strings.Count(page, "✓ Refused"); n != tt.refusals {
				t.Errorf("%d refusals, want %d", n, tt.refusals)
			}
			var codes []string
			for i, rest := 0, page; ; i++ {
				_, after, found := strings.Cut(rest, `<code id="refusal`)
				if !found {
					break
				}
				_, after, _ = strings.Cut(after, ">")
				code, after, _ := strings.Cut(after, "<")
				codes, rest = append(codes, code), after
			}
			if got, want := strings.Join(codes, " "), strings.Join(tt.refused, " "); got != want {
				t.Errorf("refused with %s, want %s\n%s", got, want, section(page))
			}
		})
	}
}

// Who ticks nothing shares nothing, and sees a lesson all the same.
func TestTheLabWithNextToNothingShared(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	for _, slug := range labSlugs {
		b := NewBrowser(t)
		w.SignIn(b, "carol")
		page := b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").Submit()
		for range 3 {
			if strings.HasPrefix(page.URL.String(), w.Auth) {
				page = b.Form(page, "decision").With(url.Values{"decision": {"allow"}}).Submit()
			}
		}
		body := html.UnescapeString(page.Body)
		saysNot(t, body, "ended early", "should have been", "What was sent and received", "eyJ")
		if !strings.HasPrefix(page.URL.String(), w.Dreams+"/learn/"+slug) || !strings.Contains(body, "What happened") {
			t.Errorf("%s ended at %s\n%s", slug, page.URL, section(body))
		}
	}
}

// RFC 9470: an old login is sent back with max_age=300, and comes back.
func TestTheLabStepsUp(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	w.Clock.Advance(6 * time.Minute)
	page := runLab(t, w, b, "step-up")
	says(t, page, "insufficient_user_authentication", "<dt>max_age", "300", "Acme took the write", "The ID token of the new login")
	saysNot(t, page, "should have been", "ended early", "does not offer it", "did not tick")
	if n := strings.Count(page, "✓ Refused"); n != 2 {
		t.Errorf("%d refusals, want 2\n%s", n, section(page))
	}
}

// Writing back what was read changes nothing, whoever it is.
func TestTheLabWritesBackWhatItHasRead(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	for _, person := range []string{"bob", "carol", "root"} {
		b := NewBrowser(t)
		w.SignIn(b, person)
		before := w.preferencesOf(t, person)
		w.Clock.Advance(6 * time.Minute)
		page := b.Form(b.Get(w.Dreams+"/learn/step-up"), "run").Submit()
		for range 4 {
			switch {
			case strings.Contains(page.Body, `name="password"`):
				page = w.LogIn(b, page, person, "wanderlust")
			case strings.HasPrefix(page.URL.String(), w.Auth):
				page = b.Form(page, "decision").With(url.Values{"scope": {"preferences:read", "preferences:write"}, "decision": {"allow"}}).Submit()
			}
		}
		says(t, html.UnescapeString(page.Body), "Acme took the write. You typed")
		if after := w.preferencesOf(t, person); after != before {
			t.Errorf("%s: %s before, %s after", person, before, after)
		}
	}
}

// preferencesOf reads a person's preferences as Dreams's other client may.
func (w *World) preferencesOf(t *testing.T, person string) string {
	t.Helper()
	token := w.Token(t, nil, url.Values{
		"grant_type": {"password"}, "client_id": {"acme-mobile"}, "username": {person}, "password": {"wanderlust"}, "scope": {"preferences:read"},
	}).String("access_token")
	return w.API(t, "GET", "/me/preferences", token, "").Body
}

// Who has signed in a moment ago may write, and is refused five minutes later, with
// the same token.
func TestTheLabWaitsUntilTheLoginIsOld(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	page := runLab(t, w, b, "step-up")
	says(t, page, "so Acme took the write", "It goes on")
	saysNot(t, page, "✓ Refused", "ended early")
	if waiting := b.Get(w.Dreams + "/learn/step-up"); waiting.Header.Get("Refresh") == "" {
		t.Error("the page does not open itself again")
	}
	w.Clock.Advance(6 * time.Minute)
	page = backAtTheLab(t, w, b, "step-up", b.Get(w.Dreams+"/learn/step-up"))
	says(t, page, "insufficient_user_authentication", "Acme took the write")
	saysNot(t, page, "ended early", "It goes on", "should have been")
}

// What was granted by these lessons is not what the person connected.
func TestTheLabConnectsNobody(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	runLab(t, w, b, "par")
	says(t, b.Get(w.Dreams+"/offers").Body, "No offers yet")
}

// The lab registers once and remembers it, and anew where the server has
// forgotten it.
func TestTheLabRegistersAnewWhereItIsForgotten(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	client := func() string {
		page := b.Form(b.Get(w.Dreams+"/learn/jar"), "run").Submit()
		for _, address := range append(page.Visited, "GET "+page.URL.String()) {
			_, query, _ := strings.Cut(address, "?")
			values, _ := url.ParseQuery(query)
			if id := values.Get("client_id"); id != "" {
				return id
			}
		}
		t.Fatalf("no client_id: %v", page.Visited)
		return ""
	}
	first := client()
	if again := client(); again != first {
		t.Errorf("registered twice: %s and %s", first, again)
	}
	runSQL(t, w.DataDir+"/authserver.db", []string{"DELETE FROM clients WHERE client_id = '" + first + "'"})
	w.Stop()
	w = New(t, Options{DataDir: w.DataDir})
	w.SignIn(b, "alice")
	if anew := client(); anew == first {
		t.Error("the server does not know this client any more")
	}
}

// RFC 7591 §3: a registration that is not open to everybody.
func TestTheLabBringsTheRegistrationToken(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"REGISTRATION_TOKEN": "let-me-in"}})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	saysNot(t, runLab(t, w, b, "registration"), "ended early")
}
