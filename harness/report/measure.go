package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"lethe/harness/metric"
)

// Comparing says how a metric's after is held against its before.
type Comparing int

// Ways of comparing.
const (
	ByRatio      Comparing = iota // after/before
	ByDifference                  // after-before
	AfterOnly                     // before is 0 by definition: distances to the original
)

// Measure describes one metric: how it is called, and how it is printed.
type Measure struct {
	Key     string // in CSV and JSON, such as "hole_mse"
	Name    string
	Unit    string // "" for none
	Digits  int    // behind the point
	Compare Comparing
	Better  string // "lower" or "higher": closer to the truth
	Explain string // one sentence
}

// Measures are the five of the metric package, in the order of the report.
func Measures() []Measure {
	return []Measure{
		{Key: "hole_mse", Name: "Hole MSE", Digits: 4, Compare: ByRatio, Better: "lower",
			Explain: "mean squared error of normalised pixels over removed patches only"},
		{Key: "psnr", Name: "PSNR", Unit: "dB", Digits: 2, Compare: ByDifference, Better: "higher",
			Explain: fmt.Sprintf("peak signal-to-noise ratio of the whole displayed image, range 1, at most %d dB", metric.PSNRCap)},
		{Key: "ssim", Name: "SSIM", Digits: 4, Compare: ByDifference, Better: "higher",
			Explain: "structural similarity of the displayed image, 11\u00d711 Gaussian of deviation 1.5, mean over channels"},
		{Key: "encoder_rms", Name: "Encoder RMS", Digits: 4, Compare: AfterOnly, Better: "lower",
			Explain: "root mean square distance between the embeddings of the unlearned and the original encoder"},
		{Key: "encoder_unit", Name: "Encoder \u03b5", Digits: 4, Compare: AfterOnly, Better: "lower",
			Explain: "distance of the two embeddings scaled to length 1: 0 is the same direction, 2 the opposite"},
	}
}

// change is how the cell moved, and whether that can be said.
func (m Measure) change(c Cell) (Change, bool) {
	if c.Change.Known {
		return c.Change, m.Compare != AfterOnly
	}
	if c.Before.N == 0 || c.After.N == 0 {
		return Change{}, false
	}
	switch m.Compare {
	case ByRatio:
		return Change{Value: c.After.Mean / c.Before.Mean}, c.Before.Mean > 0
	case ByDifference:
		return Change{Value: c.After.Mean - c.Before.Mean}, true
	}
	return Change{}, false
}

func (m Measure) changeText(v float64) string {
	if m.Compare == ByRatio {
		return Times(v)
	}
	text := Fixed(v, m.Digits)
	if v > 0 {
		text = "+" + text
	}
	return text
}

// rangeText prints the interval of a change: "1.00–1.09×", "−0.31 to −0.02".
func (m Measure) rangeText(c Change) string {
	lo, hi := m.changeText(c.Lo), m.changeText(c.Hi)
	if m.Compare == ByRatio {
		return strings.TrimSuffix(lo, "\u00d7") + "\u2013" + hi
	}
	return lo + " to " + hi
}

// Goals are limits of the ratio of the first measure; 0 means none.
type Goals struct {
	Forget float64 // at least
	Retain float64 // at most
}

// Judge says in one sentence and a few figures how the first measure moved
// under one kind of mask. An empty mask means the first row's.
func Judge(m Metrics, mask string, g Goals) Verdict {
	if len(m.Measures) == 0 || len(m.Rows) == 0 {
		return Verdict{}
	}
	if mask == "" {
		mask = m.Rows[0].Mask
	}
	measure := m.Measures[0]
	var v Verdict
	var said []string
	for _, set := range []Set{Forget, Retain, HeldOut} {
		row, ok := m.find(mask, set)
		if !ok || len(row.Cells) == 0 {
			continue
		}
		change, ok := measure.change(row.Cells[0])
		if !ok {
			continue
		}
		v.Figures = append(v.Figures, figure(measure, row, change, mask, g))
		switch {
		case set == HeldOut:
		case len(said) == 0:
			said = append(said, measure.opening(set, change.Value))
		default:
			said = append(said, string(set)+" "+measure.sentenceText(change.Value))
		}
	}
	if len(said) > 0 {
		v.Sentence = strings.Join(said, ", ") + "."
	}
	return v
}

// opening is the first part of the sentence.
func (m Measure) opening(set Set, v float64) string {
	name := m.Name
	if name == "Hole MSE" {
		name = "hole MSE"
	}
	name = upperFirst(string(set)) + " " + name + " "
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return name + "is no longer finite"
	case m.Compare == ByRatio:
		return name + m.sentenceText(v) + " the original\u2019s"
	}
	return name + m.sentenceText(v) + " against the original"
}

// sentenceText has two significant digits where the tables have three.
func (m Measure) sentenceText(v float64) string {
	if m.Compare == ByRatio && v >= 2 && v < 100 {
		return strconv.FormatFloat(v, 'f', 1, 64) + "\u00d7"
	}
	return m.changeText(v)
}

func figure(m Measure, row Row, change Change, mask string, g Goals) Figure {
	c := row.Cells[0]
	f := Figure{
		Set: row.Set, Label: fmt.Sprintf("%s, %s", m.Name, mask), Value: m.changeText(change.Value),
		Note: fmt.Sprintf("%s \u2192 %s", Fixed(c.Before.Mean, m.Digits), Fixed(c.After.Mean, m.Digits)),
	}
	if change.Known {
		f.Note += ", 95\u00a0% interval " + m.rangeText(change)
	}
	switch {
	case m.Compare != ByRatio:
	case row.Set == Forget && g.Forget > 0:
		f.Goal, f.Missed = "at least "+goalText(g.Forget), !(change.Value >= g.Forget)
	case row.Set == Retain && g.Retain > 0:
		f.Goal, f.Missed = "at most "+goalText(g.Retain), !(change.Value <= g.Retain)
	}
	return f
}

func goalText(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) + "\u00d7" }

func (m Metrics) find(mask string, set Set) (Row, bool) {
	for _, r := range m.Rows {
		if r.Mask == mask && r.Set == set {
			return r, true
		}
	}
	return Row{}, false
}

// Fixed prints a number with so many digits behind the point, with a real
// minus, and in powers of ten where the point would be far away.
func Fixed(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "not finite"
	}
	if math.Abs(v) >= 1e5 {
		return power(v, 3)
	}
	return minus(strconv.FormatFloat(v, 'f', digits, 64))
}

// Times prints a ratio: "1.04×", "31.2×", "312×".
func Times(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "not finite"
	case a >= 1e5:
		return power(v, 3) + "\u00d7"
	case a >= 99.95:
		return minus(strconv.FormatFloat(v, 'f', 0, 64)) + "\u00d7"
	case a >= 9.995:
		return minus(strconv.FormatFloat(v, 'f', 1, 64)) + "\u00d7"
	}
	return minus(strconv.FormatFloat(v, 'f', 2, 64)) + "\u00d7"
}

// power prints "1.23·10⁶", and "10⁶" when the factor is 1.
func power(v float64, significant int) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', significant-1, 64), "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	e, _ := strconv.Atoi(exponent)
	raised := strings.Map(func(r rune) rune {
		if r == '-' {
			return '\u207b'
		}
		return []rune("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")[r-'0']
	}, strconv.Itoa(e))
	if mantissa == "1" {
		return "10" + raised
	}
	return minus(mantissa) + "\u00b710" + raised
}

func minus(s string) string { return strings.Replace(s, "-", "\u2212", 1) }

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
