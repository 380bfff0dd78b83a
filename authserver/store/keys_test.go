package store

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/token"
)

// Many replace a key at the same time, in two programs on one file: one of them
// does, and the others see that it is done.
func TestAKeyIsReplacedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	stores := []*Store{open(t, path), open(t, path)}
	for _, s := range stores {
		defer s.Close()
	}
	made := func() token.Key {
		key, err := token.Generate(token.ES256, start)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	replace := func(s *Store, r token.Rotation) []token.Key {
		changed, err := s.ChangeKeys(t.Context(), Event{At: start, Kind: "signing key rotated"}, func(keys []token.Key) ([]token.Key, error) { return r.Apply(keys), nil })
		if err != nil {
			t.Error(err)
		}
		return changed
	}
	first := made()
	first.TokensLast = time.Hour
	replace(stores[0], token.Rotation{Next: first})
	version, err := stores[1].KeysVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 16 {
		next := made()
		all.Go(func() {
			if replace(stores[i%2], token.Rotation{Next: next, Follows: first.ID}) != nil {
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for i, s := range stores {
		keys, err := s.SigningKeys(t.Context())
		after, versionErr := s.KeysVersion(t.Context())
		if err != nil || versionErr != nil || len(keys) != 2 || done != 1 || after != version+1 {
			t.Errorf("store %d: %d keys after %d rotations, version %d after %d, %v, %v", i, len(keys), done, after, version, err, versionErr)
		}
		for _, k := range keys {
			if k.ID == first.ID && (!k.RetiredAt.Equal(start) || !k.GoneAt().Equal(start.Add(time.Hour+time.Minute))) {
				t.Errorf("the old key: retired %s, gone %s", k.RetiredAt, k.GoneAt())
			}
		}
	}
}
