package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitActivation emits GELU, SiLU and their gradients.
func emitActivation(e *emitter) {
	e.function("Gelu", "func(y, x []float32)", "Gelu is generic.Gelu with the erf of asmgen: at most 1e-6 * max(1, |y|) off.")
	e.elementwise("y", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		x, half := in[0], e.v()
		e.times(0.5, x, half)
		e.times(math.Sqrt2/2, x, x)
		e.erf(x)
		e.VFMADD213PS(half, half, x)
		return x
	})
	e.function("GeluGrad", "func(dx, dy, x []float32)", "GeluGrad is generic.GeluGrad with the erf and exp of asmgen: at most 1e-6 * |dy| off.")
	e.elementwise("dx", []string{"dy", "x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		dy, x := in[0], in[1]
		root, density := e.v(), e.v()
		e.geluParts(x, root, density)
		half := e.v()
		e.set(half, 0.5)
		e.VFMADD213PS(half, half, root)
		e.VFMADD231PS(x, density, root)
		e.VMULPS(dy, root, root)
		return root
	})
	e.function("GeluBoth", "func(y, d, x []float32)", "GeluBoth is Gelu(y, x) and GeluGrad(d, d, x), bit for bit.")
	e.walk(e.argLen("y"), e.isa.lanes, e.argPtrs("y", "d", "x"), func(_ int, mem []operand.Mem, t *tail) {
		x, root, density, half := e.v(), e.v(), e.v(), e.v()
		e.load(mem[2], x, t)
		e.geluParts(x, root, density)
		y := e.v()
		e.times(0.5, x, half)
		e.VMOVAPS(root, y)
		e.VFMADD213PS(half, half, y)
		e.store(y, mem[0], t)
		e.set(half, 0.5)
		e.VFMADD213PS(half, half, root)
		e.VFMADD231PS(x, density, root)
		e.load(mem[1], y, t)
		e.VMULPS(y, root, root)
		e.store(root, mem[1], t)
	})
	e.done()
	emitSiLU(e)
}

// geluParts sets root to erf(x/sqrt(2)) and density to that of the normal
// distribution at x.
func (e *emitter) geluParts(x, root, density reg.VecVirtual) {
	e.times(math.Sqrt2/2, x, root)
	e.VMULPS(root, root, density)
	e.times(-1, density, density)
	e.exp(density)
	e.times(float32(1/math.Sqrt(2*math.Pi)), density, density)
	e.erf(root)
}

// emitSiLU emits SiLU and its gradient.
func emitSiLU(e *emitter) {
	e.function("SiLU", "func(y, x []float32)", "SiLU is generic.SiLU with the exp of asmgen: at most 4*2^-24*|y| + 1e-36 off.")
	e.elementwise("y", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.silu(in[0])
		return in[0]
	})
	e.function("SiLUGrad", "func(dx, dy, x []float32)", "SiLUGrad is generic.SiLUGrad with the exp of asmgen: at most 1e-6 * |dy| off.")
	e.elementwise("dx", []string{"dy", "x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		e.siluSlope(in[1])
		e.VMULPS(in[0], in[1], in[1])
		return in[1]
	})
}

// silu emits x/(1+exp(-x)) in place.
func (e *emitter) silu(x reg.VecVirtual) {
	t := e.v()
	e.times(-1, x, t)
	e.exp(t)
	e.plus(1, t, t)
	e.VDIVPS(t, x, x)
}

// siluMost is that of package generic.
const siluMost = 88

// siluSlope emits the derivative of silu in place: with t = exp(-x) and s =
// 1/(1+t), s*(1+x*t*s).
func (e *emitter) siluSlope(x reg.VecVirtual) {
	t, s := e.v(), e.v()
	e.clamp(x, -siluMost, siluMost)
	e.times(-1, x, t)
	e.expWithin(t)
	e.plus(1, t, s)
	one := e.v()
	e.set(one, 1)
	e.VDIVPS(s, one, s)
	e.VMULPS(s, t, t)
	e.timesPlus(1, t, x)
	e.VMULPS(s, x, x)
}

// erfMost is where erf rounds to 1.
const erfMost = 3.9

// erfOver and erfUnder are the coefficients of x^0, x^2, ... in erf(x) =
// x*over/under, the least maximal relative error on |x| <= erfMost (4.9e-8),
// from a reweighted least-squares fit in float64.
var (
	erfOver  = [...]float32{1.1283791123080027, 0.19817867328877734, 0.050344448770840454, 0.003632138179543452, 0.00014059591705728396, -1.9631996301964407e-06, 2.014841200090472e-08}
	erfUnder = [...]float32{1, 0.5089630221540862, 0.11427941109829619, 0.014207562769427366, 0.00094054661432492}
)

// erf emits erf(x) in place. At most 6 ulp and 4e-7 off, and exactly 1 and -1
// from erfMost on, which GELU relies on for large negative numbers; NaN stays
// NaN.
func (e *emitter) erf(x reg.VecVirtual) {
	bound, square, under := e.v(), e.v(), e.v()
	e.set(bound, erfMost)
	e.VMINPS(x, bound, x)
	e.set(bound, -erfMost)
	e.VMAXPS(x, bound, x)
	e.VMULPS(x, x, square)
	over := bound
	e.horner(erfOver[:], square, over)
	e.horner(erfUnder[:], square, under)
	e.VMULPS(over, x, x)
	e.VDIVPS(under, x, x)
	e.set(bound, 1)
	e.VMINPS(x, bound, x)
	e.set(bound, -1)
	e.VMAXPS(x, bound, x)
}

// horner sets p to the polynomial in x with the given coefficients, lowest
// first.
func (e *emitter) horner(terms []float32, x, p reg.VecVirtual) {
	e.set(p, terms[len(terms)-1])
	for i := len(terms) - 2; i >= 0; i-- {
		e.timesPlus(terms[i], x, p)
	}
}
