package travel

import (
	"fmt"
	"slices"
	"strings"
)

// Recommendation is a package with what speaks for it.
type Recommendation struct {
	Package Package
	Reasons []string // "hiking and huts are what you like"
}

// What a match counts for. An interest is worth more than a date, since dates
// move more easily than tastes.
const (
	weightInterest = 3
	weightBudget   = 2
	weightMonth    = 2
	weightCompany  = 1
)

// Recommend returns the packages that suit a person best, at most n of them,
// best first; none where she has told us nothing. It uses what Acme itself
// knows, for Acme's own site: no other program sees the data, so no OAuth is
// in it.
func Recommend(catalogue []Package, p Preferences, n int) []Recommendation {
	type scored struct {
		Recommendation
		score int
	}
	var all []scored
	for _, candidate := range catalogue {
		if score, reasons := suits(candidate, p); score > 0 {
			all = append(all, scored{Recommendation{candidate, reasons}, score})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		if a.score != b.score {
			return b.score - a.score
		}
		return a.Package.Price - b.Package.Price
	})
	best := []Recommendation{}
	for _, r := range all[:min(n, len(all))] {
		best = append(best, r.Recommendation)
	}
	return best
}

// suits scores a package. Without a shared interest, where interests are
// known, the rest does not count: everything is affordable to somebody.
func suits(candidate Package, p Preferences) (score int, reasons []string) {
	var shared []string
	for _, interest := range p.Interests {
		if contains(candidate.Tags, interest) {
			shared = append(shared, interest)
		}
	}
	if len(p.Interests) > 0 && len(shared) == 0 {
		return 0, nil
	}
	if len(shared) > 0 {
		score += weightInterest * len(shared)
		reasons = append(reasons, "you like "+and(shared))
	}
	if p.BudgetMax > 0 && candidate.Price <= p.BudgetMax {
		score += weightBudget
		reasons = append(reasons, fmt.Sprintf("within your %d euros", p.BudgetMax))
	}
	var months []string
	for _, m := range p.Months {
		if slices.Contains(candidate.Months, m) {
			months = append(months, m.String())
		}
	}
	if len(months) > 0 {
		score += weightMonth
		reasons = append(reasons, "it runs in "+and(months))
	}
	if p.TravelsWith != "" && contains(candidate.Company, p.TravelsWith) {
		score += weightCompany
		reasons = append(reasons, companyReason[p.TravelsWith])
	}
	return score, reasons
}

var companyReason = map[string]string{
	"alone": "good to do alone", "partner": "good with a partner", "friend": "good with a friend",
	"family": "good with a family", "group": "good in a group",
}

func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
