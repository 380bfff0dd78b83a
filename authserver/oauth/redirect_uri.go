package oauth

import (
	"net/netip"
	"net/url"
	"strings"
)

// RedirectURIRegistered tells whether a client registered a redirect URI.
//
// RFC 9700 §2.1: "authorization servers MUST utilize exact string matching
// except for port numbers in localhost redirection URIs of native apps". We
// compare strings and never parse what a stranger sent in order to find out
// where it leads: two parsers never agree for long.
func (c *Client) RedirectURIRegistered(uri string) bool {
	for _, registered := range c.RedirectURIs {
		if uri == registered || (c.Kind == "native" && sameButPort(registered, uri)) {
			return true
		}
	}
	return false
}

// sameButPort tells whether uri is a registered loopback address with a port
// put in. RFC 8252 §7.3: "The authorization server MUST allow any port to be
// specified at the time of the request for loopback IP redirect URIs".
func sameButPort(registered, uri string) bool {
	for _, prefix := range []string{"http://127.0.0.1", "http://[::1]"} {
		path, ok := strings.CutPrefix(registered, prefix)
		if !ok || !strings.HasPrefix(path, "/") {
			continue
		}
		rest, ok := strings.CutPrefix(uri, prefix+":")
		if !ok {
			continue
		}
		port, ok := strings.CutSuffix(rest, path)
		if _, err := netip.ParseAddrPort("127.0.0.1:" + port); ok && err == nil {
			return true
		}
	}
	return false
}

// Origin is the scheme, host and port of a registered redirect URI, for the
// headers in which browsers want an origin; empty where it has none, as
// com.example.app:/callback.
func Origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// HostOf is the host of a registered URI, as a person reads it; empty for none.
func HostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || uri == "" {
		return ""
	}
	if u.Host == "" {
		return u.Scheme + ":"
	}
	return u.Host
}
