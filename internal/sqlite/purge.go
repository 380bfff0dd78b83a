package sqlite

import (
	"context"
	"database/sql"
)

// A purge must not hold up whoever waits for the database: it looks for keys
// among the readers, and removes a few rows at a time.
const (
	purgeLook  = 5000
	purgeBatch = 50
)

// Purge deletes the rows of a table that a condition holds for, by their key.
// The condition has arg as ?1, and is asked again where a row is deleted. What is
// deleted before an error stays deleted.
func (db *DB) Purge(ctx context.Context, table, key, where string, arg any) error {
	for found := purgeLook; found == purgeLook; {
		keys, err := keys(db.Query(ctx, "SELECT "+key+" FROM "+table+" WHERE "+where+" LIMIT ?2", arg, purgeLook))
		if err != nil {
			return err
		}
		for rest := keys; len(rest) > 0; rest = rest[min(purgeBatch, len(rest)):] {
			err := db.remove(ctx, "DELETE FROM "+table+" WHERE "+key+" = ?2 AND "+where, arg, rest[:min(purgeBatch, len(rest))])
			if err != nil {
				return err
			}
		}
		found = len(keys)
	}
	return nil
}

func (db *DB) remove(ctx context.Context, statement string, arg any, keys []any) error {
	return db.Write(ctx, func(ctx context.Context, tx *Tx) error {
		for _, key := range keys {
			if _, err := tx.Exec(ctx, statement, arg, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// keys reads a result of one column, whatever it holds.
func keys(rows *sql.Rows, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []any
	for rows.Next() {
		var key any
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, rows.Err()
}
