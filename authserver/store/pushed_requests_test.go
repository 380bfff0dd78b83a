package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// RFC 9126 §7.3: of many who answer one pushed request, by one question or by
// several, one gets a code.
func TestAPushedRequestIsAnsweredOnce(t *testing.T) {
	s := filled(t)
	const uri = "urn:ietf:params:oauth:request_uri:x"
	if err := s.PushRequest(t.Context(), uri, PushedRequest{ClientID: "web", Request: "scope=openid", CreatedAt: start, ExpiresAt: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	pushed, err := s.PushedRequest(t.Context(), uri)
	if err != nil || pushed.ClientID != "web" || pushed.Request != "scope=openid" || pushed.Spent || !pushed.ExpiresAt.Equal(start.Add(time.Minute)) {
		t.Fatalf("%+v, %v", pushed, err)
	}
	var codes atomic.Int32
	var callers sync.WaitGroup
	for i := range 64 {
		why := Silent{Pushed: pushed.Key}
		if i%2 == 0 { // every other had to be asked
			why.Interaction = fmt.Sprint(i)
			if err := s.StartInteraction(t.Context(), why.Interaction, Interaction{CreatedAt: start, ExpiresAt: start.Add(time.Hour), Pushed: pushed.Key}); err != nil {
				t.Fatal(err)
			}
		}
		callers.Go(func() {
			switch err := s.IssueAuthorizationCode(t.Context(), code(fmt.Sprint("c", i), fmt.Sprint("g", i)), why); {
			case err == nil:
				codes.Add(1)
			case !errors.Is(err, ErrAnswered):
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if codes.Load() != 1 {
		t.Errorf("%d codes", codes.Load())
	}
	if pushed, err := s.PushedRequest(t.Context(), uri); err != nil || !pushed.Spent {
		t.Errorf("%+v, %v", pushed, err)
	}
}

// A question that came of a pushed request waits for minutes; an hour later there
// is none.
func TestPushedRequestsAreForgotten(t *testing.T) {
	s := filled(t)
	if err := s.PushRequest(t.Context(), "x", PushedRequest{ClientID: "web", CreatedAt: start, ExpiresAt: start}); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{15 * time.Minute, 2 * time.Hour} {
		kept := after < time.Hour
		if err := s.Purge(t.Context(), start.Add(after)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PushedRequest(t.Context(), "x"); kept && err != nil {
			t.Errorf("after %s: %v", after, err)
		} else if !kept && !errors.Is(err, ErrNotFound) {
			t.Errorf("after %s it is still there: %v", after, err)
		}
	}
}
