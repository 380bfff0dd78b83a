package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// aboutBeaches asks for what somebody likes about beaches, for 30 days.
const aboutBeaches = `[{"type":"travel_preferences","topics":["beaches"],"days":30}]`

// targetAttacks are on RFC 9396 and RFC 8707: what a token is to be for.
var targetAttacks = []Attack{
	{
		Rule: "authorization_details conform to their types", Name: "a type that nobody has heard of", Refused: "303 invalid_authorization_details", Options: authserverAlone,
		Try: codeFor(url.Values{"authorization_details": {`[{"type":"payment_initiation","amount":"1000000"}]`}}),
	},
	{
		Rule: "authorization_details conform to their types", Name: "a field that we would not show", Refused: "303 invalid_authorization_details", Options: authserverAlone,
		Try: codeFor(url.Values{"authorization_details": {`[{"type":"travel_preferences","topics":["beaches"],"days":30,"budget":true}]`}}),
	},
	{
		Rule: "client is registered for the type of authorization_details", Refused: "303 invalid_authorization_details", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			page := w.allowDetails(t, "alice", With(w.askDetails("openid profile", aboutBeaches), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
	{
		Rule: "locations of authorization_details are ours", Refused: "303 invalid_authorization_details", Options: authserverAlone,
		Try: codeFor(url.Values{"authorization_details": {`[{"type":"travel_preferences","locations":["https://api.evil.test"],"topics":["beaches"],"days":30}]`}}),
	},
	{
		Rule: "resource is one that the scope is for", Name: "an API of somebody else's", Refused: "303 invalid_target", Options: authserverAlone,
		Try: codeFor(url.Values{"resource": {"https://api.evil.test"}}),
	},
	{
		Rule: "resource is one that the scope is for", Name: "userinfo without openid", Refused: "303 invalid_target", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			page := w.Allow(w.SignedIn(t, "alice"), With(w.Request("profile"), url.Values{"resource": {w.Auth}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
	{
		Rule: "authorization_details of the token are within those granted", Name: "another topic", Refused: "400 invalid_authorization_details", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.redeemDetails(t, url.Values{"authorization_details": {`[{"type":"travel_preferences","topics":["food"],"days":30}]`}})
			return answer.Status == 200, answer.Refusal()
		},
	},
	{
		Rule: "authorization_details of the token are within those granted", Name: "a year in place of a month", Refused: "400 invalid_authorization_details", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.redeemDetails(t, url.Values{"authorization_details": {`[{"type":"travel_preferences","topics":["beaches"],"days":365}]`}})
			return answer.Status == 200, answer.Refusal()
		},
	},
	{
		Rule: "resource of the token is one of those granted", Refused: "400 invalid_target", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.Allow(w.SignedIn(t, "alice"), With(w.Request("openid profile preferences:read"), url.Values{"resource": {w.Auth}}), "preferences:read")
			tokens := w.Token(t, Basic("dreams-web"), With(w.Redemption(answer), url.Values{"resource": {w.Acme}}))
			return slices.Contains(audience(t, tokens), w.Acme), tokens.Refusal()
		},
	},
	{
		Rule: "resource of the token is one that its scope is for", Refused: "400 invalid_target", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			tokens := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}, "resource": {"https://api.evil.test"}})
			return slices.Contains(audience(t, tokens), "https://api.evil.test"), tokens.Refusal()
		},
	},
	{
		Rule: "access token at userinfo is for us", Refused: "401 invalid_token", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.forge(t, func(f forged) {
				f.Claims["scope"], f.Claims["aud"] = "openid profile", w.Acme
				delete(f.Claims, "grant_id")
			})
			answer := w.Do(t, http.MethodGet, w.Auth+"/userinfo", Bearer(token), "")
			return answer.String("sub") != "", answer.Refusal()
		},
	},
}

// targetDoubled are rules that another one stands behind.
var targetDoubled = map[string]string{
	"resource is an absolute URI without a fragment": "what is malformed is no resource of ours either, and the rules behind refuse it; the client reads here what is wrong with its form, before a code is spent",
}

// audience is the aud of an answer's access token.
func audience(t testing.TB, tokens Response) []string {
	t.Helper()
	var names []string
	switch aud := accessClaims(t, tokens)["aud"].(type) {
	case string:
		names = []string{aud}
	case []any:
		for _, name := range aud {
			names = append(names, name.(string))
		}
	}
	return names
}

// accessClaims reads an answer's access token; nil: there is none.
func accessClaims(t testing.TB, tokens Response) map[string]any {
	t.Helper()
	parts := strings.Split(tokens.String("access_token"), ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// redeemDetails is alice allowing aboutBeaches, and dreams-web redeeming the code
// with parameters of its own.
func (w *World) redeemDetails(t testing.TB, form url.Values) Response {
	t.Helper()
	answer := w.allowDetails(t, "alice", w.askDetails("openid profile", aboutBeaches))
	return w.Token(t, Basic("dreams-web"), With(w.Redemption(answer), form))
}

// askDetails is an authorization request with details.
func (w *World) askDetails(scope, details string) url.Values {
	request := With(w.Request(scope), url.Values{"authorization_details": {details}})
	if scope == "" {
		request.Del("scope")
	}
	return request
}

// allowDetails is a person ticking everything that a request asks for.
func (w *World) allowDetails(t testing.TB, username string, request url.Values) Page {
	t.Helper()
	b := w.SignedIn(t, username)
	page := w.Authorize(b, request)
	if page.Location != "" || page.Status != 200 {
		return page
	}
	return b.Form(page, "decision").With(url.Values{
		"scope": strings.Fields(request.Get("scope")), "authorization_detail": {"0", "1", "2"}, "decision": {"allow"}, "duration": nil,
	}).Submit()
}
