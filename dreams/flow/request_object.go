package flow

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

//	+---------+                  +--------+                    +----------------------+
//	| Browser |                  | Dreams |                    | authorization server |
//	+---------+                  +--------+                    +----------------------+
//	     |     [signs {iss: client_id, aud: issuer, every parameter} (RFC 9101 §4)]
//	     |<-- 303, client_id, request (§5.1)                                    |
//	     |--- the same, unchanged or not --------------------------------------->|
//	     |                                       [verifies with the registered key (§6)]

// requestObjectLifetime is how long one is good for: as long as a person takes to
// follow a redirect.
const requestObjectLifetime = 5 * time.Minute

// sign replaces the parameters of a request by one, a JWT of ours that holds them
// all (RFC 9101): whoever changes a byte of it on its way breaks the signature.
func (g *AuthorizationCode) sign(parameters url.Values) error {
	if g.Assertion == nil {
		return errors.New("a client without a key cannot sign its request")
	}
	object, err := g.RequestObject(parameters)
	if err != nil {
		return err
	}
	clear(parameters)
	parameters.Set("client_id", g.Client.ID) // "REQUIRED" beside the object (RFC 9101 §5)
	parameters.Set("request", object)
	return nil
}

// RequestObject signs parameters.
func (g *AuthorizationCode) RequestObject(parameters url.Values) (string, error) {
	id, err := Unguessable(g.Random)
	if err != nil {
		return "", err
	}
	claims := map[string]any{
		"iss": g.Client.ID, "aud": g.Server.Issuer, "jti": id,
		"iat": jwt.NewNumericDate(g.Now()), "nbf": jwt.NewNumericDate(g.Now()), "exp": jwt.NewNumericDate(g.Now().Add(requestObjectLifetime)),
	}
	for name, values := range parameters {
		claims[name] = member(name, values)
	}
	// A type of its own, so that nothing else that we sign is taken for one (RFC
	// 9101 §10.8, RFC 8725 §3.11).
	return g.Assertion.Key.signAs("oauth-authz-req+jwt", claims, false)
}

// member is a parameter as JSON has it: "Numerical values MUST be included as
// JSON numbers" (RFC 9101 §4), and what is JSON already stays what it is.
func member(name string, values []string) any {
	switch name {
	case "max_age":
		if seconds, err := strconv.Atoi(values[0]); err == nil {
			return seconds
		}
	case "authorization_details", "claims":
		if json.Valid([]byte(values[0])) {
			return json.RawMessage(values[0])
		}
	}
	if len(values) > 1 {
		return values
	}
	return values[0]
}
