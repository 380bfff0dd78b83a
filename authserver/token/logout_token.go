package token

import "cmp"

// LogoutToken is the claims of a logout token. Back-Channel Logout §2.4: "A nonce
// Claim MUST NOT be present."
type LogoutToken struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"` // the client
	IssuedAt  int64    `json:"iat"` // seconds since 1970
	ExpiresAt int64    `json:"exp"`
	JWTID     string   `json:"jti"`
	Events    struct { // RFC 8417 §2.2; this one makes a JWT a logout token
		Logout struct{} `json:"http://schemas.openid.net/event/backchannel-logout"`
	} `json:"events"`
	SessionID string `json:"sid"`
}

// SignLogoutToken signs as the client's ID tokens are signed: Back-Channel Logout
// §2.4.
func (k *Keys) SignLogoutToken(registered string, t LogoutToken) (string, error) {
	return k.Sign(LogoutTokenType, cmp.Or(registered, RS256), t)
}
