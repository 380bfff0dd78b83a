package endpoint

import (
	"encoding/json"
	"slices"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
)

// issue signs what a grant allowed: an access token, and with openid an ID
// token beside it (OIDC Core §3.1.3.3), where somebody signed in. It "contains
// Claims about the Authentication of an End-User" (§2), and for an assertion of its
// client (RFC 7523) nobody is there.
func (e *Endpoints) issue(i grant.Issue) (oauth.TokenResponse, error) {
	answer, err := e.issueAccessToken(i)
	if err == nil && i.Scope.Has(oauth.OpenID) && i.User != nil && !i.Grant.AuthTime.IsZero() {
		answer.IDToken, err = e.issueIDToken(i, answer.AccessToken)
	}
	return answer, err
}

// issueAccessToken signs the access token and words the answer. RFC 6749 §5.1.
func (e *Endpoints) issueAccessToken(i grant.Issue) (oauth.TokenResponse, error) {
	now := e.Now()
	expires := now.Add(i.Client.AccessTokenLife(e.Env.AccessTokenTTL.Value()))
	if end := i.Grant.ExpiresAt; !end.IsZero() && end.Before(expires) {
		expires = end // no token outlives the consent that it rests on
	}
	claims := token.AccessToken{
		Issuer: e.issuer(), Subject: i.Client.ID, Audience: e.audience(i),
		ClientID: i.Client.ID, Scope: e.resources().Needs(i.Scope, i.Resource).String(), JWTID: e.tokenID(),
		IssuedAt: now.Unix(), ExpiresAt: expires.Unix(), GrantID: i.Grant.ID,
	}
	if slices.Contains(claims.Audience, e.resources().API) { // RFC 9396 §9.1: "filtered to the specific audience"
		claims.AuthorizationDetails = json.RawMessage(i.AuthorizationDetails)
	}
	if i.User != nil {
		// RFC 9068 §2.2: sub is the resource owner, or the client where there is none.
		claims.Subject = i.User.Sub
	}
	if i.User != nil && !i.Grant.AuthTime.IsZero() {
		claims.AuthTime, claims.ACR = i.Grant.AuthTime.Unix(), oauth.ACRPassword // RFC 9470 §6.1
	}
	if i.JWTID != "" {
		claims.JWTID = i.JWTID
	}
	if i.Actor != "" {
		claims.Actor = &token.Actor{Subject: i.Actor}
	}
	if i.JKT != "" {
		claims.Confirmation = &token.Confirmation{JKT: i.JKT} // RFC 9449 §6.1
	}
	accessToken, err := e.Keys.SignAccessToken(claims)
	return oauth.TokenResponse{
		AccessToken: accessToken, TokenType: tokenType(claims.Confirmation), ExpiresIn: claims.ExpiresAt - claims.IssuedAt,
		RefreshToken: i.RefreshToken, Scope: claims.Scope, IssuedTokenType: i.IssuedTokenType,
		AuthorizationDetails: claims.AuthorizationDetails,
	}, err
}

// tokenType is how a token is to be used. RFC 6750 §6.1.1, RFC 9449 §5: "A
// token_type of DPoP MUST be included in the access token response to signal to
// the client that the access token was bound to its DPoP key".
func tokenType(bound *token.Confirmation) string {
	if bound != nil {
		return "DPoP"
	}
	return "Bearer"
}

// audience is whom an access token is for: Acme, and with openid ourselves, for
// /userinfo; or what the client narrowed it to (RFC 8707 §2.2).
func (e *Endpoints) audience(i grant.Issue) token.Audience {
	if len(i.Resource) > 0 {
		return token.Audience(i.Resource)
	}
	return token.Audience(e.resources().For(i.Scope))
}

// IDTokenTTL is short: an ID token says who signed in just now.
const IDTokenTTL = 10 * time.Minute

// issueIDToken says who signed in. accessToken is what goes beside it; empty:
// nothing does. OIDC Core §2, §3.1.3.6.
func (e *Endpoints) issueIDToken(i grant.Issue, accessToken string) (string, error) {
	now := e.Now()
	claims := token.IDToken{
		Issuer: e.issuer(), Subject: i.User.Sub, Audience: i.Client.ID,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(IDTokenTTL).Unix(), AuthTime: i.Grant.AuthTime.Unix(),
		Nonce: i.Grant.Nonce, SessionID: i.Grant.SessionID,
	}
	if !i.Grant.AuthTime.IsZero() {
		claims.ACR, claims.AMR = oauth.ACRPassword, []string{oauth.AMRPassword}
	}
	asked, err := oauth.ParseClaimsRequest(i.Grant.Claims)
	if err != nil {
		return "", err
	}
	// OIDC Core §5.4: the claims of a scope come from userinfo, and in the ID token
	// only where there is no access token to ask with.
	var scope oauth.Scope
	if accessToken == "" {
		scope = i.Scope
	} else {
		claims.AccessTokenHash = token.AccessTokenHash(accessToken)
	}
	claims.PersonClaims = e.person(*i.User).Only(scope, oauth.Names(asked.IDToken))
	return e.Keys.SignIDToken(i.Client.IDTokenSigningAlg, claims)
}
