package wire

import (
	"fmt"
	"strings"

	"example.com/acme-dreams/internal/wiretap"
)

// laneNames are what the parties are called in a diagram.
var laneNames = []struct {
	party wiretap.Party
	name  string
}{{wiretap.Browser, "Browser"}, {wiretap.Client, "Dreams"}, {wiretap.AuthorizationServer, "Acme Accounts"}, {wiretap.ResourceServer, "Acme API"}, {wiretap.Somebody, "Somebody else"}}

func laneName(p wiretap.Party) string {
	for _, l := range laneNames {
		if l.party == p {
			return l.name
		}
	}
	return "Somebody else"
}

// Markdown is a run as a document: a sequence diagram in Mermaid, and the messages
// below it.
func Markdown(f File) string {
	rows := Rows(f.Record)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nRecorded on %s.", inline(f.Title), f.Started.UTC().Format("2 January 2006, 15:04:05 UTC"))
	if f.Secrets {
		b.WriteString(" **Its secrets are in it, and may still work.**")
	} else {
		b.WriteString(" Secrets and signatures were left out; passwords were never recorded.")
	}
	b.WriteString(" Dashed: through the browser. Solid: from server to server.\n\n```mermaid\n")
	b.WriteString(Mermaid(rows))
	b.WriteString("```\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "\n## %d. %s\n", r.N, inline(heading(r)))
		for _, line := range []string{r.Caption, r.Proves, r.Line} {
			if line != "" {
				fmt.Fprintf(&b, "\n%s\n", inline(line))
			}
		}
		if len(r.Params) > 0 && r.Kind != Checks {
			b.WriteString("\n| name | value | in |\n| --- | --- | --- |\n")
			for _, p := range r.Params {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(p.Name), cell(p.Value), p.In)
			}
		}
		if len(r.Checks) > 0 {
			b.WriteString("\n")
		}
		for _, c := range r.Checks {
			if c.Refusal == "" {
				fmt.Fprintf(&b, "- passed: %s (%s)\n", inline(c.Name), inline(c.Source))
				continue
			}
			fmt.Fprintf(&b, "- **refused**: %s (%s): %s\n", inline(c.Name), inline(c.Source), inline(c.Refusal))
		}
	}
	return b.String()
}

func heading(r Row) string {
	switch {
	case r.Kind == Redirect:
		return laneName(r.From) + " by way of the browser to " + laneName(r.To) + ": " + r.Label
	case r.From == r.To:
		return "At " + laneName(r.From) + ": " + r.Label
	}
	return laneName(r.From) + " to " + laneName(r.To) + ": " + r.Label
}

// inline is text in which nothing is markup (CommonMark §2.4).
func inline(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return markup.Replace(text)
}

var markup = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "#", "\\#", "|", "\\|", "!", "\\!", "~", "\\~")

// cell is inline for what may be long.
func cell(text string) string {
	const longest = 300
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return inline(text)
}

// Mermaid is rows as Mermaid's sequence diagram.
func Mermaid(rows []Row) string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	there := map[wiretap.Party]bool{}
	for _, r := range rows {
		there[known(r.From)], there[known(r.To)] = true, true
		if r.Kind == Redirect {
			there[wiretap.Browser] = true
		}
	}
	for _, l := range laneNames {
		if there[l.party] {
			fmt.Fprintf(&b, "    participant %s as %s\n", l.party, l.name)
		}
	}
	for _, r := range rows {
		from, to := known(r.From), known(r.To)
		label := fmt.Sprintf("%d. %s", r.N, r.Label)
		switch {
		case r.Kind == Redirect:
			fmt.Fprintf(&b, "    %s-->>%s: %s\n    %s-->>%s: %s\n", from, wiretap.Browser, mermaid(label), wiretap.Browser, to, mermaid(r.Line))
		case from == to:
			sign := map[Kind]string{Checks: "✓ ", Made: "+ ", Missing: "… "}[r.Kind]
			if r.Failed {
				sign = "✕ "
			}
			fmt.Fprintf(&b, "    Note over %s: %s\n", from, mermaid(fmt.Sprintf("%d. %s%s", r.N, sign, r.Label)))
		case r.Front:
			fmt.Fprintf(&b, "    %s-->>%s: %s\n", from, to, mermaid(label))
		default:
			fmt.Fprintf(&b, "    %s->>%s: %s\n", from, to, mermaid(label))
		}
	}
	return b.String()
}

func known(p wiretap.Party) wiretap.Party {
	if party(p) {
		return p
	}
	return wiretap.Somebody
}

// mermaid is a text in which nothing is Mermaid's: it takes a semicolon for the end
// of a line, and a # for the start of a character by its number.
func mermaid(text string) string {
	const longest = 120
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	if text == "" {
		text = "…"
	}
	return mermaids.Replace(text)
}

var mermaids = strings.NewReplacer("#", "#35;", ";", "#59;", "<", "#lt;", ">", "#gt;", "%%", "#37;#37;", "`", "#96;", "{", "#123;", "}", "#125;")
