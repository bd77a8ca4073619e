package autodiff

import (
	"strconv"

	"lethe/kernels"
)

// GroupNormOptions are the settings of GroupNorm.
type GroupNormOptions struct {
	Groups     int
	Eps        float32
	ScaleShift *Tensor // [N,2*C]: for every image a further scale 1+s, then a shift; nil for none
	SiLU       bool    // SiLU of the result
}

// GroupNorm normalizes every group of adjacent channels of every image to mean 0
// and variance 1 over all pixels, then scales and shifts by channel:
//
//	z[n,p,c] = (x[n,p,c]-mean[n,g])/sqrt(var[n,g]+eps)*gamma[c] + beta[c]
//	y = z, or z*(1+s[n,c]) + t[n,c] with ScaleShift = [s t], then y/(1+exp(-y)) with SiLU
//
// Shapes: x, y [N,...,C], C a multiple of Groups; gamma, beta [C].
// Units: eps is added to the (biased) variance, so it has the units of x squared.
// Numerics: the backward pass saves the statistics, 2*N*Groups numbers, and
// computes the rest again from x.
// Panics: ShapeError, also for an image without pixels.
// Source: Wu, He 2018 (arXiv:1803.08494).
func (tp *Tape) GroupNorm(x, gamma, beta *Tensor, o GroupNormOptions) *Tensor {
	needRank("GroupNorm", "x", x, 2)
	n, c := x.shape[0], width(x)
	needShape("GroupNorm", "gamma", gamma, c)
	needShape("GroupNorm", "beta", beta, c)
	if o.ScaleShift != nil {
		needShape("GroupNorm", "ScaleShift", o.ScaleShift, n, 2*c)
	}
	if o.Groups < 1 || c < 1 || c%o.Groups != 0 {
		panic(&ShapeError{Op: "GroupNorm", Quantity: "last dimension of x", Got: strconv.Itoa(c),
			Want: "a positive multiple of Groups, Groups = " + strconv.Itoa(o.Groups)})
	}
	if pixels := elements("GroupNorm", x.shape[1:len(x.shape)-1]); pixels == 0 {
		panic(&ShapeError{Op: "GroupNorm", Quantity: "pixels of x", Got: "0", Want: "at least 1"})
	}

	y := tp.output(x.shape)
	stats := tp.buffer(2 * n * o.Groups)
	var scaleShift []float32
	if o.ScaleShift != nil {
		scaleShift = o.ScaleShift.Data
	}
	tp.begin("groupnorm")
	kernels.GroupNorm(y.Data, x.Data, groupNormArgs(x, gamma.Data, beta.Data, scaleShift, o), normStats(stats))
	tp.end(2 * x.n)
	r := tp.record(y, groupNormBack, groupNormAgain, x, gamma, beta, o.ScaleShift)
	if r == nil {
		tp.free(stats)
		return y
	}
	r.aux, r.f, r.n, r.flag = stats, o.Eps, o.Groups, o.SiLU
	keep(x)
	keep(gamma)
	keep(beta)
	if o.ScaleShift != nil {
		keep(o.ScaleShift)
	}
	return y
}

func groupNormArgs(x *Tensor, gamma, beta, scaleShift []float32, o GroupNormOptions) kernels.GroupNormArgs {
	a := kernels.GroupNormArgs{
		N: x.shape[0], Pixels: elements("GroupNorm", x.shape[1:len(x.shape)-1]), C: width(x),
		Groups: o.Groups, Eps: o.Eps, Gamma: gamma, Beta: beta, SiLU: o.SiLU,
	}
	if len(scaleShift) > 0 {
		a.Scale, a.Shift, a.ScaleShiftStride = scaleShift, scaleShift[a.C:], 2*a.C
	}
	return a
}

// groupNormArgsOf are the arguments of a recorded GroupNorm.
func groupNormArgsOf(tp *Tape, r *record) kernels.GroupNormArgs {
	var scaleShift []float32
	if r.in[3] != nil {
		scaleShift = tp.value(r.in[3])
	}
	return groupNormArgs(r.in[0], tp.value(r.in[1]), tp.value(r.in[2]), scaleShift,
		GroupNormOptions{Groups: r.n, Eps: r.f, SiLU: r.flag})
}

func groupNormAgain(tp *Tape, r *record) {
	x, a := tp.value(r.in[0]), groupNormArgsOf(tp, r)
	tp.begin("groupnorm.again")
	kernels.GroupNormAgain(r.out.Data, x, a, normStats(r.aux))
	tp.end(2 * len(x))
}

// groupNormBack needs x, ScaleShift and the statistics, not y. The gradient of x
// takes the place of dy where nobody else needs that.
func groupNormBack(tp *Tape, r *record) {
	x, gamma, beta, scaleShift := r.in[0], r.in[1], r.in[2], r.in[3]
	data, a := tp.value(x), groupNormArgsOf(tp, r)
	tp.begin("groupnorm.grad")
	var d kernels.GroupNormGrads
	own, inPlace := r.ownFor(x)
	switch {
	case !r.want[0]:
	case inPlace:
		d.DX = own
	default:
		d.DX, d.AccumulateX = tp.sink(x)
		if dy, mine := r.own(); mine {
			d.Work = dy
		}
	}
	if r.want[1] {
		d.DGamma, d.AccumulateGamma = tp.sink(gamma)
	}
	if r.want[2] {
		d.DBeta, d.AccumulateBeta = tp.sink(beta)
	}
	if r.want[3] {
		d.DScale, d.AccumulateScales = tp.sink(scaleShift)
		d.DShift = d.DScale[min(a.C, len(d.DScale)):]
	}
	kernels.GroupNormGrad(d, r.dout(), data, a, normStats(r.aux))
	moved := 2*len(data) + written(len(d.DX), d.AccumulateX)
	if r.want[0] && inPlace {
		moved += tp.deliver(r, x)
	}
	tp.end(moved)
}
