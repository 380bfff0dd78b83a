package learn

import (
	"context"
	"net/url"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/views"
)

var refreshScopes = []string{"openid", "profile", "offline_access"}

func (c *Classroom) refreshToken() Lesson {
	return Lesson{
		Slug: "refresh-token", Title: "Refresh token", Group: PersonThere, Client: "dreams-web",
		Line:   "The app looks again next week, and the old token stops working.",
		For:    "An app that a person has let in, and that goes on while they are away: offers at night, a calendar that stays in step.",
		NotFor: "Keeping somebody signed in at your own site (that is your session’s business), and anything that could as well ask again.",
		State:  Current, Reason: "With rotation, or bound to a key. A spent one that comes back ends the whole family.", Source: "RFC 9700 §2.2.2, §4.14",
		Steps: []Step{
			{views.Client, views.AuthorizationServer, "The refresh token and the client’s secret", "RFC 6749 §6"},
			{views.AuthorizationServer, views.AuthorizationServer, "Is it this client’s, unspent, and has nobody taken it back?", "RFC 9700 §4.14.2"},
			{views.AuthorizationServer, views.Client, "A new access token and a new refresh token; the old one is spent", "RFC 6749 §6"},
			{views.Client, views.Client, "On disk first: to lose the new one is to lose the connection", ""},
			{views.Client, views.ResourceServer, "Dreams looks again", "RFC 6750 §2.1"},
			{views.ResourceServer, views.Client, "Your name", ""},
		},
		Secrets: []Secret{
			{"client_secret", "no", "keeps it", "knows its hash", "no"},
			{"refresh token", "no", "keeps it, sealed", "knows its hash", "never"},
			{"access token", "no", "for an hour", "signs it", "verifies it"},
		},
		Files: []File{
			{"dreams/flow/refresh_token.go", "what you are about to run"},
			{"dreams/night/night.go", "the job that does it for everybody, every night"},
			{"authserver/grant/refresh_token.go", "the other side: rotation and the family’s end"},
		},
		Elsewhere: views.Link{Label: "The nightly job", Href: "/night"},
		Before:    "This is an authorization of its own, beside your connection to Dreams: it is going to be burnt, and your offers stay. Tick “offline_access” where Acme asks.",
		Run:       c.runRefreshToken, Return: c.returnRefreshToken,
	}
}

func (c *Classroom) runRefreshToken(ctx context.Context, run *Run) error {
	run.Say("First, an authorization with offline_access")
	return run.Authorize(ctx, flow.AuthorizationRequest{Scopes: refreshScopes})
}

func (c *Classroom) returnRefreshToken(ctx context.Context, run *Run, attempt flow.Attempt, query url.Values) error {
	run.Say("The code for the first tokens")
	connected, err := c.Code.Redeem(ctx, attempt, query.Get("code"))
	if err != nil {
		return err
	}
	first := connected.Tokens
	if first.RefreshToken == "" {
		run.Note("You did not tick offline_access, so Acme gave no refresh token: Dreams cannot come back without you. That is all there is to see. Run it again and allow it, or ask to be asked again: /connect?prompt=consent.")
		return nil
	}
	run.Decode("The first refresh token", first.RefreshToken)
	run.Say("Dreams comes back: the refresh token for new tokens")
	second, err := c.Refresh.Redeem(ctx, first)
	if err != nil {
		return err
	}
	run.Decode("The second refresh token, in place of the first", second.RefreshToken)
	run.Decode("The new access token", second.AccessToken)
	if err := run.ask(ctx, "Dreams looks again", "/api/v1/me", second.AccessToken); err != nil {
		return err
	}
	run.Say("A thief has a copy of the first refresh token, and uses it")
	_, err = c.Refresh.Redeem(ctx, first)
	if err := run.tell(err, Refusal{
		Tried: "the first refresh token again, as a thief would who copied it yesterday.",
		Rule:  "RFC 9700 §4.14.2",
		Means: "The token is spent, so one of two hands is a thief’s, and nobody can tell which. The whole family ends: the second refresh token and every access token with it. Only the person can start again.",
	}); err != nil {
		return err
	}
	run.Say("Dreams itself, with the second one")
	_, err = c.Refresh.Redeem(ctx, second)
	if _, err = refused(err, Refusal{}); err != nil {
		return err
	}
	run.Note("This authorization is gone. Your connection to Dreams is another one and lives on; had it been the product’s, you would now see “Connect again”, which leads to /connect, and nothing else would help.")
	return c.void(ctx, run, second.AccessToken)
}
