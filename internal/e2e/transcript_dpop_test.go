package e2e

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"example.com/acme-dreams/internal/dpop/dpoptest"
)

func transcribeDPoP(t *testing.T, tr *transcriber) {
	// Nonces change by the minute: the whole story stands in one.
	tr.w.Clock.Advance(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
	tr.w.waitForAcme(t)
	dreams := tr.as("Dreams").Holder(t)
	thief := tr.as("Somebody else")
	b := tr.browser()
	b.Stay = tr.w.Dreams
	request := With(tr.w.Request("profile"), url.Values{"dpop_jkt": {dreams.Key.Thumbprint()}, "nonce": nil})
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	answer := b.Form(question, "decision").With(url.Values{"decision": {"allow"}}).Submit()
	token := dreams.Token(t, Basic("dreams-web"), tr.w.Redemption(answer)).String("access_token")
	if me := dreams.API(t, http.MethodGet, "/me", token); me.Status != http.StatusOK {
		t.Fatalf("/me: %d %s", me.Status, me.Body)
	}
	me := tr.w.Acme + "/api/v1/me"
	overheard := dreams.Proof(http.MethodGet, me, token)
	dreams.w.Do(t, http.MethodGet, me, http.Header{"Authorization": {"DPoP " + token}, "Dpop": {overheard}}, "")
	thief.API(t, http.MethodGet, "/me", token, "")
	thief.Do(t, http.MethodGet, me, http.Header{"Authorization": {"DPoP " + token}, "Dpop": {overheard}}, "")
	own := &Holder{Key: dpoptest.NewES256(t), w: thief, nonces: dreams.nonces}
	own.API(t, http.MethodGet, "/me", token)
	tr.tell(`
This shows DPoP (RFC 9449): Dreams proves with every request that it holds a key,
and its token is bound to that key. Whoever steals the token alone has nothing.
`, []Scene{
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 9449 §10", "The authorization request names the key already: dpop_jkt is its thumbprint."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.1.2", "Alice has signed in and says yes. The code is bound to the key: stolen, it is worth nothing."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 9449 §4.2, §5, §8", "The first proof. Accounts wants a nonce in it, so that nobody can make proofs ahead of time. The code is not spent."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 9449 §5, §6.1", "The second one has it. The token names the key: cnf.jkt."},
		{"Dreams", "Acme", "GET", "/api/v1/me", "", "RFC 9449 §7.1, §9", "Acme has nonces of its own. A proof that goes with a token holds its hash: ath."},
		{"Dreams", "Acme", "GET", "/api/v1/me", "", "RFC 9449 §4.3, §7.1", "Token, proof and key belong together, and the proof is for this request."},
		{"Dreams", "Acme", "GET", "/api/v1/me", "", "RFC 9449 §8.2", "The next request, a new proof. Somebody reads along."},
		{"Somebody else", "Acme", "GET", "/api/v1/me", "", "RFC 9449 §7.2", "The token without the key: sent as Bearer, it is refused."},
		{"Somebody else", "Acme", "GET", "/api/v1/me", "", "RFC 9449 §11.1", "With the proof that was overheard: it was used before."},
		{"Somebody else", "Acme", "GET", "/api/v1/me", "", "RFC 9449 §4.3, §7.1", "With a proof by another key: the token is not bound to that one."},
	})
}
