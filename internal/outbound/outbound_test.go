package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestWhatIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.215.14": true, "8.8.8.8": true, "172.32.0.1": true, "100.128.0.1": true, "2606:2800:21f::1": true,
		"127.0.0.1": false, "127.255.0.1": false, "0.0.0.0": false, "10.0.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "192.0.0.192": false, "198.19.0.1": false, "224.0.0.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "203.0.113.9": false,
		"::1": false, "::": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false, "fe80::1": false, "fe80::1%eth0": false,
		"fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false,
		"2002:7f00:1::1": false, "2001::1": false, "2001:db8::1": false, "100::1": false, "fec0::1": false,
	} {
		if got := Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public is %v", address, got)
		}
	}
}

func TestWhatIsWrongWithAURI(t *testing.T) {
	for _, uri := range []string{
		"http://client.example/jwks", "https://127.0.0.1/jwks", "https://[::1]/jwks", "https://169.254.169.254/latest", "https://10.0.0.1",
		"https://[::ffff:10.0.0.1]/", "https://[fe80::1%25eth0]/", "file:///etc/passwd", "javascript:alert(1)", "data:image/svg+xml,x",
		"https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://printer.local/", "https://metadata.google.internal/",
		"https://authserver:9000/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/",
		"https://user:secret@client.example/", "https://client.example/#f", "https://client.example/#", "https:///jwks", "https:client.example", "//client.example/", "",
		"https://client.example/" + strings.Repeat("a", maxURI),
	} {
		if URI(uri, false) == nil {
			t.Errorf("%s is taken", uri)
		}
	}
	for _, uri := range []string{"https://client.example/jwks?a=b", "https://client.example:8443", "https://8.8.8.8/jwks"} {
		if err := URI(uri, false); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	for uri, want := range map[string]bool{"http://127.0.0.1:1/": true, "https://localhost/": true, "file:///etc/passwd": false, "javascript:alert(1)": false} {
		if got := URI(uri, true) == nil; got != want {
			t.Errorf("%s, private ones allowed: taken is %v", uri, got)
		}
	}
}

// A public name that leads to a private address is seen at the connection: no
// byte is sent.
func TestAPrivateAddressIsNotConnectedTo(t *testing.T) {
	var reached atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	guarded := Client(false)
	guarded.Transport = guarded.Transport.(scheme).next // as if the URI had not been looked at
	_, err := Get(t.Context(), guarded, server.URL, 100)
	if !errors.Is(err, ErrPrivate) || reached.Load() != 0 {
		t.Errorf("%v, reached %d times", err, reached.Load())
	}
}

func TestNoProxyOfTheEnvironmentIsAsked(t *testing.T) {
	if Client(false).Transport.(scheme).next.(*http.Transport).Proxy != nil {
		t.Error("there is a proxy: the guard would judge its address and not the target's")
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/document", http.StatusFound)
		case "/missing":
			http.NotFound(w, r)
		case "/long":
			fmt.Fprint(w, strings.Repeat("a", 101))
		default:
			fmt.Fprint(w, strings.Repeat("a", 100))
		}
	}))
	defer server.Close()
	for _, path := range []string{"/moved", "/missing", "/long"} {
		if _, err := Get(t.Context(), Client(true), server.URL+path, 100); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
	if document, err := Get(t.Context(), Client(true), server.URL+"/document", 100); err != nil || len(document) != 100 {
		t.Errorf("%d bytes, %v", len(document), err)
	}
	if _, err := Get(t.Context(), Client(false), server.URL+"/document", 100); err == nil {
		t.Error("http is taken where private addresses are not allowed")
	}
}
