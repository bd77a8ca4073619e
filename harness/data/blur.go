package data

import (
	"fmt"
	"math"
)

// GaussianBlur writes the plane src [h,w] to dst as Pillow's GaussianBlur filter
// does: three passes of an extended box blur along the rows, then three along
// the columns, in 8 bits. The box of radius l+a weighs the l pixels on each side
// and the middle one alike, and the two after them with a times that, so that its
// variance is radius²/3. Beyond an edge its pixel repeats.
//
// Units: radius is the deviation of the Gaussian in pixels.
// Aliasing: dst may be src.
// Panics: dst or src is not w*h long, or radius is negative or not a number.
// Source: Gwosdek, Grewenig, Bruhn, Weickert 2011 (SSVM), eqs. 7, 11 and 14.
func GaussianBlur(dst, src []uint8, w, h int, radius float64) {
	if len(dst) != w*h || len(src) != w*h || !(radius >= 0) {
		panic(fmt.Sprintf("data: GaussianBlur: %d and %d pixels for %dx%d, radius %v", len(dst), len(src), w, h, radius))
	}
	b := newBox(radius)
	rows := blurred(src, w, h, b)     // [w,h]
	copy(dst, blurred(rows, h, w, b)) // [h,w]
}

// boxPasses is how often the box is applied.
const boxPasses = 3

// box is an extended box of radius whole+part in fixed point: 2^24 is 1.
type box struct {
	whole      int
	near, edge uint32 // weight of the pixels up to whole away, and of the two beyond
}

func newBox(radius float64) box {
	sigma2 := float32(radius) * float32(radius) / boxPasses
	length := float32(math.Sqrt(12*float64(sigma2) + 1))
	whole := float32(math.Floor(float64(length-1) / 2))
	part := (2*whole + 1) * (whole*(whole+1) - 3*sigma2) / (6 * (sigma2 - (whole+1)*(whole+1)))
	b := box{whole: int(whole + part)}
	b.near = uint32(float32(1<<24) / ((whole+part)*2 + 1))
	b.edge = (1<<24 - uint32(2*b.whole+1)*b.near) / 2
	return b
}

// blurred applies the box to every row of src [h,w] and returns the result
// transposed, [w,h].
func blurred(src []uint8, w, h int, b box) []uint8 {
	out, line := make([]uint8, w*h), make([]uint8, w)
	for y := range h {
		copy(line, src[y*w:][:w])
		for range boxPasses {
			b.apply(line)
		}
		for x, v := range line {
			out[x*h+y] = v
		}
	}
	return out
}

// apply blurs a line in place.
func (b box) apply(line []uint8) {
	in := append([]uint8(nil), line...)
	at := func(x int) uint32 { return uint32(in[min(max(x, 0), len(in)-1)]) }
	var sum uint32
	for x := -b.whole; x <= b.whole; x++ {
		sum += at(x)
	}
	for x := range line {
		line[x] = uint8((sum*b.near + (at(x-b.whole-1)+at(x+b.whole+1))*b.edge + 1<<23) >> 24)
		sum += at(x+b.whole+1) - at(x-b.whole)
	}
}

// Dilate sets every pixel of the plane [h,w] that is at most n pixels, along rows
// and columns each, from one that is not 0. The result is 1 there and 0
// elsewhere.
//
// Panics: plane is not w*h long.
func Dilate(plane []float32, w, h, n int) []float32 {
	if len(plane) != w*h {
		panic(fmt.Sprintf("data: Dilate: %d pixels for %dx%d", len(plane), w, h))
	}
	return dilated(dilated(plane, w, h, n), h, w, n)
}

// dilated dilates every row of src [h,w] and returns the result transposed.
func dilated(src []float32, w, h, n int) []float32 {
	out := make([]float32, w*h)
	for y := range h {
		for x, v := range src[y*w:][:w] {
			if v == 0 {
				continue
			}
			for i := max(0, x-n); i <= min(w-1, x+n); i++ {
				out[i*h+y] = 1
			}
		}
	}
	return out
}
