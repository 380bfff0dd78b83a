package e2e

import (
	"go/build"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The walk through the tree names each package once, and nothing that is not there.
func TestTheReadmesTreeIsTheTree(t *testing.T) {
	_, tree, found := strings.Cut(readme(t), "## Where is what\n\n```\n")
	tree, _, closed := strings.Cut(tree, "```")
	if !found || !closed {
		t.Fatal("the README has no tree")
	}
	named := map[string]int{}
	var above [3]string // by depth
	for line := range strings.Lines(tree) {
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth >= len(above) {
			t.Fatalf("deeper than the tree goes: %s", line)
		}
		for _, name := range strings.Fields(line) {
			folder, is := strings.CutSuffix(name, "/")
			if !is || strings.Contains(folder, "/") {
				break
			}
			if depth > 0 {
				folder = path.Join(above[depth-1], folder)
			}
			above[depth] = folder
			named[folder]++
			if info, err := os.Stat(filepath.Join(root, folder)); err != nil || !info.IsDir() {
				t.Errorf("%s is not there", folder)
			}
		}
	}
	for folder, times := range named {
		if times > 1 {
			t.Errorf("%s is named %d times", folder, times)
		}
	}
	if err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || at == root {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		folder, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		if p, err := build.ImportDir(at, 0); err == nil && len(p.GoFiles) > 0 && named[filepath.ToSlash(folder)] == 0 {
			t.Errorf("%s is not in the tree", folder)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Whatever it links to is there: files, its own headings, and pages of the three.
func TestTheReadmesLinksLeadSomewhere(t *testing.T) {
	text := readme(t)
	headings := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(h[1]), "")
		headings[strings.ReplaceAll(slug, " ", "-")] = true
	}
	links := map[string]bool{}
	for _, l := range regexp.MustCompile(`\]\(([^)\s]+)\)|<(http://localhost:900\d[^>]*)>`).FindAllStringSubmatch(text, -1) {
		links[l[1]+l[2]] = true
	}
	w := New(t, Options{})
	pages := strings.NewReplacer("http://localhost:9000", w.Auth, "http://localhost:9001", w.Acme, "http://localhost:9002", w.Dreams)
	for _, link := range slices.Sorted(maps.Keys(links)) {
		switch {
		case strings.HasPrefix(link, "#"):
			if !headings[link[1:]] {
				t.Errorf("no heading is called %s", link)
			}
		case strings.HasPrefix(link, "http://localhost:900"):
			if got := NewBrowser(t).Get(pages.Replace(link)); got.Status != http.StatusOK {
				t.Errorf("%s: %d", link, got.Status)
			}
		default:
			if _, err := os.Stat(filepath.Join(root, link)); err != nil {
				t.Error(err)
			}
		}
	}
}
