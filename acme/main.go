// Acme is Acme Travel: the website, and the resource server whose API Dreams
// reads with its users' consent.
package main

import (
	"os"

	"example.com/acme-dreams/acme/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

func main() {
	os.Exit(program.Main("acme", func(env environment.Environment) environment.BaseURL { return env.AcmeURL }, server.New))
}
