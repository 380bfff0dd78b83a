package oauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// ClientMetadata is what a client says of itself when it registers, and what it
// is told back. RFC 7591 §2, OIDC Registration §2, and what later extensions add.
type ClientMetadata struct {
	ClientName    string   `json:"client_name,omitempty"`
	RedirectURIs  []string `json:"redirect_uris,omitempty"`
	GrantTypes    []string `json:"grant_types,omitempty"`
	ResponseTypes []string `json:"response_types,omitempty"`
	Scope         string   `json:"scope,omitempty"`

	ApplicationType             string          `json:"application_type,omitempty"` // OIDC Registration §2
	TokenEndpointAuthMethod     string          `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthSigningAlg string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS                        json.RawMessage `json:"jwks,omitempty"`
	JWKSURI                     string          `json:"jwks_uri,omitempty"`

	ClientURI        string   `json:"client_uri,omitempty"`
	LogoURI          string   `json:"logo_uri,omitempty"`
	PolicyURI        string   `json:"policy_uri,omitempty"`
	TosURI           string   `json:"tos_uri,omitempty"`
	InitiateLoginURI string   `json:"initiate_login_uri,omitempty"`
	Contacts         []string `json:"contacts,omitempty"`
	SoftwareID       string   `json:"software_id,omitempty"`
	SoftwareVersion  string   `json:"software_version,omitempty"`

	SoftwareStatement string `json:"software_statement,omitempty"` // RFC 7591 §2.3

	SubjectType         string `json:"subject_type,omitempty"`
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`
	DefaultMaxAge       *int   `json:"default_max_age,omitempty"`
	RequireAuthTime     bool   `json:"require_auth_time,omitempty"`

	IDTokenSigningAlg       string `json:"id_token_signed_response_alg,omitempty"`
	UserinfoSigningAlg      string `json:"userinfo_signed_response_alg,omitempty"`
	IntrospectionSigningAlg string `json:"introspection_signed_response_alg,omitempty"` // RFC 9701 §6

	RequestObjectSigningAlg   string   `json:"request_object_signing_alg,omitempty"`
	RequireSignedRequest      bool     `json:"require_signed_request_object,omitempty"`         // RFC 9101 §10.5
	RequirePAR                bool     `json:"require_pushed_authorization_requests,omitempty"` // RFC 9126 §6
	DPoPBound                 bool     `json:"dpop_bound_access_tokens,omitempty"`              // RFC 9449 §5.2
	AuthorizationDetailsTypes []string `json:"authorization_details_types,omitempty"`           // RFC 9396 §10

	PostLogoutRedirectURIs           []string `json:"post_logout_redirect_uris,omitempty"`           // RP-Initiated Logout §3.1
	BackchannelLogoutURI             string   `json:"backchannel_logout_uri,omitempty"`              // Back-Channel Logout §2.2
	BackchannelLogoutSessionRequired bool     `json:"backchannel_logout_session_required,omitempty"` // Back-Channel Logout §2.2

	// SecurityEventsURI is our own: no RFC has a name for where a client takes the
	// security event tokens that RFC 8935 pushes.
	SecurityEventsURI string `json:"security_events_uri,omitempty"`

	// What we don't do. Whoever asks for it must not believe that it is done.
	IDTokenEncryptionAlg       string `json:"id_token_encrypted_response_alg,omitempty"`
	UserinfoEncryptionAlg      string `json:"userinfo_encrypted_response_alg,omitempty"`
	IntrospectionEncryptionAlg string `json:"introspection_encrypted_response_alg,omitempty"`
	RequestObjectEncryptionAlg string `json:"request_object_encryption_alg,omitempty"`
	AuthorizationSigningAlg    string `json:"authorization_signed_response_alg,omitempty"`
	AuthorizationEncryptionAlg string `json:"authorization_encrypted_response_alg,omitempty"`
	CertificateBound           bool   `json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

// ClientInformation is the answer to a registration. RFC 7591 §3.2.1, RFC 7592 §3.
type ClientInformation struct {
	ClientID                string `json:"client_id"`
	ClientSecret            string `json:"client_secret,omitempty"` // shown when it is made, and never again
	ClientIDIssuedAt        int64  `json:"client_id_issued_at"`
	ClientSecretExpiresAt   *int64 `json:"client_secret_expires_at,omitempty"` // REQUIRED with a secret; 0: never
	RegistrationAccessToken string `json:"registration_access_token"`
	RegistrationClientURI   string `json:"registration_client_uri"`
	ClientMetadata
}

// ClientUpdate is what a client sends to change what it registered. RFC 7592 §2.2.
type ClientUpdate struct {
	ClientID, ClientSecret string
	Others                 []string // names of members that only the server sets
}

// ReadClientMetadata reads the body of a registration. update has the members
// that only an update has.
//
// RFC 7591 §2: "The authorization server MUST ignore any client metadata sent by
// the client that it does not understand". Names in other languages (§2.2,
// client_name#de) are among them: a page that shows one name cannot be told
// another in a language that nobody here reads.
func ReadClientMetadata(body []byte) (m ClientMetadata, update ClientUpdate, err error) {
	members, err := readObject(body)
	if err != nil {
		return m, update, err
	}
	known := reflect.ValueOf(&m).Elem()
	for i := range known.NumField() {
		name, _, _ := strings.Cut(known.Type().Field(i).Tag.Get("json"), ",")
		raw, sent := members[name]
		if !sent || string(raw) == "null" { // RFC 7592 §2.2: null is as omitted
			continue
		}
		if err := json.Unmarshal(raw, known.Field(i).Addr().Interface()); err != nil {
			return m, update, Refuse(metadataError(name), "%s must be %s", name, kinds[known.Field(i).Type().String()])
		}
	}
	for name, into := range map[string]*string{"client_id": &update.ClientID, "client_secret": &update.ClientSecret} {
		if raw, sent := members[name]; sent && json.Unmarshal(raw, into) != nil {
			return m, update, Refuse(InvalidClientMetadata, "%s must be a string", name)
		}
	}
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		if _, sent := members[name]; sent {
			update.Others = append(update.Others, name)
		}
	}
	return m, update, nil
}

// metadataError is the error code for a member that cannot be used. RFC 7591 §3.2.2.
func metadataError(name string) string {
	if name == "redirect_uris" {
		return InvalidRedirectURI
	}
	return InvalidClientMetadata
}

var kinds = map[string]string{
	"string": "a string", "[]string": "an array of strings", "bool": "true or false", "*int": "a whole number", "json.RawMessage": "an object",
}

// readObject reads a JSON object by hand: encoding/json takes Redirect_Uris for
// redirect_uris, the last of two members with one name, and what is no UTF-8.
func readObject(body []byte) (map[string]json.RawMessage, error) {
	no := Refuse(InvalidClientMetadata, "the body must be one JSON object in UTF-8, no name in it twice")
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') || !utf8.Valid(body) {
		return nil, no
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, no
		}
		var raw json.RawMessage
		if _, twice := members[name]; twice || decoder.Decode(&raw) != nil {
			return nil, no
		}
		members[name] = raw
	}
	if _, err := decoder.Token(); err != nil {
		return nil, no
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, no
	}
	return members, nil
}

// WithDefaults fills in what a client left out. RFC 7591 §2: "If omitted, the
// default is that the client will use only the "code" response type", the
// "authorization_code" Grant Type, and "client_secret_basic". Of the two lists
// one follows from the other (§2.1).
func (m ClientMetadata) WithDefaults() ClientMetadata {
	m.TokenEndpointAuthMethod = cmp.Or(m.TokenEndpointAuthMethod, ClientSecretBasic)
	m.ApplicationType = cmp.Or(m.ApplicationType, "web")
	m.IDTokenSigningAlg = cmp.Or(m.IDTokenSigningAlg, "RS256")
	m.SubjectType = cmp.Or(m.SubjectType, "public")
	if m.GrantTypes == nil {
		for _, responseType := range m.ResponseTypes {
			for _, needs := range GrantTypesFor(responseType) {
				if !slices.Contains(m.GrantTypes, needs) {
					m.GrantTypes = append(m.GrantTypes, needs)
				}
			}
		}
	}
	if m.GrantTypes == nil {
		m.GrantTypes = []string{AuthorizationCodeGrant}
	}
	if m.ResponseTypes == nil && slices.Contains(m.GrantTypes, AuthorizationCodeGrant) {
		m.ResponseTypes = []string{"code"}
	}
	return m
}

// GrantTypesFor lists the grant types that a response type needs: the table in
// RFC 7591 §2.1 and OIDC Registration §2.
func GrantTypesFor(responseType string) []string {
	var needs []string
	for _, part := range strings.Fields(responseType) {
		grantType := ImplicitGrant
		if part == "code" {
			grantType = AuthorizationCodeGrant
		}
		if !slices.Contains(needs, grantType) {
			needs = append(needs, grantType)
		}
	}
	return needs
}
