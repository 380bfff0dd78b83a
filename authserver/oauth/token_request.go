package oauth

import (
	"encoding/json"
)

// TokenRequest is what a client posts to /token. Which of the parameters a
// grant needs is the grant's matter. RFC 6749 §4.1.3, §4.3.2,
// §4.4.2, §6; RFC 7636 §4.5; RFC 8628 §3.4; RFC 8693 §2.1; RFC 7523 §2.1.
type TokenRequest struct {
	GrantType    string
	Code         string
	RedirectURI  string
	CodeVerifier string
	RefreshToken string
	Username     string // RFC 6749 §4.3.2
	Password     string
	DeviceCode   string // RFC 8628 §3.4
	Assertion    string // RFC 7521 §4.1
	Scope        Scope
	Exchange     TokenExchangeRequest

	Resource             []string // RFC 8707 §2.2: may repeat
	AuthorizationDetails string   // JSON, as sent: RFC 9396 §6

	// JKT is the thumbprint of the key of the DPoP proof that came with the
	// request, verified; empty: none came. RFC 9449 §5.
	JKT string

	// Address is where the request came from: wrong passwords are counted by it.
	Address string
}

// TokenExchangeRequest is what a token exchange has of its own. RFC 8693 §2.1.
type TokenExchangeRequest struct {
	SubjectToken       string
	SubjectTokenType   string
	ActorToken         string
	ActorTokenType     string
	RequestedTokenType string
	Targets            []string // every audience and resource
}

// Token type identifiers. RFC 8693 §3.
const (
	AccessTokenURI = "urn:ietf:params:oauth:token-type:access_token"
	JWTURI         = "urn:ietf:params:oauth:token-type:jwt"
)

// ParseTokenRequest reads the parameters. It judges nothing.
func ParseTokenRequest(p Parameters) TokenRequest {
	return TokenRequest{
		GrantType:    p.Get("grant_type"),
		Code:         p.Get("code"),
		RedirectURI:  p.Get("redirect_uri"),
		CodeVerifier: p.Get("code_verifier"),
		RefreshToken: p.Get("refresh_token"),
		Username:     p.Get("username"),
		Password:     p.Get("password"),
		DeviceCode:   p.Get("device_code"),
		Assertion:    p.Get("assertion"),
		Scope:        ParseScope(p.Get("scope")),
		Resource:     p.All("resource"),

		AuthorizationDetails: p.Get("authorization_details"),
		Exchange: TokenExchangeRequest{
			SubjectToken:       p.Get("subject_token"),
			SubjectTokenType:   p.Get("subject_token_type"),
			ActorToken:         p.Get("actor_token"),
			ActorTokenType:     p.Get("actor_token_type"),
			RequestedTokenType: p.Get("requested_token_type"),
			Targets:            append(p.All("audience"), p.All("resource")...),
		},
	}
}

// TokenResponse is the answer. RFC 6749 §5.1; id_token is OIDC Core §3.1.3.3.
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"` // told also where it is what was asked for
	IDToken      string `json:"id_token,omitempty"`
	// AuthorizationDetails is what was agreed to. RFC 9396 §7.
	AuthorizationDetails json.RawMessage `json:"authorization_details,omitempty"`
	// IssuedTokenType is told after a token exchange. RFC 8693 §2.2.1.
	IssuedTokenType string `json:"issued_token_type,omitempty"`
}
