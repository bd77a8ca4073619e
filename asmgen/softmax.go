package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitSoftmax emits the kernels of softmax.
func emitSoftmax(e *emitter) {
	e.endsOften = true
	e.weaveOnAVX2(2)
	emitSoftmaxRows(e)
	emitSoftmaxGradRow(e)
}

// emitSoftmaxRows emits three passes over each row, which stays in the
// first-level cache: maximum, exponentials and their sum, division. All rows go
// in one call: in a small attention a call costs as much as a row.
func emitSoftmaxRows(e *emitter) {
	e.function("SoftmaxRows", "func(y []float32, yStride int, x []float32, xStride, columns int, scale float32, top, sum []float32)",
		"SoftmaxRows is generic.SoftmaxRows with the exp of asmgen and float32 sums.")
	n := e.arg("columns")
	ptrs := e.argPtrs("x", "y")
	strides := e.argStrides("xStride", "yStride")
	top, sum, rows := e.argPtr("top"), e.argPtr("sum"), e.argLen("top")
	scale := e.argAll("scale")
	e.rows(rows, ptrs, strides, func() {
		e.softmaxRow(n, ptrs, scale, top, sum)
		e.ADDQ(operand.U8(4), top)
		e.ADDQ(operand.U8(4), sum)
	})
	e.done()
}

// softmaxRow emits one row.
func (e *emitter) softmaxRow(n reg.GPVirtual, ptrs []reg.GPVirtual, scale reg.VecVirtual, toTop, toSum reg.GPVirtual) {
	lanes, least := e.isa.lanes, e.v()
	e.set(least, float32(math.Inf(-1)))
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
	e.VMOVSS(top.AsX(), at(toTop, 0))
	e.splat(top)

	sums := e.sums(lanes)
	e.set(least, expLeast)
	e.walk(n, lanes, ptrs, func(u int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VMULPS(scale, v, v)
		e.VSUBPS(top, v, v)
		e.expBelow(v, least)
		e.store(v, mem[1], t)
		e.keep(v, t)
		e.VADDPS(v, sums[u], sums[u])
	})
	e.fold(sums, e.addTo)
	inverse := sums[0]
	e.VMOVSS(inverse.AsX(), at(toSum, 0))
	one := e.v()
	e.set(one, 1)
	e.VDIVSS(inverse.AsX(), one.AsX(), inverse.AsX())
	e.splat(inverse)

	e.walk(n, lanes, ptrs[1:], func(_ int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VMULPS(inverse, v, v)
		e.store(v, mem[0], t)
	})
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
