package e2e

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files in this folder that are made from the code")

// RULES.md is the index from every rule to its section, its code and its
// attacks. It is made from the lists that the programs run, never by hand.
func TestIndexIsCurrent(t *testing.T) {
	const path = "RULES.md"
	want := index(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("RULES.md is not what the code says; run: go test ./internal/e2e -run TestIndexIsCurrent -update")
	}
}

func index(t *testing.T) string {
	attacksOn := map[string][]string{}
	for _, a := range attacks() {
		what := a.Name
		if what == "" {
			what = "the plain attempt"
		}
		attacksOn[a.Rule] = append(attacksOn[a.Rule], what+" → `"+a.Refused+"`")
	}
	files := filesNaming(t)
	var b strings.Builder
	b.WriteString("# Every rule, its section, its code, and the attacks on it\n\n" +
		"Made from the lists of checks that the programs run (`go test ./internal/e2e -run TestIndexIsCurrent -update`).\n" +
		"`TestAttacks` tries each attack and sees it refused; `TestProve` leaves the rule out and sees the same attack get through.\n")
	list := ""
	for _, rule := range Rules() {
		if rule.List != list {
			list = rule.List
			fmt.Fprintf(&b, "\n## %s\n\n| rule | whose | code | attacks |\n| --- | --- | --- | --- |\n", list)
		}
		tried := strings.Join(attacksOn[rule.Name], "; ")
		if reason := doubled[rule.Name]; reason != "" {
			tried = "doubles another rule: " + reason
		}
		file := files[rule.Name]
		if file == "" {
			t.Errorf("no file names the rule %q", rule.Name)
		}
		fmt.Fprintf(&b, "| %s | %s | [%s](../../%s) | %s |\n", rule.Name, rule.Source, filepath.Base(file), file, tried)
	}
	return b.String()
}

// filesNaming finds the file in whose list each rule stands.
func filesNaming(t *testing.T) map[string]string {
	files := map[string]string{}
	rules := Rules()
	root := os.DirFS("../..")
	for _, app := range []string{"authserver", "acme", "dreams", "internal/dpop"} {
		err := fs.WalkDir(root, app, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := fs.ReadFile(root, path)
			if err != nil {
				return err
			}
			for _, rule := range rules {
				name := strconv.Quote(rule.Name)
				if strings.Contains(string(source), "check.New("+name+", ") || strings.Contains(string(source), "{Name: "+name+", Source: ") {
					files[rule.Name] = path
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
