package dpop

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"time"

	"example.com/acme-dreams/internal/check"
)

// Error codes of RFC 9449 §12.2, and the one of RFC 6750 §3.1 for a token that is
// bound to another key.
const (
	InvalidProof = "invalid_dpop_proof"
	UseNonce     = "use_dpop_nonce"
	InvalidToken = "invalid_token"
)

// Error is why a proof is refused, in words for the client. Descriptions hold
// nothing that the request brought.
type Error struct{ Code, Description string }

func (e *Error) Error() string { return e.Code + ": " + e.Description }

func invalidProof(description string) error {
	return &Error{Code: InvalidProof, Description: description}
}

// ErrBusy is why no proof can be judged at the moment: more were used within the
// last minutes than we remember. To forget one would let it be used again.
var ErrBusy = errors.New("dpop: too many proofs at a time")

// Request is the request that a proof came with.
type Request struct {
	Header http.Header
	Method string
	URL    string // our public base URL and the path that was asked for

	// At a protected resource: the access token, and the thumbprint of the key
	// that it is bound to (cnf.jkt, RFC 9449 §6.1).
	AccessToken, JKT string
}

// Verifier judges proofs. Nonces and used proofs live as long as the process:
// after a restart the proofs of before have an unknown nonce, so none of them
// can be used again.
type Verifier struct {
	Checks check.Runner
	Now    func() time.Time

	nonces nonces
	used   memory
}

// NewVerifier makes a verifier with a secret of its own for nonces.
func NewVerifier(now func() time.Time, random io.Reader, checks check.Runner) *Verifier {
	return &Verifier{Checks: checks, Now: now, nonces: newNonces(random)}
}

// Nonce is what the next proofs should hold, for the header DPoP-Nonce.
func (v *Verifier) Nonce() string { return v.nonces.at(v.Now()) }

// header is the request header DPoP as net/http keeps it: looked up like this, a
// request without one costs nothing.
const header = "Dpop"

// Sent tells whether a request brought a proof.
func Sent(h http.Header) bool { return len(h[header]) > 0 }

// Verify judges the proof of a request, and uses it up. It returns the
// thumbprint of the proof's key (RFC 7638); its error is an *Error or ErrBusy.
func (v *Verifier) Verify(ctx context.Context, r Request) (thumbprint string, err error) {
	sent := r.Header[header]
	if len(sent) == 0 {
		return "", invalidProof("There is no DPoP header with a proof")
	}
	proof, err := Parse(sent[0])
	if err != nil {
		return "", err
	}
	now := v.Now()
	err = check.Run(ctx, v.Checks, checks, &presentation{
		Request: r, proof: proof, sent: len(sent), freshNonce: v.nonces.fresh(proof.Claims.Nonce, now), now: now,
	})
	if err != nil {
		return "", err
	}
	before, err := v.used.use(sha256.Sum256([]byte(proof.thumbprint+"\n"+r.Method+"\n"+r.URL+"\n"+proof.Claims.ID)), now)
	if err != nil {
		return "", err
	}
	return proof.thumbprint, check.Run(ctx, v.Checks, useChecks, use{before})
}
