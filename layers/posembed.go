package layers

import (
	"fmt"
	"math"
)

// SinCos2D fills dst with the fixed position embedding of a square grid of
// patches in raster order, after one row of zeros for the class token:
//
//	dst[0]         = 0
//	dst[1+y*side+x] = [sin(x w), cos(x w), sin(y w), cos(y w)]
//	w[i]           = 10000^(-i/(width/4)), i < width/4
//
// Shapes: dst [1+side*side, width].
// Units: x and y count patches; the arguments of sin and cos are radians.
// Numerics: computed in float64, then rounded.
// Panics: width is not a positive multiple of 4, or dst is not that long.
// Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.5, with two axes as
// in the masked autoencoder's reference code (x first).
func SinCos2D(dst []float32, side, width int) {
	if width <= 0 || width%4 != 0 {
		panic(fmt.Sprintf("layers: SinCos2D: width is %d, want a positive multiple of 4", width))
	}
	if want := (1 + side*side) * width; len(dst) != want {
		panic(fmt.Sprintf("layers: SinCos2D: len(dst) is %d, want %d", len(dst), want))
	}
	quarter := width / 4
	omega := make([]float64, quarter)
	for i := range omega {
		omega[i] = 1 / math.Pow(10000, float64(i)/float64(quarter))
	}
	clear(dst[:width])
	for y := range side {
		for x := range side {
			row := dst[(1+y*side+x)*width:][:width]
			sinCos(row[:2*quarter], float64(x), omega)
			sinCos(row[2*quarter:], float64(y), omega)
		}
	}
}

// sinCos fills dst with the sines of position*omega, then their cosines.
func sinCos(dst []float32, position float64, omega []float64) {
	for i, w := range omega {
		sin, cos := math.Sincos(position * w)
		dst[i], dst[len(omega)+i] = float32(sin), float32(cos)
	}
}
