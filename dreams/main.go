// Dreams is Acme's partner: the client. People connect their Acme account, and
// Dreams makes vacation offers from what they share.
package main

import (
	"os"

	"example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

func main() {
	os.Exit(program.Main("dreams", func(env environment.Environment) environment.BaseURL { return env.DreamsURL }, server.New))
}
