package wire

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// HAR is a run as browsers' developer tools keep it (HTTP Archive 1.2). What is
// ours begins with an underscore, as the format asks.
func HAR(f File) ([]byte, error) {
	archive := har{}
	archive.Log.Version = "1.2"
	archive.Log.Creator = harCreator{"Acme & Dreams", f.Build}
	archive.Log.Comment = f.Title
	archive.Log.Entries = []harEntry{}
	for _, e := range f.Record.Exchanges {
		archive.Log.Entries = append(archive.Log.Entries, entryOf(e))
	}
	return json.MarshalIndent(archive, "", "  ")
}

type (
	har struct {
		Log struct {
			Version string     `json:"version"`
			Creator harCreator `json:"creator"`
			Entries []harEntry `json:"entries"`
			Comment string     `json:"comment,omitempty"`
		} `json:"log"`
	}
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harEntry struct {
		Started  string          `json:"startedDateTime"`
		Time     float64         `json:"time"` // milliseconds
		Request  harRequest      `json:"request"`
		Response harResponse     `json:"response"`
		Cache    struct{}        `json:"cache"`
		Timings  harTimings      `json:"timings"`
		From     string          `json:"_from"`
		To       string          `json:"_to"`
		Front    bool            `json:"_throughTheBrowser"`
		Checks   []wiretap.Check `json:"_checks,omitempty"`
		Comment  string          `json:"comment,omitempty"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harRequest struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		QueryString []harPair `json:"queryString"`
		PostData    *harPost  `json:"postData,omitempty"`
		HeadersSize int       `json:"headersSize"`
		BodySize    int       `json:"bodySize"`
	}
	harPost struct {
		MimeType string    `json:"mimeType"`
		Params   []harPair `json:"params"`
		Text     string    `json:"text"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harContent struct {
		Size     int    `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
)

// unknown is the format's word for a size that nobody counted.
const unknown = -1

func entryOf(e wiretap.Exchange) harEntry {
	took := float64(e.Duration) / float64(time.Millisecond)
	entry := harEntry{
		Started: e.Start.Format(time.RFC3339Nano), Time: took, Timings: harTimings{Wait: took},
		From: laneName(e.From), To: laneName(e.To), Front: e.Front, Checks: e.Checks, Comment: e.Caption,
		Request: harRequest{
			Method: e.Method, URL: e.URL, HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: headerPairs(e.Request.Header),
			QueryString: []harPair{}, HeadersSize: unknown, BodySize: len(e.Request.Body),
		},
		Response: harResponse{
			Status: e.Status, StatusText: http.StatusText(e.Status), HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: headerPairs(e.Response.Header),
			Content:     harContent{len(e.Response.Body), e.Response.Header.Get("Content-Type"), e.Response.Body},
			RedirectURL: e.Response.Header.Get("Location"), HeadersSize: unknown, BodySize: len(e.Response.Body),
		},
	}
	for _, p := range requestParams(e) {
		if p.In == InQuery {
			entry.Request.QueryString = append(entry.Request.QueryString, harPair{p.Name, p.Value})
		}
	}
	if e.Request.Body != "" {
		kind := e.Request.Header.Get("Content-Type")
		entry.Request.PostData = &harPost{MimeType: kind, Params: []harPair{}, Text: e.Request.Body}
		if form, err := url.ParseQuery(e.Request.Body); err == nil && strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
			for _, p := range sorted(form, InForm) {
				entry.Request.PostData.Params = append(entry.Request.PostData.Params, harPair{p.Name, p.Value})
			}
		}
	}
	return entry
}

func headerPairs(h http.Header) []harPair {
	all := []harPair{}
	for name, values := range h {
		for _, v := range values {
			all = append(all, harPair{name, v})
		}
	}
	slices.SortStableFunc(all, func(a, b harPair) int { return strings.Compare(a.Name, b.Name) })
	return all
}
