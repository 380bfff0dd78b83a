package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// However much has expired, whoever writes meanwhile waits for a few rows.
func TestAPurgeIsDoneInSmallSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := open(t, path)
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) "
	for _, fill := range []string{
		"INSERT INTO sessions (id, data, expires_at) SELECT 's' || i, x'00', ?1 FROM n",
		"INSERT INTO logout_tokens (jti, expires_at) SELECT 'l' || i, ?1 FROM n",
		"INSERT INTO revocations (grant_id, permission, jti, expires_at) SELECT 'g' || i, '', '', ?1 FROM n",
		"INSERT INTO revocations (grant_id, permission, jti, expires_at) SELECT 'g' || i, 'email', '', ?1 FROM n",
		"INSERT INTO revocations (grant_id, permission, jti, expires_at) SELECT '', '', 't' || i, ?1 FROM n",
	} {
		if _, err := db.ExecContext(t.Context(), many+fill, noon.Unix()); err != nil {
			t.Fatal(err)
		}
	}
	purged := make(chan error)
	go func() { purged <- s.Purge(context.Background()) }()
	var longest time.Duration
	for writes := 1; ; writes++ {
		begin := time.Now()
		if err := s.Sessions().CommitCtx(t.Context(), strconv.Itoa(writes), []byte("x"), noon.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(begin))
		select {
		case err := <-purged:
			var left int
			if err == nil {
				err = db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM sessions WHERE expires_at <= ?1) + (SELECT count(*) FROM logout_tokens) + (SELECT count(*) FROM revocations)`,
					noon.Unix()).Scan(&left)
			}
			if err != nil || left != 0 {
				t.Fatalf("%d are left, %v", left, err)
			}
			if writes < 50 || longest > time.Second {
				t.Errorf("%d writes meanwhile, the longest took %s", writes, longest)
			}
			return
		default:
		}
	}
}
