// Package sqlite opens a database file as the three programs want it: one
// writer whose commits are on disk before anybody is answered, many readers
// who never wait for it, and migrations that run at the start.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// DB is an open database.
type DB struct {
	path       string
	file       os.FileInfo // as it was opened
	readers    *sql.DB
	writer     *sql.DB
	statements sync.Map // SQL text to *sql.Stmt of readers
	jobs       chan *job
	closing    chan struct{}
	done       chan struct{}
	closeOnce  sync.Once
	busy       atomic.Int64
	failed     atomic.Int64 // when a write failed last, Unix nanoseconds; 0: none has since one went well
}

// Open opens the file, creates it and its folder where missing, and brings its
// schema up to date. A file whose schema is newer than the program is refused.
func Open(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// Keys and hashes are in it: SQLite would let everybody on the computer
	// read the file, and gives the files beside it the same mode.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	opened, err := file.Stat()
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", dsn(path, "_txlock=immediate&_pragma=secure_delete(1)"))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer, migrations); err != nil {
		_ = writer.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	readers, err := sql.Open("sqlite", dsn(path, "_pragma=query_only(1)"))
	if err != nil {
		_ = writer.Close()
		return nil, err
	}
	connections := max(4, runtime.NumCPU())
	readers.SetMaxOpenConns(connections)
	readers.SetMaxIdleConns(connections)
	db := &DB{
		path: path, file: opened, readers: readers, writer: writer,
		jobs: make(chan *job, maxBatch), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go db.write()
	return db, nil
}

// dsn puts the pragmas where every connection of a pool gets them: one that is
// opened later would miss a PRAGMA that was executed once. synchronous=FULL
// makes a commit wait for the disk: what was answered is not lost. temp_store
// keeps what SQLite sets aside in a large statement (2: in memory) out of the
// computer's folders for temporary files, where a container may not write and
// nobody erases what was in them.
func dsn(path, extra string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=temp_store(2)&" + extra
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations)
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("the database has schema version %d, this program knows up to %d: use the newer program", current, newest)
	}
	_, err = provider.Up(ctx)
	return err
}

// Close waits for the writes that were accepted and closes the database.
func (db *DB) Close() error {
	db.closeOnce.Do(func() { close(db.closing) })
	<-db.done
	return errors.Join(db.readers.Close(), db.writer.Close())
}

// Checkpoint moves what the write-ahead log holds into the file and empties the
// log. What was erased is then nowhere any more: the writer overwrites with
// zeros what it deletes (secure_delete).
func (db *DB) Checkpoint(ctx context.Context) error {
	own, err := sql.Open("sqlite", dsn(db.path, "_txlock=immediate"))
	if err != nil {
		return err
	}
	defer own.Close()
	var busy, pages, moved int
	if err := own.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	return nil // a reader that holds it up does so for a moment: the next commits overwrite the log
}

// failing is for how long a write that failed says something about the next.
const failing = 5 * time.Second

// Ping tells whether the database still answers, and could be written lately.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.present(); err != nil {
		return err
	}
	if failed := db.failed.Load(); failed != 0 && time.Since(time.Unix(0, failed)) < failing {
		return errors.New("the last write failed")
	}
	var one int
	return db.QueryRow(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&one)
}

// Busy is how many writes the file could not take since it was opened: locked by
// somebody else for too long, disk full or failing.
func (db *DB) Busy() int64 { return db.busy.Load() }

// errGone is what a database gives whose file was moved, deleted or replaced.
// The system would let us go on writing into a file that nobody finds again.
var errGone = errors.New("sqlite: the database file is not where it was opened")

// present wants the file to be where it was.
func (db *DB) present() error {
	if now, err := os.Stat(db.path); err != nil || !os.SameFile(db.file, now) {
		return errGone
	}
	return nil
}

// Query reads rows. Statements are prepared once per connection and kept.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := db.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRow reads one row; a missing one is sql.ErrNoRows at Scan. It does not
// begin for a caller who has left, and is not broken off: to wait for that takes
// two goroutines, which cost more than most rows.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) Row {
	if err := ctx.Err(); err != nil {
		return Row{err: err}
	}
	ctx = context.WithoutCancel(ctx)
	statement, err := db.statement(ctx, query)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: statement.QueryRowContext(ctx, args...)}
}

func (db *DB) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement, ok := db.statements.Load(query); ok {
		return statement.(*sql.Stmt), nil
	}
	statement, err := db.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if kept, loaded := db.statements.LoadOrStore(query, statement); loaded {
		_ = statement.Close()
		return kept.(*sql.Stmt), nil
	}
	return statement, nil
}

// Row is the one row of a query, or why there is none.
type Row struct {
	row *sql.Row
	err error
}

func (r Row) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.row.Scan(into...)
}

// Unavailable tells whether an error means that the database cannot work at
// the moment (locked by somebody else, disk full or failing): the answer is a
// 503 that may be tried again, not a fault of the request.
func Unavailable(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return errors.Is(err, ErrClosed) || errors.Is(err, errGone)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// Duplicate tells whether a row could not be written because its key is taken.
func Duplicate(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

// Referenced tells whether a row could not be deleted because another names it, or
// not be written because it names one that is not there.
func Referenced(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}
