package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants are operands in memory. AVX-512 broadcasts one element within the
// instruction; a whole vector would lie across two cache lines as often as not,
// because the linker aligns data to 32 bytes, and cost two loads.

// one is a memory operand that holds x once.
func (e *emitter) one(x float32) operand.Mem {
	return e.data(fmt.Sprintf("one_%08x", math.Float32bits(x)), func(i int) (operand.Constant, bool) {
		return operand.U32(math.Float32bits(x)), i < 1
	})
}

// set fills v with x.
func (e *emitter) set(v reg.VecVirtual, x float32) { e.VBROADCASTSS(e.one(x), v) }

// times sets dst = x * v.
func (e *emitter) times(x float32, v, dst reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VMULPS_BCST(e.one(x), v, dst)
		return
	}
	e.VMULPS(e.all(x), v, dst)
}

// plus sets dst = x + v.
func (e *emitter) plus(x float32, v, dst reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VADDPS_BCST(e.one(x), v, dst)
		return
	}
	e.VADDPS(e.all(x), v, dst)
}

// timesPlus sets p = p * v + x.
func (e *emitter) timesPlus(x float32, v, p reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VFMADD213PS_BCST(e.one(x), v, p)
		return
	}
	e.VFMADD213PS(e.all(x), v, p)
}

// minusTimes sets sum = sum - x * v.
func (e *emitter) minusTimes(x float32, v, sum reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VFNMADD231PS_BCST(e.one(x), v, sum)
		return
	}
	e.VFNMADD231PS(e.all(x), v, sum)
}

// minusTimesPlus sets p = x - p * v.
func (e *emitter) minusTimesPlus(x float32, v, p reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VFNMADD213PS_BCST(e.one(x), v, p)
		return
	}
	e.VFNMADD213PS(e.all(x), v, p)
}
