package autodiff

import "lethe/kernels"

// MLP is the second half of a transformer block, with the bits of its parts:
//
//	y = to + Linear(Gelu(Linear(x, w1, b1)), w2, b2)
//
// GELU is applied to the hidden layer's sums while they are in the cache, and
// the backward pass takes them once for its slope and its value, where the ops one
// by one would go over memory for each.
//
// Shapes: x [...,K]; w1 [H,K]; b1 [H]; w2 [N,H]; b2 [N]; to, y [...,N]. b1, b2 and to
// may be nil.
// Memory: of what it computes, the backward pass keeps the sums [...,H].
// Panics: ShapeError.
func (tp *Tape) MLP(x *Tensor, w1, b1, w2, b2, to *Tensor) *Tensor {
	rows, hidden, k := tp.linearShapes("MLP", x, w1, b1)
	tp.needWeight("MLP", "w2", w2, anyDim, hidden)
	if b2 != nil {
		needShape("MLP", "b2", b2, w2.shape[0])
	}
	if to != nil {
		needLive("MLP", "to", to)
	}
	y := tp.outputWidth(x, w2.shape[0])
	r := tp.record(y, mlpBack, nil, x, w1, b1, w2, b2, to)

	h := tp.buffer(rows * hidden)
	sums := h
	if r != nil {
		needNoGradient("MLP", "w1", w1)
		needNoGradient("MLP", "w2", w2)
		sums = tp.buffer(rows * hidden)
		r.aux, r.n = sums, rows
		keep(x)
	}
	weight, packed := w1.rightOperand(tp.precision)
	o := kernels.GemmOptions{Precision: tp.precision, Packed: packed}
	if b1 != nil {
		o.Bias = b1.Data
	}
	o.Gelu = kernels.MatOf(h, rows, hidden)
	tp.begin("mlp")
	kernels.Gemm(kernels.MatOf(sums, rows, hidden), kernels.MatOf(x.Data, rows, k), weight, o)
	tp.countProduct(rows, hidden, k)
	tp.end(rows*k + hidden*k + 2*rows*hidden)
	tp.multiplyAdd("MLP", y, h, w2, b2, to, hidden)
	tp.free(h)
	return y
}

// mlpBack: with z the sums and h = Gelu(z), dz = (dy*w2)*Gelu'(z), and the
// gradients of both linear maps from dy, h, dz and x; dto = dy.
func mlpBack(tp *Tape, r *record) {
	x, w1, b1, w2, b2 := r.in[0], r.in[1], r.in[2], r.in[3], r.in[4]
	hidden, n := w1.shape[0], w2.shape[0]
	dy, z := kernels.MatOf(r.dout(), r.n, n), kernels.MatOf(r.aux, r.n, hidden)
	dz, h := tp.floats.reuse(r.n*hidden), r.aux
	if !tp.once { // another Backward may want the sums
		h = tp.floats.reuse(r.n * hidden)
	}
	weights := kernels.MatOf(tp.value(w2), n, hidden)
	tp.begin("mlp.dhidden")
	kernels.Gemm(kernels.MatOf(dz, r.n, hidden), dy, weights,
		kernels.GemmOptions{Precision: tp.precision, Epilogue: kernels.Epilogue{GradAt: z, Gelu: kernels.MatOf(h, r.n, hidden)}})
	tp.countProduct(r.n, hidden, n)
	tp.end(r.n*n + n*hidden + 3*r.n*hidden)
	if r.want[3] {
		tp.weightGrad(dy, w2, kernels.MatOf(h, r.n, hidden))
	}
	tp.floats.put(h)
	if tp.once {
		r.aux = nil
	}
	if r.want[4] {
		tp.biasGrad(dy, b2)
	}
	tp.weightGrads(r, dz, 1, w1, b1, x)
	if r.want[0] {
		tp.inputGrad(dz, r.n, w1, x)
	}
	tp.floats.put(dz)
	if r.want[5] {
		tp.begin("mlp.dto")
		tp.end(tp.deliver(r, r.in[5]))
	}
}
