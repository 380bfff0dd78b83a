package flow

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"example.com/acme-dreams/internal/check"
)

//	+--------+                  +----------------------+              +--------+
//	| Person |                  | authorization server |              | Dreams |
//	+--------+                  +----------------------+              +--------+
//	     |--- removes Dreams, or a part ----->|                            |
//	     |                                    |--- POST a security event   |
//	     |                                    |    token (RFC 8935 §2.1) ->|
//	     |                                    |                [delete, on disk]
//	     |                                    |<-- 202 (RFC 8935 §2.2) ----|

// TakenBack is what a security event token says that a person took back.
type TakenBack struct {
	Issuer, Subject string                // whose
	Reason          string                // the authorization server's word
	Remaining       []string              // the scopes that are left; none: all is over
	Removed         []AuthorizationDetail // that are over; RFC 9396 §7
	At              time.Time             // when, by the authorization server's clock
	TokenID         string                // jti
	ExpiresAt       time.Time             // how long the jti has to be remembered
}

// TakesBack deletes what rests on a permission.
type TakesBack interface {
	// SecurityEventSeen tells whether a token with this jti was taken before.
	SecurityEventSeen(ctx context.Context, jti string) (bool, error)

	// TakeBack deletes what came of what is no longer allowed and remembers the jti,
	// in one transaction.
	TakeBack(ctx context.Context, t TakenBack) error
}

// SecurityEvents is Dreams as a client that is told when somebody takes back what
// it may do.
type SecurityEvents struct {
	Server *AuthorizationServer
	Client Client
	Kept   TakesBack
	Checks check.Runner
	Now    func() time.Time
}

// Receive takes a security event token. Anybody can send one: the signature is all
// that stands between a stranger and what Dreams holds.
func (e *SecurityEvents) Receive(ctx context.Context, compact string) error {
	in, err := e.read(ctx, compact)
	if err != nil {
		return err
	}
	if in.Seen, err = e.Kept.SecurityEventSeen(ctx, in.Claims.TokenID); err != nil {
		return err
	}
	if err := judge(ctx, e.Checks, securityEventChecks, in); err != nil {
		return err
	}
	return e.Kept.TakeBack(ctx, TakenBack{
		Issuer: in.Claims.SubjectID.Issuer, Subject: in.Claims.SubjectID.Subject, TokenID: in.Claims.TokenID,
		Reason: in.Ended.Reason, Remaining: in.remaining(), Removed: in.Ended.Removed, At: time.Unix(in.Claims.TimeOfEvent, 0),
		ExpiresAt: time.Unix(in.Claims.IssuedAt, 0).Add(securityEventAge + clockSkew),
	})
}

// read verifies the signature, with a key of the server's by an algorithm of its
// metadata. What is in the token is for the list.
func (e *SecurityEvents) read(ctx context.Context, compact string) (securityEvent, error) {
	in := securityEvent{Issuer: e.Server.Issuer, ClientID: e.Client.ID, Now: e.Now()}
	server, err := e.Server.discover(ctx)
	if err != nil {
		return in, err
	}
	// The keys are asked for anew: one that was known and has been revoked since (a
	// leak) must delete nothing.
	verifier := server.VerifierContext(e.Server.context(ctx), &oidc.Config{SkipClientIDCheck: true, SkipIssuerCheck: true, SkipExpiryCheck: true})
	token, err := verifier.Verify(e.Server.context(ctx), compact)
	if noKeys := (*url.Error)(nil); errors.As(err, &noKeys) {
		return in, &Unreachable{noKeys}
	}
	if err != nil {
		return in, &Refusal{Code: "invalid_key", Words: "The security event token did not pass: " + err.Error()}
	}
	encoded, _, _ := strings.Cut(compact, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil {
		err = errors.Join(json.Unmarshal(header, &in.Header), token.Claims(&in.Claims))
	}
	if payload, ok := in.Claims.Events[e.Server.Issuer+consentEnded]; err == nil && ok {
		err = json.Unmarshal(payload, &in.Ended)
	}
	if err != nil {
		return in, &Refusal{Words: "The token's claims are not what RFC 8417 §2.2 says."}
	}
	in.Claims.Audience = token.Audience
	return in, nil
}

// consentEnded, behind the issuer, is the event that a person took something back.
const consentEnded = "/events/consent-ended"

// securityEventAge is how long ago a token may have been made. It has no exp, and
// its jti cannot be remembered for ever; the server signs anew for every attempt.
const securityEventAge = 5 * time.Minute

// securityEvent is what the checks judge, the signature being good.
type securityEvent struct {
	Issuer   string // of the server that we know
	ClientID string // ours
	Now      time.Time
	Seen     bool // a token with this jti was taken before

	Header struct {
		Type string `json:"typ"`
	}
	Claims struct {
		Issuer      string   `json:"iss"`
		Audience    []string `json:"-"` // one or several: go-oidc reads both
		IssuedAt    int64    `json:"iat"`
		TimeOfEvent int64    `json:"toe"`
		TokenID     string   `json:"jti"`
		SubjectID   struct {
			Format  string `json:"format"`
			Issuer  string `json:"iss"`
			Subject string `json:"sub"`
		} `json:"sub_id"`
		Events map[string]json.RawMessage `json:"events"`
	}
	Ended struct {
		Reason  string                `json:"reason"`
		Scope   *string               `json:"scope"` // nil: it does not say
		Removed []AuthorizationDetail `json:"removed_authorization_details"`
	}
}

func (in securityEvent) remaining() []string {
	if in.Ended.Scope == nil {
		return nil
	}
	return strings.Fields(*in.Ended.Scope)
}

// securityEventChecks judge a security event token. RFC 8935 §2: what it says is
// for a recipient that has validated it, and that knows who sends it.
var securityEventChecks = []check.Check[securityEvent]{
	{Name: "security event: typ is secevent+jwt", Source: "RFC 8417 §2.3", Verify: checkEventType},
	{Name: "security event: iss is the server that we know", Source: "RFC 8417 §2.2", Verify: checkEventIssuer},
	{Name: "security event: aud is us", Source: "RFC 8417 §2.2", Verify: checkEventAudience},
	{Name: "security event: iat is there, not ahead, five minutes old at most", Source: "RFC 8417 §2.2", Verify: checkEventIssuedAt},
	{Name: "security event: sub_id is a person of that server", Source: "RFC 9493 §3.2.3", Verify: checkEventSubject},
	{Name: "security event: events has consent-ended, and it says what remains", Source: "RFC 8417 §2.2", Verify: checkEventConsentEnded},
	{Name: "security event: toe is there, and not ahead", Source: "RFC 8417 §2.2", Verify: checkEventTime},
	{Name: "security event: jti is there, and new", Source: "RFC 8417 §2.2", Verify: checkEventTokenID},
}

// A token of another kind, signed with the same key, must not delete anything:
// RFC 8417 §4.5 to §4.7 tell which could be taken for one.
func checkEventType(in securityEvent) error {
	if typ := strings.ToLower(in.Header.Type); typ != "secevent+jwt" && typ != "application/secevent+jwt" {
		return &Refusal{Words: "The token's typ is not secevent+jwt."}
	}
	return nil
}

func checkEventIssuer(in securityEvent) error {
	if in.Claims.Issuer != in.Issuer {
		return &Refusal{Code: "invalid_issuer", Words: "The token's iss is not the server that Dreams knows."}
	}
	return nil
}

func checkEventAudience(in securityEvent) error {
	if !slices.Contains(in.Claims.Audience, in.ClientID) {
		return &Refusal{Code: "invalid_audience", Words: "The token is not for Dreams: its aud is another client."}
	}
	return nil
}

// An old token that was kept somewhere must not come after its jti was forgotten.
func checkEventIssuedAt(in securityEvent) error {
	issued := time.Unix(in.Claims.IssuedAt, 0)
	if in.Claims.IssuedAt == 0 || issued.After(in.Now.Add(clockSkew)) || issued.Before(in.Now.Add(-securityEventAge)) {
		return &Refusal{Words: "The token's iat is missing, ahead, or more than five minutes ago."}
	}
	return nil
}

// The issuer of the person need not be the issuer of the token: RFC 9493 has room
// for one that speaks of another's people. Ours speaks of its own.
func checkEventSubject(in securityEvent) error {
	if id := in.Claims.SubjectID; id.Format != "iss_sub" || id.Issuer != in.Issuer || id.Subject == "" {
		return &Refusal{Words: "The token's sub_id does not name a person by iss and sub."}
	}
	return nil
}

// Without the scope nobody can tell what remains, and nothing is no safe guess.
func checkEventConsentEnded(in securityEvent) error {
	if _, ok := in.Claims.Events[in.Issuer+consentEnded]; !ok || in.Ended.Scope == nil {
		return &Refusal{Words: "The token's events do not say that somebody took something back, and what remains."}
	}
	return nil
}

// The time of the event tells an old connection's end from a new connection.
func checkEventTime(in securityEvent) error {
	if in.Claims.TimeOfEvent == 0 || time.Unix(in.Claims.TimeOfEvent, 0).After(in.Now.Add(clockSkew)) {
		return &Refusal{Words: "The token's toe is missing, or ahead."}
	}
	return nil
}

// Who saw a token pass could end a connection as often as it is made anew.
func checkEventTokenID(in securityEvent) error {
	if in.Claims.TokenID == "" || in.Seen {
		return &Refusal{Words: "The token's jti is missing, or was taken before."}
	}
	return nil
}
