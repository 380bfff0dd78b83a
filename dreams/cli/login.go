package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"example.com/acme-dreams/dreams/flow"
)

//	+---------+              +---------+                    +----------------------+
//	| Program |              | Browser |                    | authorization server |
//	+---------+              +---------+                    +----------------------+
//	[listens at 127.0.0.1, any port (RFC 8252 §7.3)]                   |
//	     |-- opens it (§6) ------>|--- code_challenge, state ---------->|
//	     |                        |    … the person signs in and decides …
//	     |<-- code, state, iss ---|<-- 303 to the loopback port --------|
//	     |--- code, code_verifier (RFC 7636 §4.5) --------------------->|
//	     |<-- tokens ---------------------------------------------------|

// loginTimeout is how long the program waits for the browser.
const loginTimeout = 10 * time.Minute

// login lets somebody in and keeps their tokens.
func (p *Program) login(ctx context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	// The address itself and not "localhost": a name may lead elsewhere, and a
	// firewall may see it (RFC 8252 §8.3).
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := p.server()
	grant := &flow.AuthorizationCode{
		Server: server, Client: p.client(), RedirectURI: "http://" + listener.Addr().String() + "/callback",
		Attempts: &oneAttempt{}, Now: p.Now, Random: p.Random,
	}
	back := listen(listener, grant)
	defer back.close(ctx)
	to, err := grant.Start(ctx, flow.AuthorizationRequest{Browser: thisProcess, Scopes: Scopes})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "Sign in with your browser, here:\n\n%s\n\n", to)
	if err := p.Open(to); err != nil {
		fmt.Fprintf(p.Out, "It could not be opened from here (%s): please open it yourself.\n", clean(err.Error()))
	}
	connected, err := back.wait(ctx)
	if err != nil {
		return err
	}
	// With a code, the claims of the scope profile are to be had at userinfo (OIDC
	// Core §5.4).
	who, err := server.UserInfo(ctx, connected.AccessToken, connected.Subject)
	if err != nil {
		return err
	}
	kept := p.keeper()
	unlock, err := kept.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before, _ := kept.read()
	if err := kept.write(credentials{connected.Issuer, connected.Subject, connected.Tokens}); err != nil {
		return err
	}
	if before.Tokens.AccessToken != "" { // nobody holds those any more
		_ = (&flow.Revocation{Server: server, Client: p.client()}).Revoke(ctx, before.Tokens)
	}
	fmt.Fprintf(p.Out, "Logged in as %s.\n", clean(who.Name))
	return nil
}

// outcome is what came of a login.
type outcome struct {
	connected flow.Connected
	err       error
}

// loopback answers the browser at the loopback port.
type loopback struct {
	server  *http.Server
	serving sync.WaitGroup
	came    chan outcome
}

// listen answers the browser until it has brought the answer to our request.
// Others on this computer can call the port too: what does not answer our
// request gets a no, and we go on waiting.
func listen(listener net.Listener, grant *flow.AuthorizationCode) *loopback {
	l := &loopback{came: make(chan outcome, 1)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Another Host is a page of somebody else's whose name they lead here.
		if r.Method != http.MethodGet || r.URL.Path != "/callback" || r.Host != listener.Addr().String() {
			http.NotFound(w, r)
			return
		}
		attempt, err := grant.Receive(r.Context(), thisProcess, r.URL.Query())
		if err != nil && attempt.State == "" {
			answer(w, http.StatusBadRequest, "This is not the answer that the program waits for", "Nothing was done with it. Please use the window that the program opened.")
			return
		}
		var connected flow.Connected
		if err == nil {
			connected, err = grant.Redeem(r.Context(), attempt, r.URL.Query().Get("code"))
		}
		if err != nil {
			answer(w, http.StatusBadRequest, "You are not logged in", "The terminal says why. You can close this window.")
		} else {
			answer(w, http.StatusOK, "You are logged in", "Go back to your terminal. You can close this window.")
		}
		select {
		case l.came <- outcome{connected, words(err)}:
		default:
		}
	})
	l.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	l.serving.Go(func() { _ = l.server.Serve(listener) })
	return l
}

// wait returns what came of it.
func (l *loopback) wait(ctx context.Context) (flow.Connected, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	select {
	case o := <-l.came:
		return o.connected, o.err
	case <-ctx.Done():
		return flow.Connected{}, errors.New("nobody came back from the browser")
	}
}

// close lets the browser have its page before the program goes.
func (l *loopback) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
	l.serving.Wait()
}

// words makes one sentence of what the authorization server refused.
func words(err error) error {
	if denied := (*flow.AuthorizationError)(nil); errors.As(err, &denied) && denied.Code == "access_denied" {
		return errors.New("you said no at Acme, so nobody is logged in")
	}
	return err
}

// answer is the page that the browser ends at. Nothing is loaded by it, and
// nothing of the request is in it.
func answer(w http.ResponseWriter, status int, heading, lead string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the code is in the address
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s – Dreams</title><main><h1>%s</h1><p>%s</p></main></html>`, heading, heading, lead)
}

// thisProcess stands for the session that a website would have: who starts the
// attempt is who waits for its answer.
const thisProcess = "this process"

// oneAttempt implements flow.Attempts for a program that has one.
type oneAttempt struct {
	mu      sync.Mutex
	attempt flow.Attempt
	spent   bool
}

// BeginAttempt implements flow.Attempts.
func (o *oneAttempt) BeginAttempt(_ context.Context, a flow.Attempt) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempt, o.spent = a, false
	return nil
}

// SpendAttempt implements flow.Attempts.
func (o *oneAttempt) SpendAttempt(_ context.Context, state string, _ time.Time) (a flow.Attempt, known, spent bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state == "" || state != o.attempt.State {
		return flow.Attempt{}, false, false, nil
	}
	spent, o.spent = o.spent, true
	return o.attempt, true, spent, nil
}

// openBrowser opens the person's own browser, where they may be signed in
// already and can see the address: never a window of ours, which could read the
// password (RFC 8252 §8.12).
func openBrowser(address string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("it is no web address")
	}
	command := map[string][]string{
		"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"},
	}[runtime.GOOS]
	if command == nil {
		command = []string{"xdg-open"}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return errors.New(command[0] + " is not there")
	}
	return exec.Command(path, append(command[1:], address)...).Start()
}
