package password

import (
	"strings"
	"testing"
)

// NIST SP 800-63B §5.1.1.2.
func TestWhatIsChosenIsJudgedByLengthAndWhatIsKnown(t *testing.T) {
	for chosen, ok := range map[string]bool{
		"1234567": false, "four words in row": true, "ééééééé": false, "éééééééé": true, "        ": true,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"password": false, "PassWord123": false, "qwertyuiop": false, "aliceinchains": false, "dora@acme.test": false, "\xff\xffabcdefgh": false,
		"all-lower-case": true,
	} {
		if got := Problem(chosen, "AliceInChains", "dora@acme.test"); (got == "") != ok {
			t.Errorf("%q: %q", chosen, got)
		}
	}
}
