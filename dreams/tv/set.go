package tv

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/acme-dreams/dreams/flow"
)

// stage is how far a television has come.
type stage int

const (
	waiting stage = iota // shows its code
	on                   // has tokens
	denied               // the person said no
	expired              // nobody said anything
	ended                // it had tokens, and they are void
	failed               // the authorization server refused the television itself
)

// set is one television.
type set struct {
	stage  stage
	device flow.Device
	next   time.Time // when the token endpoint may be asked again
	asking bool      // it is being asked

	asked  int    // how often
	answer string // the last one: "authorization_pending"
	words  string // what came with it
	at     time.Time

	tokens flow.Tokens // in stage on
	used   time.Time   // when somebody last looked
}

// answered is the set after the token endpoint was asked.
func (s *set) answered(t flow.Tokens, err error, now time.Time) {
	s.asking, s.at = false, now
	s.asked++
	if err == nil {
		s.stage, s.tokens, s.answer, s.words = on, t, "", ""
		s.device = flow.Device{} // spent
		return
	}
	s.answer, s.words = "no answer", ""
	var refused *flow.TokenError
	if errors.As(err, &refused) {
		s.answer, s.words = refused.Code, refused.Description
	}
	device, again := s.device.After(err)
	s.device, s.next = device, now.Add(device.Interval)
	switch {
	case again:
	case s.answer == "access_denied":
		s.stage = denied
	case s.answer == "expired_token":
		s.stage = expired
	default:
		s.stage = failed
	}
}

// maxSets is how many televisions may be on at once. Whoever comes after so
// many others finds theirs switched off.
const maxSets = 200

// sets is every television that is on, by id.
type sets struct {
	mu  sync.Mutex
	all map[string]*set
}

// look returns a copy of a television; found is false where it is off.
func (s *sets) look(id string, now time.Time) (copied set, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if id == "" || one == nil {
		return set{}, false
	}
	one.used = now
	s.expire(one, now)
	return *one, true
}

// expire ends a code by our own clock: nobody has to be asked about it.
func (s *sets) expire(one *set, now time.Time) {
	if one.stage == waiting && !now.Before(one.device.ExpiresAt) {
		one.stage = expired
	}
}

// put switches a television on, and returns the tokens of the one that it
// replaces or drives out.
func (s *sets) put(id string, d flow.Device, now time.Time) (left flow.Tokens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*set{}
	}
	gone := id
	if s.all[id] == nil && len(s.all) >= maxSets {
		for other, one := range s.all {
			if s.all[gone] == nil || one.used.Before(s.all[gone].used) {
				gone = other
			}
		}
	}
	if old := s.all[gone]; old != nil {
		left = old.tokens
		delete(s.all, gone)
	}
	s.all[id] = &set{device: d, next: now.Add(d.Interval), used: now}
	return left
}

// off switches a television off and returns the tokens that it had.
func (s *sets) off(id string) flow.Tokens {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left flow.Tokens
	if one := s.all[id]; one != nil {
		left = one.tokens
	}
	delete(s.all, id)
	return left
}

// due lists the televisions whose interval is over.
func (s *sets) due(now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for id, one := range s.all {
		s.expire(one, now)
		if one.stage == waiting && !one.asking && !now.Before(one.next) {
			all = append(all, id)
		}
	}
	return all
}

// ask marks a television as asking and returns what it asks with. One that is
// asking already, or has nothing to ask, is left alone.
func (s *sets) ask(id string, now time.Time) (d flow.Device, may bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if one == nil {
		return flow.Device{}, false
	}
	s.expire(one, now)
	if one.stage != waiting || one.asking {
		return flow.Device{}, false
	}
	one.asking = true
	return one.device, true
}

// answered keeps an answer. Where the television was switched off meanwhile, or
// shows another code, it takes nothing and returns false.
func (s *sets) answered(id, code string, t flow.Tokens, err error, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if one == nil || one.device.Code != code {
		return false
	}
	one.answered(t, err, now)
	return true
}

// The tokens of a television are a connection like any other: what follows is
// flow.Connections, and flow.RefreshToken does the rest.

// ConnectionTokens implements flow.Connections.
func (s *sets) ConnectionTokens(_ context.Context, id string) (flow.Tokens, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if one == nil || one.stage != on {
		return flow.Tokens{}, flow.ErrEnded
	}
	return one.tokens, nil
}

// RotateRefreshToken implements flow.Connections. Nothing is written to a disk:
// a television that is restarted shows a new code.
func (s *sets) RotateRefreshToken(_ context.Context, id string, t flow.Tokens) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[id]
	if one == nil || one.stage != on {
		return flow.ErrEnded
	}
	one.tokens = t
	return nil
}

// EndConnection implements flow.Connections.
func (s *sets) EndConnection(_ context.Context, id, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.all[id]; one != nil && one.stage == on {
		one.stage, one.tokens = ended, flow.Tokens{}
	}
	return nil
}
