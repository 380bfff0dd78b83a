package page

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

var (
	readAt = time.Date(2026, 9, 14, 14, 2, 0, 0, time.UTC)
	now    = readAt.Add(time.Hour)
	frame  = views.Frame{Brand: views.DreamsBrand, Title: "Offers", Host: "localhost:9002", Path: "/offers"}
)

// material is what Dreams would read for a seeded person who granted these
// scopes.
func material(t *testing.T, username string, granted ...string) offers.Material {
	t.Helper()
	m := offers.Material{Granted: granted, Packages: packages(), Read: map[offers.Record]offers.Reading{
		offers.RecordPackages: {At: readAt.Add(-8 * time.Hour), Itself: true},
		offers.RecordMe:       {At: readAt},
	}}
	for _, u := range seed.Users() {
		if u.Username == username {
			fill(&m, u)
			return m
		}
	}
	t.Fatalf("nobody is called %s", username)
	return m
}

func fill(m *offers.Material, u seed.User) {
	if m.Has(offers.ScopeProfile) {
		m.Name = u.Name
	}
	if m.Has(offers.ScopeEmail) {
		m.Email = u.Email
	}
	if m.Has(offers.ScopePreferences) {
		m.Read[offers.RecordPreferences] = offers.Reading{At: readAt}
		for _, p := range seed.AllPreferences() {
			if p.Sub == u.Sub {
				m.Preferences = &offers.Preferences{Interests: p.Interests, Budget: offers.Budget{Max: p.BudgetMax, Currency: "EUR"}, TravelsWith: p.TravelsWith, Months: p.Months}
			}
		}
	}
	if m.Has(offers.ScopePosts) {
		m.Read[offers.RecordPosts] = offers.Reading{At: readAt}
		for _, p := range seed.Posts() {
			if p.Sub == u.Sub {
				m.Posts = append(m.Posts, offers.Post{ID: p.ID, Title: p.Title, Body: p.Body, Published: p.Published, CreatedAt: p.CreatedAt})
			}
		}
	}
}

func packages() []offers.Package {
	stars := map[string][]int{}
	for _, r := range seed.Reviews() {
		stars[r.Package] = append(stars[r.Package], r.Rating)
	}
	var all []offers.Package
	for _, p := range seed.Packages() {
		next := offers.Package{
			ID: p.ID, Title: p.Title, Destination: p.Destination, Summary: p.Summary, Tags: p.Tags,
			Price: offers.Price{Amount: p.Price, Currency: "EUR"}, Nights: p.Nights, Months: p.Months, Company: p.Company, Leaves: p.Leaves,
			Picture: "http://localhost:9001/static/art/" + p.Picture, URL: "http://localhost:9001/packages/" + p.ID,
			ReviewCount: len(stars[p.ID]),
		}
		if n := len(stars[p.ID]); n > 0 {
			sum := 0
			for _, s := range stars[p.ID] {
				sum += s
			}
			rating := math.Round(10*float64(sum)/float64(n)) / 10
			next.Rating = &rating
		}
		all = append(all, next)
	}
	return all
}

var everything = []string{"openid", "profile", "email", "preferences:read", "blog:read"}

func offersView(t *testing.T, username string, granted ...string) OffersView {
	o := offers.Make(material(t, username, granted...), readAt)
	return OffersView{Offers: &o, Now: now}
}

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantAll(t *testing.T, html string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func wantNone(t *testing.T, html string, unwanted ...string) {
	t.Helper()
	for _, no := range unwanted {
		if strings.Contains(html, no) {
			t.Errorf("the page has %q", no)
		}
	}
}

func TestOffersSayTheRecordTheTimeAndTheScope(t *testing.T) {
	html := render(t, OffersPage(frame, offersView(t, "alice", everything...)))
	wantAll(t, html,
		"<h1>Three offers for you, Alice</h1>",
		"Made today at 14:02 from two things you share, your preferences and your posts.",
		"Best match", "Rondane, hut to hut", "€690", "6 nights",
		"You like <b>hiking</b>, <b>mountains</b> and <b>huts</b>.",
		"preferences:read", "GET /api/v1/me/preferences, read today at 14:02",
		"blog:read", "GET /api/v1/me/posts, read today at 14:02", "which you have not published",
		"packages:read", "GET /api/v1/packages, fetched by Dreams itself today at 06:02",
		`href="http://localhost:9001/packages/pk-rondane"`,
	)
	wantNone(t, html, "Not used", "not granted")
}

func TestPoorerOffersNameThePermission(t *testing.T) {
	html := render(t, OffersPage(frame, offersView(t, "alice", "openid", "profile", "email", "preferences:read")))
	wantAll(t, html, "from one thing you share, your preferences.", "Not used: <b>your posts</b>", "You did not share them.",
		"not granted", `href="/connect?prompt=consent"`)
}

func TestImpersonalOffersSaySo(t *testing.T) {
	html := render(t, OffersPage(frame, offersView(t, "alice", "openid", "profile")))
	wantAll(t, html, "These are not made for you", "Best rated", "the same for everybody")
	wantNone(t, html, "offers for you, Alice", "Best match")
}

func TestLastOffersAreShownWithTheirAgeWhileAcmeIsAway(t *testing.T) {
	v := offersView(t, "alice", everything...)
	v.Away, v.Now = "Acme Travel", now.AddDate(0, 0, 2)
	html := render(t, OffersPage(frame, v))
	wantAll(t, html, "Acme Travel does not answer.", "made on 14 September 2026 at 14:02", "Rondane, hut to hut", "Try again")
}

func TestWithoutOffersAndWithoutAcmeThePageSaysBoth(t *testing.T) {
	html := render(t, OffersPage(frame, OffersView{Away: "Acme Accounts", Now: now}))
	wantAll(t, html, "<h1>No offers just now</h1>", "Acme Accounts does not answer.", "Try again")
}

func TestNothingFoundIsSaid(t *testing.T) {
	html := render(t, OffersPage(frame, OffersView{Offers: &offers.Offers{MadeAt: readAt, Personal: true}, Now: now}))
	wantAll(t, html, "We found nothing this time")
	wantNone(t, html, "How we chose")
}

func TestAStrangersWordsAreEscapedAndLoadNothing(t *testing.T) {
	m := material(t, "alice", everything...)
	m.Name = "<b>Alice"
	for i := range m.Packages {
		p := &m.Packages[i]
		p.Title, p.Summary = "<script>alert(1)</script>", "<img src=//evil.test>"
		p.Picture, p.URL = `http://evil.test/x.svg" onerror="alert(1)`, "javascript:alert(1)"
	}
	for i := range m.Posts {
		m.Posts[i].Title = "<script>alert(2)</script>"
	}
	o := offers.Make(m, readAt)
	html := render(t, OffersPage(frame, OffersView{Offers: &o, Now: now}))
	wantNone(t, html, "<script>alert", "<img src=//", "evil.test/x.svg", "javascript:", "<b>Alice")
}

// The Content-Security-Policy of every page forbids these.
func TestPagesHaveNoStyleOrScriptOfTheirOwn(t *testing.T) {
	v := outboxView(t, "alice", everything...)
	pages := []string{render(t, OffersPage(frame, offersView(t, "alice", everything...)))}
	for _, tab := range []string{"letter", "text", "source"} {
		v.Tab = tab
		pages = append(pages, render(t, OutboxPage(frame, v)))
	}
	for _, html := range pages {
		wantNone(t, html, " style=", "<style", " onclick=", `src="http`, "<iframe")
	}
}

func outboxView(t *testing.T, username string, granted ...string) OutboxView {
	t.Helper()
	m := material(t, username, granted...)
	l, err := offers.Write(offers.Make(m, readAt), offers.Envelope{
		ID: "l_1", Name: m.Name, Email: m.Email, Granted: m.Granted, Date: readAt.Add(time.Minute), MeReadAt: readAt,
		ConnectedAt: readAt, OffersURL: "http://localhost:9002/offers", ConnectURL: "http://localhost:9002/connect?prompt=consent",
		Unsubscribe: "http://localhost:9002/unsubscribe?token=1.x",
	})
	if err != nil {
		t.Fatal(err)
	}
	letter := OutboxLetter{Letter: l}
	return OutboxView{Letters: []OutboxLetter{letter}, Open: &letter, Now: now, MayWrite: slices.Contains(granted, offers.ScopeEmail), StopToken: "1.x"}
}

func TestTheOutboxShowsTheLetterAndWhatWroteIt(t *testing.T) {
	html := render(t, OutboxPage(frame, outboxView(t, "alice", everything...)))
	wantAll(t, html,
		"Rondane, hut to hut: 6 nights for €690", "to alice@acme.test · 14:03", "because of: preferences, posts",
		"Dreams &lt;letters@dreams.test&gt;", "Alice Moreau &lt;alice@acme.test&gt;", "14 September 2026, 14:03, kept in the outbox",
		"Dear Alice,", "Which fact wrote which words:", "“Dear Alice”", "“alice@acme.test”", "GET /api/v1/me, read today at 14:02",
		`href="/outbox/l_1?view=source"`, `action="/unsubscribe"`, `name="token" value="1.x"`,
	)
}

func TestTheTabsShowThePartsOfTheMessage(t *testing.T) {
	v := outboxView(t, "alice", everything...)
	v.Tab = "text"
	wantAll(t, render(t, OutboxPage(frame, v)), "* Rondane, hut to hut", "Stop these letters: http://localhost:9002/unsubscribe?token=1.x")
	v.Tab = "source"
	wantAll(t, render(t, OutboxPage(frame, v)), "List-Unsubscribe: &lt;http://localhost:9002/unsubscribe?token=1.x&gt;",
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click", "Content-Type: multipart/alternative")
}

func TestADeliveredLetterSaysWhen(t *testing.T) {
	v := outboxView(t, "alice", everything...)
	v.Open.DeliveredAt = readAt.Add(2 * time.Minute)
	wantAll(t, render(t, OutboxPage(frame, v)), "handed to the mail server today at 14:04")
}

func TestAnEmptyOutboxSaysWhatToDo(t *testing.T) {
	html := render(t, OutboxPage(frame, OutboxView{Now: now, MayWrite: true}))
	wantAll(t, html, "There is no letter yet.", `href="/offers"`)
	wantNone(t, html, "not granted")
}

func TestAnOutboxWithoutTheScopeEmailNamesIt(t *testing.T) {
	wantAll(t, render(t, OutboxPage(frame, OutboxView{Now: now})), "we write you no letters", "email", "not granted")
}

func TestWhoStoppedTheLettersCanHaveThemAgain(t *testing.T) {
	v := outboxView(t, "alice", everything...)
	v.Stopped = true
	html := render(t, OutboxPage(frame, v))
	wantAll(t, html, "You stopped these letters.", `action="/subscribe"`)
	wantNone(t, html, `action="/unsubscribe"`)
}
