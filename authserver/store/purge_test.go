package store

import (
	"context"
	"testing"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// count is how many rows a table has.
func count(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.db.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A grant is kept while a token of it may come, and 90 days longer.
func TestAGrantGoesWhenNothingCanComeOfIt(t *testing.T) {
	s := filled(t)
	for _, g := range []string{"g-revoked", "g-lives"} {
		if err := s.IssueAuthorizationCode(t.Context(), code("c-"+g, g), Silent{}); err != nil {
			t.Fatal(err)
		}
	}
	refreshes := func(grant string, expires time.Time) {
		t.Helper()
		err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO refresh_tokens (hash, grant_id, issued_at, expires_at, idle_expires_at) VALUES (?, ?, ?, ?, ?)", hash(grant), grant, ms(start), ms(expires), ms(expires))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	refreshes("g-revoked", start.Add(365*day))
	refreshes("g-lives", start.Add(365*day))
	if err := s.RevokeGrant(t.Context(), "g-revoked", start); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after                    time.Duration
		grants, refreshes, codes int
	}{
		{time.Hour, 2, 2, 2}, {3 * day, 2, 2, 0}, {31 * day, 2, 1, 0}, {92 * day, 1, 1, 0}, {367 * day, 0, 0, 0},
	} {
		if err := s.Purge(t.Context(), start.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if g, r, c := count(t, s, "grants"), count(t, s, "refresh_tokens"), count(t, s, "authorization_codes"); g != step.grants || r != step.refreshes || c != step.codes {
			t.Errorf("after %s: %d grants, %d refresh tokens, %d codes; want %d, %d, %d", step.after, g, r, c, step.grants, step.refreshes, step.codes)
		}
	}
}

// However much has expired, whoever writes meanwhile waits for a few rows.
func TestAPurgeIsDoneInSmallSteps(t *testing.T) {
	s := filled(t)
	const rows = 12_000
	err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO revocations (jti, created_at, expires_at) SELECT 'j' || i, ?2, ?2 FROM n`, rows, ms(start))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	purged := make(chan error)
	go func() { purged <- s.Purge(context.Background(), start.Add(time.Hour)) }()
	var longest time.Duration
	writes := 0
	for {
		begin := time.Now()
		if err := s.SpendAssertion(t.Context(), begin.String(), start.Add(day)); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(begin))
		writes++
		select {
		case err := <-purged:
			if err != nil || count(t, s, "revocations") != 0 {
				t.Fatalf("%d are left, %v", count(t, s, "revocations"), err)
			}
			t.Logf("%d writes meanwhile, the longest took %s", writes, longest)
			if writes < 10 || longest > time.Second {
				t.Errorf("%d writes meanwhile, the longest took %s", writes, longest)
			}
			return
		default:
		}
	}
}
