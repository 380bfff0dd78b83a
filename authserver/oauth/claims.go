package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// PersonClaims is what may be told of a person: OIDC Core §5.1. What is empty is
// not told.
type PersonClaims struct {
	Name          string `json:"name,omitempty"`
	Username      string `json:"preferred_username,omitempty"`
	Picture       string `json:"picture,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
}

// claimScope is the permission that a claim is part of: OIDC Core §5.4.
var claimScope = map[string]string{
	"name": "profile", "preferred_username": "profile", "picture": "profile",
	"email": "email", "email_verified": "email",
}

// ClaimsSupported lists every claim that a token or userinfo can have.
func ClaimsSupported() []string {
	return []string{
		"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "acr", "amr",
		"name", "preferred_username", "picture", "email", "email_verified",
	}
}

// Only keeps the claims that a scope stands for or that are named.
func (c PersonClaims) Only(scope Scope, named []string) PersonClaims {
	may := func(claim string) bool { return scope.Has(claimScope[claim]) || slices.Contains(named, claim) }
	var kept PersonClaims
	if may("name") {
		kept.Name = c.Name
	}
	if may("preferred_username") {
		kept.Username = c.Username
	}
	if may("picture") {
		kept.Picture = c.Picture
	}
	if may("email") {
		kept.Email = c.Email
	}
	if may("email_verified") {
		kept.EmailVerified = c.EmailVerified
	}
	return kept
}

// ClaimsRequest is the claims parameter: single claims, each for userinfo or for
// the ID token. OIDC Core §5.5.
type ClaimsRequest struct {
	Userinfo map[string]*ClaimRequest `json:"userinfo,omitempty"`
	IDToken  map[string]*ClaimRequest `json:"id_token,omitempty"`
}

// ClaimRequest is how one claim is asked for; nil: the default way. OIDC Core
// §5.5.1.
type ClaimRequest struct {
	Essential bool  `json:"essential,omitempty"`
	Value     any   `json:"value,omitempty"`
	Values    []any `json:"values,omitempty"`
}

// errClaims is what a claims parameter that cannot be read gets.
var errClaims = errors.New("claims must be a JSON object with the members userinfo and id_token, each an object of claims")

// ParseClaimsRequest reads the parameter. Members and claims that we do not know
// are ignored, as §5.5 asks.
func ParseClaimsRequest(sent string) (ClaimsRequest, error) {
	var r ClaimsRequest
	if sent == "" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(sent), &r); err != nil || sent[0] != '{' {
		return ClaimsRequest{}, errClaims
	}
	return r, nil
}

// String is the parameter again; empty where nothing is asked for.
func (r ClaimsRequest) String() string {
	if len(r.Userinfo)+len(r.IDToken) == 0 {
		return ""
	}
	encoded, err := json.Marshal(r)
	if err != nil { // it was read from JSON
		panic(err)
	}
	return string(encoded)
}

// Scope is the permissions that the claims are part of: what a person has to
// agree to before they are told.
func (r ClaimsRequest) Scope() Scope {
	var scope Scope
	for _, permission := range Permissions { // in the registry's order
		for claim, of := range claimScope {
			_, userinfo := r.Userinfo[claim]
			_, idToken := r.IDToken[claim]
			if of == permission.Name && (userinfo || idToken) && !scope.Has(of) {
				scope = append(scope, of)
			}
		}
	}
	return scope
}

// Within keeps the claims about the person that a scope covers, and what is
// asked of the sign-in itself (acr, auth_time), which needs no permission.
func (r ClaimsRequest) Within(scope Scope) ClaimsRequest {
	return ClaimsRequest{Userinfo: within(r.Userinfo, scope), IDToken: within(r.IDToken, scope)}
}

func within(claims map[string]*ClaimRequest, scope Scope) map[string]*ClaimRequest {
	kept := map[string]*ClaimRequest{}
	for claim, how := range claims {
		if of, personal := claimScope[claim]; !personal || scope.Has(of) {
			kept[claim] = how
		}
	}
	return kept
}

// Names lists the claims that are asked for in a place.
func Names(claims map[string]*ClaimRequest) []string {
	var names []string
	for claim := range claims {
		names = append(names, claim)
	}
	return names
}

// Subject is the one person whom the client wants to hear about; empty: anybody.
// OIDC Core §5.5.1: a sub with a value "MUST" be for that End-User, as an
// id_token_hint is.
func (r ClaimsRequest) Subject() string {
	for _, place := range []map[string]*ClaimRequest{r.IDToken, r.Userinfo} {
		if how := place["sub"]; how != nil && how.Value != nil {
			return fmt.Sprint(how.Value)
		}
	}
	return ""
}

// ACRPassword is the one authentication context class that we can vouch for: a
// password. OIDC Core §2 wants a URI.
const ACRPassword = "urn:acme:acr:password"

// AMRPassword names the method. RFC 8176 §2.
const AMRPassword = "pwd"

// ACRUnmet tells whether the client insists on an authentication context class
// that we cannot give. OIDC Core §5.5.1.1: "If this is an Essential Claim and
// the requirement cannot be met, then the Authorization Server MUST treat that
// outcome as a failed authentication attempt."
func (r ClaimsRequest) ACRUnmet() bool {
	how := r.IDToken["acr"]
	if how == nil || !how.Essential || (how.Value == nil && how.Values == nil) {
		return false
	}
	return how.Value != ACRPassword && !slices.Contains(how.Values, any(ACRPassword))
}
