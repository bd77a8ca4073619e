package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// GELU and its gradient are those of the positive half-line, mirrored: with u = |x|,
//
//	gelu(x)  = x/2 + u*(1/2 - tail(u))
//	slope(x) = 1/2 + (1/2 - fall(u)) or, of negative x, 1/2 - (1/2 - fall(u))
//
// where tail is the normal distribution beyond u, and fall(u) = tail(u) - u*density(u) changes
// its sign at geluRoot. Tail and fall/(geluRoot-u) decay as exp(-u*u/2), which a polynomial follows badly,
// but their cube roots hardly more than as one: one polynomial each, cut off where it becomes
// negative, which is before geluMost. There both functions have their limits exactly. No division,
// no exponential, no permutation, and the same operations on both vector widths.
//
// erf as a quotient and the density by exp took 16 and 29 cycles for 16 numbers of Gelu and GeluGrad on a
// Xeon with AVX-512. Polynomials on eight pieces of the half-line, whose coefficients a permutation picked, took
// 11 and 14 there. With AVX2 on Zen 3 these are 1.3 to 1.7 and 1.25 to 1.6 times as fast as those (one
// thread, November 2026, in turn; BenchmarkGelu), which is what fewer instructions give: shorter chains, vectors
// reloaded and coefficients shared by two vectors made no difference.
const geluMost = 6.4

// geluRoot is where the slope of GELU at -u is 0.
const geluRoot = 0.75179154

// The coefficients of u^0, u^1, ..., least maximal errors from a reweighted least-squares fit in
// float64: of u*tail(u), or of tail(u)/2 below 1/2, and of fall. TestGeluPolynomials holds them against
// the functions.
var (
	// geluTail is the cube root of tail: u*tail is 1.6e-8 off, tail 2.7e-8.
	geluTail = [...]float32{0.7937005, -0.21109308, -0.056149516, 0.010317883, 0.005445367, -0.00056513003, -0.00033512182, 1.4826626e-05, 2.9260536e-05, -7.3917086e-06, 7.34604e-07, -2.7522153e-08}
	// geluFall is the cube root of fall/(geluRoot-u): fall is 3.8e-8 off.
	geluFall = [...]float32{0.872886, -0.07728375, -0.10963209, -0.0012410786, 0.011033541, -0.00034016863, -0.0003846733, -0.00013113667, 8.380268e-05, -1.5917747e-05, 1.3836934e-06, -4.7405315e-08}
)

// geluConstants are the registers that every vector of GELU needs.
type geluConstants struct{ most, zero reg.VecVirtual }

func (e *emitter) geluConstants() geluConstants {
	c := geluConstants{most: e.v(), zero: e.v()}
	e.set(c.most, geluMost)
	e.zero(c.zero)
	return c
}

// geluSize sets size = |x| and u = min(|x|, geluMost); NaN stays NaN.
func (e *emitter) geluSize(c geluConstants, x, size, u reg.VecVirtual) {
	e.magnitude(x, size)
	e.VMINPS(size, c.most, u)
}

// geluPowers sets p to the polynomial at u, 0 where that is negative, and square to p*p. Even and
// odd powers are two chains of half the length.
func (e *emitter) geluPowers(c geluConstants, terms []float32, u, p, square reg.VecVirtual) {
	odd := e.v()
	e.VMULPS(u, u, square)
	last := len(terms) - 1
	e.set(odd, terms[last])
	e.set(p, terms[last-1])
	for i := last - 2; i > 0; i -= 2 {
		e.timesPlus(terms[i], square, odd)
		e.timesPlus(terms[i-1], square, p)
	}
	e.VFMADD231PS(odd, u, p)
	e.VMAXPS(p, c.zero, p)
	e.VMULPS(p, p, square)
}

// geluValue sets y = x/2 + size*(1/2 - tail(u)); y may be x.
func (e *emitter) geluValue(c geluConstants, x, size, u, y reg.VecVirtual) {
	p, square := e.v(), e.v()
	e.geluPowers(c, geluTail[:], u, p, square)
	e.minusTimesPlus(0.5, p, square)
	e.times(0.5, x, y)
	e.VFMADD231PS(square, size, y)
}

// geluTimesSlope sets d = dy * slope(x), with the sign of x given to 1/2 - fall(u); d may be dy.
// It overwrites u.
func (e *emitter) geluTimesSlope(c geluConstants, x, u, dy, d reg.VecVirtual) {
	p, square := e.v(), e.v()
	e.geluPowers(c, geluFall[:], u, p, square)
	e.plus(-geluRoot, u, u)
	e.VMULPS(p, square, square)
	e.timesPlus(0.5, u, square)
	e.withSignOf(x, square)
	e.plus(0.5, square, square)
	e.VMULPS(dy, square, d)
}

// magnitude sets dst = |x|.
func (e *emitter) magnitude(x, dst reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VANDPS_BCST(e.one(math.Float32frombits(^uint32(signBit))), x, dst)
		return
	}
	e.VANDPS(e.allBits(^uint32(signBit)), x, dst)
}

// withSignOf changes the sign of v where x is negative.
func (e *emitter) withSignOf(x, v reg.VecVirtual) {
	if e.isa.opmasks() {
		const xorAnd = 0x78 // first ^ (second & third)
		e.VPTERNLOGD_BCST(operand.U8(xorAnd), e.one(math.Float32frombits(signBit)), x, v)
		return
	}
	sign := e.v()
	e.VANDPS(e.allBits(signBit), x, sign)
	e.VXORPS(sign, v, v)
}

const signBit = 1 << 31

// emitGelu emits GELU, its gradient, and both at once.
func emitGelu(e *emitter) {
	e.function("Gelu", "func(y, x []float32)", "Gelu is generic.Gelu by the polynomials of asmgen: at most 1.5e-7 * max(1, |y|) off.")
	c := e.geluConstants()
	e.elementwise("y", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		size, u := e.v(), e.v()
		e.geluSize(c, in[0], size, u)
		e.geluValue(c, in[0], size, u, in[0])
		return in[0]
	})
	e.function("GeluGrad", "func(dx, dy, x []float32)", "GeluGrad is generic.GeluGrad by the polynomials of asmgen: at most 2e-7 * |dy| off.")
	c = e.geluConstants()
	e.elementwise("dx", []string{"dy", "x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		u := e.v()
		e.geluSize(c, in[1], u, u)
		e.geluTimesSlope(c, in[1], u, in[0], in[0])
		return in[0]
	})
	e.function("GeluBoth", "func(y, d, x []float32)", "GeluBoth is GeluGrad(d, d, x) and Gelu(y, x), bit for bit; y may be x.")
	c = e.geluConstants()
	e.walk(e.argLen("y"), e.isa.lanes, e.argPtrs("y", "d", "x"), func(_ int, mem []operand.Mem, t *tail) {
		x, size, u, y := e.v(), e.v(), e.v(), e.v()
		e.load(mem[2], x, t)
		e.geluSize(c, x, size, u)
		e.geluValue(c, x, size, u, y)
		e.store(y, mem[0], t)
		e.load(mem[1], y, t)
		e.geluTimesSlope(c, x, u, y, y)
		e.store(y, mem[1], t)
	})
	e.done()
}
