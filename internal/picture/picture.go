// Package picture takes the picture files that strangers upload, and draws them
// anew: a photograph's place and time stay out, and what a browser gets is an
// image whatever came in.
package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/gif" // the first frame
	"image/jpeg"
	"image/png"
	"io"
	"slices"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// Limits are what is taken, and what is kept of it.
type Limits struct {
	Bytes  int // of the file
	Pixels int // a few bytes can claim to be gigapixels
	Length int // pixels of one side
	Side   int // pixels of the longer side of what is kept
}

// Drawn is what is kept of an upload: pixels and nothing else.
type Drawn struct {
	Kind string // png or jpeg
	Data []byte
}

// Fault is what is wrong with an upload, as the end of a sentence that begins with
// what it is: "The picture".
type Fault string

func (f Fault) Error() string { return "the picture " + string(f) }

var formats = []string{"jpeg", "png", "gif", "webp"}

// Draw makes a picture of an upload, or says by a Fault why it does not. The
// decoders read from upload, and stop where ctx has ended: a small file can ask
// for much work.
func (l Limits) Draw(ctx context.Context, upload []byte) (Drawn, error) {
	if err := l.Judge(upload); err != nil {
		return Drawn{}, err
	}
	decoded, format, err := image.Decode(&untilDone{ctx, bytes.NewReader(upload)})
	if ctx.Err() != nil {
		return Drawn{}, Fault("takes too long to read: save it again as a plain JPEG")
	}
	if err != nil {
		return Drawn{}, Fault("is broken: it begins like a picture and does not go on like one")
	}
	small := l.shrink(decoded)
	if format == "jpeg" {
		small = upright(small, orientation(upload))
	}
	return encode(small, format)
}

// Judge judges a file by its size and its header. Nothing is decoded yet.
func (l Limits) Judge(upload []byte) error {
	switch {
	case len(upload) == 0:
		return Fault("is missing: choose a file")
	case len(upload) > l.Bytes:
		return Fault(fmt.Sprintf("must not be larger than %d MB", l.Bytes>>20))
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(upload))
	switch {
	case err != nil || !slices.Contains(formats, format):
		return Fault("must be a JPEG, PNG, GIF or WebP file. A telephone’s HEIC has to be saved as JPEG first")
	case config.Width < 1 || config.Height < 1:
		return Fault("has no pixels")
	case max(config.Width, config.Height) > l.Length || config.Width > l.Pixels/config.Height:
		return Fault(fmt.Sprintf("must not have more than %d million pixels, or %d on one side", l.Pixels/1_000_000, l.Length))
	}
	return nil
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

// shrink draws a picture so that no side is longer than l.Side. The mean of whole
// squares of pixels comes first, strip by strip: a better filter over the whole
// would want hundreds of megabytes.
func (l Limits) shrink(from image.Image) *image.RGBA {
	size := from.Bounds().Size()
	if longer := max(size.X, size.Y); longer > 2*l.Side {
		from = mean(from, longer/l.Side)
	}
	width, height := l.fit(from.Bounds().Size())
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.ApproxBiLinear.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	return to
}

func (l Limits) fit(size image.Point) (width, height int) {
	longer := max(size.X, size.Y)
	if longer <= l.Side {
		return size.X, size.Y
	}
	return max(1, size.X*l.Side/longer), max(1, size.Y*l.Side/longer)
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
func encode(drawn *image.RGBA, format string) (Drawn, error) {
	var out bytes.Buffer
	photograph := drawn.Opaque() && (format == "jpeg" || format == "webp")
	if !photograph {
		if err := png.Encode(&out, drawn); err != nil {
			return Drawn{}, err
		}
		photograph = drawn.Opaque() && out.Len() > maxPNG
	}
	kind := "png"
	if photograph {
		kind = "jpeg"
		out.Reset()
		if err := jpeg.Encode(&out, drawn, &jpeg.Options{Quality: 85}); err != nil {
			return Drawn{}, err
		}
	}
	return Drawn{kind, out.Bytes()}, nil
}
