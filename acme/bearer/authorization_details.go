package bearer

import (
	"slices"
	"time"

	"example.com/acme-dreams/internal/check"
)

// AuthorizationDetail is what a person agreed to in place of a whole scope: RFC
// 9396 §9.1. The authorization server has its own type for it: what binds the two
// is the definition of travel_preferences, in its documentation.
type AuthorizationDetail struct {
	Type      string   `json:"type"`
	Locations []string `json:"locations"`
	Actions   []string `json:"actions"`
	Topics    []string `json:"topics"`
	ExpiresAt int64    `json:"expires_at"` // seconds since 1970
}

// TravelPreferences is the one type that we know: what a person likes about some
// topics, until the detail ends.
const TravelPreferences = "travel_preferences"

// opening is a detail with everything that is needed to judge it.
type opening struct {
	detail   AuthorizationDetail
	need     Need
	held     string // the token's scope
	resource string // who we are
	now      time.Time
}

// detailChecks is the judgement on an authorization detail, in order. They come
// after all those on the token.
var detailChecks = []check.Check[opening]{
	check.New("authorization detail is for this resource", "RFC 9396 §2.2", checkDetailLocation),
	check.New("authorization detail allows to read", "RFC 9396 §2.2", checkDetailAction),
	check.New("authorization detail has not ended", "RFC 9396 §9", checkDetailEnd),
}

// "An array of strings representing the location of the resource or RS. These
// strings are typically URIs identifying the location of the RS."
func checkDetailLocation(o opening) error {
	if !slices.Contains(o.detail.Locations, o.resource) {
		return insufficientDetail("The authorization detail is for another resource", o)
	}
	return nil
}

// "An array of strings representing the kinds of actions to be taken at the
// resource." A detail opens no request that writes, so there is one to look for.
func checkDetailAction(o opening) error {
	if !slices.Contains(o.detail.Actions, "read") {
		return insufficientDetail("The authorization detail does not allow to read", o)
	}
	return nil
}

// "In order to enable the RS to enforce the authorization details as approved in
// the authorization process": the person said for how long, and a token may live
// longer than that.
func checkDetailEnd(o opening) error {
	if o.now.Unix() >= o.detail.ExpiresAt {
		return insufficientDetail("What the person agreed to has ended", o)
	}
	return nil
}

func insufficientDetail(description string, o opening) error {
	return &Refusal{Code: InsufficientScope, Description: description, Scope: o.need.Scope, Held: o.held}
}

// Topics lists what the details that opened a request are about.
func (t *Token) Topics() []string {
	var topics []string
	for _, d := range t.Details {
		topics = append(topics, d.Topics...)
	}
	return topics
}
