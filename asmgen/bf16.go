package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitBF16 emits the rounding of float32 to bfloat16 by integer arithmetic, for
// processors that have no instruction for it. It gives what VCVTNEPS2BF16 gives.
func emitBF16(e *emitter) {
	e.function("RoundBF16", "func(z, x []float32)", "RoundBF16 is generic.RoundBF16.")
	r := &rounding{emitter: e}
	for _, c := range []struct {
		v    *reg.VecVirtual
		bits uint32
	}{{&r.one, 1}, {&r.half, 0x7fff}, {&r.upper, 0xffff0000}, {&r.quiet, 0x00400000}, {&r.exponent, 0x7f800000}, {&r.sign, 0x80000000}} {
		*c.v = e.v()
		e.set(*c.v, math.Float32frombits(c.bits))
	}
	if !e.isa.opmasks() {
		r.zeros = e.zero(e.v())
	}
	e.elementwise("z", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual { return r.round(in[0]) })
}

// unordered is the comparison of VCMPPS that finds NaN.
const unordered = 3

// rounding holds the constants.
type rounding struct {
	*emitter
	one, half, upper, quiet, exponent, sign, zeros reg.VecVirtual
}

// round rounds the lanes of x:
//
//	nan:         x with the quiet bit set, low half cut off
//	exponent 0:  the sign alone
//	else:        x + 0x7fff + (bit 16 of x), low half cut off
func (r *rounding) round(x reg.VecVirtual) reg.VecVirtual {
	sum, other := r.v(), r.v()
	r.VPSRLD(operand.U8(16), x, sum)
	if r.isa.opmasks() {
		nan, small := r.K(), r.K()
		r.VPANDD(r.one, sum, sum)
		r.VPADDD(x, sum, sum)
		r.VPADDD(r.half, sum, sum)
		r.VCMPPS(operand.U8(unordered), x, x, nan)
		r.VPORD(r.quiet, x, nan, sum)
		r.VPANDD(r.upper, sum, sum)
		r.VPTESTNMD(r.exponent, x, small)
		r.VPANDD(r.sign, x, small, sum)
		return sum
	}
	is := r.v()
	r.VPAND(r.one, sum, sum)
	r.VPADDD(x, sum, sum)
	r.VPADDD(r.half, sum, sum)
	r.VCMPPS(operand.U8(unordered), x, x, is)
	r.VPOR(r.quiet, x, other)
	r.VBLENDVPS(is, other, sum, sum)
	r.VPAND(r.upper, sum, sum)
	r.VPAND(r.exponent, x, is)
	r.VPCMPEQD(r.zeros, is, is)
	r.VPAND(r.sign, x, other)
	r.VBLENDVPS(is, other, sum, sum)
	return sum
}
