package api

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/travel"
)

// record writes down what was done in a person's name, and what somebody tried to
// do, where the token is the authorization server's. What everybody may read is
// nothing about the person.
func (a *API) record(c echo.Context, r Route, token *bearer.Token, err error) {
	var attempt *bearer.Attempt
	if errors.As(err, &attempt) {
		token = attempt.Token
	}
	if token == nil || !bearer.Private(r.Scope) || !token.Claims.HasUser() || token.Claims.Subject == "" || token.Claims.ClientID == "" {
		return
	}
	if r.Scope == accessesScope && err == nil {
		return // numbers about the log itself are no look at data: it would fill up with who asks how full it is
	}
	a.Accesses.Record(travel.Access{
		Sub: token.Claims.Subject, ClientID: token.Claims.ClientID,
		What: deed(r.Does, err), Object: object(c), Scope: r.Scope, Topics: strings.Join(token.Topics(), ", "),
		Token: short(token.Claims.ID), Bound: token.Claims.BoundTo() != "", Status: c.Response().Status, Reason: reason(err),
	})
}

// past is the verbs of the routes; "read" is its own.
var past = map[string]string{"look": "looked", "read": "read", "write": "wrote", "change": "changed"}

func deed(does string, err error) string {
	if err != nil {
		return "tried to " + does
	}
	verb, rest, _ := strings.Cut(does, " ")
	return past[verb] + " " + rest
}

// reason is why it came to nothing, where that is about the token.
func reason(err error) string {
	var (
		refusal     *bearer.Refusal
		unavailable *bearer.Unavailable
	)
	switch {
	case errors.As(err, &refusal):
		return refusal.Description
	case errors.As(err, &unavailable):
		return unavailable.Reason
	}
	return ""
}

// short is enough of an identifier to tell two tokens apart.
func short(id string) string {
	const most = 8
	if len(id) > most {
		return id[:most]
	}
	return id
}

const objectKey = "object"

// concerns notes which post or package was found.
func concerns(c echo.Context, id string) { c.Set(objectKey, id) }

func object(c echo.Context) string {
	id, _ := c.Get(objectKey).(string)
	return id
}
