package notice

import (
	"net/http"
	"net/url"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
)

// tokenLifetime follows Back-Channel Logout §4: "preferably at most two minutes in
// the future, to prevent captured Logout Tokens from being replayable".
const tokenLifetime = 2 * time.Minute

// logout tells that a session has ended. Back-Channel Logout §2.8: "OPs should be
// prepared to also process an HTTP 204 No Content response as a successful response."
func (n *Notifier) logout(client *oauth.Client, notice store.Notice) (message, error) {
	now := n.Now()
	compact, err := n.Keys.SignLogoutToken(client.IDTokenSigningAlg, token.LogoutToken{
		Issuer: n.Issuer, Subject: notice.Sub, Audience: client.ID, SessionID: notice.SessionID,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(tokenLifetime).Unix(), JWTID: grant.Opaque(n.Random, ""),
	})
	return message{
		uri: client.BackchannelLogoutURI, mediaType: "application/x-www-form-urlencoded", body: url.Values{"logout_token": {compact}}.Encode(),
		taken: []int{http.StatusOK, http.StatusNoContent},
	}, err
}
