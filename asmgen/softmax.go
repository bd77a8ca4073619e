package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
)

// emitSoftmax emits the row kernels of softmax.
func emitSoftmax(e *emitter) {
	emitSoftmaxRow(e)
	emitSoftmaxGradRow(e)
}

// emitSoftmaxRow emits three passes over a row that stays in the first-level
// cache: maximum, exponentials and their sum, division.
func emitSoftmaxRow(e *emitter) {
	e.function("SoftmaxRow", "func(y, x []float32, scale float32) (top, sum float32)",
		"SoftmaxRow is generic.SoftmaxRow with the exp of asmgen and float32 sums.")
	n, lanes := e.argLen("y"), e.isa.lanes
	ptrs := e.argPtrs("x", "y")
	scale, least := e.argAll("scale"), e.v()
	e.VMOVUPS(e.all(float32(math.Inf(-1))), least)

	tops := e.vs(blockElements / lanes)
	for _, v := range tops {
		e.VMOVAPS(least, v)
	}
	e.walk(n, lanes, ptrs[:1], func(u int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VMULPS(scale, v, v)
		e.keepOr(v, least, t)
		e.VMAXPS(tops[u], v, tops[u])
	})
	e.fold(tops, func(a, b, dst operand.Op) { e.VMAXPS(a, b, dst) })
	top := tops[0]
	e.giveFloat(top, "top")
	e.splat(top)

	sums := e.sums(lanes)
	e.walk(n, lanes, ptrs, func(u int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VMULPS(scale, v, v)
		e.VSUBPS(top, v, v)
		e.exp(v)
		e.store(v, mem[1], t)
		e.keep(v, t)
		e.VADDPS(v, sums[u], sums[u])
	})
	e.fold(sums, e.addTo)
	inverse := sums[0]
	e.giveFloat(inverse, "sum")
	one := e.v()
	e.VMOVUPS(e.all(1), one)
	e.VDIVSS(inverse.AsX(), one.AsX(), inverse.AsX())
	e.splat(inverse)

	e.walk(n, lanes, ptrs[1:], func(_ int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VMULPS(inverse, v, v)
		e.store(v, mem[0], t)
	})
	e.done()
}

// emitSoftmaxGradRow emits two passes over a row: the projection, then the
// gradient.
func emitSoftmaxGradRow(e *emitter) {
	e.function("SoftmaxGradRow", "func(dx, dy, y []float32)", "SoftmaxGradRow is generic.SoftmaxGradRow with a float32 sum.")
	n, lanes := e.argLen("dx"), e.isa.lanes
	ptrs := e.argPtrs("dy", "y", "dx")
	sums := e.sums(lanes)
	e.walk(n, lanes, ptrs[:2], func(u int, mem []operand.Mem, t *tail) {
		dy, y := e.v(), e.v()
		e.load(mem[0], dy, t)
		e.load(mem[1], y, t)
		e.VFMADD231PS(dy, y, sums[u])
	})
	e.fold(sums, e.addTo)
	along := sums[0]
	e.splat(along)
	e.walk(n, lanes, ptrs, func(_ int, mem []operand.Mem, t *tail) {
		dy, y := e.v(), e.v()
		e.load(mem[0], dy, t)
		e.load(mem[1], y, t)
		e.VSUBPS(along, dy, dy)
		e.VMULPS(y, dy, dy)
		e.store(dy, mem[2], t)
	})
	e.done()
}
