package endpoint

import (
	"net/url"
	"strings"
	"testing"

	"example.com/acme-dreams/authserver/oauth"
)

// What passes as a redirect URI can stand in a Location and in a
// Content-Security-Policy, and leads by https, to the device, or into an app.
func FuzzRedirectURI(f *testing.F) {
	for _, uri := range []string{"https://a.example/cb?x=y", "http://127.0.0.1:80/", "com.example.app:/cb", "javascript:alert(1)", "https://a.example;b/", "https://[::1]/", "http://localhost.evil.example/", "https://a.example@b/", "https:/a.example"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		r := registering{ClientMetadata: oauth.ClientMetadata{RedirectURIs: []string{uri}, ApplicationType: "native"}}
		if redirectURIsWellFormed(r) != nil || redirectURIsSafe(r) != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || strings.ContainsAny(formActionSource(uri), " ;,'\"*") || strings.ContainsAny(uri, "\r\n#") {
			t.Fatalf("%q passes", uri)
		}
		if u.Scheme != "https" && u.Scheme != "http" && !strings.Contains(u.Scheme, ".") {
			t.Fatalf("%q passes", uri)
		}
	})
}

func TestNamesThatAPersonCanRead(t *testing.T) {
	for name, want := range map[string]bool{
		"Dreams": true, "Café Zürich": true, "東京の旅": true, "सपने": true, "مذكرات السفر": true, "R2": true, "Ångström & Co. (beta) ☂": true,
		"": true, "Dreams\u202e": false, "Dre\u200bams": false, "Dreams\u200d": false, "\ufeffDreams": false, "Dreams\u2028": false, "Dre\u00adams": false,
		"a\u0300\u0301\u0302\u0303\u0304": false, "Dreams\ufe0f": false, "\ue000": false, "!!!": false, "Dreams ": false, "\x00": false,
	} {
		got := clientNameReadable(registering{ClientMetadata: oauth.ClientMetadata{ClientName: name}}) == nil
		if got != want {
			t.Errorf("%q: taken is %v", name, got)
		}
	}
}
