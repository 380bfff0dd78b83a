package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// prover sends a DPoP proof with every request that goes through it, RFC 9449
// §4.2: to a token endpoint, and to a resource with a token that is bound to its
// key. It is all that golang.org/x/oauth2 needs for DPoP.
type prover struct {
	key    *ecdsa.PrivateKey
	nonces sync.Map // by host: every server has nonces of its own, §9
}

func (p *prover) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.send(r)
	if err != nil || !wantsNonce(resp) || (r.Body != nil && r.GetBody == nil) {
		return resp, err
	}
	// §8: once more, with the nonce of this very answer.
	_ = resp.Body.Close()
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return p.send(again)
}

func (p *prover) send(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context()) // a RoundTripper must not change its request
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "DPoP") {
		token = ""
	}
	proof, err := p.proof(r, token)
	if err != nil {
		return nil, err
	}
	r.Header.Set("DPoP", proof)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && resp.Header.Get("DPoP-Nonce") != "" {
		p.nonces.Store(r.URL.Host, resp.Header.Get("DPoP-Nonce"))
	}
	return resp, err
}

// proof is for one request, and for one only: method, address without the query,
// time, nonce, and the token that goes along.
func (p *prover) proof(r *http.Request, accessToken string) (string, error) {
	address := *r.URL
	address.RawQuery, address.Fragment = "", ""
	claims := jwt.MapClaims{"jti": rand.Text(), "htm": r.Method, "htu": address.String(), "iat": time.Now().Unix()}
	if nonce, known := p.nonces.Load(r.URL.Host); known {
		claims["nonce"] = nonce
	}
	if accessToken != "" {
		hash := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	proof := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	proof.Header["typ"] = "dpop+jwt"
	proof.Header["jwk"] = jose.JSONWebKey{Key: p.key.Public()}
	return proof.SignedString(p.key)
}

// wantsNonce reads the answer of a resource server (§9: 401 and a challenge) and
// of an authorization server (§8: 400 and an error in JSON).
func wantsNonce(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return strings.Contains(strings.Join(resp.Header.Values("WWW-Authenticate"), ","), `error="use_dpop_nonce"`)
	case http.StatusBadRequest:
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		var refusal struct{ Error string }
		return err == nil && json.Unmarshal(body, &refusal) == nil && refusal.Error == "use_dpop_nonce"
	}
	return false
}

func Example_dPoP() {
	w, e := newExample()
	defer e.end()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	proving := &http.Client{Transport: &prover{key: key}}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, proving)

	config := clientcredentials.Config{
		ClientID: "dreams-catalogue", ClientSecret: "dreams-catalogue-secret", AuthStyle: oauth2.AuthStyleInHeader,
		TokenURL: discover(w.Auth).TokenURL, Scopes: []string{"packages:read"},
	}
	token, err := config.Token(ctx)
	must(err)
	fmt.Println("token_type:", token.TokenType)

	packages := func(client *http.Client, scheme string) int {
		request, err := http.NewRequest(http.MethodGet, w.Acme+"/api/v1/packages?limit=1", nil)
		must(err)
		request.Header.Set("Authorization", scheme+" "+token.AccessToken)
		resp, err := client.Do(request)
		must(err)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	fmt.Println("with the key:", packages(proving, "DPoP"))
	fmt.Println("the token alone:", packages(http.DefaultClient, "Bearer"))
	// Output:
	// token_type: DPoP
	// with the key: 200
	// the token alone: 401
}
