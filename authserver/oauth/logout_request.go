package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// LogoutRequest is what a client sends the browser to /logout with.
// RP-Initiated Logout §2. logout_hint and ui_locales may come too: whom to sign
// out the cookie says, and our pages have one language.
type LogoutRequest struct {
	IDTokenHint           string
	ClientID              string
	PostLogoutRedirectURI string
	State                 string

	// Sent is everything that was sent, for the rules about form.
	Sent Parameters
}

// ParseLogoutRequest reads the parameters. It judges nothing.
func ParseLogoutRequest(p Parameters) LogoutRequest {
	return LogoutRequest{
		IDTokenHint:           p.Get("id_token_hint"),
		ClientID:              p.Get("client_id"),
		PostLogoutRedirectURI: p.Get("post_logout_redirect_uri"),
		State:                 p.Get("state"),
		Sent:                  p,
	}
}

// Location is where the browser goes afterwards: the registered URI with the
// state behind it. Empty: nowhere.
func (r LogoutRequest) Location() string {
	if r.PostLogoutRedirectURI == "" || r.State == "" {
		return r.PostLogoutRedirectURI
	}
	separator := "?"
	if strings.Contains(r.PostLogoutRedirectURI, "?") {
		separator = "&"
	}
	return r.PostLogoutRedirectURI + separator + "state=" + url.QueryEscape(r.State)
}

// StateAcceptable is the rule of the authorization request.
func (r LogoutRequest) StateAcceptable() bool { return stateAcceptable(r.State) }

// PostLogoutRedirectURIRegistered compares strings, as RedirectURIRegistered does.
func (c *Client) PostLogoutRedirectURIRegistered(uri string) bool {
	return slices.Contains(c.PostLogoutRedirectURIs, uri)
}
