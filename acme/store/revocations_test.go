package store_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer"
)

func TestRevocationsAndTheirPositionSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := open(t, path)
	end := noon.Add(time.Hour).Unix()
	news := []bearer.Revocation{{GrantID: "g_1", ExpiresAt: end}, {ID: "t_1", ExpiresAt: end}, {GrantID: "g_old", ExpiresAt: noon.Unix() + 1}}
	keep := func(at bearer.Position, news []bearer.Revocation, now time.Time) {
		t.Helper()
		for range 2 { // the same news may come twice
			if err := s.KeepRevocations(t.Context(), at, news, now); err != nil {
				t.Fatal(err)
			}
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
	keep(bearer.Position{Feed: "f_1", Cursor: 3}, news, noon)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	kept(bearer.Position{Feed: "f_1", Cursor: 3}, news...)
	// What expired goes; what another feed has forgotten stays.
	keep(bearer.Position{Feed: "f_1", Cursor: 4}, nil, noon.Add(time.Minute))
	kept(bearer.Position{Feed: "f_1", Cursor: 4}, news[:2]...)
	keep(bearer.Position{Feed: "f_2", Cursor: 1}, news[1:2], noon.Add(time.Minute))
	kept(bearer.Position{Feed: "f_2", Cursor: 1}, news[:2]...)
}
