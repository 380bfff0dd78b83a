package learn

import (
	"context"
	"net/http"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) dpop() Lesson {
	return Lesson{
		Slug: "dpop", Title: "Proof of possession", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "dpop_signing_alg_values_supported"},
		Line:   "A token that is worth nothing to whoever steals it: every request has to prove a key.",
		Stops:  "A bearer token is cash: whoever holds it can spend it, and tokens leak from logs, from proxies, from a broken-into server. With DPoP the token names a key, and each request brings a fresh signature made with it, over its own method, its own address and that very token.",
		For:    "Tokens that open money or health, single-page apps, everything that passes through systems of others.",
		NotFor: "A thief inside the app: who can make the app sign needs no key of their own.",
		State:  Current, Reason: "One of the two ways to bind a token that RFC 9700 recommends; the other one needs TLS certificates for clients.", Source: "RFC 9449, RFC 9700 §2.2.1",
		Steps: []Step{
			{views.Client, views.Client, "Makes a key, for this session alone", "RFC 9449 §4"},
			{views.Client, views.Browser, "303 to Acme’s accounts, with dpop_jkt: the code will be bound, too", "RFC 9449 §10"},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", "RFC 6749 §4.1.2"},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code, and a proof: htm, htu, iat, jti", "RFC 9449 §4.2, §5"},
			{views.AuthorizationServer, views.Client, "400 use_dpop_nonce: once more, with this in it", "RFC 9449 §8"},
			{views.Client, views.AuthorizationServer, "The code, and another proof", ""},
			{views.AuthorizationServer, views.Client, "An access token that names the key: cnf.jkt", "RFC 9449 §6"},
			{views.Client, views.ResourceServer, "Authorization: DPoP, and a proof with the token’s hash", "RFC 9449 §7.1"},
			{views.ResourceServer, views.Client, "401 use_dpop_nonce: Acme has a nonce of its own", "RFC 9449 §9"},
			{views.Client, views.ResourceServer, "The same, with Acme’s nonce", ""},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"private key of the session", "no", "makes it, keeps it in memory", "never", "never"},
			{"proof", "no", "makes one for each request", "accepts it once", "accepts it once"},
			{"access token", "no", "for an hour", "signs it", "verifies it, and the key"},
		},
		Code: []Excerpt{{"dpop.go", "DPoP.Proof"}, {"dpop.go", "DPoP.Do"}},
		Files: []File{
			{"dreams/flow/dpop.go", "what you are about to run"},
			{"authserver/endpoint/token.go", "where the proof is checked, and the token bound"},
			{"acme/bearer/checks.go", "where a bound token is accepted"},
		},
		Before: "When Dreams has read your name with it, a thief gets the token and tries three things.",
		Run:    c.runDPoP, Return: c.returnDPoP,
	}
}

func (c *Classroom) runDPoP(ctx context.Context, run *Run) error {
	code, err := c.labClient(ctx, forLab)
	if err != nil {
		return err
	}
	if code.DPoP, err = flow.NewDPoP(c.Now, c.Random); err != nil {
		return err
	}
	run.Tell("Dreams sends your browser to Acme’s accounts, with the key’s thumbprint", "dpop_jkt: a code that is stolen on its way back is worth nothing without the key either.")
	return run.send(ctx, &labBench{code: code}, flow.AuthorizationRequest{Scopes: labScopes}, nil)
}

const mePath = "/api/v1/me"

func (c *Classroom) returnDPoP(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	code := run.bench().code
	run.Tell("The code, its verifier, and a proof", "Where the server wants its nonce in the proof it says so, and Dreams asks once more.")
	connected, err := code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The access token, which names the key", connected.AccessToken)
	run.Tell("Dreams reads your profile, with a proof for this request", "The token says which key, the proof shows that it is there.")
	answer, proof, err := c.callProven(ctx, code.DPoP, connected.AccessToken)
	if err != nil {
		return err
	}
	run.Answer("GET "+mePath, answer)
	run.Decode("The last proof", proof)
	return c.stolenToken(ctx, run, code.DPoP, connected.AccessToken, proof)
}

// stolenToken is what a thief has who was in a log or on a proxy: a token, and a
// proof that was used.
func (c *Classroom) stolenToken(ctx context.Context, run *Run, owner *flow.DPoP, token, used string) error {
	run.Tell("A thief sends the token as a bearer token", "A bound token without a proof is no token.")
	answer, err := c.Call(ctx, mePath, token)
	if err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "the stolen token in the scheme Bearer, without a proof.", Rule: "RFC 9449 §7.1, §7.2",
		Means: "Acme reads cnf.jkt in the token and takes it in the scheme DPoP alone: nobody can make a bearer token of it.",
	})

	thief, err := flow.NewDPoP(c.Now, c.Random)
	if err != nil {
		return err
	}
	run.Tell("The thief makes a key, and proves that one", "The proof is perfect. It is of another key.")
	if answer, _, err = c.callProven(ctx, thief, token); err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "the stolen token with a good proof of the thief’s own key.", Rule: "RFC 9449 §4.3, §7.1",
		Means: "The key has to be the one whose thumbprint stands in the token, and Acme’s accounts signed that.",
	})

	run.Tell("The thief has seen a proof of Dreams’s as well, and sends it again", "jti: a proof is for one request.")
	answer, err = c.call(ctx, http.MethodGet, mePath, func(client *http.Client, req *http.Request) (*http.Response, error) {
		req.Header.Set("Authorization", "DPoP "+token)
		req.Header.Set("DPoP", used)
		return client.Do(req)
	})
	if err != nil {
		return err
	}
	run.served(answer, Refusal{
		Tried: "the stolen token with a stolen proof, sent a second time.", Rule: "RFC 9449 §11.1",
		Means: "A proof has been used when it has been seen. It is good for one method, one address, one token, a few seconds, and once.",
	})
	return nil
}

// callProven reads the profile with a proof, and returns the proof that was sent
// last.
func (c *Classroom) callProven(ctx context.Context, key *flow.DPoP, token string) (answer Answer, proof string, err error) {
	answer, err = c.call(ctx, http.MethodGet, mePath, func(client *http.Client, req *http.Request) (*http.Response, error) {
		base := client.Transport
		client.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
			proof = req.Header.Get("DPoP")
			return base.RoundTrip(req)
		})
		return key.Do(client, req, token)
	})
	return answer, proof, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
