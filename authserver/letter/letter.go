// Package letter writes the few letters of the authorization server, about the
// address that they go to, and sees to it that they leave.
//
// A letter that asks has a secret in it, of which the database has a hash. So
// letters are kept in memory alone, until they have left: one that is lost with the
// process is asked for again.
package letter

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// The sender. The domain is reserved for tests (RFC 2606 §2).
const (
	senderName    = "Acme Accounts"
	senderAddress = "accounts@acme.test"
	senderDomain  = "acme.test"
)

// Letter is a letter as it leaves. No name that somebody chose is in it: whoever
// asks for a letter to another's address must not choose its words.
type Letter struct {
	ID      string    // unguessable; the left half of the Message-ID
	Sub     string    // whose account it is about
	To      string    // an address that has been parsed
	Subject string    // ours
	Text    string    // lines, without their ends
	Link    string    // the page that it leads to; empty: none
	Date    time.Time // when it was written
}

// Account is what letters say of the account that they are about.
type Account struct {
	Sub      string
	Username string // letters and digits
	URL      string // ours
}

// Confirm asks whether an address is its reader's.
func (a Account) Confirm(address, link string, minutes int) Letter {
	return a.about(address, "Confirm your e-mail address", link,
		"somebody who is signed in to the Acme account "+a.Username+" says that this address is theirs.",
		fmt.Sprintf("If that is you, open this page within %d minutes and press Confirm:", minutes), link,
		"If it is not you, do nothing. The page is for whoever is signed in to that account, and until it is answered the address is not used for anything.")
}

// Leaving tells the address that counts that another one is to.
func (a Account) Leaving(address, next string) Letter {
	return a.about(address, "Your e-mail address is about to change", a.URL+"/account/sessions",
		"somebody who is signed in to your Acme account "+a.Username+" wants another e-mail address for it: "+next+".",
		"Nothing has changed yet: that address has to be confirmed first, and until then this one counts.",
		"If it was not you, sign out the others and change your password:", a.URL+"/account/sessions", a.URL+"/account/password")
}

// Left tells an address that it does not count any more.
func (a Account) Left(address, next string) Letter {
	return a.about(address, "Your e-mail address has changed", a.URL+"/account/sessions",
		"the e-mail address of the Acme account "+a.Username+" is now "+next+". Nothing of that account comes here any more.",
		"If it was not you, sign in with your user name, sign out the others and change your password:", a.URL+"/account/sessions", a.URL+"/account/password")
}

// Taken tells an address that somebody else wanted it.
func (a Account) Taken(address string) Letter {
	return a.about(address, "Somebody wanted to use your e-mail address", a.URL+"/login",
		"somebody who is signed in to another Acme account says that this address is theirs. It is that of your account, and stays so: nothing has changed.",
		"If it was you, sign in to the account that has it:", a.URL+"/login")
}

func (a Account) about(address, subject, link string, paragraphs ...string) Letter {
	text := "Hello,\n\n" + strings.Join(paragraphs, "\n\n") + "\n\nAcme Accounts\n" + a.URL + "\n"
	return Letter{Sub: a.Sub, To: address, Subject: subject, Text: text, Link: link}
}

// From is the sender as the header has it.
func (Letter) From() string { return senderName + " <" + senderAddress + ">" }

// Source is the letter as RFC 5322 wants it.
func (l Letter) Source() ([]byte, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&mail.Address{Name: senderName, Address: senderAddress})
	m.ToMailAddress(&mail.Address{Address: l.To})
	m.Subject(l.Subject)
	m.SetMessageIDWithValue(l.ID + "@" + senderDomain)
	m.SetDateWithValue(l.Date)
	// RFC 3834 §5: out-of-office replies answer no letter from a machine.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	var source bytes.Buffer
	_, err := m.WriteTo(&source)
	return source.Bytes(), err
}
