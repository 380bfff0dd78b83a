package learn

import (
	"context"
	"net/http"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) clientCredentials() Lesson {
	return Lesson{
		Slug: "client-credentials", Title: "Client credentials", Group: NobodyThere, Client: "dreams-catalogue",
		Line:   "The app speaks for itself: public packages and reviews, nobody’s own data.",
		For:    "Jobs between servers that need no person: a nightly copy of a public catalogue, a health check, billing between companies.",
		NotFor: "Anything that belongs to a person. There is nobody in this token, so there is nobody who could have said yes. And never in a program that people download: it cannot keep a secret.",
		State:  Current, Reason: "Nothing better is known where no person is involved. Prefer a signature to a secret where you can.", Source: "RFC 9700 §2.5",
		Steps: []Step{
			{views.Client, views.AuthorizationServer, "Dreams says who it is, with its client_id and client_secret, and which scopes it wants", "RFC 6749 §4.4.2"},
			{views.AuthorizationServer, views.AuthorizationServer, "Is that the secret? May this client have these scopes without a person?", "RFC 6749 §2.3.1"},
			{views.AuthorizationServer, views.Client, "An access token. No refresh token: whoever can ask again needs none", "RFC 6749 §4.4.3"},
			{views.Client, views.ResourceServer, "Dreams reads the catalogue with it", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "The packages", ""},
		},
		Secrets: []Secret{
			{"client_secret", "no", "keeps it", "knows its hash", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/client_credentials.go", "what you are about to run"},
			{"dreams/catalogue/catalogue.go", "the job that uses it every hour"},
			{"authserver/grant/client_credentials.go", "the other side"},
		},
		Run: c.runClientCredentials,
	}
}

func (c *Classroom) runClientCredentials(ctx context.Context, run *Run) error {
	// A fresh one: the catalogue's own holds a token already and would ask nobody.
	job := &flow.ClientCredentials{Server: c.Server, Client: c.Catalogue, Scopes: []string{"packages:read", "reviews:read"}, Now: c.Now}
	run.Say("Dreams asks for a token for itself")
	token, err := job.AccessToken(ctx)
	if err != nil {
		return err
	}
	run.Decode("The access token", token)
	run.Say("With it, Dreams reads the catalogue")
	answer, err := c.Call(ctx, "/api/v1/packages?limit=2", token)
	if err != nil {
		return err
	}
	run.Answer("GET /api/v1/packages?limit=2", answer)
	run.Say("And now something that belongs to a person")
	if answer, err = c.Call(ctx, "/api/v1/me", token); err != nil {
		return err
	}
	run.Refused(Refusal{
		Tried: "GET /api/v1/me: whose profile?", By: views.ResourceServer.Name(), Status: answer.Status, Code: answer.Code(), Words: answer.Body,
		Rule: "RFC 6750 §3.1", Got: answer.Status == http.StatusOK,
		Means: "There is no person in this token: sub is the client itself. More scopes would not help; the authorization server gives this client none that need a person.",
	})
	return nil
}
