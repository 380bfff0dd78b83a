package travel

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Month is a month of the year, 1 to 12. In JSON it is written as a number and
// read as a number or as its English name: "June", "jun".
type Month int

const monthFault = "must be months: numbers from 1 to 12 or English names"

// Valid tells whether there is such a month.
func (m Month) Valid() bool { return m >= 1 && m <= 12 }

// String is the English name.
func (m Month) String() string {
	if !m.Valid() {
		return strconv.Itoa(int(m))
	}
	return time.Month(m).String()
}

// ParseMonth reads a number or an English name, whole or its first three letters.
func ParseMonth(s string) (Month, error) {
	s = strings.TrimSpace(s)
	for m := Month(1); m <= 12; m++ {
		name := m.String()
		if s == strconv.Itoa(int(m)) || strings.EqualFold(s, name) || strings.EqualFold(s, name[:3]) {
			return m, nil
		}
	}
	return 0, FieldError{"months", monthFault}
}

// ParseMonths reads a list with commas between, as a person types it.
func ParseMonths(s string) ([]Month, error) {
	months := []Month{}
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		m, err := ParseMonth(part)
		if err != nil {
			return nil, err
		}
		months = append(months, m)
	}
	return inOrder(months), nil
}

// UnmarshalJSON takes 6, "6" and "June".
func (m *Month) UnmarshalJSON(b []byte) error {
	var number int
	if json.Unmarshal(b, &number) == nil && Month(number).Valid() {
		*m = Month(number)
		return nil
	}
	var name string
	if json.Unmarshal(b, &name) != nil {
		return FieldError{"months", monthFault}
	}
	month, err := ParseMonth(name)
	if err == nil {
		*m = month
	}
	return err
}

func inOrder(months []Month) []Month {
	months = append([]Month{}, months...)
	slices.Sort(months)
	return slices.Compact(months)
}
