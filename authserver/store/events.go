package store

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// Event is an entry of the security log. It holds no secret.
type Event struct {
	At       time.Time
	Kind     string // "signed in", "consent given", "request refused", …
	Sub      string // whom it concerns; empty: nobody known
	ClientID string
	Address  string
	Detail   string
}

// events writes the log behind the requests' backs: nobody waits for it, many
// entries share a commit, and at most a tenth of a second of it is lost when
// the power fails. What must not be lost (that a code is spent, that a grant is
// revoked) is written by whoever does it.
type events struct {
	db      *sqlite.DB
	log     *slog.Logger
	queue   chan Event
	flushes chan chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

const (
	eventQueue    = 4096
	eventInterval = 100 * time.Millisecond
)

func newEvents(db *sqlite.DB, log *slog.Logger) *events {
	e := &events{db: db, log: log, queue: make(chan Event, eventQueue), flushes: make(chan chan struct{}), stop: make(chan struct{}), stopped: make(chan struct{})}
	go e.write()
	return e
}

// Record adds an entry to the security log.
func (s *Store) Record(e Event) {
	select {
	case s.events.queue <- e:
	default: // a flood must not stop the server
		s.events.log.Error("security event dropped: the queue is full", "kind", e.Kind, "client_id", e.ClientID, "detail", e.Detail)
	}
}

// Events returns a person's entries, newest first; with an empty sub everybody's.
func (s *Store) Events(ctx context.Context, sub string, limit int) ([]Event, error) {
	s.events.flush()
	rows, err := s.db.Query(ctx, "SELECT at, kind, sub, client_id, address, detail FROM security_events WHERE ?1 = '' OR sub = ?1 ORDER BY id DESC LIMIT ?2", sub, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Event
	for rows.Next() {
		var e Event
		var when int64
		if err := rows.Scan(&when, &e.Kind, &e.Sub, &e.ClientID, &e.Address, &e.Detail); err != nil {
			return nil, err
		}
		e.At = time.UnixMilli(when).UTC()
		all = append(all, e)
	}
	return all, rows.Err()
}

// flush waits until what was recorded so far is written.
func (e *events) flush() {
	done := make(chan struct{})
	select {
	case e.flushes <- done:
		<-done
	case <-e.stopped:
	}
}

func (e *events) close() {
	e.once.Do(func() { close(e.stop) })
	<-e.stopped
}

func (e *events) write() {
	defer close(e.stopped)
	ticker := time.NewTicker(eventInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			e.store(e.waiting())
		case done := <-e.flushes:
			e.store(e.waiting())
			close(done)
		case <-e.stop:
			e.store(e.waiting())
			return
		}
	}
}

// waiting takes what was recorded so far.
func (e *events) waiting() []Event {
	var batch []Event
	for {
		select {
		case event := <-e.queue:
			batch = append(batch, event)
		default:
			return batch
		}
	}
}

func (e *events) store(batch []Event) {
	if len(batch) == 0 {
		return
	}
	err := e.db.Write(context.Background(), func(ctx context.Context, tx *sqlite.Tx) error {
		for _, event := range batch {
			if err := insertEvent(ctx, tx, event); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		e.log.Error("security events could not be written", "count", len(batch), "error", err)
	}
}

func insertEvent(ctx context.Context, tx *sqlite.Tx, e Event) error {
	_, err := tx.Exec(ctx, "INSERT INTO security_events (at, kind, sub, client_id, address, detail) VALUES (?, ?, ?, ?, ?, ?)",
		ms(e.At), e.Kind, e.Sub, e.ClientID, e.Address, e.Detail)
	return err
}
