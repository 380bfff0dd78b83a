package endpoint

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/httpserver"
)

// presented is the credentials of a request. RFC 6749 §2.3.1.
type presented struct {
	Methods   []string // every way in which the request authenticates
	ClientID  string
	BodyID    string // client_id in the body; empty: none
	Secret    string
	Assertion string // client_assertion, RFC 7521 §4.2
}

// clientAuthentication is what is known when a client authenticates.
type clientAuthentication struct {
	presented
	Client        *oauth.Client
	SecretMatches bool
}

var clientAuthenticationChecks = []check.Check[clientAuthentication]{
	check.New("client authenticates in one way only", "RFC 6749 §2.3", oneAuthenticationMethod),
	check.New("client_id in the body is the client that authenticates", "RFC 6749 §2.3", sameClientID),
	check.New("client authenticates as it is registered", "RFC 7591 §2", authenticationMethodRegistered),
	check.New("client secret matches, compared in constant time", "RFC 6749 §2.3.1", clientSecretMatches),
	check.New("client has not been disabled", "RFC 6749 §5.2", clientNotDisabled),
}

// authenticateClient finds out which client sent a request. RFC 6749 §2.3, §3.2.1.
func (e *Endpoints) authenticateClient(c echo.Context, form oauth.Parameters) (*oauth.Client, error) {
	p, err := readCredentials(c.Request(), form)
	if err != nil {
		return nil, err
	}
	c.Set(claimedClientKey, p.ClientID)
	client := e.Store.Client(p.ClientID)
	sent := client.SecretSent(p.Secret) // takes as long where there is no such client
	if client == nil {
		return nil, oauth.Refuse(oauth.InvalidClient, "client authentication failed: the client is not known or its secret is wrong")
	}
	err = check.Run(c.Request().Context(), e.Checks, clientAuthenticationChecks, clientAuthentication{p, client, sent != nil})
	if err != nil {
		return nil, err
	}
	if p.Methods[0] == oauth.PrivateKeyJWT {
		if err := e.ClientAssertions.Authenticate(background(c), client, p.Assertion); err != nil {
			return client, err
		}
	}
	httpserver.Client(c, client.ID)
	if sent != nil {
		e.Store.SecretUsed(client.ID, *sent, e.Now())
	}
	return client, nil
}

func readCredentials(r *http.Request, form oauth.Parameters) (presented, error) {
	p := presented{BodyID: form.Get("client_id"), ClientID: form.Get("client_id")}
	if len(r.Header.Values(echo.HeaderAuthorization)) > 1 {
		return p, oauth.Refuse(oauth.InvalidRequest, "more than one Authorization header")
	}
	if header := r.Header.Get(echo.HeaderAuthorization); header != "" {
		id, secret, ok := r.BasicAuth()
		if !ok {
			return p, oauth.Refuse(oauth.InvalidClient, "the Authorization header is not Basic with an identifier and a secret")
		}
		// RFC 6749 §2.3.1: "The client identifier is encoded using the
		// "application/x-www-form-urlencoded" encoding algorithm per Appendix B,
		// and the encoded value is used as the username".
		var errs [2]error
		p.ClientID, errs[0] = url.QueryUnescape(id)
		p.Secret, errs[1] = url.QueryUnescape(secret)
		if errs[0] != nil || errs[1] != nil {
			return p, oauth.Refuse(oauth.InvalidClient, "identifier and secret in the Authorization header must be form-encoded")
		}
		p.Methods = append(p.Methods, oauth.ClientSecretBasic)
	}
	if secret := form.Get("client_secret"); secret != "" {
		p.Methods = append(p.Methods, oauth.ClientSecretPost)
		p.Secret = secret
	}
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		if form.Get("client_assertion_type") != grant.ClientAssertionType {
			return p, oauth.Refuse(oauth.InvalidClient, "client_assertion_type must be %s", grant.ClientAssertionType)
		}
		p.Methods, p.Assertion = append(p.Methods, oauth.PrivateKeyJWT), form.Get("client_assertion")
		if assertion, err := grant.PeekAssertion(p.Assertion); err == nil && p.ClientID == "" {
			p.ClientID = assertion.Subject // RFC 7521 §4.2: client_id is optional
		}
	}
	if len(p.Methods) == 0 {
		p.Methods = []string{oauth.NoAuthentication}
	}
	if p.ClientID == "" {
		return p, oauth.Refuse(oauth.InvalidClient, "no client authentication: send client_id and what the client is registered with")
	}
	return p, nil
}

// RFC 6749 §2.3: "The client MUST NOT use more than one authentication method
// in each request."
func oneAuthenticationMethod(a clientAuthentication) error {
	if len(a.Methods) > 1 {
		return oauth.Refuse(oauth.InvalidRequest, "the client authenticates in more than one way: %s", strings.Join(a.Methods, " and "))
	}
	return nil
}

func sameClientID(a clientAuthentication) error {
	if a.BodyID != "" && a.BodyID != a.ClientID {
		return oauth.Refuse(oauth.InvalidRequest, "client_id in the body is another client than in the Authorization header")
	}
	return nil
}

// A client that is registered for one method and accepted with another is as
// weak as the weaker of the two.
func authenticationMethodRegistered(a clientAuthentication) error {
	if !slices.Contains(a.Client.AuthMethods, a.Methods[0]) {
		return oauth.Refuse(oauth.InvalidClient, "the client authenticated by %s; it is registered for %s", a.Methods[0], strings.Join(a.Client.AuthMethods, ", "))
	}
	return nil
}

// Whoever is registered for anything but none has to show the secret: a method
// that is added and not written here is refused, not let through.
func clientSecretMatches(a clientAuthentication) error {
	switch a.Methods[0] {
	case oauth.NoAuthentication:
		return nil
	case oauth.PrivateKeyJWT:
		return nil // its assertion has a list of checks of its own, which comes after this one
	}
	if !a.SecretMatches {
		return oauth.Refuse(oauth.InvalidClient, "client authentication failed: the client is not known or its secret is wrong")
	}
	return nil
}

func clientNotDisabled(a clientAuthentication) error {
	if a.Client.Disabled {
		return oauth.Refuse(oauth.InvalidClient, "the client has been disabled")
	}
	return nil
}
