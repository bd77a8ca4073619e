package data

import (
	"math"
	"math/rand/v2"
)

// The numbers of the hybrid mask are pixels of an image of hybridSide; others
// are scaled.
// Source: the mask generator of Palette's implementation, mode hybrid.
const (
	hybridSide   = 256.0
	boxSide      = 128.0 // largest side of the box
	boxShrink    = 20.0  // by how much a side may be smaller
	boxMargin    = 20.0  // between box and border
	strokeWidth  = 12.0  // narrowest brush
	strokeWidths = 28.0  // how many widths there are
	strokeMost   = 3     // strokes
	vertexLeast  = 4     // of a stroke
	vertexKinds  = 8     // how many numbers of vertices there are
)

// HybridMask draws a hole for training: a box and one to three brush strokes
// together.
//
// It returns [size,size], 1 in the hole.
func HybridMask(r *rand.Rand, size int) []float32 {
	c := holeCanvas{size: size, scale: float64(size) / hybridSide, mask: make([]float32, size*size)}
	c.box(r)
	for range 1 + r.IntN(strokeMost) {
		c.stroke(r)
	}
	return c.mask
}

// holeCanvas is a mask being drawn.
type holeCanvas struct {
	size  int
	scale float64 // pixels of the mask in a pixel of hybridSide
	mask  []float32
}

// box fills a rectangle.
func (c holeCanvas) box(r *rand.Rand) {
	range1 := func() (lo, hi int) {
		from := boxMargin + r.Float64()*(hybridSide-2*boxMargin-boxSide)
		shrink := r.Float64() * boxShrink
		lo = int((from + shrink) * c.scale)
		return lo, min(c.size, max(lo+1, int((from+boxSide)*c.scale)))
	}
	top, bottom := range1()
	left, right := range1()
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			c.mask[y*c.size+x] = 1
		}
	}
}

// stroke draws a broken line that turns about a fifth of a circle at each
// vertex, back and forth.
func (c holeCanvas) stroke(r *rand.Rand) {
	const turn, spread = 2 * math.Pi / 5, 2 * math.Pi / 15
	mean := math.Sqrt2 * hybridSide / 8
	x, y := r.Float64()*hybridSide, r.Float64()*hybridSide
	width := strokeWidth + math.Floor(r.Float64()*strokeWidths)
	low, high := turn-r.Float64()*spread, turn+r.Float64()*spread
	for i := range vertexLeast + r.IntN(vertexKinds) {
		angle := low + r.Float64()*(high-low)
		if i%2 == 0 {
			angle = 2*math.Pi - angle
		}
		length := min(max(mean+mean/2*r.NormFloat64(), 0), 2*mean)
		nx := min(max(x+length*math.Cos(angle), 0), hybridSide)
		ny := min(max(y+length*math.Sin(angle), 0), hybridSide)
		c.line(x, y, nx, ny, width/2)
		x, y = nx, ny
	}
}

// line draws discs along a line, half a pixel of the mask apart.
func (c holeCanvas) line(x0, y0, x1, y1, radius float64) {
	steps := int(2*c.scale*math.Hypot(x1-x0, y1-y0)) + 1
	for i := range steps + 1 {
		t := float64(i) / float64(steps)
		c.disc((x0+t*(x1-x0))*c.scale, (y0+t*(y1-y0))*c.scale, max(radius*c.scale, 0.5))
	}
}

// disc fills the pixels whose centre is within radius.
func (c holeCanvas) disc(x, y, radius float64) {
	for py := max(0, int(y-radius)); py <= min(c.size-1, int(y+radius)); py++ {
		for px := max(0, int(x-radius)); px <= min(c.size-1, int(x+radius)); px++ {
			if dx, dy := float64(px)+0.5-x, float64(py)+0.5-y; dx*dx+dy*dy <= radius*radius {
				c.mask[py*c.size+px] = 1
			}
		}
	}
}
