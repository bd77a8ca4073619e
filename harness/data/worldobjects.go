package data

import "math"

// paintSky: a light gradient and a few clouds, above the horizon.
func paintSky(c *canvas, d dice) {
	zenith := hsv(d.in(0.53, 0.61), d.in(0.35, 0.65), d.in(0.75, 0.98))
	low := d.pick(rgb{0.86, 0.93, 0.98}, rgb{0.97, 0.92, 0.86})
	c.backdrop(func(_, y float64) rgb { return mix(zenith, low, smooth(0, 0.8, y)) })
	for range d.IntN(3) {
		x, y, r := d.in(0, 1), d.in(0.08, 0.3), d.in(0.1, 0.17)
		c.fill(oval(x, y, r, r/3, 0).blurred(0.05, 0.9), rgb{0.98, 0.98, 0.98})
	}
}

// paintHouse: a gabled front with a door and windows on a lawn.
func paintHouse(c *canvas, d dice) {
	paintSky(c, d)
	lawn := d.pick(rgb{0.33, 0.58, 0.22}, rgb{0.42, 0.6, 0.28}, rgb{0.28, 0.5, 0.25})
	ground := d.in(0.78, 0.86)
	c.paint(below(ground-0.08, func(x float64) float64 { return ground - 0.05 }), func(_, y float64) rgb {
		return lawn.shade(lerp(0.85, 1.25, (y-ground)/(1-ground)))
	})
	light := d.sign()
	cx, half, eaves := 0.5+d.in(-0.08, 0.08), d.in(0.27, 0.36), d.in(0.42, 0.48)
	ridge := eaves - d.in(0.22, 0.32)
	over := d.in(0.04, 0.07)
	wall := d.pick(rgb{0.93, 0.88, 0.76}, rgb{0.95, 0.93, 0.9}, rgb{0.9, 0.78, 0.55}, rgb{0.75, 0.82, 0.86}, rgb{0.9, 0.72, 0.68})
	roof := d.pick(rgb{0.62, 0.2, 0.15}, rgb{0.45, 0.25, 0.18}, rgb{0.3, 0.32, 0.38}, rgb{0.7, 0.32, 0.18})
	c.fill(oval(cx-float64(light*0.12), ground+0.01, half*1.25, 0.05, 0).blurred(0.06, 0.55), lawn.shade(0.45))
	chimney := cx + float64(d.sign()*half*0.5)
	c.lit(rect(chimney-0.04, ridge-0.02, chimney+0.04, eaves, 0), roof.shade(0.8), light, 0, 0.3)
	c.lit(rect(cx-half, eaves, cx+half, ground, 0), wall, light, 0, 0.16)
	c.fill(rect(cx-half, eaves-0.01, cx+half, eaves+0.05, 0).blurred(0.04, 0.45), wall.shade(0.55))
	c.lit(convex(cx-half-over, eaves+0.01, cx, ridge, cx+half+over, eaves+0.01), roof, light, 0.3, 0.3)
	paintFront(c, d, cx, half, eaves, ground)
}

// paintFront: the door and the windows between eaves and ground.
func paintFront(c *canvas, d dice, cx, half, eaves, ground float64) {
	door := d.pick(rgb{0.4, 0.22, 0.12}, rgb{0.2, 0.35, 0.5}, rgb{0.6, 0.15, 0.15}, rgb{0.18, 0.38, 0.25})
	frame, glass := rgb{0.97, 0.97, 0.95}, d.pick(rgb{0.35, 0.5, 0.62}, rgb{0.98, 0.88, 0.5}, rgb{0.25, 0.33, 0.42})
	top := ground - d.in(0.23, 0.27)
	doorX := cx + float64(half*[3]float64{-0.5, 0, 0.5}[d.IntN(3)])
	c.fill(rect(doorX-0.065, top-0.015, doorX+0.065, ground, 0), frame)
	c.lit(rect(doorX-0.05, top, doorX+0.05, ground, 0), door, -1, 0, 0.15)
	size := d.in(0.05, 0.065)
	for _, side := range [3]float64{-0.56, 0, 0.56} {
		x := cx + float64(half*side)
		if math.Abs(x-doorX) < 0.12+size-0.04 {
			continue
		}
		y := lerp(eaves, ground, 0.44)
		c.fill(rect(x-size-0.018, y-size-0.018, x+size+0.018, y+size+0.018, 0), frame)
		c.lit(rect(x-size, y-size, x+size, y+size, 0), glass, -0.5, -0.8, 0.3)
	}
}

// paintCar: a side view on a road.
func paintCar(c *canvas, d dice) {
	paintSky(c, d)
	road := d.in(0.66, 0.74)
	far := d.pick(rgb{0.45, 0.58, 0.4}, rgb{0.62, 0.6, 0.58}, rgb{0.72, 0.62, 0.5})
	rough := d.grain()
	c.fill(below(0.3, func(x float64) float64 { return road - 0.14 + float64(0.06*rough.at(float64(x*4))) }), far)
	asphalt := d.pick(rgb{0.36, 0.36, 0.38}, rgb{0.45, 0.44, 0.43})
	c.paint(below(road, func(_ float64) float64 { return road }), func(_, y float64) rgb {
		return asphalt.shade(lerp(1.1, 0.85, (y-road)/(1-road)))
	})
	face, light := d.sign(), d.in(-0.4, 0.4)
	cx, ground, k := 0.5+d.in(-0.07, 0.07), road+d.in(0.07, 0.14), d.in(0.86, 1.06)
	at := func(x float64) float64 { return cx + float64(float64(x*face)*k) }
	up := func(y float64) float64 { return ground - float64(y*k) }
	body := hsv(d.Float64(), d.in(0.65, 0.95), d.in(0.6, 0.95))
	if d.IntN(5) == 0 {
		body = d.pick(rgb{0.9, 0.9, 0.92}, rgb{0.22, 0.23, 0.27})
	}
	c.fill(oval(cx, ground, float64(0.43*k), 0.035, 0).blurred(0.05, 0.75), rgb{0.08, 0.08, 0.09})
	roof := d.in(0.38, 0.43)
	back := d.in(0.2, 0.36)
	c.lit(convex(at(-back-0.03), up(0.23), at(-back+0.08), up(roof), at(0.1), up(roof), at(0.25), up(0.23)), body, light, -1, 0.22)
	glass := d.pick(rgb{0.2, 0.27, 0.34}, rgb{0.6, 0.76, 0.85})
	c.lit(convex(at(-back+0.04), up(0.24), at(-back+0.11), up(roof-0.035), at(-0.05), up(roof-0.035), at(-0.05), up(0.24)), glass, 0.4, -1, 0.35)
	c.lit(convex(at(-0.01), up(0.24), at(-0.01), up(roof-0.035), at(0.085), up(roof-0.035), at(0.195), up(0.24)), glass, 0.4, -1, 0.35)
	c.lit(rect(min(at(-0.41), at(0.42)), up(0.25), max(at(-0.41), at(0.42)), up(0.07), 0.05), body, light, -1, 0.3)
	c.fill(rect(min(at(-0.41), at(0.42)), up(0.1), max(at(-0.41), at(0.42)), up(0.07), 0.015), body.shade(0.45))
	c.fill(disc(at(0.385), up(0.18), float64(0.03*k)), rgb{1, 0.96, 0.75})
	c.fill(disc(at(-0.39), up(0.18), float64(0.025*k)), rgb{0.75, 0.08, 0.08})
	for _, x := range [2]float64{-0.23, 0.25} {
		c.fill(disc(at(x), up(0.08), float64(0.1*k)), rgb{0.07, 0.07, 0.08})
		c.fill(disc(at(x), up(0.08), float64(0.05*k)), rgb{0.72, 0.73, 0.76})
	}
}

// paintClock: a round dial with a rim, ticks and two hands on a wall.
func paintClock(c *canvas, d dice) {
	wall := hsv(d.Float64(), d.in(0.12, 0.45), d.in(0.5, 0.85))
	lx, ly := float64(d.sign()*d.in(0.4, 0.9)), -d.in(0.4, 0.9)
	c.backdrop(func(x, y float64) rgb {
		return wall.shade(1 + float64(0.3*(float64((x-0.5)*lx)+float64((y-0.5)*ly))))
	})
	cx, cy, r := 0.5+d.in(-0.06, 0.06), 0.5+d.in(-0.06, 0.06), d.in(0.35, 0.43)
	rim := d.pick(rgb{0.75, 0.58, 0.2}, rgb{0.2, 0.2, 0.24}, rgb{0.55, 0.12, 0.12}, rgb{0.45, 0.28, 0.15}, rgb{0.15, 0.25, 0.5})
	dial := d.pick(rgb{0.97, 0.96, 0.92}, rgb{0.93, 0.9, 0.8}, rgb{0.98, 0.98, 0.98})
	c.fill(disc(cx-float64(lx*0.06), cy-float64(ly*0.06), r).blurred(0.08, 0.6), wall.shade(0.35))
	c.lit(disc(cx, cy, r), rim, lx, ly, 0.6)
	inner := r - d.in(0.045, 0.065)
	c.lit(disc(cx, cy, inner), dial, -lx, -ly, 0.07)
	ink := d.pick(rgb{0.1, 0.1, 0.12}, rgb{0.12, 0.14, 0.3})
	tilt := d.in(-0.08, 0.08)
	for i := range 12 {
		sin, cos := math.Sincos(float64(float64(i)*math.Pi/6) + tilt)
		from, half := inner-0.06, 0.011
		if i%3 == 0 {
			from, half = inner-0.085, 0.02
		}
		c.fill(bar(cx+float64(from*sin), cy-float64(from*cos), cx+float64((inner-0.03)*sin), cy-float64((inner-0.03)*cos), half), ink)
	}
	hour := d.in(0, 12)
	hand := func(turn, size, half float64, colour rgb) {
		sin, cos := math.Sincos(float64(turn*2*math.Pi) + tilt)
		c.fill(bar(cx-float64(0.15*size*sin), cy+float64(0.15*size*cos), cx+float64(size*sin), cy-float64(size*cos), half), colour)
	}
	hand(hour/12, inner*0.5, 0.027, ink)
	hand(hour-math.Floor(hour), inner*0.74, 0.018, ink)
	c.fill(disc(cx, cy, 0.035), rim)
}
