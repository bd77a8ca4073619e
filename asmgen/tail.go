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

// stream emits a walk over n elements of several slices in step: unroll vectors
// at a time, then one at a time, then the tail. It consumes n and the pointers.
// body handles one vector: u is its place in the unrolled group (so that a
// reduction can keep unroll sums), mem its address in each slice, t what of it
// exists.
func (e *emitter) stream(n reg.GPVirtual, unroll int, ptrs []reg.GPVirtual, body func(u int, mem []operand.Mem, t *tail)) {
	group := func(vectors int, name string) {
		loop, end := e.label(name), e.label(name+"Done")
		e.Label(loop)
		e.CMPQ(n, operand.I32(vectors*e.isa.lanes))
		e.JLT(operand.LabelRef(end))
		for u := range vectors {
			body(u, vectorAt(ptrs, u*e.isa.lanes), nil)
		}
		for _, p := range ptrs {
			e.ADDQ(operand.I32(vectors*e.isa.bytes()), p)
		}
		e.SUBQ(operand.I32(vectors*e.isa.lanes), n)
		e.JMP(operand.LabelRef(loop))
		e.Label(end)
	}
	if unroll > 1 {
		group(unroll, "group")
	}
	group(1, "vector")
	end := e.label("end")
	e.TESTQ(n, n)
	e.JZ(operand.LabelRef(end))
	body(0, vectorAt(ptrs, 0), e.tailOf(n))
	e.Label(end)
}

// vectorAt is the address of the vector at an element offset in each slice.
func vectorAt(ptrs []reg.GPVirtual, elements int) []operand.Mem {
	mem := make([]operand.Mem, len(ptrs))
	for i, p := range ptrs {
		mem[i] = at(p, elements)
	}
	return mem
}
