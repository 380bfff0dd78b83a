package flow

import (
	"context"
	"errors"
	"net/url"
)

//	+---------+                  +--------+                    +----------------------+
//	| Browser |                  | Dreams |                    | authorization server |
//	+---------+                  +--------+                    +----------------------+
//	     |--- sign out -------------->|                                         |
//	     |<-- 303, id_token_hint, post_logout_redirect_uri, state               |
//	     |         (OIDC RP-Initiated Logout §2)                                |
//	     |--- the logout request ----------------------------------------------->|
//	     |<-- 303, state (§3) ---------------------------------------------------|
//	     |--- GET … ----------------->|                                         |

// LogoutRequest is what a person leaves with.
type LogoutRequest struct {
	Browser string // the session that it is started from
	Kind    string // what the answer is for
	Next    string // where the person goes afterwards
	IDToken string // of the login that ends: says which one, and who asks
	Return  string // post_logout_redirect_uri, as registered
}

// StartLogout begins an RP-initiated logout and returns where to send the browser.
// Our own session is ours to end: this is about the one at the server, which
// would let the next click in again.
func (g *AuthorizationCode) StartLogout(ctx context.Context, r LogoutRequest) (string, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return "", err
	}
	if server.EndSessionEndpoint == "" {
		return "", errors.New("the authorization server has no end session endpoint")
	}
	to, err := url.Parse(server.EndSessionEndpoint)
	if err != nil {
		return "", err
	}
	// Without state anybody's link could tell us that our person has left.
	a := Attempt{Browser: r.Browser, Next: r.Next, Kind: r.Kind, StartedAt: g.Now()}
	if a.State, err = Unguessable(g.Random); err != nil {
		return "", err
	}
	if err := g.Attempts.BeginAttempt(ctx, a); err != nil {
		return "", err
	}
	to.RawQuery = url.Values{
		"id_token_hint": {r.IDToken}, "client_id": {g.Client.ID},
		"post_logout_redirect_uri": {r.Return}, "state": {a.State},
	}.Encode()
	return to.String(), nil
}

// ReceiveLogout judges what the browser brought to the post-logout redirect URI.
// There is no code in it and no iss (OIDC RP-Initiated Logout §3): the state is
// all that there is to check. An authorization response has more, so that it must
// not come in by this door.
func (g *AuthorizationCode) ReceiveLogout(ctx context.Context, browser string, query url.Values) (Attempt, error) {
	a, err := g.receive(ctx, browser, query, stateChecks)
	if err == nil && a.Nonce != "" { // of a logout there is none
		err = &Refusal{Heading: "This is no answer to a logout", Words: "The parameter state belongs to a sign-in."}
	}
	return a, err
}
