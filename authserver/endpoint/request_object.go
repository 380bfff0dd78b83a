package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// requestObject is what is known of a request object: an authorization request
// that the client signed. RFC 9101 §2.1.
//
//	browser          client (Dreams)            authorization server
//	   |  303 /authorize?client_id&request=JWT         |   §5.1
//	   |<----------------|                             |
//	   |---------------------------------------------->|   §6.2 signature, §6.3 parameters
//
// Whoever is at the browser can read it and cannot change it. It may come twice:
// a browser loads an address again, and the same question, asked twice, endangers
// nobody. What must work once is the code, and the client's state.
type requestObject struct {
	grant.Assertion                  // what any JWT says
	Parameters      oauth.Parameters // what this one asks
	Client          *oauth.Client    // who sent it
	Signed          bool
	NoKeys          error  // why there are no keys to verify it with
	Server          string // our issuer identifier
	Now             time.Time
}

var requestObjectChecks = []check.Check[requestObject]{
	check.New("request object is signed with a key of the client", "RFC 9101 §6.2", requestObjectSigned),
	check.New("request object is signed by the algorithm that the client registered", "OIDC Registration §2", requestObjectAlgorithm),
	check.New("request object is no other kind of JWT", "RFC 9101 §10.8", requestObjectTyped),
	check.New("request object could not authenticate the client", "RFC 9101 §10.8", requestObjectNoSubject),
	check.New("request object is from the client", "RFC 9101 §4", requestObjectFromClient),
	check.New("request object is for this server", "RFC 9101 §4", requestObjectForUs),
	check.New("request object names the client that sent it", "RFC 9101 §6.3", requestObjectSameClient),
	check.New("request object holds no other request", "RFC 9101 §4", requestObjectAlone),
	check.New("request object has not expired", "RFC 7519 §4.1.4", requestObjectNotExpired),
	check.New("request object is not from the future", "RFC 7519 §4.1.5", requestObjectNotFromTheFuture),
	check.New("request object lives an hour at most", "FAPI 2.0 Message Signing §5.3.1", requestObjectShort),
	check.New("client that must sign its requests says from when until when", "FAPI 2.0 Message Signing §5.3.1", requestObjectDated),
}

// openRequestObject verifies a request object and returns what it asks.
//
// RFC 9101 §6.3: "The authorization server MUST only use the parameters in the
// Request Object, even if the same parameter is provided in the query
// parameter."
func (e *Endpoints) openRequestObject(ctx context.Context, client *oauth.Client, compact string) (oauth.Parameters, error) {
	claims, err := grant.PeekAssertion(compact)
	if err != nil && strings.Count(compact, ".") == 4 {
		return nil, oauth.Refuse(oauth.InvalidRequestObject, "encrypted request objects are not supported")
	}
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequestObject, "request is not a JWT")
	}
	keys, noKeys := e.ClientKeys.ClientKeys(ctx, client, claims.KeyID)
	object := requestObject{
		Assertion: claims, Parameters: oauth.Parameters{}, Client: client,
		Signed: grant.SignedBy(keys, compact), NoKeys: noKeys, Server: e.issuer(), Now: e.Now(),
	}
	for name, value := range claims.Members {
		if values := parameterValues(name, value); values != nil && !slices.Contains(jwtClaims, name) {
			object.Parameters[name] = values
		}
	}
	return object.Parameters, check.Run(ctx, e.Checks, requestObjectChecks, object)
}

// jwtClaims say something about the JWT, and ask for nothing. RFC 7519 §4.1.
var jwtClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// parameterValues writes a member of a request object as a parameter. RFC 9101
// §4: "Parameter names and string values MUST be included as JSON strings. [...]
// Numerical values MUST be included as JSON numbers." What is JSON as a
// parameter (OIDC Core §6.1, claims; RFC 9396 §3, authorization_details) stands
// there as JSON, and resources as an array (RFC 8707 §2).
func parameterValues(name string, value json.RawMessage) []string {
	var text string
	var several []string
	switch {
	case string(value) == "null":
		return nil
	case json.Unmarshal(value, &text) == nil:
		return []string{text}
	case name == "resource" && json.Unmarshal(value, &several) == nil:
		return several
	}
	var compacted bytes.Buffer
	_ = json.Compact(&compacted, value) // it was read from valid JSON
	return []string{compacted.String()}
}

func (o requestObject) no(format string, args ...any) error {
	return oauth.Refuse(oauth.InvalidRequestObject, format, args...)
}

// RFC 9101 §6.2: "If the key is not associated with the client or if signature
// validation fails, the authorization server MUST return an
// "invalid_request_object" error to the client". An unsigned one has no key: §5
// leaves "JWS signed" and "JWS signed and JWE encrypted".
func requestObjectSigned(o requestObject) error {
	if o.NoKeys != nil {
		return o.no("the client's jwks_uri gives no keys")
	}
	if !o.Signed {
		return o.no("the request object is not signed with a key that the client registered")
	}
	return nil
}

// OIDC Registration §2, request_object_signing_alg: "All Request Objects from
// this Client MUST be rejected, if not signed with this algorithm."
func requestObjectAlgorithm(o requestObject) error {
	if want := o.Client.RequestObjectSigningAlg; want != "" && !oauth.SameAlgorithm(o.Algorithm, want) {
		return o.no("the request object is signed by %q; the client is registered for %s", limit(o.Algorithm, 20), want)
	}
	if o.Client.FAPI() && o.Algorithm == "RS256" { // FAPI 2.0 Security Profile §5.4.1
		return o.no("the request object must be signed with PS256, ES256 or Ed25519")
	}
	return nil
}

// RFC 9101 §10.8: "attackers may attempt to use a JWT issued for one purpose in a
// context that it was not intended for." Untyped ones are common, so they pass.
func requestObjectTyped(o requestObject) error {
	switch strings.TrimPrefix(strings.ToLower(o.Type), "application/") {
	case "", "jwt", "oauth-authz-req+jwt":
		return nil
	}
	return o.no("typ %q is not that of a request object", limit(o.Type, 50))
}

// RFC 9101 §10.8: whoever sees a request object pass could use it "as a client
// authentication JWT [...]. A simple way to prevent this is to never use the
// client ID as the "sub" value in a Request Object."
func requestObjectNoSubject(o requestObject) error {
	if o.Subject == o.Client.ID {
		return o.no("sub of the request object must not be the client_id: it would pass for a client assertion")
	}
	return nil
}

func requestObjectFromClient(o requestObject) error {
	if o.Issuer != o.Client.ID {
		return o.no("iss of the request object must be %s", o.Client.ID)
	}
	return nil
}

// RFC 9101 §4: "The value of "aud" should be the value of the authorization
// server (AS) "issuer"". We insist: the same JWT would ask at another server too.
func requestObjectForUs(o requestObject) error {
	if !slices.Contains(o.Audience, o.Server) {
		return o.no("aud of the request object must contain %s", o.Server)
	}
	return nil
}

// RFC 9101 §6.3: "The client ID values in the "client_id" request parameter and
// in the Request Object "client_id" claim MUST be identical."
func requestObjectSameClient(o requestObject) error {
	if o.Parameters.Get("client_id") != o.Client.ID {
		return o.no("client_id in the request object must be %s", o.Client.ID)
	}
	return nil
}

// RFC 9101 §4: ""request" and "request_uri" parameters MUST NOT be included in
// Request Objects."
func requestObjectAlone(o requestObject) error {
	if o.Parameters.Get("request") != "" || o.Parameters.Get("request_uri") != "" {
		return o.no("the request object holds a request or request_uri")
	}
	return nil
}

func requestObjectNotExpired(o requestObject) error {
	if o.Expired(o.Now) {
		return o.no("the request object has expired")
	}
	return nil
}

func requestObjectNotFromTheFuture(o requestObject) error {
	if o.FromTheFuture(o.Now) {
		return o.no("the request object is not yet valid: nbf or iat lies ahead")
	}
	return nil
}

// FAPI 2.0 Message Signing §5.3.1 wants an nbf "that is no longer than 60 minutes
// in the past" and an exp "that has a lifetime of no longer than 60 minutes after
// the nbf claim". Who says neither is held to neither: OIDC Core asks for none.
func requestObjectShort(o requestObject) error {
	const hour = 60 * 60
	switch {
	case o.NotBefore == nil:
		return nil
	case *o.NotBefore < grant.NumericDate(o.Now)-hour:
		return o.no("nbf of the request object is more than an hour ago")
	case o.ExpiresAt != nil && *o.ExpiresAt > *o.NotBefore+hour:
		return o.no("exp of the request object is more than an hour after nbf")
	}
	return nil
}

func requestObjectDated(o requestObject) error {
	if o.Client.RequireSignedRequest && (o.NotBefore == nil || o.ExpiresAt == nil) {
		return o.no("the request object needs nbf and exp")
	}
	return nil
}
