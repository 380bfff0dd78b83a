// Package page holds the pages of the authorization server that people see:
// signing in, deciding what an application may have, and looking at what they
// decided.
//
// A page is a templ component that takes the frame and a view: a plain struct
// beside the component, filled by package endpoint. Sentences that depend on
// data (dates, names of scopes, the reason of a refusal) come ready in the view;
// what is said here is the same for everybody. Names, purposes and addresses of
// clients are strangers' words. templ escapes them and replaces URLs that are
// neither http nor https nor mailto; they pass through plain and stand in <bdi>,
// so that a name cannot turn the sentence around it.
package page

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/acme-dreams/views"
)

// KeyValue is a hidden field of a form.
type KeyValue struct{ Name, Value string }

// titled gives the page its title unless the caller knows a better one.
func titled(frame views.Frame, title string) views.Frame {
	if frame.Title == "" {
		frame.Title = title
	}
	return frame
}

// plain leaves out of a stranger's words the characters that nobody sees: those
// that control, and those that turn the direction of writing. With the latter a
// name reads as another one ("emcA" as "Acme").
func plain(words string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, words)
}

// initial stands where a logo would.
func initial(name string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimSpace(plain(name)))
	if size == 0 {
		return "?"
	}
	return strings.ToUpper(string(first))
}

// party says which mark an application bears: Acme's own website is the
// resource server of this house, every other application a client.
func party(firstParty bool) views.Party {
	if firstParty {
		return views.ResourceServer
	}
	return views.Client
}
