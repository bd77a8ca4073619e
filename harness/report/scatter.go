package report

import (
	"fmt"
	"html/template"
	"strings"
)

// Scatter is one picture of points in the plane, whose axes have no unit: a
// layout of features.
type Scatter struct {
	Title  string
	Notes  []string // up to two lines below the title
	Clouds []Cloud
}

// Cloud is points that belong together, of one colour and one shape. X and Y
// have one length; points that are not finite are left out.
type Cloud struct {
	Name string
	X, Y []float64
}

// scatterStyle fills what fileStyle strokes.
const scatterStyle = `
.dot { fill-opacity: .55; stroke-width: 1; } .frame { fill: none; stroke: var(--hair); }
.dot.s0 { fill: var(--s0); } .dot.s1 { fill: var(--s1); } .dot.s2 { fill: var(--s2); } .dot.s3 { fill: var(--s3); } .dot.s4 { fill: var(--s4); } .dot.s5 { fill: var(--s5); }
`

// markers are outlines of about 8 pixels around the origin. Colour is never the
// only difference: clouds differ in shape too.
var markers = [...]string{
	"m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", // disc
	"m-3.2 -3.2h6.4v6.4h-6.4z",                      // square
	"m0 -4.4l4.2 7.2h-8.4z",                         // triangle
	"m0 -4.6l3.8 4.6l-3.8 4.6l-3.8 -4.6z",           // diamond
	"m0 4.4l4.2 -7.2h-8.4z",                         // triangle on its tip
	"m-1.3 -4h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7v-2.6h2.7z",
}

// File is the picture as an SVG file of its own. Both axes have one scale.
func (s Scatter) File() []byte {
	const side, head, edge = 640.0, 92.0, 16.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" role="img" aria-label="%s"><style>%s%s</style>`,
		num(side), num(side+head), num(side), template.HTMLEscapeString(s.describe()), fileStyle, scatterStyle)
	fmt.Fprintf(&b, `<text class="title" x="%s" y="22">%s</text>`, num(edge), template.HTMLEscapeString(s.Title))
	for i, line := range s.Notes {
		fmt.Fprintf(&b, `<text x="%s" y="%s">%s</text>`, num(edge), num(42+16*float64(i)), template.HTMLEscapeString(line))
	}
	at := edge
	for i, g := range s.Clouds {
		fmt.Fprintf(&b, `<path class="dot s%d" d="M%s 76%s"/><text x="%s" y="80">%s</text>`, i%6, num(at+6), markers[i%len(markers)], num(at+16), template.HTMLEscapeString(g.Name))
		at += 34 + 7*float64(len(g.Name))
	}
	fmt.Fprintf(&b, `<rect class="frame" x="%s" y="%s" width="%s" height="%s"/>`, num(edge/2), num(head), num(side-edge), num(side-edge/2))
	place := s.place(side, head, edge)
	for i, g := range s.Clouds {
		fmt.Fprintf(&b, `<path class="dot s%d" d="`, i%6)
		for k, x := range g.X {
			if drawable(x, g.Y[k], false) {
				px, py := place(x, g.Y[k])
				fmt.Fprintf(&b, "M%s %s%s", num(px), num(py), markers[i%len(markers)])
			}
		}
		b.WriteString(`"/>`)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// place maps a point into the frame.
func (s Scatter) place(side, head, edge float64) func(x, y float64) (float64, float64) {
	var xs, ys span
	for _, g := range s.Clouds {
		for k, x := range g.X {
			if drawable(x, g.Y[k], false) {
				xs.add(x)
				ys.add(g.Y[k])
			}
		}
	}
	half := max(xs.hi-xs.lo, ys.hi-ys.lo) / 2
	if !(half > smallest) {
		half = 1
	}
	mx, my, room := xs.lo/2+xs.hi/2, ys.lo/2+ys.hi/2, side/2-1.5*edge
	return func(x, y float64) (float64, float64) {
		return side/2 + (x-mx)/half*room, head + (side-edge/2)/2 - (y-my)/half*room
	}
}

// describe is the picture in words.
func (s Scatter) describe() string {
	var parts []string
	for _, g := range s.Clouds {
		parts = append(parts, fmt.Sprintf("%d of %s", len(g.X), g.Name))
	}
	return s.Title + ": points, " + strings.Join(parts, ", ")
}
