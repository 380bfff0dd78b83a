// Package acmedreams holds the Go sources of the three programs, as they were
// built. A page that shows the code behind a message shows the code that runs,
// and not what lies in some folder.
package acmedreams

import "embed"

// Sources has tests and generated files in it, too: a pattern cannot leave them
// out. Package internal/source does, and is the one to read.
//
//go:embed acme/*.go acme/*/*.go authserver/*.go authserver/*/*.go dreams/*.go dreams/*/*.go
//go:embed internal/[^be]*/*.go internal/backchannel/*.go internal/environment/*.go
var Sources embed.FS
