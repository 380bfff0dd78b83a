package endpoint

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/acme-dreams/authserver/jwks"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/outbound"
)

// registering is what a client says of itself, its defaults filled in.
type registering struct {
	oauth.ClientMetadata
	Keys         []oauth.PublicKey // of jwks
	KeysError    error             // why there are none
	LegacyGrants bool              // the implicit grant is offered
	Private      bool              // URIs may lead to private addresses
}

// registrationChecks judge what a client says of itself, when it registers and
// when it changes what it registered.
var registrationChecks = []check.Check[registering]{
	check.New("flow with redirection has a redirect URI", "RFC 7591 §2", redirectURIsGiven),
	check.New("redirect URI is absolute, and all of it is said", "RFC 6749 §3.1.2", redirectURIsWellFormed),
	check.New("redirect URI is https, the device itself, or an app's own scheme", "RFC 8252 §8.4", redirectURIsSafe),
	check.New("implicit client of the web has https, and not on localhost", "OIDC Registration §2", implicitRedirectURIsSecure),
	check.New("application_type is web or native", "OIDC Registration §2", applicationTypeKnown),
	check.New("grant_types are ones that anybody may register for", "RFC 7591 §2", grantTypesAllowed),
	check.New("refresh_token comes with a grant that gives one", "RFC 7591 §2.1", refreshTokenNotAlone),
	check.New("response_types are supported", "RFC 7591 §2", responseTypesSupported),
	check.New("grant_types and response_types fit", "RFC 7591 §2.1", grantAndResponseTypesFit),
	check.New("token_endpoint_auth_method is supported", "RFC 7591 §2", authMethodSupported),
	check.New("client that keeps no secret registers no grant that needs one", "RFC 6749 §4.4", publicClientGrants),
	check.New("jwks and jwks_uri do not stand together", "RFC 7591 §2", oneSourceOfKeys),
	check.New("jwks is a set of public keys", "RFC 7591 §2", keysPublic),
	check.New("client that signs has keys", "RFC 7523 §3", keysGiven),
	check.New("algorithms are ones that are used here", "OIDC Registration §2", algorithmsSupported),
	check.New("nothing is asked for that is not done here", "RFC 7591 §2", nothingUnsupported),
	check.New("registered URIs are https and lead to public addresses", "RFC 7591 §5", metadataURIsPublic),
	check.New("post_logout_redirect_uris are as safe as redirect URIs", "RP-Initiated Logout §3.1", postLogoutRedirectURIsSafe),
	check.New("client_name is what a person can read", "RFC 7591 §5", clientNameReadable),
	check.New("client_name is not this server's own", "RFC 7591 §5", clientNameNotOurs),
	check.New("contacts and versions are a line of text each", "RFC 7591 §2", linesShort),
	check.New("scope has something that the client can get", "RFC 7591 §2", scopeNotEmpty),
	check.New("authorization_details_types are ones that are understood here", "RFC 9396 §10", detailTypesKnown),
	check.New("default_max_age is no negative number", "OIDC Registration §2", defaultMaxAgeNotNegative),
	check.New("software statement is one that we can trust", "RFC 7591 §2.3", noSoftwareStatement),
}

func unfit(format string, args ...any) error {
	return oauth.Refuse(oauth.InvalidClientMetadata, format, args...)
}

func (r registering) uses(grantType string) bool { return slices.Contains(r.GrantTypes, grantType) }

func (r registering) public() bool { return r.TokenEndpointAuthMethod == oauth.NoAuthentication }

// RFC 7591 §2: "clients using flows with redirection MUST register their
// redirection URI values."
func redirectURIsGiven(r registering) error {
	if len(r.RedirectURIs) == 0 && (r.uses(oauth.AuthorizationCodeGrant) || r.uses(oauth.ImplicitGrant)) {
		return oauth.Refuse(oauth.InvalidRedirectURI, "redirect_uris is missing")
	}
	return nil
}

// RFC 6749 §3.1.2: "The redirection endpoint URI MUST be an absolute URI" and
// "MUST NOT include a fragment component." A wildcard would not be one: URIs are
// compared as strings (RFC 9700 §2.1).
func redirectURIsWellFormed(r registering) error {
	for _, uri := range r.RedirectURIs {
		if wrong := malformed(uri); wrong != "" || len(r.RedirectURIs) > maxURIs {
			return oauth.Refuse(oauth.InvalidRedirectURI, "redirect URI %q %s", limit(uri, 200), wrong)
		}
	}
	return nil
}

// RFC 8252 §8.4: "At a minimum, any private-use URI scheme that doesn't contain a
// period character (".") SHOULD be rejected." javascript: and data: have none
// either.
func redirectURIsSafe(r registering) error {
	for _, uri := range r.RedirectURIs {
		if wrong := unsafeRedirect(uri, r.ApplicationType); wrong != "" {
			return oauth.Refuse(oauth.InvalidRedirectURI, "redirect URI %q %s", limit(uri, 200), wrong)
		}
	}
	return nil
}

// RP-Initiated Logout §3.1: a person is sent there, as to a redirect URI.
func postLogoutRedirectURIsSafe(r registering) error {
	for _, uri := range r.PostLogoutRedirectURIs {
		wrong := malformed(uri)
		if wrong == "" {
			wrong = unsafeRedirect(uri, r.ApplicationType)
		}
		if wrong != "" || len(r.PostLogoutRedirectURIs) > maxURIs {
			return unfit("post_logout_redirect_uris: %q %s", limit(uri, 200), wrong)
		}
	}
	return nil
}

// What a client may register of one kind, and how long one may be.
const (
	maxURIs = 50
	maxURI  = 2048
)

// malformed says what is wrong with a URI that people are sent to.
func malformed(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "" || len(uri) > maxURI || strings.ContainsFunc(uri, notInURI):
		return "is not an absolute URI (50 of 2,048 characters at the most)"
	case strings.Contains(uri, "#"):
		return "has a fragment"
	case u.User != nil:
		return "holds a user or a password"
	case strings.Contains(uri, "*"):
		return "has a wildcard: URIs are compared as strings"
	case u.Host != "" && !plainHost(u.Hostname()):
		return "has a host that is neither a name nor an address"
	}
	return ""
}

// notInURI tells what RFC 3986 §2 has no place for.
func notInURI(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>\^{|}`+"`", r)
}

// plainHost lets through what stands in a header without meaning anything there:
// net/url takes "a;b" for a host, and a Content-Security-Policy for two things.
func plainHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// unsafeRedirect says why a person must not be sent to a URI with a code in it.
func unsafeRedirect(uri, applicationType string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return "is not a URI"
	case u.Scheme == "https" && u.Host != "":
		return ""
	case u.Scheme == "http" && environment.LoopbackHost(u.Hostname()):
		return "" // RFC 8252 §7.3: it does not leave the device
	case applicationType == "native" && strings.Contains(u.Scheme, "."):
		return "" // RFC 8252 §7.1
	case applicationType == "native":
		return "must be https, http on the loopback interface, or a scheme that is a domain name in reverse"
	}
	return "must be https, or http on the loopback interface; an app's own scheme needs application_type native"
}

// OIDC Registration §2: "Web Clients using the OAuth Implicit Grant Type MUST
// only register URLs using the https scheme as redirect_uris; they MUST NOT use
// localhost as the hostname."
func implicitRedirectURIsSecure(r registering) error {
	if r.Private || r.ApplicationType != "web" || !r.uses(oauth.ImplicitGrant) {
		return nil
	}
	for _, uri := range r.RedirectURIs {
		if u, err := url.Parse(uri); err != nil || u.Scheme != "https" || environment.LoopbackHost(u.Hostname()) {
			return oauth.Refuse(oauth.InvalidRedirectURI, "redirect URI %q: an implicit client of the web has https, and not on localhost", limit(uri, 200))
		}
	}
	return nil
}

func applicationTypeKnown(r registering) error {
	if r.ApplicationType != "web" && r.ApplicationType != "native" {
		return unfit("application_type must be web or native")
	}
	return nil
}

// grantTypesAllowed lets anybody have the grants in which a person decides, or
// in which nobody's data is given. A password is for nobody but us, and whoever
// exchanges tokens acts with what others were given.
func grantTypesAllowed(r registering) error {
	for _, grantType := range r.GrantTypes {
		switch grantType {
		case oauth.AuthorizationCodeGrant, oauth.RefreshTokenGrant, oauth.ClientCredentialsGrant, oauth.DeviceCodeGrant, oauth.JWTBearerGrant:
			continue
		case oauth.ImplicitGrant:
			if r.LegacyGrants {
				continue
			}
		case oauth.PasswordGrant, oauth.TokenExchangeGrant:
			return unfit("grant type %s is not for clients that register themselves", grantType)
		}
		return unfit("grant type %q is not supported", limit(grantType, 100))
	}
	return nil
}

func refreshTokenNotAlone(r registering) error {
	if r.uses(oauth.RefreshTokenGrant) && !r.uses(oauth.AuthorizationCodeGrant) && !r.uses(oauth.DeviceCodeGrant) {
		return unfit("grant type refresh_token needs one that gives refresh tokens: authorization_code or %s", oauth.DeviceCodeGrant)
	}
	return nil
}

func responseTypesSupported(r registering) error {
	for _, responseType := range r.ResponseTypes {
		needs := responseTypes[responseType]
		if needs == "" || (needs == oauth.ImplicitGrant && !r.LegacyGrants) {
			return unfit("response type %q is not supported", limit(responseType, 100))
		}
	}
	return nil
}

// RFC 7591 §2.1: "a server supporting these fields SHOULD take steps to ensure
// that a client cannot register itself into an inconsistent state".
func grantAndResponseTypesFit(r registering) error {
	needed := map[string]bool{}
	for _, responseType := range r.ResponseTypes {
		for _, grantType := range oauth.GrantTypesFor(responseType) {
			if needed[grantType] = true; !r.uses(grantType) {
				return unfit("response type %q needs the grant type %s", limit(responseType, 100), grantType)
			}
		}
	}
	for _, grantType := range []string{oauth.AuthorizationCodeGrant, oauth.ImplicitGrant} {
		if r.uses(grantType) && !needed[grantType] {
			return unfit("grant type %s needs a response type that goes with it", grantType)
		}
	}
	return nil
}

// client_secret_jwt would want the secret itself to verify with, and we keep its
// hash alone: whoever reads our disk can sign in as nobody.
func authMethodSupported(r registering) error {
	switch r.TokenEndpointAuthMethod {
	case oauth.ClientSecretBasic, oauth.ClientSecretPost, oauth.PrivateKeyJWT, oauth.NoAuthentication:
		return nil
	}
	if reason, known := oauth.RefusedAuthMethods[r.TokenEndpointAuthMethod]; known {
		return unfit("token_endpoint_auth_method %s is not supported: %s", r.TokenEndpointAuthMethod, reason)
	}
	return unfit("token_endpoint_auth_method %q is not supported", limit(r.TokenEndpointAuthMethod, 100))
}

// RFC 6749 §4.4: "The client credentials grant type MUST only be used by
// confidential clients." We want of JWT bearer what we want of no other: that
// nobody but who holds the key can use it.
func publicClientGrants(r registering) error {
	if r.public() && r.uses(oauth.ClientCredentialsGrant) {
		return unfit("grant type client_credentials is not for public clients")
	}
	if r.uses(oauth.JWTBearerGrant) && r.TokenEndpointAuthMethod != oauth.PrivateKeyJWT {
		return unfit("grant type %s is for clients that authenticate by private_key_jwt", oauth.JWTBearerGrant)
	}
	return nil
}

// RFC 7591 §2: "The "jwks_uri" and "jwks" parameters MUST NOT both be present in
// the same request or response."
func oneSourceOfKeys(r registering) error {
	if r.JWKS != nil && r.JWKSURI != "" {
		return unfit("jwks and jwks_uri must not both be present")
	}
	return nil
}

// A private key that was sent here is known to somebody else than its owner.
func keysPublic(r registering) error {
	if r.KeysError != nil {
		return unfit("jwks: %v", r.KeysError)
	}
	return nil
}

func keysGiven(r registering) error {
	signs := r.TokenEndpointAuthMethod == oauth.PrivateKeyJWT || r.RequireSignedRequest
	if signs && len(r.Keys) == 0 && r.JWKSURI == "" {
		return unfit("a client that signs registers jwks with a key for %s, or jwks_uri", strings.Join(jwks.Algorithms, ", "))
	}
	return nil
}

// signingAlgorithms are what we sign with for a client that asks.
var signingAlgorithms = token.Algorithms

func algorithmsSupported(r registering) error {
	for _, a := range []struct {
		name, value string
		supported   []string
	}{
		{"id_token_signed_response_alg", r.IDTokenSigningAlg, signingAlgorithms},
		{"userinfo_signed_response_alg", r.UserinfoSigningAlg, signingAlgorithms},
		{"introspection_signed_response_alg", r.IntrospectionSigningAlg, signingAlgorithms},
		{"request_object_signing_alg", r.RequestObjectSigningAlg, jwks.Algorithms},
		{"token_endpoint_auth_signing_alg", r.TokenEndpointAuthSigningAlg, jwks.Algorithms},
	} {
		if a.value != "" && !slices.Contains(a.supported, a.value) {
			return unfit("%s must be one of %s", a.name, strings.Join(a.supported, ", "))
		}
	}
	return nil
}

// Who asks to have something encrypted, or bound to a certificate, must not go
// away in the belief that it is.
func nothingUnsupported(r registering) error {
	for name, asked := range map[string]bool{
		"id_token_encrypted_response_alg": r.IDTokenEncryptionAlg != "", "userinfo_encrypted_response_alg": r.UserinfoEncryptionAlg != "",
		"introspection_encrypted_response_alg": r.IntrospectionEncryptionAlg != "", "request_object_encryption_alg": r.RequestObjectEncryptionAlg != "",
		"authorization_signed_response_alg": r.AuthorizationSigningAlg != "", "authorization_encrypted_response_alg": r.AuthorizationEncryptionAlg != "",
		"tls_client_certificate_bound_access_tokens": r.CertificateBound, "subject_type pairwise": r.SubjectType != "public",
	} {
		if asked {
			return unfit("%s is not supported", name)
		}
	}
	return nil
}

// RFC 7591 §5 warns of what a client's own words lead to: a person follows
// policy_uri and tos_uri, and we ourselves call jwks_uri,
// backchannel_logout_uri and security_events_uri.
func metadataURIsPublic(r registering) error {
	for _, m := range []struct{ name, uri string }{
		{"client_uri", r.ClientURI}, {"logo_uri", r.LogoURI}, {"policy_uri", r.PolicyURI}, {"tos_uri", r.TosURI},
		{"jwks_uri", r.JWKSURI}, {"sector_identifier_uri", r.SectorIdentifierURI},
		{"initiate_login_uri", r.InitiateLoginURI}, {"backchannel_logout_uri", r.BackchannelLogoutURI},
		{"security_events_uri", r.SecurityEventsURI},
	} {
		if m.uri == "" {
			continue
		}
		if err := outbound.URI(m.uri, r.Private); err != nil {
			return unfit("%s: %v", m.name, err)
		}
		if wrong := malformed(m.uri); wrong != "" {
			return unfit("%s %s", m.name, wrong)
		}
	}
	return nil
}

// maxName is how long a name may be that stands in a sentence on a page.
const maxName = 100

// clientNameReadable refuses names that look like others or hide something:
// what is not seen (zero width, control), what turns the text around (bidi), and
// letters that are blank.
func clientNameReadable(r registering) error {
	name := r.ClientName
	if name != "" && (utf8.RuneCountInString(name) > maxName || strings.TrimSpace(name) != name || !readable(name) || !strings.ContainsFunc(name, letterOrDigit)) {
		return unfit("client_name must be 1 to %d visible characters", maxName)
	}
	return nil
}

// clientNameNotOurs keeps strangers from the name under which this server itself
// asks Acme, which people read in their access log.
func clientNameNotOurs(r registering) error {
	letters := strings.Map(func(r rune) rune {
		if letterOrDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, r.ClientName)
	if letters == "acmeaccounts" {
		return unfit("client_name is the name of this server")
	}
	return nil
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// blank are letters and marks that show nothing.
const blank = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"

func readable(s string) bool {
	marks := 0
	for _, r := range s {
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		if !unicode.IsGraphic(r) || r == utf8.RuneError || strings.ContainsRune(blank, r) || unicode.Is(unicode.Variation_Selector, r) || marks > 4 {
			return false
		}
	}
	return true
}

const (
	maxLine     = 255
	maxContacts = 10
)

func linesShort(r registering) error {
	for _, line := range append([]string{r.SoftwareID, r.SoftwareVersion}, r.Contacts...) {
		if len(line) > maxLine || !readable(line) || len(r.Contacts) > maxContacts {
			return unfit("contacts (%d at the most), software_id and software_version must be one line of at most %d bytes each", maxContacts, maxLine)
		}
	}
	return nil
}

// RFC 7591 §2 lets us register another scope than the one that was asked for:
// what we don't know is left out. Where nothing is left, that is no answer.
func scopeNotEmpty(r registering) error {
	if r.Scope == "" {
		return unfit("scope has nothing that a client with these grant types can get")
	}
	return nil
}

// RFC 9396 §10: "Clients MAY indicate the authorization details types they will
// use when requesting authorization with the client registration metadata
// parameter authorization_details_types, which is a JSON array."
func detailTypesKnown(r registering) error {
	for _, name := range r.AuthorizationDetailsTypes {
		if !slices.Contains(oauth.DetailTypeNames(), name) {
			return unfit("authorization_details_types has %q; known is: %s", limit(name, 100), strings.Join(oauth.DetailTypeNames(), ", "))
		}
	}
	return nil
}

func defaultMaxAgeNotNegative(r registering) error {
	if r.DefaultMaxAge != nil && *r.DefaultMaxAge < 0 {
		return unfit("default_max_age must not be negative")
	}
	return nil
}

// RFC 7591 §3.2.2: "The software statement presented is not approved for use by
// this authorization server." We know nobody whose statements we would believe.
func noSoftwareStatement(r registering) error {
	if r.SoftwareStatement != "" {
		return oauth.Refuse(oauth.UnapprovedSoftwareStatement, "software statements are not accepted here: no issuer of them is trusted")
	}
	return nil
}

// sector is what a sector_identifier_uri answered.
type sector struct {
	RedirectURIs []string // of the client
	Listed       []string // in the document
	Fetched      bool
}

var sectorChecks = []check.Check[sector]{
	check.New("sector_identifier_uri lists every redirect URI", "OIDC Registration §5", sectorListsRedirectURIs),
}

// OIDC Registration §5: "The values registered in redirect_uris MUST be included
// in the elements of the array, or registration MUST fail."
func sectorListsRedirectURIs(s sector) error {
	if !s.Fetched {
		return unfit("sector_identifier_uri must answer 200 with a JSON array of redirect URIs")
	}
	for _, uri := range s.RedirectURIs {
		if !slices.Contains(s.Listed, uri) {
			return unfit("redirect URI %q is not in the document at sector_identifier_uri", limit(uri, 200))
		}
	}
	return nil
}
