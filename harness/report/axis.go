package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// span is the range of the values seen.
type span struct {
	lo, hi float64
	any    bool
}

func (s *span) add(v float64) {
	if !s.any {
		s.lo, s.hi, s.any = v, v, true
	}
	s.lo, s.hi = min(s.lo, v), max(s.hi, v)
}

// axis maps values to [0,1].
type axis struct {
	lo, hi float64 // for log, of log10
	log    bool
	ticks  []float64
}

// at is where v lies, 0 at the low end and 1 at the high end.
func (a axis) at(v float64) float64 {
	if a.log {
		v = math.Log10(v)
	}
	// Halves first: hi-lo of two huge values would overflow.
	return (v/2 - a.lo/2) / (a.hi/2 - a.lo/2)
}

// linearAxis is the span, widened to whole ticks if asked, and always of some
// width: a constant gets room on both sides, zero gets [0,1].
func linearAxis(s span, count int, whole bool) axis {
	switch {
	case max(math.Abs(s.lo), math.Abs(s.hi)) < smallest:
		s.lo, s.hi = 0, 1
	case s.hi-s.lo < 1e-9*max(math.Abs(s.lo), math.Abs(s.hi)):
		room := math.Abs(s.hi) / 2
		s.lo, s.hi = s.lo-room, s.hi+room
	case whole && s.lo > 0 && s.lo < s.hi/2:
		s.lo = 0
	}
	step := niceStep((s.hi/2 - s.lo/2) / float64(count) * 2)
	first, last := math.Ceil(s.lo/step-1e-9), math.Floor(s.hi/step+1e-9)
	if whole {
		first, last = math.Floor(s.lo/step+1e-9), math.Ceil(s.hi/step-1e-9)
		s.lo, s.hi = first*step, last*step
	}
	a := axis{lo: s.lo, hi: s.hi}
	for k := first; k <= last && len(a.ticks) < 50; k++ {
		a.ticks = append(a.ticks, round(k*step, 12)+0) // +0: never a negative zero
	}
	return a
}

// namedAxis has a place for each of n names, and ticks from the last one back.
func namedAxis(n int) axis {
	const most = 5
	a := axis{lo: -0.5, hi: float64(n) - 0.5}
	every := (n + most - 1) / most
	for i := n - 1; i >= 0; i -= every {
		a.ticks = append(a.ticks, float64(i))
	}
	slices.Reverse(a.ticks)
	return a
}

// smallest is what a linear axis still tells from 0: float64 has room below it
// for the arithmetic on ticks. float32 ends long before.
const smallest = 1e-290

// niceStep is the next of 1, 2, 5 times a power of ten, or one a little below.
func niceStep(raw float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*base*1.15 {
			return m * base
		}
	}
	return 10 * base
}

// logAxis spans the values with a little room, ticked at decades, at 1, 2, 5
// when there are few decades, and evenly when there is hardly one.
func logAxis(s span) axis {
	lo, hi := math.Log10(s.lo), math.Log10(s.hi)
	room := max(0.04*(hi-lo), 0.05)
	a := axis{lo: lo - room, hi: hi + room, log: true}
	every := max(1, math.Ceil((a.hi-a.lo)/7))
	for _, steps := range [][]float64{{1}, {1, 3}, {1, 2, 5}} {
		a.ticks = a.ticks[:0]
		for e := math.Floor(a.lo/every) * every; e <= a.hi; e += every {
			for _, m := range steps {
				if at := e + math.Log10(m); at >= a.lo && at <= a.hi {
					a.ticks = append(a.ticks, round(m*math.Pow(10, e), 3))
				}
			}
		}
		if len(a.ticks) >= 3 {
			return a
		}
	}
	even := linearAxis(span{math.Pow(10, a.lo), math.Pow(10, a.hi), true}, 4, false)
	a.ticks = even.ticks
	return a
}

// round keeps so many significant digits.
func round(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// tickText prints the value of a tick, shortest form: "0.002", "1500", "5·10⁻⁵".
func tickText(v float64) string {
	if a := math.Abs(v); v != 0 && (a < 1e-3 || a >= 1e5) {
		return power(v, 4)
	}
	s := strconv.FormatFloat(v, 'f', 6, 64)
	return minus(strings.TrimRight(strings.TrimRight(s, "0"), "."))
}
