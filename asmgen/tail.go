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
	default:
		e.VMASKMOVPS(v, t.y, m)
	}
}
