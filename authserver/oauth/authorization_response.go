package oauth

import (
	"net/url"
	"strconv"
	"strings"
)

// AuthorizationResponse is what the browser carries back to the client: a code,
// a token, or an error. RFC 6749 §4.1.2, §4.1.2.1; iss is RFC 9207 §2.
type AuthorizationResponse struct {
	Code   string
	Token  *TokenResponse // in place of a code: RFC 6749 §4.2.2
	Error  *Error         // with the page about it at Issuer
	State  string
	Issuer string
}

// Location is the registered redirect URI with the answer behind it.
//
// RFC 6749 §3.1.2: "The endpoint URI MAY include an
// "application/x-www-form-urlencoded" formatted (per Appendix B) query component
// ([RFC3986] Section 3.4), which MUST be retained when adding additional query
// parameters." So we append and re-encode nothing.
func (r AuthorizationResponse) Location(redirectURI string, inFragment bool) string {
	var answer strings.Builder
	for i, p := range r.Parameters() {
		if i > 0 {
			answer.WriteByte('&')
		}
		answer.WriteString(p.Name + "=" + url.QueryEscape(p.Value))
	}
	separator := "?"
	if inFragment {
		separator = "#"
	} else if strings.Contains(redirectURI, "?") {
		separator = "&"
	}
	return redirectURI + separator + answer.String()
}

// Parameter is a name and a value of an answer.
type Parameter struct{ Name, Value string }

// Parameters is the answer, in the order in which it is sent.
func (r AuthorizationResponse) Parameters() []Parameter {
	var all []Parameter
	add := func(name, value string) {
		if value != "" {
			all = append(all, Parameter{name, value})
		}
	}
	add("code", r.Code)
	if r.Token != nil && r.Token.AccessToken != "" {
		add("access_token", r.Token.AccessToken)
		add("token_type", r.Token.TokenType)
		add("expires_in", strconv.FormatInt(r.Token.ExpiresIn, 10))
		add("scope", r.Token.Scope)
		add("authorization_details", string(r.Token.AuthorizationDetails)) // RFC 9396 §7
	}
	if r.Token != nil {
		add("id_token", r.Token.IDToken) // OIDC Core §3.2.2.5
	}
	if r.Error != nil {
		add("error", r.Error.Code)
		add("error_description", r.Error.Description)
		add("error_uri", ErrorURI(r.Issuer, r.Error.Code))
	}
	add("state", r.State)
	add("iss", r.Issuer)
	return all
}
