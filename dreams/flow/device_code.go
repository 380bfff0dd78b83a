package flow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

//	+------------+                                  +----------------------+   +-----------+
//	| television |                                  | authorization server |   | telephone |
//	+------------+                                  +----------------------+   +-----------+
//	     |--- client_id, scope (RFC 8628 §3.1) ---------------->|                    |
//	     |<-- device_code, user_code, interval (§3.2) ----------|                    |
//	     [shows the user_code (§3.3)]                           |<-- user_code ------|
//	     |--- device_code (§3.4) ------------------------------>|                    |
//	     |<-- authorization_pending (§3.5) ---------------------|  signs in, decides |
//	     |--- device_code ------------------------------------->|                    |
//	     |<-- an access token, a refresh token -----------------|                    |

// DeviceCode is the device authorization grant: for things that cannot show a
// login page, or on which nobody wants to type. They keep no secret either, so
// the client is a public one.
type DeviceCode struct {
	Server *AuthorizationServer
	Client string // client_id
	Scopes []string
	Now    func() time.Time
}

// Device is a device that waits for its person.
type Device struct {
	Code     string // for the device alone: whoever holds it gets the tokens
	UserCode string // for the person to type

	VerificationURI         string // where to type it
	VerificationURIComplete string // the same with the code in it, for a picture; may be empty

	ExpiresAt time.Time
	Interval  time.Duration // the least between two questions
}

// Start asks for a pair of codes.
func (g *DeviceCode) Start(ctx context.Context) (Device, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Device{}, err
	}
	config := oauth2.Config{ClientID: g.Client, Endpoint: server.Endpoint(), Scopes: g.Scopes}
	if config.Endpoint.DeviceAuthURL == "" {
		return Device{}, errors.New("the authorization server has no device authorization endpoint")
	}
	// x/oauth2 leaves the context out of this request. With it, the request ends
	// when its caller does.
	client := *g.Server.http
	client.Transport = inContext{ctx, client.Transport}
	response, err := config.DeviceAuth(context.WithValue(ctx, oauth2.HTTPClient, &client))
	if err != nil {
		return Device{}, tokenError(err)
	}
	return g.device(response)
}

func (g *DeviceCode) device(response *oauth2.DeviceAuthResponse) (Device, error) {
	if response.DeviceCode == "" || response.UserCode == "" || response.VerificationURI == "" || response.Expiry.IsZero() {
		return Device{}, errors.New("the device authorization response lacks what RFC 8628 §3.2 requires")
	}
	// People are sent to these addresses: an answer must not lead them to a
	// script, or to a file of theirs.
	for _, address := range []string{response.VerificationURI, response.VerificationURIComplete} {
		if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" && address != "" {
			return Device{}, fmt.Errorf("the verification URI %q is no web address", address)
		}
	}
	d := Device{
		Code: response.DeviceCode, UserCode: response.UserCode,
		VerificationURI: response.VerificationURI, VerificationURIComplete: response.VerificationURIComplete,
		// x/oauth2 counts from the computer's clock, we from our own.
		ExpiresAt: g.Now().Add(time.Until(response.Expiry)),
		Interval:  time.Duration(response.Interval) * time.Second,
	}
	if d.Interval <= 0 {
		d.Interval = 5 * time.Second // "If no value is provided, clients MUST use 5 as the default." (RFC 8628 §3.2)
	}
	return d, nil
}

// inContext sends requests in a context that their maker has left out.
type inContext struct {
	ctx  context.Context
	base http.RoundTripper
}

func (t inContext) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.base.RoundTrip(req.WithContext(t.ctx))
}

// Poll asks once. A *TokenError says how to go on: see Device.After.
//
// oauth2.Config.DeviceAccessToken asks until there is an answer. We ask one by
// one, because we show every answer.
func (g *DeviceCode) Poll(ctx context.Context, d Device) (Tokens, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Tokens{}, err
	}
	config := clientcredentials.Config{
		ClientID: g.Client, TokenURL: server.Endpoint().TokenURL, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
			"device_code": {d.Code},
		},
	}
	response, err := config.Token(g.Server.context(ctx))
	if err != nil {
		return Tokens{}, tokenError(err)
	}
	return tokens(response, g.Scopes, g.Now())
}

// mostInterval bounds the wait that a silent server makes us double.
const mostInterval = time.Minute

// After is the device once Poll has returned err, and whether it may ask again
// (RFC 8628 §3.5).
func (d Device) After(err error) (next Device, again bool) {
	var (
		refused *TokenError
		away    *Unreachable
	)
	switch {
	case errors.As(err, &refused) && refused.Code == "authorization_pending":
		return d, true
	case errors.As(err, &refused) && refused.Code == "slow_down":
		// "the interval MUST be increased by 5 seconds for this and all subsequent
		// requests"
		d.Interval += 5 * time.Second
		return d, true
	case errors.As(err, &away):
		// "clients MUST unilaterally reduce their polling frequency […] such as
		// doubling the polling interval on each such connection timeout"
		d.Interval = max(d.Interval, min(2*d.Interval, mostInterval))
		return d, true
	}
	return d, false
}
