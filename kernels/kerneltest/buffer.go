package kerneltest

import (
	"fmt"
	"math"
	"unsafe"
)

// Guard bands. A band is wider than any vector plus any offset, so that no
// stray access of a kernel jumps over it.
const (
	guard    = 64         // elements before and after
	sentinel = 0x7fc0beef // a quiet NaN with a mark: poison to read, and seen when overwritten
)

// Alignments are the offsets, in elements past a 64-byte boundary, at which
// operands are placed: aligned for every vector, for half vectors only, for no
// vector, and the worst.
var Alignments = [4]int{0, 8, 3, 15}

// buffer is a slice under test inside its guard bands.
type buffer struct {
	whole  []float32
	lo, hi int // the slice under test
}

// newBuffer places n elements offset elements past a 64-byte boundary and
// fills everything, inside and around, with the sentinel.
func newBuffer(n, offset int) *buffer {
	whole := make([]float32, n+2*guard+32)
	for i := range whole {
		whole[i] = math.Float32frombits(sentinel)
	}
	lo := guard
	for uintptr(unsafe.Pointer(&whole[lo]))%64 != 0 {
		lo++
	}
	lo += offset
	return &buffer{whole: whole, lo: lo, hi: lo + n}
}

// slice is the part under test. Its capacity ends where it does.
func (b *buffer) slice() []float32 { return b.whole[b.lo:b.hi:b.hi] }

// intact reports the first guard element that changed.
func (b *buffer) intact() error {
	for i, x := range b.whole {
		if (i < b.lo || i >= b.hi) && math.Float32bits(x) != sentinel {
			return fmt.Errorf("element %d of a slice of %d elements was overwritten", i-b.lo, b.hi-b.lo)
		}
	}
	return nil
}

// Output returns n elements to be written, offset elements past a 64-byte
// boundary. They hold NaN, so that a kernel which reads what it should
// overwrite, or forgets an element, shows it.
func (c *Case) Output(n, offset int) []float32 {
	b := newBuffer(n, offset)
	c.buffers = append(c.buffers, b)
	return b.slice()
}

// Input returns n elements to be read, offset elements past a 64-byte boundary,
// with values in [-1, 1) and NaN around them: a kernel that reads too far
// poisons its result.
func (c *Case) Input(n, offset int) []float32 {
	x := c.Output(n, offset)
	for i := range x {
		x[i] = c.Rand.Float32()*2 - 1
	}
	return x
}

// Lengths are the vector lengths at which a kernel with vectors of the given
// number of lanes can go wrong: nothing, every length through twice an unrolled
// group of four, and the same around a larger multiple.
func Lengths(lanes int) []int {
	var n []int
	for i := range 8*lanes + 2 {
		n = append(n, i)
	}
	for i := -2; i <= lanes; i++ {
		n = append(n, 64*lanes+i)
	}
	return n
}
