package data

import "math"

// paintFace: a head with hair, eyes, nose and mouth, above the shoulders.
func paintFace(c *canvas, d dice) {
	back := hsv(d.Float64(), d.in(0.15, 0.5), d.in(0.45, 0.85))
	light := d.sign()
	c.backdrop(func(x, y float64) rgb {
		return back.shade(1.05 + float64(0.25*(float64((x-0.5)*light)+0.5-y)))
	})
	skin := d.pick(rgb{0.96, 0.8, 0.68}, rgb{0.88, 0.67, 0.5}, rgb{0.72, 0.5, 0.35}, rgb{0.5, 0.33, 0.23}, rgb{0.93, 0.74, 0.6})
	hair := d.pick(rgb{0.12, 0.09, 0.08}, rgb{0.35, 0.2, 0.1}, rgb{0.85, 0.68, 0.3}, rgb{0.55, 0.22, 0.1}, rgb{0.6, 0.6, 0.6})
	shirt := hsv(d.Float64(), d.in(0.4, 0.85), d.in(0.3, 0.8))
	cx, cy, k := 0.5+d.in(-0.07, 0.07), 0.48+d.in(-0.04, 0.05), d.in(0.9, 1.1)
	tilt := d.in(-0.16, 0.16)
	sin, cos := math.Sincos(tilt)
	at := func(x, y float64) (float64, float64) { // head coordinates to canvas
		return cx + float64(k*(float64(x*cos)-float64(y*sin))), cy + float64(k*(float64(x*sin)+float64(y*cos)))
	}
	c.lit(oval(cx, 1.08, 0.42, 0.26, 0), shirt, light, -1, 0.25)
	c.lit(rect(cx-0.1, cy+0.2, cx+0.1, 0.92, 0.05), skin.shade(0.78), light, 0, 0.2)
	long := d.IntN(2) == 0
	if long {
		x, y := at(0, 0.05)
		c.lit(oval(x, y, float64(0.34*k), float64(0.42*k), tilt), hair, light, -1, 0.3)
	} else {
		x, y := at(0, -0.07)
		c.lit(oval(x, y, float64(0.3*k), float64(0.32*k), tilt), hair, light, -1, 0.3)
	}
	x, y := at(0, 0.02)
	head := oval(x, y, float64(0.255*k), float64(0.33*k), tilt)
	c.lit(head, skin, light, -0.3, 0.2)
	fringe := d.in(-0.34, -0.24)
	x, y = at(float64(d.sign()*d.in(0, 0.08)), fringe)
	c.lit(oval(x, y, float64(0.27*k), float64(0.15*k), tilt+d.in(-0.25, 0.25)).within(head), hair, light, -1, 0.3)
	paintFeatures(c, d, at, k, tilt, skin, hair)
}

// paintFeatures: brows, eyes, nose, cheeks and mouth in head coordinates.
func paintFeatures(c *canvas, d dice, at func(x, y float64) (float64, float64), k, tilt float64, skin, hair rgb) {
	iris := d.pick(rgb{0.2, 0.12, 0.08}, rgb{0.15, 0.3, 0.5}, rgb{0.15, 0.3, 0.18})
	gaze, apart := d.in(-0.015, 0.015), d.in(0.1, 0.12)
	for _, side := range [2]float64{-1, 1} {
		x, y := at(float64(side*apart), -0.02)
		c.fill(oval(x, y, float64(0.06*k), float64(0.04*k), tilt), rgb{0.97, 0.97, 0.97})
		c.fill(disc(x+gaze, y, float64(0.032*k)), iris)
		x0, y0 := at(float64(side*(apart-0.06)), -0.1)
		x1, y1 := at(float64(side*(apart+0.06)), -0.095)
		c.fill(bar(x0, y0, x1, y1, float64(0.017*k)), hair.shade(0.7))
		x, y = at(float64(side*0.15), 0.1)
		c.fill(disc(x, y, float64(0.05*k)).blurred(0.06, 0.4), mix(skin, rgb{0.95, 0.35, 0.35}, 0.6))
	}
	x0, y0 := at(0, 0)
	x1, y1 := at(d.in(-0.015, 0.015), 0.09)
	c.fill(bar(x0, y0, x1, y1, float64(0.018*k)).blurred(0.03, 0.6), skin.shade(0.7))
	smile, wide := d.in(-0.01, 0.06), d.in(0.08, 0.12)
	lips := mix(skin, rgb{0.7, 0.12, 0.15}, 0.75)
	for _, side := range [2]float64{-1, 1} {
		x0, y0 = at(0, 0.19)
		x1, y1 = at(float64(side*wide), 0.19-smile)
		c.fill(bar(x0, y0, x1, y1, float64(d.in(0.019, 0.024)*k)), lips)
	}
}

// paintFish: a fish from the side, in water.
func paintFish(c *canvas, d dice) {
	top := hsv(d.in(0.46, 0.56), d.in(0.45, 0.75), d.in(0.65, 0.95))
	deep := hsv(d.in(0.54, 0.64), d.in(0.6, 0.9), d.in(0.25, 0.5))
	rays, slant := d.grain(), d.in(-3, 3)
	c.backdrop(func(x, y float64) rgb {
		ray := float64(0.14 * rays.at(float64(x*8)+float64(slant*y)+8) * (1 - y))
		return mix(top, deep, smooth(0, 1, y)).shade(1 + ray)
	})
	if d.IntN(2) == 0 {
		sand, rough := d.pick(rgb{0.8, 0.72, 0.5}, rgb{0.6, 0.58, 0.48}), d.grain()
		c.fill(below(0.8, func(x float64) float64 { return 0.9 + float64(0.05*rough.at(float64(x*5))) }), mix(sand, deep, 0.35))
	}
	for range d.IntN(5) {
		x, y, r := d.in(0.05, 0.95), d.in(0.05, 0.9), d.in(0.02, 0.04)
		c.fill(ring(x, y, r, 0.01).blurred(0.02, 0.7), rgb{0.9, 0.97, 1})
	}
	face, tilt := d.sign(), d.in(-0.3, 0.3)
	cx, cy, k := 0.5+d.in(-0.05, 0.05), 0.5+d.in(-0.08, 0.06), d.in(0.85, 1.1)
	sin, cos := math.Sincos(tilt)
	at := func(x, y float64) (float64, float64) {
		x = float64(x * face)
		return cx + float64(k*(float64(x*cos)-float64(y*sin))), cy + float64(k*(float64(x*sin)+float64(y*cos)))
	}
	scales := d.pick(rgb{0.98, 0.52, 0.1}, rgb{0.98, 0.8, 0.15}, rgb{0.9, 0.25, 0.2}, rgb{0.95, 0.45, 0.55}, rgb{0.98, 0.6, 0.25})
	fin := mix(scales, d.pick(rgb{0.7, 0.15, 0.1}, rgb{1, 0.95, 0.7}), 0.55)
	paintFins(c, d, at, fin)
	belly := mix(scales, rgb{1, 0.98, 0.9}, 0.6)
	high := d.in(0.17, 0.23)
	body := oval(cx, cy, float64(0.33*k), float64(high*k), tilt)
	c.paint(body, func(x, y float64) rgb {
		v := float64((y-cy)*cos) - float64((x-cx)*sin)
		return mix(scales.shade(1.12-float64(1.2*max(-v, 0))), belly, smooth(0.02, 0.17, v))
	})
	if n := d.IntN(4); n > 0 {
		stripe := d.pick(rgb{0.98, 0.98, 0.96}, rgb{0.15, 0.15, 0.2})
		for i := range n {
			x := 0.08 - float64(0.14*float64(i))
			x0, y0 := at(x, -0.3)
			x1, y1 := at(x-0.02, 0.3)
			c.fill(bar(x0, y0, x1, y1, float64(0.024*k)).within(body), stripe)
		}
	}
	x, y := at(0.2, -0.05)
	c.fill(disc(x, y, float64(0.052*k)), rgb{0.98, 0.98, 0.96})
	c.fill(disc(x, y, float64(0.028*k)), rgb{0.05, 0.05, 0.08})
	x0, y0 := at(0.3, 0.05)
	x1, y1 := at(0.25, 0.06)
	c.fill(bar(x0, y0, x1, y1, 0.012), scales.shade(0.45))
}

// paintFins: tail, back and belly fins in fish coordinates.
func paintFins(c *canvas, d dice, at func(x, y float64) (float64, float64), fin rgb) {
	corner := func(p ...float64) stencil {
		for i := 0; i < len(p); i += 2 {
			p[i], p[i+1] = at(p[i], p[i+1])
		}
		return convex(p...)
	}
	span := d.in(0.17, 0.23)
	c.lit(corner(-0.24, 0, -0.47, -span, -0.4, 0), fin, 0, -1, 0.2)
	c.lit(corner(-0.24, 0, -0.47, span, -0.4, 0), fin, 0, -1, 0.2)
	back := d.in(0.28, 0.33)
	c.lit(corner(0.12, -0.12, -0.08, -back, -0.2, -back+0.02, -0.18, -0.08), fin, 0, -1, 0.2)
	c.fill(corner(0.05, 0.14, -0.1, 0.28, -0.12, 0.12), fin.shade(0.85))
}

// paintFlower: a blossom on its stem before blurred leaves.
func paintFlower(c *canvas, d dice) {
	green := hsv(d.in(0.24, 0.4), d.in(0.4, 0.75), d.in(0.25, 0.5))
	c.backdrop(func(_, y float64) rgb { return green.shade(lerp(1.25, 0.75, y)) })
	for range 5 {
		c.fill(disc(d.in(0, 1), d.in(0, 1), d.in(0.1, 0.25)).blurred(0.25, 0.6), green.shade(d.in(0.5, 1.8)))
	}
	light := d.sign()
	cx, cy, r := 0.5+d.in(-0.07, 0.07), 0.44+d.in(-0.05, 0.05), d.in(0.34, 0.42)
	stem := rgb{0.25, 0.55, 0.18}.shade(d.in(0.8, 1.2))
	foot := cx + d.in(-0.15, 0.15)
	c.lit(bar(cx, cy, foot, 1.05, 0.026), stem, light, 0, 0.3)
	side := d.sign()
	c.lit(oval(lerp(cx, foot, 0.75)+float64(side*0.13), 0.88, 0.15, 0.055, float64(-side*0.5)), stem, light, -1, 0.3)
	n := 5 + d.IntN(5)
	turn, squash := d.in(0, 2*math.Pi), d.in(0.82, 1)
	petal := d.pick(rgb{0.95, 0.35, 0.6}, rgb{0.9, 0.15, 0.18}, rgb{0.97, 0.95, 0.96}, rgb{0.6, 0.35, 0.85}, rgb{0.98, 0.8, 0.15}, rgb{0.98, 0.6, 0.72})
	wide := r * 1.35 / float64(n)
	c.fill(oval(cx-float64(light*0.04), cy+0.06, r, float64(r*squash), 0).blurred(0.12, 0.45), green.shade(0.3))
	for i := range n {
		a := turn + float64(float64(i)*2*math.Pi/float64(n))
		sin, cos := math.Sincos(a)
		sin = float64(sin * squash)
		px, py := cx+float64(0.58*r*cos), cy+float64(0.58*r*sin)
		tone := petal.shade(0.92 + float64(0.14*(float64(cos*light)-sin)))
		lobe := oval(px, py, float64(r*0.44), wide, math.Atan2(sin, cos))
		c.fill(oval(px, py, float64(r*0.46), float64(wide*1.12), math.Atan2(sin, cos)).blurred(0.03, 0.6), petal.shade(0.5))
		c.paint(lobe, func(x, y float64) rgb {
			return mix(tone.shade(0.62), tone, smooth(float64(0.15*r), float64(0.75*r), length(x-cx, y-cy)))
		})
	}
	heart := d.pick(rgb{0.98, 0.78, 0.15}, rgb{0.45, 0.28, 0.1}, rgb{0.95, 0.6, 0.1})
	c.lit(disc(cx, cy, float64(r*d.in(0.26, 0.34))), heart, light, -1, 0.3)
}
