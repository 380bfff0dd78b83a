package travel_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/seed"
)

// fields returns what an error says is wrong.
func fields(err error) []string {
	var invalid travel.Invalid
	var named []string
	if errors.As(err, &invalid) {
		for _, f := range invalid {
			named = append(named, f.Field)
		}
	}
	return named
}

func TestOpinion(t *testing.T) {
	for _, c := range []struct {
		opinion travel.Opinion
		faults  []string
	}{
		{travel.Opinion{Rating: 1, Text: " Good. "}, nil},
		{travel.Opinion{Rating: 0, Text: "x"}, []string{"rating"}},
		{travel.Opinion{Rating: 6, Text: ""}, []string{"rating", "text"}},
		{travel.Opinion{Rating: 5, Text: strings.Repeat("ü", 4000)}, nil},
		{travel.Opinion{Rating: 5, Text: strings.Repeat("ü", 4001)}, []string{"text"}},
		{travel.Opinion{Rating: 5, Text: "bell\a"}, []string{"text"}},
		{travel.Opinion{Rating: 5, Text: "\xff"}, []string{"text"}},
	} {
		o, err := c.opinion.Validate()
		if !slices.Equal(fields(err), c.faults) || (err == nil) != (c.faults == nil) {
			t.Errorf("%+v: %v, want faults in %v", c.opinion, err, c.faults)
		}
		if o.Text != strings.TrimSpace(o.Text) {
			t.Errorf("kept as %q", o.Text)
		}
	}
}

func TestPreferencesAreKeptInOrderAndOnce(t *testing.T) {
	p, err := travel.Preferences{Interests: []string{"Hiking ", "food", "hiking"}, Months: []travel.Month{9, 6, 9}}.Validate()
	if err != nil || !slices.Equal(p.Interests, []string{"hiking", "food"}) || !slices.Equal(p.Months, []travel.Month{6, 9}) {
		t.Errorf("got %+v, %v", p, err)
	}
	_, err = travel.Preferences{Interests: []string{""}, BudgetMax: -1, TravelsWith: "cat", Months: []travel.Month{13}}.Validate()
	if got := fields(err); !slices.Equal(got, []string{"interests", "budget.max", "travels_with", "months"}) {
		t.Errorf("faults in %v", got)
	}
	many := make([]string, 21)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	if _, err := (travel.Preferences{Interests: many}).Validate(); !slices.Equal(fields(err), []string{"interests"}) {
		t.Errorf("21 interests: %v", err)
	}
}

func TestWhomOneCanTravelWithIsWhatTheSeedSays(t *testing.T) {
	if !slices.Equal(travel.Company, seed.Company) {
		t.Errorf("%v and %v", travel.Company, seed.Company)
	}
	for _, c := range travel.Company {
		p := travel.Package{ID: "p", Company: []string{c}, Tags: []string{"food"}}
		got := travel.Recommend([]travel.Package{p}, travel.Preferences{Interests: []string{"food"}, TravelsWith: c}, 1)
		if len(got) != 1 || len(got[0].Reasons) != 2 || got[0].Reasons[1] == "" {
			t.Errorf("%s: no words for it: %+v", c, got)
		}
	}
}

func TestMonthInJSON(t *testing.T) {
	var months []travel.Month
	if err := json.Unmarshal([]byte(`[6,"6","June","jun","SEPTEMBER"," may "]`), &months); err != nil || !slices.Equal(months, []travel.Month{6, 6, 6, 6, 9, 5}) {
		t.Errorf("got %v, %v", months, err)
	}
	if b, _ := json.Marshal(months); string(b) != "[6,6,6,6,9,5]" {
		t.Errorf("written as %s", b)
	}
	for _, bad := range []string{`0`, `13`, `-1`, `6.5`, `"Juni"`, `"ju"`, `""`, `null`, `true`, `[6]`, `{}`, `1e1000`} {
		var m travel.Month
		var fault travel.FieldError
		if err := json.Unmarshal([]byte(bad), &m); !errors.As(err, &fault) || fault.Field != "months" {
			t.Errorf("%s: %v, %v", bad, m, err)
		}
	}
	if months, err := travel.ParseMonths("September, jun,6, "); err != nil || !slices.Equal(months, []travel.Month{6, 9}) {
		t.Errorf("typed: %v, %v", months, err)
	}
}

func TestACursorIsOneThatWeMade(t *testing.T) {
	cursor := travel.NewCursor("pk-silvretta")
	if id, err := travel.ParseCursor(cursor); id != "pk-silvretta" || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
	for _, bad := range []string{"", "x", cursor[1:], cursor + "=", cursor + "A", " " + cursor, travel.NewCursor(""), "MQ", "YWZ0ZXI6"} {
		if id, err := travel.ParseCursor(bad); err == nil {
			t.Errorf("%q is a cursor behind %q", bad, id)
		}
	}
}

// A page does not shift when a package is added before it.
func TestAPageGoesOnBehindItsCursor(t *testing.T) {
	catalogue := []travel.Package{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	first, err := travel.Search{Limit: 2}.Find(catalogue)
	if err != nil || len(first.Packages) != 2 || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	after, err := travel.ParseCursor(first.Next)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := travel.Search{Limit: 2, After: after}.Find(append([]travel.Package{{ID: "new"}}, catalogue...))
	if err != nil || len(rest.Packages) != 1 || rest.Packages[0].ID != "c" || rest.Next != "" {
		t.Errorf("%+v, %v", rest, err)
	}
	if exact, _ := (travel.Search{Limit: 3}).Find(catalogue); exact.Next != "" {
		t.Error("the last page has a cursor")
	}
	if all, _ := (travel.Search{Limit: 10_000}).Find(catalogue); len(all.Packages) != 3 || cap(all.Packages) > 3 {
		t.Errorf("%d packages, and room for %d", len(all.Packages), cap(all.Packages))
	}
}

func TestRecommendations(t *testing.T) {
	alps := travel.Package{ID: "alps", Tags: []string{"hiking", "huts"}, Price: 500, Months: []travel.Month{6}, Company: []string{"friend"}}
	dear := travel.Package{ID: "dear", Tags: []string{"hiking", "huts"}, Price: 5000}
	walk := travel.Package{ID: "walk", Tags: []string{"hiking"}, Price: 100}
	beach := travel.Package{ID: "beach", Tags: []string{"beaches"}, Price: 100, Months: []travel.Month{6}, Company: []string{"friend"}}
	all := []travel.Package{beach, walk, dear, alps}
	got := travel.Recommend(all, travel.Preferences{Interests: []string{"hiking", "huts"}, BudgetMax: 800, TravelsWith: "friend", Months: []travel.Month{6, 9}}, 3)
	var ids []string
	for _, r := range got {
		ids = append(ids, r.Package.ID)
	}
	if !slices.Equal(ids, []string{"alps", "dear", "walk"}) {
		t.Errorf("recommended %v", ids)
	}
	if want := "you like hiking and huts; within your 800 euros; it runs in June; good with a friend"; strings.Join(got[0].Reasons, "; ") != want {
		t.Errorf("because %q", got[0].Reasons)
	}
	if nothing := travel.Recommend(all, travel.Preferences{}, 3); len(nothing) != 0 {
		t.Errorf("to someone who said nothing: %v", nothing)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(travel.NewCursor("pk-silvretta"))
	f.Add("YWZ0ZXI6")
	f.Add("=")
	f.Fuzz(func(t *testing.T, cursor string) {
		if id, err := travel.ParseCursor(cursor); err == nil && (id == "" || travel.NewCursor(id) != cursor) {
			t.Errorf("%q is a cursor behind %q", cursor, id)
		}
	})
}

func FuzzMonth(f *testing.F) {
	for _, seed := range []string{`6`, `"June"`, `"6"`, `null`, `1e1`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m travel.Month
		if json.Unmarshal([]byte(text), &m) == nil && !m.Valid() {
			t.Errorf("%s is the month %d", text, m)
		}
	})
}

func FuzzSearch(f *testing.F) {
	f.Add("huts", "q", "", "20")
	f.Fuzz(func(t *testing.T, tag, text, cursor, limit string) {
		s, err := travel.ParseSearch(tag, text, cursor, limit)
		if err == nil && (s.Limit < 1 || s.Limit > travel.MaxLimit) {
			t.Errorf("limit %q is %d", limit, s.Limit)
		}
	})
}
