package site

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/views"
)

// fields names what people see for what the rules call a field, and the id of
// its control.
var fields = map[string]struct{ id, name string }{
	"rating":       {"rating", "The rating"},
	"text":         {"text", "Your review"},
	"title":        {"title", "The title"},
	"body":         {"body", "The story"},
	"picture":      {"picture", "The picture"},
	"alt":          {"alt", "The description"},
	"interests":    {"interests", "An interest"},
	"budget.max":   {"budget", "The budget"},
	"travels_with": {"travels_with", "Your company"},
	"months":       {"months", "The months"},
}

// problems are the lines of the error summary; nil where the error is none of
// the person's.
func problems(err error) []views.FieldError {
	var invalid travel.Invalid
	if !errors.As(err, &invalid) {
		return nil
	}
	lines := make([]views.FieldError, len(invalid))
	for i, fault := range invalid {
		field, known := fields[fault.Field]
		if !known {
			lines[i] = views.FieldError{Text: fault.Detail}
			continue
		}
		text := field.name + " " + strings.TrimSuffix(fault.Detail, ".") + "."
		if fault.Field == "rating" {
			text = "Choose how it was, from 1 to 5."
		}
		lines[i] = views.FieldError{Field: field.id, Text: text}
	}
	return lines
}

// notices are what a page may say after a form was taken. The redirect names
// one of them, so that a link cannot put words into our mouth.
var notices = map[string]string{
	"review":      "Published. Thank you: the next person knows more now.",
	"preferences": "Saved. The suggestions have changed with them.",
	"post":        "Saved.",
	"picture":     "The picture is in. What your camera wrote into the file is not.",
	"removed":     "The picture is gone.",
	"deleted":     "The post and its pictures are gone.",
	"published":   "Published. Everybody can read it now.",
	"unpublished": "Unpublished. From now on it is not among the stories.",
}

func said(c echo.Context) string { return notices[c.QueryParam("said")] }
