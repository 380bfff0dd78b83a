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

// database is a program's file.
func database(name string, c Config) string { return filepath.Join(c.Env.DataDir, name+".db") }

// backup is the command backup of every program. The server may run meanwhile.
func backup(name string) Command {
	return Command{"backup", func(ctx context.Context, c Config, args []string, out io.Writer) error {
		if len(args) != 1 || args[0] == "" || args[0][0] == '-' {
			return Usage{"usage: " + name + " backup FILE: expected the name of a file that is not there yet"}
		}
		path := database(name, c)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return Unusable{"DATA_DIR", c.Env.DataDir, "expected the folder of a " + name + " that was started before: there is no " + filepath.Base(path)}
		}
		switch err := sqlite.Backup(ctx, path, args[0], name); {
		case errors.Is(err, fs.ErrExist):
			return Usage{args[0] + " is there already: backup overwrites nothing"}
		case err != nil:
			return fmt.Errorf("no backup was made: %w", err)
		}
		info, err := os.Stat(args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d kB, as of %s, checked\n", args[0], (info.Size()+1023)/1024, c.Now().UTC().Format(time.RFC3339))
		return nil
	}}
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
	replaced, err := sqlite.Restore(ctx, file, database(name, c), name, ".replaced-"+c.Now().UTC().Format("20060102T150405.000Z"))
	switch {
	case errors.Is(err, sqlite.ErrNotABackup), errors.Is(err, fs.ErrNotExist):
		return Usage{"restore: " + err.Error()}
	case err != nil:
		return err
	}
	return after(replaced)
}

// restore is the command restore of a program that has nothing to add to it.
func restore(name string) Command {
	return Command{"restore", func(ctx context.Context, c Config, args []string, out io.Writer) error {
		if len(args) != 1 || args[0] == "" || args[0][0] == '-' {
			return Usage{"usage: " + name + " restore FILE: expected a file that " + name + " backup made"}
		}
		return Restore(ctx, name, c, args[0], func(replaced string) error {
			Restored(out, name, args[0], replaced)
			return nil
		})
	}}
}

// Restored says what happened.
func Restored(out io.Writer, name, file, replaced string) {
	fmt.Fprintf(out, "%s is in place; start %s\n", file, name)
	if replaced != "" {
		fmt.Fprintf(out, "what was there before: %s\n", replaced)
	}
}
