package learn

import (
	"context"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) logout() Lesson {
	return Lesson{
		Slug: "logout", Title: "Logout", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "end_session_endpoint"},
		Line:   "The person leaves for good: the session at the server ends, too.",
		Stops:  "“Sign out” at an app alone is half a logout: on a shared computer the next person presses “Sign in” and is somebody else, because the server still knows the browser. And a logout address that anybody can link to, with any address to go on to, is a trap of its own.",
		For:    "Every app with a sign-out button whose people share a computer.",
		NotFor: "Taking a permission back: offline access outlives the session, and is taken back under Connected apps.",
		State:  Current, Reason: "RP-initiated logout is the part of the logout specifications that every provider is asked for.", Source: "OIDC RP-Initiated Logout",
		Steps: []Step{
			{views.Browser, views.Client, "You press the button", ""},
			{views.Client, views.Browser, "303 to the authorization endpoint: sign in, for an ID token", "OIDC Core §3.1.2.1"},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Client, "An ID token: who signed in, in which session", "OIDC Core §2"},
			{views.Client, views.Browser, "303 to the logout endpoint, with id_token_hint, where to go on to, and state", "OIDC RP-Initiated Logout §2"},
			{views.Browser, views.AuthorizationServer, "The browser, with its session", ""},
			{views.AuthorizationServer, views.AuthorizationServer, "Is it that person, and is the address registered? The session ends", "OIDC RP-Initiated Logout §2, §3"},
			{views.AuthorizationServer, views.Browser, "303 to the registered address, with state", "OIDC RP-Initiated Logout §3"},
			{views.Browser, views.Client, "Back at Dreams", ""},
			{views.Client, views.Browser, "303 once more, prompt=none: is anybody there?", "OIDC Core §3.1.2.1"},
			{views.AuthorizationServer, views.Browser, "303 back: login_required", "OIDC Core §3.1.2.6"},
		},
		Secrets: []Secret{
			{"session at Acme Accounts", "keeps its cookie, until the logout", "never", "ends it", "never"},
			{"ID token", "carries it once, as a hint", "keeps it", "signed it", "no"},
		},
		Code: []Excerpt{{"logout.go", "AuthorizationCode.StartLogout"}, {"logout.go", "AuthorizationCode.ReceiveLogout"}},
		Files: []File{
			{"dreams/flow/logout.go", "what you are about to run"},
			{"authserver/endpoint/logout.go", "the other side"},
			{"dreams/flow/backchannel_logout.go", "and how Dreams itself hears of a logout that began elsewhere"},
		},
		Before: "This signs you out of Acme’s accounts in this browser. Where you have to sign in again, that is the proof.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("First you sign in, so that there is something to end", "Dreams needs an ID token to say whose session it means.")
			return run.begin(ctx, forLab, flow.AuthorizationRequest{Scopes: leastScopes})
		},
		Return: c.returnLogout, Denied: c.deniedLogout,
	}
}

func (c *Classroom) returnLogout(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	bench := run.bench()
	switch bench.stage {
	case "":
		return c.leaveForGood(ctx, run, attempt, query)
	case "left":
		bench.stage = "asked"
		run.Tell("Is anybody there? prompt=none", "No page may be shown: the answer is a code or an error.")
		return run.send(ctx, bench, flow.AuthorizationRequest{Scopes: leastScopes, Prompt: "none"}, nil)
	}
	run.Refused(Refusal{Tried: "to be let in without a login, after the logout.", By: views.AuthorizationServer.Name(), Rule: "OIDC Core §3.1.2.6", Got: true})
	return nil
}

func (c *Classroom) leaveForGood(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	bench := run.bench()
	run.Tell("The code for an ID token", "iss, sub and sid: the session that is going to end.")
	connected, err := bench.code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The ID token", connected.IDToken)
	leaving := flow.LogoutRequest{
		Browser: run.Browser, Kind: run.lesson.Slug, Next: "/learn/" + run.lesson.Slug,
		IDToken: connected.IDToken, Return: c.Env.DreamsURL.String() + LoggedOutPath,
	}
	to, err := bench.code.StartLogout(ctx, leaving)
	if err != nil {
		return err
	}
	run.Tell("A logout link with another address to go on to", "It comes from somebody who wants you to land on their page and believe that it is Acme’s.")
	if err := run.slammed(ctx, changed(to, func(p url.Values) { p.Set("post_logout_redirect_uri", "https://mallory.example/sign-in-again") }), Refusal{
		Tried: "a logout that goes on to https://mallory.example/sign-in-again.", Rule: "OIDC RP-Initiated Logout §3",
		Means: "The address has to be registered, letter by letter, as redirect URIs are. Otherwise the logout is an open redirect.",
	}); err != nil {
		return err
	}
	bench.stage = "left"
	run.Tell("Your browser leaves, with a hint whose session it is", "id_token_hint says who asks and for whom, so nobody has to be asked whether they mean it.")
	run.Recording.Going(to)
	run.Redirect(to, own(to, "state"))
	return nil
}

// deniedLogout is the answer that the lesson is after.
func (c *Classroom) deniedLogout(_ context.Context, run *Run, _ flow.Attempt, denied *flow.AuthorizationError) error {
	if run.bench().stage == "" {
		run.Note("Acme’s accounts sent %s in place of a code, so nobody has signed in, and there is nothing to end.", denied.Code)
		return nil
	}
	run.Refused(Refusal{
		Tried: "to come back without a login, after the logout.", By: views.AuthorizationServer.Name(), Code: denied.Code, Words: denied.Description,
		Rule:  "OIDC Core §3.1.2.6",
		Means: "The session is gone, at the server and not only here. Whoever sits down next has to know a password.",
	})
	return nil
}
