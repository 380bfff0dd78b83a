package explain

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var (
	//go:embed parameters.txt
	parametersText string
	//go:embed messages.txt
	messagesText string

	parameters = mustRead(parametersText)
	messages   = mustRead(messagesText)
)

// table holds entries by name; those of messages have none.
type table map[string][]entry

type entry struct {
	where []where // any of them
	Explanation
	line int // of the text, for tests
}

// where is what stands behind "=": words in any order.
type where struct {
	parties, kinds, endpoints  []string // any of each; none: all
	method, direction          string
	grant, token, with, status string
	from                       string
}

// at is a place or a message, in words that where can be compared with.
type at struct {
	party, kind, endpoint, method, direction, grant, token, with, from string
	status                                                             int
}

func (p Place) at() at {
	return at{party: p.Party, kind: p.Kind, endpoint: p.Endpoint, direction: p.Direction, grant: short(p.GrantType), token: p.Token, status: p.Status}
}

func (m MessageKind) at() at {
	return at{party: m.Party, endpoint: m.Endpoint, method: m.Method, direction: m.Direction, grant: short(m.GrantType), with: m.Carries, from: m.From, status: m.Status}
}

// short is a grant type without the URN around it.
func short(grantType string) string {
	return strings.TrimPrefix(grantType, "urn:ietf:params:oauth:grant-type:")
}

func (w where) of(kind string) bool { return slices.Contains(w.kinds, kind) }

// best is the entry that says most of where something stands. Of two that say as
// much, it is the first.
func (t table) best(name string, in at) (entry, bool) {
	best, most := entry{}, 0
	for _, e := range t[name] {
		for _, w := range e.where {
			if n := w.fits(in); n > most {
				best, most = e, n
			}
		}
	}
	return best, most > 0
}

// fits is 0 where w is of another place, and the larger the more w says.
func (w where) fits(in at) int {
	sum := 1
	for _, word := range []struct {
		said, is string
		weight   int
		unknown  bool // fits what is not known, too
	}{
		{w.grant, in.grant, 64, false}, {w.token, in.token, 64, false}, {w.with, in.with, 64, false}, {w.from, in.from, 96, false},
		{w.method, in.method, 4, true}, {w.direction, in.direction, 2, true},
	} {
		switch {
		case word.said == "" || word.unknown && word.is == "":
		case word.said != word.is:
			return 0
		default:
			sum += word.weight
		}
	}
	if len(w.parties) > 0 && in.party != "" {
		if !slices.Contains(w.parties, in.party) {
			return 0
		}
		sum += 4
	}
	if len(w.kinds) > 0 {
		if !slices.Contains(w.kinds, in.kind) {
			return 0
		}
		sum++
	}
	if w.status != "" {
		n := w.fitsStatus(in.status)
		if n == 0 {
			return 0
		}
		sum += n
	}
	if len(w.endpoints) > 0 {
		n := 0
		for _, endpoint := range w.endpoints {
			n = max(n, fitsPath(endpoint, in.endpoint))
		}
		if n == 0 {
			return 0
		}
		sum += n
	}
	return sum
}

// fitsStatus compares with "403", "4xx" or "error".
func (w where) fitsStatus(status int) int {
	switch {
	case w.status == strconv.Itoa(status):
		return 48
	case w.status == "error" && status >= 400, status > 0 && w.status == strconv.Itoa(status/100)+"xx":
		return 32
	}
	return 0
}

// fitsPath compares a path or a template with "/register/:client_id" or
// "/api/*", which is everything below.
func fitsPath(pattern, path string) int {
	if below, wild := strings.CutSuffix(pattern, "*"); wild {
		if strings.HasPrefix(path, below) {
			return 40
		}
		return 0
	}
	want, is := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(is) {
		return 0
	}
	for i := range want {
		if want[i] != is[i] && !strings.HasPrefix(want[i], ":") {
			return 0
		}
	}
	if pattern == path {
		return 128
	}
	return 127
}

func mustRead(text string) table {
	t, err := read(text)
	if err != nil {
		panic(err)
	}
	return t
}

// read reads a text:
//
//	= form /token grant=authorization_code
//	code_verifier | with PKCE | RFC 7636 §4.5
//	  The secret that Dreams made and showed nobody.
//	  Stops: a stolen code being redeemed by somebody else
//
// Lines that begin with "=" say where; several in a row are alternatives. An
// entry's first line has its names, when it has to be there, and whose rule that
// is; the indented lines are its words. An entry without names (of a message)
// has its source alone in the first line.
func read(text string) (table, error) {
	t := table{}
	var here []where
	var open []string // names of the entry that is being read
	fresh := false    // the line before was a "=" too
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "="):
			w, err := readWhere(strings.Fields(line[1:]))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			if !fresh {
				here = nil
			}
			here, open = append(here, w), nil
		case here == nil:
			return nil, fmt.Errorf("line %d: it stands nowhere", i+1)
		case !strings.HasPrefix(line, " "):
			e := entry{where: here, line: i + 1}
			parts := strings.Split(line, " | ")
			switch len(parts) {
			case 1:
				open, e.Source = []string{""}, parts[0]
			case 3:
				open, e.Required, e.Source = strings.Split(parts[0], ", "), parts[1], parts[2]
				if here[0].of(Header) {
					open = strings.Split(strings.ToLower(parts[0]), ", ") // RFC 9110 §5.1
				}
			default:
				return nil, fmt.Errorf("line %d: names | when | source", i+1)
			}
			for _, name := range open {
				t[name] = append(t[name], e)
			}
		default:
			if open == nil {
				return nil, fmt.Errorf("line %d: words of nothing", i+1)
			}
			for _, name := range open {
				e := &t[name][len(t[name])-1]
				words := strings.TrimSpace(line)
				if stops, ok := strings.CutPrefix(words, "Stops: "); ok {
					e.Stops = stops
				} else {
					e.For = strings.TrimSpace(e.For + " " + words)
				}
			}
		}
		fresh = strings.HasPrefix(line, "=")
	}
	return t, nil
}

func readWhere(words []string) (where, error) {
	var w where
	for _, word := range words {
		key, value, hasValue := strings.Cut(word, "=")
		switch {
		case hasValue && key == "grant":
			w.grant = value
		case hasValue && key == "token":
			w.token = value
		case hasValue && key == "with":
			w.with = value
		case hasValue && key == "from":
			w.from = value
		case strings.HasPrefix(word, "/"):
			w.endpoints = append(w.endpoints, word)
		case word == Request || word == Response:
			w.direction = word
		case slices.Contains([]string{"A", "R", "D"}, word):
			w.parties = append(w.parties, word)
		case slices.Contains([]string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"}, word):
			w.method = word
		case slices.Contains([]string{Query, Form, Header, JSON, Claim, JOSE, Fragment, Cookie}, word):
			w.kinds = append(w.kinds, word)
		case word == "error" || len(word) == 3 && word[0] >= '1' && word[0] <= '5':
			w.status = word
		default:
			return w, fmt.Errorf("%q says nothing of a place", word)
		}
	}
	return w, nil
}
