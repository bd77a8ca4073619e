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
	tp.begin("gelu")
	kernels.Gelu(y.Data, x.Data)
	tp.end(2 * x.n)
	if tp.record(y, geluBack, geluAgain, x) != nil {
		keep(x)
	}
	return y
}

func geluAgain(tp *Tape, r *record) {
	x := tp.value(r.in[0])
	tp.begin("gelu.again")
	kernels.Gelu(r.out.Data, x)
	tp.end(2 * len(x))
}

// geluBack: dx = dy*(Phi(x) + x*phi(x)), in place where nobody else needs dy.
func geluBack(tp *Tape, r *record) {
	t := r.in[0]
	x := tp.value(t)
	tp.begin("gelu.grad")
	if d, ok := r.own(); ok {
		kernels.GeluGrad(d, d, x)
		tp.end(3*len(x) + tp.deliver(r, t))
		return
	}
	c := tp.open(t)
	kernels.GeluGrad(c.data, r.dout(), x)
	tp.end(3*len(x) + tp.commit(c))
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
	tp.begin("softmax")
	kernels.Softmax(kernels.MatOf(y.Data, rows, c), kernels.MatOf(x.Data, rows, c))
	tp.end(2 * x.n)
	if r := tp.record(y, softmaxBack, nil, x); r != nil {
		r.n = rows
		keep(y)
	}
	return y
}

// softmaxBack: dx = y*(dy - sum(dy*y)), so y is what is saved.
func softmaxBack(tp *Tape, r *record) {
	rows, c := r.n, width(r.out)
	tp.begin("softmax.grad")
	dx := tp.open(r.in[0])
	kernels.SoftmaxGrad(kernels.MatOf(dx.data, rows, c), kernels.MatOf(r.dout(), rows, c), kernels.MatOf(r.out.Data, rows, c))
	tp.end(3*r.out.n + tp.commit(dx))
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
	tp.begin("silu")
	kernels.SiLU(y.Data, x.Data)
	tp.end(2 * x.n)
	if tp.record(y, siluBack, siluAgain, x) != nil {
		keep(x)
	}
	return y
}

func siluAgain(tp *Tape, r *record) {
	x := tp.value(r.in[0])
	tp.begin("silu.again")
	kernels.SiLU(r.out.Data, x)
	tp.end(2 * len(x))
}

// siluBack: dx = dy*s*(1+x*(1-s)), s = 1/(1+exp(-x)), in place where nobody
// else needs dy.
func siluBack(tp *Tape, r *record) {
	t := r.in[0]
	x := tp.value(t)
	tp.begin("silu.grad")
	if d, ok := r.own(); ok {
		kernels.SiLUGrad(d, d, x)
		tp.end(3*len(x) + tp.deliver(r, t))
		return
	}
	c := tp.open(t)
	kernels.SiLUGrad(c.data, r.dout(), x)
	tp.end(3*len(x) + tp.commit(c))
}
