package flow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"example.com/acme-dreams/internal/check"
)

//	+--------+                              +------+        +----------------------+
//	| Dreams |                              | Acme |        | authorization server |
//	+--------+                              +------+        +----------------------+
//	    |--- GET …, without a token ----------->|                      |
//	    |<-- 401, resource_metadata="…" --------|  (RFC 9728 §5.1)     |
//	    |--- GET that address ----------------->|                      |
//	    |<-- resource, authorization_servers ---|  (§3.2)              |
//	    |--- its metadata (RFC 8414 §3) ------------------------------->|

// ProtectedResource is an API as a client gets to know it that holds its address
// and nothing else.
type ProtectedResource struct {
	Resource string // what it is called, and where it is: its resource identifier
	Server   *AuthorizationServer
	Checks   check.Runner
}

// ResourceMetadata is what an API says of itself (RFC 9728 §2).
type ResourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported"`
	BearerMethods        []string `json:"bearer_methods_supported"`
}

// Discover reads the document that a challenge points to (RFC 9728 §5.1).
func (p *ProtectedResource) Discover(ctx context.Context, challenge string) (ResourceMetadata, error) {
	_, rest, found := strings.Cut(challenge, `resource_metadata="`)
	address, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		return ResourceMetadata{}, errors.New("the challenge names no resource_metadata (RFC 9728 §5.1)")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return ResourceMetadata{}, err
	}
	req.Header.Set("Accept", "application/json")
	body, err := p.Server.send(req, "protected resource's metadata", http.StatusOK)
	if err != nil {
		return ResourceMetadata{}, err
	}
	return p.Judge(ctx, body)
}

// Judge reads a document, and says whether we may go by it.
func (p *ProtectedResource) Judge(ctx context.Context, document []byte) (ResourceMetadata, error) {
	var m ResourceMetadata
	if err := json.Unmarshal(document, &m); err != nil {
		return ResourceMetadata{}, errors.New("the protected resource's metadata is not what RFC 9728 §3.2 says")
	}
	return m, judge(ctx, p.Checks, resourceChecks, resource{m, p.Resource, p.Server.Issuer})
}

// resource is what the checks of a document judge.
type resource struct {
	Metadata ResourceMetadata
	Resource string // that we asked
	Issuer   string // of the authorization server that we are registered with
}

var resourceChecks = []check.Check[resource]{
	{Name: "protected resource: it is the one that we asked", Source: "RFC 9728 §3.3", Verify: checkResource},
	{Name: "protected resource: its authorization server is one that we know", Source: "RFC 9728 §7.6", Verify: checkResourceServer},
}

// "The resource value returned MUST be identical to the protected resource's
// resource identifier value into which the well-known URI path suffix was inserted
// to create the URL used to retrieve the metadata." Otherwise an API could have us
// fetch a token that is for another one, and use it there.
func checkResource(in resource) error {
	if in.Metadata.Resource != in.Resource {
		return &Refusal{Heading: "This speaks for another API", Words: "The document's resource is not the address that Dreams asked."}
	}
	return nil
}

// An API that was broken into could send people to a page that looks like the
// sign-in. We send them to a server that we know, and to no other.
func checkResourceServer(in resource) error {
	if !slices.Contains(in.Metadata.AuthorizationServers, in.Issuer) {
		return &Refusal{Heading: "We do not know that authorization server", Words: "The document's authorization_servers are not the one that Dreams is registered with."}
	}
	return nil
}
