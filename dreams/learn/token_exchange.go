package learn

import (
	"context"
	"net/url"
	"slices"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

func (c *Classroom) tokenExchange() Lesson {
	return Lesson{
		Slug: "token-exchange", Title: "Token exchange", Group: NobodyThere, Client: "dreams-web",
		Line:   "Swap a token for a narrower one before passing work on.",
		For:    "A service that calls another one for a person: each gets a token that can do what it needs, and that says who acts.",
		NotFor: "Getting more than was granted, and handing tokens to somebody else’s company: for that, the person has to be asked.",
		State:  ForServers, Reason: "Current, and easy to get wrong: who may exchange what for whom is a policy that each server has to write down.", Source: "RFC 8693 §5",
		Steps: []Step{
			{views.Client, views.AuthorizationServer, "The token that Dreams holds as subject_token, and the scope that analytics needs", "RFC 8693 §2.1"},
			{views.AuthorizationServer, views.AuthorizationServer, "Is it this client’s own token, alive, and no scope more?", "RFC 8693 §2.2.2"},
			{views.AuthorizationServer, views.Client, "A narrower token: the same sub, and act says who acts", "RFC 8693 §2.2, §4.1"},
			{views.Client, views.Client, "Dreams hands it to its analytics component", ""},
			{views.Client, views.ResourceServer, "Analytics reads preferences with it", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "What people like, and not who they are", ""},
		},
		Secrets: []Secret{
			{"client_secret", "no", "keeps it; analytics never sees it", "knows its hash", "no"},
			{"the wide token", "no", "keeps it; analytics never sees it", "sees it once more", "verifies it"},
			{"the narrow token", "no", "analytics has it", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/token_exchange.go", "what you are about to run"},
			{"authserver/grant/token_exchange.go", "the other side"},
		},
		Before: "Dreams first gets a token of yours, by the authorization code flow. If you have allowed it before, you are not asked again.",
		Run:    c.runTokenExchange, Return: c.returnTokenExchange,
	}
}

func (c *Classroom) runTokenExchange(ctx context.Context, run *Run) error {
	run.Say("First, a token to exchange")
	return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: lessonScopes})
}

func (c *Classroom) returnTokenExchange(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	run.Say("The code for the wide token")
	connected, err := c.Code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	run.Decode("The wide token, which Dreams keeps", connected.AccessToken)
	scope, path := "preferences:read", "/api/v1/me/preferences"
	if !slices.Contains(connected.Scope, scope) {
		run.Note("You did not share your preferences. So there is little to leave out, and analytics gets what you did share: your profile.")
		scope, path = "profile", "/api/v1/me"
	}
	run.Say("Dreams asks for a token with " + scope + " alone")
	narrow, err := c.Exchange.Exchange(ctx, connected.AccessToken, []string{scope})
	if err != nil {
		return err
	}
	run.Decode("The narrow token, which analytics gets", narrow.AccessToken)
	if err := run.ask(ctx, "Analytics reads what it needs", path, narrow.AccessToken); err != nil {
		return err
	}
	if err := run.ask(ctx, "Analytics is curious about your blog", "/api/v1/me/posts", narrow.AccessToken); err != nil {
		return err
	}
	run.Say("And for more than was granted")
	_, err = c.Exchange.Exchange(ctx, connected.AccessToken, []string{scope, "blog:read"})
	return run.tell(err, Refusal{
		Tried: "to exchange the same token for one that has blog:read as well, which is not in it.",
		Rule:  "RFC 8693 §2.2.2, RFC 6749 §5.2",
		Means: "An exchange only takes away. What the person did not put into the first token cannot be in the second, whoever asks.",
	})
}
