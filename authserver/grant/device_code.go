package grant

import (
	"context"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// DeviceCode is the device authorization grant, RFC 8628: for a television, on
// which nobody wants to type a password.
//
//	television (Dreams TV)         authorization server         telephone
//	   |  POST /device_authorization    |                          |    §3.1
//	   |------------------------------->|                          |
//	   |  device_code, user_code        |                          |    §3.2
//	   |<-------------------------------|                          |
//	   |  shows WDJB-MJHT . . . . . . . . . . . . . . . . . . . .> |    §3.3
//	   |                                |  GET /device, user_code  |    §3.3
//	   |                                |<-------------------------|
//	   |  POST /token device_code       |  signs in, decides       |    §3.4
//	   |------------------------------->|<------------------------>|
//	   |  authorization_pending         |                          |    §3.5
//	   |<-------------------------------|                          |
//	   |  POST /token device_code       |                          |
//	   |------------------------------->|                          |
//	   |  access_token                  |                          |    RFC 6749 §5.1
//	   |<-------------------------------|                          |
//
// Whoever starts the flow gets the tokens, and not whoever types the code: a
// stranger can send somebody a code of theirs (§5.4). The page says so.
type DeviceCode struct {
	Environment
	Devices            PollDeviceCode
	RefreshTokenExpiry time.Duration // absolute, from the redemption on
}

// PollDeviceCode looks a device code up and asks decide what the device gets,
// in one transaction: the time of the question and the interval are kept
// whatever decide says; without an error from decide the code is spent and the
// refresh token stored. A code that is not known is decided on as nil.
type PollDeviceCode interface {
	PollDeviceCode(ctx context.Context, code string, now time.Time,
		decide func(*oauth.DeviceAuthorization) (DevicePoll, error)) error
}

// DevicePoll is what comes of a device's question.
type DevicePoll struct {
	Interval time.Duration // from now on
	Refresh  NewRefreshToken
}

// devicePoll is what is known when a device asks.
type devicePoll struct {
	Client *oauth.Client
	Device *oauth.DeviceAuthorization
}

var deviceCodeChecks = []check.Check[devicePoll]{
	check.New("device code belongs to this client", "RFC 8628 §3.4", deviceCodeBelongsToClient),
}

// Authorize answers a device that asks. RFC 8628 §3.4, §3.5.
func (g DeviceCode) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	if req.DeviceCode == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "device_code is missing")
	}
	var issue Issue
	now := g.Now()
	err := g.Devices.PollDeviceCode(ctx, req.DeviceCode, now, func(device *oauth.DeviceAuthorization) (DevicePoll, error) {
		if device == nil {
			return DevicePoll{}, oauth.Refuse(oauth.InvalidGrant, "the device code is not known")
		}
		if err := check.Run(ctx, g.Checks, deviceCodeChecks, devicePoll{client, device}); err != nil {
			return DevicePoll{Interval: device.Interval}, err
		}
		interval, refusal := device.Poll(now)
		if refusal != nil {
			return DevicePoll{Interval: interval}, refusal
		}
		poll := DevicePoll{Interval: interval}
		if device.Grant.Scope.Has(oauth.OfflineAccess) && client.MayUse(oauth.RefreshTokenGrant) {
			poll.Refresh = g.newRefreshToken(now, now.Add(client.RefreshTokenLife(g.RefreshTokenExpiry)), *device.Grant, client, req)
		}
		var err error
		if issue, err = g.issue(ctx, client, &device.User, device.Grant.Scope, *device.Grant, req); err != nil {
			return DevicePoll{Interval: interval}, err
		}
		issue.RefreshToken = poll.Refresh.Token
		return poll, nil
	})
	return issue, err
}

// RFC 8628 §3.4: the device code is bound to the client that asked for it.
func deviceCodeBelongsToClient(p devicePoll) error {
	if p.Device.ClientID != p.Client.ID {
		return oauth.Refuse(oauth.InvalidGrant, "the device code was issued to another client")
	}
	return nil
}
