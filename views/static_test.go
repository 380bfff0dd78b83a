package views

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Static().ServeHTTP(w, r)
	return w
}

func TestAHashedURLIsKeptForEver(t *testing.T) {
	if !regexp.MustCompile(`^/static/[0-9a-f]{12}/app\.css$`).MatchString(StylesheetURL()) {
		t.Fatal(StylesheetURL())
	}
	w := get(t, StylesheetURL())
	if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w.Header().Get("Content-Type") != "text/css; charset=utf-8" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Error(w.Header())
	}
}

func TestTheHashFollowsTheContent(t *testing.T) {
	hash := func(content string) string {
		_, hash := loadStatic(fstest.MapFS{"static/a.css": {Data: []byte(content)}})
		return hash
	}
	first, again := hash("a"), hash("a")
	if first != again || first == hash("b") {
		t.Error("one hash per content")
	}
}

func TestAPlainURLIsAskedAboutAgain(t *testing.T) {
	w := get(t, "/static/art/alps.svg")
	etag := w.Header().Get("Etag")
	if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=300" || etag == "" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if w := get(t, "/static/art/alps.svg", "If-None-Match", etag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d with %d bytes for a known ETag", w.Code, w.Body.Len())
	}
}

// An SVG is a document: opened by itself it could run what is in it.
func TestAPictureOpenedByItselfRunsNothing(t *testing.T) {
	for _, url := range []string{"/static/art/alps.svg", Asset("art/alps.svg")} {
		w := get(t, url)
		if w.Header().Get("Content-Type") != "image/svg+xml" ||
			w.Header().Get("Content-Security-Policy") != "default-src 'none'; style-src 'none'; sandbox" ||
			w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", url, w.Header())
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	for _, url := range []string{"/static/", "/static/art", "/static/art/", "/static/nothing.css", "/static/000000000000/app.css", "/static/../views.go", "/app.css"} {
		if w := get(t, url); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", url, w.Code)
		}
	}
}

func TestFilesAreOnlyRead(t *testing.T) {
	w := httptest.NewRecorder()
	Static().ServeHTTP(w, httptest.NewRequest("POST", "/static/app.css", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w = httptest.NewRecorder()
	Static().ServeHTTP(w, httptest.NewRequest("HEAD", "/static/app.css", nil))
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestEveryFileHasAMediaType(t *testing.T) {
	for name, file := range staticFiles {
		if file.mediaType == octetsUnknown {
			t.Errorf("%s: mediaTypes does not know %s", name, path.Ext(name))
		}
	}
}

// The style sheet stands at a hashed URL, so its own url()s have to resolve there.
func TestPicturesOfTheStyleSheetAreThere(t *testing.T) {
	css, err := fs.ReadFile(embedded, "static/app.css")
	if err != nil {
		t.Fatal(err)
	}
	urls := regexp.MustCompile(`url\(([^)]+)\)`).FindAllSubmatch(css, -1)
	if len(urls) == 0 {
		t.Fatal("the night sky is missing")
	}
	for _, url := range urls {
		if w := get(t, Asset(string(url[1]))); w.Code != 200 {
			t.Errorf("%s: %d", url[1], w.Code)
		}
	}
}

func TestThePageIsLight(t *testing.T) {
	for name, limit := range map[string]int{"app.css": 28_000, "app.js": 3_200, "wire.css": 10_000, "wire.js": 5_000} {
		if size := len(staticFiles[name].content); size >= limit {
			t.Errorf("%s: %d bytes, want less than %d", name, size, limit)
		}
	}
}

func TestIconsOfAllBrandsAreThere(t *testing.T) {
	for _, brand := range []Brand{AcmeBrand, AccountsBrand, DreamsBrand} {
		page := render(t, Layout(Frame{Brand: brand}))
		icon := regexp.MustCompile(`rel="icon" type="image/svg\+xml" href="([^"]+)"`).FindStringSubmatch(page)
		if icon == nil || get(t, icon[1]).Code != 200 || !strings.HasSuffix(icon[1], ".svg") {
			t.Errorf("%s: %v", brand, icon)
		}
	}
}
