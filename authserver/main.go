// Authserver is Acme's accounts and authorization server: it alone knows
// passwords, asks people what an application may do, and issues tokens.
//
// "authserver rotate-keys" replaces its signing keys and "authserver backup FILE"
// copies its database, while it runs; "authserver restore FILE" puts a copy back.
// "authserver security-log" takes out what the security log has.
package main

import (
	"os"

	"example.com/acme-dreams/authserver/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

func main() {
	os.Exit(program.Main("authserver", func(env environment.Environment) environment.BaseURL { return env.AuthserverURL }, server.New,
		program.Command{Name: "rotate-keys", Run: server.RotateKeys}, program.Command{Name: "restore", Run: server.Restore},
		program.Command{Name: "security-log", Run: server.SecurityLog}))
}
