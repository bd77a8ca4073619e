package kernels

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// imageOperands are what the operations on images take in bits_row_test.go.
type imageOperands struct {
	shape   ImageShape
	args    GroupNormArgs
	keep    NormStats
	grads   GroupNormGrads
	all     []float32 // the memory of all gradients
	classes CrossEntropyArgs
}

func newImageOperands(c *kerneltest.Case, rows int) imageOperands {
	const n, h, w, channels = 2, 34, 18, 48
	o := imageOperands{shape: ImageShape{n, h, w, channels}}
	o.args = GroupNormArgs{N: n, Pixels: h * w, C: channels, Groups: 8, Eps: testEps, SiLU: true,
		Gamma: c.Input(channels, 0), Beta: c.Input(channels, 1), ScaleShiftStride: 2 * channels}
	modulation := c.Input(2*n*channels, 0)
	o.args.Scale, o.args.Shift = modulation, modulation[channels:]
	o.keep = NormStats{Mean: c.Output(n*8, 0), RStd: c.Output(n*8, 0)}
	o.all = c.Output(o.args.len()+2*channels+2*n*channels, 0)
	next := o.all
	take := func(size int) []float32 {
		out := next[:size:size]
		next = next[size:]
		return out
	}
	o.grads = GroupNormGrads{DX: take(o.args.len()), DGamma: take(channels), DBeta: take(channels)}
	o.grads.DScale = take(2 * n * channels)
	o.grads.DShift = o.grads.DScale[channels:]
	o.classes = CrossEntropyArgs{Targets: make([]int32, rows), Weights: c.Input(rows, 0), Smoothing: 0.1, Classes: 150}
	for i := range o.classes.Targets {
		o.classes.Targets[i] = int32(i % 150)
	}
	return o
}

// groupNormCase is one size, with what is asked for.
type groupNormCase struct {
	n, pixels, c, groups int
	mean                 float32 // of x, whose deviation is about 0.6
	scaled, silu         bool
}

// groupNormCases reach: one element; one pixel; groups of one channel and of
// all; channels that fill no vector; one chunk, several, and longer ones; work
// for one goroutine and for many; means that dwarf the deviation.
var groupNormCases = []groupNormCase{
	{1, 1, 1, 1, 0, false, false},
	{3, 1, 6, 2, 0, true, true},
	{2, 5, 7, 7, 0, false, true},
	{2, 9, 33, 1, 0, true, false},
	{1, 64, 32, 32, 0, true, true},
	{2, 130, 20, 4, 0, false, false},
	{2, 257, 96, 32, 0, true, true},
	{1, 64*64 + 50, 12, 3, 0, false, true},
	{2, 100, 24, 4, 1000, false, false},
	{2, 100, 24, 4, -1000, true, true},
	{1, 200, 6, 3, 1e5, false, false},
}

// groupNormOperands are a case with numbers.
type groupNormOperands struct {
	groupNormCase
	x, dy        []float32
	args         GroupNormArgs
	keep         NormStats
	shape        ref.GroupNormShape
	params       ref.GroupNormParams
	y, z         []float64
	mean, rstd   []float64
	eMean, eRStd []float64 // absolute error of keep.Mean, relative error of keep.RStd
}

func newGroupNorm(c *kerneltest.Case, s groupNormCase) *groupNormOperands {
	o := &groupNormOperands{groupNormCase: s}
	o.x, o.dy = c.Input(s.n*s.pixels*s.c, 3), c.Input(s.n*s.pixels*s.c, 0)
	for i := range o.x {
		o.x[i] += s.mean
	}
	o.args = GroupNormArgs{N: s.n, Pixels: s.pixels, C: s.c, Groups: s.groups, Eps: 1e-5, Gamma: c.Input(s.c, 0), Beta: c.Input(s.c, 3), SiLU: s.silu}
	o.params = ref.GroupNormParams{Gamma: o.args.Gamma, Beta: o.args.Beta}
	if s.scaled {
		stride := 2*s.c + 1
		both := c.Input(s.n*stride, 0)
		o.args.Scale, o.args.Shift, o.args.ScaleShiftStride = both, both[s.c:], stride
		for i := range s.n {
			o.params.Scale = append(o.params.Scale, both[i*stride:][:s.c]...)
			o.params.Shift = append(o.params.Shift, both[i*stride+s.c:][:s.c]...)
		}
	}
	o.keep = NormStats{Mean: c.Output(s.n*s.groups, 0), RStd: c.Output(s.n*s.groups, 0)}
	o.shape = ref.GroupNormShape{N: s.n, Pixels: s.pixels, C: s.c, Groups: s.groups, Eps: float64(o.args.Eps), SiLU: s.silu}
	o.expect()
	return o
}

// expect computes what is to come out.
func (o *groupNormOperands) expect() {
	o.y, o.z, o.mean, o.rstd = ref.GroupNorm(o.x, o.params, o.shape)
	o.eMean, o.eRStd = nil, nil
	o.boundStatistics()
}

// checkStatistics compares keep with what it should be.
func (o *groupNormOperands) checkStatistics(c *kerneltest.Case) {
	for g := range o.mean {
		c.Near("mean", g, o.keep.Mean[g], o.mean[g], o.eMean[g])
		c.Near("rstd", g, o.keep.RStd[g], o.rstd[g], o.eRStd[g]*o.rstd[g])
	}
}

// per is the number of channels of a group, group that of a channel's image and
// group.
func (o *groupNormOperands) per() int           { return o.c / o.groups }
func (o *groupNormOperands) group(i, c int) int { return i*o.groups + c/o.per() }

// boundStatistics bounds mean and rstd: float64 sums of x and x^2, a difference
// that cancels, and the roundings of the results to float32.
func (o *groupNormOperands) boundStatistics() {
	for at, m := range o.mean {
		i, g := at/o.groups, at%o.groups
		abs, squares, count := 0.0, 0.0, float64(o.pixels*o.per())
		for p := range o.pixels {
			for c := g * o.per(); c < (g+1)*o.per(); c++ {
				v := float64(o.x[(i*o.pixels+p)*o.c+c])
				abs, squares = abs+math.Abs(v), squares+v*v
			}
		}
		terms := o.pixels*o.per() + 4
		mean := doubleBound(terms, abs) / count
		variance := doubleBound(terms, squares)/count + 2*math.Abs(m)*mean + mean*mean
		o.eMean = append(o.eMean, mean+unit*math.Abs(m))
		o.eRStd = append(o.eRStd, 0.51*variance*o.rstd[at]*o.rstd[at]+1.01*unit) // d(rstd)/rstd = -d(variance)*rstd^2/2
	}
}

// channel is the exact scale and shift of a channel, and their relative and
// absolute errors.
func (o *groupNormOperands) channel(i, c int) (scale, shift, eScale, eShift float64) {
	g := o.group(i, c)
	scale, shift, eScale = o.rstd[g]*float64(o.args.Gamma[c]), float64(o.args.Beta[c]), o.eRStd[g]+unit
	if o.scaled {
		s, t := float64(o.params.Scale[i*o.c+c]), float64(o.params.Shift[i*o.c+c])
		scale, eScale = scale*(1+s), eScale+2*unit
		eShift = unit * (3*math.Abs(shift*(1+s)) + math.Abs(t))
		shift = shift*(1+s) + t
	}
	return scale, shift, eScale, eShift
}

// boundZ is the error of z and of x-mean at an element.
func (o *groupNormOperands) boundZ(at int) (eZ, dev, eDev float64) {
	i, c := at/(o.pixels*o.c), at%o.c
	g := o.group(i, c)
	scale, _, eScale, eShift := o.channel(i, c)
	dev = float64(o.x[at]) - o.mean[g]
	eDev = o.eMean[g] + unit*math.Abs(dev)
	eZ = math.Abs(scale)*eDev + math.Abs(dev*scale)*(eScale+unit) + eShift + unit*math.Abs(o.z[at])
	return 1.01 * eZ, dev, 1.01 * eDev
}

func TestGroupNormMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range groupNormCases {
		suite.Run(fmt.Sprintf("%+v", s), func(c *kerneltest.Case) {
			o := newGroupNorm(c, s)
			y := c.Output(len(o.x), 8)
			GroupNorm(y, o.x, o.args, o.keep)
			o.checkStatistics(c)
			for at, want := range o.y {
				e, _, _ := o.boundZ(at)
				if s.silu {
					e = 1.1*e + siluBound(want)
				}
				c.Near("y", at, y[at], want, e)
			}
			again := c.Output(len(o.x), 0)
			GroupNormAgain(again, o.x, o.args, o.keep)
			c.Same("again", again, y)
			keep := NormStats{Mean: c.Output(len(o.mean), 0), RStd: c.Output(len(o.mean), 0)}
			GroupNorm(o.x, o.x, o.args, keep)
			c.Same("in place", o.x, y)
			c.Same("mean", keep.Mean, o.keep.Mean)
		})
	}
}

// The promise of the contract: whatever the mean, the variance is as good as one
// of numbers that were rounded to float32 once.
func TestGroupNormVarianceSurvivesLargeMeans(t *testing.T) {
	suite := kerneltest.New(t)
	for _, mean := range []float32{1000, 1e5, 1e6} {
		suite.Run(fmt.Sprint(mean), func(c *kerneltest.Case) {
			o := newGroupNorm(c, groupNormCase{n: 1, pixels: 4096, c: 4, groups: 2, mean: mean})
			GroupNorm(c.Output(len(o.x), 0), o.x, o.args, o.keep)
			for g, r := range o.rstd {
				// An error of u*mean in each x is one of 2*sqrt(variance)*u*mean, at most, in the variance.
				if e := math.Abs(float64(o.keep.RStd[g])/r - 1); !(e <= unit+r*unit*float64(mean)) {
					c.Fail("rstd is %g, want %g", o.keep.RStd[g], r)
				}
			}
		})
	}
}

// groupNormErrors bounds the gradients.
type groupNormErrors struct{ dx, dgamma, dbeta, dscale, dshift []float64 }

// boundGrad carries the errors of z, dz and x-mean through the sums. Sums of a
// chunk have float32 errors over at most its pixels; chunks meet in float64.
func (o *groupNormOperands) boundGrad() (e groupNormErrors) {
	nc := o.n * o.c
	e = groupNormErrors{make([]float64, len(o.x)), make([]float64, o.c), make([]float64, o.c), make([]float64, nc), make([]float64, nc)}
	dz, eDz := make([]float64, len(o.x)), make([]float64, len(o.x))
	plain, ePlain := make([]float64, nc), make([]float64, nc) // sums of dz, and the magnitudes that errors scale with
	along, eAlong := make([]float64, nc), make([]float64, nc)
	absPlain, absAlong := make([]float64, nc), make([]float64, nc)
	for at, d := range o.dy {
		ic := at/(o.pixels*o.c)*o.c + at%o.c
		r := o.rstd[o.group(ic/o.c, ic%o.c)]
		eZ, dev, eDev := o.boundZ(at)
		dz[at] = float64(d)
		if o.silu {
			dz[at] *= ref.SiLUGrad(o.z[at])
			eDz[at] = math.Abs(float64(d)) * (1e-6 + 0.5*eZ)
		}
		plain[ic], absPlain[ic], ePlain[ic] = plain[ic]+dz[at], absPlain[ic]+math.Abs(dz[at]), ePlain[ic]+eDz[at]
		p := dz[at] * dev * r
		along[ic], absAlong[ic] = along[ic]+p, absAlong[ic]+math.Abs(p)
		eAlong[ic] += r * (eDz[at]*math.Abs(dev) + math.Abs(dz[at])*eDev)
	}
	size := partialSize(o.pixels)
	for ic := range plain {
		ePlain[ic] += kerneltest.Bound(size+2, absPlain[ic])
		eAlong[ic] += kerneltest.Bound(size+4, absAlong[ic]) + o.eRStd[o.group(ic/o.c, ic%o.c)]*absAlong[ic]
		o.boundParams(&e, ic, plain[ic], ePlain[ic], along[ic], eAlong[ic])
	}
	for i := range o.n {
		for g := range o.groups {
			o.boundX(&e, i, g, dz, eDz, plain, ePlain, along, eAlong)
		}
	}
	return e
}

// boundParams adds what one channel of one image gives the parameters.
func (o *groupNormOperands) boundParams(e *groupNormErrors, ic int, plain, ePlain, along, eAlong float64) {
	c, factor := ic%o.c, 1.0
	if o.scaled {
		factor += float64(o.params.Scale[ic])
	}
	factor = math.Abs(factor)
	more := unit * float64(o.n+2)
	e.dgamma[c] += factor * (eAlong + more*math.Abs(along))
	e.dbeta[c] += factor * (ePlain + more*math.Abs(plain))
	gamma, beta := math.Abs(float64(o.args.Gamma[c])), math.Abs(float64(o.args.Beta[c]))
	e.dscale[ic] = gamma*eAlong + beta*ePlain + 2*unit*(gamma*math.Abs(along)+beta*math.Abs(plain))
	e.dshift[ic] = ePlain + 2*unit*math.Abs(plain)
}

// boundX bounds dx = dz*scale + dev*A + P in one group of one image.
func (o *groupNormOperands) boundX(e *groupNormErrors, i, g int, dz, eDz, plain, ePlain, along, eAlong []float64) {
	var p, eP, a, eA float64
	at := i*o.groups + g
	count, r := float64(o.pixels*o.per()), o.rstd[at]
	for c := g * o.per(); c < (g+1)*o.per(); c++ {
		scale, _, eScale, _ := o.channel(i, c)
		ic := i*o.c + c
		p += scale * plain[ic] / count
		eP += math.Abs(scale) * (ePlain[ic] + eScale*math.Abs(plain[ic])) / count
		a += scale * along[ic] * r / count
		eA += math.Abs(scale) * r * (eAlong[ic] + (eScale+o.eRStd[at])*math.Abs(along[ic])) / count
	}
	eP, eA = eP+unit*math.Abs(p), eA+unit*math.Abs(a)
	o.visit(i, g, func(at, c int) {
		scale, _, eScale, _ := o.channel(i, c)
		_, dev, eDev := o.boundZ(at)
		size := math.Abs(dz[at]*scale) + math.Abs(dev*a) + math.Abs(p)
		e.dx[at] = eDz[at]*math.Abs(scale) + math.Abs(dz[at]*scale)*eScale + math.Abs(dev)*eA + eDev*math.Abs(a) + eP + 6*unit*size
	})
}

// visit goes through the elements of a group.
func (o *groupNormOperands) visit(i, g int, body func(at, c int)) {
	for p := range o.pixels {
		for c := g * o.per(); c < (g+1)*o.per(); c++ {
			body((i*o.pixels+p)*o.c+c, c)
		}
	}
}

func TestGroupNormGradMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, s := range groupNormCases {
		for _, accumulate := range []bool{false, true} {
			suite.Run(fmt.Sprintf("%+v/accumulate=%t", s, accumulate), func(c *kerneltest.Case) {
				o := newGroupNorm(c, s)
				GroupNorm(c.Output(len(o.x), 0), o.x, o.args, o.keep)
				start := 0.0
				d := GroupNormGrads{DX: c.Output(len(o.x), 0), DGamma: c.Output(s.c, 3), DBeta: c.Output(s.c, 0),
					AccumulateX: accumulate, AccumulateGamma: accumulate, AccumulateBeta: accumulate, AccumulateScales: accumulate}
				if s.scaled {
					both := c.Output(s.n*o.args.ScaleShiftStride, 0)
					d.DScale, d.DShift = both, both[s.c:]
				}
				if accumulate {
					start = 1
					for _, out := range [][]float32{d.DX, d.DGamma, d.DBeta, d.DScale} {
						Fill(out, 1)
					}
				}
				if accumulate { // with dz kept and without: the same bits
					second := d
					second.DX, second.Work = c.Output(len(o.x), 0), slices.Clone(o.dy)
					Fill(second.DX, 1)
					second.DGamma, second.DBeta, second.DScale, second.DShift = nil, nil, nil, nil
					GroupNormGrad(second, second.Work, o.x, o.args, o.keep)
					defer func() { c.Same("DX with Work", second.DX, d.DX) }()
				}
				GroupNormGrad(d, o.dy, o.x, o.args, o.keep)
				want, bound := ref.GroupNormGrad(o.dy, o.x, o.params, o.shape), o.boundGrad()
				check := func(what string, got []float32, want, bound []float64) {
					for i, w := range want {
						c.Near(what, i, got[i], start+w, 1.01*(bound[i]+start*unit*float64(o.n)*(1+math.Abs(w))))
					}
				}
				check("dx", d.DX, want.DX, bound.dx)
				check("dgamma", d.DGamma, want.DGamma, bound.dgamma)
				check("dbeta", d.DBeta, want.DBeta, bound.dbeta)
				for i := range s.n {
					if s.scaled {
						from, to := i*s.c, (i+1)*s.c
						check("dscale", d.DScale[i*o.args.ScaleShiftStride:], want.DScale[from:to], bound.dscale[from:to])
						check("dshift", d.DShift[i*o.args.ScaleShiftStride:], want.DShift[from:to], bound.dshift[from:to])
					}
				}
			})
		}
	}
}

func TestGroupNormPanics(t *testing.T) {
	x, one := make([]float32, 24), make([]float32, 1)
	good := GroupNormArgs{N: 2, Pixels: 3, C: 4, Groups: 2, Gamma: x, Beta: x}
	keep := NormStats{Mean: make([]float32, 4), RStd: make([]float32, 4)}
	with := func(change func(a *GroupNormArgs)) GroupNormArgs {
		a := good
		change(&a)
		return a
	}
	for want, call := range map[string]func(){
		"a.Pixels is 0, want at least 1":                    func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Pixels = 0 }), keep) },
		"a.C is 0, want at least 1":                         func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.C = 0 }), keep) },
		"a.N is -1, want at least 0":                        func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.N = -1 }), keep) },
		"a.Groups is 0, want at least 1":                    func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Groups = 0 }), keep) },
		"remainder of a.C by a.Groups is 1, want exactly 0": func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Groups = 3 }), keep) },
		"len(a.Gamma) is 1, want at least 4":                func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Gamma = one }), keep) },
		"len(a.Beta) is 1, want at least 4":                 func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Beta = one }), keep) },
		"len(keep.Mean) is 1, want at least 4":              func() { GroupNorm(x, x, good, NormStats{one, keep.RStd}) },
		"len(keep.RStd) is 1, want at least 4":              func() { GroupNorm(x, x, good, NormStats{keep.Mean, one}) },
		"len(x) is 1, want at least 24":                     func() { GroupNorm(x, one, good, keep) },
		"len(y) is 1, want at least 24":                     func() { GroupNorm(one, x, good, keep) },
		"a.ScaleShiftStride is 0, want at least 4":          func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Scale = x }), keep) },
		"len(a.Shift) is 0, want at least 8":                func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Scale, a.ScaleShiftStride = x, 4 }), keep) },
		"len(a.Scale) is 1, want at least 9":                func() { GroupNorm(x, x, with(func(a *GroupNormArgs) { a.Scale, a.ScaleShiftStride = one, 5 }), keep) },
	} {
		wantPanic(t, "kernels: GroupNorm: "+want, call)
	}
	for want, d := range map[string]GroupNormGrads{
		"len(d.DX) is 1, want at least 24":         {DX: one},
		"len(d.Work) is 1, want at least 24":       {Work: one},
		"len(d.DGamma) is 1, want at least 4":      {DGamma: one},
		"len(d.DBeta) is 1, want at least 4":       {DBeta: one},
		"a.ScaleShiftStride is 0, want at least 4": {DScale: x}, // there is no Scale
	} {
		wantPanic(t, "kernels: GroupNormGrad: "+want, func() { GroupNormGrad(d, x, x, good, keep) })
	}
	wantPanic(t, "kernels: GroupNormGrad: len(dy) is 1, want at least 24", func() { GroupNormGrad(GroupNormGrads{}, one, x, good, keep) })
	wantPanic(t, "kernels: GroupNormAgain: len(y) is 1, want at least 24", func() { GroupNormAgain(one, x, good, keep) })
}
