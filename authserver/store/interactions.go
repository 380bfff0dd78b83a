package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// Interaction is an authorization request that waits for its person.
type Interaction struct {
	Request   string // the parameters that count, as a query
	CreatedAt time.Time
	ExpiresAt time.Time
	Answered  bool
	Chosen    string // sub of the account that the person chose to go on with (prompt=select_account); empty: none
	Device    []byte // the device that it is about, as DeviceByKey wants it; nil: a redirect is waited for
	Pushed    []byte // the key of the pushed request that it came as; nil: by value
	Refusal   string // what is wrong with its request object; empty: nothing
}

// ErrAnswered is what a second answer to the same question gets.
var ErrAnswered = errors.New("store: the interaction has been answered")

// StartInteraction stores a request under the hash of its identifier.
func (s *Store) StartInteraction(ctx context.Context, id string, i Interaction) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO interactions (hash, request, created_at, expires_at, device, pushed, refusal) VALUES (?, ?, ?, ?, ?, ?, ?)",
			hash(id), i.Request, ms(i.CreatedAt), ms(i.ExpiresAt), i.Device, i.Pushed, i.Refusal)
		return err
	})
}

// InteractionByID returns a waiting request. ErrNotFound.
func (s *Store) InteractionByID(ctx context.Context, id string) (Interaction, error) {
	var i Interaction
	var created, expires, answered sql.NullInt64
	err := s.db.QueryRow(ctx, "SELECT request, created_at, expires_at, answered_at, device, chosen, pushed, refusal FROM interactions WHERE hash = ?", hash(id)).
		Scan(&i.Request, &created, &expires, &answered, &i.Device, &i.Chosen, &i.Pushed, &i.Refusal)
	i.CreatedAt, i.ExpiresAt, i.Answered = at(created), at(expires), answered.Valid
	return i, notFound(err)
}

// ChooseAccount notes that the person goes on with the account that is signed in.
func (s *Store) ChooseAccount(ctx context.Context, id, sub string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE interactions SET chosen = ? WHERE hash = ?", sub, hash(id))
		return err
	})
}

// AnswerInteraction marks a request as answered; the second answer gets
// ErrAnswered.
func (s *Store) AnswerInteraction(ctx context.Context, id string, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		return answer(ctx, tx, id, now)
	})
}

// answer spends the pushed request with the question: two questions may have
// come from one, where its person loaded the address twice.
func answer(ctx context.Context, tx *sqlite.Tx, id string, now time.Time) error {
	result, err := tx.Exec(ctx, "UPDATE interactions SET answered_at = ?1 WHERE hash = ?2 AND answered_at IS NULL AND expires_at > ?1", ms(now), hash(id))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrAnswered)
	}
	var pushed []byte
	if err := tx.QueryRow(ctx, "SELECT pushed FROM interactions WHERE hash = ?", hash(id)).Scan(&pushed); err != nil {
		return err
	}
	return spendPushed(ctx, tx, pushed, now)
}
