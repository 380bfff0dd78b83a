package learn

import (
	"context"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) fapi2() Lesson {
	return Lesson{
		Slug: "fapi2", Title: "All together: FAPI 2.0", Group: Besides, Client: "Dreams Lab, strict", Lab: true,
		Needs: []string{
			"registration_endpoint", "pushed_authorization_request_endpoint", "dpop_signing_alg_values_supported",
			"request_object_signing_alg_values_supported", "authorization_details_types_supported", "authorization_response_iss_parameter_supported",
		},
		Line:   "One client for which the weaker ways are shut: what banks and hospitals ask for.",
		Stops:  "A server that can do everything can also be asked for the weakest of it: the attacker leaves the proof out and sends the old request. A profile turns the choices into rules. This client is registered so that every plain request in its name is refused, whoever sends it.",
		For:    "Money, health, public registers: where the other side has to be able to rely on it.",
		NotFor: "A first step. Each part stands on a page of its own here.",
		State:  Current, Reason: "Pushed requests, a signature in place of a secret, PKCE, bound tokens and iss. The signed request is the Message Signing part.", Source: "FAPI 2.0 Security Profile, Message Signing",
		Steps: []Step{
			{views.Client, views.Client, "Signs the whole request, and makes a key for the session", "RFC 9101 §4, RFC 9449 §4"},
			{views.Client, views.AuthorizationServer, "Pushes it, with a signature that says who", "RFC 9126 §2.1, RFC 7523 §2.2"},
			{views.AuthorizationServer, views.Client, "A reference", "RFC 9126 §2.2"},
			{views.Client, views.Browser, "303, with the reference", ""},
			{views.AuthorizationServer, views.Browser, "What is asked for, in words", "RFC 9396 §3"},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", "RFC 9207 §2"},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.Client, "Is iss the server that was asked?", "RFC 9207 §2.4"},
			{views.Client, views.AuthorizationServer, "The code, the verifier, a signature, a proof", "RFC 7636 §4.5, RFC 9449 §5"},
			{views.AuthorizationServer, views.Client, "An access token: bound to the key, for one resource, for two topics", "RFC 9449 §6, RFC 8707 §2.2, RFC 9396 §9.1"},
			{views.Client, views.ResourceServer, "The token, with a proof", "RFC 9449 §7.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"the request", "no", "signs it, pushes it", "keeps it for a minute", "no"},
			{"private key of the client", "no", "keeps it, sealed", "has the public half", "no"},
			{"private key of the session", "no", "keeps it in memory", "never", "never"},
			{"access token", "no", "for an hour", "signs it", "verifies it, and the key"},
		},
		Code: []Excerpt{{"authorization_code.go", "AuthorizationCode.extend"}, {"registration.go", "ClientMetadata"}},
		Files: []File{
			{"dreams/flow/authorization_code.go", "what you are about to run: the same grant as everywhere, with everything turned on"},
			{"dreams/learn/lab.go", "how the client is registered"},
		},
		Before: "When it has worked, the same client tries each of the weaker ways.",
		Run:    c.runFAPI2, Return: c.returnFAPI2,
	}
}

func (c *Classroom) fapiRequest() flow.AuthorizationRequest {
	return flow.AuthorizationRequest{
		Scopes: leastScopes, Details: []flow.AuthorizationDetail{beachesAndHiking}, Resource: []string{c.Env.AcmeURL.String()}, Signed: true, Pushed: true,
	}
}

func (c *Classroom) runFAPI2(ctx context.Context, run *Run) error {
	code, err := c.labClient(ctx, forFAPI2)
	if err != nil {
		return err
	}
	if code.DPoP, err = flow.NewDPoP(c.Now, c.Random); err != nil {
		return err
	}
	run.Tell("Signed, pushed, with the key’s thumbprint, the audience and the details in it", "Who asks is proven twice: client_assertion for this request, the request object for what it says.")
	return run.send(ctx, &labBench{code: code}, c.fapiRequest(), nil)
}

func (c *Classroom) returnFAPI2(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	code := run.bench().code
	bearer := *code
	bearer.DPoP = nil
	run.Tell("Without a proof, first", "A client that is registered for bound tokens gets no others.")
	_, err := bearer.Redeem(ctx, attempt, query.Get("code"))
	if err := run.tell(err, Refusal{
		Tried: "to redeem the code for a bearer token, with everything else right.", Rule: "RFC 9449 §5.2",
		Means: "The weaker token does not exist for this client. Nothing was spent: the request was not even well-formed.",
	}); err != nil {
		return err
	}
	run.Tell("The code, the verifier, a signature, a proof", "Four things that a thief of the code would have to have as well.")
	connected, err := code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token", connected.AccessToken)
	run.Decode("The ID token", connected.IDToken)
	run.Tell("Dreams reads your profile", "Bound, for Acme alone, and for what you said yes to.")
	answer, proof, err := c.callProven(ctx, code.DPoP, connected.AccessToken)
	if err != nil {
		return err
	}
	run.Answer("GET "+mePath, answer)
	run.Decode("The last proof", proof)
	return c.weakerWays(ctx, run, code, connected.AccessToken)
}

// weakerWays is the same client without each of the parts.
func (c *Classroom) weakerWays(ctx context.Context, run *Run, code *flow.AuthorizationCode, token string) error {
	unsigned := c.fapiRequest()
	unsigned.Signed = false
	run.Tell("Pushed, and not signed", "The push says who sent it, the signature what was said.")
	_, err := run.try(ctx, code, unsigned)
	if err := run.tell(err, Refusal{
		Tried: "to push the same request unsigned.", Rule: "RFC 9101 §10.5",
		Means: "require_signed_request_object stands in the client’s entry: leaving the signature out is no way around it.",
	}); err != nil {
		return err
	}
	run.Tell("The bound token as a bearer token", "")
	answer, err := c.Call(ctx, mePath, token)
	if err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "the bound token in the scheme Bearer.", Rule: "RFC 9449 §7.1",
		Means: "What leaks from a log opens nothing.",
	})
	inBrowser := c.fapiRequest()
	inBrowser.Pushed = false
	plain, err := run.try(ctx, code, inBrowser)
	if err != nil {
		return err
	}
	run.Tell("Signed, and not pushed: through the browser", "A good request, by the wrong way.")
	return run.slammed(ctx, plain, Refusal{
		Tried: "to send the same signed request through the browser.", Rule: "RFC 9126 §6",
		Means: "require_pushed_authorization_requests stands in the client’s entry, so nobody can begin in its name but itself.",
	})
}
