package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// Resources are the protected resources that our tokens can be for, by their
// identifiers. RFC 8707 §2.
type Resources struct {
	API    string // Acme's
	Issuer string // our own: /userinfo
}

// For lists what a scope is for: Acme, and with openid ourselves beside it.
func (r Resources) For(scope Scope) []string {
	if scope.Has(OpenID) {
		return []string{r.API, r.Issuer}
	}
	return []string{r.API}
}

// Canonical names the resources as we do, each once. RFC 3986 §6.2.3: "In
// general, a URI that uses the generic syntax for authority with an empty path
// should be normalized to a path of "/"." Many a library does so; our identifiers
// have the empty path.
func (r Resources) Canonical(named []string) []string {
	var all []string
	for _, resource := range named {
		if known := strings.TrimSuffix(resource, "/"); known == r.API || known == r.Issuer {
			resource = known
		}
		if !slices.Contains(all, resource) {
			all = append(all, resource)
		}
	}
	return all
}

// Serve tells whether a scope, or authorization details, open anything at a
// resource.
func (r Resources) Serve(resource string, scope Scope, details bool) bool {
	switch resource {
	case r.API:
		return details || len(r.Needs(scope, []string{resource})) > 0
	case r.Issuer:
		return scope.Has(OpenID)
	}
	return false
}

// Needs keeps of a scope what the resources have a use for; without resources,
// all of it. RFC 8707 §2.2: "the authorization server should downscope the scope
// value associated with an access token to the value the respective resource is
// able to process and needs to know".
func (r Resources) Needs(scope Scope, resources []string) Scope {
	if len(resources) == 0 {
		return scope
	}
	var kept Scope
	for _, name := range scope {
		ours := name == OpenID || name == "profile" || name == "email" // OIDC Core §5.4
		if ours && slices.Contains(resources, r.Issuer) || name != OpenID && name != OfflineAccess && slices.Contains(resources, r.API) {
			kept = append(kept, name)
		}
	}
	return kept
}

// ResourceWellFormed tells whether a resource indicator has the form of RFC 8707
// §2: "Its value MUST be an absolute URI, as specified by Section 4.3 of
// [RFC3986]. The URI MUST NOT include a fragment component."
func ResourceWellFormed(resource string) bool {
	u, err := url.Parse(resource)
	return err == nil && u.IsAbs() && !strings.Contains(resource, "#")
}
