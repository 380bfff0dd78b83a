package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/program"
)

const rotateUsage = `usage: authserver rotate-keys [--algorithm ES256|RS256] [--revoke-old]

Makes new signing keys, while the server runs or while it does not. The old ones
stop signing and stay in the JWKS until their last token has expired.

`

// RotateKeys is the command rotate-keys. It writes to the database; the server
// that runs on it notices by itself.
func RotateKeys(ctx context.Context, c program.Config, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("rotate-keys", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	algorithm := flags.String("algorithm", "", "the key to replace, ES256 or RS256 (default: both)")
	revoke := flags.Bool("revoke-old", false, "a key has leaked: older keys leave the JWKS at once, and their tokens end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, rotateUsage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return program.Usage{Reason: err.Error()}
	case flags.NArg() > 0:
		return program.Usage{Reason: fmt.Sprintf("rotate-keys: argument %q is not known", flags.Arg(0))}
	}
	algorithms := token.Algorithms
	if *algorithm != "" {
		if !slices.Contains(algorithms, *algorithm) {
			return program.Unusable{Variable: "--algorithm", Value: *algorithm, Expected: "expected ES256 or RS256"}
		}
		algorithms = []string{*algorithm}
	}
	if _, err := os.Stat(database(c.Env)); errors.Is(err, fs.ErrNotExist) {
		return program.Unusable{Variable: "DATA_DIR", Value: c.Env.DataDir, Expected: "expected the folder of an authserver that was started before: there is no authserver.db"}
	}
	db, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer db.Close()
	before, err := db.SigningKeys(ctx)
	if err != nil {
		return unusableSeal(c.Env, err)
	}
	for _, algorithm := range algorithms {
		if err := rotateByOrder(ctx, c, db, before, algorithm, *revoke, out); err != nil {
			return err
		}
	}
	return nil
}

func rotateByOrder(ctx context.Context, c program.Config, db *store.Store, before []token.Key, algorithm string, revoke bool, out io.Writer) error {
	newest, found := token.Newest(before, algorithm)
	if !found {
		return errors.New("there is no " + algorithm + " key to replace: start authserver first")
	}
	next, err := token.Generate(algorithm, c.Now())
	if err != nil {
		return err
	}
	if !revoke { // whoever revokes leaves no key that could sign meanwhile
		next.SignsFrom = next.SignsFrom.Add(token.Notice)
	}
	changed, err := rotate(ctx, db, token.Rotation{Next: next, Follows: newest.ID, RevokeOld: revoke}, "by command")
	if err != nil {
		return err
	}
	if len(changed) == 0 {
		fmt.Fprintf(out, "%s  unchanged: it was replaced at this very moment\n", algorithm)
		return nil
	}
	for i, k := range changed {
		switch {
		case i == 0:
			fmt.Fprintf(out, "%s  %s  new, signs from %s\n", k.Algorithm, k.ID, k.SignsFrom.UTC().Format(time.RFC3339))
		case revoke:
			fmt.Fprintf(out, "%s  %s  revoked: it has left the JWKS, its tokens have ended\n", k.Algorithm, k.ID)
		default:
			fmt.Fprintf(out, "%s  %s  retired, leaves the JWKS at %s\n", k.Algorithm, k.ID, k.GoneAt().UTC().Format(time.RFC3339))
		}
	}
	return nil
}
