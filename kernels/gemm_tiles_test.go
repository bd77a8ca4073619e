package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// useTiles computes products on tiles for the rest of a test. Where the
// processor has none, the Go kernels stand in for them, bit for bit.
func useTiles(t testing.TB) {
	if !floatsBelowTiles() {
		t.Skip("no instruction set that the level amx builds on")
	}
	before := isa
	isa = isaAMX
	t.Cleanup(func() { isa = before })
}

// mostWorkers is how many workers a comparison of bits goes up to: workers beyond
// the processors spin, and a short run may be an emulated one.
func mostWorkers() int {
	if testing.Short() {
		return 2
	}
	return 3
}

// splitLoose is the relative error of a product of split operands: each is off
// by at most 2^-16, and so is what the product of the second planes would add.
const splitLoose = 3.1 * 0x1p-16

// inPrecision is a case in a precision: what its reference makes of the operands.
func inPrecision(p Precision, g kerneltest.GemmCase) kerneltest.GemmCase {
	if p == BF16 {
		g.Round = nearestBF16
	} else {
		g.Loose = splitLoose
	}
	return g
}

// TestGemmOnTilesEveryEdge tries the sizes next to every edge of a tile, a pair
// and a panel, in every layout and with every option.
func TestGemmOnTilesEveryEdge(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	sizes := []int{1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70}
	i := 0
	for _, p := range []Precision{BF16, BF16x3} {
		for _, m := range sizes {
			for _, n := range sizes {
				i += 7
				k := []int{1, 2, 3, 16, 31, 32, 33, 64, 65}[i%9]
				suite.Gemm(inPrecision(p, variety(i, kerneltest.GemmCase{M: m, N: n, K: k})), gemmIn(p))
			}
		}
	}
}

// TestGemmOnTilesEveryLayout crosses the layouts of both operands with lengths
// around a step and a piece.
func TestGemmOnTilesEveryLayout(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, p := range []Precision{BF16, BF16x3} {
		for layouts := range 16 {
			for i, k := range []int{0, 1, 31, 65, tilePiece, tilePiece + 33} {
				if k >= tilePiece && layouts%5 != 0 {
					continue
				}
				g := variety(i+layouts, kerneltest.GemmCase{M: 33 + i, N: 40 - i, K: k})
				g.A, g.B = kerneltest.Layout(layouts%4), kerneltest.Layout(layouts/4)
				suite.Gemm(inPrecision(p, g), gemmIn(p))
			}
		}
	}
}

// tileShapes reach one block of rows, two, and many, several pieces of k, and several chunks of
// columns. They are as small as that allows: without tiles they take seconds.
var tileShapes = [][3]int{{1, 1, 1}, {60, 70, 2*tilePiece + 36}, {tileResident/tilePiece + 110, 40, tilePiece}, {300, 40, 33}, {330, 400, tilePiece + 8}, {100 * tileLanes, 10, tilePiece + 8}, {40, tileChunkColumns + 9, 3}, {40, 500, 33}}

// TestGemmOnTilesSameBitsForAnyWorkers: and for transposed views of the result.
func TestGemmOnTilesSameBitsForAnyWorkers(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, p := range []Precision{BF16, BF16x3} {
		for _, s := range tileShapes {
			if testing.Short() && s[0]*s[1] > 1<<15 {
				continue
			}
			suite.Run(fmt.Sprint(p, s), func(tc *kerneltest.Case) {
				want, a, b := product(tc, s)
				useWorkers(t, 1)
				Gemm(want, a, b, GemmOptions{Precision: p})
				for workers := 2; workers <= mostWorkers(); workers++ {
					useWorkers(t, workers)
					got := MatOf(tc.Output(s[0]*s[1], 0), s[0], s[1])
					Gemm(got, a, b, GemmOptions{Precision: p})
					tc.Same(fmt.Sprint(workers, " workers"), got.Data, want.Data)
				}
			})
		}
	}
}

// TestGemmSplitError: the relative error of BF16x3 over a whole product is below
// 1e-5 in the Frobenius norm, and that of BF16 is that of its rounding.
func TestGemmSplitError(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for _, c := range []struct {
		p           Precision
		least, most float64
	}{{BF16, 1e-3, 4e-3}, {BF16x3, 1e-7, 1e-5}} {
		suite.Run(c.p.String(), func(tc *kerneltest.Case) {
			const m, n, k = 64, 64, 1024
			out, a, b := product(tc, [3]int{m, n, k})
			Gemm(out, a, b, GemmOptions{Precision: c.p})
			want, _ := ref.Gemm(ref.View(a), ref.View(b))
			wrong, all := 0.0, 0.0
			for i, x := range out.Data {
				wrong += (float64(x) - want[i]) * (float64(x) - want[i])
				all += want[i] * want[i]
			}
			if e := math.Sqrt(wrong / all); !(e >= c.least && e <= c.most) {
				tc.Fail("the relative error is %.3g, want %.3g to %.3g", e, c.least, c.most)
			}
		})
	}
}

// TestGemmOnTilesStaysInsideMemory puts every operand between closed pages.
func TestGemmOnTilesStaysInsideMemory(t *testing.T) {
	useTiles(t)
	suite := kerneltest.New(t)
	for i := range 64 {
		m, n, k := 1+i*3%70, 1+i*5%70, 1+i*11%150
		suite.Run(fmt.Sprintf("m=%d/n=%d/k=%d", m, n, k), func(c *kerneltest.Case) {
			gemmBetweenPages(c, i, m, n, k, []Precision{BF16, BF16x3}[i/8%2])
		})
	}
}

// TestGemmOnTilesCarriesNaN: lanes past the edge are multiplied by nothing that
// counts, and what is overwritten is not read.
func TestGemmOnTilesCarriesNaN(t *testing.T) {
	useTiles(t)
	const m, n, k = 20, 100, 33
	for _, p := range []Precision{BF16, BF16x3} {
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		for i := range c {
			c[i] = float32(math.NaN())
		}
		b[7*n+70] = float32(math.NaN()) // times zeros of a: column 70 of c
		Gemm(MatOf(c, m, n), MatOf(a, m, k), MatOf(b, k, n), GemmOptions{Precision: p})
		for i, x := range c {
			if isNaN := x != x; isNaN != (i%n == 70) {
				t.Fatalf("%s: c[%d,%d] is %g with NaN in column 70 of b", p, i/n, i%n, x)
			}
		}
	}
}

// TestPrecisionSaysItsPath: the text names what runs.
func TestPrecisionSaysItsPath(t *testing.T) {
	for _, c := range []struct {
		isa  level
		p    Precision
		want string
	}{
		{isaAVX2, F32, "avx2 f32"},
		{isaAVX2, BF16, "avx2 f32 of operands rounded to bf16"},
		{isaAVX512, BF16x3, "avx512 f32"},
		{isaAVX512BF16, F32, "avx512 f32"},
		{isaAVX512BF16, BF16, "avx512bf16 bf16, some convolutions avx512 f32 of operands rounded to bf16"},
		{isaAVX512BF16, BF16x3, "avx512 f32"},
		{isaAMX, F32, "avx512 f32"},
		{isaAMX, BF16, "amx bf16, some weight gradients of convolutions avx512 f32 of operands rounded to bf16"},
		{isaAMX, BF16x3, "amx bf16x3, some convolutions avx512 f32"},
	} {
		before := isa
		isa = c.isa
		if got := c.p.Path(); got != c.want {
			t.Errorf("%s on %s is %q, want %q", c.p, levels[c.isa], got, c.want)
		}
		isa = before
	}
}
