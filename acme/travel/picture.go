package travel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	_ "image/gif" // the first frame
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// Picture belongs to a post. A seeded one is art that the program carries: it
// has a name below /static/art and no data.
type Picture struct {
	Name        string
	ContentType string
	Alt         string // what is on it, for whoever cannot see it
	Data        []byte
}

// What is taken, and what is kept of it.
const (
	MaxUpload = 10 << 20   // bytes
	maxPixels = 25_000_000 // a few bytes can claim to be gigapixels
	maxLength = 20_000     // pixels of one side
	maxSide   = 1600       // pixels of what is kept
	maxAlt    = 300        // characters
)

var formats = []string{"jpeg", "png", "gif", "webp"}

// DecodePicture makes a picture from what somebody uploaded. It is drawn anew: a
// photograph's place and time stay out, and what a browser gets is an image
// whatever came in. Its name is its content. The decoders read from upload, and
// stop where ctx has ended: a small file can ask for much work.
func DecodePicture(ctx context.Context, upload []byte, alt string) (Picture, error) {
	alt = strings.Join(strings.Fields(alt), " ")
	var faults Invalid
	faults.add("picture", uploadFault(upload))
	faults.add("alt", textFault(alt, maxAlt))
	if err := faults.err(); err != nil {
		return Picture{}, err
	}
	decoded, format, err := image.Decode(&untilDone{ctx, bytes.NewReader(upload)})
	if ctx.Err() != nil {
		return Picture{}, Invalid{{"picture", "takes too long to read: save it again as a plain JPEG"}}
	}
	if err != nil {
		return Picture{}, Invalid{{"picture", "is broken: it begins like a picture and does not go on like one"}}
	}
	small := shrink(decoded)
	if format == "jpeg" {
		small = upright(small, orientation(upload))
	}
	return encode(small, format, alt)
}

// uploadFault judges a file by its size and its header. Nothing is decoded yet.
func uploadFault(upload []byte) string {
	switch {
	case len(upload) == 0:
		return "is missing: choose a file"
	case len(upload) > MaxUpload:
		return fmt.Sprintf("must not be larger than %d MB", MaxUpload>>20)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(upload))
	switch {
	case err != nil || !contains(formats, format):
		return "must be a JPEG, PNG, GIF or WebP file. A telephone’s HEIC has to be saved as JPEG first"
	case config.Width < 1 || config.Height < 1:
		return "has no pixels"
	case max(config.Width, config.Height) > maxLength || config.Width > maxPixels/config.Height:
		return fmt.Sprintf("must not have more than %d million pixels, or %d on one side", maxPixels/1_000_000, maxLength)
	}
	return ""
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

func (r *untilDone) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}

// shrink draws a picture so that no side is longer than maxSide. The mean of whole
// squares of pixels comes first, strip by strip: a better filter over the whole
// would want hundreds of megabytes.
func shrink(from image.Image) *image.RGBA {
	size := from.Bounds().Size()
	if longer := max(size.X, size.Y); longer > 2*maxSide {
		from = mean(from, longer/maxSide)
	}
	width, height := fit(from.Bounds().Size())
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.ApproxBiLinear.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	return to
}

func fit(size image.Point) (width, height int) {
	longer := max(size.X, size.Y)
	if longer <= maxSide {
		return size.X, size.Y
	}
	return max(1, size.X*maxSide/longer), max(1, size.Y*maxSide/longer)
}

// mean makes one pixel of each n by n. What is left at the edge is less than one.
func mean(from image.Image, n int) image.Image {
	b := from.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, max(1, b.Dx()/n), max(1, b.Dy()/n)))
	across, down := min(n, b.Dx()), min(n, b.Dy())
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), down))
	for y := range to.Rect.Dy() {
		draw.Draw(strip, strip.Rect, from, image.Pt(b.Min.X, b.Min.Y+y*n), draw.Src)
		for x := range to.Rect.Dx() {
			var sum [4]int
			for dy := range down {
				row := strip.Pix[dy*strip.Stride+x*n*4:]
				for i := range across * 4 {
					sum[i%4] += int(row[i])
				}
			}
			for i, s := range sum {
				to.Pix[y*to.Stride+x*4+i] = uint8(s / (across * down))
			}
		}
	}
	return to
}

// A drawing stays a PNG up to this size: above it is a photograph.
const maxPNG = 1 << 20

// encode writes a picture without anything beside its pixels. What can be seen
// through stays so.
func encode(drawn *image.RGBA, format, alt string) (Picture, error) {
	var out bytes.Buffer
	photograph := drawn.Opaque() && (format == "jpeg" || format == "webp")
	if !photograph {
		if err := png.Encode(&out, drawn); err != nil {
			return Picture{}, err
		}
		photograph = drawn.Opaque() && out.Len() > maxPNG
	}
	kind := "png"
	if photograph {
		kind = "jpeg"
		out.Reset()
		if err := jpeg.Encode(&out, drawn, &jpeg.Options{Quality: 85}); err != nil {
			return Picture{}, err
		}
	}
	p := Picture{ContentType: "image/" + kind, Alt: alt, Data: out.Bytes()}
	sum := sha256.Sum256(p.Data)
	p.Name = hex.EncodeToString(sum[:12]) + "." + kind
	return p, nil
}
