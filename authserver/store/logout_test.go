package store

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// A database that was seeded before there was any logout learns where its clients
// want to hear of one, and its sessions get a sid each.
func TestADatabaseFromBeforeLearnsOfLogout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	before := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if filepath.Base(name) < "0006" {
			text, err := fs.ReadFile(migrations, name)
			if err != nil {
				t.Fatal(err)
			}
			before[filepath.Base(name)] = &fstest.MapFile{Data: text}
		}
	}
	db, err := sqlite.Open(t.Context(), path, before)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
		for _, statement := range []string{
			`INSERT INTO clients (client_id, metadata, created_at) VALUES ('acme-web', '{"client_name":"Acme Travel"}', 0), ('dreams-web', '{"client_name":"Dreams"}', 0), ('other', '{}', 0)`,
			`INSERT INTO users (sub, username, password_hash, name, email, picture, operator, created_at) VALUES ('u_1', 'alice', '', '', '', '', 0, 0)`,
			`INSERT INTO sessions (hash, sub, auth_time, expires_at, address, user_agent) VALUES (x'01', 'u_1', 0, 9e15, '', ''), (x'02', 'u_1', 0, 9e15, '', '')`,
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	defer s.Close()
	for id, want := range map[string]struct {
		backchannel string
		after       []string
	}{
		"acme-web":   {"{ACME_URL}/backchannel-logout", []string{"{ACME_URL}/signed-out"}},
		"dreams-web": {"{DREAMS_URL}/backchannel-logout", []string{"{DREAMS_URL}/"}},
		"other":      {},
	} {
		client := s.Client(id)
		if client.BackchannelLogoutURI != want.backchannel || client.BackchannelLogoutSessionRequired != (id != "other") || !slices.Equal(client.PostLogoutRedirectURIs, want.after) {
			t.Errorf("%s: %q %v", id, client.BackchannelLogoutURI, client.PostLogoutRedirectURIs)
		}
	}
	ids, err := column(s.db.Query(t.Context(), "SELECT DISTINCT sid FROM sessions WHERE length(sid) > 30"))
	if err != nil || len(ids) != 2 {
		t.Errorf("sids %v: %v", ids, err)
	}
}

// A client that is gone gathers no notices without end.
func TestLogoutNoticesAreGivenUp(t *testing.T) {
	s := filled(t)
	add := func(n int) {
		t.Helper()
		err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
			for range n {
				if _, err := tx.Exec(ctx, "INSERT INTO notices (client_id, sub, sid, attempts, due_at) VALUES ('web', 'u_1', 's_1', 0, ?)", ms(start)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	to, waits := Addressee{"web", OfLogout}, []time.Duration{time.Minute, time.Hour}
	now := start
	for i, want := range []int{0, 0, 3} {
		if i == 0 {
			add(3)
		}
		givenUp, err := s.PostponeNotices(t.Context(), to, now, waits)
		if err != nil || len(givenUp) != want {
			t.Errorf("failure %d gives up %v: %v", i+1, givenUp, err)
		}
		if _, err := s.NextNotice(t.Context(), to, now); !errors.Is(err, ErrNotFound) {
			t.Errorf("failure %d: a notice is still due: %v", i+1, err)
		}
		if i < len(waits) {
			now = now.Add(waits[i])
		}
	}
	if _, left, err := s.ToNotify(t.Context(), now); left || err != nil {
		t.Errorf("notices are left: %v", err)
	}
	add(1)
	if due, left, err := s.ToNotify(t.Context(), now); len(due) != 1 || !left || err != nil {
		t.Errorf("a new one is not due: %v %v", due, err)
	}
}
