package e2e

import (
	"net/url"
	"testing"
)

// transcribedSQL is what has to be registered before a transcript, by program.
var transcribedSQL = map[string]map[string][]string{
	"jar": {"authserver": {webSigns}},
}

// decided is alice signing in and allowing her preferences, from a request on.
func (tr *transcriber) decided(request url.Values) (*Browser, Page) {
	b := tr.browser()
	b.Stay = tr.w.Dreams
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	return b, b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
}

func transcribePAR(t *testing.T, tr *transcriber) {
	dreams := tr.as("Dreams")
	pushed := dreams.push(t, Basic("dreams-web"), tr.w.Request("openid profile preferences:read"))
	request := url.Values{"client_id": {"dreams-web"}, "request_uri": {pushed.String("request_uri")}}
	b, answer := tr.decided(request)
	tokens := dreams.Token(t, Basic("dreams-web"), tr.w.Redemption(answer))
	dreams.API(t, "GET", "/me/preferences", tokens.String("access_token"), "")
	tr.w.Authorize(b, request)
	dreams.push(t, Basic("dreams-web"), With(tr.w.Request("openid"), url.Values{"redirect_uri": {"https://evil.test/callback"}}))
	tr.tell(`
This shows a pushed authorization request (RFC 9126): Dreams leaves its request at
Accounts, server to server, before it sends alice. Her browser carries a reference,
in which there is nothing to read and nothing to change.
`, []Scene{
		{"Dreams", "Accounts", "POST", "/par", "response_type=code", "RFC 9126 §2.1, §2.2", "The parameters are those of an authorization request. Dreams authenticates as at the token endpoint, so Accounts knows who asks before anybody sees a page."},
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 9126 §4", "Alice arrives, within sixty seconds. Whatever else stood in this address would not count."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "She signs in."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.1.2, RFC 9207 §2", "She lets her preferences through. The answer is the same as ever, and it uses the request_uri up."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 6749 §4.1.3", "Nothing is new here."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "The token opens what was allowed."},
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 9126 §4, §7.3", "The same address once more: a page, and no redirect."},
		{"Dreams", "Accounts", "POST", "/par", "scope=openid", "RFC 9126 §2.3", "What would be refused at /authorize is refused at once, and as JSON: an address that nobody registered."},
	})
}

func transcribeJAR(t *testing.T, tr *transcriber) {
	object := tr.w.requestObject("openid profile preferences:read")
	request := url.Values{
		"client_id": {"dreams-web"}, "request": {signedAs("oauth-authz-req+jwt", object)},
		"scope": {"openid blog:read"}, "redirect_uri": {"https://evil.test/callback"},
	}
	b, answer := tr.decided(request)
	dreams := tr.as("Dreams")
	dreams.Token(t, Basic("dreams-web"), tr.w.Redemption(answer))
	tr.w.Authorize(b, With(request, url.Values{"request": {signedByNobody(object)}}))
	dreams.push(t, Basic("dreams-web"), url.Values{"request": {signedAs("oauth-authz-req+jwt", tr.w.requestObject("openid"))}})
	tr.tell(`
This shows a JWT-secured authorization request (RFC 9101): Dreams signs its request,
with a key that it registered. It passes through the browser, where it can be read
but not changed.
`, []Scene{
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 9101 §5, §6", "The signed request is all that counts. Somebody has written another scope and another address beside it: neither is looked at."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "Alice signs in."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 9101 §7", "The answer goes where the signed request says, with the state that it has inside."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 6749 §4.1.3", "From here on nothing is new."},
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 9101 §6.2, §7", "The same, signed with a key of somebody else's. The query beside it names no address that Dreams registered, so only alice is told."},
		{"Dreams", "Accounts", "POST", "/par", "", "RFC 9126 §3", "Signed and pushed: the request is neither read nor changed on its way, and who asked can be shown later."},
	})
}
