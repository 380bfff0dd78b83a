package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/internal/sqlite"
)

// KeepOffers keeps the offers made last for a connection.
func (s *Store) KeepOffers(ctx context.Context, connection string, o offers.Offers) error {
	document, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		// What was taken back while we were reading leaves no trace.
		allowed, err := allowedTo(ctx, tx, connection)
		if err != nil || !restsOn(o, allowed) {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO offers (connection, made_at, document)
			VALUES (?3, ?1, ?2) ON CONFLICT (connection) DO UPDATE SET made_at = excluded.made_at, document = excluded.document`,
			o.MadeAt.Unix(), string(document), connection)
		return err
	})
}

// LastOffers finds the offers made last for a connection.
func (s *Store) LastOffers(ctx context.Context, connection string) (o offers.Offers, found bool, err error) {
	var document string
	err = s.db.QueryRow(ctx, `SELECT document FROM offers WHERE connection = ?`, connection).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return offers.Offers{}, false, nil
	}
	if err != nil {
		return offers.Offers{}, false, err
	}
	return o, true, json.Unmarshal([]byte(document), &o)
}

// Mailed is a letter in the outbox.
type Mailed struct {
	offers.Letter
	DeliveredAt time.Time // zero: it was not handed to a mail server
}

// LetterAbout finds the letter about a set of offers. Where there is none,
// wanted tells whether one is to be written: not for who stopped them.
func (s *Store) LetterAbout(ctx context.Context, person int64, o offers.Offers) (id string, wanted bool, err error) {
	var letter sql.NullString
	var stopped sql.NullInt64
	err = s.db.QueryRow(ctx, `SELECT l.id, p.unsubscribed_at FROM people p
		LEFT JOIN letters l ON l.person = p.id AND l.fingerprint = ? WHERE p.id = ?`, fingerprint(o), person).Scan(&letter, &stopped)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return letter.String, !letter.Valid && !stopped.Valid, err
}

// KeepLetter puts a letter into the outbox, unless there is one about the same
// set of offers or the person stopped the letters: then it does nothing.
// deliver says whether a mail server gets it too.
func (s *Store) KeepLetter(ctx context.Context, person int64, l offers.Letter, deliver bool) error {
	document, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var connection string
		err := tx.QueryRow(ctx, `SELECT id FROM connections WHERE person = ?`, person).Scan(&connection)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		allowed, err := allowedTo(ctx, tx, connection)
		if err != nil || !letterRestsOn(l, allowed) {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO letters (id, person, fingerprint, written_at, document, deliver)
			SELECT ?, id, ?, ?, ?, ? FROM people WHERE id = ? AND unsubscribed_at IS NULL
			ON CONFLICT (person, fingerprint) DO NOTHING`,
			l.ID, fingerprint(l.Offers), l.Date.Unix(), string(document), deliver, person)
		return err
	})
}

// fingerprint names a set of offers by its packages, in their order.
func fingerprint(o offers.Offers) string {
	ids := make([]string, len(o.Best))
	for i, offer := range o.Best {
		ids[i] = offer.Package.ID
	}
	return hash(strings.Join(ids, "\n"))
}

// Letters lists a person's outbox, newest first.
func (s *Store) Letters(ctx context.Context, person int64) ([]Mailed, error) {
	return s.letters(ctx, `SELECT document, delivered_at FROM letters WHERE person = ? ORDER BY number DESC LIMIT 100`, person)
}

// Undelivered lists the letters that wait for the mail server, oldest first.
// Whoever stopped the letters in the meantime gets none.
func (s *Store) Undelivered(ctx context.Context) ([]Mailed, error) {
	return s.letters(ctx, `SELECT l.document, l.delivered_at FROM letters l JOIN people p ON p.id = l.person
		WHERE l.deliver = 1 AND p.unsubscribed_at IS NULL ORDER BY l.number LIMIT 100`)
}

func (s *Store) letters(ctx context.Context, query string, args ...any) ([]Mailed, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Mailed
	for rows.Next() {
		var m Mailed
		var document string
		var delivered sql.NullInt64
		if err := rows.Scan(&document, &delivered); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(document), &m.Letter); err != nil {
			return nil, err
		}
		if delivered.Valid {
			m.DeliveredAt = moment(delivered.Int64)
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// Delivered notes that the mail server took a letter.
func (s *Store) Delivered(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE letters SET deliver = 0, delivered_at = ? WHERE id = ?`, s.now().Unix(), id)
		return err
	})
}

// UnsubscribeToken is the token in a person's letters that stops them. It is
// their number with a signature: nothing to store, nothing to guess, and good
// for as long as the letter lies in an inbox.
func (s *Store) UnsubscribeToken(person int64) string {
	number := strconv.FormatInt(person, 10)
	return number + "." + base64.RawURLEncoding.EncodeToString(s.key.mac(number))
}

// UnsubscribeTokenOf reads such a token; ok is false for one that we did not make.
func (s *Store) UnsubscribeTokenOf(token string) (person int64, ok bool) {
	number, signature, _ := strings.Cut(token, ".")
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, s.key.mac(number)) {
		return 0, false
	}
	person, err = strconv.ParseInt(number, 10, 64)
	return person, err == nil
}

// SetSubscribed stops a person's letters, or lets them come again.
func (s *Store) SetSubscribed(ctx context.Context, person int64, subscribed bool) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var stopped any
		if !subscribed {
			stopped = s.now().Unix()
		}
		_, err := tx.Exec(ctx, `UPDATE people SET unsubscribed_at = ? WHERE id = ?`, stopped, person)
		return err
	})
}
