package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/password"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/views"
)

// SignUpPage shows the form for a new account, for a request that waits or for our
// own pages.
func (e *Endpoints) SignUpPage(c echo.Context) error {
	p, err := e.loginFor(c, c.QueryParam("interaction"))
	if err != nil {
		return err
	}
	return e.showSignUp(c, http.StatusOK, p, page.SignUpView{})
}

func (e *Endpoints) showSignUp(c echo.Context, status int, p pending, view page.SignUpView) error {
	view.Interaction, view.CSRF, view.Host = p.Interaction, e.csrf(c), e.Env.AuthserverURL.Host()
	view.Next, view.Mail = "?", e.Letters.Delivers()
	if next := views.LocalPath(c.QueryParam("next")); next != "/" {
		view.Next = "?next=" + url.QueryEscape(next)
	}
	if p.Client != nil {
		view.ClientName = p.Client.Name
		e.allowRedirect(c, p)
	}
	return render(c, status, page.SignUp(e.frame(c, "Create an account"), view))
}

// SignUp opens an account and signs its person in.
func (e *Endpoints) SignUp(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	p, err := e.loginFor(c, form.Get("interaction"))
	if err != nil {
		return err
	}
	view := page.SignUpView{Name: tidy(form.Get("name")), Username: limit(strings.ToLower(strings.TrimSpace(form.Get("username"))), 100), Email: address(form.Get("email"))}
	view.Errors = signUpErrors(view, form.Get("password"))
	if len(view.Errors) > 0 {
		return e.showSignUp(c, http.StatusUnprocessableEntity, p, view)
	}
	// Whoever tries names must not get far, and opening accounts costs us a hash.
	if wait := e.accounts.take(c.RealIP(), e.Now()); wait > 0 {
		t := &throttledError{wait}
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(t.seconds()))
		view.Wait = fmt.Sprintf("Many accounts were opened from here. Try again in %s.", t.words())
		return e.showSignUp(c, http.StatusTooManyRequests, p, view)
	}
	hash, err := e.Passwords.Hash(form.Get("password"))
	if err != nil {
		return err
	}
	user := oauth.User{Sub: e.opaque("u_"), Username: view.Username, Name: view.Name, Email: view.Email}
	err = e.Store.AddUser(background(c), store.NewUser{User: user, PasswordHash: hash}, e.Now())
	if errors.Is(err, store.ErrUsernameTaken) || errors.Is(err, store.ErrEmailTaken) {
		// Which of the two it is, the page does not say.
		view.Errors = []views.FieldError{{Field: "username", Text: "This user name or e-mail address cannot be had. Sign in, if one of them is yours, or take others."}}
		return e.showSignUp(c, http.StatusUnprocessableEntity, p, view)
	}
	if err != nil {
		return err
	}
	if err := e.startSession(c, user, false); err != nil {
		return err
	}
	e.record(c, "account created", user.Sub, p.ClientID, "")
	if e.Letters.Delivers() {
		if err := e.askAddress(c, user, user.Email); err != nil {
			return err
		}
	}
	if p.Interaction != "" {
		return c.Redirect(http.StatusSeeOther, "/authorize/resume?interaction="+p.Interaction)
	}
	next := views.LocalPath(c.QueryParam("next"))
	if next == "/" {
		next = "/account"
	}
	return c.Redirect(http.StatusSeeOther, next)
}

// usernames have no @ in them: they are never an e-mail address.
var usernames = regexp.MustCompile(`^[a-z][a-z0-9._-]{2,31}$`)

func signUpErrors(v page.SignUpView, chosen string) []views.FieldError {
	all := profileErrors(v.Name, v.Email)
	if !usernames.MatchString(v.Username) {
		all = append(all, views.FieldError{Field: "username", Text: "A user name has 3 to 32 letters, digits, dots or dashes, and begins with a letter."})
	}
	if problem := password.Problem(chosen, v.Username, v.Email, v.Name); problem != "" {
		all = append(all, views.FieldError{Field: "password", Text: problem})
	}
	return all
}

func profileErrors(name, email string) []views.FieldError {
	var all []views.FieldError
	if n := utf8.RuneCountInString(name); n < 1 || n > 60 {
		all = append(all, views.FieldError{Field: "name", Text: "Say what you are called, in 60 characters at most."})
	}
	parsed, err := mail.ParseAddress(email)
	switch {
	case err != nil || parsed.Address != email || parsed.Name != "" || len(email) > 254:
		all = append(all, views.FieldError{Field: "email", Text: "This is not an e-mail address: somebody@example.org is one."})
	case strings.ContainsFunc(email, func(r rune) bool { return r > unicode.MaxASCII }): // RFC 6531: mail servers on the way have to know it
		all = append(all, views.FieldError{Field: "email", Text: "We cannot write to this address: it has letters that not every mail server knows."})
	}
	return all
}

// tidy leaves out of a name what nobody sees: line breaks would start a header in
// a letter, and marks of direction make one name look like another.
func tidy(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return limit(strings.Join(strings.Fields(name), " "), 400)
}

func address(email string) string { return limit(strings.ToLower(strings.TrimSpace(email)), 400) }
