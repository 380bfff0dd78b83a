package page

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/views"
)

// OffersView is what was made for a person who is connected. Invitation and
// Ended are the pages for everybody else.
type OffersView struct {
	Offers  *offers.Offers // nil: none were ever made
	Away    string         // "Acme Travel" where it does not answer: Offers are then the last known ones
	Letter  string         // id of the letter with these offers; empty: there is none
	Now     time.Time      // its location is the one that times are shown in
	Receipt string         // where Acme has what was allowed, a moment ago; empty: not a moment ago
}

func (v OffersView) heading() string {
	switch {
	case v.Offers == nil:
		return "No offers just now"
	case len(v.Offers.Best) == 0:
		return "We found nothing this time"
	case !v.Offers.Personal:
		return "What travellers like best"
	}
	heading := "One offer for you"
	if n := len(v.Offers.Best); n > 1 {
		heading = upperFirst(countWord(n)) + " offers for you"
	}
	if first, _, _ := strings.Cut(v.Offers.Name, " "); first != "" {
		heading += ", " + first
	}
	return heading
}

func (v OffersView) lead() string {
	switch {
	case v.Offers == nil:
		return "We have made none for you yet, and cannot make any before " + v.Away + " answers."
	case len(v.Offers.Best) == 0:
		return "No journey at Acme has anything to speak for it, as far as we know. It may help to tell Acme what you like, or to share more of it with us."
	case !v.Offers.Personal:
		return "These are not made for you: nothing that you share tells us where you would like to go. They are the best rated journeys, the same for everybody."
	}
	return "Made " + v.when(v.Offers.MadeAt) + " from " + v.shared() + ". Each star below is one fact; its tag is the permission that let us read it."
}

// shared: "two things you share, your preferences and your posts".
func (v OffersView) shared() string {
	names := map[string]string{offers.ScopePreferences: "your preferences", offers.ScopePosts: "your posts"}
	var used []string
	for _, source := range v.Offers.Used {
		if name := names[source.Scope]; name != "" {
			used = append(used, name)
		}
	}
	if len(used) == 1 {
		return "one thing you share, " + used[0]
	}
	return countWord(len(used)) + " things you share, " + strings.Join(used, " and ")
}

// missing is the unused data that the note above the offers is about: what a
// permission would open, and what could not be read.
func (v OffersView) missing() []offers.Unused {
	if v.Offers == nil {
		return nil
	}
	return v.Offers.Unused
}

// notGranted tells whether there is more that the person could share.
func (v OffersView) notGranted() bool {
	for _, u := range v.missing() {
		if !u.Granted {
			return true
		}
	}
	return false
}

// age is how old the last known offers are: "made today at 14:02".
func (v OffersView) age() string { return "made " + v.when(v.Offers.MadeAt) }

func (v OffersView) when(t time.Time) string { return when(t, v.Now) }

// reasons are the stars of an offer. The first offer also shows what was not
// used.
func (v OffersView) reasons(i int) []views.Reason {
	var stars []views.Reason
	for _, r := range v.Offers.Best[i].Reasons {
		stars = append(stars, star(r.Text, r.Source, !r.Counts(), v.Now))
	}
	if i > 0 {
		return stars
	}
	for _, u := range v.missing() {
		if u.Scope == offers.ScopeEmail {
			continue // it would change how the offers travel, not what they are
		}
		stars = append(stars, unusedStar(u))
	}
	return stars
}

// star is a fact with its tag and its record: "GET /api/v1/me/preferences,
// read today at 14:02".
func star(text offers.Text, s offers.Source, unused bool, now time.Time) views.Reason {
	r := views.Reason{Text: sentence(text), Scope: s.Scope, Source: source(s, now), Unused: unused}
	if s.Public() {
		r.ScopeNote = "public"
	}
	return r
}

func unusedStar(u offers.Unused) views.Reason {
	r := views.Reason{
		Text:   sentence(offers.Text{{Words: "Not used: "}, {Words: u.What, Bold: true}, {Words: ". " + u.Why}}),
		Scope:  u.Scope,
		Unused: true,
	}
	if !u.Granted {
		r.ScopeNote = "not granted"
	}
	return r
}

func source(s offers.Source, now time.Time) string {
	switch {
	case s.At.IsZero():
		return string(s.Record)
	case s.Itself:
		return string(s.Record) + ", fetched by Dreams itself " + when(s.At, now)
	}
	return string(s.Record) + ", read " + when(s.At, now)
}

func sentence(t offers.Text) templ.Component {
	parts := make([]views.Part, len(t))
	for i, p := range t {
		parts[i] = views.Part{Text: p.Words, Bold: p.Bold}
	}
	return views.Sentence(parts...)
}

// when is "today at 14:02" or "on 14 September 2026 at 14:02".
func when(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return "today at " + t.Format("15:04")
	}
	return "on " + t.Format("2 January 2006") + " at " + t.Format("15:04")
}

var pictureName = regexp.MustCompile(`^[a-z0-9-]+\.svg$`)

// picture is Dreams' own copy of one of Acme's press pictures: no page loads
// anything from another origin.
func picture(p offers.Package) string {
	name := path.Base(p.Picture)
	if !pictureName.MatchString(name) {
		name = "dream-sky.svg"
	}
	return views.Asset("art/" + name)
}

func nights(n int) string {
	if n == 1 {
		return "1 night"
	}
	return strconv.Itoa(n) + " nights"
}

// points is "96 points", or "96.25 points".
func points(f float64) string {
	return strings.Replace(strconv.FormatFloat(f, 'f', -1, 64), "-", "−", 1) + " points"
}

func countWord(n int) string {
	words := []string{"no", "one", "two", "three", "four", "five"}
	if n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
