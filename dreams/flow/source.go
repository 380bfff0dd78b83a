package flow

import "embed"

// Source is this package as it was compiled, for the page that explains it.
//
//go:embed authorization_server.go authorization_code.go refresh_token.go client_credentials.go client_assertion.go token_exchange.go jwt_bearer.go device_code.go password.go userinfo.go revocation.go
//go:embed pushed_authorization_request.go request_object.go authorization_details.go dpop.go step_up.go registration.go introspection.go logout.go protected_resource.go backchannel_logout.go security_event.go
var Source embed.FS
