package environment

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNothingHasToBeSet(t *testing.T) {
	got, err := Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Environment{
		AuthserverURL: "http://localhost:9000", AcmeURL: "http://localhost:9001", DreamsURL: "http://localhost:9002",
		DataDir:        "./data",
		LogFormat:      TextLog,
		LogLevel:       "info",
		AccessTokenTTL: Duration(time.Hour), RefreshTokenTTL: Duration(365 * 24 * time.Hour),
		AuthorizationCodeTTL: Duration(time.Minute), DeviceCodeTTL: Duration(10 * time.Minute), DevicePollInterval: Duration(5 * time.Second),
		KeyRotation:  Interval(90 * 24 * time.Hour),
		LegacyGrants: true, Wiretap: true,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAVariableSetToNothingIsNotSet(t *testing.T) {
	variables := map[string]string{}
	for field := range reflect.TypeFor[Environment]().Fields() {
		variables[field.Tag.Get("env")] = ""
	}
	got, err := Parse(variables)
	if want, _ := Parse(nil); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// values has for every variable what it takes and what it refuses.
var values = []struct {
	name      string
	good, bad []string
	expected  string
}{
	{"AUTHSERVER_URL", baseURLs, badBaseURLs, "expected http://host or https://host"},
	{"ACME_URL", baseURLs, badBaseURLs, "expected http://host or https://host"},
	{"DREAMS_URL", baseURLs, badBaseURLs, "expected http://host or https://host"},
	{"AUTHSERVER_BACKCHANNEL_URL", baseURLs, badBaseURLs, "expected http://host or https://host"},
	{"ACME_BACKCHANNEL_URL", baseURLs, badBaseURLs, "expected http://host or https://host"},
	{"DREAMS_BACKCHANNEL_URL", baseURLs, badBaseURLs, "expected http://host or https://host"},
	{"LISTEN_ADDR", []string{":9000", "localhost:9000", "127.0.0.1:1", "[::1]:65535", "0.0.0.0:9000"},
		[]string{"9000", "localhost", "localhost:", ":0", ":65536", ":-1", ":http", "::1:9000", ":09000", "http://localhost:9000"}, "expected host:port or :port"},
	{"DATA_DIR", []string{"/var/lib/acme", "./my data"}, nil, ""},
	{"LOG_FORMAT", []string{"text", "json"}, []string{"JSON", "xml"}, "expected text or json"},
	{"LOG_LEVEL", []string{"debug", "info", "warn", "error"}, []string{"DEBUG", "trace", "0"}, "expected debug, info, warn or error"},
	{"METRICS_ADDR", []string{":9100", "127.0.0.1:9100", "[::1]:9100"}, []string{"9100", "localhost", "http://localhost:9100", ":0"}, "expected host:port or :port"},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", []string{"http://localhost:4318", "https://collector.example", "http://localhost:4318/otlp/"},
		[]string{"localhost:4318", "grpc://localhost:4317", "http://", "http://user:pass@host:4318", "http://host:4318?key=1"}, "expected http://host:4318"},
	{"TRUSTED_PROXIES", []string{"10.0.0.0/8", "10.0.0.0/8, fd00::/8", "192.0.2.7/32", "::1/128"}, []string{"10.0.0.1", "10.0.0.0/33", "proxy", "10.0.0.0/8,"}, "expected networks"},
	{"ACCESS_TOKEN_TTL", durations, badDurations, "expected a Go duration"},
	{"REFRESH_TOKEN_TTL", durations, badDurations, "expected a Go duration"},
	{"AUTHORIZATION_CODE_TTL", durations, badDurations, "expected a Go duration"},
	{"DEVICE_CODE_TTL", durations, badDurations, "expected a Go duration"},
	{"DEVICE_POLL_INTERVAL", durations, badDurations, "expected a Go duration"},
	{"KEY_ROTATION", []string{"0", "10s", "24h", "2160h"}, []string{"-1h", "9s", "1ms", "90d", "off", "1"}, "expected 0, or a Go duration"},
	{"KEY_ENCRYPTION_KEY", encryptionKeys, badEncryptionKeys, "expected 32 bytes in base64"},
	{"LEGACY_GRANTS", switches, badSwitches, "expected on or off"},
	{"ALLOW_PRIVATE_URIS", switches, badSwitches, "expected on or off"},
	{"ALLOW_DEMO_SECRETS", switches, badSwitches, "expected on or off"},
	{"WIRETAP", switches, badSwitches, "expected on or off"},
	{"REGISTRATION_TOKEN", []string{"anything"}, nil, ""},
	{"SMTP_URL", []string{"smtp://localhost:25", "smtp://mail:1025", "smtp://[::1]:25", "smtp://mail:25/"},
		[]string{"mail:1025", "smtp://mail", "smtp://:25", "smtp://mail:0", "smtps://mail:465", "smtp://user:pass@mail:25", "smtp://mail:25/x", "smtp://a b:25"}, "expected smtp://host:port"},
}

var (
	baseURLs = []string{
		"http://localhost:9000", "https://accounts.example", "http://127.0.0.1:1", "http://[::1]:9000", "https://[2001:db8::1]",
		"http://auth.localhost:9000", "http://my_computer:65535", "http://localhost", "https://Accounts.example:443",
	}
	badBaseURLs = []string{
		"localhost:9000", "http://", "http://:9000", "http://localhost:9000/", "http://localhost:9000/auth", "http://localhost:9000?x", "http://localhost:9000?",
		"http://localhost:9000#", "http://user@localhost:9000", "ftp://localhost:9000", "HTTP://localhost:9000", "http://localhost:", "http://localhost:0",
		"http://localhost:09000", "http://localhost:65536", "http://localhost:http", "http://a,b", "http://a;b", "http://a\"b", "http://münchen.example",
		" http://localhost:9000", "http://localhost:9000\n", "http://[::1", "//localhost:9000",
	}
	durations    = []string{"1h", "90s", "2h30m", "1ms"}
	badDurations = []string{"3600", "0", "0s", "-1h", "1d", "an hour"}
	switches     = []string{"on", "off"}
	badSwitches  = []string{"true", "1", "On", "yes"}

	encryptionKeys = []string{
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8", "__79AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=, /+79AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=",
	}
	badEncryptionKeys = []string{"hunter2", "AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=,", strings.Repeat("ab", 32)}
)

func TestAValueThatCannotBeUsedIsNamedInOneLine(t *testing.T) {
	for _, v := range values {
		for _, value := range v.good {
			if _, err := Parse(map[string]string{v.name: value}); err != nil {
				t.Errorf("%s=%q was refused: %v", v.name, value, err)
			}
		}
		for _, value := range v.bad {
			_, err := Parse(map[string]string{v.name: value})
			if err == nil {
				t.Errorf("%s=%q was taken", v.name, value)
				continue
			}
			shown := value
			if v.name == "KEY_ENCRYPTION_KEY" {
				shown = Secret
			}
			shown = strings.Replace(shown, ":pass@", ":xxxxx@", 1)
			want := fmt.Sprintf("%s=%q cannot be used: %s", v.name, shown, v.expected)
			if !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s=%q: got %q, want %q in one line", v.name, value, err, want)
			}
		}
	}
}

func TestEveryVariableIsListedAbove(t *testing.T) {
	listed := map[string]bool{}
	for _, v := range values {
		listed[v.name] = true
	}
	for field := range reflect.TypeFor[Environment]().Fields() {
		if name := field.Tag.Get("env"); !listed[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

func TestTwoBadValuesAreStillOneLine(t *testing.T) {
	_, err := Parse(map[string]string{"WIRETAP": "maybe", "ACME_URL": "acme"})
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestValuesArriveWhereTheyBelong(t *testing.T) {
	e, err := Parse(map[string]string{
		"AUTHSERVER_URL": "http://a:1", "ACME_URL": "http://b:2", "DREAMS_URL": "http://c:3", "LISTEN_ADDR": ":4",
		"AUTHSERVER_BACKCHANNEL_URL": "http://d:5", "ACME_BACKCHANNEL_URL": "http://e:6", "DREAMS_BACKCHANNEL_URL": "http://f:7",
		"DATA_DIR": "/data", "ACCESS_TOKEN_TTL": "1s", "REFRESH_TOKEN_TTL": "2s", "AUTHORIZATION_CODE_TTL": "3s", "DEVICE_CODE_TTL": "4s",
		"DEVICE_POLL_INTERVAL": "5s", "LEGACY_GRANTS": "off", "ALLOW_PRIVATE_URIS": "on", "ALLOW_DEMO_SECRETS": "on", "WIRETAP": "off",
		"REGISTRATION_TOKEN": "secret", "SMTP_URL": "smtp://mail:25/",
		"LOG_FORMAT": "json", "LOG_LEVEL": "debug", "METRICS_ADDR": ":5", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318/", "TRUSTED_PROXIES": "10.0.0.0/8",
	})
	want := Environment{
		AuthserverURL: "http://a:1", AcmeURL: "http://b:2", DreamsURL: "http://c:3", ListenAddr: ":4",
		AuthserverBackchannelURL: "http://d:5", AcmeBackchannelURL: "http://e:6", DreamsBackchannelURL: "http://f:7",
		DataDir: "/data", AccessTokenTTL: Duration(time.Second), RefreshTokenTTL: Duration(2 * time.Second),
		AuthorizationCodeTTL: Duration(3 * time.Second), DeviceCodeTTL: Duration(4 * time.Second), DevicePollInterval: Duration(5 * time.Second),
		KeyRotation:      Interval(90 * 24 * time.Hour),
		AllowPrivateURIs: true, AllowDemoSecrets: true, RegistrationToken: "secret", SMTPURL: "mail:25",
		LogFormat: JSONLog, LogLevel: "debug", MetricsAddr: ":5", TraceEndpoint: "http://otel:4318", TrustedProxies: "10.0.0.0/8",
	}
	if err != nil || e != want {
		t.Errorf("got  %+v, %v\nwant %+v", e, err, want)
	}
}

func TestBaseURL(t *testing.T) {
	for _, tt := range []struct {
		url              BaseURL
		host, address    string
		secure, loopback bool
	}{
		{"http://localhost:9000", "localhost:9000", "localhost:9000", false, true},
		{"http://localhost", "localhost", "localhost:80", false, true},
		{"https://accounts.example", "accounts.example", "accounts.example:443", true, false},
		{"https://[2001:db8::1]", "[2001:db8::1]", "[2001:db8::1]:443", true, false},
		{"http://[::1]:9000", "[::1]:9000", "[::1]:9000", false, true},
		{"http://127.9.9.9:1", "127.9.9.9:1", "127.9.9.9:1", false, true},
		{"http://Auth.LocalHost:9000", "Auth.LocalHost:9000", "Auth.LocalHost:9000", false, true},
		{"http://localhost.example:9000", "localhost.example:9000", "localhost.example:9000", false, false},
		{"http://notlocalhost:9000", "notlocalhost:9000", "notlocalhost:9000", false, false},
		{"http://192.168.1.2:9000", "192.168.1.2:9000", "192.168.1.2:9000", false, false},
	} {
		if tt.url.Host() != tt.host || tt.url.Address() != tt.address || tt.url.Secure() != tt.secure || tt.url.Loopback() != tt.loopback {
			t.Errorf("%s: host %s, address %s, secure %t, loopback %t", tt.url, tt.url.Host(), tt.url.Address(), tt.url.Secure(), tt.url.Loopback())
		}
	}
}

func TestNamesBelowLocalhostMeanLocalhost(t *testing.T) {
	for address, want := range map[string]string{
		"auth.localhost:9000": "localhost:9000", "Auth.Localhost:80": "localhost:80", "localhost:9000": "localhost:9000",
		"authserver:9000": "authserver:9000", ":9000": ":9000", "[::1]:9000": "[::1]:9000",
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %q, want %q", address, got, want)
		}
	}
}
