package page

import "example.com/acme-dreams/views"

// CompareView is two runs beside one another.
type CompareView struct {
	Left, Right CompareHead
	Pairs       []ComparePair
	Path        string // of the page
	Reveal      bool   // secrets are shown whole
	Same        int    // pairs that do not differ
	Different   int
	Alone       int
}

// Add adds a pair, and counts it.
func (v *CompareView) Add(p ComparePair) {
	v.Pairs = append(v.Pairs, p)
	switch {
	case p.Left == nil || p.Right == nil:
		v.Alone++
	case p.differs():
		v.Different++
	default:
		v.Same++
	}
}

// CompareHead is what a run is called.
type CompareHead struct{ Title, At, Href string }

// ComparePair is a row of each run, or of one alone.
type ComparePair struct {
	Left, Right *CompareCell
	Differs     bool // in what came of it
	Params      []CompareParam
}

func (p ComparePair) differs() bool {
	if p.Differs {
		return true
	}
	for _, one := range p.Params {
		if one.Mark != Fresh {
			return true
		}
	}
	return false
}

// CompareCell is a row of a run.
type CompareCell struct {
	From, To          views.Party
	Label, Line, Href string
	Front, Failed     bool
}

// CompareParam is a parameter that is not the same in both.
type CompareParam struct {
	Name, Left, Right string
	Mark              CompareMark
}

// CompareMark is how a parameter differs.
type CompareMark string

// The marks.
const (
	Differs   CompareMark = "differs"
	Fresh     CompareMark = "new each time"
	OnlyLeft  CompareMark = "in the first run only"
	OnlyRight CompareMark = "in the second run only"
)
