package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// OAuth 2.0 Form Post Response Mode §2: the answer arrives in a POST of the
// browser, by script or by the button, and stands in no address.
func TestFormPostInABrowser(t *testing.T) {
	b := realBrowser(t)
	answers := make(chan url.Values, 4)
	rp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" && r.Method == http.MethodPost && r.URL.RawQuery == "" && r.ParseForm() == nil {
			answers <- r.PostForm
		}
	}))
	defer rp.Close()
	callback := rp.URL + "/callback"
	w := New(t, Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {
		"UPDATE clients SET metadata = json_insert(metadata, '$.redirect_uris[#]', '" + callback + "') WHERE client_id = 'dreams-web'",
	}}})
	request := With(w.Request("openid profile"), url.Values{"redirect_uri": {callback}, "response_mode": {"form_post"}})
	for _, script := range []bool{true, false} {
		tab := b.Tab(t)
		if !script {
			tab.NoScript()
		}
		tab.Open(w.Auth + "/login")
		tab.Type("#username", "alice")
		tab.Type("#password", "wanderlust")
		tab.Click("#sign-in")
		tab.Open(w.Auth + "/authorize?" + With(request, url.Values{"prompt": {"consent"}}).Encode())
		tab.Click("#allow")
		if !script {
			tab.Click("form[data-submit] button")
		}
		if answer := <-answers; answer.Get("code") == "" || answer.Get("state") != "S1" || answer.Get("iss") != w.Auth {
			t.Errorf("script %v: the client gets %v", script, answer)
		}
		tab.Close()
	}
}
