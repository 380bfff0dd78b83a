package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// pipe is the name of a file that is not one: standard output for backup,
// standard input for restore. A container has no other place to put a copy.
const pipe = "-"

// database is a program's file.
func database(name string, c Config) string { return filepath.Join(c.Env.DataDir, name+".db") }

// backup is the command backup of every program. The server may run meanwhile.
func backup(name string) Command {
	return Command{"backup", func(ctx context.Context, c Config, args []string, out io.Writer) error {
		if !oneFile(args) {
			return Usage{"usage: " + name + " backup FILE: expected the name of a file that is not there yet, or - for standard output"}
		}
		path := database(name, c)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return Unusable{"DATA_DIR", c.Env.DataDir, "expected the folder of a " + name + " that was started before: there is no " + filepath.Base(path)}
		}
		if args[0] == pipe {
			return backUpTo(ctx, name, c, out)
		}
		switch err := sqlite.Backup(ctx, path, args[0], name); {
		case errors.Is(err, fs.ErrExist):
			return Usage{args[0] + " is there already: backup overwrites nothing"}
		case errors.As(err, new(*fs.PathError)):
			return Usage{"no backup was made: expected a file in a folder to write to, or - for standard output: " + err.Error()}
		case err != nil:
			return fmt.Errorf("no backup was made: %w", err)
		}
		return copied(out, args[0], args[0], c.Now())
	}}
}

// backUpTo writes a backup to a pipe, by way of a file: it is found to be whole
// before the first byte leaves.
func backUpTo(ctx context.Context, name string, c Config, out io.Writer) error {
	if file, is := out.(*os.File); is {
		if info, err := file.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
			return Usage{"backup -: expected a pipe or a file behind >, and not a terminal, which would change what it is given (docker compose exec -T)"}
		}
	}
	dir, err := os.MkdirTemp(c.Env.DataDir, ".backup-*")
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := sqlite.Backup(ctx, database(name, c), path, name); err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(out, file); err != nil {
		return fmt.Errorf("the backup did not arrive whole: %w", err)
	}
	return copied(os.Stderr, path, "standard output", c.Now())
}

// copied says what was made.
func copied(out io.Writer, path, called string, now time.Time) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d kB, as of %s, checked\n", called, (info.Size()+1023)/1024, now.UTC().Format(time.RFC3339))
	return nil
}

// oneFile tells whether the arguments are a file, or a pipe.
func oneFile(args []string) bool {
	return len(args) == 1 && args[0] != "" && (args[0][0] != '-' || args[0] == pipe)
}

// Restore puts a backup in the place of the database, which no server may have
// open while and after does the rest; replaced is where what was there is now,
// empty: there was nothing.
func Restore(ctx context.Context, name string, c Config, file string, after func(replaced string) error) error {
	if err := writable(c.Env.DataDir); err != nil {
		return Unusable{"DATA_DIR", c.Env.DataDir, "expected a folder to write to: " + err.Error()}
	}
	held, err := lock(name, c.Env.DataDir)
	if err != nil {
		return err
	}
	defer held.Close()
	if file == pipe {
		if file, err = received(c.Env.DataDir, os.Stdin); err != nil {
			return err
		}
		defer os.Remove(file)
	}
	replaced, err := sqlite.Restore(ctx, file, database(name, c), name, ".replaced-"+c.Now().UTC().Format("20060102T150405.000Z"))
	switch {
	case errors.Is(err, sqlite.ErrNotABackup), errors.Is(err, fs.ErrNotExist):
		return Usage{"restore: " + err.Error()}
	case err != nil:
		return err
	}
	return after(replaced)
}

// received is a file of what comes through a pipe.
func received(dir string, in io.Reader) (string, error) {
	file, err := os.CreateTemp(dir, ".received-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, in)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// restore is the command restore of a program that has nothing to add to it.
func restore(name string) Command {
	return Command{"restore", func(ctx context.Context, c Config, args []string, out io.Writer) error {
		if !oneFile(args) {
			return Usage{"usage: " + name + " restore FILE: expected a file that " + name + " backup made, or - for standard input"}
		}
		return Restore(ctx, name, c, args[0], func(replaced string) error {
			Restored(out, name, args[0], replaced)
			return nil
		})
	}}
}

// Restored says what happened.
func Restored(out io.Writer, name, file, replaced string) {
	if file == pipe {
		file = "what came through standard input"
	}
	fmt.Fprintf(out, "%s is in place; start %s\n", file, name)
	if replaced != "" {
		fmt.Fprintf(out, "what was there before: %s\n", replaced)
	}
}
