package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// RFC 7009 §2.1: a refresh token takes the access tokens of its grant with it.
func TestRevokingARefreshTokenEndsItsGrant(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens, others := w.offline(t), w.Tokens(t, "bob", "openid offline_access")
	next := w.refresh(t, "dreams-web", tokens.String("refresh_token"))
	wantRevoked(t, w.revoke(t, "dreams-web", next.String("refresh_token")))
	wantRefusal(t, w.refresh(t, "dreams-web", next.String("refresh_token")), "400 invalid_grant", "a refresh afterwards")
	for i, token := range []string{tokens.String("access_token"), next.String("access_token"), next.String("refresh_token")} {
		if w.active(t, "dreams-web", token) {
			t.Errorf("token %d is active", i)
		}
	}
	if !w.active(t, "acme-api", others.String("access_token")) || w.refresh(t, "dreams-web", others.String("refresh_token")).Status != http.StatusOK {
		t.Error("bob's tokens ended with alice's")
	}
	// RFC 7009 §2.2: what is revoked already is revoked.
	wantRevoked(t, w.revoke(t, "dreams-web", next.String("refresh_token")))
}

// Revoking an access token ends that one.
func TestRevokingAnAccessTokenEndsThatOne(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	first := w.offline(t)
	second := w.refresh(t, "dreams-web", first.String("refresh_token"))
	wantRevoked(t, w.revoke(t, "dreams-web", first.String("access_token")))
	wantRevoked(t, w.revoke(t, "dreams-web", first.String("access_token")))
	if w.active(t, "dreams-web", first.String("access_token")) {
		t.Error("it is active")
	}
	if through, refusal := w.userinfo(t, first.String("access_token")); through || refusal != "401 invalid_token" {
		t.Errorf("at userinfo: %s", refusal)
	}
	if !w.active(t, "dreams-web", second.String("access_token")) || w.refresh(t, "dreams-web", second.String("refresh_token")).Status != http.StatusOK {
		t.Error("others of its grant ended too")
	}
}

// RFC 7009 §2.1, §2.2: rows of the revocation endpoint.
func TestRevocationRequests(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.offline(t)
	refresh := tokens.String("refresh_token")
	for _, tt := range []struct {
		name   string
		header http.Header
		form   url.Values
		want   string
	}{
		{"no client", nil, url.Values{"token": {refresh}}, "401 invalid_client"},
		{"a confidential client without its secret", nil, url.Values{"token": {refresh}, "client_id": {"dreams-web"}}, "401 invalid_client"},
		{"a wrong secret", Credentials{"dreams-web", "wrong"}.Header(), url.Values{"token": {refresh}}, "401 invalid_client"},
		{"another client", Basic("acme-web"), url.Values{"token": {refresh}}, "400 invalid_grant"},
		{"another client's access token", Basic("acme-web"), url.Values{"token": {tokens.String("access_token")}}, "400 invalid_grant"},
		{"a public client", nil, url.Values{"token": {refresh}, "client_id": {"dreams-spa"}}, "400 invalid_grant"},
		{"the resource server", Basic("acme-api"), url.Values{"token": {refresh}}, "400 invalid_grant"},
		{"no token", Basic("dreams-web"), nil, "400 invalid_request"},
		{"an empty token", Basic("dreams-web"), url.Values{"token": {""}}, "400 invalid_request"},
		{"two tokens", Basic("dreams-web"), url.Values{"token": {refresh, refresh}}, "400 invalid_request"},
	} {
		wantRefusal(t, w.Post(t, w.Auth+"/revoke", tt.header, tt.form), tt.want, tt.name)
	}
	for _, unknown := range []string{"garbage", "rt_garbage", refresh[:len(refresh)-1], "a.b.c", tokens.String("id_token"), "' OR ''='"} {
		wantRevoked(t, w.revoke(t, "dreams-web", unknown))
	}
	header := Basic("dreams-web")
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	if answer := w.Do(t, "GET", w.Auth+"/revoke?token="+refresh, header, ""); answer.Status != http.StatusMethodNotAllowed || !strings.Contains(answer.Header.Get("Allow"), "POST") {
		t.Errorf("GET: %d, Allow %q", answer.Status, answer.Header.Get("Allow"))
	}
	wantRefusal(t, w.Do(t, "POST", w.Auth+"/revoke?token="+refresh, header, ""), "400 invalid_request", "a token in the query")
	wantRefusal(t, w.Do(t, "POST", w.Auth+"/revoke", header, "token=%zz"), "400 invalid_request", "malformed percent-encoding")

	if !w.active(t, "dreams-web", refresh) || !w.active(t, "dreams-web", tokens.String("access_token")) {
		t.Fatal("one of the refused requests revoked something")
	}
	w.wantLogged(t, "request refused", "/revoke: invalid_grant", 4)
	w.wantUnlogged(t, refresh, tokens.String("access_token"))
	// RFC 7009 §2.1: the hint "MAY [be] ignore[d]", right or wrong.
	wantRevoked(t, w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {refresh}, "token_type_hint": {"access_token"}}))
	if w.active(t, "dreams-web", tokens.String("access_token")) {
		t.Error("with a wrong hint nothing was revoked")
	}
}

// RFC 7009 §2.1: a public client names itself.
func TestAPublicClientRevokesItsOwn(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	changes := url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}}
	answer := w.Allow(b, With(w.Request("openid offline_access"), changes), "offline_access")
	tokens := w.Token(t, nil, With(w.Redemption(answer), changes))
	wantRevoked(t, w.Post(t, w.Auth+"/revoke", nil, url.Values{"token": {tokens.String("refresh_token")}, "client_id": {"dreams-spa"}}))
	if w.active(t, "acme-api", tokens.String("access_token")) {
		t.Error("the access token is active")
	}
}

func wantRevoked(t testing.TB, answer Response) {
	t.Helper()
	if answer.Status != http.StatusOK || answer.Body != "" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %q, want 200 and nothing", answer.Status, answer.Body)
	}
}

// RFC 7662 §2.2: what a resource server learns about a token that is good.
func TestIntrospectionOfAnActiveToken(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.offline(t)
	_, claims := parts(t, tokens.String("access_token"))
	for _, caller := range []string{"acme-api", "dreams-web"} {
		answer := w.introspect(t, caller, tokens.String("access_token"))
		wantNoStoreJSON(t, answer, http.StatusOK)
		body := answer.JSON()
		if body["active"] != true || body["token_type"] != "Bearer" {
			t.Errorf("%s: %s", caller, answer.Body)
		}
		for _, name := range []string{"scope", "client_id", "sub", "aud", "iss", "exp", "iat", "jti"} {
			if fmt.Sprint(body[name]) != fmt.Sprint(claims[name]) || body[name] == nil {
				t.Errorf("%s: %s is %v, in the token %v", caller, name, body[name], claims[name])
			}
		}
	}
	refresh := w.introspect(t, "dreams-web", tokens.String("refresh_token"))
	wantNoStoreJSON(t, refresh, http.StatusOK)
	if body := refresh.JSON(); body["active"] != true || body["client_id"] != "dreams-web" || body["sub"] != claims["sub"] || body["scope"] != tokens.String("scope") || body["exp"] == nil {
		t.Errorf("refresh token: %s", refresh.Body)
	}
	machine := w.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}).String("access_token")
	if !w.active(t, "acme-api", machine) || !w.active(t, "dreams-catalogue", machine) || w.active(t, "dreams-web", machine) {
		t.Error("a token of client credentials: for the API and for its client, and for nobody else")
	}
}

// RFC 7662 §2.2: of everything else it learns exactly that it is not active.
// "active" is a boolean.
func TestIntrospectionTellsNothingElse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.offline(t)
	token := tokens.String("access_token")
	_, header, claims := w.goodToken(t)
	for what, tt := range map[string]struct{ caller, token string }{
		"garbage":                   {"acme-api", "garbage"},
		"two segments":              {"acme-api", token[:strings.LastIndexByte(token, '.')]},
		"four segments":             {"acme-api", token + ".x"},
		"a forged one":              {"acme-api", sign(t, newKey(t), header, claims)},
		"alg none":                  {"acme-api", encoded(t, map[string]any{"alg": "none", "typ": "at+jwt", "kid": header["kid"]}) + "." + encoded(t, claims) + "."},
		"an ID token":               {"dreams-web", tokens.String("id_token")},
		"one for another API":       {"acme-api", w.forge(t, func(f forged) { f.Claims["aud"] = "https://api.other.test" })},
		"one without an aud":        {"acme-api", w.forge(t, func(f forged) { delete(f.Claims, "aud") })},
		"another client's":          {"dreams-catalogue", token},
		"another client's refresh":  {"acme-web", tokens.String("refresh_token")},
		"a refresh token at an API": {"acme-api", tokens.String("refresh_token")},
		"SQL":                       {"dreams-web", "' OR ''='"},
	} {
		answer := w.introspect(t, tt.caller, tt.token)
		wantNoStoreJSON(t, answer, http.StatusOK)
		if strings.TrimSpace(answer.Body) != `{"active":false}` {
			t.Errorf("%s: %s", what, answer.Body)
		}
	}
	// RFC 7662 §2.1: nobody may ask without being somebody.
	for _, tt := range []struct {
		name   string
		header http.Header
		form   url.Values
		want   string
	}{
		{"no client", nil, url.Values{"token": {token}}, "401 invalid_client"},
		{"a public client", nil, url.Values{"token": {token}, "client_id": {"dreams-spa"}}, "401 invalid_client"},
		{"a wrong secret", Credentials{"acme-api", "wrong"}.Header(), url.Values{"token": {token}}, "401 invalid_client"},
		{"an access token for a password", Bearer(token), url.Values{"token": {token}}, "401 invalid_client"},
		{"no token", Basic("acme-api"), nil, "400 invalid_request"},
		{"two tokens", Basic("acme-api"), url.Values{"token": {token, token}}, "400 invalid_request"},
	} {
		wantRefusal(t, w.Post(t, w.Auth+"/introspect", tt.header, tt.form), tt.want, tt.name)
	}
	if answer := w.Do(t, "GET", w.Auth+"/introspect?token="+token, Basic("acme-api"), ""); answer.Status != http.StatusMethodNotAllowed || answer.JSON()["active"] != nil {
		t.Errorf("GET: %d %s", answer.Status, answer.Body)
	}
	if !w.active(t, "acme-api", token) {
		t.Error("the token ended by being asked about")
	}
}

// within is how fast Acme must know of a revocation.
const within = 2 * time.Second

// Whatever ends an authorization, Acme refuses its tokens within two seconds,
// and nobody else's.
func TestAcmeRefusesWhatWasRevokedWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(t *testing.T, w *World, b *Browser, redemption url.Values, tokens Response){
		"the access token is revoked": func(t *testing.T, w *World, _ *Browser, _ url.Values, tokens Response) {
			w.revoke(t, "dreams-web", tokens.String("access_token"))
		},
		"the refresh token is revoked": func(t *testing.T, w *World, _ *Browser, _ url.Values, tokens Response) {
			w.revoke(t, "dreams-web", tokens.String("refresh_token"))
		},
		"the person removes the app": func(_ *testing.T, w *World, b *Browser, _ url.Values, _ Response) {
			w.removeApp(b, "dreams-web")
		},
		"the code comes back": func(t *testing.T, w *World, _ *Browser, redemption url.Values, _ Response) {
			wantRefusal(t, w.Token(t, Basic("dreams-web"), redemption), "400 invalid_grant", "the code again")
		},
		"the refresh token comes back": func(t *testing.T, w *World, _ *Browser, _ url.Values, tokens Response) {
			w.refresh(t, "dreams-web", tokens.String("refresh_token"))
			wantRefusal(t, w.refresh(t, "dreams-web", tokens.String("refresh_token")), "400 invalid_grant", "the refresh token again")
		},
		"the operator locks the account": func(t *testing.T, w *World, _ *Browser, _ url.Values, _ Response) {
			w.setLock(t, "alice", "lock")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Only: []string{"authserver", "acme"}})
			w.waitForAcme(t)
			bobs := w.Tokens(t, "bob", "openid preferences:read").String("access_token")
			b := w.SignedIn(t, "alice")
			redemption := w.Redemption(w.Allow(b, w.Request("openid preferences:read offline_access"), "preferences:read", "offline_access"))
			tokens := w.Token(t, Basic("dreams-web"), redemption)
			alices := tokens.String("access_token")
			for _, token := range []string{alices, bobs} {
				if through, refusal := w.preferences(t, token); !through {
					t.Fatalf("before: %s", refusal)
				}
			}
			revoke(t, w, b, redemption, tokens)
			waitFor(t, within, "Acme refuses the token", func() bool {
				_, refusal := w.preferences(t, alices)
				return refusal == "401 invalid_token"
			})
			wantBearerRefusal(t, w, w.API(t, "GET", "/packages", alices, ""), "401 invalid_token", "revoked", "packages")
			if through, refusal := w.preferences(t, bobs); !through {
				t.Errorf("bob's token: %s", refusal)
			}
		})
	}
}

// Revocations from the time in which one of the two was away are known as soon
// as both are there.
func TestRevocationsOverARestart(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	first := w.Tokens(t, "alice", "openid preferences:read").String("access_token")
	second := w.Tokens(t, "alice", "openid preferences:read").String("access_token")

	// authserver is away when Acme is asked: what was revoked before is known.
	w.revoke(t, "dreams-web", first)
	waitFor(t, within, "Acme refuses the first token", func() bool {
		through, _ := w.preferences(t, first)
		return !through
	})
	w.stopAuthserver()
	if _, refusal := w.preferences(t, first); refusal != "401 invalid_token" {
		t.Errorf("with authserver away: %s", refusal)
	}
	if through, refusal := w.preferences(t, second); !through {
		t.Errorf("another token with authserver away for less than 30 s: %s", refusal)
	}
	// It comes back with its memory, and what it revokes now arrives.
	w.startAuthserver(t)
	if through, _ := w.preferences(t, first); through {
		t.Error("the restart forgot the revocation")
	}
	w.revoke(t, "dreams-web", second)
	waitFor(t, within, "Acme refuses the second token", func() bool {
		_, refusal := w.preferences(t, second)
		return refusal == "401 invalid_token"
	})
}

// ACCESS_TOKEN_TTL can be made shorter: tokens from before live on, and so does
// the memory of their revocation.
func TestARevocationIsRememberedAsLongAsAnyOfItsTokensLives(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"ACCESS_TOKEN_TTL": "2h"}})
	long := w.offline(t)
	w.Stop()
	w = New(t, Options{Only: []string{"authserver"}, DataDir: w.DataDir, Env: map[string]string{"ACCESS_TOKEN_TTL": "5m"}})
	short := w.refresh(t, "dreams-web", long.String("refresh_token"))
	if !w.active(t, "dreams-web", long.String("access_token")) || short.JSON()["expires_in"] != float64(300) {
		t.Fatalf("the two tokens are not as they should be: %s", short.Body)
	}
	wantRevoked(t, w.revoke(t, "dreams-web", short.String("refresh_token")))
	w.Clock.Advance(time.Hour)
	w.stopAuthserver()
	w.startAuthserver(t) // and forgets what means nothing any more
	if w.active(t, "dreams-web", long.String("access_token")) {
		t.Error("a token of a revoked grant is active again")
	}
}

// Our policy: while Acme has not heard for 30 seconds what is revoked, private
// data is refused with 503, public data is served, and nothing needs a restart.
func TestPrivateDataIsRefusedWhileRevocationsAreUnknown(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	token := w.Tokens(t, "alice", "openid profile preferences:read packages:read blog:read").String("access_token")
	w.stopAuthserver()
	if through, refusal := w.preferences(t, token); !through {
		t.Errorf("at once: %s", refusal)
	}
	w.Clock.Advance(31 * time.Second)
	for _, path := range []string{"/me", "/me/preferences", "/me/posts"} {
		answer := w.API(t, "GET", path, token, "")
		if answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %v %s", path, answer.Status, answer.Header, answer.Body)
		}
	}
	if answer := w.API(t, "GET", "/packages", token, ""); answer.Status != http.StatusOK {
		t.Errorf("public data: %d %s", answer.Status, answer.Body)
	}
	w.startAuthserver(t)
	waitFor(t, within, "Acme serves private data again", func() bool {
		through, _ := w.preferences(t, token)
		return through
	})
}

// The feed is ours, and for resource servers alone: it tells who was revoked.
func TestTheRevocationFeedIsForResourceServers(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	feed := w.Auth + "/revocations"
	answer := w.Do(t, "GET", feed, nil, "")
	wantRefusal(t, answer, "401 invalid_client", "nobody")
	wantClientChallenge(t, answer, "nobody")
	wantRefusal(t, w.Do(t, "GET", feed, Credentials{"acme-api", "wrong"}.Header(), ""), "401 invalid_client", "a wrong secret")
	wantRefusal(t, w.Do(t, "GET", feed, Basic("dreams-web"), ""), "400 unauthorized_client", "a client")
	for _, query := range []string{"after=-1", "after=x", "wait=11", "wait=-1", "wait=1e9", "after=99999999999999999999"} {
		wantRefusal(t, w.Do(t, "GET", feed+"?"+query, Basic("acme-api"), ""), "400 invalid_request", query)
	}
	tokens := w.offline(t)
	w.revoke(t, "dreams-web", tokens.String("refresh_token"))
	answer = w.Do(t, "GET", feed, Basic("acme-api"), "")
	wantNoStoreJSON(t, answer, http.StatusOK)
	_, claims := parts(t, tokens.String("access_token"))
	if !strings.Contains(answer.Body, claims["grant_id"].(string)) || strings.Contains(answer.Body, tokens.String("access_token")) || strings.Contains(answer.Body, tokens.String("refresh_token")) {
		t.Errorf("got %s", answer.Body)
	}
	// A cursor of another database is no cursor of this one: everything is news.
	if stranger := w.Do(t, "GET", feed+"?feed=f_other&after=99&wait=10", Basic("acme-api"), ""); stranger.Body != answer.Body {
		t.Errorf("with another feed's cursor: %s", stranger.Body)
	}
}

// stopAuthserver stops authserver alone, as SIGTERM would.
func (w *World) stopAuthserver() {
	w.stop[0]()
	w.stop = w.stop[1:]
	w.Client.CloseIdleConnections() // net/http does not repeat a POST on one that has ended
}

// startAuthserver starts it again where it was.
func (w *World) startAuthserver(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", w.Env.AuthserverURL.Address())
	if err != nil {
		t.Fatal(err)
	}
	w.start(t, listener, "authserver", Options{})
}
