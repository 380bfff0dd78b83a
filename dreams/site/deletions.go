package site

import (
	"context"
	"fmt"
	"strings"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/store"
)

// deletions is the report of what we deleted of a person's, in words.
func (s *Site) deletions(ctx context.Context, v visitor) ([]page.Deletion, error) {
	kept, err := s.Store.Deletions(ctx, v.Person)
	all := make([]page.Deletion, len(kept))
	for i, d := range kept {
		all[i] = page.Deletion{When: d.At.In(s.Now().Location()).Format("2 January 2006, 15:04:05"), Why: why(d), Lines: deletedLines(d.Deleted)}
	}
	return all, err
}

// why is the reason in words, with the authorization details that went, too.
func why(d store.Deletion) string {
	switch words := reason(d); {
	case len(d.Details) == 0:
		return words
	case words == "":
		return "Acme told us that you took back: " + strings.Join(d.Details, ", ") + "."
	default:
		return words + " With it went: " + strings.Join(d.Details, ", ") + "."
	}
}

// reason is why in words; empty: authorization details alone were taken back. Most
// come from the authorization server, which sends a word of its own.
func reason(d store.Deletion) string {
	switch d.Why {
	case "account_locked":
		return "Acme told us that your account is locked."
	case "token_reuse":
		return "Acme told us that a token of ours was used twice. Perhaps somebody had stolen it."
	case "unused":
		return "Acme told us that the permission ended because it was not used."
	case flow.EndedExpired: // and the authorization server's own "expired"
		return "The permission ran out."
	case flow.EndedRevoked:
		return "Acme refused us: the permission is gone. It was taken back there, or it ran out."
	case flow.EndedTold:
		return "You connected again and allowed less. Gone: " + strings.Join(d.Scope, ", ") + "."
	}
	switch {
	case d.Scope != nil:
		return "Acme told us that you took back: " + strings.Join(d.Scope, ", ") + "."
	case d.Details != nil && !d.Ended:
		return ""
	}
	return "Acme told us that you removed Dreams."
}

// deletedLines lists what was deleted.
func deletedLines(d store.Deleted) []string {
	var lines []string
	if d.Name {
		lines = append(lines, "your name")
	}
	if d.Offers > 0 {
		lines = append(lines, count(d.Offers, "offer"))
	}
	if d.Letters > 0 {
		letters := count(d.Letters, "letter")
		switch {
		case d.Drafts == d.Letters:
			letters += ", never sent"
		case d.Drafts > 0:
			letters += fmt.Sprintf(", %d of them never sent", d.Drafts)
		}
		lines = append(lines, letters)
	}
	if d.Facts > 0 {
		lines = append(lines, count(d.Facts, "fact")+" about you that stood in them")
	}
	switch {
	case d.Access && d.Refresh:
		lines = append(lines, "an access token and a refresh token")
	case d.Access:
		lines = append(lines, "an access token")
	case d.Refresh:
		lines = append(lines, "a refresh token")
	}
	if d.Nights > 0 {
		lines = append(lines, count(d.Nights, "note")+" of what we did in the night")
	}
	if len(lines) == 0 {
		lines = append(lines, "nothing: nothing rested on it")
	}
	return lines
}
