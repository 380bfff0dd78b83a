package imports

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "example.com/acme-dreams"

// file is a Go file with what it imports.
type file struct {
	pkg     string // folder below the module's root
	name    string
	imports []string
}

func (f file) test() bool { return strings.HasSuffix(f.name, "_test.go") || forTests(f.pkg) }

// forTests is true for packages like net/http/httptest.
func forTests(pkg string) bool { return strings.HasSuffix(path.Base(pkg), "test") }

func readTree(root fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name != "." && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || name == "tools" || name == "bin" || name == "data"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := file{pkg: path.Dir(name), name: path.Base(name)}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// breaches lists what the tables do not allow. Tests may use what they like of
// their own program and of ours that is shared, and never another program.
func breaches(files []file) []string {
	var found []string
	for _, f := range files {
		where := f.pkg + "/" + f.name
		if slices.Contains(drawers, path.Base(f.pkg)) {
			found = append(found, fmt.Sprintf("%s: a package is named after what is in it, and %q says nothing", where, path.Base(f.pkg)))
		}
		allowed, listed := line(f.pkg)
		if !listed && !f.test() {
			found = append(found, fmt.Sprintf("%s: %s has no line in the table of internal/imports", where, f.pkg))
			continue
		}
		for _, imported := range f.imports {
			ours, isOurs := strings.CutPrefix(imported, module+"/")
			if imported == module {
				ours, isOurs = ".", true
			}
			switch {
			case !isOurs:
				if slices.Contains(standardLibraryOnly, f.pkg) && strings.Contains(imported, ".") && !f.test() {
					found = append(found, fmt.Sprintf("%s: %s is for the standard library only, not %s", where, f.pkg, imported))
				}
				for library, may := range mayKnow {
					if (imported == library || strings.HasPrefix(imported, library+"/")) && !matches(may, f.pkg) && !f.test() {
						found = append(found, fmt.Sprintf("%s: %s is not for %s", where, library, f.pkg))
					}
				}
			case f.test() && !otherProgram(f.pkg, ours):
			case forTests(ours) && !matches([]string{"internal/e2e/...", "internal/bench/..."}, f.pkg), !matches(allowed, ours):
				found = append(found, fmt.Sprintf("%s: %s may not import %s", where, f.pkg, ours))
			}
		}
	}
	slices.Sort(found)
	return found
}

func line(pkg string) (allowed []string, listed bool) {
	if allowed, listed = mayImport[pkg]; listed {
		return allowed, true
	}
	for pattern, allowed := range mayImport {
		if strings.HasSuffix(pattern, "/...") && matches([]string{pattern}, pkg) {
			return allowed, true
		}
	}
	return nil, false
}

func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		below, wild := strings.CutSuffix(pattern, "/...")
		return pkg == pattern || wild && (pkg == below || strings.HasPrefix(pkg, below+"/"))
	})
}

func otherProgram(pkg, imported string) bool {
	programs := []string{"acme", "authserver", "dreams"}
	own, _, _ := strings.Cut(pkg, "/")
	other, _, _ := strings.Cut(imported, "/")
	return slices.Contains(programs, own) && slices.Contains(programs, other) && own != other
}

func TestWhoImportsWhom(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := readTree(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go file was found")
	}
	for _, breach := range breaches(files) {
		t.Error(breach)
	}
}

func TestTheTableKeepsTheProgramsApart(t *testing.T) {
	for pkg, allowed := range mayImport {
		for _, imported := range allowed {
			if otherProgram(pkg, imported) {
				t.Errorf("%s may import %s: programs meet over HTTP only", pkg, imported)
			}
		}
	}
}

func TestABreachIsFound(t *testing.T) {
	for _, tt := range []struct {
		file file
		want string // empty: none
	}{
		{file{"dreams/site", "offers.go", []string{module + "/acme/travel"}}, "dreams/site may not import acme/travel"},
		{file{"dreams/site", "offers_test.go", []string{module + "/acme/travel"}}, "dreams/site may not import acme/travel"},
		{file{"acme/bearer", "bearer.go", []string{module + "/acme/store"}}, "acme/bearer may not import acme/store"},
		{file{"authserver/grant", "code.go", []string{"github.com/labstack/echo/v4"}}, "github.com/labstack/echo is not for authserver/grant"},
		{file{"authserver/endpoint", "token.go", []string{"database/sql"}}, "database/sql is not for authserver/endpoint"},
		{file{"views", "page.go", []string{module + "/seed"}}, "views may not import seed"},
		{file{"acme/server", "server.go", []string{module + "/internal/e2e"}}, "acme/server may not import internal/e2e"},
		{file{"authserver/oauth", "scope.go", []string{"golang.org/x/oauth2"}}, "authserver/oauth is for the standard library only"},
		{file{"acme/server", "server.go", []string{module}}, "acme/server may not import ."},
		{file{"acme/util", "x.go", nil}, `"util" says nothing`},
		{file{"acme/new", "x.go", nil}, "acme/new has no line"},
		{file{"acme/server", "server.go", []string{module + "/acme/bearer/bearertest"}}, "acme/server may not import acme/bearer/bearertest"},
		{file{"acme/bearer/bearertest", "x.go", []string{module + "/acme/store", "github.com/golang-jwt/jwt/v5"}}, ""},
		{file{"acme/bearer/bearertest", "x.go", []string{module + "/dreams/flow"}}, "acme/bearer/bearertest may not import dreams/flow"},
		{file{"authserver/endpoint", "token.go", []string{"net/http", "github.com/labstack/echo/v4", module + "/authserver/grant"}}, ""},
		{file{"authserver/store", "store.go", []string{"database/sql"}}, ""},
		{file{"acme/api", "api_test.go", []string{module + "/acme/server", module + "/seed"}}, ""},
		{file{"internal/e2e/browser", "browser.go", []string{module + "/acme/server", module + "/authserver/server"}}, ""},
	} {
		got := strings.Join(breaches([]file{tt.file}), "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.file.pkg, got, tt.want)
		}
	}
}

func TestEveryLineOfTheTableIsOfAPackageThatExists(t *testing.T) {
	for _, pkg := range slices.Sorted(maps.Keys(mayImport)) {
		if _, err := os.Stat(filepath.Join("../..", pkg)); err != nil && !strings.HasSuffix(pkg, "/...") {
			t.Errorf("%s: %v", pkg, err)
		}
	}
}
