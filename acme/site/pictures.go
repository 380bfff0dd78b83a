package site

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/views"
)

const (
	uploadsAtOnce = 4               // in memory, as they came
	drawnAtOnce   = 1               // as pixels: up to a hundred megabytes
	drawingTime   = 5 * time.Second // for one of them
	maxAltBytes   = 4 << 10

	// maxUploadBody is more than a picture may have, so that one that is too large
	// is told so in the form, and not by a connection that ends.
	maxUploadBody = 24 << 20
)

var uploadPath = regexp.MustCompile(`^/me/posts/[^/]+/pictures$`)

// Largest is how many bytes a path takes: httpserver.Settings.
func Largest(path string) int64 {
	if uploadPath.MatchString(path) {
		return maxUploadBody
	}
	return 0
}

// pictures are those of a post: below the post, or among the art that the program
// carries. What is on the art its name says.
func pictures(post string, p travel.Post) []page.Picture {
	all := make([]page.Picture, len(p.Pictures))
	for i, name := range p.Pictures {
		if label, isArt := artLabel(name); isArt {
			all[i] = page.Picture{URL: art(name), Alt: "A drawing: " + label}
			continue
		}
		all[i] = page.Picture{URL: post + "/pictures/" + url.PathEscape(name), Alt: p.Alts[i]}
	}
	return all
}

// addPicture takes a picture into one's own post.
func (s *Site) addPicture(c echo.Context) error {
	ctx, who := c.Request().Context(), s.person(c)
	p, err := s.store.Post(ctx, who.Sub, c.Param("id"))
	if err != nil {
		return err
	}
	upload, alt, err := s.readUpload(c)
	if err != nil {
		return s.refusePicture(c, p, alt, err)
	}
	picture, err := s.draw(ctx, upload, alt)
	if err != nil {
		return s.refusePicture(c, p, alt, err)
	}
	if err := s.store.AddPicture(ctx, who.Sub, p.ID, picture); err != nil {
		return s.refusePicture(c, p, alt, err)
	}
	return c.Redirect(http.StatusSeeOther, postPath(p.ID)+"?said=picture#pictures")
}

var errBusy = errors.New("site: too many pictures at once")

// refusePicture shows the post with what is wrong, and what was typed.
func (s *Site) refusePicture(c echo.Context, p travel.Post, alt string, err error) error {
	form := page.PictureForm{Alt: alt, Errors: problems(err)}
	switch {
	case errors.Is(err, errBusy):
		form.Errors = []views.FieldError{{Field: "picture", Text: "Other pictures are being drawn at the moment. Send it again in a few seconds."}}
		c.Response().Header().Set("Retry-After", retryAfter)
		return s.showPost(c, http.StatusServiceUnavailable, p, form)
	case form.Errors != nil:
		return s.showPost(c, http.StatusUnprocessableEntity, p, form)
	}
	return err
}

// readUpload reads the form as it comes, into memory that has an end. A file that
// is too large is read to its end and not kept.
func (s *Site) readUpload(c echo.Context) (upload []byte, alt string, err error) {
	if !begin(s.uploads) {
		return nil, "", errBusy
	}
	defer end(s.uploads)
	parts, err := c.Request().MultipartReader()
	if err != nil {
		return nil, "", echo.NewHTTPError(http.StatusBadRequest, "the form is not multipart/form-data")
	}
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return upload, alt, nil
		case err != nil:
			return nil, alt, unreadable(err)
		}
		switch part.FormName() {
		case "picture":
			upload, err = io.ReadAll(io.LimitReader(part, travel.MaxUpload+1))
		case "alt":
			var text []byte
			text, err = io.ReadAll(io.LimitReader(part, maxAltBytes))
			alt = string(text)
		}
		if err != nil {
			return nil, alt, unreadable(err)
		}
	}
}

func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return echo.NewHTTPError(http.StatusBadRequest, "the form breaks off")
}

// draw makes a picture of an upload, when it is its turn.
func (s *Site) draw(ctx context.Context, upload []byte, alt string) (travel.Picture, error) {
	ctx, cancel := context.WithTimeout(ctx, drawingTime)
	defer cancel()
	select {
	case s.drawing <- struct{}{}:
		defer end(s.drawing)
	case <-ctx.Done():
		return travel.Picture{}, errBusy
	}
	return travel.DecodePicture(ctx, upload, alt)
}

// begin takes a place where there is one.
func begin(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func end(places chan struct{}) { <-places }

func (s *Site) removePicture(c echo.Context) error {
	id := c.Param("id")
	if err := s.store.RemovePicture(c.Request().Context(), s.person(c).Sub, id, c.Param("name")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, postPath(id)+"?said=removed#pictures")
}
