package views

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantAll(t *testing.T, html string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(html, part) {
			t.Errorf("want %s in\n%s", part, html)
		}
	}
}

func wantNone(t *testing.T, html string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(html, part) {
			t.Errorf("want no %s in\n%s", part, html)
		}
	}
}

const hostile = `"><script>alert(1)</script>`

func TestAPageSaysWhoseItIsAndHowItIsRead(t *testing.T) {
	page := render(t, Layout(Frame{Brand: AccountsBrand, Title: "Sign in", Host: "localhost:9000", Theme: "dark"}))
	wantAll(t, page,
		`<html lang="en" data-brand="accounts" data-theme="dark">`,
		`<title>Sign in – Acme Accounts</title>`,
		`<a class="skip" href="#main">`,
		`<main id="main" tabindex="-1">`,
		`<b>localhost:9000</b>`,
		`authorization server`,
		`Training system: no real passwords`,
		`<link rel="stylesheet" href="`+StylesheetURL()+`">`,
	)
}

func TestEachBrandPlaysItsPart(t *testing.T) {
	for brand, want := range map[Brand]string{
		AcmeBrand:     `<span class="p R" aria-hidden="true">R</span><b>h</b></span> <span>resource server</span>`,
		AccountsBrand: `<span class="p A" aria-hidden="true">A</span><b>h</b></span> <span>authorization server</span>`,
		DreamsBrand:   `<span class="p D" aria-hidden="true">D</span><b>h</b></span> <span>client</span>`,
	} {
		wantAll(t, render(t, Layout(Frame{Brand: brand, Host: "h"})), want)
	}
}

func TestAnUnknownThemeIsTheSystems(t *testing.T) {
	wantAll(t, render(t, Layout(Frame{Brand: AcmeBrand, Theme: hostile})), `data-theme="system"`)
}

// WCAG 2.4.2 and the Content-Security-Policy: what a stranger wrote stays text.
func TestTheFrameEscapesWhatOthersWrote(t *testing.T) {
	page := render(t, Layout(Frame{
		Brand: DreamsBrand, Title: hostile, Host: hostile, Path: "/" + hostile,
		Nav:    []Link{{Label: hostile, Href: "javascript:alert(1)"}},
		Crumbs: []Link{{Label: hostile, Href: hostile}, {Label: hostile}},
		Person: &Person{Name: hostile, SignOut: "javascript:alert(2)", CSRF: hostile},
	}))
	wantNone(t, page, "<script>alert", "javascript:")
}

func TestComponentsEscapeWhatOthersWrote(t *testing.T) {
	for name, c := range map[string]templ.Component{
		"tag":      Tag(hostile, hostile),
		"stamp":    Stamp(hostile, hostile),
		"postcard": Postcard(PostcardView{Title: hostile, Href: "javascript:alert(1)", Summary: hostile, Picture: hostile, Price: hostile}),
		"why":      Why([]Reason{{Text: Sentence(Part{Text: hostile, Bold: true}), Scope: hostile, Source: hostile, SourceHref: "javascript:alert(1)"}}),
		"facts":    Facts([]Fact{{Term: hostile, Text: hostile}}),
		"field":    TextField(Field{ID: hostile, Name: hostile, Label: hostile, Value: hostile, Hint: hostile, Error: hostile}),
		"textarea": TextArea(Field{ID: "a", Value: "</textarea>" + hostile}),
		"summary":  ErrorSummary([]FieldError{{Field: hostile, Text: hostile}}),
		"compare":  Compare(DiffStrings(hostile, hostile+"/")),
		"error":    ErrorPage(Frame{Brand: AcmeBrand}, ErrorView{Heading: hostile, Lead: hostile, Detail: hostile}),
		"hop":      Hop([]HopStep{{Party: Client, Text: hostile}}),
		"counter":  TickCounter(hostile, 0, 1),
	} {
		t.Run(name, func(t *testing.T) {
			wantNone(t, render(t, c), "<script>alert", "javascript:")
		})
	}
}

func TestSigningOutIsAFormThatCarriesItsCSRFToken(t *testing.T) {
	page := render(t, Layout(Frame{Brand: AcmeBrand, SignIn: "/login", Person: &Person{Name: "Alice Moreau", SignOut: "/logout", CSRF: "tok"}}))
	wantAll(t, page, `<form method="post" action="/logout"><input type="hidden" name="csrf" value="tok">`, `>AM</span>`, `Alice Moreau`)
	wantNone(t, page, `href="/login"`)

	page = render(t, Layout(Frame{Brand: AcmeBrand, Person: &Person{Name: "Alice Moreau", SignOut: "/logout"}}))
	wantNone(t, page, `name="csrf"`)
}

func TestNobodySignedInSeesTheLinkToSignIn(t *testing.T) {
	wantAll(t, render(t, Layout(Frame{Brand: AcmeBrand, SignIn: "/login"})), `<a href="/login">Sign in</a>`)
	wantNone(t, render(t, Layout(Frame{Brand: AcmeBrand})), "Sign in", "Sign out")
}

func TestTheThemeFormComesBackToThisPage(t *testing.T) {
	wantAll(t, render(t, Layout(Frame{Brand: AcmeBrand, Theme: "light", Path: "/packages?tag=huts"})),
		`<input type="hidden" name="back" value="/packages?tag=huts">`,
		`value="light" aria-pressed="true"`, `value="dark" aria-pressed="false"`)
	wantAll(t, render(t, Layout(Frame{Brand: AcmeBrand, Path: "//evil.test"})), `name="back" value="/"`)
}

func TestTheCurrentPageIsMarkedAsSuch(t *testing.T) {
	page := render(t, Layout(Frame{Brand: AcmeBrand,
		Nav:    []Link{{"Holidays", "/", true}, {"Stories", "/stories", false}},
		Crumbs: []Link{{Label: "Holidays", Href: "/"}, {Label: "Silvretta", Href: "/x"}}}))
	wantAll(t, page,
		`<a href="/" aria-current="page">Holidays</a><a href="/stories">Stories</a>`,
		`<span aria-current="page">Silvretta</span>`)
}

func TestTheFooterSaysWhoIsWho(t *testing.T) {
	page := render(t, Layout(Frame{Brand: AcmeBrand, HelpHref: "/help",
		AuthserverURL: "http://localhost:9000", AcmeURL: "https://acme.example", DreamsURL: "http://localhost:9002"}))
	wantAll(t, page, `<a href="http://localhost:9000">Accounts :9000</a>`, `<a href="https://acme.example">Acme acme.example</a>`, `<a href="/help">Help</a>`)
}

func TestInitialsStandForAPersonWithoutAPicture(t *testing.T) {
	for name, want := range map[string]string{
		"Alice Moreau": "AM", "Ravi": "R", "  anna  maria lopez ": "AL", "Élodie Ødegård": "ÉØ", "": "?",
	} {
		if got := (Person{Name: name}).initials(); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// WCAG 3.3.1 and 1.3.1: the control names both its error and its hint.
func TestAFieldWithAnErrorIsDescribedByIt(t *testing.T) {
	html := render(t, TextField(Field{ID: "mail", Name: "email", Label: "E-mail", Type: "email", Value: "alice", Autocomplete: "email", InputMode: "email",
		Hint: "We send nothing.", Error: "There is no @ in it", Required: true, Attrs: templ.Attributes{"maxlength": "80"}}))
	wantAll(t, html,
		`<label for="mail">E-mail</label>`, `aria-invalid="true"`, `aria-describedby="mail-error mail-hint"`,
		`id="mail-error"`, `id="mail-hint"`, ` required`, `maxlength="80"`, `type="email"`, `value="alice"`, `inputmode="email"`, `autocomplete="email"`)
}

func TestAFieldWithoutAnErrorDoesNotSpeakOfOne(t *testing.T) {
	html := render(t, TextArea(Field{ID: "text", Name: "text", Label: "Text"}))
	wantNone(t, html, "aria-invalid", "aria-describedby", "required")
}

func TestAPasswordIsNeverSentBackToThePage(t *testing.T) {
	html := render(t, TextField(Field{ID: "pw", Name: "password", Label: "Password", Type: "password", Value: "wanderlust"}))
	wantNone(t, html, "wanderlust")
}

func TestTheErrorSummaryLeadsToTheFields(t *testing.T) {
	html := render(t, ErrorSummary([]FieldError{{"mail", "Enter an e-mail address"}, {"", "The form was open too long"}}))
	wantAll(t, html, `role="alert"`, `tabindex="-1"`, `<a href="#mail">Enter an e-mail address</a>`, `<li>The form was open too long</li>`)
	if html := render(t, ErrorSummary(nil)); html != "" {
		t.Errorf("no errors, but %s", html)
	}
}

func TestTheCounterSaysWhatTheServerKnows(t *testing.T) {
	wantAll(t, render(t, TickCounter("{n} of {m} ticked", 2, 4)), `>2 of 4 ticked<`, `data-ticked="{n} of {m} ticked"`, `role="status"`)
}

func TestARatingIsSaidInWords(t *testing.T) {
	for n, want := range map[float64]struct {
		words string
		empty int
	}{4.7: {"4.7 of 5", 0}, 4.4: {"4.4 of 5", 1}, 4: {"4 of 5", 1}, 0: {"0 of 5", 5}, 4.6666: {"4.7 of 5", 0}} {
		html := render(t, Rating(n))
		wantAll(t, html, want.words)
		if got := strings.Count(html, `class="o"`); got != want.empty || strings.Count(html, "<circle") != 5 {
			t.Errorf("%v: %d empty circles, want %d: %s", n, got, want.empty, html)
		}
	}
}

func TestBarsHaveWordsAndNoBarLeavesThePicture(t *testing.T) {
	html := render(t, Bars([]int{0, 2, 4}, "None on Monday, 2, and 4 today"))
	wantAll(t, html, `role="img" aria-label="None on Monday, 2, and 4 today"`, `viewBox="0 0 46 40"`,
		`<rect x="0" y="38" width="12" height="2" rx="1">`, `<rect x="34" y="2" width="12" height="38" rx="1">`)
	wantAll(t, render(t, Bars([]int{0, 0}, "None")), `y="38"`)
	wantNone(t, render(t, Bars(nil, "None")), "<rect", "-5")
}

func TestAFactThatWasNotUsedIsNotJoinedToTheOffer(t *testing.T) {
	html := render(t, Why([]Reason{
		{Text: Sentence(Part{Text: "You like "}, Part{Text: "huts", Bold: true}, Part{Text: "."}), Scope: "preferences:read", Source: "read 14:02", SourceHref: "/learn/1#17"},
		{Text: Text("Not used: your posts."), Scope: "blog:read", ScopeNote: "not granted", Unused: true},
	}))
	wantAll(t, html, `You like <b>huts</b>.`, `<a href="/learn/1#17">read 14:02</a>`, `<li class="out">`, `<small>not granted</small>`)
	if strings.Count(html, `class="out"`) != 1 {
		t.Error("only the second fact is unused")
	}
}

func TestAPostcardSaysItsPriceOnce(t *testing.T) {
	card := PostcardView{Title: "Silvretta", Href: "/p/1", Picture: "/a.svg", Price: "€540", Nights: "6 nights"}
	wantAll(t, render(t, Postcard(card)), `<b>from €540</b>`, `alt=""`)
	card.Stamp = true
	html := render(t, Postcard(card))
	wantAll(t, html, `class="stamp"`)
	wantNone(t, html, "from €540")
}

func TestAnErrorPageHasOneHeadingAndAWayOn(t *testing.T) {
	page := render(t, ErrorPage(Frame{Brand: AcmeBrand}, ErrorView{Status: 404, Heading: "There is no such page", Action: Link{Label: "Holidays", Href: "/"}}))
	wantAll(t, page, `<title>There is no such page – Acme Travel</title>`, `404 Not Found`, `<a class="btn" href="/">Holidays</a>`)
	wantNone(t, page, "<details>\n", "For developers")
	if strings.Count(page, "<h1") != 1 {
		t.Error("want one h1")
	}
}

// A policy without 'unsafe-inline' holds only as long as no component needs it,
// and templ escapes only as long as nobody asks it not to.
func TestNoComponentNeedsInlineStyleOrScript(t *testing.T) {
	inline := regexp.MustCompile(`\sstyle=|<style|\son[a-z]+=|javascript:|templ\.Raw|<script[^>]*>[^<]`)
	files, err := filepath.Glob("*.templ")
	if err != nil || len(files) == 0 {
		t.Fatal("no templ files", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := inline.Find(source); found != nil {
			t.Errorf("%s: %s", file, found)
		}
	}
}

func TestASpanIsItsTwoLargestUnits(t *testing.T) {
	for span, want := range map[time.Duration]string{
		0: "0 s", 48 * time.Second: "48 s", 5 * time.Minute: "5 min", 65 * time.Minute: "1 h 5 min", 24 * time.Hour: "1 day",
		30*24*time.Hour + time.Minute: "30 days", 366*24*time.Hour + 3*time.Hour: "366 days 3 h", 48*time.Minute + 12*time.Second: "48 min 12 s",
	} {
		if got := Span(span); got != want {
			t.Errorf("%s: %q, want %q", span, got, want)
		}
	}
}
