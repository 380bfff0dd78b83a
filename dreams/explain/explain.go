// Package explain says what a message is for, and what each thing in it is for:
// a sentence, the attack that it stops, whether it has to be there, and whose
// rule that is. It is data: parameters.txt and messages.txt hold the words, and
// what a line is about stands above it.
//
// Nothing here knows of a recorder or of pages; whoever shows a message says
// where something stands in it, by a Place.
package explain

import "strings"

// Place is where a parameter stands. What is not known may be left empty, and
// the answer is the more general one.
type Place struct {
	Party     string // whose endpoint it is: "A", "R" or "D"
	Endpoint  string // "/token", "/register/:client_id"; a path is as good as its template
	Direction string // Request or Response
	Kind      string // where in the message: Query, Form, Header, ...
	GrantType string // at /token, as it was sent
	Token     string // of a claim or of a member of a JOSE header: which token (see Token)
	Status    int    // of the response; 0: not known
}

// Directions.
const (
	Request  = "request"
	Response = "response"
)

// Kinds of places. What a redirect carries stands where the redirect leads to:
// the parameters of Location are a Query (or Fragment) of the request that
// follows.
const (
	Query    = "query"
	Form     = "form"
	Header   = "header"
	JSON     = "json"
	Claim    = "claim" // of a JWT
	JOSE     = "jose"  // member of a JWT's header
	Fragment = "fragment"
	Cookie   = "cookie"
)

// Explanation is what there is to say about a parameter.
type Explanation struct {
	For      string // "The secret that Dreams made and showed nobody."
	Stops    string // "a stolen code being redeemed by somebody else"; empty: nothing by itself
	Source   string // "RFC 7636 §4.5"; "ours" where no standard has it
	Required string // "required", "recommended", "optional", or when: "with PKCE"
}

// Parameter explains a parameter of a form or a query, a member of a JSON
// document, a header, a claim or a cookie. A member of an object within an
// object is named with it: "cnf.jkt"; where the whole name is not known, its end
// is enough. Names of headers may be spelled in any way, and a fragment that is
// the name of a place on a page (#result) is no parameter.
func Parameter(name string, in Place) (Explanation, bool) {
	if in.Kind == Header {
		name = strings.ToLower(name)
	}
	for {
		for _, name := range []string{name, event(name)} {
			if e, ok := parameters.best(name, in.at()); ok {
				return e.Explanation, true
			}
		}
		within, rest, more := strings.Cut(name, ".")
		if !more {
			e, ok := parameters.best("*", in.at())
			return e.Explanation, ok
		}
		if e, ok := parameters.best(within+".*", in.at()); ok {
			return e.Explanation, true
		}
		name = rest
	}
}

// event is the end of the URI by which an event is named; whose it is stands
// before, and differs from server to server.
func event(name string) string {
	if strings.Contains(name, "://") {
		return name[strings.LastIndexByte(name, '/')+1:]
	}
	return name
}

// MessageKind is what a message is, as far as the words depend on it.
type MessageKind struct {
	Party     string // whose endpoint it is
	Method    string
	Endpoint  string
	Direction string
	GrantType string // at /token
	Status    int    // of a response
	Carries   string // see Carries
	From      string // who asks: "B", "D", "A", "R"; empty: it makes no difference
}

// Message says what a message is for, and where that is written.
func Message(m MessageKind) (sentence, source string, ok bool) {
	e, ok := messages.best("", m.at())
	return e.For, e.Source, ok
}

// Carries tells for Message what the parameters of a query, of a form or of a
// redirect amount to: "error", "verifier" (a code with it), "code", "token",
// "logout", "request_object", "request_uri", "request" (an authorization request
// by value), or nothing.
func Carries(has func(name string) bool) string {
	for _, c := range []struct{ parameter, carries string }{
		{"error", "error"}, {"code_verifier", "verifier"}, {"code", "code"}, {"access_token", "token"}, {"id_token", "token"}, {"id_token_hint", "logout"}, {"post_logout_redirect_uri", "logout"},
		{"request", "request_object"}, {"request_uri", "request_uri"}, {"response_type", "request"},
	} {
		if has(c.parameter) {
			return c.carries
		}
	}
	return ""
}

// Tokens, for Place.Token.
const (
	AccessToken     = "access_token"
	IDToken         = "id_token"
	LogoutToken     = "logout_token"
	SecurityEvent   = "security_event"
	DPoPProof       = "dpop_proof"
	ClientAssertion = "client_assertion"
	BearerAssertion = "assertion"
	RequestObject   = "request_object"
	Introspection   = "introspection" // a signed answer
	Userinfo        = "userinfo"      // a signed answer
)

// Token tells what kind of token a JWT is, by the name under which it travels
// and by its typ.
func Token(name, typ string) string {
	switch strings.ToLower(typ) {
	case "at+jwt":
		return AccessToken
	case "logout+jwt":
		return LogoutToken
	case "secevent+jwt":
		return SecurityEvent
	case "dpop+jwt":
		return DPoPProof
	case "oauth-authz-req+jwt":
		return RequestObject
	case "token-introspection+jwt":
		return Introspection
	}
	switch strings.ToLower(name) {
	case "authorization", "access_token", "subject_token", "token":
		return AccessToken
	case "id_token", "id_token_hint":
		return IDToken
	case "dpop":
		return DPoPProof
	case "request":
		return RequestObject
	case "client_assertion", "assertion", "logout_token":
		return strings.ToLower(name)
	}
	return ""
}
