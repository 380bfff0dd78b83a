// Package flow is Dreams as an OAuth client: one file per grant, as a client
// does it, on golang.org/x/oauth2 and go-oidc.
//
//	authorization_server.go  who we talk to, learnt by discovery alone
//	authorization_code.go    the person at the browser lets us in (RFC 6749 §4.1, RFC 7636, OIDC Core §3.1)
//	refresh_token.go         we come back later (RFC 6749 §6)
//	client_credentials.go    we speak for ourselves (RFC 6749 §4.4)
//	device_code.go           a television that cannot type (RFC 8628)
//	password.go              what nobody should do any more (RFC 6749 §4.3)
//	client_assertion.go      we sign in place of a secret (RFC 7523 §2.2)
//	token_exchange.go        we pass on less than we hold (RFC 8693)
//	jwt_bearer.go            we sign for a person who agreed to it (RFC 7523 §2.1)
//	userinfo.go              who a token speaks for (OIDC Core §5.3)
//	revocation.go            we give back what we were given (RFC 7009)
//	backchannel_logout.go    we are told when somebody signs out (OpenID Connect Back-Channel Logout)
//	security_event.go        we are told when somebody takes something back (RFC 8417, RFC 8935)
//
// What a serious provider needs besides, a file for each extension:
//
//	pushed_authorization_request.go  the request goes to the server first (RFC 9126)
//	request_object.go                the request is signed (RFC 9101)
//	authorization_details.go         it says exactly what for (RFC 9396)
//	dpop.go                          what we get is worth nothing without our key (RFC 9449)
//	step_up.go                       the person signs in again, for this (RFC 9470)
//	registration.go                  we introduce ourselves (RFC 7591, RFC 7592)
//	introspection.go                 the server says what a token is worth, and signs it (RFC 9701)
//	protected_resource.go            the API says whom it trusts (RFC 9728)
//	logout.go                        the person leaves (OIDC RP-Initiated Logout)
//
// What was granted is kept by somebody else: the interfaces Attempts and
// Connections say what they must promise.
package flow

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"
)

// Client is who we are to the authorization server: client_id and
// client_secret (RFC 6749 §2.3.1), sent by HTTP Basic; a public client has no
// secret and names itself among the parameters.
type Client struct{ ID, Secret string }

// Tokens is what the token endpoint gave us (RFC 6749 §5.1).
type Tokens struct {
	AccessToken  string
	RefreshToken string // empty without offline_access
	ExpiresAt    time.Time
	Scope        []string        // as granted, which may be less than we asked for
	Details      json.RawMessage `json:",omitempty"` // authorization_details as granted (RFC 9396 §7)
}

// Unguessable returns 256 random bits in the alphabet of state, nonce and
// code_verifier: 43 characters, the least that RFC 7636 §4.1 allows.
func Unguessable(random io.Reader) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// scopesOf splits a scope parameter: "The value of the scope parameter is
// expressed as a list of space-delimited, case-sensitive strings" (RFC 6749
// §3.3). A response without one means what was asked for (RFC 6749 §5.1).
func scopesOf(extra any, asked []string) []string {
	if scope, ok := extra.(string); ok {
		return strings.Fields(scope)
	}
	return asked
}
