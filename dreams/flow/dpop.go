package flow

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

//	+--------+                                          +------+   +----------------------+
//	| Dreams |                                          | Acme |   | authorization server |
//	+--------+                                          +------+   +----------------------+
//	    |--- code, DPoP: proof {htm, htu, jti, iat} (RFC 9449 §4.2) ---------->|
//	    |<-- 400 use_dpop_nonce, DPoP-Nonce (§8) ------------------------------|
//	    |--- code, DPoP: another proof, with the nonce ----------------------->|
//	    |<-- an access token that names our key: cnf.jkt (§5, §6) -------------|
//	    |--- Authorization: DPoP, DPoP: proof with ath (§7.1) ->|              |
//	    |<-- 401 use_dpop_nonce, DPoP-Nonce (§9) ---------------|              |
//	    |--- the same, with Acme's nonce ---------------------->|              |

// DPoP proves with every request that we hold a key. A token that is bound to the
// key is worth nothing to whoever finds it without.
type DPoP struct {
	Key    SigningKey
	Now    func() time.Time
	Random io.Reader

	mu     sync.Mutex
	nonces map[string]string // by origin: each server has its own
}

// NewDPoP makes a key and what proves it.
func NewDPoP(now func() time.Time, random io.Reader) (*DPoP, error) {
	key, err := NewSigningKey(random)
	return &DPoP{Key: key, Now: now, Random: random}, err
}

// Thumbprint names the key in tokens and requests: jkt (RFC 9449 §6.1).
func (d *DPoP) Thumbprint() string { return d.Key.Thumbprint() }

// Proof is a new proof for one request (RFC 9449 §4.2). accessToken is what goes
// with it; empty: none.
func (d *DPoP) Proof(method string, address *url.URL, accessToken string) (string, error) {
	id, err := Unguessable(d.Random)
	if err != nil {
		return "", err
	}
	claims := map[string]any{"jti": id, "htm": method, "htu": withoutQuery(address), "iat": jwt.NewNumericDate(d.Now())}
	if accessToken != "" {
		// The hash ties the proof to this token and to no other.
		sum := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if nonce := d.nonce(address); nonce != "" {
		claims["nonce"] = nonce
	}
	// The public key stands in the header, so that a server can verify the proof of
	// a key that it has never seen.
	return d.Key.signAs("dpop+jwt", claims, true)
}

// withoutQuery is htu: the address without query and fragment parts.
func withoutQuery(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return bare.String()
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

func (d *DPoP) nonce(u *url.URL) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nonces[originOf(u)]
}

// heard keeps the nonce that a server wants to see next (RFC 9449 §8.2).
func (d *DPoP) heard(u *url.URL, header http.Header) {
	nonce := header.Get("DPoP-Nonce")
	if nonce == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nonces == nil {
		d.nonces = map[string]string{}
	}
	d.nonces[originOf(u)] = nonce
}

// Transport adds a proof to each request that passes through it, and listens for
// nonces. What is refused for want of one is repeated by whoever sent it: at the
// token endpoint a new proof alone will not do, where the client signs as well.
func (d *DPoP) Transport(base http.RoundTripper) http.RoundTripper { return proving{d, base} }

type proving struct {
	*DPoP
	base http.RoundTripper
}

func (p proving) RoundTrip(req *http.Request) (*http.Response, error) {
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "DPoP ")
	proof, err := p.Proof(req.Method, req.URL, token)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context()) // RoundTrip must not change the caller's request
	req.Header.Set("DPoP", proof)
	resp, err := p.base.RoundTrip(req)
	if err == nil {
		p.heard(req.URL, resp.Header)
	}
	return resp, err
}

// nonceWanted tells whether the token endpoint refused a proof because it lacks
// the server's nonce: then it has told us one, and nothing was spent.
func nonceWanted(err error) bool {
	refused := (*TokenError)(nil)
	return errors.As(err, &refused) && refused.Code == "use_dpop_nonce"
}

// Do sends a request with an access token in the scheme DPoP (RFC 9449 §7.1), and
// once more where the resource server wants its nonce in the proof (§9).
func (d *DPoP) Do(client *http.Client, req *http.Request, accessToken string) (*http.Response, error) {
	proving := *client
	proving.Transport = d.Transport(client.Transport)
	req.Header.Set("Authorization", "DPoP "+accessToken)
	resp, err := proving.Do(req)
	if err != nil || !askedForNonce(resp) {
		return resp, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close()
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	return proving.Do(again)
}

func askedForNonce(resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized && strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`)
}
