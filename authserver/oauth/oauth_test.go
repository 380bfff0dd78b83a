package oauth

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// RFC 7636 Appendix B: the example of the specification itself.
func TestCodeChallengeOfRFC7636AppendixB(t *testing.T) {
	const challenge = CodeChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
	if !challenge.WellFormed() {
		t.Error("the RFC's challenge is not taken for one")
	}
	if !challenge.Verifies("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") {
		t.Error("the RFC's verifier does not match its challenge")
	}
	if challenge.Verifies("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl") {
		t.Error("another verifier matches")
	}
}

func TestCodeChallengeWellFormed(t *testing.T) {
	for challenge, want := range map[string]bool{
		strings.Repeat("A", 43):       true,
		strings.Repeat("A", 42):       false,
		strings.Repeat("A", 44):       false,
		strings.Repeat("A", 129):      false,
		strings.Repeat("A", 42) + "=": false,
		strings.Repeat("A", 42) + "+": false,
		strings.Repeat("A", 42) + "B": false, // bits that 32 bytes don't have: a second spelling of the same challenge
		"":                            false,
	} {
		if got := CodeChallenge(challenge).WellFormed(); got != want {
			t.Errorf("WellFormed(%q) = %v", challenge, got)
		}
	}
}

func TestVerifierWellFormed(t *testing.T) {
	for verifier, want := range map[string]bool{
		strings.Repeat("a", 43):       true,
		strings.Repeat("a", 128):      true,
		strings.Repeat("a", 42):       false,
		strings.Repeat("a", 129):      false,
		strings.Repeat("~", 43):       true,
		strings.Repeat("a", 43) + " ": false,
		strings.Repeat("a", 43) + "é": false,
	} {
		if got := VerifierWellFormed(verifier); got != want {
			t.Errorf("VerifierWellFormed(%d characters) = %v", len(verifier), got)
		}
	}
}

// RFC 9700 §2.1: compared as strings; RFC 8252 §7.3: but for the port of a
// native client's loopback address.
func TestRedirectURIRegistered(t *testing.T) {
	web := &Client{Kind: "web", RedirectURIs: []string{"https://dreams.test/cb", "http://127.0.0.1/cb"}}
	native := &Client{Kind: "native", RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/cb", "com.dreams.app:/cb"}}
	for _, c := range []struct {
		client *Client
		uri    string
		want   bool
	}{
		{web, "https://dreams.test/cb", true},
		{web, "https://dreams.test/cb/", false},
		{web, "https://dreams.test/CB", false},
		{web, "HTTPS://dreams.test/cb", false},
		{web, "https://DREAMS.test/cb", false},
		{web, "http://dreams.test/cb", false},
		{web, "https://dreams.test@evil.test/cb", false},
		{web, "https://dreams.test/cb?x=1", false},
		{web, "https://dreams.test/cb#frag", false},
		{web, "https://dreams.test/x/../cb", false},
		{web, "", false},
		{web, "http://127.0.0.1:51004/cb", false}, // only native clients choose a port
		{native, "http://127.0.0.1:51004/cb", true},
		{native, "http://127.0.0.1/cb", true},
		{native, "http://[::1]:9/cb", true},
		{native, "http://[::2]:9/cb", false},
		{native, "http://127.0.0.1:/cb", false},
		{native, "http://127.0.0.1:99999/cb", false},
		{native, "http://127.0.0.1:1@evil.test/cb", false},
		{native, "http://127.0.0.1:80/evil/cb", false},
		{native, "http://localhost:51004/cb", false},
		{native, "com.dreams.app:/cb", true},
		{native, "com.dreams.app://cb", false},
		{native, "com.dreams.app:/cb/", false},
	} {
		if got := c.client.RedirectURIRegistered(c.uri); got != c.want {
			t.Errorf("%s client, %q: %v, want %v", c.client.Kind, c.uri, got, c.want)
		}
	}
}

// Whatever a stranger sends, what is accepted for the port of a loopback
// address leads to that address.
func FuzzLoopbackRedirectURIStaysOnLoopback(f *testing.F) {
	f.Add("http://127.0.0.1:51004/cb")
	f.Add("http://127.0.0.1:1@evil.test/cb")
	client := &Client{Kind: "native", RedirectURIs: []string{"http://127.0.0.1/cb"}}
	f.Fuzz(func(t *testing.T, uri string) {
		if !client.RedirectURIRegistered(uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Hostname() != "127.0.0.1" || u.Path != "/cb" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q was taken for the loopback address", uri)
		}
	})
}

// RFC 6749 §3.1.2: a query that was registered is kept.
func TestLocationKeepsTheRegisteredQuery(t *testing.T) {
	answer := AuthorizationResponse{Code: "c", State: "a b&c", Issuer: "http://localhost:9000"}
	for _, c := range []struct {
		uri      string
		fragment bool
		want     string
	}{
		{"https://dreams.test/cb", false, "https://dreams.test/cb?code=c&state=a+b%26c&iss=http%3A%2F%2Flocalhost%3A9000"},
		{"https://dreams.test/cb?a=1%20", false, "https://dreams.test/cb?a=1%20&code=c&state=a+b%26c&iss=http%3A%2F%2Flocalhost%3A9000"},
		{"https://dreams.test/cb", true, "https://dreams.test/cb#code=c&state=a+b%26c&iss=http%3A%2F%2Flocalhost%3A9000"},
	} {
		if got := answer.Location(c.uri, c.fragment); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// RFC 6749 §5.2: "Values for the "error_description" parameter MUST NOT include
// characters outside the set %x20-21 / %x23-5B / %x5D-7E."
func FuzzDescriptionsArePrintable(f *testing.F) {
	f.Add("a\"b\\c\r\nSet-Cookie: x é \x00")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Refuse(InvalidRequest, "%s", s).Description {
			if r < 0x20 || r > 0x7E || r == '"' || r == '\\' {
				t.Fatalf("%q leaves as %q", s, Refuse(InvalidRequest, "%s", s).Description)
			}
		}
	})
}

func TestStateAcceptable(t *testing.T) {
	for state, want := range map[string]bool{
		strings.Repeat("s", 2048): true,
		strings.Repeat("s", 2049): false,
		"a b~":                    true,
		"é":                       false,
		"a\nb":                    false,
		"a\x7fb":                  false,
	} {
		if got := (AuthorizationRequest{State: state}).StateAcceptable(); got != want {
			t.Errorf("state of %d bytes: %v", len(state), got)
		}
	}
}

// OIDC Core §3.1.2.1: prompt=login and max_age want a recent login, and one
// that the request itself led to is recent.
func TestFresh(t *testing.T) {
	started := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	before, after := started.Add(-time.Hour), started.Add(time.Second)
	for name, c := range map[string]struct {
		req      AuthorizationRequest
		authTime time.Time
		now      time.Time
		want     bool
	}{
		"nothing asked":               {AuthorizationRequest{}, before, started, true},
		"prompt=login, older":         {AuthorizationRequest{Prompt: []string{"login"}}, before, started, false},
		"prompt=login, since":         {AuthorizationRequest{Prompt: []string{"login"}}, after, after, true},
		"max_age not reached":         {AuthorizationRequest{MaxAge: "3600"}, before, started, true},
		"max_age exceeded":            {AuthorizationRequest{MaxAge: "3599"}, before, started, false},
		"max_age of 300 years":        {AuthorizationRequest{MaxAge: "10000000000"}, before, started, true},
		"max_age=1, 1.5 seconds ago":  {AuthorizationRequest{MaxAge: "1"}, started.Add(-1500 * time.Millisecond), started, false},
		"max_age=0, older":            {AuthorizationRequest{MaxAge: "0"}, before, started, false},
		"max_age=0, since, and slow":  {AuthorizationRequest{MaxAge: "0"}, after, after.Add(time.Minute), true},
		"prompt=login with max_age=1": {AuthorizationRequest{Prompt: []string{"login"}, MaxAge: "1"}, after, after, true},
	} {
		if got := c.req.Fresh(c.authTime, started, c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestScopeSets(t *testing.T) {
	asked := ParseScope("openid  blog:read openid\tx profile")
	if got := asked.String(); got != "openid blog:read openid\tx profile" {
		t.Errorf("parsed as %q: only spaces separate (RFC 6749 §3.3)", got)
	}
	asked = ParseScope("openid blog:read profile")
	if got := asked.Intersect(Scope{"profile", "blog:write"}).String(); got != "profile" {
		t.Errorf("Intersect: %q", got)
	}
	if got := asked.Without(Scope{"openid"}).String(); got != "blog:read profile" {
		t.Errorf("Without: %q", got)
	}
	if !(Scope{"openid"}).Within(asked) || (Scope{"email"}).Within(asked) {
		t.Error("Within")
	}
	if got := asked.Locked().String(); got != "openid profile" {
		t.Errorf("Locked: %q", got)
	}
	if got := ParseScope("packages:read profile bogus").NeedingUser().String(); got != "profile" {
		t.Errorf("NeedingUser: %q", got)
	}
	if got := ParseScope("packages:read bogus").Unknown().String(); got != "bogus" {
		t.Errorf("Unknown: %q", got)
	}
}

// RFC 8707 §2 and RFC 8693 §2.1 let two parameters stand several times.
func TestRepeated(t *testing.T) {
	for query, want := range map[string]string{
		"a=1&b=2":                 "",
		"a=1&a=1":                 "a",
		"resource=x&resource=y":   "",
		"audience=x&audience=y":   "",
		"z=1&z=2&scope=a&scope=b": "scope",
	} {
		values, _ := url.ParseQuery(query)
		if got := Parameters(values).Repeated(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestConsentCovers(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	consent := Consent{Scope: Scope{"openid", "profile"}, Duration: ThirtyDays, ChangedAt: now, ExpiresAt: ThirtyDays.End(now)}
	if !consent.Covers(Scope{"profile"}, now) {
		t.Error("what was given is not covered")
	}
	if consent.Covers(Scope{"profile", "email"}, now) {
		t.Error("a new permission is covered")
	}
	if consent.Covers(Scope{"profile"}, consent.ExpiresAt) {
		t.Error("an expired consent covers")
	}
	consent.Duration = Once
	if consent.Covers(Scope{"profile"}, now) {
		t.Error("what was given once covers the next request")
	}
	if (*Consent)(nil).Covers(nil, now) {
		t.Error("no consent covers")
	}
	ended := Consent{Scope: Scope{"profile"}, Duration: UntilRevoked, EndedAt: now}
	if ended.Covers(Scope{"profile"}, now) {
		t.Error("an ended consent covers")
	}
}

func TestSecretMatches(t *testing.T) {
	client := &Client{Secrets: []Secret{{Hash: HashSecret("s")}}}
	two := &Client{Secrets: []Secret{{Hash: HashSecret("old")}, {Hash: HashSecret("new")}}}
	for name, c := range map[string]struct {
		client *Client
		secret string
		want   bool
	}{
		"right":                      {client, "s", true},
		"wrong":                      {client, "S", false},
		"empty":                      {client, "", false},
		"no such client":             {nil, "s", false},
		"a client without a secret":  {&Client{}, "", false},
		"a hash of nothing is wrong": {&Client{Secrets: []Secret{{}}}, "", false},
		"the old one of two":         {two, "old", true},
		"the new one of two":         {two, "new", true},
		"none of two":                {two, "s", false},
	} {
		if got := c.client.SecretMatches(c.secret); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Every permission can be explained to the person who is asked for it.
func TestPermissionsAreComplete(t *testing.T) {
	for _, p := range Permissions {
		if p.Sentence == "" || p.Verb == "" || (p.Sensitivity != "low" && p.Sensitivity != "medium" && p.Sensitivity != "high") {
			t.Errorf("%s: %+v", p.Name, p)
		}
	}
}

// RFC 8628 §6.1: what people type is read kindly.
func TestReadUserCode(t *testing.T) {
	for typed, want := range map[string]string{
		"WDJB-MJHT": "WDJBMJHT", "wdjbmjht": "WDJBMJHT", " wdjb mjht ": "WDJBMJHT", "WDJB\u2013MJHT": "WDJBMJHT", "wdjb-mjht.": "WDJBMJHT",
		"": "", "WDJB-MJH": "", "WDJB-MJHTB": "", "WDJA-MJHT": "",
	} {
		if got := ReadUserCode(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
