package endpoint

import (
	"cmp"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
)

// signedUserinfo is the answer of userinfo as a JWT. OIDC Core §5.3.2: "If
// signed, the UserInfo Response MUST contain the Claims iss (issuer) and aud
// (audience) as members."
type signedUserinfo struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"` // the client
	UserinfoClaims
}

// answerUserinfo answers as the client registered it: as JSON, or signed.
// OIDC Registration §2: "The default, if omitted, is for the UserInfo Response
// to return the Claims as a UTF-8 encoded JSON object".
func (e *Endpoints) answerUserinfo(c echo.Context, clientID string, answer UserinfoClaims) error {
	client := e.Store.Client(clientID)
	if client == nil || client.UserinfoSigningAlg == "" {
		return answerJSON(c, http.StatusOK, answer)
	}
	signed, err := e.Keys.Sign(token.IDTokenType, client.UserinfoSigningAlg, signedUserinfo{e.issuer(), clientID, answer})
	if err != nil {
		return err
	}
	return answerJWT(c, "application/jwt", signed)
}

// signedIntrospection is the answer of introspection as a JWT. RFC 9701 §5.
type signedIntrospection struct {
	Issuer        string         `json:"iss"`
	Audience      token.Audience `json:"aud"` // the resource server
	IssuedAt      int64          `json:"iat"`
	Introspection Introspection  `json:"token_introspection"`
}

// introspectionMedia is what a resource server asks for that wants to be able to
// show later what it was told. RFC 9701 §4.
const introspectionMedia = "application/" + token.IntrospectionType

// answerIntrospection answers as JSON, or as a JWT to who asks for one.
func (e *Endpoints) answerIntrospection(c echo.Context, caller *oauth.Client, answer Introspection) error {
	// What is told depends on who asks and in which form: no cache may mix them up.
	c.Response().Header().Add(echo.HeaderVary, "Accept")
	if !accepts(c.Request().Header, introspectionMedia) {
		return answerJSON(c, http.StatusOK, answer)
	}
	signed, err := e.Keys.Sign(token.IntrospectionType, cmp.Or(caller.IntrospectionSigningAlg, token.RS256), signedIntrospection{
		Issuer: e.issuer(), Audience: identifiers(caller), IssuedAt: e.Now().Unix(), Introspection: answer,
	})
	if err != nil {
		return err
	}
	return answerJWT(c, introspectionMedia, signed)
}

// identifiers are what the caller may know itself by: its client_id, and as a
// resource server its resource indicator.
func identifiers(caller *oauth.Client) token.Audience {
	if caller.Resource == "" {
		return token.Audience{caller.ID}
	}
	return token.Audience{caller.Resource, caller.ID}
}

// accepts tells whether a request names a media type that it takes. Wildcards do
// not count: who says */* expects what everybody gets.
func accepts(header http.Header, media string) bool {
	for word := range strings.SplitSeq(strings.Join(header.Values(echo.HeaderAccept), ","), ",") {
		name, parameters, err := mime.ParseMediaType(word)
		if err == nil && name == media && strings.Trim(parameters["q"], "0.") == "" && parameters["q"] != "" {
			return false // RFC 9110 §12.4.2: "a value of 0 means \"not acceptable\""
		}
		if err == nil && name == media {
			return true
		}
	}
	return false
}

// answerJWT answers with a JWT that nobody may keep.
func answerJWT(c echo.Context, media, compact string) error {
	c.Response().Header().Set("Pragma", "no-cache")
	return c.Blob(http.StatusOK, media, []byte(compact))
}
