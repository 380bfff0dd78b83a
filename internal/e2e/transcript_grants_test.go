package e2e

import (
	"net/url"
	"testing"
	"time"
)

func transcribeWithoutPKCE(t *testing.T, tr *transcriber) {
	b := tr.browser()
	b.Stay = tr.w.Dreams
	request := With(tr.w.Request("profile preferences:read"), url.Values{"code_challenge": nil, "code_challenge_method": nil, "nonce": nil})
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	answer := b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
	redemption := With(tr.w.Redemption(answer), url.Values{"code_verifier": nil})
	dreams := tr.as("Dreams")
	tokens := dreams.Token(t, Basic("dreams-web"), redemption)
	dreams.API(t, "GET", "/me/preferences", tokens.String("access_token"), "")
	dreams.Token(t, Basic("dreams-web"), redemption)
	tr.tell(`
This shows the authorization code grant (RFC 6749 §4.1) as it was in 2012, without
PKCE: a confidential web application with a secret. What is missing is anything
that ties the code to the browser that asked for it.
`, []Scene{
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 6749 §4.1.1", "The request has a state and no code_challenge."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "Alice signs in."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.1.2", "She lets her preferences through. Whoever sees this code can have it redeemed by Dreams, in a session of their own (RFC 9700 §4.5)."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 6749 §4.1.3", "Only Dreams can redeem it: that much the secret proves."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "The token opens what was allowed."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 6749 §4.1.2, §10.5", "The code once more: refused, and the token above ends."},
	})
}

func transcribeDeviceCode(t *testing.T, tr *transcriber) {
	tv := tr.as("Television")
	device := tv.Device(t, "profile preferences:read")
	tv.Token(t, nil, poll(device))
	tv.Token(t, nil, poll(device))
	b := tr.browser()
	login := tr.w.TypeCode(b, device.String("user_code"))
	question := tr.w.LogIn(b, login, "alice", "wanderlust")
	b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
	tr.w.Clock.Advance(time.Minute)
	tokens := tv.Token(t, nil, poll(device))
	tv.API(t, "GET", "/me/preferences", tokens.String("access_token"), "")
	tr.tell(`
This shows the device authorization grant (RFC 8628): Dreams on a television, on
which nobody wants to type a password. The browser here is alice's telephone.
`, []Scene{
		{"Television", "Accounts", "POST", "/device_authorization", "", "RFC 8628 §3.1, §3.2", "The television asks for two codes: one that it keeps, one that it shows."},
		{"Television", "Accounts", "POST", "/token", "", "RFC 8628 §3.4, §3.5", "It asks whether alice has decided. She has not."},
		{"Television", "Accounts", "POST", "/token", "", "RFC 8628 §3.5", "It asks again at once, and is told to wait five seconds longer from now on."},
		{"Browser", "Accounts", "POST", "/device", "", "RFC 8628 §3.3, §6.1", "Alice types what the television shows."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 8628 §3.3", "She signs in, on a screen that has a keyboard and that she trusts."},
		{"Browser", "Accounts", "GET", "/consent", "", "RFC 8628 §5.4", "The page warns of codes that somebody sent: whoever started the flow gets the tokens."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 8628 §3.3", "She lets it read her preferences. Nothing is redirected: the television hears of it when it asks."},
		{"Television", "Accounts", "POST", "/token", "", "RFC 8628 §3.5, RFC 6749 §5.1", "The next question gets the token."},
		{"Television", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "And the token opens what she allowed."},
	})
}

func transcribeTokenExchange(t *testing.T, tr *transcriber) {
	tokens := tr.w.Tokens(t, "alice", "openid profile preferences:read blog:read")
	dreams, analytics := tr.as("Dreams"), tr.as("Analytics")
	narrow := dreams.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token"))).String("access_token")
	analytics.API(t, "GET", "/me/preferences", narrow, "")
	analytics.API(t, "GET", "/me/posts", narrow, "")
	dreams.Token(t, Basic("dreams-web"), With(exchanged(tokens.String("access_token")), url.Values{"scope": {"preferences:write"}}))
	tr.tell(`
This shows token exchange (RFC 8693): Dreams holds a token for alice's preferences
and posts, and wants its analytics to see the preferences alone.
`, []Scene{
		{"Dreams", "Accounts", "POST", "/token", "scope=preferences:read", "RFC 8693 §2.1, §2.2, §4.1", "Dreams hands its token in and names less. The new token says who acts: act."},
		{"Analytics", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "Analytics got the narrow token, and it opens what it is for."},
		{"Analytics", "Acme", "GET", "/api/v1/me/posts", "", "RFC 6750 §3.1", "Nothing else."},
		{"Dreams", "Accounts", "POST", "/token", "scope=preferences:write", "RFC 8693 §2.2.2", "Nor can an exchange make a token more than it was."},
	})
}

func transcribeJWTBearer(t *testing.T, tr *transcriber) {
	tr.w.Tokens(t, "alice", "openid profile preferences:read")
	batch := tr.as("Batch")
	assertion := signed(tr.w.bearerClaims())
	tokens := batch.Token(t, nil, asserts(assertion, "preferences:read"))
	batch.API(t, "GET", "/me/preferences", tokens.String("access_token"), "")
	batch.Token(t, nil, asserts(assertion, "preferences:read"))
	tr.tell(`
This shows the JWT bearer grant (RFC 7523 §2.1): Dreams's batch system signs for
alice, who connected Dreams beforehand. No browser, and no secret that two know.
`, []Scene{
		{"Batch", "Accounts", "POST", "/token", "", "RFC 7523 §2.1, §3, RFC 7521 §4.1", "The assertion says who speaks (iss), for whom (sub), to whom (aud), until when (exp). Its signature authenticates the client, and her consent is what makes it right."},
		{"Batch", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "A token like any other."},
		{"Batch", "Accounts", "POST", "/token", "", "RFC 7523 §3", "The same assertion again: whoever saw it pass gets nothing for it."},
	})
}

func transcribeImplicit(t *testing.T, tr *transcriber) {
	b := tr.browser()
	b.Stay = tr.w.Dreams
	request := With(tr.w.Request("profile preferences:read"), widget(tr.w))
	for _, pkce := range []string{"code_challenge", "code_challenge_method", "nonce"} {
		request.Del(pkce)
	}
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	answer := b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit().Answer()
	tr.as("Widget").API(t, "GET", "/me/preferences", answer.Get("access_token"), "")
	tr.tell(`
This shows the implicit grant (RFC 6749 §4.2), which OAuth 2.1 has removed: a widget
of the days before CORS. Look where the token is. With LEGACY_GRANTS=off it is gone.
`, []Scene{
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 6749 §4.2.1", "A token is asked for, and no code. There is no client secret and no code_verifier: anybody can ask in the widget's name."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "Alice signs in."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.2.2, RFC 9700 §2.1.2", "The token comes back in the fragment: in the address bar, in the history, and nothing ties it to who asked. No refresh token."},
		{"Widget", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "The script reads it there, and so could any other script of the page."},
	})
}

func transcribePassword(t *testing.T, tr *transcriber) {
	phone := tr.as("Mobile app")
	tokens := phone.Token(t, nil, password("acme-mobile", "profile preferences:read"))
	phone.API(t, "GET", "/me", tokens.String("access_token"), "")
	tr.as("Dreams").Token(t, Basic("dreams-web"), With(password("dreams-web", "profile"), url.Values{"client_id": nil}))
	tr.tell(`
This shows the resource owner password credentials grant (RFC 6749 §4.3), which
OAuth 2.1 has removed: Acme's own first mobile app. The app has the password. With
LEGACY_GRANTS=off it is gone.
`, []Scene{
		{"Mobile app", "Accounts", "POST", "/token", "", "RFC 6749 §4.3.2, RFC 9700 §2.4", "User name and password pass through the app. Nobody was shown what is asked for."},
		{"Mobile app", "Acme", "GET", "/api/v1/me", "", "RFC 6750 §2.1", "The token is like any other."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=password", "RFC 6749 §5.2", "Nobody else's app may do this."},
	})
}
