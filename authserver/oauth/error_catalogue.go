package oauth

// ErrorEntry is what a developer needs to know of an error code: the page behind
// error_uri (RFC 6749 §5.2).
type ErrorEntry struct {
	Code    string
	Source  string // where the code is defined
	Where   string // the endpoints that answer with it
	Meaning string
	Causes  []Cause
	Example string // an answer with it, as it is sent
}

// Cause is one way to get an error, and out of it.
type Cause struct{ What, Fix string }

// ErrorCatalogue has an entry for every error code that this server answers with.
var ErrorCatalogue = []ErrorEntry{
	{
		Code: InvalidRequest, Source: "RFC 6749 §4.1.2.1, §5.2", Where: "every endpoint",
		Meaning: "The request is not well formed: something is missing, stands twice, or is not what it has to be.",
		Causes: []Cause{
			{"A parameter is missing or empty. An empty one counts as missing.", "Send it. error_description names it."},
			{"A parameter stands twice, or once in the query and once more in the body.", "Send each once. Only resource, and audience in a token exchange, may repeat."},
			{"The body is JSON.", "The token endpoint and its neighbours take application/x-www-form-urlencoded. Only /register takes JSON."},
			{"A public client sends no code_challenge, or the method plain.", "Use PKCE with S256: your library has a switch for it."},
			{"The page says that the client or its redirect URI is unknown.", "Compare both with what is registered, character by character. Nobody is redirected to an address that is not registered."},
		},
		Example: "HTTP/1.1 400 Bad Request\nContent-Type: application/json\nCache-Control: no-store\n\n{\"error\":\"invalid_request\",\"error_description\":\"code is missing\"}",
	},
	{
		Code: InvalidClient, Source: "RFC 6749 §5.2", Where: "/token, /par, /revoke, /introspect, /device_authorization",
		Meaning: "We could not make sure which client is asking.",
		Causes: []Cause{
			{"The secret is wrong, was rotated, or belongs to another client.", "Look it up where you keep it; rotate it if it is lost. A secret is shown once and nobody can read it afterwards."},
			{"The client authenticates in another way than it is registered for.", "error_description says how it tried and what it is registered for. Set the method in your library."},
			{"Identifier or secret have characters that must be form-encoded before they go into the Basic header.", "RFC 6749 §2.3.1: encode first, then base64."},
			{"private_key_jwt: aud is not the issuer alone, exp has passed or lies too far ahead, the jti was used before, or the key is not one that is registered.", "aud is the issuer as a string; sign a new assertion for each request, for a minute or so."},
			{"The client was disabled or deleted.", "Ask whoever runs it."},
		},
		Example: "HTTP/1.1 401 Unauthorized\nContent-Type: application/json\nWWW-Authenticate: Basic realm=\"acme accounts\", charset=\"UTF-8\"\n\n{\"error\":\"invalid_client\",\"error_description\":\"client authentication failed: the client is not known or its secret is wrong\"}",
	},
	{
		Code: InvalidGrant, Source: "RFC 6749 §5.2", Where: "/token",
		Meaning: "What was handed in (a code, a refresh token, an assertion, a password) is not good, or not good for this client.",
		Causes: []Cause{
			{"The code is older than a minute or was used before.", "Redeem it once, at once. A second use ends every token that came from the first: a page that is loaded twice, or a retry, does that."},
			{"redirect_uri is not the one of the authorization request.", "Send the same string again."},
			{"code_verifier does not match, or was sent without a challenge, or was left out.", "Keep the verifier with the state of the same attempt. Two tabs need two."},
			{"The refresh token was used before: all tokens of its grant have ended.", "Store the new refresh token of each answer before you use its access token, and refresh in one place at a time."},
			{"The person removed the application, or the consent has expired.", "Send the person to the authorization endpoint again."},
			{"The token is bound to a key, and the DPoP proof was made with another one.", "Keep the key as long as the refresh token."},
		},
		Example: "HTTP/1.1 400 Bad Request\nContent-Type: application/json\n\n{\"error\":\"invalid_grant\",\"error_description\":\"the code has been used before; the tokens that came from it are revoked\"}",
	},
	{
		Code: UnauthorizedClient, Source: "RFC 6749 §4.1.2.1, §5.2", Where: "/authorize, /token, /par, /device_authorization",
		Meaning: "We know the client, and it is not registered for what it tries.",
		Causes: []Cause{
			{"The grant type or response type is not among those that the client is registered for.", "Register it, or use one that is: a machine has client credentials, a television the device code."},
		},
		Example: "{\"error\":\"unauthorized_client\",\"error_description\":\"the client is not registered for grant_type client_credentials\"}",
	},
	{
		Code: UnsupportedGrantType, Source: "RFC 6749 §5.2", Where: "/token",
		Meaning: "The server has no such grant type.",
		Causes: []Cause{
			{"The value is misspelt. Those of extensions are URNs.", "grant_types_supported in the discovery document has them all."},
			{"It is password, and LEGACY_GRANTS is off.", "Use the authorization code with PKCE."},
		},
		Example: "{\"error\":\"unsupported_grant_type\",\"error_description\":\"grant_type 'password' is not supported\"}",
	},
	{
		Code: UnsupportedResponseType, Source: "RFC 6749 §4.1.2.1", Where: "/authorize, /par",
		Meaning: "The server does not answer in that way.",
		Causes: []Cause{
			{"A hybrid type such as code id_token.", "Use code. What the hybrid types were for, PKCE, nonce and iss do."},
			{"token or id_token, and LEGACY_GRANTS is off.", "Use code with PKCE, in the browser too."},
		},
		Example: "http://localhost:9002/callback?error=unsupported_response_type&error_description=…&state=…&iss=…",
	},
	{
		Code: InvalidScope, Source: "RFC 6749 §4.1.2.1, §5.2", Where: "/authorize, /token, /par, /device_authorization",
		Meaning: "The scope is missing, unknown, or more than may be had.",
		Causes: []Cause{
			{"The name is misspelt, or the client is not registered for it.", "error_description names it and lists what is allowed."},
			{"A client by itself asks for a person’s data.", "Client credentials give public data alone: packages:read and reviews:read."},
			{"A refresh asks for more than was granted.", "Send the person to the authorization endpoint with the wider scope."},
		},
		Example: "{\"error\":\"invalid_scope\",\"error_description\":\"preferences:write was not granted; granted was: openid profile\"}",
	},
	{
		Code: AccessDenied, Source: "RFC 6749 §4.1.2.1, RFC 8628 §3.5", Where: "/authorize, /token (device code)",
		Meaning: "The person said no, or ticked nothing.",
		Causes: []Cause{
			{"They do not want to.", "Go on without the data, and ask again only when they do something that needs it."},
		},
		Example: "http://localhost:9002/callback?error=access_denied&error_description=the+person+said+no&state=…&iss=…",
	},
	{
		Code: LoginRequired, Source: "OIDC Core §3.1.2.6", Where: "/authorize",
		Meaning: "With prompt=none no page may be shown, and nobody is signed in (or not the person whom the request is about, or not recently enough).",
		Causes: []Cause{
			{"The session here has ended.", "Send the browser again without prompt=none."},
			{"id_token_hint or claims name another person than the one at the browser.", "Leave them out, or let that person sign in."},
		},
		Example: "…?error=login_required&error_description=nobody+is+signed+in,+or+not+recently+enough&state=…&iss=…",
	},
	{
		Code: ConsentRequired, Source: "OIDC Core §3.1.2.6", Where: "/authorize",
		Meaning: "With prompt=none no page may be shown, and the person has not agreed to all of it.",
		Causes: []Cause{
			{"The consent was for less, for once, or has expired.", "Send the browser again without prompt=none."},
		},
		Example: "…?error=consent_required&error_description=the+person+has+not+agreed+to+all+of+this&state=…&iss=…",
	},
	{
		Code: UnmetAuthenticationRequirements, Source: "OpenID Connect Core Error Code unmet_authentication_requirements", Where: "/authorize",
		Meaning: "The client insists on a way of signing in that this server does not have.",
		Causes: []Cause{
			{"claims asks for acr as essential, with a value that is not in acr_values_supported.", "Ask by acr_values, which is a wish, or do without."},
		},
		Example: "…?error=unmet_authentication_requirements&state=…&iss=…",
	},
	{
		Code: InvalidRequestURI, Source: "RFC 9101 §7", Where: "/authorize",
		Meaning: "The reference to a pushed request is not good any more, or never was.",
		Causes: []Cause{
			{"It is older than a minute, or the question behind it has been answered.", "Push the request again, right before you send the browser."},
			{"It was pushed by another client.", "client_id must be that of the client which pushed."},
		},
		Example: "a page with status 400 that names invalid_request_uri; nobody is redirected",
	},
	{
		Code: InvalidRequestObject, Source: "RFC 9101 §7", Where: "/authorize, /par",
		Meaning: "The request object is not a JWT that this client signed for this server.",
		Causes: []Cause{
			{"It is unsigned, encrypted, or signed with a key that is not registered.", "Sign with a key of the client’s jwks, by an algorithm of request_object_signing_alg_values_supported."},
			{"iss and client_id in it are not the client, or aud is not the issuer.", "iss and client_id: the client_id. aud: the issuer."},
			{"A parameter stands outside alone.", "Only what stands in the request object counts. Put everything in."},
		},
		Example: "{\"error\":\"invalid_request_object\",\"error_description\":\"the request object is not signed with a key that the client registered\"}",
	},
	{
		Code: RequestURINotSupported, Source: "OIDC Core §3.1.2.6, RFC 9101 §7", Where: "/authorize",
		Meaning: "The server fetches no requests from elsewhere: whoever sends one would choose whom it calls.",
		Causes: []Cause{
			{"request_uri is an address of yours.", "Push the request to /par and send the reference that you get."},
		},
		Example: "…?error=request_uri_not_supported&state=…&iss=…",
	},
	{
		Code: AuthorizationPending, Source: "RFC 8628 §3.5", Where: "/token (device code)",
		Meaning: "The person has not decided yet. Not a failure.",
		Causes: []Cause{
			{"They are still typing.", "Ask again after interval seconds."},
		},
		Example: "{\"error\":\"authorization_pending\",\"error_description\":\"nobody has decided yet\"}",
	},
	{
		Code: SlowDown, Source: "RFC 8628 §3.5", Where: "/token (device code)",
		Meaning: "The device asks too often.",
		Causes: []Cause{
			{"Less than interval seconds passed since the last question.", "Add five seconds to the interval, for the rest of this flow."},
		},
		Example: "{\"error\":\"slow_down\",\"error_description\":\"…\"}",
	},
	{
		Code: ExpiredToken, Source: "RFC 8628 §3.5", Where: "/token (device code)",
		Meaning: "The device code has expired.",
		Causes: []Cause{
			{"Nobody typed it in time.", "Ask for a new one and show it."},
		},
		Example: "{\"error\":\"expired_token\",\"error_description\":\"the device code has expired\"}",
	},
	{
		Code: InvalidTarget, Source: "RFC 8707 §2, RFC 8693 §2.2.2", Where: "/authorize, /token, /par",
		Meaning: "No token for that resource can be had.",
		Causes: []Cause{
			{"resource is not an absolute URI, has a fragment, or names an API that this server issues no tokens for.", "protected_resources in the discovery document has them, and the issuer itself is one for userinfo."},
			{"The token request names a resource that the authorization request did not.", "Name at /authorize all that you will need."},
		},
		Example: "{\"error\":\"invalid_target\",\"error_description\":\"…\"}",
	},
	{
		Code: InvalidAuthorizationDetails, Source: "RFC 9396 §5", Where: "/authorize, /token, /par",
		Meaning: "authorization_details is not what its type allows.",
		Causes: []Cause{
			{"It is not a JSON array, or a type in it is unknown or not registered for the client.", "authorization_details_types_supported lists the types; the scopes page shows one in full."},
			{"The token request asks for more than was agreed to.", "It may narrow, never widen."},
		},
		Example: "{\"error\":\"invalid_authorization_details\",\"error_description\":\"…\"}",
	},
	{
		Code: InvalidToken, Source: "RFC 6750 §3.1", Where: "/userinfo, /register/{client_id}, Acme’s API",
		Meaning: "The token is not good: not ours, expired, revoked, or for somebody else.",
		Causes: []Cause{
			{"It has expired.", "Refresh it, once, and try again."},
			{"The person took the permission back.", "Stop, and ask again when there is a reason to."},
			{"It is an ID token.", "ID tokens tell the client who signed in. APIs take access tokens."},
			{"It is bound to a key and was sent as Bearer.", "Send it with the scheme DPoP and a proof."},
		},
		Example: "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer realm=\"acme accounts\", error=\"invalid_token\", error_description=\"the access token has expired\"",
	},
	{
		Code: InsufficientScope, Source: "RFC 6750 §3.1", Where: "/userinfo, Acme’s API",
		Meaning: "The token is good, and does not open this.",
		Causes: []Cause{
			{"The permission was not asked for, or the person left it unticked.", "scope in the token response says what was granted; scope in the challenge says what is needed."},
		},
		Example: "HTTP/1.1 403 Forbidden\nWWW-Authenticate: Bearer realm=\"acme\", error=\"insufficient_scope\", scope=\"preferences:read\"",
	},
	{
		Code: InsufficientUserAuthentication, Source: "RFC 9470 §3", Where: "Acme’s API",
		Meaning: "The token is good, and the person signed in too long ago for this.",
		Causes: []Cause{
			{"A write at Acme wants a login that is not older than five minutes.", "Send the person to the authorization endpoint with the max_age of the challenge, and repeat the call with the new token."},
		},
		Example: "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer realm=\"acme\", error=\"insufficient_user_authentication\", max_age=\"300\"",
	},
	{
		Code: InvalidDPoPProof, Source: "RFC 9449 §5", Where: "/token, /par, /userinfo, Acme’s API",
		Meaning: "The DPoP proof is missing, or not one for this request.",
		Causes: []Cause{
			{"htm or htu are those of another request.", "htu is the address that you call, without query and fragment."},
			{"iat is more than a minute off.", "Set the clock; make a proof for each request."},
			{"ath is missing or is not the hash of the access token.", "Where an access token is sent, ath is base64url(SHA-256(token))."},
			{"The proof was sent before.", "Each proof has a jti of its own and works once."},
			{"The client is registered for bound tokens and sent none.", "Send a DPoP header with every token request."},
		},
		Example: "HTTP/1.1 400 Bad Request\n\n{\"error\":\"invalid_dpop_proof\",\"error_description\":\"…\"}",
	},
	{
		Code: UseDPoPNonce, Source: "RFC 9449 §8, §9", Where: "/token, /par, /userinfo, Acme’s API",
		Meaning: "The proof needs a nonce of this server. Not a failure: the answer brings one.",
		Causes: []Cause{
			{"The proof has no nonce, or an old one.", "Take it from the DPoP-Nonce header, make a new proof with it, repeat the request. Keep one nonce for each server."},
		},
		Example: "HTTP/1.1 400 Bad Request\nDPoP-Nonce: …\n\n{\"error\":\"use_dpop_nonce\",\"error_description\":\"…\"}",
	},
	{
		Code: InvalidRedirectURI, Source: "RFC 7591 §3.2.2", Where: "/register",
		Meaning: "A redirect URI cannot be registered.",
		Causes: []Cause{
			{"It is plain http on another host than a loopback one, has a fragment, a user name, or a scheme such as javascript.", "Use https; http is for localhost, a scheme of your own (with a dot in it) for native applications."},
		},
		Example: "{\"error\":\"invalid_redirect_uri\",\"error_description\":\"…\"}",
	},
	{
		Code: InvalidClientMetadata, Source: "RFC 7591 §3.2.2", Where: "/register",
		Meaning: "What the client wants to register does not go together or is not supported.",
		Causes: []Cause{
			{"A value is not supported: client_secret_jwt, subject_type pairwise, the password grant.", "error_description names the member and says what is possible."},
			{"Grant types and response types do not fit.", "RFC 7591 §2.1: code goes with authorization_code, token and id_token with implicit."},
			{"jwks and jwks_uri both stand there, or a key in jwks is private.", "One of the two, with public keys alone."},
			{"An address leads into a private network.", "We call no such address, whoever asks."},
		},
		Example: "{\"error\":\"invalid_client_metadata\",\"error_description\":\"…\"}",
	},
	{
		Code: UnapprovedSoftwareStatement, Source: "RFC 7591 §3.2.2", Where: "/register",
		Meaning: "The software statement is by nobody whom this server trusts.",
		Causes: []Cause{
			{"It trusts nobody to make one.", "Register without it."},
		},
		Example: "{\"error\":\"unapproved_software_statement\",\"error_description\":\"…\"}",
	},
	{
		Code: TemporarilyUnavailable, Source: "RFC 6749 §4.1.2.1", Where: "every endpoint",
		Meaning: "The server cannot work at the moment. Nothing was changed.",
		Causes: []Cause{
			{"Its disk is full, its database is locked, or it is stopping.", "Try again after Retry-After seconds."},
		},
		Example: "HTTP/1.1 503 Service Unavailable\nRetry-After: 2\n\n{\"error\":\"temporarily_unavailable\",\"error_description\":\"…\"}",
	},
	{
		Code: ServerError, Source: "RFC 6749 §4.1.2.1", Where: "every endpoint",
		Meaning: "Something went wrong here. It is our fault, and it is in our log.",
		Causes: []Cause{
			{"A fault of this server.", "Tell whoever runs it the time of the request."},
		},
		Example: "HTTP/1.1 500 Internal Server Error\n\n{\"error\":\"server_error\",\"error_description\":\"something went wrong here; it is in our log\"}",
	},
}

// ErrorByCode returns a catalogue entry. False: we never answer with that code.
func ErrorByCode(code string) (ErrorEntry, bool) {
	for _, entry := range ErrorCatalogue {
		if entry.Code == code {
			return entry, true
		}
	}
	return ErrorEntry{}, false
}
