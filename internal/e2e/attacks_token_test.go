package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// tokenAttacks are on the rules of the token endpoint, of introspection,
// revocation and userinfo.
var tokenAttacks = []Attack{
	// Token request.
	{
		Rule: "no parameter of the token request stands twice", Name: "two verifiers, of which a filter in front read the other one",
		Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := w.Redemption(w.alicesCode(t, nil))
			form.Add("code_verifier", "another-verifier-that-is-as-long-as-it-must-be")
			return issued(w.Token(t, Basic("dreams-web"), form))
		},
	},

	// Client authentication.
	{
		Rule: "client authenticates in one way only", Name: "a secret in the body, sent by a client that is registered for the header",
		Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"client_id": {"acme-api"}, "client_secret": {"acme-api-secret"}, "token": {"any"}}
			answer := w.Post(t, w.Auth+"/introspect", Credentials{"acme-api", "wrong"}.Header(), form)
			return answer.Status == http.StatusOK, answer.Refusal()
		},
	},
	{
		Rule:    "client_id in the body is the client that authenticates",
		Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"dreams-web"}}
			return issued(w.Token(t, Basic("dreams-catalogue"), form))
		},
	},
	{
		Rule: "client authenticates as it is registered", Name: "a confidential client's name without its secret",
		Refused: "401 invalid_client",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"dreams-catalogue"}}
			return issued(w.Token(t, nil, form))
		},
	},
	{
		Rule: "client authenticates as it is registered", Name: "the secret in the body of a client that is registered for the header",
		Refused: "401 invalid_client",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"client_id": {"acme-api"}, "client_secret": {"acme-api-secret"}, "token": {"any"}}
			answer := w.Post(t, w.Auth+"/introspect", nil, form)
			return answer.Status == http.StatusOK, answer.Refusal()
		},
	},
	{
		Rule: "client secret matches, compared in constant time", Name: "in the header",
		Refused: "401 invalid_client",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"grant_type": {"client_credentials"}}
			return issued(w.Token(t, Credentials{"dreams-catalogue", "dreams-catalogue-secreT"}.Header(), form))
		},
	},
	{
		Rule: "client secret matches, compared in constant time", Name: "in the body",
		Refused: "401 invalid_client",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"dreams-catalogue"}, "client_secret": {"guessed"}}
			return issued(w.Token(t, nil, form))
		},
	},
	{
		Rule:    "client has not been disabled",
		Refused: "401 invalid_client",
		Options: authserverSQL("UPDATE clients SET disabled_at = 1 WHERE client_id = 'dreams-catalogue'"),
		Try: func(t testing.TB, w *World) (bool, string) {
			return issued(w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}))
		},
	},

	// Grant type.
	{
		Rule:    "client is registered for the grant type",
		Refused: "400 unauthorized_client",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {"packages:read"}}
			return issued(w.Token(t, Basic("dreams-web"), form))
		},
	},

	// Userinfo.
	{
		Rule:    "access token at userinfo has not expired",
		Refused: "401 invalid_token",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid profile").String("access_token")
			w.Clock.Advance(time.Hour)
			return w.userinfo(t, token)
		},
	},
	{
		Rule:    "access token at userinfo has not been revoked",
		Refused: "401 invalid_token",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid profile").String("access_token")
			w.revoke(t, "dreams-web", token)
			return w.userinfo(t, token)
		},
	},
	{
		Rule:    "access token at userinfo has the scope openid",
		Refused: "403 insufficient_scope",
		Try: func(t testing.TB, w *World) (bool, string) {
			return w.userinfo(t, w.forge(t, func(f forged) {
				f.Claims["scope"], f.Claims["aud"] = "profile email", []string{w.Acme, w.Auth}
				delete(f.Claims, "grant_id")
			}))
		},
	},

	// Introspection.
	{
		Rule:    "token that is asked about has not expired",
		Refused: "200 inactive",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid profile").String("access_token")
			w.Clock.Advance(time.Hour)
			return w.introspected(t, "acme-api", token)
		},
	},
	{
		Rule: "token that is asked about has not been revoked", Name: "an access token",
		Refused: "200 inactive",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid profile").String("access_token")
			w.revoke(t, "dreams-web", token)
			return w.introspected(t, "acme-api", token)
		},
	},
	{
		Rule: "token that is asked about has not been revoked", Name: "a spent refresh token",
		Refused: "200 inactive",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
			if answer := w.refresh(t, "dreams-web", token); answer.Status != http.StatusOK {
				t.Fatalf("the refresh was refused: %s", answer.Body)
			}
			return w.introspected(t, "dreams-web", token)
		},
	},
	{
		Rule: "caller may know about the token", Name: "another client's access token",
		Refused: "200 inactive",
		Try: func(t testing.TB, w *World) (bool, string) {
			return w.introspected(t, "dreams-catalogue", w.Tokens(t, "alice", "openid profile").String("access_token"))
		},
	},
	{
		Rule: "caller may know about the token", Name: "a refresh token, asked about by the resource server",
		Refused: "200 inactive",
		Try: func(t testing.TB, w *World) (bool, string) {
			return w.introspected(t, "acme-api", w.Tokens(t, "alice", "openid offline_access").String("refresh_token"))
		},
	},

	// Revocation.
	{
		Rule: "token belongs to the client that revokes it", Name: "a refresh token",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
			answer := w.revoke(t, "dreams-catalogue", token)
			return !w.active(t, "dreams-web", token), answer.Refusal()
		},
	},
	{
		Rule: "token belongs to the client that revokes it", Name: "an access token",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid").String("access_token")
			answer := w.revoke(t, "dreams-catalogue", token)
			return !w.active(t, "dreams-web", token), answer.Refusal()
		},
	},

	// Authorization code.
	{
		Rule: "code belongs to this client", Name: "a stolen code, redeemed by a client with good credentials of its own",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := With(w.Redemption(w.alicesCode(t, withoutPKCE)), url.Values{"code_verifier": nil})
			return issued(w.Token(t, Basic("acme-web"), form))
		},
	},
	{
		Rule:    "code is used once",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := w.Redemption(w.alicesCode(t, nil))
			if first := w.Token(t, Basic("dreams-web"), form); first.Status != http.StatusOK {
				t.Fatalf("the first use was refused: %s", first.Body)
			}
			return issued(w.Token(t, Basic("dreams-web"), form))
		},
	},
	{
		Rule:    "code has not expired",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			form := w.Redemption(w.alicesCode(t, nil))
			w.Clock.Advance(time.Minute)
			return issued(w.Token(t, Basic("dreams-web"), form))
		},
	},
	{
		Rule:    "redirect_uri is the one of the authorization request",
		Refused: "400 invalid_grant",
		Options: authserverSQL(`UPDATE clients SET metadata = json_set(metadata, '$.redirect_uris', json('["{DREAMS_URL}/callback","{DREAMS_URL}/other"]')) WHERE client_id = 'dreams-web'`),
		Try: func(t testing.TB, w *World) (bool, string) {
			form := With(w.Redemption(w.alicesCode(t, nil)), url.Values{"redirect_uri": {w.Dreams + "/other"}})
			return issued(w.Token(t, Basic("dreams-web"), form))
		},
	},
	{
		Rule: "code_verifier comes with a code_challenge, and never alone", Name: "the challenge was stripped from the authorization request",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			return issued(w.Token(t, Basic("dreams-web"), w.Redemption(w.alicesCode(t, withoutPKCE))))
		},
	},
	{
		Rule: "code_verifier has 43 to 128 unreserved characters", Name: "a verifier that can be guessed",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.alicesCode(t, url.Values{"code_challenge": {Challenge("1234")}})
			return issued(w.Token(t, Basic("dreams-web"), With(w.Redemption(answer), url.Values{"code_verifier": {"1234"}})))
		},
	},
	{
		Rule: "code_verifier matches the code_challenge", Name: "a stolen code without its verifier",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			stolen := With(w.Redemption(w.alicesCode(t, nil)), url.Values{"code_verifier": {"another-verifier-that-is-as-long-as-it-must-be"}})
			return issued(w.Token(t, Basic("dreams-web"), stolen))
		},
	},
	{
		Rule: "authorization has not been withdrawn since", Name: "signing in as somebody who has just removed the app",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			answer := w.Allow(b, w.Request("openid profile"))
			w.removeApp(b, "dreams-web")
			tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))
			return tokens.String("id_token") != "", tokens.Refusal()
		},
	},

	// Refresh token.
	{
		Rule: "refresh token belongs to this client", Name: "a stolen one, used by a client with good credentials of its own",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			return issued(w.refresh(t, "acme-web", w.Tokens(t, "alice", "openid offline_access").String("refresh_token")))
		},
	},
	{
		Rule:    "refresh token is used once",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
			if first := w.refresh(t, "dreams-web", token); first.Status != http.StatusOK {
				t.Fatalf("the first use was refused: %s", first.Body)
			}
			return issued(w.refresh(t, "dreams-web", token))
		},
	},
	{
		Rule: "refresh token's grant has not been revoked", Name: "signing in as somebody who has removed the app",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
			w.removeApp(w.SignedIn(t, "alice"), "dreams-web")
			tokens := w.refresh(t, "dreams-web", token)
			return tokens.String("id_token") != "", tokens.Refusal()
		},
	},
	{
		Rule:    "refresh token has not been idle too long",
		Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
			w.Clock.Advance(90 * 24 * time.Hour)
			return issued(w.refresh(t, "dreams-web", token))
		},
	},
	{
		Rule: "refresh token has not reached its end", Name: "kept alive by rotation",
		Refused: "400 invalid_grant",
		Options: Options{Env: map[string]string{"REFRESH_TOKEN_TTL": "24h"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid offline_access").String("refresh_token")
			w.Clock.Advance(23 * time.Hour)
			next := w.refresh(t, "dreams-web", token)
			if next.Status != http.StatusOK {
				t.Fatalf("refused before its end: %s", next.Body)
			}
			w.Clock.Advance(time.Hour)
			return issued(w.refresh(t, "dreams-web", next.String("refresh_token")))
		},
	},
	{
		Rule: "scope is within what was granted", Name: "a permission that the person left out",
		Refused: "400 invalid_scope",
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			answer := w.Allow(b, w.Request("openid profile blog:read offline_access"), "offline_access")
			token := w.Token(t, Basic("dreams-web"), w.Redemption(answer)).String("refresh_token")
			tokens := w.refresh(t, "dreams-web", token, "profile blog:read")
			return w.API(t, http.MethodGet, "/me/posts", tokens.String("access_token"), "").Status == http.StatusOK, tokens.Refusal()
		},
	},

	// Client credentials.
	{
		Rule: "client is confidential", Name: "a name without a secret is no credential",
		Refused: "400 unauthorized_client",
		Options: authserverSQL(`UPDATE clients SET metadata = json_set(metadata, '$.grant_types', json('["client_credentials"]')) WHERE client_id = 'dreams-spa'`),
		Try: func(t testing.TB, w *World) (bool, string) {
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"dreams-spa"}, "scope": {"packages:read"}}
			return issued(w.Token(t, nil, form))
		},
	},
	{
		Rule: "scope is known", Name: "one that the client was registered for and that is gone",
		Refused: "400 invalid_scope",
		Options: catalogueScope("packages:read packages:delete"),
		Try:     catalogueAsks("packages:delete"),
	},
	{
		Rule: "scope needs no person", Name: "a person's data, asked for in nobody's name",
		Refused: "400 invalid_scope",
		Options: catalogueScope("packages:read preferences:read"),
		Try:     catalogueAsks("preferences:read"),
	},
	{
		Rule:    "scope is one that the client may have",
		Refused: "400 invalid_scope",
		Options: catalogueScope("packages:read"),
		Try:     catalogueAsks("packages:read reviews:read"),
	},
}

// authserverSQL are options that prepare authserver's database.
func authserverSQL(statements ...string) Options {
	return Options{SQL: map[string][]string{"authserver": statements}}
}

// catalogueScope registers dreams-catalogue for other scopes.
func catalogueScope(scope string) Options {
	return authserverSQL(fmt.Sprintf("UPDATE clients SET metadata = json_set(metadata, '$.scope', '%s') WHERE client_id = 'dreams-catalogue'", scope))
}

// catalogueAsks asks for a scope by the client credentials grant, and wants all
// of it.
func catalogueAsks(scope string) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		tokens := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
		through, refusal := issued(tokens)
		return through && tokens.String("scope") == scope, refusal
	}
}

// withoutPKCE changes an authorization request as a client does that knows no
// PKCE, or an attacker who strips it.
var withoutPKCE = url.Values{"code_challenge": nil, "code_challenge_method": nil}

// alicesCode is the answer to dreams-web's request for openid and profile.
func (w *World) alicesCode(t testing.TB, changes url.Values) Page {
	t.Helper()
	answer := w.Allow(w.SignedIn(t, "alice"), With(w.Request("openid profile"), changes))
	if answer.Answer().Get("code") == "" {
		t.Fatalf("no code: %d %s", answer.Status, answer.Location)
	}
	return answer
}

// issued tells whether a token endpoint's answer has a token.
func issued(answer Response) (bool, string) {
	return answer.String("access_token") != "", answer.Refusal()
}

// refresh uses a refresh token, for all that was granted where no scope is named.
func (w *World) refresh(t testing.TB, clientID, token string, scope ...string) Response {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	if scope != nil {
		form.Set("scope", strings.Join(scope, " "))
	}
	return w.Token(t, Basic(clientID), form)
}

// revoke is RFC 7009 §2.1.
func (w *World) revoke(t testing.TB, clientID, token string) Response {
	t.Helper()
	return w.Post(t, w.Auth+"/revoke", Basic(clientID), url.Values{"token": {token}})
}

// introspect is RFC 7662 §2.1.
func (w *World) introspect(t testing.TB, clientID, token string) Response {
	t.Helper()
	return w.Post(t, w.Auth+"/introspect", Basic(clientID), url.Values{"token": {token}})
}

// introspected tells what a client learns about a token. Everything that is
// wrong with it must look the same.
func (w *World) introspected(t testing.TB, clientID, token string) (active bool, refusal string) {
	t.Helper()
	answer := w.introspect(t, clientID, token)
	if strings.TrimSpace(answer.Body) == `{"active":false}` {
		return false, fmt.Sprintf("%d inactive", answer.Status)
	}
	active, _ = answer.JSON()["active"].(bool)
	return active, answer.Refusal()
}

func (w *World) active(t testing.TB, clientID, token string) bool {
	t.Helper()
	active, _ := w.introspected(t, clientID, token)
	return active
}

// userinfo tells whether a token opens it.
func (w *World) userinfo(t testing.TB, token string) (bool, string) {
	t.Helper()
	answer := w.Do(t, http.MethodGet, w.Auth+"/userinfo", Bearer(token), "")
	return answer.String("sub") != "", answer.Refusal()
}

// removeApp presses "remove" on the page of connected apps.
func (w *World) removeApp(b *Browser, clientID string) {
	b.t.Helper()
	for _, form := range b.Forms(b.Get(w.Auth + "/account/apps")) {
		if form.Fields.Get("client_id") == clientID {
			if done := form.With(url.Values{"action": {"revoke"}}).Submit(); done.Status != http.StatusOK {
				b.t.Fatalf("removing %s: %d", clientID, done.Status)
			}
			return
		}
	}
	b.t.Fatalf("%s is not among the connected apps", clientID)
}

// tokenDoubled are rules of the token endpoint that another rule stands behind.
var tokenDoubled = map[string]string{
	"grant_type is given": "without it there is no grant to go on with, and the answer would be unsupported_grant_type; RFC 6749 §5.2 wants invalid_request for a parameter that is missing",
}
