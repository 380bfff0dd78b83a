// Dreams is Acme's partner: the client. People connect their Acme account, and
// Dreams makes vacation offers from what they share.
//
// Without an argument it is the website, which an operator backs up by "dreams
// backup FILE". With others it is a program on somebody's own computer, a client
// of its own: dreams login, whoami, packages, logout.
package main

import (
	"os"
	"slices"

	"example.com/acme-dreams/dreams/cli"
	"example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

func main() {
	if len(os.Args) > 1 && !slices.Contains([]string{"healthcheck", "backup", "restore", "doctor"}, os.Args[1]) {
		os.Exit(cli.Main(os.Args[1:]))
	}
	os.Exit(program.Main("dreams", func(env environment.Environment) environment.BaseURL { return env.DreamsURL }, server.New))
}
