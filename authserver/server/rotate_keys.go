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
	changed, err := replaceKeys(ctx, c, db, algorithms, *revoke, "by command")
	if err != nil {
		return err
	}
	report(out, algorithms, changed)
	return nil
}

// replaceKeys makes a new key of each algorithm, and revokes the older ones where
// they must no longer count.
func replaceKeys(ctx context.Context, c program.Config, db *store.Store, algorithms []string, revoke bool, how string) ([]token.Key, error) {
	before, err := db.SigningKeys(ctx)
	if err != nil {
		return nil, unusableSeal(c.Env, err)
	}
	var rotations []token.Rotation
	for _, algorithm := range algorithms {
		newest, found := token.Newest(before, algorithm)
		if !found {
			return nil, errors.New("there is no " + algorithm + " key to replace: start authserver first")
		}
		next, err := token.Generate(algorithm, c.Now())
		if err != nil {
			return nil, err
		}
		rotations = append(rotations, token.Rotation{Next: next, Follows: newest.ID, RevokeOld: revoke})
	}
	for i := range rotations {
		next := &rotations[i].Next
		next.CreatedAt = c.Now() // making an RSA key takes a while
		if next.SignsFrom = next.CreatedAt; !revoke {
			next.SignsFrom = next.CreatedAt.Add(token.Notice)
		}
	}
	return rotate(ctx, db, how, rotations...)
}

// report says what became of the keys.
func report(out io.Writer, algorithms []string, changed []token.Key) {
	for _, algorithm := range algorithms {
		touched := false
		for _, k := range changed {
			if k.Algorithm == algorithm {
				touched = true
				fmt.Fprintf(out, "%s  %s  %s\n", algorithm, k.ID, fate(k))
			}
		}
		if !touched {
			fmt.Fprintf(out, "%s  unchanged: somebody else replaced it at this very moment\n", algorithm)
		}
	}
}

func fate(k token.Key) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked: out of the JWKS, its tokens have ended"
	case !k.RetiredAt.IsZero():
		return "retired, leaves the JWKS at " + k.GoneAt().UTC().Format(time.RFC3339)
	}
	return "new, signs from " + k.SignsFrom.UTC().Format(time.RFC3339)
}
