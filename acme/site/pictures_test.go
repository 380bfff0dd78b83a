package site_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/travel"
)

// uploads sends a file as the page's form does.
func (b *browser) uploads(path string, file []byte, name, alt string, header ...string) answered {
	b.world.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("picture", name)
	if err != nil {
		b.world.t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = form.WriteField("alt", alt)
	_ = form.Close()
	r, err := http.NewRequestWithContext(b.world.t.Context(), http.MethodPost, b.world.acme.URL+path, &body)
	if err != nil {
		b.world.t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Origin", b.world.acme.URL)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.send(r)
}

// photograph is a JPEG that nobody has uploaded before.
func photograph(t *testing.T, side int) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = uint8(rand.Uint32())
	}
	m.SetGray(0, 0, color.Gray{})
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var pictureOf = regexp.MustCompile(`src="(/me/posts/[^"]+/pictures/[^"]+)"`)

func TestAPictureIsUploadedAndRemoved(t *testing.T) {
	w := newWorld(t)
	b, anybody := w.as(alice, "Alice Moreau"), w.browser()
	b.get("/me/posts/po-knees").wants(t, 200, `enctype="multipart/form-data"`, "Pictures of your own")
	b.uploads("/me/posts/po-knees/pictures", photograph(t, 40), "knees.jpg", `My "knees" <b>`).goesTo(t, "/me/posts/po-knees?said=picture#pictures")
	got := b.get("/me/posts/po-knees?said=picture")
	got.wants(t, 200, "What your camera wrote into the file is not", `alt="My &#34;knees&#34; &lt;b&gt;"`, "A drawing: lighthouse")
	path := pictureOf.FindStringSubmatch(got.body)[1]
	picture := b.get(path)
	picture.wants(t, 200)
	if picture.Header.Get("Content-Type") != "image/jpeg" || picture.Header.Get("X-Content-Type-Options") != "nosniff" || picture.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", picture.Header)
	}

	readers := strings.Replace(path, "/me/posts/", "/stories/", 1)
	anybody.get(readers).wants(t, 404)
	b.post("/me/posts/po-knees/published", url.Values{"published": {"yes"}})
	anybody.get(readers).wants(t, 200)
	anybody.get("/stories/po-knees").wants(t, 200, readers, `alt="My &#34;knees&#34; &lt;b&gt;"`)
	b.post("/me/posts/po-knees/published", url.Values{"published": {"no"}})
	anybody.get(readers).wants(t, 404)

	b.post(path+"/delete", nil).goesTo(t, "/me/posts/po-knees?said=removed#pictures")
	b.get(path).wants(t, 404)
	b.post(path+"/delete", nil).wants(t, 404)
}

func TestWhatIsNoPictureComesBackWithWords(t *testing.T) {
	b := newWorld(t).as(alice, "Alice Moreau")
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing.jpg": {nil, "The picture is missing"},
		"page.jpg":    {[]byte("<!DOCTYPE html><script>alert(1)</script>"), "must be a JPEG, PNG, GIF or WebP file"},
		"drawing.svg": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "must be a JPEG, PNG, GIF or WebP file"},
		"half.jpg":    {photograph(t, 64)[:900], "The picture is broken"},
		"large.jpg":   {make([]byte, travel.MaxUpload+1), "must not be larger than 10 MB"},
	} {
		got := b.uploads("/me/posts/po-knees/pictures", c.file, name, "a <i>knee</i>")
		got.wants(t, 422, `role="alert"`, `href="#picture"`, c.says, `value="a &lt;i&gt;knee&lt;/i&gt;"`)
	}
	b.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", " ").wants(t, 422, `href="#alt"`, "The description must not be empty")
	b.uploads("/me/posts/po-knees/pictures", make([]byte, 25<<20), "x.jpg", "x").wants(t, 413)
	b.post("/me/posts/po-knees/pictures", url.Values{"alt": {"x"}}).wants(t, 400, "not multipart/form-data")
	r, _ := http.NewRequest(http.MethodPost, b.world.acme.URL+"/me/posts/po-knees/pictures", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"picture\"\r\n\r\nhal"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	b.send(r).wants(t, 400, "breaks off")
	b.get("/me/posts/po-knees").lacks(t, "/pictures/")
	if rest := b.post("/me/preferences", url.Values{"budget": {strings.Repeat("1", 2<<20)}}); rest.StatusCode != 413 {
		t.Errorf("another path took 2 MiB: %d", rest.StatusCode)
	}
}

// An id is not a permission, and neither is a cookie that another site borrows.
func TestAnotherPersonsPostTakesNoPicture(t *testing.T) {
	w := newWorld(t)
	hers := w.as(alice, "Alice Moreau")
	hers.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", "x").goesTo(t, "/me/posts/po-knees?said=picture#pictures")
	path := pictureOf.FindStringSubmatch(hers.get("/me/posts/po-knees").body)[1]
	b := w.as(bob, "Bob Tanaka")
	b.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", "x").wants(t, 404)
	b.get(path).wants(t, 404)
	b.post(path+"/delete", nil).wants(t, 404)
	b.get("/me/posts/po-knees/delete").wants(t, 404)
	b.post("/me/posts/po-knees/delete", nil).wants(t, 404)
	nobody := w.browser()
	nobody.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", "x").wants(t, 401)
	nobody.post("/me/posts/po-knees/delete", nil).wants(t, 401)

	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	hers.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", "x", foreign...).wants(t, 403)
	for _, form := range []string{path + "/delete", "/me/posts/po-knees/delete"} {
		r, _ := http.NewRequest(http.MethodPost, w.acme.URL+form, nil)
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		hers.send(r).wants(t, 403)
	}
	hers.get(path).wants(t, 200)
}

func TestPicturesHaveAnEnd(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	for i := range 9 { // one is art
		b.uploads("/me/posts/po-knees/pictures", photograph(t, 8+i), "x.jpg", "x").goesTo(t, "/me/posts/po-knees?said=picture#pictures")
	}
	b.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", "x").wants(t, 422, "a post has ten at most")

	full := travel.Picture{Name: "full.jpeg", ContentType: "image/jpeg", Data: make([]byte, 25<<20-100)}
	if err := w.store.AddPicture(t.Context(), alice, "po-the-pass", full); err == nil {
		t.Error("more than 25 MB together were taken")
	}
	if err := w.store.AddPicture(t.Context(), bob, "po-shrimps", full); err != nil {
		t.Errorf("what alice has is no matter of bob's: %v", err)
	}
	if got := b.uploads("/me/posts/po-the-pass/pictures", photograph(t, 8), "x.jpg", "x"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("a small one: %d", got.StatusCode)
	}
	w.as(bob, "Bob Tanaka").uploads("/me/posts/po-shrimps/pictures", photograph(t, 40), "x.jpg", "x").wants(t, 422, "may take 25 MB together")
}

func TestAPostIsDeletedWithItsPictures(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	b.uploads("/me/posts/po-three-huts/pictures", photograph(t, 8), "x.jpg", "x").goesTo(t, "/me/posts/po-three-huts?said=picture#pictures")
	path := pictureOf.FindStringSubmatch(b.get("/me/posts/po-three-huts").body)[1]
	b.get("/me/posts/po-three-huts/delete").wants(t, 200, "Three huts and one thunderstorm", "So does the picture that you added to it", "disappears from the stories")
	b.get("/me/posts/po-three-huts").wants(t, 200) // asking deletes nothing
	b.post("/me/posts/po-three-huts/delete", nil).goesTo(t, "/me?said=deleted")
	for _, gone := range []string{"/me/posts/po-three-huts", path} {
		b.get(gone).wants(t, 404)
	}
	w.browser().get("/stories/po-three-huts").wants(t, 404)
	b.get("/me?said=deleted").wants(t, 200, "are gone")
}

// Whoever sends slowly keeps a place for so long, and the memory has an end: the
// next one is told to come back.
func TestNotMoreUploadsAtOnceThanFitIntoMemory(t *testing.T) {
	w := newWorld(t)
	b := w.as(alice, "Alice Moreau")
	const begins = "--x\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"x.jpg\"\r\n\r\nhalf"
	var open []*io.PipeWriter
	for range 4 {
		body, slow := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.acme.URL+"/me/posts/po-knees/pictures", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		go func() {
			if resp, err := b.Do(r); err == nil {
				_ = resp.Body.Close()
			}
		}()
		if _, err := io.WriteString(slow, begins); err != nil {
			t.Fatal(err)
		}
		open = append(open, slow)
	}
	var got answered
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = b.uploads("/me/posts/po-knees/pictures", nil, "x.jpg", "x"); got.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	got.wants(t, 503, "Other pictures are being drawn at the moment")
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, slow := range open {
		_ = slow.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); got.StatusCode != http.StatusSeeOther && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got = b.uploads("/me/posts/po-knees/pictures", photograph(t, 8), "x.jpg", "x")
	}
	got.goesTo(t, "/me/posts/po-knees?said=picture#pictures")
}
