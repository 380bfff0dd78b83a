package e2e

import (
	"net/url"
	"testing"
)

// Signing out in a real browser, without script: what its content security policy
// lets a form do is seen nowhere else.
func TestSigningOutInABrowser(t *testing.T) {
	b := realBrowser(t)
	var found findings
	w := New(t, Options{})
	a := newAuditor(t, w, b, &found)

	t.Run("asked, and sent on", func(t *testing.T) {
		a.t = t
		a.tab.Open(w.Auth + "/login")
		a.signIn("alice", "wanderlust")
		request := url.Values{"client_id": {"dreams-web"}, "post_logout_redirect_uri": {w.Dreams + "/"}, "state": {"S1"}}
		a.open("accounts, an unregistered address after logout", w.Auth+"/logout?"+With(request, url.Values{"post_logout_redirect_uri": {w.Dreams + "/x"}}).Encode(), 400)
		a.open("accounts, sign out?", w.Auth+"/logout?"+request.Encode(), 200)
		a.tab.NoScript()
		status := a.tab.Click(`//main//button[.="Sign out"]`)
		if status != 200 || a.tab.Address() != w.Dreams+"/?state=S1" {
			t.Errorf("the form ends at %d %s", status, a.tab.Address())
		}
	})

	t.Run("from Acme's site", func(t *testing.T) {
		tab := newAuditor(t, w, b, &found)
		tab.tab.Open(w.Acme + "/login?next=/me")
		tab.signIn("alice", "wanderlust")
		tab.click("acme, signed out, with an offer", `//button[.="Sign out"]`, 200)
		tab.click("acme, signed out of both", `//main//a[contains(., "too")]`, 200)
		if address := tab.tab.Address(); mustParse(t, address).Path != "/signed-out" {
			t.Errorf("it ends at %s", address)
		}
	})
	found.report(t)
}
