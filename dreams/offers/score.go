package offers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// How an offer is found
//
// Every package starts at nothing and gets points for each fact that speaks
// for it; a price above the budget takes some away. The facts are the person's
// preferences (with preferences:read), the words of their posts, unpublished
// ones too (with blog:read), and what travellers say about the package, which
// is public. The points are added, nothing is learned and nothing is guessed:
// what was not granted adds nothing and is listed as Unused.
//
// The weights follow from one rule: a fact that the person stated (an
// interest, the budget, the months) weighs more than one that was read between
// their lines (posts), and that more than what strangers think (ratings). Three
// interests that fit make 36 points, budget and month together 30, company 8,
// posts 20 at most and a perfect rating by very many 10. So a rating decides
// between packages that suit the person equally, and never makes a beach out
// of a mountain.
//
// The order is by points, then by id, so that the same data always gives the
// same offers.
const (
	interestPoints = 12.0 // each tag of the package that is one of the interests

	withinBudgetPoints = 15.0 // the price is not above the budget
	overBudgetPoints   = -1.0 // each percent above it
	overBudgetMost     = -30.0

	monthPoints   = 15.0 // it runs in one of the months, or in more
	companyPoints = 8.0  // it suits whom the person travels with

	placeWordPoints   = 6.0 // a post names a word of the destination
	titleWordPoints   = 4.0 // ... of the title
	tagWordPoints     = 3.0 // ... a tag
	summaryWordPoints = 1.0 // ... of the summary
	postsMost         = 20.0

	starPoints = 5.0 // each star above three; below three it takes away

	// A rating by few is worth less than one by many: it counts as though this
	// many more people had given three stars.
	doubters     = 3
	neutralStars = 3.0
)

// How many offers are made: fewest, if that many packages have any points;
// more, up to most, where the next one is nearly as good as the best.
const (
	fewest   = 3
	most     = 5
	nearPart = 0.97 // of the points of the best

	longShotPart = 0.5 // below this part of the best, an offer is called a long shot
)

// Make chooses the three to five best packages for a person, with the reasons.
// Where nothing that the person shared speaks for any package, the best rated
// ones are offered and Personal is false.
func Make(m Material, now time.Time) Offers {
	j := newJudge(m)
	all := make([]Offer, 0, len(m.Packages))
	personal := false
	for _, p := range m.Packages {
		o := j.judge(p)
		personal = personal || slices.ContainsFunc(o.Reasons, func(r Reason) bool { return r.Counts() && !r.Public() })
		all = append(all, o)
	}
	best := choose(all)
	nameKicks(best, personal)
	return Offers{
		Name:     oneLine(m.Name),
		MadeAt:   now,
		Personal: personal,
		Best:     best,
		Unused:   unused(m, best),
		Used:     used(best),
	}
}

// choose sorts by points and keeps the best.
func choose(all []Offer) []Offer {
	all = slices.DeleteFunc(all, func(o Offer) bool { return o.Score <= 0 })
	slices.SortFunc(all, func(a, b Offer) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Package.ID, b.Package.ID))
	})
	for i := range all {
		if i == most || i >= fewest && all[i].Score < nearPart*all[0].Score {
			return all[:i]
		}
	}
	return all
}

// judge knows one person and is asked about every package.
type judge struct {
	Material
	articles []article
}

func newJudge(m Material) judge {
	j := judge{Material: m}
	for _, p := range m.Posts {
		j.articles = append(j.articles, newArticle(p))
	}
	return j
}

// judge adds up one package. Reasons that do not count stand last.
func (j judge) judge(p Package) Offer {
	reasons := j.interests(p)
	reasons = append(reasons, j.monthsAndBudget(p)...)
	reasons = append(reasons, j.company(p)...)
	reasons = append(reasons, j.posts(p)...)
	reasons = append(reasons, j.rating(p))
	slices.SortStableFunc(reasons, func(a, b Reason) int { return againstLast(a) - againstLast(b) })

	o := Offer{Package: p, Reasons: reasons}
	for _, r := range reasons {
		o.Score += r.Points
	}
	o.Score = hundredth(o.Score) // so that a tie is a tie, whatever the order of the sum
	return o
}

func againstLast(r Reason) int {
	if r.Counts() {
		return 0
	}
	return 1
}

func (j judge) from(record Record, scope string) Source {
	return Source{Record: record, Scope: scope, Reading: j.Read[record]}
}

func (j judge) fromPreferences() Source { return j.from(RecordPreferences, ScopePreferences) }

// interests: "You like hiking and huts."
func (j judge) interests(p Package) []Reason {
	if j.Preferences == nil {
		return nil
	}
	var shared []string
	for _, interest := range j.Preferences.Interests {
		if slices.Contains(p.Tags, interest) && !slices.Contains(shared, interest) {
			shared = append(shared, interest)
		}
	}
	if len(shared) == 0 {
		return nil
	}
	text := Text{{Words: "You like "}}
	text = append(text, boldList(shared)...)
	text = append(text, Part{Words: "."})
	return []Reason{{text, interestPoints * float64(len(shared)), j.fromPreferences()}}
}

// monthsAndBudget: "It runs in September, one of your two months, and stays
// €260 below your €800." What does not fit is a sentence of its own.
func (j judge) monthsAndBudget(p Package) []Reason {
	if j.Preferences == nil {
		return nil
	}
	month, monthFits := monthFact(*j.Preferences, p)
	budget, budgetPoints := budgetFact(j.Preferences.Budget, p.Price)
	if monthFits && budgetPoints > 0 {
		both := slices.Concat(Text{{Words: "It "}}, month, Text{{Words: ", and "}}, budget, Text{{Words: "."}})
		return []Reason{{both, monthPoints + budgetPoints, j.fromPreferences()}}
	}
	var reasons []Reason
	if month != nil {
		points := 0.0
		if monthFits {
			points = monthPoints
		}
		reasons = append(reasons, Reason{sentence(month), points, j.fromPreferences()})
	}
	if budget != nil {
		reasons = append(reasons, Reason{sentence(budget), budgetPoints, j.fromPreferences()})
	}
	return reasons
}

func sentence(t Text) Text {
	return slices.Concat(Text{{Words: "It "}}, t, Text{{Words: "."}})
}

// monthFact is nil where the person named no months or the package has none.
func monthFact(prefs Preferences, p Package) (fact Text, fits bool) {
	wanted := validMonths(prefs.Months)
	if len(wanted) == 0 || len(p.Months) == 0 {
		return nil, false
	}
	var shared []string
	for _, month := range wanted {
		if slices.Contains(p.Months, month) {
			shared = append(shared, time.Month(month).String())
		}
	}
	switch {
	case len(shared) == 0:
		return Text{{Words: "does not run in "}, {Words: "your months", Bold: true}}, false
	case len(shared) > 3 && len(shared) == len(wanted):
		return Text{{Words: "runs in "}, {Words: "all of your months", Bold: true}}, true
	case len(shared) > 3:
		return Text{{Words: "runs in "}, {Words: inWords(len(shared)) + " of your months", Bold: true}}, true
	}
	return slices.Concat(Text{{Words: "runs in "}}, boldList(shared), Text{{Words: ofYours(len(shared), len(wanted))}}), true
}

// ofYours: "one of your two months", "both of your months".
func ofYours(shared, wanted int) string {
	switch {
	case wanted == 1:
		return ", your month"
	case shared < wanted:
		return ", " + inWords(shared) + " of your " + inWords(wanted) + " months"
	case wanted == 2:
		return ", both of your months"
	}
	return ", all of your months"
}

func validMonths(months []int) []int {
	valid := slices.DeleteFunc(slices.Clone(months), func(m int) bool { return m < 1 || m > 12 })
	slices.Sort(valid)
	return slices.Compact(valid)
}

// budgetFact is nil where there is no budget, or one in another currency: we
// do not know the rates.
func budgetFact(b Budget, price Price) (Text, float64) {
	if b.Max <= 0 || price.Amount < 0 || b.Currency != price.Currency {
		return nil, 0
	}
	budget := Price{b.Max, b.Currency}
	switch left := b.Max - price.Amount; {
	case left > 0:
		return Text{{Words: "stays "}, {Words: Price{left, b.Currency}.String() + " below", Bold: true}, {Words: " your " + budget.String()}}, withinBudgetPoints
	case left == 0:
		return Text{{Words: "costs "}, {Words: "exactly", Bold: true}, {Words: " your " + budget.String()}}, withinBudgetPoints
	default:
		percent := -100 * float64(left) / float64(b.Max)
		return Text{{Words: "costs "}, {Words: Price{-left, b.Currency}.String() + " more", Bold: true}, {Words: " than your " + budget.String()}},
			max(overBudgetPoints*percent, overBudgetMost)
	}
}

// companyWords say whom somebody travels with, in Acme's closed list.
var companyWords = map[string]string{
	"alone":   "alone",
	"partner": "with your partner",
	"friend":  "with a friend",
	"family":  "with your family",
	"group":   "in a group",
}

func (j judge) company(p Package) []Reason {
	if j.Preferences == nil || !slices.Contains(p.Company, j.Preferences.TravelsWith) {
		return nil
	}
	with, known := companyWords[j.Preferences.TravelsWith]
	if !known {
		return nil
	}
	text := Text{{Words: "You travel "}, {Words: with, Bold: true}, {Words: ", and it is made for that."}}
	return []Reason{{text, companyPoints, j.fromPreferences()}}
}

// mostArticles is how many posts give a reason for one package.
const mostArticles = 2

// posts: "In “A letter to my knees”, which you have not published, you write of
// Skye and islands: “…”". A word counts once, however often and in however many
// posts it stands; the post that has the most of them is quoted.
func (j judge) posts(p Package) []Reason {
	terms, left := p.terms(), postsMost
	var reasons []Reason
	for range mostArticles {
		a, found, points := j.mostTelling(terms)
		points = min(points, left)
		if points < tagWordPoints {
			break // a word of the summary alone is too little to speak of
		}
		left -= points
		reasons = append(reasons, Reason{a.reason(found), points, j.from(RecordPosts, ScopePosts)})
		terms = slices.DeleteFunc(terms, func(t term) bool {
			return slices.ContainsFunc(found, func(m mention) bool { return m.shown == t.shown })
		})
	}
	return reasons
}

// mostTelling returns the article whose words speak most for the terms; of two
// alike the newer one, then the one with the smaller id.
func (j judge) mostTelling(terms []term) (best article, found []mention, points float64) {
	for _, a := range j.articles {
		mentions, sum := a.mentions(terms), 0.0
		for _, m := range mentions {
			sum += m.points
		}
		newer := cmp.Or(a.CreatedAt.Compare(best.CreatedAt), -cmp.Compare(a.ID, best.ID)) > 0
		if sum > points || sum == points && sum > 0 && newer {
			best, found, points = a, mentions, sum
		}
	}
	return best, found, points
}

// mostWords is how many of a post's words a reason names.
const mostWords = 3

func (a article) reason(found []mention) Text {
	var named []string
	for _, m := range found[:min(len(found), mostWords)] {
		named = append(named, m.shown)
	}
	text := Text{{Words: "In "}, {Words: "“" + firstRunes(a.Post.Title, 80) + "”", Bold: true}}
	if a.Published {
		text = append(text, Part{Words: " you write of "})
	} else {
		text = append(text, Part{Words: ", which you have not published, you write of "})
	}
	text = append(text, boldList(named)...)
	for _, m := range found {
		if !m.inTitle {
			return append(text, Part{Words: ": “" + quote(a.Body, m.word) + "”"})
		}
	}
	return append(text, Part{Words: "."})
}

// rating: "38 travellers gave it 4.7 of 5." Reviews that were read count
// themselves; else the package's own figures do.
func (j judge) rating(p Package) Reason {
	stars, count, source := j.stars(p)
	if count == 0 {
		return Reason{Text{{Words: "Nobody has "}, {Words: "reviewed", Bold: true}, {Words: " it yet; we say so instead of guessing."}}, 0, source}
	}
	who := strconv.Itoa(count) + " travellers"
	if count == 1 {
		who = "One traveller"
	}
	text := Text{{Words: who + " gave it "}, {Words: strconv.FormatFloat(stars, 'f', -1, 64) + " of 5", Bold: true}, {Words: "."}}
	return Reason{text, hundredth(starPoints * (trusted(stars, count) - neutralStars)), source}
}

func (j judge) stars(p Package) (stars float64, count int, from Source) {
	if reviews, read := j.Reviews[p.ID]; read {
		sum := 0
		for _, r := range reviews {
			sum += min(max(r.Rating, 1), 5)
		}
		return tenth(float64(sum) / float64(max(len(reviews), 1))), len(reviews), j.from(RecordReviews(p.ID), ScopeReviews)
	}
	source := j.from(RecordPackages, ScopePackages)
	if p.Rating == nil || p.ReviewCount <= 0 || math.IsNaN(*p.Rating) {
		return 0, 0, source
	}
	return tenth(min(max(*p.Rating, 1), 5)), p.ReviewCount, source
}

func tenth(f float64) float64     { return math.Round(f*10) / 10 }
func hundredth(f float64) float64 { return math.Round(f*100) / 100 }

// trusted pulls a rating by few towards three stars.
func trusted(stars float64, count int) float64 {
	return (stars*float64(count) + neutralStars*doubters) / float64(count+doubters)
}

// nameKicks gives every offer the two or three words that tell it from the
// others shown. They are facts: the cheapest is the cheapest of these.
func nameKicks(best []Offer, personal bool) {
	taken := map[string]bool{}
	for i := range best {
		best[i].Kick = kick(best, i, personal, taken)
		taken[best[i].Kick] = true
	}
}

func kick(best []Offer, i int, personal bool, taken map[string]bool) string {
	o := best[i]
	only := func(less func(a, b Offer) bool) bool {
		return !slices.ContainsFunc(slices.Delete(slices.Clone(best), i, i+1), func(other Offer) bool { return !less(o, other) })
	}
	for _, k := range []struct {
		words string
		true  bool
	}{
		{"Best match", i == 0 && personal},
		{"Best rated", i == 0},
		{"A long shot", personal && o.Score < longShotPart*best[0].Score},
		{"Something quieter", only(func(a, b Offer) bool { return a.reviewers() < b.reviewers() })},
		{"Easiest on the purse", only(func(a, b Offer) bool { return a.Package.Price.Amount < b.Package.Price.Amount })},
		{"The short one", only(func(a, b Offer) bool { return a.Package.Nights < b.Package.Nights })},
		{"In your own words", o.spokenOf() && only(func(a, b Offer) bool { return a.points(ScopePosts) > b.points(ScopePosts) })},
		{"If you have longer", only(func(a, b Offer) bool { return a.Package.Nights > b.Package.Nights })},
		{"Also well rated", !personal},
		{"Close behind", true},
		{"Worth a look", true},
		{"And this one", true},
	} {
		if k.true && !taken[k.words] {
			return k.words
		}
	}
	return "One more"
}

func (o Offer) reviewers() int { return o.Package.ReviewCount }

func (o Offer) points(scope string) float64 {
	sum := 0.0
	for _, r := range o.Reasons {
		if r.Scope == scope {
			sum += r.Points
		}
	}
	return sum
}

func (o Offer) spokenOf() bool { return o.points(ScopePosts) > 0 }

// used lists the private records that the shown reasons come from, in the order
// of the reasons.
func used(best []Offer) []Source {
	var all []Source
	for _, o := range best {
		for _, r := range o.Reasons {
			if !r.Public() && !slices.Contains(all, r.Source) {
				all = append(all, r.Source)
			}
		}
	}
	return all
}

// unused lists what could have made the offers better, the most useful first.
func unused(m Material, best []Offer) []Unused {
	var all []Unused
	add := func(u Unused, why string) {
		if why != "" {
			u.Why, u.Granted = why, m.Has(u.Scope)
			all = append(all, u)
		}
	}
	add(Unused{
		What: "your preferences", Scope: ScopePreferences, Record: RecordPreferences,
		Better: "With them we would know what you like, in which months, with whom and for how much.",
	}, m.whyUnused(ScopePreferences, RecordPreferences, "them", m.Preferences != nil && !m.Preferences.empty(), "There is nothing in them yet."))
	add(Unused{
		What: "your posts", Scope: ScopePosts, Record: RecordPosts,
		Better: "With them we would look for the places and things that you write about.",
	}, m.whyUnused(ScopePosts, RecordPosts, "them", slices.ContainsFunc(best, Offer.spokenOf), noPostHelps(m)))
	add(Unused{
		What: "your e-mail address", Scope: ScopeEmail, Record: RecordMe,
		Better: "With it we would send you these offers as a letter.",
	}, m.whyUnused(ScopeEmail, RecordMe, "it", m.Email != "", "Your account has none."))
	return all
}

// whyUnused is empty where the record was of use.
func (m Material) whyUnused(scope string, record Record, it string, useful bool, otherwise string) string {
	_, read := m.Read[record]
	switch {
	case !m.Has(scope):
		return "You did not share " + it + "."
	case useful:
		return ""
	case !read:
		return "You share " + it + ", but we could not read " + it + " just now."
	}
	return otherwise
}

func noPostHelps(m Material) string {
	if len(m.Posts) == 0 {
		return "You have not written any yet."
	}
	return "Nothing in them speaks of these journeys."
}

func (p Preferences) empty() bool {
	return len(p.Interests) == 0 && len(p.Months) == 0 && p.Budget.Max <= 0 && p.TravelsWith == ""
}

// String is "€1,120", or "1,120 NOK" in another currency.
func (p Price) String() string {
	digits := strconv.Itoa(p.Amount)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if p.Currency == "EUR" {
		return "€" + digits
	}
	return fmt.Sprintf("%s %s", digits, oneLine(p.Currency))
}

// boldList is "a", "a and b" or "a, b and c" with the items in bold.
func boldList(items []string) Text {
	var text Text
	for i, item := range items {
		switch {
		case i > 0 && i == len(items)-1:
			text = append(text, Part{Words: " and "})
		case i > 0:
			text = append(text, Part{Words: ", "})
		}
		text = append(text, Part{Words: oneLine(item), Bold: true})
	}
	return text
}

func inWords(n int) string {
	small := []string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n < 0 || n >= len(small) {
		return strconv.Itoa(n)
	}
	return small[n]
}
