package oauth

// TokenRequest is what a client posts to /token. Which of the parameters a
// grant needs is the grant's matter. RFC 6749 §4.1.3, §4.4.2, §6; RFC 7636 §4.5.
type TokenRequest struct {
	GrantType    string
	Code         string
	RedirectURI  string
	CodeVerifier string
	RefreshToken string
	Scope        Scope
}

// ParseTokenRequest reads the parameters. It judges nothing.
func ParseTokenRequest(p Parameters) TokenRequest {
	return TokenRequest{
		GrantType:    p.Get("grant_type"),
		Code:         p.Get("code"),
		RedirectURI:  p.Get("redirect_uri"),
		CodeVerifier: p.Get("code_verifier"),
		RefreshToken: p.Get("refresh_token"),
		Scope:        ParseScope(p.Get("scope")),
	}
}

// TokenResponse is the answer. RFC 6749 §5.1; id_token is OIDC Core §3.1.3.3.
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"` // always told, also where it is what was asked for
	IDToken      string `json:"id_token,omitempty"`
}
