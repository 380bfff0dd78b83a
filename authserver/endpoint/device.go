package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// device is the television that a question is about.
type device struct {
	oauth.DeviceAuthorization
	key []byte
}

func (p pending) deviceKey() []byte {
	if p.Device == nil {
		return nil
	}
	return p.Device.key
}

// warning is what must be said before anybody says yes. RFC 8628 §5.4: whoever
// started the flow gets the tokens, and that may be somebody who sent the code.
func (d *device) warning(clientName string, now time.Time) string {
	return fmt.Sprintf("Look at the screen: does %s show %s there, and did you start it, %s ago? If somebody sent you this code or a link to it, stop: they would get to see your data, not you.",
		clientName, oauth.ShowUserCode(d.UserCode), roughly(now.Sub(d.CreatedAt)))
}

func roughly(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}

// DevicePage asks for the code that a device shows. RFC 8628 §3.3; with
// verification_uri_complete the code stands in the form already (§3.3.1), and
// still has to be sent by a person.
func (e *Endpoints) DevicePage(c echo.Context) error {
	return render(c, http.StatusOK, page.Device(e.frame(c, ""), page.DeviceView{
		CSRF: e.csrf(c), UserCode: oauth.ShowUserCode(oauth.ReadUserCode(c.QueryParam("user_code"))),
	}))
}

// Device takes the code and leads to the question.
func (e *Endpoints) Device(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	view := page.DeviceView{CSRF: e.csrf(c), UserCode: limit(form.Get("user_code"), 40)}
	now := e.Now()
	// RFC 8628 §5.1: the code is short, so wrong ones are counted, like passwords.
	end, shut, err := e.codes.attempt(c.Request().Context(), e.browser(c), c.RealIP(), now)
	if err != nil {
		return err
	}
	if shut > 0 {
		throttled := &throttledError{shut}
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(throttled.seconds()))
		view.Wait = fmt.Sprintf("Too many codes that nobody waits for. Try again in %s.", throttled.words())
		return render(c, http.StatusTooManyRequests, page.Device(e.frame(c, ""), view))
	}
	found, key, err := e.Store.DeviceByUserCode(c.Request().Context(), oauth.ReadUserCode(form.Get("user_code")), now)
	end(errors.Is(err, store.ErrNotFound))
	if errors.Is(err, store.ErrNotFound) {
		e.record(c, "request refused", "", "", "/device: no device waits under that code")
		view.Error = "No device waits under this code. Look again: eight letters, and it may have expired."
		return render(c, http.StatusUnprocessableEntity, page.Device(e.frame(c, ""), view))
	}
	if err != nil {
		return err
	}
	id := e.opaque("")
	err = e.Store.StartInteraction(background(c), id, store.Interaction{
		Request: "client_id=" + found.ClientID, CreatedAt: now, ExpiresAt: earlier(now.Add(interactionTTL), found.ExpiresAt), Device: key,
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/consent?interaction="+id)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// deviceInteraction completes a question that is about a device.
func (e *Endpoints) deviceInteraction(c echo.Context, p pending, key []byte) (pending, error) {
	found, err := e.Store.DeviceByKey(c.Request().Context(), key)
	if err != nil {
		return p, err
	}
	if p.Client == nil || p.Client.Disabled || !p.Client.MayUse(oauth.DeviceCodeGrant) {
		return p, e.show(c, stop{Refusal: oauth.Refuse(oauth.UnauthorizedClient, "the application may not do this any more"), Pending: p})
	}
	p.Device, p.Scope = &device{found, key}, found.Scope
	p.Resource, p.AuthorizationDetails = found.Resource, found.Details
	return p, nil
}

// DeviceDone says that the answer has been given, and where to look now.
func (e *Endpoints) DeviceDone(c echo.Context) error {
	return render(c, http.StatusOK, page.DeviceDone(e.frame(c, ""), c.QueryParam("answer") == "allow"))
}
