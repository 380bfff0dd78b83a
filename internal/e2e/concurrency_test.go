package e2e

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
)

const (
	callers = 32
	rounds  = 200
)

// together sends the same request from many callers at the same time and
// returns the answers that have tokens. All others must be invalid_grant.
func together(t *testing.T, send func() Response) []Response {
	t.Helper()
	answers := make([]Response, callers)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			<-begin
			answers[i] = send()
		})
	}
	close(begin)
	all.Wait()
	var served []Response
	for _, answer := range answers {
		switch {
		case answer.Status == http.StatusOK && answer.String("access_token") != "":
			served = append(served, answer)
		case answer.Refusal() != "400 invalid_grant":
			t.Errorf("refused with %d %s", answer.Status, answer.Body)
		}
	}
	return served
}

// wantEnded checks what a reuse leaves of an authorization: nothing.
func (w *World) wantEnded(t *testing.T, tokens Response) {
	t.Helper()
	if w.active(t, "acme-api", tokens.String("access_token")) {
		t.Error("an access token survives the reuse")
	}
	if answer := w.refresh(t, "dreams-web", tokens.String("refresh_token")); answer.Refusal() != "400 invalid_grant" {
		t.Errorf("a refresh token survives the reuse: %d %s", answer.Status, answer.Body)
	}
}

// RFC 6749 §4.1.2, §10.5: of 32 who redeem a code at the same time one gets
// tokens; 31 are a reuse, which ends them.
func TestACodeIsRedeemedOnceBy32AtTheSameTime(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	request := w.Request("openid profile offline_access")
	w.Allow(b, request, "offline_access") // from now on nobody is asked
	for round := range rounds {
		form := w.Redemption(w.Authorize(b, request))
		served := together(t, func() Response { return w.Token(t, Basic("dreams-web"), form) })
		if len(served) != 1 {
			t.Fatalf("round %d: %d of %d got tokens", round, len(served), callers)
		}
		w.wantEnded(t, served[0])
		if t.Failed() {
			t.FailNow()
		}
	}
}

// RFC 9700 §4.14.2: the same for a refresh token.
func TestARefreshTokenIsUsedOnceBy32AtTheSameTime(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	request := w.Request("openid profile offline_access")
	w.Allow(b, request, "offline_access")
	for round := range rounds {
		first := w.Token(t, Basic("dreams-web"), w.Redemption(w.Authorize(b, request)))
		served := together(t, func() Response { return w.refresh(t, "dreams-web", first.String("refresh_token")) })
		if len(served) != 1 {
			t.Fatalf("round %d: %d of %d got tokens", round, len(served), callers)
		}
		w.wantEnded(t, served[0])
		w.wantEnded(t, first)
		if t.Failed() {
			t.FailNow()
		}
	}
}

// RFC 7009 §2.2: once a revocation is answered no token of the grant is active,
// whoever was refreshing at that moment.
func TestNothingIsActiveAfterARevocationThatRacesARefresh(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	request := w.Request("openid profile offline_access")
	w.Allow(b, request, "offline_access")
	refreshed := 0
	for round := range rounds {
		tokens := w.Token(t, Basic("dreams-web"), w.Redemption(w.Authorize(b, request)))
		issued := []Response{tokens}
		var race sync.WaitGroup
		begin := make(chan struct{})
		race.Go(func() {
			<-begin
			for next := tokens; ; issued = append(issued, next) {
				if next = w.refresh(t, "dreams-web", next.String("refresh_token")); next.Status != http.StatusOK {
					return
				}
				refreshed++
			}
		})
		race.Go(func() {
			<-begin
			if round%2 == 0 {
				wantRevoked(t, w.revoke(t, "dreams-web", tokens.String("refresh_token")))
			} else {
				wantRevoked(t, w.revoke(t, "dreams-web", tokens.String("access_token")))
				wantRevoked(t, w.revoke(t, "dreams-web", tokens.String("refresh_token")))
			}
		})
		close(begin)
		race.Wait()
		for i, one := range issued {
			if w.active(t, "acme-api", one.String("access_token")) || w.active(t, "dreams-web", one.String("refresh_token")) {
				t.Fatalf("round %d: tokens %d of %d are active", round, i+1, len(issued))
			}
		}
	}
	if refreshed == 0 {
		t.Error("no refresh ever came before its revocation: this was no race")
	}
}

// One person's consent, answered in two tabs at the same time, is one answer.
func TestAConsentIsAnsweredOnceBy32AtTheSameTime(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	for range 10 {
		page := w.Authorize(b, With(w.Request("openid profile"), url.Values{"prompt": {"consent"}}))
		form := b.Form(page, "decision").With(url.Values{"decision": {"allow"}})
		before := w.value(t, "authserver", "SELECT count(*) FROM authorization_codes")
		answers := make([]Page, callers)
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() { answers[i] = form.Submit() })
		}
		all.Wait()
		codes := 0
		for _, answer := range answers {
			if answer.Answer().Get("code") != "" {
				codes++
			} else if answer.Status != http.StatusBadRequest {
				t.Errorf("got %d %s", answer.Status, answer.Location)
			}
		}
		if codes != 1 {
			t.Errorf("%d codes, %s before, %s after", codes, before, w.value(t, "authserver", "SELECT count(*) FROM authorization_codes"))
		}
	}
}
