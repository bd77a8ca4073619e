package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// eachImage runs body for every edge length as the number of channels, and one,
// three and seventeen pixels; where there are many channels, three.
func eachImage(t *testing.T, body func(c *kerneltest.Case, pixels, channels int)) {
	suite := kerneltest.New(t)
	for _, channels := range kerneltest.Lengths(vectorLanes)[1:] {
		for _, pixels := range []int{1, 3, 17} {
			if channels > 3*vectorLanes && pixels != 3 {
				continue
			}
			suite.Run(fmt.Sprintf("pixels=%d/channels=%d", pixels, channels), func(c *kerneltest.Case) { body(c, pixels, channels) })
		}
	}
}

func TestChannelSumsMatchGenericInEveryBit(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachImage(t, func(c *kerneltest.Case, pixels, channels int) {
			x := c.Input(pixels*channels, 3)
			both := make([]float64, 4*channels) // sum, square, and a band that must stay
			k.channelSums(both[:channels], both[channels:2*channels], x)
			k.channelSums(both[:channels], both[channels:2*channels], x)
			want := make([]float64, 4*channels)
			generic.ChannelSums(want[:channels], want[channels:2*channels], x)
			generic.ChannelSums(want[:channels], want[channels:2*channels], x)
			for i, w := range want {
				if math.Float64bits(both[i]) != math.Float64bits(w) {
					c.Fail("sum %d is %g, generic has %g", i, both[i], w)
				}
			}
			for i := range channels { // generic against the formula
				sum, abs := 0.0, 0.0
				for p := range pixels {
					sum += 2 * float64(x[p*channels+i])
					abs += 2 * math.Abs(float64(x[p*channels+i]))
				}
				if !(math.Abs(want[i]-sum) <= doubleBound(2*pixels, abs)) {
					c.Fail("sum %d is %g, want %g", i, want[i], sum)
				}
			}
		})
	})
}

// coefficients draws those of some channels and returns its rows.
func coefficients(c *kerneltest.Case, channels int) (all []float32, row func(r int) []float32) {
	all = c.Input(generic.CoefRows*channels, 3)
	return all, func(r int) []float32 { return all[r*channels : (r+1)*channels] }
}

func TestAffineRowsMatchRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachImage(t, func(c *kerneltest.Case, pixels, channels int) {
			n := pixels * channels
			x, y, z := c.Input(n, 3), c.Output(n, 0), c.Output(n, 8)
			all, row := coefficients(c, channels)
			k.affine(z, x, all, channels)
			k.affineSiLU(y, x, all, channels)
			for i, v := range x {
				dev := float64(v) - float64(row(generic.CoefMean)[i%channels])
				scaled := dev * float64(row(generic.CoefScale)[i%channels])
				want := scaled + float64(row(generic.CoefShift)[i%channels])
				bound := unit * (2*math.Abs(scaled) + math.Abs(want)) * 1.01
				c.Near("affine", i, z[i], want, bound)
				want = ref.SiLU(want)
				c.Near("affineSiLU", i, y[i], want, 1.1*bound+siluBound(want)*1.01)
			}
			k.affineSiLU(x, x, all, channels)
			c.Same("in place", x, y)
		})
	})
}

// affineGradient is dz and x-mean of every element, and the error of dz.
func affineGradient(dy, x []float32, channels int, row func(r int) []float32, silu bool) (dz, dev, bound []float64) {
	for i, v := range x {
		at := i % channels
		d := float64(v) - float64(row(generic.CoefMean)[at])
		z := d*float64(row(generic.CoefScale)[at]) + float64(row(generic.CoefShift)[at])
		slope, e := 1.0, 0.0
		if silu {
			slope = ref.SiLUGrad(z)
			e = 1e-6 + 0.5*unit*(3*math.Abs(d)+math.Abs(z))*1.01 // |silu''| <= 0.5
		}
		dz, dev = append(dz, float64(dy[i])*slope), append(dev, d)
		bound = append(bound, math.Abs(float64(dy[i]))*e)
	}
	return dz, dev, bound
}

func TestAffineGradSumsMatchRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachImage(t, func(c *kerneltest.Case, pixels, channels int) {
			dy, x := c.Input(pixels*channels, 3), c.Input(pixels*channels, 0)
			all, row := coefficients(c, channels)
			for i, sums := range []func(plain, along, dy, x, coef []float32){k.affineSums, k.affineSiLUSums} {
				plain, along := c.Output(channels, 3), c.Output(channels, 0)
				Fill(plain, 2)
				Fill(along, -2)
				sums(plain, along, dy, x, all)
				dz, dev, bound := affineGradient(dy, x, channels, row, i == 1)
				if i == 1 {
					kept, keptPlain, keptAlong := c.Output(len(dy), 8), c.Output(channels, 0), c.Output(channels, 8)
					Fill(keptPlain, 2)
					Fill(keptAlong, -2)
					k.affineSiLUKeep(keptPlain, keptAlong, kept, dy, x, all)
					c.Same("plain with dz", keptPlain, plain)
					c.Same("along with dz", keptAlong, along)
					for j := range kept {
						c.Near("dz", j, kept[j], dz[j], bound[j]*1.01+unit*math.Abs(dz[j]))
					}
					own := append([]float32(nil), dy...)
					k.affineSiLUKeep(keptPlain, keptAlong, own, own, x, all)
					c.Same("dz in place of dy", own, kept)
				}
				for at := range channels {
					p, absP, errP, a, absA, errA := 2.0, 2.0, 0.0, -2.0, 2.0, 0.0
					for i := at; i < len(dz); i += channels {
						p, absP, errP = p+dz[i], absP+math.Abs(dz[i]), errP+bound[i]
						product := dz[i] * dev[i]
						a, absA, errA = a+product, absA+math.Abs(product), errA+bound[i]*math.Abs(dev[i])
					}
					c.Near("plain", at, plain[at], p, kerneltest.Bound(pixels+2, absP)+errP*1.01)
					c.Near("along", at, along[at], a, kerneltest.Bound(pixels+4, absA)+errA*1.01)
				}
			}
		})
	})
}

func TestAffineGradRowsMatchRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachImage(t, func(c *kerneltest.Case, pixels, channels int) {
			n := pixels * channels
			dy, x := c.Input(n, 3), c.Input(n, 0)
			all, row := coefficients(c, channels)
			for i, f := range []func(dx, dy, x, coef []float32, channels int){k.affineGrad, k.affineGradAdd, k.affineSiLUGradAdd} {
				dx, start := c.Output(n, 8), 0.0
				if i > 0 {
					start = 3
					Fill(dx, 3)
				}
				f(dx, dy, x, all, channels)
				dz, dev, bound := affineGradient(dy, x, channels, row, i == 2)
				for j := range dx {
					scale, along := float64(row(generic.CoefScale)[j%channels]), float64(row(generic.CoefAlong)[j%channels])
					plain := float64(row(generic.CoefPlain)[j%channels])
					size := math.Abs(dz[j]*scale) + math.Abs(dev[j]*along) + math.Abs(plain)
					want := start + dz[j]*scale + dev[j]*along + plain
					c.Near("dx", j, dx[j], want, (bound[j]*math.Abs(scale)+unit*(5*size+math.Abs(want)))*1.01)
				}
				if i == 0 {
					own := append([]float32(nil), dy...)
					f(own, own, x, all, channels)
					c.Same("in place of dz", own, dx)
				}
			}
		})
	})
}

// Pooling and spreading round every operation by itself, so they are exact.
func TestResampleRowsMatchTheirFormula(t *testing.T) {
	const a = 0.7
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachImage(t, func(c *kerneltest.Case, pixels, channels int) {
			n := pixels * channels
			top, bottom, x := c.Input(2*n, 3), c.Input(2*n, 0), c.Input(n, 8)
			left := func(i int) int { return 2*(i/channels)*channels + i%channels }
			sum := func(i int) float32 {
				return a * (top[left(i)] + top[left(i)+channels] + bottom[left(i)] + bottom[left(i)+channels])
			}
			y, wide := c.Output(n, 0), c.Output(2*n, 3)
			k.pool(y, top, bottom, a, channels)
			c.Same("pool", y, filled(n, sum))
			copy(y, x)
			k.poolAdd(y, top, bottom, a, channels)
			c.Same("poolAdd", y, filled(n, func(i int) float32 { return x[i] + float32(sum(i)) }))
			spread := func(i int) float32 { return a * x[i/channels/2*channels+i%channels] }
			k.spread(wide, x, a, channels)
			c.Same("spread", wide, filled(2*n, spread))
			copy(wide, top)
			k.spreadAdd(wide, x, a, channels)
			c.Same("spreadAdd", wide, filled(2*n, func(i int) float32 { return top[i] + float32(spread(i)) }))
		})
	})
}
