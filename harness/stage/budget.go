package stage

import (
	"fmt"
	"io"
	"strings"
)

// Roofs bound what an op can reach.
type Roofs struct {
	Peak    Peak
	Pairs   Peak      // of products with weights, where those are of pairs; the zero value: Peak
	Memory  Bandwidth // of which InPlace is the roof
	Steps   int       // the budget is of so many steps; below 1: of 1
	Seconds float64   // that these steps took, by the wall clock; 0: the ops'
}

// limit is the least time that an op could have taken, and what bounds it: its
// arithmetic at the peak or its bytes at the memory's rate, whichever is longer.
func (r Roofs) limit(o Op) (seconds float64, by string) {
	peak, unit := r.Peak, "FMA"
	if r.Pairs.GFLOPPerSecond > 0 && o.withWeights() {
		peak, unit = r.Pairs, "pairs"
	}
	arithmetic, memory := ratio(o.GFLOPs, peak.GFLOPPerSecond), ratio(o.GBytes, r.Memory.InPlace)
	switch {
	case arithmetic == 0 && memory == 0:
		return 0, "-"
	case arithmetic >= memory:
		return arithmetic, unit
	}
	return memory, "memory"
}

// withWeights reports whether the arithmetic of o is products with weights, which are
// computed in the precision of a tape. Winograd's convolutions are too: they run on the
// other units, but save what would take longer on these.
func (o Op) withWeights() bool {
	name, _, _ := strings.Cut(o.Name, ".")
	return name == "linear" || name == "mlp" || name == "conv2d"
}

// WriteBudget prints a line an op, the longest first: its part of a step, its
// rates, and its share of the roof that bounds it. A share above 100 % says that
// operands came from a cache, that the products ran on other units than the
// peak's (tiles), or that an algorithm needs fewer of them than are counted (Winograd's).
func WriteBudget(w io.Writer, ops []Op, r Roofs) error {
	steps := float64(max(r.Steps, 1))
	spent, least, gflops := 0.0, 0.0, 0.0
	for _, o := range ops {
		spent += o.Seconds
		gflops += o.GFLOPs
	}
	total := r.Seconds
	if total == 0 {
		total = spent
	}
	rows := [][]string{{"op", "ms", "step", "calls", "GFLOP", "GFLOP/s", "GB/s", "roof", "of roof"}}
	for _, o := range ops {
		limit, by := r.limit(o)
		least += limit
		rows = append(rows, []string{
			o.Name, fmt.Sprintf("%.3f", 1e3*o.Seconds/steps), fmt.Sprintf("%.1f %%", 100*ratio(o.Seconds, total)), fmt.Sprintf("%.4g", float64(o.Calls)/steps),
			orDash("%.3f", o.GFLOPs/steps), orDash("%.1f", ratio(o.GFLOPs, o.Seconds)), orDash("%.1f", ratio(o.GBytes, o.Seconds)),
			by, orDash("%.1f %%", 100*ratio(limit, o.Seconds)),
		})
	}
	rest := max(0, total-spent)
	rows = append(rows,
		[]string{"elsewhere", fmt.Sprintf("%.3f", 1e3*rest/steps), fmt.Sprintf("%.1f %%", 100*ratio(rest, total)), "", "", "", "", "", ""},
		[]string{"step", fmt.Sprintf("%.3f", 1e3*total/steps), "", "", orDash("%.3f", gflops/steps), orDash("%.1f", ratio(gflops, total)), "", "", orDash("%.1f %%", 100*ratio(least, total))})
	var b strings.Builder
	writeAligned(&b, rows)
	pairs := ""
	if r.Pairs.GFLOPPerSecond > 0 {
		pairs = fmt.Sprintf("pairs %s; ", r.Pairs)
	}
	fmt.Fprintf(&b, "roofs: FMA %s; %smemory %s\n", r.Peak, pairs, r.Memory)
	_, err := io.WriteString(w, b.String())
	return err
}
