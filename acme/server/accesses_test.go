package server_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server/acmetest"
	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// accesses stops the program, which writes what still waits, and reads what it
// wrote about a person, oldest first.
func accesses(t *testing.T, a *acmetest.Acme, dataDir, sub string) []travel.Access {
	t.Helper()
	if err := a.Server.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(dataDir, "acme.db"), time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Accesses(t.Context(), sub, travel.AccessSearch{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for i, k := 0, len(all)-1; i < k; i, k = i+1, k-1 {
		all[i], all[k] = all[k], all[i]
	}
	return all
}

// Who did what in a person's name, and who tried. What everybody may read is not
// about the person, and a token with a bad signature is about nobody.
func TestEachUseInAPersonsNameIsWrittenDown(t *testing.T) {
	dataDir := t.TempDir()
	a := acmetest.Start(t, bearertest.New(t), dataDir)
	token := a.Token(acmetest.Alice, allScopes)
	old := a.Authserver.Claims(acmetest.Alice, allScopes)
	old["auth_time"] = a.Authserver.Clock.Now().Unix() - 301
	part := a.Authserver.Claims(acmetest.Alice, "openid")
	part["authorization_details"] = []any{a.Authserver.Detail("hiking", "huts")}
	elsewhere := a.Authserver.Claims(acmetest.Alice, allScopes)
	elsewhere["aud"] = "https://other.example"
	expired := a.Authserver.Claims(acmetest.Alice, allScopes)
	expired["exp"] = a.Authserver.Clock.Now().Unix() - 1
	bound := a.Authserver.Claims(acmetest.Alice, allScopes)
	bound["cnf"] = map[string]string{"jkt": dpoptest.NewES256(t).Thumbprint()}
	machine := a.Authserver.Claims("dreams-batch", allScopes)
	machine["client_id"] = "dreams-batch"
	calls := []struct {
		method, path, body, token string
		want                      string // empty: nothing is written
	}{
		{"GET", "/api/v1/me", "", token, "200 read your name and picture"},
		{"GET", "/api/v1/me/posts/po-knees", "", token, "200 read a post of yours po-knees"},
		{"GET", "/api/v1/me/posts/po-bunk-61", "", token, "404 tried to read a post of yours"},
		{"GET", "/api/v1/me/posts/po-three-huts/pictures/alps.svg", "", token, "200 looked at a picture of yours po-three-huts"},
		{"POST", "/api/v1/packages/pk-cadiz/reviews", `{"rating":4,"text":"Sand."}`, token, "201 wrote a review in your name pk-cadiz"},
		{"POST", "/api/v1/packages/pk-cadiz/reviews", "{", token, "400 tried to write a review in your name"},
		{"PUT", "/api/v1/me/preferences", `{"budget":{"max":-1}}`, token, "422 tried to change your travel preferences"},
		{"GET", "/api/v1/me/preferences", "", a.Authserver.Token(part), "200 read your travel preferences (hiking, huts)"},
		{"GET", "/api/v1/me/posts", "", a.Authserver.Token(part), "403 tried to read all your posts: The token does not have the scope that this needs"},
		{"GET", "/api/v1/me", "", a.Authserver.Token(expired), "401 tried to read your name and picture: The token has expired"},
		{"GET", "/api/v1/me", "", a.Authserver.Token(elsewhere), "401 tried to read your name and picture: The token is for another resource"},
		{"GET", "/api/v1/me", "", a.Authserver.Token(bound), "401 tried to read your name and picture: The token is bound to a key: send it by the scheme DPoP, with a proof"},
		{"POST", "/api/v1/me/posts", `{"title":"x","body":"y"}`, a.Authserver.Token(old), "401 tried to write a post in your name: The token comes from no login that is recent enough: the person has to log in again"},
		{"GET", "/api/v1/packages", "", token, ""},
		{"GET", "/api/v1/packages/pk-cadiz/reviews", "", token, ""},
		{"GET", "/api/v1/me", "", token + "x", ""},
		{"GET", "/api/v1/me", "", "", ""},
		{"GET", "/api/v1/me", "", a.Authserver.Token(machine), ""},
	}
	var want []string
	for _, c := range calls {
		request := acmetest.Request{Method: c.method, Path: c.path, Token: c.token}
		if c.body != "" {
			request.Body = c.body
		}
		a.Do(request)
		if c.want != "" {
			want = append(want, c.want)
		}
	}
	var got []string
	for _, x := range accesses(t, a, dataDir, acmetest.Alice) {
		line := strconv.Itoa(x.Status) + " " + x.What
		if x.Object != "" {
			line += " " + x.Object
		}
		if x.Topics != "" {
			line += " (" + x.Topics + ")"
		}
		if x.Reason != "" {
			line += ": " + x.Reason
		}
		got = append(got, line)
		if x.ClientID != "dreams-web" || len(x.Token) != 8 || x.Scope == "" || x.Bound != strings.Contains(x.Reason, "bound to a key") {
			t.Errorf("%+v", x)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(accesses(t, a, dataDir, "dreams-batch")); n != 0 {
		t.Errorf("%d accesses of a machine", n)
	}
}

// A revoked token tells whose it was, and that somebody still tries it.
func TestATokenThatWasRevokedIsSeen(t *testing.T) {
	dataDir := t.TempDir()
	a := acmetest.Start(t, bearertest.New(t), dataDir)
	claims := a.Authserver.Claims(acmetest.Alice, allScopes)
	token := a.Authserver.Token(claims)
	a.Authserver.Revoke("", claims["jti"].(string))
	within2s(t, "revoked", func() bool { return a.Get("/api/v1/me", token).Status == 401 })
	all := accesses(t, a, dataDir, acmetest.Alice)
	if last := all[len(all)-1]; last.Status != 401 || last.Reason != "The token was revoked" {
		t.Errorf("%+v", last)
	}
}
