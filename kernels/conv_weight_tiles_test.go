package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
)

// tapCases reach the edges of the gradient of the filters on tiles.
var tapCases = []convCase{
	{"whole panels", ConvShape{N: 1, H: 6, W: 24, Ci: 32, Co: 64, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"cut panels, odd sizes", ConvShape{N: 3, H: 7, W: 13, Ci: 17, Co: 33, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"no padding: rows begin with an even pixel", ConvShape{N: 2, H: 5, W: 8, Ci: 20, Co: 12, KH: 3, KW: 3}},
	{"no padding, odd width", ConvShape{N: 2, H: 6, W: 9, Ci: 16, Co: 12, KH: 3, KW: 2}},
	{"two columns of padding", ConvShape{N: 1, H: 7, W: 9, Ci: 33, Co: 20, KH: 5, KW: 5, PadH: 2, PadW: 2}},
	{"1x1 with padding", ConvShape{N: 1, H: 3, W: 4, Ci: 16, Co: 16, KH: 1, KW: 1, PadH: 1, PadW: 1}},
	{"3x1", ConvShape{N: 2, H: 9, W: 7, Ci: 20, Co: 20, KH: 3, KW: 1, PadH: 1}},
	{"1x5", ConvShape{N: 2, H: 4, W: 11, Ci: 48, Co: 40, KH: 1, KW: 5, PadW: 2}},
	{"5x3, more padding than a kernel of the width reaches", ConvShape{N: 1, H: 6, W: 5, Ci: 16, Co: 9, KH: 5, KW: 3, PadH: 2, PadW: 4}},
	{"images side by side, two slabs", ConvShape{N: 27, H: 8, W: 8, Ci: 16, Co: 16, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"slabs of rows", ConvShape{N: 2, H: 71, W: 40, Ci: 16, Co: 8, KH: 3, KW: 3, PadH: 1, PadW: 1}},
	{"a row longer than a slab and a call", ConvShape{N: 1, H: 2, W: 4500, Ci: 16, Co: 5, KH: 1, KW: 3, PadW: 1}},
	{"phases", ConvShape{N: 2, H: 9, W: 12, Ci: 20, Co: 24, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}},
	{"phases, two columns of padding", ConvShape{N: 1, H: 11, W: 13, Ci: 20, Co: 24, KH: 5, KW: 5, StrideH: 2, StrideW: 2, PadH: 2, PadW: 2}},
	{"strides that skip rows and columns", ConvShape{N: 1, H: 11, W: 13, Ci: 16, Co: 16, KH: 2, KW: 1, StrideH: 3, StrideW: 4, PadH: 1}},
	{"two strides", ConvShape{N: 2, H: 9, W: 12, Ci: 16, Co: 16, KH: 3, KW: 5, StrideH: 1, StrideW: 2, PadW: 2}},
	{"patches", ConvShape{N: 2, H: 16, W: 16, Ci: 3, Co: 50, KH: 8, KW: 8, StrideH: 8, StrideW: 8}},
}

// eachTapCase runs body on every case and precision that tiles compute. An emulated run
// has no time for the long ones.
func eachTapCase(t *testing.T, body func(tc *kerneltest.Case, s ConvShape, p Precision, i int)) {
	useTiles(t)
	suite := kerneltest.New(t)
	for i, b := range tapCases {
		if ny, _, _ := b.s.sizes(); testing.Short() && ny > 1<<14 {
			continue
		}
		for _, p := range []Precision{BF16, BF16x3} {
			if (ConvOptions{Precision: p}).tapsOnTiles(b.s.strided().fold()) {
				suite.Run(fmt.Sprint(p, " ", b.name), func(tc *kerneltest.Case) { body(tc, b.s, p, i) })
			}
		}
	}
}

// TestConvWeightOnTiles compares every element with the reference, and, bit for bit, with
// the plain order of the sums, for any number of workers.
func TestConvWeightOnTiles(t *testing.T) {
	eachTapCase(t, func(tc *kerneltest.Case, s ConvShape, p Precision, i int) {
		ny, nx, nw := s.sizes()
		x, dy, before := tc.Input(nx, i%3), tc.Input(ny, 0), tc.Input(nw, 0)
		for _, accumulate := range []bool{false, true} {
			want := append([]float32(nil), before...)
			plainTaps(want, dy, x, s.strided().fold(), p.planes(), accumulate)
			for workers := 1; workers <= mostWorkers(); workers++ {
				useWorkers(t, workers)
				dw := tc.Output(nw, 0)
				if accumulate {
					copy(dw, before)
				}
				Conv2DGradWeight(dw, dy, x, s, ConvOptions{Precision: p, Accumulate: accumulate})
				tc.Same(fmt.Sprintf("dw, accumulate %t, %d workers", accumulate, workers), dw, want)
			}
		}
		rx, rdy, loose := x, dy, splitLoose
		if p == BF16 {
			rx, rdy, loose = roundedCopy(x), roundedCopy(dy), 0
		}
		sum, magnitude := s.reference().GradWeight(rdy, rx)
		terms := s.N*s.OutH()*s.OutW() + int(loose*(1<<24))
		compareConv(tc, "dw", convBound{sum, magnitude, terms}, i%2 == 1, nil, 0, func(dw []float32) {
			Conv2DGradWeight(dw, dy, x, s, ConvOptions{Precision: p, Accumulate: i%2 == 1})
		})
	})
}

// TestConvWeightOnTilesStaysInsideMemory puts every operand between closed pages.
func TestConvWeightOnTilesStaysInsideMemory(t *testing.T) {
	eachTapCase(t, func(tc *kerneltest.Case, s ConvShape, p Precision, i int) {
		ny, nx, nw := s.sizes()
		for _, front := range []bool{false, true} {
			x, dy, dw := tc.Flush(nx, front), tc.Flush(ny, front), tc.Flush(nw, front)
			Conv2DGradWeight(dw, dy, x, s, ConvOptions{Precision: p, Accumulate: i%2 == 0})
			for j, v := range dw {
				tc.Near("dw", j, v, 0, 0)
			}
		}
	})
}

// TestConvWeightOnTilesApplies: what tiles compute, and what they leave to float32.
func TestConvWeightOnTilesApplies(t *testing.T) {
	useTiles(t)
	base := ConvShape{N: 1, H: 16, W: 16, Ci: 16, Co: 32, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
	with := func(change func(s *ConvShape)) ConvShape {
		s := base
		change(&s)
		return s
	}
	for _, c := range []struct {
		s                   ConvShape
		bf16, split, direct bool // split by Winograd's algorithm, and directly
	}{
		{base, true, true, true},
		{with(func(s *ConvShape) { s.N = 7 }), true, true, true},
		{with(func(s *ConvShape) { s.H, s.W = 8, 8 }), true, false, true},
		{with(func(s *ConvShape) { s.StrideH, s.StrideW = 2, 2 }), true, true, true},
		{with(func(s *ConvShape) { s.Ci = 3 }), true, false, false},
		{with(func(s *ConvShape) { s.Co = 3 }), true, false, false},
		{with(func(s *ConvShape) { s.Ci, s.Co = 4, 4 }), false, false, false},
	} {
		for _, p := range []struct {
			o    ConvOptions
			want bool
		}{
			{ConvOptions{Precision: BF16}, c.bf16},
			{ConvOptions{Precision: BF16, Algorithm: ConvWinograd}, c.bf16},
			{ConvOptions{Precision: BF16x3}, c.direct},
			{ConvOptions{Precision: BF16x3, Algorithm: ConvWinograd}, c.split},
			{ConvOptions{}, false},
		} {
			if got := p.o.tapsOnTiles(c.s); got != p.want {
				t.Errorf("%+v, %s, %s: %t, want %t", c.s, p.o.Precision, p.o.Algorithm, got, p.want)
			}
		}
	}
}

// plainTaps is the gradient as its order is defined: for each tap, the matrix of filters by
// the pixels of a slab, its junk zeros, times that of what the tap sees there by channels.
// Both are written out, and multiplied as any product on tiles.
func plainTaps(dw, dy, x []float32, s ConvShape, planes int, accumulate bool) {
	c := tapCall{ConvShape: s}
	c.plan()
	images, rows := c.slab()
	for first := 0; first < s.N; first += images {
		for row := 0; row < s.OutH(); row += rows {
			c.layOut(min(images, s.N-first), min(rows, s.OutH()-row))
			for t := range s.taps() {
				filters, seen := make([]float32, c.steps*32*s.Co), make([]float32, c.steps*32*s.Ci)
				for p := range c.rows * c.gridW {
					n, r, q := first+p%c.gridW/c.width, row+p/c.gridW, p%c.width
					if q >= s.OutW() {
						continue
					}
					copy(filters[p*s.Co:], dy[((n*s.OutH()+r)*s.OutW()+q)*s.Co:][:s.Co])
					h, w := r*s.StrideH+t/s.KW-s.PadH, q*s.StrideW+t%s.KW-s.PadW
					if h >= 0 && h < s.H && w >= 0 && w < s.W {
						copy(seen[p*s.Ci:], x[((n*s.H+h)*s.W+w)*s.Ci:][:s.Ci])
					}
				}
				add := accumulate || first+row > 0
				multiplyTap(dw[t*s.Ci:], s.taps()*s.Ci, filters, seen, planes, c.steps, s.Co, s.Ci, add)
			}
		}
	}
}

// multiplyTap adds filters^T * seen to dw.
func multiplyTap(dw []float32, ldw int, filters, seen []float32, planes, steps, co, ci int, add bool) {
	a, b := make([]uint16, steps*planes*1024), make([]uint16, steps*planes*1024)
	sums := make([]float32, 1024)
	for o := 0; o < co; o += 32 {
		generic.PackPairs(a, planes, filters[o:], co, min(32, co-o), steps*32)
		generic.TransposeTiles(a, 2*planes*steps)
		for l := 0; l < ci; l += 32 {
			generic.PackPairs(b, planes, seen[l:], ci, min(32, ci-l), steps*32)
			clear(sums)
			m, n := min(32, co-o), min(32, ci-l)
			if add {
				copyRows(sums, 32, dw[o*ldw+l:], ldw, m, n)
			}
			tilePanels(planes, tileLanes, steps, a, b, sums, 32, sums, 32, tileAsk)
			copyRows(dw[o*ldw+l:], ldw, sums, 32, m, n)
		}
	}
}
