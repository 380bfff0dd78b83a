package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/travel"
)

// What the log of accesses says in numbers, for the authorization server: it shows
// a person beside each connected application when that was last used, and for what.
//
// No permission is called like this scope, so nobody can be asked for it: the tokens
// that open it are the authorization server's own, under its own name. The documents
// of the API do not have it, because no application can use it.
const (
	accessesScope  = "accesses:read"
	accountsClient = "acme-accounts"
	summaryDays    = 7
)

func (a *API) accountsRoute() Route {
	return Route{Method: http.MethodGet, Path: "/api/v1/me/accesses/summary", Does: "look at who looked at your data", Scope: accessesScope, Handle: a.summarizeAccesses}
}

// accessSummary is what an application did in a person's name, in short.
type accessSummary struct {
	ClientID string           `json:"client_id"`
	Last     *lastAccess      `json:"last,omitempty"`    // that was allowed; absent: none was
	Calls    [summaryDays]int `json:"calls"`             // on each of the days, today last, refused ones too
	Refused  int              `json:"refused,omitempty"` // of them all
}

type lastAccess struct {
	At    time.Time `json:"at"`
	What  string    `json:"what"`  // "read your travel preferences"
	Scope string    `json:"scope"` // the permission that opened it
}

// summarizeAccesses counts. Days are UTC's, as on the page that has each call.
func (a *API) summarizeAccesses(c echo.Context, token *bearer.Token) error {
	if token.Claims.ClientID != accountsClient {
		return &bearer.Refusal{Code: bearer.InsufficientScope, Description: "This is for the authorization server alone", Scope: accessesScope, Held: token.Claims.Scope}
	}
	ctx, sub := c.Request().Context(), token.Claims.Subject
	newest, err := a.Store.NewestAccesses(ctx, sub)
	if err != nil {
		return err
	}
	today := a.Now().UTC().Truncate(24 * time.Hour)
	days, err := a.Store.AccessDays(ctx, sub, today.AddDate(0, 0, 1-summaryDays))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, map[string]any{"clients": summarized(newest, days, today)})
}

func summarized(newest []travel.Access, days []travel.AccessDay, today time.Time) []accessSummary {
	all := []accessSummary{}
	of := map[string]int{}
	find := func(clientID string) *accessSummary {
		if _, known := of[clientID]; !known {
			of[clientID] = len(all)
			all = append(all, accessSummary{ClientID: clientID})
		}
		return &all[of[clientID]]
	}
	for _, n := range newest {
		find(n.ClientID).Last = &lastAccess{At: n.Until, What: n.What, Scope: n.Scope}
	}
	for _, d := range days {
		s := find(d.ClientID)
		if ago := int(today.Sub(d.Day) / (24 * time.Hour)); ago >= 0 && ago < summaryDays {
			s.Calls[summaryDays-1-ago] += d.Times
			s.Refused += d.Refused
		}
	}
	return all
}
