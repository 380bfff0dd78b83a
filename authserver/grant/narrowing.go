package grant

import (
	"context"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// narrowing is a token request beside what was agreed to: a client may take less
// of it for one token, and more never.
type narrowing struct {
	Request   oauth.TokenRequest
	Details   []oauth.AuthorizationDetail // of the request
	Granted   []oauth.AuthorizationDetail // those of the grant that have not ended
	Grant     oauth.Grant
	Scope     oauth.Scope // of the token
	Resources oauth.Resources
	Named     []string // the resources that the token is for; nil: all that its scope is for
}

var narrowingChecks = []check.Check[narrowing]{
	check.New("authorization_details of the token are within those granted", "RFC 9396 §6", detailsWithinGrant),
	check.New("resource of the token is one of those granted", "RFC 8707 §2.2", resourceWithinGrant),
	check.New("resource of the token is one that its scope is for", "RFC 8707 §2", resourceServesScope),
}

// narrow makes a token what its request asks for, within the grant. RFC 8707
// §2.2: "the authorization server will issue an access token based on that subset
// of requested resources, whereas any refresh token that is returned is bound to
// the full original grant."
func (e Environment) narrow(ctx context.Context, issue Issue, req oauth.TokenRequest, now time.Time) (Issue, error) {
	n := narrowing{Request: req, Grant: issue.Grant, Scope: issue.Scope, Resources: e.Resources}
	n.Granted = oauth.LiveDetails(issue.Grant.AuthorizationDetails, now)
	n.Details, _ = oauth.ParseGrantedDetails(req.AuthorizationDetails) // the token endpoint has judged its form
	for i, d := range n.Details {
		n.Details[i].Locations = e.Resources.Canonical(d.Locations)
	}
	n.Named = n.named()
	if err := check.Run(ctx, e.Checks, narrowingChecks, n); err != nil {
		return Issue{}, err
	}
	issue.Resource, issue.AuthorizationDetails = n.Named, oauth.FormatAuthorizationDetails(n.Granted)
	if n.Details != nil {
		issue.AuthorizationDetails = oauth.FormatAuthorizationDetails(n.narrowed())
	}
	return issue, nil
}

// named lists the resources that the token is for: those of the token request, or
// those of the grant that its scope has a use for. nil: all that it is for.
func (n narrowing) named() []string {
	if len(n.Request.Resource) > 0 {
		return n.Resources.Canonical(n.Request.Resource)
	}
	var useful []string
	for _, resource := range n.Grant.Resource {
		if n.serves(resource) {
			useful = append(useful, resource)
		}
	}
	if useful == nil {
		return n.Grant.Resource // and the check says what is wrong with that
	}
	return useful
}

func (n narrowing) serves(resource string) bool {
	return n.Resources.Serve(resource, n.Scope, len(n.Granted) > 0)
}

// narrowed is what the request asks for, with all that the grant says of it.
func (n narrowing) narrowed() []oauth.AuthorizationDetail {
	var all []oauth.AuthorizationDetail
	for _, d := range n.Details {
		if i := slices.IndexFunc(n.Granted, d.Within); i >= 0 {
			all = append(all, d.Narrowed(n.Granted[i]))
		} else {
			all = append(all, d)
		}
	}
	return all
}

// RFC 9396 §6: "The AS checks whether the underlying grant [...] or the client's
// policy [...] allows the issuance of an access token with the requested
// authorization details. Otherwise, the AS refuses the request with the error
// code invalid_authorization_details".
func detailsWithinGrant(n narrowing) error {
	for _, d := range n.Details {
		if !slices.ContainsFunc(n.Granted, d.Within) {
			return oauth.Refuse(oauth.InvalidAuthorizationDetails, "authorization_details of type %s were not granted, or not so much, or have ended", d.Type)
		}
	}
	return nil
}

// RFC 8707 §2.2: "such policy may limit the acceptable resources to those that
// were originally granted by the resource owner or a subset thereof". Ours does.
func resourceWithinGrant(n narrowing) error {
	if len(n.Grant.Resource) == 0 {
		return nil // all that the scope is for
	}
	for _, resource := range n.Named {
		if !slices.Contains(n.Grant.Resource, resource) {
			return oauth.Refuse(oauth.InvalidTarget, "resource %.200q was not asked for at the authorization endpoint; it named: %s", resource, strings.Join(n.Grant.Resource, " "))
		}
	}
	return nil
}

func resourceServesScope(n narrowing) error {
	for _, resource := range n.Named {
		if !n.serves(resource) {
			return oauth.Refuse(oauth.InvalidTarget, "resource %.200q is not one that this scope is for; these are: %s", resource, strings.Join(n.Resources.For(n.Scope), " "))
		}
	}
	return nil
}
