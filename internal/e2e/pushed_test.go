package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// RFC 9126 §2.2, §4: what is pushed is kept as a hash, without credentials, and
// leads to a code.
func TestPushedAuthorizationRequest(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	form := With(w.Request("openid profile"), url.Values{"client_secret": {"dreams-web-secret"}})
	answer := w.push(t, nil, form)
	uri := answer.String("request_uri")
	if answer.Status != http.StatusCreated || len(uri) < len(requestURIPrefix)+43 || !strings.HasPrefix(uri, requestURIPrefix) {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	if seconds, ok := answer.JSON()["expires_in"].(float64); !ok || seconds != 60 {
		t.Errorf("expires_in %v", answer.JSON()["expires_in"])
	}
	if answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", answer.Header)
	}
	if kept := w.value(t, "authserver", "SELECT hex(hash) || request FROM pushed_requests"); strings.Contains(kept, "secret") || strings.Contains(kept, strings.TrimPrefix(uri, requestURIPrefix)) {
		t.Errorf("kept is %s", kept)
	}
	page := w.Allow(b, url.Values{"client_id": {"dreams-web"}, "request_uri": {uri}})
	if page.Answer().Get("state") != "S1" || page.Answer().Get("iss") != w.Auth {
		t.Fatalf("answered %s", page.Location)
	}
	if tokens := w.Token(t, Basic("dreams-web"), w.Redemption(page)); tokens.Status != http.StatusOK {
		t.Errorf("%d %s", tokens.Status, tokens.Body)
	}
}

// RFC 9126 §2: public clients push too, with their client_id alone.
func TestAPublicClientPushes(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	spa := url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}}
	answer := w.push(t, nil, With(w.Request("openid profile"), spa))
	page := w.Allow(b, url.Values{"client_id": {"dreams-spa"}, "request_uri": {answer.String("request_uri")}})
	if page.Answer().Get("code") == "" {
		t.Errorf("%d %s: %s", answer.Status, answer.Body, page.Refusal())
	}
}

// RFC 9126 §2.3: what /authorize would refuse is refused at once, as JSON.
func TestPushRefusals(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: authserverAlone.Only, SQL: map[string][]string{"authserver": {webSigns}}})
	before := w.minted(t)
	good := w.Request("openid profile")
	for name, c := range map[string]struct {
		header http.Header
		form   url.Values
		want   string
	}{
		"RFC 9126 §2: a wrong secret":                    {Credentials{"dreams-web", "x"}.Header(), good, "401 invalid_client"},
		"RFC 9126 §2: no authentication":                 {nil, good, "401 invalid_client"},
		"RFC 9126 §2.1: a request_uri":                   {Basic("dreams-web"), With(good, url.Values{"request_uri": {"https://evil.test/x"}}), "400 invalid_request"},
		"RFC 9126 §2.1: no client_id":                    {Basic("dreams-web"), With(good, url.Values{"client_id": nil}), "400 invalid_request"},
		"RFC 6749 §2.3: the client_id of another":        {Basic("dreams-web"), With(good, url.Values{"client_id": {"dreams-spa"}}), "400 invalid_request"},
		"RFC 9126 §2.3: a redirect_uri nobody knows":     {Basic("dreams-web"), With(good, url.Values{"redirect_uri": {w.Dreams + "/callback/"}}), "400 invalid_request"},
		"RFC 9126 §2.3: no redirect_uri":                 {Basic("dreams-web"), With(good, url.Values{"redirect_uri": nil}), "400 invalid_request"},
		"RFC 6749 §3.1: a scope twice":                   {Basic("dreams-web"), With(good, url.Values{"scope": {"openid", "profile"}}), "400 invalid_request"},
		"RFC 6749 §4.1.2.1: an unknown scope":            {Basic("dreams-web"), With(good, url.Values{"scope": {"bogus"}}), "400 invalid_scope"},
		"RFC 6749 §4.1.2.1: no response_type":            {Basic("dreams-web"), With(good, url.Values{"response_type": nil}), "400 invalid_request"},
		"RFC 6749 §4.1.2.1: a response_type of another":  {Basic("dreams-web"), With(good, url.Values{"response_type": {"token"}}), "400 unauthorized_client"},
		"RFC 7636 §4.3: plain":                           {Basic("dreams-web"), With(good, url.Values{"code_challenge_method": {"plain"}}), "400 invalid_request"},
		"RFC 9101 §6.2: an unsigned request object":      {Basic("dreams-web"), url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}, "400 invalid_request_object"},
		"RFC 9101 §6.1: an encrypted request object":     {Basic("dreams-web"), url.Values{"request": {"e30.e30.e30.e30.e30"}}, "400 invalid_request_object"},
		"RFC 9126 §3: the request object is of another":  {Basic("dreams-catalogue"), url.Values{"request": {signed(w.requestObject("openid"))}}, "400 invalid_request_object"},
		"RFC 9126 §3: a request object without redirect": {Basic("dreams-web"), With(good, url.Values{"request": {signed(without(w.requestObject("openid"), "redirect_uri"))}}), "400 invalid_request"},
	} {
		answer := w.push(t, c.header, c.form)
		wantRefusal(t, answer, c.want, name)
	}
	json := w.Do(t, http.MethodPost, w.Auth+"/par", http.Header{"Content-Type": {"application/json"}, "Authorization": Basic("dreams-web")["Authorization"]}, "{}")
	wantRefusal(t, json, "400 invalid_request", "RFC 9126 §2.1: JSON")
	get := w.Do(t, http.MethodGet, w.Auth+"/par?"+good.Encode(), Basic("dreams-web"), "")
	if get.Status != http.StatusMethodNotAllowed || get.Header.Get("Allow") == "" {
		t.Errorf("RFC 9126 §2.3: GET is %d, Allow %q", get.Status, get.Header.Get("Allow"))
	}
	if w.minted(t) != before || w.value(t, "authserver", "SELECT count(*) FROM pushed_requests") != "0" {
		t.Error("a refused push left something")
	}
}

func without(claims jwt.MapClaims, name string) jwt.MapClaims {
	delete(claims, name)
	return claims
}

// RFC 9126 §4, §7.3: the address may be loaded again until somebody has
// answered, and not afterwards. Whoever has arrived within 60 seconds may think.
func TestARequestURIIsSpentByTheAnswer(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	request := w.pushed(t, w.Request("openid profile"))
	first, second := w.Authorize(b, request), w.Authorize(b, request)
	w.Clock.Advance(10 * time.Minute)
	if late := w.Authorize(b, request); late.Refusal() != "400 invalid_request_uri" {
		t.Errorf("after ten minutes: %s", late.Refusal())
	}
	decide := func(page Page) Page { return b.Form(page, "decision").With(url.Values{"decision": {"allow"}}).Submit() }
	if answer := decide(second); answer.Answer().Get("code") == "" {
		t.Fatalf("refused: %s", answer.Refusal())
	}
	wantPage(t, decide(first), "invalid_request")

	request = w.pushed(t, w.Request("openid profile")) // now nobody is asked
	if page := w.Authorize(b, request); page.Answer().Get("code") == "" {
		t.Fatalf("refused: %s", page.Refusal())
	}
	wantPage(t, w.Authorize(b, request), "invalid_request_uri")

	request = w.pushed(t, With(w.Request("openid profile"), url.Values{"prompt": {"consent"}}))
	no := b.Form(w.Authorize(b, request), "decision").With(url.Values{"decision": {"deny"}}).Submit()
	if no.Refusal() != "303 access_denied" {
		t.Errorf("no is %s", no.Refusal())
	}
	wantPage(t, w.Authorize(b, request), "invalid_request_uri")
	wantPage(t, w.Authorize(b, url.Values{"client_id": {"dreams-web"}, "request_uri": {requestURIPrefix + "x"}}), "invalid_request_uri")
	wantPage(t, w.Authorize(b, With(request, url.Values{"client_id": nil})), "invalid_request")
	const tooLate = "This question is closed"
	if page := w.Authorize(b, request); !strings.Contains(page.Body, tooLate) {
		t.Errorf("the page does not say %q", tooLate)
	}
	if page := w.Authorize(b, With(request, url.Values{"client_id": {"dreams-spa"}})); strings.Contains(page.Body, tooLate) {
		t.Errorf("whoever brings the request of another reads %q", tooLate)
	}
}

// RFC 9126 §7.3: of 32 who bring one request_uri at the same time one gets a code,
// whether its person is asked or not.
func TestOneRequestURIGivesOneCode(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	browsers := make([]*Browser, callers)
	for i := range browsers {
		browsers[i] = w.SignedIn(t, "alice")
	}
	w.Allow(browsers[0], w.Request("openid profile"))
	atOnce := func(answer func(b *Browser, i int) Page) {
		t.Helper()
		pages := make([]Page, callers)
		begin := make(chan struct{})
		var all sync.WaitGroup
		for i, b := range browsers {
			all.Go(func() {
				<-begin
				pages[i] = answer(b, i)
			})
		}
		close(begin)
		all.Wait()
		codes := 0
		for _, page := range pages {
			if page.Answer().Get("code") != "" {
				codes++
			} else if page.Status != http.StatusBadRequest {
				t.Errorf("%d %s", page.Status, page.Location)
			}
		}
		if codes != 1 {
			t.Errorf("%d codes", codes)
		}
	}
	for range 5 {
		request := w.pushed(t, w.Request("openid profile"))
		atOnce(func(b *Browser, _ int) Page { return w.Authorize(b, request) })

		request = w.pushed(t, With(w.Request("openid profile"), url.Values{"prompt": {"consent"}}))
		questions := make([]Form, callers)
		for i, b := range browsers {
			questions[i] = b.Form(w.Authorize(b, request), "decision").With(url.Values{"decision": {"allow"}})
		}
		atOnce(func(_ *Browser, i int) Page { return questions[i].Submit() })
	}
	if codes := w.value(t, "authserver", "SELECT count(*) FROM authorization_codes"); codes != strconv.Itoa(11) {
		t.Errorf("%s codes were made", codes)
	}
}

// RFC 9101 §6.3, §5: only what was signed counts, whatever stands beside it.
func TestRequestObject(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{SQL: map[string][]string{"authserver": {webSigns}}})
	w.Allow(b, w.Request("openid profile preferences:read"), "preferences:read")
	by := func(claims jwt.MapClaims, beside url.Values) Page {
		t.Helper()
		return w.Authorize(b, With(url.Values{"client_id": {"dreams-web"}, "request": {signed(claims)}}, beside))
	}
	for name, beside := range map[string]url.Values{
		"nothing": nil,
		// OIDC: ensure-request-object-with-redirect-uri
		"another redirect_uri": {"redirect_uri": {w.Dreams + "/callback/not"}},
		"another state":        {"state": {"S2"}, "nonce": {"N2"}, "scope": {"openid bogus"}, "response_type": {"token"}},
	} {
		page := by(w.requestObject("openid profile"), beside)
		if page.Answer().Get("code") == "" || page.Answer().Get("state") != "S1" {
			t.Errorf("%s beside: %d %s %s", name, page.Status, page.Location, page.Refusal())
			continue
		}
		tokens := w.Token(t, Basic("dreams-web"), w.Redemption(page))
		if _, claims := parts(t, tokens.String("id_token")); claims["nonce"] != "N1" {
			t.Errorf("%s beside: %v", name, claims)
		}
	}
	if page := by(without(w.requestObject("openid"), "state"), url.Values{"state": {"S1"}}); page.Answer().Get("code") == "" || page.Answer().Has("state") {
		t.Errorf("a state outside alone: %s", page.Location)
	}
	// What is JSON stays JSON, numbers are numbers, several audiences hold ours.
	claims := w.requestObject("openid profile")
	claims["aud"], claims["max_age"], claims["claims"] = []string{w.Auth, "https://other.test"}, 3600, map[string]any{"userinfo": map[string]any{"name": nil}}
	delete(claims, "exp")
	delete(claims, "nbf")
	if page := by(claims, nil); page.Answer().Get("code") == "" {
		t.Errorf("%s", page.Refusal())
	}
	claims["max_age"] = "soon"
	if page := by(claims, nil); page.Refusal() != "303 invalid_request" {
		t.Errorf("what is asked inside is judged too: %s", page.Refusal())
	}
	// By way of a push: RFC 9126 §3.
	answer := w.push(t, Basic("dreams-web"), url.Values{"request": {signedAs("oauth-authz-req+jwt", w.requestObject("openid"))}, "state": {"S2"}})
	page := w.Authorize(b, url.Values{"client_id": {"dreams-web"}, "request_uri": {answer.String("request_uri")}, "state": {"S3"}, "scope": {"bogus"}, "redirect_uri": {"x"}})
	if page.Answer().Get("code") == "" || page.Answer().Get("state") != "S1" {
		t.Errorf("pushed: %d %s, then %s %s", answer.Status, answer.Body, page.Location, page.Refusal())
	}
}

// RFC 9101 §7, OIDC Core §3.1.2.6: the client hears of a bad request object where
// the query names it and its address; otherwise its person does. Nobody is sent
// anywhere before signing in (RFC 9700 §4.11.2), and what is beside a bad request
// object does not count later either.
func TestABadRequestObject(t *testing.T) {
	t.Parallel()
	w, signedIn := alone(t, Options{SQL: map[string][]string{"authserver": {webSigns}}})
	w.Allow(signedIn, w.Request("openid profile"))
	bad := url.Values{"client_id": {"dreams-web"}, "request": {signedByNobody(w.requestObject("openid profile"))}}
	wantPage(t, w.Authorize(signedIn, bad), "invalid_request_object")
	wantPage(t, w.Authorize(signedIn, With(bad, url.Values{"redirect_uri": {w.Dreams + "/callback/not"}})), "invalid_request_object")
	good := With(w.Request("openid profile"), bad)
	wantRedirect(t, w, w.Authorize(signedIn, good), w.Dreams+"/callback", "invalid_request_object", "S1")

	stranger := NewBrowser(t)
	stranger.Stay = w.Dreams
	login := w.Authorize(stranger, good)
	if login.Location != "" || login.Status != http.StatusOK {
		t.Fatalf("before anybody signed in: %d %s", login.Status, login.Location)
	}
	wantRedirect(t, w, w.LogIn(stranger, login, "alice", "wanderlust"), w.Dreams+"/callback", "invalid_request_object", "S1")
}

// RFC 9126 §4: what a client that must push has not pushed is answered nowhere, a bad
// request object neither.
func TestABadRequestObjectOfAClientThatMustPush(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{SQL: map[string][]string{"authserver": {webSigns, webMust("require_pushed_authorization_requests")}}})
	for name, object := range map[string]string{"by nobody": signedByNobody(w.requestObject("openid")), "no JWT": "x"} {
		page := w.Authorize(b, With(w.Request("openid"), url.Values{"request": {object}, "prompt": {"none"}}))
		t.Log(name)
		wantPage(t, page, "invalid_request")
	}
}

// OIDC Core §3.1.2.6, RFC 9101 §10.4: a request_uri of somebody else's is not
// fetched.
func TestAForeignRequestURIIsNotFetched(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"}})
	var fetched atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	t.Cleanup(elsewhere.Close)
	page := w.Authorize(b, With(w.Request("openid"), url.Values{"request_uri": {elsewhere.URL + "/request.jwt"}}))
	wantRedirect(t, w, page, w.Dreams+"/callback", "request_uri_not_supported", "S1")
	if fetched.Load() != 0 {
		t.Error("it was fetched")
	}
}
