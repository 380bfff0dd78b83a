package views

import (
	"net/http"
	"strconv"
	"strings"
)

func (f Frame) titled(heading string) Frame {
	if f.Title == "" {
		f.Title = heading
	}
	return f
}

// statusLine is "404 Not Found".
func (e ErrorView) statusLine() string {
	return strings.TrimSpace(strconv.Itoa(e.Status) + " " + http.StatusText(e.Status))
}
