// Package page holds the pages of Acme Travel's website. They take what is
// ready to be shown and know neither store nor request.
package page

import (
	"strings"

	"github.com/a-h/templ"

	"example.com/acme-dreams/views"
)

// wallful is how many postcards fill a wall without a hole: the style sheet
// makes the first and the sixth tall.
const wallful = 8

// Home is the front page.
type Home struct {
	Journeys   int // how many there are
	Postcards  []views.PostcardView
	Departures []views.Departure
	Letter     *Story // the latest story; nil: none
	SignedIn   bool
	DreamsURL  string
}

// Packages is a page of the catalogue.
type Packages struct {
	Query      string // what was searched for
	Tag        string
	Tags       []views.Link
	Problem    string // why the search could not be made
	Postcards  []views.PostcardView
	Found      string // "7 journeys"
	Pages      []views.Link
	Everything string // the catalogue without a search
}

// Package is one journey.
type Package struct {
	ID, Title, Place string
	Lead             []string // paragraphs
	Tags             []views.Link
	Picture          string // URL
	Price            string
	Facts            []views.Fact
	Days             []Day
	Rating           float64
	RatingWords      string // "from 38 travellers"; empty: nobody wrote one
	Reviews          []Review
	Form             ReviewForm
	SignIn           string // where to sign in first; empty: somebody is
	Notice           string
}

// Day is a day of a journey: the first sentence of its line, and the rest.
type Day struct{ Head, Text string }

// Review is a published opinion.
type Review struct {
	Author, Date string
	Rating       float64
	Text         []string // paragraphs
}

// ReviewForm is a review in the writing.
type ReviewForm struct {
	Action  string
	Author  string // under which name it will be published
	Rating  string
	Text    string
	Errors  []views.FieldError
	Ratings []Choice
	// Replaces: there is one already, and one person has one.
	Replaces bool
}

// Choice is one radio button, tick box or option.
type Choice struct {
	Value, Label string
	Chosen       bool
	Picture      string // URL; where it is one of pictures
}

// Story is a published post.
type Story struct {
	Title, Href  string
	Author, Date string
	Excerpt      string
	Body         string // Markdown
	Pictures     []Picture
}

// Picture is one of a post.
type Picture struct{ URL, Alt string }

// Me is what Acme knows about the person who is signed in.
type Me struct {
	Notice        string
	Profile       []views.Fact
	Preferences   PreferencesForm
	Posts         []PostLine
	Looks         Looks
	ConnectedApps string // URL at the authorization server
	Accounts      string // the authorization server's host
	DreamsURL     string
}

// PreferencesForm is the preferences in the writing.
type PreferencesForm struct {
	Interests   []Choice
	Budget      string
	TravelsWith []Choice
	Months      []Choice
	Errors      []views.FieldError
}

// PostLine is a post in the list of one's own.
type PostLine struct {
	Title, Href, Picture string
	Published            bool
	State                string // "Published 28 June 2026", "Unpublished · 3 pictures"
}

// Post is one's own post, as its readers would see it.
type Post struct {
	Story
	Published           bool
	Notice              string
	Edit, Turn, Readers string // where to edit, to publish or unpublish, and where readers find it
	Delete              string // where to delete it
	Uploads             []Upload
	Upload              PictureForm
}

// Upload is a picture of one's own in a post.
type Upload struct {
	Picture
	Remove string // where to take it out
}

// PictureForm is a picture on its way in.
type PictureForm struct {
	Action, Alt string
	Errors      []views.FieldError
}

// DeletePost is the question before a post is gone.
type DeletePost struct {
	Title, Action, Cancel string
	Published             bool
	Pictures              int // of one's own
}

// PostForm is a post in the writing.
type PostForm struct {
	Heading, Action string
	New             bool
	Title, Body     string
	Pictures        []Choice
	Errors          []views.FieldError
	Cancel          string
}

// Recommended is what Acme would suggest.
type Recommended struct {
	Name      string
	Picks     []Pick
	Said      []string // what the person told us: "hiking and huts", "up to €800"
	DreamsURL string
}

// Pick is a suggestion with what speaks for it.
type Pick struct {
	Card    views.PostcardView
	Reasons []string
}

// Developers is the short manual of the API.
type Developers struct {
	AcmeURL, AuthserverURL, DreamsURL string
	Scopes                            []Scope
	Package                           string // an id for the examples
}

// Scope is a permission and the requests that want it.
type Scope struct {
	Name, Note string // "public", "private"
	Sentence   string
	Requests   []string
}

// Help answers what people ask.
type Help struct {
	Accounts, Dreams views.Link
	ConnectedApps    string
	People           []HelpPerson
}

// HelpPerson is somebody whom one may sign in as.
type HelpPerson struct{ Username, Name, About string }

// fieldError is the text about a control, for its own place below it.
func fieldError(errs []views.FieldError, id string) string {
	var texts []string
	for _, e := range errs {
		if e.Field == id {
			texts = append(texts, e.Text)
		}
	}
	return strings.Join(texts, " ")
}

// described is the aria attributes of a group of controls.
func described(errs []views.FieldError, id, hint string) templ.Attributes {
	var by []string
	attrs := templ.Attributes{}
	if fieldError(errs, id) != "" {
		by = append(by, id+"-error")
	}
	if hint != "" {
		by = append(by, hint)
	}
	if len(by) > 0 {
		attrs["aria-describedby"] = strings.Join(by, " ")
	}
	return attrs
}

// here marks the link to the page that one is on.
func here(is bool) templ.Attributes {
	if !is {
		return nil
	}
	return templ.Attributes{"aria-current": "page"}
}

// first gives the first control of a group the group's id.
func first(i int, id string) templ.Attributes {
	if i > 0 {
		return nil
	}
	return templ.Attributes{"id": id}
}

func (v ReviewForm) hint() string {
	if v.Replaces {
		return "Published under your name, " + v.Author + ". It takes the place of the one that you wrote before."
	}
	return "Published under your name, " + v.Author + "."
}
