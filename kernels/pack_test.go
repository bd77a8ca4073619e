package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestPackPanel compares panels with their definition: lanes down, steps across and
// the other way around, with rows apart, at closed pages on both sides; lanes past the
// edge are zero, or repeat the last one where a kernel takes eight at a time.
func TestPackPanel(t *testing.T) {
	suite := kerneltest.New(t)
	tile := gemmTileShape()
	for width := tile.step; width <= tile.nr; width += tile.step {
		for n := 1; n <= width; n++ {
			for _, k := range []int{1, 7, 8, 15, 16, 17, 31, 32, 50, 64, 65, 80, 129} {
				for _, transposed := range []bool{false, true} {
					front := (n+k)%2 == 0
					suite.Run(fmt.Sprintf("width=%d/n=%d/k=%d/transposed=%t/front=%t", width, n, k, transposed, front), func(c *kerneltest.Case) {
						packed(c, width, n, k, transposed, front)
					})
				}
			}
		}
	}
}

func packed(c *kerneltest.Case, width, n, k int, transposed, front bool) {
	src := lanes{lane: 1, step: n + k%3}
	size := (k-1)*src.step + n
	if transposed {
		src.lane, src.step = k+n%5, 1
		size = (n-1)*src.lane + k
	}
	src.data = c.Flush(size, front)
	for i := range src.data {
		src.data[i] = float32(i + 1)
	}
	dst := c.Flush(k*width, !front)
	packPanel(dst, width, src, 0, n, 0, k)
	for p := range k {
		for l := range width {
			got, edge := dst[p*width+l], src.at(n-1, p)[0]
			if want := src.at(min(l, n-1), p)[0]; got != want && !(l >= n && (got == 0 || got == edge)) {
				c.Fail("lane %d, step %d: %g, want %g", l, p, got, want)
			}
		}
	}
}
