package autodiff

import "lethe/kernels"

// GroupNormOptions are the choices of GroupNorm.
type GroupNormOptions struct {
	Groups int
	Eps    float32
	// ScaleShift [N,2C] modulates the result: its first half is the scale, its
	// second the shift of u*(1+scale)+shift. nil: none.
	ScaleShift *Tensor
	// SiLU applies that activation to the result.
	SiLU bool
}

// GroupNorm normalizes the channels of each image in groups, then scales and
// shifts them:
//
//	u[n,p,c] = (x[n,p,c]-mean[n,g])/sqrt(var[n,g]+eps)*gamma[c] + beta[c]
//	u        = u*(1+scale[n,c]) + shift[n,c]     with ScaleShift
//	y        = u, or u/(1+exp(-u)) with SiLU
//
// Shapes: x, y [N,...,C]; gamma, beta [C]; C a multiple of Groups.
// Units: eps is added to the (biased) variance, so it has the units of x squared.
// Numerics: the backward pass keeps x and the statistics, not u or y.
// Panics: ShapeError.
// Source: Wu, He 2018 (arXiv:1803.08494).
func (tp *Tape) GroupNorm(x, gamma, beta *Tensor, o GroupNormOptions) *Tensor {
	needRank("GroupNorm", "x", x, 2)
	c := width(x)
	needShape("GroupNorm", "gamma", gamma, c)
	needShape("GroupNorm", "beta", beta, c)
	if o.ScaleShift != nil {
		needShape("GroupNorm", "ScaleShift", o.ScaleShift, x.shape[0], 2*c)
	}
	y := tp.output(x.shape)
	stats := tp.buffer(2 * x.shape[0] * max(o.Groups, 0))
	var modulation []float32
	if o.ScaleShift != nil {
		modulation = o.ScaleShift.Data
	}
	a := groupNormArgs(x, gamma, beta, o, modulation)
	kernels.GroupNorm(y.Data, x.Data, a, normStats(stats))

	r := tp.record(y, groupNormBack, groupNormAgain, x, gamma, beta, o.ScaleShift)
	if r == nil {
		tp.free(stats)
		return y
	}
	r.aux, r.f, r.n, r.flag = stats, o.Eps, o.Groups, o.SiLU
	keep(x)
	if o.ScaleShift != nil {
		keep(o.ScaleShift)
	}
	return y
}

// groupNormArgs are the kernel's arguments; modulation is the data of
// o.ScaleShift. The data of x is not read.
func groupNormArgs(x, gamma, beta *Tensor, o GroupNormOptions, modulation []float32) kernels.GroupNormArgs {
	a := kernels.GroupNormArgs{N: x.shape[0], C: gamma.n, Groups: o.Groups, Eps: o.Eps, Gamma: gamma.Data, Beta: beta.Data, SiLU: o.SiLU}
	a.Pixels = elements("GroupNorm", x.shape[1:len(x.shape)-1])
	if len(modulation) > 0 {
		a.Scale, a.Shift, a.ScaleShiftStride = modulation, modulation[a.C:], 2*a.C
	}
	return a
}

// groupNormArgs are the arguments of the forward pass.
func (r *record) groupNormArgs(tp *Tape) kernels.GroupNormArgs {
	var modulation []float32
	if s := r.in[3]; s != nil {
		modulation = tp.value(s)
	}
	return groupNormArgs(r.in[0], r.in[1], r.in[2], GroupNormOptions{Groups: r.n, Eps: r.f, SiLU: r.flag}, modulation)
}

// groupNormAgain computes y once more; the statistics come out as they are.
func groupNormAgain(tp *Tape, r *record) {
	kernels.GroupNorm(r.out.Data, tp.value(r.in[0]), r.groupNormArgs(tp), normStats(r.aux))
}

// groupNormBack needs x and the statistics, not y.
func groupNormBack(tp *Tape, r *record) {
	a, x := r.groupNormArgs(tp), r.in[0]
	var d kernels.GroupNormGrads
	if r.want[0] {
		d.DX, d.AccumulateX = tp.sink(x)
	}
	if r.want[1] {
		d.DGamma, d.AccumulateGamma = tp.sink(r.in[1])
	}
	if r.want[2] {
		d.DBeta, d.AccumulateBeta = tp.sink(r.in[2])
	}
	if r.want[3] && a.N > 0 {
		d.DScale, d.AccumulateScales = tp.sink(r.in[3])
		d.DShift = d.DScale[a.C:]
	}
	kernels.GroupNormGrad(d, r.dout(), tp.value(x), a, normStats(r.aux))
}
