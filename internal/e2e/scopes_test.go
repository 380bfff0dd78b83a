package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/acme-dreams/authserver/oauth"
)

// The registry of the authorization server says which requests want a scope,
// and Acme's document says it too: they are written down twice, and agree.
func TestRegistryAndAPIAgreeOnScopes(t *testing.T) {
	w := New(t, Options{Only: []string{"acme"}})
	var document struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	answer := w.Do(t, http.MethodGet, w.Acme+"/api/openapi.json", nil, "")
	if err := json.Unmarshal([]byte(answer.Body), &document); err != nil {
		t.Fatal(err)
	}
	enforced := map[string]string{}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			for _, requirement := range operation.Security {
				for _, scopes := range requirement {
					enforced[strings.ToUpper(method)+" "+path] = strings.Join(scopes, " ")
				}
			}
		}
	}
	if len(enforced) < 10 {
		t.Fatalf("the document names few requests: %v", enforced)
	}
	registered := map[string]string{}
	for _, p := range oauth.Permissions {
		for _, endpoint := range p.Endpoints {
			if endpoint != "GET /userinfo" {
				registered[endpoint] = p.Name
			}
		}
	}
	for request, scope := range enforced {
		if registered[request] != scope {
			t.Errorf("%s wants %s; the registry says %q", request, scope, registered[request])
		}
	}
	for request, scope := range registered {
		if enforced[request] == "" {
			t.Errorf("the registry has %s for %s, which Acme does not", request, scope)
		}
	}
}

// GitHub's way: every answer says what the token has and what was wanted.
func TestEveryAPIAnswerTellsScopes(t *testing.T) {
	w := New(t, Options{})
	token := w.Tokens(t, "alice", "openid profile preferences:read").String("access_token")
	for _, c := range []struct {
		path, held, accepted string
		status               int
	}{
		{"/me", "openid, profile, preferences:read", "profile", 200},
		{"/me/posts", "openid, profile, preferences:read", "blog:read", 403},
	} {
		answer := w.API(t, http.MethodGet, c.path, token, "")
		if answer.Status != c.status || answer.Header.Get("X-OAuth-Scopes") != c.held || answer.Header.Get("X-Accepted-OAuth-Scopes") != c.accepted {
			t.Errorf("%s: %d %q %q", c.path, answer.Status, answer.Header.Get("X-OAuth-Scopes"), answer.Header.Get("X-Accepted-OAuth-Scopes"))
		}
	}
	if answer := w.API(t, http.MethodGet, "/me", token+"x", ""); answer.Status != 401 || answer.Header.Get("X-OAuth-Scopes") != "" {
		t.Errorf("a forged token: %d %q", answer.Status, answer.Header.Get("X-OAuth-Scopes"))
	}
}

// Every permission is documented, and with LEGACY_GRANTS=off nothing says that
// it can be had by a grant which is gone.
func TestScopesPageIsComplete(t *testing.T) {
	for _, legacy := range []string{"on", "off"} {
		w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"LEGACY_GRANTS": legacy}})
		page := NewBrowser(t).Get(w.Auth + "/docs/scopes")
		for _, p := range oauth.Permissions {
			if !strings.Contains(page.Body, ">"+p.Name+"<") && !strings.Contains(page.Body, p.Name) {
				t.Errorf("%s is missing", p.Name)
			}
		}
		for _, d := range oauth.DetailTypes {
			if !strings.Contains(html.UnescapeString(page.Body), d.Example) || !strings.Contains(page.Body, `id="details"`) {
				t.Errorf("authorization details of type %s are missing", d.Name)
			}
		}
		if offered := strings.Contains(page.Body, "implicit"); offered != (legacy == "on") {
			t.Errorf("LEGACY_GRANTS=%s: implicit offered: %v", legacy, offered)
		}
	}
}

// LEGACY_GRANTS=off is the OAuth 2.1 posture, in endpoints and metadata.
func TestLegacyGrantsOff(t *testing.T) {
	for _, legacy := range []bool{true, false} {
		w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"LEGACY_GRANTS": map[bool]string{true: "on", false: "off"}[legacy]}})
		metadata := w.Do(t, http.MethodGet, w.Auth+"/.well-known/oauth-authorization-server", nil, "").JSON()
		for member, value := range map[string]string{"grant_types_supported": "implicit", "response_types_supported": "token"} {
			listed := slices.Contains(strings.Fields(strings.Trim(fmt.Sprint(metadata[member]), "[]")), value)
			if listed != legacy {
				t.Errorf("LEGACY_GRANTS on: %v; %s lists %s: %v", legacy, member, value, listed)
			}
		}
		want := "400 unsupported_grant_type"
		if legacy {
			want = "200"
		}
		if got := w.Token(t, nil, password("acme-mobile", "profile")).Refusal(); got != want {
			t.Errorf("LEGACY_GRANTS on: %v; the password grant answers %s, want %s", legacy, got, want)
		}
	}
}
