package learn

import (
	"context"
	"unicode/utf8"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/views"
)

func (c *Classroom) password() Lesson {
	return Lesson{
		Slug: "password", Title: "Password", Group: History, Client: "acme-mobile", Legacy: true,
		Line:   "The app asks for the password of your Acme account and hands it over for a token.",
		For:    "Nothing new. It led programs that had people’s passwords anyway to tokens, around 2012.",
		NotFor: "Anything: not for other companies’ apps, and not for one’s own. It teaches people to type the password wherever a page looks right, and has no room for a second factor.",
		State:  Removed, Reason: "The app sees the password, and with it everything that the person may do.", Source: "RFC 9700 §2.4",
		Steps: []Step{
			{views.Browser, views.Client, "You type your Acme password into the app", "RFC 6749 §4.3"},
			{views.Client, views.AuthorizationServer, "The app sends user name and password", "RFC 6749 §4.3.2"},
			{views.AuthorizationServer, views.AuthorizationServer, "May this client use the grant at all? Is that the password?", "RFC 6749 §5.2"},
			{views.AuthorizationServer, views.Client, "An access token. Nobody has asked you what for", "RFC 6749 §4.3.3"},
			{views.Client, views.ResourceServer, "The app reads your profile", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"your password", "you type it into the app", "sees it, in clear", "knows its hash", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/password.go", "what you are about to run"},
			{"acme/site/mobile.go", "the app that it is there for"},
			{"authserver/grant/password.go", "the other side"},
		},
		Before:    "Here Dreams plays Acme’s app of 2013, which takes no more than its client_id: a public client has no secret, so anybody can say that they are it. The password that you type goes to Dreams, and that is what is wrong. The demo’s is wanderlust. Never type a real one.",
		Fields:    page.PasswordFields(),
		Elsewhere: views.Link{Label: "The app, at Acme", Href: c.Env.AcmeURL.String() + "/mobile"},
		Run:       c.runPassword,
	}
}

var passwordScopes = []string{"profile", "preferences:read"}

// runPassword uses the password for one request and keeps nothing of it.
func (c *Classroom) runPassword(ctx context.Context, run *Run) error {
	username, password := run.Form.Get("username"), run.Form.Get("password")
	run.Form = nil
	if username == "" || password == "" {
		run.Note("There was no user name or no password, so nothing was sent.")
		return nil
	}
	run.Note("Dreams has just seen a password of %d characters, in clear. It has used it once and forgotten it. Another app would have kept it, and you could not tell.", utf8.RuneCountInString(password))
	app := &flow.Password{Server: c.Server, Client: flow.Client{ID: "acme-mobile"}, Now: c.Now}
	run.Say("The app hands the password over. It is left out of this record, as it is out of every other")
	tokens, err := app.Token(ctx, username, password, passwordScopes)
	if err != nil {
		return err
	}
	run.Decode("The access token", tokens.AccessToken)
	if err := run.ask(ctx, "The app reads your profile", "/api/v1/me", tokens.AccessToken); err != nil {
		return err
	}
	run.Say("And now Dreams in its own name, with its own secret")
	own := &flow.Password{Server: c.Server, Client: c.Code.Client, Now: c.Now}
	// Refused before anybody looks at the password, so none of yours is sent.
	_, err = own.Token(ctx, username, "any password", passwordScopes)
	if err := run.tell(err, Refusal{
		Tried: "the same grant as dreams-web, another company’s client.",
		Rule:  "RFC 6749 §5.2",
		Means: "Acme lets no other company’s client ask people for their Acme password. It can’t stop a page from asking, or an app from saying that it is Acme’s: only the end of the grant does.",
	}); err != nil {
		return err
	}
	run.Say("The lesson gives its token back")
	return (&flow.Revocation{Server: c.Server, Client: app.Client}).Revoke(ctx, tokens)
}
