package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
)

// usePairs computes products in BF16 of pairs for the rest of a test. Where the
// processor has no instruction for them, the Go kernels stand in, bit for bit.
func usePairs(t testing.TB) {
	if !floatsBelowTiles() {
		t.Skip("no instruction set that the level avx512bf16 builds on")
	}
	before := isa
	isa = isaAVX512BF16
	t.Cleanup(func() { isa = before })
}

// pairsAreSlow reports whether the Go kernels multiply the pairs, a thousand times
// slower.
func pairsAreSlow() bool { return widest() < isaAVX512BF16 }

// TestGemmOfPairsHasTheBitsOfFloats: products of pairs give what the float32 kernels give
// for rounded operands, for any number of workers and in every layout.
func TestGemmOfPairsHasTheBitsOfFloats(t *testing.T) {
	suite, floats := kerneltest.New(t), min(isa, isaAVX512)
	for i, s := range append([][3]int{{1, 1, 2}, {8, 48, 32}, {9, 49, 33}, {17, 31, 385}, {40, 130, 770}, {200, 96, 64}, {16, 16, 3100}, {5, 24000, 64}, {45, 3000, 770}}, bitShapes...) {
		if (floats == isaGeneric || pairsAreSlow()) && s[0]*s[1]*s[2] > 1<<23 {
			continue
		}
		suite.Run(fmt.Sprint(s), func(tc *kerneltest.Case) {
			want, a, b := product(tc, s)
			start, bias := tc.Input(len(want.Data), 1), tc.Input(s[1], 2)
			o := GemmOptions{Precision: BF16, Accumulate: i%2 == 1, Bias: bias}
			if i%3 == 0 {
				o.Epilogue.Relu = true
			}
			useLevel(t, floats)
			copy(want.Data, start)
			Gemm(want, a, b, o)
			usePairs(t)
			columnsOfA, columnsOfB := compact(a.T()).T(), compact(b)
			for layout := range 4 {
				x, y := a, b
				if layout&1 != 0 {
					x = columnsOfA
				}
				if layout&2 != 0 {
					y = columnsOfB
				}
				for workers := 1; workers <= 3; workers++ {
					useWorkers(t, workers)
					got := MatOf(tc.Output(len(want.Data), 0), s[0], s[1])
					copy(got.Data, start)
					Gemm(got, x, y, o)
					tc.Same(fmt.Sprintf("c, layout %d, %d workers", layout, workers), got.Data, want.Data)
				}
			}
		})
	}
}

// TestGemmOfPairsTakesEveryStride: operands in which no two neighbours are adjacent.
func TestGemmOfPairsTakesEveryStride(t *testing.T) {
	usePairs(t)
	suite := kerneltest.New(t)
	for i := range 64 {
		g := variety(i*7, kerneltest.GemmCase{M: 1 + i%19, N: 1 + i*5%101, K: i * 11 % 500, Round: nearestBF16})
		suite.Gemm(g, gemmIn(BF16))
	}
}

// TestConvOfPairsHasTheBitsOfFloats is the same for the three convolutions.
func TestConvOfPairsHasTheBitsOfFloats(t *testing.T) {
	suite, floats := kerneltest.New(t), min(isa, isaAVX512)
	for i, b := range append(append([]convCase(nil), convCases...), convBitCases...) {
		ny, nx, nw := b.s.sizes()
		if (floats == isaGeneric || pairsAreSlow()) && ny*b.s.Ci*b.s.taps() > 1<<22 {
			continue
		}
		suite.Run(b.name, func(tc *kerneltest.Case) {
			x, w, dy, bias := tc.Input(nx, 0), tc.Input(nw, 1), tc.Input(ny, 2), tc.Input(b.s.Co, 3)
			run := func() [3][]float32 {
				y, dx, dw := tc.Output(ny, 0), tc.Output(nx, 0), tc.Output(nw, 0)
				o := ConvOptions{Precision: BF16, Accumulate: i%2 == 1}
				if o.Accumulate {
					copy(y, dy)
					copy(dx, x)
					copy(dw, w)
				}
				Conv2DGradInput(dx, dy, w, b.s, o)
				Conv2DGradWeight(dw, dy, x, b.s, o)
				o.Bias, o.Relu = bias, i%3 == 0
				if i%4 == 0 {
					o.Add = dy
				}
				Conv2D(y, x, w, b.s, o)
				return [3][]float32{y, dx, dw}
			}
			useLevel(t, floats)
			want := run()
			usePairs(t)
			for workers := 1; workers <= 3; workers++ {
				useWorkers(t, workers)
				for j, got := range run() {
					tc.Same(fmt.Sprintf("%s with %d workers", []string{"y", "dx", "dw"}[j], workers), got, want[j])
				}
			}
		})
	}
}

// TestPairsStayInsideMemory puts every operand between closed pages.
func TestPairsStayInsideMemory(t *testing.T) {
	usePairs(t)
	suite := kerneltest.New(t)
	for i := range 64 {
		m, n, k := 1+i%17, 1+i*5%97, 1+i*11%150
		suite.Run(fmt.Sprintf("m=%d/n=%d/k=%d", m, n, k), func(c *kerneltest.Case) { gemmBetweenPages(c, i, m, n, k, BF16) })
	}
	for i, b := range convCases {
		suite.Run(b.name, func(c *kerneltest.Case) {
			flushConv(c, b.s, i%2 == 0, ConvOptions{Accumulate: i%3 == 0, Precision: BF16})
		})
	}
}

// TestGemmOfPairsCarriesNaN: lanes past the edge are multiplied by nothing that counts,
// and what is overwritten is not read.
func TestGemmOfPairsCarriesNaN(t *testing.T) {
	usePairs(t)
	const m, n, k = 21, 101, 33
	for layout := range 4 {
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		for i := range c {
			c[i] = float32(math.NaN())
		}
		x, y := MatOf(a, m, k), MatOf(b, k, n)
		if layout&1 != 0 {
			x = MatOf(a, k, m).T()
		}
		if layout&2 != 0 {
			y = MatOf(b, n, k).T()
		}
		y.Data[y.offset(32, 70)] = float32(math.NaN()) // beside the zero that fills the last pair
		Gemm(MatOf(c, m, n), x, y, GemmOptions{Precision: BF16})
		for i, v := range c {
			if isNaN := v != v; isNaN != (i%n == 70) {
				t.Fatalf("layout %d: c[%d,%d] is %g with NaN in column 70 of b", layout, i/n, i%n, v)
			}
		}
	}
}

// TestPairsAllocateNothing, once the first call has made room.
func TestPairsAllocateNothing(t *testing.T) {
	usePairs(t)
	s := ConvShape{N: 2, H: 5, W: 7, Ci: 20, Co: 20, KH: 3, KW: 3, PadH: 1, PadW: 1}
	ny, nx, nw := s.sizes()
	x, w, y := make([]float32, nx), make([]float32, nw), make([]float32, ny)
	const m, n, k = 40, 40, 65
	a, b, c := Slab(m*k), Slab(n*k), Slab(m*n)
	for _, workers := range []int{1, 3} {
		useWorkers(t, workers)
		got := kerneltest.Allocations(5, func() {
			Gemm(MatOf(c, m, n), MatOf(a, m, k), MatOf(b, n, k).T(), GemmOptions{Precision: BF16})
			Gemm(MatOf(c, m, n), MatOf(a, k, m).T(), MatOf(b, k, n), GemmOptions{Precision: BF16})
			Conv2D(y, x, w, s, ConvOptions{Precision: BF16})
			Conv2DGradInput(x, y, w, s, ConvOptions{Precision: BF16})
			Conv2DGradWeight(w, y, x, s, ConvOptions{Precision: BF16})
		})
		if got != 0 {
			t.Errorf("%d workers: %d allocations in 5 calls", workers, got)
		}
	}
}
