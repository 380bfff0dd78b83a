package wire

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// full is a record of somebody who fills it: bodies with as many parameters as they
// can have.
func full() (record wiretap.Record) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for i := range 30 {
		var b strings.Builder
		for k := 0; b.Len() < wiretap.MaxBody-20; k++ {
			fmt.Fprintf(&b, "&code=%d-%d", i, k)
		}
		e := wiretap.Exchange{ID: fmt.Sprint(i), From: wiretap.Client, To: wiretap.AuthorizationServer, Method: "POST", URL: "http://as/token", Status: 200, Start: at.Add(time.Duration(i) * time.Second)}
		e.Request = wiretap.Half{Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: b.String()[1:]}
		record.Exchanges = append(record.Exchanges, e)
	}
	return record
}

func TestARecordThatIsFullIsShownInTime(t *testing.T) {
	record := full()
	began := time.Now()
	rows := Rows(record)
	values := Values(rows)
	NewTrails(rows)
	if _, err := Masked(record); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("%d values in %d rows take %s", len(values), len(rows), took)
	}
}
