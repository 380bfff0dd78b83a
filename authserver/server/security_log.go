package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/program"
)

const securityLogUsage = `usage: authserver security-log [--before DATE] [--after ID]
       authserver security-log --forget FILE

Writes the security log to standard output, a line of JSON for each entry, while
the server runs or while it does not. With --forget it deletes the entries that
such a file has, byte for byte, and writes into the log that it did, with the hash
of what it deleted. FILE is - for standard input.

`

// SecurityLog is the command security-log: the one way in which entries leave the
// log, and only once they are somewhere else.
func SecurityLog(ctx context.Context, c program.Config, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("security-log", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	before := c.Now()
	flags.Func("before", "only what happened before a `DATE`, such as 2026-01-31 (UTC)", func(word string) (err error) {
		if before, err = time.Parse(time.DateOnly, word); err != nil {
			return errors.New("expected a date such as 2026-01-31")
		}
		return nil
	})
	after := flags.Int64("after", 0, "only entries behind the one with this `ID`: what is new since the last time")
	forget := flags.String("forget", "", "delete the entries that this `FILE` has")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, securityLogUsage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return program.Usage{Reason: "security-log: " + err.Error()}
	case flags.NArg() > 0:
		return program.Usage{Reason: fmt.Sprintf("security-log: argument %q is not known", flags.Arg(0))}
	case *forget != "" && flags.NFlag() > 1:
		return program.Usage{Reason: "security-log: --forget goes by the file alone: expected no other argument"}
	}
	if _, err := os.Stat(database(c.Env)); errors.Is(err, fs.ErrNotExist) {
		return program.Unusable{Variable: "DATA_DIR", Value: c.Env.DataDir, Expected: "expected the folder of an authserver that was started before: there is no authserver.db"}
	}
	db, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer db.Close()
	if *forget != "" {
		return forgetArchived(ctx, c, db, *forget, out)
	}
	return db.WriteSecurityLog(ctx, out, *after, before)
}

func forgetArchived(ctx context.Context, c program.Config, db *store.Store, path string, out io.Writer) error {
	archive := os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return program.Usage{Reason: "security-log: " + err.Error()}
		}
		defer file.Close()
		archive = file
	}
	forgotten, err := db.ForgetArchived(ctx, archive, c.Now())
	fmt.Fprintf(out, "%d entries are in the archive and no more in the log\n", forgotten)
	if errors.Is(err, store.ErrNotTheLog) {
		return program.Usage{Reason: "security-log: " + err.Error()}
	}
	return err
}
