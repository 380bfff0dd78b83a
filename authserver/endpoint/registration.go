package endpoint

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/jwks"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/outbound"
)

// initialAccess is the token that a registration comes with. RFC 7591 §1.2.
type initialAccess struct{ Token, Wanted string }

var initialAccessChecks = []check.Check[initialAccess]{
	check.New("initial access token is the one that was set", "RFC 7591 §3", initialAccessTokenMatches),
}

// RFC 7591 §3: "The client registration endpoint MAY be an OAuth 2.0 [RFC6749]
// protected resource and it MAY accept an initial access token". It is where
// REGISTRATION_TOKEN is set.
func initialAccessTokenMatches(a initialAccess) error {
	sent, wanted := sha256.Sum256([]byte(a.Token)), sha256.Sum256([]byte(a.Wanted))
	if a.Wanted != "" && subtle.ConstantTimeCompare(sent[:], wanted[:]) != 1 {
		return oauth.Refuse(oauth.InvalidToken, "registration here needs the initial access token of this server")
	}
	return nil
}

// Register takes a client that registers itself. RFC 7591 §3.
func (e *Endpoints) Register(c echo.Context) error {
	token := bearerToken(c.Request())
	err := check.Run(c.Request().Context(), e.Checks, initialAccessChecks, initialAccess{token, e.Env.RegistrationToken})
	if err != nil {
		return err
	}
	metadata, _, keys, err := e.readRegistration(c)
	if err != nil {
		return err
	}
	access := e.opaque("r_")
	client := oauth.Client{ID: e.opaque("c_"), RegistrationHash: oauth.HashSecret(access), Since: e.Now()}
	secret := e.describe(&client, metadata, keys)
	err = e.Store.RegisterClient(background(c), client, e.Now())
	if errors.Is(err, store.ErrFull) {
		return oauth.Refuse(oauth.TemporarilyUnavailable, "too many clients have registered that nobody uses; try again later")
	}
	if err != nil {
		return err
	}
	e.record(c, "client registered", "", client.ID, limit(client.Name, maxName))
	return answerJSON(c, http.StatusCreated, e.information(&client, secret, access))
}

// maxRegistration is the largest registration that is read: strangers send
// them, and each is stored.
const maxRegistration = 16 << 10

// readRegistration reads and judges what a client says of itself, and fetches
// what it says is elsewhere.
func (e *Endpoints) readRegistration(c echo.Context) (oauth.ClientMetadata, oauth.ClientUpdate, []oauth.PublicKey, error) {
	var keys []oauth.PublicKey
	body, err := readJSON(c)
	if err != nil {
		return oauth.ClientMetadata{}, oauth.ClientUpdate{}, nil, err
	}
	metadata, update, err := oauth.ReadClientMetadata(body)
	if err != nil {
		return metadata, update, nil, err
	}
	metadata = withScope(metadata.WithDefaults())
	r := registering{ClientMetadata: metadata, LegacyGrants: bool(e.Env.LegacyGrants), Private: bool(e.Env.AllowPrivateURIs)}
	if metadata.JWKS != nil {
		keys, r.KeysError = jwks.Parse(metadata.JWKS)
		r.Keys = keys
	}
	ctx := c.Request().Context()
	if err := check.Run(ctx, e.Checks, registrationChecks, r); err != nil {
		return metadata, update, nil, err
	}
	if wait := e.registrations.take(c.RealIP(), e.Now()); wait > 0 {
		refusal := oauth.Refuse(oauth.TemporarilyUnavailable, "too many registrations from this address")
		refusal.RetryAfter = wait
		return metadata, update, nil, refusal
	}
	if metadata.SectorIdentifierURI != "" {
		s := sector{RedirectURIs: metadata.RedirectURIs}
		document, err := outbound.Get(ctx, e.Strangers, metadata.SectorIdentifierURI, maxSector)
		s.Fetched = err == nil && json.Unmarshal(document, &s.Listed) == nil
		if err := check.Run(ctx, e.Checks, sectorChecks, s); err != nil {
			return metadata, update, nil, err
		}
	}
	return metadata, update, keys, nil
}

const maxSector = 256 << 10

// RFC 7591 §3.1: "the client or developer sends an HTTP POST to the client
// registration endpoint with a content type of "application/json"."
func readJSON(c echo.Context) ([]byte, error) {
	media, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEApplicationJSON {
		return nil, oauth.Refuse(oauth.InvalidClientMetadata, "the body must be %s", echo.MIMEApplicationJSON)
	}
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxRegistration+1))
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidClientMetadata, "the body could not be read")
	}
	if len(body) > maxRegistration {
		return nil, oauth.Refuse(oauth.InvalidClientMetadata, "the body is larger than %d bytes", maxRegistration)
	}
	return body, nil
}

// withScope registers of the scope that was asked for what there is, and where
// none was named all that a client with these grants can get. RFC 7591 §2: "If
// omitted, an authorization server MAY register a client with a default set of
// scopes."
func withScope(m oauth.ClientMetadata) oauth.ClientMetadata {
	var able oauth.Scope
	alone := !slices.ContainsFunc(m.GrantTypes, func(grantType string) bool { return grantType != oauth.ClientCredentialsGrant })
	for _, permission := range oauth.Permissions {
		if !permission.NeedsUser || !alone {
			able = append(able, permission.Name)
		}
	}
	if m.Scope != "" {
		able = oauth.ParseScope(m.Scope).Intersect(able)
	}
	m.Scope = able.String()
	return m
}

// describe puts what a client says of itself into the client. It returns a new
// secret, where the client needs one and has none.
func (e *Endpoints) describe(c *oauth.Client, m oauth.ClientMetadata, keys []oauth.PublicKey) (secret string) {
	native := m.ApplicationType == "native"
	public := m.TokenEndpointAuthMethod == oauth.NoAuthentication
	*c = oauth.Client{
		ID: c.ID, Secrets: c.Secrets, RegistrationHash: c.RegistrationHash, Owner: c.Owner, UsedAt: c.UsedAt, Since: c.Since, Disabled: c.Disabled,
		Name: m.ClientName, Kind: m.ApplicationType, AuthMethods: []string{m.TokenEndpointAuthMethod}, GrantTypes: m.GrantTypes,
		ResponseTypes: m.ResponseTypes, Scope: oauth.ParseScope(m.Scope), RedirectURIs: m.RedirectURIs, ApplicationType: m.ApplicationType,
		JWKS: m.JWKS, Keys: keys, JWKSURI: m.JWKSURI,
		TokenEndpointAuthSigningAlg: m.TokenEndpointAuthSigningAlg, RequestObjectSigningAlg: m.RequestObjectSigningAlg,
		IDTokenSigningAlg: m.IDTokenSigningAlg, UserinfoSigningAlg: m.UserinfoSigningAlg, IntrospectionSigningAlg: m.IntrospectionSigningAlg,
		RequirePAR: m.RequirePAR, RequireSignedRequest: m.RequireSignedRequest, DPoPBound: m.DPoPBound,
		AuthorizationDetailsTypes: m.AuthorizationDetailsTypes, DefaultMaxAge: m.DefaultMaxAge, RequireAuthTime: m.RequireAuthTime,
		PostLogoutRedirectURIs: m.PostLogoutRedirectURIs, BackchannelLogoutURI: m.BackchannelLogoutURI, BackchannelLogoutSessionRequired: m.BackchannelLogoutSessionRequired,
		SecurityEventsURI: m.SecurityEventsURI,
		Homepage:          m.ClientURI, LogoURI: m.LogoURI, PolicyURI: m.PolicyURI, TosURI: m.TosURI, InitiateLoginURI: m.InitiateLoginURI,
		SectorIdentifierURI: m.SectorIdentifierURI, Contacts: m.Contacts, SoftwareID: m.SoftwareID, SoftwareVersion: m.SoftwareVersion,
		// RFC 8252 §8.6: who an app is, nobody can be sure of without a secret.
		AlwaysAsk: native && public,
	}
	if c.Name == "" {
		c.Name = c.ID
	}
	switch m.TokenEndpointAuthMethod {
	case oauth.ClientSecretBasic, oauth.ClientSecretPost:
		if len(c.Secrets) == 0 {
			secret = e.opaque("s_")
			c.Secrets = []oauth.Secret{oauth.NewSecret(secret, e.Now())}
		}
	default:
		c.Secrets = nil
	}
	return secret
}

// information is the answer to a client that registered. RFC 7591 §3.2.1: the
// server "MUST return all registered metadata about this client, including any
// fields provisioned by the authorization server itself."
func (e *Endpoints) information(c *oauth.Client, secret, access string) oauth.ClientInformation {
	i := oauth.ClientInformation{
		ClientID: c.ID, ClientSecret: secret, ClientIDIssuedAt: c.Since.Unix(),
		RegistrationAccessToken: access, RegistrationClientURI: e.issuer() + "/register/" + c.ID,
		ClientMetadata: oauth.ClientMetadata{
			ClientName: c.Name, RedirectURIs: c.RedirectURIs, GrantTypes: c.GrantTypes, ResponseTypes: c.ResponseTypes, Scope: c.Scope.String(),
			ApplicationType: c.ApplicationType, TokenEndpointAuthMethod: c.AuthMethods[0], TokenEndpointAuthSigningAlg: c.TokenEndpointAuthSigningAlg,
			JWKS: c.JWKS, JWKSURI: c.JWKSURI,
			ClientURI: c.Homepage, LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TosURI: c.TosURI, InitiateLoginURI: c.InitiateLoginURI,
			Contacts: c.Contacts, SoftwareID: c.SoftwareID, SoftwareVersion: c.SoftwareVersion,
			SubjectType: "public", SectorIdentifierURI: c.SectorIdentifierURI, DefaultMaxAge: c.DefaultMaxAge, RequireAuthTime: c.RequireAuthTime,
			IDTokenSigningAlg: c.IDTokenSigningAlg, UserinfoSigningAlg: c.UserinfoSigningAlg, IntrospectionSigningAlg: c.IntrospectionSigningAlg,
			RequestObjectSigningAlg: c.RequestObjectSigningAlg, RequireSignedRequest: c.RequireSignedRequest, RequirePAR: c.RequirePAR, DPoPBound: c.DPoPBound,
			AuthorizationDetailsTypes: c.AuthorizationDetailsTypes, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
			BackchannelLogoutURI: c.BackchannelLogoutURI, BackchannelLogoutSessionRequired: c.BackchannelLogoutSessionRequired,
			SecurityEventsURI: c.SecurityEventsURI,
		},
	}
	if len(c.Secrets) > 0 {
		i.ClientSecretExpiresAt = new(int64) // it does not
	}
	return i
}

// bearerToken reads the token of a request to register or to manage: RFC 6750
// §2.1, the Authorization header and nothing else.
func bearerToken(r *http.Request) string {
	scheme, token, _ := credentials(r)
	if scheme != bearerScheme {
		return ""
	}
	return token
}
