package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scoreStep is how many scores of a row are taken at a time: a vector of AVX-512, two of AVX2,
// so that sums have the same order on both. Rows have room for whole steps.
const scoreStep = 16

// emitAttentionRows emits three passes over the scores of two rows at a time: maximum,
// exponentials and their sum, division. A row of a small attention is two or three vectors, each a chain of
// dependent instructions: two rows have twice as many that do not wait for each other. With whole vectors
// where masks were, logarithms of four sums at a time and an exp for normal results, instead of the softmax of
// one row after the other, attention of 17 and 65 tokens became 1.3 to 1.45 times as fast, of 50 1.05 to 1.24, of
// 197 and more 0.98 to 1.22 (Zen 3, one thread, November 2026, medians of 7 to 9 in turn; BenchmarkAttention). Not
// measured on AVX-512.
func emitAttentionRows(e *emitter) {
	e.function("AttentionRows", "func(p []float32, stride, columns int, scale float32, lse, sum []float32)",
		"AttentionRows is generic.AttentionRows with the expNormal of asmgen and float32 sums.")
	r := &attentionRows{emitter: e, columns: e.arg("columns"), scale: e.argAll("scale")}
	lse, sum := e.argPtr("lse"), e.argPtr("sum")
	e.rowPairs(e.argLen("lse"), e.argPtrs("p"), e.argStrides("stride"), []operand.Op{lse, sum}, func(rows [][]reg.GPVirtual) {
		r.softmax(rows[0], lse, sum)
	})
	emitLogOfSums(e)
	e.done()
}

// rowPairs emits a loop over count rows, two at a time and the last of an odd number alone. body
// handles rows[s][i], row i of slice s, with what there is one of for each row at ofRow; all move on after it.
// count and ofRow are registers or parameters, which are overwritten.
func (e *emitter) rowPairs(count operand.Op, ptrs, strides []reg.GPVirtual, ofRow []operand.Op, body func(rows [][]reg.GPVirtual)) {
	pair, last, end := e.label("pair"), e.label("last"), e.label("rowsEnd")
	both, one := make([][]reg.GPVirtual, len(ptrs)), make([][]reg.GPVirtual, len(ptrs))
	for s, p := range ptrs {
		both[s], one[s] = []reg.GPVirtual{p, e.GP64()}, []reg.GPVirtual{p}
	}
	e.Label(pair)
	e.CMPQ(count, operand.U8(2))
	e.JLT(operand.LabelRef(last))
	for s, rows := range both {
		e.LEAQ(indexed(rows[0], strides[s], 1, 0), rows[1])
	}
	body(both)
	for s, rows := range both {
		e.LEAQ(indexed(rows[1], strides[s], 1, 0), rows[0])
	}
	for _, p := range ofRow {
		e.ADDQ(operand.U8(8), p)
	}
	e.SUBQ(operand.U8(2), count)
	e.JMP(operand.LabelRef(pair))
	e.Label(last)
	e.CMPQ(count, operand.U8(0))
	e.JE(operand.LabelRef(end))
	body(one)
	e.Label(end)
}

// weaveRows weaves what body emits for each of some rows.
func (e *emitter) weaveRows(rows int, body func(i int)) {
	bodies := make([]func(), rows)
	for i := range bodies {
		bodies[i] = func() { body(i) }
	}
	e.weave(bodies...)
}

// attentionRows holds what the rows of AttentionRows have in common.
type attentionRows struct {
	*emitter
	columns reg.GPVirtual
	scale   reg.VecVirtual
}

// softmax emits the passes over one row or two; the first of lse and sum become their maximum
// and their sum.
func (r *attentionRows) softmax(rows []reg.GPVirtual, lse, sum reg.GPVirtual) {
	vectors := scoreStep / r.isa.lanes
	least := r.all(float32(math.Inf(-1)))
	tops, sums := make([][]reg.VecVirtual, len(rows)), make([][]reg.VecVirtual, len(rows))
	for i := range rows {
		tops[i], sums[i] = r.vs(vectors), r.vs(vectors)
		for _, v := range tops[i] {
			r.VMOVUPS(least, v)
		}
	}
	each := func(body func(i int)) { r.weaveRows(len(rows), body) }

	r.steps(rows, func(u int, mem []operand.Mem, t *tail) {
		var fill reg.VecVirtual
		if t != nil {
			fill = r.v()
			r.VMOVUPS(least, fill)
		}
		each(func(i int) {
			v := r.v()
			r.VMULPS(mem[i], r.scale, v)
			r.keepOr(v, fill, t)
			r.VMAXPS(tops[i][u], v, tops[i][u])
		})
	})
	bound := r.v()
	r.set(bound, expNormalLeast)
	each(func(i int) {
		r.fold(tops[i], func(a, b, dst operand.Op) { r.VMAXPS(a, b, dst) })
		r.VMOVSS(tops[i][0].AsX(), at(lse, i))
		r.splat(tops[i][0])
		for _, v := range sums[i] {
			r.zero(v)
		}
	})
	r.steps(rows, func(u int, mem []operand.Mem, t *tail) {
		each(func(i int) {
			v := r.v()
			r.VMULPS(mem[i], r.scale, v)
			r.VSUBPS(tops[i][0], v, v)
			r.VMAXPS(v, bound, v) // NaN stays NaN
			r.expNormal(v)
			r.keep(v, t)
			r.VMOVUPS(v, mem[i])
			r.VADDPS(v, sums[i][u], sums[i][u])
		})
	})
	each(func(i int) {
		r.fold(sums[i], r.addTo)
		one := r.v()
		r.set(one, 1)
		r.VMOVSS(sums[i][0].AsX(), at(sum, i))
		r.VDIVSS(sums[i][0].AsX(), one.AsX(), one.AsX())
		r.splat(one)
		sums[i][0] = one
	})
	r.steps(rows, func(_ int, mem []operand.Mem, _ *tail) {
		each(func(i int) {
			v := r.v()
			r.VMULPS(mem[i], sums[i][0], v)
			r.VMOVUPS(v, mem[i])
		})
	})
}

// steps emits a pass over whole steps of several rows and one more of which only some columns
// exist. body handles vector u of a step; t says what of it exists, nil where all does.
func (r *attentionRows) steps(rows []reg.GPVirtual, body func(u int, mem []operand.Mem, t *tail)) {
	loop, last, end := r.label("step"), r.label("lastStep"), r.label("stepsEnd")
	i, next := r.GP64(), r.GP64()
	r.XORQ(i, i)
	r.Label(loop)
	r.LEAQ(operand.Mem{Base: i, Disp: scoreStep}, next)
	r.CMPQ(next, r.columns)
	r.JGT(operand.LabelRef(last))
	for u := range scoreStep / r.isa.lanes {
		body(u, blockAt(rows, i, u*r.isa.lanes), nil)
	}
	r.MOVQ(next, i)
	r.JMP(operand.LabelRef(loop))
	r.Label(last)
	masks := r.blockMasks(r.columns, i)
	for u := range scoreStep / r.isa.lanes {
		r.LEAQ(operand.Mem{Base: i, Disp: u * r.isa.lanes}, next)
		r.CMPQ(next, r.columns)
		r.JGE(operand.LabelRef(end))
		body(u, blockAt(rows, i, u*r.isa.lanes), r.blockTail(masks, u, r.isa.lanes))
	}
	r.Label(end)
}

// emitAttentionGradRows emits probabilities and score gradients from scores, of two rows at a time and
// without masks. That made the gradient of 17 to 197 tokens 1.02 times as fast in the mean, which is within the
// noise of 0.02 (as above).
func emitAttentionGradRows(e *emitter) {
	e.function("AttentionGradRows", "func(p, ds []float32, stride, columns int, scale float32, lse, delta []float32)",
		"AttentionGradRows is generic.AttentionGradRows with the expNormal of asmgen.")
	n, i := e.arg("columns"), e.GP64()
	ofRow, stride := e.argPtrs("lse", "delta"), e.argStrides("stride")[0]
	scale, least, most := e.argAll("scale"), e.v(), e.v()
	e.set(least, expNormalLeast)
	e.set(most, expNormalMost)
	each := []operand.Op{ofRow[0], ofRow[1]}
	e.rowPairs(e.argLen("lse"), e.argPtrs("p", "ds"), []reg.GPVirtual{stride, stride}, each, func(rows [][]reg.GPVirtual) {
		lse, delta := e.vs(len(rows[0])), e.vs(len(rows[0]))
		for r := range rows[0] {
			e.VBROADCASTSS(at(ofRow[0], r), lse[r])
			e.VBROADCASTSS(at(ofRow[1], r), delta[r])
		}
		loop := e.label("vector")
		e.XORQ(i, i)
		e.Label(loop)
		ps, grads := blockAt(rows[0], i, 0), blockAt(rows[1], i, 0)
		e.weaveRows(len(rows[0]), func(r int) {
			p, ds := e.v(), e.v()
			e.VMULPS(ps[r], scale, p)
			e.VSUBPS(lse[r], p, p)
			e.VMINPS(p, most, p) // NaN stays NaN
			e.VMAXPS(p, least, p)
			e.expNormal(p)
			e.VMOVUPS(p, ps[r])
			e.VMOVUPS(grads[r], ds)
			e.VSUBPS(delta[r], ds, ds)
			e.VMULPS(p, ds, ds)
			e.VMULPS(scale, ds, ds)
			e.VMOVUPS(ds, grads[r])
		})
		e.ADDQ(operand.U8(e.isa.lanes), i)
		e.CMPQ(i, n)
		e.JLT(operand.LabelRef(loop))
	})
	e.done()
}

// logTerms are the coefficients of s, s^3, ... in log(m) = 2*(s + s^3/3 + ...), s = (m-1)/(m+1);
// for m within a factor of sqrt(2) of 1 what is left out is below 1e-10.
var logTerms = [...]float64{1, 1. / 3, 1. / 5, 1. / 7, 1. / 9, 1. / 11}

// emitLogOfSums emits lse = lse + log(sum) for four rows at a time, in float64: with sum = m*2^e
// and 1/sqrt(2) <= m < sqrt(2), e*ln(2) + log(m).
func emitLogOfSums(e *emitter) {
	const rootHalf, mantissa = 0x3f3504f3, 23 // bits of sqrt(1/2)
	lse, sum, left := e.argPtr("lse"), e.argPtr("sum"), e.argLen("lse")
	e.Label("four")
	total, bits, exponent, m := e.XMM(), e.XMM(), e.XMM(), e.XMM()
	e.VMOVUPS(at(sum, 0), total)
	e.VPSUBD(e.allBits(rootHalf), total, bits)
	e.VPSRAD(operand.U8(mantissa), bits, exponent)
	e.VPAND(e.allBits(1<<mantissa-1), bits, m)
	e.VPADDD(e.allBits(rootHalf), m, m)

	power, s, below, square, log := e.YMM(), e.YMM(), e.YMM(), e.YMM(), e.YMM()
	e.VCVTDQ2PD(exponent, power)
	e.VCVTPS2PD(m, s)
	e.VADDPD(e.allDouble(1), s, below)
	e.VSUBPD(e.allDouble(1), s, s)
	e.VDIVPD(below, s, s)
	e.VMULPD(s, s, square)
	e.VMOVUPD(e.allDouble(2*logTerms[len(logTerms)-1]), log)
	for i := len(logTerms) - 2; i >= 0; i-- {
		e.VFMADD213PD(e.allDouble(2*logTerms[i]), square, log)
	}
	e.VMULPD(s, log, log)
	e.VFMADD231PD(e.allDouble(math.Ln2), power, log)
	e.VCVTPD2PSY(log, m)

	e.VADDPS(at(lse, 0), m, m)
	e.VSUBPS(total, total, total) // NaN where the sum is
	e.VADDPS(total, m, m)
	e.VMOVUPS(m, at(lse, 0))
	e.ADDQ(operand.U8(16), lse)
	e.ADDQ(operand.U8(16), sum)
	e.SUBQ(operand.U8(4), left)
	e.JG(operand.LabelRef("four"))
}
