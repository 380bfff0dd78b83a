package page

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/a-h/templ"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown turns what people write into HTML. It has no option WithUnsafe: raw
// HTML is left out and a link to javascript: leads nowhere. harmless looks at what
// it made, so that neither has to be without fault.
var markdown = goldmark.New(
	goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(tame{}, 100))),
	goldmark.WithRendererOptions(html.WithHardWraps()),
)

const vouchForNothing = "nofollow ugc noopener noreferrer"

// harmless lets through the few elements that markdown makes, and of attributes
// those of a link. What it does not name is left out.
var harmless = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "li", "h2", "h3", "h4", "h5", "h6")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowElements("ol")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("title").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile("^" + vouchForNothing + "$")).OnElements("a")
	return p
}()

// tame fits a stranger's text into a page of ours.
type tame struct{}

// Transform moves headings below the page's own, makes pictures from elsewhere
// plain links (nobody who reads a story should tell a third host so), and
// vouches for no link.
func (tame) Transform(document *ast.Document, reader text.Reader, _ parser.Context) {
	var pictures []*ast.Image
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+1, 6)
		case *ast.Link:
			n.SetAttributeString("rel", []byte(vouchForNothing))
		case *ast.AutoLink:
			n.SetAttributeString("rel", []byte(vouchForNothing))
		case *ast.Image:
			pictures = append(pictures, n)
		}
		return ast.WalkContinue, nil
	})
	for _, picture := range pictures {
		link := ast.NewLink()
		link.Destination = picture.Destination
		link.SetAttributeString("rel", []byte(vouchForNothing))
		for child := picture.FirstChild(); child != nil; {
			next := child.NextSibling()
			link.AppendChild(link, child)
			child = next
		}
		parent := picture.Parent()
		if inLink(parent) { // links do not nest
			for child := link.FirstChild(); child != nil; {
				next := child.NextSibling()
				parent.InsertBefore(parent, picture, child)
				child = next
			}
			parent.RemoveChild(parent, picture)
			continue
		}
		parent.ReplaceChild(parent, picture, link)
	}
}

func inLink(n ast.Node) bool {
	for ; n != nil; n = n.Parent() {
		if n.Kind() == ast.KindLink {
			return true
		}
	}
	return false
}

// Markdown renders a post's body.
func Markdown(source string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var out bytes.Buffer
		if err := markdown.Convert([]byte(source), &out); err != nil {
			return err
		}
		_, err := harmless.SanitizeReader(&out).WriteTo(w)
		return err
	})
}

const (
	excerptLeast = 120   // a first paragraph that is shorter does not stand alone
	excerptRead  = 2_000 // bytes of a post that are looked at
)

// Excerpt is how a post begins, as plain text: its first paragraphs, cut
// between words after most characters.
func Excerpt(source string, most int) string {
	// A list of stories parses many: what an excerpt needs stands at the start.
	source = strings.ToValidUTF8(source[:min(len(source), excerptRead)], "")
	document := markdown.Parser().Parse(text.NewReader([]byte(source)))
	var begins []string
	length := 0
	for n := document.FirstChild(); n != nil && length < excerptLeast; n = n.NextSibling() {
		if n.Kind() == ast.KindParagraph {
			paragraph := plain(n, []byte(source))
			begins = append(begins, paragraph)
			length += len(paragraph)
		}
	}
	return cut(strings.Join(begins, " "), most)
}

func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

func cut(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	head := string(runes[:most])
	if i := strings.LastIndexByte(head, ' '); i > 0 {
		head = head[:i]
	}
	return strings.TrimRight(head, " ,;:.") + " …"
}
