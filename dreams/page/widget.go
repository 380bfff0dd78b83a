package page

import "strings"

// WidgetView is what the widget has to know to run the implicit grant.
type WidgetView struct {
	Off                   bool // LEGACY_GRANTS=off
	Lesson                bool // begin at once, and bring the token to the lesson
	ClientID, RedirectURI string
	Scopes                []string
	Issuer, Acme          string
	Authorization         string
	Away                  bool // Acme's accounts: Authorization is empty
}

func (v WidgetView) scope() string { return strings.Join(v.Scopes, " ") }
