package endpoint

import (
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
)

func (e *Endpoints) snippets(client *oauth.Client, secret string) []page.Snippet { return nil }
func snippetNote(client *oauth.Client) string                                    { return "" }
