package oauth

// Metadata is what the discovery documents say. RFC 8414 §2, OIDC Discovery §3,
// RFC 9207 §3.
type Metadata struct {
	Issuer                                 string   `json:"issuer"`
	AuthorizationEndpoint                  string   `json:"authorization_endpoint"`
	TokenEndpoint                          string   `json:"token_endpoint"`
	UserinfoEndpoint                       string   `json:"userinfo_endpoint"`
	JWKSURI                                string   `json:"jwks_uri"`
	DeviceAuthorizationEndpoint            string   `json:"device_authorization_endpoint"`         // RFC 8628 §4
	PushedAuthorizationRequestEndpoint     string   `json:"pushed_authorization_request_endpoint"` // RFC 9126 §5
	RequirePushedAuthorizationRequests     bool     `json:"require_pushed_authorization_requests"`
	RevocationEndpoint                     string   `json:"revocation_endpoint"`
	IntrospectionEndpoint                  string   `json:"introspection_endpoint"`
	RegistrationEndpoint                   string   `json:"registration_endpoint"` // RFC 7591 §3
	ScopesSupported                        []string `json:"scopes_supported"`
	ResponseTypesSupported                 []string `json:"response_types_supported"`
	ResponseModesSupported                 []string `json:"response_modes_supported"`
	GrantTypesSupported                    []string `json:"grant_types_supported"`
	SubjectTypesSupported                  []string `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported       []string `json:"id_token_signing_alg_values_supported"`
	UserinfoSigningAlgValuesSupported      []string `json:"userinfo_signing_alg_values_supported"`
	IntrospectionSigningAlgValuesSupported []string `json:"introspection_signing_alg_values_supported"` // RFC 9701 §7
	TokenEndpointAuthMethodsSupported      []string `json:"token_endpoint_auth_methods_supported"`
	// TokenEndpointAuthMethodsRefused is ours: methods that somebody may look for,
	// each with the reason why it is not supported. RFC 8414 §2 lets us add it.
	TokenEndpointAuthMethodsRefused                    map[string]string `json:"token_endpoint_auth_methods_refused"`
	RevocationEndpointAuthMethodsSupported             []string          `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpointAuthMethodsSupported          []string          `json:"introspection_endpoint_auth_methods_supported"`
	TokenEndpointAuthSigningAlgValuesSupported         []string          `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationEndpointAuthSigningAlgValuesSupported    []string          `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpointAuthSigningAlgValuesSupported []string          `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	CodeChallengeMethodsSupported                      []string          `json:"code_challenge_methods_supported"`
	AuthorizationDetailsTypesSupported                 []string          `json:"authorization_details_types_supported"` // RFC 9396 §10
	ProtectedResources                                 []string          `json:"protected_resources"`                   // RFC 9728 §4
	ClaimsSupported                                    []string          `json:"claims_supported"`
	ClaimTypesSupported                                []string          `json:"claim_types_supported"`
	ACRValuesSupported                                 []string          `json:"acr_values_supported"`
	DisplayValuesSupported                             []string          `json:"display_values_supported"`
	UILocalesSupported                                 []string          `json:"ui_locales_supported"`
	PromptValuesSupported                              []string          `json:"prompt_values_supported"`
	EndSessionEndpoint                                 string            `json:"end_session_endpoint"`                 // RP-Initiated Logout §2.1
	BackchannelLogoutSupported                         bool              `json:"backchannel_logout_supported"`         // Back-Channel Logout §2.1
	BackchannelLogoutSessionSupported                  bool              `json:"backchannel_logout_session_supported"` // sid is told
	ServiceDocumentation                               string            `json:"service_documentation,omitempty"`
	AuthorizationResponseIssParameterSupported         bool              `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameterSupported                           bool              `json:"claims_parameter_supported"`
	RequestParameterSupported                          bool              `json:"request_parameter_supported"`
	RequestURIParameterSupported                       bool              `json:"request_uri_parameter_supported"`
	RequireRequestURIRegistration                      bool              `json:"require_request_uri_registration"`
	RequireSignedRequestObject                         bool              `json:"require_signed_request_object"`     // RFC 9101 §10.5
	DPoPSigningAlgValuesSupported                      []string          `json:"dpop_signing_alg_values_supported"` // RFC 9449 §5.1
	RequestObjectSigningAlgValuesSupported             []string          `json:"request_object_signing_alg_values_supported"`
}
