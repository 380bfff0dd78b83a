package wiretap

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// linking lists the names whose values tie one message to the next: they are
// unguessable and belong to one run. A session, which many runs share, is none.
var linking = []string{
	"state", "code", "request_uri", "interaction", "device_code", "user_code", "nonce", "jti",
	"access_token", "refresh_token", "id_token_hint", "logout_token", "registration_access_token", "auth_req_id",
}

// links are the hashes of what ties an exchange to others. Of a value that may
// be a working secret nothing else leaves a program.
func links(e Exchange) []string {
	var all []string
	add := func(name, value string) {
		if value == "" || value == Withheld {
			return
		}
		if slices.Contains(linking, name) {
			all = append(all, Link(value))
		}
		if claims, is := claims(value); is {
			for _, name := range []string{"jti", "nonce", "state"} {
				if text, is := claims[name].(string); is && text != "" {
					all = append(all, Link(text))
				}
			}
		}
	}
	form := func(values url.Values) {
		for name, vs := range values {
			for _, v := range vs {
				add(name, v)
			}
		}
	}
	for _, address := range []string{e.URL, e.Response.Header.Get("Location")} {
		if u, err := url.Parse(address); err == nil {
			form(u.Query())
			if fragment, err := url.ParseQuery(u.Fragment); err == nil {
				form(fragment)
			}
		}
	}
	for _, half := range []Half{e.Request, e.Response} {
		switch mediaType(half.Header) {
		case formType:
			if values, err := url.ParseQuery(half.Body); err == nil {
				form(values)
			}
		case "application/json":
			var object map[string]any
			if json.Unmarshal([]byte(half.Body), &object) == nil {
				for name, value := range object {
					if text, is := value.(string); is {
						add(name, text)
					}
				}
			}
		case "application/secevent+jwt":
			add("jwt", half.Body)
		}
	}
	if _, token, is := strings.Cut(e.Request.Header.Get("Authorization"), " "); is && !strings.HasPrefix(e.Request.Header.Get("Authorization"), "Basic ") {
		add("access_token", token)
	}
	if e.Trace != "" {
		all = append(all, traceLink(e.Trace))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Link is the name by which programs speak of a value without saying it.
func Link(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:16])
}

func traceLink(trace string) string { return "trace:" + trace }

// claims reads a JWT without believing it.
func claims(token string) (map[string]any, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !strings.HasPrefix(token, "eyJ") {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	var all map[string]any
	return all, json.Unmarshal(payload, &all) == nil
}
