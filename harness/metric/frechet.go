package metric

import (
	"fmt"
	"math"

	"lethe/harness/metric/dense"
)

// Moments are the mean and the unbiased covariance of a set of features, all
// that a Frechet distance knows of it.
type Moments struct {
	N    int          // samples; 0 when nobody wrote it down
	Mean []float64    // [D]
	Cov  dense.Matrix // [D,D]
	From Provenance
}

// momentRows is how many samples are turned to float64 at a time.
const momentRows = 2048

// SetMoments computes the moments of a set.
// Errors: ErrTooFew, ErrNonFinite.
func SetMoments(s Set) (Moments, error) {
	if err := s.check("SetMoments"); err != nil {
		return Moments{}, err
	}
	m := Moments{N: s.N, Mean: s.mean(), Cov: dense.New(s.D, s.D), From: s.From}
	for first := 0; first < s.N; first += momentRows {
		x := s.rows(first, min(first+momentRows, s.N)).centred(m.Mean).T()
		dense.AddGram(m.Cov, 1/float64(s.N-1), x, x)
	}
	return m, nil
}

// FrechetDistance is the squared Frechet (2-Wasserstein) distance of the
// Gaussians with the means and the unbiased covariances of two sets:
//
//	|m1-m2|^2 + tr(C1) + tr(C2) - 2 tr( (C1 C2)^(1/2) )
//
// Over the features of InceptionNetwork this is the FID; every other column is
// named FD(network).
//
// The last trace is never taken from a matrix root. When a set has no more
// samples than features it is the sum of the singular values of
// X1 X2^T / sqrt((n1-1)(n2-1)), X centred, a matrix of n1 x n2: exact without
// the usual small number on the diagonals, which such covariances need because
// they lack rank. Otherwise it is the sum of the roots of the eigenvalues of
// F C2 F^T with C1 = F^T F.
//
// Units: squared units of the features; 0 for equal sets, lower is closer.
// Numerics: rounding alone can make the distance of equal sets negative, by
// about 1e-8 of the traces; it is not clamped.
// Errors: ErrTooFew, ErrNonFinite, ErrMismatch.
// Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge
// to a Local Nash Equilibrium" (arXiv 1706.08500); Dowson and Landau 1982.
func FrechetDistance(x, y Set) (Result, error) {
	const op = "FrechetDistance"
	if err := checkSets(op, x, y); err != nil {
		return Result{}, err
	}
	if min(x.N, y.N) > x.D {
		a, err := SetMoments(x)
		if err != nil {
			return Result{}, err
		}
		b, err := SetMoments(y)
		if err != nil {
			return Result{}, err
		}
		return FrechetOfMoments(a, b)
	}
	mx, my := x.mean(), y.mean()
	cx, cy := x.centred(mx), y.centred(my)
	cross := dense.New(min(x.N, y.N), max(x.N, y.N))
	scale := 1 / math.Sqrt(float64(x.N-1)*float64(y.N-1))
	if x.N <= y.N {
		dense.AddProduct(cross, scale, cx, cy)
	} else {
		dense.AddProduct(cross, scale, cy, cx)
	}
	root, err := dense.NuclearNorm(cross)
	if err != nil {
		return Result{}, fmt.Errorf("metric: %s: %w", op, err)
	}
	value := squares(mx, my) + sumSquares(cx.Data)/float64(x.N-1) + sumSquares(cy.Data)/float64(y.N-1) - 2*root
	return frechetResult(value, x.D, x.N, y.N, x.From, y.From), nil
}

// FrechetOfMoments is FrechetDistance of sets of which only the moments are
// left, as a file of reference statistics holds them.
// Errors: ErrNonFinite, ErrMismatch.
func FrechetOfMoments(x, y Moments) (Result, error) {
	const op = "FrechetOfMoments"
	for _, m := range []Moments{x, y} {
		if m.Cov.Rows != len(m.Mean) || m.Cov.Cols != len(m.Mean) {
			panic(fmt.Sprintf("metric: %s: covariance is %dx%d beside %d means", op, m.Cov.Rows, m.Cov.Cols, len(m.Mean)))
		}
		if err := finite(op, "mean", m.Mean); err != nil {
			return Result{}, err
		}
		if err := finite(op, "covariance", m.Cov.Data); err != nil {
			return Result{}, err
		}
	}
	if err := checkFrom(op, len(x.Mean), len(y.Mean), x.From, y.From); err != nil {
		return Result{}, err
	}
	root, err := rootTrace(x.Cov, y.Cov)
	if err != nil {
		return Result{}, fmt.Errorf("metric: %s: %w", op, err)
	}
	value := squares(x.Mean, y.Mean) + x.Cov.Trace() + y.Cov.Trace() - 2*root
	return frechetResult(value, len(x.Mean), x.N, y.N, x.From, y.From), nil
}

// rootTrace is tr((c1 c2)^(1/2)) of two covariances.
func rootTrace(c1, c2 dense.Matrix) (float64, error) {
	f := dense.Factor(c1)
	if f.Rows == 0 {
		return 0, nil
	}
	half := dense.New(f.Rows, f.Cols)
	dense.AddProduct(half, 1, f, c2) // c2 is its own transpose
	product := dense.New(f.Rows, f.Rows)
	dense.AddGram(product, 1, half, f)
	values, err := dense.Eigenvalues(product)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Sqrt(max(v, 0)) // rounding leaves small negative ones
	}
	return sum, nil
}

// smallFrechet is the number of samples below which the FID is biased upwards
// so far that values of different n say nothing about each other.
const smallFrechet = 2048

func frechetResult(value float64, d, nx, ny int, px, py Provenance) Result {
	r := pairResult(FrechetColumn, px, py, nx, ny)
	r.Value = value
	least := max(d+1, smallFrechet)
	for i, n := range r.N {
		switch {
		case n == 0:
			r.Warnings = append(r.Warnings, fmt.Sprintf("set %d: nobody wrote down how many images its statistics come from; the bias is unknown", i+1))
		case n < least:
			r.Warnings = append(r.Warnings, fmt.Sprintf(
				"set %d: n = %d is small for %d features: %s is biased upwards; use at least %d images, or read KID, which has no such bias, and compare only values of equal n",
				i+1, n, d, r.Column, least))
		}
	}
	return r
}

// squares is |x-y|^2.
func squares(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		d := v - y[i]
		sum += d * d
	}
	return sum
}

func sumSquares(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}
