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
func (tp *Tape) Linear(x, w, b *Tensor) *Tensor { return tp.linear("Linear", x, w, b, nil) }

// LinearAdd is Add(to, Linear(x, w, b)) in one pass over memory, with the same
// bits.
//
// Shapes: to, y [...,N]; else as Linear.
// Panics: ShapeError.
func (tp *Tape) LinearAdd(x, w, b, to *Tensor) *Tensor {
	needLive("LinearAdd", "to", to)
	return tp.linear("LinearAdd", x, w, b, to)
}

func (tp *Tape) linear(op string, x, w, b, to *Tensor) *Tensor {
	rows, n, k := tp.linearShapes(op, x, w, b)
	y := tp.outputWidth(x, n)
	tp.multiplyAdd(op, y, x.Data, w, b, to, k)
	if r := tp.record(y, linearBack, nil, x, w, b, to); r != nil {
		r.n = rows
		if r.want[0] {
			needNoGradient(op, "w", w)
			keep(w)
		}
		if r.want[1] {
			keep(x)
		}
	}
	return y
}

// linearShapes checks the operands of a linear map and returns the sizes of its
// product.
func (tp *Tape) linearShapes(op string, x, w, b *Tensor) (rows, n, k int) {
	tp.needWeight(op, "w", w, anyDim, anyDim)
	needRank(op, "x", x, 1)
	n, k = w.shape[0], w.shape[1]
	needInt(op, "last dimension of x", width(x), k)
	if b != nil {
		needShape(op, "b", b, n)
	}
	return leading(x), n, k
}

// multiplyAdd overwrites y with x*w^T + b + to, where b and to may be nil.
func (tp *Tape) multiplyAdd(op string, y *Tensor, x []float32, w, b, to *Tensor, k int) {
	rows, n := leading(y), width(y)
	weight, packed := w.rightOperand(tp.precision)
	o := kernels.GemmOptions{Precision: tp.precision, Packed: packed}
	moved := rows*k + n*k + rows*n
	if b != nil {
		o.Bias = b.Data
	}
	if to != nil {
		needSame(op, y, to)
		o.Add = kernels.MatOf(to.Data, rows, n)
		moved += rows * n
	}
	tp.begin("linear")
	kernels.Gemm(kernels.MatOf(y.Data, rows, n), kernels.MatOf(x, rows, k), weight, o)
	tp.countProduct(rows, n, k)
	tp.end(moved)
}

// linearBack: dx = dy*w, dw = dy^T*x, db = column sums of dy, dto = dy. dto may
// share the buffer of dy, so it comes last.
func linearBack(tp *Tape, r *record) {
	x, w, b := r.in[0], r.in[1], r.in[2]
	tp.weightGrads(r, r.dout(), 1, w, b, x)
	if r.want[0] {
		tp.inputGrad(r.dout(), r.n, w, x)
	}
	if r.want[3] {
		tp.begin("linear.dto")
		tp.end(tp.deliver(r, r.in[3]))
	}
}

// weightGrads adds dy^T*x and the column sums of dy to the gradients of w and b, which are
// inputs i and i+1 of r.
func (tp *Tape) weightGrads(r *record, dout []float32, i int, w, b, x *Tensor) {
	n, k := w.shape[0], w.shape[1]
	if r.want[i] {
		tp.weightGrad(kernels.MatOf(dout, r.n, n), w, kernels.MatOf(tp.value(x), r.n, k))
	}
	if r.want[i+1] {
		tp.biasGrad(kernels.MatOf(dout, r.n, n), b)
	}
}

func (tp *Tape) weightGrad(dy kernels.Mat, w *Tensor, x kernels.Mat) {
	tp.begin("linear.dw")
	dw, add := tp.sink(w)
	kernels.Gemm(kernels.MatOf(dw, dy.Cols, x.Cols), dy.T(), x, kernels.GemmOptions{Accumulate: add, Precision: tp.precision})
	tp.countProduct(dy.Cols, x.Cols, dy.Rows)
	tp.end(dy.Rows*(dy.Cols+x.Cols) + written(len(dw), add))
}

func (tp *Tape) biasGrad(dy kernels.Mat, b *Tensor) {
	tp.begin("linear.db")
	db, add := tp.sink(b)
	kernels.ColumnSum(db, dy, kernels.ColumnSumOptions{Accumulate: add})
	tp.end(dy.Rows*dy.Cols + written(len(db), add))
}

// inputGrad adds dy*w to the gradient of x.
func (tp *Tape) inputGrad(dy []float32, rows int, w, x *Tensor) {
	n, k := w.shape[0], w.shape[1]
	weights := kernels.MatOf(tp.value(w), n, k)
	tp.begin("linear.dx")
	dx, add := tp.sink(x)
	kernels.Gemm(kernels.MatOf(dx, rows, k), kernels.MatOf(dy, rows, n), weights, kernels.GemmOptions{Accumulate: add, Precision: tp.precision})
	tp.countProduct(rows, k, n)
	tp.end(rows*n + n*k + written(len(dx), add))
}

// leading returns the product of all dimensions of x but the last.
func leading(x *Tensor) int {
	return elements("Tape", x.shape[:len(x.shape)-1])
}

// width returns the last dimension of x.
func width(x *Tensor) int { return x.shape[len(x.shape)-1] }
