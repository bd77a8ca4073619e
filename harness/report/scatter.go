package report

import (
	"fmt"
	"html/template"
	"strings"
)

// scatterStyle fills what fileStyle strokes.
const scatterStyle = `
.dot { fill-opacity: .55; stroke-width: 1; } .dot.open { fill: none !important; } .frame { fill: none; stroke: var(--hair); }
.dot.s0 { fill: var(--s0); } .dot.s1 { fill: var(--s1); } .dot.s2 { fill: var(--s2); } .dot.s3 { fill: var(--s3); } .dot.s4 { fill: var(--s4); } .dot.s5 { fill: var(--s5); }
`

// File is the picture as an SVG file of its own, of two lines of Note at most. Both
// axes have one scale. Colour is never the only difference: clouds differ in shape
// too.
func (s Scatter) File() []byte {
	const side, head, edge = 640.0, 92.0, 16.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" role="img" aria-label="%s"><style>%s%s</style>`,
		num(side), num(side+head), num(side), template.HTMLEscapeString(s.describe()), fileStyle, scatterStyle)
	fmt.Fprintf(&b, `<text class="title" x="%s" y="22">%s</text>`, num(edge), template.HTMLEscapeString(s.Title))
	for i, line := range strings.SplitN(s.Note, "\n", 2) {
		fmt.Fprintf(&b, `<text x="%s" y="%s">%s</text>`, num(edge), num(42+16*float64(i)), template.HTMLEscapeString(line))
	}
	at := edge
	for i, c := range s.Clouds {
		fmt.Fprintf(&b, `<path class="%s" d="%s"/><text x="%s" y="80">%s</text>`, c.dot(i), markerPath(c.shape(i), at+6, 76), num(at+16), template.HTMLEscapeString(c.Name))
		at += 34 + 7*float64(len(c.Name))
	}
	fmt.Fprintf(&b, `<rect class="frame" x="%s" y="%s" width="%s" height="%s"/>`, num(edge/2), num(head), num(side-edge), num(side-edge/2))
	xs, ys := s.spans()
	xs, ys = sameScale(xs, ys, 1)
	room := side - 3*edge
	for i, c := range s.Clouds {
		fmt.Fprintf(&b, `<path class="%s" d="`, c.dot(i))
		for _, p := range c.Points {
			if drawable(p.X, p.Y, false) {
				b.WriteString(markerPath(c.shape(i), 1.5*edge+(p.X-xs.lo)/(xs.hi-xs.lo)*room, head+edge+(ys.hi-p.Y)/(ys.hi-ys.lo)*room))
			}
		}
		b.WriteString(`"/>`)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// dot is the class of a cloud's markers in a file; sets have the colours that they
// have on the page.
func (c Cloud) dot(i int) string {
	colour := c.shape(i)
	if c.Set != "" {
		colour++
	}
	if c.Hollow {
		return fmt.Sprintf("dot open s%d", colour%6)
	}
	return fmt.Sprintf("dot s%d", colour%6)
}

// spans are the extents of the finite points.
func (s Scatter) spans() (xs, ys span) {
	for _, c := range s.Clouds {
		for _, p := range c.Points {
			if drawable(p.X, p.Y, false) {
				xs.add(p.X)
				ys.add(p.Y)
			}
		}
	}
	return xs, ys
}

// sameScale widens one of two spans so that a unit is as long on both axes of a
// plot that is aspect times as wide as it is high.
func sameScale(xs, ys span, aspect float64) (span, span) {
	half := max((xs.hi/2-xs.lo/2)/aspect, ys.hi/2-ys.lo/2)
	if !(half > smallest) {
		half = 1
	}
	around := func(s span, half float64) span {
		middle := s.lo/2 + s.hi/2
		return span{middle - half, middle + half, s.any}
	}
	return around(xs, half*aspect), around(ys, half)
}

// describe is the picture in words.
func (s Scatter) describe() string {
	said := []string{s.Title}
	for _, c := range s.Clouds {
		n := 0
		for _, p := range c.Points {
			if drawable(p.X, p.Y, false) {
				n++
			}
		}
		said = append(said, fmt.Sprintf("%s: %d points", c.Name, n))
	}
	return strings.Join(said, "; ") + "."
}
