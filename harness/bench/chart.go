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
	title, unit string
	lines       map[string][]float64 // by processor; NaN where a commit was not measured on it
}

// rateUnits are what a panel shows, the first that a row has.
func rateUnits() []string { return []string{"GFLOP/s", "GB/s"} }

// Chart draws a history, one set a measured commit, as an SVG file of its own:
// every row that has a rate, over the commits in the order of their dates, a line for each processor. What
// it draws depends on the sets alone. It is readable on a light and on a dark page.
func Chart(history []*Set) (string, error) {
	var commits, cpus, order []string
	sorted := slices.Clone(history)
	slices.SortStableFunc(sorted, func(a, b *Set) int {
		return strings.Compare(a.value("commit-date")+" "+a.value("commit"), b.value("commit-date")+" "+b.value("commit"))
	})
	for _, s := range sorted {
		commit := s.value("commit")
		if commit == "" || s.value("commit-date") == "" || s.value("cpu") == "" {
			return "", fmt.Errorf("a measurement of the history lacks commit:, commit-date: or cpu:")
		}
		if !slices.Contains(commits, commit) {
			commits = append(commits, commit)
		}
		if !slices.Contains(cpus, s.value("cpu")) {
			cpus = append(cpus, s.value("cpu"))
		}
	}
	slices.Sort(cpus)
	panels := map[string]*panel{}
	for _, s := range sorted {
		at := slices.Index(commits, s.value("commit"))
		for _, r := range s.order {
			unit := r.rateUnit()
			if unit == "" || isPeer(r.who) {
				continue
			}
			title := r.panelTitle()
			p := panels[title]
			if p == nil {
				p = &panel{title, unit, map[string][]float64{}}
				panels[title], order = p, append(order, title)
			}
			if p.lines[s.value("cpu")] == nil {
				p.lines[s.value("cpu")] = slices.Repeat([]float64{math.NaN()}, len(commits))
			}
			p.lines[s.value("cpu")][at] = r.median(unit)
		}
	}
	var list []*panel
	for _, title := range order {
		list = append(list, panels[title])
	}
	return draw(list, commits, cpus), nil
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

// panelTitle names a row in a few words.
func (r *row) panelTitle() string {
	words := []string{r.bench}
	switch {
	case r.label["net"] != "" && r.number("m") == 0 && r.number("ci") == 0:
		words = append(words, r.label["net"])
	case r.number("m") > 0 || r.number("ci") > 0:
		words = append(words, r.title())
	default:
		for _, part := range strings.Split(r.what, "/")[2:] {
			_, value, _ := strings.Cut(part, "=")
			words = append(words, value)
		}
	}
	words = append(words, r.label["prec"])
	if r.who != "" {
		words = append(words, strings.ToUpper(r.who))
	}
	return strings.Join(words, " ") + ", " + plural(r.threads, "thread")
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
	columns, gap, head, inset = 2, 28, 38, 20
)

// style colours the drawing: what package report calls its parts, here on its own.
const style = `svg{--card:#fff;--soft:#5b626d;--ink:#1c1f24;--hair:#e4e5df;--s0:#0072b2;--s1:#c24e00;--s2:#007f5f;--s3:#9c4f7f;--s4:#8a6d00;--s5:#1c1f24}
@media (prefers-color-scheme:dark){svg{--card:#1b1e23;--soft:#a0a7b2;--ink:#e9eaec;--hair:#353a42;--s0:#56b4e9;--s1:#f29456;--s2:#2fc39a;--s3:#dc9fc4;--s4:#e3c74d;--s5:#e9eaec}}
text{font:12px system-ui,sans-serif;fill:var(--soft)}.card{fill:var(--card)}.title{font-size:13px;font-weight:600;fill:var(--ink)}
.rule{stroke:var(--hair);fill:none}.tick,.axis{stroke:var(--soft);fill:none}.line{fill:none;stroke-width:3;stroke-linecap:round;stroke-linejoin:round}
.s0{stroke:var(--s0)}.s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}.s5{stroke:var(--s5)}`

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
		c := report.Chart{Title: p.title + ", " + p.unit, XName: "commit", XNames: commits}
		for _, cpu := range cpus {
			var at []float64
			for k := range p.lines[cpu] {
				at = append(at, float64(k))
			}
			c.Series = append(c.Series, report.Series{Name: cpu, X: at, Y: p.lines[cpu]})
		}
		fmt.Fprintf(&b, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", x, y+14, template.HTMLEscapeString(p.title))
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y+30, template.HTMLEscapeString(p.unit))
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
