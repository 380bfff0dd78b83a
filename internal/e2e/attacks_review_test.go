package e2e

import (
	"net/url"
	"strings"
)

// reviewAttacks are on rules of ours, about what strangers can make us keep.
var reviewAttacks = []Attack{
	{
		// Every request that waits for its person is stored: large ones, sent all
		// day by nobody in particular, fill the disk.
		Rule: "authorization request is 16 KiB at most", Refused: "400 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"foo": {strings.Repeat("x", 16<<10)}}),
	},
}
