package endpoint

import (
	"embed"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/internal/environment"
)

// The programs that the portal shows. internal/e2e runs every one of them.
//
//go:embed snippets
var snippetFiles embed.FS

// What goes into a program is quoted as a string of its language: a redirect URI
// may hold a quote, and a dollar sign. The registry has nothing but printable ASCII
// in it, which Go, JavaScript and Python quote alike.
var snippetTemplates = template.Must(template.New("").Delims("«", "»").Funcs(template.FuncMap{
	"str": strconv.Quote,
	"strs": func(all []string) string {
		var quoted []string
		for _, s := range all {
			quoted = append(quoted, strconv.Quote(s))
		}
		return strings.Join(quoted, ", ")
	},
	"sh": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
}).ParseFS(snippetFiles, "snippets/*"))

// snippetValues is what stands in a program.
type snippetValues struct {
	Issuer, TokenURL, DeviceURL, AuthorizeURL, APIURL string
	ClientID, Scope                                   string
	Scopes                                            []string
	Confidential, OpenID, Insecure                    bool
	RedirectURI, RedirectPath, ListenHost, ListenAddr string
	Port                                              int
}

// localPort is where the programs listen, where any port will do.
const localPort = 8765

func (e *Endpoints) snippetValues(client *oauth.Client) snippetValues {
	v := snippetValues{
		Issuer: e.issuer(), TokenURL: e.issuer() + "/token", DeviceURL: e.issuer() + "/device_authorization",
		ClientID: client.ID, Confidential: !client.Public(), Insecure: !e.Env.AuthserverURL.Secure(),
	}
	scope := client.Scope
	if snippetGrant(client) == oauth.ClientCredentialsGrant {
		scope = scope.Without(scope.NeedingUser())
	}
	v.Scope, v.Scopes, v.OpenID = scope.String(), scope, scope.Has(oauth.OpenID)
	v.APIURL = e.firstCall(scope)
	v.RedirectURI = localRedirectURI(client)
	v.AuthorizeURL = e.issuer() + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {client.ID}, "redirect_uri": {v.RedirectURI}, "scope": {v.Scope},
	}.Encode()
	if u, err := url.Parse(v.RedirectURI); err == nil {
		v.RedirectPath, v.ListenHost, v.Port = u.EscapedPath(), u.Hostname(), 80
		if port, err := strconv.Atoi(u.Port()); err == nil {
			v.Port = port
		}
		v.ListenAddr = net.JoinHostPort(v.ListenHost, strconv.Itoa(v.Port))
	}
	if v.RedirectPath == "" {
		v.RedirectPath = "/"
	}
	return v
}

// firstCall is a request that the scope is good for.
func (e *Endpoints) firstCall(scope oauth.Scope) string {
	api := e.Env.AcmeURL.String() + "/api/v1"
	for _, call := range []struct{ scope, path string }{
		{"profile", "/me"}, {"preferences:read", "/me/preferences"}, {"packages:read", "/packages?limit=3"},
		{"reviews:read", "/packages/pk-silvretta/reviews"}, {"blog:read", "/me/posts"},
	} {
		if scope.Has(call.scope) {
			return api + call.path
		}
	}
	return e.issuer() + "/userinfo"
}

// localRedirectURI is a redirect URI at which a program on this computer can
// listen; otherwise the first.
func localRedirectURI(client *oauth.Client) string {
	for _, uri := range client.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || !environment.LoopbackHost(u.Hostname()) || u.Hostname() == "::1" || strings.ContainsAny(u.Path, "{} ") || u.RawQuery != "" {
			continue
		}
		if client.Kind == nativeKind && u.Hostname() == "127.0.0.1" && u.Port() == "" { // RFC 8252 §7.3
			u.Host = fmt.Sprintf("127.0.0.1:%d", localPort)
		}
		return u.String()
	}
	if len(client.RedirectURIs) == 0 {
		return ""
	}
	return client.RedirectURIs[0]
}

func local(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "http" && environment.LoopbackHost(u.Hostname())
}

// snippetGrant is the grant of a client that its programs use; empty: none of those
// that we have programs for.
func snippetGrant(client *oauth.Client) string {
	for _, grantType := range []string{oauth.AuthorizationCodeGrant, oauth.DeviceCodeGrant, oauth.ClientCredentialsGrant} {
		if client.MayUse(grantType) {
			return grantType
		}
	}
	return ""
}

// plainClient tells whether a program can do with what every library does.
func plainClient(client *oauth.Client) bool {
	return !client.RequirePAR && !client.DPoPBound && !client.RequireSignedRequest && snippetGrant(client) != "" && len(client.Scope) > 0 &&
		(client.Public() || slices.Contains(client.AuthMethods, oauth.ClientSecretBasic))
}

// snippetNote says what the programs cannot do.
func snippetNote(client *oauth.Client) string {
	switch {
	case !plainClient(client):
		return "This application demands of itself what a short program cannot show: a signature of its own, proofs (DPoP), or requests that are pushed (PAR). The lab at Dreams runs each of them, and shows every message."
	case snippetGrant(client) == oauth.AuthorizationCodeGrant && !local(localRedirectURI(client)):
		return fmt.Sprintf("No program on your computer can listen at %s. To run one here, register http://localhost:%d/callback too; the first program does without.", localRedirectURI(client), localPort)
	}
	return ""
}

// serveOnePage is a server of index.html, whatever the path of the redirect URI.
func serveOnePage(v snippetValues) string {
	return fmt.Sprintf(`python3 -c 'import http.server as h; h.HTTPServer((%q, %d), type("Page", (h.SimpleHTTPRequestHandler,), {"translate_path": lambda *_: "index.html"})).serve_forever()'`, v.ListenHost, v.Port)
}

// snippets are the programs of a client, with its own values in them and without
// its secret: that comes from the environment.
func (e *Endpoints) snippets(client *oauth.Client) []page.Snippet {
	if !plainClient(client) {
		return nil
	}
	v := e.snippetValues(client)
	all := []page.Snippet{
		{Language: "curl", ID: "snippet-curl", File: "first.sh", Run: "bash first.sh"},
		{Language: "Go", ID: "snippet-go", File: "main.go", Run: "go mod init first && go mod tidy && go run ."},
		{Language: "JavaScript", ID: "snippet-javascript", File: "first.mjs", Run: "node first.mjs"},
		{Language: "Python", ID: "snippet-python", File: "first.py", Run: "python3 first.py"},
	}
	names := map[string]string{oauth.AuthorizationCodeGrant: "authorization_code", oauth.DeviceCodeGrant: "device_code", oauth.ClientCredentialsGrant: "client_credentials"}
	name := names[snippetGrant(client)]
	files := []string{name + ".sh", name + ".go.txt", name + ".mjs", name + ".py"}
	switch {
	case client.Kind == browserKind:
		all[2].File, all[2].Run, files[2] = "index.html", serveOnePage(v), "single_page.html"
		all = []page.Snippet{all[2], all[0]}
		files = []string{files[2], files[0]}
	case name == "authorization_code" && !local(v.RedirectURI):
		all, files = all[:1], files[:1]
	case name == "authorization_code":
		all[2].Run = "npm install openid-client && node first.mjs"
	}
	for i, file := range files {
		var code strings.Builder
		if err := snippetTemplates.ExecuteTemplate(&code, file, v); err != nil {
			e.Log.Error("a program for the portal could not be written", "file", file, "error", err)
			continue
		}
		all[i].Code = code.String()
	}
	return all
}
