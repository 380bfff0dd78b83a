package site

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/views"
)

const (
	storiesShown  = 60
	excerptLength = 220
)

func (s *Site) stories(c echo.Context) error {
	all, err := s.store.Stories(c.Request().Context(), storiesShown)
	if err != nil {
		return err
	}
	cards := make([]page.Story, len(all))
	for i, story := range all {
		cards[i] = s.storyCard(story)
	}
	return s.render(c, http.StatusOK, page.StoriesPage(s.frame(c, "Stories"), cards))
}

func (s *Site) story(c echo.Context) error {
	story, err := s.store.Story(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	f := s.frame(c, story.Title, views.Link{Label: "Stories", Href: "/stories"}, views.Link{Label: story.Title, Current: true})
	return s.render(c, http.StatusOK, page.StoryPage(f, s.storyCard(story)))
}

func storyPath(id string) string { return "/stories/" + url.PathEscape(id) }

func (s *Site) storyCard(story travel.Story) page.Story {
	return page.Story{
		Title: story.Title, Href: storyPath(story.ID), Author: orElse(story.Author, "A traveller"), Date: date(story.CreatedAt),
		Excerpt: page.Excerpt(story.Body, excerptLength), Body: story.Body,
		Pictures: pictures(storyPath(story.ID), story.Post),
	}
}

// storyPicture and postPicture serve what people uploaded, as private as the
// post that it belongs to.
func (s *Site) storyPicture(c echo.Context) error {
	picture, err := s.store.StoryPicture(c.Request().Context(), c.Param("id"), c.Param("name"))
	return servePicture(c, picture, err)
}

func (s *Site) postPicture(c echo.Context) error {
	picture, err := s.store.Picture(c.Request().Context(), s.person(c).Sub, c.Param("id"), c.Param("name"))
	return servePicture(c, picture, err)
}

func servePicture(c echo.Context, p travel.Picture, err error) error {
	switch {
	case err != nil:
		return err
	case p.Data == nil: // art that the program carries
		return c.Redirect(http.StatusSeeOther, art(p.Name))
	}
	// Opened by itself, a picture is a document: it must not be able to do
	// anything here.
	c.Response().Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	return c.Blob(http.StatusOK, p.ContentType, p.Data)
}
