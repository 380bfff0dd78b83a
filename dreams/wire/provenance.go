package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Trail is the way of a value through a run.
type Trail struct {
	Made    int    // the row in which a party thought it up; 0: not seen
	First   Stop   // the first message that carried it, where that is an earlier one
	Checked []int  // the rows in which it is judged, from here on
	Next    []Stop // the messages that carry it after this one
	Browser []int  // the rows in which the browser sees it
	Derived []Derivation
}

// Stop is a message that carries a value, and under which name.
type Stop struct {
	Row int
	As  string
}

// Derivation is a value that another was computed from, or that was computed from it.
type Derivation struct {
	How  string // "the SHA-256 of"
	From bool   // it was computed from the other; otherwise the other from it
	Stop
}

// Trails knows where every value of a run stands.
type Trails struct {
	rows    []Row
	stops   map[string][]Stop
	derived map[string][]derivation // of what stands somewhere, by the value that comes of it
}

type derivation struct{ how, from string }

// NewTrails reads the rows of a run.
func NewTrails(rows []Row) *Trails {
	t := &Trails{rows, map[string][]Stop{}, map[string][]derivation{}}
	for _, r := range rows {
		for _, p := range r.Params {
			t.add(r.N, p.Name, p.Value)
			if header, claims, is := JWT(p.Value); is {
				t.within(r.N, p.Name, header)
				t.within(r.N, p.Name, claims)
			}
			var document any
			if strings.HasPrefix(p.Value, "[") || strings.HasPrefix(p.Value, "{") {
				if json.Unmarshal([]byte(p.Value), &document) == nil {
					t.within(r.N, p.Name, document)
				}
			}
		}
	}
	return t
}

// shortest is how long a value has to be for it to be no accident that it stands
// in two messages.
const shortest = 8

func (t *Trails) add(row int, name, value string) {
	if len(value) < shortest {
		return
	}
	stops := t.stops[value]
	if stops == nil {
		full := sha256.Sum256([]byte(value))
		t.derive(value, base64.RawURLEncoding.EncodeToString(full[:]), "the SHA-256 of")
		t.derive(value, base64.RawURLEncoding.EncodeToString(full[:16]), "the first half of the SHA-256 of")
	}
	if len(stops) == 0 || stops[len(stops)-1].Row != row {
		t.stops[value] = append(stops, Stop{row, name})
	}
}

func (t *Trails) derive(from, value, how string) {
	if d := (derivation{how, from}); !slices.Contains(t.derived[value], d) {
		t.derived[value] = append(t.derived[value], d)
	}
}

// within adds the texts in a token or a document.
func (t *Trails) within(row int, outer string, value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			t.within(row, outer, one)
		}
	case map[string]any:
		if print, is := thumbprint(value); is {
			t.add(row, "the key in "+outer, print)
		}
		for name, inner := range value {
			if text, is := inner.(string); is {
				t.add(row, name+" in "+outer, text)
			} else {
				t.within(row, outer, inner)
			}
		}
	}
}

// thumbprint is RFC 7638 §3 of a public key.
func thumbprint(jwk map[string]any) (string, bool) {
	required := map[string][]string{"EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}, "RSA": {"e", "kty", "n"}}
	kty, _ := jwk["kty"].(string)
	members := map[string]string{}
	for _, name := range required[kty] {
		text, is := jwk[name].(string)
		if !is {
			return "", false
		}
		members[name] = text
	}
	text, err := json.Marshal(members) // in the order of their names, without blanks
	if err != nil || len(members) == 0 {
		return "", false
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:]), true
}

// constant lists what says the same in every run: it comes from nowhere.
var constant = []string{
	"grant_type", "response_type", "response_mode", "token_type", "code_challenge_method", "client_assertion_type", "subject_token_type",
	"issued_token_type", "requested_token_type", "actor_token_type", "error", "error_description", "detail", "title", "type", "body",
	"token_type_hint", "prompt", "typ", "alg", "exp", "iat", "nbf", "auth_time", "htm", "iss", "aud", "acr",
}

// Of is the way of a value that stands in a row under a name.
func (t *Trails) Of(row int, name, value string) (trail Trail) {
	if slices.Contains(constant, name) || len(value) < shortest {
		return Trail{}
	}
	for _, s := range t.stops[value] {
		switch r := t.rows[s.Row-1]; {
		case r.Kind == Made && s.Row <= row:
			trail.Made = s.Row
		case r.Kind == Checks && s.Row > row:
			trail.Checked = append(trail.Checked, s.Row)
		case r.Kind == Made || r.Kind == Checks:
		case s.Row < row && trail.First.Row == 0:
			trail.First = s
		case s.Row > row:
			trail.Next = append(trail.Next, s)
		}
		if t.rows[s.Row-1].Front {
			trail.Browser = append(trail.Browser, s.Row)
		}
	}
	for _, d := range t.derived[value] {
		if stop, is := t.shown(d.from); is {
			trail.Derived = append(trail.Derived, Derivation{d.how, true, stop})
		}
	}
	sum := sha256.Sum256([]byte(value))
	for how, text := range map[string]string{
		"the SHA-256 of":                   base64.RawURLEncoding.EncodeToString(sum[:]),
		"the first half of the SHA-256 of": base64.RawURLEncoding.EncodeToString(sum[:16]),
	} {
		if stop, is := t.shown(text); is {
			trail.Derived = append(trail.Derived, Derivation{how, false, stop})
		}
	}
	slices.SortFunc(trail.Derived, func(a, b Derivation) int { return a.Row - b.Row })
	return trail
}

// shown is the first message that carries a value.
func (t *Trails) shown(value string) (Stop, bool) {
	for _, s := range t.stops[value] {
		if k := t.rows[s.Row-1].Kind; k != Made && k != Checks {
			return s, true
		}
	}
	return Stop{}, false
}

// ClaimsOf reads what a JWT says, without believing it.
func ClaimsOf(token string) (claims map[string]any, ok bool) {
	_, claims, ok = JWT(token)
	return claims, ok
}

// JWT takes a JWT apart, without a look at its signature.
func JWT(token string) (header, claims map[string]any, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !strings.HasPrefix(token, "eyJ") {
		return nil, nil, false
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			return nil, nil, false
		}
	}
	return header, claims, true
}
