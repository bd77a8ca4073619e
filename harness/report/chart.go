package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Chart is one picture of curves over the steps of a run.
type Chart struct {
	Title string
	XName string // "step" when empty
	YName string // what the values are, with their unit, where the title does not say it
	// XNames, if not nil, are what the whole numbers of x are called, from 0: the
	// axis spans all of them, and names as many as there is room for, the last one always.
	XNames   []string
	FromZero bool // the values' axis begins at 0
	Log      bool // logarithmic values; those not above 0 leave a gap
	Wide     bool // twice the width and height of the others
	// Smooth draws every value thin and a running mean thick, for noisy curves.
	Smooth bool
	Series []Series
}

// Series is one curve. X and Y have one length; a Y that is not finite leaves
// a gap. Set gives it the colour of that set, otherwise Like does, the place from
// 1 of the series whose colour it takes, otherwise its place in the chart.
type Series struct {
	Name string
	Set  Set
	X, Y []float64
	Like int
}

// frame is where a chart is drawn, in SVG units, which are CSS pixels at 1280.
type frame struct{ width, height, left, right, top, bottom float64 }

func (c Chart) frame() frame {
	f := frame{width: 373, height: 196, left: 52, right: 10, top: 10, bottom: 36}
	if c.Wide {
		f.width, f.height = 771, 470
	}
	return f
}

// SVG draws the chart. It never fails: what cannot be drawn is left out, and a
// chart without any finite value says so.
func (c Chart) SVG() template.HTML {
	f := c.frame()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %s %s" role="img" aria-label="%s">`,
		num(f.width), num(f.height), template.HTMLEscapeString(c.describe()))
	x, y, ok := c.axes()
	if !ok {
		fmt.Fprintf(&b, `<text class="none" x="%s" y="%s" text-anchor="middle">no finite value</text></svg>`,
			num(f.width/2), num(f.height/2))
		return template.HTML(b.String())
	}
	f.drawAxes(&b, x, y, c.xName(), c.xTick)
	for i, s := range c.Series {
		c.drawSeries(&b, f, x, y, i, s)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// axes fits both axes to what can be drawn.
func (c Chart) axes() (x, y axis, ok bool) {
	xs, ys := span{}, span{}
	log := c.Log && c.anyPositive()
	if c.FromZero && !log {
		ys.add(0)
	}
	for _, s := range c.Series {
		for i := range s.points() {
			if drawable(s.X[i], s.Y[i], log) {
				xs.add(s.X[i])
				ys.add(s.Y[i])
			}
		}
	}
	if !xs.any {
		return x, y, false
	}
	x = linearAxis(xs, 6, false)
	if n := len(c.XNames); n > 0 {
		x = namedAxis(n)
	}
	if log {
		return x, logAxis(ys), true
	}
	return x, linearAxis(ys, 4, true), true
}

func (c Chart) anyPositive() bool {
	for _, s := range c.Series {
		for i := range s.points() {
			if drawable(s.X[i], s.Y[i], true) {
				return true
			}
		}
	}
	return false
}

// drawSeries draws one curve, and its running mean over it.
func (c Chart) drawSeries(b *strings.Builder, f frame, x, y axis, i int, s Series) {
	class := "line " + s.class(i)
	place := func(v, w float64) (float64, float64, bool) {
		if !drawable(v, w, y.log) {
			return 0, 0, false
		}
		return f.left + x.at(v)*f.plotWidth(), f.top + (1-y.at(w))*f.plotHeight(), true
	}
	if window := c.window(s); window > 1 {
		fmt.Fprintf(b, `<path class="%s raw" d="%s"/>`, class, trace(s.X, s.Y, place))
		s.Y = runningMean(s.Y, window)
	}
	fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, trace(s.X, s.Y, place))
}

// window is the width of the running mean of a series, odd; 1 means none.
func (c Chart) window(s Series) int {
	n := s.points()
	if !c.Smooth || n < 60 {
		return 1
	}
	return min(n/30, 100)/2*2 + 1
}

// windowNote says what the thick line is.
func (c Chart) windowNote() string {
	widest := 1
	for _, s := range c.Series {
		widest = max(widest, c.window(s))
	}
	if widest == 1 {
		return ""
	}
	return fmt.Sprintf("Thin: every %s. Thick: running mean over %d.", c.xName(), widest)
}

// xTick is what a tick of the x axis is called.
func (c Chart) xTick(v float64) string {
	if i := int(v); c.XNames != nil && i < len(c.XNames) {
		return c.XNames[i]
	}
	return tickText(v)
}

func (c Chart) xName() string {
	if c.XName == "" {
		return "step"
	}
	return c.XName
}

// describe tells a reader who does not see the chart where the curves go.
func (c Chart) describe() string {
	parts := []string{c.Title + " over the " + c.xName() + "s"}
	for _, s := range c.Series {
		first, last, n := math.NaN(), math.NaN(), 0
		for i := range s.points() {
			if drawable(s.X[i], s.Y[i], false) {
				if n++; n == 1 {
					first = s.Y[i]
				}
				last = s.Y[i]
			}
		}
		if n == 0 {
			parts = append(parts, s.Name+": no finite value")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: %s at first, %s at last", s.Name, tickText(round(first, 3)), tickText(round(last, 3))))
	}
	return strings.Join(parts, "; ") + "."
}

func (s Series) points() int { return min(len(s.X), len(s.Y)) }

// class is the CSS class that colours and dashes a curve.
func (s Series) class(i int) string {
	if s.Set != "" {
		return s.Set.class()
	}
	if s.Like > 0 {
		i = s.Like - 1
	}
	return fmt.Sprintf("s%d", i%6)
}

// class is the CSS class of a set; unknown names share one.
func (s Set) class() string {
	switch s {
	case Retain, Forget:
		return string(s)
	case HeldOut:
		return "heldout"
	}
	return "other"
}

func (f frame) plotWidth() float64  { return f.width - f.left - f.right }
func (f frame) plotHeight() float64 { return f.height - f.top - f.bottom }

// drawAxes draws the grid, the labels and the name of the x axis; xTick names its ticks.
func (f frame) drawAxes(b *strings.Builder, x, y axis, xName string, xTick func(float64) string) {
	foot := f.height - f.bottom
	for _, t := range y.ticks {
		at := f.top + (1-y.at(t))*f.plotHeight()
		fmt.Fprintf(b, `<path class="rule" d="M%s %sH%s"/>`, num(f.left), num(at), num(f.width-f.right))
		fmt.Fprintf(b, `<text x="%s" y="%s" text-anchor="end">%s</text>`, num(f.left-8), num(at+4), tickText(t))
	}
	for _, t := range x.ticks {
		at := f.left + x.at(t)*f.plotWidth()
		fmt.Fprintf(b, `<path class="tick" d="M%s %sv4"/>`, num(at), num(foot))
		anchor := "middle"
		if at > f.width-f.right-14 {
			anchor = "end"
			at = f.width - f.right
		}
		fmt.Fprintf(b, `<text x="%s" y="%s" text-anchor="%s">%s</text>`, num(at), num(foot+17), anchor, template.HTMLEscapeString(xTick(t)))
	}
	fmt.Fprintf(b, `<path class="axis" d="M%s %sH%s"/>`, num(f.left), num(foot), num(f.width-f.right))
	fmt.Fprintf(b, `<text class="name" x="%s" y="%s" text-anchor="middle">%s</text>`,
		num(f.left+f.plotWidth()/2), num(f.height-4), template.HTMLEscapeString(xName))
}
