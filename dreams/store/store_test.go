package store

import (
	"context"
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// However much has run out, whoever writes meanwhile waits for a few rows.
func TestASweepIsDoneInSmallSteps(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), func() time.Time { return noon }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) "
	err = s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
		for fill, at := range map[string]time.Time{
			"INSERT INTO sessions (token_hash, data, expires_at) SELECT 's' || i, x'00', ?1 FROM n":                         noon,
			"INSERT INTO logout_tokens (jti, expires_at) SELECT 'l' || i, ?1 FROM n":                                        noon,
			"INSERT INTO security_events (jti, expires_at) SELECT 'e' || i, ?1 FROM n":                                      noon,
			"INSERT INTO attempts (state_hash, browser, sealed, next, started_at) SELECT 'a' || i, '', x'', '/', ?1 FROM n": noon.Add(-time.Hour - time.Second),
		} {
			if _, err := tx.Exec(ctx, many+fill, at.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	swept := make(chan error)
	go func() { swept <- s.Sweep(context.Background()) }()
	var longest time.Duration
	for writes := 1; ; writes++ {
		begin := time.Now()
		err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO logout_tokens (jti, expires_at) VALUES (?, ?)`, strconv.Itoa(writes), noon.Add(time.Hour).Unix())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(begin))
		select {
		case err := <-swept:
			var left int
			if err == nil {
				err = s.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM logout_tokens) + (SELECT count(*) FROM security_events) + (SELECT count(*) FROM attempts)`).Scan(&left)
			}
			if err != nil || left != writes {
				t.Fatalf("%d are left, and %d are good: %v", left, writes, err)
			}
			if writes < 50 || longest > time.Second {
				t.Errorf("%d writes meanwhile, the longest took %s", writes, longest)
			}
			return
		default:
		}
	}
}
