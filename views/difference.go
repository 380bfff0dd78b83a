package views

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Difference is two strings, split where they part: both begin with Same and
// end with Tail.
type Difference struct {
	Same, RegisteredRest, ReceivedRest, Tail string
	Sentence                                 string // where they differ, and what it is
}

// DiffStrings finds the first character in which a received redirect URI
// differs from the registered one, and the end that they share. It compares as
// the server does: as strings (RFC 9700 §4.1.3).
func DiffStrings(registered, received string) Difference {
	a, b := []rune(registered), []rune(received)
	same := commonPrefix(a, b)
	tail := commonSuffix(a[same:], b[same:])
	return Difference{
		Same:           string(a[:same]),
		RegisteredRest: string(a[same : len(a)-tail]),
		ReceivedRest:   string(b[same : len(b)-tail]),
		Tail:           string(a[len(a)-tail:]),
		Sentence:       differenceSentence(registered, received, same),
	}
}

func commonPrefix(a, b []rune) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b []rune) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

func differenceSentence(registered, received string, same int) string {
	if registered == received {
		return "The two are the same, character by character"
	}
	if received == "" {
		return "Nothing was received"
	}
	length := utf8.RuneCountInString(received)
	where := fmt.Sprintf("Differs at character %d of %d", same+1, length)
	if same == length {
		where = fmt.Sprintf("Ends after character %d, too early", length)
	}
	if what := differenceInWords(registered, received); what != "" {
		return where + ": " + what
	}
	return where
}

// differenceInWords names the mistakes that happen most.
func differenceInWords(registered, received string) string {
	switch {
	case received == registered+"/":
		return "a trailing slash"
	case received+"/" == registered:
		return "the trailing slash is missing"
	case strings.TrimSpace(received) == registered:
		return "white space around it"
	case strings.EqualFold(received, registered):
		return "upper and lower case are not the same"
	case strings.ContainsFunc(received, func(r rune) bool { return r > unicode.MaxASCII }):
		return "a character outside ASCII, which may look like another"
	}
	a, errA := url.Parse(registered)
	b, errB := url.Parse(received)
	if errA != nil || errB != nil {
		return ""
	}
	switch {
	case a.Scheme != b.Scheme:
		return insteadOf("scheme", b.Scheme, a.Scheme)
	case a.Hostname() != b.Hostname():
		return insteadOf("host", b.Hostname(), a.Hostname())
	case a.Port() != b.Port():
		return insteadOf("port", b.Port(), a.Port())
	case a.Path != b.Path:
		return "another path"
	case a.RawQuery != b.RawQuery:
		return "another query"
	}
	return ""
}

func insteadOf(part, received, registered string) string {
	switch {
	case received == "":
		return fmt.Sprintf("%s %s is missing", part, visible(registered))
	case registered == "":
		return fmt.Sprintf("%s %s is too much", part, visible(received))
	}
	return fmt.Sprintf("%s %s instead of %s", part, visible(received), visible(registered))
}

// visible writes out what a reader could not see or could be fooled by: control
// characters, and the format characters that turn the direction of writing.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			fmt.Fprintf(&b, "U+%04X", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func visibleOrNothing(s string) string {
	if s == "" {
		return "∅"
	}
	return visible(s)
}

func onlyOrMissing(rest string) string {
	if rest == "" {
		return "missing here"
	}
	return "only here"
}
