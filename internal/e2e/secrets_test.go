package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/acme-dreams/seed"
)

// add notes a secret; a token's signature alone counts as one too.
func (s doorOpeners) add(t testing.TB, what, value string) {
	t.Helper()
	if len(value) < 8 {
		t.Fatalf("%s is %q, too short to look for", what, value)
	}
	s[what] = value
	if dot := strings.LastIndexByte(value, '.'); dot > 0 && strings.HasPrefix(value, "eyJ") {
		s[what+", its signature"] = value[dot+1:]
	}
}

// wantNone looks for them, as they are and as a URL would have them.
func (s doorOpeners) wantNone(t testing.TB, where, content string) {
	t.Helper()
	for what, value := range s {
		if strings.Contains(content, value) || strings.Contains(content, url.QueryEscape(value)) {
			t.Errorf("%s: %s is in it", where, what)
		}
	}
}

// RFC 6819 §5.1.4, RFC 9700 §4.3: logs are read by many, and copies of a
// database travel. Everybody does everything here, well and badly, with debug
// logs on: no secret stands in a log, and none in a file as it is.
func TestNoSecretIsLoggedOrStored(t *testing.T) {
	t.Parallel()
	log := &lockedBuffer{}
	w := New(t, Options{Log: log}) // the attacks, each with its log: TestAttacks
	w.waitForAcme(t)
	known := doorOpeners{}
	states := doorOpeners{} // good for one browser alone: a request that waits may hold them
	known.add(t, "the password", "wanderlust")
	known.add(t, "a wrong password", "a-password-that-alice-uses-elsewhere")
	known.add(t, "the code verifier", Verifier)
	known.add(t, "a wrong client secret", "another-client's-secret")
	for _, client := range seed.Clients() {
		if client.Secret != "" {
			known.add(t, "the secret of "+client.ID, client.Secret)
		}
	}

	// A person signs in, after a mistake, lets Dreams in, and signs in at Acme.
	b := NewBrowser(t)
	w.LogIn(b, b.Get(w.Auth+"/login"), "alice", "a-password-that-alice-uses-elsewhere")
	w.SignIn(b, "alice")
	consent := b.Get(w.Dreams + "/connect")
	form := b.Form(consent, "decision")
	known.add(t, "a form token of authserver", form.Fields.Get("csrf"))
	done := form.With(url.Values{"scope": {"email", "offline_access", "preferences:read", "blog:read", "packages:read", "reviews:read"}, "decision": {"allow"}}).Submit()
	if done.Status != http.StatusOK || !strings.HasPrefix(done.URL.String(), w.Dreams) {
		t.Fatalf("Dreams did not connect: %d %s", done.Status, done.URL)
	}
	signedIn := b.Get(w.Acme + "/login")
	if signedIn.Status != http.StatusOK || !strings.HasPrefix(signedIn.URL.String(), w.Acme) {
		t.Fatalf("not signed in at Acme: %d %s", signedIn.Status, signedIn.URL)
	}
	for what, page := range map[string]Page{"Dreams": done, "Acme": signedIn} {
		found := false
		for _, visited := range page.Visited {
			if _, query, callback := strings.Cut(visited, "/callback?"); callback {
				values, err := url.ParseQuery(query)
				if err != nil {
					t.Fatal(err)
				}
				known.add(t, "the code for "+what, values.Get("code"))
				states.add(t, "the state of "+what, values.Get("state"))
				found = true
			}
		}
		if !found {
			t.Fatalf("%s: no callback among %v", what, page.Visited)
		}
	}
	for _, address := range []string{w.Auth, w.Acme, w.Dreams} {
		// Cookies are shared by the ports of a host: these are all three's.
		for pair := range strings.SplitSeq(cookieHeader(t, b, address), "; ") {
			if name, value, _ := strings.Cut(pair, "="); len(value) >= 20 {
				known.add(t, "the cookie "+name, value)
			}
		}
	}

	// A client pushes a request, with its secret in the body, and its person brings it.
	pushed := w.push(t, nil, With(w.Request("openid profile"), url.Values{"client_secret": {"dreams-web-secret"}}))
	known.add(t, "a request_uri", strings.TrimPrefix(pushed.String("request_uri"), requestURIPrefix))
	for range 2 {
		w.Authorize(w.stay(b), url.Values{"client_id": {"dreams-web"}, "request_uri": {pushed.String("request_uri")}})
	}

	// Somebody registers an application, rotates its secret, and uses both.
	carol := w.SignedIn(t, "carol")
	registered := w.newApplication(carol, "machine", nil)
	rotated := application{Page: w.act(carol, registered.ID, "make-secret", nil), ID: registered.ID}
	rotated.Secret = textByID(rotated.Body, "client-secret")
	for what, one := range map[string]application{"first": registered, "second": rotated} {
		known.add(t, "the "+what+" secret of an application", one.Secret)
		known.add(t, "a token of the application by its "+what+" secret", w.clientCredentials(t, one.credentials()).String("access_token"))
		w.clientCredentials(t, Credentials{"another", one.Secret}.Header())
	}

	// A client gets tokens, uses them, loses some and gives them back.
	answer := w.Authorize(w.stay(b), w.Request("openid profile email offline_access"))
	redemption := w.Redemption(answer)
	known.add(t, "a code", redemption.Get("code"))
	tokens := w.Token(t, Basic("dreams-web"), redemption)
	for name, one := range map[string]Response{"first": tokens, "second": w.refresh(t, "dreams-web", tokens.String("refresh_token"))} {
		for _, kind := range []string{"access_token", "refresh_token", "id_token"} {
			known.add(t, "the "+name+" "+kind, one.String(kind))
		}
	}
	access := tokens.String("access_token")
	w.API(t, "GET", "/me", access, "")
	w.API(t, "GET", "/me", access+"x", "")
	w.API(t, "GET", "/me/posts", access, "")
	w.Do(t, "GET", w.Acme+"/api/v1/me?access_token="+access, nil, "")
	w.Do(t, "GET", w.Auth+"/userinfo?access_token="+access, nil, "")
	w.introspect(t, "acme-api", access)
	w.Do(t, "GET", w.Auth+"/introspect?token="+access, Basic("acme-api"), "")
	w.refresh(t, "acme-web", tokens.String("refresh_token"))
	w.refresh(t, "dreams-web", tokens.String("refresh_token"))
	w.Token(t, Basic("dreams-web"), redemption)
	w.Token(t, Credentials{"dreams-web", "another-client's-secret"}.Header(), redemption)
	w.Token(t, nil, With(redemption, url.Values{"client_id": {"acme-web"}, "client_secret": {"acme-web-secret"}}))
	w.Do(t, "GET", w.Auth+"/token?client_secret=dreams-web-secret&code="+redemption.Get("code"), nil, "")
	w.Do(t, "GET", w.Dreams+"/callback?code="+redemption.Get("code")+"&state="+states["the state of Dreams"], nil, "")
	w.Do(t, "GET", w.Acme+"/callback?code="+redemption.Get("code")+"&state="+states["the state of Acme"], nil, "")
	w.Do(t, "GET", w.Auth+"/nothing-here?token="+access, nil, "")
	w.revoke(t, "dreams-web", access)
	w.Post(t, w.Auth+"/revoke", Credentials{"dreams-web", "another-client's-secret"}.Header(), url.Values{"token": {access}})

	known.wantNone(t, "databases while the programs run", databases(t, w.DataDir))
	w.Stop()
	known.wantNone(t, "databases after the programs stopped", databases(t, w.DataDir))
	known.wantNone(t, "log", string(log.Bytes()))
	states.wantNone(t, "log", string(log.Bytes()))
	for _, line := range []string{"program=authserver", "program=acme", "program=dreams", "/token", "/api/v1/me", "/callback"} {
		if !strings.Contains(string(log.Bytes()), line) {
			t.Errorf("the log has no %q: it logs nothing", line)
		}
	}
}

// The same by what is overheard at the doors of all three, whatever it was: each
// grant and each page, in either format of the log, in traces, in metrics, and in
// the databases, while the programs run and after.
func TestWhatOpensADoorIsNowhereElse(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			collected, said, log := newCollector(t), &eavesdropper{}, &lockedBuffer{}
			w := New(t, Options{Log: log, Eavesdrop: said, Env: map[string]string{"LOG_FORMAT": format, "OTEL_EXPORTER_OTLP_ENDPOINT": collected.URL}})
			w.waitForAcme(t)
			shown := doorOpeners{}
			shown.add(t, "a password", "wanderlust")
			for _, do := range []func(testing.TB, *World, doorOpeners){
				saysTheMainJob, saysGrants, saysDevices, saysProofs, saysRegistrations, saysAccounts, saysUploads, saysApplications, saysRefusals,
			} {
				do(t, w, shown)
			}
			waitFor(t, within, "nobody is still to be told", func() bool { return w.metric(t, w.Auth, "authserver_notices_waiting") == 0 })
			metrics := ""
			for _, address := range []string{w.Auth, w.Acme, w.Dreams} {
				metrics += w.Do(t, "GET", address+"/metrics", nil, "").Body
			}
			running := databases(t, w.DataDir)
			w.Stop()
			heard := said.heard
			for what, least := range map[string]int{"access_token": 10, "refresh_token": 3, "code": 4, "password": 2, "csrf": 10, "cookie": 10, "Dpop": 2, "client_secret": 3, "assertion": 1, "client_assertion": 1, "logout_token": 1, "application/secevent+jwt": 1, "registration_access_token": 1, "device_code": 1, "code_verifier": 2} {
				n := 0
				for name := range heard {
					if strings.HasPrefix(name, what+" ") {
						n++
					}
				}
				if n < least {
					t.Errorf("%s was said %d times: too seldom to prove anything", what, n)
				}
			}
			for where, content := range map[string]string{
				"the log": string(log.Bytes()), "traces": collected.said.String(), "metrics": metrics,
				"the databases while the programs run": running, "the databases after": databases(t, w.DataDir),
			} {
				if len(content) < 10000 {
					t.Errorf("%s: %d bytes", where, len(content))
				}
				heard.wantNone(t, where, content)
				shown.wantNone(t, where, content)
			}
		})
	}
}

func saysTheMainJob(t testing.TB, w *World, _ doorOpeners) {
	MainJob(t, Addresses{w.Auth, w.Acme, w.Dreams}, func(string) {})
}

func saysGrants(t testing.TB, w *World, _ doorOpeners) {
	tokens := w.offline(t)
	tokens = w.refresh(t, "dreams-web", tokens.String("refresh_token"))
	want(t, w.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token"))))
	want(t, w.Token(t, nil, password("acme-mobile", "profile")))
	want(t, w.Token(t, nil, asserts(signed(w.bearerClaims()), "preferences:read")))
	claims := w.bearerClaims()
	claims["sub"] = "dreams-batch"
	want(t, w.Token(t, nil, clientAssertion(signed(claims))))
	b := w.SignedIn(t, "alice")
	w.Authorize(w.stay(b), With(w.pushed(t, w.Request("openid profile")), url.Values{"client_id": {"dreams-web"}}))
	w.introspectAs(t, "acme-api", "application/token-introspection+jwt", tokens.String("access_token"))
	w.signOut(b, w.logoutRequest(w.idTokenAt(t, b)))
	wantRevoked(t, w.revoke(t, "dreams-web", tokens.String("refresh_token")))
}

func saysDevices(t testing.TB, w *World, shown doorOpeners) {
	device := w.ApprovedDevice(t, "alice", "profile packages:read", "packages:read")
	shown.add(t, "a user code", device.String("user_code"))
	want(t, w.Token(t, nil, poll(device)))
}

func saysProofs(t testing.TB, w *World, _ doorOpeners) {
	h := w.Holder(t)
	tokens := h.Token(t, Basic("dreams-web"), w.Redemption(w.Allow(w.SignedIn(t, "alice"), w.Request("openid profile preferences:read"), "preferences:read")))
	for range 2 {
		h.Do(t, "GET", w.Acme+"/api/v1/me/preferences", tokens.String("access_token"), nil, "")
	}
	w.API(t, "GET", "/me", tokens.String("access_token"), "") // without its proof
}

func saysRegistrations(t testing.TB, w *World, _ doorOpeners) {
	client := w.registeredClient(t, diary(nil))
	token := Bearer(client.String("registration_access_token"))
	want(t, w.update(t, client, token, diary(map[string]any{"client_id": client.String("client_id"), "client_name": "Another Diary"})))
	w.Do(t, "DELETE", client.String("registration_client_uri"), token, "")
}

func saysAccounts(t testing.TB, w *World, shown doorOpeners) {
	b := NewBrowser(t)
	w.signUp(b, b.Get(w.Auth+"/login"), newcomer("dora"))
	done := b.Form(b.Get(w.Auth+"/account/password"), "current").With(url.Values{"current": {"a walk in the hills"}, "password": {"another walk in the hills"}}).Submit()
	if done.Status != http.StatusOK || !b.signedIn(w) {
		t.Errorf("the password was not changed: %d %s", done.Status, done.URL)
	}
	if page := w.LogIn(b, NewBrowser(t).Get(w.Auth+"/login"), "dora", "another walk in the hills"); page.Status >= 500 {
		t.Error(page.Status)
	}
}

func saysUploads(t testing.TB, w *World, _ doorOpeners) {
	if status := w.upload(t, w.atAcme(t, "alice"), "po-knees", square(t)); status != http.StatusSeeOther {
		t.Errorf("the upload: %d", status)
	}
}

func saysApplications(t testing.TB, w *World, shown doorOpeners) {
	b := w.SignedIn(t, "carol")
	a := w.newApplication(b, "machine", nil)
	shown.add(t, "an application's secret", a.Secret)
	want(t, w.clientCredentials(t, a.credentials()))
	w.uploadLogo(b, a.ID, square(t), nil)
}

// saysRefusals says secrets where they do not belong.
func saysRefusals(t testing.TB, w *World, _ doorOpeners) {
	tokens := w.Tokens(t, "bob", "openid profile")
	for _, address := range []string{w.Auth + "/authorize", w.Auth + "/token", w.Auth + "/no-such-page", w.Acme + "/api/v1/me", w.Acme + "/callback", w.Dreams + "/callback", w.Dreams + "/no-such-page"} {
		for _, method := range []string{"GET", "POST"} {
			for _, name := range []string{"access_token", "code", "client_secret", "id_token_hint", "request"} {
				w.Do(t, method, address+"?"+name+"="+tokens.String("access_token"), Bearer(tokens.String("id_token")), "")
			}
		}
	}
	w.Do(t, "GET", w.Auth+"/"+tokens.String("access_token"), nil, "")
	w.Do(t, "GET", w.Dreams+"/"+tokens.String("id_token"), http.Header{"Cookie": {"session=" + tokens.String("access_token")}}, "")
}

// want is an answer that is none of a refusal.
func want(t testing.TB, r Response) {
	t.Helper()
	if r.Status >= 300 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// stay returns the browser, which from now on stops at redirects to Dreams.
func (w *World) stay(b *Browser) *Browser {
	b.Stay = w.Dreams
	return b
}

// databases is every database file, with what is written ahead, byte for byte.
func databases(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%v: %v", files, err)
	}
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// RFC 6819 §5.1.4.1.3: what the database has instead.
func TestSecretsAreStoredAsHashes(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	w.offline(t)
	for query, want := range map[string]string{
		"SELECT count(*) FROM users WHERE password_hash NOT LIKE '$argon2id$v=19$m=%'":                       "0",
		"SELECT count(DISTINCT password_hash) = count(*) FROM users":                                         "1", // salted: the same password four times
		"SELECT count(*) FROM clients WHERE secret_hash IS NOT NULL AND length(secret_hash)!=32":             "0",
		"SELECT count(*) FROM clients WHERE next_secret_hash IS NOT NULL AND length(next_secret_hash)!=32":   "0",
		"SELECT count(*) > 0 AND min(length(hash)) = 32 AND max(length(hash)) = 32 FROM authorization_codes": "1",
		"SELECT count(*) > 0 AND min(length(hash)) = 32 AND max(length(hash)) = 32 FROM refresh_tokens":      "1",
		"SELECT count(*) > 0 AND min(length(hash)) = 32 AND max(length(hash)) = 32 FROM sessions":            "1",
	} {
		if got := w.value(t, "authserver", query); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}
