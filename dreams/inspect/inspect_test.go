package inspect_test

import (
	"net/http"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/inspect"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
)

// A run from elsewhere may hold anything: it is shown, and breaks nothing.
func FuzzARunFromElsewhere(f *testing.F) {
	f.Add("http://localhost:9000/authorize?a=b#c=d", "http://localhost/x?code=y", "application/json", `{"a":[{"b":{"c":[1,{"d":null}]}}]}`, "Bearer eyJ9.eyJ9.x", `DPoP error="x", algs="ES256`, "dreams/flow/dpop.go:9")
	f.Add("%", "%", "application/x-www-form-urlencoded", "a=%zz&b", "Basic !", "=", ":")
	f.Add("", "", "text/html", "x", "Basic Og==", `a=""`, "x:99999999999999999999")
	f.Fuzz(func(t *testing.T, address, location, kind, body, authorization, challenge, sentAt string) {
		half := wiretap.Half{Header: http.Header{
			"Content-Type": {kind}, "Authorization": {authorization}, "Www-Authenticate": {challenge}, "Location": {location}, "Dpop": {body},
		}, Body: body}
		at := time.Unix(1, 0)
		one := wiretap.Exchange{
			From: wiretap.Browser, To: "?", Front: true, Method: "GET", URL: address, Status: 303, Request: half, Response: half, Start: at, SentBy: sentAt, SentAt: sentAt, HandledBy: sentAt,
			Checks: []wiretap.Check{{By: "?", Name: challenge, At: at}},
		}
		other := one
		other.URL, other.From, other.Start, other.Status = location, wiretap.Client, at.Add(-time.Second), 0
		record := wiretap.Record{Exchanges: []wiretap.Exchange{one, other, one}, Checks: one.Checks, Gaps: []wiretap.Gap{{At: at}}}
		rows := wire.Rows(record)
		inspector := inspect.New(record, rows)
		for n := range len(rows) + 2 {
			in, ok := inspector.Row(n)
			if ok != (n >= 1 && n <= len(rows)) {
				t.Fatal(n, ok)
			}
			for _, p := range in.Everything() {
				_ = p.Value(false)
			}
			for _, c := range in.Code {
				c.Lines()
			}
			for _, h := range in.Halves {
				h.Raw(false)
			}
		}
	})
}
