package offers

import (
	"errors"
	"time"
)

// ErrNoEmail: the person did not grant the scope email, so there is no letter.
var ErrNoEmail = errors.New("no letter: the person did not grant the scope email")

// Envelope is what a letter needs besides the offers.
type Envelope struct {
	ID          string    // unguessable; the left half of the Message-ID
	Name, Email string    // as read from Acme
	Granted     []string  // without "email" there is no letter
	Date        time.Time // when the letter is written
	ConnectedAt time.Time // when the person connected Acme; zero: not said
	OffersURL   string    // absolute: Dreams' page with the same offers
	ConnectURL  string    // absolute: where sharing is changed
	Unsubscribe string    // absolute, for this person alone; a POST to it stops the letters (RFC 8058 §3.1)
}

// Letter is the offers as an e-mail. Source holds the whole message: what the
// outbox shows and what goes out by SMTP are the same bytes.
type Letter struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"` // the addressee's
	Email   string    `json:"email"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"`
	Offers  Offers    `json:"offers"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Source  []byte    `json:"source"`
	Why     []Fact    `json:"why"`

	ConnectedAt time.Time `json:"connected_at,omitzero"`
	Unsubscribe string    `json:"unsubscribe"`
}

// Fact tells which words of the letter come from one record.
type Fact struct {
	Words []string `json:"words"` // "September", "€260 below"
	Source
}

// Write composes the letter, or returns ErrNoEmail.
func Write(o Offers, e Envelope) (Letter, error) {
	return Letter{}, ErrNoEmail
}
