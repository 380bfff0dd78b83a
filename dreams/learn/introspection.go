package learn

import (
	"context"
	"encoding/json"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) introspection() Lesson {
	return Lesson{
		Slug: "introspection", Title: "Signed introspection", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "introspection_endpoint", "introspection_signing_alg_values_supported"},
		Line:   "The server says what a token is worth at this moment, and signs it.",
		Stops:  "A JWT goes on looking good after it was revoked; introspection asks the one who knows. But a plain answer is a word of mouth: who keeps it cannot prove later what was said, and who stands between can change it. A signed answer can be kept, shown, and held against the one who gave it.",
		For:    "Resource servers that must answer for what they let through: payment initiation, health records, qualified signatures.",
		NotFor: "Looking into tokens of others: a client sees its own, a resource server those that are for it, and all else is inactive.",
		State:  Current, Reason: "Plain JSON (RFC 7662) for those who ask plainly, a JWT for those who ask for one.", Source: "RFC 9701, RFC 7662",
		Steps: []Step{
			{views.Browser, views.AuthorizationServer, "Your yes, and a code for Dreams Lab", ""},
			{views.Client, views.AuthorizationServer, "The code", ""},
			{views.AuthorizationServer, views.Client, "An access token", ""},
			{views.Client, views.AuthorizationServer, "Is it good? Accept: application/token-introspection+jwt", "RFC 7662 §2.1, RFC 9701 §4"},
			{views.AuthorizationServer, views.AuthorizationServer, "Who asks, and is the token theirs to ask about?", "RFC 7662 §2.1, §4"},
			{views.AuthorizationServer, views.Client, "A JWT: iss, aud and iat, and what it says of the token", "RFC 9701 §5"},
			{views.Client, views.Client, "Verifies it with the published key", "RFC 9701 §5"},
			{views.Client, views.AuthorizationServer, "The token is given back", "RFC 7009 §2.1"},
			{views.Client, views.AuthorizationServer, "Is it good?", ""},
			{views.AuthorizationServer, views.Client, "active: false, and nothing else", "RFC 7662 §2.2"},
		},
		Secrets: []Secret{
			{"access token", "no", "for an hour", "signs it, and says what it is worth", "verifies it"},
			{"private key of Dreams Lab", "no", "keeps it, sealed", "has the public half", "no"},
		},
		Code: []Excerpt{{"introspection.go", "Introspection.Introspect"}, {"introspection.go", "introspectionChecks"}},
		Files: []File{
			{"dreams/flow/introspection.go", "what you are about to run"},
			{"authserver/endpoint/introspection.go", "the other side"},
		},
		Before: "The token is made for this lesson and revoked at its end.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("First, a token to ask about", "Dreams Lab may ask about its own tokens.")
			return run.begin(ctx, forLab, flow.AuthorizationRequest{Scopes: labScopes})
		},
		Return: c.returnIntrospection,
	}
}

func (c *Classroom) returnIntrospection(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	code := run.bench().code
	run.Tell("The code for a token", "")
	connected, err := code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	asking := &flow.Introspection{Server: c.Server, Client: code.Client, Assertion: code.Assertion, Checks: code.Checks, Now: c.Now}
	run.Tell("Is this token good, and what for?", "A signature in place of a secret says who asks; Accept says in which form.")
	said, err := asking.Introspect(ctx, connected.AccessToken)
	if err != nil {
		return err
	}
	run.Decode("The answer, signed by Acme’s accounts", said.JWT)
	if err := c.changedAnswer(ctx, run, asking, connected.AccessToken, said.JWT); err != nil {
		return err
	}
	if err := c.othersToken(ctx, run, asking); err != nil {
		return err
	}
	run.Tell("The token is given back", "RFC 7009: whoever got it may end it.")
	giving := &flow.Revocation{Server: c.Server, Client: code.Client, Assertion: code.Assertion}
	if err := giving.Revoke(ctx, flow.Tokens{AccessToken: connected.AccessToken}); err != nil {
		return err
	}
	run.Tell("And asked about once more", "Its signature is as good as before, and its hour is not over.")
	return run.inactive(ctx, asking, connected.AccessToken, Refusal{
		Tried: "the token once more, a moment after it was revoked.", Rule: "RFC 7662 §2.2",
		Means: "The token looks the same. The one who made it says what it is worth now: nothing.",
	})
}

// changedAnswer has Dreams verify what the server never said.
func (c *Classroom) changedAnswer(ctx context.Context, run *Run, asking *flow.Introspection, token, answer string) error {
	for _, try := range []struct{ jwt, tried, rule, means string }{
		{flipped(answer), "the server’s answer with one letter changed, as somebody on the way could do it.", "RFC 9701 §5, RFC 7515 §5.2",
			"Dreams verifies before it reads. An answer that was changed is no answer."},
		{token, "the access token itself, in place of an answer about it.", "RFC 9701 §5, RFC 8725 §3.11",
			"The same server signed both, with the same key. Only typ tells a token from a statement about one."},
	} {
		_, err := asking.Verify(ctx, try.jwt)
		if err := run.refusedHere(err, Refusal{Tried: try.tried, Rule: try.rule, Means: try.means}); err != nil {
			return err
		}
	}
	return nil
}

// othersToken asks about a token of another client: dreams-catalogue's, which
// Dreams happens to be as well.
func (c *Classroom) othersToken(ctx context.Context, run *Run, asking *flow.Introspection) error {
	other := &flow.ClientCredentials{Server: c.Server, Client: c.Catalogue, Scopes: []string{"packages:read"}, Now: c.Now}
	run.Tell("Another client of Dreams gets a token", "dreams-catalogue, by client credentials.")
	token, err := other.AccessToken(ctx)
	if err != nil {
		return err
	}
	run.Tell("Dreams Lab asks about it", "To ask about a token of somebody else’s is to fish.")
	return run.inactive(ctx, asking, token, Refusal{
		Tried: "a token of dreams-catalogue, which works, asked about by Dreams Lab.", Rule: "RFC 7662 §4",
		Means: "Whether it is good is no business of this client’s, so it learns neither that nor anything else.",
	})
}

// inactive asks about a token that is worth nothing to who asks.
func (r *Run) inactive(ctx context.Context, asking *flow.Introspection, token string, refusal Refusal) error {
	said, err := asking.Introspect(ctx, token)
	if err != nil {
		return err
	}
	r.Decode("The answer", said.JWT)
	words, err := json.Marshal(said.Says)
	if err != nil {
		return err
	}
	refusal.By, refusal.Words, refusal.Got = views.AuthorizationServer.Name(), string(words), said.Active || len(said.Says) > 1
	r.Refused(refusal)
	return nil
}
