package kernels

import (
	"fmt"
	"slices"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestConvOnTiles: the same on tiles, in both precisions.
func TestConvOnTiles(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, p := range []Precision{BF16, BF16x3} {
		for i, cc := range convCases {
			suite.Run(p.String()+" "+cc.name, func(tc *kerneltest.Case) { convolveIn(p, tc, cc.s, i) })
		}
	}
}

// TestConvOnTilesSameBitsForAnyWorkers: bands and groups of panels differ, sums do
// not.
func TestConvOnTilesSameBitsForAnyWorkers(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, p := range []Precision{BF16, BF16x3} {
		for _, s := range []ConvShape{
			{N: 2, H: 7, W: 19, Ci: 34, Co: 40, KH: 3, KW: 3, PadH: 1, PadW: 1},
			{N: 1, H: 9, W: 10, Ci: 33, Co: 40, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1},
		} {
			suite.Run(fmt.Sprint(p, s), func(tc *kerneltest.Case) {
				ny, nx, nw := s.sizes()
				x, w, dy := tc.Input(nx, 0), tc.Input(nw, 0), tc.Input(ny, 0)
				y, dx := make([]float32, ny), make([]float32, nx)
				for workers := 1; workers <= mostWorkers(); workers++ {
					useWorkers(t, workers)
					gotY, gotDx := tc.Output(ny, 0), tc.Output(nx, 0)
					Conv2D(gotY, x, w, s, ConvOptions{Precision: p})
					Conv2DGradInput(gotDx, dy, w, s, ConvOptions{Precision: p})
					if workers == 1 {
						copy(y, gotY)
						copy(dx, gotDx)
					}
					tc.Same("y", gotY, y)
					tc.Same("dx", gotDx, dx)
				}
			})
		}
	}
}

// TestConvOnTilesStaysInsideMemory puts every operand between closed pages.
func TestConvOnTilesStaysInsideMemory(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for i, b := range convCases {
		suite.Run(b.name, func(c *kerneltest.Case) {
			front := i%2 == 0
			ny, nx, nw := b.s.sizes()
			x, w, y, dx := c.Flush(nx, front), c.Flush(nw, front), c.Flush(ny, front), c.Flush(nx, front)
			for _, p := range []Precision{BF16, BF16x3} {
				o := ConvOptions{Accumulate: i%3 == 0, Precision: p}
				Conv2DGradInput(dx, y, w, b.s, o)
				o.Bias = c.Flush(b.s.Co, front)
				Conv2D(y, x, w, b.s, o)
				for _, out := range [][]float32{y, dx} {
					for j, v := range out {
						c.Near("result", j, v, 0, 0)
					}
				}
			}
		})
	}
}

// TestTilesAllocateNothing: neither products nor convolutions on tiles do, nor
// those that round, once the first call has made room.
func TestTilesAllocateNothing(t *testing.T) {
	s := ConvShape{N: 1, H: 5, W: 6, Ci: 20, Co: 20, KH: 3, KW: 3, PadH: 1, PadW: 1}
	image := ConvShape{N: 2, H: 5, W: 9, Ci: 32, Co: 40, KH: 3, KW: 3, StrideW: 2, PadH: 1, PadW: 1} // read where it is
	ny, nx, nw := image.sizes()
	x, w, y := make([]float32, nx), make([]float32, nw), make([]float32, ny)
	const m, n, k = 40, 40, 64
	a, b, c := Slab(m*k), Slab(n*k), Slab(m*n)
	for _, use := range []func(testing.TB){useFloats, useTiles} {
		use(t)
		for _, p := range []Precision{BF16, BF16x3} {
			for _, workers := range []int{1, 3} {
				useWorkers(t, workers)
				got := kerneltest.Allocations(5, func() {
					Gemm(MatOf(c, m, n), MatOf(a, m, k), MatOf(b, n, k).T(), GemmOptions{Precision: p})
					for _, s := range []ConvShape{s, image} {
						Conv2D(y, x, w, s, ConvOptions{Precision: p})
						Conv2DGradInput(x, y, w, s, ConvOptions{Precision: p})
						Conv2DGradWeight(w, y, x, s, ConvOptions{Precision: p})
					}
				})
				if got != 0 {
					t.Errorf("%s, %d workers: %d allocations in 5 calls", p.Path(), workers, got)
				}
			}
		}
	}
}

// TestSplitConvolutionsOfManyChannels: BF16x3 has F32's Winograd where channels are many, forward and
// for the input, and tiles for everything else.
func TestSplitConvolutionsOfManyChannels(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, ci := range []int{winogradOverTiles - 1, winogradOverTiles} {
		s := ConvShape{N: 1, H: 6, W: 7, Ci: ci, Co: winogradOverTiles, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
		split, float := ConvOptions{Precision: BF16x3, Algorithm: ConvWinograd}, ConvOptions{Algorithm: ConvWinograd}
		suite.Run(fmt.Sprint(ci, " channels"), func(tc *kerneltest.Case) {
			many := ci == winogradOverTiles
			if split.winograd(s) != many {
				tc.Fail("by Winograd: %t, want %t", split.winograd(s), many)
			}
			if (ConvOptions{Precision: BF16x3}).winograd(s) || (ConvOptions{Precision: BF16, Algorithm: ConvWinograd}).winograd(s) {
				tc.Fail("by Winograd, which nobody asked for, or in BF16")
			}
			ny, nx, nw := s.sizes()
			x, w, dy := tc.Input(nx, 0), tc.Input(nw, 1), tc.Input(ny, 2)
			y, dx, wantY, wantX := tc.Output(ny, 0), tc.Output(nx, 1), tc.Output(ny, 2), tc.Output(nx, 3)
			Conv2D(y, x, w, s, split)
			Conv2D(wantY, x, w, s, float)
			Conv2DGradInput(dx, dy, w, s, split)
			Conv2DGradInput(wantX, dy, w, s, float)
			if !many {
				if slices.Equal(y, wantY) || slices.Equal(dx, wantX) {
					tc.Fail("the bits are those of F32")
				}
				return
			}
			tc.Same("y", y, wantY)
			tc.Same("dx", dx, wantX)
		})
	}
}
