package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// dreamsAttacks are on the rules of Dreams's callback. Most have got through
// when Dreams takes the browser for somebody whom no good answer named.
var dreamsAttacks = []Attack{
	lieToDreams("callback: no parameter stands twice", "400", &lyingServer{Answer: func(a url.Values) { a.Add("code", "mallory's") }}),
	{
		// Login CSRF: mallory's answer in alice's browser. What alice does at
		// Dreams from then on, mallory can read.
		Rule: "callback: state is this browser's own", Name: "the answer to another browser", Refused: "400",
		Try: func(t testing.TB, w *World) (bool, string) {
			mallory := w.SignedIn(t, "bob")
			mallory.Stay = w.Dreams + "/callback"
			answer := mallory.Get(w.Dreams + "/connect")
			if answer.Location == "" {
				answer = mallory.Form(answer, "decision").With(url.Values{"decision": {"allow"}}).Submit()
			}
			alice := NewBrowser(t)
			page := alice.Get(answer.Location)
			return knownAtDreams(w, alice), page.Refusal()
		},
	},
	func() Attack {
		liar := &lyingServer{}
		return Attack{
			// The address stays in histories and logs. A second redemption makes the
			// server take the code for stolen and end what the first one gave.
			Rule: "callback: state is unspent", Name: "the same address twice", Refused: "400", Options: dreamsAnd(liar),
			Try: func(t testing.TB, w *World) (bool, string) {
				b := NewBrowser(t)
				b.Stay = w.Dreams + "/callback"
				answer := b.Get(w.Dreams + "/connect")
				b.Stay = ""
				if first := b.Get(answer.Location); !knownAtDreams(w, b) {
					t.Fatalf("the first time: %d %s", first.Status, first.Body)
				}
				again := b.Get(answer.Location)
				return liar.Redemptions(w) > 1, again.Refusal()
			},
		}
	}(),
	{
		Rule: "callback: the attempt is fresh", Refused: "400",
		Try: func(t testing.TB, w *World) (bool, string) {
			b := NewBrowser(t)
			login := b.Get(w.Dreams + "/connect")
			w.Clock.Advance(11 * time.Minute)
			consent := w.LogIn(b, login, "alice", "wanderlust")
			page := b.Form(consent, "decision").With(url.Values{"decision": {"allow"}}).Submit()
			return knownAtDreams(w, b), page.Refusal()
		},
	},
	lieToDreams("callback: iss is the server that we asked", "400", &lyingServer{Answer: func(a url.Values) { a.Set("iss", "https://evil.test") }}),
	lieToDreams("callback: not both code and error", "400", &lyingServer{Answer: func(a url.Values) { a.Set("error", "") }}),
	func() Attack {
		liar := &lyingServer{Answer: func(a url.Values) { a.Del("code") }}
		return Attack{
			// Our credentials must not go out for nothing.
			Rule: "callback: code is present", Refused: "400", Options: dreamsAnd(liar),
			Try: func(t testing.TB, w *World) (bool, string) {
				page := NewBrowser(t).Get(w.Dreams + "/connect")
				return liar.Redemptions(w) > 0, page.Refusal()
			},
		}
	}(),

	lieToDreams("ID token: nonce is the one that we sent", "400", &lyingServer{Claims: func(c jwt.MapClaims) { c["nonce"] = "of another request" }}),
	lieToDreams("ID token: azp, where it stands, is us", "400", &lyingServer{Claims: func(c jwt.MapClaims) {
		c["aud"], c["azp"] = []string{"dreams-web", "dreams-spa"}, "dreams-spa"
	}}),
	lieToDreams("ID token: sub is present", "400", &lyingServer{Claims: func(c jwt.MapClaims) { delete(c, "sub") }}),
	lieToDreams("ID token: at_hash fits the access token", "400", &lyingServer{Claims: func(c jwt.MapClaims) { c["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ" }}),

	lieAboutAToken("introspection: typ says what it is", "That is something else", func(header map[string]any, _ jwt.MapClaims) { header["typ"] = "at+jwt" }),
	lieAboutAToken("introspection: iss is the server that we asked", "Somebody else says so", func(_ map[string]any, answer jwt.MapClaims) { answer["iss"] = "https://evil.test" }),
	lieAboutAnAPI("protected resource: it is the one that we asked", "This speaks for another API", func(doc map[string]any) { doc["resource"] = "https://bank.test" }),
	lieAboutAnAPI("protected resource: its authorization server is one that we know", "We do not know that authorization server", func(doc map[string]any) { doc["authorization_servers"] = []string{"https://evil.test"} }),
	lieAboutAToken("introspection: aud is us", "That was said to somebody else", func(_ map[string]any, answer jwt.MapClaims) { answer["aud"] = "acme-api" }),
}

// dreamsDoubled are rules of Dreams that another one doubles.
var dreamsDoubled = map[string]string{
	"callback: no error": "an error without a code leaves nothing to redeem, and one with a code is refused as both; " +
		"the rule stands to tell the person what the server said, and that a no is no mistake",
	"ID token: the login is as young as we asked": "Acme reads auth_time in the access token and refuses the write a second time; " +
		"the rule stands so that Dreams notices a server that ignores max_age, and goes round in no circle (dreams/flow has a test of its own)",
}

func dreamsAnd(liar *lyingServer) Options {
	return Options{Authority: liar, Only: []string{"authserver", "dreams"}}
}

// lieToDreams connects with a server that lies; through means that Dreams
// believes it.
func lieToDreams(rule, refused string, liar *lyingServer) Attack {
	return Attack{
		Rule: rule, Refused: refused, Options: dreamsAnd(liar),
		Try: func(t testing.TB, w *World) (bool, string) {
			b := NewBrowser(t)
			page := b.Get(w.Dreams + "/connect")
			return knownAtDreams(w, b), page.Refusal()
		},
	}
}

// lieAboutAnAPI has the lab learn from an API what to ask for, and where; through
// means that Dreams sends the browser away for it.
func lieAboutAnAPI(rule, refused string, says func(map[string]any)) Attack {
	var issuers sync.Map // by the address that the API is called by
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		public := "http://" + r.Host
		if r.URL.Path != "/.well-known/oauth-protected-resource" {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+public+`/.well-known/oauth-protected-resource"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		issuer, _ := issuers.Load(public)
		doc := map[string]any{"resource": public, "authorization_servers": []any{issuer}}
		says(doc)
		reply(w, doc)
	})
	return Attack{
		Rule: rule, Refused: refused, Options: Options{Resource: api},
		Try: func(t testing.TB, w *World) (bool, string) {
			issuers.Store(w.Acme, w.Auth)
			b := NewBrowser(t)
			page := b.Form(b.Get(w.Dreams+"/learn/resource-metadata"), "run").Submit()
			_, words, _ := strings.Cut(page.Body, "The run ended early.</b> ")
			heading, _, _ := strings.Cut(words, ".")
			return strings.HasPrefix(page.URL.String(), w.Auth), heading
		},
	}
}

// lieAboutAToken has the lab ask what a token is worth; through means that Dreams
// believes the answer.
func lieAboutAToken(rule, refused string, says func(map[string]any, jwt.MapClaims)) Attack {
	return Attack{
		Rule: rule, Refused: refused, Options: dreamsAnd(&lyingServer{Says: says}),
		Try: func(t testing.TB, w *World) (bool, string) {
			b := NewBrowser(t)
			page := b.Form(b.Get(w.Dreams+"/learn/introspection"), "run").Submit()
			_, words, _ := strings.Cut(page.Body, "The run ended early.</b> ")
			heading, _, _ := strings.Cut(words, ".")
			return strings.Contains(page.Body, "The answer, signed by Acme"), heading
		},
	}
}

// knownAtDreams tells whether the browser ended as somebody whom Dreams knows.
func knownAtDreams(w *World, b *Browser) bool {
	outbox := b.Get(w.Dreams + "/outbox")
	return outbox.Status == 200 && !strings.Contains(outbox.Body, "We do not know you")
}
