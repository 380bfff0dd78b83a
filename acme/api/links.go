package api

import (
	"net/url"
	"strings"

	"example.com/acme-dreams/internal/environment"
)

// links are absolute, and made from our configured URL: a Host header is
// anybody's word.
type links struct{ base environment.BaseURL }

func (l links) metadata() string { return string(l.base) + metadataPath }

func (l links) page(packageID string) string {
	return string(l.base) + "/packages/" + url.PathEscape(packageID)
}

func (l links) review(packageID, id string) string {
	return string(l.base) + "/api/v1/packages/" + url.PathEscape(packageID) + "/reviews/" + url.PathEscape(id)
}

func (l links) post(id string) string {
	return string(l.base) + "/api/v1/me/posts/" + url.PathEscape(id)
}

func (l links) picture(postID, name string) string {
	return l.post(postID) + "/pictures/" + url.PathEscape(name)
}

// art is a picture that everybody may see: a file name below /static/art, or
// an address that the authorization server gave.
func (l links) art(name string) string {
	if strings.Contains(name, "://") {
		return name
	}
	return string(l.base) + "/static/art/" + url.PathEscape(name)
}
