package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// walkthroughs are the grants by curl, each with what must be seen: the data,
// and then the refusal.
var walkthroughs = map[string][]string{
	"client_credentials": {`"packages":`, `insufficient_scope`},
	"authorization_code": {`"interests":`, `insufficient_scope`},
	"pkce":               {`"interests":`, `invalid_grant`},
	"refresh_token":      {`"Alice Moreau"`, `used before`, `revoked`},
	"token_exchange":     {`"interests":`, `invalid_scope`, `insufficient_scope`},
	"jwt_bearer":         {`"interests":`, `used before`, `nobody who lets`},
	"implicit":           {`"interests":`, `no refresh_token`},
	"password":           {`"Alice Moreau"`, `unauthorized_client`},
	"par":                {`"request_uri":"urn:ietf:params:oauth:request_uri:`, `"interests":`, `invalid_request_uri`, `invalid_request`},
	"registration":       {`Not verified`, `"interests":`, `Travel Diary 2`, `invalid_redirect_uri`, `invalid_client_metadata`, `invalid_token`, `204`, `revoked`},
	"rar":                {`What you like about mountains and beaches, for 30 days, until `, `"expires_at":`, `{"interests":["mountains"]}`, `insufficient_scope`, `invalid_authorization_details`},
	"step_up":            {`200 OK`, `401 Unauthorized`, `insufficient_user_authentication`, `max_age="300"`, `200 OK`},
	"device_code":        {`authorization_pending`, `"interests":`, `used before`},
}

// laterAt is an address that makes it six minutes later for whoever opens it.
func laterAt(t *testing.T, w *World) string {
	later := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		token := w.forge(t, func(forged) {})
		w.Clock.Advance(6 * time.Minute)
		w.waitForAcmeLater(t, token)
	}))
	t.Cleanup(later.Close)
	return later.URL
}

// Each walkthrough runs as it stands. It wants bash, curl and openssl, as
// whoever pastes it does.
func TestWalkthroughs(t *testing.T) {
	for _, program := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("the walkthroughs want %s: %v", program, err)
		}
	}
	files, err := filepath.Glob("walkthrough/*.sh")
	if err != nil || len(files) != len(walkthroughs) {
		t.Fatalf("%d walkthroughs, %d are known here: %v", len(files), len(walkthroughs), err)
	}
	for name, seen := range walkthroughs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s"}})
			script := exec.CommandContext(t.Context(), "bash", "internal/e2e/walkthrough/"+name+".sh")
			script.Dir = "../.."
			script.Env = append(os.Environ(), "AUTHSERVER_URL="+w.Auth, "ACME_URL="+w.Acme, "DREAMS_URL="+w.Dreams, "DEVICE_WAIT=1.1", "WAIT=curl -sS "+laterAt(t, w))
			out, err := script.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			rest := string(out)
			for _, want := range seen {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("%q was not seen, in this order:\n%s", want, out)
				}
				rest = after
			}
		})
	}
}
