package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/kerneltest"
)

// imageCases are convolutions whose tiles are read from the image: rows of whole
// tiles, nearly whole ones, and others; one image and several; panels that are cut off.
var imageCases = []convCase{
	{"whole tiles", ConvShape{N: 1, H: 5, W: 16, Ci: 32, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"whole tiles, several images", ConvShape{N: 3, H: 2, W: 32, Ci: 64, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"several bands", ConvShape{N: 1, H: 36, W: 16, Ci: 32, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"rows of 8", ConvShape{N: 2, H: 8, W: 8, Ci: 64, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"rows of 7, odd panels", ConvShape{N: 2, H: 5, W: 7, Ci: 32, Co: 96, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"rows of 15, cut panels", ConvShape{N: 1, H: 6, W: 15, Ci: 32, Co: 40, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"rows of 30", ConvShape{N: 1, H: 3, W: 30, Ci: 64, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"rows of 19, three lanes", ConvShape{N: 2, H: 5, W: 19, Ci: 32, Co: 3, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"one pixel", ConvShape{N: 1, H: 1, W: 1, Ci: 32, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"5x5, padding 2", ConvShape{N: 2, H: 5, W: 16, Ci: 32, Co: 32, KH: 5, KW: 5, PadH: 2, PadW: 2}},
	{"5x5, padding 2, rows of 11", ConvShape{N: 1, H: 9, W: 11, Ci: 32, Co: 33, KH: 5, KW: 5, PadH: 2, PadW: 2}},
	{"no padding", ConvShape{N: 2, H: 6, W: 18, Ci: 32, Co: 32, KH: 3, KW: 3}},
	{"1x1 with padding", ConvShape{N: 1, H: 3, W: 14, Ci: 32, Co: 32, KH: 1, KW: 1, PadH: 1, PadW: 1}},
	{"1x1, stride 2", ConvShape{N: 2, H: 7, W: 32, Ci: 64, Co: 32, KH: 1, KW: 1, StrideH: 2, StrideW: 2}},
	{"3x3, stride 2, whole tiles", ConvShape{N: 2, H: 8, W: 32, Ci: 32, Co: 64, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"3x3, stride 2, rows of 8", ConvShape{N: 3, H: 8, W: 16, Ci: 96, Co: 32, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"3x3, stride 2, odd", ConvShape{N: 1, H: 13, W: 15, Ci: 32, Co: 32, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"4x4, stride 2", ConvShape{N: 2, H: 8, W: 10, Ci: 32, Co: 64, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"3x5, stride 3 and 2, padding 0 and 2", ConvShape{N: 1, H: 12, W: 31, Ci: 32, Co: 32, KH: 3, KW: 5, StrideH: 3, StrideW: 2, PadW: 2}},
	{"strides that skip rows and columns", ConvShape{N: 1, H: 11, W: 13, Ci: 32, Co: 32, KH: 2, KW: 1, StrideH: 3, StrideW: 4, PadH: 1}},
	{"more padding than the kernel reaches", ConvShape{N: 1, H: 3, W: 4, Ci: 32, Co: 32, KH: 2, KW: 3, PadH: 3, PadW: 4}},
	{"long sums", ConvShape{N: 1, H: 2, W: 8, Ci: 320, Co: 32, KH: 3, KW: 3, PadH: 1, PadW: 1}},
}

// TestConvImagesOnTiles holds tiles that are read from the image against the exact sum.
func TestConvImagesOnTiles(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, p := range []Precision{BF16, BF16x3} {
		for i, cc := range imageCases {
			if !testing.Short() || i%5 == 0 {
				suite.Run(p.String()+" "+cc.name, func(tc *kerneltest.Case) { convolveIn(p, tc, cc.s, i) })
			}
		}
	}
}

// TestConvImagesOnTilesEqualGathered: the bits are those of tiles that are gathered,
// for any number of workers, with everything that a convolution begins and ends with.
func TestConvImagesOnTilesEqualGathered(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, p := range []Precision{BF16, BF16x3} {
		for i, cc := range imageCases {
			if !testing.Short() || i%5 == 1 {
				suite.Run(fmt.Sprint(p, cc.name), func(tc *kerneltest.Case) { equalsGathered(t, tc, p, cc.s, i) })
			}
		}
	}
}

func equalsGathered(t *testing.T, tc *kerneltest.Case, p Precision, s ConvShape, i int) {
	ny, nx, nw := s.sizes()
	x, w, dy, add := tc.Input(nx, 0), tc.Input(nw, 0), tc.Input(ny, 0), tc.Input(ny, 0)
	bias := tc.Input(s.Co, 0)
	for _, kind := range []int{i % 4, (i + 1 + i/4%2) % 4} { // without the hardware, all of them take long
		back := ConvOptions{Precision: p, Accumulate: kind == 1}
		o := back
		if kind > 0 {
			o.Bias = bias
		}
		if kind == 2 {
			o.Add = add
		}
		o.Relu = kind == 3 || kind == 2 && i%2 == 0
		run := func(algorithm ConvAlgorithm, y, dx []float32) {
			copy(y, add)
			copy(dx, x)
			o.Algorithm, back.Algorithm = algorithm, algorithm
			Conv2D(y, x, w, s, o)
			Conv2DGradInput(dx, dy, w, s, back)
		}
		wantY, wantDx := make([]float32, ny), make([]float32, nx)
		run(convGathered, wantY, wantDx)
		for workers := 1; workers <= mostWorkers(); workers++ {
			useWorkers(t, workers)
			gotY, gotDx := tc.Output(ny, workers%4), tc.Output(nx, workers%4)
			run(ConvDirect, gotY, gotDx)
			tc.Same(fmt.Sprintf("y of kind %d, %d workers", kind, workers), gotY, wantY)
			tc.Same(fmt.Sprintf("dx of kind %d, %d workers", kind, workers), gotDx, wantDx)
		}
	}
}

// TestConvImagesOnTilesStayInsideMemory puts every operand between closed pages.
func TestConvImagesOnTilesStayInsideMemory(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for i, cc := range imageCases {
		if !testing.Short() || i%5 == 2 {
			suite.Run(cc.name, func(tc *kerneltest.Case) { flushImage(tc, cc.s, i) })
		}
	}
}

func flushImage(tc *kerneltest.Case, s ConvShape, i int) {
	front := i%2 == 0
	ny, nx, nw := s.sizes()
	x, w, y, dx := tc.Flush(nx, front), tc.Flush(nw, front), tc.Flush(ny, front), tc.Flush(nx, front)
	for _, p := range []Precision{BF16, BF16x3} {
		o := ConvOptions{Accumulate: i%3 == 0, Precision: p}
		Conv2DGradInput(dx, y, w, s, o)
		o.Bias = tc.Flush(s.Co, front)
		Conv2D(y, x, w, s, o)
		for _, out := range [][]float32{y, dx} {
			for j, v := range out {
				tc.Near("result", j, v, 0, 0)
			}
		}
	}
}
