package learn

import (
	"context"
	"errors"

	"github.com/go-jose/go-jose/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) registration() Lesson {
	return Lesson{
		Slug: "registration", Title: "Dynamic client registration", Group: Besides, Client: "a client that does not exist yet", Lab: true,
		Needs:  []string{"registration_endpoint"},
		Line:   "An app introduces itself to the server, and looks after its own entry.",
		Stops:  "Apps that cannot be typed in beforehand share one client_id and one secret, and a secret that many have is none. Registration gives each its own, with a key of its own. What it must not do is believe what a stranger says: a redirect URI that runs script, a name made to deceive, a key address inside the house.",
		For:    "Products that their customers run themselves, agents and tools that find their server at run time, test suites, federations.",
		NotFor: "Trust. Whoever registers has said who they are, and nobody has looked: the consent page says so.",
		State:  Current, Reason: "Open here; with REGISTRATION_TOKEN set it wants that token first.", Source: "RFC 7591, RFC 7592",
		Steps: []Step{
			{views.Client, views.Client, "Makes a key", ""},
			{views.Client, views.AuthorizationServer, "POST: name, redirect URIs, grants, the public key", "RFC 7591 §3.1"},
			{views.AuthorizationServer, views.AuthorizationServer, "What may a stranger have? Not everything that they ask for", "RFC 7591 §2, §5"},
			{views.AuthorizationServer, views.Client, "201: client_id, and a token for this entry alone", "RFC 7591 §3.2.1"},
			{views.Client, views.AuthorizationServer, "GET: what is registered?", "RFC 7592 §2.1"},
			{views.AuthorizationServer, views.Client, "The entry", "RFC 7592 §3"},
			{views.Client, views.AuthorizationServer, "PUT: another name", "RFC 7592 §2.2"},
			{views.AuthorizationServer, views.Client, "The new entry", ""},
			{views.Client, views.AuthorizationServer, "DELETE", "RFC 7592 §2.3"},
			{views.AuthorizationServer, views.Client, "204. The client is gone, and what it was given with it", ""},
		},
		Secrets: []Secret{
			{"registration access token", "no", "keeps it, sealed", "knows its hash", "no"},
			{"private key", "no", "makes it", "has the public half", "no"},
			{"initial access token", "no", "has it, where the server wants one", "compares it", "no"},
		},
		Code: []Excerpt{{"registration.go", "ClientMetadata"}, {"registration.go", "Registration.Register"}, {"registration.go", "Registration.Update"}},
		Files: []File{
			{"dreams/flow/registration.go", "what you are about to run"},
			{"authserver/endpoint/registration.go", "the other side"},
		},
		Before: "A client for these minutes alone: it is registered, read, renamed and deleted while you wait. You need not sign in.",
		Run:    c.runRegistration,
	}
}

func (c *Classroom) runRegistration(ctx context.Context, run *Run) error {
	key, err := flow.NewSigningKey(c.Random)
	if err != nil {
		return err
	}
	asked := c.metadata(forLab, key)
	asked.Name = "Dreams for an afternoon"
	run.Tell("Dreams introduces a new client", "The answer counts, not the question: the server says what it registered.")
	mine, err := c.Registration.Register(ctx, asked)
	if err != nil {
		return c.unregistered(err)
	}
	run.Tell("What is registered?", "registration_access_token opens this one entry.")
	if mine, err = c.Registration.Read(ctx, mine); err != nil {
		return err
	}
	renamed := mine
	renamed.Name = "Dreams for an evening"
	run.Tell("Another name", "A PUT replaces all of it, so Dreams sends back what it has read, with the change.")
	if mine, err = c.Registration.Update(ctx, renamed); err != nil {
		return err
	}
	if err := c.registerInVain(ctx, run, asked, mine); err != nil {
		return err
	}
	run.Tell("And the client goes", "Codes, tokens and consents of it go with it.")
	if err := c.Registration.Delete(ctx, mine); err != nil {
		return err
	}
	run.Tell("Is it really gone?", "The same token, one moment later.")
	_, err = c.Registration.Read(ctx, mine)
	return run.tell(err, Refusal{
		Tried: "to read the entry that was deleted a moment ago.", Rule: "RFC 7592 §2.3, §2.1",
		Means: "A client that nobody needs any more leaves nothing behind that could be used.",
	})
}

// registerInVain asks for what no stranger may have.
func (c *Classroom) registerInVain(ctx context.Context, run *Run, good flow.ClientMetadata, mine flow.RegisteredClient) error {
	for _, try := range []struct {
		caption, proves string
		change          func(*flow.ClientMetadata)
		refusal         Refusal
	}{
		{"A redirect URI that is a script", "It would run in the page of whoever follows it.",
			func(m *flow.ClientMetadata) { m.RedirectURIs = []string{"javascript:alert(document.cookie)"} },
			Refusal{Tried: "to register javascript:alert(document.cookie) as a redirect URI.", Rule: "RFC 7591 §3.2.2",
				Means: "A redirect URI is where a browser is sent: it is https, or this computer, or nothing."}},
		{"The private key, by mistake", "A server that knows it could sign in the client’s name.",
			func(m *flow.ClientMetadata) {
				m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{c.leaked()}}
			},
			Refusal{Tried: "to register a key with its private half.", Rule: "RFC 7591 §2",
				Means: "It is refused and not quietly cut down: whoever sent it has to learn that the key is burnt."}},
	} {
		m := good
		try.change(&m)
		run.Tell(try.caption, try.proves)
		_, err := c.Registration.Register(ctx, m)
		if err := run.tell(err, try.refusal); err != nil {
			return err
		}
	}
	return c.foreignEntry(ctx, run, mine)
}

// foreignEntry tries to open the lab's own entry with the token of another.
func (c *Classroom) foreignEntry(ctx context.Context, run *Run, mine flow.RegisteredClient) error {
	lab, err := c.client(ctx, forLab)
	if err != nil {
		return err
	}
	thief := lab.Client
	thief.AccessToken = mine.AccessToken
	run.Tell("Somebody else’s entry, with this client’s token", "The address of an entry is no secret.")
	err = c.Registration.Delete(ctx, thief)
	var refused *flow.TokenError
	if err == nil || errors.As(err, &refused) {
		return run.tell(err, Refusal{
			Tried: "to delete the entry of Dreams Lab with the token of “Dreams for an evening”.", Rule: "RFC 7592 §2",
			Means: "A registration access token is for one entry. Dreams Lab is still there, and the other lessons run.",
		})
	}
	return err
}

// leaked is a key as nobody should send it.
func (c *Classroom) leaked() jose.JSONWebKey {
	var private jose.JSONWebKey
	key, err := flow.NewSigningKey(c.Random)
	if err != nil {
		return private
	}
	document, err := key.Private()
	if err != nil {
		return private
	}
	_ = private.UnmarshalJSON(document) // it was marshalled a moment ago
	return private
}
