package e2e

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/seed"
)

// pushedAttacks are on requests that came another way than by the query: pushed
// (RFC 9126), or as a JWT (RFC 9101).
var pushedAttacks = []Attack{
	// What a request refers to.
	{
		// The page names one client, the code goes to the other.
		Rule: "client_id, request and request_uri stand once", Refused: "400 invalid_request", Options: authserverAlone,
		Try: pushedThen(func(_ *World, request url.Values) { request.Add("client_id", "dreams-spa") }),
	},
	{
		Rule: "request and request_uri do not come together", Refused: "400 invalid_request", Options: authserverAlone,
		Try: pushedThen(func(_ *World, request url.Values) { request.Set("request", "e30.e30.e30") }),
	},
	{
		// Whoever pushes a request of their own has somebody else's person answer it.
		Rule: "request_uri belongs to the client that asks", Refused: "400 invalid_request_uri", Options: authserverAlone,
		Try: pushedThen(func(_ *World, request url.Values) { request.Set("client_id", "dreams-spa") }),
	},
	{
		Rule: "request_uri has not expired", Refused: "400 invalid_request_uri", Options: authserverAlone,
		Try: pushedThen(func(w *World, _ url.Values) { w.Clock.Advance(time.Minute) }),
	},
	// Request objects.
	requestObjectAttack("request object is signed with a key of the client", "a key of nobody's", func(w *World, claims jwt.MapClaims) string {
		return signedByNobody(claims)
	}),
	requestObjectAttack("request object is signed with a key of the client", "not signed", func(w *World, claims jwt.MapClaims) string {
		compact, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
		return compact
	}),
	{
		Rule: "request object is signed by the algorithm that the client registered", Refused: "303 invalid_request_object",
		Options: authserverSQL(webSigns, `UPDATE clients SET metadata = json_set(metadata, '$.request_object_signing_alg', 'RS256') WHERE client_id = 'dreams-web'`),
		Try:     objectThen(func(_ *World, claims jwt.MapClaims) string { return signed(claims) }),
	},
	requestObjectAttack("request object is no other kind of JWT", "", func(w *World, claims jwt.MapClaims) string {
		return signedAs("at+jwt", claims)
	}),
	changedObjectAttack("request object could not authenticate the client", "", "sub", "dreams-web"),
	changedObjectAttack("request object is from the client", "", "iss", "dreams-batch"),
	changedObjectAttack("request object is for this server", "another", "aud", "https://other.test"),
	changedObjectAttack("request object is for this server", "any", "aud", nil),
	changedObjectAttack("request object holds no other request", "", "request", "e30.e30.e30"),
	requestObjectAttack("request object names the client that sent it", "another", func(w *World, claims jwt.MapClaims) string {
		claims["client_id"], claims["redirect_uri"] = "dreams-spa", w.Dreams+"/spa/callback"
		return signed(claims)
	}),
	requestObjectAttack("request object has not expired", "", func(w *World, claims jwt.MapClaims) string {
		claims["exp"] = w.Clock.Now().Add(-time.Second).Unix()
		return signed(claims)
	}),
	requestObjectAttack("request object is not from the future", "", func(w *World, claims jwt.MapClaims) string {
		claims["iat"] = w.Clock.Now().Add(time.Minute).Unix()
		return signed(claims)
	}),
	requestObjectAttack("request object lives an hour at most", "an old one", func(w *World, claims jwt.MapClaims) string {
		claims["nbf"] = w.Clock.Now().Add(-61 * time.Minute).Unix()
		return signed(claims)
	}),
	requestObjectAttack("request object lives an hour at most", "one for a year", func(w *World, claims jwt.MapClaims) string {
		claims["exp"] = w.Clock.Now().Add(365 * 24 * time.Hour).Unix()
		return signed(claims)
	}),
	{
		Rule: "client that must sign its requests says from when until when", Refused: "303 invalid_request_object",
		Options: authserverSQL(webSigns, webMust("require_signed_request_object")),
		Try: objectThen(func(_ *World, claims jwt.MapClaims) string {
			delete(claims, "nbf")
			return signed(claims)
		}),
	},
	// How a request came.
	{
		Rule: "a client that must push its requests has pushed this one", Refused: "400 invalid_request",
		Options: authserverSQL(webMust("require_pushed_authorization_requests")), Try: codeFor(nil),
	},
	{
		Rule: "a client that must sign its requests has signed this one", Refused: "400 invalid_request",
		Options: authserverSQL(webMust("require_signed_request_object")), Try: codeFor(nil),
	},
	// Pushing.
	{
		// Two servers that read the form, one before the other, may read two secrets.
		Rule: "no parameter of a pushed request stands twice", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.push(t, nil, With(w.Request("openid"), url.Values{"client_secret": {"dreams-web-secret", "x"}}))
			return answer.Status == 201, answer.Refusal()
		},
	},
	{
		Rule: "pushed request does not refer to another", Refused: "400 invalid_request", Options: authserverSQL(webSigns),
		Try: func(t testing.TB, w *World) (bool, string) {
			answer := w.push(t, Basic("dreams-web"), url.Values{"request": {signed(w.requestObject("openid"))}, "request_uri": {requestURIPrefix + "x"}})
			return answer.Status == 201, answer.Refusal()
		},
	},
	// What a request object could be taken for.
	assertionAttack("client assertion is no other kind of JWT", func(_ *World, claims jwt.MapClaims) string {
		return signedAs("oauth-authz-req+jwt", claims)
	}),
	{
		Rule: "aud of a FAPI client's assertion is a string", Refused: "401 invalid_client",
		Options: authserverSQL(`UPDATE clients SET metadata = json_set(metadata, '$.require_pushed_authorization_requests', json('true'),
			'$.dpop_bound_access_tokens', json('true')) WHERE client_id = 'dreams-batch'`),
		Try: func(t testing.TB, w *World) (bool, string) {
			claims := w.bearerClaims()
			claims["sub"], claims["aud"] = "dreams-batch", []string{w.Auth}
			return got(w.Post(t, w.Auth+"/revoke", nil, With(clientAssertion(signed(claims)), url.Values{"grant_type": nil, "token": {"x"}})))
		},
	},
}

var pushedDoubled = map[string]string{
	"request_uri is used once": "the store spends it in the transaction that stores the answer (TestOneRequestURIGivesOneCode)",
}

const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// push sends a request to the pushed authorization request endpoint.
func (w *World) push(t testing.TB, header map[string][]string, form url.Values) Response {
	t.Helper()
	return w.Post(t, w.Auth+"/par", header, form)
}

// pushed pushes a request of dreams-web and returns what the browser carries.
func (w *World) pushed(t testing.TB, request url.Values) url.Values {
	t.Helper()
	answer := w.push(t, Basic("dreams-web"), request)
	if answer.Status != 201 {
		t.Fatalf("pushing: %d %s", answer.Status, answer.Body)
	}
	return url.Values{"client_id": {"dreams-web"}, "request_uri": {answer.String("request_uri")}}
}

// pushedThen pushes a good request and changes what the browser carries.
func pushedThen(change func(*World, url.Values)) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		request := w.pushed(t, w.Request("openid profile"))
		b := w.SignedIn(t, "alice")
		change(w, request)
		page := w.Allow(b, request)
		return page.Answer().Get("code") != "", page.Refusal()
	}
}

// webSigns gives dreams-web the keys of dreams-batch.
const webSigns = `UPDATE clients SET metadata = json_set(metadata, '$.jwks',
	json((SELECT metadata -> '$.jwks' FROM clients WHERE client_id = 'dreams-batch'))) WHERE client_id = 'dreams-web'`

// webMust registers dreams-web with a boolean.
func webMust(name string) string {
	return `UPDATE clients SET metadata = json_set(metadata, '$.` + name + `', json('true')) WHERE client_id = 'dreams-web'`
}

// requestObject is the claims of Request as a request object.
func (w *World) requestObject(scope string) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": "dreams-web", "aud": w.Auth, "iat": w.Clock.Now().Unix(), "nbf": w.Clock.Now().Unix(),
		"exp": w.Clock.Now().Add(time.Minute).Unix(),
	}
	for name, values := range w.Request(scope) {
		claims[name] = values[0]
	}
	return claims
}

// objectThen sends a request object; the query alone would do as well, but for
// what nobody registered.
func objectThen(sign func(*World, jwt.MapClaims) string) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		b := w.SignedIn(t, "alice")
		request := With(w.Request("openid profile"), url.Values{"request": {sign(w, w.requestObject("openid profile"))}})
		page := w.Allow(b, request)
		return page.Answer().Get("code") != "", page.Refusal()
	}
}

func requestObjectAttack(rule, name string, sign func(*World, jwt.MapClaims) string) Attack {
	return Attack{Rule: rule, Name: name, Refused: "303 invalid_request_object", Options: authserverSQL(webSigns), Try: objectThen(sign)}
}

func changedObjectAttack(rule, name, claim string, value any) Attack {
	return requestObjectAttack(rule, name, func(_ *World, claims jwt.MapClaims) string {
		claims[claim] = value
		if value == nil {
			delete(claims, claim)
		}
		return signed(claims)
	})
}

// signedAs signs with the key of dreams-batch, under a typ.
func signedAs(typ string, claims jwt.MapClaims) string {
	encoded, err := seed.Key("dreams-batch-es256")
	if err != nil {
		panic(err)
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(encoded, &key); err != nil {
		panic(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"] = typ
	compact, err := token.SignedString(key.Key)
	if err != nil {
		panic(err)
	}
	return compact
}
