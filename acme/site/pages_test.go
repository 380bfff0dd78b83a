package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

func TestEveryPageAnswers(t *testing.T) {
	w := newWorld(t)
	anybody, somebody := w.browser(), w.as(alice, "Alice Moreau")
	for path, says := range map[string]string{
		"/": "Next departures", "/packages": "All the journeys", "/packages/pk-silvretta": "Day by day",
		"/stories": "Three huts and one thunderstorm", "/stories/po-three-huts": "<em>apple strudel</em>",
		"/developers": "/api/openapi.json", "/help": "wanderlust", "/signed-out": "signed out of Acme Travel",
	} {
		got := anybody.get(path)
		got.wants(t, 200, says)
		if strings.Count(got.body, "<h1") != 1 {
			t.Errorf("%s has %d h1", path, strings.Count(got.body, "<h1"))
		}
		got.lacks(t, " style=", "onclick=")
	}
	for path, says := range map[string]string{
		"/me": "What Acme knows about you", "/recommended": "Why nobody asked you for permission here",
		"/me/posts/new": "Write a post", "/me/posts/po-knees": "A letter to my knees", "/me/posts/po-knees/edit": "Edit your post",
	} {
		anybody.get(path).goesTo(t, "/login?next="+url.QueryEscape(path))
		got := somebody.get(path)
		got.wants(t, 200, says)
		if strings.Count(got.body, "<h1") != 1 {
			t.Errorf("%s has %d h1", path, strings.Count(got.body, "<h1"))
		}
	}
	for _, path := range []string{"/nowhere", "/packages/pk-none", "/stories/po-none"} {
		anybody.get(path).wants(t, 404, "<h1>")
	}
	somebody.get("/me/posts/po-none").wants(t, 404)
}

func TestSearchTagsAndPages(t *testing.T) {
	b := newWorld(t).browser()
	b.get("/packages?q=silvretta").wants(t, 200, "Hut to hut, Silvretta")
	b.get("/packages?q=silvretta").lacks(t, "A slow week in Cádiz", `aria-label="Pages"`)
	b.get("/packages?tag=huts").wants(t, 200, "Journeys: huts")
	b.get("/packages?tag=huts").lacks(t, "A slow week in Cádiz")
	b.get("/packages?q=nothing+has+this").wants(t, 200, "0 journeys", "See all the journeys")
	b.get("/packages?page=2").wants(t, 200, `<a href="/packages?page=2" aria-current="page">`)
	b.get("/packages?page=2").lacks(t, "Night train to Ljubljana")
	b.get("/packages?page=99").wants(t, 200, `<a href="/packages?page=3" aria-current="page">`)
	b.get("/packages?page=-1").wants(t, 200, "Night train to Ljubljana")
	b.get("/packages?q="+strings.Repeat("a", 201)).wants(t, 422, "The search must not be longer")
	got := b.get("/packages?q=" + url.QueryEscape(`"><script>alert(1)</script>`))
	got.wants(t, 200, "&lt;script&gt;")
	got.lacks(t, "<script>alert")
}

func TestAReviewIsPublishedUnderOnesName(t *testing.T) {
	b := newWorld(t).as(bob, "Bob Tanaka")
	b.post("/packages/pk-lisbon/reviews", url.Values{"rating": {"3"}, "text": {"Hills. <b>Hills.</b>\r\n\r\nAnd custard."}}).
		goesTo(t, "/packages/pk-lisbon?said=review#reviews")
	got := b.get("/packages/pk-lisbon?said=review")
	got.wants(t, 200, "Bob Tanaka", "Hills. &lt;b&gt;Hills.&lt;/b&gt;</p>", "<p class=\"mt\">And custard.", "Published. Thank you")
	got.lacks(t, "<b>Hills.")
}

func TestAReviewThatIsNotRightComesBackWhole(t *testing.T) {
	b := newWorld(t).as(bob, "Bob Tanaka")
	for name, form := range map[string]url.Values{
		"no rating":           {"text": {"Custard & hills"}},
		"a rating of 6":       {"rating": {"6"}, "text": {"Custard & hills"}},
		"a rating of 4.5":     {"rating": {"4.5"}, "text": {"Custard & hills"}},
		"a rating that is no": {"rating": {"good"}, "text": {"Custard & hills"}},
	} {
		t.Run(name, func(t *testing.T) {
			b.post("/packages/pk-lisbon/reviews", form).wants(t, 422, `role="alert"`, `href="#rating"`, "Choose how it was", "Custard &amp; hills</textarea>")
		})
	}
	got := b.post("/packages/pk-lisbon/reviews", url.Values{"rating": {"4"}, "text": {" \n"}})
	got.wants(t, 422, `href="#text"`, `aria-invalid="true"`, `value="4" checked`)
	b.post("/packages/pk-none/reviews", url.Values{"rating": {"4"}, "text": {"Fine"}}).wants(t, 404)
}

func TestOnlyThoseSignedInCanWrite(t *testing.T) {
	b := newWorld(t).browser()
	b.get("/packages/pk-lisbon").wants(t, 200, "/login?next=%2Fpackages%2Fpk-lisbon")
	for _, path := range []string{"/packages/pk-lisbon/reviews", "/me/preferences", "/me/posts", "/me/posts/po-knees", "/me/posts/po-knees/published"} {
		b.post(path, url.Values{"rating": {"1"}, "text": {"x"}, "title": {"x"}, "body": {"x"}, "published": {"yes"}}).wants(t, 401, "Sign in, then send it again")
	}
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	b := newWorld(t).as(alice, "Alice Moreau")
	for _, path := range []string{"/packages/pk-lisbon/reviews", "/me/preferences", "/me/posts", "/me/posts/po-knees/published", "/logout", "/theme"} {
		r, _ := http.NewRequest(http.MethodPost, b.world.acme.URL+path, strings.NewReader("published=yes"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		b.send(r).wants(t, 403)
	}
	b.get("/me/posts/po-knees").wants(t, 200, "Unpublished.")
}

func TestPreferencesAreSaved(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	b.post("/me/preferences", url.Values{"interests": {"lakes", "huts"}, "budget": {"€1,200"}, "travels_with": {"alone"}, "months": {"12", "2"}}).
		goesTo(t, "/me?said=preferences#main")
	p, err := w.store.Preferences(t.Context(), alice)
	if err != nil || strings.Join(p.Interests, " ") != "lakes huts" || p.BudgetMax != 1200 || p.TravelsWith != "alone" || len(p.Months) != 2 {
		t.Fatalf("got %+v, %v", p, err)
	}
	b.get("/me").wants(t, 200, `value="lakes" checked`, `value="1200"`, `value="alone" selected`, `value="12" checked`)
}

func TestPreferencesThatAreNotRightComeBackWhole(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	got := b.post("/me/preferences", url.Values{"interests": {"wine"}, "budget": {"a lot"}, "travels_with": {"a dog"}, "months": {"3"}})
	got.wants(t, 422, `role="alert"`, `href="#budget"`, `href="#travels_with"`, `value="wine" checked`, `value="a lot"`, `value="3" checked`)
	b.post("/me/preferences", url.Values{"budget": {"-5"}}).wants(t, 422, "must not be negative", `value="-5"`)
	b.post("/me/preferences", url.Values{"months": {"13"}}).wants(t, 422, `href="#months"`)
	p, err := w.store.Preferences(t.Context(), alice)
	if err != nil || p.BudgetMax != 800 {
		t.Errorf("a refused form changed %+v, %v", p, err)
	}
}

// An interest that came by the API is hers: the form shows it, or saving would
// lose it.
func TestAnInterestThatIsNoTagIsKept(t *testing.T) {
	w := newWorld(t)
	if _, err := w.store.PutPreferences(t.Context(), alice, travel.Preferences{Interests: []string{"bee keeping"}}); err != nil {
		t.Fatal(err)
	}
	w.as(alice, "Alice Moreau").get("/me").wants(t, 200, `value="bee keeping" checked`)
}

func TestAPostIsWrittenChangedAndPublished(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	created := b.post("/me/posts", url.Values{"title": {"Snow"}, "body": {"It *fell*."}, "pictures": {"lake.svg", "alps.svg", "../../etc/passwd"}, "published": {"no"}})
	path, _, _ := strings.Cut(created.Header.Get("Location"), "?")
	created.goesTo(t, path+"?said=post")
	b.get(path).wants(t, 200, "Snow", "It <em>fell</em>.", "art/lake.svg", "Unpublished.")
	id := strings.TrimPrefix(path, "/me/posts/")
	anybody := w.browser()
	anybody.get("/stories/"+id).wants(t, 404)

	b.post(path, url.Values{"title": {"Snow, again"}, "body": {"It fell twice."}, "pictures": {"fjord.svg"}}).goesTo(t, path+"?said=post")
	got := b.get(path)
	got.wants(t, 200, "Snow, again", "art/fjord.svg", "Unpublished.")
	got.lacks(t, "art/lake.svg", "passwd")

	b.post(path+"/published", url.Values{"published": {"yes"}}).goesTo(t, path+"?said=published")
	anybody.get("/stories/"+id).wants(t, 200, "It fell twice.", "Alice Moreau")
	b.post(path+"/published", url.Values{"published": {"no"}}).goesTo(t, path+"?said=unpublished")
	anybody.get("/stories/"+id).wants(t, 404)
}

func TestAPostThatIsNotRightComesBackWhole(t *testing.T) {
	b := newWorld(t).as(alice, "Alice Moreau")
	got := b.post("/me/posts", url.Values{"title": {""}, "body": {"Written <for> long"}, "pictures": {"lake.svg"}})
	got.wants(t, 422, `href="#title"`, "Written &lt;for&gt; long", `value="lake.svg" checked`)
	b.post("/me/posts/po-knees", url.Values{"title": {"Knees"}, "body": {" "}}).wants(t, 422, `href="#body"`, `value="Knees"`)
	b.get("/me/posts/po-knees").wants(t, 200, "A letter to my knees")
	many := url.Values{"title": {"A"}, "body": {"B"}, "pictures": {"alps.svg", "beach.svg", "desert.svg", "fjord.svg", "island.svg", "lake.svg",
		"lighthouse.svg", "night-train.svg", "old-town.svg", "canal.svg", "market.svg"}}
	b.post("/me/posts", many).wants(t, 422, "ten pictures at most")
}

func TestAnotherPersonsPostIsNotThere(t *testing.T) {
	w := newWorld(t)
	b := w.as(bob, "Bob Tanaka")
	form := url.Values{"title": {"Mine now"}, "body": {"x"}, "published": {"yes"}}
	b.get("/me/posts/po-knees").wants(t, 404)
	b.get("/me/posts/po-knees/edit").wants(t, 404)
	b.get("/me/posts/po-the-pass/pictures/fjord.svg").wants(t, 404)
	b.post("/me/posts/po-knees", form).wants(t, 404)
	b.post("/me/posts/po-knees/published", form).wants(t, 404)
	b.get("/me").lacks(t, "A letter to my knees")
	p, err := w.store.Post(t.Context(), alice, "po-knees")
	if err != nil || p.Published || p.Title != "A letter to my knees" {
		t.Errorf("bob changed it to %+v, %v", p, err)
	}
	w.browser().get("/stories/po-knees").wants(t, 404) // unpublished is not there for anybody
}

func TestHostileTextIsShownAndNotRun(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	body := "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[click](javascript:alert(1)) " +
		"![pixel](https://evil.example/pixel.png) [![in](https://evil.example/a.png)](https://evil.example)\n\n# Heading\n\n<https://evil.example>"
	created := b.post("/me/posts", url.Values{"title": {`"><script>alert(2)</script>`}, "body": {body}, "published": {"yes"}})
	path, _, _ := strings.Cut(created.Header.Get("Location"), "?")
	id := strings.TrimPrefix(path, "/me/posts/")
	for _, page := range []string{path, path + "/edit", "/me", "/stories", "/stories/" + id, "/"} {
		got := b.get(page)
		got.wants(t, 200, "&lt;script&gt;alert(2)&lt;/script&gt;")
		got.lacks(t, "<script>alert", "<img src=x", `href="javascript:`, `src="https://evil.example`)
	}
	got := b.get("/stories/" + id)
	got.wants(t, 200, "<h2>Heading</h2>", `rel="nofollow ugc noopener noreferrer"`)
	if strings.Count(got.body, "<h1") != 1 {
		t.Error("a heading in a story is an h1")
	}
}

func TestAPictureOfAnUnpublishedPostIsItsAuthorsAlone(t *testing.T) {
	w := newWorld(t)
	picture := travel.Picture{Name: "0011.png", ContentType: "image/png", Data: []byte("\x89PNG\r\n\x1a\nthe rest")}
	if err := w.store.AddPicture(t.Context(), alice, "po-knees", picture); err != nil {
		t.Fatal(err)
	}
	b := w.as(alice, "Alice Moreau")
	b.get("/me/posts/po-knees").wants(t, 200, "/me/posts/po-knees/pictures/0011.png")
	got := b.get("/me/posts/po-knees/pictures/0011.png")
	got.wants(t, 200, "the rest")
	if got.Header.Get("Content-Type") != "image/png" || !strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("headers: %v", got.Header)
	}
	w.browser().get("/stories/po-knees/pictures/0011.png").wants(t, 404)
	w.as(bob, "Bob Tanaka").get("/me/posts/po-knees/pictures/0011.png").wants(t, 404)
	// Changing the art leaves an upload alone.
	b.post("/me/posts/po-knees", url.Values{"title": {"Knees"}, "body": {"Dear"}, "pictures": {"alps.svg"}}).goesTo(t, "/me/posts/po-knees?said=post")
	b.get("/me/posts/po-knees").wants(t, 200, "pictures/0011.png", "art/alps.svg")
}

func TestANoticeIsOneOfOurs(t *testing.T) {
	b := newWorld(t).as(alice, "Alice Moreau")
	b.get("/me?said=preferences").wants(t, 200, "Saved.")
	b.get("/me?said=Call+0900+evil").lacks(t, "Call 0900")
}

func TestRecommendationsSayWhy(t *testing.T) {
	w := newWorld(t)
	w.as(alice, "Alice Moreau").get("/recommended").wants(t, 200, "you like hiking", "within your 800 euros", "so there is nothing to authorize")
	w.as("u_new", "Nadia New").get("/recommended").wants(t, 200, "We know too little about you")
}

func TestADatabaseThatDoesNotAnswerIsA503(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Close(); err != nil { // not even the session can be read for the page
		t.Fatal(err)
	}
	r, answer := httptest.NewRequest(http.MethodPost, "/me/preferences", nil), httptest.NewRecorder()
	r.AddCookie(&http.Cookie{Name: "acme_session", Value: "somebody"})
	w.site.Error(echo.New().NewContext(r, answer), fmt.Errorf("saving: %w", sqlite.ErrClosed))
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || !strings.Contains(answer.Body.String(), "Our drawer is stuck") {
		t.Errorf("got %d with %v", answer.Code, answer.Header())
	}
}
