package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// portalAttacks are on the developer portal: somebody else's application, by its
// client_id.
var portalAttacks = []Attack{
	portalAttack("opened", func(t testing.TB, w *World, bob *Browser, a application) Page {
		return w.applicationTab(bob, a.ID, "credentials")
	}),
	portalAttack("edited", func(t testing.TB, w *World, bob *Browser, a application) Page {
		return w.act(bob, a.ID, "permissions", url.Values{"name": {"Bob's"}, "scope": {"packages:read"}})
	}),
	portalAttack("its secret rotated", func(t testing.TB, w *World, bob *Browser, a application) Page {
		return w.act(bob, a.ID, "make-secret", nil)
	}),
	portalAttack("its logo replaced", func(t testing.TB, w *World, bob *Browser, a application) Page {
		return w.uploadLogo(bob, a.ID, square(t), nil)
	}),
	portalAttack("deleted", func(t testing.TB, w *World, bob *Browser, a application) Page {
		return w.act(bob, a.ID, "delete", url.Values{"confirm": {"Diary"}})
	}),
}

func portalAttack(name string, try func(testing.TB, *World, *Browser, application) Page) Attack {
	return Attack{
		Rule: "application belongs to the person who asks", Name: name, Refused: "404", Options: Options{Only: []string{"authserver"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			a := w.newApplication(w.SignedIn(t, "carol"), "machine", nil)
			const row = "SELECT group_concat(hex(secret_hash) || coalesce(hex(next_secret_hash), '') || metadata) FROM clients WHERE client_id = ? AND deleted_at IS NULL"
			before := w.value(t, "authserver", row, a.ID)
			page := try(t, w, w.SignedIn(t, "bob"), a)
			changed := w.value(t, "authserver", row, a.ID) != before
			return changed || strings.Contains(page.Body, "Diary"), page.Refusal()
		},
	}
}
