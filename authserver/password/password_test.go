package password

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMatches(t *testing.T) {
	h := New(rand.Reader)
	hash, err := h.Hash("wanderlust")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, "wanderlust") {
		t.Errorf("stored as %s", hash)
	}
	for name, c := range map[string]struct {
		hash, password string
		want           bool
	}{
		"right":            {hash, "wanderlust", true},
		"wrong":            {hash, "Wanderlust", false},
		"empty":            {hash, "", false},
		"nobody's":         {"", "wanderlust", false},
		"nobody's, empty":  {"", "", false},
		"nobody's literal": {"", nobody, false},
	} {
		got, err := h.Matches(t.Context(), c.hash, c.password)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	again, _ := h.Hash("wanderlust")
	if again == hash {
		t.Error("two hashes of one password are the same: no salt")
	}
	for _, damaged := range []string{"x", "$argon2id$v=19$m=19456,t=2,p=1$$", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA"} {
		if ok, err := h.Matches(t.Context(), damaged, ""); ok || err == nil {
			t.Errorf("%s: %v, %v", damaged, ok, err)
		}
	}
}

// Logins wait for a processor; they do not take the memory of everything else.
func TestOnlySoManyAtATime(t *testing.T) {
	h := New(rand.Reader)
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Matches(ctx, "", "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a login did not wait: %v", err)
	}
}
