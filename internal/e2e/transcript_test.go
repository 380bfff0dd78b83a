package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// how is the end of every introduction.
const how = `
Recorded from the running programs by TestTranscripts (go test ./internal/e2e
-run TestTranscripts -update). A name in braces stands for a value that is new
each time; the same name is the same value, so that you can see where it goes.
Headers that every page has are left out, and cookies that are another program's:
a browser sends them along, because all ports of a host are one to a cookie.`

// The transcripts are what the programs say today, to the byte.
func TestTranscripts(t *testing.T) {
	for name, record := range map[string]func(*testing.T, *transcriber){
		"authorization_code": transcribeAuthorizationCode,
		"refresh_token":      transcribeRefreshToken,
		"without_pkce":       transcribeWithoutPKCE,
		"client_credentials": transcribeClientCredentials,
		"device_code":        transcribeDeviceCode,
		"token_exchange":     transcribeTokenExchange,
		"jwt_bearer":         transcribeJWTBearer,
		"implicit":           transcribeImplicit,
		"password":           transcribePassword,
		"logout":             transcribeLogout,
		"removal":            transcribeRemoval,
		"par":                transcribePAR,
		"jar":                transcribeJAR,
		"dpop":               transcribeDPoP,
		"rar":                transcribeRAR,
		"resource":           transcribeResource,
		"step_up":            transcribeStepUp,
		"registration":       transcribeRegistration,
	} {
		t.Run(name, func(t *testing.T) {
			recorder := &Recorder{}
			tr := &transcriber{t: t, recorder: recorder, w: New(t, Options{Record: recorder, SQL: transcribedSQL[name]})}
			record(t, tr)
			got := tr.transcript.String()
			path := filepath.Join("testdata", "transcripts", name+".http")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if difference := firstDifference(string(want), got); difference != "" {
				t.Errorf("%s is not what the programs say (-update rewrites it): %s", path, difference)
			}
		})
	}
}

func firstDifference(want, got string) string {
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(gotten)) {
		w, g := "(the end)", "(the end)"
		if i < len(wanted) {
			w = wanted[i]
		}
		if i < len(gotten) {
			g = gotten[i]
		}
		if w != g {
			return "want " + w + ", got " + g
		}
	}
	return ""
}

// transcriber writes down what happens in a World.
type transcriber struct {
	t          *testing.T
	w          *World
	recorder   *Recorder
	transcript *Transcript
}

func (tr *transcriber) browser() *Browser {
	b := NewBrowser(tr.t)
	b.client.Transport = tr.recorder.Transport("Browser", tr.w.Client.Transport)
	return b
}

// as returns the World as somebody sees it who sends requests of their own.
func (tr *transcriber) as(name string) *World {
	w := *tr.w
	w.Client = &http.Client{Transport: tr.recorder.Transport(name, tr.w.Client.Transport)}
	return &w
}

// tell writes the scenes; each must have happened.
func (tr *transcriber) tell(introduction string, scenes []Scene) {
	tr.t.Helper()
	tr.transcript = NewTranscript(tr.t, tr.w, introduction+how)
	for _, s := range scenes {
		e, ok := tr.recorder.Take(tr.w, s)
		for begin := time.Now(); !ok && time.Since(begin) < 5*time.Second; e, ok = tr.recorder.Take(tr.w, s) {
			time.Sleep(10 * time.Millisecond) // what happens in the background
		}
		if !ok {
			tr.t.Fatalf("%s never said %s %s to %s", s.From, s.Method, s.Path, s.To)
		}
		tr.transcript.Write(s, e)
	}
}

// connect is alice connecting Dreams and letting it do all that scopes names.
func (tr *transcriber) connect(scopes ...string) *Browser {
	tr.t.Helper()
	b := tr.browser()
	consent := tr.w.LogIn(b, b.Get(tr.w.Dreams+"/connect"), "alice", "wanderlust")
	offers := b.Form(consent, "decision").With(url.Values{"scope": scopes, "decision": {"allow"}}).Submit()
	if offers.Status != 200 || offers.URL.Path != "/offers" {
		tr.t.Fatalf("not connected: %d at %s", offers.Status, offers.URL)
	}
	return b
}

func transcribeAuthorizationCode(t *testing.T, tr *transcriber) {
	tr.connect("preferences:read")
	tr.tell(`
This shows the authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636) and
OpenID Connect: alice connects Dreams, the client, to her Acme account and lets
it read her travel preferences.
`, []Scene{
		{"Dreams", "Accounts", "GET", "/.well-known/openid-configuration", "",
			"OIDC Discovery §4, RFC 8414 §3", "All that Dreams knows of Accounts is its address. Everything else stands in this document."},
		{"Browser", "Dreams", "GET", "/connect", "",
			"RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1", "Alice clicks \"Connect my Acme account\". Dreams makes state, nonce and code_verifier, keeps them, and sends the browser to Accounts."},
		{"Browser", "Accounts", "GET", "/authorize", "",
			"RFC 6749 §4.1.1, §3.1", "The authorization request. Client and redirect URI are checked before anything else; then alice has to sign in."},
		{"Browser", "Accounts", "GET", "/login", "",
			"RFC 6749 §3.1: how the person is authenticated is not the protocol's business", "The page names who sent her, and that Dreams does not see the password."},
		{"Browser", "Accounts", "POST", "/login", "",
			"RFC 6749 §3.1", "Alice signs in, at Accounts and nowhere else."},
		{"Browser", "Accounts", "GET", "/authorize/resume", "",
			"RFC 6749 §4.1.1", "The request that waited goes on: she has never been asked about Dreams, so she is now."},
		{"Browser", "Accounts", "GET", "/consent", "",
			"RFC 6749 §3.3", "What Dreams asks for. Nothing is ticked but what cannot be refused by itself."},
		{"Browser", "Accounts", "POST", "/consent", "",
			"RFC 6749 §4.1.2, RFC 9207 §2", "She lets it read her preferences. The answer goes to the redirect URI: the code, the state as it came, and who answers."},
		{"Browser", "Dreams", "GET", "/callback", "",
			"RFC 6749 §4.1.2, §10.12, RFC 9207 §2.4", "The browser brings the answer. Dreams compares state and iss; before it answers, the two messages below happen behind the browser's back."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code",
			"RFC 6749 §4.1.3, §4.1.4, RFC 7636 §4.5, OIDC Core §3.1.3.3, RFC 9068 §2", "Dreams proves that it is Dreams (its secret) and that it began this (code_verifier), and gets the tokens. The scope is what was granted, not what was asked for."},
		{"Dreams", "Accounts", "GET", "/jwks", "",
			"RFC 7517 §5, OIDC Core §3.1.3.7", "The keys with which Dreams checks the ID token's signature."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "",
			"RFC 6750 §2.1, RFC 9068 §4", "The token at work. Acme checks it by itself: signature, typ, iss, aud, exp, scope."},
		{"Browser", "Dreams", "GET", "/offers", "",
			"no protocol: the page that all this was for", "Offers, each with the record that it was made from."},
	})
}

func transcribeRefreshToken(t *testing.T, tr *transcriber) {
	b := tr.connect("preferences:read", "offline_access")
	tr.w.Clock.Advance(61 * time.Minute)
	if page := b.Get(tr.w.Dreams + "/offers"); page.Status != 200 {
		t.Fatalf("offers after an hour: %d", page.Status)
	}
	first := tr.issued("authorization_code", "refresh_token")
	second := tr.issued("refresh_token", "refresh_token")
	access := tr.issued("refresh_token", "access_token")
	thief := tr.as("Somebody else")
	refresh := func(token string) {
		thief.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	refresh(first)
	refresh(second)
	for begin := time.Now(); thief.API(t, "GET", "/me/preferences", access, "").Status == 200; time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > RevocationTime {
			t.Fatal("the revoked token still works")
		}
	}
	tr.dropAnswers("Somebody else", "/api/v1/me/preferences", 200)
	tr.tell(`
This shows the refresh token grant (RFC 6749 §6) with rotation, and what happens
when a refresh token that was spent comes back (RFC 9700 §4.14.2): somebody has
copied it, nobody can tell who, so the whole family of tokens ends.
`, []Scene{
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code",
			"RFC 6749 §4.1.4, OIDC Core §11", "Alice has allowed offline_access, so a refresh token comes with the access token."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "",
			"RFC 6750 §2.1", "The access token at work, for an hour."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=refresh_token",
			"RFC 6749 §6, RFC 9700 §4.14.2, OIDC Core §12.2", "An hour later the access token has expired. Dreams gets new ones of both kinds; the old refresh token is spent."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "",
			"RFC 6750 §2.1", "The same with the new one."},
		{"Somebody else", "Accounts", "POST", "/token", "grant_type=refresh_token",
			"RFC 6749 §5.2, §10.4, RFC 9700 §4.14.2", "Somebody who has stolen the first refresh token, and the secret too, uses it. It was spent: refused, and everything that came from it is revoked."},
		{"Somebody else", "Accounts", "POST", "/token", "grant_type=refresh_token",
			"RFC 6749 §5.2", "The second refresh token, which nobody had used, is void as well."},
		{"Somebody else", "Acme", "GET", "/api/v1/me/preferences", "",
			"RFC 6750 §3.1", "And so is the access token, at Acme too, within two seconds."},
	})
}

// issued is a token that Dreams got by a grant; empty: it has not yet.
func (tr *transcriber) issued(grant, token string) string {
	tr.recorder.mu.Lock()
	defer tr.recorder.mu.Unlock()
	for _, e := range tr.recorder.exchanges {
		if e.From == "Dreams" && e.form.Get("grant_type") == grant {
			return Response{Body: e.ResponseBody}.String(token)
		}
	}
	return ""
}

// dropAnswers forgets what was asked while something was not yet so.
func (tr *transcriber) dropAnswers(from, path string, status int) {
	tr.recorder.mu.Lock()
	defer tr.recorder.mu.Unlock()
	for i := range tr.recorder.exchanges {
		e := &tr.recorder.exchanges[i]
		if e.From == from && e.Request.URL.Path == path && e.Response.StatusCode == status {
			e.alreadyWritten = true
		}
	}
}

func transcribeClientCredentials(t *testing.T, tr *transcriber) {
	token := ""
	for begin := time.Now(); token == "" && time.Since(begin) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
		token = tr.issued("client_credentials", "access_token") // in the background
	}
	catalogue := tr.as("Dreams")
	catalogue.API(t, "GET", "/me", token, "")
	catalogue.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}, "scope": {"profile"}})
	tr.tell(`
This shows the client credentials grant (RFC 6749 §4.4): Dreams fetches the
public catalogue for itself, with a token in which no person appears.
`, []Scene{
		{"Dreams", "Accounts", "POST", "/token", "grant_type=client_credentials",
			"RFC 6749 §4.4.2, §4.4.3, §2.3.1, RFC 9068 §2.2", "The client is all there is to authenticate. No refresh token: the client can always ask again."},
		{"Dreams", "Acme", "GET", "/api/v1/packages", "",
			"RFC 6750 §2.1, RFC 9068 §4", "The journeys are public, and packages:read is enough."},
		{"Dreams", "Acme", "GET", "/api/v1/me", "",
			"RFC 6750 §3, §3.1", "There is no me in this token: sub is the client itself."},
		{"Dreams", "Accounts", "POST", "/token", "scope=profile",
			"RFC 6749 §5.2, §3.3", "Nor can it ask for a scope that needs a person."},
	})
}
