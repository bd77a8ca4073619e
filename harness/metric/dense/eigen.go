package dense

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/lapack/gonum"
	"gonum.org/v1/gonum/mat"

	"lethe/kernels"
)

// errNoConvergence is what a NaN or an infinity in a matrix ends in.
var errNoConvergence = errors.New("dense: eigenvalues did not converge: look for values that are not finite")

// Eigenvalues returns the eigenvalues of a symmetric matrix, ascending.
//
// The matrix is reduced to tridiagonal form by Householder reflections, 32
// columns at a time, so that half of the work is a product of matrices; the
// other half reads the matrix once a column, on all workers.
//
// Writes: a is destroyed.
// Numerics: backward stable, error of about n*2^-53 times the largest eigenvalue.
// Errors: no convergence.
// Panics: a is not square.
// Source: Dongarra, Hammarling, Sorensen, "Block reduction of matrices to
// condensed forms for eigenvalue computations", 1989 (LAPACK's dsytrd, dlatrd);
// the tridiagonal matrix goes to gonum's Dsterf.
func Eigenvalues(a Matrix) ([]float64, error) {
	needSquare("Eigenvalues", a)
	n := a.Rows
	if n == 0 {
		return nil, nil
	}
	diag, off := make([]float64, n), make([]float64, max(n-1, 0))
	for first := 0; first < n; first += panelWidth {
		p := newPanel(a, first)
		for j := range p.width {
			p.column(j, diag, off)
		}
		p.update()
	}
	if n > 1 && !(gonum.Implementation{}).Dsterf(n, diag, off) {
		return nil, errNoConvergence
	}
	for _, v := range diag {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errNoConvergence
		}
	}
	return diag, nil
}

const panelWidth = 32

// panel holds the reflections of up to panelWidth columns that a's trailing
// square from row first on has not seen yet: it stands for
//
//	a - v w^T - w v^T
//
// v and w are stored by reflection, [panelWidth][n-first], zero above each
// reflection's start.
type panel struct {
	a            Matrix
	first, width int
	v, w         Matrix
}

func newPanel(a Matrix, first int) *panel {
	size := a.Rows - first
	width := min(panelWidth, size)
	return &panel{a: a, first: first, width: width, v: New(width, size), w: New(width, size)}
}

// column reduces column first+j.
func (p *panel) column(j int, diag, off []float64) {
	n, c := p.a.Rows, p.first+j
	x := p.a.Row(c)[c:]
	for k := range j {
		v, w := p.v.Row(k)[j:], p.w.Row(k)[j:]
		axpy(-w[0], v, x)
		axpy(-v[0], w, x)
	}
	diag[c] = x[0]
	if c == n-1 {
		return
	}
	v, w := p.v.Row(j)[j+1:], p.w.Row(j)[j+1:]
	tau := reflect(v, x[1:], &off[c])
	if tau == 0 {
		clear(v)
		return
	}
	p.multiply(w, v, c+1)
	for k := range j {
		vk, wk := p.v.Row(k)[j+1:], p.w.Row(k)[j+1:]
		dv, dw := dot(vk, v), dot(wk, v)
		axpy(-dw, vk, w)
		axpy(-dv, wk, w)
	}
	for i := range w {
		w[i] *= tau
	}
	axpy(-tau/2*dot(w, v), v, w)
}

// reflect writes the vector v, v[0] = 1, and returns the factor tau of the
// reflection I - tau v v^T that takes x to (beta, 0, ..., 0).
func reflect(v, x []float64, beta *float64) float64 {
	tail := norm2(x[1:])
	if tail == 0 {
		*beta = x[0]
		return 0
	}
	b := -math.Copysign(math.Hypot(x[0], tail), x[0])
	scale := 1 / (x[0] - b)
	for i, e := range x {
		v[i] = e * scale
	}
	v[0] = 1
	*beta = b
	return (b - x[0]) / b
}

// multiply writes to w the product of a's trailing square from row start on
// with v.
func (p *panel) multiply(w, v []float64, start int) {
	const rows = 64
	kernels.For((len(w)+rows-1)/rows, func(t int) {
		for i := t * rows; i < min((t+1)*rows, len(w)); i++ {
			w[i] = dot(p.a.Row(start + i)[start:], v)
		}
	})
}

// update applies the panel to what is left of a.
func (p *panel) update() {
	next := p.first + p.width
	size := p.a.Rows - next
	if size == 0 {
		return
	}
	// [v|w] [w|v]^T, rows of the matrix first.
	left, right := New(size, 2*p.width), New(size, 2*p.width)
	for k := range p.width {
		v, w := p.v.Row(k)[p.width:], p.w.Row(k)[p.width:]
		for i := range size {
			left.Data[i*2*p.width+k], left.Data[i*2*p.width+p.width+k] = v[i], w[i]
			right.Data[i*2*p.width+k], right.Data[i*2*p.width+p.width+k] = w[i], v[i]
		}
	}
	p.subtract(next, left, right)
}

// subtract takes left right^T from a's trailing square.
func (p *panel) subtract(next int, left, right Matrix) {
	size := left.Rows
	tiles := (size + tileRows - 1) / tileRows
	kernels.For(tiles, func(t int) {
		for j := 0; j < size; j += tileCols {
			gemmTile(p.a, next, t*tileRows, j, left, right)
		}
	})
}

// NuclearNorm is the sum of the singular values of m.
// Errors: no convergence. Writes: m is destroyed.
func NuclearNorm(m Matrix) (float64, error) {
	if m.Rows == 0 || m.Cols == 0 {
		return 0, nil
	}
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(m.Rows, m.Cols, m.Data), mat.SVDNone) {
		return 0, errNoConvergence
	}
	sum := 0.0
	for _, s := range svd.Values(nil) {
		sum += s
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, errNoConvergence
	}
	return sum, nil
}
