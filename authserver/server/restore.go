package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/program"
)

const restoreUsage = `usage: authserver restore [--nothing-ended-since] FILE

Puts a backup in the place of the database, while the server does not run. FILE
is - where it comes through standard input. What was ended since the backup was
made (grants, consents, sessions, keys, locked accounts, deleted clients, old
passwords) stays ended: the database that is replaced tells it, and is kept under
another name.

Where that database is gone or broken nobody can tell. Then every grant, consent,
session and signing key of the backup is ended: people sign in and agree again.

`

// Restore is the command restore.
func Restore(ctx context.Context, c program.Config, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	nothingEnded := flags.Bool("nothing-ended-since", false, "you know that nothing was ended since: end nothing")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, restoreUsage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return program.Usage{Reason: err.Error()}
	case flags.NArg() != 1:
		return program.Usage{Reason: "usage: authserver restore [--nothing-ended-since] FILE: expected a file that authserver backup made, or - for standard input"}
	}
	return program.Restore(ctx, "authserver", c, flags.Arg(0), func(replaced string) error {
		err := settle(ctx, c, replaced, *nothingEnded, out)
		if err == nil {
			program.Restored(out, "authserver", flags.Arg(0), replaced)
		}
		return err
	})
}

// settle sees to it that what was ended stays ended.
func settle(ctx context.Context, c program.Config, replaced string, nothingEnded bool, out io.Writer) error {
	db, err := openStore(ctx, c) // with the schema of this program
	if err != nil {
		return err
	}
	defer db.Close()
	if replaced != "" {
		err := db.KeepEnded(ctx, database(c.Env), replaced)
		if err == nil {
			fmt.Fprintln(out, "what was ended since the backup stays ended, as the database before tells")
			db.Record(store.Event{At: c.Now(), Kind: "database restored", Detail: "what was ended since the backup stayed ended"})
			return nil
		}
		fmt.Fprintf(out, "the database before does not tell what was ended: %v\n", err)
	}
	if nothingEnded {
		fmt.Fprintln(out, "nothing was ended since the backup: so you said")
		db.Record(store.Event{At: c.Now(), Kind: "database restored", Detail: "nothing had been ended since the backup, the operator said"})
		return nil
	}
	if err := db.EndEverything(ctx, c.Now()); err != nil {
		return err
	}
	if _, err := replaceKeys(ctx, c, db, token.Algorithms, true, "the database was restored"); err != nil {
		return err
	}
	fmt.Fprintln(out, "every grant, consent, session and signing key of the backup has ended: what was ended since is not known")
	return nil
}
