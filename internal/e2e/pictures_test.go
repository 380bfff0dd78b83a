package e2e

import (
	"bytes"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// upload sends a file to a post, as the page's form does.
func (w *World) upload(t testing.TB, b *Browser, post string, file []byte) int {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("picture", "x.png")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = form.WriteField("alt", "A black square")
	_ = form.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Acme+"/me/posts/"+post+"/pictures", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Origin", w.Acme)
	client := http.Client{Jar: b.Jar(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func square(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A picture is as private as its post: its author sees it, whoever may read her
// posts by the API, and, once the post is published, everybody.
func TestAPictureIsAsPrivateAsItsPost(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	alice := w.atAcme(t, "alice")
	if status := w.upload(t, alice, "po-knees", square(t)); status != http.StatusSeeOther {
		t.Fatalf("the upload: %d", status)
	}
	reads := w.Tokens(t, "alice", "openid blog:read").String("access_token")
	post := w.API(t, "GET", "/me/posts/po-knees", reads, "")
	var path string
	for _, picture := range post.JSON()["pictures"].([]any) {
		if name, isUpload := strings.CutSuffix(picture.(string), ".png"); isUpload {
			path = strings.TrimPrefix(name, w.Acme+"/api/v1") + ".png"
		}
	}
	got := w.API(t, "GET", path, reads, "")
	if got.Status != http.StatusOK || got.Header.Get("Content-Type") != "image/png" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("with blog:read: %d %v", got.Status, got.Header)
	}
	for what, c := range map[string]struct {
		token  string
		status int
	}{
		"without blog:read": {w.Tokens(t, "alice", "openid profile").String("access_token"), http.StatusForbidden},
		"another's token":   {w.Tokens(t, "bob", "openid blog:read").String("access_token"), http.StatusNotFound},
		"no token":          {"", http.StatusUnauthorized},
	} {
		if answer := w.API(t, "GET", path, c.token, ""); answer.Status != c.status {
			t.Errorf("%s: %d, want %d", what, answer.Status, c.status)
		}
	}
	readers := w.Acme + "/stories" + strings.TrimPrefix(path, "/me/posts")
	nobody := NewBrowser(t)
	if page := nobody.Get(readers); page.Status != http.StatusNotFound {
		t.Errorf("anybody sees a picture of a post that is not published: %d", page.Status)
	}
	alice.follow(http.MethodPost, w.Acme+"/me/posts/po-knees/published", url.Values{"published": {"yes"}}, http.Header{"Origin": {w.Acme}})
	if page := nobody.Get(readers); page.Status != http.StatusOK {
		t.Errorf("of a published one: %d", page.Status)
	}
}
