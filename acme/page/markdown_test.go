package page_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"example.com/acme-dreams/acme/page"
)

func render(t *testing.T, source string) string {
	t.Helper()
	var out strings.Builder
	if err := page.Markdown(source).Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// elements are all that a post is made of.
var elements = []string{"p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "h2", "h3", "h4", "h5", "h6", "a"}

// hostile reads HTML as a browser does and returns what a stranger must not put
// into a page: a script, a picture from elsewhere, an address that runs.
func hostile(rendered string) string {
	for tokens := html.NewTokenizer(strings.NewReader(rendered)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return ""
		case html.CommentToken, html.DoctypeToken:
			return tokens.Token().String()
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			if !slices.Contains(elements, token.Data) {
				return token.String()
			}
			for _, a := range token.Attr {
				switch {
				case token.Data == "a" && a.Key == "href" && runs(a.Val),
					token.Data == "a" && !slices.Contains([]string{"href", "title", "rel"}, a.Key),
					token.Data != "a" && (token.Data != "ol" || a.Key != "start"):
					return token.String()
				}
			}
		}
	}
}

// runs tells whether an address is of a scheme that a link must not have. A browser
// skips control characters and blanks in front of the scheme.
func runs(address string) bool {
	scheme, _, found := strings.Cut(strings.TrimLeft(address, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r "), ":")
	if !found || strings.ContainsAny(scheme, "/?#") {
		return false
	}
	return !slices.Contains([]string{"http", "https", "mailto"}, strings.ToLower(scheme))
}

func TestMarkdownIsSafeWhateverIsTyped(t *testing.T) {
	for _, source := range []string{
		"<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))",
		"[x](data:text/html,<script>alert(1)</script>)", "![x](javascript:alert(1))", "<javascript:alert(1)>",
		"[x]: javascript:alert(1)\n\n[x]", "[x](https://a.example \"\\\" onmouseover=alert(1)\")", "![x](https://evil.example/p.png)",
		"[![x](https://evil.example/p.png)](https://evil.example)", "[![![x](javascript:1)](y)](z)",
		"[x](java\tscript:alert(1))", "[x](java&#10;script:alert(1))", "[x](&#106;avascript:alert(1))", "[x](vbscript:x)", "[x](\x01javascript:alert(1))",
		"<svg/onload=alert(1)>", "<iframe src=//evil.example>", "<style>@import '//evil.example'</style>", "<a href=x onclick=alert(1)>x</a>",
		"```\"onmouseover=alert(1)\n</code></pre><script>alert(1)</script>\n```", "`<script>`", "<!-- --><script>alert(1)</script>", "<![CDATA[<script>]]>",
		"[x](https://a.example 'x\" onfocus=alert(1) autofocus=\"')", "<https://a.example/\"onmouseover=alert(1)>", "# <h1 onclick=x>a</h1>", "<math><mtext><script>x</script>",
		"| a |\n|---|\n| <b> |", "<form action=//evil.example><button>x</button></form>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>",
	} {
		if found := hostile(render(t, source)); found != "" {
			t.Errorf("%q became %q, with %s", source, render(t, source), found)
		}
	}
	if hostile("<p><img src=x></p>") == "" || hostile(`<a href=" javascript:x">`) == "" || hostile(`<p onclick="x">`) == "" || hostile("<script>") == "" {
		t.Error("the test sees nothing")
	}
}

func TestMarkdownKeepsWhatPeopleWrite(t *testing.T) {
	for source, want := range map[string]string{
		"It *fell*.\n\nTwice.":        "<p>It <em>fell</em>.</p>\n<p>Twice.</p>\n",
		"- one\n- two":                "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n",
		"[ours](/packages)":           `<p><a href="/packages" rel="nofollow ugc noopener noreferrer">ours</a></p>` + "\n",
		"1. one\n2. two":              "<ol>\n<li>one</li>\n<li>two</li>\n</ol>\n",
		"\"a\" & `b < c`":             "<p>&#34;a&#34; &amp; <code>b &lt; c</code></p>\n",
		"# Mine":                      "<h2>Mine</h2>\n",
		"[Dreams](https://d.example)": `<p><a href="https://d.example" rel="nofollow ugc noopener noreferrer">Dreams</a></p>` + "\n",
		"![a hut](https://d.example)": `<p><a href="https://d.example" rel="nofollow ugc noopener noreferrer">a hut</a></p>` + "\n",
	} {
		if got := render(t, source); got != want {
			t.Errorf("%q became %q, want %q", source, got, want)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{
		"# a\n\n[x](javascript:alert(1)) ![y](z) <b>", "[![![x](1)](2)](3)", "1. a\n   - b\n\n> c\n\n`d` **e** _f_", "<https://a.example> <mailto:a@b.example>",
		"[x](&#106;avascript:1 \"t\")", "```\n<script>\n```", "<script>alert(1)</script>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if found := hostile(render(t, source)); found != "" {
			t.Errorf("%q became %q, with %s", source, render(t, source), found)
		}
		page.Excerpt(source, 50)
	})
}

func TestAnExcerptIsPlainTextCutBetweenWords(t *testing.T) {
	for _, test := range []struct {
		source string
		most   int
		want   string
	}{
		{"The *thunder* arrived\nbefore the [soup](x).", 100, "The thunder arrived before the soup."},
		{"# Title\n\nDear knees,\n\nI know.", 100, "Dear knees, I know."},
		{"one two three", 9, "one two …"},
		{"Zürich, Ljubljana", 9, "Zürich …"},
		{"- only a list", 50, ""},
		{"", 50, ""},
	} {
		if got := page.Excerpt(test.source, test.most); got != test.want {
			t.Errorf("%q: got %q, want %q", test.source, got, test.want)
		}
	}
}
