package e2e

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"

	"example.com/acme-dreams/seed"
)

// The examples are the grants as a Go program uses them, with the issuer's URL
// and golang.org/x/oauth2 alone. Token exchange and PAR are not in that library:
// see walkthrough/token_exchange.sh and dreams/flow.

// example is a World for code that is no test.
type example struct {
	testing.TB
	ends []func()
	dir  string
}

func newExample() (*World, *example) {
	e := &example{}
	return New(e, Options{Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s"}}), e
}

func (e *example) Helper()                   {}
func (e *example) Cleanup(f func())          { e.ends = append(e.ends, f) }
func (e *example) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (e *example) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (e *example) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func (e *example) TempDir() string {
	if e.dir == "" {
		dir, err := os.MkdirTemp("", "acme-dreams-example-")
		must(err)
		e.dir = dir
	}
	return e.dir
}

func (e *example) end() {
	for i := len(e.ends) - 1; i >= 0; i-- {
		e.ends[i]()
	}
	_ = os.RemoveAll(e.dir)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// discover is all that a client has to be told: the issuer.
func discover(issuer string) oauth2.Endpoint {
	provider, err := oidc.NewProvider(context.Background(), issuer)
	must(err)
	return provider.Endpoint()
}

// who asks Acme's API with a client that adds the token.
func who(client *http.Client, api string) string {
	resp, err := client.Get(api + "/api/v1/me")
	must(err)
	defer resp.Body.Close()
	var me struct{ Name, Error string }
	must(json.NewDecoder(resp.Body).Decode(&me))
	return fmt.Sprint(resp.StatusCode, " ", me.Name, me.Error)
}

func Example_clientCredentials() {
	w, e := newExample()
	defer e.end()
	config := clientcredentials.Config{
		ClientID: "dreams-catalogue", ClientSecret: "dreams-catalogue-secret",
		TokenURL: discover(w.Auth).TokenURL, Scopes: []string{"packages:read"},
	}
	resp, err := config.Client(context.Background()).Get(w.Acme + "/api/v1/packages?limit=1")
	must(err)
	_ = resp.Body.Close()
	fmt.Println("packages:", resp.StatusCode)
	fmt.Println("a person:", who(config.Client(context.Background()), w.Acme))
	// Output:
	// packages: 200
	// a person: 403 insufficient_scope
}

func Example_authorizationCode() {
	w, e := newExample()
	defer e.end()
	config := oauth2.Config{
		ClientID: "dreams-web", ClientSecret: "dreams-web-secret", Endpoint: discover(w.Auth),
		RedirectURL: w.Dreams + "/callback", Scopes: []string{"openid", "profile", "offline_access"},
	}
	// Before the redirect: a fresh state and a fresh verifier for this attempt.
	state, verifier := "unguessable, from the session", oauth2.GenerateVerifier()
	address := config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))

	// Alice signs in and says yes; her browser comes back with the answer.
	answer := w.decide(e, address, "offline_access")
	if answer.Get("state") != state || answer.Get("iss") != w.Auth {
		panic("not the answer to our question")
	}
	token, err := config.Exchange(context.Background(), answer.Get("code"), oauth2.VerifierOption(verifier))
	must(err)
	fmt.Println(token.Type(), who(config.Client(context.Background(), token), w.Acme))

	// An hour later: the library refreshes by itself, and the token rotates.
	w.Clock.Advance(2 * time.Hour)
	token.Expiry = time.Now().Add(-time.Hour)
	renewed, err := config.TokenSource(context.Background(), token).Token()
	must(err)
	fmt.Println("rotated:", renewed.RefreshToken != token.RefreshToken, who(config.Client(context.Background(), renewed), w.Acme))
	// Output:
	// Bearer 200 Alice Moreau
	// rotated: true 200 Alice Moreau
}

func Example_deviceCode() {
	w, e := newExample()
	defer e.end()
	config := oauth2.Config{ClientID: "dreams-tv", Endpoint: discover(w.Auth), Scopes: []string{"profile"}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client
	device, err := config.DeviceAuth(context.Background())
	must(err)

	// The screen shows device.UserCode; Alice types it on her telephone.
	b := w.SignedIn(e, "alice")
	b.Form(w.TypeCode(b, device.UserCode), "decision").With(url.Values{"decision": {"allow"}}).Submit()

	token, err := config.DeviceAccessToken(context.Background(), device) // polls
	must(err)
	fmt.Println(who(config.Client(context.Background(), token), w.Acme))
	// Output:
	// 200 Alice Moreau
}

func Example_password() {
	w, e := newExample()
	defer e.end()
	config := oauth2.Config{ClientID: "acme-mobile", Endpoint: discover(w.Auth), Scopes: []string{"profile"}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	token, err := config.PasswordCredentialsToken(context.Background(), "alice", "wanderlust") // do not do this
	must(err)
	fmt.Println(who(config.Client(context.Background(), token), w.Acme))
	// Output:
	// 200 Alice Moreau
}

func Example_jwtBearer() {
	w, e := newExample()
	defer e.end()
	w.Tokens(e, "alice", "openid profile preferences:read") // Alice agreed beforehand
	config := jwt.Config{
		Email: "dreams-batch", Subject: seed.Users()[0].Sub, Audience: w.Auth, TokenURL: discover(w.Auth).TokenURL,
		PrivateKey: rsaKey("dreams-batch-rs256"), PrivateKeyID: "dreams-batch-rs256", Scopes: []string{"preferences:read"}, Expires: time.Minute,
	}
	resp, err := config.Client(context.Background()).Get(w.Acme + "/api/v1/me/preferences")
	must(err)
	_ = resp.Body.Close()
	fmt.Println("preferences:", resp.StatusCode)
	// Output:
	// preferences: 200
}

// rsaKey reads a key of the seed as the library wants it: PEM.
func rsaKey(name string) []byte {
	encoded, err := seed.Key(name)
	must(err)
	var key jose.JSONWebKey
	must(json.Unmarshal(encoded, &key))
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key.Key.(*rsa.PrivateKey))})
}

// decide is Alice at her browser: she opens the address, signs in, lets scopes
// through, and comes back with the answer.
func (w *World) decide(e *example, address string, scopes ...string) url.Values {
	b := w.SignedIn(e, "alice")
	page := b.Form(b.Get(address), "decision").With(url.Values{"scope": scopes, "decision": {"allow"}}).Submit()
	return page.Answer()
}
