package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/kerneltest"
)

// convBitCases are convolutions with several bands, chunks, pieces of the
// reduction and groups of panels, and enough work to be shared.
var convBitCases = []convCase{
	{"bands of one image, two pieces", ConvShape{N: 1, H: 40, W: 40, Ci: 130, Co: 50, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"bands of several images", ConvShape{N: 37, H: 7, W: 6, Ci: 40, Co: 100, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"one band, several groups of panels", ConvShape{N: 1, H: 4, W: 4, Ci: 200, Co: 400, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"parts of a row of taps", ConvShape{N: 2, H: 9, W: 9, Ci: 600, Co: 40, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"3x3: blocks of tiles, two pieces", ConvShape{N: 2, H: 37, W: 40, Ci: 130, Co: 50, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"3x3: few tiles", ConvShape{N: 5, H: 12, W: 11, Ci: 150, Co: 140, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"phases", ConvShape{N: 2, H: 30, W: 33, Ci: 70, Co: 90, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"few channels", ConvShape{N: 2, H: 50, W: 60, Ci: 3, Co: 64, KH: 5, KW: 3, PadH: 2, PadW: 1}},
	{"a plain product", ConvShape{N: 3, H: 20, W: 30, Ci: 100, Co: 60, KH: 1, KW: 1}},
	{"patches", ConvShape{N: 2, H: 64, W: 64, Ci: 3, Co: 96, KH: 8, KW: 8, StrideH: 8, StrideW: 8}},
}

// eachConvBitCase runs body on each shape that the instruction set in use does
// in reasonable time.
func eachConvBitCase(t *testing.T, body func(c *kerneltest.Case, s ConvShape, algorithm ConvAlgorithm)) {
	suite := kerneltest.New(t)
	for _, b := range convBitCases {
		ny, _, _ := b.s.sizes()
		if isa == isaGeneric && ny*b.s.KH*b.s.KW*b.s.Ci > 5e7 {
			continue
		}
		for _, algorithm := range b.s.algorithms() {
			suite.Run(b.name, func(c *kerneltest.Case) { body(c, b.s, algorithm) })
		}
	}
}

// convResults runs the three operations on one shape and returns what they
// wrote, one after another. The operands of one shape are always the same.
func convResults(c *kerneltest.Case, s ConvShape, algorithm ConvAlgorithm) func() []float32 {
	ny, nx, nw := s.sizes()
	x, w, dy, bias := c.Input(nx, 0), c.Input(nw, 0), c.Input(ny, 0), c.Input(s.Co, 0)
	return func() []float32 {
		y, dx, dw := c.Output(ny, 0), c.Output(nx, 0), c.Output(nw, 0)
		o := ConvOptions{Algorithm: algorithm}
		Conv2D(y, x, w, s, ConvOptions{Algorithm: algorithm, Bias: bias})
		Conv2DGradInput(dx, dy, w, s, o)
		Conv2DGradWeight(dw, dy, x, s, o)
		return append(append(append([]float32(nil), y...), dx...), dw...)
	}
}

func TestConvSameBitsForAnyWorkers(t *testing.T) {
	eachConvBitCase(t, func(c *kerneltest.Case, s ConvShape, algorithm ConvAlgorithm) {
		run := convResults(c, s, algorithm)
		useWorkers(t, 1)
		want := run()
		for _, workers := range []int{2, 3, 7} {
			useWorkers(t, workers)
			c.Same(fmt.Sprintf("result with %d workers", workers), run(), want)
		}
	})
}

func TestConvSameBitsOnAVX2AndAVX512(t *testing.T) {
	if isa == isaGeneric {
		t.Skip("the generic kernels multiply and add separately")
	}
	useLevel(t, isaAVX512)
	suite := kerneltest.New(t)
	for _, b := range append(convBitCases, convCases...) {
		for _, algorithm := range b.s.algorithms() {
			suite.Run(b.name, func(c *kerneltest.Case) {
				run := convResults(c, b.s, algorithm)
				want := run()
				isa = isaAVX2
				c.Same("result on avx2", run(), want)
				isa = isaAVX512
			})
		}
	}
}

// TestConvSameBitsForAnyBatch computes the images one by one.
func TestConvSameBitsForAnyBatch(t *testing.T) {
	eachConvBitCase(t, func(c *kerneltest.Case, s ConvShape, algorithm ConvAlgorithm) {
		o := ConvOptions{Algorithm: algorithm}
		ny, nx, nw := s.sizes()
		x, w, dy := c.Input(nx, 0), c.Input(nw, 0), c.Input(ny, 0)
		y, dx := c.Output(ny, 0), c.Output(nx, 0)
		Conv2D(y, x, w, s, o)
		Conv2DGradInput(dx, dy, w, s, o)
		y1, dx1 := c.Output(ny, 0), c.Output(nx, 0)
		images, px, py := s.N, nx/s.N, ny/s.N
		s.N = 1
		for n := range images {
			Conv2D(y1[n*py:(n+1)*py], x[n*px:(n+1)*px], w, s, o)
			Conv2DGradInput(dx1[n*px:(n+1)*px], dy[n*py:(n+1)*py], w, s, o)
		}
		c.Same("y", y1, y)
		c.Same("dx", dx1, dx)
	})
}

// TestConvStaysInsideMemory puts every operand between closed pages, on every
// instruction set.
func TestConvStaysInsideMemory(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		suite := kerneltest.New(t)
		for i, b := range convCases {
			for _, algorithm := range b.s.algorithms() {
				for _, front := range []bool{false, true} {
					suite.Run(b.name, func(c *kerneltest.Case) {
						flushConv(c, b.s, front, ConvOptions{Accumulate: i%2 == 0, Algorithm: algorithm})
					})
				}
			}
		}
	})
}

// flushConv runs the three operations on operands of zeros between closed pages.
func flushConv(c *kerneltest.Case, s ConvShape, front bool, o ConvOptions) {
	ny, nx, nw := s.sizes()
	x, w, y := c.Flush(nx, front), c.Flush(nw, front), c.Flush(ny, front)
	biased := o
	biased.Bias = c.Flush(s.Co, front)
	Conv2D(y, x, w, s, biased)
	dx, dw := c.Flush(nx, front), c.Flush(nw, front)
	Conv2DGradInput(dx, y, w, s, o)
	Conv2DGradWeight(dw, y, x, s, o)
	for _, out := range [][]float32{y, dx, dw} {
		for j, v := range out {
			c.Near("result", j, v, 0, 0)
		}
	}
}

func TestConvAllocatesNothing(t *testing.T) {
	for _, workers := range []int{1, 3} {
		useWorkers(t, workers)
		for _, b := range convBitCases {
			if isa == isaGeneric && b.s.Ci > 50 {
				continue
			}
			ny, nx, nw := b.s.sizes()
			x, w, y := make([]float32, nx), make([]float32, nw), make([]float32, ny)
			for _, algorithm := range b.s.algorithms() {
				o := ConvOptions{Algorithm: algorithm}
				got := kerneltest.Allocations(5, func() {
					Conv2D(y, x, w, b.s, o)
					Conv2DGradInput(x, y, w, b.s, o)
					Conv2DGradWeight(w, y, x, b.s, o)
				})
				if got != 0 {
					t.Errorf("%s, %d workers, algorithm %d: %d allocations in 5 calls", b.name, workers, algorithm, got)
				}
			}
		}
	}
}
