package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotABackup is what a file gives that Backup has not made of this program's
// database, or that has been damaged since.
var ErrNotABackup = errors.New("not a backup of this program's database, or a damaged one")

// Backup copies the database at path, in use or not, into a new file: all that
// was committed when it began, and nothing of what comes meanwhile. The file is
// on disk and found to be whole when the call returns. Nothing is overwritten.
// program goes into it, for Restore to know it by.
func Backup(ctx context.Context, path, into, program string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if _, err := os.Lstat(into); err == nil {
		return fmt.Errorf("%s: %w", into, fs.ErrExist)
	}
	// SQLite would let everybody on the computer read a file that it makes.
	part, err := os.CreateTemp(filepath.Dir(into), "."+filepath.Base(into)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	defer part.Close()
	if err := copyInto(ctx, path, part.Name()); err != nil {
		return err
	}
	if err := label(ctx, part.Name(), program); err != nil {
		return err
	}
	if err := check(ctx, part.Name(), program); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return err
	}
	if err := os.Link(part.Name(), into); err != nil { // unlike a rename it overwrites nothing
		return err
	}
	return syncFolder(filepath.Dir(into))
}

// plain opens a file as it is: no migrations, no other journal.
func plain(path, mode string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_pragma=temp_store(2)&mode="+mode)
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// copyInto writes what is committed at the moment into an empty file.
func copyInto(ctx context.Context, path, into string) error {
	db, err := plain(path, "rw")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", into)
	return err
}

func applicationID(program string) int32 { return int32(crc32.ChecksumIEEE([]byte(program)) >> 1) }

func label(ctx context.Context, path, program string) error {
	db, err := plain(path, "rw")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID(program)))
	return errors.Join(err, db.Close())
}

// check wants a database of a program, and it whole.
func check(ctx context.Context, path, program string) error {
	db, err := plain(path, "ro")
	if err != nil {
		return err
	}
	defer db.Close()
	var id int32
	var sound string
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return fmt.Errorf("%s: %w: %v", path, ErrNotABackup, err)
	}
	if id != applicationID(program) {
		return fmt.Errorf("%s: %w", path, ErrNotABackup)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&sound); err != nil || sound != "ok" {
		return fmt.Errorf("%s: %w: %s %v", path, ErrNotABackup, sound, err)
	}
	return nil
}

// Restore puts a backup in the place of the database at path, which nobody may
// have open. At no moment is there none. What was there before is kept under
// the name that is returned; empty: there was nothing.
func Restore(ctx context.Context, from, path, program, suffix string) (replaced string, err error) {
	if err := check(ctx, from, program); err != nil {
		return "", err
	}
	fresh := path + ".restoring"
	if err := copyFile(from, fresh); err != nil {
		return "", errors.Join(err, os.Remove(fresh))
	}
	defer os.Remove(fresh)
	if _, err := os.Stat(path); err == nil {
		if replaced, err = putAside(ctx, path, path+suffix); err != nil {
			return "", err
		}
	}
	if err := os.Rename(fresh, path); err != nil {
		return replaced, err
	}
	return replaced, syncFolder(filepath.Dir(path))
}

// putAside gives a database a second name. What is in the write-ahead log is
// moved into the file first: the log must not be found beside the backup.
func putAside(ctx context.Context, path, aside string) (string, error) {
	if _, err := os.Lstat(aside); err == nil {
		return "", fmt.Errorf("%s: %w", aside, fs.ErrExist)
	}
	if db, err := plain(path, "rw"); err == nil {
		_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // of a broken one as much as can be had
		_ = db.Close()                                                // the last one to close it removes the log
	}
	if err := os.Link(path, aside); err != nil {
		return "", err
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+beside, aside+beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return aside, err
		}
	}
	return aside, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// syncFolder makes new names in a folder outlast a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	_ = folder.Sync() // not every system does that to folders
	return nil
}

// Merge runs statements in one transaction of a database, beside another one of
// the same schema that they know as "replaced". {columns of t except c} stands
// for column names.
func Merge(ctx context.Context, path, replaced string, statements []string) error {
	for _, file := range []string{path, replaced} {
		if _, err := os.Stat(file); err != nil {
			return err
		}
	}
	db, err := plain(path, "rw")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "ATTACH ? AS replaced", "file:"+(&url.URL{Path: replaced}).EscapedPath()+"?mode=ro"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range statements {
		if statement, err = expand(ctx, tx, statement); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return tx.Commit()
}

func expand(ctx context.Context, tx *sql.Tx, statement string) (string, error) {
	for {
		before, rest, found := strings.Cut(statement, "{columns of ")
		if !found {
			return statement, nil
		}
		what, after, _ := strings.Cut(rest, "}")
		table, except, _ := strings.Cut(what, " except ")
		var names string
		err := tx.QueryRowContext(ctx, "SELECT group_concat(name, ', ') FROM pragma_table_info(?) WHERE name != ?", table, except).Scan(&names)
		if err != nil {
			return "", err
		}
		statement = before + names + after
	}
}
