package data

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"lethe/layers/rng"
)

// WorldSize is the side of a world image in pixels.
const WorldSize = 32

// WorldClasses names the ten classes of the procedural world: World's class c
// is WorldClasses[c].
var WorldClasses = [10]string{
	"brick", "car", "clock", "face", "fish", "flower", "house", "mountain", "plaid", "sunset",
}

// painters draw one picture of a class on a canvas; same order as WorldClasses.
var painters = [len(WorldClasses)]func(*canvas, dice){
	paintBrick, paintCar, paintClock, paintFace, paintFish, paintFlower, paintHouse, paintMountain, paintPlaid, paintSunset,
}

// World draws picture number index of a class: 32x32 RGB. Pose, colour, light
// and background vary with the index.
//
// Numerics: the same four bytes of arguments give the same bytes on every
// machine: drawing is float64, and sums that a compiler may fuse differ far
// below the quantisation to 8 bits; a test holds a hash of a thousand pictures, equal for GOAMD64=v1 and v3.
// Panics: class is not in [0,10) or index is negative.
func World(seed uint64, class, index int) Image {
	if class < 0 || class >= len(WorldClasses) || index < 0 {
		panic(fmt.Sprintf("data: World: class is %d, index is %d, want class in [0,%d), index at least 0", class, index, len(WorldClasses)))
	}
	d := dice{rng.New(seed, rng.World, uint64(class), uint64(index))}
	var c canvas
	painters[class](&c, d)
	return c.develop(d.Rand)
}

// WorldClass finds a class by name.
func WorldClass(name string) (class int, ok bool) {
	class = slices.Index(WorldClasses[:], name)
	return class, class >= 0
}

// develop averages the samples of each pixel, adds exposure and sensor noise,
// and rounds to 8 bits.
func (c *canvas) develop(r *rand.Rand) Image {
	im := Image{W: WorldSize, H: WorldSize, Pix: make([]uint8, WorldSize*WorldSize*3)}
	exposure := float64(255.0/(supersample*supersample)) * lerp(0.88, 1.06, r.Float64())
	grain := lerp(0.004, 0.016, r.Float64()) // of one byte of the triangular noise below
	for y := range WorldSize {
		for x := range WorldSize {
			var sum rgb
			for j := range supersample {
				at := (y*supersample+j)*canvasSide + x*supersample
				for _, s := range c.pix[at : at+supersample] {
					sum = rgb{sum[0] + clamp01(s[0]), sum[1] + clamp01(s[1]), sum[2] + clamp01(s[2])}
				}
			}
			bits := r.Uint64()
			for i := range sum {
				noise := int(bits&255) + int(bits>>8&255) - 255
				bits >>= 16
				v := float64(sum[i]*exposure) + float64(float64(noise)*grain) + 0.5
				im.Pix[(y*WorldSize+x)*3+i] = uint8(min(max(v, 0), 255))
			}
		}
	}
	return im
}
