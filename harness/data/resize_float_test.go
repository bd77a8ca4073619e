package data

import (
	"math"
	"testing"
)

// TestResizeFloat holds checksums of Pillow's bits, which
// harness/reference/torch/resize_float.py prints.
func TestResizeFloat(t *testing.T) {
	for _, c := range []struct {
		w, h, toW, toH int
		filter         Filter
		want           uint64
	}{
		{23, 17, 40, 29, Bicubic, 6824039123897964}, {23, 17, 40, 29, Bilinear, 6798938163183425},
		{61, 47, 19, 13, Bicubic, 308749560528993}, {61, 47, 19, 13, Bilinear, 308797356374872},
		{20, 30, 20, 11, Bicubic, 244549221792044}, {20, 30, 20, 11, Bilinear, 244655438671091}, // rows only
	} {
		im := Image{W: c.w, H: c.h, Pix: make([]uint8, c.w*c.h*3)}
		for i := range im.Pix {
			im.Pix[i] = uint8(uint64(i) * 2654435761 >> 7)
		}
		var sum uint64
		for i, v := range ResizeFloat(im, c.toW, c.toH, c.filter) {
			sum += uint64(math.Float32bits(v)) * uint64(i+1)
		}
		if sum&(1<<63-1) != c.want {
			t.Errorf("%dx%d to %dx%d %s: checksum %d, want %d", c.w, c.h, c.toW, c.toH, c.filter, sum&(1<<63-1), c.want)
		}
	}
}
