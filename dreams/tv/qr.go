package tv

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the white margin that ISO/IEC 18004 §6.3.8 asks for, in modules.
const quiet = 4

// picture is a text as a QR code: an SVG path of one unit for each module, and
// the side of the square with its margin. Both are empty where a text does not
// fit; the page shows the text in any case (RFC 8628 §3.3.1).
func picture(text string) (path string, side int) {
	code, err := qr.Encode(text, qr.M)
	if text == "" || err != nil {
		return "", 0
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return b.String(), code.Size + 2*quiet
}
