package oauth

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"time"
)

// The values of grant_type, and of grant_types in client metadata. RFC 7591 §2.
const (
	AuthorizationCodeGrant = "authorization_code"
	RefreshTokenGrant      = "refresh_token"
	ClientCredentialsGrant = "client_credentials"
	ImplicitGrant          = "implicit"
	PasswordGrant          = "password"
	DeviceCodeGrant        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 §3.4
	TokenExchangeGrant     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
	JWTBearerGrant         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523 §2.1
)

// The ways in which a client authenticates. RFC 7591 §2.
const (
	ClientSecretBasic = "client_secret_basic"
	ClientSecretPost  = "client_secret_post"
	PrivateKeyJWT     = "private_key_jwt"
	NoAuthentication  = "none"
)

// RefusedAuthMethods are ways in which no client authenticates here, each with
// the reason.
var RefusedAuthMethods = map[string]string{
	"client_secret_jwt": "it needs the secret in the clear, and only its hash is stored; use private_key_jwt",
}

// Client is a registered application. RFC 6749 §2, RFC 7591 §2. It does not
// change once it is in use: the store hands out a new one after an edit.
type Client struct {
	ID           string
	Secrets      []Secret // the older first; none: it authenticates in another way, or not at all
	Name         string
	Kind         string // web, browser, native, device, machine, resource_server
	AuthMethods  []string
	GrantTypes   []string
	Scope        Scope
	RedirectURIs []string
	Resource     string      // of a resource server: its identifier, the aud of its tokens
	Keys         []PublicKey // what it signs with: jwks of RFC 7591 §2
	JWKS         []byte      // the same as it was registered; nil: Keys is all there is
	JWKSURI      string      // where its keys are to be fetched instead; empty: nowhere
	ActsFor      string      // the client whose people it may speak for (RFC 7523 §2.1); empty: itself

	// What it asks of itself: a request that does less is refused.
	RequirePKCE          bool
	RequirePAR           bool // require_pushed_authorization_requests, RFC 9126 §6
	RequireSignedRequest bool // require_signed_request_object, RFC 9101 §10.5
	DPoPBound            bool // dpop_bound_access_tokens, RFC 9449 §5.2

	// Algorithms that it registered; empty: the default of the message.
	TokenEndpointAuthSigningAlg string // of its client assertions, OIDC Registration §2
	RequestObjectSigningAlg     string
	IDTokenSigningAlg           string
	UserinfoSigningAlg          string // empty: plain JSON
	IntrospectionSigningAlg     string // RFC 9701 §6

	AuthorizationDetailsTypes []string // RFC 9396 §10
	DefaultMaxAge             *int     // seconds, OIDC Registration §2; nil: none
	RequireAuthTime           bool     // auth_time in every ID token, where we have it anyway

	PostLogoutRedirectURIs           []string // RP-Initiated Logout §3.1
	BackchannelLogoutURI             string   // Back-Channel Logout §2.2
	BackchannelLogoutSessionRequired bool
	SecurityEventsURI                string // our own: where security event tokens are pushed, RFC 8935

	FirstParty bool // asked for consent only with prompt=consent
	AlwaysAsk  bool // never a silent consent (RFC 8252 §8.6)
	Disabled   bool

	Purpose, Developer, Homepage string
	LogoURI, PolicyURI, TosURI   string
	Logo                         string // our own: the name of the picture that was uploaded; empty: none
	InitiateLoginURI             string
	SectorIdentifierURI          string
	ApplicationType              string   // web or native, OIDC Registration §2
	ResponseTypes                []string // empty: those that its grant types stand for
	Contacts                     []string
	SoftwareID, SoftwareVersion  string // RFC 7591 §2
	Verified                     bool
	Since                        time.Time
	Reasons                      map[string]string // why the client wants a permission

	// Of a client that a person registered at the developer portal: whose it is.
	Owner string // sub; empty: it came with the server, or registered itself

	// How long its tokens live, where that is shorter than what the server gives.
	AccessTokenTTL, RefreshTokenTTL time.Duration // 0: as the server

	// Of a client that registered itself: SHA-256 of its registration access token
	// (RFC 7592 §3), and the day on which it last got a token of another kind.
	RegistrationHash []byte
	UsedAt           time.Time
}

// OwnGrant stands in the tokens that a client which can go again gets for itself, where other tokens name what a person granted: they end with the client.
func OwnGrant(clientID string) string { return "client " + clientID }

// PublicKey is a key of a client, parsed when the client was loaded.
type PublicKey struct {
	ID        string // kid; may be empty
	Algorithm string // ES256, RS256, PS256, Ed25519 or EdDSA: what the key is for, never what a token says
	Key       crypto.PublicKey
}

// SameAlgorithm compares two names of algorithms. Ed25519 is what EdDSA is called
// since RFC 9864 §2.2: we know no other curve for it.
func SameAlgorithm(a, b string) bool {
	current := func(name string) string {
		if name == "EdDSA" {
			return "Ed25519"
		}
		return name
	}
	return current(a) == current(b)
}

// AsksFor names the client whose consents count: its own, or those of the
// client that it was registered to act for.
func (c *Client) AsksFor() string {
	if c.ActsFor != "" {
		return c.ActsFor
	}
	return c.ID
}

// Public tells whether the client cannot keep a secret. RFC 6749 §2.1.
func (c *Client) Public() bool { return slices.Contains(c.AuthMethods, NoAuthentication) }

// SelfRegistered tells whether the client came by dynamic registration: nobody
// has looked at what it says of itself.
func (c *Client) SelfRegistered() bool { return c.RegistrationHash != nil }

// Seeded tells whether the client came with the server: it stays as long as the
// server does.
func (c *Client) Seeded() bool { return c.Owner == "" && !c.SelfRegistered() }

// MayUse tells whether the client is registered for a grant type.
func (c *Client) MayUse(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// PKCERequired tells whether the client must send a code challenge: a public
// one always (RFC 9700 §2.1.1), a confidential one where it is registered so, or
// for the FAPI 2.0 Security Profile (§5.3.2.2).
func (c *Client) PKCERequired() bool { return c.Public() || c.RequirePKCE || c.FAPI() }

// FAPI tells whether the client is registered for the FAPI 2.0 Security Profile:
// it signs for itself, pushes its requests, and binds its tokens to a key
// (§5.3.2.1, §5.3.2.2).
func (c *Client) FAPI() bool {
	return c.RequirePAR && c.DPoPBound && slices.Equal(c.AuthMethods, []string{PrivateKeyJWT})
}

// HashSecret is how a client secret is stored. The server makes the secrets,
// from 128 random bits and more: there is no dictionary to try, so a fast hash
// is as good as a slow one, and a slow one at the token endpoint would let
// anybody keep the server busy. Passwords, which people choose, get Argon2id.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Secret is what the server keeps of a client secret.
type Secret struct {
	Hash           []byte // SHA-256
	Tail           string // its last characters, for a person to tell two apart; empty: not kept
	MadeAt, UsedAt time.Time
}

// MaxSecrets is how many secrets of a client may hold at the same time: the old
// one and the new one, while its servers are told.
const MaxSecrets = 2

// NewSecret is what is kept of a secret that was just made.
func NewSecret(secret string, now time.Time) Secret {
	return Secret{Hash: HashSecret(secret), Tail: secret[max(0, len(secret)-4):], MadeAt: now}
}

// SecretSent returns the secret that was sent, or nil. It compares with all of them
// in constant time, and takes as long for a client that is unknown (nil), or has
// fewer.
func (c *Client) SecretSent(secret string) *Secret {
	var stored [MaxSecrets][]byte
	if c != nil {
		for i := range min(len(c.Secrets), MaxSecrets) {
			stored[i] = c.Secrets[i].Hash
		}
	}
	sent, found := HashSecret(secret), -1
	for i := range stored {
		if equalHash(stored[i], sent) {
			found = i
		}
	}
	if found < 0 {
		return nil
	}
	return &c.Secrets[found]
}

// SecretMatches tells whether a secret is one of the client's.
func (c *Client) SecretMatches(secret string) bool { return c.SecretSent(secret) != nil }

// RegistrationTokenMatches tells whether a registration access token is the
// client's, in the same way. RFC 7592 §2.
func (c *Client) RegistrationTokenMatches(token string) bool {
	var stored []byte
	if c != nil {
		stored = c.RegistrationHash
	}
	return equalHash(stored, HashSecret(token))
}

// equalHash tells whether two hashes are the same, in constant time; no stored
// hash takes as long.
func equalHash(stored, sent []byte) bool {
	known := len(stored) == sha256.Size
	if !known {
		stored = make([]byte, sha256.Size)
	}
	return subtle.ConstantTimeCompare(stored, sent) == 1 && known
}

// RefreshTokenLife is how long a refresh token of the client may live, of what
// the server gives.
func (c *Client) RefreshTokenLife(given time.Duration) time.Duration {
	if c.RefreshTokenTTL > 0 {
		return min(given, c.RefreshTokenTTL)
	}
	return given
}

// AccessTokenLife is the same of its access tokens.
func (c *Client) AccessTokenLife(given time.Duration) time.Duration {
	if c.AccessTokenTTL > 0 {
		return min(given, c.AccessTokenTTL)
	}
	return given
}
