// Package environment reads the variables that the three programs share. Every
// program reads all of them, and nothing has to be set.
package environment

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Environment is what the programs were started with.
type Environment struct {
	// Public base URLs, as a browser sees them. AuthserverURL is the issuer and
	// AcmeURL the resource identifier, byte for byte.
	AuthserverURL BaseURL `env:"AUTHSERVER_URL" envDefault:"http://localhost:9000"`
	AcmeURL       BaseURL `env:"ACME_URL" envDefault:"http://localhost:9001"`
	DreamsURL     BaseURL `env:"DREAMS_URL" envDefault:"http://localhost:9002"`

	// ListenAddr is where the program listens; empty: at its own public URL.
	ListenAddr Address `env:"LISTEN_ADDR"`

	// Where the other programs dial a program whose public URL they cannot
	// reach; empty: the public URL. Only the connection changes.
	AuthserverBackchannelURL BaseURL `env:"AUTHSERVER_BACKCHANNEL_URL"`
	AcmeBackchannelURL       BaseURL `env:"ACME_BACKCHANNEL_URL"`
	DreamsBackchannelURL     BaseURL `env:"DREAMS_BACKCHANNEL_URL"`

	DataDir string `env:"DATA_DIR" envDefault:"./data"`

	// What the operator hears. MetricsAddr is a listener of its own for GET
	// /metrics; empty: at the public URL's, while only this computer reaches it.
	// TraceEndpoint is an OpenTelemetry collector; empty: nothing is traced.
	LogFormat     LogFormat `env:"LOG_FORMAT" envDefault:"text"`
	LogLevel      LogLevel  `env:"LOG_LEVEL" envDefault:"info"`
	MetricsAddr   Address   `env:"METRICS_ADDR"`
	TraceEndpoint Collector `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`

	// TrustedProxies are the networks whose word on X-Forwarded-For counts.
	TrustedProxies Networks `env:"TRUSTED_PROXIES"`

	AccessTokenTTL       Duration `env:"ACCESS_TOKEN_TTL" envDefault:"1h"`
	RefreshTokenTTL      Duration `env:"REFRESH_TOKEN_TTL" envDefault:"8760h"`
	AuthorizationCodeTTL Duration `env:"AUTHORIZATION_CODE_TTL" envDefault:"60s"`
	DeviceCodeTTL        Duration `env:"DEVICE_CODE_TTL" envDefault:"10m"`
	DevicePollInterval   Duration `env:"DEVICE_POLL_INTERVAL" envDefault:"5s"`

	// KeyRotation is how often the signing keys are replaced; 0: when somebody
	// orders it. KeyEncryptionKey encrypts them in the database; empty: they lie
	// there as they are.
	KeyRotation      Interval       `env:"KEY_ROTATION" envDefault:"2160h"`
	KeyEncryptionKey EncryptionKeys `env:"KEY_ENCRYPTION_KEY"`

	LegacyGrants     Switch `env:"LEGACY_GRANTS" envDefault:"on"`
	AllowPrivateURIs Switch `env:"ALLOW_PRIVATE_URIS" envDefault:"off"`
	AllowDemoSecrets Switch `env:"ALLOW_DEMO_SECRETS" envDefault:"off"`
	Wiretap          Switch `env:"WIRETAP" envDefault:"on"`

	RegistrationToken string     `env:"REGISTRATION_TOKEN"`
	SMTPURL           SMTPServer `env:"SMTP_URL"`
}

// Parse reads the variables. Its error is one line that names the variable, the
// value and what was expected.
func Parse(variables map[string]string) (Environment, error) {
	given := make(map[string]string, len(variables))
	for name, value := range variables {
		if value != "" { // a variable set to nothing is one that is not set
			given[name] = value
		}
	}
	var e Environment
	err := env.ParseWithOptions(&e, env.Options{Environment: given})
	var several env.AggregateError
	if errors.As(err, &several) {
		err = several.Errors[0]
	}
	var parse env.ParseError
	if errors.As(err, &parse) {
		field, _ := reflect.TypeFor[Environment]().FieldByName(parse.Name)
		name := field.Tag.Get("env")
		value := given[name]
		if field.Type == reflect.TypeFor[EncryptionKeys]() {
			value = Secret
		} else if u, err := url.Parse(value); err == nil && u.User != nil {
			value = u.Redacted() // a password in a URL that takes none
		}
		return e, fmt.Errorf("%s=%q cannot be used: %w", name, value, parse.Err)
	}
	return e, err
}

// BaseURL is the address of a program: scheme, host and port, no trailing slash.
type BaseURL string

func (u *BaseURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || string(text) != parsed.Scheme+"://"+parsed.Host ||
		!validHost(parsed.Hostname()) || strings.HasSuffix(parsed.Host, ":") || (parsed.Port() != "" && !validPort(parsed.Port())) {
		return errors.New("expected http://host or https://host, with a port where needed, without a path or a trailing slash")
	}
	*u = BaseURL(text)
	return nil
}

// validHost lets through what a browser leaves as it is: the URL is compared
// byte for byte with what comes back, and stands in headers.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n != 0 && strconv.FormatUint(n, 10) == port
}

func (u BaseURL) String() string { return string(u) }

// Secure tells whether browsers reach the program by TLS.
func (u BaseURL) Secure() bool { return strings.HasPrefix(string(u), "https://") }

// Host is the host with its port as the URL has it: "localhost:9000".
func (u BaseURL) Host() string {
	_, host, _ := strings.Cut(string(u), "://")
	return host
}

// Address is the host and port to dial or to listen on, the scheme's own port
// where the URL has none.
func (u BaseURL) Address() string {
	if _, _, err := net.SplitHostPort(u.Host()); err == nil {
		return u.Host()
	}
	if u.Secure() {
		return net.JoinHostPort(strings.Trim(u.Host(), "[]"), "443")
	}
	return net.JoinHostPort(strings.Trim(u.Host(), "[]"), "80")
}

// Loopback tells whether only this computer can reach the URL.
func (u BaseURL) Loopback() bool {
	host, _, _ := net.SplitHostPort(u.Address())
	return LoopbackHost(host)
}

// LoopbackHost tells whether a host name or address means this computer:
// RFC 6761 §6.3 reserves localhost and every name below it.
func LoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Loopback names localhost itself in an address of a name below localhost,
// which DNS need not know.
func Loopback(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err == nil && strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return net.JoinHostPort("localhost", port)
	}
	return address
}

// Address is a host and port to listen on; the host may be empty.
type Address string

func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil || !validPort(port) {
		return errors.New("expected host:port or :port, such as :9000")
	}
	*a = Address(text)
	return nil
}

// LogFormat is how log lines are written.
type LogFormat string

const (
	TextLog LogFormat = "text"
	JSONLog LogFormat = "json"
)

func (f *LogFormat) UnmarshalText(text []byte) error {
	if *f = LogFormat(text); *f != TextLog && *f != JSONLog {
		return errors.New("expected text or json")
	}
	return nil
}

// LogLevel is what is worth a log line; at debug every request is.
type LogLevel string

func (l *LogLevel) UnmarshalText(text []byte) error {
	switch *l = LogLevel(text); *l {
	case "debug", "info", "warn", "error":
		return nil
	}
	return errors.New("expected debug, info, warn or error")
}

// Value is the level as the standard library has it.
func (l LogLevel) Value() (level slog.Level) {
	_ = level.UnmarshalText([]byte(l)) // its words are these
	return level
}

// Collector is where traces are sent: a base URL, with a path where needed.
type Collector string

func (c *Collector) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || !validHost(parsed.Hostname()) || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return errors.New("expected http://host:4318 or https://host:4318, as OTLP over HTTP is spoken there")
	}
	*c = Collector(strings.TrimSuffix(string(text), "/"))
	return nil
}

// Networks are address ranges in CIDR notation, separated by commas.
type Networks string

func (n *Networks) UnmarshalText(text []byte) error {
	for word := range strings.SplitSeq(string(text), ",") {
		if _, err := netip.ParsePrefix(strings.TrimSpace(word)); err != nil {
			return errors.New("expected networks such as 10.0.0.0/8,fd00::/8, one address as 192.0.2.7/32")
		}
	}
	*n = Networks(text)
	return nil
}

// Prefixes are the networks, parsed.
func (n Networks) Prefixes() (all []netip.Prefix) {
	if n == "" {
		return nil
	}
	for word := range strings.SplitSeq(string(n), ",") {
		prefix, _ := netip.ParsePrefix(strings.TrimSpace(word)) // UnmarshalText took it
		all = append(all, prefix.Masked())
	}
	return all
}

// Duration is a time span of more than nothing.
type Duration time.Duration

func (d *Duration) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	if err != nil || span <= 0 {
		return errors.New("expected a Go duration of more than nothing, such as 90s, 15m or 1h")
	}
	*d = Duration(span)
	return nil
}

// Value is the span as the standard library has it.
func (d Duration) Value() time.Duration { return time.Duration(d) }

// Interval is how often something happens; 0: not by itself.
type Interval time.Duration

// shortestInterval keeps a server from doing nothing else.
const shortestInterval = 10 * time.Second

func (i *Interval) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	if err != nil || (span != 0 && span < shortestInterval) {
		return errors.New("expected 0, or a Go duration of 10s and more, such as 2160h")
	}
	*i = Interval(span)
	return nil
}

// Value is the span as the standard library has it.
func (i Interval) Value() time.Duration { return time.Duration(i) }

// Secret stands for a value that must not be shown.
const Secret = "a secret"

// EncryptionKeys are keys of AES-256 in base64, one or several separated by
// commas: the first encrypts, the others are those that did before it.
type EncryptionKeys string

func (k *EncryptionKeys) UnmarshalText(text []byte) error {
	for word := range strings.SplitSeq(string(text), ",") {
		if key, err := decodeKey(word); err != nil || len(key) != 32 {
			return errors.New("expected 32 bytes in base64, as openssl rand -base64 32 makes them; behind a comma what was used before")
		}
	}
	*k = EncryptionKeys(text)
	return nil
}

// decodeKey takes both alphabets of RFC 4648, padded or not.
func decodeKey(word string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(strings.TrimSpace(word)))
}

// Keys are the keys, decoded.
func (k EncryptionKeys) Keys() (keys [][]byte) {
	if k == "" {
		return nil
	}
	for word := range strings.SplitSeq(string(k), ",") {
		key, _ := decodeKey(word) // UnmarshalText took it
		keys = append(keys, key)
	}
	return keys
}

// String keeps the keys out of logs.
func (k EncryptionKeys) String() string {
	if k == "" {
		return ""
	}
	return Secret
}

// Switch is on or off.
type Switch bool

func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on":
		*s = true
	case "off":
		*s = false
	default:
		return errors.New("expected on or off")
	}
	return nil
}

// SMTPServer is the host and port that mail is handed to; empty: none.
type SMTPServer string

func (s *SMTPServer) UnmarshalText(text []byte) error {
	address, found := strings.CutPrefix(string(text), "smtp://")
	host, port, err := net.SplitHostPort(strings.TrimSuffix(address, "/"))
	if !found || err != nil || !validHost(host) || !validPort(port) {
		return errors.New("expected smtp://host:port")
	}
	*s = SMTPServer(net.JoinHostPort(host, port))
	return nil
}
