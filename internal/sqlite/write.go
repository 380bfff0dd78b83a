package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// maxBatch is how many callers share one commit at the most.
const maxBatch = 64

// ErrClosed is what a write gets after Close.
var ErrClosed = errors.New("sqlite: the database is closed")

// Tx is a write in progress.
type Tx struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

// Exec runs a statement; it is prepared once and kept.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := tx.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// Query reads rows inside the write. Read and close them before the next call.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := tx.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRow reads one row inside the write: the row that an UPDATE … RETURNING
// changed, say.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) Row {
	statement, err := tx.statement(ctx, query)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: statement.QueryRowContext(ctx, args...)}
}

func (tx *Tx) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement, ok := tx.statements[query]; ok {
		return statement, nil
	}
	statement, err := tx.conn.PrepareContext(ctx, query)
	if err == nil {
		tx.statements[query] = statement
	}
	return statement, err
}

// discard closes the connection, with what is open on it. Statements of a single
// connection are not database/sql's to close, and SQLite keeps a connection,
// its transaction and its lock alive for as long as one of them is.
func (tx *Tx) discard() {
	for _, statement := range tx.statements {
		_ = statement.Close()
	}
	_ = tx.conn.Raw(func(any) error { return sqldriver.ErrBadConn }) // not back into the pool
	_ = tx.conn.Close()
}

type job struct {
	ctx  context.Context
	do   func(context.Context, *Tx) error
	err  error
	done chan struct{}
}

// Write runs do inside a transaction and returns once the commit is on disk,
// or do's error with nothing written. Callers that wait at the same time share
// one commit, and so one fsync: each runs in a savepoint of its own, so that
// one caller's failure undoes nothing of another's.
//
// do must use the context and the transaction that it is given, and may run
// when the caller no longer waits: a client that hangs up must not leave half
// of a write.
func (db *DB) Write(ctx context.Context, do func(context.Context, *Tx) error) error {
	j := &job{ctx: ctx, do: do, done: make(chan struct{})}
	select {
	case db.jobs <- j:
	case <-db.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.done:
		return j.err
	case <-db.done:
		select { // the last batch may have finished just before
		case <-j.done:
			return j.err
		default:
			return ErrClosed
		}
	}
}

// write is the only goroutine that writes.
func (db *DB) write() {
	defer close(db.done)
	var tx *Tx
	defer func() {
		if tx != nil {
			tx.discard()
		}
	}()
	for {
		var first *job
		select {
		case first = <-db.jobs:
		case <-db.closing:
			select { // what was accepted before Close is still written
			case first = <-db.jobs:
			default:
				return
			}
		}
		runtime.Gosched() // callers that were just answered may be about to write again
		batch := db.waiting(first)
		if tx == nil {
			conn, err := db.writer.Conn(context.Background())
			if err != nil {
				finish(batch, err)
				continue
			}
			tx = &Tx{conn: conn, statements: map[string]*sql.Stmt{}}
		}
		err := db.present()
		if err == nil {
			err = tx.begin()
		}
		if err != nil {
			// Somebody else holds the file. Who came meanwhile would wait as long
			// again for the same answer, and whoever is behind them for longer.
			batch = append(batch, db.queued()...)
		} else {
			err = tx.commit(batch)
		}
		if err != nil { // the next batch begins on a connection without a history
			tx.discard()
			tx = nil
			db.busy.Add(int64(len(batch)))
			db.failed.Store(time.Now().UnixNano())
		} else {
			db.failed.Store(0)
		}
		finish(batch, err)
	}
}

// waiting takes what is queued behind the first job, without waiting for more.
func (db *DB) waiting(first *job) []*job {
	batch := []*job{first}
	for len(batch) < maxBatch {
		select {
		case j := <-db.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// queued takes all that waits.
func (db *DB) queued() (all []*job) {
	for {
		select {
		case j := <-db.jobs:
			all = append(all, j)
		default:
			return all
		}
	}
}

func finish(batch []*job, err error) {
	for _, j := range batch {
		if err != nil {
			j.err = err
		}
		close(j.done)
	}
}

// begin waits for the file's lock, five seconds at the most.
func (tx *Tx) begin() error {
	_, err := tx.Exec(context.Background(), "BEGIN IMMEDIATE")
	return err
}

// commit runs a batch in the transaction and ends it. Its error is one that
// befell the whole batch; a job's own error stays with the job.
func (tx *Tx) commit(batch []*job) error {
	ctx := context.Background()
	for _, j := range batch {
		if _, err := tx.Exec(ctx, "SAVEPOINT job"); err != nil {
			return err
		}
		if j.err = j.run(tx); j.err != nil {
			if _, err := tx.Exec(ctx, "ROLLBACK TO job"); err != nil {
				return errors.Join(j.err, err) // disk full ends the transaction by itself
			}
		}
		if _, err := tx.Exec(ctx, "RELEASE job"); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "COMMIT")
	return err
}

// run keeps a panic from ending the only goroutine that writes.
func (j *job) run(tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("sqlite: a write panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if err := j.ctx.Err(); err != nil {
		return err // nobody waits for it, and nothing has begun
	}
	return j.do(context.WithoutCancel(j.ctx), tx)
}
