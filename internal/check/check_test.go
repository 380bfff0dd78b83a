package check

import (
	"context"
	"errors"
	"slices"
	"testing"
)

var errOdd, errLarge = errors.New("odd"), errors.New("large")

var checks = []Check[int]{
	{"it is even", "RFC 1 §1", func(n int) error {
		if n%2 == 1 {
			return errOdd
		}
		return nil
	}},
	{"it is small", "RFC 1 §2", func(n int) error {
		if n > 10 {
			return errLarge
		}
		return nil
	}},
	{"it is a number", "RFC 1 §3", func(int) error { return nil }},
}

func TestTheFirstRefusalEndsTheList(t *testing.T) {
	for n, want := range map[int]error{2: nil, 3: errOdd, 12: errLarge, 13: errOdd} {
		if err := Run(t.Context(), Runner{}, checks, n); err != want {
			t.Errorf("%d: got %v, want %v", n, err, want)
		}
	}
}

func TestOmitLeavesOutOneCheckAlone(t *testing.T) {
	r := Runner{Omit: "it is even"}
	for n, want := range map[int]error{3: nil, 13: errLarge} {
		if err := Run(t.Context(), r, checks, n); err != want {
			t.Errorf("%d: got %v, want %v", n, err, want)
		}
	}
	nameless := []Check[int]{{Verify: func(int) error { return errOdd }}}
	if err := Run(t.Context(), Runner{}, nameless, 0); err != errOdd {
		t.Error("an empty Omit left out a check without a name")
	}
}

func TestObserveIsToldWhatRanInOrder(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "this request")
	var told []string
	r := Runner{Observe: func(ctx context.Context, name, source string, err error) {
		if ctx.Value(key{}) != "this request" {
			t.Error("another context")
		}
		told = append(told, name, source)
		if err != nil {
			told = append(told, err.Error())
		}
	}}
	_ = Run(ctx, r, checks, 12)
	if want := []string{"it is even", "RFC 1 §1", "it is small", "RFC 1 §2", "large"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}

	told, r.Omit = nil, "it is even"
	_ = Run(ctx, r, checks, 2)
	if want := []string{"it is small", "RFC 1 §2", "it is a number", "RFC 1 §3"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestRulesListsWhatRunWalks(t *testing.T) {
	want := []Rule{{"numbers", "it is even", "RFC 1 §1"}, {"numbers", "it is small", "RFC 1 §2"}, {"numbers", "it is a number", "RFC 1 §3"}}
	if got := Rules("numbers", checks); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
