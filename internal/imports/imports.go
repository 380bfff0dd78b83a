// Package imports says who may import whom. The table is the house's floor
// plan, and the test beside it fails when a package breaks through a wall.
package imports

// infrastructure is what every program is composed with. The recorder is not in it:
// whoever speaks the protocol does not know that somebody may be watching.
var infrastructure = []string{
	"internal/backchannel", "internal/check", "internal/dpop", "internal/environment", "internal/httpserver", "internal/mail", "internal/metrics", "internal/outbound", "internal/picture", "internal/program", "internal/sqlite", "internal/tracing",
}

// mayImport has a line for every package of ours: the packages of ours that it
// may import. "x/..." means x and all below it; a program's name alone means
// its main package, which nobody imports. A package whose name ends in "test"
// (bearertest) is for tests and counts as one.
//
// acme, authserver and dreams never stand in one another's lines: they meet
// over HTTP only.
var mayImport = map[string][]string{
	".":     {}, // the sources, embedded
	"seed":  {}, // data
	"views": {}, // what the three look like; what they say is theirs

	"authserver":          {"authserver/server", "internal/environment", "internal/program"},
	"authserver/oauth":    {}, // the vocabulary of the RFCs: standard library only
	"authserver/password": {},
	"authserver/jwks":     {"authserver/oauth", "internal/outbound"},
	"authserver/token":    {"authserver/oauth", "internal/check"},
	// Two grants take tokens in: they have to read them.
	"authserver/grant":    {"authserver/oauth", "authserver/token", "internal/check"},
	"authserver/store":    {"authserver/grant", "authserver/jwks", "authserver/oauth", "authserver/token", "internal/sqlite"},
	"authserver/notice":   {"authserver/grant", "authserver/oauth", "authserver/store", "authserver/token"},
	"authserver/letter":   {"internal/mail"},
	"authserver/page":     {"authserver/oauth", "views"},
	"authserver/endpoint": append([]string{"authserver/grant", "authserver/jwks", "authserver/letter", "authserver/oauth", "authserver/page", "authserver/password", "authserver/store", "authserver/token", "views"}, infrastructure...),
	"authserver/server":   append([]string{"authserver/...", "seed", "internal/wiretap", "views"}, infrastructure...),

	"acme":           {"acme/server", "internal/environment", "internal/program"},
	"acme/travel":    {"internal/picture"}, // the nouns
	"acme/accesslog": {"acme/travel"},
	"acme/bearer":    {"internal/check", "internal/dpop"},
	"acme/store":     {"acme/bearer", "acme/travel", "internal/sqlite", "seed"},
	"acme/page":      {"acme/travel", "views"},
	"acme/api":       append([]string{"acme/accesslog", "acme/bearer", "acme/store", "acme/travel"}, infrastructure...),
	"acme/site":      append([]string{"acme/bearer", "acme/page", "acme/store", "acme/travel", "seed", "views"}, infrastructure...),
	"acme/server":    append([]string{"acme/...", "seed", "internal/wiretap", "views"}, infrastructure...),

	"dreams":           {"dreams/cli", "dreams/server", "internal/environment", "internal/program"},
	"dreams/flow":      {"internal/check"}, // one file per grant, as a client does it
	"dreams/explain":   {},                 // what a message is for: words
	"dreams/offers":    {"internal/mail"},
	"dreams/travelapi": {"dreams/offers"},
	"dreams/catalogue": {"dreams/offers", "dreams/travelapi"},
	"dreams/session":   {"dreams/flow"},
	"dreams/store":     {"dreams/catalogue", "dreams/flow", "dreams/offers", "dreams/session", "internal/sqlite"},
	"dreams/page":      {"dreams/inspect", "dreams/offers", "dreams/wire", "internal/wiretap", "views"},
	"dreams/wire":      {"internal/wiretap"},                                                     // what a recording shows
	"dreams/inspect":   {"dreams/explain", "dreams/wire", "internal/source", "internal/wiretap"}, // one message, explained
	"dreams/night":     {"dreams/flow", "dreams/store"},
	"dreams/site":      append([]string{"dreams/catalogue", "dreams/flow", "dreams/night", "dreams/offers", "dreams/page", "dreams/session", "dreams/store", "dreams/travelapi", "seed", "views"}, infrastructure...),
	"dreams/learn":     append([]string{"dreams/explain", "dreams/flow", "dreams/inspect", "dreams/offers", "dreams/page", "dreams/session", "dreams/store", "dreams/travelapi", "dreams/wire", "internal/source", "seed", "internal/wiretap", "views"}, infrastructure...),
	"dreams/spa":       {"dreams/flow", "dreams/page", "internal/environment", "views"},
	"dreams/widget":    {"dreams/flow", "dreams/page", "internal/environment", "views"},
	"dreams/tv":        {"dreams/flow", "dreams/offers", "dreams/page", "dreams/session", "dreams/travelapi", "internal/environment", "views"},
	"dreams/cli":       {"dreams/flow", "dreams/offers", "dreams/travelapi", "internal/backchannel", "internal/check", "internal/environment"},
	"dreams/server":    append([]string{"dreams/...", "seed", "internal/wiretap", "views"}, infrastructure...),

	"internal/check":       {},
	"internal/dpop":        {"internal/check"},
	"internal/environment": {},
	"internal/sqlite":      {},
	"internal/imports":     {},
	"internal/wiretap":     {},
	"internal/backchannel": {"internal/environment"},
	"internal/mail":        {},
	"internal/metrics":     {},
	"internal/outbound":    {},
	"internal/source":      {"."},
	"internal/picture":     {},
	"internal/tracing":     {},
	"internal/httpserver":  {"internal/environment", "internal/metrics", "internal/tracing", "internal/wiretap"},
	"internal/program":     {"internal/backchannel", "internal/check", "internal/doctor", "internal/environment", "internal/httpserver", "internal/metrics", "internal/sqlite", "internal/tracing", "internal/wiretap"},
	"internal/doctor":      {"internal/backchannel", "internal/environment"},
	"internal/dev":         {"internal/doctor", "internal/environment", "seed"},

	// What composes all three, to test and to measure them.
	"internal/e2e/...":   {"acme/...", "authserver/...", "dreams/...", "internal/...", "seed", "views"},
	"internal/bench/...": {"acme/...", "authserver/...", "dreams/...", "internal/...", "seed", "views"},
}

// mayKnow has a line for every library that is not for everybody.
var mayKnow = map[string][]string{
	// Handlers are thin: nothing behind them knows that Echo is there.
	"github.com/labstack/echo": {
		"authserver/endpoint", "authserver/server", "acme/api", "acme/site", "acme/server",
		"dreams/site", "dreams/learn", "dreams/tv", "dreams/spa", "dreams/widget", "dreams/server", "internal/...",
	},
	// SQL stands where the statements do.
	"database/sql":              {"authserver/store", "acme/store", "dreams/store", "internal/sqlite", "internal/e2e/...", "internal/bench/..."},
	"modernc.org/sqlite":        {"internal/sqlite", "internal/e2e/...", "internal/bench/..."},
	"github.com/pressly/goose":  {"internal/sqlite"},
	"github.com/prometheus":     {"internal/metrics"},
	"go.opentelemetry.io":       {"internal/tracing"},
	"github.com/caarlos0/env":   {"internal/environment"},
	"github.com/chromedp":       {"internal/e2e/..."},
	"github.com/golang-jwt/jwt": {"authserver/token", "authserver/grant", "acme/bearer", "internal/dpop", "internal/e2e/...", "internal/bench/..."},
}

// standardLibraryOnly lists what a reader can copy into any project as it is.
var standardLibraryOnly = []string{"authserver/oauth"}

// drawers are names of packages that say nothing of what is in them.
var drawers = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib", "manager", "factory", "impl"}
