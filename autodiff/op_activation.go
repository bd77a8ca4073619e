package autodiff

import "lethe/kernels"

// Gelu applies the exact Gaussian error linear unit to every element:
//
//	y = x/2*(1 + erf(x/sqrt(2)))
//
// Shapes: y as x.
// Panics: ShapeError.
// Source: Hendrycks, Gimpel 2016 (arXiv:1606.08415).
func (tp *Tape) Gelu(x *Tensor) *Tensor {
	needLive("Gelu", "x", x)
	y := tp.output(x.shape)
	kernels.Gelu(y.Data, x.Data)
	if tp.record(y, geluBack, geluAgain, x) != nil {
		keep(x)
	}
	return y
}

func geluAgain(tp *Tape, r *record) { kernels.Gelu(r.out.Data, tp.value(r.in[0])) }

// geluBack: dx = dy*(Phi(x) + x*phi(x)), in place where nobody else needs dy.
func geluBack(tp *Tape, r *record) {
	x := r.in[0]
	if d, ok := r.own(); ok {
		kernels.GeluGrad(d, d, tp.value(x))
		tp.deliver(r, x)
		return
	}
	c := tp.open(x)
	kernels.GeluGrad(c.data, r.dout(), tp.value(x))
	tp.commit(c)
}

// Softmax normalizes the exponentials of the last dimension of x:
//
//	y[r,c] = exp(x[r,c]-max[r]) / sum_j exp(x[r,j]-max[r])
//
// Shapes: x, y [...,C].
// Panics: ShapeError.
func (tp *Tape) Softmax(x *Tensor) *Tensor {
	needRank("Softmax", "x", x, 1)
	rows, c := leading(x), width(x)
	y := tp.output(x.shape)
	kernels.Softmax(kernels.MatOf(y.Data, rows, c), kernels.MatOf(x.Data, rows, c))
	if r := tp.record(y, softmaxBack, nil, x); r != nil {
		r.n = rows
		keep(y)
	}
	return y
}

// softmaxBack: dx = y*(dy - sum(dy*y)), so y is what is saved.
func softmaxBack(tp *Tape, r *record) {
	rows, c := r.n, width(r.out)
	dx := tp.open(r.in[0])
	kernels.SoftmaxGrad(kernels.MatOf(dx.data, rows, c), kernels.MatOf(r.dout(), rows, c), kernels.MatOf(r.out.Data, rows, c))
	tp.commit(dx)
}

// SiLU applies the sigmoid linear unit to every element:
//
//	y = x/(1 + exp(-x))
//
// Shapes: y as x.
// Panics: ShapeError.
// Source: Hendrycks, Gimpel 2016 (arXiv:1606.08415).
func (tp *Tape) SiLU(x *Tensor) *Tensor {
	needLive("SiLU", "x", x)
	y := tp.output(x.shape)
	kernels.SiLU(y.Data, x.Data)
	if tp.record(y, siluBack, siluAgain, x) != nil {
		keep(x)
	}
	return y
}

func siluAgain(tp *Tape, r *record) { kernels.SiLU(r.out.Data, tp.value(r.in[0])) }

// siluBack: dx = dy*s*(1+x*(1-s)), s = 1/(1+exp(-x)), in place where nobody
// else needs dy.
func siluBack(tp *Tape, r *record) {
	x := r.in[0]
	if d, ok := r.own(); ok {
		kernels.SiLUGrad(d, d, tp.value(x))
		tp.deliver(r, x)
		return
	}
	c := tp.open(x)
	kernels.SiLUGrad(c.data, r.dout(), tp.value(x))
	tp.commit(c)
}
