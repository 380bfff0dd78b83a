package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/seed"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

const (
	alice = "u_7Qm2kXf0Rb9sTzLw"
	bob   = "u_Vn4dPy8HcE1gJq6A"
)

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path, func() time.Time { return noon }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newStore(t *testing.T) *store.Store {
	return open(t, filepath.Join(t.TempDir(), "acme.db"))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestAnEmptyDatabaseIsSeededOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := open(t, path)
	page := must[travel.Page](t)(s.Packages(t.Context(), travel.Search{Limit: 100}))
	if len(page.Packages) != len(seed.Packages()) || page.Next != "" {
		t.Fatalf("got %d packages and cursor %q", len(page.Packages), page.Next)
	}
	for i, p := range page.Packages {
		if p.ID != seed.Packages()[i].ID || !reflect.DeepEqual(p.Tags, seed.Packages()[i].Tags) {
			t.Fatalf("package %d is %+v", i, p)
		}
	}
	for _, p := range must[[]travel.Post](t)(s.Posts(t.Context(), alice)) {
		if err := s.DeletePost(t.Context(), alice, p.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if posts := must[[]travel.Post](t)(open(t, path).Posts(t.Context(), alice)); len(posts) != 0 {
		t.Errorf("a restart brought %d deleted posts back", len(posts))
	}
}

func TestASecondReviewTakesThePlaceOfTheFirst(t *testing.T) {
	s := newStore(t)
	write := func(sub string, rating int) travel.Review {
		t.Helper()
		return must[travel.Review](t)(s.WriteReview(t.Context(), sub, "pk-silvretta", travel.Opinion{Rating: rating, Text: "Huts."}))
	}
	before := must[[]travel.Review](t)(s.Reviews(t.Context(), "pk-silvretta"))
	others, sum := 0, 0
	for _, r := range before {
		if r.Sub != alice {
			others, sum = others+1, sum+r.Rating
		}
	}
	first, second := write(alice, 1), write(alice, 5)
	if first.ID == second.ID || second.Author != "Alice Moreau" {
		t.Errorf("got %+v after %+v", second, first)
	}
	p := must[travel.Package](t)(s.Package(t.Context(), "pk-silvretta"))
	if want := float64(sum+5) / float64(others+1); p.ReviewCount != others+1 || p.Rating < want-0.05 || p.Rating > want+0.05 {
		t.Errorf("%d reviews with a mean of %v, want %d with %v", p.ReviewCount, p.Rating, others+1, want)
	}
	if err := s.DeleteReview(t.Context(), bob, second.ID); !errors.Is(err, travel.ErrNotFound) {
		t.Errorf("bob deleted alice's review: %v", err)
	}
	if err := s.DeleteReview(t.Context(), alice, second.ID); err != nil {
		t.Error(err)
	}
	if p := must[travel.Package](t)(s.Package(t.Context(), "pk-silvretta")); p.ReviewCount != others {
		t.Errorf("%d reviews after the deletion, want %d", p.ReviewCount, others)
	}
	if _, err := s.WriteReview(t.Context(), alice, "pk-nowhere", travel.Opinion{Rating: 3, Text: "?"}); !errors.Is(err, travel.ErrNotFound) {
		t.Errorf("a review of an unknown package: %v", err)
	}
}

// Broken object level authorization (OWASP API1): an id is not a permission.
func TestAnotherPersonsPostIsNotFound(t *testing.T) {
	s := newStore(t)
	post := must[travel.Post](t)(s.CreatePost(t.Context(), alice, travel.Draft{Title: "Mine", Body: "Only mine."}))
	picture := travel.Picture{Name: "a.png", ContentType: "image/png", Data: []byte{1}}
	if err := s.AddPicture(t.Context(), alice, post.ID, picture); err != nil {
		t.Fatal(err)
	}
	for name, attempt := range map[string]func() error{
		"read": func() error { _, err := s.Post(t.Context(), bob, post.ID); return err },
		"update": func() error {
			_, err := s.UpdatePost(t.Context(), bob, post.ID, travel.Draft{Title: "x", Body: "x"})
			return err
		},
		"delete":         func() error { return s.DeletePost(t.Context(), bob, post.ID) },
		"picture":        func() error { _, err := s.Picture(t.Context(), bob, post.ID, "a.png"); return err },
		"add picture":    func() error { return s.AddPicture(t.Context(), bob, post.ID, picture) },
		"remove picture": func() error { return s.RemovePicture(t.Context(), bob, post.ID, "a.png") },
		"story":          func() error { _, err := s.Story(t.Context(), post.ID); return err },
		"story picture":  func() error { _, err := s.StoryPicture(t.Context(), post.ID, "a.png"); return err },
	} {
		if err := attempt(); !errors.Is(err, travel.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := must[travel.Post](t)(s.Post(t.Context(), alice, post.ID)); got.Title != "Mine" || len(got.Pictures) != 1 {
		t.Errorf("alice's post is now %+v", got)
	}
}

func TestAPublishedPostIsAStory(t *testing.T) {
	s := newStore(t)
	post := must[travel.Post](t)(s.CreatePost(t.Context(), alice, travel.Draft{Title: "Mine", Body: "Not yet."}))
	must[travel.Post](t)(s.UpdatePost(t.Context(), alice, post.ID, travel.Draft{Title: "Ours", Body: "Now.", Published: true}))
	story := must[travel.Story](t)(s.Story(t.Context(), post.ID))
	if story.Title != "Ours" || story.Author != "Alice Moreau" || story.Sub != alice {
		t.Errorf("got %+v", story)
	}
	for _, story := range must[[]travel.Story](t)(s.Stories(t.Context(), 100)) {
		if !story.Published {
			t.Errorf("%s is not published", story.ID)
		}
	}
}

func TestWhatIsInvalidIsNotStored(t *testing.T) {
	s := newStore(t)
	var invalid travel.Invalid
	if _, err := s.PutPreferences(t.Context(), alice, travel.Preferences{BudgetMax: -1}); !errors.As(err, &invalid) {
		t.Errorf("preferences: %v", err)
	}
	if _, err := s.CreatePost(t.Context(), alice, travel.Draft{Title: " ", Body: "x"}); !errors.As(err, &invalid) {
		t.Errorf("post: %v", err)
	}
	if _, err := s.WriteReview(t.Context(), alice, "pk-silvretta", travel.Opinion{Rating: 6, Text: "x"}); !errors.As(err, &invalid) {
		t.Errorf("review: %v", err)
	}
	if p := must[travel.Preferences](t)(s.Preferences(t.Context(), alice)); p.BudgetMax != 800 {
		t.Errorf("alice's budget is now %d", p.BudgetMax)
	}
}

func TestPreferencesOfSomeoneWhoSaidNothingAreEmpty(t *testing.T) {
	p := must[travel.Preferences](t)(newStore(t).Preferences(t.Context(), "u_new"))
	if p.Said() || p.Interests == nil || p.Months == nil {
		t.Errorf("got %+v", p)
	}
}

func TestSignInKeepsWhatTheIDTokenDoesNotSay(t *testing.T) {
	s := newStore(t)
	for _, p := range []travel.Profile{{Sub: "u_new", Name: "Nia", Email: "nia@acme.test"}, {Sub: "u_new", Name: "Nia Obi"}} {
		if err := s.PutProfile(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if p := must[travel.Profile](t)(s.Profile(t.Context(), "u_new")); p.Name != "Nia Obi" || p.Email != "nia@acme.test" {
		t.Errorf("got %+v", p)
	}
}

func TestReviewsAtTheSameTimeAreAllCounted(t *testing.T) {
	s := newStore(t)
	before := must[travel.Package](t)(s.Package(t.Context(), "pk-cadiz")).ReviewCount
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := s.WriteReview(context.Background(), "u_"+string(rune('a'+i)), "pk-cadiz", travel.Opinion{Rating: 3, Text: "Fine."})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if p := must[travel.Package](t)(s.Package(t.Context(), "pk-cadiz")); p.ReviewCount != before+20 {
		t.Errorf("%d reviews, want %d", p.ReviewCount, before+20)
	}
}
