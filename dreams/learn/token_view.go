package learn

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/explain"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// member is a claim or a member of the header, as text; empty: there is none.
func member(all []Claim, name string) string {
	for _, c := range all {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// path is a request of Acme's that the token should open.
func (d decoded) path() string {
	return opens(member(d.Claims, "scope"), member(d.Claims, "authorization_details") != "")
}

// boundTo is the thumbprint of the key that the token is bound to; empty: to none.
func (d decoded) boundTo() string {
	var cnf struct {
		JKT string `json:"jkt"`
	}
	_ = json.Unmarshal([]byte(member(d.Claims, "cnf")), &cnf)
	return cnf.JKT
}

// schemes are by which a thief tries it.
func (d decoded) schemes() []string {
	if d.boundTo() != "" {
		return []string{"Bearer", "DPoP"}
	}
	return []string{"Bearer"}
}

// kind is what sort of JWT it is. name is what it was called where it came from;
// empty: nobody knows.
func (d decoded) kind(name string) string {
	switch explain.Token(name, member(d.Header, "typ")) {
	case explain.AccessToken:
		if strings.Contains(member(d.Header, "typ"), "at+jwt") {
			return page.AccessTokenKind
		}
	case explain.IDToken:
		return page.IDTokenKind
	case "":
		if member(d.Claims, "scope") == "" && member(d.Claims, "sub") != "" && (member(d.Claims, "nonce")+member(d.Claims, "at_hash")+member(d.Claims, "auth_time")) != "" {
			return page.IDTokenKind
		}
	}
	return page.OtherKind
}

func kindOf(name string) string {
	name, _, _ = strings.Cut(name, " ")
	switch name {
	case "access_token":
		return "Access token"
	case "id_token":
		return "ID token"
	}
	return "Refresh token"
}

// judgedBy names the checks of Acme's that look at a claim or at a member of the
// header.
var judgedBy = map[string][]string{
	"typ": {"typ is at+jwt"}, "alg": {"alg is the key's algorithm"}, "kid": {"kid names a key of the issuer"}, "crit": {"no critical header that we do not know"},
	"iss": {"iss is our authorization server"}, "aud": {"aud names this resource"}, "exp": {"token has not expired"},
	"nbf": {"token is not from the future"}, "iat": {"token is not from the future"},
	"jti": {"token was not revoked"}, "grant_id": {"token was not revoked"}, "sub": {"required claims are there"}, "client_id": {"required claims are there"},
	"scope": {"token has the scope"},
	"cnf":   {"token that is bound to a key is not sent as Bearer", "token that is sent as DPoP is bound to a key"},
}

// JudgedBy names the checks of Acme's that look at a claim, by the claim.
func JudgedBy() map[string][]string { return judgedBy }

func (c *Classroom) checkView(check wiretap.Check) page.CheckView {
	v := page.CheckView{Name: check.Name, Source: check.Source, Refusal: check.Refusal, By: views.Party(check.By)}
	program := map[wiretap.Party]string{wiretap.ResourceServer: "acme", wiretap.AuthorizationServer: "authserver", wiretap.Client: "dreams"}[check.By]
	if found, ok := source.Check(program, check.Name); ok {
		v.File, v.Line, v.Function = found.File, found.Line, found.Name
	}
	return v
}

// describe takes the token apart, believing nothing.
func (c *Classroom) describe(ctx context.Context, t examined, view *page.InspectedToken) {
	view.Raw, view.Masked = t.raw, wiretap.Mask(t.raw)
	if t.run != nil {
		view.Run = views.Link{Label: t.run.Title() + ", " + t.run.Started.Format("15:04:05"), Href: t.run.address()}
	}
	d, isJWT := decode(t.raw)
	if !isJWT {
		view.Kind = page.OpaqueKind
		return
	}
	view.Kind, view.Parts = d.kind(t.name), d.parts
	view.Header = c.claimViews(d.Header, explain.JOSE, view)
	view.Claims = c.claimViews(d.Claims, explain.Claim, view)
	view.Bound, view.HasKey = d.boundTo() != "", t.key(d.boundTo()) != nil
	view.Bytes = len(d.parts[2]) * 3 / 4
	view.Life = c.life(d.parts[1])
	if view.Kind == page.AccessTokenKind {
		if view.Bound && !slices.ContainsFunc(view.Claims, func(one page.TokenClaim) bool { return one.Name == "cnf" }) {
			view.Bound = false
		}
		if !view.Bound {
			view.Claims = append(view.Claims, page.TokenClaim{Name: "cnf", Value: "absent", Means: "Bound to a key, so that a thief cannot use it: this one is not.", Source: "RFC 9449 §6", Mark: page.NotLookedAt, Words: "a bearer token"})
		}
	}
	if c.Room == nil {
		return
	}
	_, why := refreshable(t.run)
	view.Refresh, view.MayMove = why == "", c.mayMove()
	view.Ahead = c.Room.Ahead() != 0
	if view.Kind == page.AccessTokenKind || view.Kind == page.IDTokenKind || view.Kind == page.OtherKind {
		view.Key = c.keyView(ctx, d)
		for _, change := range changes {
			view.Changes = append(view.Changes, page.TokenChange{Name: change.Name, Label: change.Label})
		}
	}
	if view.Kind == page.AccessTokenKind {
		for _, scheme := range d.schemes() {
			e := c.requestOf(d.path(), scheme, t.raw)
			view.Commands = append(view.Commands, page.Command{Scheme: scheme, Masked: wire.Curl(e, false), Text: wire.Curl(e, true)})
		}
	}
}

// claimViews are the lines of a part, each with what Acme's checks made of it.
func (c *Classroom) claimViews(all []Claim, kind string, view *page.InspectedToken) (lines []page.TokenClaim) {
	token := map[string]string{page.AccessTokenKind: explain.AccessToken, page.IDTokenKind: explain.IDToken}[view.Kind]
	for _, claim := range all {
		one := page.TokenClaim{Name: claim.Name, Value: claim.Value, Means: claim.Means, Source: claim.Source}
		if e, known := explain.Parameter(claim.Name, explain.Place{Kind: kind, Token: token}); known {
			one.Means, one.Source, one.Stops = e.For, e.Source, e.Stops
		}
		if one.Means == "" {
			one.Means, one.Source = "Nothing that we know of: whoever reads it has agreed on it with whoever wrote it.", "RFC 7519 §4.3"
		}
		for _, name := range judgedBy[claim.Name] {
			for _, check := range view.Checks {
				switch {
				case check.Name != name:
				case check.Refusal != "":
					one.Mark, one.Words = page.Refused, "refused"
				case one.Mark != page.Refused:
					one.Mark, one.Words = page.Passed, "passed"
				}
			}
			if one.Mark == "" && len(view.Checks) > 0 {
				one.Mark, one.Words = page.NotLookedAt, "not reached"
			}
		}
		lines = append(lines, one)
	}
	return lines
}

// life is how long the token has still to live; nil: it does not say.
func (c *Classroom) life(claims string) *page.Life {
	members, err := object(claims)
	if err != nil {
		return nil
	}
	moment := func(name string) (int64, bool) {
		number, is := members[name].(json.Number)
		if !is {
			return 0, false
		}
		n, err := number.Int64()
		return n, err == nil
	}
	exp, has := moment("exp")
	if !has {
		return nil
	}
	now := c.Now()
	end := time.Unix(exp, 0)
	l := &page.Life{At: end.Local().Format("15:04:05"), Left: exp - now.Unix(), Total: time.Hour.Milliseconds() / 1000}
	if end.Sub(now).Abs() > 20*time.Hour {
		l.At = dayTime(end)
	}
	if iat, has := moment("iat"); has && exp > iat {
		l.Total = exp - iat
	}
	l.Total = max(l.Total, l.Left)
	l.Words = views.Span(end.Sub(now).Truncate(time.Second).Abs())
	return l
}

// keyView is the key that signed.
func (c *Classroom) keyView(ctx context.Context, d decoded) *page.TokenKey {
	k := &page.TokenKey{ID: member(d.Header, "kid"), Algorithm: member(d.Header, "alg"), Signed: strings.TrimSuffix(afterDot(member(d.Claims, "iat")), " UTC")}
	keys, err := c.Server.Keys(wiretap.Without(ctx))
	if err != nil {
		return k
	}
	k.Known = true
	for _, key := range keys.Keys {
		k.Published = append(k.Published, key.KeyID)
		k.There = k.There || key.KeyID == k.ID
	}
	return k
}

// afterDot is the time in "1789398130 · 15:02:10 UTC".
func afterDot(value string) string {
	_, after, _ := strings.Cut(value, " · ")
	return after
}

// saidOf is what a server says of an opaque token, in lines.
func saidOf(says map[string]any) (lines []page.TokenClaim) {
	for _, name := range slices.Sorted(maps.Keys(says)) {
		text, is := says[name].(string)
		if !is {
			raw, _ := json.Marshal(says[name])
			text = valueOf(name, raw)
		}
		one := page.TokenClaim{Name: name, Value: text, Means: meaning[name].words, Source: meaning[name].source}
		if e, known := explain.Parameter(name, explain.Place{Kind: explain.Claim, Token: explain.Introspection}); known {
			one.Means, one.Source = e.For, e.Source
		}
		lines = append(lines, one)
	}
	return lines
}
