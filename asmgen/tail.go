package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tail selects the first elements of a vector: an opmask on AVX-512, a vector
// of sign bits on AVX2. A nil tail is the whole vector.
type tail struct {
	k reg.OpmaskVirtual
	y reg.VecVirtual
}

// tailOf selects the first n lanes; n is 0 to lanes.
func (e *emitter) tailOf(n reg.Register) *tail {
	if e.isa.opmasks() {
		table, t := e.GP64(), &tail{k: e.K()}
		e.LEAQ(e.data("lane_masks", func(i int) (operand.Constant, bool) {
			return operand.U16(1<<i - 1), i <= e.isa.lanes
		}), table)
		e.KMOVW(operand.Mem{Base: table, Index: n, Scale: 2}, t.k)
		return t
	}
	// Ones, then zeros: n lanes from the ones' end on.
	table, back, t := e.GP64(), e.GP64(), &tail{y: e.v()}
	e.LEAQ(e.data("lane_masks", func(i int) (operand.Constant, bool) {
		if i < e.isa.lanes {
			return operand.U32(^uint32(0)), true
		}
		return operand.U32(0), i < 2*e.isa.lanes
	}), table)
	e.MOVQ(n, back)
	e.NEGQ(back)
	e.VMOVUPS(indexed(table, back, 4, e.isa.lanes), t.y)
	return t
}

// load reads a vector; lanes outside the tail are not touched in memory and
// become zero.
func (e *emitter) load(m operand.Mem, v reg.VecVirtual, t *tail) {
	switch {
	case t == nil:
		e.VMOVUPS(m, v)
	case e.isa.opmasks():
		e.VMOVUPS_Z(m, t.k, v)
	default:
		e.VMASKMOVPS(m, t.y, v)
	}
}

// store writes the lanes of v that the tail selects and touches no others.
func (e *emitter) store(v reg.VecVirtual, m operand.Mem, t *tail) {
	switch {
	case t == nil:
		e.VMOVUPS(v, m)
	case e.isa.opmasks():
		e.VMOVUPS(v, t.k, m)
	case e.endsOften && v.Size() == 32:
		e.storeParts(v, m, t)
	default:
		e.VMASKMOVPS(v, t.y, m)
	}
}

// storeParts is store for AVX2, in up to three parts of 4, 2 and 1 lanes. Masked stores are
// slow on Zen 3: softmax of 50 columns became 1.21 times as fast, its gradient 1.28, that of
// 197 columns 1.10, attention of 17 to 65 tokens 1.02 in the mean (one thread, November 2026,
// medians of nine in turn; BenchmarkSoftmax, BenchmarkAttention).
func (e *emitter) storeParts(v reg.VecVirtual, m operand.Mem, t *tail) {
	has, whole, low, end := e.GP32(), e.label("whole"), e.label("low"), e.label("stored")
	ifLane := func(jump func(operand.Op), lane int, to string) {
		e.TESTL(operand.U32(1<<lane), has)
		jump(operand.LabelRef(to))
	}
	half := func(x reg.Register, m operand.Mem, lane int) {
		one := e.label("one")
		ifLane(e.JZ, lane+1, one)
		e.VMOVLPS(x, m)
		ifLane(e.JZ, lane+2, end)
		e.VEXTRACTPS(operand.U8(2), x, m.Offset(8))
		e.JMP(operand.LabelRef(end))
		e.Label(one)
		ifLane(e.JZ, lane, end)
		e.VMOVSS(x, m)
		e.JMP(operand.LabelRef(end))
	}
	high := e.XMM()
	e.VMOVMSKPS(t.y, has)
	ifLane(e.JNZ, 7, whole)
	ifLane(e.JZ, 3, low)
	e.VEXTRACTF128(operand.U8(1), v, high)
	e.VMOVUPS(v.AsX(), m)
	half(high, m.Offset(16), 4)
	e.Label(low)
	half(v.AsX(), m, 0)
	e.Label(whole)
	e.VMOVUPS(v, m)
	e.Label(end)
}
