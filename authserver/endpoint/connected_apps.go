package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// tabOf is the tab that a consent is on.
func (e *Endpoints) tabOf(c store.Connection) string {
	switch {
	case c.Live(e.Now()):
		return page.ActiveApps
	case c.EndedAt.IsZero() || c.EndReason == "expired" || strings.HasPrefix(c.EndReason, "not used"):
		return page.ExpiredApps
	}
	return page.RemovedApps
}

// onTab keeps the consents of a tab.
func (e *Endpoints) onTab(all []store.Connection, tab string) []store.Connection {
	return slices.DeleteFunc(slices.Clone(all), func(c store.Connection) bool { return e.tabOf(c) != tab })
}

// Apps lists the connected applications: what they may do, since when, until
// when.
func (e *Endpoints) Apps(c echo.Context) error { return e.apps(c, http.StatusOK, "") }

func (e *Endpoints) apps(c echo.Context, status int, notice string) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	connections, err := e.Store.Connections(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	view := page.AppsView{Tab: page.ActiveApps, Counts: map[string]int{}, Notice: notice, CSRF: e.csrf(c)}
	if tab := c.QueryParam("tab"); slices.Contains(page.AppTabs, tab) {
		view.Tab = tab
	}
	var atAcme uses
	if len(connections) > 0 {
		atAcme = e.usesAtAcme(c.Request().Context(), session.User.Sub)
	}
	for _, connection := range connections {
		tab := e.tabOf(connection)
		if view.Counts[tab]++; tab == view.Tab {
			app, err := e.appWithUses(c, connection, atAcme)
			if err != nil {
				return err
			}
			view.Apps = append(view.Apps, app)
		}
	}
	if notice == "" {
		view.Notice = e.removedNotice(c.QueryParam("removed"))
	}
	return render(c, status, page.Apps(e.frame(c, ""), view))
}

// removedNotice says what was done; empty: nothing.
func (e *Endpoints) removedNotice(clientID string) string {
	if clientID == "" {
		return ""
	}
	name := "All apps were"
	if clientID != "all" {
		client := e.Store.Client(clientID)
		if client == nil {
			return ""
		}
		name = client.Name + " was"
		if client.SecurityEventsURI != "" {
			return name + " removed. Tokens that were held stop working within 2 seconds, and the app is told to delete what it copied. Whether it did, it has to tell you."
		}
	}
	return name + " removed. Tokens that were held stop working within 2 seconds. What was copied before stays where it is: ask for it to be deleted."
}

// appWithUses words a consent, and what was done with it.
func (e *Endpoints) appWithUses(c echo.Context, connection store.Connection, atAcme uses) (page.App, error) {
	app := e.appView(connection)
	tokens, err := e.Store.Uses(c.Request().Context(), connection.ID, e.Now())
	if err != nil {
		return app, err
	}
	e.addUses(&app, connection, tokens, atAcme)
	return app, nil
}

// justNow is for how long a consent is new to its person.
const justNow = 10 * time.Minute

// appView words a consent.
func (e *Endpoints) appView(connection store.Connection) page.App {
	now := e.Now()
	app := page.App{
		ID: connection.ID, ClientID: connection.ClientID, Name: connection.ClientID, Active: e.tabOf(connection) == page.ActiveApps,
		Since: day(connection.GivenAt), Until: until(connection.Consent, now), Can: can(connection),
	}
	if client := e.Store.Client(connection.ClientID); client != nil {
		app.Name, app.Host, app.Verified, app.FirstParty = client.Name, oauth.HostOf(client.Homepage), client.Verified, client.FirstParty
		app.Logo = logoAddress(client)
	}
	app.Fresh = app.Active && now.Sub(connection.ChangedAt) < justNow
	if idle := connection.Idle(now); app.Active && idle >= oauth.UnusedHint {
		app.Idle = fmt.Sprintf("Nobody has used this for %d days. It ends by itself on %s, unless it is used before.",
			int(idle.Hours()/24), day(now.Add(oauth.UnusedFor-idle)))
	}
	switch {
	case app.Active:
	case !connection.EndedAt.IsZero():
		app.Ended = dayTime(connection.EndedAt) + ": " + connection.EndReason
	case connection.Unused(now):
		app.Ended = "not used for 90 days"
	default:
		app.Ended = dayTime(connection.ExpiresAt) + ": expired"
	}
	return app
}

// can lists what a consent lets its client do, authorization details by their type.
func can(connection store.Connection) []page.Permission {
	var all []page.Permission
	for _, name := range connection.Scope {
		p, _ := oauth.PermissionNamed(name)
		all = append(all, page.Permission{Name: name, Scope: name, Sentence: verbs[p.Verb] + p.Sentence, Detail: p.Detail, Sensitivity: p.Sensitivity, Locked: p.Locked})
	}
	for _, d := range connection.Details {
		p := page.Permission{Name: d.Type, Scope: d.Type, Sentence: detailSentence(d), Detail: d.Explanation(), Sensitivity: "medium"}
		if !slices.Contains(all, p) { // several sign-ins may have the same
			all = append(all, p)
		}
	}
	return all
}

// verbs begin a permission's sentence where it stands alone.
var verbs = map[oauth.Verb]string{oauth.Change: "Change: "}

func inWords(scope oauth.Scope) string {
	if len(scope) == 0 {
		return "what you agreed to in detail"
	}
	return strings.Join(scope, ", ")
}

// connection loads the consent that a page is about. Another person's is not
// there: 404.
func (e *Endpoints) connection(c echo.Context) (store.Session, store.Connection, error) {
	session, err := e.signedIn(c)
	if err != nil {
		return session, store.Connection{}, err
	}
	found, err := e.Store.ConnectionByID(c.Request().Context(), session.User.Sub, c.Param("id"), e.Now())
	if errors.Is(err, store.ErrNotFound) {
		return session, found, echo.ErrNotFound
	}
	return session, found, err
}

// App is all about one connected application.
func (e *Endpoints) App(c echo.Context) error {
	_, connection, err := e.connection(c)
	if err != nil {
		return err
	}
	notice := ""
	if name := c.QueryParam("switched_off"); name != "" && len(name) < 100 && !slices.ContainsFunc(can(connection), func(p page.Permission) bool { return p.Name == name }) {
		notice = "The permission was taken back. Tokens that carry it stop working within 2 seconds; the next ones lack it."
	}
	view, err := e.appDetails(c, connection, notice)
	if err != nil {
		return err
	}
	return render(c, http.StatusOK, page.AppPage(e.frame(c, ""), view))
}

func (e *Endpoints) appDetails(c echo.Context, connection store.Connection, notice string) (page.AppView, error) {
	ctx, now := c.Request().Context(), e.Now()
	app, err := e.appWithUses(c, connection, e.usesAtAcme(ctx, connection.Sub))
	if err != nil {
		return page.AppView{}, err
	}
	facts, err := e.Store.Tokens(ctx, connection.ID, now)
	if err != nil {
		return page.AppView{}, err
	}
	changes, err := e.Store.ConsentChanges(ctx, connection.ID)
	if err != nil {
		return page.AppView{}, err
	}
	view := page.AppView{App: app, Notice: notice, CSRF: e.csrf(c), Tokens: tokensInWords(facts, now)}
	for _, change := range changes {
		view.Timeline = append(view.Timeline, page.Moment{Time: dayTime(change.At), DateTime: change.At.Format(time.RFC3339), What: changeInWords(change)})
	}
	return view, nil
}

func changeInWords(c store.ConsentChange) string {
	switch c.Kind {
	case "given":
		return "You let it in: " + inWords(c.Scope)
	case "changed":
		return "You were asked again, and left it: " + inWords(c.Scope)
	case "narrowed":
		return "You took back " + c.Reason
	}
	return "It ended: " + c.Reason
}

// tokensInWords says what is known of tokens, and none of them.
func tokensInWords(f store.TokenFacts, now time.Time) []string {
	var all []string
	switch {
	case f.RefreshTokens > 0:
		all = append(all, fmt.Sprintf("%s, after %s; the first was issued on %s",
			count(f.RefreshTokens, "refresh token"), count(f.Rotations, "rotation"), day(f.Since)))
	default:
		all = append(all, "No refresh token: it cannot get a new token by itself")
	}
	if f.AccessUntil.After(now) {
		return append(all, "Access tokens until "+dayTime(f.AccessUntil)+" at the latest")
	}
	return append(all, "No access token that still works")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// TakeBack takes one permission back from a connected application.
func (e *Endpoints) TakeBack(c echo.Context) error {
	session, connection, err := e.connection(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	name := form.Get("permission")
	permission, _ := oauth.PermissionNamed(name)
	if form.Get("action") != "withdraw" || name == "" || permission.Locked {
		return echo.NewHTTPError(http.StatusBadRequest, "action must be withdraw, and permission one that can be taken back alone")
	}
	here := "/account/apps/" + url.PathEscape(connection.ID)
	if !connection.Live(e.Now()) {
		return c.Redirect(http.StatusSeeOther, here)
	}
	err = e.Store.TakeBack(background(c), session.User.Sub, connection.ClientID, name, e.Now())
	if errors.Is(err, store.ErrNotFound) { // it was taken back before
		return c.Redirect(http.StatusSeeOther, here)
	}
	if err != nil {
		return err
	}
	e.record(c, "permission taken back", session.User.Sub, connection.ClientID, name)
	return c.Redirect(http.StatusSeeOther, here+"?switched_off="+url.QueryEscape(name))
}

// RemoveApp says what removing means, before it is done.
func (e *Endpoints) RemoveApp(c echo.Context) error {
	_, connection, err := e.connection(c)
	if err != nil {
		return err
	}
	if !connection.Live(e.Now()) {
		return c.Redirect(http.StatusSeeOther, "/account/apps/"+url.PathEscape(connection.ID))
	}
	return render(c, http.StatusOK, page.RemoveApp(e.frame(c, ""), page.AppView{App: e.appView(connection), CSRF: e.csrf(c)}))
}

// RemoveAllApps says what removing all means.
func (e *Endpoints) RemoveAllApps(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	connections, err := e.Store.Connections(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	view := page.AppsView{CSRF: e.csrf(c)}
	for _, connection := range e.onTab(connections, page.ActiveApps) {
		view.Apps = append(view.Apps, e.appView(connection))
	}
	if view.Apps == nil {
		return c.Redirect(http.StatusSeeOther, "/account/apps")
	}
	return render(c, http.StatusOK, page.RemoveAllApps(e.frame(c, ""), view))
}

// RevokeApp removes a connected application: its consent ends, and with it
// every grant and token. revoke-all removes them all.
func (e *Endpoints) RevokeApp(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	switch form.Get("action") {
	case "revoke":
	case "revoke-all":
		return e.revokeAll(c, session)
	default:
		return echo.NewHTTPError(http.StatusBadRequest, "action must be revoke")
	}
	clientID := form.Get("client_id")
	err = e.Store.EndConsent(background(c), session.User.Sub, clientID, "removed by you", e.Now())
	if errors.Is(err, store.ErrNotFound) {
		return e.apps(c, http.StatusNotFound, "This app is not connected. Perhaps you removed it before.")
	}
	if err != nil {
		return err
	}
	e.record(c, "connected app removed", session.User.Sub, clientID, "")
	return c.Redirect(http.StatusSeeOther, "/account/apps?removed="+url.QueryEscape(clientID))
}

func (e *Endpoints) revokeAll(c echo.Context, session store.Session) error {
	ended, err := e.Store.EndAllConsents(background(c), session.User.Sub, nil, "removed by you", e.Now())
	if err != nil {
		return err
	}
	for _, clientID := range ended {
		e.record(c, "connected app removed", session.User.Sub, clientID, "all at once")
	}
	return c.Redirect(http.StatusSeeOther, "/account/apps?removed=all")
}
