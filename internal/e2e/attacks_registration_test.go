package e2e

import (
	"testing"
)

// registrationAttacks are on the rules of clients that register themselves.
var registrationAttacks = []Attack{
	{
		Rule: "client assertion is signed with the algorithm that was registered", Refused: "401 invalid_client",
		Options: authserverSQL(`UPDATE clients SET metadata = json_set(metadata, '$.token_endpoint_auth_signing_alg', 'RS256') WHERE client_id = 'dreams-batch'`),
		Try: func(t testing.TB, w *World) (bool, string) {
			claims := w.bearerClaims()
			claims["sub"] = "dreams-batch"
			return got(w.Token(t, nil, clientAssertion(signed(claims))))
		},
	},
}
