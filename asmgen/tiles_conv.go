package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitHalves emits the rounding of a run of numbers to planes of bf16, which
// lie one after the other.
func emitHalves(e *emitter, name string, split bool) {
	planes := "one plane."
	if split {
		planes = "two planes."
	}
	e.function(name, "func(dst *uint16, plane int, src *float32, n int)", name+" is generic.Halves for "+planes+" n at least 1.")
	t := &tilePack{emitter: e, split: split}
	dst, src, n := e.arg("dst"), e.arg("src"), e.arg("n")
	low := e.GP64()
	if split {
		e.Load(e.Param("plane"), low)
		e.LEAQ(operand.Mem{Base: dst, Index: low, Scale: 2}, low)
	}
	rest := e.GP64()
	e.MOVQ(n, rest)
	e.ANDQ(operand.I32(31), rest)
	first, second := e.tailPair(rest)
	x, y := e.v(), e.v()
	e.SHRQ(operand.U8(5), n)
	e.JZ(operand.LabelRef("rest"))
	e.Label("block")
	e.VMOVUPS(at(src, 0), x)
	e.VMOVUPS(at(src, 16), y)
	high, lower := t.planes(x, y)
	e.VMOVUPS(high, operand.Mem{Base: dst})
	e.ADDQ(operand.I32(64), dst)
	if split {
		e.VMOVUPS(lower, operand.Mem{Base: low})
		e.ADDQ(operand.I32(64), low)
	}
	e.ADDQ(operand.I32(128), src)
	e.DECQ(n)
	e.JNZ(operand.LabelRef("block"))
	e.Label("rest")
	e.TESTQ(rest, rest)
	e.JZ(operand.LabelRef("end"))
	mask := e.halfMask(rest)
	e.load(at(src, 0), x, first)
	e.load(at(src, 16), y, second)
	high, lower = t.planes(x, y)
	e.VMOVDQU16(high, mask, operand.Mem{Base: dst})
	if split {
		e.VMOVDQU16(lower, mask, operand.Mem{Base: low})
	}
	e.Label("end")
	e.done()
}

// halfMask makes a mask of the first n of 32 halves; n is 0 to 31.
func (e *emitter) halfMask(n reg.GPVirtual) reg.OpmaskVirtual {
	table, k := e.GP64(), e.K()
	e.LEAQ(e.data("half_masks", func(i int) (operand.Constant, bool) {
		return operand.U32(1<<i - 1), i < 32
	}), table)
	e.KMOVD(operand.Mem{Base: table, Index: n, Scale: 4}, k)
	return k
}

// emitGatherRows emits the packing of rows of bf16 numbers that lie anywhere.
func emitGatherRows(e *emitter) {
	e.function("GatherRows", "func(dst *uint16, step int, src *uint16, at *int, k int)", "GatherRows is generic.GatherRows: k at least 1.")
	dst, step, src, places, k := e.arg("dst"), e.arg("step"), e.arg("src"), e.arg("at"), e.arg("k")
	e.SHLQ(operand.U8(1), step)
	rest := e.GP64()
	e.MOVQ(k, rest)
	e.ANDQ(operand.I32(31), rest)
	mask := e.halfMask(rest)
	e.SHRQ(operand.U8(5), k)
	row, from, to, left, x := e.GP64(), e.GP64(), e.GP64(), e.GP64(), e.v()
	e.MOVQ(operand.I32(32), row)
	e.Label("row")
	e.MOVQ(operand.Mem{Base: places}, from)
	e.LEAQ(operand.Mem{Base: src, Index: from, Scale: 2}, from)
	e.MOVQ(dst, to)
	e.MOVQ(k, left)
	e.TESTQ(left, left)
	e.JZ(operand.LabelRef("rest"))
	e.Label("step")
	e.VMOVUPS(operand.Mem{Base: from}, x)
	e.VMOVUPS(x, operand.Mem{Base: to})
	e.ADDQ(operand.I32(64), from)
	e.ADDQ(step, to)
	e.DECQ(left)
	e.JNZ(operand.LabelRef("step"))
	e.Label("rest")
	e.TESTQ(rest, rest)
	e.JZ(operand.LabelRef("next"))
	e.VMOVDQU16_Z(operand.Mem{Base: from}, mask, x)
	e.VMOVUPS(x, operand.Mem{Base: to})
	e.Label("next")
	e.ADDQ(operand.I32(8), places)
	e.ADDQ(operand.I32(64), dst)
	e.DECQ(row)
	e.JNZ(operand.LabelRef("row"))
	e.done()
}
