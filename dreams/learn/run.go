package learn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
)

// Run is a lesson under way.
type Run struct {
	ID         string // the recording's
	Started    time.Time
	Browser    string             // the session that runs it
	Person     int64              // who is connected to Dreams in it; 0: nobody
	Connection string             // that person's connection; empty: none, or it has ended
	Scope      []string           // what they granted with it
	Form       url.Values         // what was posted
	Recording  *wiretap.Recording // nil with WIRETAP=off; its methods may be called all the same
	Memory     any                // what the lesson remembers until it goes on

	// Unfinished: the run goes on when the page is opened again, which it does by
	// itself after so long. 0: it is over, or the browser is away.
	Unfinished time.Duration

	lesson   Lesson
	room     *Classroom
	redirect string
	said     string // the caption of the next message
	leaving  string // and of the redirect
	result   Result
	stepper  *stepper   // nil: it runs through
	imported *wire.File // where it was brought from elsewhere
	beside   string     // the ID of the run that it branched off; empty: none
	progress progress
}

// Say captions the next message.
func (r *Run) Say(caption string) {
	r.said = caption
	r.Recording.Say(caption)
}

// Tell is Say, and adds what the message proves.
func (r *Run) Tell(caption, proves string) { r.Say(caption + "\n" + proves) }

// Note adds a remark.
func (r *Run) Note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

// Invite asks the person to do something in another tab; an empty one takes the
// request back.
func (r *Run) Invite(i Invitation) { r.result.Invite = i }

// Decode takes a token apart for the page. With WIRETAP=off nobody keeps it.
func (r *Run) Decode(label, token string) {
	if token != "" && r.Recording != nil {
		r.result.Tokens = append(r.result.Tokens, Token{label, token})
	}
}

// Answer shows what Acme said.
func (r *Run) Answer(request string, a Answer) {
	r.result.Answers = append(r.result.Answers, Shown{request, a})
}

// Refused shows something that cannot be done.
func (r *Run) Refused(refusal Refusal) { r.result.Refusals = append(r.result.Refusals, refusal) }

// Redirect sends the browser away. The run is kept under state until it comes
// back with that.
func (r *Run) Redirect(address, state string) {
	r.redirect, r.leaving = address, r.said
	r.room.desks.wait(state, r)
}

// Authorize sends the browser to the authorization endpoint, in the name of
// dreams-web. The lesson's Return gets the answer.
func (r *Run) Authorize(ctx context.Context, request flow.AuthorizationRequest) error {
	to, state, err := r.prepare(ctx, r.room.Code, request)
	if err != nil {
		return err
	}
	r.leave(to, state)
	return nil
}

// prepare makes an authorization request of a client's, and sends nobody anywhere.
func (r *Run) prepare(ctx context.Context, client *flow.AuthorizationCode, request flow.AuthorizationRequest) (to, state string, err error) {
	request.Browser, request.Kind, request.Next = r.Browser, r.lesson.Slug, "/learn/"+r.lesson.Slug
	begun := &beginning{Attempts: client.Attempts}
	listening := *client
	listening.Attempts = begun
	to, err = listening.Start(ctx, request)
	return to, begun.state, err
}

// try is prepare for a request that nobody is going to be sent away with: it takes
// no place among the attempts of the browser.
func (r *Run) try(ctx context.Context, client *flow.AuthorizationCode, request flow.AuthorizationRequest) (to string, err error) {
	forgetful := *client
	forgetful.Attempts = forgotten{client.Attempts}
	to, _, err = r.prepare(ctx, &forgetful, request)
	return to, err
}

// forgotten keeps no attempt.
type forgotten struct{ flow.Attempts }

func (forgotten) BeginAttempt(context.Context, flow.Attempt) error { return nil }

// leave sends the browser away. What happens there is the person's and the
// server's: Dreams sees none of it.
func (r *Run) leave(to, state string) {
	r.Recording.Going(to)
	r.Redirect(to, state)
}

// beginning hears the state of an attempt as it begins: in a request that was
// signed or pushed it stands nowhere in the address.
type beginning struct {
	flow.Attempts
	state string
}

func (b *beginning) BeginAttempt(ctx context.Context, a flow.Attempt) error {
	b.state = a.State
	return b.Attempts.BeginAttempt(ctx, a)
}

// fragment is what stood behind the # of the address, as a script told it.
func (r *Run) fragment() url.Values {
	all := url.Values{}
	for _, name := range []string{"access_token", "expires_in", "scope"} {
		if value := r.Form.Get(name); value != "" {
			all.Set(name, value)
		}
	}
	return all
}

// Answer is what Acme's API said.
type Answer struct {
	Status    int
	Challenge string // WWW-Authenticate (RFC 6750 §3)
	Body      string
}

// maxAnswer is how much of Acme's answer is shown.
const maxAnswer = 4 << 10

// Call asks Acme's API with a token, and shows whatever comes.
func (c *Classroom) Call(ctx context.Context, path, token string) (Answer, error) {
	return c.call(ctx, http.MethodGet, path, func(client *http.Client, req *http.Request) (*http.Response, error) {
		req.Header.Set("Authorization", "Bearer "+token) // RFC 6750 §2.1
		return client.Do(req)
	})
}

// call sends a request to Acme's API; present adds what proves that it may be
// served.
func (c *Classroom) call(ctx context.Context, method, path string, present func(*http.Client, *http.Request) (*http.Response, error)) (Answer, error) {
	answer, err := c.callAt(ctx, method, c.Env.AcmeURL.String()+path, present)
	if err != nil {
		return Answer{}, &acmeAway{err}
	}
	return answer, nil
}

func (c *Classroom) callAt(ctx context.Context, method, address string, present func(*http.Client, *http.Request) (*http.Response, error)) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := present(&http.Client{
		Transport: c.Back, Timeout: 10 * time.Second,
		// A token must not travel to where an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, req)
	if err != nil {
		return Answer{}, unaddressed(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, wiretap.MaxBody))
	if err != nil {
		return Answer{}, err
	}
	text := string(body)
	if len(text) > maxAnswer {
		text = strings.ToValidUTF8(text[:maxAnswer], "") + " …"
	}
	return Answer{resp.StatusCode, strings.Join(resp.Header.Values("WWW-Authenticate"), ", "), text}, nil
}

// unaddressed is an error of an HTTP client's without the address, in which there may
// be a token: it goes to the log.
func unaddressed(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// Code is the error code of a challenge: error="insufficient_scope" (RFC 6750
// §3.1).
func (a Answer) Code() string { return a.parameter("error") }

// Description is what the challenge says about it.
func (a Answer) Description() string { return a.parameter("error_description") }

func (a Answer) parameter(name string) string {
	_, rest, found := strings.Cut(a.Challenge, name+`="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// acmeAway: Acme's API does not answer.
type acmeAway struct{ err error }

func (a *acmeAway) Error() string { return "Acme's API cannot be reached: " + a.err.Error() }
func (a *acmeAway) Unwrap() error { return a.err }

// ask calls Acme, and shows the answer whatever it is.
func (r *Run) ask(ctx context.Context, caption, path, token string) error {
	r.Say(caption)
	answer, err := r.room.Call(ctx, path, token)
	if err == nil {
		r.Answer("GET "+path, answer)
	}
	return err
}

// void shows that Acme takes a token no longer. It learns of a revocation within
// two seconds, so we ask until it has.
func (c *Classroom) void(ctx context.Context, run *Run, token string) error {
	const path, most = "/api/v1/me", 25
	run.Say("The access token, until Acme has heard that it is void")
	for i := range most {
		answer, err := c.Call(ctx, path, token)
		if err != nil {
			return err
		}
		if answer.Status == http.StatusUnauthorized || i == most-1 {
			run.Answer("GET "+path, answer)
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
