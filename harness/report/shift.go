package report

import (
	"fmt"
	"html/template"
	"strings"
)

// The rows of the picture of shifts, in SVG units.
const (
	shiftWidth = 771
	shiftLeft  = 196 // mask kind and set
	shiftRight = 66  // how much it moved
	shiftRow   = 22
	shiftGap   = 12 // between mask kinds
	shiftFoot  = 40 // axis
)

// shiftSVG draws the first measure of every row as a line from before (hollow)
// to after (filled, in the shape of the set), on one axis for all: the table's
// first columns at a glance. It is empty when no row has both.
func (m Metrics) shiftSVG() template.HTML {
	if len(m.Measures) == 0 || m.Measures[0].Compare == AfterOnly {
		return ""
	}
	measure := m.Measures[0]
	rows, scale, ok := m.shiftRows()
	if !ok {
		return ""
	}
	groups := 1
	for i := range rows[1:] {
		if rows[i].Mask != rows[i+1].Mask {
			groups++
		}
	}
	height := float64(len(rows)*shiftRow + groups*shiftGap + shiftFoot)
	f := frame{width: shiftWidth, height: height, left: shiftLeft, right: shiftRight, bottom: shiftFoot}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart shift" viewBox="0 0 %s %s" role="img" aria-label="%s">`,
		num(f.width), num(f.height), template.HTMLEscapeString(measure.describeShifts(rows)))
	f.drawScale(&b, scale, measure.Name)
	top, mask := 0.0, ""
	for i, row := range rows {
		if i == 0 || row.Mask != mask {
			top, mask = top+shiftGap, row.Mask
			fmt.Fprintf(&b, `<text class="strong" x="0" y="%s">%s</text>`, num(top+15), template.HTMLEscapeString(mask))
		}
		f.drawShift(&b, scale, measure, row, top+shiftRow/2)
		top += shiftRow
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// shiftRows are the rows that can be drawn, and the axis for them.
func (m Metrics) shiftRows() (rows []Row, scale axis, ok bool) {
	seen, positive := span{}, true
	for _, row := range m.Rows {
		c := row.Cells[0]
		if c.Before.N == 0 || c.After.N == 0 || !drawable(c.Before.Mean, c.After.Mean, false) {
			continue
		}
		rows = append(rows, row)
		for _, v := range []float64{c.Before.Mean, c.After.Mean} {
			seen.add(v)
			positive = positive && v > 0
		}
	}
	if len(rows) == 0 {
		return nil, axis{}, false
	}
	if positive && m.Measures[0].Compare == ByRatio {
		return rows, logAxis(seen), true
	}
	return rows, linearAxis(seen, 6, true), true
}

// drawScale draws the grid from top to bottom, with its numbers below.
func (f frame) drawScale(b *strings.Builder, scale axis, name string) {
	foot := f.height - f.bottom + 6
	for _, t := range scale.ticks {
		at := num(f.left + scale.at(t)*f.plotWidth())
		fmt.Fprintf(b, `<path class="rule" d="M%s 6V%s"/><text x="%s" y="%s" text-anchor="middle">%s</text>`, at, num(foot), at, num(foot+16), tickText(t))
	}
	if scale.log {
		name += ", logarithmic"
	}
	fmt.Fprintf(b, `<text class="name" x="%s" y="%s" text-anchor="middle">%s</text>`,
		num(f.left+f.plotWidth()/2), num(f.height-2), template.HTMLEscapeString(name))
}

func (f frame) drawShift(b *strings.Builder, scale axis, m Measure, row Row, y float64) {
	c := row.Cells[0]
	before, after := f.left+scale.at(c.Before.Mean)*f.plotWidth(), f.left+scale.at(c.After.Mean)*f.plotWidth()
	fmt.Fprintf(b, `<g class="own %s"><text class="set" x="%s" y="%s" text-anchor="end">%s</text>`,
		row.Set.class(), num(f.left-16), num(y+4), template.HTMLEscapeString(string(row.Set)))
	fmt.Fprintf(b, `<path class="way" d="M%s %sH%s"/><circle class="hollow" cx="%s" cy="%s" r="4.5"/>%s</g>`,
		num(before), num(y), num(after), num(before), num(y), row.Set.shape(after, y))
	if change, ok := m.change(c); ok {
		fmt.Fprintf(b, `<text class="strong" x="%s" y="%s" text-anchor="end">%s</text>`, num(f.width), num(y+4), m.changeText(change.Value))
	}
}

// shape is the filled mark of a set around a point.
func (s Set) shape(x, y float64) string {
	switch s {
	case Retain:
		return fmt.Sprintf(`<circle class="full" cx="%s" cy="%s" r="5.5"/>`, num(x), num(y))
	case Forget:
		return fmt.Sprintf(`<path class="full" d="M%s %sl6.5 11.5h-13z"/>`, num(x), num(y-6.5))
	}
	return fmt.Sprintf(`<rect class="full" x="%s" y="%s" width="10" height="10"/>`, num(x-5), num(y-5))
}

func (m Measure) describeShifts(rows []Row) string {
	parts := []string{m.Name + " before and after"}
	for _, r := range rows {
		parts = append(parts, fmt.Sprintf("%s, %s: %s to %s", r.Mask, r.Set, Fixed(r.Cells[0].Before.Mean, m.Digits), Fixed(r.Cells[0].After.Mean, m.Digits)))
	}
	return strings.Join(parts, "; ") + "."
}
