package learn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/dreams/travelapi"
	"example.com/acme-dreams/views"
)

var writeScopes = []string{"openid", "profile", "preferences:read", "preferences:write"}

func (c *Classroom) stepUp() Lesson {
	return Lesson{
		Slug: "step-up", Title: "Step-up authentication", Group: Besides, Client: "Dreams Lab", Lab: true,
		Needs:  []string{"registration_endpoint"},
		Line:   "Reading is fine with yesterday’s login. For writing, the person has to be there.",
		Stops:  "A token outlives the moment in which somebody proved who they are: an open laptop, a stolen refresh token, a session from last week. For what matters more the API does not ask for another token but for another login, and says how old it may be.",
		For:    "Changes of address or account, payments, deletions: everything that a person would not want to find done by whoever sat down at their desk.",
		NotFor: "Every request. A person who is asked all day types without looking.",
		State:  Current, Reason: "The API says what is missing, the app goes back for it: no list of sensitive pages in every app.", Source: "RFC 9470",
		Steps: []Step{
			{views.Client, views.ResourceServer, "GET: what do you like?", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your preferences", ""},
			{views.Client, views.ResourceServer, "PUT: the same, written back", ""},
			{views.ResourceServer, views.ResourceServer, "auth_time in the token: is that login older than five minutes?", "RFC 9470 §6.1"},
			{views.ResourceServer, views.Client, "401 insufficient_user_authentication, max_age=300", "RFC 9470 §3"},
			{views.Client, views.Browser, "303 to Acme’s accounts, with max_age=300", "RFC 9470 §4, OIDC Core §3.1.2.1"},
			{views.Browser, views.AuthorizationServer, "The browser, with its old session", ""},
			{views.AuthorizationServer, views.Browser, "Your password, please", ""},
			{views.Browser, views.AuthorizationServer, "You are there", ""},
			{views.AuthorizationServer, views.Browser, "303 back, with code, state and iss", ""},
			{views.Browser, views.Client, "The code", ""},
			{views.Client, views.AuthorizationServer, "The code", ""},
			{views.AuthorizationServer, views.Client, "Tokens with a new auth_time", "OIDC Core §2"},
			{views.Client, views.Client, "Is auth_time as young as we asked?", "OIDC Core §3.1.3.7"},
			{views.Client, views.ResourceServer, "The same PUT, with the new token", ""},
			{views.ResourceServer, views.Client, "200", ""},
		},
		Secrets: []Secret{
			{"your password", "you type it there, again", "never", "knows its hash", "never"},
			{"the old token", "no", "for an hour", "signs it", "lets it read, and not write"},
			{"the new token", "no", "for an hour", "signs it", "lets it write for five minutes"},
		},
		Code: []Excerpt{{"step_up.go", "StepUp"}, {"step_up.go", "StepUp.Again"}, {"step_up.go", "checkAuthTime"}},
		Files: []File{
			{"dreams/flow/step_up.go", "what you are about to run"},
			{"dreams/travelapi/travelapi.go", "where every client of Acme’s API in Dreams reads such a challenge"},
			{"acme/bearer/checks.go", "where Acme asks how old the login is"},
		},
		Before: "Dreams writes back what it has read, so nothing of yours changes. Tick “preferences:write” where Acme asks. Have you signed in a moment ago? Then the page waits with you until the login is old enough to be refused.",
		Run: func(ctx context.Context, run *Run) error {
			run.Tell("Dreams sends your browser to Acme’s accounts", "Nothing is said about the login: any will do, for now.")
			return run.begin(ctx, forLab, flow.AuthorizationRequest{Scopes: writeScopes})
		},
		Return: c.returnStepUp, Continue: c.continueStepUp,
	}
}

const preferencesPath = "/api/v1/me/preferences"

// stepUpBench is labBench with what is to be written.
type stepUpBench struct {
	labBench
	likes offers.Preferences
}

// oneToken is a token that nobody renews.
type oneToken string

func (t oneToken) AccessToken(context.Context) (string, error)   { return string(t), nil }
func (t oneToken) Renew(context.Context, string) (string, error) { return string(t), nil }

func (c *Classroom) acme(token string) travelapi.Client {
	return travelapi.Client{BaseURL: c.Env.AcmeURL.String(), Back: c.Back, Tokens: oneToken(token)}
}

func (c *Classroom) returnStepUp(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	if again, waited := run.Memory.(*stepUpBench); waited {
		return c.writeAgain(ctx, run, again, attempt, query)
	}
	bench := &stepUpBench{labBench: *run.bench()}
	run.Tell("The code for tokens", "auth_time in them is when you typed your password.")
	connected, err := bench.code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	bench.first = connected
	run.Memory = bench
	run.Decode("The ID token of this login", connected.IDToken)
	run.Tell("Dreams reads what you like", "For reading, any login is young enough.")
	if bench.likes, err = c.acme(connected.AccessToken).Preferences(ctx); err != nil {
		return c.withoutScope(run, err)
	}
	return c.write(ctx, run, bench)
}

// write writes back what was read. Where Acme wants a younger login the browser is
// sent for it; where the login is young, the run waits until it is not.
func (c *Classroom) write(ctx context.Context, run *Run, bench *stepUpBench) error {
	run.Tell("Dreams writes the same back", "The token is good, the scope is good. What about the login?")
	_, err := c.acme(bench.first.AccessToken).PutPreferences(ctx, bench.likes)
	var login *travelapi.InsufficientAuthentication
	if !errors.As(err, &login) {
		if err == nil {
			c.wait(run, bench)
		}
		return c.withoutScope(run, err)
	}
	run.Invite(Invitation{})
	run.result.Notes = nil
	run.Refused(Refusal{
		Tried: "a write with a token of an old login.", By: views.ResourceServer.Name(), Status: http.StatusUnauthorized,
		Code: "insufficient_user_authentication", Words: login.Detail, Rule: "RFC 9470 §3",
		Means: "The token is good, and another one of the same login would be refused as well. Acme says what would do: a login not older than " + minutes(login.MaxAge) + ".",
	})
	bench.stage = "again"
	wanted := flow.StepUp{MaxAge: login.MaxAge, ACRValues: login.ACRValues}
	run.Tell("Dreams reads the challenge, and sends your browser back for it", "max_age is copied from the challenge into the request: that is all that an app has to know.")
	to, state, err := run.prepare(ctx, bench.code, wanted.Again(flow.AuthorizationRequest{Scopes: writeScopes}))
	if err != nil {
		return err
	}
	run.leave(to, state)
	return nil
}

// minutes is a span in words.
func minutes(d time.Duration) string {
	if d%time.Minute != 0 {
		return fmt.Sprintf("%d seconds", int(d/time.Second))
	}
	return fmt.Sprintf("%d minutes", int(d/time.Minute))
}

// recentLogin is how old Acme lets a login be that writes.
const recentLogin = 5 * time.Minute

func (c *Classroom) wait(run *Run, bench *stepUpBench) {
	old := bench.first.AuthTime.Add(recentLogin + time.Second)
	left := old.Sub(c.Now())
	if bench.first.AuthTime.IsZero() || left <= 0 {
		run.Note("Acme took the write, whatever the age of the login: it does not ask for step-up here.")
		return
	}
	run.result.Notes = nil
	run.Note("You signed in at %s, so Acme took the write: you are there. From %s on it will not, with this very token. This page tries again then; leave it open, or come back to it.",
		bench.first.AuthTime.In(c.Now().Location()).Format("15:04:05"), old.In(c.Now().Location()).Format("15:04:05"))
	run.Unfinished = left
}

// continueStepUp is the page opened again while the login grows old.
func (c *Classroom) continueStepUp(ctx context.Context, run *Run) error {
	bench, ok := run.Memory.(*stepUpBench)
	if !ok || bench.stage != "" {
		return nil
	}
	if left := bench.first.AuthTime.Add(recentLogin + time.Second).Sub(c.Now()); left > 0 {
		run.Unfinished = left
		return nil
	}
	return c.write(ctx, run, bench)
}

func (c *Classroom) writeAgain(ctx context.Context, run *Run, bench *stepUpBench, attempt flow.Attempt, query url.Values) error {
	run.Tell("The code of the new login", "Dreams checks auth_time: a server that ignores max_age would have it believe in a login that never was.")
	connected, err := bench.code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The ID token of the new login", connected.IDToken)
	run.Tell("The same write, with the new token", "You are there: the write is yours.")
	if _, err := c.acme(connected.AccessToken).PutPreferences(ctx, bench.likes); err != nil {
		return c.withoutScope(run, err)
	}
	run.Note("Acme took the write. You typed your password, and nothing else has changed: the same client, the same scopes, the same consent.")
	run.Tell("And the old token, once more", "A new login makes no old token young.")
	_, err = c.acme(bench.first.AccessToken).PutPreferences(ctx, bench.likes)
	var login *travelapi.InsufficientAuthentication
	if err != nil && !errors.As(err, &login) {
		return err
	}
	refusal := Refusal{
		Tried: "the old token again, now that you have signed in anew.", By: views.ResourceServer.Name(), Rule: "RFC 9470 §6.1", Got: err == nil,
		Means: "auth_time stands in the token and is signed. A thief who has the old one gains nothing by your new login.",
	}
	if login != nil {
		refusal.Status, refusal.Code, refusal.Words = login.Status, "insufficient_user_authentication", login.Detail
	}
	run.Refused(refusal)
	return nil
}

// withoutScope tells somebody who did not tick what the lesson needs.
func (c *Classroom) withoutScope(run *Run, err error) error {
	var (
		scope *travelapi.InsufficientScope
		away  *travelapi.Unavailable
	)
	switch {
	case errors.As(err, &scope):
		run.Note("You did not tick %s, so Acme stops Dreams before it asks about any login. Run it again, take the permission back under Connected apps first, and tick it.", scope.Scope)
		return nil
	case errors.As(err, &away):
		return &acmeAway{err}
	}
	return err
}
