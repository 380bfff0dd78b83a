package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/seed"
)

// grantAttacks are on the rules of the grants beyond the first three.
var grantAttacks = []Attack{
	// Password.
	{
		Rule: "only a first-party client may see a password", Refused: "400 unauthorized_client",
		Options: Options{SQL: map[string][]string{"authserver": {client("phish", "native", "none", "password", "profile", "")}}},
		Try: func(t testing.TB, w *World) (bool, string) {
			return got(w.Token(t, nil, password("phish", "profile")))
		},
	},
	{
		Rule: "scope of the password grant is given", Refused: "400 invalid_scope",
		Try: func(t testing.TB, w *World) (bool, string) {
			return got(w.Token(t, nil, password("acme-mobile", "")))
		},
	},
	{
		Rule: "scope of the password grant is one that the client may have", Refused: "400 invalid_scope",
		Try: func(t testing.TB, w *World) (bool, string) {
			return got(w.Token(t, nil, password("acme-mobile", "profile bogus")))
		},
	},
	// Device code.
	{
		Rule: "device code belongs to this client", Refused: "400 invalid_grant",
		Options: Options{SQL: map[string][]string{"authserver": {client("other-tv", "device", "none", deviceCodeGrant, "profile", "")}}},
		Try: func(t testing.TB, w *World) (bool, string) {
			device := w.ApprovedDevice(t, "alice", "profile")
			return got(w.Token(t, nil, url.Values{"grant_type": {deviceCodeGrant}, "client_id": {"other-tv"}, "device_code": {device.String("device_code")}}))
		},
	},
	// Token exchange.
	exchangeAttack("subject_token_type is access_token or jwt", "400 invalid_request", url.Values{"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}}),
	exchangeAttack("requested_token_type is an access token", "400 invalid_request", url.Values{"requested_token_type": {"urn:ietf:params:oauth:token-type:refresh_token"}}),
	exchangeAttack("actor is the client itself, no actor_token", "400 invalid_request", url.Values{"actor_token": {"x"}, "actor_token_type": {accessTokenType}}),
	exchangeAttack("target of the exchange is a resource that we know", "400 invalid_target", url.Values{"audience": {"https://evil.test"}}),
	exchangeAttack("exchanged token has no more scope than the subject token", "400 invalid_scope", url.Values{"scope": {"preferences:read blog:read"}}),
	{
		Rule: "subject token was issued to the client that exchanges it", Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			stolen := w.Token(t, nil, password("acme-mobile", "preferences:read"))
			return got(w.Token(t, Basic("dreams-web"), exchanged(stolen.String("access_token"))))
		},
	},
	{
		Rule: "subject token has not expired", Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			tokens := w.Tokens(t, "alice", "openid profile preferences:read")
			w.Clock.Advance(2 * time.Hour)
			return got(w.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token"))))
		},
	},
	{
		Rule: "subject token has not been revoked", Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			tokens := w.Tokens(t, "alice", "openid profile preferences:read")
			w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {tokens.String("access_token")}})
			return got(w.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token"))))
		},
	},
	// JWT bearer.
	bearerAttack("bearer assertion is signed by its issuer", func(w *World, claims jwt.MapClaims) string { return signedByNobody(claims) }),
	bearerAttack("bearer assertion is for this server alone", func(w *World, claims jwt.MapClaims) string {
		claims["aud"] = "https://other.test"
		return signed(claims)
	}),
	bearerAttack("bearer assertion expires, and has not yet", func(w *World, claims jwt.MapClaims) string {
		claims["exp"] = w.Clock.Now().Add(-time.Second).Unix()
		return signed(claims)
	}),
	bearerAttack("bearer assertion lives an hour at most", func(w *World, claims jwt.MapClaims) string {
		claims["exp"] = w.Clock.Now().Add(2 * time.Hour).Unix()
		return signed(claims)
	}),
	bearerAttack("bearer assertion is not from the future", func(w *World, claims jwt.MapClaims) string {
		claims["nbf"] = w.Clock.Now().Add(time.Minute).Unix()
		return signed(claims)
	}),
	{
		Rule: "person whom the assertion is about still agrees to it", Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			page := w.Authorize(b, w.Request("openid preferences:read"))
			b.Form(page, "decision").With(url.Values{"scope": {"preferences:read"}, "decision": {"allow"}, "duration": {"once"}}).Submit()
			w.Clock.Advance(2 * time.Hour)
			return got(w.Token(t, nil, asserts(signed(w.bearerClaims()), "preferences:read")))
		},
	},
	{
		Rule: "scope is within what the person agreed to", Refused: "400 invalid_scope",
		Try: func(t testing.TB, w *World) (bool, string) {
			w.Tokens(t, "alice", "openid profile")
			return got(w.Token(t, nil, asserts(signed(w.bearerClaims()), "preferences:read")))
		},
	},
	{
		Rule: "scope is one that the asserting client may have", Refused: "400 invalid_scope",
		Try: func(t testing.TB, w *World) (bool, string) {
			w.Tokens(t, "alice", "openid profile blog:read")
			return got(w.Token(t, nil, asserts(signed(w.bearerClaims()), "blog:read")))
		},
	},
	// private_key_jwt.
	assertionAttack("client assertion is signed by the client", func(w *World, claims jwt.MapClaims) string { return signedByNobody(claims) }),
	assertionAttack("client assertion is from and about the client", func(w *World, claims jwt.MapClaims) string {
		claims["iss"] = "https://other.test"
		return signed(claims)
	}),
	assertionAttack("client assertion is for this server alone", func(w *World, claims jwt.MapClaims) string {
		claims["aud"] = w.Auth + "/token"
		return signed(claims)
	}),
	assertionAttack("client assertion expires, and has not yet", func(w *World, claims jwt.MapClaims) string {
		claims["exp"] = w.Clock.Now().Unix()
		return signed(claims)
	}),
	assertionAttack("client assertion lives ten minutes at most", func(w *World, claims jwt.MapClaims) string {
		claims["exp"] = w.Clock.Now().Add(time.Hour).Unix()
		return signed(claims)
	}),
	assertionAttack("client assertion is not from the future", func(w *World, claims jwt.MapClaims) string {
		claims["nbf"] = w.Clock.Now().Add(2 * time.Minute).Unix()
		return signed(claims)
	}),
	assertionAttack("client assertion has a jti", func(w *World, claims jwt.MapClaims) string {
		delete(claims, "jti")
		return signed(claims)
	}),
}

const (
	deviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code"
	exchangeGrant   = "urn:ietf:params:oauth:grant-type:token-exchange"
	bearerGrant     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	assertionType   = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// got is what most attacks on /token are after: tokens.
func got(answer Response) (bool, string) { return answer.Status == 200, answer.Refusal() }

// client is the SQL of a client that nobody seeded.
func client(id, kind, method, grantType, scope, redirectURI string) string {
	metadata, err := json.Marshal(map[string]any{
		"client_name": id, "kind": kind, "token_endpoint_auth_methods": []string{method},
		"grant_types": []string{grantType}, "scope": scope, "redirect_uris": strings.Fields(redirectURI),
	})
	if err != nil {
		panic(err)
	}
	return "INSERT INTO clients (client_id, metadata, created_at) VALUES ('" + id + "', '" + string(metadata) + "', 0)"
}

func password(clientID, scope string) url.Values {
	return url.Values{"grant_type": {"password"}, "client_id": {clientID}, "username": {"alice"}, "password": {"wanderlust"}, "scope": {scope}}
}

// exchanged is a good token exchange.
func exchanged(subject string) url.Values {
	return url.Values{
		"grant_type": {exchangeGrant}, "subject_token": {subject}, "subject_token_type": {accessTokenType}, "scope": {"preferences:read"},
	}
}

func exchangeAttack(rule, refused string, changes url.Values) Attack {
	return Attack{Rule: rule, Refused: refused, Try: func(t testing.TB, w *World) (bool, string) {
		tokens := w.Tokens(t, "alice", "openid profile preferences:read")
		return got(w.Token(t, Basic("dreams-web"), With(exchanged(tokens.String("access_token")), changes)))
	}}
}

// asserts is a token request with an assertion.
func asserts(assertion, scope string) url.Values {
	return url.Values{"grant_type": {bearerGrant}, "assertion": {assertion}, "scope": {scope}}
}

// bearerClaims is a good assertion about alice.
func (w *World) bearerClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "dreams-batch", "sub": seed.Users()[0].Sub, "aud": w.Auth, "jti": rand.Text(),
		"exp": w.Clock.Now().Add(time.Minute).Unix(), "iat": w.Clock.Now().Unix(),
	}
}

func bearerAttack(rule string, assertion func(*World, jwt.MapClaims) string) Attack {
	return Attack{Rule: rule, Refused: "400 invalid_grant", Try: func(t testing.TB, w *World) (bool, string) {
		w.Tokens(t, "alice", "openid profile preferences:read")
		return got(w.Token(t, nil, asserts(assertion(w, w.bearerClaims()), "preferences:read")))
	}}
}

func assertionAttack(rule string, assertion func(*World, jwt.MapClaims) string) Attack {
	return Attack{Rule: rule, Refused: "401 invalid_client", Try: func(t testing.TB, w *World) (bool, string) {
		claims := w.bearerClaims()
		claims["sub"] = "dreams-batch"
		return got(w.Token(t, nil, clientAssertion(assertion(w, claims))))
	}}
}

func clientAssertion(assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"dreams-batch"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
}

// signed signs with the key of dreams-batch.
func signed(claims jwt.MapClaims) string {
	encoded, err := seed.Key("dreams-batch-es256")
	if err != nil {
		panic(err)
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(encoded, &key); err != nil {
		panic(err)
	}
	return signAssertion(claims, key.Key)
}

// forged signs with a key of nobody's, under the right name.
func signedByNobody(claims jwt.MapClaims) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return signAssertion(claims, key)
}

func signAssertion(claims jwt.MapClaims, key any) string {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = "dreams-batch-es256"
	compact, err := token.SignedString(key)
	if err != nil {
		panic(err)
	}
	return compact
}
