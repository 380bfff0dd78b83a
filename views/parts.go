package views

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bars of 12 with gaps of 5, 40 high; a zero is a line of 2.
const barStep, barWidth, barsHeight, barLeast = 17, 12, 40, 2

type bar struct{ x, y, height string }

// Span is a time span in its two largest units: "30 days", "1 h 5 min", "48 s".
func Span(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		one   time.Duration
		words string
	}{{24 * time.Hour, " days"}, {time.Hour, " h"}, {time.Minute, " min"}, {time.Second, " s"}} {
		n := d / unit.one
		if n == 0 {
			if len(parts) > 0 {
				break
			}
			continue
		}
		d -= n * unit.one
		word := strconv.FormatInt(int64(n), 10) + unit.words
		if word == "1 days" {
			word = "1 day"
		}
		if parts = append(parts, word); len(parts) == 2 {
			break
		}
	}
	if parts == nil {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

func barsViewBox(count int) string {
	return fmt.Sprintf("0 0 %d %d", max(count*barStep-(barStep-barWidth), 0), barsHeight)
}

func barsOf(values []int) []bar {
	if len(values) == 0 {
		return nil
	}
	highest := max(slices.Max(values), 1)
	bars := make([]bar, len(values))
	for i, value := range values {
		height := barLeast + max(value, 0)*(barsHeight-2*barLeast)/highest
		bars[i] = bar{strconv.Itoa(i * barStep), strconv.Itoa(barsHeight - height), strconv.Itoa(height)}
	}
	return bars
}

const ratingMost = 5

// ratingDots says for each of the five circles whether it is filled: 4.7 fills
// five, 4.4 four.
func ratingDots(n float64) [ratingMost]bool {
	var dots [ratingMost]bool
	for i := range dots {
		dots[i] = float64(i) < math.Round(n)
	}
	return dots
}

func ratingCentre(i int) string { return strconv.Itoa(10 + 20*i) }

// ratingWords is "4.7 of 5", and "4 of 5" for a whole number.
func ratingWords(n float64) string {
	return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64) + " of 5"
}
