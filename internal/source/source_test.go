package source_test

import (
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/source"
)

// What is embedded is what stands in the folders: a package that is new is not
// forgotten, and no test is shown.
func TestEverythingThatIsOursCanBeShown(t *testing.T) {
	var want []string
	for _, root := range []string{"acme", "authserver", "dreams", "internal"} {
		err := fs.WalkDir(os.DirFS("../.."), root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (name == "internal/e2e" || name == "internal/bench" || entry.Name() == "testdata" || strings.HasSuffix(name, "test")):
				return fs.SkipDir
			case !entry.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, "_templ.go"):
				want = append(want, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	if got := source.Files(); !slices.Equal(got, want) {
		t.Errorf("shown and not there, or there and not shown:\n%v\n%v", got, want)
	}
	for _, name := range []string{"source.go", "dreams/page/learn_templ.go", "internal/source/source_test.go", "../go.mod", ""} {
		if _, ok := source.Text(name); ok {
			t.Errorf("%q is shown", name)
		}
	}
}

func TestAFunctionIsFoundByTheNameThatItRunsUnder(t *testing.T) {
	running := func(f any) string { return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name() }
	const flow = "example.com/acme-dreams/dreams/flow."
	for name, want := range map[string]string{
		running(source.Function):                                                "internal/source/source.go Function",
		running(check.Run[int]):                                                 "internal/check/check.go Run",
		flow + "(*AuthorizationCode).Redeem":                                    "dreams/flow/authorization_code.go AuthorizationCode.Redeem",
		flow + "(*AuthorizationCode).Redeem-fm":                                 "dreams/flow/authorization_code.go AuthorizationCode.Redeem",
		flow + "(*AuthorizationCode).Redeem.func1.2":                            "dreams/flow/authorization_code.go AuthorizationCode.Redeem",
		flow + "judge[go.shape.struct { flow.x string }]":                       "dreams/flow/refusal.go judge",
		"example.com/acme-dreams/internal/source.init.func1":                    "",
		"example.com/acme-dreams/dreams/site.(*Site).Routes.(*Site).page.func4": "dreams/site/site.go Site.page",
		"example.com/acme-dreams/acme/api.(*API).Mount.(*API).authorized.func2": "acme/api/api.go API.authorized",
		"example.com/acme-dreams/authserver/endpoint.(*Endpoints).Token-fm":     "authserver/endpoint/token.go Endpoints.Token",
		"example.com/acme-dreams/dreams/flow.proving.RoundTrip":                 "dreams/flow/dpop.go proving.RoundTrip",
		flow + "nothing": "", "main.main": "", "net/http.Get": "", "": "",
	} {
		got, ok := source.Function(name)
		if said := strings.TrimSpace(got.File + " " + got.Name); said != want || ok != (want != "") {
			t.Errorf("%s: got %q, want %q", name, said, want)
		}
		if !ok {
			continue
		}
		text, _ := source.Text(got.File)
		lines := strings.Split(text, "\n")
		if !strings.HasPrefix(lines[got.Line-1], "func ") || !strings.HasPrefix(got.Text, lines[got.First-1]) {
			t.Errorf("%s: lines %d and %d do not hold it", name, got.First, got.Line)
		}
	}
}

func TestAHandlerIsFoundByItsRoute(t *testing.T) {
	for _, tt := range [][4]string{
		{"dreams", "GET", "/callback", "dreams/site/connect.go Site.callback"},
		{"dreams", "POST", "/learn/:slug", "dreams/learn/classroom.go Classroom.run"},
		{"dreams", "GET", "/lab/callback", "dreams/learn/lab.go Classroom.labCallback"},
		{"dreams", "POST", "/events", "dreams/site/security_events.go Site.securityEvents"},
		{"dreams", "POST", "/tv", "dreams/tv/tv.go Television.begin"},
		{"acme", "GET", "/api/v1/me", "acme/api/me.go API.getProfile"},
		{"acme", "PUT", "/api/v1/me/preferences", "acme/api/me.go API.putPreferences"},
		{"acme", "GET", "/callback", "acme/site/signin.go Site.callback"},
		{"authserver", "POST", "/token", "authserver/endpoint/token.go Endpoints.Token"},
		{"authserver", "DELETE", "/register/:client_id", "authserver/endpoint/registration_management.go Endpoints.DeleteClient"},
		{"authserver", "GET", "/callback", ""},
		{"dreams", "GET", "", ""},
	} {
		e, ok := source.Handler(tt[0], tt[1], tt[2])
		if got := strings.TrimSpace(e.File + " " + e.Name); got != tt[3] || ok != (tt[3] != "") {
			t.Errorf("%s %s of %s: got %q, want %q", tt[1], tt[2], tt[0], got, tt[3])
		}
	}
}

func TestALineIsMarkedWithinItsDeclaration(t *testing.T) {
	_, file, line, _ := runtime.Caller(0)
	if _, ok := source.Around(file, line); ok {
		t.Error("a test is shown")
	}
	var e source.Excerpt
	_ = check.Run(t.Context(), check.Runner{}, []check.Check[int]{{Verify: func(int) error {
		var ok bool
		_, file, line, _ = runtime.Caller(1) // check.Run, where it calls Verify
		if e, ok = source.Around(file, line); !ok {
			t.Errorf("%s:%d is not shown", file, line)
		}
		return nil
	}}}, 0)
	marked := strings.Split(e.Text, "\n")[e.Mark-e.First]
	if e.Name != "Run" || !strings.Contains(marked, "c.Verify(in)") {
		t.Errorf("%s, %q", e.Name, marked)
	}
	if _, ok := source.Around("internal/check/check.go", 1<<20); ok {
		t.Error("a line behind the end is shown")
	}
}

func TestTheSumIsShortAndStable(t *testing.T) {
	if got := source.Sum(); len(got) != 12 || got != source.Sum() {
		t.Errorf("got %q", got)
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		source.Parse()
	}
}
