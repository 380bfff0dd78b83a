package page

import (
	"github.com/a-h/templ"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/views"
)

// The people and clients of the pages below are the seeded ones.

func sampleFrame() views.Frame {
	return views.Frame{
		Brand: views.AccountsBrand, Host: "localhost:9000", Theme: "system", Path: "/",
		Nav:           []views.Link{{Label: "Connected apps", Href: "/account/apps"}, {Label: "Security", Href: "/account/security"}},
		HelpHref:      "/help",
		SignIn:        "/login",
		AuthserverURL: "http://localhost:9000", AcmeURL: "http://localhost:9001", DreamsURL: "http://localhost:9002",
	}
}

func signedInFrame() views.Frame {
	frame := sampleFrame()
	frame.Person = &views.Person{Name: "Alice Moreau", SignOut: "/account/logout", CSRF: "c-1"}
	return frame
}

func sampleLogin() LoginView {
	return LoginView{
		Action: "/login", Interaction: "i-1", CSRF: "c-1",
		ClientName: "Dreams", ClientHost: "localhost:9002", Host: "localhost:9000", RememberFor: "14 days",
		Personas: []Persona{
			{"alice", "wanderlust", "Alice", "A"}, {"bob", "wanderlust", "Bob", "B"},
			{"carol", "wanderlust", "Carol", "C"}, {"root", "wanderlust", "Ravi", "R"},
		},
	}
}

func sampleConsent() ConsentView {
	return ConsentView{
		Action: "/consent", Interaction: "i-1", CSRF: "c-1",
		Client: ConsentClient{
			Name: "Dreams", Developer: "Dreams GmbH", Verified: true, Host: "localhost:9002",
			Since: "2 March 2026", Purpose: "to find holidays you would like and e-mail you offers",
		},
		Person: ConsentPerson{Name: "Alice Moreau", Email: "alice@acme.test"},
		See: []ConsentScope{
			{Scope: "openid", Sentence: "That you are the same person as last time", Reason: "Dreams keeps your offers apart from other people’s.", Sensitivity: "low", Detail: "An identifier that means nothing outside Acme.", Sample: "u_7Qm2kXf0Rb9sTzLw", Locked: true, Ticked: true},
			{Scope: "profile", Sentence: "Your name and picture", Reason: "Dreams greets you and signs its letters to you.", Sensitivity: "low", Sample: "Alice Moreau", Locked: true, Ticked: true},
			{Scope: "email", Sentence: "Your e-mail address", Reason: "So that offers can reach you as a letter. Without it they stay on the Dreams page.", Sensitivity: "medium", Sample: "alice@acme.test"},
			{Scope: "packages:read", Sentence: "The holidays that Acme sells", Reason: "So that Dreams knows what Acme sells.", Sensitivity: "low", Public: true},
			{Scope: "preferences:read", Sentence: "Your travel preferences", Reason: "So that offers fit you.", Sensitivity: "medium", Detail: "What you like, what a trip may cost, whom you travel with and in which months. They are kept at Acme Travel, under My data."},
			{Scope: "blog:read", Sentence: "Your blog posts, unpublished ones and pictures included", Reason: "So that offers match what you write about.", Sensitivity: "high", Detail: "Every post you have written, those too that nobody has read yet."},
		},
		KeepAccess: []ConsentScope{
			{Scope: "offline_access", Sentence: "Look again without asking you each time", Reason: "So that offers can arrive while you sleep.", Sensitivity: "medium", Detail: "Dreams gets a refresh token. It ends at the date you choose below, or when you press Remove in Connected apps."},
		},
		Durations: []ConsentDuration{
			{Value: "once", Label: "Once, until 15:02 today"},
			{Value: "30d", Label: "30 days, until 14 October 2026"},
			{Value: "until_revoked", Label: "Until I stop it", Checked: true},
		},
	}
}

// againConsent asks somebody who said yes to a part before.
func againConsent() ConsentView {
	v := sampleConsent()
	v.Last = "3 May"
	v.Notices = []string{"Dreams asked us to show you this page again."}
	for i := range v.See {
		v.See[i].Ticked = v.See[i].Scope == "preferences:read"
		v.See[i].New = v.See[i].Scope == "blog:read"
	}
	v.KeepAccess[0].New = true
	return v
}

// detailedConsent asks for parts of a permission: RFC 9396.
func detailedConsent() ConsentView {
	v := sampleConsent()
	v.See = append(v.See[:3], ConsentScope{
		Field: "authorization_detail", Value: "0", Scope: "travel_preferences", Sensitivity: "medium",
		Sentence: "What you like about beaches, for 30 days, until 14 October 2026", Reason: "So that offers about these fit you.",
		Detail: "Which of these are among your interests at Acme: beaches.",
	}, ConsentScope{
		Field: "authorization_detail", Value: "1", Scope: "travel_preferences", Sensitivity: "medium",
		Sentence: "What you like about food and wine, for 1 day, until 15 September 2026", Reason: "So that offers about these fit you.",
	})
	return v
}

// strangerConsent is from somebody who chose the name to deceive.
func strangerConsent() ConsentView {
	v := sampleConsent()
	v.Client = ConsentClient{
		Name: `Acme</h1><script>alert(1)</script> "Support" ` + "\u202e" + `desrever`, Developer: "<b>Acme</b>", Host: "evil.example",
		Purpose: `"><img src=x onerror=alert(1)>`, PolicyURI: "javascript:alert(1)", TermsURI: "data:text/html,x",
	}
	v.Warning = "Did you start this yourself, on a device in front of you? If somebody sent you the code, stop: they would get what you tick."
	v.Change = []ConsentScope{{Scope: "preferences:write", Sentence: "Change your travel preferences", Reason: `<script>alert(2)</script>`, Sensitivity: "high"}}
	v.ActForYou = []ConsentScope{{Scope: "reviews:write", Sentence: "Write reviews with your name below them", Reason: "So that you need not.", Sensitivity: "high"}}
	return v
}

func sampleError() ErrorView {
	return ErrorView{
		Code:        "invalid_request",
		Heading:     "We stopped here, so that nobody gets sent to the wrong place",
		Lead:        "An app wanted us to send you on to an address that it never registered with us. That can be a typing error of its makers, or somebody trying to catch your sign-in. Nothing was shared, and we did not send you anywhere.",
		Next:        views.Link{Label: "Go to Acme Travel", Href: "http://localhost:9001"},
		Explanation: "dreams-web sent a redirect_uri that it has not registered.",
		ClientID:    "dreams-web", Received: "http://localhost:9002/callback/", Nearest: "http://localhost:9002/callback",
		Registered: []string{"http://localhost:9002/callback"},
		Rule:       "Compared as strings, character by character; after such an error nobody is redirected.",
		Sources:    []string{"RFC 9700 §4.1.3", "RFC 6749 §4.1.2.1"},
		Fix:        "Send the registered address, or register this one.",
	}
}

func sampleApps() AppsView {
	return AppsView{
		Counts: map[string]int{ActiveApps: 2, RemovedApps: 1}, CSRF: "c-1", Notice: "Dreams TV was removed. Tokens already issued stop within 2 seconds. What it copied stays with it: ask it to delete.",
		Apps: []App{
			{
				ID: "c_1", Active: true, Fresh: true, AtAcme: true, Week: []int{0, 3, 5, 0, 0, 6, 5}, Counted: "19 calls in 7 days, 2 refused", AccessLog: "http://localhost:9001/me/access?app=dreams-web", LastToken: "today 14:01 for profile, while you were there", ClientID: "dreams-web", Name: "Dreams", Host: "localhost:9002", Verified: true, Since: "3 May 2026", Until: "14 October 2026", LastUsed: "today 14:02: read your travel preferences", LastScope: "preferences:read",
				Can: samplePermissions(),
			},
			{
				ID: "c_2", Active: true, Week: make([]int, 7), Counted: "0 tokens in 7 days", AccessLog: "http://localhost:9001/me/access?app=c_9f", ClientID: "c_9f", Name: "Holiday\u202eplanner", Host: "planner.example", Since: "11 July 2026", Until: "when you stop it",
				Can: samplePermissions()[:1], Idle: "Nobody has used this for 40 days.",
			},
		},
	}
}

func endedApps() AppsView {
	return AppsView{Tab: RemovedApps, Counts: map[string]int{ActiveApps: 2, RemovedApps: 1}, Apps: []App{{
		ClientID: "dreams-tv", Name: "Dreams TV", Verified: true, Since: "1 May 2026", Ended: "9 May 2026, removed by you",
		Can: samplePermissions()[:1], ID: "c_3", AtAcme: true, AccessLog: "http://localhost:9001/me/access?app=dreams-tv",
	}}}
}

func samplePermissions() []Permission {
	return []Permission{
		{Name: "profile", Scope: "profile", Sentence: "Your name and picture", Locked: true}, {Name: "preferences:read", Scope: "preferences:read", Sentence: "Your travel preferences"},
		{Name: "blog:read", Scope: "blog:read", Sentence: "Your blog posts, unpublished ones and pictures included"},
	}
}

func sampleApp() AppView {
	return AppView{
		App: sampleApps().Apps[0], CSRF: "c-1", Tokens: []string{"1 refresh token, after 2 rotations; the first was issued on 3 May 2026"},
		Timeline: []Moment{{"3 May 2026, 10:00", "2026-05-03T10:00:00Z", "You let it in: profile preferences:read"}},
	}
}

func sampleSecurity() SecurityView {
	return SecurityView{Older: "?before=7", Events: []SecurityEvent{
		{Time: "today 14:03", DateTime: "2026-09-14T14:03:00Z", What: "A refresh token came back that had been used: everything it gave was revoked", App: "Dreams", Address: "127.0.0.1", Alarming: true},
		{Time: "today 14:02", DateTime: "2026-09-14T14:02:00Z", What: "You let an app in", App: "Dreams", Address: "127.0.0.1"},
		{Time: "today 14:01", DateTime: "2026-09-14T14:01:00Z", What: "Signed in", Address: "127.0.0.1"},
	}}
}

// samples are all pages, each in every state that looks different.
func samples() map[string]templ.Component {
	failed, waiting, alone := sampleLogin(), sampleLogin(), sampleLogin()
	failed.Username, failed.Error, failed.Notices = "alice", "User name or password is wrong.", []string{"Dreams asked you to sign in again: your last sign-in is more than 60 seconds old."}
	waiting.Username, waiting.Wait = "alice", "There were too many wrong passwords for this user name. Try again in 4 minutes and 12 seconds."
	alone.ClientName, alone.ClientHost, alone.Personas = "", "", nil
	return map[string]templ.Component{
		"login":            Login(sampleFrame(), sampleLogin()),
		"login-failed":     Login(sampleFrame(), failed),
		"login-wait":       Login(sampleFrame(), waiting),
		"login-alone":      Login(sampleFrame(), alone),
		"consent":          Consent(signedInFrame(), sampleConsent()),
		"consent-details":  Consent(signedInFrame(), detailedConsent()),
		"consent-again":    Consent(signedInFrame(), againConsent()),
		"consent-stranger": Consent(signedInFrame(), strangerConsent()),
		"error":            OAuthError(sampleFrame(), sampleError()),
		"error-expired": OAuthError(sampleFrame(), ErrorView{
			Code: "invalid_request", Heading: "This sign-in is too old", Lead: "It began 12 minutes ago. Start again from Dreams.",
			Next: views.Link{Label: "Back to Dreams", Href: "http://localhost:9002"},
		}),
		"apps":            Apps(signedInFrame(), sampleApps()),
		"apps-ended":      Apps(signedInFrame(), endedApps()),
		"apps-empty":      Apps(signedInFrame(), AppsView{}),
		"security":        Security(signedInFrame(), sampleSecurity()),
		"developer":       Developer(signedInFrame(), DeveloperView{Applications: []ApplicationLine{{ClientID: "c_1", Name: "Diary", Kind: "machine", Since: "2 March 2026"}}}),
		"developer-first": Developer(signedInFrame(), DeveloperView{}),
		"developer-new":   NewApplication(signedInFrame(), sampleApplicationForm()),
		"developer-registered": Registered(signedInFrame(), RegisteredView{
			Name: "Diary", ClientID: "c_1", Secret: "s_1", Heading: "It is registered", Next: views.Link{Label: "Go on", Href: "/developer"}, Snippets: sampleSnippets(),
		}),
		"developer-overview":    Application(signedInFrame(), sampleApplication(OverviewTab)),
		"developer-credentials": Application(signedInFrame(), sampleApplication(CredentialsTab)),
		"developer-addresses":   Application(signedInFrame(), sampleApplication(AddressesTab)),
		"developer-permissions": Application(signedInFrame(), sampleApplication(PermissionsTab)),
		"developer-code":        Application(signedInFrame(), sampleApplication(CodeTab)),
		"developer-errors":      Application(signedInFrame(), sampleApplication(ErrorsTab)),
		"developer-settings":    Application(signedInFrame(), sampleApplication(SettingsTab)),
		"developer-delete":      Application(signedInFrame(), sampleApplication(DeleteTab)),
		"account":               Account(signedInFrame(), AccountView{Name: "Alice Moreau", Email: "alice@acme.test", Initials: "AM", Apps: "2 apps may look at some of your data.", LastSignIn: "today 14:02 from 127.0.0.1", CSRF: "c-1"}),
		"home":                  Home(sampleFrame(), HomeView{Host: "localhost:9000", Issuer: "http://localhost:9000", SignIn: "/login"}),
		"signed-out":            SignedOut(sampleFrame(), SignedOutView{}),
		"confirm": Confirm(signedInFrame(), ConfirmView{
			Heading: "Sign out of Acme?", Lead: "Dreams asks us to end your session here.", Action: "/account/logout",
			Hidden: []KeyValue{{"csrf", "c-1"}}, Button: "Sign out", CancelHref: "/account",
		}),
		"choose":      Choose(signedInFrame(), ChooseView{Interaction: "i-1", CSRF: "c-1", Name: "Alice Moreau", Email: "alice@acme.test", ClientName: "Dreams"}),
		"choose-hint": Choose(signedInFrame(), ChooseView{Interaction: "i-1", CSRF: "c-1", Name: "Alice Moreau", Email: "alice@acme.test", ClientName: "Dreams", Hint: "bob"}),
		"form-post": FormPost(signedInFrame(), FormPostView{
			Action: "http://localhost:9002/callback", ClientName: "Dreams", Parameters: []oauth.Parameter{{Name: "code", Value: "ac_1"}, {Name: "iss", Value: "http://localhost:9000"}},
		}),
		"help": Help(sampleFrame()),
	}
}

func sampleApplicationForm() ApplicationForm {
	field := func(id string) views.Field { return views.Field{ID: id, Name: id, Label: id} }
	preview, addresses := strangerConsent(), field("redirect_uris")
	preview.Preview = true
	name := field("name")
	name.Error = "The application needs a name."
	return ApplicationForm{
		CSRF: "c-1", Once: "o-1", Errors: []views.FieldError{{Field: "name", Text: "The application needs a name."}},
		Kinds: []KindChoice{{Value: "web", Title: "Web application", Checked: true}, {Value: "machine", Title: "Machine"}},
		Name:  name, Purpose: field("purpose"), Homepage: field("homepage"), Policy: field("policy_uri"), Terms: field("tos_uri"),
		Scopes:       []ScopeChoice{{Scope: "openid", Ticked: true, NoReason: true}, {Scope: "email", Reason: field("reason-email")}},
		RedirectURIs: &addresses, Preview: &preview,
	}
}

func sampleSnippets() []Snippet {
	return []Snippet{{Language: "curl", ID: "snippet-curl", File: "first.sh", Run: "bash first.sh", Code: "curl \\\n  -d 'a=<b>'"}, {Language: "Go", ID: "snippet-go", File: "main.go", Run: "go run .", Code: "package main"}}
}

func sampleApplication(tab string) ApplicationView {
	form := sampleApplicationForm()
	form.Errors, form.RedirectURIs = nil, nil
	addresses, logout := views.Field{ID: "redirect_uris", Name: "redirect_uris", Label: "Redirect URIs"}, views.Field{ID: "post", Name: "post", Label: "Post"}
	return ApplicationView{
		ClientID: "c_1", Name: "Diary", Kind: "web application", Tab: tab, CSRF: "c-1", CanDelete: true, ErrorCount: 1, MayHaveSecret: true, MayMakeSecret: true,
		Secrets:      []SecretLine{{ID: "a", Tail: "cret", Made: "2 March 2026"}, {ID: "b", Tail: "abcd", Made: "3 March 2026", Used: "today"}},
		KeysField:    views.Field{ID: "jwks", Name: "jwks", Label: "Key"},
		JWKSURI:      views.Field{ID: "jwks_uri", Name: "jwks_uri", Label: "Or where"},
		RedirectURIs: &addresses, PostLogoutURIs: &logout, Try: views.Field{ID: "try", Name: "try", Label: "Try"},
		Tried:     []TriedURI{{Registered: "https://diary.example/cb", Difference: views.DiffStrings("https://diary.example/cb", "https://diary.example/cb/")}},
		People:    form,
		Snippets:  sampleSnippets(),
		Refusals:  []RefusalLine{{Time: "today", DateTime: "2026-03-02T10:00:00Z", Endpoint: "/token", Code: "invalid_grant", Description: "the code has expired", Meaning: "It is no good."}},
		AccessTTL: views.Field{ID: "access", Name: "access", Label: "Access"}, RefreshTTL: views.Field{ID: "refresh", Name: "refresh", Label: "Refresh"},
		Switches: []Switch{{Name: "require_pkce", Label: "PKCE", Hint: "On.", On: true}}, Confirm: views.Field{ID: "confirm", Name: "confirm", Label: "Name"},
	}
}
