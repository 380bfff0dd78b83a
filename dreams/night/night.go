// Package night is what Dreams does while people sleep: for everybody who
// granted offline_access it looks again, refreshing where the access token has
// ended, and makes offers of what it finds.
//
//	for each connection with a refresh token
//	    call Acme; the access token has ended, or Acme answers 401
//	        refresh once (RFC 6749 §6), keep the new refresh token, call again
//	    refused? note why, and go on with the next
//
// What refreshes and calls is dreams/flow and dreams/travelapi; what is made of
// the answers is dreams/site. This is the round, and the book that is kept of it.
package night

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/store"
)

const (
	daily = 24 * time.Hour
	// look is how often it looks whether a day has passed.
	look = time.Minute
	// each is how long one person may take: Acme may be slow, and others wait.
	each = time.Minute
)

// Book keeps what came of each night.
type Book interface {
	// Away lists the connections that may be used without the person.
	Away(ctx context.Context) ([]store.Connection, error)
	// ConnectionOf finds a person's connection as it is now.
	ConnectionOf(ctx context.Context, person int64) (c store.Connection, found bool, err error)

	BeginNight(ctx context.Context, total int) (night int64, err error)
	NoteOutcome(ctx context.Context, night int64, o store.Outcome) error
	EndNight(ctx context.Context, night int64) error
	LastNights(ctx context.Context) ([]store.Night, error)
}

// Job is the nightly job. There is one in a program, and it does one night at a
// time.
type Job struct {
	book Book
	// again reads what a person shares and makes offers of it.
	again func(ctx context.Context, c store.Connection) error
	now   func() time.Time
	log   *slog.Logger

	asked   chan struct{}
	running atomic.Bool
}

// New returns a job that calls again for each person.
func New(book Book, again func(context.Context, store.Connection) error, now func() time.Time, log *slog.Logger) *Job {
	return &Job{book: book, again: again, now: now, log: log, asked: make(chan struct{}, 1)}
}

// Ask has a night done now. It is done by Work, once, however many ask.
func (j *Job) Ask() {
	select {
	case j.asked <- struct{}{}:
	default:
	}
}

// Busy tells whether a night is under way or asked for.
func (j *Job) Busy() bool { return j.running.Load() || len(j.asked) > 0 }

// Work does a night every day, and when it is asked to, until ctx ends.
func (j *Job) Work(ctx context.Context) {
	for ctx.Err() == nil {
		due, err := j.due(ctx)
		if err == nil && due {
			err = j.Run(ctx)
		}
		if err != nil && ctx.Err() == nil {
			j.log.Warn("the night could not be done", "error", err)
		}
		select {
		case <-j.asked:
			if err := j.Run(ctx); err != nil && ctx.Err() == nil {
				j.log.Warn("the night could not be done", "error", err)
			}
		case <-time.After(look):
		case <-ctx.Done():
		}
	}
}

// due tells whether a day has passed since the last night, or, before the first
// one, since somebody let us come back alone.
func (j *Job) due(ctx context.Context) (bool, error) {
	nights, err := j.book.LastNights(ctx)
	if err != nil {
		return false, err
	}
	if len(nights) > 0 {
		return j.now().Sub(nights[0].StartedAt) >= daily, nil
	}
	away, err := j.book.Away(ctx)
	return slices.ContainsFunc(away, func(c store.Connection) bool { return j.now().Sub(c.ConnectedAt) >= daily }), err
}

// Run does one night.
func (j *Job) Run(ctx context.Context) error {
	j.running.Store(true)
	defer j.running.Store(false)
	away, err := j.book.Away(ctx)
	if err != nil || len(away) == 0 {
		return err
	}
	night, err := j.book.BeginNight(ctx, len(away))
	if err != nil {
		return err
	}
	for _, connection := range away {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Whatever becomes of one, the rest get their turn.
		if err := j.book.NoteOutcome(ctx, night, j.one(ctx, connection)); err != nil {
			return err
		}
	}
	return j.book.EndNight(ctx, night)
}

func (j *Job) one(ctx context.Context, connection store.Connection) store.Outcome {
	o := store.Outcome{Person: connection.Person, At: j.now()}
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	if err := j.again(ctx, connection); err != nil {
		o.Refused = why(err)
		j.log.Info("refused in the night", "person", connection.Person, "error", err)
	}
	now, found, err := j.book.ConnectionOf(ctx, connection.Person)
	o.Refreshed = err == nil && found && now.RefreshedAt.After(connection.RefreshedAt)
	return o
}

// NoAnswer: somebody does not answer.
type NoAnswer struct{ Who string }

func (n *NoAnswer) Error() string { return n.Who + " does not answer" }

// why is an error in words for the page, and for the person whom it is about.
func why(err error) string {
	var (
		away  *NoAnswer
		token *flow.TokenError
	)
	switch {
	case errors.Is(err, flow.ErrEnded):
		return "the permission has ended: it was taken back at Acme, or it ran out (invalid_grant)"
	case errors.As(err, &away):
		return away.Error()
	case errors.As(err, &token):
		return fmt.Sprintf("Acme’s accounts answered %s", token.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	}
	return "something broke, and it was us"
}

// Nights are the last ones, newest first.
func (j *Job) Nights(ctx context.Context) ([]store.Night, error) { return j.book.LastNights(ctx) }
