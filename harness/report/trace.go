package report

import (
	"math"
	"strconv"
	"strings"
)

// largest is what an axis can show; float64 has room above it for the ticks.
const largest = 1e300

// drawable says whether a point can be shown.
func drawable(x, y float64, log bool) bool {
	return math.Abs(x) <= largest && math.Abs(y) <= largest && (!log || y >= smallest)
}

// dot is a placed point.
type dot struct{ x, y float64 }

// column gathers the points that fall on one pixel column: the first, lowest,
// highest and last of them draw the same line as all of them do.
type column struct {
	at           int
	dots         [4]dot // first, lowest, highest, last
	low, high, n int    // when lowest and highest came
}

func (c *column) add(d dot) {
	if c.n == 0 {
		c.dots = [4]dot{d, d, d, d}
		c.low, c.high = 0, 0
	}
	if d.y < c.dots[1].y {
		c.dots[1], c.low = d, c.n
	}
	if d.y > c.dots[2].y {
		c.dots[2], c.high = d, c.n
	}
	c.dots[3] = d
	c.n++
}

// flush appends what the column keeps to a path, in the order it came.
func (c *column) flush(b *strings.Builder, pen *pen) {
	if c.n == 0 {
		return
	}
	order := [4]int{0, 1, 2, 3}
	if c.high < c.low {
		order = [4]int{0, 2, 1, 3}
	}
	for _, i := range order {
		pen.to(b, c.dots[i])
	}
	c.n = 0
}

// pen writes a path, leaving out points that are equal as printed.
type pen struct {
	down bool
	last string
	only bool // one point since the pen went down
}

func (p *pen) to(b *strings.Builder, d dot) {
	text := num(d.x) + " " + num(d.y)
	if p.down && text == p.last {
		return
	}
	letter := "L"
	if !p.down {
		letter = "M"
	}
	p.only = !p.down
	p.down, p.last = true, text
	b.WriteString(letter + text)
}

// lift ends a piece of curve. A piece of one point becomes a dot: a line of no
// length, which round caps make visible.
func (p *pen) lift(b *strings.Builder) {
	if p.down && p.only {
		b.WriteString("h0")
	}
	p.down = false
}

// trace is the path of a curve. A point that place refuses leaves a gap. However
// long the curve is, the path has at most four points for each pixel column and gap.
func trace(xs, ys []float64, place func(x, y float64) (float64, float64, bool)) string {
	var b strings.Builder
	var c column
	var p pen
	for i := range min(len(xs), len(ys)) {
		x, y, ok := place(xs[i], ys[i])
		if !ok {
			c.flush(&b, &p)
			p.lift(&b)
			continue
		}
		if at := int(math.Floor(x)); at != c.at {
			c.flush(&b, &p)
			c.at = at
		}
		c.add(dot{x, y})
	}
	c.flush(&b, &p)
	p.lift(&b)
	return b.String()
}

// runningMean is the mean of the finite values in a window of odd width around
// each; what is not finite stays so.
func runningMean(ys []float64, window int) []float64 {
	out := make([]float64, len(ys))
	for i, y := range ys {
		out[i] = y
		if math.IsNaN(y) || math.IsInf(y, 0) {
			continue
		}
		sum, n := 0.0, 0.0
		for _, v := range ys[max(0, i-window/2):min(len(ys), i+window/2+1)] {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				sum += v
				n++
			}
		}
		out[i] = sum / n
	}
	return out
}

// num prints a coordinate with at most one digit behind the point.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	s = strings.TrimSuffix(s, ".0")
	if s == "-0" {
		return "0"
	}
	return s
}
