package report

import (
	"math"
	"testing"

	"lethe/harness/metric"
)

func row(mask string, set Set, before, after float64) Row {
	return Row{Mask: mask, Set: set, N: 9, Cells: []Cell{{
		Before: metric.Summary{N: 9, Mean: before}, After: metric.Summary{N: 9, Mean: after},
	}}}
}

func TestJudge(t *testing.T) {
	one := Measures()[:1]
	for name, c := range map[string]struct {
		m        Metrics
		mask     string
		sentence string
		missed   []bool
	}{
		"both":        {Metrics{one, []Row{row("a", Retain, 0.1, 0.104), row("a", Forget, 0.1, 0.312)}}, "a", "Forget hole MSE 3.1× the original’s, retain 1.04×.", []bool{false, false}},
		"first mask":  {Metrics{one, []Row{row("b", Forget, 0.1, 0.2), row("a", Forget, 0.1, 0.9)}}, "", "Forget hole MSE 2.0× the original’s.", []bool{false}},
		"missed":      {Metrics{one, []Row{row("a", Retain, 0.1, 0.2), row("a", Forget, 0.1, 0.1), row("a", HeldOut, 0.1, 0.1)}}, "a", "Forget hole MSE 1.00× the original’s, retain 2.0×.", []bool{true, true, false}},
		"only retain": {Metrics{one, []Row{row("a", Retain, 0.1, 0.1)}}, "a", "Retain hole MSE 1.00× the original’s.", []bool{false}},
		"diverged":    {Metrics{one, []Row{row("a", Forget, 0.5, 1e9)}}, "a", "Forget hole MSE 2·10⁹× the original’s.", []bool{false}},
		"other mask":  {Metrics{one, []Row{row("a", Forget, 1, 2)}}, "b", "", nil},
		"zero before": {Metrics{one, []Row{row("a", Forget, 0, 2)}}, "a", "", nil},
		"NaN":         {Metrics{one, []Row{row("a", Forget, 1, math.NaN())}}, "a", "Forget hole MSE is no longer finite.", []bool{true}},
		"difference":  {Metrics{Measures()[1:2], []Row{row("a", Forget, 20, 18.5), row("a", Retain, 20, 20.25)}}, "a", "Forget PSNR −1.50 against the original, retain +0.25.", []bool{false, false}},
		"nothing":     {Metrics{}, "", "", nil},
	} {
		v := Judge(c.m, c.mask, Goals{Forget: 2, Retain: 1.1})
		if v.Sentence != c.sentence {
			t.Errorf("%s: sentence is %q, want %q", name, v.Sentence, c.sentence)
		}
		if len(v.Figures) != len(c.missed) {
			t.Errorf("%s: %d figures, want %d", name, len(v.Figures), len(c.missed))
			continue
		}
		for i, want := range c.missed {
			if v.Figures[i].Missed != want {
				t.Errorf("%s: figure %d missed its goal: %v, want %v", name, i, v.Figures[i].Missed, want)
			}
		}
	}
	if v := Judge(Metrics{one, []Row{row("a", Forget, 1, 1)}}, "a", Goals{}); v.Figures[0].Goal != "" || v.Figures[0].Missed {
		t.Errorf("no goal was set, and the figure is %+v", v.Figures[0])
	}
}

func TestNumbersAsText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Fixed(0.12345, 4), "0.1235"}, {Fixed(-3.14159, 2), "−3.14"}, {Fixed(0, 4), "0.0000"},
		{Fixed(99999, 1), "99999.0"}, {Fixed(123456, 4), "1.23·10⁵"}, {Fixed(-1e6, 2), "−1·10⁶"}, {Fixed(math.NaN(), 2), "not finite"}, {Fixed(math.Inf(1), 2), "not finite"},
		{Times(1), "1.00×"}, {Times(9.994), "9.99×"}, {Times(9.996), "10.0×"}, {Times(99.94), "99.9×"}, {Times(99.96), "100×"}, {Times(1e6), "10⁶×"}, {Times(math.Inf(1)), "not finite"},
		{tickText(0), "0"}, {tickText(1e5), "10⁵"}, {tickText(-0.25), "−0.25"}, {tickText(12345), "12345"}, {tickText(0.0025), "0.0025"},
		{Measures()[1].changeText(1.234), "+1.23"}, {Measures()[1].changeText(-1.234), "−1.23"}, {Measures()[0].rangeText(Change{Lo: 1, Hi: 1.25}), "1.00–1.25×"},
	} {
		if c.got != c.want {
			t.Errorf("text is %q, want %q", c.got, c.want)
		}
	}
}

func TestClassText(t *testing.T) {
	g := Group{}
	for n, want := range map[int]string{0: "–", 1: "a", 2: "a, b", 12: "a, b, c, d, e, f, g, h, i, j, k, l", 13: "a, b, c, d, e, f, g, h, i, j and 3 more"} {
		g.Classes = nil
		for i := range n {
			g.Classes = append(g.Classes, string(rune('a'+i)))
		}
		if got := g.ClassText(); got != want {
			t.Errorf("%d classes are %q, want %q", n, got, want)
		}
	}
}
