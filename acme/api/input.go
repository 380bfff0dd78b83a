package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/travel"
)

// read decodes a JSON body. A body that is no JSON is a 400, a value of the
// wrong type a 422 that names its field.
func read(c echo.Context, into any) error {
	r := c.Request()
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != contentType {
		c.Response().Header().Set("Accept", contentType) // RFC 9110 §15.5.16
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Send the body as "+contentType+".")
	}
	decoder := json.NewDecoder(r.Body)
	if err := decoder.Decode(into); err != nil {
		return unreadable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return unreadable(errors.New("more than one value"))
	}
	return nil
}

func unreadable(err error) error {
	var (
		tooLarge  *http.MaxBytesError
		wrongType *json.UnmarshalTypeError
		field     travel.FieldError
	)
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return travel.Invalid{{Field: wrongType.Field, Detail: "must be " + kind(wrongType) + ", not a JSON " + wrongType.Value}}
	case errors.As(err, &field):
		return travel.Invalid{field}
	default:
		return echo.NewHTTPError(http.StatusBadRequest, "The body is not one JSON object.")
	}
}

// kind is a Go type in a client's words.
func kind(e *json.UnmarshalTypeError) string {
	switch name := e.Type.String(); {
	case name == "int":
		return "a whole number"
	case name == "bool":
		return "true or false"
	case name == "string":
		return "a string"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	default:
		return "an object"
	}
}

// one returns a query parameter that stands at most once.
func one(c echo.Context, faults *travel.Invalid, name string) string {
	values := c.QueryParams()[name]
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	default:
		*faults = append(*faults, travel.FieldError{Field: name, Detail: "must stand once"})
		return ""
	}
}

// search reads the query of a list.
func search(c echo.Context) (travel.Search, error) {
	if c.Request().URL.RawQuery == "" {
		return travel.Search{Limit: travel.DefaultLimit}, nil
	}
	var faults travel.Invalid
	tag, text := one(c, &faults, "tag"), one(c, &faults, "q")
	cursor, limit := one(c, &faults, "cursor"), one(c, &faults, "limit")
	s, err := travel.ParseSearch(tag, text, cursor, limit)
	var invalid travel.Invalid
	if errors.As(err, &invalid) || len(faults) > 0 {
		return s, badQuery{append(faults, invalid...)}
	}
	return s, err
}
