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
	First   Stop   // the first message that carried it, where that is an earlier one
	Made    int    // the row in which a party thought it up; 0: not known
	Next    []Stop // the messages that carry it after this one
	Browser []int  // the rows in which the browser sees it
	Hash    Stop   // the message that carries its SHA-256, or that of which this is one
}

// Stop is a message that carries a value, and under which name.
type Stop struct {
	Row int // 0: none
	As  string
}

// Trails knows where every value of a run stands.
type Trails struct {
	rows  []Row
	stops map[string][]Stop
}

// NewTrails reads the rows of a run.
func NewTrails(rows []Row) *Trails {
	t := &Trails{rows, map[string][]Stop{}}
	for _, r := range rows {
		for _, p := range r.Params {
			t.add(r.N, p.Name, p.Value)
			if claims, is := ClaimsOf(p.Value); is {
				for name, value := range claims {
					t.within(r.N, p.Name, name, value)
				}
			}
		}
	}
	return t
}

func (t *Trails) add(row int, name, value string) {
	if len(value) < shortest {
		return
	}
	stops := t.stops[value]
	if len(stops) == 0 || stops[len(stops)-1].Row != row {
		t.stops[value] = append(stops, Stop{row, name})
	}
}

// shortest is how long a value has to be for it to be no accident that it stands
// in two messages.
const shortest = 8

// within adds the texts in a token.
func (t *Trails) within(row int, token, name string, value any) {
	switch value := value.(type) {
	case string:
		t.add(row, name+" in "+token, value)
	case map[string]any:
		for inner, v := range value {
			t.within(row, token, name+"."+inner, v)
		}
	}
}

// constant lists what says the same in every run: it comes from nowhere.
var constant = []string{
	"grant_type", "response_type", "response_mode", "token_type", "code_challenge_method", "client_assertion_type", "subject_token_type",
	"issued_token_type", "requested_token_type", "actor_token_type", "error", "error_description", "detail", "title", "type", "body",
	"token_type_hint", "prompt", "typ", "alg", "exp", "iat", "nbf", "auth_time",
}

// Of is the way of a value that stands in a row under a name.
func (t *Trails) Of(row int, name, value string) (trail Trail) {
	if slices.Contains(constant, name) || len(value) < shortest {
		return Trail{}
	}
	for _, s := range t.stops[value] {
		switch {
		case s.Row < row && trail.First.Row == 0:
			trail.First = s
		case s.Row > row:
			trail.Next = append(trail.Next, s)
		}
		if t.rows[s.Row-1].Front {
			trail.Browser = append(trail.Browser, s.Row)
		}
	}
	if name == "code_challenge" {
		trail.Hash = t.verifier(value)
	} else if stops := t.stops[s256(value)]; len(stops) > 0 {
		trail.Hash = stops[0]
	}
	if first := t.earliest(value, trail.Hash); first > 0 {
		trail.Made = t.made(first, name)
	}
	return trail
}

// earliest is the first row that shows a value or its hash.
func (t *Trails) earliest(value string, hash Stop) int {
	first := hash.Row
	if stops := t.stops[value]; len(stops) > 0 && (first == 0 || stops[0].Row < first) {
		first = stops[0].Row
	}
	return first
}

// verifier is where the value comes whose hash is a challenge.
func (t *Trails) verifier(challenge string) Stop {
	for _, r := range t.rows {
		for _, p := range r.Params {
			if p.Name == "code_verifier" && s256(p.Value) == challenge {
				return Stop{r.N, p.Name}
			}
		}
	}
	return Stop{}
}

// made is the row before one in which a value of that name was thought up.
func (t *Trails) made(row int, name string) int {
	if row < 2 {
		return 0
	}
	if r := t.rows[row-2]; r.Kind == Made && slices.Contains(strings.Split(r.Label, ", "), name) {
		return r.N
	}
	return 0
}

// s256 is RFC 7636 §4.2.
func s256(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
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
