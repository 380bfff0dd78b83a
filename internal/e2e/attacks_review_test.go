package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// reviewAttacks are on rules of ours, about what strangers can make us keep.
var reviewAttacks = []Attack{
	{
		// Every request that waits for its person is stored: large ones, sent all
		// day by nobody in particular, fill the disk.
		Rule: "authorization request is 16 KiB at most", Refused: "400 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"foo": {strings.Repeat("x", 16<<10)}}),
	},
	{
		// Whoever found a token tries what it is good for, in the name of an
		// application whose name everybody knows.
		Rule: "client that introspects has authenticated", Refused: "401 invalid_client", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			callback := w.Dreams + "/spa/callback"
			answer := w.Allow(w.SignedIn(t, "alice"), With(w.Request("profile"), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {callback}}))
			tokens := w.Token(t, nil, With(w.Redemption(answer), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {callback}}))
			found := w.Post(t, w.Auth+"/introspect", nil, url.Values{"client_id": {"dreams-spa"}, "token": {tokens.String("access_token")}})
			active, _ := found.JSON()["active"].(bool)
			return active, found.Refusal()
		},
	},
	{
		Rule: "client that reads the revocation feed is a resource server", Refused: "400 unauthorized_client", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.Do(t, http.MethodGet, w.Auth+"/revocations", Basic("dreams-web"), "")
			return answer.String("feed") != "", answer.Refusal()
		},
	},
}
