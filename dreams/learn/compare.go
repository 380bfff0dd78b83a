package learn

import (
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// compare is two runs of one lesson beside one another.
func (c *Classroom) compare(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	wiretap.Skip(ctx)
	a, knownA := c.found(ctx, e.Param("id"))
	b, knownB := c.found(ctx, e.Param("other"))
	if !knownA || !knownB {
		return echo.ErrNotFound
	}
	view := page.CompareView{Left: heading(a), Right: heading(b), Reveal: e.QueryParam("reveal") != "", Path: "/runs/" + a.ID + "/compare/" + b.ID}
	for _, p := range align(withoutPresses(a), withoutPresses(b)) {
		view.Add(pairView(a, b, p, view.Reveal))
	}
	return render(e, page.Compare(v.Frame("Two runs side by side"), view))
}

func heading(run *Run) page.CompareHead {
	return page.CompareHead{Title: run.Title(), At: run.Started.Format("15:04:05"), Href: "/runs/" + run.ID}
}

// withoutPresses are the rows of a run without those that only tell how somebody
// looked at it.
func withoutPresses(run *Run) []wire.Row {
	return slices.DeleteFunc(wire.Rows(run.Recording.Record()), func(r wire.Row) bool {
		switch {
		case r.Kind == wire.Request && r.From == wiretap.Browser && r.To == wiretap.Client:
			return strings.HasPrefix(r.Label, "POST /runs/") || strings.HasPrefix(r.Label, "POST /learn/")
		case r.Kind == wire.Response && r.From == wiretap.Client && r.To == wiretap.Browser:
			return strings.Contains(r.Line, "/runs/") || strings.Contains(r.Line, "/learn/")
		}
		return false
	})
}

// rowPair is a row of each run, or of one alone.
type rowPair struct{ left, right *wire.Row }

// align puts rows beside one another that are of the same kind between the same
// parties: as many as there can be in the order of both (the longest common
// subsequence).
func align(left, right []wire.Row) []rowPair {
	keysL, keysR := keys(left), keys(right)
	// most[i][j] is how many pairs there are in left[i:] and right[j:].
	most := make([][]int16, len(left)+1)
	for i := range most {
		most[i] = make([]int16, len(right)+1)
	}
	for i, l := range slices.Backward(keysL) {
		for j, r := range slices.Backward(keysR) {
			if most[i][j] = max(most[i+1][j], most[i][j+1]); l == r {
				most[i][j] = max(most[i][j], most[i+1][j+1]+1)
			}
		}
	}
	var all []rowPair
	i, j := 0, 0
	for i < len(left) && j < len(right) {
		switch {
		case keysL[i] == keysR[j] && most[i][j] == most[i+1][j+1]+1:
			all = append(all, rowPair{&left[i], &right[j]})
			i, j = i+1, j+1
		case most[i+1][j] >= most[i][j+1]:
			all = append(all, rowPair{left: &left[i]})
			i++
		default:
			all = append(all, rowPair{right: &right[j]})
			j++
		}
	}
	for ; i < len(left); i++ {
		all = append(all, rowPair{left: &left[i]})
	}
	for ; j < len(right); j++ {
		all = append(all, rowPair{right: &right[j]})
	}
	return all
}

// keys are what rows have to have in common to stand beside one another. An answer
// may be another one.
func keys(rows []wire.Row) []string {
	var all []string
	for _, r := range rows {
		what := ""
		switch r.Kind {
		case wire.Request:
			what = r.Label
		case wire.Redirect:
			what, _, _ = strings.Cut(r.Line, " ? ")
		}
		all = append(all, strings.Join([]string{string(r.Kind), string(r.From), string(r.To), what}, " "))
	}
	return all
}

func pairView(a, b *Run, p rowPair, reveal bool) page.ComparePair {
	var v page.ComparePair
	var left, right []wire.Param
	if p.left != nil {
		v.Left, left = cell(a, *p.left), carried(*p.left)
	}
	if p.right != nil {
		v.Right, right = cell(b, *p.right), carried(*p.right)
	}
	if v.Left == nil || v.Right == nil {
		return v
	}
	v.Differs = v.Left.Failed != v.Right.Failed || p.left.Kind == wire.Response && p.left.Label != p.right.Label
	used := make([]bool, len(right))
	for _, l := range left {
		j := 0
		for j < len(right) && (used[j] || right[j].Name != l.Name) {
			j++
		}
		if j == len(right) {
			v.Params = append(v.Params, page.CompareParam{Name: l.Name, Left: short(l, reveal), Mark: page.OnlyLeft})
			continue
		}
		used[j] = true
		if r := right[j]; r.Value != l.Value {
			mark := page.Differs
			if slices.Contains(fresh, l.Name) {
				mark = page.Fresh
			}
			v.Params = append(v.Params, page.CompareParam{Name: l.Name, Left: short(l, reveal), Right: short(r, reveal), Mark: mark})
		}
	}
	for j, r := range right {
		if !used[j] {
			v.Params = append(v.Params, page.CompareParam{Name: r.Name, Right: short(r, reveal), Mark: page.OnlyRight})
		}
	}
	return v
}

// short is a value, as much of it as has room; whole where secrets are shown.
func short(p wire.Param, reveal bool) string {
	const most = 160
	value := p.Shown(reveal)
	if !reveal && len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + " …"
	}
	return value
}

// fresh are the parameters that are new each time, so that it says nothing where
// they differ.
var fresh = []string{
	"state", "nonce", "code", "code_challenge", "code_verifier", "access_token", "refresh_token", "id_token", "id_token_hint", "request_uri", "request",
	"device_code", "user_code", "verification_uri_complete", "client_assertion", "assertion", "subject_token", "token", "DPoP", "DPoP-Nonce", "dpop_jkt",
	"client_id_issued_at", "registration_access_token", "registration_client_uri", "iat", "exp", "jti", "expires_in", "body", "seq",
}

// carried is what a row carries; of checks their names, and what they say where
// they refuse.
func carried(r wire.Row) []wire.Param {
	all := slices.Clone(r.Params)
	for _, check := range r.Checks {
		said := "passed"
		if check.Refusal != "" {
			said = "refused: " + check.Refusal
		}
		all = append(all, wire.Param{Name: check.Name, Value: said})
	}
	return all
}

func cell(run *Run, r wire.Row) *page.CompareCell {
	return &page.CompareCell{
		From: views.Party(r.From), To: views.Party(r.To), Label: r.Label, Line: r.Line, Failed: r.Failed, Front: r.Front,
		Href: "/runs/" + run.ID + "?m=" + strings.TrimPrefix(r.ID(), "m") + "#" + r.ID(),
	}
}
