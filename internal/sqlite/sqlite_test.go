package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

var schema = fstest.MapFS{
	"0001_codes.sql": {Data: []byte("-- +goose Up\nCREATE TABLE codes (id TEXT PRIMARY KEY, spent INTEGER NOT NULL DEFAULT 0);\n" +
		"CREATE TABLE owners (code TEXT NOT NULL REFERENCES codes (id));\n")},
}

func open(t testing.TB, path string, migrations fs.FS) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, migrations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func insert(id string) func(context.Context, *Tx) error {
	return func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO codes (id) VALUES (?)", id)
		return err
	}
}

func count(t testing.TB, db *DB, where string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM codes WHERE "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEveryConnectionIsDurable(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	pragmas := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "temp_store": "2"}

	// Held at the same time, so that each is a connection of its own.
	for range 4 {
		conn, err := db.readers.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for name, want := range pragmas {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
				t.Errorf("a reader's %s is %q (%v), want %q", name, got, err, want)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "INSERT INTO codes (id) VALUES ('reader')"); err == nil {
			t.Error("a reader can write")
		}
	}
	if err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
		for name, want := range pragmas {
			var got string
			if err := tx.QueryRow(ctx, "PRAGMA "+name).Scan(&got); err != nil || got != want {
				t.Errorf("the writer's %s is %q (%v), want %q", name, got, err, want)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestForeignKeysHold(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO owners (code) VALUES ('nobody')")
		return err
	})
	if err == nil {
		t.Error("an owner of a code that does not exist was written")
	}
}

func TestOneFailureUndoesNothingOfOthers(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	refused := errors.New("refused")
	release := hold(t, db) // what comes now shares the next commit
	var writes sync.WaitGroup
	for i := range 20 {
		writes.Go(func() {
			err := db.Write(context.Background(), func(ctx context.Context, tx *Tx) error {
				if err := insert(fmt.Sprint("code ", i))(ctx, tx); err != nil {
					return err
				}
				if i%2 == 1 {
					return refused
				}
				return nil
			})
			if i%2 == 1 && !errors.Is(err, refused) || i%2 == 0 && err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	waitForJobs(t, db, 20)
	release()
	writes.Wait()
	if n := count(t, db, "true"); n != 10 {
		t.Errorf("%d rows, want the 10 of the writes that did not fail", n)
	}
}

func TestWritersShareACommit(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	release := hold(t, db)
	var writes sync.WaitGroup
	var seen atomic.Int32
	for i := range 10 {
		writes.Go(func() {
			if err := db.Write(context.Background(), func(ctx context.Context, tx *Tx) error {
				var n int32 // rows of callers that are not answered yet: the same transaction
				if err := tx.QueryRow(ctx, "SELECT count(*) FROM codes").Scan(&n); err != nil {
					return err
				}
				if committed := int32(count(t, db, "true")); n > committed {
					seen.Add(1)
				}
				return insert(fmt.Sprint(i))(ctx, tx)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	waitForJobs(t, db, 10)
	release()
	writes.Wait()
	if seen.Load() != 9 {
		t.Errorf("%d of 9 writes ran in the transaction of the one before", seen.Load())
	}
}

// hold keeps the writer busy until release is called.
func hold(t *testing.T, db *DB) (release func()) {
	t.Helper()
	running, wait := make(chan struct{}), make(chan struct{})
	go func() {
		_ = db.Write(context.Background(), func(context.Context, *Tx) error {
			close(running)
			<-wait
			return nil
		})
	}()
	<-running
	return func() { close(wait) }
}

func waitForJobs(t *testing.T, db *DB, n int) {
	t.Helper()
	for start := time.Now(); len(db.jobs) < n; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d jobs are waiting, want %d", len(db.jobs), n)
		}
	}
}

func TestACodeIsSpentOnceBy64Callers(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	for round := range 20 {
		id := fmt.Sprint("code ", round)
		if err := db.Write(t.Context(), insert(id)); err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		var spent atomic.Int32
		for range 64 {
			callers.Go(func() {
				err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
					var got string
					return tx.QueryRow(ctx, "UPDATE codes SET spent = 1 WHERE id = ? AND spent = 0 RETURNING id", id).Scan(&got)
				})
				switch {
				case err == nil:
					spent.Add(1)
				case !errors.Is(err, sql.ErrNoRows):
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if spent.Load() != 1 {
			t.Fatalf("the code was spent %d times", spent.Load())
		}
	}
}

func TestManyWritersAndReadersNeverFail(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			for k := range 20 {
				if err := db.Write(t.Context(), insert(fmt.Sprint(i, "-", k))); err != nil {
					t.Error(err)
				}
				var n int // what was answered can be read at once
				if err := db.QueryRow(t.Context(), "SELECT count(*) FROM codes WHERE id = ?", fmt.Sprint(i, "-", k)).Scan(&n); err != nil || n != 1 {
					t.Errorf("%d rows, %v", n, err)
				}
			}
		})
	}
	callers.Wait()
	if n := count(t, db, "true"); n != 64*20 {
		t.Errorf("%d rows, want %d", n, 64*20)
	}
}

func TestAWriteOfACallerWhoLeftIsNotBegun(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	for _, others := range []int{0, 3} { // alone in its transaction, and not
		release := hold(t, db)
		ctx, leave := context.WithCancel(t.Context())
		var writes sync.WaitGroup
		writes.Go(func() {
			if err := db.Write(ctx, insert("left")); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		})
		for i := range others {
			writes.Go(func() {
				if err := db.Write(t.Context(), insert(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		waitForJobs(t, db, others+1)
		leave()
		release()
		writes.Wait()
	}
	if n := count(t, db, "id = 'left'"); n != 0 {
		t.Error("it was written")
	}
}

func TestAWriteThatBeganIsFinishedThoughTheCallerLeft(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	ctx, leave := context.WithCancel(t.Context())
	err := db.Write(ctx, func(ctx context.Context, tx *Tx) error {
		leave()
		return insert("whole")(ctx, tx)
	})
	if n := count(t, db, "id = 'whole'"); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestAPanicIsTheErrorOfItsOwnWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
		_ = insert("half")(ctx, tx)
		panic("out of cheese")
	})
	if err == nil || !strings.Contains(err.Error(), "out of cheese") || !strings.Contains(err.Error(), "sqlite_test.go") {
		t.Errorf("the error does not tell what panicked, and where: %v", err)
	}
	if err := db.Write(t.Context(), insert("next")); err != nil {
		t.Errorf("the write after the panic: %v", err)
	}
	if n := count(t, db, "true"); n != 1 {
		t.Errorf("%d rows, want the next write's alone", n)
	}
}

func TestABrokenTransactionFailsItsWholeBatchAndNoLaterOne(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	for _, others := range []int{0, 5} {
		release := hold(t, db)
		var writes sync.WaitGroup
		var failed atomic.Int32
		writes.Go(func() {
			if err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
				_, err := tx.Exec(ctx, "ROLLBACK") // as SQLite does by itself when the disk is full
				return err
			}); err != nil {
				failed.Add(1)
			}
		})
		waitForJobs(t, db, 1)
		for i := range others {
			writes.Go(func() {
				if err := db.Write(t.Context(), insert(fmt.Sprint(i))); err != nil {
					failed.Add(1)
				}
			})
		}
		waitForJobs(t, db, others+1)
		release()
		writes.Wait()
		if int(failed.Load()) != others+1 || count(t, db, "true") != 0 {
			t.Errorf("%d of %d writes were told that they failed; %d rows", failed.Load(), others+1, count(t, db, "true"))
		}
		if err := db.Write(t.Context(), insert("later")); err != nil {
			t.Errorf("a later write: %v", err)
		}
		if err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM codes")
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

func TestABrokenBatchLeavesNoLockBehind(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
		if err := insert("half")(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "RELEASE job") // the transaction stays open, and cannot be ended as planned
		return err
	})
	if err == nil {
		t.Error("the broken batch was taken for a good one")
	}
	if err := db.Write(t.Context(), insert("next")); err != nil {
		t.Errorf("the next write: %v", err)
	}
	if n := count(t, db, "true"); n != 1 {
		t.Errorf("%d rows, want the next write's alone", n)
	}
}

func TestAFullDiskIsUnavailableAndPasses(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	limit := func(pages string) {
		if err := db.Write(t.Context(), func(ctx context.Context, tx *Tx) error {
			_, err := tx.Exec(ctx, "PRAGMA max_page_count = "+pages)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit("20")
	if err := db.Write(t.Context(), insert(strings.Repeat("x", 1<<20))); !Unavailable(err) {
		t.Errorf("got %v, want one that Unavailable knows", err)
	}
	limit("100000")
	if err := db.Write(t.Context(), insert("after")); err != nil {
		t.Error(err)
	}
}

func TestLockedByAnotherWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path, schema)
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*time.Second, func() { _, _ = conn.ExecContext(context.Background(), "COMMIT") })
	start := time.Now()
	if err := db.Write(t.Context(), insert("waited")); err != nil || time.Since(start) < 2*time.Second {
		t.Errorf("after %v: %v, want a write that waited", time.Since(start), err)
	}
}

func TestLockedForTooLongIsUnavailable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path, schema)
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var writes sync.WaitGroup
	for i := range 3 * maxBatch { // more than one batch: none waits for the one before
		writes.Go(func() {
			if err := db.Write(t.Context(), insert(fmt.Sprint("too long ", i))); !Unavailable(err) {
				t.Errorf("got %v, want one that Unavailable knows", err)
			}
		})
		if i == 0 {
			time.Sleep(50 * time.Millisecond) // alone in the first batch
		}
	}
	writes.Wait()
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("the last was told after %v", took)
	}
	if n := count(t, db, "true"); n != 0 { // readers do not wait for a writer
		t.Errorf("%d rows", n)
	}
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), insert("now")); err != nil {
		t.Errorf("after the lock was gone: %v", err)
	}
}

func TestCloseDuringWritesLosesNothingThatWasAnswered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path, schema)
	var callers sync.WaitGroup
	var answered sync.Map
	for i := range 32 {
		callers.Go(func() {
			for k := 0; ; k++ {
				id := fmt.Sprint(i, "-", k)
				err := db.Write(context.Background(), insert(id))
				if err != nil {
					if !errors.Is(err, ErrClosed) || !Unavailable(err) {
						t.Errorf("got %v, want ErrClosed", err)
					}
					return
				}
				answered.Store(id, true)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	callers.Wait()
	if err := db.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	again := open(t, path, schema)
	n := 0
	answered.Range(func(id, _ any) bool {
		n++
		if count(t, again, "id = '"+id.(string)+"'") != 1 {
			t.Errorf("%s was answered and is lost", id)
		}
		return true
	})
	if n == 0 || n != count(t, again, "true") {
		t.Errorf("%d writes were answered, %d rows stand", n, count(t, again, "true"))
	}
}

func TestCloseLeavesTheDatabaseInOneFile(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "a.db"), schema)
	if err := db.Write(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	_ = count(t, db, "true")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir) // the last connection to close empties the log
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	newer := fstest.MapFS{
		"0001_codes.sql": schema["0001_codes.sql"],
		"0002_more.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE more (id TEXT);\n")},
	}
	if err := open(t, path, newer).Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, schema)
	if err == nil || !strings.Contains(err.Error(), "schema version 2, this program knows up to 1") {
		t.Errorf("got %v", err)
	}
	open(t, path, newer)
}

func TestAnOlderSchemaIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path, schema)
	if err := db.Write(t.Context(), insert("old")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, fstest.MapFS{
		"0001_codes.sql": schema["0001_codes.sql"],
		"0002_more.sql":  {Data: []byte("-- +goose Up\nALTER TABLE codes ADD COLUMN more TEXT NOT NULL DEFAULT 'new';\n")},
	})
	if n := count(t, db, "id = 'old' AND more = 'new'"); n != 1 {
		t.Error("the old row is not there")
	}
}

func TestPathsWithSpacesAndSigns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my data? 50% #1", "a b.db")
	db := open(t, path, schema)
	if err := db.Write(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "true"); n != 1 {
		t.Errorf("readers see %d rows", n)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir() // one that everybody may list
	db := open(t, filepath.Join(dir, "a.db"), schema)
	if err := db.Write(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", file.Name(), info.Mode().Perm())
		}
	}
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "a.db"), "/proc/nowhere/a.db", t.TempDir()} {
		if db, err := Open(t.Context(), path, schema); err == nil {
			_ = db.Close()
			t.Errorf("%s was opened", path)
		}
	}
}

func TestDuplicate(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	if err := db.Write(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), insert("x")); !Duplicate(err) {
		t.Errorf("got %v, want one that Duplicate knows", err)
	}
	if Duplicate(errors.New("else")) || Duplicate(nil) || Unavailable(nil) {
		t.Error("an error that is none, or another, was taken for one of ours")
	}
}

func TestReadsEndWithTheirContext(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), schema)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.QueryRow(ctx, "SELECT 1").Scan(new(int)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "a.db"), schema)
			var next atomic.Int64
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := db.Write(context.Background(), insert(fmt.Sprint(next.Add(1)))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
