package e2e

import "testing"

func transcribeRemoval(t *testing.T, tr *transcriber) {
	b := tr.connect("preferences:read", "offline_access")
	tr.w.removeApp(b, "dreams-web")
	tr.w.eventually(t, "Dreams deletes nothing", func() bool { return tr.w.connections(t) == "0" })
	b.Get(tr.w.Dreams + "/offers")
	tr.tell(`
This shows what becomes of an application that a person removes: the security event
token (RFC 8417) that tells it, pushed as RFC 8935 says. The event and where a client
registers to hear of it are our own. Before, when alice was asked, Accounts showed her
what she was about to share.
`, []Scene{
		{"Accounts", "Acme", "GET", "/api/v1/me/preferences", "", "ours", "While alice decides: Accounts asks for her preferences, under its own name, for her to see. Her access log at Acme says so."},
		{"Browser", "Accounts", "POST", "/account/apps", "", "ours", "She removes Dreams. Its consent ends, and with it the grant and its tokens; what is to be told is on disk with it."},
		{"Accounts", "Dreams", "POST", "/events", "", "RFC 8935 §2.1, §2.2; RFC 8417 §2.2; RFC 9493 §3.2.3", "Dreams hears why and what remains: nothing. No exp, for what has happened does not expire, and no sub, for it is no ID token. Dreams has deleted it when it answers."},
		{"Browser", "Dreams", "GET", "/offers", "", "ours", "Dreams says what it deleted, when and why."},
	})
}
