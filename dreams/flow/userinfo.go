package flow

import (
	"context"
	"errors"
	"net/url"

	"golang.org/x/oauth2"
)

// UserInfo asks who a token speaks for (OIDC Core §5.3). subject is the sub of
// the ID token that came with it: "The sub Claim in the UserInfo Response MUST
// be verified to exactly match the sub Claim in the ID Token; if they do not
// match, the UserInfo Response values MUST NOT be used." (§5.3.2)
func (s *AuthorizationServer) UserInfo(ctx context.Context, accessToken, subject string) (Identity, error) {
	server, err := s.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	info, err := server.UserInfo(s.context(ctx), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken}))
	if away := (*url.Error)(nil); errors.As(err, &away) {
		return Identity{}, &Unreachable{away}
	}
	if err != nil {
		return Identity{}, err
	}
	if info.Subject != subject {
		return Identity{}, &Refusal{Heading: "Two answers about two people", Words: "userinfo is about somebody else than the ID token"}
	}
	var claims struct {
		Name string `json:"name"`
	}
	if err := info.Claims(&claims); err != nil {
		return Identity{}, errors.New("the userinfo response is not what OIDC Core §5.3.2 says")
	}
	return Identity{Issuer: s.Issuer, Subject: info.Subject, Name: claims.Name}, nil
}
