// Package page is what Dreams shows, as templ components inside the frame that
// all three programs share. The views here are worded already: a page decides
// nothing.
package page

import "example.com/acme-dreams/views"

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
	AcmeURL    string
	Asked      []AskedScope
}

// AskedScope is one thing that Dreams asks for, and what for.
type AskedScope struct{ Scope, Reason string }

// EndedView says that a connection is over.
type EndedView struct {
	Heading, Lead string
	ConnectedApps string // the authorization server's page
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

// SourceFile is one file that the lesson points to.
type SourceFile struct{ Name, Text string }

// StepView is one step of the flow on /learn.
type StepView struct {
	From, To views.Party
	Back     bool // between servers, no browser in it
	Title    string
	Text     string
	Rule     string // "RFC 6749 §4.1.1"
	File     string // below /learn/source; empty: not a file of Dreams
	Path     string // where the code is, in the repository
}
