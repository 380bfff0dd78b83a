package learn

import (
	"context"
	"errors"
	"net/http"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

func (c *Classroom) implicit() Lesson {
	return Lesson{
		Slug: "implicit", Title: "Implicit", Group: History, Client: "dreams-widget", Legacy: true,
		Line:   "A script in somebody else’s page got its token in the address, because it could not call another site.",
		For:    "Nothing new. It was made for scripts of 2010, which could talk to their own site alone.",
		NotFor: "Anything. Since CORS a script calls the token endpoint itself, with PKCE.",
		State:  Removed, Reason: "The token is in the address, nothing ties it to the client that asked, and it can’t be renewed.", Source: "RFC 9700 §2.1.2",
		Steps: []Step{
			{views.Browser, views.AuthorizationServer, "The script sends you there, with response_type=token", "RFC 6749 §4.2.1"},
			{views.AuthorizationServer, views.Browser, "Who are you, and what may the widget see?", "RFC 6749 §3.1"},
			{views.Browser, views.AuthorizationServer, "Your password and your yes", ""},
			{views.AuthorizationServer, views.Browser, "303, with the access token behind the # of the address", "RFC 6749 §4.2.2"},
			{views.Browser, views.Client, "The browser asks for the page, without what stands behind the #", "RFC 9110 §7.1"},
			{views.Browser, views.Browser, "A script reads it there", "RFC 6749 §4.2"},
			{views.Browser, views.ResourceServer, "The script asks Acme who you are", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Browser, "Your name", ""},
		},
		Secrets: []Secret{
			{"your password", "you type it there", "never", "knows its hash", "never"},
			{"access token", "in its address bar, its history, and every script’s reach", "no", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/widget/widget.js", "the script"},
			{"dreams/spa/oauth.js", "what to do in its place"},
			{"authserver/endpoint/authorize.go", "the other side"},
		},
		Before:    "It needs script: the token comes in a part of the address that no server sees. The widget gets it, and hands it on to this lesson.",
		Elsewhere: views.Link{Label: "The widget itself", Href: "/widget"},
		Run:       c.runImplicit,
	}
}

// runImplicit begins at the widget, whose script comes back with the token: a
// form of our own, because the server could not see it otherwise.
func (c *Classroom) runImplicit(ctx context.Context, run *Run) error {
	token := run.Form.Get("access_token")
	if token == "" {
		state, err := flow.Unguessable(c.Random)
		if err != nil {
			return err
		}
		run.Redirect(c.Env.DreamsURL.String()+"/widget?for=lesson", state)
		return nil
	}
	callback := c.Env.DreamsURL.String() + "/widget/callback"
	run.Say("The address that the browser came back to. Behind the # no server sees anything: the script has told us")
	run.Recording.Browser(wiretap.Client, http.MethodGet, callback+"#"+run.fragment().Encode(), http.StatusOK, "", c.Now())
	run.Decode("The access token, as it stood in the address", token)
	if err := run.ask(ctx, "What the widget’s script asks with it", "/api/v1/me", token); err != nil {
		return err
	}
	if err := c.foreignToken(ctx, run); err != nil {
		return err
	}
	run.Say("The hour is over soon. Can the token be renewed?")
	widget := &flow.RefreshToken{Server: c.Server, Client: flow.Client{ID: "dreams-widget"}, Now: c.Now}
	_, err := widget.Redeem(ctx, flow.Tokens{RefreshToken: token})
	return run.tell(err, Refusal{
		Tried: "to renew it. The answer held no refresh token, so the access token itself is sent in place of one.",
		Rule:  "RFC 6749 §4.2.2",
		Means: "The authorization server must not give a refresh token here. When the hour is over, the browser goes to Acme’s accounts again, or, as pages did for years, a hidden frame does.",
	})
}

// foreignToken shows that nothing ties a token to who asked for it: the widget
// takes one that was made for dreams-web.
func (c *Classroom) foreignToken(ctx context.Context, run *Run) error {
	if run.Connection == "" {
		run.Note("Connect your account to Dreams and run this again: the widget is then given the token of another client, and can’t tell. By hand it goes at the widget, under “Whose token is it?”.")
		return nil
	}
	// The connection's own: whoever looks at an offer would wait for it as well.
	foreign, err := c.Refresh.Source(run.Connection).AccessToken(withoutPause(ctx))
	if errors.Is(err, flow.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	run.Decode("A token of dreams-web, given to the widget", foreign)
	if err := run.ask(ctx, "The same request with a token that was made for dreams-web", "/api/v1/me", foreign); err != nil {
		return err
	}
	run.Note("The widget got the same answer with a token of dreams-web. Acme checks that the token is for Acme; who asked for it (client_id) is nothing that an API refuses. A client that takes such an answer for a sign-in lets in whoever holds anybody’s token (RFC 6749 §10.16). The code grant has a step in which the client shows its code_verifier, and OpenID Connect an ID token that names its audience.")
	return nil
}
