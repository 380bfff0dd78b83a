package e2e

import (
	"net/http"
	"net/url"
	"testing"
)

func transcribeLogout(t *testing.T, tr *transcriber) {
	b := tr.connect("preferences:read")
	b.Get(tr.w.Acme + "/login?next=/me")
	out := Form{browser: b, Action: tr.w.Acme + "/logout", Fields: url.Values{}}
	out.SubmitAs(http.Header{"Origin": {tr.w.Acme}, "Sec-Fetch-Site": {"same-origin"}})
	b.Get(tr.w.Acme + "/logout/accounts")
	tr.w.eventually(t, "Dreams still knows alice", func() bool { return !knownAtDreams(tr.w, b) })
	b.Stay = tr.w.Dreams + "/callback"
	tr.w.Authorize(b, With(tr.w.Request("openid profile"), url.Values{"prompt": {"none"}}))
	tr.tell(`
This shows signing out everywhere: OpenID Connect RP-Initiated Logout, which a
client begins in the browser, and Back-Channel Logout, by which the others hear of
it. Alice is signed in to Acme Travel and connected to Dreams, in one browser.
`, []Scene{
		{"Browser", "Acme", "POST", "/logout", "", "RP-Initiated Logout §2", "She signs out of Acme Travel. That session is Acme's to end."},
		{"Browser", "Acme", "GET", "/signed-out", "", "ours", "The page says what goes on: her session at Accounts, and with it the one at Dreams."},
		{"Browser", "Acme", "GET", "/logout/accounts", "", "RP-Initiated Logout §2", "Acme offers to end the session at Accounts too. The ID token says which one that is, and who asks; it opens nothing."},
		{"Browser", "Accounts", "GET", "/logout", "", "RP-Initiated Logout §2, §3", "The hint is of the session at this browser, so nobody asks again; the URI is registered, to the byte."},
		{"Browser", "Acme", "GET", "/signed-out", "", "RP-Initiated Logout §3", "The state is the one that Acme sent: this is the answer to its own request."},
		{"Accounts", "Dreams", "POST", "/backchannel-logout", "", "Back-Channel Logout §2.4, §2.5, §2.8", "Dreams took part in the session, and hears that it has ended: same sid as in its ID token, an event, and no nonce. No browser carries this."},
		{"Accounts", "Acme", "POST", "/backchannel-logout", "", "Back-Channel Logout §2.3", "Acme hears of it like everybody who took part, although it asked."},
		{"Browser", "Accounts", "GET", "/authorize", "prompt=none", "OIDC Core §3.1.2.6", "Nobody is signed in any more."},
	})
}
