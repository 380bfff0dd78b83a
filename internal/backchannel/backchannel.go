// Package backchannel is how one program calls another: no browser between
// them, and the same URLs that the browser sees.
package backchannel

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"time"

	"example.com/acme-dreams/internal/environment"
)

// connectTimeout is how long a connection may take, TLS included.
const connectTimeout = 5 * time.Second

// Client returns an HTTP client for calls to the three programs. It follows no
// redirects: no endpoint that it is made for answers with one, and a token must
// not travel to where an answer points.
func Client(env environment.Environment, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     Transport(env),
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Transport dials a program at its back channel URL where one is set, and
// *.localhost at loopback, which DNS need not know. Only the connection
// changes: URL, Host header and issuer stay as they are, so that a standard
// client library notices nothing.
//
// Whether the connection is TLS is what the back channel URL says: behind a
// proxy that speaks TLS to browsers, programs speak plain HTTP to one another.
func Transport(env environment.Environment) *http.Transport {
	targets := map[string]environment.BaseURL{}
	for public, target := range map[environment.BaseURL]environment.BaseURL{
		env.AuthserverURL: env.AuthserverBackchannelURL,
		env.AcmeURL:       env.AcmeBackchannelURL,
		env.DreamsURL:     env.DreamsBackchannelURL,
	} {
		if target != "" {
			targets[strings.ToLower(public.Address())] = target
		}
	}
	connect := func(secure bool) func(ctx context.Context, network, address string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			if target, ok := targets[strings.ToLower(address)]; ok {
				return dial(ctx, network, target.Address(), address, target.Secure())
			}
			return dial(ctx, network, address, address, secure)
		}
	}
	return &http.Transport{
		DialContext:           connect(false),
		DialTLSContext:        connect(true),
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       60 * time.Second,
		ResponseHeaderTimeout: 15 * time.Second,
	}
}

// dial connects to target; a certificate must be public's.
func dial(ctx context.Context, network, target, public string, secure bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, environment.Loopback(target))
	if err != nil || !secure {
		return conn, err
	}
	host, _, err := net.SplitHostPort(public)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	client := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := client.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, nil
}
