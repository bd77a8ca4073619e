package bench

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Medians writes the set in Go's benchmark format with one line a row: the
// medians, and the number of measurements in the place of the iterations. Of a
// rate in the header, such as the FMA peak, it keeps the median too; of anything
// else that changed, every value. Peers are left out.
func (s *Set) Medians(w io.Writer) error {
	var b strings.Builder
	for _, key := range slices.Sorted(slices.Values(s.keys)) {
		if key != "pkg" {
			fmt.Fprintf(&b, "%s: %s\n", key, settled(s.config[key]))
		}
	}
	for _, line := range slices.Sorted(slices.Values(s.units)) {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n")
	for _, r := range s.order {
		if isPeer(r.who) {
			continue
		}
		fmt.Fprintf(&b, "Benchmark%s\t%d", r.name, len(r.samples[r.unit[0]]))
		for _, unit := range r.unit {
			fmt.Fprintf(&b, "\t%s %s", strconv.FormatFloat(r.median(unit), 'g', 5, 64), unit)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// settled is the median of values that are a number with one unit, or all of them.
func settled(values []string) string {
	var numbers []float64
	var unit string
	for _, v := range values {
		number, u, ok := strings.Cut(v, " ")
		x, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || unit != "" && u != unit {
			return strings.Join(values, ", ")
		}
		unit = u
		numbers = append(numbers, x)
	}
	return strconv.FormatFloat(median(numbers), 'g', 5, 64) + " " + unit
}
