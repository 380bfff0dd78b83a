package learn

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Claim is a line of a token.
type Claim struct{ Name, Value, Means, Source string }

// decoded is a JWT taken apart, without a look at its signature: that is for
// whom it is meant. ok is false where the token is opaque.
type decoded struct {
	Header, Claims []Claim
	parts          [3]string
}

func decode(raw string) (d decoded, ok bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return decoded{}, false
	}
	d.parts = [3]string(parts)
	if d.Header, ok = claimsOf(parts[0]); !ok {
		return decoded{}, false
	}
	d.Claims, ok = claimsOf(parts[1])
	return d, ok
}

// meaning has a line for every header and claim that our tokens have.
var meaning = map[string]struct{ words, source string }{
	"typ":        {"What kind of JWT it is, so that none passes for another: at+jwt is an access token", "RFC 9068 §2.1"},
	"alg":        {"How it was signed", "RFC 7515 §4.1.1"},
	"kid":        {"Which of the signer’s keys signed it", "RFC 7515 §4.1.4"},
	"iss":        {"Who says so", "RFC 7519 §4.1.1"},
	"sub":        {"Whom it is about: a name that only the issuer understands", "RFC 7519 §4.1.2"},
	"aud":        {"Who may accept it, and nobody else", "RFC 7519 §4.1.3"},
	"exp":        {"When it ends", "RFC 7519 §4.1.4"},
	"nbf":        {"From when on it counts", "RFC 7519 §4.1.5"},
	"iat":        {"When it was made", "RFC 7519 §4.1.6"},
	"jti":        {"Its own number, so that it can be revoked, or used once", "RFC 7519 §4.1.7"},
	"client_id":  {"Which client it was given to", "RFC 8693 §4.3"},
	"scope":      {"What it may be used for", "RFC 8693 §4.2"},
	"act":        {"Who acts here, for the person in sub", "RFC 8693 §4.1"},
	"auth_time":  {"When the person last signed in", "OIDC Core §2"},
	"nonce":      {"The value that the client sent with this very request", "OIDC Core §2"},
	"azp":        {"For which client it was made", "OIDC Core §2"},
	"at_hash":    {"Ties it to the access token beside it", "OIDC Core §3.1.3.6"},
	"acr":        {"How the person signed in", "OIDC Core §2"},
	"amr":        {"By which methods", "OIDC Core §2"},
	"sid":        {"Which session at the authorization server", "OIDC Front-Channel Logout §3"},
	"grant_id":   {"Which authorization it came from: revoked together", "ours"},
	"name":       {"The person’s name", "OIDC Core §5.1"},
	"picture":    {"The person’s picture", "OIDC Core §5.1"},
	"email":      {"The person’s address", "OIDC Core §5.1"},
	"cnf":        {"The key that it is bound to", "RFC 7800 §3.1"},
	"given_name": {"The person’s first name", "OIDC Core §5.1"},

	"jwk":                   {"The public key that verifies it: whose that is, the token says", "RFC 9449 §4.2"},
	"htm":                   {"The method of the request that it goes with", "RFC 9449 §4.2"},
	"htu":                   {"The address of that request, without its query", "RFC 9449 §4.2"},
	"ath":                   {"The hash of the access token that it goes with", "RFC 9449 §4.2"},
	"dpop_jkt":              {"The key that the code is to be bound to", "RFC 9449 §10"},
	"authorization_details": {"What exactly it may be used for", "RFC 9396 §9.1"},
	"token_introspection":   {"What the server says of the token that was asked about", "RFC 9701 §5"},
	"response_type":         {"A parameter of the request", "RFC 6749 §4.1.1"},
	"redirect_uri":          {"A parameter of the request", "RFC 6749 §4.1.1"},
	"state":                 {"A parameter of the request", "RFC 6749 §4.1.1"},
	"code_challenge":        {"A parameter of the request", "RFC 7636 §4.3"},
	"code_challenge_method": {"A parameter of the request", "RFC 7636 §4.3"},
	"resource":              {"Whom the token is to be for", "RFC 8707 §2.1"},
}

func claimsOf(part string) ([]Claim, bool) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil, false
	}
	var all []Claim
	for name, value := range members {
		m := meaning[name]
		all = append(all, Claim{name, valueOf(name, value), m.words, m.source})
	}
	order := []string{"typ", "alg", "kid", "iss", "sub", "act", "aud", "client_id", "scope", "exp", "iat"}
	rank := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(all, func(a, b Claim) int {
		if by := rank(a.Name) - rank(b.Name); by != 0 {
			return by
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, true
}

func valueOf(name string, value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var seconds int64
	if slices.Contains([]string{"exp", "iat", "nbf", "auth_time"}, name) && json.Unmarshal(value, &seconds) == nil {
		return fmt.Sprintf("%d · %s UTC", seconds, time.Unix(seconds, 0).UTC().Format("15:04:05"))
	}
	return string(value)
}
