package program

import (
	"context"
	"errors"
	"io"

	"example.com/acme-dreams/internal/doctor"
)

// examine is the command doctor of every program.
func examine(name string) Command {
	return Command{"doctor", func(ctx context.Context, c Config, args []string, out io.Writer) error {
		if len(args) > 0 {
			return Usage{"usage: " + name + " doctor"}
		}
		if d := (&doctor.Doctor{Env: c.Env, Name: name, Now: c.Now, Out: out}); !d.Examine(ctx) {
			return errors.New("something is wrong: see above")
		}
		return nil
	}}
}
