package travel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/jpeg"
	"image/png"
)

// Picture belongs to a post. A seeded one is art that the program carries: it
// has a name below /static/art and no data.
type Picture struct {
	Name        string
	ContentType string
	Data        []byte
}

// Largest picture that is decoded: a few bytes can claim to be gigapixels.
const maxPixels = 8_000_000

// DecodePicture makes a picture from what somebody uploaded as field. It is
// drawn anew: a photograph's place and time stay out, and what a browser gets
// is an image whatever came in. Its name is its content.
func DecodePicture(field string, upload []byte) (Picture, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(upload))
	if err != nil || (format != "jpeg" && format != "png") {
		return Picture{}, Invalid{{field, "must be a JPEG or PNG picture"}}
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return Picture{}, Invalid{{field, "must not have more than 8 million pixels"}}
	}
	decoded, _, err := image.Decode(bytes.NewReader(upload))
	if err != nil {
		return Picture{}, Invalid{{field, "must be a whole JPEG or PNG picture"}}
	}
	var drawn bytes.Buffer
	p := Picture{ContentType: "image/" + format}
	if format == "png" {
		err = png.Encode(&drawn, decoded)
	} else {
		err = jpeg.Encode(&drawn, decoded, &jpeg.Options{Quality: 85})
	}
	if err != nil {
		return Picture{}, err
	}
	p.Data = drawn.Bytes()
	sum := sha256.Sum256(p.Data)
	p.Name = hex.EncodeToString(sum[:12]) + "." + format
	return p, nil
}
