package page

import "fmt"

// NightView is the nightly job.
type NightView struct {
	Busy   bool // under way, or about to be
	Rounds []NightRound
}

// NightRound is one night.
type NightRound struct {
	Started              string
	Total, Done, Refused int
	Running, Ended       bool
	Outcomes             []NightOutcome
}

// NightOutcome is what came of it for one person.
type NightOutcome struct {
	Who, Refused string
	Refreshed    bool
}

func (r NightRound) summary() string {
	people := "people"
	if r.Total == 1 {
		people = "person"
	}
	words := fmt.Sprintf("%d of %d %s done, %d refused", r.Done, r.Total, people, r.Refused)
	if !r.Running && !r.Ended {
		words += "; broken off"
	}
	return words
}
