package endpoint

import (
	"embed"
	"encoding/json"
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
	"goimports": goImports, "pyimports": pythonImports,
	"sh": shellQuote,
}).ParseFS(snippetFiles, "snippets/*"))

// snippetValues is what stands in a program.
type snippetValues struct {
	Issuer, TokenURL, DeviceURL, AuthorizeURL, APIURL string
	ClientID, Scope                                   string
	Scopes                                            []string
	Confidential                                      bool // it has a secret, and no key alone
	OpenID, Insecure                                  bool
	RedirectURI, RedirectPath, ListenHost, ListenAddr string
	Port                                              int

	// What the client demands of itself.
	Strict           bool // any of the three
	Signs, DPoP, PAR bool // private_key_jwt, RFC 7523 §2.2; RFC 9449; RFC 9126
	PARURL           string
	Key              oauth.PublicKey // that it signs with
	AssertionHeader  string          // JSON
}

// KeyID, Sign, JOSE and WebCrypto name the key and its algorithm in the languages.
func (v snippetValues) KeyID() string     { return v.Key.ID }
func (v snippetValues) Sign() string      { return strings.ToLower(v.Key.Algorithm) }
func (v snippetValues) JOSE() string      { return joseNames[v.Key.Algorithm] }
func (v snippetValues) WebCrypto() string { return webCryptoNames[v.Key.Algorithm] }

var (
	joseNames      = map[string]string{"ES256": "ES256", "RS256": "RS256", "PS256": "PS256", "Ed25519": "EdDSA"}
	webCryptoNames = map[string]string{
		"ES256": `{ name: "ECDSA", namedCurve: "P-256" }`, "RS256": `{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }`,
		"PS256": `{ name: "RSA-PSS", hash: "SHA-256" }`, "Ed25519": `{ name: "Ed25519" }`,
	}
)

// keyOf is the key that a client's programs sign with: the first that is registered.
// Of one that is fetched we know nothing yet.
func keyOf(client *oauth.Client) oauth.PublicKey {
	key := oauth.PublicKey{Algorithm: "ES256"}
	if len(client.Keys) > 0 {
		key = client.Keys[0]
	}
	if key.Algorithm == "EdDSA" {
		key.Algorithm = "Ed25519"
	}
	return key
}

// signs tells whether a client has nothing but its key to authenticate with.
func signs(client *oauth.Client) bool {
	return slices.Contains(client.AuthMethods, oauth.PrivateKeyJWT) && !slices.Contains(client.AuthMethods, oauth.ClientSecretBasic)
}

// strictValues adds what the client demands of itself.
func (e *Endpoints) strictValues(v *snippetValues, client *oauth.Client) {
	v.Signs, v.DPoP = signs(client), client.DPoPBound
	v.PAR, v.PARURL = client.RequirePAR && snippetGrant(client) == oauth.AuthorizationCodeGrant, e.issuer()+"/par"
	if v.Strict = v.Signs || v.DPoP || v.PAR; v.PAR {
		v.AuthorizeURL = e.issuer() + "/authorize?" + url.Values{"client_id": {client.ID}}.Encode()
	}
	if v.Signs {
		v.Key, v.Confidential = keyOf(client), false
		header := map[string]string{"alg": joseNames[v.Key.Algorithm]}
		if v.Key.ID != "" {
			header["kid"] = v.Key.ID
		}
		written, _ := json.Marshal(header)
		v.AssertionHeader = string(written)
	}
}

// goImports is the import declaration of a Go program: its own, and what the parts
// that come with the client's demands need.
func goImports(v snippetValues, own ...string) string {
	const josePath = "github.com/go-jose/go-jose/v4"
	if v.Signs {
		own = append(own, "crypto/rand", "crypto/x509", "encoding/pem", "time", josePath, josePath+"/jwt", "golang.org/x/oauth2")
		if slices.Contains(own, "golang.org/x/oauth2/clientcredentials") {
			own = append(own, "net/url")
		}
	}
	if v.DPoP {
		own = append(own, "bytes", "crypto/ecdsa", "crypto/elliptic", "crypto/rand", "crypto/sha256", "encoding/base64", "net/http", "strings", "sync", "time", josePath, josePath+"/jwt", "golang.org/x/oauth2")
	}
	if v.PAR {
		own = append(own, "encoding/json", "net/url")
	}
	slices.Sort(own)
	var standard, others []string
	for _, path := range slices.Compact(own) {
		if host, _, _ := strings.Cut(path, "/"); strings.Contains(host, ".") {
			others = append(others, "\t"+strconv.Quote(path)+"\n")
		} else {
			standard = append(standard, "\t"+strconv.Quote(path)+"\n")
		}
	}
	return "import (\n" + strings.Join(standard, "") + "\n" + strings.Join(others, "") + ")"
}

// pythonImports is the same of a Python program.
func pythonImports(v snippetValues, own ...string) string {
	var primitives, asymmetric []string
	if v.Signs || v.DPoP {
		own = append(own, "base64", "secrets", "time")
	}
	if v.DPoP {
		own = append(own, "hashlib")
	}
	if v.Signs {
		primitives = append(primitives, "serialization")
	}
	if v.DPoP || v.Signs && v.Sign() != "ed25519" {
		primitives = append(primitives, "hashes")
	}
	if v.DPoP || v.Signs && v.Sign() == "es256" {
		asymmetric = append(asymmetric, "ec", "utils")
	}
	if v.Signs && strings.HasSuffix(v.Sign(), "s256") && v.Sign() != "es256" {
		asymmetric = append(asymmetric, "padding")
	}
	slices.Sort(own)
	var all strings.Builder
	for _, module := range slices.Compact(own) {
		if module != "os" || v.Confidential || v.Signs {
			all.WriteString("import " + module + "\n")
		}
	}
	for _, from := range []struct {
		module string
		names  []string
	}{{"cryptography.hazmat.primitives", primitives}, {"cryptography.hazmat.primitives.asymmetric", asymmetric}} {
		if slices.Sort(from.names); len(from.names) > 0 {
			if from.module == "cryptography.hazmat.primitives" {
				all.WriteString("\n")
			}
			all.WriteString("from " + from.module + " import " + strings.Join(from.names, ", ") + "\n")
		}
	}
	return strings.TrimSuffix(all.String(), "\n")
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
	e.strictValues(&v, client)
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

// shown tells whether we have programs for a client: for every one of the portal,
// and not for those few that sign their requests.
func shown(client *oauth.Client) bool {
	return !client.RequireSignedRequest && snippetGrant(client) != "" && len(client.Scope) > 0 &&
		(client.Public() || slices.Contains(client.AuthMethods, oauth.ClientSecretBasic) || signs(client))
}

const keyNote = "The programs sign with the private key that belongs to the registered one. They read it from the file that ACME_CLIENT_KEY names, as PEM: export ACME_CLIENT_KEY=key.pem"

// snippetNote says what the programs cannot do.
func snippetNote(client *oauth.Client) string {
	switch {
	case !shown(client):
		return "There is no short program for what this application is registered for. The lab at Dreams runs every flow, and shows every message."
	case signs(client) && snippetGrant(client) != oauth.AuthorizationCodeGrant:
		return keyNote
	case snippetGrant(client) == oauth.AuthorizationCodeGrant && !local(localRedirectURI(client)):
		return fmt.Sprintf("No program on your computer can listen at %s. To run one here, register http://localhost:%d/callback too; the first program does without.", localRedirectURI(client), localPort)
	case signs(client):
		return keyNote
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
	if !shown(client) {
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
	if v.Strict && client.Kind != browserKind && len(all) > 1 {
		all[2].Run = "npm install openid-client && node first.mjs"
		if v.Signs || v.DPoP {
			all[3].Run = "pip install cryptography && python3 first.py"
		}
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
