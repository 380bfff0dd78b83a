package endpoint

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
)

// deviceAuthorization is the answer. RFC 8628 §3.2.
type deviceAuthorization struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"` // seconds
	Interval                int64  `json:"interval"`   // seconds
}

// DeviceAuthorization gives a device a code for itself and one for its person.
// RFC 8628 §3.1.
func (e *Endpoints) DeviceAuthorization(c echo.Context) error {
	ctx := c.Request().Context()
	form, err := readForm(c)
	if err != nil {
		return err
	}
	if name := form.Repeated(); name != "" {
		return oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	client, err := e.authenticateClient(c, form)
	if err != nil {
		return err
	}
	if err := check.Run(ctx, e.Checks, grantTypeChecks, grantUse{oauth.DeviceCodeGrant, client}); err != nil {
		return err
	}
	req := oauth.ParseAuthorizationRequest(form)
	if err := check.Run(ctx, e.Checks, scopeChecks, e.target(asked{AuthorizationRequest: req, Client: client})); err != nil {
		return err
	}
	now, deviceCode := e.Now(), e.opaque("dc_")
	device := oauth.DeviceAuthorization{
		ClientID: client.ID, Scope: req.Scope, Resource: req.Resource, Details: req.AuthorizationDetails, CreatedAt: now,
		ExpiresAt: now.Add(e.Env.DeviceCodeTTL.Value()), Interval: e.Env.DevicePollInterval.Value(),
	}
	for { // two devices may draw the same letters: then once more
		device.UserCode = e.userCode()
		err := e.Store.StartDevice(background(c), deviceCode, device)
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrTaken) {
			return err
		}
	}
	shown := oauth.ShowUserCode(device.UserCode)
	return answerJSON(c, http.StatusOK, deviceAuthorization{
		DeviceCode: deviceCode, UserCode: shown,
		VerificationURI:         e.issuer() + "/device",
		VerificationURIComplete: e.issuer() + "/device?user_code=" + url.QueryEscape(shown),
		ExpiresIn:               int64(e.Env.DeviceCodeTTL.Value() / time.Second),
		Interval:                int64((device.Interval + time.Second - 1) / time.Second),
	})
}

// userCode draws eight letters, each as likely as the other: bytes that twenty
// does not divide are drawn again.
func (e *Endpoints) userCode() string {
	const letters = oauth.UserCodeLetters
	code := make([]byte, 0, 8)
	var b [1]byte
	for len(code) < cap(code) {
		if _, err := io.ReadFull(e.Random, b[:]); err != nil {
			panic(err)
		}
		if int(b[0]) < 256/len(letters)*len(letters) {
			code = append(code, letters[int(b[0])%len(letters)])
		}
	}
	return string(code)
}
