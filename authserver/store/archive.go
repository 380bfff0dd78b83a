package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// entry is an Event as a line of an archive has it.
type entry struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Sub      string    `json:"sub,omitempty"`
	ClientID string    `json:"client_id,omitempty"`
	Address  string    `json:"address,omitempty"`
	Detail   string    `json:"detail,omitempty"`
}

const entryColumns = "id, at, kind, sub, client_id, address, detail"

// line is the entry as JSON, with its end of line. One entry has one line and no
// other.
func (e entry) line() []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(e) // there is nothing in it that JSON has no form for
	return line.Bytes()
}

func scanEntry(scan func(...any) error) (e entry, err error) {
	var when int64
	err = scan(&e.ID, &when, &e.Kind, &e.Sub, &e.ClientID, &e.Address, &e.Detail)
	e.At = time.UnixMilli(when).UTC()
	return e, err
}

// WriteSecurityLog writes the entries behind an id, and from before a moment, as
// lines of JSON, the oldest first.
func (s *Store) WriteSecurityLog(ctx context.Context, out io.Writer, after int64, before time.Time) error {
	rows, err := s.db.Query(ctx, "SELECT "+entryColumns+" FROM security_events WHERE id > ? AND at < ? ORDER BY id", after, ms(before))
	if err != nil {
		return err
	}
	defer rows.Close()
	buffered := bufio.NewWriter(out)
	for rows.Next() {
		e, err := scanEntry(rows.Scan)
		if err != nil {
			return err
		}
		if _, err := buffered.Write(e.line()); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), buffered.Flush())
}

// ErrNotTheLog is what an archive gets whose lines are not the log's.
var ErrNotTheLog = errors.New("this line is not in the security log as it stands there")

// archiveStep is how many entries go in one transaction: others wait for it.
const archiveStep = 2000

// ForgetArchived deletes the entries whose lines an archive has, byte for byte,
// and returns how many. That it happened, to which entries, and the hash of their
// lines is an entry itself, in the same transaction.
func (s *Store) ForgetArchived(ctx context.Context, archive io.Reader, now time.Time) (forgotten int, err error) {
	lines := bufio.NewReader(archive)
	for {
		step, err := readLines(lines, archiveStep)
		if err != nil || len(step) == 0 {
			return forgotten, err
		}
		gone := 0
		err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) (err error) {
			gone, err = forget(ctx, tx, step, now)
			return err
		})
		if err != nil {
			return forgotten, err
		}
		forgotten += gone
	}
}

func readLines(from *bufio.Reader, most int) (lines [][]byte, err error) {
	for len(lines) < most {
		line, err := from.ReadBytes('\n')
		if len(line) > 0 {
			lines = append(lines, line)
		}
		switch {
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return nil, err
		}
	}
	return lines, nil
}

// forget lifts the trigger that keeps entries from being deleted, inside its
// transaction: nobody else ever sees the table without.
func forget(ctx context.Context, tx *sqlite.Tx, lines [][]byte, now time.Time) (forgotten int, err error) {
	const trigger = "security_events_remain"
	var keeping string
	if err := tx.QueryRow(ctx, "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?", trigger).Scan(&keeping); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "DROP TRIGGER "+trigger); err != nil {
		return 0, err
	}
	hash := sha256.New()
	var first, last int64
	for _, line := range lines {
		var named entry
		_ = json.Unmarshal(line, &named) // compared below
		e, err := scanEntry(tx.QueryRow(ctx, "SELECT "+entryColumns+" FROM security_events WHERE id = ?", named.ID).Scan)
		switch {
		case errors.Is(err, sql.ErrNoRows) && named.ID > 0:
			continue // gone before: somebody was interrupted
		case err == nil && !bytes.Equal(e.line(), line), errors.Is(err, sql.ErrNoRows):
			return 0, fmt.Errorf("%w: %.200q", ErrNotTheLog, line)
		case err != nil:
			return 0, err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM security_events WHERE id = ?", e.ID); err != nil {
			return 0, err
		}
		hash.Write(line)
		if forgotten++; forgotten == 1 {
			first = e.ID
		}
		last = e.ID
	}
	if _, err := tx.Exec(ctx, keeping); err != nil || forgotten == 0 {
		return 0, err
	}
	return forgotten, insertEvent(ctx, tx, Event{
		At: now, Kind: "security log archived",
		Detail: fmt.Sprintf("%d entries, %d to %d, SHA-256 %x", forgotten, first, last, hash.Sum(nil)),
	})
}
