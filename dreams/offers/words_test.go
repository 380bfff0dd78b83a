package offers

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestEndingsDoNotMatter(t *testing.T) {
	for _, same := range [][]string{
		{"hike", "hikes", "hiking"}, {"hut", "huts"}, {"beach", "beaches"}, {"city", "cities"}, {"boat", "boats", "boating"},
		{"swim", "swims", "swimming"}, {"cycle", "cycling", "cycles"}, {"glass", "glasses"}, {"museum", "museums"}, {"garden", "gardens"},
	} {
		for _, w := range same {
			if stem(w) != stem(same[0]) {
				t.Errorf("%s becomes %q, %s becomes %q", w, stem(w), same[0], stem(same[0]))
			}
		}
	}
}

func TestDifferentWordsStayDifferent(t *testing.T) {
	for _, pair := range [][2]string{{"snow", "sun"}, {"spring", "spr"}, {"king", "k"}, {"wine", "wing"}, {"wellness", "wellne"}, {"bus", "bu"}} {
		if stem(pair[0]) == stem(pair[1]) {
			t.Errorf("%s and %s are both %q", pair[0], pair[1], stem(pair[0]))
		}
	}
}

func TestATagOfTwoWordsHasToStandTogether(t *testing.T) {
	p := Package{Tags: []string{"night trains"}}
	for body, want := range map[string]int{"Two Night-Trains!": 1, "The train came at night.": 0, "A train. A night": 0, "night": 0} {
		if got := len(newArticle(Post{Body: body}).mentions(p.terms())); got != want {
			t.Errorf("%q: %d mentions, want %d", body, got, want)
		}
	}
}

func TestCommonWordsOfAPackageSayNothing(t *testing.T) {
	p := Package{Destination: "Lake Saimaa, Loire Valley National Park", Title: "Look left and go", Summary: "One very good week."}
	a := newArticle(Post{Body: "I go to the lake in the valley, look left, one good week, and very national. A park!"})
	if got := a.mentions(p.terms()); len(got) != 0 {
		t.Errorf("mentions: %+v", got)
	}
}

func TestAWordInTheTitleOfAPostCounts(t *testing.T) {
	m := Material{Posts: []Post{{Title: "Skye", Body: "Rain.", Published: true}}}
	o := one(m, Package{Destination: "Isle of Skye"})
	if got, want := o.Reasons[0].Text.String(), "In “Skye” you write of Skye."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAQuoteIsTheSentenceWithoutMarkdown(t *testing.T) {
	for body, want := range map[string]string{
		"One. The *best* huts of 6.8 kilos! Two.":    "The best huts of 6.8 kilos!",
		"- a `liner`, because huts\n- a shirt":       "a liner, because huts",
		"huts":                                       "huts",
		"# Huts\nand more":                           "Huts",
		strings.Repeat("far ", 100) + "huts. Ends.":  "…" + strings.TrimSpace(strings.Repeat("far ", 16)) + " huts.",
		"huts " + strings.Repeat("near ", 100) + ".": "huts " + strings.TrimSpace(strings.Repeat("near ", 13)) + "…",
	} {
		w, ok := newText(body).find([]string{stem("huts")})
		if !ok {
			t.Errorf("%q has no hut", body)
		} else if got := quote(body, w); got != want {
			t.Errorf("%q is quoted as %q, want %q", body, got, want)
		}
	}
}

func TestAnyTextCanBeReadAndQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkReading(t, rapid.String().Draw(t, "before")+" hiking "+rapid.String().Draw(t, "after"))
	})
}

func FuzzReading(f *testing.F) {
	f.Add("We went hiking. It rained.")
	f.Add("\xff<b>hiking</b>\r\n\u0345")
	f.Fuzz(func(t *testing.T, body string) { checkReading(t, body+" hiking") })
}

type failer interface {
	Fatalf(format string, args ...any)
}

// checkReading holds for any text with the word hiking in it.
func checkReading(t failer, body string) {
	a := newArticle(Post{Body: body})
	for i, w := range a.body.words[:min(len(a.body.words), 30)] {
		if w.start >= w.end || a.Body[w.start:w.end] != w.shown || i > 0 && w.start < a.body.words[i-1].end {
			t.Fatalf("word %d of %q is %+v", i, a.Body, w)
		}
		if q := quote(a.Body, w); utf8.RuneCountInString(q) > longestQuote+utf8.RuneCountInString(w.shown)+2 || strings.ContainsAny(q, "\r\n") {
			t.Fatalf("%q is quoted as %q", w.shown, q)
		}
	}
	found := a.mentions(Package{Tags: []string{"hiking"}}.terms())
	if len(found) != 1 {
		t.Fatalf("%q does not speak of hiking", a.Body)
	}
	if q := quote(a.Body, found[0].word); !strings.Contains(strings.ToLower(q), "hik") {
		t.Fatalf("%q is quoted as %q, without the word", a.Body, q)
	}
}
