// Package source shows the code that is running: the function that judges a
// check, the function that sent or received a message. It reads what package
// acmedreams embeds, so there is nothing to look up elsewhere and nothing that
// could be of another version.
package source

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	acmedreams "example.com/acme-dreams"
)

const module = "example.com/acme-dreams/"

// Excerpt is a declaration with its comment.
type Excerpt struct {
	File  string // "dreams/flow/authorization_code.go", from the module's root
	First int    // the number of Text's first line
	Line  int    // where it is declared, below its comment
	Name  string // "checkState", "AuthorizationCode.Redeem"
	Text  string
	Mark  int // the line to highlight; 0: none
}

// Check returns the function that judges a check of a program ("authserver",
// "acme" or "dreams"), by the check's name. Checks that programs share stand in
// internal.
func Check(program, name string) (Excerpt, bool) {
	i := read()
	for _, root := range []string{program, "internal"} {
		if at, ok := i.checks[checkKey{root, name}]; ok {
			return at.excerpt(), true
		}
	}
	return Excerpt{}, false
}

// Function returns a function by the name that runtime.FuncForPC gives it. Of a
// function literal it returns the function that it stands in.
func Function(name string) (Excerpt, bool) {
	name, ours := strings.CutPrefix(withoutTypeArguments(name), module)
	// "flow.(*AuthorizationCode).Redeem" is in our list as "flow.AuthorizationCode.Redeem".
	name = strings.NewReplacer("(*", "", ")", "").Replace(name)
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if !ours || dot < 0 {
		return Excerpt{}, false
	}
	folder, parts := name[:slash+dot+1], strings.FieldsFunc(name[slash+dot+1:], func(r rune) bool { return r == '.' || r == '-' })
	i := read()
	// Behind the name stands which literal it is: "Redeem.func1.2", "Redeem-fm".
	// Before it, where it was inlined: "Site.Routes.Site.page.func4".
	for to := len(parts); to > 0; to-- {
		for from := range to {
			if at, ok := i.functions[folder+strings.Join(parts[from:to], ".")]; ok {
				return at.excerpt(), true
			}
		}
	}
	return Excerpt{}, false
}

// Handler returns the function that answers a request, by the program's route
// table. What the router calls is often a literal around it.
func Handler(program, method, route string) (Excerpt, bool) {
	at, ok := read().handlers[routeKey{program, method, route}]
	if !ok {
		return Excerpt{}, false
	}
	return at.excerpt(), true
}

// withoutTypeArguments turns "check.Run[...]" into "check.Run".
func withoutTypeArguments(name string) string {
	for {
		from, to := strings.IndexByte(name, '['), strings.IndexByte(name, ']')
		if from < 0 || to < from {
			return name
		}
		name = name[:from] + name[to+1:]
	}
}

// Around returns the declaration that a line stands in, with the line marked.
// The file may be named as runtime.Frame names it.
func Around(file string, line int) (Excerpt, bool) {
	i := read()
	for {
		declared, ok := i.files[file]
		if !ok {
			_, rest, more := strings.Cut(file, "/")
			if !more {
				return Excerpt{}, false
			}
			file = rest
			continue
		}
		for _, at := range declared {
			if at.first <= line && line <= at.last {
				e := at.excerpt()
				e.Mark = line
				return e, true
			}
		}
		return Excerpt{}, false
	}
}

// Files lists the files that can be shown.
func Files() []string { return slices.Sorted(maps.Keys(read().files)) }

// Text is a whole file.
func Text(file string) (string, bool) {
	if !shown(file) {
		return "", false
	}
	text, err := fs.ReadFile(acmedreams.Sources, file)
	return string(text), err == nil
}

// shown leaves out tests, and what is for tests or made from something else.
func shown(file string) bool {
	return path.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go") && !strings.HasSuffix(file, "_templ.go") &&
		!strings.HasSuffix(path.Dir(file), "test")
}

// Sum is a hash of everything that can be shown: two programs with the same sum
// were built from the same code.
func Sum() string { return sum() }

var sum = sync.OnceValue(func() string {
	h := sha256.New()
	for _, file := range Files() {
		text, _ := Text(file)
		_, _ = h.Write([]byte(file + "\x00" + text + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
})
