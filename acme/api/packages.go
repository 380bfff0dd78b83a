package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/travel"
)

// listed is a package in a list.
type listed struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Destination string         `json:"destination"`
	Summary     string         `json:"summary"`
	Tags        []string       `json:"tags"`
	Price       price          `json:"price"`
	Nights      int            `json:"nights"`
	Months      []travel.Month `json:"months"`
	Company     []string       `json:"company"`
	Leaves      string         `json:"leaves"`
	Rating      *float64       `json:"rating"` // null where nobody has reviewed it
	ReviewCount int            `json:"review_count"`
	Picture     string         `json:"picture"`
	URL         string         `json:"url"` // the page for people
}

// detailed is a package by itself.
type detailed struct {
	listed
	Description string   `json:"description"`
	Days        []string `json:"days"`
	From        string   `json:"from"`
	Effort      string   `json:"effort"`
}

type price struct {
	Amount   int    `json:"amount"`
	Currency string `json:"currency"`
}

func (a *API) listed(p *travel.Package) listed {
	l := listed{
		ID: p.ID, Title: p.Title, Destination: p.Destination, Summary: p.Summary, Tags: p.Tags,
		Price: price{p.Price, travel.Currency}, Nights: p.Nights, Months: p.Months, Company: p.Company, Leaves: p.Leaves,
		ReviewCount: p.ReviewCount, Picture: a.links.art(p.Picture), URL: a.links.page(p.ID),
	}
	if p.ReviewCount > 0 {
		l.Rating = &p.Rating
	}
	return l
}

func (a *API) listPackages(c echo.Context, _ *bearer.Token) error {
	wanted, err := search(c)
	if err != nil {
		return err
	}
	page, err := a.Store.Packages(c.Request().Context(), wanted)
	var invalid travel.Invalid
	if errors.As(err, &invalid) {
		return badQuery{invalid} // a cursor of ours, to a package that is no longer there
	}
	if err != nil {
		return err
	}
	body := struct {
		Packages   []listed `json:"packages"`
		NextCursor *string  `json:"next_cursor"` // null on the last page
	}{Packages: make([]listed, len(page.Packages))}
	for i := range page.Packages {
		body.Packages[i] = a.listed(&page.Packages[i])
	}
	if page.Next != "" {
		body.NextCursor = &page.Next
	}
	return answer(c, http.StatusOK, body)
}

func (a *API) getPackage(c echo.Context, _ *bearer.Token) error {
	p, err := a.Store.Package(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, detailed{a.listed(&p), p.Description, p.Days, p.From, p.Effort})
}

type review struct {
	ID        string    `json:"id"`
	Author    string    `json:"author"`
	Rating    int       `json:"rating"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

func newReview(r travel.Review) review {
	return review{r.ID, r.Author, r.Rating, r.Text, r.CreatedAt}
}

func (a *API) listReviews(c echo.Context, _ *bearer.Token) error {
	all, err := a.Store.Reviews(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	body := struct {
		Reviews []review `json:"reviews"`
	}{make([]review, len(all))}
	for i, r := range all {
		body.Reviews[i] = newReview(r)
	}
	return answer(c, http.StatusOK, body)
}

func (a *API) getReview(c echo.Context, _ *bearer.Token) error {
	r, err := a.Store.Review(c.Request().Context(), c.Param("id"), c.Param("review"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newReview(r))
}

// writeReview publishes a review under the person's name. A second one takes
// the place of her first: see store.WriteReview.
func (a *API) writeReview(c echo.Context, token *bearer.Token) error {
	if _, err := a.Store.Package(c.Request().Context(), c.Param("id")); err != nil {
		return err
	}
	var body struct {
		Rating int    `json:"rating"`
		Text   string `json:"text"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	r, err := a.Store.WriteReview(c.Request().Context(), token.Claims.Subject, c.Param("id"), travel.Opinion{Rating: body.Rating, Text: body.Text})
	if err != nil {
		return err
	}
	concerns(c, r.Package)
	return created(c, a.links.review(r.Package, r.ID), newReview(r))
}
