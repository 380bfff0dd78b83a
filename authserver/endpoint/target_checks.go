package endpoint

import (
	"slices"
	"strings"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// targetChecks judge what a token is to be for: resource and
// authorization_details, wherever a client may send them. The token endpoint
// walks targetFormChecks, before anything is spent, and leaves to the grant what
// may come of it.
var targetChecks = slices.Concat(targetFormChecks, []check.Check[asked]{
	check.New("resource is one that the scope is for", "RFC 8707 §2", resourceServesScope),
})

var targetFormChecks = []check.Check[asked]{
	check.New("authorization_details conform to their types", "RFC 9396 §5", detailsConform),
	check.New("client is registered for the type of authorization_details", "RFC 9396 §10", detailsRegistered),
	check.New("locations of authorization_details are ours", "RFC 9396 §2.2", detailsLocated),
	check.New("resource is an absolute URI without a fragment", "RFC 8707 §2", resourceWellFormed),
}

// resources are those that our tokens can be for.
func (e *Endpoints) resources() oauth.Resources {
	return oauth.Resources{API: e.Env.AcmeURL.String(), Issuer: e.issuer()}
}

// target completes what is known for targetChecks.
func (e *Endpoints) target(a asked) asked {
	a.Resources = e.resources()
	a.Details, a.DetailsError = oauth.ParseAuthorizationDetails(a.AuthorizationDetails)
	return a
}

// tokenTarget is that for a token request.
func (e *Endpoints) tokenTarget(client *oauth.Client, req oauth.TokenRequest) asked {
	a := asked{AuthorizationRequest: oauth.AuthorizationRequest{Resource: req.Resource}, Client: client, Resources: e.resources()}
	a.Details, a.DetailsError = oauth.ParseGrantedDetails(req.AuthorizationDetails)
	return a
}

// RFC 9396 §5: "The AS MUST abort processing and respond with an error
// invalid_authorization_details to the client".
func detailsConform(a asked) error {
	if a.DetailsError != nil {
		return oauth.Refuse(oauth.InvalidAuthorizationDetails, "%v", a.DetailsError)
	}
	return nil
}

func detailsRegistered(a asked) error {
	for _, d := range a.Details {
		if !slices.Contains(a.Client.AuthorizationDetailsTypes, d.Type) {
			return oauth.Refuse(oauth.InvalidAuthorizationDetails, "the client is not registered for authorization_details of type %s", d.Type)
		}
	}
	return nil
}

// RFC 9396 §2.2: "This field can allow a client to specify a particular RS". We
// speak for one.
func detailsLocated(a asked) error {
	for _, d := range a.Details {
		for _, location := range a.Resources.Canonical(d.Locations) {
			if location != a.Resources.API {
				return oauth.Refuse(oauth.InvalidAuthorizationDetails, "locations of %s can be %s alone", d.Type, a.Resources.API)
			}
		}
	}
	return nil
}

func resourceWellFormed(a asked) error {
	for _, resource := range a.Resource {
		if !oauth.ResourceWellFormed(resource) {
			return oauth.Refuse(oauth.InvalidTarget, "resource %q must be an absolute URI without a fragment", limit(resource, 200))
		}
	}
	return nil
}

// RFC 8707 §2: invalid_target "can also be used to inform the client that it has
// requested an invalid combination of resource and scope".
func resourceServesScope(a asked) error {
	for _, resource := range a.Resources.Canonical(a.Resource) {
		if !a.Resources.Serve(resource, a.Scope, len(a.Details) > 0) {
			return oauth.Refuse(oauth.InvalidTarget, "resource %q is not one that this scope is for; these are: %s",
				limit(resource, 200), strings.Join(a.Resources.For(a.Scope), " "))
		}
	}
	return nil
}
