package inspect

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/explain"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
)

// Param is something that a message carries, explained.
type Param struct {
	explain.Explanation
	Name    string
	In      string // "in the form"
	Note    string // what is to be said of this value
	Encoded string // as it travels, where that differs
	Short   string // what stands in its place, where it is long and told elsewhere; empty: nothing
	Parts   []Param
	Token   *Token // what it says, where it is a JWT
	Trail   wire.Trail
	Place   explain.Place

	Explained bool // there are words for it

	value, masked string
	secret        bool
}

// Token is a JWT, taken apart and not verified.
type Token struct {
	Kind           string // see explain.Token
	Header, Claims []Param
}

// Value is the value, masked where it is a secret that is not to be seen.
func (p Param) Value(reveal bool) string {
	if p.secret && !reveal {
		return p.masked
	}
	return p.value
}

// Secret tells whether the value is masked unless it is to be seen.
func (p Param) Secret() bool { return p.secret }

// param explains one value; what is in it too.
func (i *Inspector) param(row int, name, value, in string, at explain.Place) Param {
	p := Param{Name: name, In: in, Place: at, value: value, masked: wiretap.Mask(value), secret: value != "" && wiretap.Secret(name)}
	p.Explanation, p.Explained = explain.Parameter(name, at)
	p.Trail = i.trails.Of(row, name, value)
	if value == wiretap.Withheld {
		p.secret, p.Note = false, "A password is never recorded."
	}
	if token := i.token(row, name, value); token != nil {
		p.Token = token
	} else if at.Kind == explain.JSON {
		p.Parts = i.members(row, name, value, in, at)
	} else if name == "authorization_details" || name == "claims" {
		inner := at
		p.Parts = i.members(row, name, value, in, inner)
	}
	return p
}

// token takes a JWT apart.
func (i *Inspector) token(row int, name, value string) *Token {
	if strings.EqualFold(name, "Authorization") {
		return nil // what stands in it is explained apart
	}
	header, claims, is := wire.JWT(value)
	if !is {
		return nil
	}
	typ, _ := header["typ"].(string)
	t := &Token{Kind: explain.Token(name, typ)}
	t.Header = i.object(row, "", header, explain.Place{Kind: explain.JOSE, Token: t.Kind})
	t.Claims = i.object(row, "", claims, explain.Place{Kind: explain.Claim, Token: t.Kind})
	return t
}

// order is that of the claims that most tokens have; the others follow by name.
var order = []string{"typ", "alg", "kid", "iss", "sub", "act", "aud", "client_id", "scope", "iat", "exp"}

func ordered(names iter.Seq[string]) []string {
	rank := func(name string) int {
		if k := slices.Index(order, name); k >= 0 {
			return k
		}
		return len(order)
	}
	return slices.SortedFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
}

// object explains the members of an object, and of those within it.
func (i *Inspector) object(row int, outer string, object map[string]any, at explain.Place) (all []Param) {
	in := "in the JSON"
	if at.Token != "" {
		in = "in the token"
	}
	for _, name := range sortedKeys(object) {
		value := object[name]
		full := under(outer, name)
		p := Param{Name: full, In: in, Place: at, value: text(name, value), secret: wiretap.Secret(name) && value != ""}
		p.masked = wiretap.Mask(p.value)
		p.Explanation, p.Explained = explain.Parameter(full, at)
		if s, is := value.(string); is {
			p.Trail = i.trails.Of(row, name, s)
			if name != "jti" && at.Kind != explain.JOSE {
				p.Token = i.token(row, name, s)
			}
		}
		p.Parts = i.inside(row, full, value, at)
		all = append(all, p)
	}
	return all
}

// inside explains what an object or a list of objects holds. Of a list it is the
// first: the others are alike.
func (i *Inspector) inside(row int, name string, value any, at explain.Place) []Param {
	switch value := value.(type) {
	case map[string]any:
		return i.object(row, name, value, at)
	case []any:
		merged := map[string]any{}
		for _, one := range value {
			if object, is := one.(map[string]any); is {
				for member, v := range object {
					if _, has := merged[member]; !has {
						merged[member] = v
					}
				}
			}
		}
		return i.object(row, name, merged, at)
	}
	return nil
}

// members explains a JSON text.
func (i *Inspector) members(row int, name, value, in string, at explain.Place) []Param {
	var document any
	if !strings.ContainsAny(value, "{[") || json.Unmarshal([]byte(value), &document) != nil {
		return nil
	}
	if in == where[wire.InBody] {
		name = "" // a list is the whole document
	}
	return i.inside(row, name, document, at)
}

// text is a value of JSON for a page; times also as people read them.
func text(name string, value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64:
		if slices.Contains([]string{"exp", "iat", "nbf", "auth_time", "updated_at", "client_id_issued_at"}, name) && value > 1e9 {
			return fmt.Sprintf("%.0f (%s UTC)", value, time.Unix(int64(value), 0).UTC().Format("15:04:05"))
		}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

// takeApart explains what stands in Authorization.
func (i *Inspector) takeApart(p *Param, row int, value string, at explain.Place) {
	scheme, rest, _ := strings.Cut(value, " ")
	switch scheme {
	case "Basic":
		pair, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return
		}
		p.Note = "Behind Basic stands base64 of the two, with a colon between: readable for everybody who sees it."
		id, secret, _ := strings.Cut(string(pair), ":")
		for _, part := range []struct{ name, value string }{{"client_id", id}, {"client_secret", secret}} {
			if plain, err := url.QueryUnescape(part.value); err == nil { // RFC 6749 §2.3.1
				part.value = plain
			}
			one := i.param(row, part.name, part.value, "in Authorization", at)
			one.Explanation, one.Explained = explain.Parameter("Authorization."+part.name, at)
			p.Parts = append(p.Parts, one)
		}
	case "Bearer", "DPoP":
		at.Kind = explain.JSON
		at.Endpoint, at.Direction, at.Party = "/token", explain.Response, string(wiretap.AuthorizationServer)
		name := "access_token"
		p.Trail = i.trails.Of(row, name, rest)
		p.Token = i.token(row, name, rest)
		p.Note = "Behind " + scheme + " stands the access token."
		if p.Token == nil {
			p.Note += " It is opaque: it says nothing to anybody but the server that made it."
		}
	}
}

// challenge is a parameter of WWW-Authenticate (RFC 9110 §11.2).
var challenge = regexp.MustCompile(`([A-Za-z_]+)="((?:[^"\\]|\\.)*)"`)
