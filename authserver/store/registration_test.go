package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

func stranger(id string, since time.Time) oauth.Client {
	return oauth.Client{
		ID: id, Name: id, RegistrationHash: oauth.HashSecret(id), Since: since, AuthMethods: []string{oauth.ClientSecretBasic},
		RedirectURIs: []string{"https://" + id + ".example/cb"},
	}
}

func register(t *testing.T, s *Store, id string, since time.Time) {
	t.Helper()
	if err := s.RegisterClient(t.Context(), stranger(id, since), since); err != nil {
		t.Fatal(err)
	}
}

func (s *Store) rows(t *testing.T) (n int) {
	t.Helper()
	if err := s.db.QueryRow(t.Context(), "SELECT count(*) FROM clients").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever happened to a client at the same time, memory and disk agree.
func TestTheRegistryIsWhatIsOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			id := fmt.Sprint("c", i)
			c := stranger(id, start)
			if err := s.RegisterClient(t.Context(), c, start); err != nil {
				t.Error(err)
			}
			c.RedirectURIs = []string{"https://new-" + id + ".example/cb"}
			if err := s.UpdateClient(t.Context(), c); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := s.DeleteClient(t.Context(), id, "gone", start); err != nil {
					t.Error(err)
				}
				if err := s.UpdateClient(t.Context(), c); !errors.Is(err, ErrNotFound) {
					t.Errorf("changing what is gone: %v", err)
				}
			}
		})
	}
	all.Wait()
	want := func(s *Store, what string) {
		t.Helper()
		for i := range 20 {
			id := fmt.Sprint("c", i)
			if there := s.Client(id) != nil; there != (i%2 == 1) || s.OriginRegistered("https://new-"+id+".example") != there || s.OriginRegistered("https://"+id+".example") {
				t.Errorf("%s, %s: there is %v", what, id, there)
			}
		}
	}
	want(s, "before a restart")
	if n := s.rows(t); n != 10 {
		t.Errorf("%d rows", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	want(s, "after a restart")
	if c := s.Client("c1"); !c.RegistrationTokenMatches("c1") || c.RegistrationTokenMatches("c3") || s.Client("c0").RegistrationTokenMatches("c0") {
		t.Error("registration access tokens")
	}
}

// Clients that no person let in are forgotten once nobody has used them for long.
func TestIdleStrangersAreForgotten(t *testing.T) {
	s := filled(t)
	for _, id := range []string{"idle", "used", "let-in"} {
		register(t, s, id, start)
	}
	now := start.Add(20 * 24 * time.Hour)
	if err := s.ClientUsed(t.Context(), s.Client("used"), now); err != nil {
		t.Fatal(err)
	}
	if err := s.ClientUsed(t.Context(), s.Client("web"), now); err != nil || !s.Client("web").UsedAt.IsZero() {
		t.Errorf("a client of the operator's is counted: %v", err)
	}
	if !s.Client("used").UsedAt.Equal(now) {
		t.Errorf("used at %s", s.Client("used").UsedAt)
	}
	grantTo(t, s, "let-in", now)
	for _, tt := range []struct {
		after time.Duration
		there string
	}{{29, "[idle let-in used]"}, {31, "[let-in used]"}, {51, "[let-in]"}, {1000, "[let-in]"}} {
		if err := s.Purge(t.Context(), start.Add(tt.after*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		var there []string
		for _, id := range []string{"idle", "let-in", "used"} {
			if s.Client(id) != nil {
				there = append(there, id)
			}
		}
		if fmt.Sprint(there) != tt.there {
			t.Errorf("after %d days: %v, want %s", tt.after, there, tt.there)
		}
	}
	if s.Client("web") == nil || s.rows(t) != 3 {
		t.Errorf("%d rows are left", s.rows(t))
	}
}

// A client that a person let in leaves its name behind, and nothing that opens.
func TestADeletedClientOpensNothing(t *testing.T) {
	s := filled(t)
	register(t, s, "diary", start)
	grantTo(t, s, "diary", start)
	if err := s.DeleteClient(t.Context(), "diary", "gone", start); err != nil {
		t.Fatal(err)
	}
	if s.Client("diary") != nil || !s.Revoked("", "g_diary") || !s.Revoked("", oauth.OwnGrant("diary")) {
		t.Error("the client or what it was given lives")
	}
	connections, err := s.Connections(t.Context(), "u_1", start)
	if err != nil || len(connections) != 1 || connections[0].EndReason != "gone" {
		t.Errorf("connections %+v, %v", connections, err)
	}
	var opens int
	err = s.db.QueryRow(t.Context(), "SELECT count(*) FROM clients WHERE client_id = 'diary' AND (secret_hash IS NOT NULL OR registration_hash IS NOT NULL OR metadata LIKE '%example%')").Scan(&opens)
	if err != nil || opens != 0 {
		t.Errorf("what is left opens something: %v", err)
	}
}

// Where there are too many, the one that has been idle longest makes room; none
// that is new does.
func TestStrangersAreSoManyAtTheMost(t *testing.T) {
	s := filled(t)
	fill(t, s, maxStrangers)
	err := s.RegisterClient(t.Context(), stranger("late", start.Add(time.Hour)), start.Add(time.Hour))
	if !errors.Is(err, ErrFull) {
		t.Fatalf("one too many: %v", err)
	}
	tomorrow := start.Add(25 * time.Hour)
	register(t, s, "tomorrow", tomorrow)
	if n := s.rows(t); n != maxStrangers+3 { // web, other; the one that left is deleted at the next purge
		t.Errorf("%d rows", n)
	}
	if err := s.Purge(t.Context(), tomorrow); err != nil {
		t.Fatal(err)
	}
	if n := s.rows(t); n != maxStrangers+2 {
		t.Errorf("%d rows after a purge", n)
	}
}

// grantTo is a person letting a client in.
func grantTo(t *testing.T, s *Store, clientID string, now time.Time) {
	t.Helper()
	exec(t, s, "INSERT INTO consents (id, sub, client_id, scope, duration, given_at, changed_at) VALUES (?, 'u_1', ?, 'profile', 'until_revoked', ?, ?)", "k_"+clientID, clientID, ms(now), ms(now))
	exec(t, s, "INSERT INTO grants (id, client_id, sub, consent_id, scope, nonce, auth_time, created_at) VALUES (?, ?, 'u_1', ?, 'profile', '', ?, ?)", "g_"+clientID, clientID, "k_"+clientID, ms(now), ms(now))
}

// fill registers n clients at once.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	exec(t, s, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO clients (client_id, registration_hash, metadata, created_at) SELECT 'c' || i, x'00', '{}', ? + i FROM n`, n, ms(start))
	if err := s.loadClients(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, s *Store, statement string, args ...any) {
	t.Helper()
	err := s.db.Write(t.Context(), func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
