package store_test

import (
	"crypto/rand"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/store"
)

func TestRevocationsAndTheirPositionSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	now := noon
	reopen := func() *store.Store {
		s, err := store.Open(t.Context(), path, func() time.Time { return now }, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := reopen()
	end := noon.Add(time.Hour).Unix()
	news := []bearer.Revocation{{GrantID: "g_1", ExpiresAt: end}, {ID: "t_1", ExpiresAt: end}, {GrantID: "g_old", ExpiresAt: noon.Unix() + 1}, {ID: "t_old", ExpiresAt: noon.Unix() + 1}}
	keep := func(at bearer.Position, news []bearer.Revocation) {
		t.Helper()
		for range 2 { // the same news may come twice
			if err := s.KeepRevocations(t.Context(), at, news, now); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(want bearer.Position, revocations ...bearer.Revocation) {
		t.Helper()
		at, all, err := s.LoadRevocations(t.Context())
		if err != nil || at != want || len(all) != len(revocations) {
			t.Fatalf("at %+v: %+v, %v", at, all, err)
		}
		for _, r := range revocations {
			if !slices.Contains(all, r) {
				t.Errorf("%+v is not among %+v", r, all)
			}
		}
	}
	kept(bearer.Position{})
	keep(bearer.Position{Feed: "f_1", Cursor: 3}, news)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen()
	kept(bearer.Position{Feed: "f_1", Cursor: 3}, news...)
	// What expired goes; what another feed has forgotten stays.
	now = noon.Add(time.Minute)
	keep(bearer.Position{Feed: "f_1", Cursor: 4}, nil)
	kept(bearer.Position{Feed: "f_1", Cursor: 4}, news[:2]...)
	keep(bearer.Position{Feed: "f_2", Cursor: 1}, news[1:2])
	kept(bearer.Position{Feed: "f_2", Cursor: 1}, news[:2]...)
}
