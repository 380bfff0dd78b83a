package tv

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/acme-dreams/dreams/flow"
)

const (
	// lookInterval is how often the televisions are looked through.
	lookInterval = 200 * time.Millisecond
	// atOnce is how many of them ask at the same time.
	atOnce = 8
)

// Work asks the token endpoint for every television that waits, each at its own
// interval, until its code expires or ctx ends.
func (t *Television) Work(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	free := make(chan struct{}, atOnce)
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		for _, id := range t.sets.due(t.Now()) {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			asking.Go(func() {
				defer func() { <-free }()
				t.poll(ctx, id)
			})
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// poll asks once, whether or not it is time to.
func (t *Television) poll(ctx context.Context, id string) {
	device, may := t.sets.ask(id, t.Now())
	if !may {
		return
	}
	tokens, err := t.Device.Poll(ctx, device)
	if t.sets.answered(id, device.Code, tokens, err, t.Now()) {
		if refused := (*flow.TokenError)(nil); err != nil && !errors.As(err, &refused) {
			t.Log.Warn("a television gets no answer", "error", err)
		}
		return
	}
	t.giveBack(ctx, tokens) // nobody is left to hold them
}

// giveBack revokes what a television held.
func (t *Television) giveBack(ctx context.Context, tokens flow.Tokens) {
	if tokens.AccessToken == "" {
		return
	}
	if err := t.Revocation.Revoke(ctx, tokens); err != nil {
		t.Log.Warn("a television's tokens could not be given back", "error", err)
	}
}
