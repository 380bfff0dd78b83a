package password

import (
	_ "embed"
	"strings"
	"unicode/utf8"
)

// common lists the passwords that everybody tries first.
//
//go:embed common.txt
var common string

var commonest = func() map[string]bool {
	all := map[string]bool{}
	for one := range strings.Lines(common) {
		all[strings.TrimSpace(one)] = true
	}
	return all
}()

// How long a password may be, in characters.
const (
	Shortest = 8
	Longest  = 128
)

// Problem says why somebody cannot have a password, in words for them; empty: they
// can. NIST SP 800-63B §5.1.1.2: "Verifiers SHALL require subscriber-chosen
// memorized secrets to be at least 8 characters in length", compare them "against a
// list that contains values known to be commonly-used, expected, or compromised",
// and "SHOULD NOT impose other composition rules". about is what is expected of
// this person: their user name and address.
func Problem(chosen string, about ...string) string {
	n := utf8.RuneCountInString(chosen)
	switch {
	case !utf8.ValidString(chosen):
		return "This is not text."
	case n < Shortest:
		return "Take 8 characters at least. A sentence is easy to remember."
	case n > Longest:
		return "Take 128 characters at most."
	case commonest[strings.ToLower(chosen)]:
		return "This is one of the passwords that everybody tries first. Take another."
	}
	for _, known := range about {
		if known != "" && strings.EqualFold(chosen, known) {
			return "Your password must not be your name or your address. Take another."
		}
	}
	return ""
}
