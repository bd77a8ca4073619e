package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Bounds of exp: below the first the result rounds to 0, above the second it
// is infinite.
const (
	expLeast = -104
	expMost  = 89
)

// expTerms are the coefficients of r^2 ... r^6 in exp(r) = 1 + r + ..., the
// least maximal relative error on |r| <= ln(2)/2 (3.1e-9), from a reweighted
// least-squares fit in float64.
var expTerms = [...]float32{0.4999999343204487, 0.16666520398302778, 0.04166839080051038, 0.008368745177667461, 0.001381453936339129}

// Bounds within which e^x is neither subnormal nor infinite.
const (
	expNormalLeast = -87
	expNormalMost  = 88
)

// exp emits e^x in place: x = n*ln(2) + r with integer n, a polynomial in r,
// and an exact scaling by 2^n that rounds once where the result is subnormal.
// At most 1 ulp off; NaN stays NaN, whichever operand order min and max have.
func (e *emitter) exp(x reg.VecVirtual) {
	e.clamp(x, expLeast, expMost)
	e.expWithin(x)
}

// expBelow is exp for x at most expMost, with expLeast in a register.
func (e *emitter) expBelow(x, least reg.VecVirtual) {
	e.VMAXPS(x, least, x)
	e.expWithin(x)
}

// clamp bounds x; NaN stays NaN.
func (e *emitter) clamp(x reg.VecVirtual, least, most float32) {
	bound := e.v()
	e.set(bound, most)
	e.VMINPS(x, bound, x)
	e.set(bound, least)
	e.VMAXPS(x, bound, x)
}

// expWithin is exp for expLeast <= x <= expMost.
func (e *emitter) expWithin(x reg.VecVirtual) {
	p, n := e.expParts(x)
	e.scaleByPower(p, n, x)
}

// expNormal is exp for expNormalLeast <= x <= expNormalMost, with the same bits: 2^n goes into the
// exponent of the polynomial.
func (e *emitter) expNormal(x reg.VecVirtual) {
	p, n := e.expParts(x)
	if e.isa.lanes == 16 {
		e.VSCALEFPS(n, p, x)
		return
	}
	const mantissa = 23
	e.VCVTPS2DQ(n, n)
	e.VPSLLD(operand.U8(mantissa), n, n)
	e.VPADDD(n, p, x)
}

// expParts returns p, near 1, and an integer n with e^x = p*2^n. It overwrites x.
func (e *emitter) expParts(x reg.VecVirtual) (p, n reg.VecVirtual) {
	p, n = e.v(), e.v()
	e.times(1/math.Ln2, x, n)
	e.round(n)
	high := float32(math.Ln2)
	e.minusTimes(high, n, x)
	e.minusTimes(float32(math.Ln2-float64(high)), n, x)

	e.set(p, expTerms[len(expTerms)-1])
	for i := len(expTerms) - 2; i >= 0; i-- {
		e.timesPlus(expTerms[i], x, p)
	}
	e.timesPlus(1, x, p)
	e.timesPlus(1, x, p)
	return p, n
}

// round rounds to the nearest integer, halves to even.
func (e *emitter) round(v reg.VecVirtual) {
	const nearest = 8 // and no inexact exception
	if e.isa.lanes == 16 {
		e.VRNDSCALEPS(operand.U8(nearest), v, v)
		return
	}
	e.VROUNDPS(operand.U8(nearest), v, v)
}

// scaleByPower sets dst = p * 2^n for integers -150 <= n <= 128. It overwrites
// p and n. Without VSCALEFPS it adds half of n to p's exponent, which is exact as p is near 1, and
// multiplies by the other power, so the bits are the same.
func (e *emitter) scaleByPower(p, n, dst reg.VecVirtual) {
	if e.isa.lanes == 16 {
		e.VSCALEFPS(n, p, dst)
		return
	}
	const bias, mantissa = 127, 23
	half := dst
	e.VCVTPS2DQ(n, n)
	e.VPSRAD(operand.U8(1), n, half)
	e.VPSUBD(half, n, n)
	e.VPSLLD(operand.U8(mantissa), half, half)
	e.VPADDD(half, p, p)
	e.VPADDD(e.allBits(bias), n, n)
	e.VPSLLD(operand.U8(mantissa), n, n)
	e.VMULPS(n, p, dst)
}
