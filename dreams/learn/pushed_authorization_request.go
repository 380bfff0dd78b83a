package learn

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) pushedRequest() Lesson {
	return Lesson{
		Slug: "par", Title: "Pushed authorization request", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "pushed_authorization_request_endpoint"},
		Line:   "The request goes to the server first; the browser carries a reference and nothing else.",
		Stops:  "Everything that an authorization request says travels in the address bar: an extension, a proxy or the person can read it and change it, a wider scope for a narrow one. A pushed request never was in the browser, and who pushed it has proven who they are before anybody is asked anything.",
		For:    "Requests that are long, that say something private, or that must not be touched. Open banking and open health ask for it.",
		NotFor: "Apps without a server of their own: without a way to authenticate there is less to gain.",
		State:  Current, Reason: "The first half of every high-security profile: FAPI 2.0 allows no other requests.", Source: "RFC 9126",
		Steps: []Step{
			{views.Browser, views.Client, "You press the button", ""},
			{views.Client, views.AuthorizationServer, "The whole request, signed for by the client", "RFC 9126 §2.1"},
			{views.AuthorizationServer, views.AuthorizationServer, "Every check that a request has to pass, before anybody is asked", "RFC 9126 §2.1"},
			{views.AuthorizationServer, views.Client, "request_uri: a reference for one use, good for a minute", "RFC 9126 §2.2"},
			{views.Client, views.Browser, "303, with client_id and request_uri", "RFC 9126 §4"},
			{views.Browser, views.AuthorizationServer, "The reference, and whatever somebody added on the way", ""},
			{views.AuthorizationServer, views.AuthorizationServer, "What was pushed counts, and nothing beside it", "RFC 9101 §6.3"},
			{views.AuthorizationServer, views.Browser, "Who are you, and what may Dreams Lab see?", ""},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", "RFC 6749 §4.1.2"},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code, the verifier, a signature", "RFC 6749 §4.1.3"},
			{views.AuthorizationServer, views.Client, "An access token with the scope that was pushed", ""},
		},
		Secrets: []Secret{
			{"the request", "no, only its name", "makes it", "keeps it for a minute", "no"},
			{"request_uri", "carries it, once", "gets it", "knows what it stands for", "no"},
			{"private key of Dreams Lab", "no", "keeps it, sealed", "has the public half", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Code: []Excerpt{{"pushed_authorization_request.go", "AuthorizationCode.push"}},
		Files: []File{
			{"dreams/flow/pushed_authorization_request.go", "what you are about to run"},
			{"authserver/endpoint/pushed_authorization_request.go", "the other side"},
		},
		Before: "On its way through your browser somebody adds preferences:write to the address. Look at what Acme asks you all the same.",
		Run:    c.runPushedRequest, Return: c.returnPushedRequest,
	}
}

func (c *Classroom) runPushedRequest(ctx context.Context, run *Run) error {
	code, err := c.labClient(ctx, forLab)
	if err != nil {
		return err
	}
	run.Tell("The whole request goes to Acme’s accounts, from server to server", "client_assertion proves who asks; nobody’s browser has seen any of it.")
	return run.send(ctx, &labBench{code: code}, flow.AuthorizationRequest{Scopes: labScopes, Pushed: true}, func(to string) string {
		run.Tell("Your browser carries the reference, and a scope that somebody added on the way", "There is nothing in it to read, and nothing to change that would count.")
		return changed(to, func(parameters url.Values) {
			parameters.Set("scope", strings.Join(append(slices.Clone(labScopes), "preferences:write"), " "))
		})
	})
}

func (c *Classroom) returnPushedRequest(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	bench := run.bench()
	run.Tell("The code and its verifier", "The same client that pushed: the code is bound to it.")
	connected, err := bench.code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token", connected.AccessToken)
	run.Refused(Refusal{
		Tried: "“preferences:write”, added to the address in the browser.",
		By:    views.AuthorizationServer.Name(), Rule: "RFC 9101 §6.3, RFC 9126 §4",
		Words: "scope=" + strings.Join(connected.Scope, " "), Ignored: true,
		Got:   slices.Contains(connected.Scope, "preferences:write"),
		Means: "The token has what was pushed, less what you did not tick. The address bar has no say.",
	})
	run.Tell("The same reference once more", "It is spent, so a copy from a history or a log leads nowhere.")
	if err := run.slammed(ctx, bench.sent, Refusal{
		Tried: "the same address a second time, from another browser.", Rule: "RFC 9126 §4, §7.3",
		Means: "A reference is for one use and for one minute. Nobody was asked anything, and nobody was sent anywhere.",
	}); err != nil {
		return err
	}
	return c.pushInVain(ctx, run, bench.code)
}

// pushInVain pushes what a server has to refuse before anybody's browser sees it.
func (c *Classroom) pushInVain(ctx context.Context, run *Run, code *flow.AuthorizationCode) error {
	elsewhere := *code
	elsewhere.RedirectURI = "https://mallory.example/callback"
	run.Tell("A push with another redirect URI", "It is judged when it is pushed, not when somebody has clicked.")
	_, err := run.try(ctx, &elsewhere, flow.AuthorizationRequest{Scopes: labScopes, Pushed: true})
	if err := run.tell(err, Refusal{
		Tried: "a push that wants the code at https://mallory.example/callback.", Rule: "RFC 9126 §2.3",
		Means: "The refusal is an answer from server to server. No person had to see an error page for it.",
	}); err != nil {
		return err
	}
	stranger, err := c.stranger(code)
	if err != nil {
		return err
	}
	run.Tell("A push in Dreams Lab’s name, signed with somebody else’s key", "A client_id is no secret; the key is.")
	_, err = run.try(ctx, stranger, flow.AuthorizationRequest{Scopes: labScopes, Pushed: true})
	return run.tell(err, Refusal{
		Tried: "a push in Dreams Lab’s name, with a key that nobody registered.", Rule: "RFC 9126 §2, RFC 7523 §3",
		Means: "Whoever pushes is known before the person is asked. A phisher with a look-alike page cannot even begin.",
	})
}
