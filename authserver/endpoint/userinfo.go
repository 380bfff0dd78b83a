package endpoint

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
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
	Scheme  string // Bearer, also for a token in a form, or DPoP
	Token   token.AccessToken
	Revoked bool
	Issuer  string // ours
	Now     time.Time
}

var userinfoChecks = []check.Check[tokenUse]{
	check.New("access token at userinfo has not expired", "RFC 9068 §4", userinfoTokenNotExpired),
	check.New("access token at userinfo has not been revoked", "RFC 7009 §2", userinfoTokenNotRevoked),
	check.New("access token at userinfo that is bound to a key is not sent as Bearer", "RFC 9449 §7.2", userinfoTokenNotDowngraded),
	check.New("access token at userinfo that is sent as DPoP is bound to a key", "RFC 9449 §7.1", userinfoTokenBound),
	check.New("access token at userinfo has the scope openid", "OIDC Core §5.3", userinfoTokenHasOpenID),
	check.New("access token at userinfo is for us", "RFC 9068 §4", userinfoTokenForUs),
}

// UserinfoClaims is the answer: OIDC Core §5.3.2.
type UserinfoClaims struct {
	Subject string `json:"sub"`
	oauth.PersonClaims
}

// Userinfo tells a client who signed in. OIDC Core §5.3.
func (e *Endpoints) Userinfo(c echo.Context) error {
	scheme, compact, ok, err := userinfoToken(c)
	if err != nil {
		return err
	}
	if !ok {
		// RFC 6750 §3.1: without a token, "the resource server SHOULD NOT include
		// an error code or other error information."
		e.tellNonce(c)
		c.Response().Header()[wwwAuthenticate] = challenges(c.Request(), nil)
		return c.NoContent(http.StatusUnauthorized)
	}
	claims, err := e.Keys.ReadAccessToken(compact)
	if err != nil {
		return oauth.Refuse(oauth.InvalidToken, "the access token is not one that this server signed")
	}
	use := tokenUse{scheme, claims, e.Store.Ended(claims), e.issuer(), e.Now()}
	if err := check.Run(c.Request().Context(), e.Checks, userinfoChecks, use); err != nil {
		return err
	}
	if scheme == dpopScheme {
		if err := e.provePossession(c, compact, claims.Confirmation); err != nil {
			return err
		}
	}
	user, err := e.Store.UserBySub(c.Request().Context(), claims.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return oauth.Refuse(oauth.InvalidToken, "the access token belongs to nobody")
	}
	if err != nil {
		return err
	}
	asked, err := e.claimsOf(c.Request().Context(), claims.GrantID)
	if err != nil {
		return err
	}
	answer := UserinfoClaims{
		Subject:      user.Sub,
		PersonClaims: e.person(user).Only(oauth.ParseScope(claims.Scope), oauth.Names(asked.Userinfo)),
	}
	return e.answerUserinfo(c, claims.ClientID, answer)
}

// claimsOf is the claims parameter of the authorization that a token came from.
func (e *Endpoints) claimsOf(ctx context.Context, grantID string) (oauth.ClaimsRequest, error) {
	if grantID == "" {
		return oauth.ClaimsRequest{}, nil
	}
	sent, err := e.Store.GrantClaims(ctx, grantID)
	if err != nil {
		return oauth.ClaimsRequest{}, err
	}
	return oauth.ParseClaimsRequest(sent)
}

// person is all that we could tell of somebody.
func (e *Endpoints) person(user oauth.User) oauth.PersonClaims {
	claims := oauth.PersonClaims{Name: user.Name, Username: user.Username, Email: user.Email, EmailVerified: &user.EmailVerified}
	if user.Picture != "" {
		claims.Picture = e.issuer() + "/static/art/" + user.Picture
	}
	return claims
}

// userinfoToken reads the access token: from the Authorization header, or from
// the form of a POST. OIDC Core §5.3.1, RFC 6750 §2.1, §2.2: never two of them.
func userinfoToken(c echo.Context) (scheme, compact string, ok bool, err error) {
	r := c.Request()
	scheme, compact, ok = credentials(r)
	if len(r.Header.Values(echo.HeaderAuthorization)) > 1 {
		return "", "", false, oauth.Refuse(oauth.InvalidRequest, "more than one Authorization header")
	}
	// RFC 6750 §2.2 reads a body where "the HTTP request entity-header includes the
	// "Content-Type" header field set to "application/x-www-form-urlencoded"": of
	// any other there is nothing that we would want to know.
	media, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if r.Method != http.MethodPost || media != echo.MIMEApplicationForm {
		return scheme, compact, ok, nil
	}
	form, err := readForm(c)
	if err != nil {
		return "", "", false, err
	}
	if len(form["access_token"]) > 1 || (ok && form.Get("access_token") != "") {
		return "", "", false, oauth.Refuse(oauth.InvalidRequest, "the access token was sent more than once")
	}
	if !ok && form.Get("access_token") != "" {
		return bearerScheme, form.Get("access_token"), true, nil
	}
	return scheme, compact, ok, nil
}

// The schemes by which a token comes: RFC 6750 §2.1, RFC 9449 §7.1.
const bearerScheme, dpopScheme = "Bearer", "DPoP"

// credentials reads the Authorization header; the scheme's case does not matter.
// Never the query: what stands there ends up in logs.
func credentials(r *http.Request) (scheme, token string, ok bool) {
	sent, value, found := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	for _, scheme := range []string{bearerScheme, dpopScheme} {
		if found && strings.EqualFold(sent, scheme) {
			return scheme, strings.TrimLeft(value, " "), true
		}
	}
	return "", "", false
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

// RFC 9449 §7.2: "such a protected resource MUST reject a DPoP-bound access token
// received as a bearer token".
func userinfoTokenNotDowngraded(u tokenUse) error {
	if u.Scheme != dpopScheme && u.Token.Confirmation != nil {
		return errBoundToken
	}
	return nil
}

// There is no key that a proof could be of.
func userinfoTokenBound(u tokenUse) error {
	if u.Scheme == dpopScheme && u.Token.Confirmation == nil {
		return oauth.Refuse(oauth.InvalidToken, "the access token is bound to no key: it is a bearer token")
	}
	return nil
}

// RFC 9068 §4: "The JWT access token MUST be rejected if "aud" does not contain a
// resource indicator of the current resource server as a valid audience." We are
// one here: a token that was narrowed to Acme (RFC 8707 §2.2) tells Acme nothing
// from here.
func userinfoTokenForUs(u tokenUse) error {
	if !slices.Contains(u.Token.Audience, u.Issuer) {
		return oauth.Refuse(oauth.InvalidToken, "the access token is for another resource: ask for one with the scope openid, for %s", u.Issuer)
	}
	return nil
}

func userinfoTokenHasOpenID(u tokenUse) error {
	if !oauth.ParseScope(u.Token.Scope).Has(oauth.OpenID) {
		return oauth.Refuse(oauth.InsufficientScope, "userinfo needs the scope openid")
	}
	return nil
}
