package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestConvEnds holds Add and Relu against what they abbreviate, to the bit:
// accumulating into what is added (on tiles, adding afterwards), and Relu by itself.
func TestConvEnds(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i, c := range convCases {
			for _, algorithm := range c.s.algorithms() {
				for _, p := range []Precision{F32, BF16, BF16x3} {
					if p == F32 || i%3 == 0 {
						suite.Run(c.name, func(tc *kerneltest.Case) { convEnds(tc, c.s, i, ConvOptions{Algorithm: algorithm, Precision: p}) })
					}
				}
			}
		}
	})
}

func convEnds(c *kerneltest.Case, s ConvShape, i int, o ConvOptions) {
	ny, nx, nw := s.sizes()
	x, w := c.Input(nx, 0), c.Input(nw, 1)
	if i%2 == 0 {
		o.Bias = c.Input(s.Co, 2)
	}
	for kind := range 4 {
		o := o
		want, plain := make([]float32, ny), o
		if kind&1 != 0 {
			added := c.Input(ny, 0)
			o.Add = added
			if o.Precision.tiled() {
				Conv2D(want, x, w, s, plain)
				Add(want, want, added)
			} else {
				copy(want, added)
				plain.Accumulate = true
				Conv2D(want, x, w, s, plain)
			}
		} else {
			Conv2D(want, x, w, s, plain)
		}
		if o.Relu = kind&2 != 0; o.Relu {
			Relu(want, want)
		}
		y := c.Output(ny, 1)
		Conv2D(y, x, w, s, o)
		c.Same(fmt.Sprintf("kind %d", kind), y, want)
	}
}

// TestConvReluKeepsNaN: what is not a number stays so, whatever ends the sum.
func TestConvReluKeepsNaN(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		s := ConvShape{N: 1, H: 13, W: 13, Ci: 17, Co: 33, KH: 1, KW: 1}
		ny, nx, nw := s.sizes()
		x, w, y := make([]float32, nx), make([]float32, nw), make([]float32, ny)
		x[5*17] = float32(math.NaN())
		w[0] = 1
		Conv2D(y, x, w, s, ConvOptions{Relu: true})
		if v := y[5*33]; v == v {
			t.Errorf("y is %v, want NaN", v)
		}
	})
}

// TestConvEndsOnTiles: there the ends are of each band, behind its product.
func TestConvEndsOnTiles(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for i, c := range convCases {
		for _, p := range []Precision{BF16, BF16x3} {
			if i%4 == 1 || testing.Short() && i%8 != 1 {
				suite.Run(c.name, func(tc *kerneltest.Case) { convEnds(tc, c.s, i, ConvOptions{Precision: p}) })
			}
		}
	}
}
