package seed

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// art is where the pages' pictures lie; the programs embed the folder, and a
// file here names a picture by its last element.
const art = "../views/static/art"

func TestEveryFileParses(t *testing.T) {
	// read panics on a file that does not; the test's output names it.
	for name, n := range map[string]int{
		"users.json":       len(Users()),
		"clients.json":     len(Clients()),
		"packages.json":    len(Packages()),
		"reviews.json":     len(Reviews()),
		"posts.json":       len(Posts()),
		"preferences.json": len(AllPreferences()),
	} {
		if n == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	names, err := fs.Glob(files, "*.json")
	if err != nil || len(names) != 6 {
		t.Errorf("files = %q, %v; want the six that this test loads", names, err)
	}
}

func TestIDsStandOnce(t *testing.T) {
	seen := make(map[string]bool)
	once := func(id, prefix string) {
		t.Helper()
		if !strings.HasPrefix(id, prefix) || id == prefix {
			t.Errorf("id %q does not begin with %q", id, prefix)
		}
		if seen[id] {
			t.Errorf("id %q stands twice", id)
		}
		seen[id] = true
	}
	for _, u := range Users() {
		once(u.Sub, "u_")
	}
	for _, p := range Packages() {
		once(p.ID, "pk-")
	}
	for _, r := range Reviews() {
		once(r.ID, "rv-")
	}
	for _, p := range Posts() {
		once(p.ID, "po-")
	}
}

func TestUsersAreThoseOfTheContract(t *testing.T) {
	type user struct {
		username, password, name, email string
		operator                        bool
	}
	want := []user{
		{"alice", "wanderlust", "Alice Moreau", "alice@acme.test", false},
		{"bob", "wanderlust", "Bob Tanaka", "bob@acme.test", false},
		{"carol", "wanderlust", "Carol Okafor", "carol@acme.test", false},
		{"root", "wanderlust", "Ravi Oot", "root@acme.test", true},
	}
	var got []user
	for _, u := range Users() {
		got = append(got, user{u.Username, u.Password, u.Name, u.Email, u.Operator})
		// OIDC Core §2: sub is never reassigned; what can change, a name or an
		// address, is no part of it.
		if strings.Contains(u.Sub, u.Username) || strings.Contains(u.Sub, u.Email) {
			t.Errorf("sub %q tells who %s is", u.Sub, u.Username)
		}
		hasPicture(t, u.Username, u.Picture)
	}
	if !slices.Equal(got, want) {
		t.Errorf("users\n got %v\nwant %v", got, want)
	}
}

func TestClientsAreThoseOfTheContract(t *testing.T) {
	const (
		all      = "openid profile email offline_access packages:read reviews:read reviews:write preferences:read preferences:write blog:read blog:write"
		inDreams = "openid profile packages:read reviews:read preferences:read offline_access"
		exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
		device   = "urn:ietf:params:oauth:grant-type:device_code"
		bearer   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	)
	// One row for each row of the contract's table, as sets written with spaces.
	want := []struct {
		id, authentication, grants, scopes, redirectURIs string
		requirePKCE, firstParty                          bool
	}{
		{"acme-web", "client_secret_basic", "authorization_code refresh_token", all, "{ACME_URL}/callback", true, true},
		{"dreams-web", "client_secret_basic client_secret_post", "authorization_code refresh_token " + exchange,
			"openid profile email offline_access packages:read reviews:read preferences:read blog:read", "{DREAMS_URL}/callback", false, false},
		{"dreams-spa", "none", "authorization_code refresh_token", inDreams, "{DREAMS_URL}/spa/callback", true, false},
		{"dreams-widget", "none", "implicit", "profile packages:read preferences:read", "{DREAMS_URL}/widget/callback", false, false},
		{"dreams-cli", "none", "authorization_code refresh_token", inDreams, "http://127.0.0.1/callback http://[::1]/callback", true, false},
		{"dreams-tv", "none", device + " refresh_token", "profile packages:read preferences:read offline_access", "", false, false},
		{"dreams-catalogue", "client_secret_basic client_secret_post", "client_credentials", "packages:read reviews:read", "", false, false},
		{"dreams-batch", "private_key_jwt", "client_credentials " + bearer, "packages:read reviews:read preferences:read", "", false, false},
		{"acme-mobile", "none", "password refresh_token", all, "", false, true},
		{"acme-api", "client_secret_basic", "", "", "", false, false},
	}

	clients := Clients()
	if len(clients) != len(want) {
		t.Fatalf("%d clients, want %d", len(clients), len(want))
	}
	for i, w := range want {
		c := clients[i]
		if c.ID != w.id {
			t.Errorf("client %d is %q, want %q", i, c.ID, w.id)
			continue
		}
		sameSet(t, c.ID+": token_endpoint_auth_methods", c.TokenEndpointAuthMethods, w.authentication)
		sameSet(t, c.ID+": grant_types", c.GrantTypes, w.grants)
		sameSet(t, c.ID+": scopes", c.Scopes, w.scopes)
		sameSet(t, c.ID+": redirect_uris", c.RedirectURIs, w.redirectURIs)
		if c.RequirePKCE != w.requirePKCE {
			t.Errorf("%s: require_pkce = %v", c.ID, c.RequirePKCE)
		}
		if c.FirstParty != w.firstParty {
			t.Errorf("%s: first_party = %v", c.ID, c.FirstParty)
		}
		if c.AlwaysAsk != (c.ID == "dreams-cli") {
			t.Errorf("%s: always_ask = %v", c.ID, c.AlwaysAsk)
		}
		wantSecret := ""
		if strings.Contains(w.authentication, "client_secret") {
			wantSecret = c.ID + "-secret"
		}
		if c.Secret != wantSecret {
			t.Errorf("%s: client_secret = %q, want %q", c.ID, c.Secret, wantSecret)
		}
	}
}

// RFC 7591 §2.1 says which response type belongs to which grant type; what we
// seed obeys the same table as what others register.
func TestClientsResponseTypesFitTheirGrants(t *testing.T) {
	for _, c := range Clients() {
		var want []string
		if slices.Contains(c.GrantTypes, "authorization_code") {
			want = append(want, "code")
		}
		if slices.Contains(c.GrantTypes, "implicit") {
			want = append(want, "token")
		}
		sameSet(t, c.ID+": response_types", c.ResponseTypes, strings.Join(want, " "))
		if redirects := len(c.RedirectURIs) > 0; redirects != (len(want) > 0) {
			t.Errorf("%s: redirect URIs %q with response types %q", c.ID, c.RedirectURIs, want)
		}
		for _, s := range c.RedirectURIs {
			u, err := url.Parse(strings.NewReplacer("{ACME_URL}", "http://localhost:9001", "{DREAMS_URL}", "http://localhost:9002").Replace(s))
			if err != nil || !u.IsAbs() || u.Fragment != "" || strings.Contains(s, "*") { // RFC 6749 §3.1.2
				t.Errorf("%s: redirect URI %q is not an absolute URI without a fragment", c.ID, s)
			}
		}
		isDate(t, c.ID+": since", c.Since)
	}
}

// The consent page shows the reason beside the permission: a client that asks
// people and cannot say why would show an empty line.
func TestClientsThatAskPeopleSayWhy(t *testing.T) {
	for _, c := range Clients() {
		if c.FirstParty || len(c.ResponseTypes) == 0 {
			continue
		}
		for _, scope := range c.Scopes {
			if c.Reasons[scope] == "" {
				t.Errorf("%s gives no reason for %s", c.ID, scope)
			}
		}
		for _, detailsType := range c.AuthorizationDetailsTypes {
			if c.Reasons[detailsType] == "" {
				t.Errorf("%s gives no reason for %s", c.ID, detailsType)
			}
		}
		for scope := range c.Reasons {
			if !slices.Contains(c.Scopes, scope) && !slices.Contains(c.AuthorizationDetailsTypes, scope) {
				t.Errorf("%s gives a reason for %s, which it may not have", c.ID, scope)
			}
		}
	}
}

func TestPackages(t *testing.T) {
	packages := Packages()
	if len(packages) < 40 {
		t.Errorf("%d packages, want at least forty", len(packages))
	}
	used := make(map[string]bool)
	for _, p := range packages {
		for field, s := range map[string]string{
			"title": p.Title, "destination": p.Destination, "summary": p.Summary,
			"description": p.Description, "from": p.From, "effort": p.Effort,
		} {
			if strings.TrimSpace(s) == "" {
				t.Errorf("%s: %s is empty", p.ID, field)
			}
		}
		if n := len(p.Tags); n < 2 || n > 5 {
			t.Errorf("%s: %d tags, want 2 to 5", p.ID, n)
		}
		allOf(t, p.ID+": tags", p.Tags, Tags)
		for _, tag := range p.Tags {
			used[tag] = true
		}
		if n := len(p.Company); n < 1 || n > 3 {
			t.Errorf("%s: company %q, want 1 to 3", p.ID, p.Company)
		}
		allOf(t, p.ID+": company", p.Company, Company)
		if n := len(p.Days); n < 3 || n > 7 {
			t.Errorf("%s: %d days, want 3 to 7", p.ID, n)
		}
		for _, day := range p.Days {
			if where, what, ok := strings.Cut(day, ". "); !ok || where == "" || what == "" {
				t.Errorf("%s: day %q does not begin with a short sentence to set in bold", p.ID, day)
			}
		}
		if p.Price < 180 || p.Price > 2400 {
			t.Errorf("%s: price %d", p.ID, p.Price)
		}
		if p.Nights < 1 {
			t.Errorf("%s: %d nights", p.ID, p.Nights)
		}
		months(t, p.ID, p.Months)
		if leaves := isDate(t, p.ID+": leaves", p.Leaves); !slices.Contains(p.Months, int(leaves.Month())) {
			t.Errorf("%s leaves on %s but runs in months %v", p.ID, p.Leaves, p.Months)
		}
		hasPicture(t, p.ID, p.Picture)
	}
	for _, tag := range Tags {
		if !used[tag] {
			t.Errorf("no package is tagged %q: whoever likes it would find nothing", tag)
		}
	}
}

func TestReviews(t *testing.T) {
	packages := make(map[string]bool)
	for _, p := range Packages() {
		packages[p.ID] = true
	}
	nameOf := make(map[string]string)
	for _, u := range Users() {
		nameOf[u.Sub] = u.Name
	}
	type pair struct{ author, pkg string }
	written := make(map[pair]bool)
	for _, r := range Reviews() {
		if !packages[r.Package] {
			t.Errorf("%s is about %q, which nobody sells", r.ID, r.Package)
		}
		if r.Sub != "" && nameOf[r.Sub] != r.Author {
			t.Errorf("%s: author %q is not the name of %s", r.ID, r.Author, r.Sub)
		}
		for sub, name := range nameOf {
			if r.Author == name && r.Sub != sub {
				t.Errorf("%s: %s has an account, but the review does not say so", r.ID, name)
			}
		}
		if r.Rating < 1 || r.Rating > 5 {
			t.Errorf("%s: rating %d", r.ID, r.Rating)
		}
		if strings.TrimSpace(r.Text) == "" || r.CreatedAt.IsZero() {
			t.Errorf("%s has no text or no time", r.ID)
		}
		if at := (pair{r.Author, r.Package}); written[at] {
			t.Errorf("%s: %s reviewed %s twice", r.ID, r.Author, r.Package)
		} else {
			written[at] = true
		}
	}
}

func TestPosts(t *testing.T) {
	subs := subsOf()
	unpublished := make(map[string]int)
	for _, p := range Posts() {
		if !subs[p.Sub] {
			t.Errorf("%s was written by %q, whom nobody knows", p.ID, p.Sub)
		}
		if strings.TrimSpace(p.Title) == "" || strings.TrimSpace(p.Body) == "" || p.CreatedAt.IsZero() {
			t.Errorf("%s has no title, no body or no time", p.ID)
		}
		if len(p.Pictures) == 0 {
			t.Errorf("%s has no picture", p.ID)
		}
		for _, picture := range p.Pictures {
			hasPicture(t, p.ID, picture)
		}
		if !p.Published {
			unpublished[p.Sub]++
		}
	}
	// The contract: alice "writes blog posts, two of them unpublished".
	for _, u := range Users() {
		if u.Username == "alice" && unpublished[u.Sub] != 2 {
			t.Errorf("alice has %d unpublished posts, want 2", unpublished[u.Sub])
		}
	}
}

func TestPreferences(t *testing.T) {
	subs := subsOf()
	seen := make(map[string]bool)
	for _, p := range AllPreferences() {
		if !subs[p.Sub] || seen[p.Sub] {
			t.Errorf("preferences of %q: unknown, or there twice", p.Sub)
		}
		seen[p.Sub] = true
		if len(p.Interests) == 0 {
			t.Errorf("%s: no interests", p.Sub)
		}
		allOf(t, p.Sub+": interests", p.Interests, Tags)
		allOf(t, p.Sub+": travels_with", []string{p.TravelsWith}, Company)
		if p.BudgetMax <= 0 {
			t.Errorf("%s: budget %d", p.Sub, p.BudgetMax)
		}
		months(t, p.Sub, p.Months)
	}
}

// Offers are worth looking at only if something fits: the person's budget,
// months and company, and at least two of their interests.
func TestSeveralPackagesFitEachPerson(t *testing.T) {
	for _, person := range AllPreferences() {
		fit := 0
		for _, p := range Packages() {
			if common(p.Tags, person.Interests) >= 2 && common(p.Months, person.Months) >= 1 &&
				p.Price <= person.BudgetMax && slices.Contains(p.Company, person.TravelsWith) {
				fit++
			}
		}
		if fit < 3 {
			t.Errorf("%d packages fit %s, want at least three", fit, person.Sub)
		}
	}
}

// A picture is part of the page that shows it: it must bring its own text for
// people who cannot see it, and must fetch, run and style nothing.
func TestPicturesAreSelfContained(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(art, "*.svg"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no pictures in %s: %v", art, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		svg := string(b)
		if !strings.Contains(svg, "<title>") {
			t.Errorf("%s has no title", name)
		}
		for _, bad := range []string{"<script", "<style", "style=", "<image", "<foreignObject", "href=", "url(", "<!DOCTYPE", "onload=", "onclick="} {
			if strings.Contains(svg, bad) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
	}
}

func subsOf() map[string]bool {
	subs := make(map[string]bool)
	for _, u := range Users() {
		subs[u.Sub] = true
	}
	return subs
}

func hasPicture(t *testing.T, who, picture string) {
	t.Helper()
	if filepath.Base(picture) != picture || filepath.Ext(picture) != ".svg" {
		t.Errorf("%s: picture %q is not the name of an SVG file", who, picture)
	} else if _, err := os.Stat(filepath.Join(art, picture)); err != nil {
		t.Errorf("%s: %v", who, err)
	}
}

func months(t *testing.T, who string, months []int) {
	t.Helper()
	if len(months) == 0 || !slices.IsSorted(months) || len(slices.Compact(slices.Clone(months))) != len(months) {
		t.Errorf("%s: months %v are none, unordered or double", who, months)
	}
	for _, m := range months {
		if m < 1 || m > 12 {
			t.Errorf("%s: month %d", who, m)
		}
	}
}

func isDate(t *testing.T, what, s string) time.Time {
	t.Helper()
	date, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return date
}

// allOf wants every element of got to be one of known, and none to stand twice.
func allOf(t *testing.T, what string, got, known []string) {
	t.Helper()
	for i, s := range got {
		if !slices.Contains(known, s) {
			t.Errorf("%s: %q is not one of %q", what, s, known)
		}
		if slices.Contains(got[:i], s) {
			t.Errorf("%s: %q stands twice", what, s)
		}
	}
}

func sameSet(t *testing.T, what string, got []string, want string) {
	t.Helper()
	g, w := slices.Sorted(slices.Values(got)), strings.Fields(want)
	slices.Sort(w)
	if !slices.Equal(g, w) {
		t.Errorf("%s\n got %q\nwant %q", what, g, w)
	}
}

func common[T comparable](a, b []T) int {
	n := 0
	for _, x := range a {
		if slices.Contains(b, x) {
			n++
		}
	}
	return n
}
