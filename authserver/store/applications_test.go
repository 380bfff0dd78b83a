package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/oauth"
)

var errTwo = errors.New("two secrets hold already")

func owned(id string) oauth.Client {
	return oauth.Client{ID: id, Name: id, Owner: "u_1", Since: start, Secrets: []oauth.Secret{oauth.NewSecret("first", start)}}
}

// However many pages are open: two secrets at the most, and after a restart they
// are what they were.
func TestSecretsAreMadeOneAfterTheOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path)
	if err := s.Fill(t.Context(), Seed{Users: []NewUser{{User: oauth.User{Sub: "u_1"}, PasswordHash: "x"}}}, start); err != nil {
		t.Fatal(err)
	}
	if err := s.AddApplication(t.Context(), owned("diary")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var made atomic.Int32
	for i := range 20 {
		all.Go(func() {
			err := s.ChangeApplication(t.Context(), "diary", func(c *oauth.Client) error {
				if len(c.Secrets) >= oauth.MaxSecrets {
					return errTwo
				}
				c.Secrets = append(c.Secrets, oauth.NewSecret(fmt.Sprint("second ", i), start))
				return nil
			}, start)
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, errTwo) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || len(s.Client("diary").Secrets) != 2 {
		t.Errorf("%d secrets were made", made.Load())
	}
	first, used := s.Client("diary").Secrets[0], start.Add(time.Hour)
	s.SecretUsed("diary", first, used)
	if got := s.SecretUsedAt("diary", first); !got.Equal(used) {
		t.Errorf("used at %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path).Client("diary")
	if again == nil || again.Owner != "u_1" || len(again.Secrets) != 2 || !again.SecretMatches("first") || !again.Secrets[0].UsedAt.Equal(used) || again.Secrets[0].Tail != "irst" {
		t.Errorf("after a restart: %+v", again)
	}
}

// A person has so many applications at the most, and an id is given once.
func TestApplicationsAreCounted(t *testing.T) {
	s := filled(t)
	for i := range MaxApplications {
		if err := s.AddApplication(t.Context(), owned(fmt.Sprint("c", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddApplication(t.Context(), owned("one more")); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := s.AddApplication(t.Context(), owned("c1")); !errors.Is(err, ErrTaken) {
		t.Errorf("the same: %v", err)
	}
	if err := s.DeleteClient(t.Context(), "c1", "gone", start); err != nil {
		t.Fatal(err)
	}
	if err := s.AddApplication(t.Context(), owned("one more")); err != nil {
		t.Errorf("in place of one that was deleted: %v", err)
	}
}
