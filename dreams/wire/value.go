package wire

import (
	"slices"
	"strconv"
	"strings"

	"example.com/acme-dreams/internal/wiretap"
)

// Value is something that can be followed through a run.
type Value struct {
	Name string // "state", "code 2"
	Raw  string
	Rows []int // N of the rows that carry it
}

// followed lists what people follow, in the order of the page.
var followed = []string{
	"state", "nonce", "code", "code_challenge", "code_verifier", "access_token", "refresh_token", "id_token", "request_uri", "request",
	"user_code", "device_code", "client_secret", "client_assertion", "assertion", "subject_token", "DPoP", "DPoP-Nonce", "registration_access_token", "logout_token",
}

// mostValues is how many can be followed: no flow of ours has a quarter of that.
const mostValues = 200

// Values are what can be followed in a run.
func Values(rows []Row) []Value {
	byRaw := map[string]*Value{}
	count := map[string]int{}
	var order []*Value
	for _, r := range rows {
		for _, p := range r.Params {
			if !slices.Contains(followed, p.Name) || p.Value == "" || p.Value == wiretap.Withheld {
				continue
			}
			v := byRaw[p.Value]
			if v == nil && len(order) >= mostValues {
				continue
			}
			if v == nil {
				v = &Value{Name: p.Name, Raw: p.Value}
				if count[p.Name]++; count[p.Name] > 1 {
					v.Name += " " + strconv.Itoa(count[p.Name])
				}
				byRaw[p.Value] = v
				order = append(order, v)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *Value) int { return rank(a.Name) - rank(b.Name) })
	for _, r := range rows {
		for _, p := range r.Params {
			if v := byRaw[p.Value]; v != nil && (len(v.Rows) == 0 || v.Rows[len(v.Rows)-1] != r.N) {
				v.Rows = append(v.Rows, r.N)
			}
		}
	}
	all := make([]Value, len(order))
	for i, v := range order {
		all[i] = *v
	}
	return all
}

func rank(name string) int {
	name, _, _ = strings.Cut(name, " ")
	return slices.Index(followed, name)
}

// Carries tells whether a row's message has the value in it.
func (r Row) Carries(raw string) bool {
	return slices.ContainsFunc(r.Params, func(p Param) bool { return p.Value == raw })
}

// InBrowser tells in which of its rows the browser sees the value.
func (v Value) InBrowser(rows []Row) (seen []int) {
	for _, r := range rows {
		if r.Front && slices.Contains(v.Rows, r.N) {
			seen = append(seen, r.N)
		}
	}
	return seen
}
