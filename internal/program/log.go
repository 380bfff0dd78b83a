package program

import (
	"io"
	"log/slog"
	"regexp"
	"slices"

	"example.com/acme-dreams/internal/environment"
)

// Log is a program's log: lines for people or for machines (LOG_FORMAT), from a
// level on (LOG_LEVEL). Nothing that opens a door is meant to be logged; what
// comes along in somebody else's words, an error with a URL in it, say, is
// blotted out here.
func Log(name string, env environment.Environment, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: env.LogLevel.Value(), ReplaceAttr: blot}
	var handler slog.Handler = slog.NewTextHandler(out, options)
	if env.LogFormat == environment.JSONLog {
		handler = slog.NewJSONHandler(out, options)
	}
	return slog.New(handler).With("program", name)
}

// blotted stands where something secret was.
const blotted = "[secret]"

// doors are names under which nothing is logged, whatever it is.
var doors = []string{
	"access_token", "assertion", "authorization", "client_assertion", "client_secret", "code", "code_verifier", "cookie",
	"device_code", "id_token", "password", "refresh_token", "registration_access_token", "secret", "state", "token",
}

var (
	// A JWT (RFC 7515 §7.1): its header begins with {" in base64url.
	jwts = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	// Parameters of a query or a form.
	parameters = regexp.MustCompile(`\b((?:access_|refresh_|id_|subject_|actor_|logout_|csrf_)?token|id_token_hint|code|code_verifier|device_code|user_code|(?:client_)?assertion|(?:client_)?secret|state|nonce|password|request|request_uri|csrf)=[^&\s"'<>]+`)
	// The credentials of a header (RFC 9110 §11.4).
	credentials = regexp.MustCompile(`\b(Basic|Bearer|DPoP) [A-Za-z0-9._~+/=-]{8,}`)
)

// blot is a slog.HandlerOptions.ReplaceAttr.
func blot(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(doors, a.Key) {
		return slog.String(a.Key, blotted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(withoutSecrets(a.Value.String()))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case *slog.Source, nil:
		case error:
			a.Value = slog.StringValue(withoutSecrets(v.Error()))
		default: // as the handler for people would write it
			a.Value = slog.StringValue(withoutSecrets(a.Value.String()))
		}
	}
	return a
}

func withoutSecrets(s string) string {
	s = jwts.ReplaceAllString(s, blotted)
	s = parameters.ReplaceAllString(s, "$1="+blotted)
	return credentials.ReplaceAllString(s, "$1 "+blotted)
}
