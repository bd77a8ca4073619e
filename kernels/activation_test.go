package kernels

import (
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// grid is every stride-th float32 there is, so all magnitudes, both signs,
// subnormal numbers, infinities and NaN.
func grid(stride uint32) []float32 {
	x := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32}
	for bits := uint64(0); bits < 1<<32; bits += uint64(stride) {
		x = append(x, math.Float32frombits(uint32(bits)))
	}
	return x
}

// line is n numbers evenly spaced from lo to hi.
func line(lo, hi float64, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(lo + (hi-lo)*float64(i)/float64(n-1))
	}
	return x
}

// ulp is the distance of float32 numbers around x.
func ulp(x float64) float64 {
	_, exponent := math.Frexp(x)
	return math.Ldexp(1, max(exponent-24, -149))
}

// The exponential has no function of its own: with scale 1 and lse 0 it is what
// attentionGradRows makes of its scores, which may stop at exp(-87) and exp(88).
func TestExpIsWithinOneULP(t *testing.T) {
	const least, most = -87, 88
	x := append(grid(49999), line(-110, 95, 1<<16)...)
	x = append(x, make([]float32, -len(x)&15)...) // whole steps
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("grid", func(c *kerneltest.Case) {
			y, ds := append([]float32(nil), x...), make([]float32, len(x))
			k.attentionGradRows(y, ds, 0, len(y), 1, []float32{0}, []float32{0})
			for i, v := range x {
				want := math.Exp(float64(v))
				switch bound := math.Exp(max(least, min(float64(v), most))); {
				case v != v || bound == want:
					c.Near("exp", i, y[i], want, ulp(want))
				case math.Abs(float64(y[i])-bound) <= ulp(bound): // stopped
				case want > math.MaxFloat32*(1+unit/2):
					c.Near("exp", i, y[i], math.Inf(1), 0)
				default:
					c.Near("exp", i, y[i], want, ulp(want))
				}
			}
		})
	})
}

// Subnormal exponentials are those of softmax, of rows 0 and x where their sum is 1.
func TestSoftmaxExpIsWithinOneULP(t *testing.T) {
	x := line(-110, -20, 1<<16)
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("line", func(c *kerneltest.Case) {
			y, top, sum := make([]float32, 2*len(x)), make([]float32, len(x)), make([]float32, len(x))
			for i, v := range x {
				y[2*i+1] = v
			}
			k.softmaxRows(y, 2, y, 2, 2, 1, top, sum)
			for i, v := range x {
				want := math.Exp(float64(v))
				c.Near("exp", i, y[2*i+1], want, ulp(want))
			}
		})
	})
}

// TestGeluBothIsBoth: the value and the gradient in one have the bits of each.
func TestGeluBothIsBoth(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("lengths", func(c *kerneltest.Case) {
			for n := range 100 {
				x := line(-9, 9, max(2, n))[:n]
				y, d, wantY, wantD := make([]float32, n), line(-1, 2, max(2, n))[:n], make([]float32, n), make([]float32, n)
				k.gelu(wantY, x)
				k.geluGrad(wantD, d, x)
				k.geluBoth(y, d, x)
				for i := range x {
					c.Near("y", i, y[i], float64(wantY[i]), 0)
					c.Near("d", i, d[i], float64(wantD[i]), 0)
				}
				d = line(-1, 2, max(2, n))[:n]
				k.geluBoth(x, d, x) // in place
				for i := range x {
					c.Near("y over x", i, x[i], float64(wantY[i]), 0)
					c.Near("d then", i, d[i], float64(wantD[i]), 0)
				}
			}
		})
	})
}

// TestGeluAgreesAcrossVectorWidths: within its polynomials, beyond them and at what is not a
// number.
func TestGeluAgreesAcrossVectorWidths(t *testing.T) {
	if widest() < isaAVX512 {
		t.Skip("this processor or build has no AVX-512 to compare with")
	}
	kerneltest.New(t).Run("grid", func(c *kerneltest.Case) {
		x := append(grid(49999), line(-8, 8, 1<<16)...)
		var first []uint32
		for _, k := range assemblyKernels {
			y, slope := make([]float32, len(x)), make([]float32, len(x))
			k.gelu(y, x)
			k.fill(slope, 1)
			k.geluGrad(slope, slope, x)
			all := words(append(y, slope...))
			if first == nil {
				first = all
			}
			for i := range all {
				if all[i] != first[i] {
					c.Fail("%s: bits %08x of %g, want %08x", k.name, all[i], x[i%len(x)], first[i])
					return
				}
			}
		}
	})
}

// Beside the polynomials (1.6e-8 and 3.8e-8 off) there are the roundings of their last steps, which
// the cube triples, and of the sums after it.
func TestGeluMatchesRef(t *testing.T) {
	x := append(grid(49999), line(-8, 8, 1<<16)...)
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("grid", func(c *kerneltest.Case) {
			y, dx, dy := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
			k.gelu(y, x)
			k.fill(dy, -3)
			k.geluGrad(dx, dy, x)
			for i, v := range x {
				want := ref.Gelu(float64(v))
				c.Near("gelu", i, y[i], want, 1.5e-7*math.Max(1, math.Abs(want)))
				c.Near("geluGrad", i, dx[i], -3*ref.GeluGrad(float64(v)), 6e-7)
			}
		})
	})
}

// SiLU: one ulp of exp, which counts as t/(1+t), a sum and a quotient. Its slope s*(1+x*t*s), where
// s*(1+x*t*s) < 1.1 and |s*x*t*s| < 0.28: s has four roundings, t*s seven, the
// two operations after them and the product with dy one each.
func TestSiLUMatchesRef(t *testing.T) {
	x := append(grid(49999), line(-110, 110, 1<<16)...)
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("grid", func(c *kerneltest.Case) {
			y, dx, dy := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
			k.silu(y, x)
			k.fill(dy, -3)
			k.siluGrad(dx, dy, x)
			for i, v := range x {
				want := ref.SiLU(float64(v))
				c.Near("silu", i, y[i], want, siluBound(want))
				c.Near("siluGrad", i, dx[i], -3*ref.SiLUGrad(float64(v)), 3e-6)
			}
		})
	})
}

// siluBound is what SiLU promises.
func siluBound(y float64) float64 { return 4*unit*math.Abs(y) + 1e-36 }

// The cumulative normal distribution has no function of its own either: it is
// gelu(x)/x.
func TestNormalCDFIsWithinItsBound(t *testing.T) {
	x := line(1e-3, 8, 1<<16)
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("line", func(c *kerneltest.Case) {
			y := make([]float32, len(x))
			k.gelu(y, x)
			for i, v := range x {
				c.Near("cdf", i, y[i]/v, math.Erfc(-float64(v)/math.Sqrt2)/2, 2e-7)
			}
		})
	})
}

// Beyond their polynomials the functions have their limits exactly: a small number
// left over would be multiplied by a large x.
func TestGeluHasItsLimits(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("beyond 6.5", func(c *kerneltest.Case) {
			x := []float32{6.5, 7, 100, 1e10, math.MaxFloat32}
			n := len(x)
			for _, v := range x {
				x = append(x, -v)
			}
			y, slope := make([]float32, len(x)), make([]float32, len(x))
			k.fill(slope, 1)
			k.gelu(y, x)
			k.geluGrad(slope, slope, x)
			for i, v := range x {
				want := float64(max(v, 0))
				c.Near("gelu", i, y[i], want, 0)
				limit := 1.0
				if i >= n {
					limit = 0
				}
				c.Near("geluGrad", i, slope[i], limit, unit/4) // of generic, at 6.5: 2e-9
			}
		})
	})
}

func TestActivationsAtEdges(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			x, dy, y := c.Input(n, offset), c.Input(n, 3), c.Output(n, offset)
			k.gelu(y, x)
			for i := range y {
				c.Near("gelu", i, y[i], ref.Gelu(float64(x[i])), 2e-7)
			}
			want := make([]float64, n)
			for i := range want {
				want[i] = float64(dy[i]) * ref.GeluGrad(float64(x[i]))
			}
			k.geluGrad(y, dy, x)
			k.geluGrad(dy, dy, x) // in place
			for i := range y {
				c.Near("geluGrad", i, y[i], want[i], 1e-6)
			}
			c.Same("geluGrad in place", dy, y)
			copy(y, x)
			k.gelu(x, y)
			k.gelu(y, y)
			c.Same("gelu in place", y, x)
		})
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			x, dy, y, dx := c.Input(n, offset), c.Input(n, 3), c.Output(n, offset), c.Output(n, 0)
			k.silu(y, x)
			k.siluGrad(dx, dy, x)
			for i := range y {
				c.Near("silu", i, y[i], ref.SiLU(float64(x[i])), 4*unit)
				c.Near("siluGrad", i, dx[i], float64(dy[i])*ref.SiLUGrad(float64(x[i])), 1e-6)
			}
			k.siluGrad(dy, dy, x)
			c.Same("siluGrad in place", dy, dx)
			k.silu(x, x)
			c.Same("silu in place", x, y)
		})
	})
}

func TestActivationsInChunks(t *testing.T) {
	kerneltest.New(t).Run("three chunks", func(c *kerneltest.Case) {
		const n = 2*elementChunk + 77
		x, dy, y := c.Input(n, 0), c.Input(n, 1), c.Output(n, 0)
		Gelu(y, x)
		for i := range y {
			c.Near("Gelu", i, y[i], ref.Gelu(float64(x[i])), 2e-7)
		}
		GeluGrad(y, dy, x)
		for i := range y {
			c.Near("GeluGrad", i, y[i], float64(dy[i])*ref.GeluGrad(float64(x[i])), 1e-6)
		}
		SiLU(y, x)
		for i := range y {
			c.Near("SiLU", i, y[i], ref.SiLU(float64(x[i])), 4*unit)
		}
		SiLUGrad(y, dy, x)
		for i := range y {
			c.Near("SiLUGrad", i, y[i], float64(dy[i])*ref.SiLUGrad(float64(x[i])), 1e-6)
		}
	})
}

func TestActivationsPanic(t *testing.T) {
	two, one := make([]float32, 2), make([]float32, 1)
	wantPanic(t, "kernels: Gelu: len(x) is 1, want at least 2", func() { Gelu(two, one) })
	wantPanic(t, "kernels: GeluGrad: len(dy) is 1, want at least 2", func() { GeluGrad(two, one, two) })
	wantPanic(t, "kernels: GeluGrad: len(x) is 1, want at least 2", func() { GeluGrad(two, two, one) })
	wantPanic(t, "kernels: SiLU: len(x) is 1, want at least 2", func() { SiLU(two, one) })
	wantPanic(t, "kernels: SiLUGrad: len(dy) is 1, want at least 2", func() { SiLUGrad(two, one, two) })
	wantPanic(t, "kernels: SiLUGrad: len(x) is 1, want at least 2", func() { SiLUGrad(two, two, one) })
}
