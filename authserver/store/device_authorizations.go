package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// StartDevice stores a device that waits. ErrTaken where the user code is in
// use: draw another.
func (s *Store) StartDevice(ctx context.Context, deviceCode string, d oauth.DeviceAuthorization) error {
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO device_authorizations (hash, user_code, client_id, scope, created_at, expires_at, interval, resource, authorization_details)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, hash(deviceCode), d.UserCode, d.ClientID, d.Scope.String(), ms(d.CreatedAt), ms(d.ExpiresAt), d.Interval.Milliseconds(),
			strings.Join(d.Resource, " "), d.Details)
		return err
	})
	if sqlite.Duplicate(err) {
		return ErrTaken
	}
	return err
}

// ErrTaken is what a name that is in use already gets.
var ErrTaken = errors.New("store: taken")

// PollDeviceCode implements grant.PollDeviceCode.
func (s *Store) PollDeviceCode(ctx context.Context, code string, now time.Time,
	decide func(*oauth.DeviceAuthorization) (grant.DevicePoll, error)) error {
	var refusal error
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		device, err := deviceByHash(ctx, tx, hash(code))
		if errors.Is(err, sql.ErrNoRows) {
			_, refusal = decide(nil)
			return nil
		}
		if err != nil {
			return err
		}
		poll, err := decide(device)
		refusal = err
		spent := any(nil)
		if err == nil {
			spent = ms(now)
		}
		if _, err := tx.Exec(ctx, "UPDATE device_authorizations SET polled_at = ?, interval = ?, spent_at = coalesce(spent_at, ?) WHERE hash = ?",
			ms(now), poll.Interval.Milliseconds(), spent, hash(code)); err != nil {
			return err
		}
		if refusal != nil {
			return nil
		}
		return s.issued(ctx, tx, device.Grant.ID, poll.Refresh, now)
	})
	return errors.Join(err, refusal)
}

// DeviceByUserCode finds a device that waits by what its person typed, with the
// key under which an answer is given. ErrNotFound where nothing waits under
// that code: it is unknown, too old, or answered.
func (s *Store) DeviceByUserCode(ctx context.Context, userCode string, now time.Time) (oauth.DeviceAuthorization, []byte, error) {
	var key []byte
	err := s.db.QueryRow(ctx, `SELECT hash FROM device_authorizations
		WHERE user_code = ? AND expires_at > ? AND grant_id IS NULL AND denied_at IS NULL`, userCode, ms(now)).Scan(&key)
	if err != nil {
		return oauth.DeviceAuthorization{}, nil, notFound(err)
	}
	device, err := deviceByHash(ctx, s.db, key)
	if err != nil {
		return oauth.DeviceAuthorization{}, nil, notFound(err)
	}
	return *device, key, nil
}

// DeviceByKey returns the device that a question is about. ErrNotFound.
func (s *Store) DeviceByKey(ctx context.Context, key []byte) (oauth.DeviceAuthorization, error) {
	device, err := deviceByHash(ctx, s.db, key)
	if err != nil {
		return oauth.DeviceAuthorization{}, notFound(err)
	}
	return *device, nil
}

func deviceByHash(ctx context.Context, from reader, hash []byte) (*oauth.DeviceAuthorization, error) {
	var d oauth.DeviceAuthorization
	var scope, resource, grantID string
	var created, expires, polled, denied, spent sql.NullInt64
	var interval int64
	err := from.QueryRow(ctx, `SELECT client_id, user_code, scope, created_at, expires_at, interval, polled_at, coalesce(grant_id, ''), denied_at, spent_at, resource, authorization_details
		FROM device_authorizations WHERE hash = ?`, hash).
		Scan(&d.ClientID, &d.UserCode, &scope, &created, &expires, &interval, &polled, &grantID, &denied, &spent, &resource, &d.Details)
	if err != nil {
		return nil, err
	}
	d.Resource = strings.Fields(resource)
	d.Scope, d.Interval = oauth.ParseScope(scope), time.Duration(interval)*time.Millisecond
	d.CreatedAt, d.ExpiresAt, d.PolledAt, d.Denied, d.Redeemed = at(created), at(expires), at(polled), denied.Valid, spent.Valid
	if grantID == "" {
		return &d, nil
	}
	var row grantRow
	if err := from.QueryRow(ctx, "SELECT "+grantColumns+" FROM grants g JOIN users u ON u.sub = g.sub WHERE g.id = ?", grantID).Scan(row.into()...); err != nil {
		return nil, err
	}
	granted, user := row.values()
	d.Grant, d.User = &granted, user
	return &d, nil
}

// answerDevice gives a device its answer, once: the grant, or no.
func answerDevice(ctx context.Context, tx *sqlite.Tx, key []byte, grantID string, now time.Time) error {
	denied := any(nil)
	if grantID == "" {
		denied = ms(now)
	}
	result, err := tx.Exec(ctx, `UPDATE device_authorizations SET grant_id = ?1, denied_at = ?2
		WHERE hash = ?3 AND grant_id IS NULL AND denied_at IS NULL AND expires_at > ?4`, orNull(grantID), denied, key, ms(now))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrAnswered)
	}
	return nil
}

// DenyDevice tells a device that its person said no. ErrAnswered.
func (s *Store) DenyDevice(ctx context.Context, interaction string, key []byte, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := answer(ctx, tx, interaction, now); err != nil {
			return err
		}
		return answerDevice(ctx, tx, key, "", now)
	})
}
