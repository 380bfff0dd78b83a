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
func Transport(env environment.Environment) *http.Transport {
	targets := map[string]environment.BaseURL{}
	for public, dial := range map[environment.BaseURL]environment.BaseURL{
		env.AuthserverURL: env.AuthserverBackchannelURL,
		env.AcmeURL:       env.AcmeBackchannelURL,
		env.DreamsURL:     env.DreamsBackchannelURL,
	} {
		if dial != "" {
			targets[public.Address()] = dial
		}
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if target, ok := targets[address]; ok {
			address = target.Address()
		}
		host, port, err := net.SplitHostPort(address)
		if err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("localhost", port)
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Transport{
		DialContext: dial,
		// Behind a proxy that speaks TLS to browsers, programs speak plain HTTP
		// to one another: the connection is what the back channel URL says.
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if target, ok := targets[address]; err != nil || (ok && !target.Secure()) {
				return conn, err
			}
			host, _, _ := net.SplitHostPort(address)
			client := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
			if err := client.HandshakeContext(ctx); err != nil {
				_ = conn.Close()
				return nil, err
			}
			return client, nil
		},
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       60 * time.Second,
		ResponseHeaderTimeout: 15 * time.Second,
	}
}
