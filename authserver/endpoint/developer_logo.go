package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/picture"
)

// A logo is an upload, and never an address: what stood at a logo_uri could be
// another picture tomorrow, and its server would see who is asked for consent. RFC
// 7591 §5 has it that the server may "cache" it; we take it in and draw it anew.
var logoLimits = picture.Limits{Bytes: 1 << 20, Pixels: 4_000_000, Length: 4_000, Side: 256}

const (
	// maxLogoBody is more than a logo may have, so that one that is too large is told
	// so in the form.
	maxLogoBody = 8 << 20
	logoTime    = 3 * time.Second // to draw one
)

var logoPath = regexp.MustCompile(`^/developer/apps/[^/]+/logo$`)

// Largest is how many bytes a path takes: httpserver.Settings.
func Largest(path string) int64 {
	if logoPath.MatchString(path) {
		return maxLogoBody
	}
	return 0
}

// UploadLogo takes the picture of an application: the form's only file.
func (e *Endpoints) UploadLogo(c echo.Context) error {
	session, client, err := e.application(c)
	if err != nil {
		return err
	}
	form, upload, err := readUpload(c)
	if err != nil {
		return err
	}
	if err := e.fromOurPage(c, form); err != nil {
		return err
	}
	if !allowedAction(client, "logo") {
		return echo.NewHTTPError(http.StatusForbidden, readOnly(client))
	}
	a := applicationChange{e, c, session, client, form}
	logo, err := e.drawLogo(c.Request().Context(), upload)
	var fault picture.Fault
	switch {
	case errors.As(err, &fault):
		return a.again(page.PermissionsTab, http.StatusUnprocessableEntity, problems{{"logo", sentence(fault.Error())}}, func(v *page.ApplicationView) {
			v.LogoError = sentence(fault.Error())
		})
	case err != nil:
		return err
	}
	return a.setLogo(logo, "saved")
}

// drawLogo draws one at a time: a few bytes can be millions of pixels.
func (e *Endpoints) drawLogo(ctx context.Context, upload []byte) (store.Logo, error) {
	ctx, cancel := context.WithTimeout(ctx, logoTime)
	defer cancel()
	select {
	case e.drawing <- struct{}{}:
		defer func() { <-e.drawing }()
	case <-ctx.Done():
		return store.Logo{}, picture.Fault("has to wait, because others are being drawn: send it again in a few seconds")
	}
	drawn, err := logoLimits.Draw(ctx, upload)
	sum := sha256.Sum256(drawn.Data)
	return store.Logo{Name: hex.EncodeToString(sum[:12]) + "." + drawn.Kind, ContentType: "image/" + drawn.Kind, Data: drawn.Data}, err
}

func (a applicationChange) setLogo(logo store.Logo, what string) error {
	err := a.Store.SetLogo(background(a.c), a.client.ID, logo)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return echo.ErrNotFound
	case err != nil:
		return err
	}
	a.record(a.c, "application changed", a.session.User.Sub, a.client.ID, "logo")
	return a.done(page.PermissionsTab, what)
}

// removeLogo goes back to the letter.
func (a applicationChange) removeLogo() error { return a.setLogo(store.Logo{}, "logo-removed") }

// readUpload reads a form with a file: csrf and logo, into memory that has an end. A
// file that is too large is read to its end and not kept.
func readUpload(c echo.Context) (oauth.Parameters, []byte, error) {
	form := oauth.Parameters{}
	broken := echo.NewHTTPError(http.StatusBadRequest, "the form breaks off, or is not multipart/form-data")
	parts, err := c.Request().MultipartReader()
	if err != nil {
		return nil, nil, broken
	}
	var upload []byte
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, upload, nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(io.LimitReader(part, int64(logoLimits.Bytes)+1))
		}
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			return nil, nil, err
		case err != nil:
			return nil, nil, broken
		case part.FormName() == "logo":
			upload = content
		case part.FormName() == "csrf":
			form["csrf"] = []string{limit(string(content), 100)}
		}
	}
}

// logoAddress is where an application's picture is; empty: it has none.
func logoAddress(client *oauth.Client) string {
	if client == nil || client.Logo == "" {
		return ""
	}
	return "/logos/" + url.PathEscape(client.ID) + "/" + client.Logo
}

// Logo serves it, to everybody: it is made for strangers to see.
func (e *Endpoints) Logo(c echo.Context) error {
	logo, err := e.Store.Logo(c.Request().Context(), e.Store.Client(c.Param("client_id")), c.Param("name"))
	if errors.Is(err, store.ErrNotFound) {
		return echo.ErrNotFound
	}
	if err != nil {
		return err
	}
	// Opened by itself, a picture is a document: it must not be able to do anything here.
	c.Response().Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	c.Response().Header().Set("Cache-Control", "public, max-age=86400, immutable") // another picture has another name
	return c.Blob(http.StatusOK, logo.ContentType, logo.Data)
}
