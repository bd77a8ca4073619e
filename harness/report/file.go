package report

import (
	"fmt"
	"html/template"
	"strings"
)

// fileStyle makes a chart readable without the page, in light and in dark.
const fileStyle = `
svg { --paper: #fff; --ink: #1c1f24; --soft: #5b626d; --hair: #dfe0da; --s0: #1c1f24; --s1: #0072b2; --s2: #c24e00; --s3: #007f5f; --s4: #9c4f7f; --s5: #8a6d00; background: var(--paper); }
@media (prefers-color-scheme: dark) { svg { --paper: #14161a; --ink: #e9eaec; --soft: #a0a7b2; --hair: #353a42; --s0: #e9eaec; --s1: #56b4e9; --s2: #f29456; --s3: #2fc39a; --s4: #dc9fc4; --s5: #e3c74d; } }
text { font: 12px system-ui, sans-serif; fill: var(--soft); } .title { font-size: 14px; font-weight: 600; fill: var(--ink); }
.rule { stroke: var(--hair); fill: none; } .tick, .axis { stroke: var(--soft); fill: none; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; } .raw { stroke-width: .8; opacity: .2; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); } .s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); }
.line.s1, .line.s3, .line.s5 { stroke-dasharray: 6 4; } .line.raw { stroke-dasharray: none; }
`

// File is the chart as an SVG file of its own, with its title and a legend: one
// entry for all series of one name, which share a colour.
func (c Chart) File() []byte {
	c.Wide = true
	f := c.frame()
	const head = 52
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" role="img" aria-label="%s"><style>%s</style>`,
		num(f.width), num(f.height+head), num(f.width), template.HTMLEscapeString(c.describe()), fileStyle)
	fmt.Fprintf(&b, `<text class="title" x="%s" y="20">%s</text>`, num(f.left), template.HTMLEscapeString(c.Title))
	at, seen := f.left, map[string]int{}
	for i := range c.Series {
		s := &c.Series[i]
		if _, ok := seen[s.Name]; !ok {
			seen[s.Name] = len(seen)
			fmt.Fprintf(&b, `<path class="line s%d" d="M%s 38h26"/><text x="%s" y="42">%s</text>`, seen[s.Name]%6, num(at), num(at+32), template.HTMLEscapeString(s.Name))
			at += 56 + 7*float64(len(s.Name))
		}
		s.Like = seen[s.Name] + 1
	}
	fmt.Fprintf(&b, `<g transform="translate(0 %d)">%s</g></svg>`, head, strings.Replace(string(c.SVG()), "<svg ", fmt.Sprintf(`<svg width="%s" height="%s" `, num(f.width), num(f.height)), 1))
	b.WriteByte('\n')
	return []byte(b.String())
}
