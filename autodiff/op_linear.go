package autodiff

import "lethe/kernels"

// Linear multiplies the last dimension of x by a weight matrix:
//
//	y[...,n] = sum_k x[...,k]*w[n,k] + b[n]
//
// Shapes: x [...,K]; w [N,K]; b [N] or nil for none; y [...,N].
// Numerics: x, w and, in the gradients, dy are multiplied as SetPrecision says; b
// and its gradient are float32.
// Panics: ShapeError.
func (tp *Tape) Linear(x, w, b *Tensor) *Tensor {
	needShape("Linear", "w", w, anyDim, anyDim)
	needRank("Linear", "x", x, 1)
	n, k := w.shape[0], w.shape[1]
	needInt("Linear", "last dimension of x", width(x), k)
	var bias []float32
	if b != nil {
		needShape("Linear", "b", b, n)
		bias = b.Data
	}

	rows := leading(x)
	y := tp.outputWidth(x, n)
	tp.begin("linear")
	kernels.Gemm(kernels.MatOf(y.Data, rows, n), kernels.MatOf(x.Data, rows, k),
		kernels.MatOf(w.Data, n, k).T(), kernels.GemmOptions{Bias: bias, Precision: tp.precision})
	tp.countProduct(rows, n, k)
	tp.end(rows*k + n*k + rows*n)

	if r := tp.record(y, linearBack, nil, x, w, b); r != nil {
		r.n = rows
		if r.want[0] {
			keep(w)
		}
		if r.want[1] {
			keep(x)
		}
	}
	return y
}

// linearBack: dx = dy*w, dw = dy^T*x, db = column sums of dy.
func linearBack(tp *Tape, r *record) {
	x, w, b := r.in[0], r.in[1], r.in[2]
	rows, n, k := r.n, w.shape[0], w.shape[1]
	dy := kernels.MatOf(r.dout(), rows, n)
	if r.want[1] {
		x := tp.value(x)
		tp.begin("linear.dw")
		dw, add := tp.sink(w)
		kernels.Gemm(kernels.MatOf(dw, n, k), dy.T(), kernels.MatOf(x, rows, k), kernels.GemmOptions{Accumulate: add, Precision: tp.precision})
		tp.countProduct(n, k, rows)
		tp.end(rows*n + rows*k + written(n*k, add))
	}
	if r.want[2] {
		tp.begin("linear.db")
		db, add := tp.sink(b)
		kernels.ColumnSum(db, dy, kernels.ColumnSumOptions{Accumulate: add})
		tp.end(rows*n + written(n, add))
	}
	if r.want[0] {
		w := tp.value(w)
		tp.begin("linear.dx")
		dx, add := tp.sink(x)
		kernels.Gemm(kernels.MatOf(dx, rows, k), dy, kernels.MatOf(w, n, k), kernels.GemmOptions{Accumulate: add, Precision: tp.precision})
		tp.countProduct(rows, k, n)
		tp.end(rows*n + n*k + written(rows*k, add))
	}
}

// leading returns the product of all dimensions of x but the last.
func leading(x *Tensor) int {
	return elements("Tape", x.shape[:len(x.shape)-1])
}

// width returns the last dimension of x.
func width(x *Tensor) int { return x.shape[len(x.shape)-1] }
