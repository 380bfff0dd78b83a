package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/acme-dreams/dreams/wire"
)

// upload brings a run file to Dreams.
func upload(t *testing.T, w *World, b *Browser, file []byte) Page {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "run.json")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = form.Close()
	req, err := http.NewRequest(http.MethodPost, w.Dreams+"/runs", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Origin", w.Dreams)
	req.Header.Set("Accept", "text/html")
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, _ := io.ReadAll(resp.Body)
	return Page{Response: Response{resp.StatusCode, resp.Header, string(content)}, Location: resp.Header.Get("Location")}
}

// What is taken away has no secret in it, unless somebody asks for them; brought to
// another Dreams, with nobody else there and nothing recorded, it shows the same
// rows, and its values can be followed.
func TestARunIsTakenAwayAndShownElsewhere(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	runLab(t, w, b, "dpop")
	runLesson(t, w, b, "pkce")
	visitor := NewBrowser(t) // to a browser's cookies all ports of a host are one
	elsewhere := New(t, Options{Only: []string{"dreams"}, Env: map[string]string{"WIRETAP": "off"}})
	for _, id := range w.room.IDs() {
		for range settled(w.room.Recording(id)) {
			break
		}
		record := w.room.Recording(id).Record()
		rows := wire.Rows(record)
		address, one := w.Dreams+"/runs/"+id+"/export", ""
		for _, ending := range []string{".json", ".html", ".md", ".har"} {
			page := b.Get(address + ending)
			if page.Status != http.StatusOK || !strings.HasPrefix(page.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %d %v", ending, page.Status, page.Header)
			}
			secrets := 0
			for _, r := range rows {
				for _, p := range r.Params {
					if p.Secret() && len(p.Value) >= 8 && p.Name != "code_verifier" { // that is worth nothing once it was sent
						secrets++
						one = p.Value
						if strings.Contains(page.Body, p.Value) {
							t.Errorf("%s holds the %s of row %d", ending, p.Name, r.N)
						}
					}
				}
			}
			if secrets < 5 {
				t.Errorf("only %d secrets were looked for", secrets)
			}
			if strings.Contains(page.Body, "wanderlust") {
				t.Errorf("%s holds a password", ending)
			}
			if other := NewBrowser(t).Get(address + ending); other.Status != http.StatusNotFound {
				t.Errorf("another browser takes %s: %d", ending, other.Status)
			}
		}

		file := b.Get(address + ".json").Body
		brought := upload(t, elsewhere, visitor, []byte(file))
		if brought.Status != http.StatusSeeOther {
			t.Fatalf("importing: %d\n%s", brought.Status, brought.Body)
		}
		read, err := wire.ReadFile(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		again := wire.Rows(read.Record)
		if len(again) != len(rows) {
			t.Fatalf("%d rows, were %d", len(again), len(rows))
		}
		for i := range rows {
			if again[i].Label != rows[i].Label || again[i].Kind != rows[i].Kind || len(again[i].Params) != len(rows[i].Params) {
				t.Errorf("row %d is %v %s, was %v %s", rows[i].N, again[i].Kind, again[i].Label, rows[i].Kind, rows[i].Label)
			}
		}
		before, after := wire.Values(rows), wire.Values(again)
		if len(before) != len(after) {
			t.Fatalf("%d values, were %d", len(after), len(before))
		}
		for i := range before {
			if before[i].Name != after[i].Name || len(before[i].Rows) != len(after[i].Rows) {
				t.Errorf("%s is in rows %v, was in %v", after[i].Name, after[i].Rows, before[i].Rows)
			}
		}
		page := visitor.Get(brought.Location)
		says(t, page.Body, "Brought along", "nothing of it is sent", `id="m`+number(len(rows))+`"`)
		saysNot(t, page.Body, "Step through", "Start again")

		saysNot(t, b.Get(address+".html").Body, "Mask secrets", "Show secrets", "<script", "http-equiv=\"refresh", "src=\"http")
		with := b.Get(address + ".json?secrets=1").Body
		if !strings.Contains(with, `"secrets": true`) || !strings.Contains(with, one) {
			t.Error("with its secrets it has none")
		}
	}
}

func number(n int) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// The Markdown is one that Mermaid reads, and the HAR has what HAR 1.2 asks for.
func TestWhatIsTakenAwayIsInItsFormat(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	runLesson(t, w, b, "pkce")
	id := w.room.IDs()[0]
	markdown := b.Get(w.Dreams + "/runs/" + id + "/export.md").Body
	_, after, _ := strings.Cut(markdown, "```mermaid\n")
	diagram, _, found := strings.Cut(after, "```\n")
	lines := strings.Split(strings.TrimSpace(diagram), "\n")
	if !found || lines[0] != "sequenceDiagram" || len(lines) < 30 {
		t.Fatalf("no diagram:\n%.500s", markdown)
	}
	line := regexp.MustCompile(`^    (participant [BDARX] as [A-Za-z ]+|[BDARX]-?->>[BDARX]: [^;{}<>` + "`" + `]+|Note over [BDARX]: [^;{}<>` + "`" + `]+)$`)
	entities := regexp.MustCompile(`#(\d+|lt|gt);`)
	for _, l := range lines[1:] {
		if !line.MatchString(entities.ReplaceAllString(l, "")) {
			t.Errorf("Mermaid does not read %q", l)
		}
	}

	var archive struct {
		Log struct {
			Version string
			Creator struct{ Name, Version string }
			Entries []map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(b.Get(w.Dreams+"/runs/"+id+"/export.har").Body), &archive); err != nil {
		t.Fatal(err)
	}
	if archive.Log.Version != "1.2" || archive.Log.Creator.Name == "" || len(archive.Log.Entries) < 8 {
		t.Errorf("%+v", archive.Log.Creator)
	}
	required := map[string][]string{
		"request":  {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"},
		"response": {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"},
		"timings":  {"send", "wait", "receive"},
	}
	for _, entry := range archive.Log.Entries {
		for _, name := range []string{"startedDateTime", "time", "cache", "request", "response", "timings"} {
			if entry[name] == nil {
				t.Errorf("an entry without %s", name)
			}
		}
		for name, members := range required {
			var object map[string]json.RawMessage
			_ = json.Unmarshal(entry[name], &object)
			for _, member := range members {
				if value := string(object[member]); value == "" || value == "null" {
					t.Errorf("%s without %s", name, member)
				}
			}
		}
	}
}

// A file is from anywhere: what is wrong with it is said, and what it says is text.
func TestFilesFromStrangersAreRefusedOrHarmless(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"dreams"}})
	b := NewBrowser(t)
	exchange := `{"id":"1","from":"B","to":"A","method":"GET","url":"http://x.test/<script>alert(1)</script>?code=\"><img src=x onerror=alert(2)>","request":{"body":""},"status":200,"response":{"header":{"Location":["javascript:alert(3)"]},"body":"<script>alert(4)</script>"},"start":"2026-01-01T00:00:00Z","duration":1}`
	file := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(`{"format":"acme-dreams run","version":1,"lesson":"pkce","title":"A <b>run</b>","started":"2026-01-01T00:00:00Z","build":"","secrets":false,"record":{"exchanges":[` + exchange + `]}}`)
	}
	for name, refused := range map[string]struct{ file, words string }{
		"nothing":             {``, "it is not a run"},
		"another format":      {file("acme-dreams run", "something"), "expected"},
		"another version":     {file(`"version":1`, `"version":9`), "version is 9"},
		"a member of its own": {file(`"lesson"`, `"extra":1,"lesson"`), "unknown field"},
		"a wrong type":        {file(`"status":200`, `"status":"x"`), "is a string"},
		"another scheme":      {file("http://x.test", "javascript:x"), "none of HTTP"},
		"a strange party":     {file(`"from":"B"`, `"from":"Q"`), "nobody"},
		"a strange status":    {file(`"status":200`, `"status":99999`), "99999"},
		"a negative duration": {file(`"duration":1`, `"duration":-1`), "its time"},
		"a time long ago":     {file(`"start":"2026`, `"start":"0001`), "its time"},
		"a method with lines": {file(`"GET"`, `"GET\r\nX: y"`), "its method"},
		"a cookie":            {file(`"Location"`, `"Set-Cookie":["a=b"],"Location"`), "cookie"},
		"too many messages":   {file(exchange, strings.Repeat(exchange+",", 300)+exchange), "more than 300"},
		"two files":           {file() + file(), "comes after it"},
		"deep":                {strings.Repeat(`{"record":`, 20000), "it is not a run"},
	} {
		page := upload(t, w, b, []byte(refused.file))
		if page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Body, "This file cannot be shown") || !strings.Contains(page.Body, refused.words) {
			t.Errorf("%s: %d, wanted %q\n%.300s", name, page.Status, refused.words, section(page.Body))
		}
	}
	if page := upload(t, w, b, bytes.Repeat([]byte(" "), 5<<20)); page.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MiB: %d", page.Status)
	}
	brought := upload(t, w, b, []byte(file()))
	if brought.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", brought.Status, brought.Body)
	}
	id := regexp.MustCompile(`/runs/[0-9a-f]+`).FindString(brought.Location)
	for _, address := range []string{brought.Location, w.Dreams + id + "?m=2&tab=raw&reveal=1", w.Dreams + id + "?m=2&tab=curl", w.Dreams + "/runs", w.Dreams + id + "/export.html"} {
		page := b.Get(address)
		saysNot(t, page.Body, "<script>alert", "<img src=x", `href="javascript:`, "<b>run</b>")
		if page.Status != http.StatusOK {
			t.Errorf("%s: %d", address, page.Status)
		}
	}
	says(t, b.Get(w.Dreams+"/runs").Body, `type="file"`, "A &lt;b&gt;run")
}
