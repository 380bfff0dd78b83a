package wire_test

import (
	"go/parser"
	"go/token"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
)

// words are the arguments that a shell makes of a command.
func words(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `curl() { for word; do printf '%s\0' "$word"; done; }; `+command).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, command)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// What stands in a request stays text, whatever it is.
func TestNothingInARequestIsACommand(t *testing.T) {
	for _, hostile := range []string{"'; touch /tmp/x; '", "$(id)", "`id`", "a\nb", "\\", "@/etc/passwd", "-o/tmp/x", "%0a", "\"", "'", "''", "!!", "~", "*", "é"} {
		e := wiretap.Exchange{Method: "POST", URL: "http://localhost:9000/token", Request: wiretap.Half{
			Header: http.Header{"Content-Type": {"text/plain"}, "Accept": {strings.ReplaceAll(hostile, "\n", " ")}}, Body: hostile,
		}}
		got := words(t, wire.Curl(e, true))
		want := []string{"-i", e.URL, "-H", "Content-Type: text/plain", "-H", "Accept: " + e.Request.Header.Get("Accept"), "--data-raw", hostile}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", hostile, got, want)
		}
	}
}

func TestARequestThatNoCommandCanHoldHasNone(t *testing.T) {
	good := wiretap.Exchange{Method: "GET", URL: "http://localhost:9000/jwks"}
	if wire.Curl(good, true) == "" || wire.GoProgram(good, true) == "" {
		t.Fatal("nothing of a plain request")
	}
	for name, spoil := range map[string]func(*wiretap.Exchange){
		"scheme":   func(e *wiretap.Exchange) { e.URL = "file:///etc/passwd" },
		"option":   func(e *wiretap.Exchange) { e.URL = "-o/tmp/x" },
		"userinfo": func(e *wiretap.Exchange) { e.URL = "http://localhost@evil.example/" },
		"method":   func(e *wiretap.Exchange) { e.Method = "GET x" },
		"escape":   func(e *wiretap.Exchange) { e.Request.Body = "\x1b]0;x\x07" },
		"return":   func(e *wiretap.Exchange) { e.Request.Header = http.Header{"Accept": {"a\rb"}}; e.Request.Body = "a\rb" },
		"bidi":     func(e *wiretap.Exchange) { e.Request.Body = "\u202e" },
		"not text": func(e *wiretap.Exchange) { e.Request.Body = "\xff" },
	} {
		e := good
		spoil(&e)
		if command, program := wire.Curl(e, true), wire.GoProgram(e, true); command != "" || program != "" {
			t.Errorf("%s: %s\n%s", name, command, program)
		}
	}
}

func FuzzARequestIsSentAgain(f *testing.F) {
	f.Add("POST", "http://localhost:9000/token?a=b&code=c", "application/x-www-form-urlencoded", "Basic YTpi", "a=b&code=secret123456789&c")
	f.Add("PUT", "https://localhost/x[1]", "application/json", "Bearer x", `{"client_secret": "a\"b", "x": [{"code": "0123456789abcdefghij"}]}`)
	f.Fuzz(func(t *testing.T, method, address, kind, authorization, body string) {
		e := wiretap.Exchange{Method: method, URL: address, Request: wiretap.Half{
			Header: http.Header{"Content-Type": {kind}, "Authorization": {authorization}}, Body: body,
		}}
		for _, reveal := range []bool{false, true} {
			command, program := wire.Curl(e, reveal), wire.GoProgram(e, reveal)
			if (command == "") != (program == "") {
				t.Errorf("one of the two is missing: %q, %q", command, program)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "", program, 0); program != "" && err != nil {
				t.Errorf("%v\n%s", err, program)
			}
			_ = wire.RawRequest(e, reveal) + wire.RawResponse(e, reveal)
		}
	})
}
