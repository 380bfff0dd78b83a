package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is how a camera was held: Exif 2.32 §4.6.4, tag 0x0112. 1, upright,
// where the file does not say it or is no JPEG.
func orientation(jpeg []byte) int {
	const upright, soi, app1, sos = 1, 0xd8, 0xe1, 0xda
	if len(jpeg) < 4 || jpeg[0] != 0xff || jpeg[1] != soi {
		return upright
	}
	for rest := jpeg[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		marker, length := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if marker == sos || length < 2 || len(rest) < 2+length {
			return upright
		}
		segment := rest[4 : 2+length]
		if tiff, found := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); marker == app1 && found {
			return orientationIn(tiff)
		}
		rest = rest[2+length:]
	}
	return upright
}

// orientationIn reads the first directory of a TIFF structure: TIFF 6.0 §2.
func orientationIn(tiff []byte) int {
	const upright, tag, short = 1, 0x0112, 3
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for n := order.Uint16(tiff[at:]); n > 0 && len(entries) >= 12; n-- {
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if value := int(order.Uint16(entries[8:])); value >= 1 && value <= 8 {
				return value
			}
			return upright
		}
		entries = entries[12:]
	}
	return upright
}

// upright turns a picture as its orientation says. From 5 on the sides change
// places.
func upright(from *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return from
	}
	width, height := from.Rect.Dx(), from.Rect.Dy()
	if orientation >= 5 {
		width, height = height, width
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	right, bottom := from.Rect.Dx()-1, from.Rect.Dy()-1
	for y := range height {
		for x := range width {
			var at image.Point // in from
			switch orientation {
			case 2: // mirrored
				at = image.Pt(right-x, y)
			case 3: // upside down
				at = image.Pt(right-x, bottom-y)
			case 4: // mirrored and upside down
				at = image.Pt(x, bottom-y)
			case 5: // mirrored along the diagonal
				at = image.Pt(y, x)
			case 6: // to be turned clockwise
				at = image.Pt(y, bottom-x)
			case 7: // mirrored along the other diagonal
				at = image.Pt(right-y, bottom-x)
			case 8: // to be turned counter-clockwise
				at = image.Pt(right-y, x)
			}
			to.SetRGBA(x, y, from.RGBAAt(at.X, at.Y))
		}
	}
	return to
}
