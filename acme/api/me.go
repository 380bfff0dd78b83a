package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/travel"
)

// Everything here is about the token's subject. No request can name another
// person: there is no parameter for it.

type profile struct {
	Sub     string  `json:"sub"`
	Name    string  `json:"name"`    // empty for someone who never came to Acme Travel
	Picture *string `json:"picture"` // null: none
	Email   *string `json:"email,omitempty"`
}

func (a *API) getProfile(c echo.Context, token *bearer.Token) error {
	p, err := a.Store.Profile(c.Request().Context(), token.Claims.Subject)
	if err != nil && !errors.Is(err, travel.ErrNotFound) {
		return err
	}
	body := profile{Sub: token.Claims.Subject, Name: p.Name}
	if p.Picture != "" {
		picture := a.links.art(p.Picture)
		body.Picture = &picture
	}
	if token.Claims.HasScope("email") && p.Email != "" {
		body.Email = &p.Email
	}
	return answer(c, http.StatusOK, body)
}

type preferences struct {
	Interests   []string       `json:"interests"`
	Budget      budget         `json:"budget"`
	TravelsWith string         `json:"travels_with"` // empty: not said
	Months      []travel.Month `json:"months"`
}

type budget struct {
	Max      int    `json:"max"` // 0: not said
	Currency string `json:"currency"`
}

func newPreferences(p travel.Preferences) preferences {
	return preferences{p.Interests, budget{p.BudgetMax, travel.Currency}, p.TravelsWith, p.Months}
}

func (a *API) getPreferences(c echo.Context, token *bearer.Token) error {
	p, err := a.Store.Preferences(c.Request().Context(), token.Claims.Subject)
	if err != nil {
		return err
	}
	if len(token.Details) > 0 {
		return answer(c, http.StatusOK, preferencesInPart{p.Among(token.Topics())})
	}
	return answer(c, http.StatusOK, newPreferences(p))
}

// preferencesInPart is the answer where authorization details opened the request
// and not the scope: what the person agreed to, and nothing else.
type preferencesInPart struct {
	Interests []string `json:"interests"`
}

// putPreferences replaces them whole, as PUT does: what is left out is empty.
func (a *API) putPreferences(c echo.Context, token *bearer.Token) error {
	var body preferences
	if err := read(c, &body); err != nil {
		return err
	}
	if body.Budget.Currency != "" && body.Budget.Currency != travel.Currency {
		return travel.Invalid{{Field: "budget.currency", Detail: "must be " + travel.Currency}}
	}
	p, err := a.Store.PutPreferences(c.Request().Context(), token.Claims.Subject, travel.Preferences{
		Interests: body.Interests, BudgetMax: body.Budget.Max, TravelsWith: body.TravelsWith, Months: body.Months,
	})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPreferences(p))
}

type post struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	Published bool      `json:"published"`
	Pictures  []string  `json:"pictures"` // they want the same token
	CreatedAt time.Time `json:"created_at"`
}

func (a *API) newPost(p travel.Post) post {
	pictures := make([]string, len(p.Pictures))
	for i, name := range p.Pictures {
		pictures[i] = a.links.picture(p.ID, name)
	}
	return post{p.ID, p.Title, p.Body, p.Published, pictures, p.CreatedAt}
}

func (a *API) listPosts(c echo.Context, token *bearer.Token) error {
	all, err := a.Store.Posts(c.Request().Context(), token.Claims.Subject)
	if err != nil {
		return err
	}
	body := struct {
		Posts []post `json:"posts"`
	}{make([]post, len(all))}
	for i, p := range all {
		body.Posts[i] = a.newPost(p)
	}
	return answer(c, http.StatusOK, body)
}

func (a *API) getPost(c echo.Context, token *bearer.Token) error {
	p, err := a.Store.Post(c.Request().Context(), token.Claims.Subject, c.Param("id"))
	if err != nil {
		return err
	}
	concerns(c, p.ID)
	return answer(c, http.StatusOK, a.newPost(p))
}

func (a *API) createPost(c echo.Context, token *bearer.Token) error {
	var body struct {
		Title     string `json:"title"`
		Body      string `json:"body"`
		Published bool   `json:"published"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	p, err := a.Store.CreatePost(c.Request().Context(), token.Claims.Subject, travel.Draft(body))
	if err != nil {
		return err
	}
	concerns(c, p.ID)
	return created(c, a.links.post(p.ID), a.newPost(p))
}

// getPicture sends a picture of one of the person's posts. The seeded ones are
// art that the program carries and shows to everybody under /static; here the
// post decides who may see that it belongs to it.
func (a *API) getPicture(c echo.Context, token *bearer.Token) error {
	p, err := a.Store.Picture(c.Request().Context(), token.Claims.Subject, c.Param("id"), c.Param("name"))
	if err != nil {
		return err
	}
	concerns(c, c.Param("id"))
	if len(p.Data) > 0 {
		return c.Blob(http.StatusOK, p.ContentType, p.Data)
	}
	art := c.Request().Clone(c.Request().Context())
	art.URL.Path = "/static/art/" + p.Name
	private := func() { c.Response().Header().Set("Cache-Control", "no-store") }
	c.Response().Before(private)
	a.Static.ServeHTTP(c.Response(), art)
	return nil
}
