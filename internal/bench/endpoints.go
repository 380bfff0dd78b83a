package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Who asks, for what.
const (
	person        = "u_7Qm2kXf0Rb9sTzLw" // alice
	webClient     = "dreams-web"
	catalogue     = "dreams-catalogue"
	sessionCookie = "the-cookie-of-a-session-that-lasts-for-all-of-the-run"
	everyScope    = "profile packages:read reviews:read preferences:read blog:read offline_access"
	onePackage    = "pk-dolomites" // about a kilobyte
	verifier      = "a-code-verifier-of-more-than-43-characters-as-RFC-7636-wants"
	jwksPath      = "/jwks"
	discoveryPath = "/.well-known/openid-configuration"
)

// endpoint is a line of the table.
type endpoint struct {
	name    string
	goal    float64 // what part of the ceiling; 0: for information
	ours    side
	ceiling side
}

// makeClient makes what a connection does.
type makeClient = func(c *connection) (operation, error)

// endpoints is what is measured.
func endpoints(s site) []endpoint {
	auth, api, ceiling := s.processes["authserver"], s.processes["acme"], s.processes["ceiling"]
	callback := "http://" + s.addresses["dreams"] + "/callback"
	const packages = "/api/v1/packages/" + onePackage
	e := func(name string, goal float64, ours, top makeClient) endpoint {
		return endpoint{name, goal, side{auth, ours}, side{ceiling, top}}
	}
	document := func(path string) makeClient {
		return func(c *connection) (operation, error) { return same(c, get(path), 200), nil }
	}
	return []endpoint{
		e("client credentials", 0.80, clientCredentials(catalogue), clientCredentials(webClient)),
		e("code + PKCE", 0.60, codeFlow(callback, "profile preferences:read"), codeFlow(callback, "profile preferences:read")),
		e("introspection, JWT", 0.75, introspectJWT(catalogue), introspectJWT(webClient)),
		e("introspection, refresh token", 0.70, introspectRefresh(callback), introspectRefresh(callback)),
		e("JWKS", 0.85, document(jwksPath), document(jwksPath)),
		e("discovery", 0.85, document(discoveryPath), document(discoveryPath)),
		{"wiretap, unwatched: client credentials", 0.97, side{auth, clientCredentials(catalogue)}, side{s.processes[unheard], clientCredentials(catalogue)}},
		{"resource server, new tokens", 0.90,
			side{api, manyTokens(auth.address, catalogue, packages)}, side{ceiling, manyTokens(ceiling.address, webClient, "/package")}},
		{"resource server, one token", 0,
			side{api, oneToken(auth.address, catalogue, packages)}, side{ceiling, oneToken(ceiling.address, webClient, "/package")}},
		e("refresh token rotation", 0, rotation(callback), rotation(callback)),
	}
}

// clientCredentials asks for a token again and again. RFC 6749 §4.4.2.
func clientCredentials(client string) makeClient {
	return func(c *connection) (operation, error) {
		return same(c, clientCredentialsRequest(client), 200), nil
	}
}

func clientCredentialsRequest(client string) []byte {
	return post("/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"packages:read"}}, basic(client))
}

// codeFlow is the flow of a person who is signed in and agreed before: an
// authorization request, answered with a code, and its redemption.
func codeFlow(callback, scope string) makeClient {
	return func(c *connection) (operation, error) {
		return func() error {
			_, err := codeTokens(c, callback, scope)
			return err
		}, nil
	}
}

func codeTokens(c *connection, callback, scope string) (answer, error) {
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {webClient}, "redirect_uri": {callback}, "scope": {scope}, "state": {"a-state-of-the-client"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	a, err := c.do(get("/authorize?"+query.Encode(), "Cookie: authserver_session="+sessionCookie))
	if err := errors.Join(err, a.expect(303)); err != nil {
		return a, err
	}
	back, err := url.Parse(a.location)
	if err != nil {
		return a, err
	}
	code := back.Query().Get("code")
	if code == "" {
		return a, fmt.Errorf("no code: %s", a.location)
	}
	a, err = c.do(post("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}, basic(webClient)))
	return a, errors.Join(err, a.expect(200))
}

// introspectJWT asks about an access token of one's own. RFC 7662 §2.1.
func introspectJWT(client string) makeClient {
	return func(c *connection) (operation, error) {
		token, err := accessToken(c, client)
		return introspect(c, client, token), err
	}
}

// introspectRefresh asks about a refresh token.
func introspectRefresh(callback string) makeClient {
	return func(c *connection) (operation, error) {
		a, err := codeTokens(c, callback, everyScope)
		return introspect(c, webClient, a.member("refresh_token")), err
	}
}

func introspect(c *connection, client, token string) operation {
	request := post("/introspect", url.Values{"token": {token}}, basic(client))
	return func() error {
		a, err := c.do(request)
		if err == nil && !bytes.Contains(a.body, []byte(`"active":true`)) {
			err = fmt.Errorf("not active: %.200s", a.body)
		}
		return err
	}
}

// rotation spends a refresh token for the next. RFC 6749 §6.
func rotation(callback string) makeClient {
	return func(c *connection) (operation, error) {
		last, err := codeTokens(c, callback, everyScope)
		return func() error {
			a, err := c.do(post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {last.member("refresh_token")}}, basic(webClient)))
			if err := errors.Join(err, a.expect(200)); err != nil {
				return err
			}
			last = a
			return nil
		}, err
	}
}

// oneToken calls an API with the same token all the time, as a client does
// within the hour that it lives.
func oneToken(issuer, client, path string) makeClient {
	return func(c *connection) (operation, error) {
		other := &connection{address: issuer}
		defer other.close()
		token, err := accessToken(other, client)
		return same(c, get(path, "Authorization: Bearer "+token), 200), err
	}
}

// manyTokens calls with a token that was not used lately: four times as many
// in turn as acme/bearer remembers the signatures of.
func manyTokens(issuer, client, path string) makeClient {
	const tokens = 4 * 4096
	requests := sync.OnceValues(func() ([][]byte, error) {
		c := &connection{address: issuer}
		defer c.close()
		all := make([][]byte, tokens)
		for i := range all {
			token, err := accessToken(c, client)
			if err != nil {
				return nil, err
			}
			all[i] = get(path, "Authorization: Bearer "+token)
		}
		return all, nil
	})
	var next atomic.Int64 // of all connections, in all rounds
	return func(c *connection) (operation, error) {
		all, err := requests()
		return func() error {
			a, err := c.do(all[next.Add(1)%tokens])
			return errors.Join(err, a.expect(200))
		}, err
	}
}

func accessToken(c *connection, client string) (string, error) {
	a, err := c.do(clientCredentialsRequest(client))
	return a.member("access_token"), errors.Join(err, a.expect(200))
}

// member finds a string in a JSON object whose strings have no escapes.
func (a answer) member(name string) string {
	_, rest, _ := bytes.Cut(a.body, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// signIn puts a session and a consent into the authorization server's
// database, so that the flow has nobody to wait for.
func signIn(dir string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "authserver.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, now := context.Background(), time.Now()
	_, err = db.ExecContext(ctx, "INSERT INTO sessions (hash, sub, auth_time, expires_at, address, user_agent) VALUES (?, ?, ?, ?, '127.0.0.1', 'bench')",
		hash(sessionCookie), person, now.UnixMilli(), now.Add(24*time.Hour).UnixMilli())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "INSERT INTO consents (id, sub, client_id, scope, duration, given_at, changed_at) VALUES ('c_bench', ?1, ?2, ?3, 'until_revoked', ?4, ?4)",
		person, webClient, everyScope, now.UnixMilli())
	return err
}
