package travelapi

import "strings"

// tokenChallenge is what Acme says to a token that it refuses: the challenge of
// the scheme that it came with (RFC 6750 §3, RFC 9449 §7.1).
func tokenChallenge(fields []string) map[string]string {
	bearer, dpop := challenge("Bearer", fields), challenge("DPoP", fields)
	if bearer["error"] == "" && dpop["error"] != "" {
		return dpop
	}
	return bearer
}

// challenge reads the parameters of one scheme's challenge out of WWW-Authenticate
// fields. RFC 9110 §11.6.1 lets one field hold several
// challenges, with commas between them and between a challenge's parameters.
func challenge(wanted string, fields []string) map[string]string {
	for _, field := range fields {
		scheme := ""
		params := map[string]string{}
		for field = strings.TrimLeft(field, " \t,"); field != ""; field = strings.TrimLeft(field, " \t,") {
			word, rest := cutToken(field)
			if word == "" {
				break // not a challenge: what follows cannot be trusted
			}
			if after := strings.TrimLeft(rest, " \t"); strings.HasPrefix(after, "=") && scheme != "" {
				value, rest := cutValue(strings.TrimLeft(after[1:], " \t"))
				params[strings.ToLower(word)] = value
				field = rest
				continue
			}
			if strings.EqualFold(scheme, wanted) {
				break // the next challenge begins
			}
			scheme, params, field = word, map[string]string{}, rest
		}
		if strings.EqualFold(scheme, wanted) {
			return params
		}
	}
	return nil
}

// cutToken takes a token (RFC 9110 §5.6.2) off the front.
func cutToken(s string) (token, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// cutValue takes a token or a quoted-string (RFC 9110 §5.6.4) off the front.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		return cutToken(s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
