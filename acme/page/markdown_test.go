package page_test

import (
	"strings"
	"testing"

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

func TestMarkdownIsSafeWhateverIsTyped(t *testing.T) {
	for _, source := range []string{
		"<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))",
		"[x](data:text/html,<script>alert(1)</script>)", "![x](javascript:alert(1))", "<javascript:alert(1)>",
		"[x]: javascript:alert(1)\n\n[x]", "[x](https://a.example \"\\\" onmouseover=alert(1)\")", "![x](https://evil.example/p.png)",
		"[![x](https://evil.example/p.png)](https://evil.example)", "[![![x](javascript:1)](y)](z)",
	} {
		html := strings.ToLower(render(t, source))
		for _, bad := range []string{"<script", "<img", `href="javascript:`, `href="data:`, `" onmouseover`, "<iframe"} {
			if strings.Contains(html, bad) {
				t.Errorf("%q became %q", source, html)
			}
		}
	}
}

func TestMarkdownKeepsWhatPeopleWrite(t *testing.T) {
	for source, want := range map[string]string{
		"It *fell*.\n\nTwice.":        "<p>It <em>fell</em>.</p>\n<p>Twice.</p>\n",
		"- one\n- two":                "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n",
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
	f.Add("# a\n\n[x](javascript:alert(1)) ![y](z) <b>")
	f.Add("[![![x](1)](2)](3)")
	f.Fuzz(func(t *testing.T, source string) {
		html := strings.ToLower(render(t, source))
		for _, bad := range []string{"<script", "<img", "<iframe", `href="javascript:`} {
			if strings.Contains(html, bad) {
				t.Errorf("%q became %q", source, html)
			}
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
