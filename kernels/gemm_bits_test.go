package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/kerneltest"
)

// bitShapes are products with edges in every direction, several pieces of k,
// and enough work to be shared.
var bitShapes = [][3]int{
	{1, 1, 1},        // nothing to share
	{130, 197, 900},  // all edges, three pieces
	{37, 1000, 400},  // few rows: columns are shared
	{1500, 20, 385},  // few columns: rows are shared, two pieces
	{800, 768, 1100}, // rows fill the cache
	{61, 70, 11000},  // pieces of k are shared
	{520, 770, 1024}, // many columns and rows: AVX2 packs all rows first, blocks are small
}

// product multiplies seeded operands of one shape. The operands of one shape
// are always the same.
func product(tc *kerneltest.Case, s [3]int) (c, a, b Mat) {
	m, n, k := s[0], s[1], s[2]
	a, b = MatOf(tc.Input(m*k, 0), m, k), MatOf(tc.Input(n*k, 0), n, k).T()
	return MatOf(tc.Output(m*n, 0), m, n), a, b
}

// eachBitShape runs body on each shape that the instruction set in use does in
// reasonable time.
func eachBitShape(t *testing.T, body func(tc *kerneltest.Case, s [3]int)) {
	suite := kerneltest.New(t)
	for _, s := range bitShapes {
		if isa == isaGeneric && s[0]*s[1]*s[2] > 1<<27 {
			continue
		}
		suite.Run(fmt.Sprint(s), func(tc *kerneltest.Case) { body(tc, s) })
	}
}

func TestGemmSameBitsForAnyWorkers(t *testing.T) {
	eachBitShape(t, func(tc *kerneltest.Case, s [3]int) {
		want, a, b := product(tc, s)
		useWorkers(t, 1)
		Gemm(want, a, b, GemmOptions{})
		for _, workers := range []int{2, 3, 7} {
			useWorkers(t, workers)
			got := MatOf(tc.Output(len(want.Data), 0), s[0], s[1])
			Gemm(got, a, b, GemmOptions{})
			tc.Same(fmt.Sprintf("c with %d workers", workers), got.Data, want.Data)
		}
	})
}

// TestGemmSameBitsForAnyCut computes c block by block, as views of one matrix.
func TestGemmSameBitsForAnyCut(t *testing.T) {
	eachBitShape(t, func(tc *kerneltest.Case, s [3]int) {
		want, a, b := product(tc, s)
		Gemm(want, a, b, GemmOptions{})
		got := MatOf(tc.Output(len(want.Data), 0), s[0], s[1])
		rows, cols := s[0]/3+1, s[1]/2+1
		for r := 0; r < s[0]; r += rows {
			for c := 0; c < s[1]; c += cols {
				r1, c1 := min(r+rows, s[0]), min(c+cols, s[1])
				Gemm(got.Sub(r, r1, c, c1), a.Sub(r, r1, 0, s[2]), b.Sub(0, s[2], c, c1), GemmOptions{})
			}
		}
		tc.Same("c in blocks", got.Data, want.Data)
	})
}

// TestGemmSameBitsOnAVX2AndAVX512 compares the two instruction sets, and the
// layouts of the operands with each other.
func TestGemmSameBitsOnAVX2AndAVX512(t *testing.T) {
	if isa == isaGeneric {
		t.Skip("the generic kernels multiply and add separately")
	}
	useLevel(t, isaAVX512)
	eachBitShape(t, func(tc *kerneltest.Case, s [3]int) {
		want, a, b := product(tc, s)
		Gemm(want, a, b, GemmOptions{})
		for _, l := range []level{isaAVX512, isaAVX2} {
			useLevel(t, l)
			got := MatOf(tc.Output(len(want.Data), 0), s[0], s[1])
			Gemm(got, compact(a.T()).T(), compact(b), GemmOptions{})
			tc.Same("c on "+levels[l], got.Data, want.Data)
		}
		isa = isaAVX512
	})
}

// compact copies m into rows without gaps.
func compact(m Mat) Mat {
	out := MatOf(make([]float32, m.Rows*m.Cols), m.Rows, m.Cols)
	for r := range m.Rows {
		for c := range m.Cols {
			out.Data[r*m.Cols+c] = m.Data[m.offset(r, c)]
		}
	}
	return out
}

func TestGemmAllocatesNothing(t *testing.T) {
	const m, n, k = 130, 100, 400
	a, b, c, bias := Slab(m*k), Slab(n*k), Slab(m*n), Slab(n)
	for _, workers := range []int{1, 2, 4} {
		useWorkers(t, workers)
		got := kerneltest.Allocations(10, func() {
			Gemm(MatOf(c, m, n), MatOf(a, m, k), MatOf(b, n, k).T(), GemmOptions{Bias: bias})
			Gemm(MatOf(c[:n], 1, n), MatOf(a[:k], 1, k), MatOf(b, n, k).T(), GemmOptions{}) // too small to share
		})
		if got != 0 {
			t.Errorf("%d workers: %d allocations in 10 calls", workers, got)
		}
	}
}
