package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitReduce emits the reductions.
func emitReduce(e *emitter) {
	e.function("Sum", "func(x []float32) float64", "Sum is generic.Sum, bit for bit.")
	e.reduceDoubles([]string{"x"}, func(in []reg.VecVirtual, sum reg.VecVirtual) {
		e.VADDPD(in[0], sum, sum)
	})
	e.function("Dot", "func(x, y []float32) float64", "Dot is generic.Dot, bit for bit: the fused products are exact.")
	e.reduceDoubles([]string{"x", "y"}, func(in []reg.VecVirtual, sum reg.VecVirtual) {
		e.VFMADD231PD(in[0], in[1], sum)
	})
	e.function("SumSquares", "func(x []float32) float64", "SumSquares is generic.SumSquares, bit for bit.")
	e.reduceDoubles([]string{"x"}, func(in []reg.VecVirtual, sum reg.VecVirtual) {
		e.VFMADD231PD(in[0], in[0], sum)
	})
	e.function("SquaredDistance", "func(x, y []float32) float64", "SquaredDistance is generic.SquaredDistance, bit for bit.")
	e.reduceDoubles([]string{"x", "y"}, func(in []reg.VecVirtual, sum reg.VecVirtual) {
		e.VSUBPD(in[1], in[0], in[0])
		e.VMULPD(in[0], in[0], in[0])
		e.VADDPD(in[0], sum, sum)
	})
	emitAllFinite(e)
	emitColumnSum(e)
}

// reduceAhead is how far ahead, in bytes, reduceDoubles asks for memory: 344 MB, the gradients of
// ViT-B, are summed in 14.6 ms instead of 19.3 at two threads and in 28 instead of 38 at one; 1024 and
// 4096 were between (Xeon of the Emerald Rapids class, 2026, medians of 15, SumSquares).
const reduceAhead = 2048

// reduceDoubles emits the body and the end of a function that widens slices to
// float64 and adds up, in one sum per place of a block, what add makes of
// them. Lanes outside the tail are zero.
func (e *emitter) reduceDoubles(in []string, add func(in []reg.VecVirtual, sum reg.VecVirtual)) {
	lanes := e.isa.lanes / 2
	sums := e.sums(lanes)
	e.walk(e.argLen(in[0]), lanes, e.argPtrs(in...), func(u int, mem []operand.Mem, t *tail) {
		wide := e.vs(len(in))
		for i, v := range wide {
			if ahead := mem[i]; t == nil && u*lanes%line == 0 {
				ahead.Disp += reduceAhead
				e.PREFETCHT0(ahead)
			}
			e.loadWide(mem[i], v, t)
		}
		add(wide, sums[u])
	})
	e.foldDoubles(sums, func(a, b, dst operand.Op) { e.VADDPD(a, b, dst) })
	b, err := e.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err) // a result the emitter itself declared
	}
	e.VMOVSD(sums[0].AsX(), b.Addr)
	e.done()
}

// loadWide loads half a vector of float32 and widens it to float64.
func (e *emitter) loadWide(m operand.Mem, v reg.VecVirtual, t *tail) {
	if t == nil {
		e.VCVTPS2PD(m, v)
		return
	}
	half := e.XMM()
	if e.isa.lanes == 16 {
		half = e.YMM()
	}
	e.load(m, half, t)
	e.VCVTPS2PD(half, v)
}

// emitAllFinite emits the test for infinities and NaN: zero times either is
// NaN, and a sum with a NaN is NaN.
func emitAllFinite(e *emitter) {
	e.function("AllFinite", "func(x []float32) bool", "AllFinite is generic.AllFinite.")
	sums, zero := e.sums(e.isa.lanes), e.zero(e.v())
	e.walk(e.argLen("x"), e.isa.lanes, e.argPtrs("x"), func(u int, mem []operand.Mem, t *tail) {
		v := e.v()
		e.load(mem[0], v, t)
		e.VFMADD231PS(v, zero, sums[u])
	})
	e.fold(sums, func(a, b, dst operand.Op) { e.VADDPS(a, b, dst) })
	e.VUCOMISS(sums[0].AsX(), sums[0].AsX())
	finite := e.GP8()
	e.SETPC(finite)
	e.Store(finite, e.ReturnIndex(0))
	e.done()
}

// emitColumnSum emits the sum of a few rows: a block of
// columns stays in registers while all rows go by, which makes 1.2 to 1.55 times as fast as a vector of them (Zen 3,
// one thread, November 2026, six in turn; columnsum of BenchmarkLayerNorm).
func emitColumnSum(e *emitter) {
	e.function("ColumnSum", "func(dst, x []float32, rows, stride int)", "ColumnSum is generic.ColumnSum; rows is at least 1.")
	rows, stride := e.arg("rows"), e.arg("stride")
	e.SHLQ(operand.U8(2), stride)
	// add adds up the vectors at mem, of which t exists.
	add := func(mem [][]operand.Mem, t *tail) {
		sums := e.vs(len(mem))
		for _, s := range sums {
			e.zero(s)
		}
		row, r := e.GP64(), e.GP64()
		e.LEAQ(mem[0][1], row)
		e.MOVQ(rows, r)
		loop := e.label("row")
		e.Label(loop)
		for u := range mem {
			v := e.v()
			e.load(operand.Mem{Base: row, Disp: mem[u][1].Disp - mem[0][1].Disp}, v, t)
			e.VADDPS(v, sums[u], sums[u])
		}
		e.ADDQ(stride, row)
		e.DECQ(r)
		e.JNZ(operand.LabelRef(loop))
		for u := range mem {
			v := e.v()
			e.load(mem[u][0], v, t)
			e.VADDPS(sums[u], v, v)
			e.store(v, mem[u][0], t)
		}
	}
	e.walkBlocks(e.argLen("dst"), e.isa.lanes, e.argPtrs("dst", "x"), func(mem [][]operand.Mem) { add(mem, nil) },
		func(_ int, mem []operand.Mem, t *tail) { add([][]operand.Mem{mem}, t) })
	e.done()
}
