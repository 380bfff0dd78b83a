package learn

import (
	"context"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

// What the lessons ask a person for: less than the product does, and within it,
// so that who has connected is not asked again.
var lessonScopes = []string{"openid", "profile", "preferences:read"}

// leastScopes is what nobody can leave out: whoever said yes once is not asked
// a second time.
var leastScopes = []string{"openid", "profile"}

func (c *Classroom) pkce() Lesson {
	return Lesson{
		Slug: "pkce", Title: "Authorization code with PKCE", Group: PersonThere, Client: "dreams-web",
		Line:   "A person at a browser lets an app look at their data. Start here.",
		For:    "Every app that acts for a person who can use a browser: a website with a server, a single-page app, a program on a telephone or a computer.",
		NotFor: "Jobs without a person (client credentials), and things without a browser or a keyboard (device code).",
		State:  Current, Reason: "Required for public clients, recommended for all others; OAuth 2.1 requires it of everybody.", Source: "RFC 9700 §2.1.1",
		Steps: []Step{
			{views.Browser, views.Client, "You press the button", ""},
			{views.Client, views.Client, "Dreams makes a code_verifier and keeps it; its hash is the code_challenge", "RFC 7636 §4.1, §4.2"},
			{views.Client, views.Browser, "303 to Acme’s accounts, with client_id, scope, state, nonce and code_challenge", "RFC 6749 §4.1.1, RFC 7636 §4.3"},
			{views.Browser, views.AuthorizationServer, "The browser carries it there", ""},
			{views.AuthorizationServer, views.Browser, "Who are you, and what may Dreams see?", "RFC 6749 §3.1"},
			{views.Browser, views.AuthorizationServer, "Your password and your yes. Dreams is not there", ""},
			{views.AuthorizationServer, views.Browser, "303 back to Dreams, with code, state and iss", "RFC 6749 §4.1.2, RFC 9207 §2"},
			{views.Browser, views.Client, "The browser carries the code to Dreams", ""},
			{views.Client, views.Client, "Is the state this browser’s own and unspent? Is iss the server that was asked?", "RFC 6749 §10.12, RFC 9207 §2.4"},
			{views.Client, views.AuthorizationServer, "The code, with the code_verifier and the client’s secret", "RFC 6749 §4.1.3, RFC 7636 §4.5"},
			{views.AuthorizationServer, views.AuthorizationServer, "Does the verifier’s hash equal the challenge?", "RFC 7636 §4.6"},
			{views.AuthorizationServer, views.Client, "An access token and an ID token", "RFC 6749 §5.1, OIDC Core §3.1.3.3"},
			{views.Client, views.ResourceServer, "Dreams reads your profile", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"your password", "you type it there", "never", "knows its hash", "never"},
			{"client_secret", "no", "keeps it", "knows its hash", "no"},
			{"code", "carries it, once", "redeems it", "knows its hash", "no"},
			{"code_verifier", "no, only its hash", "makes it", "sees it once", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/authorization_code.go", "what you are about to run"},
			{"authserver/endpoint/authorize.go", "the authorization endpoint"},
			{"authserver/grant/authorization_code.go", "the redemption"},
			{"authserver/oauth/pkce.go", "the comparison"},
		},
		Before:    "Your browser goes to Acme’s accounts twice: once for the real thing, once for a thief who has the code and not the verifier. If you have allowed it before, you see nothing of it but the address bar.",
		Elsewhere: views.Link{Label: "The same in one page, without a server", Href: "/spa"},
		Run:       c.runPKCE, Return: c.returnPKCE,
	}
}

func (c *Classroom) runPKCE(ctx context.Context, run *Run) error {
	run.Say("Dreams sends your browser to Acme’s accounts")
	return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: lessonScopes})
}

// stolen is what a run remembers while the browser fetches a second code.
type stolen struct{ code string }

func (c *Classroom) returnPKCE(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	if _, second := run.Memory.(stolen); second {
		return c.wrongVerifier(ctx, run, attempt, query.Get("code"))
	}
	run.Say("The code and its verifier, from server to server")
	connected, err := c.Code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token", connected.AccessToken)
	run.Decode("The ID token", connected.IDToken)
	if err := run.ask(ctx, "Dreams reads your profile", "/api/v1/me", connected.AccessToken); err != nil {
		return err
	}
	run.Memory = stolen{}
	run.Say("Once more, for a thief who sees the code on its way")
	return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: leastScopes})
}

func (c *Classroom) wrongVerifier(ctx context.Context, run *Run, attempt flow.Attempt, code string) error {
	guess, err := flow.Unguessable(c.Random)
	if err != nil {
		return err
	}
	run.Say("The thief has the code, even the client’s secret, and guesses the verifier")
	attempt.CodeVerifier = guess
	_, err = c.Code.Redeem(ctx, attempt, code)
	return run.tell(err, Refusal{
		Tried: "a fresh code, with the client’s own secret and a code_verifier that somebody else made up.",
		Rule:  "RFC 7636 §4.6",
		Means: "A code is worth nothing to whoever did not ask for it. The one who did holds the verifier, and it has never been in the browser.",
	})
}
