package page

import (
	"strings"

	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/views"
)

// TVView is the television: off, or one of the other three.
type TVView struct {
	Off     bool
	Waiting *TVWaiting
	Evening *TVEvening
	Over    *TVOver
	Dreams  string
}

// TVWaiting is a television that shows its code.
type TVWaiting struct {
	Code    string // "WDJB-MJHT"
	Address string // what to type: "localhost:9000/device"
	Phone   string // the address with the code in it
	Picture string // the same as an SVG path; empty: it does not fit
	Side    int    // of the picture, in modules

	Until, Left string
	Every       int // seconds between two questions
	Asked       int
	Answer      string // the last one
	Words       string
	SlowedDown  bool
}

// TVEvening is a television that somebody let in.
type TVEvening struct {
	Name     string // empty: not granted, or Acme is away
	Personal bool   // the offers come from preferences
	Offers   []offers.Offer
	Missing  []string // scopes that were not granted
	Away     bool     // something does not answer
}

// TVOver is a television for which there is nothing more to wait for.
type TVOver struct{ Heading, Words, Answer string }

func (v TVEvening) greeting() string {
	if first, _, _ := strings.Cut(v.Name, " "); first != "" {
		return "Good evening, " + first
	}
	return "Good evening"
}

func (v TVEvening) shown() []offers.Offer { return v.Offers[:min(len(v.Offers), 3)] }

func tvCard(o offers.Offer) views.PostcardView {
	return views.PostcardView{
		Title: o.Package.Title, Href: o.Package.URL, Summary: o.Package.Summary, Picture: picture(o.Package),
		Price: o.Package.Price.String(), Nights: nights(o.Package.Nights),
	}
}

func asks(n int) string {
	switch n {
	case 0:
		return "It has not asked yet."
	case 1:
		return "It has asked once."
	}
	return "It has asked " + number(n) + " times."
}
