package site

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/acme-dreams/internal/environment"
)

// accountsTimeout is how long a person waits for the authorization server.
const accountsTimeout = 10 * time.Second

// accounts is the authorization server as the site, its client, sees it.
type accounts struct {
	issuer      environment.BaseURL
	redirectURI string
	secret      string
	now         func() time.Time
	httpClient  *http.Client
	found       atomic.Pointer[oidc.Provider]
}

func newAccounts(c Config, secret string) *accounts {
	return &accounts{
		issuer:      c.Env.AuthserverURL,
		redirectURI: c.Env.AcmeURL.String() + "/callback",
		secret:      secret,
		now:         c.Now,
		httpClient: &http.Client{
			Transport: c.Back,
			Timeout:   accountsTimeout,
			// No endpoint of OpenID Connect that a server calls answers with a
			// redirect, and a secret must not follow one.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// discover reads the provider's metadata (OIDC Discovery §4) the first time
// that somebody needs it. A failure is not kept: the next person tries again.
func (a *accounts) discover(ctx context.Context) (*oidc.Provider, error) {
	if provider := a.found.Load(); provider != nil {
		return provider, nil
	}
	provider, err := oidc.NewProvider(a.context(ctx), a.issuer.String())
	if err == nil {
		a.found.Store(provider)
	}
	return provider, err
}

// context makes x/oauth2 and go-oidc use our connections.
func (a *accounts) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, a.httpClient)
}

// client is our side of the authorization code grant.
func (a *accounts) client(provider *oidc.Provider) *oauth2.Config {
	endpoint := provider.Endpoint()
	// RFC 6749 §2.3.1: client_secret_basic. Left open, x/oauth2 would try both
	// ways, and a code is spent by the first.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &oauth2.Config{
		ClientID: clientID, ClientSecret: a.secret, Endpoint: endpoint,
		RedirectURL: a.redirectURI,
		Scopes:      []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// authorizationRequest is where the browser goes to sign in. state binds the
// response to this browser (RFC 6749 §10.12), the nonce the ID token to this
// request (OIDC Core §15.5.2), the challenge the code to us (RFC 7636).
func (a *accounts) authorizationRequest(provider *oidc.Provider, p pendingSignIn) string {
	return a.client(provider).AuthCodeURL(p.State, oidc.Nonce(p.Nonce), oauth2.S256ChallengeOption(p.CodeVerifier))
}

// redeem exchanges the code (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (a *accounts) redeem(ctx context.Context, provider *oidc.Provider, code, verifier string) (*oauth2.Token, error) {
	return a.client(provider).Exchange(a.context(ctx), code, oauth2.VerifierOption(verifier))
}

// verify checks signature, iss, aud and exp of an ID token. The algorithm is
// the one that we are registered with and never the token's own choice.
func (a *accounts) verify(ctx context.Context, provider *oidc.Provider, rawIDToken string) (*oidc.IDToken, error) {
	verifier := provider.VerifierContext(a.context(ctx), &oidc.Config{
		ClientID: clientID, SupportedSigningAlgs: []string{oidc.RS256}, Now: a.now,
	})
	return verifier.Verify(a.context(ctx), rawIDToken)
}

// logoutRequest is where the browser goes to end the session at the authorization
// server too: RP-Initiated Logout §2. Empty: the server has no such place.
func (a *accounts) logoutRequest(provider *oidc.Provider, idToken, returnTo, state string) (string, error) {
	var metadata struct {
		EndSessionEndpoint string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil || metadata.EndSessionEndpoint == "" {
		return "", err
	}
	return metadata.EndSessionEndpoint + "?" + url.Values{
		"id_token_hint": {idToken}, "post_logout_redirect_uri": {returnTo}, "state": {state},
	}.Encode(), nil
}

// userInfo is what the person's account says about them. OIDC Core §5.4: with
// a code, the claims of profile and email are to be had here.
func (a *accounts) userInfo(ctx context.Context, provider *oidc.Provider, token *oauth2.Token) (*oidc.UserInfo, error) {
	return provider.UserInfo(a.context(ctx), oauth2.StaticTokenSource(token))
}
