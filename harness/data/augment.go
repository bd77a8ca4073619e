package data

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Augment is the training-time variation of a picture: a random crop, scaled to
// the output size with Pillow's bicubic filter, and a horizontal flip. The zero
// value changes nothing.
type Augment struct {
	// ScaleMin and ScaleMax bound the crop's share of the area, in (0,1]; both
	// 0 for no crop. The crop's aspect is between 3/4 and 4/3.
	ScaleMin, ScaleMax float64
	// Flip mirrors every second picture, by chance.
	Flip bool
}

// Validate checks the bounds.
//
// Errors: a scale outside (0,1], or the smaller one above the larger.
func (a Augment) Validate() error {
	if a.ScaleMin == 0 && a.ScaleMax == 0 {
		return nil
	}
	if !(a.ScaleMin > 0 && a.ScaleMin <= a.ScaleMax && a.ScaleMax <= 1) {
		return fmt.Errorf("crop scale %g to %g: want 0 < smallest <= largest <= 1", a.ScaleMin, a.ScaleMax)
	}
	return nil
}

// Apply writes a varied picture to dst. Without a crop the whole picture is
// scaled, so its size must then have the aspect that is wanted.
//
// Shapes: dst [size,size,3].
// Panics: dst is too short, or the picture is empty.
// Source: torchvision RandomResizedCrop, RandomHorizontalFlip.
func (a Augment) Apply(dst []uint8, im Image, size int, r *rand.Rand, s *Scratch) {
	if len(dst) < size*size*3 {
		panic(fmt.Sprintf("data: Augment: len(dst) is %d, want at least %d", len(dst), size*size*3))
	}
	src := im.view()
	if a.ScaleMax > 0 {
		x, y, w, h := a.crop(im.W, im.H, r)
		src = src.sub(x, y, w, h)
	}
	resample(dst, src, plan{outW: size, outH: size, w: size, h: size, filter: Bicubic}, s)
	if a.Flip && r.Uint64()&1 == 1 {
		flip(dst, size)
	}
}

// crop draws a rectangle: ten tries at an area and an aspect that fit, else the
// largest central one of an allowed aspect.
func (a Augment) crop(w, h int, r *rand.Rand) (x, y, cw, ch int) {
	const narrow, wide = 3.0 / 4, 4.0 / 3
	for range 10 {
		area := float64(w*h) * lerp(a.ScaleMin, a.ScaleMax, r.Float64())
		aspect := math.Exp(lerp(math.Log(narrow), math.Log(wide), r.Float64()))
		cw = int(math.RoundToEven(math.Sqrt(float64(area * aspect))))
		ch = int(math.RoundToEven(math.Sqrt(area / aspect)))
		if cw > 0 && ch > 0 && cw <= w && ch <= h {
			return r.IntN(w - cw + 1), r.IntN(h - ch + 1), cw, ch
		}
	}
	cw, ch = w, h
	switch aspect := float64(w) / float64(h); {
	case aspect < narrow:
		ch = int(math.RoundToEven(float64(w) / narrow))
	case aspect > wide:
		cw = int(math.RoundToEven(float64(h) * wide))
	}
	return (w - cw) / 2, (h - ch) / 2, cw, ch
}

// flip mirrors [size,size,3] left to right.
func flip(pix []uint8, size int) {
	for y := range size {
		row := pix[y*size*3:][:size*3]
		for l, r := 0, size-1; l < r; l, r = l+1, r-1 {
			for c := range 3 {
				row[l*3+c], row[r*3+c] = row[r*3+c], row[l*3+c]
			}
		}
	}
}
