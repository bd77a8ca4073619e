package data

import "math"

// paintSunset: a low sun over the sea, its glitter path below it.
func paintSunset(c *canvas, d dice) {
	horizon := d.in(0.48, 0.66)
	sunX, sunY, sunR := d.in(0.2, 0.8), horizon-d.in(-0.01, 0.2), d.in(0.08, 0.13)
	top := hsv(d.in(0.62, 0.86), d.in(0.45, 0.75), d.in(0.25, 0.55))
	low := hsv(d.in(0.01, 0.1), d.in(0.75, 0.95), d.in(0.85, 1))
	glow := hsv(d.in(0.08, 0.14), 0.6, 1)
	spread := d.in(0.03, 0.09)
	c.backdrop(func(x, y float64) rgb {
		dx, dy := x-sunX, y-sunY
		near := 1 / (1 + (float64(dx*dx)+float64(dy*dy))/spread)
		return mix(top, low, smooth(-0.05, 1, y/horizon)).add(glow, float64(0.55*float64(near*near)))
	})
	c.fill(disc(sunX, sunY, sunR*1.5).blurred(sunR, 0.5), glow)
	c.fill(disc(sunX, sunY, sunR), rgb{1, 0.97, 0.75})
	for range d.IntN(4) {
		y := d.in(0.08, horizon-0.1)
		cloud := mix(top, rgb{0.95, 0.4, 0.4}, d.in(0.1, 0.7))
		c.fill(oval(d.in(0, 1), y, d.in(0.15, 0.35), d.in(0.015, 0.035), 0).blurred(0.06, d.in(0.4, 0.85)), cloud)
	}
	waves, phase, width := d.grain(), d.in(0, 32), d.in(0.05, 0.1)
	near, far := top.shade(d.in(0.25, 0.5)), mix(top, low, 0.55).shade(0.75)
	c.paint(below(horizon, func(_ float64) float64 { return horizon }), func(x, y float64) rgb {
		depth := (y - horizon) / (1 - horizon)
		sea := mix(far, near, smooth(0, 0.8, depth))
		ripple := waves.at(float64(y*26) + phase + float64(3*x))
		path := smooth(width+float64(0.16*depth), 0, math.Abs(x-sunX+float64(0.05*ripple)))
		return sea.add(glow, float64(path*(0.62+float64(0.4*ripple)))).shade(1 + float64(0.08*ripple))
	})
}

// peak is one mountain: a roof-shaped height about its summit, and its noise.
type peak struct{ x, y, left, right float64 }

// surface is the height of the mountain at x; side is -1 left of the summit.
func (p peak) surface(x float64) float64 {
	return p.y + max(float64((x-p.x)*p.right), float64((p.x-x)*p.left))
}

// paintMountain: snowy peaks with a lit and a shaded face, above a dark forest
// or a meadow.
func paintMountain(c *canvas, d dice) {
	zenith, haze := hsv(d.in(0.55, 0.62), d.in(0.35, 0.7), d.in(0.6, 0.95)), d.pick(rgb{0.85, 0.9, 0.95}, rgb{0.95, 0.88, 0.85})
	c.backdrop(func(_, y float64) rgb { return mix(zenith, haze, smooth(0, 0.75, y)) })
	for range d.IntN(3) {
		c.fill(oval(d.in(0, 1), d.in(0.05, 0.3), d.in(0.12, 0.25), d.in(0.02, 0.05), 0).blurred(0.08, 0.8), rgb{0.97, 0.97, 0.98})
	}
	light := d.sign()
	rock := d.pick(rgb{0.42, 0.43, 0.52}, rgb{0.45, 0.4, 0.42}, rgb{0.36, 0.42, 0.5})
	far := mix(rock, haze, 0.5)
	ridge := peak{d.in(0.1, 0.9), d.in(0.38, 0.48), d.in(0.3, 0.6), d.in(0.3, 0.6)}
	rough := d.grain()
	c.fill(below(0.2, func(x float64) float64 { return ridge.surface(x) + float64(0.03*rough.at(x*9)) }), far)
	n := 1 + d.IntN(2)
	main := d.in(0.25, 0.75)
	for i := n; i >= 0; i-- { // the highest last, in front
		p := peak{main, d.in(0.12, 0.24), d.in(0.85, 1.35), d.in(0.85, 1.35)}
		if i > 0 {
			p.x, p.y = main+float64(d.sign()*d.in(0.28, 0.42)), d.in(0.3, 0.42)
		}
		paintPeak(c, d, p, rock, light)
	}
	ground := d.pick(rgb{0.13, 0.28, 0.2}, rgb{0.2, 0.36, 0.16}, rgb{0.36, 0.46, 0.2})
	hill, at := d.in(0.74, 0.84), d.in(0, 32)
	trees := d.grain()
	c.paint(below(hill-0.1, func(x float64) float64 {
		return hill + float64(0.05*trees.at(float64(x*2)+at)) + float64(0.02*trees.at(float64(x*14)))
	}), func(_, y float64) rgb { return ground.shade(lerp(0.7, 1.35, (y-hill)/(1-hill))) })
}

// paintPeak: rock with a broken snow line; the face towards the light is bright.
func paintPeak(c *canvas, d dice, p peak, rock rgb, light float64) {
	rough, crest := d.grain(), d.grain()
	snowline := p.y + d.in(0.16, 0.3)
	c.paint(below(p.y-0.05, func(x float64) float64 { return p.surface(x) + float64(0.02*rough.at(float64(x*12))) }), func(x, y float64) rgb {
		bend := float64(0.07 * crest.at(float64(y*9)) * smooth(0, 0.3, y-p.y))
		face := smooth(-0.03, 0.03, (x-p.x-bend)*light)
		snow := smooth(0.03, -0.03, y-snowline-float64(0.07*rough.at(float64(x*16)+7)))
		lit, dark := mix(rock, rgb{0.99, 0.99, 1}, snow), mix(rock.shade(0.55), rgb{0.6, 0.68, 0.82}, snow)
		return mix(dark, lit, face)
	})
}

// paintPlaid: a tartan cloth, warp and weft of the same stripes, lit from one
// side and gently folded.
func paintPlaid(c *canvas, d dice) {
	angle := d.in(-0.25, 0.25)
	if d.IntN(3) == 0 {
		angle += math.Pi / 4
	}
	sin, cos := math.Sincos(angle)
	period := d.in(0.34, 0.6)
	ground := hsv(d.Float64(), d.in(0.55, 0.85), d.in(0.35, 0.8))
	second := hsv(d.Float64(), d.in(0.3, 0.9), d.in(0.08, 0.4))
	line := d.pick(rgb{0.95, 0.95, 0.9}, rgb{0.95, 0.82, 0.25}, rgb{0.9, 0.9, 0.95})
	band, thin := d.in(0.18, 0.26), d.in(0.035, 0.055)
	offU, offV := d.Float64(), d.Float64()
	thread := func(t float64) rgb {
		t -= math.Floor(t)
		colour := mix(second, ground, smooth(band-0.03, band+0.03, math.Abs(t-0.35)))
		return mix(line, colour, smooth(thin-0.03, thin+0.03, math.Abs(t-0.82)))
	}
	foldAt, foldDepth, slant := d.in(0, 6), d.in(0, 0.14), d.in(-4, 4)
	lx, ly := d.in(-0.35, 0.35), d.in(-0.35, 0.35)
	c.backdrop(func(x, y float64) rgb {
		u, v := float64(x*cos)+float64(y*sin), float64(y*cos)-float64(x*sin)
		cloth := mix(thread(u/period+offU), thread(v/period+offV), 0.5)
		fold := float64(foldDepth * math.Sin(foldAt+float64(slant*x)+float64(6*y)))
		return cloth.shade(1.05 + fold + float64(lx*(x-0.5)) + float64(ly*(y-0.5)))
	})
}

// paintBrick: a wall in running bond, every brick its own tone, bevels lit.
func paintBrick(c *canvas, d dice) {
	angle := d.in(-0.09, 0.09)
	sin, cos := math.Sincos(angle)
	wide := d.in(0.32, 0.5)
	high := float64(wide * d.in(0.4, 0.5))
	joint := d.in(0.02, 0.034)
	base := hsv(d.in(0.0, 0.06), d.in(0.5, 0.75), d.in(0.5, 0.75))
	mortar := d.pick(rgb{0.78, 0.75, 0.7}, rgb{0.62, 0.6, 0.58}, rgb{0.85, 0.82, 0.78})
	tones, spots := d.grain(), d.grain()
	offU, offV := d.Float64(), d.Float64()
	lx, ly := d.sign(), d.in(-1, -0.4)
	gx, gy := d.in(-0.4, 0.4), d.in(-0.4, 0.4)
	c.backdrop(func(x, y float64) rgb {
		u, v := (float64(x*cos)+float64(y*sin))/wide+offU, (float64(y*cos)-float64(x*sin))/high+offV
		row := math.Floor(v)
		u += float64(0.5 * (row - float64(2*math.Floor(row/2))))
		col := math.Floor(u)
		fu, fv := float64((u-col-0.5)*wide), float64((v-row-0.5)*high)
		edgeX, edgeY := wide/2-math.Abs(fu), high/2-math.Abs(fv)
		tone := float64(0.2 * tones[(int(row)*7+int(col)*3)&31])
		tone += float64(0.06 * spots.at(float64(x*23)+float64(y*31)))
		bevel := float64(math.Copysign(smooth(joint+0.04, joint, edgeX), fu) * lx)
		bevel += float64(math.Copysign(smooth(joint+0.04, joint, edgeY), fv) * ly)
		brick := base.shade(1 + tone + float64(0.16*bevel))
		wall := mix(mortar, brick, smooth(joint-0.014, joint+0.006, min(edgeX, edgeY)))
		return wall.shade(1 + float64(gx*(x-0.5)) + float64(gy*(y-0.5)))
	})
}
