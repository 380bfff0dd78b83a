package learn

import (
	"context"
	"net/http"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) resourceIndicators() Lesson {
	return Lesson{
		Slug: "resource-indicators", Title: "Resource indicators", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint"},
		Line:   "The app says whom the token is for, and nobody else takes it.",
		Stops:  "A token that several servers accept can be turned around: one of them, broken into or curious, uses what it was given at the others. An app that names the resource gets a token with that one audience, and each server refuses what is for another.",
		For:    "Every app that talks to more than one API with one login.",
		NotFor: "Asking for less data: that is what scopes and authorization details are for. This is about who may read the token.",
		State:  Current, Reason: "Audience restriction is what RFC 9700 recommends; resource is how a client asks for it.", Source: "RFC 8707, RFC 9700 §2.3",
		Steps: []Step{
			{views.Client, views.Browser, "303, with resource=Acme Travel", "RFC 8707 §2.1"},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", ""},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code", "RFC 8707 §2.2"},
			{views.AuthorizationServer, views.Client, "An access token: aud is Acme Travel alone", "RFC 9068 §2.2"},
			{views.Client, views.ResourceServer, "Dreams reads your profile", ""},
			{views.ResourceServer, views.ResourceServer, "Is aud me?", "RFC 9068 §4"},
			{views.ResourceServer, views.Client, "Your name", ""},
			{views.Client, views.Browser, "303 once more, with resource=Acme Accounts", ""},
			{views.AuthorizationServer, views.Client, "An access token for userinfo alone", ""},
			{views.Client, views.ResourceServer, "The wrong one, at Acme Travel", ""},
			{views.ResourceServer, views.Client, "401 invalid_token", "RFC 6750 §3.1"},
		},
		Secrets: []Secret{
			{"token for Acme Travel", "no", "for an hour", "signs it, refuses it at userinfo", "verifies it"},
			{"token for userinfo", "no", "for an hour", "signs and verifies it", "refuses it"},
		},
		Code: []Excerpt{{"authorization_code.go", "AuthorizationCode.extend"}},
		Files: []File{
			{"dreams/flow/authorization_code.go", "what you are about to run: resource is one parameter"},
			{"acme/bearer/checks.go", "where Acme asks whether it is meant"},
		},
		Before: "Your browser goes there twice: once for a token for Acme Travel, once for one that is for Acme’s accounts.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("First, a token for Acme Travel", "resource names it by its public address.")
			return run.begin(ctx, forLab, flow.AuthorizationRequest{Scopes: labScopes, Resource: []string{c.Env.AcmeURL.String()}})
		},
		Return: c.returnResourceIndicators,
	}
}

func (c *Classroom) returnResourceIndicators(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	bench := run.bench()
	run.Tell("The code for a token", "The token is for the resource that the request named.")
	connected, err := bench.code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	if bench.stage == "" {
		run.Decode("The access token for Acme Travel", connected.AccessToken)
		if err := run.ask(ctx, "Dreams reads your profile with it", mePath, connected.AccessToken); err != nil {
			return err
		}
		bench.stage, bench.first = "second", connected
		run.Tell("And now a token for Acme’s accounts, for userinfo", "The same person, the same client, another audience.")
		return run.send(ctx, bench, flow.AuthorizationRequest{Scopes: labScopes, Resource: []string{c.Server.Issuer}}, nil)
	}
	run.Decode("The access token for Acme’s accounts", connected.AccessToken)
	if err := c.wrongAudience(ctx, run, bench.first.AccessToken, connected.AccessToken); err != nil {
		return err
	}
	run.Tell("A request for a server that is nobody’s here", "What the server does not know it cannot restrict a token to.")
	_, err = run.try(ctx, bench.code, flow.AuthorizationRequest{Scopes: labScopes, Pushed: true, Resource: []string{"https://api.mallory.example"}})
	return run.tell(err, Refusal{
		Tried: "a token for https://api.mallory.example, which would have it forwarded to the right server.", Rule: "RFC 8707 §2",
		Means: "Which audiences there are is decided here. Nobody gets a token of Acme’s made out to themselves.",
	})
}

func (c *Classroom) wrongAudience(ctx context.Context, run *Run, forAcme, forAccounts string) error {
	run.Tell("The token for Acme’s accounts, at Acme Travel", "The signature is good, the scope is good, the audience is another.")
	answer, err := c.Call(ctx, mePath, forAccounts)
	if err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "the token that is for Acme’s accounts, at Acme Travel’s API.", Rule: "RFC 9068 §4, RFC 9700 §2.3",
		Means: "Everything about it is genuine. It was made out to somebody else.",
	})
	run.Tell("The token for Acme Travel, at userinfo", "And the other way round.")
	answer, err = c.userInfo(ctx, forAcme)
	if err != nil {
		return err
	}
	refusal := Refusal{
		Tried: "the token that is for Acme Travel, at userinfo.", Rule: "RFC 8707 §2, RFC 9700 §2.3",
		Means: "Acme Travel sees this token with every request. It can read your packages with it, and not sign in as you elsewhere.",
	}
	refusal.By, refusal.Status, refusal.Code = views.AuthorizationServer.Name(), answer.Status, answer.Code()
	refusal.Words, refusal.Got = answer.Description(), answer.Status < 400
	run.Refused(refusal)
	return nil
}

// userInfo asks who a token speaks for, and returns whatever comes.
func (c *Classroom) userInfo(ctx context.Context, token string) (Answer, error) {
	endpoints, err := c.Server.Endpoints(ctx)
	if err != nil {
		return Answer{}, err
	}
	answer, err := c.callAt(ctx, http.MethodGet, endpoints.UserInfo, func(client *http.Client, req *http.Request) (*http.Response, error) {
		req.Header.Set("Authorization", "Bearer "+token)
		return client.Do(req)
	})
	if err != nil {
		return Answer{}, &flow.Unreachable{Err: err}
	}
	return answer, nil
}
