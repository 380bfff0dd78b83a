// Package outbound calls addresses that strangers name: a client's jwks_uri, its
// sector_identifier_uri, where it wants to hear of a logout. Whoever names an
// address makes this computer connect to it, from inside the network that it
// stands in: RFC 9700 and OpenID Connect call that server-side request forgery.
//
// A name is no protection, because it may lead elsewhere a second later. So the
// address is judged at the moment of the connection, by the dialer.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// How long a stranger's server may take, and how much it may say.
const (
	connectTimeout = 3 * time.Second
	timeout        = 5 * time.Second // for all of it, the body too
	maxHeader      = 16 << 10
)

// ErrPrivate is what an address gets that only this network can reach.
var ErrPrivate = errors.New("outbound: the address is not a public one")

// Client returns an HTTP client for addresses that strangers name. It follows no
// redirects, asks no proxy, and keeps no cookies and no connections.
//
// private lets it connect to addresses that are not public, and without TLS:
// ALLOW_PRIVATE_URIS=on, for tests.
func Client(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !private {
		dialer.Control = refusePrivate
	}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: scheme{private, &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: maxHeader,
			DisableKeepAlives:      true,
			DisableCompression:     true,
		}},
	}
}

// refusePrivate runs when the name has been resolved and before the connection
// is made: what it sees is where the connection goes.
func refusePrivate(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !Public(to.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivate, address)
	}
	return nil
}

// scheme refuses what is not HTTPS.
type scheme struct {
	private bool
	next    http.RoundTripper
}

func (s scheme) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := URI(r.URL.String(), s.private); err != nil {
		return nil, err
	}
	return s.next.RoundTrip(r)
}

// Get fetches a document. Only a 200 has one; a longer one than limit is none.
func Get(ctx context.Context, client *http.Client, uri string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", uri, resp.Status)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(document)) > limit {
		err = fmt.Errorf("%s answered more than %d bytes", uri, limit)
	}
	return document, err
}

// maxURI is the longest URI that we take.
const maxURI = 2048

// URI tells what is wrong with a URI that a stranger names, as far as can be
// told without a connection: where its host leads is seen when it is dialled.
func URI(uri string, private bool) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxURI || u.Hostname() == "" || u.Opaque != "":
		return errors.New("it must be an absolute URI with a host")
	case u.User != nil:
		return errors.New("it must not hold a user or a password")
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return errors.New("it must not have a fragment")
	case private && (u.Scheme == "http" || u.Scheme == "https"):
		return nil
	case u.Scheme != "https":
		return errors.New("it must begin with https://")
	case PrivateHost(u.Hostname()):
		return errors.New("it leads to an address that is not public")
	}
	return nil
}

// PrivateHost tells whether a host is only reachable from near by, as far as the
// name says so: an address that is not public, a number that some parsers take
// for an address, a name without a dot, or a name that RFC 6761, RFC 6762 and
// RFC 8375 reserve, or that no public registry will ever give away.
func PrivateHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return !Public(ip)
	}
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	last := labels[len(labels)-1]
	switch last {
	case "localhost", "local", "internal", "intranet", "lan", "home", "corp", "onion", "arpa":
		return true
	}
	number := last != "" && strings.Trim(last, "0123456789") == ""
	return len(labels) < 2 || number || strings.HasPrefix(last, "0x")
}
