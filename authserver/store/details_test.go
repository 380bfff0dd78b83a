package store

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"example.com/acme-dreams/internal/sqlite"
)

// A database that was seeded before there were authorization details: Dreams may
// ask for them, and nobody else; devices that wait go on waiting.
func TestADatabaseFromBeforeLearnsOfAuthorizationDetails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	before := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if filepath.Base(name) < "0009" {
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
			`INSERT INTO clients (client_id, metadata, created_at) VALUES ('dreams-web', '{"client_name":"Dreams","reasons":{"profile":"so"}}', 0), ('dreams-tv', '{}', 0)`,
			`INSERT INTO device_authorizations (hash, user_code, client_id, scope, created_at, expires_at, interval) VALUES (x'01', 'WDJBMJHT', 'dreams-tv', 'profile', 0, 9000000000000, 5000)`,
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
	dreams := s.Client("dreams-web")
	if !slices.Equal(dreams.AuthorizationDetailsTypes, []string{"travel_preferences"}) || dreams.Reasons["travel_preferences"] == "" || dreams.Reasons["profile"] != "so" {
		t.Errorf("dreams-web: %v %v", dreams.AuthorizationDetailsTypes, dreams.Reasons)
	}
	if other := s.Client("dreams-tv"); other.AuthorizationDetailsTypes != nil {
		t.Errorf("dreams-tv: %v", other.AuthorizationDetailsTypes)
	}
	device, err := s.DeviceByKey(t.Context(), []byte{1})
	if err != nil || device.Details != "" || len(device.Resource) != 0 {
		t.Errorf("a device that waits: %+v %v", device, err)
	}
}
