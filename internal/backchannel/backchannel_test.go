package backchannel

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"example.com/acme-dreams/internal/environment"
)

// serve answers with the Host header that arrived.
func serve(t *testing.T) (server *httptest.Server, seen *http.Request) {
	t.Helper()
	seen = new(http.Request)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { *seen = *r }))
	t.Cleanup(server.Close)
	return server, seen
}

func port(t *testing.T, server *httptest.Server) string {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func get(t *testing.T, client *http.Client, url string) *http.Response {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

func TestOnlyTheConnectionChanges(t *testing.T) {
	server, seen := serve(t)
	for _, public := range []environment.BaseURL{"http://accounts.invalid:9000", "http://Accounts.invalid:9000", "http://accounts.invalid"} {
		env := environment.Environment{AuthserverURL: public, AuthserverBackchannelURL: environment.BaseURL(server.URL)}
		resp := get(t, Client(env, 5*time.Second), public.String()+"/token?a=b")
		if resp.Request.URL.String() != public.String()+"/token?a=b" {
			t.Errorf("the URL became %s", resp.Request.URL)
		}
		if seen.Host != public.Host() || seen.URL.Path != "/token" {
			t.Errorf("arrived as %s%s, want Host %s", seen.Host, seen.URL.Path, public.Host())
		}
	}
}

func TestEachProgramHasItsOwnBackChannel(t *testing.T) {
	authserver, toAuthserver := serve(t)
	acme, toAcme := serve(t)
	dreams, toDreams := serve(t)
	client := Client(environment.Environment{
		AuthserverURL: "http://a.invalid:1", AuthserverBackchannelURL: environment.BaseURL(authserver.URL),
		AcmeURL: "http://a.invalid:2", AcmeBackchannelURL: environment.BaseURL(acme.URL),
		DreamsURL: "http://a.invalid:3", DreamsBackchannelURL: environment.BaseURL(dreams.URL),
	}, 5*time.Second)
	for url, seen := range map[string]*http.Request{"http://a.invalid:1/one": toAuthserver, "http://a.invalid:2/two": toAcme, "http://a.invalid:3/three": toDreams} {
		get(t, client, url)
		if seen.Host == "" || "http://"+seen.Host+seen.URL.Path != url {
			t.Errorf("%s did not arrive where it belongs", url)
		}
	}
}

func TestWithoutABackChannelThePublicURLIsDialled(t *testing.T) {
	server, seen := serve(t)
	get(t, Client(environment.Environment{AcmeURL: environment.BaseURL(server.URL)}, 5*time.Second), server.URL+"/api")
	if seen.URL.Path != "/api" {
		t.Error("it did not arrive")
	}
}

// Behind a proxy that speaks TLS to browsers, programs speak plain HTTP.
func TestPublicHTTPSOverAPlainBackChannel(t *testing.T) {
	server, seen := serve(t)
	env := environment.Environment{AuthserverURL: "https://accounts.invalid", AuthserverBackchannelURL: environment.BaseURL(server.URL)}
	get(t, Client(env, 5*time.Second), "https://accounts.invalid/jwks")
	if seen.Host != "accounts.invalid" || seen.TLS != nil {
		t.Errorf("arrived as %q, TLS %v", seen.Host, seen.TLS)
	}
}

func TestATLSBackChannelMustShowThePublicNamesCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for _, public := range []environment.BaseURL{"https://accounts.invalid", "http://accounts.invalid"} {
		env := environment.Environment{AuthserverURL: public, AuthserverBackchannelURL: environment.BaseURL(server.URL)}
		resp, err := Client(env, 5*time.Second).Get(public.String() + "/jwks")
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: a certificate that nobody signed was taken", public)
		}
	}
}

func TestTLSWithoutABackChannelIsTLS(t *testing.T) {
	server, _ := serve(t) // speaks plain HTTP, so a handshake must fail
	resp, err := Client(environment.Environment{}, 5*time.Second).Get("https://127.0.0.1:" + port(t, server))
	if err == nil {
		_ = resp.Body.Close()
		t.Error("https was spoken without TLS")
	}
}

func TestNamesBelowLocalhostNeedNoDNS(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.NotFoundHandler()}}
	server.Start()
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	resp := get(t, Client(environment.Environment{}, 5*time.Second), "http://auth.localhost:"+port+"/")
	if resp.Request.URL.Hostname() != "auth.localhost" {
		t.Errorf("the URL became %s", resp.Request.URL)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	followed := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	if resp := get(t, Client(environment.Environment{}, 5*time.Second), server.URL); resp.StatusCode != http.StatusTemporaryRedirect || followed {
		t.Errorf("status %d, followed %t", resp.StatusCode, followed)
	}
}

func TestATimeoutEndsTheCall(t *testing.T) {
	wait := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-wait }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(wait) })
	resp, err := Client(environment.Environment{}, 50*time.Millisecond).Get(server.URL)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
