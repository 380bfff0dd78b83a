package endpoint

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/views"
)

// ownership is who asks for the page of an application, and for whose.
type ownership struct {
	Person oauth.User
	Client *oauth.Client
}

var ownershipChecks = []check.Check[ownership]{
	check.New("application belongs to the person who asks", "ours", applicationIsOwn),
}

// To know an application's client_id is not to own it: every address that it
// sends people to shows it. Somebody else's is not there, as if there were none.
func applicationIsOwn(o ownership) error {
	if o.Client.Owner != o.Person.Sub && !o.Person.Operator {
		return echo.ErrNotFound
	}
	return nil
}

// application finds the application that a page is about.
func (e *Endpoints) application(c echo.Context) (store.Session, *oauth.Client, error) {
	session, err := e.signedIn(c)
	if err != nil {
		return session, nil, err
	}
	client := e.Store.Client(c.Param("client_id"))
	if client == nil {
		return session, nil, echo.ErrNotFound
	}
	return session, client, check.Run(c.Request().Context(), e.Checks, ownershipChecks, ownership{session.User, client})
}

// developerFrame is the frame with the way here.
func (e *Endpoints) developerFrame(c echo.Context, title string) views.Frame {
	f := e.frame(c, title)
	if title != "" {
		f.Crumbs = []views.Link{{Label: "Developer", Href: "/developer"}, {Label: title, Current: true}}
	}
	return f
}

// linesShown is how many applications a page of the list has: strangers register
// as many as they like, and the operator sees them all.
const linesShown = 50

// Developer lists a person's applications.
func (e *Endpoints) Developer(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	all := e.Store.Applications(session.User)
	view := page.DeveloperView{Operator: session.User.Operator, None: len(all) == 0, Searchable: len(all) > linesShown || session.User.Operator, Query: limit(strings.TrimSpace(c.QueryParam("q")), maxName)}
	if view.Query != "" {
		all = slices.DeleteFunc(all, func(client *oauth.Client) bool { return !namedLike(client, view.Query) })
	}
	view.Found = len(all)
	if place := c.QueryParam("older"); place != "" {
		all, view.Newest = olderThan(all, place), listAddress(view.Query, "")
	}
	if len(all) > linesShown {
		all = all[:linesShown]
		view.Older = listAddress(view.Query, placeInList(all[linesShown-1]))
	}
	if c.QueryParam("deleted") != "" {
		view.Notice = "The application was deleted. Its tokens stop working within 2 seconds."
	}
	owners, err := e.owners(c, view.Operator)
	if err != nil {
		return err
	}
	for _, client := range all {
		view.Applications = append(view.Applications, page.ApplicationLine{
			ClientID: client.ID, Name: client.Name, Logo: logoAddress(client), Kind: kindInWords(client), Since: day(client.Since), Disabled: client.Disabled, Owner: ownerInWords(client, owners),
		})
	}
	return render(c, http.StatusOK, page.Developer(e.developerFrame(c, ""), view))
}

// namedLike tells whether a client is one that an operator looks for.
func namedLike(client *oauth.Client, words string) bool {
	words = strings.ToLower(words)
	return strings.Contains(strings.ToLower(client.Name), words) || strings.Contains(strings.ToLower(client.ID), words)
}

// placeInList is where a page of the list ends. It holds when the client itself
// is gone, and when others come.
func placeInList(client *oauth.Client) string {
	return strconv.FormatInt(client.Since.UnixMilli(), 10) + "." + client.ID
}

// olderThan are the clients below a place. What is no place is the end of the list.
func olderThan(all []*oauth.Client, place string) []*oauth.Client {
	at, id, _ := strings.Cut(place, ".")
	since, _ := strconv.ParseInt(at, 10, 64)
	below := func(client *oauth.Client) bool {
		return cmp.Or(cmp.Compare(since, client.Since.UnixMilli()), cmp.Compare(client.ID, id)) > 0
	}
	if i := slices.IndexFunc(all, below); i >= 0 {
		return all[i:]
	}
	return nil
}

func listAddress(query, place string) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": query, "older": place} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return "/developer?" + values.Encode()
}

func (e *Endpoints) owners(c echo.Context, wanted bool) (map[string]string, error) {
	names := map[string]string{}
	if !wanted {
		return names, nil
	}
	users, err := e.Store.Users(c.Request().Context())
	for _, user := range users {
		names[user.Sub] = user.Name
	}
	return names, err
}

func ownerInWords(client *oauth.Client, owners map[string]string) string {
	switch {
	case client.Seeded():
		return "came with Acme"
	case client.SelfRegistered():
		return "registered itself"
	}
	return owners[client.Owner]
}

// ApplicationPage shows an application, a tab at a time.
func (e *Endpoints) ApplicationPage(c echo.Context) error {
	session, client, err := e.application(c)
	if err != nil {
		return err
	}
	view, err := e.applicationView(c, session, client, c.QueryParam("tab"))
	if err != nil {
		return err
	}
	view.Notice = saved[c.QueryParam("done")]
	if sent := limit(c.QueryParam("try"), maxURI); view.Tab == page.AddressesTab && sent != "" {
		view.Try.Value = sent
		view.Tried = tryRedirectURI(client, sent)
	}
	return render(c, http.StatusOK, page.Application(e.developerFrame(c, client.Name), view))
}

// saved is what a page says after a change, by the value of ?done=.
var saved = map[string]string{
	"saved": "It is saved, and holds from now on.", "ended": "The secret was ended.", "key": "The key is registered. The application may sign with it at once.",
	"keys-removed": "The keys were removed.", "logo-removed": "The logo was removed. Its first letter stands there again.", "disabled": "The application is disabled.", "enabled": "The application is in use again.",
}

// tryRedirectURI compares an address with every registered one, as /authorize does.
func tryRedirectURI(client *oauth.Client, sent string) []page.TriedURI {
	var all []page.TriedURI
	for _, registered := range client.RedirectURIs {
		alone := oauth.Client{Kind: client.Kind, RedirectURIs: []string{registered}}
		all = append(all, page.TriedURI{
			Registered: registered, Matches: alone.RedirectURIRegistered(sent), AnyPort: sent != registered, Difference: views.DiffStrings(registered, sent),
		})
	}
	slices.SortStableFunc(all, func(a, b page.TriedURI) int { return len(b.Difference.Same) - len(a.Difference.Same) })
	if i := slices.IndexFunc(all, func(one page.TriedURI) bool { return one.Matches }); i >= 0 {
		return all[i : i+1]
	}
	return all
}

// refusalsShown is how many errors an application's page has.
const refusalsShown = 100

// applicationView words an application as it is registered.
func (e *Endpoints) applicationView(c echo.Context, session store.Session, client *oauth.Client, tab string) (page.ApplicationView, error) {
	refusals, err := e.Store.Refusals(c.Request().Context(), client.ID, refusalsShown)
	view := page.ApplicationView{
		ClientID: client.ID, Name: client.Name, Logo: logoAddress(client), Kind: kindInWords(client), Tab: tab, CSRF: e.csrf(c), Disabled: client.Disabled, Verified: client.Verified,
		CanDelete: !client.Seeded(), ErrorCount: len(refusals), ReadOnly: readOnly(client),
		MayHaveSecret: !client.Public() && !client.SelfRegistered(),
		MayMakeSecret: len(client.Secrets) < oauth.MaxSecrets,
		Snippets:      e.snippets(client), SnippetNote: snippetNote(client),
		Try:     views.Field{ID: "try", Name: "try", Label: "Paste what your application sends as redirect_uri", Attrs: map[string]any{"maxlength": maxURI}},
		Confirm: views.Field{ID: "confirm", Name: "confirm", Label: "Type the application’s name to delete it", Autocomplete: "off"},
	}
	if client.MayUse(oauth.AuthorizationCodeGrant) && !client.PKCERequired() {
		view.Warning = "PKCE is not required: a code that somebody steals or plants can be redeemed (RFC 9700 §2.1.1). Switch it on under Settings; your library does it."
	}
	if !slices.Contains([]string{page.CredentialsTab, page.AddressesTab, page.PermissionsTab, page.CodeTab, page.TestUsersTab, page.ErrorsTab, page.SettingsTab, page.DeleteTab}, tab) {
		view.Tab = page.OverviewTab
	}
	for _, r := range refusals {
		entry, _ := oauth.ErrorByCode(r.Code)
		view.Refusals = append(view.Refusals, page.RefusalLine{
			Time: dayTime(r.At), DateTime: r.At.Format(time.RFC3339), Endpoint: r.Endpoint, Code: r.Code, Description: r.Description, Meaning: entry.Meaning,
		})
	}
	view.Facts = applicationFacts(client)
	e.credentialsView(&view, client)
	if client.MayUse(oauth.AuthorizationCodeGrant) || client.MayUse(oauth.ImplicitGrant) || client.Kind == nativeKind {
		view.RedirectURIs = redirectURIsField(strings.Join(client.RedirectURIs, "\n"), client.Kind)
		view.PostLogoutURIs, view.Told = postLogoutField(strings.Join(client.PostLogoutRedirectURIs, "\n")), toldFields(client.BackchannelLogoutURI, client.SecurityEventsURI)
	}
	for _, p := range e.Personas {
		view.TestUsers = append(view.TestUsers, page.TestUser{Name: p.Name, Username: p.Username, Password: p.Password, About: p.About, GoodFor: goodFor[p.Username]})
	}
	view.AsksPeople = client.MayUse(oauth.AuthorizationCodeGrant) || client.MayUse(oauth.DeviceCodeGrant) || client.MayUse(oauth.ImplicitGrant)
	view.People = e.peopleForm(c, session, draftOf(client), client)
	e.settingsView(&view, client)
	return view, err
}

// goodFor is what each of the test users is for, by user name.
var goodFor = map[string]string{
	"alice": "The full answer: there is something behind every permission, unpublished posts and a budget too.",
	"bob":   "Another taste: what your application makes of Alice must not be what it makes of Bob.",
	"carol": "The first time: she has agreed to nothing yet. Let her refuse, or tick only a part.",
	"root":  "The operator, who can lock an account or disable an application while yours is at work.",
}

// readOnly says why somebody who may see an application cannot change what it is
// registered with.
func readOnly(client *oauth.Client) string {
	switch {
	case client.Seeded():
		return "This application came with Acme: what it is registered with stands in seed/clients.json. Here you can rotate its secret, and disable it."
	case client.SelfRegistered():
		return "This application registered itself, and manages what it registered (RFC 7592). Here you can disable it, or delete it."
	}
	return ""
}

func applicationFacts(client *oauth.Client) []views.Fact {
	facts := []views.Fact{
		{Term: "Authenticates by", Text: strings.Join(client.AuthMethods, ", ")},
		{Term: "Grant types", Text: strings.Join(client.GrantTypes, ", ")},
		{Term: "May ask for", Text: client.Scope.String()},
		{Term: "Registered", Text: day(client.Since)},
	}
	if len(client.RedirectURIs) > 0 {
		facts = append(facts, views.Fact{Term: "Redirect URIs", Text: strings.Join(client.RedirectURIs, ", ")})
	}
	var demands []string
	for _, demand := range []struct {
		on   bool
		name string
	}{
		{client.MayUse(oauth.AuthorizationCodeGrant) && client.PKCERequired(), "PKCE"}, {client.DPoPBound, "tokens bound to a key (DPoP)"},
		{client.RequirePAR, "pushed requests (PAR)"}, {client.RequireSignedRequest, "signed requests (JAR)"},
	} {
		if demand.on {
			demands = append(demands, demand.name)
		}
	}
	if demands != nil {
		facts = append(facts, views.Fact{Term: "Must use", Text: strings.Join(demands, ", ")})
	}
	if client.BackchannelLogoutURI != "" {
		facts = append(facts, views.Fact{Term: "Told of sign-outs at", Text: client.BackchannelLogoutURI})
	}
	if client.SecurityEventsURI != "" {
		facts = append(facts, views.Fact{Term: "Told of ended consents at", Text: client.SecurityEventsURI})
	}
	if client.Purpose != "" {
		facts = append(facts, views.Fact{Term: "Purpose", Text: client.Purpose})
	}
	return facts
}

// ChangeApplication takes every form of an application's page: the button says
// what is to be done.
func (e *Endpoints) ChangeApplication(c echo.Context) error {
	session, client, err := e.application(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	a := applicationChange{e, c, session, client, form}
	act, known := applicationActions[form.Get("action")]
	switch {
	case !known:
		return echo.NewHTTPError(http.StatusBadRequest, "there is no such action")
	case !allowedAction(client, form.Get("action")):
		return echo.NewHTTPError(http.StatusForbidden, readOnly(client))
	}
	return act(a)
}

// allowedAction tells what may be done to an application that nobody registered
// at the portal; to the others everything.
func allowedAction(client *oauth.Client, action string) bool {
	switch {
	case client.Seeded():
		return slices.Contains([]string{"make-secret", "end-secret", "disable", "enable"}, action)
	case client.SelfRegistered():
		return slices.Contains([]string{"disable", "enable", "delete"}, action)
	}
	return true
}

// applicationChange is a form that was sent, and by whom.
type applicationChange struct {
	*Endpoints
	c       echo.Context
	session store.Session
	client  *oauth.Client
	form    oauth.Parameters
}

var applicationActions = map[string]func(applicationChange) error{
	"permissions": applicationChange.permissions, "preview": applicationChange.preview, "addresses": applicationChange.addresses,
	"make-secret": applicationChange.makeSecret, "end-secret": applicationChange.endSecret,
	"keys": applicationChange.keys, "remove-keys": applicationChange.removeKeys, "settings": applicationChange.settings, "remove-logo": applicationChange.removeLogo,
	"disable": applicationChange.disable, "enable": applicationChange.enable, "delete": applicationChange.delete,
}

// change stores a change, or returns what is wrong with it.
func (a applicationChange) change(what string, change func(*oauth.Client) problems) (problems, error) {
	var wrong problems
	err := a.Store.ChangeApplication(background(a.c), a.client.ID, func(client *oauth.Client) error {
		if wrong = change(client); len(wrong) > 0 {
			return errShown
		}
		return nil
	}, a.Now())
	switch {
	case errors.Is(err, errShown):
		return wrong, nil
	case errors.Is(err, store.ErrNotFound):
		return nil, echo.ErrNotFound // it has just been deleted
	case err == nil:
		a.record(a.c, "application changed", a.session.User.Sub, a.client.ID, what)
	}
	return nil, err
}

// done leads back to a tab, which says what was done.
func (a applicationChange) done(tab, what string) error {
	return a.c.Redirect(http.StatusSeeOther, "/developer/apps/"+url.PathEscape(a.client.ID)+"?tab="+tab+"&done="+what)
}

// finish leads back to a tab, or shows it again with what is wrong.
func (a applicationChange) finish(tab, what string, wrong problems, err error, fill func(*page.ApplicationView)) error {
	switch {
	case err != nil:
		return err
	case len(wrong) == 0:
		return a.done(tab, what)
	}
	return a.again(tab, http.StatusUnprocessableEntity, wrong, fill)
}

// again shows the page with what was typed and what is wrong with it.
func (a applicationChange) again(tab string, status int, wrong problems, fill func(*page.ApplicationView)) error {
	view, err := a.applicationView(a.c, a.session, a.client, tab)
	if err != nil {
		return err
	}
	view.Errors = wrong.summary()
	fill(&view)
	return render(a.c, status, page.Application(a.developerFrame(a.c, a.client.Name), view))
}

func (a applicationChange) permissions() error {
	d := readDraft(a.form)
	d.Kind = a.client.Kind
	wrong, err := a.change("what people see", func(client *oauth.Client) problems {
		d.describe(client)
		return append(d.problems(), a.judgeApplication(a.c, client)...)
	})
	return a.finish(page.PermissionsTab, "saved", wrong, err, func(v *page.ApplicationView) {
		v.People = wrong.markForm(a.peopleForm(a.c, a.session, d, a.client))
	})
}

func (a applicationChange) preview() error {
	d := readDraft(a.form)
	d.Kind = a.client.Kind
	return a.again(page.PermissionsTab, http.StatusOK, nil, func(v *page.ApplicationView) {
		v.People = a.peopleForm(a.c, a.session, d, a.client)
	})
}

func (a applicationChange) addresses() error {
	wrong, err := a.change("addresses", func(client *oauth.Client) problems {
		client.RedirectURIs, client.PostLogoutRedirectURIs = lines(a.form.Get("redirect_uris")), lines(a.form.Get("post_logout_redirect_uris"))
		client.BackchannelLogoutURI, client.SecurityEventsURI = strings.TrimSpace(a.form.Get("backchannel_logout_uri")), strings.TrimSpace(a.form.Get("security_events_uri"))
		client.BackchannelLogoutSessionRequired = client.BackchannelLogoutURI != "" // with sid the client ends one session, not all
		kindNamed(client.Kind).grants(client)
		return a.judgeApplication(a.c, client)
	})
	return a.finish(page.AddressesTab, "saved", wrong, err, func(v *page.ApplicationView) {
		v.RedirectURIs, v.PostLogoutURIs = redirectURIsField(a.form.Get("redirect_uris"), a.client.Kind), postLogoutField(a.form.Get("post_logout_redirect_uris"))
		v.Told = toldFields(a.form.Get("backchannel_logout_uri"), a.form.Get("security_events_uri"))
		wrong.mark(v.RedirectURIs, v.PostLogoutURIs, &v.Told[0], &v.Told[1])
	})
}

func (a applicationChange) disable() error {
	wrong, err := a.change("disabled", func(client *oauth.Client) problems { client.Disabled = true; return nil })
	return a.finish(page.SettingsTab, "disabled", wrong, err, func(*page.ApplicationView) {})
}

func (a applicationChange) enable() error {
	wrong, err := a.change("enabled", func(client *oauth.Client) problems { client.Disabled = false; return nil })
	return a.finish(page.SettingsTab, "enabled", wrong, err, func(*page.ApplicationView) {})
}

// delete ends an application and everything that it was given, where its name
// was typed: no other form of ours is a step to it.
func (a applicationChange) delete() error {
	if strings.TrimSpace(a.form.Get("confirm")) != a.client.Name {
		wrong := problems{{"confirm", "This is not the application’s name: " + a.client.Name}}
		return a.again(page.DeleteTab, http.StatusUnprocessableEntity, wrong, func(v *page.ApplicationView) {
			v.Confirm.Value = limit(a.form.Get("confirm"), maxName)
			wrong.mark(&v.Confirm)
		})
	}
	if err := a.Store.DeleteClient(background(a.c), a.client.ID, "the application has gone", a.Now()); err != nil {
		return err
	}
	a.record(a.c, "client deleted", a.session.User.Sub, a.client.ID, limit(a.client.Name, maxName))
	return a.c.Redirect(http.StatusSeeOther, "/developer?deleted=1")
}
