package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

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
}

// PublicKeys reads a client's jwks (RFC 7591 §2): what it signs its assertions
// with. Each key says what it is for; private and symmetric keys are refused.
func PublicKeys(jwks []byte) ([]oauth.PublicKey, error) {
	if len(jwks) == 0 {
		return nil, nil
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	var keys []oauth.PublicKey
	for _, key := range set.Keys {
		if !key.Valid() || !key.IsPublic() || (key.Algorithm != "ES256" && key.Algorithm != "RS256") {
			return nil, fmt.Errorf("jwks: key %q must be a public one with alg ES256 or RS256", key.KeyID)
		}
		keys = append(keys, oauth.PublicKey{ID: key.KeyID, Algorithm: key.Algorithm, Key: key.Key})
	}
	return keys, nil
}

func jwksOf(keys []oauth.PublicKey) (json.RawMessage, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var set jose.JSONWebKeySet
	for _, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Key, KeyID: key.ID, Algorithm: key.Algorithm, Use: "sig"})
	}
	return json.Marshal(set)
}

func metadataOf(c oauth.Client) (metadata, error) {
	jwks, err := jwksOf(c.Keys)
	return metadata{
		Name: c.Name, Kind: c.Kind, AuthMethods: c.AuthMethods, GrantTypes: c.GrantTypes, Scope: c.Scope.String(),
		RedirectURIs: c.RedirectURIs, Resource: c.Resource, RequirePKCE: c.RequirePKCE, FirstParty: c.FirstParty,
		AlwaysAsk: c.AlwaysAsk, Purpose: c.Purpose, Developer: c.Developer, Homepage: c.Homepage, Verified: c.Verified, Reasons: c.Reasons,
		ActsFor: c.ActsFor, JWKS: jwks,
	}, err
}

// Client returns a registered client, or nil.
func (s *Store) Client(id string) *oauth.Client { return (*s.clients.Load())[id] }

// Clients returns all registered clients by their identifiers. Not to be changed.
func (s *Store) Clients() map[string]*oauth.Client { return *s.clients.Load() }

// loadClients reads the registry and puts the programs' URLs in.
func (s *Store) loadClients(ctx context.Context, expand func(string) string) error {
	rows, err := s.db.Query(ctx, "SELECT client_id, secret_hash, metadata, created_at, disabled_at FROM clients")
	if err != nil {
		return err
	}
	defer rows.Close()
	all := map[string]*oauth.Client{}
	for rows.Next() {
		var c oauth.Client
		var text string
		var since int64
		var disabled sql.NullInt64
		if err := rows.Scan(&c.ID, &c.SecretHash, &text, &since, &disabled); err != nil {
			return err
		}
		var m metadata
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		c.Name, c.Kind, c.AuthMethods, c.GrantTypes, c.Scope = m.Name, m.Kind, m.AuthMethods, m.GrantTypes, oauth.ParseScope(m.Scope)
		c.RequirePKCE, c.FirstParty, c.AlwaysAsk, c.Verified = m.RequirePKCE, m.FirstParty, m.AlwaysAsk, m.Verified
		c.Purpose, c.Developer, c.Reasons, c.ActsFor = m.Purpose, m.Developer, m.Reasons, m.ActsFor
		if c.Keys, err = PublicKeys(m.JWKS); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		c.Homepage, c.Resource = expand(m.Homepage), expand(m.Resource)
		for _, uri := range m.RedirectURIs {
			c.RedirectURIs = append(c.RedirectURIs, expand(uri))
		}
		c.Since, c.Disabled = time.UnixMilli(since).UTC(), disabled.Valid
		all[c.ID] = &c
	}
	s.clients.Store(&all)
	return rows.Err()
}
