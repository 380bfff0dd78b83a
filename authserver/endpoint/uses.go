package endpoint

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// What an application does with its tokens, Acme sees and this server does not: it
// asks for the person's access log in numbers, as it asks for samples, and the pages
// stand without.

const accessesScope = "accesses:read" // nobody's permission: it opens the summary to us

// uses is what applications did at Acme in a person's name, by client; nil: Acme
// did not say.
type uses map[string]use

// use is one application's.
type use struct {
	ClientID string `json:"client_id"`
	Last     *struct {
		At    time.Time `json:"at"`
		What  string    `json:"what"`
		Scope string    `json:"scope"`
	} `json:"last"`
	Calls   [7]int `json:"calls"` // on each of the last seven days, today last
	Refused int    `json:"refused"`
}

// usesAtAcme asks Acme, for 300 ms at most.
func (e *Endpoints) usesAtAcme(ctx context.Context, sub string) uses {
	ctx, cancel := context.WithTimeout(ctx, samplesWithin)
	defer cancel()
	answer := askAcme[struct {
		Clients []use `json:"clients"`
	}](ctx, e, sub, accessesScope, "/api/v1/me/accesses/summary")
	if answer == nil {
		return nil
	}
	all := uses{}
	for _, one := range answer.Clients {
		all[one.ClientID] = one
	}
	return all
}

// addUses says when an application was last used and for what: in calls, or, where
// Acme said nothing, in tokens.
func (e *Endpoints) addUses(app *page.App, connection store.Connection, tokens store.Uses, atAcme uses) {
	app.AccessLog = e.Env.AcmeURL.String() + "/me/access?app=" + url.QueryEscape(connection.ClientID)
	if !tokens.Last.IsZero() {
		app.LastToken = dayTime(tokens.Last) + ", while you were there"
		if tokens.Refreshed {
			app.LastToken = dayTime(tokens.Last) + ", by itself, with a refresh token"
		}
		if atAcme == nil {
			app.LastToken += ", for " + inWords(tokens.Scope)
		}
	}
	if atAcme == nil {
		app.Week, app.Counted = tokens.Days[:], counted(tokens.Total(), "token")
		return
	}
	used := atAcme[connection.ClientID]
	// Acme knows the application, not the consent: what came before or after it
	// belongs to another.
	if last := used.Last; last != nil && !last.At.Before(connection.GivenAt.Truncate(time.Second)) && (connection.EndedAt.IsZero() || last.At.Before(connection.EndedAt)) {
		app.LastUsed, app.LastScope = dayTime(last.At)+": "+printed(last.What, maxUse), printed(last.Scope, maxUse)
	}
	app.AtAcme = true
	if app.Active {
		total := 0
		for i, n := range used.Calls {
			used.Calls[i] = max(n, 0)
			total += used.Calls[i]
		}
		app.Week, app.Counted = used.Calls[:], counted(total, "call")
		if used.Refused > 0 {
			app.Counted += fmt.Sprintf(", %d refused", used.Refused)
		}
	}
}

const maxUse = 80 // characters of Acme's words

func counted(n int, what string) string { return count(n, what) + " in 7 days" }
