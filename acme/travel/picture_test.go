package travel_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/travel"
)

// halves is a picture that is red on the left and blue on the right, and can be
// seen through in the middle where clear is true.
func halves(width, height int, clear bool) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.NRGBA{200, 0, 0, 255}
			if x >= width/2 {
				c = color.NRGBA{0, 0, 200, 255}
			}
			if clear && x == width/2 {
				c = color.NRGBA{}
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func file(t testing.TB, format string, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&out, m)
	case "jpeg":
		err = jpeg.Encode(&out, m, nil)
	case "gif":
		err = gif.Encode(&out, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withSegment puts an APP1 segment behind a JPEG's first marker.
func withSegment(jpeg []byte, payload string) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(payload)+2))
	return slices.Concat(jpeg[:2], segment, []byte(payload), jpeg[2:])
}

// exif is an APP1 segment that says how the camera was held, and where.
func exif(orientation byte) string {
	return "Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00\x00GPS 46.85N 9.53E"
}

// A WebP of two by two pixels, lossless.
const webp = "UklGRhwAAABXRUJQVlA4TBAAAAAvAUAAEAcQERGIiP4HAA=="

func TestAPictureIsDrawnAnew(t *testing.T) {
	asWebP, err := base64.StdEncoding.DecodeString(webp)
	if err != nil {
		t.Fatal(err)
	}
	photograph := file(t, "jpeg", halves(40, 20, false))
	for name, c := range map[string]struct {
		upload []byte
		want   string
	}{
		"JPEG": {photograph, "image/jpeg"}, "PNG": {file(t, "png", halves(40, 20, false)), "image/png"},
		"GIF": {file(t, "gif", halves(40, 20, false)), "image/png"}, "PNG to look through": {file(t, "png", halves(40, 20, true)), "image/png"},
		"WebP": {asWebP, "image/png"}, "Exif": {withSegment(photograph, exif(1)), "image/jpeg"},
		"XMP": {withSegment(photograph, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta><script>GPS 46.85N</script>"), "image/jpeg"},
	} {
		// What hides behind a picture, a page say, is not kept.
		p, err := travel.DecodePicture(t.Context(), append(slices.Clone(c.upload), "<script>alert(1)</script>"...), " Two  halves ")
		if name == "WebP" && err == nil {
			c.want = p.ContentType // it may be a photograph
		}
		if err != nil || p.ContentType != c.want || p.Alt != "Two halves" || len(p.Name) < 24 {
			t.Errorf("%s: %s %q %s, %v", name, p.ContentType, p.Alt, p.Name, err)
		}
		for _, kept := range []string{"script", "GPS", "Exif", "ns.adobe"} {
			if bytes.Contains(p.Data, []byte(kept)) {
				t.Errorf("%s: %s is still in it", name, kept)
			}
		}
		if got, _, err := image.Decode(bytes.NewReader(p.Data)); err != nil || name == "PNG to look through" && alpha(got, 20, 10) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func alpha(m image.Image, x, y int) uint32 {
	_, _, _, a := m.At(x, y).RGBA()
	return a
}

// Exif 2.32 §4.6.4: where the red half is, once the picture is upright.
func TestOrientationIsApplied(t *testing.T) {
	for orientation, want := range map[byte]string{0: "left", 1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom", 9: "left"} {
		p, err := travel.DecodePicture(t.Context(), withSegment(file(t, "jpeg", halves(64, 32, false)), exif(orientation)), "x")
		if err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(bytes.NewReader(p.Data))
		if err != nil {
			t.Fatal(err)
		}
		red := func(x, y int) bool { r, _, b, _ := m.At(x, y).RGBA(); return r > b }
		w, h := m.Bounds().Dx(), m.Bounds().Dy()
		got := map[[2]bool]string{{true, true}: "left", {false, false}: "right", {true, false}: "top", {false, true}: "bottom"}[[2]bool{red(4, 4), red(4, h-5)}]
		if w < h {
			got = map[[2]bool]string{{true, true}: "top", {false, false}: "bottom"}[[2]bool{red(4, 4), red(w-5, 4)}]
		}
		if got != want || (w < h) != (want == "top" || want == "bottom") {
			t.Errorf("orientation %d: red is at the %s (%d by %d), want %s", orientation, got, w, h, want)
		}
	}
}

func TestALargePictureBecomesSmaller(t *testing.T) {
	for _, size := range []struct{ width, height, w, h int }{
		{1600, 900, 1600, 900}, {2000, 1000, 1600, 800}, {4000, 3000, 1600, 1200}, {900, 5000, 288, 1600}, {20_000, 3, 1600, 1}, {1, 20_000, 1, 1600},
	} {
		p, err := travel.DecodePicture(t.Context(), file(t, "png", halves(size.width, size.height, false)), "x")
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := image.Decode(bytes.NewReader(p.Data))
		if err != nil || m.Bounds().Dx() != size.w || m.Bounds().Dy() != size.h {
			t.Errorf("%d by %d became %v, %v", size.width, size.height, m.Bounds(), err)
		}
		if r, _, b, _ := m.At(0, 0).RGBA(); size.width > 1 && r < b {
			t.Errorf("%d by %d: the left half is not red any more", size.width, size.height)
		}
	}
}

// A small file can claim to be large, and a file can claim to be a picture.
func TestWhatIsNoPictureIsRefused(t *testing.T) {
	asPNG, asJPEG := file(t, "png", halves(40, 20, false)), file(t, "jpeg", halves(40, 20, false))
	// A PNG whose header claims 65,535 by 65,535 pixels.
	bomb := slices.Clone(asPNG)
	copy(bomb[16:24], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff})
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	wide := slices.Clone(asPNG) // 20,001 by 1
	copy(wide[16:24], []byte{0, 0, 0x4e, 0x21, 0, 0, 0, 1})
	binary.BigEndian.PutUint32(wide[29:], crc32.ChecksumIEEE(wide[12:29]))
	begun := time.Now()
	for name, c := range map[string]struct {
		upload []byte
		want   string
	}{
		"nothing":              {nil, "missing"},
		"SVG":                  {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), "must be a JPEG"},
		"HTML":                 {[]byte("<!DOCTYPE html><script>alert(1)</script>"), "must be a JPEG"},
		"HTML behind a GIF":    {[]byte("GIF89a/*<script>alert(1)</script>*/=1;"), "pixels"},
		"a script and a BMP":   {[]byte("BM=1;/*\x00\x00"), "must be a JPEG"},
		"half a PNG":           {asPNG[:60], "broken"},
		"half a JPEG":          {asJPEG[:len(asJPEG)-100], "broken"},
		"a PNG with a bad sum": {append(slices.Clone(asPNG[:45]), bytes.Repeat([]byte{0xff}, 100)...), "broken"},
		"a bomb":               {bomb, "pixels"},
		"too long":             {wide, "pixels"},
		"too many bytes":       {append(slices.Clone(asPNG), make([]byte, travel.MaxUpload)...), "larger than 10 MB"},
	} {
		_, err := travel.DecodePicture(t.Context(), c.upload, "x")
		if !slices.Equal(fields(err), []string{"picture"}) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v to refuse them", took)
	}
	if _, err := travel.DecodePicture(t.Context(), asPNG, " \n"); !slices.Equal(fields(err), []string{"alt"}) {
		t.Errorf("without a description: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := travel.DecodePicture(over, asPNG, "x"); !slices.Equal(fields(err), []string{"picture"}) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("after its time: %v", err)
	}
}

func FuzzPicture(f *testing.F) {
	asWebP, _ := base64.StdEncoding.DecodeString(webp)
	for _, seed := range [][]byte{
		file(f, "png", halves(8, 4, true)), file(f, "gif", halves(8, 4, true)), asWebP,
		withSegment(file(f, "jpeg", halves(8, 4, false)), exif(6)), withSegment(file(f, "jpeg", halves(8, 4, false)), "Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, upload []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		p, err := travel.DecodePicture(ctx, upload, "x")
		if err != nil {
			return
		}
		config, format, err := image.DecodeConfig(bytes.NewReader(p.Data))
		if err != nil || "image/"+format != p.ContentType || max(config.Width, config.Height) > 1600 {
			t.Errorf("%s: %s, %d by %d, %v", p.ContentType, format, config.Width, config.Height, err)
		}
	})
}
