package notice

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
)

// Taking back a permission:
//
//	Person          authorization server                client          Acme
//	  │ remove               │                            │               │
//	  │─────────────────────>│ revocation, notice (on disk)               │
//	  │                      │ GET /revocations ── the feed answers ─────>│ refuses the tokens
//	  │                      │ POST security_events_uri   │               │
//	  │                      │   application/secevent+jwt │               │  RFC 8935 §2.1
//	  │                      │───────────────────────────>│ deletes       │
//	  │                      │ 202 ───────────────────────│               │  RFC 8935 §2.2

// consentEnded tells that a person took something back. What remains is read as
// the token is made, so that one that is late says nothing old.
//
// RFC 8935 §2.2: 202 is the one answer that says that it was taken.
func (n *Notifier) consentEnded(ctx context.Context, client *oauth.Client, notice store.Notice) (message, error) {
	now := n.Now()
	remaining, details, err := n.Store.Remaining(ctx, notice.Sub, client.ID, now)
	if err != nil {
		return message{}, err
	}
	compact, err := n.Keys.SignSecurityEvent(client.IDTokenSigningAlg, token.SecurityEvent{
		Issuer: n.Issuer, Audience: client.ID, IssuedAt: now.Unix(), JWTID: grant.Opaque(n.Random, ""),
		TimeOfEvent: notice.HappenedAt.Unix(),
		SubjectID:   token.SubjectID{Format: "iss_sub", Issuer: n.Issuer, Subject: notice.Sub},
		Events: map[string]any{
			n.Issuer + token.ConsentEnded: token.ConsentEnd{
				Reason: reason(notice.Reason), Scope: remaining.String(),
				AuthorizationDetails: json.RawMessage(oauth.FormatAuthorizationDetails(details)), RemovedDetails: json.RawMessage(oauth.FormatAuthorizationDetails(notice.Removed)),
			},
		},
	})
	return message{
		uri: client.SecurityEventsURI, mediaType: "application/secevent+jwt", body: compact,
		taken: []int{http.StatusAccepted},
	}, err
}

// reason is a word for programs, in place of the sentence that the person reads.
func reason(sentence string) string {
	switch {
	case sentence == "account locked":
		return "account_locked"
	case sentence == "expired":
		return "expired"
	case strings.HasSuffix(sentence, "used twice"):
		return "token_reuse"
	case strings.HasPrefix(sentence, "not used"):
		return "unused"
	}
	return "withdrawn"
}
