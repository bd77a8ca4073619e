package kernels

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// partsCase has several chunks, no whole vectors and everything switched on.
var partsCase = groupNormCase{2, 1100, 51, 17, 3, true, true}

// gradients are all outputs of GroupNormGrad in memory of their own.
func (g groupNormCase) gradients(c *kerneltest.Case) GroupNormGrads {
	d := GroupNormGrads{DX: c.Output(g.n*g.pixels*g.c, 0), DGamma: c.Output(g.c, 1), DBeta: c.Output(g.c, 3)}
	if g.modulated {
		both := make([]float32, 2*g.n*g.c) // contiguous rows of both
		d.DScale, d.DShift = both, both[g.c:]
	}
	return d
}

// TestGroupNormGradParts: an output alone, and DX in place of dy or x, has the bits
// that it has among all.
func TestGroupNormGradParts(t *testing.T) {
	suite := kerneltest.New(t)
	for _, silu := range []bool{false, true} {
		g := partsCase
		g.silu = silu
		suite.Run(g.name(), func(c *kerneltest.Case) {
			x, a, _ := g.arguments(c)
			dy, y := c.Input(len(x), 1), c.Output(len(x), 0)
			keep := NormStats{Mean: c.Output(g.n*g.groups, 0), RStd: c.Output(g.n*g.groups, 0)}
			GroupNorm(y, x, a, keep)
			all := g.gradients(c)
			GroupNormGrad(all, dy, x, a, keep)
			one := g.gradients(c)
			GroupNormGrad(GroupNormGrads{DX: one.DX}, dy, x, a, keep)
			GroupNormGrad(GroupNormGrads{DGamma: one.DGamma}, dy, x, a, keep)
			GroupNormGrad(GroupNormGrads{DBeta: one.DBeta}, dy, x, a, keep)
			GroupNormGrad(GroupNormGrads{DScale: one.DScale, DShift: one.DShift}, dy, x, a, keep)
			c.Same("DX alone", one.DX, all.DX)
			c.Same("DGamma alone", one.DGamma, all.DGamma)
			c.Same("DBeta alone", one.DBeta, all.DBeta)
			c.Same("DScale and DShift alone", one.DScale, all.DScale)
			copy(one.DX, dy)
			GroupNormGrad(GroupNormGrads{DX: one.DX}, one.DX, x, a, keep)
			c.Same("DX in place of dy", one.DX, all.DX)
			copy(one.DX, x)
			GroupNormGrad(GroupNormGrads{DX: one.DX}, dy, one.DX, a, keep)
			c.Same("DX in place of x", one.DX, all.DX)
		})
	}
}

// TestGroupNormOfNoImages writes the zero gradients of the parameters and nothing else.
func TestGroupNormOfNoImages(t *testing.T) {
	kerneltest.New(t).Run("none", func(c *kerneltest.Case) {
		a := GroupNormArgs{Pixels: 4, C: 6, Groups: 2, Gamma: c.Input(6, 0), Beta: c.Input(6, 0)}
		d := GroupNormGrads{DGamma: c.Output(6, 0), DBeta: c.Output(6, 0)}
		GroupNorm(nil, nil, a, NormStats{})
		GroupNormGrad(d, nil, nil, a, NormStats{})
		c.Same("DGamma", d.DGamma, make([]float32, 6))
		c.Same("DBeta", d.DBeta, make([]float32, 6))
	})
}

// TestGroupNormCarriesNaN through its own group, and into no other.
func TestGroupNormCarriesNaN(t *testing.T) {
	suite := kerneltest.New(t)
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		suite.Run(fmt.Sprint(bad), func(c *kerneltest.Case) {
			g := partsCase
			x, a, _ := g.arguments(c)
			y, clean := c.Output(len(x), 0), c.Output(len(x), 0)
			keep := NormStats{Mean: c.Output(g.n*g.groups, 0), RStd: c.Output(g.n*g.groups, 0)}
			GroupNorm(clean, x, a, keep)
			const channel = 7
			x[(g.pixels+g.pixels-1)*g.c+channel] = float32(bad) // the last pixel of the second image
			GroupNorm(y, x, a, keep)
			width := g.c / g.groups
			for i := range y {
				if i/(g.pixels*g.c) == 1 && i%g.c/width == channel/width {
					c.Near("y", i, y[i], math.NaN(), 0)
				} else if y[i] != clean[i] {
					c.Fail("y[%d] is %g, without the NaN of another group %g", i, y[i], clean[i])
				}
			}
		})
	}
}

// TestGroupNormOfOutliers: the pixels that a chunk's base is taken from are far from
// all others, which is the most that can cancel.
func TestGroupNormOfOutliers(t *testing.T) {
	kerneltest.New(t).Run("outliers", func(c *kerneltest.Case) {
		g := groupNormCase{n: 1, pixels: 2048, c: 16, groups: 4}
		x, a, _ := g.arguments(c)
		for p := 0; p < g.pixels; p += g.pixels / columnSumRows {
			for k := range g.c {
				x[p*g.c+k] += 1e4
			}
		}
		keep := NormStats{Mean: c.Output(g.groups, 0), RStd: c.Output(g.groups, 0)}
		GroupNorm(c.Output(len(x), 0), x, a, keep)
		mean, rstd := ref.GroupStats(x, g.n, g.pixels, g.c, g.groups, testEps)
		for i, b := range g.bounds(x, mean, rstd) {
			c.Near("mean", i, keep.Mean[i], mean[i], b.mean)
			c.Near("rstd", i, keep.RStd[i], rstd[i], b.rstd*rstd[i])
		}
	})
}

// TestGroupNormIgnoresTheNumberOfWorkers, in every variant of the gradient.
func TestGroupNormIgnoresTheNumberOfWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	suite := kerneltest.New(t)
	for variant := range 8 {
		g := partsCase
		g.silu, g.modulated = variant&1 != 0, variant&2 != 0
		accumulate := variant&4 != 0
		suite.Run(fmt.Sprintf("%s/accumulate=%t", g.name(), accumulate), func(c *kerneltest.Case) {
			x, a, _ := g.arguments(c)
			dy, y := c.Input(len(x), 1), c.Output(len(x), 0)
			keep := NormStats{Mean: c.Output(g.n*g.groups, 0), RStd: c.Output(g.n*g.groups, 0)}
			d := g.gradients(c)
			d.AccumulateX, d.AccumulateGamma, d.AccumulateBeta, d.AccumulateScales = accumulate, accumulate, accumulate, accumulate
			run := func(workers int) (all []float32) {
				runtime.GOMAXPROCS(workers)
				for _, s := range [][]float32{d.DX, d.DGamma, d.DBeta, d.DScale} {
					Fill(s, 1)
				}
				GroupNorm(y, x, a, keep)
				GroupNormGrad(d, dy, x, a, keep)
				for _, s := range [][]float32{y, keep.Mean, keep.RStd, d.DX, d.DGamma, d.DBeta, d.DScale} {
					all = append(all, s...)
				}
				return all
			}
			want := run(1)
			for _, workers := range []int{2, 3} {
				for range 3 {
					c.Same(fmt.Sprintf("%d workers", workers), run(workers), want)
				}
			}
		})
	}
}

// imageKernels collects the results of the row kernels of activations and group
// normalization, for TestRowKernelsAgreeAcrossVectorWidths.
func imageKernels(k rowKernels, x, y, gamma []float32) (all []float32) {
	const rows = 3
	n := len(x)
	repeat := func(v []float32) (all []float32) {
		for r := range rows {
			for _, e := range v {
				all = append(all, e*float32(r+1))
			}
		}
		return all
	}
	image, dy, out := repeat(x), repeat(y), make([]float32, rows*n)
	plain, along := make([]float32, n), make([]float32, n)
	note := func(v ...[]float32) {
		for _, s := range v {
			all = append(all, s...)
		}
	}
	k.silu(out, image)
	note(out)
	k.siluGrad(out, dy, image)
	note(out)
	k.columnDeviations(plain, along, image, gamma, rows, n)
	note(plain, along)
	for silu := range 2 {
		k.groupNormRows[silu](out, image, rows, gamma, y, gamma)
		note(out)
		k.groupNormSums[silu](plain, along, dy, image, rows, gamma, y, gamma)
		note(plain, along)
		k.groupNormGradRows[silu](out, dy, image, rows, gamma, y, gamma, y, gamma, y)
		note(out)
		k.groupNormGradRowsAdd[silu](out, dy, image, rows, gamma, y, gamma, y, gamma, y)
		note(out)
	}
	return all
}
