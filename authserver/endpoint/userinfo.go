package endpoint

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
)

// tokenUse is what is known when somebody shows an access token here.
type tokenUse struct {
	Token   token.AccessToken
	Revoked bool
	Now     time.Time
}

var userinfoChecks = []check.Check[tokenUse]{
	check.New("access token at userinfo has not expired", "RFC 9068 §4", userinfoTokenNotExpired),
	check.New("access token at userinfo has not been revoked", "RFC 7009 §2", userinfoTokenNotRevoked),
	check.New("access token at userinfo has the scope openid", "OIDC Core §5.3", userinfoTokenHasOpenID),
}

// Claims is the answer of userinfo. OIDC Core §5.1, §5.4.
type Claims struct {
	Subject       string `json:"sub"`
	Name          string `json:"name,omitempty"`
	Username      string `json:"preferred_username,omitempty"`
	Picture       string `json:"picture,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
}

// Userinfo tells a client who signed in. OIDC Core §5.3.
func (e *Endpoints) Userinfo(c echo.Context) error {
	if len(c.Request().Header.Values(echo.HeaderAuthorization)) > 1 {
		return oauth.Refuse(oauth.InvalidRequest, "more than one Authorization header")
	}
	compact, ok := bearerToken(c.Request())
	if !ok {
		// RFC 6750 §3.1: without a token, "the resource server SHOULD NOT include
		// an error code or other error information."
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="acme accounts"`)
		return c.NoContent(http.StatusUnauthorized)
	}
	claims, err := e.Keys.ReadAccessToken(compact)
	if err != nil {
		return oauth.Refuse(oauth.InvalidToken, "the access token is not one that this server signed")
	}
	use := tokenUse{claims, e.Store.Revoked(claims.JWTID, claims.GrantID), e.Now()}
	if err := check.Run(c.Request().Context(), e.Checks, userinfoChecks, use); err != nil {
		return err
	}
	user, err := e.Store.UserBySub(c.Request().Context(), claims.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return oauth.Refuse(oauth.InvalidToken, "the access token belongs to nobody")
	}
	if err != nil {
		return err
	}
	answer := Claims{Subject: user.Sub}
	scope := oauth.ParseScope(claims.Scope)
	if scope.Has("profile") {
		answer.Name, answer.Username = user.Name, user.Username
		answer.Picture = e.issuer() + "/static/art/" + user.Picture
	}
	if scope.Has("email") {
		verified := true
		answer.Email, answer.EmailVerified = user.Email, &verified
	}
	return answerJSON(c, http.StatusOK, answer)
}

// bearerToken reads the Authorization header, and nothing else: tokens in the
// query end up in logs. RFC 6750 §2.1; the scheme's case does not matter.
func bearerToken(r *http.Request) (string, bool) {
	scheme, value, found := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	return strings.TrimLeft(value, " "), found && strings.EqualFold(scheme, "Bearer")
}

// challenge is the header that goes with a refused token. RFC 6750 §3.
func challenge(refusal *oauth.Error) string {
	header := `Bearer realm="acme accounts", error="` + refusal.Code + `", error_description="` + refusal.Description + `"`
	if refusal.Code == oauth.InsufficientScope {
		header += `, scope="openid"`
	}
	return header
}

// RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted".
func userinfoTokenNotExpired(u tokenUse) error {
	if u.Now.Unix() >= u.Token.ExpiresAt {
		return oauth.Refuse(oauth.InvalidToken, "the access token has expired")
	}
	return nil
}

func userinfoTokenNotRevoked(u tokenUse) error {
	if u.Revoked {
		return oauth.Refuse(oauth.InvalidToken, "the access token has been revoked")
	}
	return nil
}

func userinfoTokenHasOpenID(u tokenUse) error {
	if !oauth.ParseScope(u.Token.Scope).Has(oauth.OpenID) {
		return oauth.Refuse(oauth.InsufficientScope, "userinfo needs the scope openid")
	}
	return nil
}
