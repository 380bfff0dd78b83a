package endpoint

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// The pages that a request may have to pass before anybody is asked to agree.
const (
	loginPage  = "/login"
	choicePage = "/account/choose"
)

// signIn tells what a request still needs from the person at the browser: a page
// to show, or nothing. Where that cannot be had it refuses. OIDC Core §3.1.2.3.
func (e *Endpoints) signIn(p pending, session store.Session, known bool) (page string, refusal error) {
	none := p.Asks("none")
	fresh := known && p.Fresh(session.AuthTime, p.StartedAt, e.Now())
	switch {
	case !fresh && none:
		return "", oauth.Refuse(oauth.LoginRequired, "nobody is signed in, or not recently enough")
	case !fresh:
		return loginPage, nil
	}
	// Who signed in for this very request, or chose to go on, has been asked.
	settled := p.Chosen == session.User.Sub || !session.AuthTime.Before(p.StartedAt)
	switch meant := p.meant(); {
	case meant != "" && meant != session.User.Sub && (none || settled):
		// OIDC Core §3.1.2.1 on id_token_hint: for anybody else the server "MUST
		// return an error, such as login_required".
		return "", oauth.Refuse(oauth.LoginRequired, "somebody else is signed in than the one whom the request is about")
	case meant != "" && meant != session.User.Sub:
		return loginPage, nil
	case none || settled:
		return "", nil
	case p.Asks("select_account") || !hinted(p.LoginHint, session.User):
		return choicePage, nil
	}
	return "", nil
}

// meant is the one person whom the request is about; empty: whoever is there.
func (p pending) meant() string {
	if p.Hint.Subject != "" {
		return p.Hint.Subject
	}
	return p.ReadClaims().Subject()
}

// hinted tells whether login_hint, where there is one, is this person's.
func hinted(hint string, user oauth.User) bool {
	hint = strings.TrimSpace(hint)
	return hint == "" || strings.EqualFold(hint, user.Username) || strings.EqualFold(hint, user.Email) || hint == user.Sub
}

// ChoosePage asks with which account to go on: prompt=select_account, or a
// login_hint that names somebody else. OIDC Core §3.1.2.1.
func (e *Endpoints) ChoosePage(c echo.Context) error {
	p, err := e.interaction(c, c.QueryParam("interaction"))
	if err != nil {
		return err
	}
	session, err := e.session(c)
	if err != nil {
		return c.Redirect(http.StatusSeeOther, loginPage+"?interaction="+p.Interaction)
	}
	view := page.ChooseView{
		Interaction: p.Interaction, CSRF: e.csrf(c), Name: session.User.Name, Email: session.User.Email,
		ClientName: p.Client.Name, Hint: limit(p.LoginHint, 100),
	}
	if hinted(p.LoginHint, session.User) {
		view.Hint = ""
	}
	e.allowRedirect(c, p)
	return render(c, http.StatusOK, page.Choose(e.frame(c, "Choose an account"), view))
}

// Choose goes on with the account that is signed in.
func (e *Endpoints) Choose(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	p, err := e.interaction(c, form.Get("interaction"))
	if err != nil {
		return err
	}
	session, err := e.session(c)
	if err != nil {
		return c.Redirect(http.StatusSeeOther, loginPage+"?interaction="+p.Interaction)
	}
	if err := e.Store.ChooseAccount(background(c), p.Interaction, session.User.Sub); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/authorize/resume?interaction="+p.Interaction)
}
