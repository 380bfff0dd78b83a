package source

// Parse is what the first question costs.
func Parse() { parse() }
