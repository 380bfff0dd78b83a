package store

import (
	"context"
	"math"
	"slices"
	"strings"

	"example.com/acme-dreams/acme/travel"
)

// catalogue is never changed: a reload makes a new one.
type catalogue struct {
	packages []travel.Package
	byID     map[string]int
	tags     []string
}

// loadCatalogue reads the packages and the mean of their reviews.
func (s *Store) loadCatalogue(ctx context.Context) error {
	s.reload.Lock()
	defer s.reload.Unlock()
	rows, err := s.db.Query(ctx, `
		SELECT p.id, p.title, p.destination, p.summary, p.description, p.days, p.tags, p.price, p.nights,
			p.months, p.company, p.leaves, p.from_place, p.effort, p.picture,
			COALESCE(AVG(r.rating), 0), COUNT(r.id)
		FROM packages p LEFT JOIN reviews r ON r.package_id = p.id
		GROUP BY p.position ORDER BY p.position`)
	packages, err := collect(rows, err, func(scan func(...any) error) (travel.Package, error) {
		var p travel.Package
		err := scan(&p.ID, &p.Title, &p.Destination, &p.Summary, &p.Description, scanList(&p.Days), scanList(&p.Tags), &p.Price, &p.Nights,
			scanList(&p.Months), scanList(&p.Company), &p.Leaves, &p.From, &p.Effort, &p.Picture, &p.Rating, &p.ReviewCount)
		p.Rating = math.Round(p.Rating*10) / 10
		return p, err
	})
	if err != nil {
		return err
	}
	c := &catalogue{packages: packages, byID: make(map[string]int, len(packages))}
	for i, p := range packages {
		c.byID[p.ID] = i
		c.tags = append(c.tags, p.Tags...)
	}
	slices.Sort(c.tags)
	c.tags = slices.Compact(c.tags)
	s.catalogue.Store(c)
	return nil
}

// Packages answers a search. The result is shared: callers must not change it.
func (s *Store) Packages(_ context.Context, search travel.Search) (travel.Page, error) {
	return search.Find(s.catalogue.Load().packages)
}

// Package returns one package, or travel.ErrNotFound.
func (s *Store) Package(_ context.Context, id string) (travel.Package, error) {
	c := s.catalogue.Load()
	i, ok := c.byID[id]
	if !ok {
		return travel.Package{}, travel.ErrNotFound
	}
	return c.packages[i], nil
}

// Tags returns every tag that a package has, in the order of the alphabet.
func (s *Store) Tags(context.Context) ([]string, error) {
	return slices.Clone(s.catalogue.Load().tags), nil
}

// Departures returns the n packages that leave next, on or after today.
func (s *Store) Departures(_ context.Context, n int) ([]travel.Package, error) {
	today := s.now().UTC().Format("2006-01-02")
	all := slices.Clone(s.catalogue.Load().packages)
	all = slices.DeleteFunc(all, func(p travel.Package) bool { return p.Leaves < today })
	slices.SortStableFunc(all, func(a, b travel.Package) int { return strings.Compare(a.Leaves, b.Leaves) })
	return all[:min(n, len(all))], nil
}

// Recommendations returns the n packages that suit a person's preferences best.
func (s *Store) Recommendations(ctx context.Context, sub string, n int) ([]travel.Recommendation, error) {
	preferences, err := s.Preferences(ctx, sub)
	if err != nil {
		return nil, err
	}
	return travel.Recommend(s.catalogue.Load().packages, preferences, n), nil
}
