package learn

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

func (c *Classroom) jwtBearer() Lesson {
	return Lesson{
		Slug: "jwt-bearer", Title: "JWT bearer assertion", Group: NobodyThere, Client: c.Bearer.Client,
		Line:   "A batch system signs for people who agreed to it beforehand: a key in place of a secret and of tokens.",
		For:    "Systems of one house, or of two that trust each other’s keys, that act for people at night; and, as private_key_jwt, every client that can guard a key.",
		NotFor: "Apps out there. Whoever has the key can speak for everybody who has agreed, so it belongs into hardware or a key service.",
		State:  ForServers, Reason: "Current. As client authentication, private_key_jwt is what RFC 9700 recommends; as a grant it puts much trust into one key.", Source: "RFC 7523, RFC 9700 §2.5",
		Steps: []Step{
			{views.Client, views.Client, "The batch system signs: iss is itself, sub the person, aud the server, exp in a minute", "RFC 7523 §3"},
			{views.Client, views.AuthorizationServer, "The assertion, and the scope", "RFC 7523 §2.1"},
			{views.AuthorizationServer, views.AuthorizationServer, "Is it signed by a registered key, fresh and unused? Has this person agreed?", "RFC 7523 §3"},
			{views.AuthorizationServer, views.Client, "An access token that speaks for the person. No refresh token: sign again", "RFC 7521 §4.1"},
			{views.Client, views.ResourceServer, "The batch system reads", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "What the person likes", ""},
		},
		Secrets: []Secret{
			{"private key", "no", "the batch system keeps it", "has the public half", "no"},
			{"assertion", "no", "makes one for each request", "accepts it once", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/jwt_bearer.go", "what you are about to run"},
			{"dreams/flow/client_assertion.go", "the same signature in place of a client secret"},
			{"authserver/grant/jwt_bearer.go", "the other side"},
			{"authserver/grant/client_assertion.go", "private_key_jwt, the other side"},
		},
		Before: "It signs for the person who is connected to Dreams in this browser. Where nobody is, you are sent to Acme’s accounts first, to agree.",
		Run:    c.runJWTBearer, Return: c.returnJWTBearer,
	}
}

func (c *Classroom) runJWTBearer(ctx context.Context, run *Run) error {
	if run.Connection == "" {
		run.Say("First, somebody has to agree")
		return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: lessonScopes})
	}
	subject, err := c.Store.SubjectOf(ctx, run.Person)
	if err != nil {
		return err
	}
	return c.batch(ctx, run, subject, run.Scope)
}

func (c *Classroom) returnJWTBearer(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	run.Say("The code says who agreed, and to what")
	connected, err := c.Code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	return c.batch(ctx, run, connected.Subject, connected.Scope)
}

// batch is the batch system at work for one person who agreed to these scopes.
func (c *Classroom) batch(ctx context.Context, run *Run, subject string, agreed []string) error {
	if err := c.ownToken(ctx, run); err != nil {
		return err
	}
	if slices.Contains(agreed, "preferences:read") {
		if err := c.forPerson(ctx, run, subject); err != nil {
			return err
		}
	} else {
		run.Note("You did not share your preferences, and the batch system may ask for nothing else of yours. So there is nothing that it could sign for.")
	}
	return c.somebodyElse(ctx, run)
}

// forPerson signs for somebody who agreed to it.
func (c *Classroom) forPerson(ctx context.Context, run *Run, subject string) error {
	assertion, err := c.Bearer.Assertion(subject)
	if err != nil {
		return err
	}
	run.Decode("The assertion that Dreams signed", assertion)
	run.Say("The batch system hands in what it signed for you")
	granted, err := c.Bearer.Token(ctx, assertion, []string{"preferences:read"})
	if err != nil {
		return err
	}
	run.Decode("The access token that came of it", granted.AccessToken)
	return run.ask(ctx, "With it, the batch system reads what you like", "/api/v1/me/preferences", granted.AccessToken)
}

// ownToken is the same key as client authentication: private_key_jwt.
func (c *Classroom) ownToken(ctx context.Context, run *Run) error {
	itself := &flow.ClientCredentials{
		Server: c.Server, Client: flow.Client{ID: c.Bearer.Client}, Scopes: []string{"packages:read"}, Now: c.Now,
		Assertion: &flow.ClientAssertion{Issuer: c.Server.Issuer, Key: c.Bearer.Key, Now: c.Now, Random: c.Random},
	}
	run.Say("The batch system for itself: client credentials, with a signature in place of a secret (private_key_jwt)")
	token, err := itself.AccessToken(ctx)
	if err != nil {
		return err
	}
	run.Decode("The batch system’s own token: nobody is in it", token)
	return nil
}

// nobody is a sub that no account has.
const nobody = "u_nobody"

// somebodyElse signs for carol, who has never agreed to anything. In a class
// somebody may have signed in as her; then a sub that nobody has must do.
func (c *Classroom) somebodyElse(ctx context.Context, run *Run) error {
	refusal := Refusal{
		Tried: "an assertion for Carol, who has never let Dreams do anything: signed by the same key, with everything else right.",
		Rule:  "RFC 7523 §3",
		Means: "A signature says who asks, not that the person agreed. Without that person’s live consent the best signature gets nothing.",
	}
	run.Say("And for Carol, who was never asked")
	err := c.signFor(ctx, subjectOf("carol"))
	// Any other answer than this one means that there is a consent.
	if token := (*flow.TokenError)(nil); err == nil || errors.As(err, &token) && token.Code != "invalid_grant" {
		run.Note("Carol has agreed in the meantime: somebody here signed in as her. So the batch system tries a person whom nobody knows.")
		refusal.Tried = "an assertion for a person whom nobody knows, signed by the same key, with everything else right."
		err = c.signFor(ctx, nobody)
	}
	return run.tell(err, refusal)
}

func (c *Classroom) signFor(ctx context.Context, subject string) error {
	assertion, err := c.Bearer.Assertion(subject)
	if err != nil {
		return err
	}
	_, err = c.Bearer.Token(ctx, assertion, []string{"packages:read"})
	return err
}

func subjectOf(username string) string {
	for _, u := range seed.Users() {
		if u.Username == username {
			return u.Sub
		}
	}
	return nobody
}
