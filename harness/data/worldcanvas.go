package data

import (
	"math"
	"math/rand/v2"
)

// supersample is the number of canvas samples per output pixel and axis. Every
// edge is antialiased by its distance as well, so two is enough.
const supersample = 2

const canvasSide = WorldSize * supersample

// rgb is a colour, each channel in [0,1]; values outside are clamped on output.
type rgb [3]float64

// mix goes from a at t=0 to b at t=1.
func mix(a, b rgb, t float64) rgb {
	return rgb{lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t)}
}

// shade multiplies every channel by k: k < 1 is darker.
func (c rgb) shade(k float64) rgb {
	return rgb{float64(c[0] * k), float64(c[1] * k), float64(c[2] * k)}
}

// add is c + k*d, a light d of strength k falling on c.
func (c rgb) add(d rgb, k float64) rgb {
	return rgb{c[0] + float64(d[0]*k), c[1] + float64(d[1]*k), c[2] + float64(d[2]*k)}
}

// hsv converts hue (turns, any real), saturation and value in [0,1].
func hsv(h, s, v float64) rgb {
	var c rgb
	for i, shift := range [3]float64{5.0 / 6, 3.0 / 6, 1.0 / 6} {
		k := h + shift
		k = float64((k - math.Floor(k)) * 6)
		c[i] = v - float64(float64(v*s)*clamp01(min(k, 4-k)))
	}
	return c
}

func lerp(a, b, t float64) float64 { return a + float64((b-a)*t) }

func clamp01(x float64) float64 { return min(max(x, 0), 1) }

// smooth is the cubic step: 0 below a, 1 above b; a may exceed b.
func smooth(a, b, x float64) float64 {
	t := clamp01((x - a) / (b - a))
	return float64(float64(t*t) * (3 - float64(2*t)))
}

// dice is a source of scene parameters.
type dice struct{ *rand.Rand }

func (d dice) in(lo, hi float64) float64 { return lerp(lo, hi, d.Float64()) }

// sign is -1 or +1.
func (d dice) sign() float64 {
	if d.Uint64()&1 == 0 {
		return -1
	}
	return 1
}

// pick is one of the colours, a little off.
func (d dice) pick(colours ...rgb) rgb {
	c := colours[d.IntN(len(colours))]
	k := d.in(0.9, 1.08)
	for i := range c {
		c[i] = clamp01(float64(c[i]*k) + d.in(-0.04, 0.04))
	}
	return c
}

// canvas is a picture in the making. Positions are in image widths, origin at
// the top left, x to the right, y down.
type canvas struct {
	pix [canvasSide * canvasSide]rgb
}

// backdrop paints every sample.
func (c *canvas) backdrop(paint func(x, y float64) rgb) {
	for i := range c.pix {
		x, y := float64(i%canvasSide)+0.5, float64(i/canvasSide)+0.5
		c.pix[i] = paint(x/canvasSide, y/canvasSide)
	}
}

// stencil is a region: where dist is negative. Distances are in image widths.
type stencil struct {
	box   [4]float64                 // left, top, right, bottom; nothing is painted outside
	dist  func(x, y float64) float64 // signed distance to the edge, or a bound that is right near it
	soft  float64                    // width of the blurred edge; 0 means one sample
	alpha float64                    // opacity in (0,1]; 0 means 1
}

// paint lays a colour over the region, its edge antialiased.
func (c *canvas) paint(s stencil, colour func(x, y float64) rgb) {
	width := max(s.soft, 1.0/canvasSide)
	if s.alpha == 0 {
		s.alpha = 1
	}
	x0, y0 := sampleIndex(s.box[0]-width), sampleIndex(s.box[1]-width)
	x1, y1 := sampleIndex(s.box[2]+width)+1, sampleIndex(s.box[3]+width)+1
	for j := y0; j < min(y1, canvasSide); j++ {
		y := (float64(j) + 0.5) / canvasSide
		row := c.pix[j*canvasSide : (j+1)*canvasSide]
		for i := x0; i < min(x1, canvasSide); i++ {
			x := (float64(i) + 0.5) / canvasSide
			cover := clamp01(0.5 - s.dist(x, y)/width)
			if cover > 0 {
				row[i] = mix(row[i], colour(x, y), float64(cover*s.alpha))
			}
		}
	}
}

// fill paints the region in one colour.
func (c *canvas) fill(s stencil, colour rgb) {
	c.paint(s, func(_, _ float64) rgb { return colour })
}

// lit paints the region with a colour that brightens by the light's strength
// k from one side of the box to the other, along direction (lx, ly).
func (c *canvas) lit(s stencil, colour rgb, lx, ly, k float64) {
	cx, cy := (s.box[0]+s.box[2])/2, (s.box[1]+s.box[3])/2
	size := max(s.box[2]-s.box[0], s.box[3]-s.box[1], 1e-3)
	lx, ly = lx/size, ly/size
	c.paint(s, func(x, y float64) rgb {
		t := float64((x-cx)*lx) + float64((y-cy)*ly)
		return colour.shade(1 + float64(2*float64(k*t)))
	})
}

func sampleIndex(v float64) int {
	return int(min(max(math.Floor(float64(v*canvasSide)), 0), canvasSide))
}

// disc is a circle.
func disc(cx, cy, r float64) stencil {
	return stencil{box: [4]float64{cx - r, cy - r, cx + r, cy + r}, dist: func(x, y float64) float64 {
		return length(x-cx, y-cy) - r
	}}
}

// ring is a circle line of the given half width.
func ring(cx, cy, r, half float64) stencil {
	s := disc(cx, cy, r+half)
	s.dist = func(x, y float64) float64 { return math.Abs(length(x-cx, y-cy)-r) - half }
	return s
}

// oval is an ellipse with radii a and b, turned by angle radians.
func oval(cx, cy, a, b, angle float64) stencil {
	sin, cos := math.Sincos(angle)
	r := max(a, b)
	return stencil{box: [4]float64{cx - r, cy - r, cx + r, cy + r}, dist: func(x, y float64) float64 {
		u := float64((x-cx)*cos) + float64((y-cy)*sin)
		v := float64((y-cy)*cos) - float64((x-cx)*sin)
		ea, eb := u/a, v/b
		k := length(ea, eb)
		// first-order distance: the implicit function over its gradient
		return float64(k*(k-1)) / max(length(ea/a, eb/b), 1e-9)
	}}
}

// bar is a line of the given half width with round ends.
func bar(x0, y0, x1, y1, half float64) stencil {
	dx, dy := x1-x0, y1-y0
	inv := 1 / max(float64(dx*dx)+float64(dy*dy), 1e-12)
	return stencil{
		box: [4]float64{min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half},
		dist: func(x, y float64) float64 {
			t := clamp01(float64((float64((x-x0)*dx) + float64((y-y0)*dy)) * inv))
			return length(x-x0-float64(t*dx), y-y0-float64(t*dy)) - half
		}}
}

// rect is an upright rectangle with corners rounded by r.
func rect(left, top, right, bottom, r float64) stencil {
	cx, cy := (left+right)/2, (top+bottom)/2
	hx, hy := (right-left)/2-r, (bottom-top)/2-r
	return stencil{box: [4]float64{left, top, right, bottom}, dist: func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-hx, math.Abs(y-cy)-hy
		return length(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r
	}}
}

// convex is a convex polygon, its corners in either order: x0,y0, x1,y1, ...
func convex(p ...float64) stencil {
	n := len(p) / 2
	box := [4]float64{p[0], p[1], p[0], p[1]}
	area := 0.0
	for i := range n {
		j := (i + 1) % n
		area += float64(p[2*i]*p[2*j+1]) - float64(p[2*j]*p[2*i+1])
		box[0], box[2] = min(box[0], p[2*i]), max(box[2], p[2*i])
		box[1], box[3] = min(box[1], p[2*i+1]), max(box[3], p[2*i+1])
	}
	edges := make([][3]float64, n) // normal x, normal y, offset
	for i := range n {
		j := (i + 1) % n
		nx, ny := p[2*j+1]-p[2*i+1], p[2*i]-p[2*j]
		k := 1 / max(length(nx, ny), 1e-9)
		if area < 0 {
			k = -k
		}
		nx, ny = float64(nx*k), float64(ny*k)
		edges[i] = [3]float64{nx, ny, float64(nx*p[2*i]) + float64(ny*p[2*i+1])}
	}
	return stencil{box: box, dist: func(x, y float64) float64 {
		d := math.Inf(-1)
		for _, e := range edges {
			d = max(d, float64(e[0]*x)+float64(e[1]*y)-e[2])
		}
		return d
	}}
}

// below is everything under the curve height(x), which is at or below top.
func below(top float64, height func(x float64) float64) stencil {
	return stencil{box: [4]float64{0, top, 1, 1}, dist: func(x, y float64) float64 { return height(x) - y }}
}

// blurred gives the stencil a soft edge and an opacity: a shadow or a glow.
func (s stencil) blurred(soft, alpha float64) stencil {
	s.soft, s.alpha = soft, alpha
	return s
}

// within keeps only the part of s that also lies in t.
func (s stencil) within(t stencil) stencil {
	f, g := s.dist, t.dist
	s.dist = func(x, y float64) float64 { return max(f(x, y), g(x, y)) }
	return s
}

func length(x, y float64) float64 { return math.Sqrt(float64(x*x) + float64(y*y)) }

// grain is smooth random heights on a line: value noise, about 0, amplitude 1.
type grain [32]float64

func (d dice) grain() *grain {
	var g grain
	for i := range g {
		g[i] = d.in(-1, 1)
	}
	return &g
}

// at reads the height at position x, in cells; it repeats after 32.
func (g *grain) at(x float64) float64 {
	f := math.Floor(x)
	i := int(f) & 31
	return lerp(g[i], g[(i+1)&31], smooth(0, 1, x-f))
}
