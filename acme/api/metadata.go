package api

import (
	"encoding/json"
	"slices"

	"example.com/acme-dreams/internal/dpop"
)

// developersPath is the website's page about the API, for people.
const developersPath = "/developers"

// protectedResourceMetadata is RFC 9728 §2: what a client that was answered 401
// needs to get a token.
func (a *API) protectedResourceMetadata() []byte {
	scopes := []string{"email"} // opens no request of its own: it adds to /me
	var details []string
	for _, r := range a.Routes() {
		scopes = append(scopes, r.Scope)
		if r.Detail != "" {
			details = append(details, r.Detail)
		}
	}
	slices.Sort(scopes)
	b, err := json.Marshal(struct {
		Resource      string   `json:"resource"`
		Issuers       []string `json:"authorization_servers"`
		Scopes        []string `json:"scopes_supported"`
		Methods       []string `json:"bearer_methods_supported"`
		ProofAlgs     []string `json:"dpop_signing_alg_values_supported"`
		ProofRequired bool     `json:"dpop_bound_access_tokens_required"` // false: bearer tokens open the API too
		Details       []string `json:"authorization_details_types_supported"`
		Name          string   `json:"resource_name"`
		Documentation string   `json:"resource_documentation"`
		Policy        string   `json:"resource_policy_uri"`
	}{
		Resource: string(a.URL), Issuers: []string{string(a.Authserver)}, Scopes: slices.Compact(scopes),
		Methods: []string{"header"}, ProofAlgs: dpop.Algorithms, Details: details, Name: "Acme Travel", Documentation: string(a.URL) + developersPath, Policy: string(a.URL) + developersPath + "#policy",
	})
	if err != nil {
		panic(err) // strings always encode
	}
	return b
}
