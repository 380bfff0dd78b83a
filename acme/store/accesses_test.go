package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/travel"
)

func look(sub, what string, at time.Time) travel.Access {
	return travel.Access{Sub: sub, ClientID: "dreams-web", What: what, Scope: "blog:read", Token: "3f2a91c0", Status: 200, Times: 1, At: at, Until: at}
}

func TestAnAccessStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := open(t, path)
	now := time.Now()
	long := now.AddDate(0, -travel.AccessesKept, -1)
	all := []travel.Access{look(alice, "long ago", long), look(alice, "just now", now)}
	if err := s.WriteAccesses(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, change := range []string{
		`UPDATE accesses SET status = 200`, `DELETE FROM accesses`, `DELETE FROM accesses WHERE what = 'just now'`,
		`UPDATE accesses SET until = 0 WHERE what = 'just now'`,
	} {
		if _, err := db.ExecContext(t.Context(), change); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", change, err)
		}
	}
	if err := s.ForgetAccesses(t.Context(), now.AddDate(0, -travel.AccessesKept, 0)); err != nil {
		t.Fatal(err)
	}
	got := must[[]travel.Access](t)(s.Accesses(t.Context(), alice, travel.AccessSearch{Limit: 10}))
	if len(got) != 1 || got[0].What != "just now" {
		t.Errorf("got %+v", got)
	}
}

func TestAccessesAreThePersonsAlone(t *testing.T) {
	s := newStore(t)
	bobs := look(bob, "read a post of yours", noon)
	bobs.Object = "po-knees" // alice's, and not published
	hers := look(alice, "read a post of yours", noon)
	hers.Object = "po-knees"
	gap := travel.Access{Times: 7, At: noon, Until: noon}
	refused := look(alice, "tried to read all your posts", noon)
	refused.Status, refused.ClientID = 403, "dreams-tv"
	if err := s.WriteAccesses(t.Context(), []travel.Access{bobs, hers, gap, refused}); err != nil {
		t.Fatal(err)
	}
	titles := func(sub string, wanted travel.AccessSearch) string {
		wanted.Limit = 10
		var all []string
		for _, a := range must[[]travel.Access](t)(s.Accesses(t.Context(), sub, wanted)) {
			all = append(all, a.ClientID+" "+a.Title)
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		sub    string
		wanted travel.AccessSearch
		want   string
	}{
		{alice, travel.AccessSearch{}, "dreams-tv ,  , dreams-web A letter to my knees"},
		{alice, travel.AccessSearch{ClientID: "dreams-tv"}, "dreams-tv "},
		{alice, travel.AccessSearch{Result: travel.Refused}, "dreams-tv "},
		{alice, travel.AccessSearch{Result: travel.Allowed}, "dreams-web A letter to my knees"},
		{alice, travel.AccessSearch{Before: 3}, "dreams-web A letter to my knees"},
		{bob, travel.AccessSearch{}, " , dreams-web "},
		{"u_nobody", travel.AccessSearch{}, " "},
	} {
		if got := titles(c.sub, c.wanted); got != c.want {
			t.Errorf("%s %+v: %q, want %q", c.sub, c.wanted, got, c.want)
		}
	}
	if n := must[int](t)(s.CountAccesses(t.Context(), alice)); n != 2 {
		t.Errorf("alice has %d accesses", n)
	}
	days := must[[]travel.AccessDay](t)(s.AccessDays(t.Context(), alice, noon.Truncate(24*time.Hour)))
	if len(days) != 2 || days[0].ClientID != "dreams-tv" || days[0].Refused != 1 || days[1].Times != 1 || !days[1].Day.Equal(noon.Truncate(24*time.Hour)) {
		t.Errorf("days %+v", days)
	}
}
