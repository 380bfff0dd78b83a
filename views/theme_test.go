package views

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// RFC 9700 §4.11: no open redirector.
func TestLocalPathStaysOnThisServer(t *testing.T) {
	for _, path := range []string{"/", "/a", "/a/b?c=d&e=http://x", "/a?back=//x", "/a#b", "/%C3%A9", "/a//b", "/?q=%0a"} {
		if got := LocalPath(path); got != path {
			t.Errorf("LocalPath(%q) = %q", path, got)
		}
	}
	for _, elsewhere := range []string{
		"", "a", "//evil", "///evil", `/\evil`, `\/evil`, `/a\b`, "https://evil", "HTTPS://evil", "javascript:alert(1)", "http:/evil",
		"/\t/evil", "\t//evil", " //evil", "/\n/evil", "/a\r\nSet-Cookie: b", "/\x00", "/\x7f", "/\u0085",
		"/%2fevil", "/%2f/evil", "/%2F%2fevil", "/%5cevil", "/a%0d%0ab", "/%zz", "//user@evil", "/%",
	} {
		if got := LocalPath(elsewhere); got != "/" {
			t.Errorf("LocalPath(%q) = %q, want /", elsewhere, got)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	f.Add("/a?b=c")
	f.Add(`/\evil`)
	f.Add("/%2f/evil")
	here, _ := url.Parse("http://here.test/x")
	f.Fuzz(func(t *testing.T, s string) {
		got := LocalPath(s)
		target, err := here.Parse(got)
		if err != nil || target.Host != "here.test" || target.Scheme != "http" {
			t.Errorf("LocalPath(%q) = %q leads to %v (%v)", s, got, target, err)
		}
		if strings.HasPrefix(strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got), "//") {
			t.Errorf("LocalPath(%q) = %q: a browser reads another host in it", s, got)
		}
	})
}

func TestTheThemeIsTheQuerysThenTheCookiesThenTheSystems(t *testing.T) {
	for _, tt := range []struct{ target, cookie, want string }{
		{"/", "", "system"},
		{"/", "dark", "dark"},
		{"/", "light", "light"},
		{"/", "projector", "projector"},
		{"/", "purple", "system"},
		{"/", `dark" onload="x`, "system"},
		{"/?projector=1", "dark", "projector"},
		{"/?projector=0", "dark", "dark"},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Header.Set("Cookie", "acme_theme="+tt.cookie+"; dreams_theme=light")
		if got := Theme(r, "acme_theme"); got != tt.want {
			t.Errorf("%s with %q: %s, want %s", tt.target, tt.cookie, got, tt.want)
		}
	}
}

func chooseTheme(t *testing.T, secure bool, theme, back string) *http.Response {
	t.Helper()
	form := url.Values{"theme": {theme}, "back": {back}}
	r := httptest.NewRequest("POST", "/theme", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	ThemeHandler("acme_theme", secure)(w, r)
	return w.Result()
}

func TestAThemeIsKeptInACookieThatScriptsCannotRead(t *testing.T) {
	res := chooseTheme(t, false, "dark", "/packages?tag=huts")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/packages?tag=huts" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if got := res.Header.Get("Set-Cookie"); got != "acme_theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" {
		t.Error(got)
	}
	if got := chooseTheme(t, true, "dark", "/").Header.Get("Set-Cookie"); !strings.Contains(got, "; Secure") {
		t.Error("no Secure behind https: " + got)
	}
}

func TestTheThemeFormSendsNobodyToAnotherSite(t *testing.T) {
	for _, back := range []string{"https://evil.test/", "//evil.test", `/\evil.test`, ""} {
		if got := chooseTheme(t, false, "dark", back).Header.Get("Location"); got != "/" {
			t.Errorf("back=%q leads to %q", back, got)
		}
	}
}

func TestAChosenThemeIsNotOverruledByTheAddress(t *testing.T) {
	if got := chooseTheme(t, false, "light", "/learn/pkce?projector=1&step=4").Header.Get("Location"); got != "/learn/pkce?step=4" {
		t.Error(got)
	}
}

func TestAnUnknownThemeIsRefused(t *testing.T) {
	res := chooseTheme(t, false, "purple; Path=/x", "/")
	if res.StatusCode != http.StatusUnprocessableEntity || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d, cookie %q", res.StatusCode, res.Header.Get("Set-Cookie"))
	}
}

func TestAThemeIsNotChosenByALink(t *testing.T) {
	w := httptest.NewRecorder()
	ThemeHandler("acme_theme", false)(w, httptest.NewRequest("GET", "/theme?theme=dark", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
