package report

import (
	"fmt"
	"html/template"
	"strings"

	"lethe/harness/stage"
)

// The rows of the flame bar, in SVG units.
const (
	flameWidth = 1176
	flameRow   = 34
	flameFoot  = 30
)

// flameSVG is the time of a run as an icicle: the whole on top, the stages below
// it in the order in which they ran, then the ops of each. Its words stand in the
// table under it, so a screen reader is sent there.
func flameSVG(stages []stage.Stage, t stage.Totals, ops map[string][]stage.Op) template.HTML {
	whole := t.Seconds
	for _, s := range stages {
		whole = max(whole, s.Seconds)
	}
	if !(whole > 0) {
		return ""
	}
	rows := 2
	for _, s := range stages {
		if len(ops[s.Name]) > 0 {
			rows = 3
		}
	}
	d := &flame{scale: flameWidth / whole, whole: whole}
	fmt.Fprintf(d, `<svg class="chart flame" viewBox="0 0 %d %d" role="img" aria-label="Time by stage, drawn from left to right; the table below holds the same numbers.">`, flameWidth, rows*flameRow+flameFoot)
	d.block("f-all", "run", 0, 0, t.Seconds)
	at := 0.0
	for i, s := range stages {
		d.block(fmt.Sprintf("f%d", i%6), s.Name, 1, at, s.Seconds)
		inner, used := at, 0.0
		for _, op := range ops[s.Name] {
			width := min(op.Seconds, s.Seconds-used)
			d.block(fmt.Sprintf("f%d deep", i%6), op.Name, 2, inner, width)
			inner, used = inner+width, used+width
		}
		at += s.Seconds
	}
	if t.Untimed > 0 {
		d.block("f-rest", "in no stage", 1, at, t.Untimed)
	}
	d.scaleLine(float64(rows * flameRow))
	d.WriteString("</svg>")
	return template.HTML(d.String())
}

type flame struct {
	strings.Builder
	scale, whole float64
}

// block is one bar with its tooltip, and its name where there is room.
func (d *flame) block(class, name string, row int, from, seconds float64) {
	width := seconds * d.scale
	if width < 0.3 {
		return
	}
	x, y := from*d.scale, float64(row*flameRow)
	text := template.HTMLEscapeString(name)
	fmt.Fprintf(d, `<g><title>%s: %s s, %s %%</title><rect class="%s" x="%s" y="%s" width="%s" height="%d"/>`,
		text, Fixed(seconds, 2), Fixed(100*seconds/d.whole, 1), class, num(x), num(y), num(max(width-1, 0.3)), flameRow-2)
	if room := int((width - 12) / 7.2); room >= 4 && room >= len([]rune(name)) {
		fmt.Fprintf(d, `<text class="on" x="%s" y="%s">%s</text>`, num(x+7), num(y+21), text)
	}
	d.WriteString("</g>")
}

func (d *flame) scaleLine(foot float64) {
	a := linearAxis(span{0, d.whole, true}, 8, false)
	for _, t := range a.ticks {
		anchor := "middle"
		if t == 0 {
			anchor = "start"
		} else if t*d.scale > flameWidth-20 {
			anchor = "end"
		}
		fmt.Fprintf(d, `<path class="tick" d="M%s %sv5"/><text x="%s" y="%s" text-anchor="%s">%s s</text>`, num(t*d.scale), num(foot), num(t*d.scale), num(foot+19), anchor, tickText(t))
	}
}
