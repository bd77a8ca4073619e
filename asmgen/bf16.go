package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitBF16 emits the rounding of float32 to bfloat16 by integer arithmetic, for
// processors that have no instruction for it. It gives what VCVTNEPS2BF16 gives.
func emitBF16(e *emitter) {
	e.function("RoundBF16", "func(z, x []float32)", "RoundBF16 is generic.RoundBF16.")
	e.elementwise("z", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual { return e.roundBF16(in[0]) })
}

// roundBF16 rounds the lanes of x:
//
//	nan:    x with the low half cut off and the quiet bit set
//	small:  the sign alone
//	else:   x + 0x7fff + (bit 16 of x), low half cut off
func (e *emitter) roundBF16(x reg.VecVirtual) reg.VecVirtual {
	size, sum, special := e.v(), e.v(), e.v()
	e.VPSRLD(operand.U8(16), x, sum)
	e.and(e.allBits(1), sum)
	e.VPADDD(x, sum, sum)
	e.VPADDD(e.allBits(0x7fff), sum, sum)
	e.and(e.allBits(0xffff0000), sum)
	e.VMOVUPS(x, size)
	e.and(e.allBits(0x7fffffff), size)
	e.VMOVUPS(x, special)
	e.and(e.allBits(0x80000000), special)
	e.where(e.allBits(0x00800000), size, special, sum) // small
	e.VMOVUPS(e.allBits(0x7f800000), special)
	quiet := e.v()
	e.and(e.allBits(0xffff0000), x)
	e.VMOVUPS(e.allBits(0x00400000), quiet)
	e.or(x, quiet)
	e.where(size, special, quiet, sum) // more than infinity
	return sum
}

// and sets v = v & m, or sets v = v | m.
func (e *emitter) and(m operand.Op, v reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VPANDD(m, v, v)
		return
	}
	e.VPAND(m, v, v)
}

func (e *emitter) or(m operand.Op, v reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VPORD(m, v, v)
		return
	}
	e.VPOR(m, v, v)
}

// where copies the lanes of from in which a > b, as signed integers, to v.
func (e *emitter) where(a operand.Op, b, from, v reg.VecVirtual) {
	if e.isa.opmasks() {
		k, left := e.K(), e.v()
		e.VMOVUPS(a, left)
		e.VPCMPGTD(b, left, k)
		e.VPBLENDMD(from, v, k, v)
		return
	}
	left := e.v()
	e.VMOVUPS(a, left)
	e.VPCMPGTD(b, left, left)
	e.VPBLENDVB(left, from, v, v)
}
