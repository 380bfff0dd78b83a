package learn

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) requestObject() Lesson {
	return Lesson{
		Slug: "jar", Title: "Signed authorization request", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint", "request_object_signing_alg_values_supported"},
		Line:   "The request is a signed letter: the browser may read it, and cannot change a word.",
		Stops:  "An address can be altered between the app and the server, and nobody notices: the server cannot tell the app’s words from an attacker’s. A request object (JAR) is one JWT that holds every parameter, signed by the app. One changed letter, and the signature no longer fits.",
		For:    "Proving afterwards what was asked, to a bank or a court; apps whose server the authorization server cannot rely on to push.",
		NotFor: "Keeping a secret: a signature hides nothing. A pushed request does, and the two go well together.",
		State:  Current, Reason: "By value, as here, or pushed. A request_uri that points to somebody’s web server is another matter, and not taken here.", Source: "RFC 9101",
		Steps: []Step{
			{views.Browser, views.Client, "You press the button", ""},
			{views.Client, views.Client, "Signs every parameter into one JWT: iss is itself, aud the server", "RFC 9101 §4"},
			{views.Client, views.Browser, "303, with client_id and request", "RFC 9101 §5.1"},
			{views.Browser, views.AuthorizationServer, "The browser carries it there", ""},
			{views.AuthorizationServer, views.AuthorizationServer, "Is it signed by this client’s registered key, for this server, and fresh?", "RFC 9101 §6"},
			{views.AuthorizationServer, views.Browser, "Who are you, and what may Dreams Lab see?", ""},
			{views.Browser, views.AuthorizationServer, "Your yes", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", "RFC 6749 §4.1.2"},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code, the verifier, a signature", "RFC 6749 §4.1.3"},
			{views.AuthorizationServer, views.Client, "An access token", ""},
		},
		Secrets: []Secret{
			{"the request", "reads it, cannot change it", "signs it", "verifies it", "no"},
			{"private key of Dreams Lab", "no", "keeps it, sealed", "has the public half", "no"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Code: []Excerpt{{"request_object.go", "AuthorizationCode.RequestObject"}},
		Files: []File{
			{"dreams/flow/request_object.go", "what you are about to run"},
			{"authserver/endpoint/request_object.go", "the other side"},
		},
		Before: "Afterwards one letter of the same request is changed, as an extension in your browser could do it.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("Your browser carries the signed request", "Everything but client_id is inside, so nothing outside can count.")
			return run.begin(ctx, forLab, flow.AuthorizationRequest{Scopes: labScopes, Signed: true})
		},
		Return: c.returnRequestObject,
	}
}

func (c *Classroom) returnRequestObject(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	bench := run.bench()
	run.Tell("The code and its verifier", "It was given for what was signed, and for nothing else.")
	connected, err := bench.code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	object := own(bench.sent, "request")
	run.Decode("The request that Dreams signed", object)
	run.Decode("The access token", connected.AccessToken)

	run.Tell("The same request, with one letter changed", "The signature was made over the other letters.")
	if err := run.slammed(ctx, changed(bench.sent, func(p url.Values) { p.Set("request", flipped(object)) }), Refusal{
		Tried: "the request with one letter changed, in the middle of what it says.", Rule: "RFC 9101 §6.2",
		Means: "The server does not even look at what it says: a request that cannot be relied on names no redirect URI either, so nobody is sent anywhere.",
	}); err != nil {
		return err
	}
	run.Tell("The same claims, unsigned: alg=none", "Who may leave the signature out needs no key.")
	if err := run.slammed(ctx, changed(bench.sent, func(p url.Values) { p.Set("request", unsigned(object)) }), Refusal{
		Tried: "the same words in a JWT whose header says that it is not signed.", Rule: "RFC 9101 §10.5, RFC 8725 §3.2",
		Means: "The server decides which algorithms count, never the message.",
	}); err != nil {
		return err
	}
	return c.signedByAnother(ctx, run, bench.code)
}

func (c *Classroom) signedByAnother(ctx context.Context, run *Run, code *flow.AuthorizationCode) error {
	stranger, err := c.stranger(code)
	if err != nil {
		return err
	}
	forged, err := run.try(ctx, stranger, flow.AuthorizationRequest{Scopes: labScopes, Signed: true})
	if err != nil {
		return err
	}
	run.Tell("A request in Dreams Lab’s name, signed with somebody else’s key", "The key is the client’s, and so is the word.")
	return run.slammed(ctx, forged, Refusal{
		Tried: "a perfect request in Dreams Lab’s name, signed with a key that nobody registered.", Rule: "RFC 9101 §6.2",
		Means: "A client_id can be copied from any address bar. A key cannot.",
	})
}

// unsigned is the same claims with alg=none and no signature.
func unsigned(jws string) string {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return jws
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt"}`)) + "." + parts[1] + "."
}
