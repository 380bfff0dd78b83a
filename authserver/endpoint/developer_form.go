package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/views"
)

// problem is what is wrong with a field of a form; an empty field: with none in
// particular.
type problem struct{ Field, Text string }

type problems []problem

func (wrong problems) summary() []views.FieldError {
	var all []views.FieldError
	for _, one := range wrong {
		all = append(all, views.FieldError(one))
	}
	return all
}

// of is what is wrong with one field.
func (wrong problems) of(field string) string {
	var all []string
	for _, one := range wrong {
		if one.Field == field {
			all = append(all, one.Text)
		}
	}
	return strings.Join(all, " ")
}

func (wrong problems) mark(fields ...*views.Field) {
	for _, f := range fields {
		f.Error = wrong.of(f.ID)
	}
}

// applicationKind is what an application is: it decides how it authenticates and
// by which grants it gets tokens.
type applicationKind struct {
	Name, Title, Why, Sets string
	ApplicationType        string // OIDC Registration §2
	Public                 bool
	Grants                 []string
}

const (
	webKind     = "web"
	browserKind = "browser"
	nativeKind  = "native"
	machineKind = "machine"
)

var applicationKinds = []applicationKind{
	{
		Name: webKind, ApplicationType: "web", Grants: []string{oauth.AuthorizationCodeGrant, oauth.RefreshTokenGrant},
		Title: "Web application with a server", Why: "Its server keeps a secret, so tokens never come near the browser.",
		Sets: "Confidential, client_secret_basic or client_secret_post; authorization code with PKCE, refresh token.",
	},
	{
		Name: browserKind, ApplicationType: "web", Public: true, Grants: []string{oauth.AuthorizationCodeGrant, oauth.RefreshTokenGrant},
		Title: "Single-page application", Why: "Everybody can read what runs in a browser, so it has no secret, and PKCE protects the code.",
		Sets: "Public; authorization code with PKCE, refresh token that rotates; scripts at its address may call us (CORS).",
	},
	{
		Name: nativeKind, ApplicationType: "native", Public: true, Grants: []string{oauth.AuthorizationCodeGrant, oauth.DeviceCodeGrant, oauth.RefreshTokenGrant},
		Title: "Program on a device: desktop, phone, command line, television", Why: "It is copied to everybody, so it has no secret; without a browser it shows a code to type elsewhere.",
		Sets: "Public; authorization code with PKCE to a loopback address or an own scheme, device code; people are asked each time.",
	},
	{
		Name: machineKind, ApplicationType: "web", Grants: []string{oauth.ClientCredentialsGrant},
		Title: "Machine", Why: "No person takes part, so it acts for itself, on what is public.",
		Sets: "Confidential, client_secret_basic or client_secret_post; client credentials. Permissions that a person has to give are left out.",
	},
}

func kindNamed(name string) applicationKind {
	for _, kind := range applicationKinds {
		if kind.Name == name {
			return kind
		}
	}
	return applicationKind{}
}

// kindInWords says what a client is, wherever it was registered.
func kindInWords(client *oauth.Client) string {
	words := map[string]string{
		webKind: "web application", browserKind: "single-page application", nativeKind: "native application", machineKind: "machine",
		"device": "device", "resource_server": "resource server",
	}
	return words[client.Kind]
}

// grants sets the grants of the kind. A program that names no address to come
// back to is a television: it has the device code alone.
func (k applicationKind) grants(client *oauth.Client) {
	client.GrantTypes, client.ResponseTypes = k.Grants, nil
	if k.Name == nativeKind && len(client.RedirectURIs) == 0 {
		client.GrantTypes = []string{oauth.DeviceCodeGrant, oauth.RefreshTokenGrant}
	}
	if client.MayUse(oauth.AuthorizationCodeGrant) {
		client.ResponseTypes = []string{"code"}
	}
}

// draft is what was typed into the form of an application.
type draft struct {
	Kind                                   string
	Name, Purpose, Homepage, Policy, Terms string
	Scope                                  oauth.Scope
	Reasons                                map[string]string
	RedirectURIs                           string // as typed, one per line
}

func readDraft(form oauth.Parameters) draft {
	d := draft{
		Kind: form.Get("kind"), Name: strings.TrimSpace(form.Get("name")), Purpose: strings.TrimSpace(form.Get("purpose")),
		Homepage: strings.TrimSpace(form.Get("homepage")), Policy: strings.TrimSpace(form.Get("policy_uri")), Terms: strings.TrimSpace(form.Get("tos_uri")),
		Scope: oauth.Scope(form["scope"]), Reasons: map[string]string{}, RedirectURIs: form.Get("redirect_uris"),
	}
	for _, permission := range oauth.Permissions {
		if reason := strings.TrimSpace(form.Get("reason." + permission.Name)); reason != "" {
			d.Reasons[permission.Name] = reason
		}
	}
	return d
}

func draftOf(client *oauth.Client) draft {
	return draft{
		Kind: client.Kind, Name: client.Name, Purpose: client.Purpose, Homepage: client.Homepage, Policy: client.PolicyURI, Terms: client.TosURI,
		Scope: client.Scope, Reasons: client.Reasons, RedirectURIs: strings.Join(client.RedirectURIs, "\n"),
	}
}

// lines reads a field with one entry per line.
func lines(typed string) []string {
	var all []string
	for line := range strings.SplitSeq(typed, "\n") {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return all
}

// describe puts what people see into an application.
func (d draft) describe(client *oauth.Client) {
	client.Name, client.Purpose = d.Name, d.Purpose
	client.Homepage, client.PolicyURI, client.TosURI = d.Homepage, d.Policy, d.Terms
	client.Scope, client.Reasons = nil, map[string]string{}
	for _, permission := range oauth.Permissions {
		if d.Scope.Has(permission.Name) && (d.Kind != machineKind || !permission.NeedsUser) {
			client.Scope = append(client.Scope, permission.Name)
			if reason := d.Reasons[permission.Name]; reason != "" {
				client.Reasons[permission.Name] = reason
			}
		}
	}
}

// new is the application that the draft would become.
func (d draft) new(c *oauth.Client) {
	kind := kindNamed(d.Kind)
	c.Kind, c.ApplicationType, c.AlwaysAsk = kind.Name, kind.ApplicationType, kind.Name == nativeKind // RFC 8252 §8.6
	c.IDTokenSigningAlg = "RS256"
	c.AuthMethods = []string{oauth.ClientSecretBasic, oauth.ClientSecretPost}
	if kind.Public {
		c.AuthMethods = []string{oauth.NoAuthentication}
	}
	if kind.Name != machineKind {
		c.RedirectURIs = lines(d.RedirectURIs)
	}
	kind.grants(c)
	c.RequirePKCE = c.MayUse(oauth.AuthorizationCodeGrant)
	d.describe(c)
}

// maxSentence is how long a purpose or a reason may be.
const maxSentence = 200

// problems are those that /register knows nothing of: what people read.
func (d draft) problems() problems {
	var wrong problems
	if d.Name == "" {
		wrong = append(wrong, problem{"name", "The application needs a name."})
	}
	if kindNamed(d.Kind).Name == "" {
		wrong = append(wrong, problem{"kind", "Choose what the application is."})
	}
	if !sentenceReadable(d.Purpose) {
		wrong = append(wrong, problem{"purpose", fmt.Sprintf("The purpose must be one line of at most %d visible characters.", maxSentence)})
	}
	for _, permission := range oauth.Permissions {
		if !d.Scope.Has(permission.Name) || !hasReason(permission) || d.Kind == machineKind {
			continue
		}
		switch reason := d.Reasons[permission.Name]; {
		case reason == "" && permission.NeedsUser:
			wrong = append(wrong, problem{reasonID(permission.Name), "Say why you want " + permission.Name + "."})
		case !sentenceReadable(reason):
			wrong = append(wrong, problem{reasonID(permission.Name), fmt.Sprintf("The reason for %s must be one line of at most %d visible characters.", permission.Name, maxSentence)})
		}
	}
	return wrong
}

func sentenceReadable(s string) bool { return utf8.RuneCountInString(s) <= maxSentence && readable(s) }

// hasReason tells whether people are told why. What openid is, is the same for
// every application.
func hasReason(p oauth.Permission) bool { return p.Name != oauth.OpenID }

func reasonID(scope string) string { return "reason-" + strings.ReplaceAll(scope, ":", "-") }

// fieldOf is where a rule of registration is shown when it is broken.
var fieldOf = map[string]string{
	"flow with redirection has a redirect URI": "redirect_uris", "redirect URI is absolute, and all of it is said": "redirect_uris",
	"redirect URI is https, the device itself, or an app's own scheme": "redirect_uris",
	"jwks and jwks_uri do not stand together":                          "jwks", "jwks is a set of public keys": "jwks", "client that signs has keys": "jwks",
	"post_logout_redirect_uris are as safe as redirect URIs": "post_logout_redirect_uris",
	"client_name is what a person can read":                  "name",
	"scope has something that the client can get":            "scope",
}

// judgeApplication walks the checks of /register over an application: what somebody may not
// register by themselves, they may not here.
func (e *Endpoints) judgeApplication(c echo.Context, client *oauth.Client) problems {
	metadata := e.information(client, "", "").ClientMetadata
	return e.judgeMetadata(c.Request().Context(), registering{
		ClientMetadata: metadata, Keys: client.Keys, LegacyGrants: bool(e.Env.LegacyGrants), Private: bool(e.Env.AllowPrivateURIs),
	})
}

func (e *Endpoints) judgeMetadata(ctx context.Context, all registering) problems {
	var wrong problems
	found := func(field string, rule check.Check[registering], r registering) {
		var refusal *oauth.Error
		if err := check.Run(ctx, e.Checks, []check.Check[registering]{rule}, r); errors.As(err, &refusal) {
			wrong = append(wrong, problem{field, sentence(refusal.Description)})
		}
	}
	for _, rule := range registrationChecks {
		if rule.Name != "registered URIs are https and lead to public addresses" {
			found(fieldOf[rule.Name], rule, all)
			continue
		}
		for _, one := range []struct {
			field string
			oauth.ClientMetadata
		}{
			{"homepage", oauth.ClientMetadata{ClientURI: all.ClientURI}}, {"policy_uri", oauth.ClientMetadata{PolicyURI: all.PolicyURI}},
			{"tos_uri", oauth.ClientMetadata{TosURI: all.TosURI}}, {"jwks_uri", oauth.ClientMetadata{JWKSURI: all.JWKSURI}},
			{"backchannel_logout_uri", oauth.ClientMetadata{BackchannelLogoutURI: all.BackchannelLogoutURI}}, {"security_events_uri", oauth.ClientMetadata{SecurityEventsURI: all.SecurityEventsURI}},
		} {
			found(one.field, rule, registering{ClientMetadata: one.ClientMetadata, Private: all.Private})
		}
	}
	return wrong
}

// fieldWords are the names in which the standards speak of what has another name
// in the form.
var fieldWords = strings.NewReplacer(
	"redirect_uris is missing", "people have to be sent back somewhere", "client_name", "the name", "client_uri: it", "the homepage", "policy_uri: it", "the privacy policy",
	"tos_uri: it", "the address of the terms", "jwks_uri: it", "jwks_uri", "backchannel_logout_uri: it", "the back-channel logout URI",
	"security_events_uri: it", "the event address", "scope has nothing that a client with these grant types can get", "choose at least one permission",
)

// sentence makes one of an error's description.
func sentence(description string) string {
	words := fieldWords.Replace(description)
	first, size := utf8.DecodeRuneInString(words)
	return strings.TrimRight(string(unicode.ToUpper(first))+words[size:], ".") + "."
}

// NewApplicationPage is the form by which a person registers an application.
func (e *Endpoints) NewApplicationPage(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	d := draft{Kind: webKind, Scope: oauth.Scope{oauth.OpenID, "packages:read"}, Reasons: map[string]string{}}
	return e.newApplicationForm(c, session, http.StatusOK, d, nil, e.opaque(""))
}

func (e *Endpoints) newApplicationForm(c echo.Context, session store.Session, status int, d draft, wrong problems, once string) error {
	var client oauth.Client
	d.new(&client)
	form := wrong.markForm(e.peopleForm(c, session, d, &client))
	form.Once, form.KindError = once, wrong.of("kind")
	form.RedirectURIs = redirectURIsField(d.RedirectURIs, "")
	form.RedirectURIs.Error = wrong.of("redirect_uris")
	for _, kind := range applicationKinds {
		form.Kinds = append(form.Kinds, page.KindChoice{Value: kind.Name, Title: kind.Title, Why: kind.Why, Sets: kind.Sets, Checked: kind.Name == d.Kind})
	}
	return render(c, status, page.NewApplication(e.developerFrame(c, "Register an application"), form))
}

// NewApplication registers an application, or shows what its consent page would
// be. RFC 6749 §2 leaves open how that is done, but it would "typically involve
// end-user interaction with an HTML registration form".
func (e *Endpoints) NewApplication(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	d, once := readDraft(form), form.Get("once")
	if form.Get("action") == "preview" {
		return e.newApplicationForm(c, session, http.StatusOK, d, nil, once)
	}
	if form.Get("action") != "register" || len(once) < 32 {
		return echo.NewHTTPError(http.StatusBadRequest, "action must be register or preview, and the form one of ours")
	}
	client := oauth.Client{ID: applicationID(session.User.Sub, once), Owner: session.User.Sub, Developer: session.User.Name, Since: e.Now()}
	d.new(&client)
	wrong := d.problems()
	if len(wrong) == 0 || wrong.of("kind") == "" {
		wrong = append(wrong, e.judgeApplication(c, &client)...)
	}
	if len(wrong) > 0 {
		return e.newApplicationForm(c, session, http.StatusUnprocessableEntity, d, wrong, once)
	}
	return e.addApplication(c, session, client, d, once)
}

// applicationID makes the client_id of the form's own number: a form that is sent
// twice registers one application.
func applicationID(sub, once string) string {
	sum := sha256.Sum256([]byte("application of " + sub + " by the form " + once))
	return "c_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

func (e *Endpoints) addApplication(c echo.Context, session store.Session, client oauth.Client, d draft, once string) error {
	if wait := e.registrations.take(c.RealIP(), e.Now()); wait > 0 {
		refusal := oauth.Refuse(oauth.TemporarilyUnavailable, "too many registrations from this address; wait a few minutes")
		refusal.RetryAfter = wait
		return refusal
	}
	secret := ""
	if !client.Public() {
		secret = e.opaque("s_")
		client.Secrets = []oauth.Secret{oauth.NewSecret(secret, e.Now())}
	}
	err := e.Store.AddApplication(background(c), client)
	switch {
	case errors.Is(err, store.ErrTaken):
		return c.Redirect(http.StatusSeeOther, "/developer/apps/"+client.ID)
	case errors.Is(err, store.ErrFull):
		full := problems{{"", fmt.Sprintf("You have %d applications, and that is as many as one person may have. Delete one that you no longer need.", store.MaxApplications)}}
		return e.newApplicationForm(c, session, http.StatusUnprocessableEntity, d, full, once)
	case err != nil:
		return err
	}
	e.record(c, "client registered", session.User.Sub, client.ID, limit(client.Name, maxName))
	view := page.RegisteredView{
		Name: client.Name, ClientID: client.ID, Secret: secret, Heading: "It is registered",
		Lead:     "Your application has a name here. Copy what it needs, run one of the programs below, and you have your first answer.",
		Next:     views.Link{Label: "To the application’s page", Href: "/developer/apps/" + client.ID},
		Snippets: e.snippets(&client),
	}
	if client.MayUse(oauth.ClientCredentialsGrant) {
		view.Console = "/developer/console?app=" + url.QueryEscape(client.ID)
	}
	if note := snippetNote(&client); note != "" {
		view.Notes = append(view.Notes, note)
	}
	if left := d.Scope.Without(client.Scope).Without(oauth.Scope{oauth.OpenID}); len(left) > 0 {
		view.Notes = append(view.Notes, "Left out, because a person would have to allow it: "+left.String()+".")
	}
	return render(c, http.StatusCreated, page.Registered(e.developerFrame(c, "It is registered"), view))
}

func redirectURIsField(value, kind string) *views.Field {
	hint := "One per line. They are compared as strings: every character counts. https://…, or http://localhost:… while you build."
	if kind == nativeKind || kind == "" {
		hint += " A program on a device registers http://127.0.0.1/callback, and may use any port; or a scheme that is its domain in reverse. A television or a machine leaves it empty."
	}
	return &views.Field{
		ID: "redirect_uris", Name: "redirect_uris", Label: "Redirect URIs", Value: value, Hint: hint, Attrs: map[string]any{"rows": "3", "spellcheck": "false"},
	}
}

func postLogoutField(value string) *views.Field {
	return &views.Field{
		ID: "post_logout_redirect_uris", Name: "post_logout_redirect_uris", Label: "Post-logout redirect URIs", Value: value,
		Hint: "One per line, or none: where people may be sent after they signed out here.", Attrs: map[string]any{"rows": "2", "spellcheck": "false"},
	}
}

// toldFields are the addresses at which we tell an application that something
// has ended: we call them, so they are judged as at /register.
func toldFields(logout, events string) []views.Field {
	return []views.Field{
		{
			ID: "backchannel_logout_uri", Name: "backchannel_logout_uri", Label: "Back-channel logout URI", Value: logout, Type: "url",
			Hint: "https://… on the internet, or nothing. When somebody signs out we post a logout token there, and you end their session too (OIDC Back-Channel Logout).",
		},
		{
			ID: "security_events_uri", Name: "security_events_uri", Label: "Event address", Value: events, Type: "url",
			Hint: "https://… on the internet, or nothing. When somebody takes a permission back we post a security event token there (RFC 8935): delete what you kept of their data.",
		},
	}
}

// peopleForm words the form with what was typed, and the consent page beside it.
func (e *Endpoints) peopleForm(c echo.Context, session store.Session, d draft, client *oauth.Client) page.ApplicationForm {
	form := page.ApplicationForm{
		CSRF: e.csrf(c),
		Name: views.Field{ID: "name", Name: "name", Label: "Name", Value: d.Name, Required: true, Hint: "Who asks: as people know it.", Attrs: map[string]any{"maxlength": maxName}},
		Purpose: views.Field{
			ID: "purpose", Name: "purpose", Label: "Purpose", Value: d.Purpose, Hint: "Ends the sentence “… says: …”, as in “to find holidays you would like”.", Attrs: map[string]any{"maxlength": maxSentence},
		},
		Homepage: views.Field{ID: "homepage", Name: "homepage", Label: "Homepage", Type: "url", Value: d.Homepage, Hint: "https://… or nothing."},
		Policy:   views.Field{ID: "policy_uri", Name: "policy_uri", Label: "Privacy policy", Type: "url", Value: d.Policy, Hint: "https://… or nothing."},
		Terms:    views.Field{ID: "tos_uri", Name: "tos_uri", Label: "Terms", Type: "url", Value: d.Terms, Hint: "https://… or nothing."},
	}
	for _, permission := range oauth.Permissions {
		id := reasonID(permission.Name)
		form.Scopes = append(form.Scopes, page.ScopeChoice{
			Scope: permission.Name, Sentence: permission.Sentence, Public: !permission.NeedsUser, Ticked: d.Scope.Has(permission.Name), NoReason: !hasReason(permission),
			Reason: views.Field{ID: id, Name: "reason." + permission.Name, Label: "Why " + permission.Name + "?", Value: d.Reasons[permission.Name], Attrs: map[string]any{"maxlength": maxSentence}},
		})
	}
	if d.Kind != machineKind && client.Kind != "resource_server" {
		form.Preview = e.consentPreview(c, session, d, *client)
	}
	return form
}

// markForm marks what is wrong.
func (wrong problems) markForm(f page.ApplicationForm) page.ApplicationForm {
	f.Errors = wrong.summary()
	wrong.mark(&f.Name, &f.Purpose, &f.Homepage, &f.Policy, &f.Terms)
	f.ScopeError = wrong.of("scope")
	for i := range f.Scopes {
		wrong.mark(&f.Scopes[i].Reason)
	}
	return f
}

// consentPreview is the consent page that a draft would have, for its developer
// to look at.
func (e *Endpoints) consentPreview(c echo.Context, session store.Session, d draft, client oauth.Client) *page.ConsentView {
	d.describe(&client)
	if client.Name == "" {
		client.Name = "Your application"
	}
	if client.Since.IsZero() {
		client.Since, client.Developer = e.Now(), session.User.Name
	}
	p := pending{Client: &client, StartedAt: e.Now()}
	p.Scope = client.Scope
	if len(client.RedirectURIs) > 0 {
		p.RedirectURI = client.RedirectURIs[0]
	}
	v := e.consentView(c, p, session.User, nil)
	v.Preview, v.Action, v.CSRF, v.Notices = true, "", "", nil
	return &v
}
