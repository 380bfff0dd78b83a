package e2e

import (
	"net/http"
	"net/url"
	"testing"
)

func transcribeRegistration(t *testing.T, tr *transcriber) {
	diary := tr.as("Diary")
	metadata := map[string]any{
		"client_name": "Travel Diary", "redirect_uris": []string{"https://diary.example/cb"}, "scope": "openid preferences:read", "contacts": []string{"ops@diary.example"},
	}
	client := diary.registeredClient(t, metadata)
	id, secret := client.String("client_id"), client.String("client_secret")
	manage := Bearer(client.String("registration_access_token"))
	b := tr.browser()
	b.Stay = "https://diary.example"
	request := url.Values{
		"response_type": {"code"}, "client_id": {id}, "redirect_uri": {"https://diary.example/cb"}, "scope": {"openid preferences:read"}, "state": {"S1"},
	}
	question := tr.w.LogIn(b, tr.w.Authorize(b, request), "alice", "wanderlust")
	answer := b.Form(question, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}}).Submit()
	tokens := diary.Token(t, Credentials{id, secret}.Header(), url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Answer().Get("code")}, "redirect_uri": {"https://diary.example/cb"},
	})
	diary.API(t, "GET", "/me/preferences", tokens.String("access_token"), "")
	diary.update(t, client, manage, map[string]any{"client_id": id, "client_name": "Travel Diary", "redirect_uris": []string{"https://diary.example/cb", "https://diary.example/cb2"}})
	diary.Register(t, nil, map[string]any{"redirect_uris": []string{"javascript:alert(1)"}})
	diary.Do(t, http.MethodDelete, client.String("registration_client_uri"), manage, "")
	diary.Do(t, http.MethodGet, client.String("registration_client_uri"), manage, "")
	own := "/register/" + id
	tr.tell(`
This shows dynamic client registration (RFC 7591) and its management (RFC 7592): an
application that nobody at Acme knows, a travel diary, becomes a client by itself,
reads alice's preferences as any client does, and goes again.
`, []Scene{
		{"Diary", "Accounts", "POST", "/register", "client_name", "RFC 7591 §3.1, §3.2.1", "The diary says what it is, and is told all that was registered: what it left out has a default. The secret is shown now and never again; the other token is for managing this registration alone."},
		{"Browser", "Accounts", "GET", "/authorize", "", "RFC 6749 §4.1.1", "From here on it is a client like any other. It keeps a secret, so it may go without PKCE; it should not."},
		{"Browser", "Accounts", "POST", "/login", "", "RFC 6749 §3.1", "Alice signs in."},
		{"Browser", "Accounts", "POST", "/consent", "", "RFC 6749 §4.1.2, RFC 7591 §5", "The page said that nobody has verified this application, and where she would be sent. She lets her preferences through."},
		{"Diary", "Accounts", "POST", "/token", "grant_type=authorization_code", "RFC 6749 §4.1.3", "Nothing is new here."},
		{"Diary", "Acme", "GET", "/api/v1/me/preferences", "", "RFC 6750 §2.1", "The token opens what was allowed."},
		{"Diary", "Accounts", "PUT", own, "", "RFC 7592 §2.2", "An update replaces all of it: the contact is gone, and so is the limit on its scope. The secret stays, and is not shown."},
		{"Diary", "Accounts", "POST", "/register", "javascript", "RFC 7591 §3.2.2", "What it cannot register: an address that is a script."},
		{"Diary", "Accounts", "DELETE", own, "", "RFC 7592 §2.3", "It goes, and with it every grant and every token that it was given."},
		{"Diary", "Accounts", "GET", own, "", "RFC 7592 §2.1", "There is nothing left to manage."},
	})
}
