package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Point is one place in the plane.
type Point struct{ X, Y float64 }

// Scatter shows clouds of points, such as an embedding by t-SNE. Where the points
// come from is the caller's; points that are not finite are left out.
type Scatter struct {
	Title, Note  string
	XName, YName string // with their units; an embedding has none: leave them empty
	Clouds       []Cloud
}

// Cloud is a named series of points. Set gives the colour and the shape; points
// of the original model are Hollow, so that four clouds of two sets stay apart.
type Cloud struct {
	Name   string
	Set    Set
	Hollow bool
	Points []Point
}

// TradeOff shows forget error against retain error, a line for each method over
// its alphas: the further up and left, the better.
type TradeOff struct {
	Title, Note  string
	XName, YName string // "retain error" and "forget error" when empty; give the unit
	Lines        []TradeLine
	Marks        []TradeMark // the original, the oracle
}

// TradeLine is one method, its points in the order in which they are joined.
type TradeLine struct {
	Name   string
	Points []TradePoint
}

// TradePoint is one run; Label is printed beside the first and the last
// of a line, such as "0.25" for alpha.
type TradePoint struct {
	Label          string
	Retain, Forget float64
}

// TradeMark is a named point that belongs to no line.
type TradeMark struct {
	Name           string
	Retain, Forget float64
}

// pointFrame is where clouds and trade-offs are drawn.
var pointFrame = frame{width: 571, height: 400, left: 62, right: 22, top: 16, bottom: 40}

// SVG draws the clouds. Axes without names have no ticks either: the units of an
// embedding mean nothing.
func (s Scatter) SVG() template.HTML {
	xs, ys := s.spans()
	d := newPointDrawing("scatter", s.describe(), xs, ys)
	if !d.ok {
		return d.end()
	}
	if s.XName == "" && s.YName == "" {
		xs, ys = sameScale(xs, ys, pointFrame.plotWidth()/pointFrame.plotHeight())
		d.x, d.y = linearAxis(roomy(xs), 5, false), linearAxis(roomy(ys), 5, false)
		d.box()
	} else {
		d.axes(s.XName, s.YName)
	}
	for i, c := range s.Clouds {
		class := c.Set.class()
		if c.Set == "" {
			class = fmt.Sprintf("s%d", i%6)
		}
		for _, p := range c.Points {
			if drawable(p.X, p.Y, false) {
				d.marker(c.shape(i), class, c.Hollow, p, c.Name)
			}
		}
	}
	return d.end()
}

// shape numbers the marker of a cloud: that of its set, or its place.
func (c Cloud) shape(i int) int {
	switch c.Set {
	case Retain:
		return 0
	case Forget:
		return 1
	case HeldOut:
		return 2
	}
	return i
}

// SVG draws the trade-off.
func (t TradeOff) SVG() template.HTML {
	var xs, ys span
	add := func(x, y float64) {
		if drawable(x, y, false) {
			xs.add(x)
			ys.add(y)
		}
	}
	for _, l := range t.Lines {
		for _, p := range l.Points {
			add(p.Retain, p.Forget)
		}
	}
	for _, m := range t.Marks {
		add(m.Retain, m.Forget)
	}
	d := newPointDrawing("trade", t.describe(), xs, ys)
	if !d.ok {
		return d.end()
	}
	d.axes(or(t.XName, "retain error"), or(t.YName, "forget error"))
	for i, l := range t.Lines {
		d.line(i, l)
	}
	for i, m := range t.Marks {
		if !drawable(m.Retain, m.Forget, false) {
			continue
		}
		at := Point{m.Retain, m.Forget}
		d.marker(5+i%2, "mark-own", false, at, m.Name)
		d.label("strong", at, m.Name)
	}
	return d.end()
}

// tradeStyle fills what fileStyle strokes.
const tradeStyle = `
.point { stroke: var(--paper); stroke-width: .75; } .mark-own { fill: var(--ink); }
.point.s0 { fill: var(--s0); stroke: var(--paper); } .point.s1 { fill: var(--s1); stroke: var(--paper); } .point.s2 { fill: var(--s2); stroke: var(--paper); } .point.s3 { fill: var(--s3); stroke: var(--paper); } .point.s4 { fill: var(--s4); stroke: var(--paper); } .point.s5 { fill: var(--s5); stroke: var(--paper); }
.trade text { paint-order: stroke; stroke: var(--paper); stroke-width: 3.5px; stroke-linejoin: round; } .strong { fill: var(--ink); font-weight: 650; }
`

// File is the trade-off as an SVG file of its own, with its title and a legend.
func (t TradeOff) File() []byte {
	f := pointFrame
	const line = 18.0
	head := 30 + line*float64((len(t.Lines)+2)/3)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" role="img" aria-label="%s"><style>%s%s</style>`,
		num(f.width), num(f.height+head), num(f.width), template.HTMLEscapeString(t.describe()), fileStyle, tradeStyle)
	fmt.Fprintf(&b, `<text class="title" x="%s" y="20">%s</text>`, num(f.left), template.HTMLEscapeString(t.Title))
	for i, l := range t.Lines {
		x, y := f.left+float64(i%3)*170, 40+line*float64(i/3)
		fmt.Fprintf(&b, `<path class="line s%[1]d" d="M%[2]s %[3]sh26"/><path class="point s%[1]d" d="%[4]s"/>`, (i+1)%6, num(x), num(y-4), markerPath(i%5, x+13, y-4))
		fmt.Fprintf(&b, `<text x="%s" y="%s">%s</text>`, num(x+32), num(y), template.HTMLEscapeString(l.Name))
	}
	fmt.Fprintf(&b, `<g transform="translate(0 %s)">%s</g></svg>`, num(head), strings.Replace(string(t.SVG()), "<svg ", fmt.Sprintf(`<svg width="%s" height="%s" `, num(f.width), num(f.height)), 1))
	b.WriteByte('\n')
	return []byte(b.String())
}

func (t TradeOff) describe() string {
	said := []string{t.Title}
	for _, l := range t.Lines {
		said = append(said, fmt.Sprintf("%s: %d points", l.Name, len(l.Points)))
	}
	for _, m := range t.Marks {
		said = append(said, fmt.Sprintf("%s at retain %s, forget %s", m.Name, tickText(round(m.Retain, 3)), tickText(round(m.Forget, 3))))
	}
	return strings.Join(said, "; ") + "."
}

// pointDrawing is a picture of points on two linear axes.
type pointDrawing struct {
	strings.Builder
	x, y axis
	ok   bool
}

func newPointDrawing(class, said string, xs, ys span) *pointDrawing {
	d := &pointDrawing{ok: xs.any}
	fmt.Fprintf(d, `<svg class="chart %s" viewBox="0 0 %s %s" role="img" aria-label="%s">`,
		class, num(pointFrame.width), num(pointFrame.height), template.HTMLEscapeString(said))
	if !d.ok {
		fmt.Fprintf(d, `<text class="none" x="%s" y="%s" text-anchor="middle">no finite value</text>`, num(pointFrame.width/2), num(pointFrame.height/2))
		return d
	}
	d.x, d.y = linearAxis(roomy(xs), 5, true), linearAxis(roomy(ys), 5, true)
	return d
}

// roomy keeps the markers off the frame.
func roomy(s span) span {
	room := (s.hi/2 - s.lo/2) * 0.06
	lo := s.lo - room
	if s.lo >= 0 {
		lo = math.Max(lo, 0) // an error below 0 does not exist
	}
	return span{lo, s.hi + room, s.any}
}

func (d *pointDrawing) end() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String())
}

func (d *pointDrawing) at(p Point) (x, y float64) {
	f := pointFrame
	return f.left + d.x.at(p.X)*f.plotWidth(), f.top + (1-d.y.at(p.Y))*f.plotHeight()
}

func (d *pointDrawing) axes(xName, yName string) {
	f := pointFrame
	f.drawAxes(&d.Builder, d.x, d.y, xName, tickText)
	middle := num(f.top + f.plotHeight()/2)
	fmt.Fprintf(d, `<text class="name" x="13" y="%s" text-anchor="middle" transform="rotate(-90 13 %s)">%s</text>`, middle, middle, template.HTMLEscapeString(yName))
}

func (d *pointDrawing) box() {
	f := pointFrame
	fmt.Fprintf(d, `<rect class="tick" x="1" y="1" width="%s" height="%s"/>`, num(f.width-2), num(f.height-2))
}

func (d *pointDrawing) line(i int, l TradeLine) {
	class := fmt.Sprintf("s%d", (i+1)%6)
	var xs, ys []float64
	for _, p := range l.Points {
		xs, ys = append(xs, p.Retain), append(ys, p.Forget)
	}
	var path strings.Builder
	var pen pen
	for k := range xs {
		if !drawable(xs[k], ys[k], false) {
			pen.lift(&path)
			continue
		}
		x, y := d.at(Point{xs[k], ys[k]})
		pen.to(&path, dot{x, y})
	}
	pen.lift(&path)
	fmt.Fprintf(d, `<path class="line %s" d="%s"/>`, class, path.String())
	for k, p := range l.Points {
		if at := (Point{p.Retain, p.Forget}); drawable(p.Retain, p.Forget, false) {
			d.marker(i%5, class, false, at, l.Name+" "+p.Label)
			if k == 0 || k == len(l.Points)-1 { // all of them would hide each other
				d.label("", at, p.Label)
			}
		}
	}
}

func (d *pointDrawing) label(class string, p Point, text string) {
	x, y := d.at(p)
	anchor, x := "start", x+8
	if x > pointFrame.width-90 {
		anchor, x = "end", x-16
	}
	fmt.Fprintf(d, `<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`, class, num(x), num(y-6), anchor, template.HTMLEscapeString(text))
}

// marker draws one of seven shapes with its name as a tooltip.
func (d *pointDrawing) marker(shape int, class string, hollow bool, p Point, name string) {
	x, y := d.at(p)
	kind := "point"
	if hollow {
		kind = "point open"
	}
	fmt.Fprintf(d, `<path class="%s %s" d="%s"><title>%s: %s, %s</title></path>`, kind, class, markerPath(shape, x, y),
		template.HTMLEscapeString(name), tickText(round(p.X, 4)), tickText(round(p.Y, 4)))
}

// markerPath is a circle, triangle, square, diamond, triangle on its head, cross
// or star of about equal area.
func markerPath(shape int, x, y float64) string {
	at := num(x) + " " + num(y)
	switch shape % 7 {
	case 1:
		return "M" + at + "m0-5l5 9h-10z"
	case 2:
		return "M" + at + "m-4-4h8v8h-8z"
	case 3:
		return "M" + at + "m0-5.5l5.5 5.5l-5.5 5.5l-5.5-5.5z"
	case 4:
		return "M" + at + "m0 5l5-9h-10z"
	case 5:
		return "M" + at + "m-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z"
	case 6:
		return "M" + at + "m0-7l2 5h5l-4 3l1.5 5l-4.5-3l-4.5 3l1.5-5l-4-3h5z"
	}
	return "M" + at + "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
