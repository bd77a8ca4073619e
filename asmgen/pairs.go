package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Pairs of bf16. The instruction that multiplies them adds the product of the upper
// halves of a lane before that of the lower ones; so the earlier of two steps of k goes to
// the upper half, and a chain of sums is that of single multiply-adds.

// emitPairs emits what rounds float32 to pairs, and the peak of their products.
func emitPairs(e *emitter) {
	emitPairLanes(e)
	emitPairPanels(e)
	emitPairTranspose(e)
	emitPairRun(e)
	emitRoundFast(e)
	emitDotPeak(e)
}

// pairOrder is the permutation of 32 numbers of 16 bits, after which lane i of the
// vector holds the i-th of the first 16 in its upper and the i-th of the last 16 in its
// lower half.
func (e *emitter) pairOrder() reg.VecVirtual {
	order := e.ZMM()
	e.VMOVUPS(e.data("lane_order", func(i int) (operand.Constant, bool) {
		return operand.U16(i/2 + (1-i%2)*16), i < 32
	}), order)
	return order
}

// pairAhead is how many pairs of steps ahead memory is asked for, as in rowsAhead.
const pairAhead = rowsAhead / 2

// emitPairLanes emits the pairing of two runs of at most 16 lanes, step by step.
func emitPairLanes(e *emitter) {
	e.function("PairLanes16", "func(dst *uint32, width int, x, y *float32, stride, n, k int)",
		"PairLanes16 is generic.PairLanes: n 1 to 16, k at least 1.")
	dst, width, x, y := e.arg("dst"), e.arg("width"), e.arg("x"), e.arg("y")
	stride, n, k := e.arg("stride"), e.arg("n"), e.arg("k")
	e.SHLQ(operand.U8(2), width)
	e.SHLQ(operand.U8(2), stride)
	cut := e.tailOf(n)
	order := e.pairOrder()
	ahead := e.GP64()
	e.IMUL3Q(operand.I32(pairAhead), stride, ahead)
	upper, lower, pairs := e.v(), e.v(), e.v()
	e.Label("step")
	e.PREFETCHT0(indexed(x, ahead, 1, 0))
	e.PREFETCHT0(indexed(y, ahead, 1, 0))
	e.load(at(x, 0), upper, cut)
	e.load(at(y, 0), lower, cut)
	e.roundPair(upper, lower, pairs)
	e.VPERMW(pairs, order, pairs)
	e.store(pairs, at(dst, 0), cut)
	e.ADDQ(stride, x)
	e.ADDQ(stride, y)
	e.ADDQ(width, dst)
	e.DECQ(k)
	e.JNZ(operand.LabelRef("step"))
	e.done()
}

// emitPairPanels emits the packing of whole panels of eight lanes, four steps at a time:
// two pairs of steps are a cache line of a panel.
func emitPairPanels(e *emitter) {
	e.function("PairPanels8", "func(dst *uint32, src *float32, stride, panels, k int)",
		"PairPanels8 is generic.PairPanels for panels of width 8: panels and k at least 1.")
	p := &pairPanels{emitter: e, dst: e.arg("dst"), src: e.arg("src"), stride: e.arg("stride"), stride3: e.GP64(), size: e.GP64(), ahead: e.GP64(), order: e.ZMM()}
	k := e.arg("k")
	e.LEAQ(operand.Mem{Base: k, Disp: 1}, p.size)
	e.SHRQ(operand.U8(1), p.size)
	e.SHLQ(operand.U8(5), p.size) // 32 bytes a pair of steps
	e.SHLQ(operand.U8(2), p.stride)
	e.LEAQ(operand.Mem{Base: p.stride, Index: p.stride, Scale: 2}, p.stride3)
	e.IMUL3Q(operand.I32(panelsAhead), p.stride, p.ahead)
	e.VMOVUPS(e.data("panel_order", func(i int) (operand.Constant, bool) {
		return operand.U16(i/16*16 + i%16/2 + (1-i%2)*8), i < 32
	}), p.order)
	e.SUBQ(operand.I32(4), k)
	e.JLT(operand.LabelRef("rest"))
	e.Label("four")
	p.steps(4)
	e.SUBQ(operand.I32(4), k)
	e.JGE(operand.LabelRef("four"))
	e.Label("rest")
	e.ADDQ(operand.I32(4), k)
	e.JZ(operand.LabelRef("end"))
	for n := 1; n < 3; n++ {
		next := e.label("more")
		e.CMPQ(k, operand.I32(n))
		e.JNE(operand.LabelRef(next))
		p.steps(n)
		e.JMP(operand.LabelRef("end"))
		e.Label(next)
	}
	p.steps(3)
	e.Label("end")
	e.done()
}

// pairPanels holds the registers of emitPairPanels.
type pairPanels struct {
	*emitter
	dst, src, stride, stride3, size, ahead reg.GPVirtual // size of a panel and distances, in bytes
	order                                  reg.VecVirtual
}

// steps packs one to four steps of all panels.
func (p *pairPanels) steps(n int) {
	from, to, left := p.GP64(), p.GP64(), p.GP64()
	p.MOVQ(p.src, from)
	p.MOVQ(p.dst, to)
	p.Load(p.Param("panels"), left)
	row := func(i int) operand.Mem { return fourth(from, p.stride, p.stride3, i, 0) }
	panel := p.label("panel")
	p.Label(panel)
	for i := range n {
		ask := p.GP64()
		p.LEAQ(row(i), ask)
		p.PREFETCHT1(indexed(ask, p.ahead, 1, 0))
	}
	x := p.vs(2)
	for half, v := range x {
		first := 2 * half
		if first >= n {
			p.zero(v)
			continue
		}
		p.VMOVUPS(row(first), v.AsY())
		if first+1 < n {
			p.VINSERTF64X4(operand.U8(1), row(first+1), v, v)
		}
	}
	pairs := p.v()
	p.roundPair(x[0], x[1], pairs)
	p.VPERMW(pairs, p.order, pairs)
	if n > 2 {
		p.VMOVUPS(pairs, at(to, 0))
	} else {
		p.VMOVUPS(pairs.AsY(), at(to, 0))
	}
	p.ADDQ(operand.I32(32), from)
	p.ADDQ(p.size, to)
	p.DECQ(left)
	p.JNZ(operand.LabelRef(panel))
	p.ADDQ(operand.I32(32*((n+1)/2)), p.dst)
	p.LEAQ(operand.Mem{Base: p.src, Index: p.stride, Scale: uint8(max(1, n&^1))}, p.src) // 1, 2 or 4; what follows 3 is the end
}

// emitPairTranspose emits the packing of 16 lanes whose steps are adjacent, 32 steps at
// a time: each lane becomes a vector of 16 pairs, and these are transposed. The lanes after
// them are asked for as in emitPackTranspose16: packing 0.24 in place of 0.29 to 0.35 ns
// an element, products 3 to 4 % faster (197 and 800 rows; Zen 4, November 2026).
func emitPairTranspose(e *emitter) {
	e.function("PairTranspose16", "func(dst *uint32, width int, src *float32, stride, k int)",
		"PairTranspose16 is generic.PairTranspose for 16 adjacent lanes of a panel: k a multiple of 32, at least 32.")
	dst, width, src, stride, k := e.arg("dst"), e.arg("width"), e.arg("src"), e.arg("stride"), e.arg("k")
	e.SHLQ(operand.U8(2), width)
	e.SHLQ(operand.U8(2), stride)
	e.Label("block")
	row, ask := e.GP64(), e.GP64()
	e.MOVQ(src, row)
	e.MOVQ(stride, ask)
	e.SHLQ(operand.U8(4), ask)
	e.ADDQ(src, ask)
	lanes := make([]reg.VecVirtual, 16)
	for i := range lanes {
		e.PREFETCHT1(at(ask, 0))
		e.PREFETCHT1(at(ask, 16))
		x, y := e.v(), e.v()
		lanes[i] = e.v()
		e.VMOVUPS(at(row, 0), x)
		e.VMOVUPS(at(row, 16), y)
		e.roundPair(x, y, lanes[i])
		e.VPRORD(operand.U8(16), lanes[i], lanes[i])
		if i < 15 {
			e.ADDQ(stride, row)
			e.ADDQ(stride, ask)
		}
	}
	out := e.transposeWords(lanes)
	for _, v := range out {
		e.VMOVUPS(v, at(dst, 0))
		e.ADDQ(width, dst)
	}
	e.ADDQ(operand.I32(4*32), src)
	e.SUBQ(operand.I32(32), k)
	e.JNZ(operand.LabelRef("block"))
	e.done()
}

// emitPairRun emits the rounding of a run of numbers to pairs of neighbours.
func emitPairRun(e *emitter) {
	e.function("PairRun", "func(dst *uint32, src *float32, n int)",
		"PairRun is generic.PairRun: n at least 1. dst may be src.")
	dst, src, n := e.arg("dst"), e.arg("src"), e.arg("n")
	rest := e.GP64()
	e.MOVQ(n, rest)
	e.ANDQ(operand.I32(31), rest)
	low, high := e.tailPair(rest)
	e.INCQ(rest)
	e.SHRQ(operand.U8(1), rest)
	cut := e.tailOf(rest)
	x, y, pairs := e.v(), e.v(), e.v()
	e.SHRQ(operand.U8(5), n)
	e.JZ(operand.LabelRef("rest"))
	e.Label("step")
	e.VMOVUPS(at(src, 0), x)
	e.VMOVUPS(at(src, 16), y)
	e.roundPair(x, y, pairs)
	e.VPRORD(operand.U8(16), pairs, pairs)
	e.VMOVUPS(pairs, at(dst, 0))
	e.ADDQ(operand.I32(128), src)
	e.ADDQ(operand.I32(64), dst)
	e.DECQ(n)
	e.JNZ(operand.LabelRef("step"))
	e.Label("rest")
	e.TESTQ(rest, rest)
	e.JZ(operand.LabelRef("end"))
	e.load(at(src, 0), x, low)
	e.load(at(src, 16), y, high)
	e.roundPair(x, y, pairs)
	e.VPRORD(operand.U8(16), pairs, pairs)
	e.store(pairs, at(dst, 0), cut)
	e.Label("end")
	e.done()
}

// emitRoundFast emits the rounding of emitBF16 by the instruction for it.
func emitRoundFast(e *emitter) {
	e.function("RoundBF16", "func(z, x []float32)", "RoundBF16 is generic.RoundBF16.")
	e.elementwise("z", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		half, whole := e.YMM(), e.v()
		e.raw("VCVTNEPS2BF16", []operand.Op{in[0], half})
		e.VPMOVZXWD(half, whole)
		e.VPSLLD(operand.U8(16), whole, whole)
		return whole
	})
}

// emitDotPeak emits the loop that measures what the units of products of pairs can do,
// as emitPeak does for single ones.
func emitDotPeak(e *emitter) {
	const chains = 12
	e.function("DotPeak", "func(iterations int) (flops int64)",
		"DotPeak adds products of pairs on independent chains, iterations (at least 1) times, and",
		"returns the number of floating-point operations.")
	n := e.arg("iterations")
	factor, sum := e.v(), e.vs(chains)
	e.VMOVUPS(e.allBits(0x3f003f00), factor)
	for _, s := range sum {
		e.zero(s)
	}
	flops := e.GP64()
	e.MOVQ(n, flops)
	e.IMUL3Q(operand.I32(2*chains*4*e.isa.lanes), flops, flops)
	e.Label("loop")
	for range 2 {
		for _, s := range sum {
			e.multiplyAdd(factor, factor, s)
		}
	}
	e.DECQ(n)
	e.JNZ(operand.LabelRef("loop"))
	e.Store(flops, e.Return("flops"))
	e.done()
}
