package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/endpoint"
	"example.com/acme-dreams/views"
)

// Route is a line of the route table. The table feeds the router and the
// discovery documents.
type Route struct {
	Method, Path  string
	Handler       echo.HandlerFunc
	Metadata      string // its name in RFC 8414 metadata; empty: it has none
	Specification string // whose endpoint it is; "ours" where no standard has it
	CORS          bool   // scripts of registered applications may call it
}

// routes is every address of the program.
func (s *Server) routes(e *endpoint.Endpoints) []Route {
	static := echo.WrapHandler(views.Static())
	theme := echo.WrapHandler(views.ThemeHandler("authserver_theme", e.Env.AuthserverURL.Secure()))
	const get, post, put, del, options = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions
	return []Route{
		// The protocol: what browsers carry.
		{get, "/authorize", e.Authorize, "authorization_endpoint", "RFC 6749 §3.1", false},
		{post, "/authorize", e.Authorize, "", "OIDC Core §3.1.2.1", false},
		{get, "/logout", e.EndSession, "end_session_endpoint", "RP-Initiated Logout §2", false},
		{post, "/logout", e.EndSession, "", "RP-Initiated Logout §2", false},
		// The protocol: what programs call.
		{post, "/token", e.Token, "token_endpoint", "RFC 6749 §3.2", true},
		{post, "/par", e.PushedAuthorizationRequest, "pushed_authorization_request_endpoint", "RFC 9126 §2", true},
		{post, "/device_authorization", e.DeviceAuthorization, "device_authorization_endpoint", "RFC 8628 §3.1", false},
		{post, "/revoke", e.Revoke, "revocation_endpoint", "RFC 7009 §2", true},
		{get, "/userinfo", e.Userinfo, "userinfo_endpoint", "OIDC Core §5.3", true},
		{post, "/userinfo", e.Userinfo, "", "OIDC Core §5.3.1", true},
		{post, "/introspect", e.Introspect, "introspection_endpoint", "RFC 7662 §2", false},
		{post, "/register", e.Register, "registration_endpoint", "RFC 7591 §3", false},
		{get, "/register/:client_id", e.ReadClient, "", "RFC 7592 §2.1", false},
		{put, "/register/:client_id", e.UpdateClient, "", "RFC 7592 §2.2", false},
		{del, "/register/:client_id", e.DeleteClient, "", "RFC 7592 §2.3", false},
		{get, "/jwks", e.JWKS, "jwks_uri", "RFC 7517 §5", false},
		{get, "/revocations", e.Revocations, "", "ours", false},
		{get, "/.well-known/oauth-authorization-server", s.discovery, "", "RFC 8414 §3", false},
		{get, "/.well-known/openid-configuration", s.discovery, "", "OIDC Discovery §4", false},
		{options, "/jwks", endpoint.DocumentPreflight, "", "ours", false},
		{options, "/.well-known/oauth-authorization-server", endpoint.DocumentPreflight, "", "ours", false},
		{options, "/.well-known/openid-configuration", endpoint.DocumentPreflight, "", "ours", false},
		// Pages on the way: signing in and deciding.
		{get, "/authorize/resume", e.Resume, "", "ours", false},
		{get, "/login", e.LoginPage, "", "ours", false},
		{post, "/login", e.Login, "", "ours", false},
		{get, "/signup", e.SignUpPage, "", "ours", false},
		{post, "/signup", e.SignUp, "", "ours", false},
		{get, "/consent", e.ConsentPage, "", "ours", false},
		{post, "/consent", e.Consent, "", "ours", false},
		{get, "/device", e.DevicePage, "", "RFC 8628 §3.3", false},
		{post, "/device", e.Device, "", "RFC 8628 §3.3", false},
		{get, "/device/done", e.DeviceDone, "", "ours", false},
		{get, "/account/choose", e.ChoosePage, "", "OIDC Core §3.1.2.1", false},
		{post, "/account/choose", e.Choose, "", "OIDC Core §3.1.2.1", false},
		{post, "/logout/confirm", e.ConfirmLogout, "", "RP-Initiated Logout §2", false},
		{post, "/account/switch", e.SwitchAccount, "", "ours", false},
		// The person's own pages.
		{get, "/", e.Home, "", "ours", false},
		{get, "/account", e.Account, "", "ours", false},
		{get, "/account/apps", e.Apps, "", "ours", false},
		{post, "/account/apps", e.RevokeApp, "", "ours", false},
		{get, "/account/apps/history", e.ConsentHistory, "", "ours", false},
		{get, "/account/apps/remove-all", e.RemoveAllApps, "", "ours", false},
		{get, "/account/apps/:id", e.App, "", "ours", false},
		{post, "/account/apps/:id", e.TakeBack, "", "ours", false},
		{get, "/account/apps/:id/remove", e.RemoveApp, "", "ours", false},
		{get, "/account/apps/:id/receipt", e.Receipt, "", "ours", false},
		{get, "/account/password", e.PasswordPage, "", "ours", false},
		{post, "/account/password", e.ChangePassword, "", "ours", false},
		{get, "/account/sessions", e.SessionsPage, "", "ours", false},
		{post, "/account/sessions", e.EndSessions, "", "ours", false},
		{get, "/account/profile", e.ProfilePage, "", "ours", false},
		{post, "/account/profile", e.ChangeProfile, "", "ours", false},
		{get, "/account/address", e.AddressPage, "", "ours", false},
		{post, "/account/address", e.Address, "", "ours", false},
		{get, "/account/outbox", e.OutboxPage, "", "ours", false},
		{get, "/account/security", e.Security, "", "ours", false},
		{post, "/account/logout", e.Logout, "", "ours", false},
		{get, "/signed-out", e.SignedOut, "", "ours", false},
		{get, "/help", e.Help, "", "ours", false},
		{get, "/docs/scopes", e.ScopesPage, "", "ours", false},
		{get, "/docs/bad-consent", e.BadConsentPage, "", "ours", false},
		{get, "/docs/decisions", e.DecisionsPage, "", "ours", false},
		{get, "/docs/errors", e.ErrorsPage, "", "ours", false},
		{get, "/docs/errors/:code", e.ErrorCodePage, "", "RFC 6749 §5.2", false},
		{get, "/docs/glossary", e.GlossaryPage, "", "ours", false},
		// The developer portal.
		{get, "/developer", e.Developer, "", "ours", false},
		{get, "/developer/new", e.NewApplicationPage, "", "RFC 6749 §2", false},
		{post, "/developer/new", e.NewApplication, "", "RFC 6749 §2", false},
		{get, "/developer/console", e.Console, "", "ours", false},
		{post, "/developer/console", e.CallAPI, "", "ours", false},
		{get, "/developer/apps/:client_id", e.ApplicationPage, "", "ours", false},
		{post, "/developer/apps/:client_id", e.ChangeApplication, "", "ours", false},
		{post, "/developer/apps/:client_id/logo", e.UploadLogo, "", "ours", false},
		{get, "/logos/:client_id/:name", e.Logo, "", "ours", false},
		// The operator's.
		{get, "/operator/users", e.People, "", "ours", false},
		{post, "/operator/users", e.LockPerson, "", "ours", false},
		// What all three programs have.
		{get, "/static/*", static, "", "ours", false},
		{post, "/theme", theme, "", "ours", false},
	}
}

// discovery serves the document that is made from the table.
func (s *Server) discovery(c echo.Context) error { return s.metadata(c) }

// mount puts the table on the router. A path that scripts may call answers
// their preflight too.
func mount(router *echo.Echo, e *endpoint.Endpoints, table []Route) {
	preflight := map[string]bool{}
	for _, r := range table {
		var around []echo.MiddlewareFunc
		if r.CORS {
			around = append(around, e.CrossOrigin)
		}
		router.Add(r.Method, r.Path, r.Handler, around...)
		if r.Method == http.MethodGet { // RFC 9110 §9.3.2
			router.Add(http.MethodHead, r.Path, r.Handler, around...)
		}
		if r.CORS && !preflight[r.Path] {
			preflight[r.Path] = true
			router.Add(http.MethodOptions, r.Path, e.Preflight, around...)
		}
	}
}

// metadataPaths lists the addresses that the discovery documents name.
func metadataPaths(table []Route) map[string]string {
	paths := map[string]string{}
	for _, r := range table {
		if r.Metadata != "" {
			paths[r.Metadata] = r.Path
		}
	}
	return paths
}
