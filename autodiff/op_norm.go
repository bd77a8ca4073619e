package autodiff

import "lethe/kernels"

// LayerNorm normalizes the last dimension of x to mean 0 and variance 1, then
// scales and shifts it:
//
//	y[r,c] = (x[r,c]-mean[r])/sqrt(var[r]+eps)*gamma[c] + beta[c]
//
// Shapes: x, y [...,C]; gamma, beta [C].
// Units: eps is added to the (biased) variance, so it has the units of x squared.
// Panics: ShapeError.
// Source: Ba, Kiros, Hinton 2016 (arXiv:1607.06450).
func (tp *Tape) LayerNorm(x, gamma, beta *Tensor, eps float32) *Tensor {
	needRank("LayerNorm", "x", x, 1)
	needShape("LayerNorm", "gamma", gamma, width(x))
	needShape("LayerNorm", "beta", beta, width(x))

	rows := leading(x)
	y := tp.output(x.shape)
	stats := tp.buffer(2 * rows)
	tp.begin("layernorm")
	layerNorm(y.Data, x.Data, gamma, beta, eps, stats)
	tp.end(2*x.n + len(stats))

	r := tp.record(y, layerNormBack, layerNormAgain, x, gamma, beta)
	if r == nil {
		tp.free(stats)
		return y
	}
	r.aux, r.f = stats, eps
	keep(x)
	return y
}

func layerNorm(y, x []float32, gamma, beta *Tensor, eps float32, stats []float32) {
	c, rows := gamma.n, len(stats)/2
	kernels.LayerNorm(kernels.MatOf(y, rows, c), kernels.MatOf(x, rows, c), gamma.Data, beta.Data, eps, normStats(stats))
}

// normStats splits saved statistics [2,R] into means and inverse deviations.
func normStats(stats []float32) kernels.NormStats {
	rows := len(stats) / 2
	return kernels.NormStats{Mean: stats[:rows], RStd: stats[rows:]}
}

// layerNormAgain computes y once more; the statistics come out as they are.
func layerNormAgain(tp *Tape, r *record) {
	x := tp.value(r.in[0])
	tp.begin("layernorm.again")
	layerNorm(r.out.Data, x, r.in[1], r.in[2], r.f, r.aux)
	tp.end(2*len(x) + len(r.aux))
}

// layerNormBack needs x and the row statistics, not y.
func layerNormBack(tp *Tape, r *record) {
	x, gamma, beta := r.in[0], r.in[1], r.in[2]
	c, rows := gamma.n, len(r.aux)/2
	data := tp.value(x)
	tp.begin("layernorm.grad")
	moved := 2*len(data) + len(r.aux)
	var d kernels.LayerNormGrads
	if r.want[0] {
		dx, add := tp.sink(x)
		d.DX, d.AccumulateX = kernels.MatOf(dx, rows, c), add
		moved += written(len(dx), add)
	}
	// The kernel writes both parameter gradients or none: an unwanted one
	// goes to scratch.
	var dgamma, dbeta contribution
	if r.want[1] || r.want[2] {
		dgamma, dbeta = tp.openIf(r.want[1], gamma), tp.openIf(r.want[2], beta)
		d.DGamma, d.DBeta = dgamma.data, dbeta.data
	}
	kernels.LayerNormGrad(d, kernels.MatOf(r.dout(), rows, c), kernels.MatOf(data, rows, c), gamma.Data, normStats(r.aux))
	if r.want[1] || r.want[2] {
		tp.commitIf(r.want[1], dgamma)
		tp.commitIf(r.want[2], dbeta)
	}
	tp.end(moved)
}

// openIf is open for a wanted gradient and plain scratch for an unwanted one.
func (tp *Tape) openIf(wanted bool, t *Tensor) contribution {
	if wanted {
		return tp.open(t)
	}
	return contribution{data: tp.floats.reuse(t.n)}
}

// commitIf ends what openIf began.
func (tp *Tape) commitIf(wanted bool, c contribution) {
	if wanted {
		tp.commit(c)
		return
	}
	tp.floats.put(c.data)
}
