package travel

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Search is a question to the catalogue.
type Search struct {
	Tag   string // one tag, whole; empty: any
	Text  string // somewhere in title, destination, summary, description or tags; empty: any
	After string // the id of the last package of the page before; empty: from the start
	Limit int    // 1 to MaxLimit
}

// How many packages a page holds.
const (
	DefaultLimit = 20
	MaxLimit     = 100
	maxText      = 200
)

// ParseSearch reads a search from what a query string has; next is the cursor.
func ParseSearch(tag, text, cursor, limit string) (Search, error) {
	var faults Invalid
	s := Search{Tag: strings.ToLower(strings.TrimSpace(tag)), Text: strings.TrimSpace(text), Limit: DefaultLimit}
	if len(s.Text) > maxText {
		faults.add("q", fmt.Sprintf("must not be longer than %d bytes", maxText))
	}
	if cursor != "" {
		after, err := ParseCursor(cursor)
		if err != nil {
			faults = append(faults, CursorFault)
		}
		s.After = after
	}
	if limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > MaxLimit {
			faults.add("limit", fmt.Sprintf("must be a whole number from 1 to %d", MaxLimit))
		}
		s.Limit = n
	}
	return s, faults.err()
}

// Matches tells whether a package is an answer. Letter case does not matter,
// and no character means anything but itself.
func (s Search) Matches(p Package) bool {
	if s.Tag != "" && !contains(p.Tags, s.Tag) {
		return false
	}
	if s.Text == "" {
		return true
	}
	text := strings.ToLower(s.Text)
	for _, in := range append([]string{p.Title, p.Destination, p.Summary, p.Description}, p.Tags...) {
		if strings.Contains(strings.ToLower(in), text) {
			return true
		}
	}
	return false
}

// Page is a part of the answers; Next is the cursor of the rest, empty at the end.
type Page struct {
	Packages []Package
	Next     string
}

// Find walks a catalogue in its order. A cursor names the package to go on
// after, so a page stays what it is when packages are added before it.
func (s Search) Find(catalogue []Package) (Page, error) {
	if s.After != "" {
		last := slices.IndexFunc(catalogue, func(p Package) bool { return p.ID == s.After })
		if last < 0 {
			return Page{}, Invalid{CursorFault}
		}
		catalogue = catalogue[last+1:]
	}
	page := Page{Packages: make([]Package, 0, min(s.Limit, len(catalogue)))}
	for _, p := range catalogue {
		if !s.Matches(p) {
			continue
		}
		if len(page.Packages) == s.Limit {
			page.Next = NewCursor(page.Packages[s.Limit-1].ID)
			break
		}
		page.Packages = append(page.Packages, p)
	}
	return page, nil
}

// CursorFault is what is wrong with a cursor that we did not make.
var CursorFault = FieldError{"cursor", "is not one that this API gave you: use next_cursor as it came"}

// A cursor is opaque to clients so that it may change. It needs no signature:
// it opens nothing that the search without it does not show.
const cursorMark = "after:"

// NewCursor is the cursor of what follows a package.
func NewCursor(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + id))
}

// ParseCursor returns the package's id. Strict: one cursor has one spelling.
func ParseCursor(cursor string) (string, error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", CursorFault
	}
	id, marked := strings.CutPrefix(string(decoded), cursorMark)
	if !marked || id == "" || NewCursor(id) != cursor {
		return "", CursorFault
	}
	return id, nil
}
