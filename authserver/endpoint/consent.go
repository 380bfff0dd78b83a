package endpoint

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// ConsentPage asks the person. RFC 6749 §4.1.1, §10.2.
func (e *Endpoints) ConsentPage(c echo.Context) error {
	p, session, err := e.question(c, c.QueryParam("interaction"))
	if err != nil {
		return err
	}
	before, err := e.Store.Consent(c.Request().Context(), session.User.Sub, p.Client.ID)
	if err != nil {
		return err
	}
	e.allowRedirect(c, p)
	view := e.consentView(c, p, session.User, before)
	e.addSamples(c.Request().Context(), &view, session.User.Sub, e.details(p))
	return render(c, http.StatusOK, page.Consent(e.frame(c, ""), view))
}

// question loads a request that waits for a decision, and who is to decide.
// What the login page was to make sure of is made sure of again: nobody gets
// here by typing the address.
func (e *Endpoints) question(c echo.Context, interaction string) (pending, store.Session, error) {
	p, err := e.interaction(c, interaction)
	if err != nil {
		return p, store.Session{}, err
	}
	session, err := e.session(c)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return p, session, err
	}
	if p.Device != nil && err == nil {
		return p, session, nil
	}
	page, refusal := e.signIn(p, session, err == nil)
	switch {
	case refusal != nil:
		err = e.redirectError(c, p, refusal)
	case page != "":
		err = e.ask(c, p, page)
	default:
		return p, session, nil
	}
	if err != nil {
		return p, session, err
	}
	return p, session, errShown
}

// Consent takes the person's decision: one checkbox "scope" per permission, a
// "duration", and "decision" allow or deny.
func (e *Endpoints) Consent(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	p, session, err := e.question(c, form.Get("interaction"))
	if err != nil {
		return err
	}
	// What the person was shown is judged as it was when the client asked.
	if err := e.authorizable(c, p); err != nil {
		return err
	}
	// Locked permissions are given whatever is posted, what was not asked for is
	// dropped, whoever posts it.
	allowed := p.wanted().Intersect(append(oauth.Scope(form["scope"]), p.wanted().Locked()...))
	// A claim needs a permission once its client has registered for that: the person
	// says yes to what the page showed, not to what became of it since.
	if asked := form.Get("asked"); asked != "" && asked != p.wanted().String() && form.Get("decision") == "allow" {
		return e.ask(c, p, "/consent")
	}
	duration, known := durations[form.Get("duration")]
	if decision := form.Get("decision"); (decision != "allow" && decision != "deny") || !known {
		return echo.NewHTTPError(http.StatusBadRequest, "decision must be allow or deny; duration must be once, 30d or until_revoked")
	}
	details, refused := allowedDetails(e.details(p), form["authorization_detail"])
	if form.Get("decision") == "deny" || len(allowed)+len(details) == 0 {
		return e.denied(c, p, session)
	}
	details = within(details, duration.End(e.Now()))
	code := e.newCode(p, session, allowed, details)
	code.Grant.ExpiresAt = duration.End(e.Now())
	err = e.Store.Approve(background(c), store.Approval{
		Interaction: p.Interaction, Asked: p.wanted(), Allowed: allowed, Duration: duration, RefusedDetails: refused,
		ConsentID: "c_" + e.tokenID(), Code: code, Device: p.deviceKey(), Token: p.AsksForToken(),
	}, e.Now())
	switch {
	case errors.Is(err, store.ErrAnswered):
		return e.alreadyAnswered(c, p)
	case errors.Is(err, store.ErrConsentEnded): // and the session with it
		return e.ask(c, p, "/login")
	case err != nil:
		return err
	}
	e.record(c, "consent given", session.User.Sub, p.Client.ID, allowedInWords(allowed, details)+" ("+string(duration)+")")
	if p.Device != nil {
		return c.Redirect(http.StatusSeeOther, "/device/done?answer=allow")
	}
	return e.answer(c, p, session, code)
}

// allowedDetails parts the details whose boxes were ticked from the others. A box
// is known by its place in the list.
func allowedDetails(asked []oauth.AuthorizationDetail, ticked []string) (allowed, refused []oauth.AuthorizationDetail) {
	for i, d := range asked {
		if slices.Contains(ticked, strconv.Itoa(i)) {
			allowed = append(allowed, d)
		} else {
			refused = append(refused, d)
		}
	}
	return allowed, refused
}

// within ends details with the consent where that ends sooner; a zero end is none.
func within(details []oauth.AuthorizationDetail, end time.Time) []oauth.AuthorizationDetail {
	for i, d := range details {
		if !end.IsZero() && end.Unix() < d.ExpiresAt {
			details[i].ExpiresAt = end.Unix()
		}
	}
	return details
}

// allowedInWords is what the account's history says.
func allowedInWords(scope oauth.Scope, details []oauth.AuthorizationDetail) string {
	var all []string
	if len(scope) > 0 {
		all = append(all, scope.String())
	}
	for _, d := range details {
		all = append(all, detailSentence(d))
	}
	return strings.Join(all, "; ")
}

// detailSentence is a detail with its end, as people read it.
func detailSentence(d oauth.AuthorizationDetail) string {
	return d.Sentence() + ", until " + day(time.Unix(d.ExpiresAt, 0))
}

// durations are the values of the form's field; leaving it out means the last.
var durations = map[string]oauth.Duration{
	"": oauth.UntilRevoked, "once": oauth.Once, "30d": oauth.ThirtyDays, "until_revoked": oauth.UntilRevoked,
}

// authorizable judges the request again: client and scopes may have changed
// since the page was shown.
func (e *Endpoints) authorizable(c echo.Context, p pending) error {
	if p.Device != nil {
		return nil // judged when the device asked; deviceInteraction looks at the client again
	}
	if refusal := e.judge(c, p); refusal != nil {
		if err := e.redirectError(c, p, refusal); err != nil {
			return err
		}
		return errShown
	}
	return nil
}

func (e *Endpoints) denied(c echo.Context, p pending, session store.Session) error {
	err := e.answerNo(c, p)
	if errors.Is(err, store.ErrAnswered) {
		return e.alreadyAnswered(c, p)
	}
	if err != nil {
		return err
	}
	e.record(c, "consent refused", session.User.Sub, p.Client.ID, p.Scope.String())
	if p.Device != nil {
		return c.Redirect(http.StatusSeeOther, "/device/done?answer=deny")
	}
	return e.redirectError(c, p, oauth.Refuse(oauth.AccessDenied, "the person said no"))
}

func (e *Endpoints) answerNo(c echo.Context, p pending) error {
	if p.Device != nil {
		return e.Store.DenyDevice(background(c), p.Interaction, p.Device.key, e.Now())
	}
	return e.Store.AnswerInteraction(background(c), p.Interaction, e.Now())
}

func (e *Endpoints) alreadyAnswered(c echo.Context, p pending) error {
	return e.stopped(c, stop{Refusal: oauth.Refuse(oauth.InvalidRequest, "this question has been answered already"), Pending: p, Over: true})
}

// consentView words the question. What Acme Travel knows is not ours: addSamples
// asks.
func (e *Endpoints) consentView(c echo.Context, p pending, user oauth.User, before *oauth.Consent) page.ConsentView {
	now := e.Now()
	v := page.ConsentView{
		Action: "/consent", Interaction: p.Interaction, CSRF: e.csrf(c), Asked: p.wanted().String(), SwitchAction: "/account/switch",
		Client: page.ConsentClient{
			Name: p.Client.Name, Logo: logoAddress(p.Client), Developer: p.Client.Developer, Verified: p.Client.Verified, FirstParty: p.Client.FirstParty,
			Host: oauth.HostOf(p.RedirectURI), Since: day(p.Client.Since), Purpose: p.Client.Purpose,
			PolicyURI: p.Client.PolicyURI, TermsURI: p.Client.TosURI,
		},
		Person: page.ConsentPerson{Name: user.Name, Email: user.Email},
		Durations: []page.ConsentDuration{
			{Value: string(oauth.Once), Label: "Once, until " + oauth.Once.End(now).Local().Format("15:04")},
			{Value: string(oauth.ThirtyDays), Label: "30 days, until " + day(oauth.ThirtyDays.End(now)), Checked: true},
			{Value: string(oauth.UntilRevoked), Label: "Until I stop it"},
		},
	}
	if p.Device != nil {
		v.Warning = p.Device.warning(p.Client.Name, now)
	}
	if p.Client.AlwaysAsk {
		v.Notices = append(v.Notices, "This program runs on your computer and cannot prove its name. Go on only if you have just started it.")
	}
	if before.Live(now) {
		v.Last = day(before.ChangedAt)
	}
	wanted := p.wanted()
	for _, permission := range oauth.Permissions { // in the registry's order: identity first
		if !wanted.Has(permission.Name) {
			continue
		}
		row := page.ConsentScope{
			Scope: permission.Name, Sentence: permission.Sentence, Sensitivity: permission.Sensitivity,
			Reason: p.Client.Reasons[permission.Name], Detail: permission.Detail, Sample: sample(permission.Name, user),
			Locked: permission.Locked, Public: !permission.NeedsUser,
			Ticked: before.Live(now) && before.Scope.Has(permission.Name),
			New:    before.Live(now) && !before.Scope.Has(permission.Name),
		}
		switch permission.Verb {
		case oauth.See:
			v.See = append(v.See, row)
		case oauth.Change:
			v.Change = append(v.Change, row)
		case oauth.Act:
			v.ActForYou = append(v.ActForYou, row)
		case oauth.KeepFor:
			v.KeepAccess = append(v.KeepAccess, row)
		}
	}
	for i, d := range e.details(p) {
		v.See = append(v.See, page.ConsentScope{
			Field: "authorization_detail", Value: strconv.Itoa(i), Scope: d.Type,
			Sentence: detailSentence(d), Sensitivity: "medium", Reason: p.Client.Reasons[d.Type], Detail: d.Explanation(),
		})
	}
	return v
}

// sample shows what a permission opens for this person right now.
func sample(permission string, user oauth.User) string {
	switch permission {
	case "openid":
		return user.Sub
	case "profile":
		return user.Name
	case "email":
		return user.Email
	}
	return ""
}

// until says when a consent ends.
func until(c oauth.Consent, now time.Time) string {
	switch {
	case c.ExpiresAt.IsZero():
		return "when you stop it"
	case c.ExpiresAt.Sub(now) < 24*time.Hour:
		return dayTime(c.ExpiresAt)
	}
	return day(c.ExpiresAt)
}
