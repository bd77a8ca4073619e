package main

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// tradeOff is the figure of a table: a metric on retain images against the same on
// forget images, a line a method and retain set over alpha. The original and the
// retrained model are points with their names.
type tradeOff struct {
	Metric studyMetric
	curves []*tradeCurve
}

// tradeCurve is one line. Its colour is the method's, its dashes are the retain
// set's.
type tradeCurve struct {
	studyRow
	colour, dash int
	x, y         []float64
	alphas       []string
}

// dashes of the retain sets in their order.
var dashes = []string{"none", "7 4", "2 3", "10 3 2 3"}

// colours is how many the page has.
const colours = 8

// figure picks the metric and collects the curves; nil without the numbers for it.
func (t *studyTable) figure() *tradeOff {
	for _, metric := range []string{"FID", "psnr"} {
		retain, forget := t.column("retain", metric), t.column("forget", metric)
		if retain < 0 || forget < 0 {
			continue
		}
		f := &tradeOff{Metric: t.Columns[retain].Metric}
		for _, r := range t.Rows {
			if r.Stats[retain].N > 0 && r.Stats[forget].N > 0 {
				f.add(r.studyRow, r.Stats[forget].Mean, r.Stats[retain].Mean)
			}
		}
		return f
	}
	return nil
}

// add puts a point on the curve of its row.
func (f *tradeOff) add(row studyRow, x, y float64) {
	if math.IsInf(x, 0) || math.IsNaN(x) || math.IsInf(y, 0) || math.IsNaN(y) {
		return
	}
	alpha := ""
	if row.Alpha != nil {
		alpha = fmt.Sprintf("%g", *row.Alpha)
		row.Alpha = nil
	}
	i := slices.IndexFunc(f.curves, func(c *tradeCurve) bool { return c.studyRow == row })
	if i < 0 {
		i = len(f.curves)
		f.curves = append(f.curves, &tradeCurve{studyRow: row, colour: f.place(func(c *tradeCurve) string { return c.Method }, row.Method), dash: f.place(func(c *tradeCurve) string { return c.Retain }, row.Retain)})
	}
	c := f.curves[i]
	c.x, c.y, c.alphas = append(c.x, x), append(c.y, y), append(c.alphas, alpha)
}

// place is the number of a method or a retain set among those of the curves.
func (f *tradeOff) place(of func(*tradeCurve) string, name string) int {
	var seen []string
	for _, c := range f.curves {
		if k := of(c); !slices.Contains(seen, k) && c.Method != rowOriginal && c.Method != rowOracle {
			seen = append(seen, k)
		}
	}
	if i := slices.Index(seen, name); i >= 0 {
		return i
	}
	return len(seen)
}

// scale maps values to a length of the picture.
type scale struct{ lo, hi, from, to float64 }

func (s scale) at(v float64) float64 { return s.from + (v-s.lo)/(s.hi-s.lo)*(s.to-s.from) }

// fit is a scale over values, with a margin; ticks are its round numbers.
func fit(values []float64, from, to float64) (s scale, ticks []float64) {
	lo, hi := slices.Min(values), slices.Max(values)
	margin := 0.06 * (hi - lo)
	if margin == 0 {
		margin = max(0.05*math.Abs(hi), 0.5)
	}
	s = scale{lo - margin, hi + margin, from, to}
	step := math.Pow(10, math.Floor(math.Log10((s.hi-s.lo)/4)))
	for _, m := range []float64{1, 2, 5, 10} {
		if (s.hi-s.lo)/(m*step) <= 7 {
			step *= m
			break
		}
	}
	for k := math.Ceil(s.lo / step); k*step <= s.hi; k++ {
		ticks = append(ticks, k*step)
	}
	return s, ticks
}

// SVG draws the figure; nothing without a point.
func (f *tradeOff) SVG() template.HTML {
	var xs, ys []float64
	for _, c := range f.curves {
		xs, ys = append(xs, c.x...), append(ys, c.y...)
	}
	if len(xs) == 0 {
		return ""
	}
	const width, height, left, right, top, bottom = 771.0, 470.0, 60.0, 16.0, 12.0, 44.0
	x, xTicks := fit(xs, left, width-right)
	y, yTicks := fit(ys, height-bottom, top)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="trade" viewBox="0 0 %g %g" role="img" aria-label="%s on retain images against forget images">`, width, height, template.HTMLEscapeString(f.Metric.title))
	for _, v := range yTicks {
		fmt.Fprintf(&b, `<path class="rule" d="M%g %.1fH%g"/><text x="%g" y="%.1f" text-anchor="end">%.4g</text>`, left, y.at(v), width-right, left-8, y.at(v)+4, v)
	}
	for _, v := range xTicks {
		fmt.Fprintf(&b, `<path class="rule" d="M%.1f %gV%g"/><text x="%.1f" y="%g" text-anchor="middle">%.4g</text>`, x.at(v), height-bottom, top, x.at(v), height-bottom+17, v)
	}
	title := template.HTMLEscapeString(f.Metric.title)
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle">%s on forget images</text>`, (left+width-right)/2, height-6, title)
	fmt.Fprintf(&b, `<text transform="translate(14 %g) rotate(-90)" text-anchor="middle">%s on retain images</text>`, (top+height-bottom)/2, title)
	for _, c := range f.curves {
		c.draw(&b, x, y, width/2)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// draw draws one curve, with the alphas at its points.
func (c *tradeCurve) draw(b *strings.Builder, x, y scale, middle float64) {
	if c.Method == rowOriginal || c.Method == rowOracle {
		px, py := x.at(c.x[0]), y.at(c.y[0])
		anchor, dx := "start", 8.0
		if px > middle {
			anchor, dx = "end", -8
		}
		fmt.Fprintf(b, `<path class="mark" d="M%.1f %.1fl5 5l-5 5l-5 -5z"/><text class="named" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, px, py-5, px+dx, py+17, anchor, c.Method)
		return
	}
	var d strings.Builder
	for i := range c.x {
		fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], x.at(c.x[i]), y.at(c.y[i]))
	}
	fmt.Fprintf(b, `<g class="c%d"><path class="curve" stroke-dasharray="%s" d="%s"/>`, c.colour%colours, dashes[c.dash%len(dashes)], d.String())
	for i := range c.x {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.2"><title>%s, α %s: %.4g, %.4g</title></circle>`, x.at(c.x[i]), y.at(c.y[i]), template.HTMLEscapeString(c.name()), c.alphas[i], c.x[i], c.y[i])
		if i == 0 || i == len(c.x)-1 {
			fmt.Fprintf(b, `<text class="alpha" x="%.1f" y="%.1f">%s</text>`, x.at(c.x[i])+5, y.at(c.y[i])-5, c.alphas[i])
		}
	}
	b.WriteString("</g>")
}

// htmlKey names a curve in the legend.
type htmlKey struct {
	Class, Dash, Name string
}

// Legend lists the curves.
func (f *tradeOff) Legend() []htmlKey {
	var out []htmlKey
	for _, c := range f.curves {
		if c.Method != rowOriginal && c.Method != rowOracle {
			out = append(out, htmlKey{fmt.Sprintf("c%d", c.colour%colours), dashes[c.dash%len(dashes)], c.name()})
		}
	}
	return out
}
