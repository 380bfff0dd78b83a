package api

import (
	"bytes"
	_ "embed"
)

// openAPIDocument is written by hand: it is the promise, and a test holds the
// handlers to it.
//
//go:embed openapi.json
var openAPIDocument []byte

// openAPI is the document with our addresses filled in.
func (a *API) openAPI() []byte {
	document := bytes.ReplaceAll(openAPIDocument, []byte("{ACME_URL}"), []byte(a.URL))
	return bytes.ReplaceAll(document, []byte("{AUTHSERVER_URL}"), []byte(a.Authserver))
}
