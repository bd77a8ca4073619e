package kernels

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"lethe/kernels/kerneltest"
)

// partsCase has several chunks, no whole vectors and everything switched on.
var partsCase = groupNormCase{n: 2, pixels: 1100, c: 51, groups: 17, mean: 3, scaled: true, silu: true}

// gradients are all outputs of GroupNormGrad in memory of their own.
func (o *groupNormOperands) gradients(c *kerneltest.Case) GroupNormGrads {
	d := GroupNormGrads{DX: c.Output(len(o.x), 0), DGamma: c.Output(o.c, 1), DBeta: c.Output(o.c, 3)}
	if o.scaled {
		both := make([]float32, o.n*o.args.ScaleShiftStride)
		d.DScale, d.DShift = both, both[o.c:]
	}
	return d
}

// parts are the places of the outputs.
func parts(d *GroupNormGrads) []*[]float32 {
	return []*[]float32{&d.DX, &d.DGamma, &d.DBeta, &d.DScale, &d.DShift}
}

// What is not wanted is not touched, and an output alone, or DX in place of dy,
// has the bits that it has among all.
func TestGroupNormGradParts(t *testing.T) {
	suite := kerneltest.New(t)
	for _, silu := range []bool{false, true} {
		suite.Run(fmt.Sprintf("silu=%t", silu), func(c *kerneltest.Case) {
			s := partsCase
			s.silu = silu
			o := newGroupNorm(c, s)
			GroupNorm(c.Output(len(o.x), 0), o.x, o.args, o.keep)
			all := o.gradients(c)
			GroupNormGrad(all, o.dy, o.x, o.args, o.keep)
			for i := range parts(&all) {
				alone := o.gradients(c)
				if i == 3 { // DScale and DShift share memory
					alone.DScale = make([]float32, len(alone.DScale))
				}
				for k, part := range parts(&alone) {
					if k != i {
						*part = nil
					}
				}
				GroupNormGrad(alone, o.dy, o.x, o.args, o.keep)
				for n, got := range *parts(&alone)[i] {
					stride, at := o.args.ScaleShiftStride, n
					if i >= 3 && at%stride >= o.c {
						continue // between the rows
					}
					if want := (*parts(&all)[i])[n]; got != want {
						c.Fail("output %d alone: element %d is %g, want %g", i, n, got, want)
					}
				}
			}
			dy := slices.Clone(o.dy)
			GroupNormGrad(GroupNormGrads{DX: dy}, dy, o.x, o.args, o.keep)
			c.Same("DX in place of dy", dy, all.DX)
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
			o := newGroupNorm(c, partsCase)
			y, clean := c.Output(len(o.x), 0), c.Output(len(o.x), 0)
			GroupNorm(clean, o.x, o.args, o.keep)
			const channel = 7
			o.x[len(o.x)-o.c+channel] = float32(bad) // the last pixel of the last image
			GroupNorm(y, o.x, o.args, o.keep)
			for i := range y {
				if i/(o.pixels*o.c) == o.n-1 && i%o.c/o.per() == channel/o.per() {
					c.Near("y", i, y[i], math.NaN(), 0)
				} else if y[i] != clean[i] {
					c.Fail("y[%d] is %g, without the NaN of another group %g", i, y[i], clean[i])
				}
			}
		})
	}
}

// TestGroupNormOfOutliers: a few pixels that are far from all others.
func TestGroupNormOfOutliers(t *testing.T) {
	kerneltest.New(t).Run("outliers", func(c *kerneltest.Case) {
		o := newGroupNorm(c, groupNormCase{n: 1, pixels: 2048, c: 16, groups: 4})
		for p := 0; p < o.pixels; p += 128 {
			for k := range o.c {
				o.x[p*o.c+k] += 1e4
			}
		}
		o.expect()
		GroupNorm(c.Output(len(o.x), 0), o.x, o.args, o.keep)
		o.checkStatistics(c)
	})
}

// TestGroupNormIgnoresTheNumberOfWorkers, in every variant of the gradient.
func TestGroupNormIgnoresTheNumberOfWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	suite := kerneltest.New(t)
	for variant := range 16 {
		s := partsCase
		s.silu, s.scaled = variant&1 != 0, variant&2 != 0
		accumulate, spare := variant&4 != 0, variant&8 != 0
		suite.Run(fmt.Sprintf("%+v/accumulate=%t/work=%t", s, accumulate, spare), func(c *kerneltest.Case) {
			o := newGroupNorm(c, s)
			y, d := c.Output(len(o.x), 0), o.gradients(c)
			d.AccumulateX, d.AccumulateGamma, d.AccumulateBeta, d.AccumulateScales = accumulate, accumulate, accumulate, accumulate
			if spare {
				d.Work = c.Output(len(o.x), 0)
			}
			run := func(workers int) (all []float32) {
				runtime.GOMAXPROCS(workers)
				for _, out := range [][]float32{d.DX, d.DGamma, d.DBeta, d.DScale} {
					Fill(out, 1)
				}
				GroupNorm(y, o.x, o.args, o.keep)
				GroupNormGrad(d, o.dy, o.x, o.args, o.keep)
				for _, out := range [][]float32{y, o.keep.Mean, o.keep.RStd, d.DX, d.DGamma, d.DBeta, d.DScale} {
					all = append(all, out...)
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
