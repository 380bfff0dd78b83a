package page

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/views"
)

// OutboxView is a person's letters, and the one that is open.
type OutboxView struct {
	Letters []OutboxLetter // newest first
	Open    *OutboxLetter  // nil: none; then the newest is the one to open
	Tab     string         // "letter", "text" or "source"; anything else is "letter"
	Now     time.Time      // its location is the one that times are shown in

	MayWrite  bool   // the person granted email
	Stopped   bool   // the person stopped the letters
	StopToken string // posted to /unsubscribe
}

// OutboxLetter is a letter and where it went.
type OutboxLetter struct {
	offers.Letter
	DeliveredAt time.Time // zero: kept in the outbox alone
}

func (v OutboxView) tab() string {
	if v.Tab == "text" || v.Tab == "source" {
		return v.Tab
	}
	return "letter"
}

type outboxTab struct{ name, label string }

var outboxTabs = []outboxTab{{"letter", "Letter"}, {"text", "Text"}, {"source", "Source"}}

// letterHref is the page of one letter, in one of its three views.
func letterHref(id, tab string) string {
	href := "/outbox/" + url.PathEscape(id)
	if tab == "" || tab == "letter" {
		return href
	}
	return href + "?view=" + tab
}

func (v OutboxView) isOpen(l OutboxLetter) bool { return v.Open != nil && v.Open.ID == l.ID }

// shortWhen is "14:03", or "14 September" for another day.
func (v OutboxView) shortWhen(t time.Time) string {
	t = t.In(v.Now.Location())
	if t.Format(time.DateOnly) == v.Now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2 January")
}

// sent is "14 September 2026, 14:03, kept in the outbox".
func (v OutboxView) sent(l OutboxLetter) string {
	written := l.Date.In(v.Now.Location()).Format("2 January 2006, 15:04")
	if l.DeliveredAt.IsZero() {
		return written + ", kept in the outbox"
	}
	return written + ", handed to the mail server " + when(l.DeliveredAt, v.Now)
}

// becauseOf names what the letter was made from: "preferences, posts".
func (l OutboxLetter) becauseOf() string {
	names := map[string]string{offers.ScopePreferences: "preferences", offers.ScopePosts: "posts"}
	var used []string
	for _, s := range l.Offers.Used {
		if name := names[s.Scope]; name != "" && !slices.Contains(used, name) {
			used = append(used, name)
		}
	}
	if len(used) == 0 {
		return "what travellers like best"
	}
	return strings.Join(used, ", ")
}

// mostQuotes is how many words of one record the explanation repeats.
const mostQuotes = 6

// facts are the stars of the explanation: first what wrote the letter, then
// what did not.
func (v OutboxView) facts() []views.Reason {
	var stars []views.Reason
	for _, f := range v.Open.Why {
		stars = append(stars, star(quotes(f.Words), f.Source, false, v.Now))
	}
	for _, u := range v.Open.Missing() {
		stars = append(stars, unusedStar(u))
	}
	return stars
}

// quotes: “September”, “€260 below” and 3 more.
func quotes(words []string) offers.Text {
	var text offers.Text
	for i, w := range words[:min(len(words), mostQuotes)] {
		if i > 0 {
			text = append(text, offers.Part{Words: ", "})
		}
		text = append(text, offers.Part{Words: "“" + strings.Trim(w, "“”") + "”"})
	}
	if more := len(words) - mostQuotes; more > 0 {
		text = append(text, offers.Part{Words: " and " + countWord(more) + " more"})
	}
	return text
}
