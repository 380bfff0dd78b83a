package environment

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// A variable that nobody is told of is one that nobody sets.
func TestEveryVariableIsInTheReadmeAndInCompose(t *testing.T) {
	// A container has these from its image, or must not have them.
	elsewhere := []string{"LISTEN_ADDR", "DATA_DIR", "ALLOW_DEMO_SECRETS"}
	for file, exempt := range map[string][]string{"../../README.md": nil, "../../docker-compose.yml": elsewhere} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for field := range reflect.TypeFor[Environment]().Fields() {
			name := field.Tag.Get("env")
			_, suffix, _ := strings.Cut(name, "_")
			known := strings.Contains(string(text), name) || strings.HasSuffix(name, "_BACKCHANNEL_URL") && strings.Contains(string(text), "`"+strings.TrimSuffix(name, suffix)+"…`")
			for _, e := range exempt {
				known = known || e == name
			}
			if !known {
				t.Errorf("%s does not name %s", file, name)
			}
		}
	}
}
