package page

import "strings"

// SPAView is what the page has to know to do without a server.
type SPAView struct {
	ClientID, RedirectURI string
	Scopes                []string
	Issuer, Acme          string

	// From the discovery document; empty where Away.
	Authorization, Token, Revocation, UserInfo string
	Away                                       bool
}

func (v SPAView) scope() string { return strings.Join(v.Scopes, " ") }
