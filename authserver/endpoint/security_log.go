package endpoint

import (
	"errors"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
)

// record adds an entry to the security log.
func (e *Endpoints) record(c echo.Context, kind, sub, clientID, detail string) {
	e.recordFrom(c.RealIP(), kind, sub, clientID, detail)
}

func (e *Endpoints) recordFrom(address, kind, sub, clientID, detail string) {
	e.Store.Record(store.Event{At: e.Now(), Kind: kind, Sub: sub, ClientID: clientID, Address: address, Detail: detail})
}

// refused records a refusal with the words that the client got.
func (e *Endpoints) refused(c echo.Context, clientID string, err error) {
	var refusal *oauth.Error
	if errors.As(err, &refusal) && refusal.Code == oauth.UseDPoPNonce {
		return // the way in which a client learns one: RFC 9449 §8
	}
	if refusal != nil {
		e.counters.refusals.Inc(label(c.Request().URL.Path), refusal.Code)
	}
	if refusal != nil && e.refusals.take(c.RealIP(), e.Now()) {
		e.record(c, "request refused", "", limit(clientID, 200), limit(c.Request().URL.Path, 100)+": "+limit(refusal.Error(), 500))
	}
}

// claimedClientKey is where a request keeps the client_id that it came with.
const claimedClientKey = "client_id"

// claimedClient is who a refused request said it was.
func claimedClient(c echo.Context) string {
	if id, ok := c.Get(claimedClientKey).(string); ok {
		return id
	}
	id, _, _ := c.Request().BasicAuth()
	return id
}

// refusalsPerMinute is how many refusals of one address the security log takes.
// It is only ever added to: strangers must not be able to fill the disk by it.
const refusalsPerMinute = 1000

// refusalLog counts what an address was refused in the current minute.
type refusalLog struct {
	mu     sync.Mutex
	minute time.Time
	counts map[string]int // by network
}

// take tells whether one more refusal is to be recorded.
func (l *refusalLog) take(address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := now.Truncate(time.Minute); l.counts == nil || !minute.Equal(l.minute) {
		l.minute, l.counts = minute, map[string]int{}
	}
	key := network(address)
	l.counts[key]++
	return l.counts[key] <= refusalsPerMinute
}
