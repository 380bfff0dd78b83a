package views

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Bars of 12 with gaps of 5, 40 high; a zero is a line of 2.
const barStep, barWidth, barsHeight, barLeast = 17, 12, 40, 2

type bar struct{ x, y, height string }

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
