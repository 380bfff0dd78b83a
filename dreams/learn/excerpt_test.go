package learn

import (
	"strings"
	"testing"
)

func TestEveryExcerptIsThere(t *testing.T) {
	for _, l := range new(Classroom).besides() {
		if len(l.Code) == 0 {
			t.Errorf("%s shows no code", l.Slug)
		}
		for _, e := range l.Code {
			if text, line := e.text(); line == 0 || !strings.HasPrefix(text, "//") && !strings.HasPrefix(text, "var ") || strings.Count(text, "\n") < 3 {
				t.Errorf("%s: %s in %s is %q", l.Slug, e.Name, e.File, text)
			}
		}
	}
}
