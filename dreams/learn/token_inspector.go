package learn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// InspectorPath is where tokens are taken apart.
const InspectorPath = "/inspector"

// inspectorSlug is the inspector's own runs: a token to look at, and one call in
// three ways.
const inspectorSlug = "inspector"

// What a press in the inspector asks for, besides a look.
const (
	pressTamper  = "tamper"  // send the token in another form
	pressRefresh = "refresh" // the run's refresh token for a new one
	pressClock   = "clock"   // move the room's clock
	pressSteal   = "steal"   // be somebody who found the token
	pressCompare = "compare" // one call as bearer, with introspection, with DPoP
)

// inspectorScopes are what a token to look at has.
var inspectorScopes = []string{"openid", "profile", "preferences:read", "offline_access"}

// tokenLesson is the inspector's own runs. It stands on no list: its page is the
// inspector's.
func (c *Classroom) tokenLesson() Lesson {
	return Lesson{
		Slug: inspectorSlug, Title: "A token to look at", Client: "dreams-web", State: Current, Fields: templ.NopComponent,
		Run: func(ctx context.Context, run *Run) error {
			run.Say("Dreams sends your browser to Acme’s accounts")
			return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: inspectorScopes})
		},
		Return: func(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
			run.Say("The code and its verifier, from server to server")
			connected, err := c.Code.Redeem(ctx, attempt, query.Get("code"))
			if err != nil {
				return err
			}
			run.Decode("The access token", connected.AccessToken)
			return nil
		},
	}
}

// toInspector is where /learn/inspector leads.
func (c *Classroom) toInspector(e echo.Context, _ Visit) error {
	return e.Redirect(http.StatusSeeOther, c.Env.DreamsURL.String()+InspectorPath)
}

func (c *Classroom) showInspector(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	wiretap.Skip(ctx)
	httpserver.AllowFormAction(e, c.Env.AuthserverURL.String())
	return render(e, page.TokenInspector(v.Frame("What is in a token"), c.bench(ctx)))
}

// bench is the inspector without a token.
func (c *Classroom) bench(ctx context.Context) page.TokenInspectorView {
	v := page.TokenInspectorView{Wiretap: c.Room != nil}
	for _, run := range c.mine(ctx) {
		for _, t := range tokensOf(run) {
			v.Offers = append(v.Offers, page.TokenOffer{Value: run.ID + " " + t.Name, Label: kindOf(t.Name) + " of “" + run.Title() + "”, " + run.Started.Format("15:04:05")})
		}
	}
	return v
}

// tokensOf are the last tokens of a run, an access token first.
func tokensOf(run *Run) []wire.Value {
	var last []wire.Value
	values := wire.Values(wire.Rows(run.Recording.Record()))
	for _, name := range []string{"access_token", "id_token", "refresh_token"} {
		for _, v := range slices.Backward(values) {
			if first, _, _ := strings.Cut(v.Name, " "); first == name {
				last = append(last, v)
				break
			}
		}
	}
	return last
}

// tokenText is what a token may consist of: RFC 6750 §2.1, b64token.
var tokenText = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// maxToken is far more than a token has.
const maxToken = 16 << 10

// examined is a token on the bench.
type examined struct {
	raw  string
	run  *Run   // the browser's own that holds it; nil: it was pasted
	name string // what it was called there: "access_token"
}

// tokenIn is the token of a form: pasted, of a run, or the one on the bench.
func (c *Classroom) tokenIn(ctx context.Context, form url.Values) (t examined, problem string) {
	if id, name, found := strings.Cut(form.Get("from"), " "); found {
		if run, mine := c.found(ctx, id); mine {
			for _, v := range wire.Values(wire.Rows(run.Recording.Record())) {
				if v.Name == name {
					return c.examine(ctx, v.Raw), ""
				}
			}
		}
		return t, "That run is not there any more. They are gone with the program, and when there are too many."
	}
	text := strings.TrimSpace(form.Get("token"))
	for _, scheme := range []string{"Authorization: ", "Bearer ", "DPoP "} {
		text = strings.TrimPrefix(text, scheme)
	}
	text = strings.Join(strings.Fields(text), "") // a terminal breaks lines
	switch {
	case text == "":
		return t, "Paste a token, or use one of your runs."
	case len(text) > maxToken:
		return t, "That is longer than any token: 16 kB at most."
	case !tokenText.MatchString(text):
		return t, "That is no token: letters, digits and . _ ~ + / - = are all that one may have (RFC 6750 §2.1)."
	}
	return c.examine(ctx, text), ""
}

func (c *Classroom) examine(ctx context.Context, raw string) examined {
	t := examined{raw: raw}
	for _, run := range c.mine(ctx) {
		for _, v := range wire.Values(wire.Rows(run.Recording.Record())) {
			if v.Raw == raw {
				t.run = run
				t.name, _, _ = strings.Cut(v.Name, " ")
				return t
			}
		}
	}
	return t
}

// inspectToken answers POST /inspector. The token comes in the body, never in an
// address, and goes nowhere but to Acme, in a recording that is dropped at the end.
func (c *Classroom) inspectToken(e echo.Context, v Visit) error {
	ctx := e.Request().Context()
	wiretap.Skip(ctx)
	httpserver.AllowFormAction(e, c.Env.AuthserverURL.String())
	browser, err := c.Sessions.Begin(ctx)
	if err != nil {
		return err
	}
	if err := c.Sessions.Save(ctx, e.Response()); err != nil {
		return err
	}
	form, err := e.FormParams()
	if err != nil {
		return err
	}
	frame := func() views.Frame { return v.Frame("What is in a token") }
	if form.Get("action") == pressClock && !byItsName(e.Request()) {
		return echo.ErrForbidden
	}
	if form.Get("action") == pressCompare && c.Room != nil {
		threeWays, err := c.threeWays(ctx, v, browser)
		view := c.bench(ctx)
		view.Compared = threeWays
		if err != nil {
			view.Problem = trouble(err)
		}
		return render(e, page.TokenInspector(frame(), view))
	}
	t, problem := c.tokenIn(ctx, form)
	if problem != "" {
		view := c.bench(ctx)
		view.Problem = problem
		return renderAs(e, http.StatusUnprocessableEntity, page.TokenInspector(frame(), view))
	}
	view := page.InspectedToken{}
	if c.Room != nil {
		recording := c.Room.Open(ctx, nil)
		defer c.Room.Forget(recording.ID)
		if t, err = c.pressed(ctx, browser, recording, t, form, &view); err != nil {
			view.Notice, view.Failed = trouble(err), true
		}
		c.judge(ctx, recording, t, &view)
		if form.Get("action") == pressSteal {
			c.stolen(ctx, recording, t, &view)
		}
		view.Tried = c.tried.of(browser, t.raw)
	}
	c.describe(ctx, t, &view)
	all := c.bench(ctx)
	all.Token = &view
	return render(e, page.TokenInspector(frame(), all))
}

// pressed does what a press asks for, and returns the token to look at from then on.
func (c *Classroom) pressed(ctx context.Context, browser string, recording *wiretap.Recording, t examined, form url.Values, view *page.InspectedToken) (examined, error) {
	switch form.Get("action") {
	case pressTamper:
		change, known := changeNamed(form.Get("change"))
		if !known {
			return t, nil
		}
		return t, c.tamper(ctx, browser, recording, t, change)
	case pressRefresh:
		return c.refreshNow(ctx, t, view)
	case pressClock:
		if !c.mayMove() {
			return t, nil
		}
		if err := c.Room.Advance(ctx, 5*time.Minute); err != nil {
			return t, err
		}
		view.Notice = "The clock of all three programs is " + views.Span(c.Room.Ahead()) + " ahead now, for everybody in the room."
	}
	return t, nil
}

// tamper sends what becomes of a token when somebody changes it.
func (c *Classroom) tamper(ctx context.Context, browser string, recording *wiretap.Recording, t examined, change change) error {
	keys, err := c.Server.Keys(wiretap.Without(ctx))
	if err != nil {
		return err
	}
	forged, err := change.of(t.raw, keys, c.Now())
	if err != nil {
		c.tried.add(browser, t.raw, page.TriedChange{Change: change.Label, Does: "It cannot be done: " + err.Error() + "."})
		return nil
	}
	d, _ := decode(t.raw)
	got, err := c.try(ctx, recording, d.path(), "Bearer", forged, nil)
	if err != nil {
		return err
	}
	one := page.TriedChange{Change: change.Label, Does: change.Does, Status: status(got.Status), Heard: got.Heard, Through: got.Status < 400, Says: got.Description()}
	if check, refused := got.refusal(); refused {
		one.Check = c.checkView(check)
	}
	c.tried.add(browser, t.raw, one)
	return nil
}

// refreshNow runs the refresh token grant of the run that the token came from.
func (c *Classroom) refreshNow(ctx context.Context, t examined, view *page.InspectedToken) (examined, error) {
	token, why := refreshable(t.run)
	if why != "" {
		view.Notice, view.Failed = why, true
		return t, nil
	}
	t.run.Recording.Say("You press Refresh: the refresh token for new tokens")
	got, err := c.Refresh.Redeem(wiretap.With(ctx, t.run.Recording), flow.Tokens{RefreshToken: token})
	if err != nil {
		return t, err
	}
	view.Notice = "This is another token than before: the refresh token was spent for it, and there is a new one of that, too."
	return examined{raw: got.AccessToken, run: t.run, name: "access_token"}, nil
}

// refreshable is a run's last refresh token, or why there is none to use.
func refreshable(run *Run) (token, why string) {
	if run == nil {
		return "", "It was pasted: its refresh token is where it came from."
	}
	if run.imported != nil { // anybody can write a file, and Dreams would lend it its secret
		return "", "Its run was brought from elsewhere: here it is to be looked at."
	}
	if !over(run) {
		return "", "Its run is not over: the run may want its refresh token itself."
	}
	if run.lesson.Client != "dreams-web" {
		return "", "Only tokens of dreams-web are refreshed here."
	}
	for _, v := range tokensOf(run) {
		if strings.HasPrefix(v.Name, "refresh_token") {
			return v.Raw, ""
		}
	}
	return "", "Its run has no refresh token: offline_access was not asked for, or not allowed."
}

// key is the key that a run has proven, where a token is bound to it.
func (t examined) key(jkt string) *flow.DPoP {
	if t.run == nil || !over(t.run) || jkt == "" {
		return nil
	}
	b, is := t.run.Memory.(*labBench)
	if !is || b.code == nil || b.code.DPoP == nil || b.code.DPoP.Thumbprint() != jkt {
		return nil
	}
	return b.code.DPoP
}

// judge has the token judged by whom it is for.
func (c *Classroom) judge(ctx context.Context, recording *wiretap.Recording, t examined, view *page.InspectedToken) {
	d, isJWT := decode(t.raw)
	if !isJWT {
		c.askedAbout(wiretap.With(ctx, recording), t, view)
		return
	}
	jkt := d.boundTo()
	key := t.key(jkt)
	got, err := c.try(ctx, recording, d.path(), "Bearer", t.raw, key)
	if err != nil {
		view.Verdict = page.Verdict{Mark: views.Browser, Words: "Not verified: " + trouble(err)}
		return
	}
	view.Sent = page.SentToken{Request: got.Request, Scheme: got.Scheme, Status: status(got.Status), Challenge: got.Challenge, Body: indented(got.Body), Proof: key != nil, Heard: got.Heard}
	for _, check := range got.Checks {
		view.Checks = append(view.Checks, c.checkView(check))
	}
	view.Verdict = verdict(got, jkt != "" && key == nil)
	view.Kind = d.kind(t.name)
	if view.Kind == page.IDTokenKind && t.run != nil {
		for _, check := range idTokenChecksOf(t.run) {
			view.ByDreams = append(view.ByDreams, c.checkView(check))
		}
	}
}

// verdict is what came of it in one line. keyless: it is bound to a key that is not
// here.
func verdict(t trial, keyless bool) page.Verdict {
	check, refused := t.refusal()
	says := strings.TrimSuffix(t.Description(), ".")
	switch {
	case !t.Heard:
		return page.Verdict{Mark: views.Browser, Words: fmt.Sprintf("Not verified: Acme answered %s, and did not tell us what it checked", status(t.Status))}
	case t.Status >= 500:
		return page.Verdict{Mark: views.Browser, Words: "Not verified: Acme cannot judge it at this moment"}
	case !refused && t.Status < 400:
		return page.Verdict{Mark: views.ResourceServer, Words: "Verified: signature, issuer, audience, time", Good: true}
	case t.Code() == "insufficient_scope" || t.Code() == "insufficient_user_authentication":
		return page.Verdict{Mark: views.ResourceServer, Words: "Verified: signature, issuer, audience, time. It does not open this: " + says, Good: true}
	case keyless && refused && strings.Contains(check.Source, "9449"):
		return page.Verdict{Mark: views.Attacker, Words: "Invalid without its key: " + says, Bad: true}
	case refused:
		return page.Verdict{Mark: views.Attacker, Words: "Invalid because: " + says, Bad: true}
	}
	return page.Verdict{Mark: views.Attacker, Words: "Invalid: Acme does not take it for a token", Bad: true}
}

// askedAbout is judge for a token that says nothing by itself.
func (c *Classroom) askedAbout(ctx context.Context, t examined, view *page.InspectedToken) {
	view.Kind = page.OpaqueKind
	said, err := c.ask(ctx, t.run, t.raw)
	switch {
	case err != nil:
		view.Verdict = page.Verdict{Mark: views.Browser, Words: "Not verified: " + trouble(err)}
	case said.Active:
		view.Verdict = page.Verdict{Mark: views.ResourceServer, Words: "Active, says Acme’s accounts", Good: true}
		view.AskedAs = said.Client
		view.Said = saidOf(said.Says)
	default:
		view.Verdict = page.Verdict{Mark: views.Attacker, Words: "Not active, says Acme’s accounts: spent, ended, revoked, never made, or another client’s", Bad: true}
		view.Said = saidOf(said.Says)
	}
}

// stolen has somebody else use the token, who has it and nothing besides.
func (c *Classroom) stolen(ctx context.Context, recording *wiretap.Recording, t examined, view *page.InspectedToken) {
	d, isJWT := decode(t.raw)
	if !isJWT {
		return
	}
	for _, scheme := range d.schemes() {
		got, err := c.steal(ctx, recording, d.path(), scheme, t.raw)
		if err != nil {
			view.Notice, view.Failed = trouble(err), true
			return
		}
		one := page.Theft{Request: got.Request, Scheme: scheme, Status: status(got.Status), Through: got.Status < 400, Says: got.Description(), Body: indented(got.Body)}
		if check, refused := got.refusal(); refused {
			one.Check = c.checkView(check)
		}
		view.Thefts = append(view.Thefts, one)
	}
}

// idTokenChecksOf is what Dreams checked of the ID tokens of a run, when they came.
func idTokenChecksOf(run *Run) []wiretap.Check {
	record := run.Recording.Record()
	all := slices.Clone(record.Checks)
	for _, e := range record.Exchanges {
		all = append(all, e.Checks...)
	}
	var last []wiretap.Check
	for _, check := range all {
		if check.By != wiretap.Client || !strings.HasPrefix(check.Name, "ID token: ") {
			continue
		}
		last = slices.DeleteFunc(last, func(other wiretap.Check) bool { return other.Name == check.Name })
		last = append(last, check)
	}
	return last
}

// tried keeps what was tried with a token, by a hash: the token itself is not kept.
type tried struct {
	mu    sync.Mutex
	all   map[triedKey][]page.TriedChange
	order []triedKey
}

type triedKey struct {
	browser string
	token   [sha256.Size]byte
}

// How many tokens are remembered, and how much was tried with each.
const (
	maxTried   = 200
	mostOfEach = 30
)

func (t *tried) add(browser, token string, one page.TriedChange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := triedKey{browser, sha256.Sum256([]byte(token))}
	if t.all == nil {
		t.all = map[triedKey][]page.TriedChange{}
	}
	if _, known := t.all[key]; !known {
		if len(t.order) >= maxTried {
			delete(t.all, t.order[0])
			t.order = t.order[1:]
		}
		t.order = append(t.order, key)
	}
	if len(t.all[key]) < mostOfEach {
		t.all[key] = append(t.all[key], one)
	}
}

func (t *tried) of(browser, token string) []page.TriedChange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all[triedKey{browser, sha256.Sum256([]byte(token))}])
}
