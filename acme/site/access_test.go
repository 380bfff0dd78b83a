package site_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/travel"
)

// looked writes accesses as the API would have.
func (w *world) looked(all ...travel.Access) {
	w.t.Helper()
	for i := range all {
		a := &all[i]
		if a.Times == 0 {
			a.Times = 1
		}
		if a.At.IsZero() {
			a.At = w.now
		}
		a.Until, a.Token = a.At, "3f2a91c0"
	}
	if err := w.store.WriteAccesses(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhoLooked(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	b.get("/me/access").wants(t, 200, "Nobody has looked", "What is not in it", "after 13 months")
	w.looked(
		travel.Access{Sub: alice, ClientID: "dreams-web", What: "read your travel preferences", Scope: "preferences:read", Topics: "hiking", Status: 200, At: w.now.Add(-24 * time.Hour)},
		travel.Access{Sub: alice, ClientID: "dreams-web", What: "tried to read all your posts", Scope: "blog:read", Status: 403, Reason: "The token does not have the scope that this needs", Bound: true},
		travel.Access{Sub: alice, ClientID: "acme-accounts", What: "read your travel preferences", Scope: "preferences:read", Status: 200},
		travel.Access{Sub: alice, ClientID: "c_<b>9</b>", What: "read your name and picture", Scope: "profile", Status: 200, Times: 12},
		travel.Access{Sub: "", Times: 7},
		travel.Access{Sub: bob, ClientID: "dreams-cli", What: "read bob's secrets", Scope: "profile", Status: 200},
	)
	got := b.get("/me/access")
	got.wants(t, 200, "15 looks in seven days,", "by Dreams, Acme Accounts and c_&lt;b&gt;9&lt;/b&gt;. One was refused.",
		"Yesterday 12:00:00", "Today 12:00:00", "hiking", "bearer token 3f2a91c0", "token 3f2a91c0, bound to a key",
		"Refused, 403", "The token does not have the scope", "read your travel preferences, to show you a sample while you decided",
		"12 times", "7 calls about several people, perhaps about you, could not be written down")
	got.lacks(t, "bob", "dreams-cli", "<b>9</b>")
	if strings.Index(got.body, "Yesterday") < strings.Index(got.body, "Today") {
		t.Error("the newest is not the first")
	}
	refused := b.get("/me/access?result=refused&app=dreams-web")
	refused.wants(t, 200, "Refused, 403", `value="refused" selected`, `value="dreams-web" selected`, "/me/access.csv?app=dreams-web&amp;result=refused")
	refused.lacks(t, "Allowed, 200", "7 calls")
	b.get("/me/access?app=nobody%22%3E%3Cscript%3E").wants(t, 200, "Nothing of that kind")
	b.get("/me").wants(t, 200, "Who looked at my data", "All 15 looks")

	anothers := w.as(bob, "Bob Tanaka").get("/me/access")
	anothers.wants(t, 200, "read bob&#39;s secrets")
	anothers.lacks(t, "Refused", "c_&lt;b&gt;")
	w.browser().get("/me/access").goesTo(t, "/login?next=%2Fme%2Faccess")
	w.browser().get("/me/access.csv").goesTo(t, "/login?next=%2Fme%2Faccess.csv")
}

func TestLooksComeInPages(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	var all []travel.Access
	for i := range 120 {
		all = append(all, travel.Access{Sub: alice, ClientID: "dreams-web", What: fmt.Sprintf("did thing %d.", i), Scope: "profile", Status: 200})
	}
	w.looked(all...)
	first := b.get("/me/access?app=dreams-web")
	first.wants(t, 200, "did thing 119.", "did thing 70.", "Older ones")
	first.lacks(t, "did thing 69.", "Newest")
	_, rest, _ := strings.Cut(first.body, `<nav class="row" aria-label="Pages">`)
	_, rest, _ = strings.Cut(rest, `href="`)
	older, _, _ := strings.Cut(rest, `"`)
	older = strings.ReplaceAll(older, "&amp;", "&")
	second := b.get(older)
	second.wants(t, 200, "did thing 69.", "did thing 20.", "Newest")
	second.lacks(t, "did thing 70.", "did thing 19.")
	b.get("/me/access?before=-1").wants(t, 200, "did thing 119.")
	b.get("/me/access?before=1%20OR%201").wants(t, 200, "did thing 119.")

	file := b.get("/me/access.csv")
	records, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(records) != 121 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// OWASP, CSV Injection: a spreadsheet runs what begins like a formula.
func TestTheFileHasNoFormulas(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	for _, title := range []string{`=HYPERLINK("https://evil.example","x")`, "+1", "-1", "@SUM(A1)"} {
		created := b.post("/me/posts", url.Values{"title": {title}, "body": {"x"}})
		path, _, _ := strings.Cut(created.Header.Get("Location"), "?")
		w.looked(travel.Access{Sub: alice, ClientID: "=cmd|' /C calc'!A0", What: "\tread a post of yours", Object: strings.TrimPrefix(path, "/me/posts/"), Scope: "blog:read", Status: 200})
	}
	file := b.get("/me/access.csv")
	file.wants(t, 200)
	if file.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("headers %v", file.Header)
	}
	records, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(records) != 5 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if about := records[4][4]; about != `'=HYPERLINK("https://evil.example","x")` {
		t.Errorf("the title is %q", about)
	}
	for _, record := range records[1:] {
		for _, cell := range record {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a cell begins like a formula: %q", cell)
			}
		}
	}
}
