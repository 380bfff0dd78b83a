package learn

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) authorizationCode() Lesson {
	return Lesson{
		Slug: "authorization-code", Title: "Authorization code without PKCE", Group: PersonThere, Client: "dreams-web",
		Line:   "The same, as in 2012: with nothing that ties the code to whoever asked for it.",
		For:    "Reading old code. A website with a server and a secret did it like this, and many still do.",
		NotFor: "Anything new: PKCE costs two lines. A public client, without a secret, must not do it at all: there the code alone is enough.",
		State:  Deprecated, Reason: "Still allowed for confidential clients that check an OpenID Connect nonce with great care; recommended for nobody.", Source: "RFC 9700 §2.1.1, §4.5",
		Steps: []Step{
			{views.Browser, views.Client, "You press the button", ""},
			{views.Client, views.Browser, "303 to Acme’s accounts, with client_id, scope, state and nonce", "RFC 6749 §4.1.1"},
			{views.Browser, views.AuthorizationServer, "The browser carries it there", ""},
			{views.AuthorizationServer, views.Browser, "Who are you, and what may Dreams see?", "RFC 6749 §3.1"},
			{views.Browser, views.AuthorizationServer, "Your password and your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back to Dreams, with code, state and iss", "RFC 6749 §4.1.2"},
			{views.Browser, views.Client, "The browser carries the code to Dreams, or a thief carries another one", ""},
			{views.Client, views.Client, "Is the state this browser’s own and unspent?", "RFC 6749 §10.12"},
			{views.Client, views.AuthorizationServer, "The code and the client’s secret", "RFC 6749 §4.1.3"},
			{views.AuthorizationServer, views.AuthorizationServer, "Was the code given to this client? Which of its requests it answers, nobody can tell", ""},
			{views.AuthorizationServer, views.Client, "An access token and an ID token", "RFC 6749 §5.1"},
			{views.Client, views.ResourceServer, "Dreams reads your profile", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"your password", "you type it there", "never", "knows its hash", "never"},
			{"client_secret", "no", "keeps it", "knows its hash", "no"},
			{"code", "carries it; worth something to whoever can have Dreams redeem it", "redeems it", "knows its hash", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/authorization_code.go", "the same code, with WithoutPKCE"},
			{"authserver/grant/authorization_code.go", "the redemption, and what a second use revokes"},
		},
		Before: "Your browser goes to Acme’s accounts twice: the first code is “stolen” and injected into the answer to the second request.",
		Run:    c.runAuthorizationCode, Return: c.returnAuthorizationCode,
	}
}

func (c *Classroom) runAuthorizationCode(ctx context.Context, run *Run) error {
	run.Say("Dreams sends your browser to Acme’s accounts, without a code_challenge")
	return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: leastScopes, WithoutPKCE: true})
}

func (c *Classroom) returnAuthorizationCode(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	first, second := run.Memory.(stolen)
	if !second {
		run.Note("A thief read the first code before Dreams had redeemed it: in a log, in a browser’s history, on a telephone. The thief cannot redeem it, for want of Dreams’s secret, and so lets Dreams do it: the code goes into the answer to another request, the thief’s own.")
		run.Memory = stolen{query.Get("code")}
		run.Say("The thief starts a request too")
		return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: leastScopes, WithoutPKCE: true})
	}
	if err := c.inject(ctx, run, attempt, first.code); err != nil {
		return err
	}
	run.Say("Now the code that belongs to this request")
	connected, err := c.Code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token", connected.AccessToken)
	run.Decode("The ID token", connected.IDToken)
	if err := run.ask(ctx, "Dreams reads your profile", "/api/v1/me", connected.AccessToken); err != nil {
		return err
	}
	run.Say("And the same code a second time")
	_, err = c.Code.Redeem(ctx, attempt, query.Get("code"))
	if err := run.tell(err, Refusal{
		Tried: "the same code, a second time, by the right client with its right secret.",
		Rule:  "RFC 6749 §4.1.2",
		Means: "A code works once. One that comes twice is in two hands, so the server takes back what it gave for it: the access token of a moment ago is void.",
	}); err != nil {
		return err
	}
	return c.void(ctx, run, connected.AccessToken)
}

// inject redeems a code of one request for another. Without PKCE the server
// has no way to notice.
func (c *Classroom) inject(ctx context.Context, run *Run, attempt flow.Attempt, code string) error {
	run.Say("Dreams gets the stolen code in the answer to the thief’s request, and redeems it")
	_, err := c.Code.Redeem(ctx, attempt, code)
	noticed := (*flow.Refusal)(nil)
	switch {
	case errors.As(err, &noticed):
		run.Note("Acme’s accounts took the injected code and gave tokens for it. What stopped it was Dreams: “%s” (%s, %s). A client of 2012 had no nonce: the thief’s browser would now be signed in as the person whose code it was. With PKCE it ends one step earlier, at the token endpoint.",
			noticed.Words, noticed.Check, noticed.Source)
		return nil
	case err == nil:
		return fmt.Errorf("an injected code went through")
	}
	return err
}
