package e2e

import (
	"net/url"
	"testing"
	"time"
)

func transcribeRAR(t *testing.T, tr *transcriber) {
	request := tr.w.askDetails("openid offline_access", `[{"type":"travel_preferences","topics":["mountains","beaches"],"days":30}]`)
	b := tr.browser()
	b.Stay = tr.w.Dreams
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	answer := b.Form(question, "decision").With(url.Values{"scope": {"offline_access"}, "authorization_detail": {"0"}, "decision": {"allow"}}).Submit()
	dreams := tr.as("Dreams")
	tokens := dreams.Token(t, Basic("dreams-web"), tr.w.Redemption(answer))
	dreams.API(t, "GET", "/me/preferences", tokens.String("access_token"), "")
	dreams.API(t, "PUT", "/me/preferences", tokens.String("access_token"), `{"interests":["beaches"]}`)
	refresh := func(details string) {
		dreams.Token(t, Basic("dreams-web"), url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}, "authorization_details": {details},
		})
	}
	refresh(`[{"type":"travel_preferences","topics":["wine"],"days":30}]`)
	refresh(`[{"type":"travel_preferences","topics":["beaches"],"days":1}]`)
	tr.w.Authorize(b, tr.w.askDetails("openid", `[{"type":"payment_initiation","amount":"1000.00"}]`))
	tr.tell(`
This shows a rich authorization request (RFC 9396): Dreams wants to know what alice
likes about mountains and beaches, for thirty days, and nothing else of her
preferences. No scope can say that.
`, []Scene{
		{"Browser", "Accounts", "GET", "/authorize", "scope=openid offline_access", "RFC 9396 §2, §3", "authorization_details is an array of objects; type says what may stand in them. No scope for preferences is asked for."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "Alice signs in."},
		{"Browser", "Accounts", "GET", "/consent", "", "RFC 9396 §3.1", "The page asks about both: scopes by their names, each detail by its place in the list. Beside the box stands: What you like about mountains and beaches, for 30 days, until … It is not ticked beforehand."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.1.2", "Alice ticks it."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 9396 §7, §9.1", "The answer says what was granted, and so does the token: with nothing left open, and with an end."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 9396 §9", "Alice likes hiking, mountains and huts, and has a budget of 800 euros. Acme tells what she agreed to."},
		{"Dreams", "Acme", "PUT", "/api/v1/me/preferences", "", "RFC 6750 §3.1", "The details say read. A write is refused."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=refresh_token", "RFC 9396 §6", "Another topic, by a refresh: nobody agreed to that. The refresh token is not spent."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=refresh_token", "RFC 9396 §6.1", "Less of it, for one token: a topic, for a day from the beginning on."},
		{"Browser", "Accounts", "GET", "/authorize", "scope=openid", "RFC 9396 §5", "Details of a type that Accounts does not know. It cannot explain them to alice, so it does not ask her."},
	})
}

func transcribeResource(t *testing.T, tr *transcriber) {
	request := With(tr.w.Request("openid profile preferences:read offline_access"), url.Values{"resource": {tr.w.Acme, tr.w.Auth}})
	b := tr.browser()
	b.Stay = tr.w.Dreams
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	answer := b.Form(question, "decision").With(url.Values{"scope": {"preferences:read", "offline_access"}, "decision": {"allow"}}).Submit()
	dreams := tr.as("Dreams")
	tokens := dreams.Token(t, Basic("dreams-web"), With(tr.w.Redemption(answer), url.Values{"resource": {tr.w.Acme}}))
	access := tokens.String("access_token")
	dreams.API(t, "GET", "/me/preferences", access, "")
	dreams.Do(t, "GET", tr.w.Auth+"/userinfo", Bearer(access), "")
	other := dreams.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}, "resource": {tr.w.Auth}})
	dreams.API(t, "GET", "/me", other.String("access_token"), "")
	tr.w.Authorize(b, With(tr.w.Request("openid"), url.Values{"resource": {"https://api.evil.test"}}))
	tr.tell(`
This shows resource indicators (RFC 8707): Dreams says where it will use a token,
and the token is good for nothing elsewhere. Whoever gets it there cannot take it
further.
`, []Scene{
		{"Browser", "Accounts", "GET", "/authorize", "scope=openid profile preferences:read offline_access", "RFC 8707 §2.1", "resource may repeat. What is named here bounds every token of this authorization."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.1.2", "Alice has signed in and says yes."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 8707 §2.2", "A token for Acme alone. Of the scope it has what Acme needs to know: openid is not Acme’s matter. The refresh token keeps everything."},
		{"Dreams", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 9068 §4", "aud names Acme."},
		{"Dreams", "Accounts", "GET", "/userinfo", "", "OIDC Core §5.3", "The same token at userinfo: refused."},
		{"Dreams", "Accounts", "POST", "/token", "grant_type=refresh_token", "RFC 8707 §2.2", "Another one, for userinfo."},
		{"Dreams", "Acme", "GET", "/api/v1/me", "", "RFC 9068 §4", "That one at Acme: refused."},
		{"Browser", "Accounts", "GET", "/authorize", "resource=https://api.evil.test", "RFC 8707 §2", "A resource that Accounts gives no tokens for."},
	})
}

func transcribeStepUp(t *testing.T, tr *transcriber) {
	before := tr.w.SignedIn(t, "alice") // the login of six minutes ago is not told
	before.Stay = tr.w.Acme
	app := tr.as("App")
	first := app.redeemForAcmeWeb(t, tr.w.Authorize(before, tr.w.acmeWebRequest(nil))).String("access_token")
	b := tr.browser()
	b.Stay, b.client.Jar = tr.w.Acme, before.Jar()
	tr.w.Clock.Advance(6 * time.Minute)
	tr.w.waitForAcmeLater(t, first)
	app.writes(t, first)
	login := tr.w.Authorize(b, tr.w.acmeWebRequest(url.Values{"max_age": {"300"}}))
	second := app.redeemForAcmeWeb(t, tr.w.LogIn(b, login, "alice", "wanderlust"))
	app.writes(t, second.String("access_token"))
	tr.tell(`
This shows step-up authentication (RFC 9470): an app of Acme's own holds a token that
may write, and alice signed in six minutes ago. For a write that is too long.
`, []Scene{
		{"App", "Accounts", "POST", "/token", "", "RFC 9068 §2.2.1", "Six minutes ago: alice has just signed in, and auth_time in the token says when."},
		{"App", "Acme", "PUT", "/api/v1/me/preferences", "", "RFC 9470 §3", "Now. The token is good, and the login behind it is not recent enough. The challenge says how recent it has to be."},
		{"Browser", "Accounts", "GET", "/authorize", "max_age=300", "RFC 9470 §4, OIDC Core §3.1.2.1", "The app sends alice back with that max_age. She has a session, and it does not do."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "She types her password again. It is Acme’s own app: nobody asks for consent."},
		{"App", "Accounts", "POST", "/token", "", "RFC 9470 §6.1, RFC 9068 §2.2.1", "auth_time in the new token is the moment of that login."},
		{"App", "Acme", "PUT", "/api/v1/me/preferences", "", "RFC 9470 §2", "The same request again."},
	})
}
