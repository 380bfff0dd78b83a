package views

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Field is one labelled control of a form.
type Field struct {
	ID, Name, Label string
	Type            string // of TextField; empty: text
	Value           string
	Autocomplete    string
	Hint            string // below the control, read out with it
	Error           string // what is wrong, and how to put it right
	InputMode       string
	Required        bool
	Attrs           templ.Attributes // anything else: rows, min, maxlength, autofocus
}

// FieldError is one line of the error summary. Field is the id of the control
// it is about; empty: of none.
type FieldError struct{ Field, Text string }

func (f Field) hintID() string  { return f.ID + "-hint" }
func (f Field) errorID() string { return f.ID + "-error" }

// attributes are those that input and textarea share. The two notes below the
// control are part of its description, the error first.
func (f Field) attributes() templ.Attributes {
	attrs := templ.Attributes{"id": f.ID, "name": f.Name}
	for name, value := range map[string]string{"autocomplete": f.Autocomplete, "inputmode": f.InputMode} {
		if value != "" {
			attrs[name] = value
		}
	}
	var notes []string
	if f.Error != "" {
		attrs["aria-invalid"] = "true"
		notes = append(notes, f.errorID())
	}
	if f.Hint != "" {
		notes = append(notes, f.hintID())
	}
	if len(notes) > 0 {
		attrs["aria-describedby"] = strings.Join(notes, " ")
	}
	if f.Required {
		attrs["required"] = true
	}
	for name, value := range f.Attrs {
		attrs[name] = value
	}
	return attrs
}

func (f Field) inputAttributes() templ.Attributes {
	attrs := f.attributes()
	attrs["type"] = "text"
	if f.Type != "" {
		attrs["type"] = f.Type
	}
	// A password is never sent back to the page that asked for it.
	if f.Type != "password" {
		attrs["value"] = f.Value
	}
	return attrs
}

func pressed(is bool) string { return strconv.FormatBool(is) }

// countIn fills a sentence such as "{n} of {m} optional ones ticked"; app.js
// does the same when a box is ticked.
func countIn(sentence string, ticked, of int) string {
	return strings.NewReplacer("{n}", strconv.Itoa(ticked), "{m}", strconv.Itoa(of)).Replace(sentence)
}

func summaryHeading(errors int) string {
	if errors == 1 {
		return "One thing is not right yet."
	}
	return strconv.Itoa(errors) + " things are not right yet."
}
