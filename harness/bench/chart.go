package bench

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"lethe/harness/report"
)

// panel is one chart of the history: a row of the benchmarks over the commits,
// a line for each processor.
type panel struct {
	title, note string               // in two lines
	lines       map[string][]float64 // by processor; NaN where a commit was not measured on it
}

// rateUnits are what a panel shows, the first that a row has.
func rateUnits() []string { return []string{"GFLOP/s", "GB/s"} }

// Chart draws a history, one set a measured commit, as an SVG file of its own:
// every row that has a rate, over the commits in the order of their dates, a line
// for each processor. What it draws depends on the sets alone. It is readable on a
// light and on a dark page.
func Chart(history []*Set) (string, error) {
	sorted := slices.Clone(history)
	slices.SortStableFunc(sorted, func(a, b *Set) int {
		return strings.Compare(a.value("commit-date")+" "+a.value("commit")+a.value("cpu"), b.value("commit-date")+" "+b.value("commit")+b.value("cpu"))
	})
	var commits, cpus []string
	for _, s := range sorted {
		commit, cpu := s.value("commit"), s.value("cpu")
		if commit == "" || s.value("commit-date") == "" || cpu == "" {
			return "", fmt.Errorf("a measurement of the history lacks its commit, the date of it or the processor")
		}
		if !slices.Contains(commits, commit) {
			commits = append(commits, commit)
		}
		if !slices.Contains(cpus, cpu) {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return draw(panels(sorted, commits), commits, cpus), nil
}

// panels makes a panel of every row, in the order in which they appear.
func panels(sorted []*Set, commits []string) (list []*panel) {
	known := map[string]*panel{}
	for _, s := range sorted {
		at, cpu := slices.Index(commits, s.value("commit")), s.value("cpu")
		for _, r := range s.order {
			unit := r.rateUnit()
			if unit == "" || isPeer(r.who) {
				continue
			}
			title, note := r.panelTitle(unit)
			p := known[title+note]
			if p == nil {
				p = &panel{title, note, map[string][]float64{}}
				known[title+note], list = p, append(list, p)
			}
			if p.lines[cpu] == nil {
				p.lines[cpu] = slices.Repeat([]float64{math.NaN()}, len(commits))
			}
			p.lines[cpu][at] = r.median(unit)
		}
	}
	return list
}

// rateUnit is the unit that a panel shows of a row, or "".
func (r *row) rateUnit() string {
	for _, unit := range rateUnits() {
		if len(r.samples[unit]) > 0 {
			return unit
		}
	}
	return ""
}

// panelTitle names a row in a few words, and says how it was measured.
func (r *row) panelTitle(unit string) (title, note string) {
	words := []string{r.bench}
	switch {
	case r.number("m") > 0 || r.number("ci") > 0:
		words = append(words, r.title())
	case r.label["net"] != "":
		words = append(words, r.label["net"])
	default:
		var sizes []string
		for _, part := range strings.Split(r.what, "/")[2:] {
			key, value, _ := strings.Cut(part, "=")
			if key == "op" {
				words = append(words, value)
			} else {
				sizes = append(sizes, value)
			}
		}
		words = append(words, strings.Join(sizes, "×"))
	}
	notes := []string{unit, r.label["prec"]}
	if r.who != "" {
		notes = append(notes, r.who)
	}
	return strings.Join(words, " "), strings.Join(append(notes, plural(r.threads, "thread")), ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Sizes of the drawing: those of a panel are the ones that package report draws in.
const (
	panelWidth, panelHeight   = 373, 196
	columns, gap, head, inset = 2, 28, 46, 20
)

// style colours the drawing: what package report calls its parts, here on its own.
// The colours are written out, since not every program that draws SVG knows variables.
const style = `text{font:12px system-ui,sans-serif;fill:#5b626d}.title{font-size:13px;font-weight:600;fill:#1c1f24}.card{fill:#fff}
.rule{stroke:#e4e5df;fill:none}.tick,.axis{stroke:#5b626d;fill:none}.line{fill:none;stroke-width:3;stroke-linecap:round;stroke-linejoin:round}
.s0{stroke:#0072b2}.s1{stroke:#c24e00}.s2{stroke:#007f5f}.s3{stroke:#9c4f7f}.s4{stroke:#8a6d00}.s5{stroke:#1c1f24}
@media (prefers-color-scheme:dark){text{fill:#a0a7b2}.title{fill:#e9eaec}.card{fill:#1b1e23}.rule{stroke:#353a42}.tick,.axis{stroke:#a0a7b2}
.s0{stroke:#56b4e9}.s1{stroke:#f29456}.s2{stroke:#2fc39a}.s3{stroke:#dc9fc4}.s4{stroke:#e3c74d}.s5{stroke:#e9eaec}}`

// draw places the panels in columns, and a key of the processors below.
func draw(panels []*panel, commits, cpus []string) string {
	rows := (len(panels) + columns - 1) / columns
	width := 2*inset + columns*panelWidth + (columns-1)*gap
	height := 2*inset + rows*(head+panelHeight) + 24*max(1, len(cpus))
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<style>%s</style>\n", width, height, width, height, style)
	fmt.Fprintf(&b, "<rect class=\"card\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", width, height)
	for i, p := range panels {
		x, y := inset+i%columns*(panelWidth+gap), inset+i/columns*(head+panelHeight)
		c := report.Chart{Title: p.title + ", " + p.note, XName: "commit", XNames: commits, FromZero: true}
		for _, cpu := range cpus {
			var at []float64
			for k := range p.lines[cpu] {
				at = append(at, float64(k))
			}
			c.Series = append(c.Series, report.Series{Name: cpu, X: at, Y: p.lines[cpu]})
		}
		fmt.Fprintf(&b, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", x, y+14, template.HTMLEscapeString(p.title))
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y+30, template.HTMLEscapeString(p.note))
		place := fmt.Sprintf(`<svg x="%d" y="%d" width="%d" height="%d" class="chart"`, x, y+head, panelWidth, panelHeight)
		b.WriteString(strings.Replace(string(c.SVG()), `<svg class="chart"`, place, 1) + "\n")
	}
	y := inset + rows*(head+panelHeight) + 20
	for i, cpu := range cpus {
		fmt.Fprintf(&b, "<path class=\"line s%d\" d=\"M%d %dh22\"/><text x=\"%d\" y=\"%d\">%s</text>\n", i%6, inset, y+24*i-4, inset+32, y+24*i, template.HTMLEscapeString(cpu))
	}
	if len(panels) == 0 {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">Nothing was measured yet.</text>\n", inset, y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
