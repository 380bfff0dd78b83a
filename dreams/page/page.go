// Package page is what Dreams shows, as templ components inside the frame that
// all three programs share. The views here are worded already: a page decides
// nothing.
package page

import (
	"strconv"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/views"
)

// ConnectionView is a person's connection, in words.
type ConnectionView struct {
	Name   string
	Scopes []string
	Since  string // "14 September 2026, 14:02"
	Until  string // "until you disconnect"
	Hold   string // "your name, 3 offers, 1 letter"
}

// HomeView is the front page.
type HomeView struct {
	Connection *ConnectionView // nil: nobody is connected
	Last       *OffersView     // what was made for them last; nil: an example stands there
	AcmeURL    string
	Asked      []AskedScope
	Ended      bool       // somebody was connected, and is not any more
	Deletions  []Deletion // what we deleted of theirs, newest first
}

// AskedScope is one thing that Dreams asks for, and what for.
type AskedScope struct{ Scope, Reason string }

// EndedView says that a connection is over.
type EndedView struct {
	Heading, Lead string
	ConnectedApps string // the authorization server's page
	Deletions     []Deletion
}

// Deletion is a line of the report: what was deleted, when and why.
type Deletion struct {
	When, Why string
	Lines     []string
}

// DisconnectedView is the list of what was deleted.
type DisconnectedView struct {
	Deleted       []string
	Revoked       bool // the authorization server has confirmed
	ConnectedApps string
}

// UnsubscribeView asks, or says that it is done.
type UnsubscribeView struct {
	Token     string
	Done      bool
	CanReturn bool // the person is signed in: offer to write again
}

// SourceFile is one file that the lesson points to, or a part of it; then Href leads
// to the whole.
type SourceFile struct{ Name, Text, Part, Href string }

// best is the person's own best offer, where there is one.
func (v HomeView) best() *offers.Offer {
	if v.Last == nil || v.Last.Offers == nil || len(v.Last.Offers.Best) == 0 {
		return nil
	}
	return &v.Last.Offers.Best[0]
}

const mostStars = 4

// stars are the first facts that it was made from.
func (v HomeView) stars() []views.Reason {
	all := v.Last.reasons(0)
	return all[:min(len(all), mostStars)]
}

// joined is "Joined from 6 facts."
func joined(o offers.Offer) string { return "Joined from " + strconv.Itoa(len(o.Reasons)) + " facts." }
