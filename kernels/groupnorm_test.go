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

// TestGroupNormRowKernels: every row kernel against its formula in float64. u is
// one difference and one fused product, so |error| <= 2 units of |d*scale| and one
// of u; SiLU and its slope change by at most 1.1 of that and add 1e-6 of theirs.
func TestGroupNormRowKernels(t *testing.T) {
	const rows = 3
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			if n == 0 || n > 200 && n%7 != 0 {
				return
			}
			x, dy := c.Input(rows*n, offset), c.Input(rows*n, 1)
			mean, scale, shift := c.Input(n, 0), c.Input(n, 3), c.Input(n, 2)
			p, q, r := c.Input(n, 0), c.Input(n, 5), c.Input(n, 7)
			f := func(v float32) float64 { return float64(v) }
			u := func(i int) float64 { return (f(x[i])-f(mean[i%n]))*f(scale[i%n]) + f(shift[i%n]) }
			sums, squares := c.Output(n, 1), c.Output(n, offset)
			k.fill(sums, 1)
			k.fill(squares, 1)
			k.columnDeviations(sums, squares, x, mean, rows, n)
			for col := range n {
				want, abs, wantSquares := 1.0, 1.0, 1.0
				for row := range rows {
					d := f(x[row*n+col]) - f(mean[col])
					want, abs, wantSquares = want+d, abs+math.Abs(d), wantSquares+d*d
				}
				c.Near("deviations", col, sums[col], want, kerneltest.Bound(rows+2, abs))
				c.Near("squared deviations", col, squares[col], wantSquares, kerneltest.Bound(rows+4, wantSquares))
			}
			for silu := range 2 {
				slope := func(i int) float64 {
					if silu == 1 {
						return ref.SiLUGrad(u(i))
					}
					return 1
				}
				y, plain, along := c.Output(rows*n, offset), c.Output(n, 0), c.Output(n, 1)
				k.groupNormRows[silu](y, x, rows, mean, scale, shift)
				k.fill(plain, 1)
				k.fill(along, 1)
				k.groupNormSums[silu](plain, along, dy, x, rows, mean, scale, shift)
				const most = 16*unit + 2e-6 // all values are below 3
				for i := range y {
					want := u(i)
					if silu == 1 {
						want = ref.SiLU(want)
					}
					c.Near("rows", i, y[i], want, most)
				}
				for col := range n {
					wantPlain, wantAlong := 1.0, 1.0
					for i := col; i < rows*n; i += n {
						dz := f(dy[i]) * slope(i)
						wantPlain += dz
						wantAlong += dz * (f(x[i]) - f(mean[col]))
					}
					c.Near("plain", col, plain[col], wantPlain, rows*most)
					c.Near("along", col, along[col], wantAlong, 2*rows*most)
				}
				want := func(i int) float64 {
					return f(dy[i])*slope(i)*f(p[i%n]) + (f(x[i])-f(mean[i%n]))*f(q[i%n]) + f(r[i%n])
				}
				k.groupNormGradRows[silu](y, dy, x, rows, mean, scale, shift, p, q, r)
				for i := range y {
					c.Near("gradRows", i, y[i], want(i), 2*most)
				}
				k.fill(y, 2)
				k.groupNormGradRowsAdd[silu](y, dy, x, rows, mean, scale, shift, p, q, r)
				for i := range y {
					c.Near("gradRowsAdd", i, y[i], 2+want(i), 3*most)
				}
			}
		})
	})
}

// groupNormCase is a row of the table of GroupNorm's tests.
type groupNormCase struct {
	n, pixels, c, groups int
	mean                 float32 // added to every element
	modulated, silu      bool
}

var groupNormCases = []groupNormCase{
	{1, 1, 3, 1, 0, false, false},        // one pixel
	{2, 7, 4, 4, 0, true, true},          // a group a channel
	{3, 20, 6, 1, 0, false, true},        // one group
	{2, 50, 33, 3, 0, true, false},       // no multiple of a vector
	{1, 700, 64, 32, 0, false, true},     // two chunks
	{2, 2100, 32, 8, 0, true, true},      // several chunks, several images
	{1, 5000, 8, 2, 1000, false, false},  // a mean far from 0
	{1, 40000, 2, 1, -1000, true, false}, // chunks of many pixels
	{2, 300, 24, 3, 1e4, false, true},    // a mean that only its own rounding blurs
	{1, 67, 130, 130, 1, true, true},     // a group a channel, in vectors and a rest
	{3, 65, 512, 32, 0, true, true},      // the U-Net's width; a chunk of one pixel
}

// job is how the work is cut.
func (g groupNormCase) job() groupNormJob {
	return newGroupNormJob(GroupNormArgs{N: g.n, Pixels: g.pixels, C: g.c, Groups: g.groups}, NormStats{})
}

func (g groupNormCase) name() string { return fmt.Sprintf("%+v", g) }

// arguments draws the operands of a case.
func (g groupNormCase) arguments(c *kerneltest.Case) (x []float32, a GroupNormArgs, m *ref.Modulation) {
	x = c.Input(g.n*g.pixels*g.c, 0)
	for i := range x {
		x[i] += g.mean
	}
	a = GroupNormArgs{N: g.n, Pixels: g.pixels, C: g.c, Groups: g.groups, Eps: testEps, Gamma: c.Input(g.c, 1), Beta: c.Input(g.c, 0), SiLU: g.silu}
	if g.modulated {
		both := c.Input(2*g.n*g.c, 0)
		a.Scale, a.Shift, a.ScaleShiftStride = both, both[g.c:], 2*g.c
		m = &ref.Modulation{}
		for i := range g.n {
			for k := range g.c {
				m.Scale = append(m.Scale, float64(both[2*i*g.c+k]))
				m.Shift = append(m.Shift, float64(both[2*i*g.c+g.c+k]))
			}
		}
	}
	return x, a, m
}

// bounds returns, for every group, the error of its statistics.
func (g groupNormCase) bounds(x []float32, mean, rstd []float64) []normBound {
	out := make([]normBound, g.n*g.groups)
	width := g.c / g.groups
	for i := range out {
		var members []float32
		for p := range g.pixels {
			at := (i/g.groups*g.pixels+p)*g.c + i%g.groups*width
			members = append(members, x[at:at+width]...)
		}
		// What is summed are differences to a mean of some members, so at most their
		// range d (and the rounding of that mean), in runs of columnSumRows and then
		// over the runs of a chunk; beyond that in float64. The mean of a channel has
		// the error e*d, e = g(depth); its squares lose 3*e*d^2, the mean that is taken
		// from them 2*e*d^2.
		depth := columnSumRows + ceilDiv(g.job().size, columnSumRows) + 4
		d := float64(slices.Max(members)) - float64(slices.Min(members))
		d += 2 * kerneltest.Bound(columnSumRows+2, math.Abs(float64(slices.Max(members)))+d)
		out[i] = normBound{
			mean: kerneltest.Bound(depth, d) + unit*math.Abs(mean[i]),
			rstd: 5*kerneltest.Bound(depth, d*d)*rstd[i]*rstd[i]/2 + 4*unit,
		}
	}
	return out
}

func TestGroupNormMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, g := range groupNormCases {
		suite.Run(g.name(), func(c *kerneltest.Case) {
			x, a, m := g.arguments(c)
			y, keep := c.Output(len(x), 0), NormStats{Mean: c.Output(g.n*g.groups, 0), RStd: c.Output(g.n*g.groups, 0)}
			GroupNorm(y, x, a, keep)
			mean, rstd := ref.GroupStats(x, g.n, g.pixels, g.c, g.groups, testEps)
			bound := g.bounds(x, mean, rstd)
			for i := range mean {
				c.Near("mean", i, keep.Mean[i], mean[i], bound[i].mean)
				c.Near("rstd", i, keep.RStd[i], rstd[i], bound[i].rstd*rstd[i])
			}
			want := ref.GroupNorm(x, a.Gamma, a.Beta, g.n, g.pixels, g.c, g.groups, testEps, m)
			for i := range y {
				image, k := i/(g.pixels*g.c), i%g.c
				group := image*g.groups + k/(g.c/g.groups)
				factor, size := math.Abs(float64(a.Gamma[k])), math.Abs(want[i])+3
				if m != nil {
					factor *= math.Abs(1 + m.Scale[image*g.c+k])
				}
				normal := (float64(x[i]) - mean[group]) * rstd[group]
				e := bound[group].normal(normal, rstd[group])*factor + 6*unit*size
				exact := want[i]
				if g.silu {
					exact, e = ref.SiLU(exact), 1.1*e+1e-6*math.Abs(exact)
				}
				c.Near("y", i, y[i], exact, e)
			}
			keepY := append([]float32(nil), y...)
			copy(y, x)
			GroupNorm(y, y, a, keep)
			c.Same("in place", y, keepY)
		})
	}
}

// TestGroupNormGradMatchesRef: sums of terms below 6 over the pixels of a call of the
// row kernel, then over the calls of a chunk, and statistics from float64: the
// relative error of a sum is g of that depth, of its absolute terms; that bound is
// taken for every gradient, with the sizes of what is added up.
func TestGroupNormGradMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, g := range groupNormCases {
		suite.Run(g.name(), func(c *kerneltest.Case) {
			x, a, m := g.arguments(c)
			dy := c.Input(len(x), 1)
			mean, rstd := ref.GroupStats(x, g.n, g.pixels, g.c, g.groups, testEps)
			keep := NormStats{Mean: c.Output(len(mean), 0), RStd: c.Output(len(mean), 0)}
			for i := range mean {
				keep.Mean[i], keep.RStd[i] = float32(mean[i]), float32(rstd[i])
			}
			dz := make([]float64, len(dy))
			u := ref.GroupNorm(x, a.Gamma, a.Beta, g.n, g.pixels, g.c, g.groups, testEps, m)
			for i := range dz {
				dz[i] = float64(dy[i])
				if g.silu {
					dz[i] *= ref.SiLUGrad(u[i])
				}
			}
			want := ref.GroupNormGrad(dz, x, a.Gamma, a.Beta, g.n, g.pixels, g.c, g.groups, testEps, m)
			d := GroupNormGrads{DX: c.Output(len(x), 0), DGamma: c.Output(g.c, 0), DBeta: c.Output(g.c, 0)}
			if g.modulated {
				d.DScale = c.Output(2*g.n*g.c, 0)
				d.DShift = d.DScale[g.c:]
			}
			compare := func(what string, added float64) {
				most := g.gradBound(rstd, mean)
				terms := most * float64(g.n*g.pixels)
				for i := range d.DX {
					c.Near(what+" dx", i, d.DX[i], added+want.DX[i], 8*most*rstd[i/(g.pixels*g.c)*g.groups+i%g.c/(g.c/g.groups)])
				}
				for k := range g.c {
					c.Near(what+" dgamma", k, d.DGamma[k], added+want.DGamma[k], 4*terms)
					c.Near(what+" dbeta", k, d.DBeta[k], added+want.DBeta[k], 4*terms)
				}
				for i := 0; g.modulated && i < g.n*g.c; i++ {
					at := i/g.c*2*g.c + i%g.c
					c.Near(what+" dscale", i, d.DScale[at], added+want.DScale[i], 4*terms)
					c.Near(what+" dshift", i, d.DShift[at], added+want.DShift[i], 4*terms)
				}
			}
			GroupNormGrad(d, dy, x, a, keep)
			compare("overwritten", 0)
			for _, s := range [][]float32{d.DX, d.DGamma, d.DBeta, d.DScale} {
				Fill(s, 2)
			}
			d.AccumulateX, d.AccumulateGamma, d.AccumulateBeta, d.AccumulateScales = true, true, true, true
			GroupNormGrad(d, dy, x, a, keep)
			compare("added to 2", 2)
			GroupNormGrad(GroupNormGrads{}, dy, x, a, keep) // nothing wanted
		})
	}
}

// gradBound is the error of one dz or dz*n: a chunk's sum, the rounding of the
// mean that x is compared with, and the activation.
func (g groupNormCase) gradBound(rstd, mean []float64) float64 {
	j := g.job()
	depth := j.block + ceilDiv(j.size, j.block) + 8
	e := 6 * kerneltest.Bound(depth, 1)
	for i := range rstd {
		e = math.Max(e, 6*kerneltest.Bound(depth, 1)+4*rstd[i]*unit*math.Abs(mean[i])+4e-6)
	}
	return e
}

func TestGroupNormPanics(t *testing.T) {
	v := make([]float32, 8)
	a := GroupNormArgs{N: 1, Pixels: 2, C: 4, Groups: 2, Gamma: v, Beta: v}
	keep := NormStats{Mean: v, RStd: v}
	odd := a
	odd.Groups = 3
	wantPanic(t, "kernels: GroupNorm: C modulo Groups is 1, want exactly 0", func() { GroupNorm(v, v, odd, keep) })
	wantPanic(t, "kernels: GroupNorm: len(x) is 7, want at least 8", func() { GroupNorm(v, v[:7], a, keep) })
	wantPanic(t, "kernels: GroupNorm: len(keep.RStd) is 1, want at least 2", func() { GroupNorm(v, v, a, NormStats{v, v[:1]}) })
	half := a
	half.Scale, half.ScaleShiftStride = v, 4
	wantPanic(t, "kernels: GroupNorm: len(Shift) is 0, want at least 4", func() { GroupNorm(v, v, half, keep) })
	wantPanic(t, "kernels: GroupNormGrad: len(d.DX) is 3, want at least 8", func() { GroupNormGrad(GroupNormGrads{DX: v[:3]}, v, v, a, keep) })
	wantPanic(t, "kernels: GroupNormGrad: len(a.Scale) is 0, want at least 1", func() { GroupNormGrad(GroupNormGrads{DScale: v, DShift: v}, v, v, a, keep) })
}
