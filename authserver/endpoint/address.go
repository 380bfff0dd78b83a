package endpoint

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/letter"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// Another address counts once somebody who reads there has said so:
//
//	Person            authorization server       new address    old address
//	   │ dora@new.test        │                        │              │
//	   │─────────────────────>│ a secret, as a hash    │              │
//	   │                      │ "confirm" ────────────>│              │
//	   │                      │ "about to change" ───────────────────>│
//	   │ opens the link: a page with a button          │              │
//	   │─────────────────────>│                        │              │
//	   │ POST, signed in      │                        │              │
//	   │─────────────────────>│ counts; email_verified │              │
//	   │                      │ "has changed" ───────────────────────>│
//
// Opening the link does nothing, for mail servers open links too.

// addressTTL is how long a letter may be answered.
const addressTTL = 30 * time.Minute

// Letters about one account in ten minutes: nobody's mailbox is filled from here.
const (
	lettersPerAccount = 5
	lettersInAll      = 1000
)

func (e *Endpoints) account(user oauth.User) letter.Account {
	return letter.Account{Sub: user.Sub, Username: user.Username, URL: e.issuer()}
}

// askAddress sends a letter to an address that a person says is theirs. Whether it is
// somebody else's already, only that one's reader learns.
func (e *Endpoints) askAddress(c echo.Context, user oauth.User, email string) error {
	now, secret := e.Now(), e.opaque("ea_")
	taken, err := e.Store.AskAddress(background(c), store.AddressChange{Sub: user.Sub, Email: email, Token: secret, ExpiresAt: now.Add(addressTTL)})
	if err != nil {
		return err
	}
	about := e.account(user)
	if email != user.Email {
		e.Letters.Put(about.Leaving(user.Email, email))
	}
	if taken {
		e.Letters.Put(about.Taken(email))
	} else {
		e.Letters.Put(about.Confirm(email, e.issuer()+"/account/address?token="+url.QueryEscape(secret), int(addressTTL.Minutes())))
	}
	e.record(c, "another address asked for", user.Sub, "", "")
	return nil
}

// AddressPage asks whoever opened the link in a letter to press the button.
func (e *Endpoints) AddressPage(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	token := c.QueryParam("token")
	email, err := e.Store.AskedAddressBy(c.Request().Context(), session.User.Sub, token, e.Now())
	if errors.Is(err, store.ErrNotFound) {
		return e.noSuchLetter(c, session)
	}
	if err != nil {
		return err
	}
	return render(c, http.StatusOK, page.Address(e.frame(c, ""), page.AddressView{Email: email, Username: session.User.Username, Token: token, CSRF: e.csrf(c)}))
}

// noSuchLetter is for a link that was used, is old, or is another account's.
func (e *Endpoints) noSuchLetter(c echo.Context, session store.Session) error {
	return render(c, http.StatusNotFound, page.Address(e.frame(c, ""), page.AddressView{Username: session.User.Username}))
}

// Address confirms an address, forgets it, or sends another letter.
func (e *Endpoints) Address(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	user := session.User
	switch form.Get("action") {
	case "confirm":
		was, is, err := e.Store.ConfirmAddress(background(c), user.Sub, form.Get("token"), e.Now())
		if errors.Is(err, store.ErrNotFound) {
			return e.noSuchLetter(c, session)
		}
		if err != nil {
			return err
		}
		if was != is {
			e.Letters.Put(e.account(user).Left(was, is))
		}
		e.record(c, "address confirmed", user.Sub, "", "")
		return c.Redirect(http.StatusSeeOther, "/account/profile?changed=confirmed")
	case "forget":
		if err := e.Store.ForgetAddress(background(c), user.Sub); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/account/profile?changed=forgotten")
	case "again":
		return e.askAgain(c, user)
	}
	return echo.NewHTTPError(http.StatusBadRequest, "action must be confirm, forget or again")
}

// askAgain sends a letter to the address that waits for one, or to the one of the
// account where nobody has confirmed that.
func (e *Endpoints) askAgain(c echo.Context, user oauth.User) error {
	email := user.Email
	asked, err := e.Store.AskedAddress(c.Request().Context(), user.Sub, e.Now())
	switch {
	case err == nil:
		email = asked.Email
	case !errors.Is(err, store.ErrNotFound):
		return err
	case user.EmailVerified || !e.Letters.Delivers():
		return c.Redirect(http.StatusSeeOther, "/account/profile")
	}
	if wait := e.letters.take(user.Sub, e.Now()); wait > 0 {
		return e.tooManyLetters(c, user, wait)
	}
	if err := e.askAddress(c, user, email); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/account/profile?changed=address")
}

// OutboxPage shows a person the letters about their account, where no mail server
// takes them. Otherwise it is not there: whoever has the letter has the address.
func (e *Endpoints) OutboxPage(c echo.Context) error {
	if !e.Letters.Shown {
		return echo.ErrNotFound
	}
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	var view page.OutboxView
	for _, l := range e.Letters.Letters(session.User.Sub) {
		view.Letters = append(view.Letters, page.Letter{ID: l.ID, From: l.From(), To: l.To, Subject: l.Subject, Date: dayTime(l.Date), Text: l.Text, Link: l.Link})
	}
	return render(c, http.StatusOK, page.Outbox(e.frame(c, ""), view))
}
