package oauth

import (
	"maps"
	"net/url"
	"slices"
)

// Parameters are what a client sent, by query or by form.
type Parameters url.Values

// Get returns a parameter's value. RFC 6749 §3.1: "Parameters sent without a
// value MUST be treated as if they were omitted from the request."
func (p Parameters) Get(name string) string { return url.Values(p).Get(name) }

// All returns every value of a parameter that may be repeated.
func (p Parameters) All(name string) []string {
	return slices.DeleteFunc(slices.Clone(p[name]), func(value string) bool { return value == "" })
}

// Repeated names a parameter that stands twice, of those that must not.
//
// RFC 6749 §3.1: "Request and response parameters MUST NOT be included more
// than once." resource (RFC 8707 §2) and audience (RFC 8693 §2.1) may be.
func (p Parameters) Repeated() string {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if len(p[name]) > 1 && name != "resource" && name != "audience" {
			return name
		}
	}
	return ""
}
