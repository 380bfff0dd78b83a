package offers

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/seed"
)

var (
	readAt = time.Date(2026, 9, 14, 14, 2, 0, 0, time.UTC)
	now    = readAt.Add(time.Minute)
)

var everything = []string{"openid", "profile", "email", "preferences:read", "blog:read", "packages:read", "reviews:read"}

// material is what Dreams would read for a seeded person who granted these
// scopes.
func material(t testing.TB, username string, granted ...string) Material {
	t.Helper()
	users := seed.Users()
	i := slices.IndexFunc(users, func(u seed.User) bool { return u.Username == username })
	if i < 0 {
		t.Fatalf("nobody is called %s", username)
	}
	m := Material{Granted: granted, Packages: packages(), Read: map[Record]Reading{
		RecordPackages: {At: readAt.Add(-8 * time.Hour), Itself: true},
		RecordMe:       {At: readAt},
	}}
	if m.Has(ScopeProfile) {
		m.Name = users[i].Name
	}
	if m.Has(ScopeEmail) {
		m.Email = users[i].Email
	}
	if m.Has(ScopePreferences) {
		m.Preferences = preferences(users[i].Sub)
		m.Read[RecordPreferences] = Reading{At: readAt}
	}
	if m.Has(ScopePosts) {
		m.Posts = posts(users[i].Sub)
		m.Read[RecordPosts] = Reading{At: readAt}
	}
	return m
}

func packages() []Package {
	sum, count := map[string]int{}, map[string]int{}
	for _, r := range seed.Reviews() {
		sum[r.Package] += r.Rating
		count[r.Package]++
	}
	var all []Package
	for _, p := range seed.Packages() {
		next := Package{
			ID: p.ID, Title: p.Title, Destination: p.Destination, Summary: p.Summary, Tags: p.Tags,
			Price: Price{p.Price, "EUR"}, Nights: p.Nights, Months: p.Months, Company: p.Company, Leaves: p.Leaves,
			Picture: "http://localhost:9001/static/art/" + p.Picture, URL: "http://localhost:9001/packages/" + p.ID,
			ReviewCount: count[p.ID],
		}
		if n := count[p.ID]; n > 0 {
			rating := math.Round(float64(sum[p.ID])/float64(n)*10) / 10
			next.Rating = &rating
		}
		all = append(all, next)
	}
	return all
}

func preferences(sub string) *Preferences {
	for _, p := range seed.AllPreferences() {
		if p.Sub == sub {
			return &Preferences{p.Interests, Budget{p.BudgetMax, "EUR"}, p.TravelsWith, p.Months}
		}
	}
	return nil
}

func posts(sub string) []Post {
	var all []Post
	for _, p := range seed.Posts() {
		if p.Sub == sub {
			all = append(all, Post{p.ID, p.Title, p.Body, p.Published, p.CreatedAt})
		}
	}
	return all
}

func ids(o Offers) []string {
	var all []string
	for _, offer := range o.Best {
		all = append(all, offer.Package.ID)
	}
	return all
}

// said is every sentence of the offers, one per line.
func said(o Offers) string {
	var b strings.Builder
	for _, offer := range o.Best {
		for _, r := range offer.Reasons {
			b.WriteString(r.Text.String() + "\n")
		}
	}
	return b.String()
}

// one scores a single package.
func one(m Material, p Package) Offer { return newJudge(m).judge(p) }

func TestAliceGetsMountainsInHerMonthsBelowHerBudget(t *testing.T) {
	o := Make(material(t, "alice", everything...), now)
	if !o.Personal || len(o.Best) < 3 || len(o.Best) > 5 {
		t.Fatalf("personal %t, %d offers; want personal, three to five", o.Personal, len(o.Best))
	}
	for _, offer := range o.Best {
		p := offer.Package
		if !slices.Contains(p.Tags, "mountains") || !slices.Contains(p.Tags, "hiking") {
			t.Errorf("%s is no mountain journey: %v", p.ID, p.Tags)
		}
		if p.Price.Amount > 800 {
			t.Errorf("%s costs %s, her budget is €800", p.ID, p.Price)
		}
		if !slices.Contains(p.Months, 6) && !slices.Contains(p.Months, 9) {
			t.Errorf("%s runs neither in June nor in September", p.ID)
		}
	}
}

func TestEachOfTheSeededPeopleGetsTheirOwnKindOfJourney(t *testing.T) {
	for username, tag := range map[string]string{"alice": "huts", "bob": "beaches", "carol": "museums"} {
		for _, offer := range Make(material(t, username, everything...), now).Best {
			if !slices.Contains(offer.Package.Tags, tag) {
				t.Errorf("%s was offered %s, which has nothing to do with %s", username, offer.Package.ID, tag)
			}
		}
	}
}

func TestReasonsAreSentencesWithTheirRecordScopeAndTime(t *testing.T) {
	m := material(t, "alice", everything...)
	i := slices.IndexFunc(m.Packages, func(p Package) bool { return p.ID == "pk-silvretta" })
	o := one(m, m.Packages[i])
	for _, want := range []struct {
		text  string
		scope string
		from  Record
		at    time.Time
	}{
		{"You like hiking, mountains and huts.", ScopePreferences, RecordPreferences, readAt},
		{"It runs in June and September, both of your months, and stays €260 below your €800.", ScopePreferences, RecordPreferences, readAt},
		{"You travel with a friend, and it is made for that.", ScopePreferences, RecordPreferences, readAt},
		{"In “Three huts and one thunderstorm” you write of Silvretta, hiking and mountains: “We went hut to hut through the Silvretta with two rucksacks, one map and a friendship that has survived worse than rain.”", ScopePosts, RecordPosts, readAt},
		{"3 travellers gave it 4.7 of 5.", ScopePackages, RecordPackages, readAt.Add(-8 * time.Hour)},
	} {
		j := slices.IndexFunc(o.Reasons, func(r Reason) bool { return r.Text.String() == want.text })
		if j < 0 {
			t.Errorf("nothing says %q; there is\n%s", want.text, said(Offers{Best: []Offer{o}}))
			continue
		}
		if r := o.Reasons[j]; r.Scope != want.scope || r.Record != want.from || !r.At.Equal(want.at) || !r.Counts() {
			t.Errorf("%q is from %s by %s at %s, %g points", want.text, r.Record, r.Scope, r.At, r.Points)
		}
	}
}

func TestTheFactsOfASentenceAreBold(t *testing.T) {
	m := Material{Preferences: &Preferences{Interests: []string{"hiking", "huts"}}}
	got := one(m, Package{Tags: []string{"huts", "hiking"}}).Reasons[0].Text
	want := Text{{Words: "You like "}, {Words: "hiking", Bold: true}, {Words: " and "}, {Words: "huts", Bold: true}, {Words: "."}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A package that everything speaks for, and what is left when one input is
// missing.
func TestEveryInputHasAWeightOfItsOwn(t *testing.T) {
	rating := 5.0
	p := Package{
		ID: "pk-1", Title: "Ladders", Destination: "Elbe, Saxony", Summary: "Sandstone.", Tags: []string{"hiking"},
		Price: Price{500, "EUR"}, Months: []int{6}, Company: []string{"friend"}, Rating: &rating, ReviewCount: 3,
	}
	whole := func() Material {
		return Material{
			Preferences: &Preferences{[]string{"hiking"}, Budget{800, "EUR"}, "friend", []int{6, 9}},
			Posts:       []Post{{ID: "po-1", Title: "Up", Body: "The ladders of the Elbe. Hikes on sandstone!"}},
		}
	}
	const all = interestPoints + withinBudgetPoints + monthPoints + companyPoints +
		placeWordPoints + titleWordPoints + tagWordPoints + summaryWordPoints + 5
	if got := one(whole(), p).Score; got != all {
		t.Fatalf("everything together scores %g, want %g", got, all)
	}
	for name, c := range map[string]struct {
		without func(*Material, *Package)
		loses   float64
	}{
		"interests":         {func(m *Material, _ *Package) { m.Preferences.Interests = nil }, interestPoints},
		"budget":            {func(m *Material, _ *Package) { m.Preferences.Budget.Max = 0 }, withinBudgetPoints},
		"months":            {func(m *Material, _ *Package) { m.Preferences.Months = nil }, monthPoints},
		"company":           {func(m *Material, _ *Package) { m.Preferences.TravelsWith = "" }, companyPoints},
		"posts":             {func(m *Material, _ *Package) { m.Posts = nil }, placeWordPoints + titleWordPoints + tagWordPoints + summaryWordPoints},
		"destination":       {func(_ *Material, p *Package) { p.Destination = "" }, placeWordPoints},
		"title":             {func(_ *Material, p *Package) { p.Title = "" }, titleWordPoints},
		"summary":           {func(_ *Material, p *Package) { p.Summary = "" }, summaryWordPoints},
		"rating":            {func(_ *Material, p *Package) { p.Rating = nil }, 5},
		"half of a rating":  {func(_ *Material, p *Package) { p.ReviewCount = 1 }, 2.5},
		"another currency":  {func(m *Material, _ *Package) { m.Preferences.Budget.Currency = "NOK" }, withinBudgetPoints},
		"too expensive":     {func(_ *Material, p *Package) { p.Price.Amount = 880 }, withinBudgetPoints + 10},
		"far too expensive": {func(_ *Material, p *Package) { p.Price.Amount = 8000 }, withinBudgetPoints + 30},
	} {
		t.Run(name, func(t *testing.T) {
			m, q := whole(), p
			c.without(&m, &q)
			if got := one(m, q).Score; got != all-c.loses {
				t.Errorf("without it the package scores %g, want %g", got, all-c.loses)
			}
		})
	}
}

// With her posts the same journeys win three times over, so her preferences are
// looked at without them.
func TestEveryInputChangesWhatAliceIsOffered(t *testing.T) {
	stated := func() Material { return material(t, "alice", "openid", "profile", "preferences:read") }
	whole := ids(Make(stated(), now))
	for name, change := range map[string]func(*Material){
		"interests": func(m *Material) { m.Preferences.Interests = nil },
		"budget":    func(m *Material) { m.Preferences.Budget.Max = 400 },
		"months":    func(m *Material) { m.Preferences.Months = []int{4, 10} },
		"company":   func(m *Material) { m.Preferences.TravelsWith = "partner" },
		"posts":     func(m *Material) { *m = material(t, "alice", "openid", "preferences:read", "blog:read") },
		"ratings": func(m *Material) {
			for i := range m.Packages {
				m.Packages[i].Rating = nil
			}
		},
	} {
		m := stated()
		change(&m)
		if got := ids(Make(m, now)); slices.Equal(got, whole) {
			t.Errorf("%s made no difference: %v", name, got)
		}
	}
}

func TestAStatedInterestOutweighsWhatStrangersThink(t *testing.T) {
	best, worst := 5.0, 3.0
	m := Material{Preferences: &Preferences{Interests: []string{"hiking"}}, Packages: []Package{
		{ID: "pk-famous", Rating: &best, ReviewCount: 10_000},
		{ID: "pk-liked", Tags: []string{"hiking"}, Rating: &worst, ReviewCount: 1},
	}}
	if got := ids(Make(m, now)); got[0] != "pk-liked" {
		t.Errorf("order is %v", got)
	}
}

func TestAPartialGrantIsPoorerAndNamesThePermission(t *testing.T) {
	whole := Make(material(t, "alice", everything...), now)
	for _, scope := range []string{ScopePreferences, ScopePosts, ScopeEmail} {
		t.Run(scope, func(t *testing.T) {
			part := slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return s == scope })
			o := Make(material(t, "alice", part...), now)
			i := slices.IndexFunc(o.Unused, func(u Unused) bool { return u.Scope == scope })
			if i < 0 || o.Unused[i].Granted || !strings.HasPrefix(o.Unused[i].Why, "You did not share") || o.Unused[i].Better == "" {
				t.Errorf("unused: %+v", o.Unused)
			}
			for _, offer := range o.Best {
				if offer.points(scope) != 0 {
					t.Errorf("%s counts %g points of %s", offer.Package.ID, offer.points(scope), scope)
				}
			}
			if scope != ScopeEmail && o.Best[0].Score >= whole.Best[0].Score {
				t.Errorf("the best scores %g without, %g with", o.Best[0].Score, whole.Best[0].Score)
			}
		})
	}
	if len(whole.Unused) != 0 {
		t.Errorf("with everything granted, unused is %+v", whole.Unused)
	}
}

func TestWhatIsGrantedButCouldNotBeReadIsSaid(t *testing.T) {
	m := material(t, "alice", everything...)
	m.Preferences = nil
	delete(m.Read, RecordPreferences)
	o := Make(m, now)
	if len(o.Unused) != 1 || !o.Unused[0].Granted || !strings.Contains(o.Unused[0].Why, "could not read them") {
		t.Errorf("unused: %+v", o.Unused)
	}
}

func TestNothingGrantedGivesTheBestRatedAndSaysSo(t *testing.T) {
	m := material(t, "alice", "openid", "profile")
	o := Make(m, now)
	if o.Personal || len(o.Best) < 3 || len(o.Used) != 0 {
		t.Fatalf("personal %t, %d offers, used %v", o.Personal, len(o.Best), o.Used)
	}
	if kick := o.Best[0].Kick; kick != "Best rated" {
		t.Errorf("the first is called %q", kick)
	}
	for _, offer := range o.Best {
		if *offer.Package.Rating < 4.5 {
			t.Errorf("%s has %g stars", offer.Package.ID, *offer.Package.Rating)
		}
		for _, r := range offer.Reasons {
			if !r.Public() {
				t.Errorf("%s: %q comes from %s", offer.Package.ID, r.Text, r.Scope)
			}
		}
	}
	bob := Make(material(t, "bob", "openid", "profile"), now)
	if !slices.Equal(ids(o), ids(bob)) {
		t.Errorf("alice gets %v, bob %v, though nobody knows anything about them", ids(o), ids(bob))
	}
}

func TestUnpublishedPostsCountAndAreNamedAsUnpublished(t *testing.T) {
	p := Package{ID: "pk-1", Destination: "Rondane, Norway"}
	for published, want := range map[bool]string{
		true:  "In “The pass” you write of Rondane: “I saw Rondane.”",
		false: "In “The pass”, which you have not published, you write of Rondane: “I saw Rondane.”",
	} {
		m := Material{Posts: []Post{{ID: "po-1", Title: "The pass", Body: "Hm. I saw Rondane. It rained.", Published: published}}}
		o := one(m, p)
		if got := o.Reasons[0].Text.String(); got != want || o.Score != placeWordPoints {
			t.Errorf("published %t: %q, %g points", published, got, o.Score)
		}
	}
}

func TestAWordCountsOnceInHoweverManyPosts(t *testing.T) {
	p := Package{ID: "pk-1", Destination: "Rondane"}
	post := Post{ID: "po-1", Title: "A", Body: "Rondane, Rondane, Rondane."}
	again := Post{ID: "po-2", Title: "B", Body: "Rondane."}
	if got := one(Material{Posts: []Post{post, again}}, p).Score; got != placeWordPoints {
		t.Errorf("%g points, want %g", got, placeWordPoints)
	}
}

func TestPostsCannotOutweighWhatWasStated(t *testing.T) {
	m := Material{Posts: []Post{{ID: "po-1", Body: "alpha beta gamma delta epsilon zeta"}}}
	p := Package{ID: "pk-1", Destination: "Alpha Beta Gamma Delta Epsilon Zeta"}
	if got := one(m, p).Score; got != postsMost {
		t.Errorf("%g points, want the most, %g", got, postsMost)
	}
}

func TestWhatSpeaksAgainstAnOfferIsShownLast(t *testing.T) {
	m := Material{Preferences: &Preferences{[]string{"huts"}, Budget{500, "EUR"}, "", []int{1}}}
	o := one(m, Package{ID: "pk-1", Tags: []string{"huts"}, Price: Price{550, "EUR"}, Months: []int{6}})
	want := "You like huts.\nIt does not run in your months.\nIt costs €50 more than your €500.\nNobody has reviewed it yet; we say so instead of guessing.\n"
	if got := said(Offers{Best: []Offer{o}}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if o.Reasons[1].Counts() || o.Reasons[2].Points != -10 {
		t.Errorf("points: %+v", o.Reasons)
	}
}

func TestReviewsThatWereReadCountThemselves(t *testing.T) {
	rating := 1.0
	p := Package{ID: "pk-1", Rating: &rating, ReviewCount: 9}
	m := Material{Reviews: map[string][]Review{"pk-1": {{Rating: 5}, {Rating: 4}, {Rating: 9000}}},
		Read: map[Record]Reading{RecordReviews("pk-1"): {At: readAt}}}
	r := one(m, p).Reasons[0]
	if r.Text.String() != "3 travellers gave it 4.7 of 5." || r.Scope != ScopeReviews || r.Record != "GET /api/v1/packages/pk-1/reviews" || !r.At.Equal(readAt) {
		t.Errorf("%q from %s by %s at %s", r.Text, r.Record, r.Scope, r.At)
	}
}

func TestTiesAreDecidedByTheID(t *testing.T) {
	rating := 4.0
	var m Material
	for _, id := range []string{"pk-c", "pk-a", "pk-d", "pk-b"} {
		m.Packages = append(m.Packages, Package{ID: id, Rating: &rating, ReviewCount: 2})
	}
	for range 3 {
		if got := ids(Make(m, now)); !slices.Equal(got, []string{"pk-a", "pk-b", "pk-c", "pk-d"}) {
			t.Errorf("order is %v", got)
		}
		slices.Reverse(m.Packages)
	}
}

func TestNoPackagesNoOffers(t *testing.T) {
	if o := Make(Material{}, now); len(o.Best) != 0 || o.Personal {
		t.Errorf("%+v", o)
	}
}

// What is made today may be shown tomorrow, while Acme is away.
func TestOffersSurviveJSON(t *testing.T) {
	o := Make(material(t, "alice", everything...), now)
	stored, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var back Offers
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o, back) {
		t.Errorf("went in as\n%+v\ncame out as\n%+v", o, back)
	}
}

func TestHostileStringsStayWords(t *testing.T) {
	evil := "<script>alert(1)</script>\r\nBcc: all@acme.test\u202e\x00"
	rating := math.NaN()
	m := Material{
		Name: evil, Granted: everything,
		Preferences: &Preferences{[]string{evil}, Budget{800, evil}, evil, []int{-4, 0, 99}},
		Posts:       []Post{{ID: evil, Title: evil, Body: "\xff\xfe " + evil}},
		Packages: []Package{{ID: "pk-1", Title: evil, Destination: evil, Summary: evil, Tags: []string{evil, ""},
			Price: Price{1, evil}, Months: []int{0, 13}, Company: []string{evil}, Rating: &rating, ReviewCount: 3}},
	}
	o := Make(m, now)
	if strings.ContainsAny(o.Name, "\r\n\x00\u202e") || strings.ContainsAny(strings.ReplaceAll(said(o), "\n", ""), "\r\x00\u202e") {
		t.Errorf("a control character came through: %q %q", o.Name, said(o))
	}
	if lines := strings.Count(said(o), "\n"); lines != len(o.Best[0].Reasons) {
		t.Errorf("%d lines of %d reasons: %q", lines, len(o.Best[0].Reasons), said(o))
	}
}
