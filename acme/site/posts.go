package site

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/views"
)

// drawer is Acme's own art that a post may be adorned with.
var drawer = []string{
	"alps.svg", "beach.svg", "desert.svg", "fjord.svg", "island.svg", "lake.svg",
	"lighthouse.svg", "night-train.svg", "old-town.svg", "canal.svg", "market.svg", "museum.svg",
	"aurora.svg", "castle.svg", "vineyard.svg", "waterfall.svg",
}

// artLabel is what a picture of the drawer shows. Nobody can upload an SVG.
func artLabel(name string) (label string, isArt bool) {
	label, isArt = strings.CutSuffix(name, ".svg")
	return strings.ReplaceAll(label, "-", " "), isArt
}

func postPath(id string) string { return "/me/posts/" + url.PathEscape(id) }

func (s *Site) post(c echo.Context) error {
	p, err := s.store.Post(c.Request().Context(), s.person(c).Sub, c.Param("id"))
	if err != nil {
		return err
	}
	return s.showPost(c, http.StatusOK, p, page.PictureForm{})
}

func (s *Site) showPost(c echo.Context, status int, p travel.Post, form page.PictureForm) error {
	path := postPath(p.ID)
	v := page.Post{
		Story: page.Story{
			Title: p.Title, Author: s.person(c).Name, Date: date(p.CreatedAt), Body: p.Body, Pictures: pictures(path, p),
		},
		Published: p.Published, Notice: said(c),
		Edit: path + "/edit", Turn: path + "/published", Delete: path + "/delete", Readers: storyPath(p.ID),
		Upload: form,
	}
	v.Upload.Action = path + "/pictures#upload"
	for i, name := range p.Pictures {
		if _, isArt := artLabel(name); !isArt {
			v.Uploads = append(v.Uploads, page.Upload{Picture: v.Pictures[i], Remove: v.Pictures[i].URL + "/delete"})
		}
	}
	return s.render(c, status, page.PostPage(s.frame(c, p.Title, postCrumbs(p.Title)...), v))
}

// askDeletePost asks first: a post that is gone is gone.
func (s *Site) askDeletePost(c echo.Context) error {
	p, err := s.store.Post(c.Request().Context(), s.person(c).Sub, c.Param("id"))
	if err != nil {
		return err
	}
	v := page.DeletePost{Title: p.Title, Action: postPath(p.ID) + "/delete", Cancel: postPath(p.ID), Published: p.Published, Pictures: len(uploads(p.Pictures))}
	return s.render(c, http.StatusOK, page.DeletePostPage(s.frame(c, "Delete a post", postCrumbs("Delete")...), v))
}

func (s *Site) deletePost(c echo.Context) error {
	if err := s.store.DeletePost(c.Request().Context(), s.person(c).Sub, c.Param("id")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/me?said=deleted")
}

func postCrumbs(title string) []views.Link {
	return []views.Link{{Label: "My data", Href: "/me"}, {Label: "Posts", Href: "/me#posts"}, {Label: title, Current: true}}
}

func (s *Site) newPost(c echo.Context) error {
	return s.showPostForm(c, http.StatusOK, page.PostForm{New: true}, nil)
}

func (s *Site) editPost(c echo.Context) error {
	p, err := s.store.Post(c.Request().Context(), s.person(c).Sub, c.Param("id"))
	if err != nil {
		return err
	}
	return s.showPostForm(c, http.StatusOK, page.PostForm{Title: p.Title, Body: p.Body}, p.Pictures)
}

// showPostForm fills in what a new post and an old one differ in.
func (s *Site) showPostForm(c echo.Context, status int, v page.PostForm, chosen []string) error {
	v.Heading, v.Action, v.Cancel = "Write a post", "/me/posts", "/me#posts"
	if !v.New {
		v.Heading, v.Action, v.Cancel = "Edit your post", postPath(c.Param("id")), postPath(c.Param("id"))
	}
	for _, name := range drawer {
		label, _ := artLabel(name)
		v.Pictures = append(v.Pictures, page.Choice{Value: name, Label: label, Chosen: slices.Contains(chosen, name), Picture: art(name)})
	}
	return s.render(c, status, page.PostFormPage(s.frame(c, v.Heading, postCrumbs(v.Heading)...), v))
}

// readPost is what the form holds. A name that is not in the drawer is nobody's
// choice and dropped.
func readPost(c echo.Context) (form page.PostForm, chosen []string, err error) {
	values, err := c.FormParams()
	if err != nil {
		return form, nil, echo.NewHTTPError(http.StatusBadRequest, "the form cannot be read")
	}
	for _, name := range drawer {
		if slices.Contains(values["pictures"], name) {
			chosen = append(chosen, name)
		}
	}
	return page.PostForm{Title: values.Get("title"), Body: values.Get("body")}, chosen, nil
}

func (s *Site) createPost(c echo.Context) error {
	form, chosen, err := readPost(c)
	if err != nil {
		return err
	}
	form.New = true
	ctx, who := c.Request().Context(), s.person(c)
	if form.Errors = tooMany(chosen); form.Errors != nil {
		return s.showPostForm(c, http.StatusUnprocessableEntity, form, chosen)
	}
	draft := travel.Draft{Title: form.Title, Body: form.Body, Published: c.FormValue("published") == "yes"}
	p, err := s.store.CreatePost(ctx, who.Sub, draft)
	if form.Errors = problems(err); form.Errors != nil {
		return s.showPostForm(c, http.StatusUnprocessableEntity, form, chosen)
	}
	if err != nil {
		return err
	}
	if err := s.setArt(ctx, who.Sub, p, chosen); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, postPath(p.ID)+"?said=post")
}

func (s *Site) savePost(c echo.Context) error {
	form, chosen, err := readPost(c)
	if err != nil {
		return err
	}
	ctx, who := c.Request().Context(), s.person(c)
	old, err := s.store.Post(ctx, who.Sub, c.Param("id"))
	if err != nil {
		return err
	}
	if form.Errors = tooMany(append(uploads(old.Pictures), chosen...)); form.Errors != nil {
		return s.showPostForm(c, http.StatusUnprocessableEntity, form, chosen)
	}
	p, err := s.store.UpdatePost(ctx, who.Sub, old.ID, travel.Draft{Title: form.Title, Body: form.Body, Published: old.Published})
	if form.Errors = problems(err); form.Errors != nil {
		return s.showPostForm(c, http.StatusUnprocessableEntity, form, chosen)
	}
	if err != nil {
		return err
	}
	if err := s.setArt(ctx, who.Sub, p, chosen); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, postPath(p.ID)+"?said=post")
}

// publishPost publishes a post (published=yes) or takes it back.
func (s *Site) publishPost(c echo.Context) error {
	ctx, who := c.Request().Context(), s.person(c)
	p, err := s.store.Post(ctx, who.Sub, c.Param("id"))
	if err != nil {
		return err
	}
	publish, notice := c.FormValue("published") == "yes", "unpublished"
	if publish {
		notice = "published"
	}
	_, err = s.store.UpdatePost(ctx, who.Sub, p.ID, travel.Draft{Title: p.Title, Body: p.Body, Published: publish})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, postPath(p.ID)+"?said="+notice)
}

const maxPictures = 10

func tooMany(pictures []string) []views.FieldError {
	if len(pictures) <= maxPictures {
		return nil
	}
	return []views.FieldError{{Field: "pictures", Text: "A post has ten pictures at most."}}
}

func uploads(pictures []string) []string {
	return slices.DeleteFunc(slices.Clone(pictures), func(name string) bool { return slices.Contains(drawer, name) })
}

// setArt makes the art of a post what was chosen, and leaves uploads alone.
func (s *Site) setArt(ctx context.Context, sub string, p travel.Post, chosen []string) error {
	for _, name := range p.Pictures {
		if slices.Contains(drawer, name) && !slices.Contains(chosen, name) {
			// Somebody who saves twice at once has removed it already.
			if err := s.store.RemovePicture(ctx, sub, p.ID, name); err != nil && !errors.Is(err, travel.ErrNotFound) {
				return err
			}
		}
	}
	for _, name := range chosen {
		if slices.Contains(p.Pictures, name) {
			continue
		}
		if err := s.store.AddPicture(ctx, sub, p.ID, travel.Picture{Name: name, ContentType: "image/svg+xml"}); err != nil {
			return err
		}
	}
	return nil
}
