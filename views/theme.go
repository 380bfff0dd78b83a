package views

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const themeSystem = "system"

type themeChoice struct{ value, label string }

// themes in the order in which the menu offers them.
var themes = []themeChoice{
	{themeSystem, "System"},
	{"light", "Light"},
	{"dark", "Dark"},
	{"projector", "Projector"},
}

func validTheme(value string) bool {
	for _, t := range themes {
		if t.value == value {
			return true
		}
	}
	return false
}

// Theme says how to render the page for r: ?projector=1 wins, then what the
// person chose (kept in the cookie of that name), then the system's setting.
func Theme(r *http.Request, cookie string) string {
	if r.URL.Query().Get("projector") == "1" {
		return "projector"
	}
	if c, err := r.Cookie(cookie); err == nil && validTheme(c.Value) {
		return c.Value
	}
	return themeSystem
}

// ThemeHandler answers POST /theme (fields theme, back): it keeps the choice in
// the cookie and sends the browser back to the page it came from. It changes
// nothing but looks, so it asks for no CSRF token.
func ThemeHandler(cookie string, secure bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "Post the form of the theme menu.", http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		theme := r.PostFormValue("theme")
		if !validTheme(theme) {
			http.Error(w, "There is no such theme.", http.StatusUnprocessableEntity)
			return
		}
		http.SetCookie(w, &http.Cookie{
			Name:     cookie,
			Value:    theme,
			Path:     "/",
			MaxAge:   int((365 * 24 * time.Hour).Seconds()),
			HttpOnly: true,
			Secure:   secure,
			SameSite: http.SameSiteLaxMode,
		})
		back := withoutProjector(LocalPath(r.PostFormValue("back")))
		http.Redirect(w, r, back, http.StatusSeeOther)
	}
}

// LocalPath returns s if a redirect to it stays on this server, and "/" for
// anything else (RFC 9700 §4.11: no open redirector). A browser takes "//host"
// and "/\host" for another host and drops tabs and line ends before it looks;
// a proxy may decode "/%2fhost" to "//host".
func LocalPath(s string) string {
	if !strings.HasPrefix(s, "/") || unsafeInPath(s) {
		return "/"
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || unsafeInPath(u.Path) {
		return "/"
	}
	return s
}

func unsafeInPath(s string) bool {
	return strings.HasPrefix(s, "//") || strings.Contains(s, `\`) || strings.ContainsFunc(s, unicode.IsControl)
}

// withoutProjector drops ?projector=1, which would overrule the new choice.
func withoutProjector(local string) string {
	u, err := url.Parse(local)
	if err != nil || !u.Query().Has("projector") {
		return local
	}
	query := u.Query()
	query.Del("projector")
	u.RawQuery = query.Encode()
	return u.String()
}
