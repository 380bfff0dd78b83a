package e2e

import (
	"net/url"
	"testing"
)

// Device asks for a device code as dreams-tv. RFC 8628 §3.1.
func (w *World) Device(t testing.TB, scope string) Response {
	t.Helper()
	answer := w.Post(t, w.Auth+"/device_authorization", nil, url.Values{"client_id": {"dreams-tv"}, "scope": {scope}})
	if answer.Status != 200 {
		t.Fatalf("no device code: %d %s", answer.Status, answer.Body)
	}
	return answer
}

// ApprovedDevice is a device whose person typed the code and said yes.
func (w *World) ApprovedDevice(t testing.TB, username, scope string, scopes ...string) Response {
	t.Helper()
	device := w.Device(t, scope)
	b := w.SignedIn(t, username)
	asked := w.TypeCode(b, device.String("user_code"))
	b.Form(asked, "decision").With(url.Values{"scope": scopes, "decision": {"allow"}, "duration": nil}).Submit()
	return device
}

// TypeCode types a user code at /device.
func (w *World) TypeCode(b *Browser, userCode string) Page {
	b.t.Helper()
	return b.Form(b.Get(w.Auth+"/device"), "user_code").With(url.Values{"user_code": {userCode}}).Submit()
}
