package dense

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/lapack/gonum"
)

// Factor returns F with c = F^T F for a symmetric, positive semidefinite c: its
// rows are as many as c has rank. A covariance of fewer samples than features,
// or of a feature that never changes, has no plain Cholesky factor, so one with
// pivots steps in.
//
// Shapes: c [N,N], F [R,N]. c is left alone.
// Numerics: what is left of c when the factor ends is below N*2^-53 times the
// largest diagonal entry; zero rows for a c of zeros.
// Source: Higham, "Analysis of the Cholesky decomposition of a semi-definite
// matrix", 1990 (LAPACK's dpotrf and dpstrf, in gonum).
func Factor(c Matrix) Matrix {
	needSquare("Factor", c)
	n := c.Rows
	if n == 0 {
		return Matrix{}
	}
	f := Matrix{n, n, append([]float64(nil), c.Data...)}
	impl := gonum.Implementation{}
	if impl.Dpotrf(blas.Upper, n, f.Data, n) && wellPivoted(f, c) {
		clearBelow(f)
		return f
	}
	copy(f.Data, c.Data)
	pivots := make([]int, n)
	rank, _ := impl.Dpstrf(blas.Upper, n, f.Data, n, pivots, -1, make([]float64, 2*n))
	if largest(c) == 0 {
		rank = 0
	}
	clearBelow(f)
	out := New(rank, n)
	for r := range rank {
		for j, p := range pivots {
			out.Data[r*n+p] = f.Data[r*n+j]
		}
	}
	return out
}

// wellPivoted says whether every pivot stands clear of rounding, so that the
// factor divides by nothing that is noise.
func wellPivoted(f, c Matrix) bool {
	n := float64(c.Rows)
	least := n * 0x1p-52 * largest(c)
	for i := range f.Rows {
		d := f.Data[i*f.Cols+i]
		if !(d*d > least) || math.IsInf(d, 0) {
			return false
		}
	}
	return true
}

// largest is the largest entry of the diagonal.
func largest(c Matrix) float64 {
	most := 0.0
	for i := range c.Rows {
		most = max(most, c.Data[i*c.Cols+i])
	}
	return most
}

func clearBelow(f Matrix) {
	for i := range f.Rows {
		clear(f.Row(i)[:i])
	}
}
