package endpoint

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/jwks"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/dpop"
)

// document is a JSON document that many ask for: encoded once, and not sent
// again to who has it.
type document struct {
	json   []byte
	etag   string
	header http.Header
}

func newDocument(encoded []byte, maxAge time.Duration) document {
	sum := sha256.Sum256(encoded)
	d := document{json: encoded, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, header: http.Header{}}
	d.header.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(maxAge/time.Second)))
	d.header.Set("ETag", d.etag)
	d.header.Set("Access-Control-Allow-Origin", "*")
	// net/http counts short answers by itself, and would send longer ones in chunks.
	d.header.Set(echo.HeaderContentLength, strconv.Itoa(len(encoded)))
	return d
}

// serve answers anybody, scripts of any origin too: RFC 9700 §2.6.
func (d document) serve(c echo.Context) error {
	maps.Copy(c.Response().Header(), d.header)
	if c.Request().Header.Get("If-None-Match") == d.etag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, d.json)
}

// keysDocument is the JWKS as it is served, made once for each set of keys.
type keysDocument struct {
	document
	of *token.JWKS
}

func (e *Endpoints) jwks() *keysDocument {
	keys := e.Keys.JWKS()
	if made := e.jwksMade.Load(); made != nil && made.of == keys {
		return made
	}
	made := &keysDocument{newDocument(keys.JSON, token.MaxAge(e.Env.KeyRotation.Value())), keys}
	e.jwksMade.Store(made)
	return made
}

// JWKS serves the public keys. RFC 7517 §5.
func (e *Endpoints) JWKS(c echo.Context) error { return e.jwks().serve(c) }

// metadataMaxAge is for how long the discovery document may be kept.
const metadataMaxAge = 5 * time.Minute

// Metadata serves the discovery document, the same under both its names:
// RFC 8414 §3 and OIDC Discovery §4. paths is from the route table, by metadata
// name; the lists are from what enforces them.
func (e *Endpoints) Metadata(paths map[string]string) (echo.HandlerFunc, error) {
	confidential := []string{oauth.ClientSecretBasic, oauth.ClientSecretPost, oauth.PrivateKeyJWT}
	signed := jwks.Algorithms
	m := oauth.Metadata{
		Issuer:                e.issuer(),
		AuthorizationEndpoint: e.issuer() + paths["authorization_endpoint"],
		TokenEndpoint:         e.issuer() + paths["token_endpoint"],
		UserinfoEndpoint:      e.issuer() + paths["userinfo_endpoint"],
		JWKSURI:               e.issuer() + paths["jwks_uri"],
		RevocationEndpoint:    e.issuer() + paths["revocation_endpoint"],
		RegistrationEndpoint:  e.issuer() + paths["registration_endpoint"],
		IntrospectionEndpoint: e.issuer() + paths["introspection_endpoint"],

		DeviceAuthorizationEndpoint:        e.issuer() + paths["device_authorization_endpoint"],
		PushedAuthorizationRequestEndpoint: e.issuer() + paths["pushed_authorization_request_endpoint"],

		// By reference there is what was pushed; OIDC Core §6.2 would have us fetch.
		RequestParameterSupported: true, RequestObjectSigningAlgValuesSupported: jwks.Algorithms,

		TokenEndpointAuthSigningAlgValuesSupported:         signed,
		RevocationEndpointAuthSigningAlgValuesSupported:    signed,
		IntrospectionEndpointAuthSigningAlgValuesSupported: signed,

		ResponseTypesSupported: []string{"code"}, ResponseModesSupported: []string{"query", "fragment", oauth.FormPost},
		GrantTypesSupported:   slices.Sorted(maps.Keys(e.Grants)),
		SubjectTypesSupported: []string{"public"}, IDTokenSigningAlgValuesSupported: token.Algorithms,
		UserinfoSigningAlgValuesSupported: token.Algorithms, IntrospectionSigningAlgValuesSupported: token.Algorithms,

		TokenEndpointAuthMethodsSupported:         append(slices.Clone(confidential), oauth.NoAuthentication),
		TokenEndpointAuthMethodsRefused:           oauth.RefusedAuthMethods,
		RevocationEndpointAuthMethodsSupported:    append(slices.Clone(confidential), oauth.NoAuthentication),
		IntrospectionEndpointAuthMethodsSupported: confidential,

		AuthorizationDetailsTypesSupported: oauth.DetailTypeNames(), ProtectedResources: []string{e.resources().API},

		CodeChallengeMethodsSupported: []string{oauth.S256},
		DPoPSigningAlgValuesSupported: dpop.Algorithms,
		ClaimsSupported:               oauth.ClaimsSupported(),
		ClaimTypesSupported:           []string{"normal"}, ClaimsParameterSupported: true,
		ACRValuesSupported: []string{oauth.ACRPassword}, DisplayValuesSupported: []string{"page"}, UILocalesSupported: []string{"en"},
		PromptValuesSupported: []string{"none", "login", "consent", "select_account"},
		ServiceDocumentation:  e.issuer() + "/docs/scopes",

		EndSessionEndpoint:         e.issuer() + paths["end_session_endpoint"],
		BackchannelLogoutSupported: true, BackchannelLogoutSessionSupported: true,

		AuthorizationResponseIssParameterSupported: true,
	}
	if e.Env.LegacyGrants {
		m.ResponseTypesSupported = append(m.ResponseTypesSupported, oauth.TokenResponseType, oauth.IDTokenResponse, oauth.IDTokenTokenResponse)
		m.GrantTypesSupported = append(m.GrantTypesSupported, oauth.ImplicitGrant)
	}
	for _, permission := range oauth.Permissions {
		m.ScopesSupported = append(m.ScopesSupported, permission.Name)
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return newDocument(encoded, metadataMaxAge).serve, nil
}
