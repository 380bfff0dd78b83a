package site

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

// scopes is what the API's permissions open, as its manual says it.
var scopes = []page.Scope{
	{Name: "packages:read", Note: "public", Sentence: "See the journeys that Acme sells.", Requests: []string{"GET /api/v1/packages", "GET /api/v1/packages/{id}"}},
	{Name: "reviews:read", Note: "public", Sentence: "See published reviews.", Requests: []string{"GET /api/v1/packages/{id}/reviews"}},
	{Name: "reviews:write", Note: "private", Sentence: "Write reviews as the person.", Requests: []string{"POST /api/v1/packages/{id}/reviews"}},
	{Name: "profile", Note: "private", Sentence: "See the person’s name and picture.", Requests: []string{"GET /api/v1/me"}},
	{Name: "email", Note: "private", Sentence: "See the person’s e-mail address, beside the profile.", Requests: []string{"GET /api/v1/me"}},
	{Name: "preferences:read", Note: "private", Sentence: "See the person’s travel preferences.", Requests: []string{"GET /api/v1/me/preferences"}},
	{Name: "preferences:write", Note: "private", Sentence: "Change the person’s travel preferences.", Requests: []string{"PUT /api/v1/me/preferences"}},
	{Name: "blog:read", Note: "private", Sentence: "See the person’s posts, unpublished ones and pictures included.", Requests: []string{"GET /api/v1/me/posts", "GET /api/v1/me/posts/{id}"}},
	{Name: "blog:write", Note: "private", Sentence: "Write posts as the person.", Requests: []string{"POST /api/v1/me/posts"}},
}

func (s *Site) developers(c echo.Context) error {
	return s.render(c, http.StatusOK, page.DevelopersPage(s.frame(c, "The API"), page.Developers{
		AcmeURL: s.env.AcmeURL.String(), AuthserverURL: s.env.AuthserverURL.String(), DreamsURL: s.env.DreamsURL.String(),
		Scopes: scopes, Package: picks[1],
	}))
}

func (s *Site) help(c echo.Context) error {
	v := page.Help{
		Accounts:      views.Link{Label: s.env.AuthserverURL.Host(), Href: s.env.AuthserverURL.String() + "/"},
		Dreams:        views.Link{Label: "Dreams", Href: s.env.DreamsURL.String() + "/"},
		ConnectedApps: s.env.AuthserverURL.String() + "/account/apps",
	}
	for _, u := range seed.Users() {
		v.People = append(v.People, page.HelpPerson{Username: u.Username, Name: u.Name, About: u.About})
	}
	return s.render(c, http.StatusOK, page.HelpPage(s.frame(c, "Help"), v))
}
