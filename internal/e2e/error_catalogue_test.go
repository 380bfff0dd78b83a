package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/dpop"
)

// RFC 6749 §5.2, error_uri: every code that the server can answer with has a page
// with its causes, and no page is about a code that it never answers with.
func TestEveryErrorCodeHasAPage(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	file, err := parser.ParseFile(token.NewFileSet(), "../../authserver/oauth/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					code, _ := strconv.Unquote(literal.Value)
					codes[code] = true
				}
			}
		}
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("found only %d codes", len(codes))
	}
	for code := range codes {
		page := w.Do(t, "GET", oauth.ErrorURI(w.Auth, code), nil, "")
		if page.Status != http.StatusOK || !strings.Contains(page.Body, code) {
			t.Errorf("%s: %d", code, page.Status)
		}
		entry, ok := oauth.ErrorByCode(code)
		if !ok || entry.Meaning == "" || entry.Source == "" || entry.Where == "" || entry.Example == "" || len(entry.Causes) == 0 {
			t.Errorf("%s: %+v", code, entry)
		}
		for _, cause := range entry.Causes {
			if cause.What == "" || cause.Fix == "" {
				t.Errorf("%s: a cause without a way out: %+v", code, cause)
			}
		}
	}
	for _, entry := range oauth.ErrorCatalogue {
		if !codes[entry.Code] {
			t.Errorf("the catalogue has %s, which is no code of ours", entry.Code)
		}
	}
	if page := w.Do(t, "GET", oauth.ErrorURI(w.Auth, "nonsense"), nil, ""); page.Status != http.StatusNotFound {
		t.Errorf("a code that there is not: %d", page.Status)
	}
}

// RFC 6750 §3, error_uri: Acme's API sends to the same catalogue.
func TestEveryErrorCodeOfTheAPIHasAPage(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	for _, code := range []string{
		bearer.InvalidRequest, bearer.InvalidToken, bearer.InsufficientScope, bearer.InsufficientUserAuthentication,
		dpop.InvalidProof, dpop.UseNonce,
	} {
		refusal := bearer.Refusal{Code: code}
		page := w.Do(t, "GET", refusal.ErrorURI(w.Auth), nil, "")
		entry, _ := oauth.ErrorByCode(code)
		if page.Status != http.StatusOK || !strings.Contains(page.Body, code) {
			t.Errorf("%s: %d", code, page.Status)
		}
		if !strings.Contains(entry.Where, "Acme’s API") && entry.Where != "every endpoint" {
			t.Errorf("%s: the catalogue says that it comes from %s", code, entry.Where)
		}
	}
}

// Every form of an answer points to the page.
func TestRefusalsPointToTheCatalogue(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := w.SignedIn(t, "alice")
	redirected := w.Authorize(b, With(w.Request("openid profile bogus"), nil)).Answer()
	posted := w.Authorize(b, With(w.Request("openid profile bogus"), url.Values{"response_mode": {"form_post"}})).Answer()
	for name, uri := range map[string]string{
		"JSON":      w.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"nonsense"}}).String("error_uri"),
		"redirect":  redirected.Get("error_uri"),
		"form_post": posted.Get("error_uri"),
		"userinfo":  w.Do(t, "GET", w.Auth+"/userinfo", Bearer("nonsense"), "").String("error_uri"),
	} {
		if page := w.Do(t, "GET", uri, nil, ""); !strings.HasPrefix(uri, w.Auth+"/docs/errors/") || page.Status != http.StatusOK {
			t.Errorf("%s: error_uri is %q: %d", name, uri, page.Status)
		}
	}
	page := b.Get(w.Auth + "/authorize?" + With(w.Request("openid"), url.Values{"client_id": {"nobody"}}).Encode())
	if !strings.Contains(page.Body, `href="/docs/errors/invalid_request"`) {
		t.Error("the error page does not lead to the catalogue")
	}
}
