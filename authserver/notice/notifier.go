// Package notice tells clients what happened behind their backs: that a session in
// which they took part has ended (Back-Channel Logout §2.5), and that a person took
// back what they may do (RFC 8417, RFC 8935).
package notice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
)

// Notifier sends the tokens that tell: whom to tell is on disk with what happened,
// and a client that does not answer is asked again.
type Notifier struct {
	Issuer string
	Store  *store.Store
	Keys   *token.Keys
	Log    *slog.Logger
	Now    func() time.Time
	Random io.Reader
	// Client makes the connection to a registered URI.
	Client func(uri string) *http.Client
}

const (
	// atOnce is how many clients are told at a time, each its notices in order:
	// one that is slow holds up nobody but itself.
	atOnce = 16

	// interval is how often notices that wait are looked at.
	interval = time.Second

	timeout = 5 * time.Second
)

// waits is how long to wait after each failure; after the last nobody asks again.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour,
}

// Work tells clients until ctx ends.
func (n *Notifier) Work(ctx context.Context) {
	busy, done := map[store.Addressee]bool{}, make(chan store.Addressee)
	for ctx.Err() == nil {
		due, left, err := n.Store.ToNotify(ctx, n.Now())
		if err != nil && ctx.Err() == nil {
			n.Log.Error("notices could not be read", "error", err)
			left = true
		}
		for _, to := range due {
			if !busy[to] && len(busy) < atOnce {
				busy[to] = true
				go func() {
					n.tell(ctx, to)
					done <- to
				}()
			}
		}
		var later <-chan time.Time
		if left {
			later = time.After(interval)
		}
		select {
		case to := <-done:
			delete(busy, to)
		case <-n.Store.Noticed():
		case <-later:
		case <-ctx.Done():
		}
	}
	for range busy {
		<-done
	}
}

// tell sends a client what is due, until one notice cannot be delivered.
func (n *Notifier) tell(ctx context.Context, to store.Addressee) {
	for {
		more, err := n.next(ctx, to)
		if err != nil && ctx.Err() == nil {
			n.Log.Error("a notice could not be read or written down", "client_id", to.ClientID, "error", err)
			select { // the client must not hear the same again and again meanwhile
			case <-time.After(waits[0]):
			case <-ctx.Done():
			}
		}
		if err != nil || !more {
			return
		}
	}
}

// next sends a client one notice. more tells whether there may be another.
func (n *Notifier) next(ctx context.Context, to store.Addressee) (more bool, err error) {
	notice, err := n.Store.NextNotice(ctx, to, n.Now())
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch why := n.deliver(ctx, notice); {
	case ctx.Err() != nil: // that is no failure of the client's
		return false, nil
	case why != nil:
		return false, n.failed(ctx, notice, why)
	}
	return true, n.Store.ForgetNotice(ctx, notice.ID)
}

// failed decides what becomes of a notice that was not taken. Back-Channel Logout
// §2.5 lets us send it again where the failure may pass: a client that answers
// 400 may only have been unable to reach its own database (§2.8).
func (n *Notifier) failed(ctx context.Context, notice store.Notice, why error) error {
	n.Log.Warn("a client was not told", "of", notice.Kind, "client_id", notice.ClientID, "attempts", notice.Attempts+1, "error", why)
	givenUp, err := n.Store.PostponeNotices(ctx, notice.Addressee, n.Now(), waits)
	for _, sub := range givenUp {
		n.Store.Record(store.Event{At: n.Now(), Kind: "app not told", Sub: sub, ClientID: notice.ClientID, Detail: "it did not answer"})
	}
	return err
}

// deliver sends one token. Each attempt has a token of its own: to a client that
// heard the first and was not heard itself, the same jti would be a replay.
func (n *Notifier) deliver(ctx context.Context, notice store.Notice) error {
	client := n.Store.Client(notice.ClientID)
	if client == nil || client.Disabled {
		return nil // nobody is there
	}
	m, err := n.message(ctx, client, notice)
	if err != nil || m.uri == "" { // it wants to know no more
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.uri, strings.NewReader(m.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", m.mediaType)
	req.Header.Set("Accept", "application/json")
	resp, err := n.Client(m.uri).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	if !slices.Contains(m.taken, resp.StatusCode) {
		return fmt.Errorf("the client answered %s", resp.Status)
	}
	return nil
}

// message is what a client is sent.
type message struct {
	uri, mediaType, body string // uri is empty where the client did not ask to be told
	taken                []int  // the answers that mean that it knows
}

func (n *Notifier) message(ctx context.Context, client *oauth.Client, notice store.Notice) (message, error) {
	if notice.Kind == store.OfConsent {
		return n.consentEnded(ctx, client, notice)
	}
	return n.logout(client, notice)
}
