package learn

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) resourceMetadata() Lesson {
	return Lesson{
		Slug: "resource-metadata", Title: "Protected resource metadata", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint"},
		Line:   "An app knows the API’s address, and learns the rest from the API: who signs people in, and for what.",
		Stops:  "What is written into an app’s configuration by hand goes stale, and sends people to a sign-in page that is somebody else’s by now. An API can say which server it trusts. And because anybody can publish such a document, an app that believes it without a look can be led to a page that steals passwords.",
		For:    "Tools and agents that meet an API for the first time, and every client that would rather ask than be told.",
		NotFor: "Trust in a server that the app has never heard of. The document says where to look, not whom to believe.",
		State:  Current, Reason: "The same idea as an authorization server’s metadata, from the other side.", Source: "RFC 9728",
		Steps: []Step{
			{views.Client, views.ResourceServer, "GET /api/v1/me, without a token", ""},
			{views.ResourceServer, views.Client, "401, resource_metadata: it is written there", "RFC 9728 §5.1"},
			{views.Client, views.ResourceServer, "GET that document", "RFC 9728 §3.1"},
			{views.ResourceServer, views.Client, "resource, authorization_servers, scopes_supported", "RFC 9728 §2"},
			{views.Client, views.Client, "Is it the API that was asked? Is that a server that we know?", "RFC 9728 §3.3, §7.6"},
			{views.Client, views.AuthorizationServer, "Its metadata, where it is not known yet", "RFC 8414 §3"},
			{views.Client, views.Browser, "303, with resource as the document says it", "RFC 8707 §2.1"},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", ""},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code", ""},
			{views.AuthorizationServer, views.Client, "An access token for that resource", ""},
			{views.Client, views.ResourceServer, "GET /api/v1/me, with it", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"access token", "no", "for an hour", "signs it", "verifies it"},
			{"the document", "public", "reads it", "public", "publishes it"},
		},
		Code: []Excerpt{{"protected_resource.go", "ProtectedResource.Discover"}, {"protected_resource.go", "resourceChecks"}},
		Files: []File{
			{"dreams/flow/protected_resource.go", "what you are about to run"},
			{"acme/api/api.go", "where Acme publishes it"},
		},
		Before: "Dreams begins with nothing but the address of Acme’s API.",
		Run:    c.runResourceMetadata, Return: c.returnResourceMetadata,
	}
}

func (c *Classroom) acmeAsResource() *flow.ProtectedResource {
	return &flow.ProtectedResource{Resource: c.Env.AcmeURL.String(), Server: c.Server, Checks: c.Lab.Checks}
}

func (c *Classroom) runResourceMetadata(ctx context.Context, run *Run) error {
	run.Tell("Dreams asks Acme’s API without a token", "A 401 says more than no: it says where to read on.")
	answer, err := c.call(ctx, http.MethodGet, mePath, func(client *http.Client, req *http.Request) (*http.Response, error) { return client.Do(req) })
	if err != nil {
		return err
	}
	run.Tell("Dreams reads what the API says of itself", "resource has to be the very address that was asked; authorization_servers has to name one that Dreams knows.")
	found, err := c.acmeAsResource().Discover(ctx, answer.Challenge)
	if err != nil {
		return err
	}
	code, err := c.labClient(ctx, forLab)
	if err != nil {
		return err
	}
	run.Tell("So Dreams knows where to send your browser, and for what", "resource is what the document called it: the token will be for this API alone.")
	return run.send(ctx, &labBench{code: code}, flow.AuthorizationRequest{Scopes: leastScopes, Resource: []string{found.Resource}}, nil)
}

func (c *Classroom) returnResourceMetadata(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	run.Tell("The code for a token", "")
	connected, err := run.bench().code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token", connected.AccessToken)
	if err := run.ask(ctx, "The same question, with the token", mePath, connected.AccessToken); err != nil {
		return err
	}
	if err := c.forgedMetadata(ctx, run); err != nil {
		return err
	}
	run.Tell("The token in the address, as it was done once", "bearer_methods_supported is header, and nothing else.")
	answer, err := c.call(ctx, http.MethodGet, mePath+"?access_token="+url.QueryEscape(connected.AccessToken), func(client *http.Client, req *http.Request) (*http.Response, error) { return client.Do(req) })
	if err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "the token in the address: ?access_token=…", Rule: "RFC 9728 §2, RFC 9700 §4.3.2",
		Means: "Addresses end in logs and histories. The document says how a token may travel: in the header.",
	})
	return nil
}

// forgedMetadata has Dreams judge documents that Acme never published.
func (c *Classroom) forgedMetadata(ctx context.Context, run *Run) error {
	acme, accounts := c.Env.AcmeURL.String(), c.Server.Issuer
	for _, try := range []struct {
		document     flow.ResourceMetadata
		tried, means string
	}{
		{flow.ResourceMetadata{Resource: "https://bank.example", AuthorizationServers: []string{accounts}},
			"a document at Acme’s address that speaks for https://bank.example.",
			"Dreams would have fetched a token for the bank, and handed it to whoever published this."},
		{flow.ResourceMetadata{Resource: acme, AuthorizationServers: []string{"https://acme-accounts.example"}},
			"a document that sends people to https://acme-accounts.example to sign in.",
			"An API that was broken into cannot choose where you type your password: Dreams sends people to servers that it is registered with."},
	} {
		document, err := json.Marshal(try.document)
		if err != nil {
			return err
		}
		_, err = c.acmeAsResource().Judge(ctx, document)
		if err := run.refusedHere(err, Refusal{Tried: try.tried, Means: try.means}); err != nil {
			return err
		}
	}
	return nil
}

// refusedHere shows what Dreams itself refused: err is that refusal. Another error
// is the caller's.
func (r *Run) refusedHere(err error, refusal Refusal) error {
	var no *flow.Refusal
	switch {
	case err == nil:
		refusal.Got = true
	case errors.As(err, &no):
		refusal.Words = no.Heading + ": " + no.Words
		if refusal.Rule == "" {
			refusal.Rule = no.Source
		}
	default:
		return err
	}
	refusal.By = views.Client.Name()
	r.Refused(refusal)
	return nil
}
