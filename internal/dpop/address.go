package dpop

import (
	"errors"
	"net/url"
	"strings"
)

var errNoAddress = errors.New("dpop: not an http address")

// normalize spells an address as every server and client would: RFC 9449 §4.3,
// "servers SHOULD employ syntax-based normalization […] and scheme-based
// normalization […] before comparing the htu claim". RFC 3986 §6.2.2, §6.2.3.
func normalize(address string) (string, error) {
	u, err := url.Parse(address) // lowers the scheme
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return "", errNoAddress
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || (u.Scheme == "http" && port == "80") || (u.Scheme == "https" && port == "443") {
		host = strings.TrimSuffix(host, ":"+port)
	}
	path := withoutDotSegments(spelled(u.EscapedPath()))
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + host + path, nil
}

// spelled writes percent-encodings with capitals, and none where none is needed.
// RFC 3986 §6.2.2.1, §6.2.2.2.
func spelled(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		encoded := path[i : i+3]
		if decoded, err := url.PathUnescape(encoded); err == nil && unreserved(decoded[0]) {
			b.WriteString(decoded)
		} else {
			b.WriteString(strings.ToUpper(encoded))
		}
		i += 2
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// withoutDotSegments is RFC 3986 §5.2.4.
func withoutDotSegments(path string) string {
	var kept []string
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == ".." && len(kept) > 1:
			kept = kept[:len(kept)-1]
		case segment == "." || segment == "..":
		default:
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return strings.Join(kept, "/")
}
