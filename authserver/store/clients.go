package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/acme-dreams/authserver/jwks"
	"example.com/acme-dreams/authserver/oauth"
)

// metadata is how a client is written down: RFC 7591 §2 where it has a name.
type metadata struct {
	Name         string            `json:"client_name"`
	Kind         string            `json:"kind"`
	AuthMethods  []string          `json:"token_endpoint_auth_methods"`
	GrantTypes   []string          `json:"grant_types"`
	Scope        string            `json:"scope"`
	RedirectURIs []string          `json:"redirect_uris"`
	Resource     string            `json:"resource,omitempty"`
	RequirePKCE  bool              `json:"require_pkce,omitempty"`
	FirstParty   bool              `json:"first_party,omitempty"`
	AlwaysAsk    bool              `json:"always_ask,omitempty"`
	Purpose      string            `json:"purpose,omitempty"`
	Developer    string            `json:"developer,omitempty"`
	Homepage     string            `json:"client_uri,omitempty"`
	Verified     bool              `json:"verified,omitempty"`
	Reasons      map[string]string `json:"reasons,omitempty"`
	ActsFor      string            `json:"acts_for,omitempty"`
	JWKS         json.RawMessage   `json:"jwks,omitempty"`
	JWKSURI      string            `json:"jwks_uri,omitempty"`

	RequirePAR           bool `json:"require_pushed_authorization_requests,omitempty"`
	RequireSignedRequest bool `json:"require_signed_request_object,omitempty"`
	DPoPBound            bool `json:"dpop_bound_access_tokens,omitempty"`

	TokenEndpointAuthSigningAlg string `json:"token_endpoint_auth_signing_alg,omitempty"`
	RequestObjectSigningAlg     string `json:"request_object_signing_alg,omitempty"`
	IDTokenSigningAlg           string `json:"id_token_signed_response_alg,omitempty"`
	UserinfoSigningAlg          string `json:"userinfo_signed_response_alg,omitempty"`
	IntrospectionSigningAlg     string `json:"introspection_signed_response_alg,omitempty"`

	AuthorizationDetailsTypes []string `json:"authorization_details_types,omitempty"`
	DefaultMaxAge             *int     `json:"default_max_age,omitempty"`

	PostLogoutRedirectURIs           []string `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI             string   `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired bool     `json:"backchannel_logout_session_required,omitempty"`
	SecurityEventsURI                string   `json:"security_events_uri,omitempty"`

	LogoURI             string   `json:"logo_uri,omitempty"`
	Logo                string   `json:"logo,omitempty"` // ours: see client_logos
	PolicyURI           string   `json:"policy_uri,omitempty"`
	TosURI              string   `json:"tos_uri,omitempty"`
	InitiateLoginURI    string   `json:"initiate_login_uri,omitempty"`
	SectorIdentifierURI string   `json:"sector_identifier_uri,omitempty"`
	ApplicationType     string   `json:"application_type,omitempty"`
	ResponseTypes       []string `json:"response_types,omitempty"`
	Contacts            []string `json:"contacts,omitempty"`
	SoftwareID          string   `json:"software_id,omitempty"`
	SoftwareVersion     string   `json:"software_version,omitempty"`
	RequireAuthTime     bool     `json:"require_auth_time,omitempty"`

	AccessTokenTTL  int64 `json:"access_token_ttl,omitempty"` // ours, both in seconds
	RefreshTokenTTL int64 `json:"refresh_token_ttl,omitempty"`
}

// PublicKeys reads a client's jwks (RFC 7591 §2); one without it has no keys.
func PublicKeys(set []byte) ([]oauth.PublicKey, error) {
	if len(set) == 0 {
		return nil, nil
	}
	return jwks.Parse(set)
}

// jwksOf is the set as the client registered it, or one made of its keys.
func jwksOf(c oauth.Client) (json.RawMessage, error) {
	if c.JWKS != nil || len(c.Keys) == 0 {
		return c.JWKS, nil
	}
	var set jose.JSONWebKeySet
	for _, key := range c.Keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Key, KeyID: key.ID, Algorithm: key.Algorithm, Use: "sig"})
	}
	return json.Marshal(set)
}

func metadataOf(c oauth.Client) (metadata, error) {
	set, err := jwksOf(c)
	return metadata{
		Name: c.Name, Kind: c.Kind, AuthMethods: c.AuthMethods, GrantTypes: c.GrantTypes, Scope: c.Scope.String(),
		RedirectURIs: c.RedirectURIs, Resource: c.Resource, RequirePKCE: c.RequirePKCE, FirstParty: c.FirstParty,
		AlwaysAsk: c.AlwaysAsk, Purpose: c.Purpose, Developer: c.Developer, Homepage: c.Homepage, Verified: c.Verified, Reasons: c.Reasons,
		ActsFor: c.ActsFor, JWKS: set,
		RequirePAR: c.RequirePAR, RequireSignedRequest: c.RequireSignedRequest, DPoPBound: c.DPoPBound,
		TokenEndpointAuthSigningAlg: c.TokenEndpointAuthSigningAlg, RequestObjectSigningAlg: c.RequestObjectSigningAlg, IDTokenSigningAlg: c.IDTokenSigningAlg,
		UserinfoSigningAlg: c.UserinfoSigningAlg, IntrospectionSigningAlg: c.IntrospectionSigningAlg, AuthorizationDetailsTypes: c.AuthorizationDetailsTypes,
		DefaultMaxAge: c.DefaultMaxAge, BackchannelLogoutSessionRequired: c.BackchannelLogoutSessionRequired, LogoURI: c.LogoURI, Logo: c.Logo,
		PolicyURI: c.PolicyURI, TosURI: c.TosURI, InitiateLoginURI: c.InitiateLoginURI,
		SectorIdentifierURI: c.SectorIdentifierURI, ApplicationType: c.ApplicationType, ResponseTypes: c.ResponseTypes,
		Contacts: c.Contacts, JWKSURI: c.JWKSURI, SoftwareID: c.SoftwareID, SoftwareVersion: c.SoftwareVersion, RequireAuthTime: c.RequireAuthTime,
		PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, BackchannelLogoutURI: c.BackchannelLogoutURI, SecurityEventsURI: c.SecurityEventsURI,
		AccessTokenTTL: int64(c.AccessTokenTTL / time.Second), RefreshTokenTTL: int64(c.RefreshTokenTTL / time.Second),
	}, err
}

// Client returns a registered client, or nil.
func (s *Store) Client(id string) *oauth.Client { return s.clients.Load().clients[id] }

// Clients returns all registered clients by their identifiers. Not to be changed.
func (s *Store) Clients() map[string]*oauth.Client { return s.clients.Load().clients }

// loadClients reads the registry and puts the programs' URLs in.
func (s *Store) loadClients(ctx context.Context) error {
	rows, err := s.db.Query(ctx, "SELECT client_id, "+secretColumns+", registration_hash, owner, metadata, created_at, used_at, disabled_at FROM clients WHERE deleted_at IS NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	all := map[string]*oauth.Client{}
	for rows.Next() {
		var c oauth.Client
		var text string
		var secrets secretRow
		var owner sql.NullString
		var since, used, disabled sql.NullInt64
		columns := append([]any{&c.ID}, secrets.columns()...)
		if err := rows.Scan(append(columns, &c.RegistrationHash, &owner, &text, &since, &used, &disabled)...); err != nil {
			return err
		}
		c.Secrets, c.Owner = secrets.read(), owner.String
		var m metadata
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		expand := s.expand
		if !c.Seeded() { // a stranger's braces are a stranger's
			expand = func(uri string) string { return uri }
		}
		if c, err = m.client(c, expand); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		c.Since, c.UsedAt, c.Disabled = at(since), at(used), disabled.Valid
		all[c.ID] = &c
	}
	s.clients.Store(newRegistry(all))
	return rows.Err()
}

// client fills in what was written down, with the programs' URLs in it.
func (m metadata) client(c oauth.Client, expand func(string) string) (oauth.Client, error) {
	keys, err := PublicKeys(m.JWKS)
	if err != nil {
		return c, err
	}
	return oauth.Client{
		ID: c.ID, Secrets: c.Secrets, RegistrationHash: c.RegistrationHash, Owner: c.Owner, Keys: keys, JWKS: m.JWKS,
		Name: m.Name, Kind: m.Kind, AuthMethods: m.AuthMethods, GrantTypes: m.GrantTypes, Scope: oauth.ParseScope(m.Scope),
		RequirePKCE: m.RequirePKCE, FirstParty: m.FirstParty, AlwaysAsk: m.AlwaysAsk, Verified: m.Verified,
		Purpose: m.Purpose, Developer: m.Developer, Reasons: m.Reasons, ActsFor: m.ActsFor,
		Homepage: expand(m.Homepage), Resource: expand(m.Resource), RedirectURIs: expandAll(m.RedirectURIs, expand),
		PostLogoutRedirectURIs: expandAll(m.PostLogoutRedirectURIs, expand), BackchannelLogoutURI: expand(m.BackchannelLogoutURI),
		SecurityEventsURI: expand(m.SecurityEventsURI),
		RequirePAR:        m.RequirePAR, RequireSignedRequest: m.RequireSignedRequest, DPoPBound: m.DPoPBound,
		TokenEndpointAuthSigningAlg: m.TokenEndpointAuthSigningAlg, RequestObjectSigningAlg: m.RequestObjectSigningAlg, IDTokenSigningAlg: m.IDTokenSigningAlg,
		UserinfoSigningAlg: m.UserinfoSigningAlg, IntrospectionSigningAlg: m.IntrospectionSigningAlg, AuthorizationDetailsTypes: m.AuthorizationDetailsTypes,
		DefaultMaxAge: m.DefaultMaxAge, BackchannelLogoutSessionRequired: m.BackchannelLogoutSessionRequired, LogoURI: m.LogoURI, Logo: m.Logo,
		PolicyURI: m.PolicyURI, TosURI: m.TosURI, InitiateLoginURI: m.InitiateLoginURI,
		SectorIdentifierURI: m.SectorIdentifierURI, ApplicationType: m.ApplicationType, ResponseTypes: m.ResponseTypes,
		Contacts: m.Contacts, JWKSURI: m.JWKSURI, SoftwareID: m.SoftwareID, SoftwareVersion: m.SoftwareVersion, RequireAuthTime: m.RequireAuthTime,
		AccessTokenTTL: time.Duration(m.AccessTokenTTL) * time.Second, RefreshTokenTTL: time.Duration(m.RefreshTokenTTL) * time.Second,
	}, nil
}

func expandAll(uris []string, expand func(string) string) []string {
	var all []string
	for _, uri := range uris {
		all = append(all, expand(uri))
	}
	return all
}
