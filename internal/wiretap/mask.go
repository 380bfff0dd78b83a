package wiretap

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// secrets are the parameters, members and headers whose value opens something.
// They are recorded, for a run is not to be understood without them, and masked
// where they are shown.
var secrets = []string{
	"authorization", "client_secret", "client_assertion", "assertion", "code", "code_verifier", "device_code",
	"access_token", "refresh_token", "id_token", "subject_token", "actor_token", "token", "registration_access_token",
}

// Secret tells whether a value of this name is to be masked where it is shown.
func Secret(name string) bool { return slices.Contains(secrets, strings.ToLower(name)) }

// Mask is enough of a secret to tell it from another, and too little to use it.
func Mask(value string) string {
	scheme, rest, isHeader := strings.Cut(value, " ")
	if isHeader && (scheme == "Bearer" || scheme == "Basic" || scheme == "DPoP") {
		return scheme + " " + Mask(rest)
	}
	const shown = 6
	if utf8.RuneCountInString(value) <= 3*shown {
		return "••••••"
	}
	runes := []rune(value)
	return string(runes[:shown]) + "…" + string(runes[len(runes)-4:])
}
