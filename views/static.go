package views

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var embedded embed.FS

const (
	staticPrefix = "/static/"

	// A URL with the hash in it never means other bytes (RFC 8246); one without
	// it is asked about again soon.
	cacheForever  = "public, max-age=31536000, immutable"
	cacheShortly  = "public, max-age=300"
	imagePolicy   = "default-src 'none'; style-src 'none'; sandbox"
	svgMediaType  = "image/svg+xml"
	octetsUnknown = "application/octet-stream"
)

// mediaTypes names the few kinds of files that we have. The system's table,
// which package mime reads, differs from one computer to the next.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  svgMediaType,
	".png":  "image/png",
	".jpg":  "image/jpeg",
	".webp": "image/webp",
	".txt":  "text/plain; charset=utf-8",
}

type staticFile struct {
	content   []byte
	mediaType string
	etag      string
}

var staticFiles, staticHash = loadStatic(embedded)

// loadStatic reads all files and hashes them together: one hash for the whole
// folder, so that a relative url() in the style sheet resolves below it.
func loadStatic(tree fs.FS) (map[string]staticFile, string) {
	files, all := map[string]staticFile{}, sha256.New()
	err := fs.WalkDir(tree, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(all, "%s %x\n", name, sum)
		mediaType, known := mediaTypes[path.Ext(name)]
		if !known {
			mediaType = octetsUnknown
		}
		files[strings.TrimPrefix(name, "static/")] = staticFile{content, mediaType, `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		panic("views: the embedded files cannot be read: " + err.Error())
	}
	return files, hex.EncodeToString(all.Sum(nil)[:6])
}

// Asset returns the URL of a file in static/ that may be cached for ever:
// "art/alps.svg" becomes "/static/3f2a91c07be4/art/alps.svg".
func Asset(name string) string {
	return staticPrefix + staticHash + "/" + name
}

// StaticText is a file of static/ as it is; empty: there is none of that name.
func StaticText(name string) string { return string(staticFiles[name].content) }

// StylesheetURL is where the one style sheet of all three applications is.
func StylesheetURL() string { return Asset("app.css") }

// Static serves the files below /static/, with the hash in the path or without.
func Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Files can only be read.", http.StatusMethodNotAllowed)
			return
		}
		name, below := strings.CutPrefix(r.URL.Path, staticPrefix)
		name, hashed := strings.CutPrefix(name, staticHash+"/")
		file, found := staticFiles[name]
		if !below || !found {
			http.NotFound(w, r)
			return
		}
		file.serve(w, r, hashed)
	})
}

func (f staticFile) serve(w http.ResponseWriter, r *http.Request, hashed bool) {
	header := w.Header()
	header.Set("Content-Type", f.mediaType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Etag", f.etag)
	header.Set("Cache-Control", cacheShortly)
	if hashed {
		header.Set("Cache-Control", cacheForever)
	}
	if f.mediaType == svgMediaType {
		// An SVG opened by itself is a document that could run scripts.
		header.Set("Content-Security-Policy", imagePolicy)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
