package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blockElements is how many elements a walk takes at a time, on every
// instruction set: two vectors of AVX-512, four of AVX2. A reduction that
// keeps one sum per place in the block adds the same numbers in the same order
// on both, and fold finishes in the same order, so both give the same bits.
const blockElements = 32

// walk emits a pass over n elements of several slices in step: whole blocks,
// then one block of which only the first n%blockElements elements exist. n and
// the pointers are left as they are.
//
// body handles one vector of lanes elements: u is its place in the block, mem
// its address in each slice, t what of it exists. Empty vectors are left out:
// a masked store that stores nothing still holds up a load of the same place,
// which may be the next row.
func (e *emitter) walk(n reg.GPVirtual, lanes int, ptrs []reg.GPVirtual, body func(u int, mem []operand.Mem, t *tail)) {
	e.walkBlocks(n, lanes, ptrs, func(mem [][]operand.Mem) {
		e.block(blockElements/lanes, func(u int) { body(u, mem[u], nil) })
	}, body)
}

// walkBlocks is walk with a body of its own for the vectors of a whole block.
func (e *emitter) walkBlocks(n reg.GPVirtual, lanes int, ptrs []reg.GPVirtual,
	whole func(mem [][]operand.Mem), body func(u int, mem []operand.Mem, t *tail)) {
	loop, last, end := e.label("block"), e.label("lastBlock"), e.label("end")
	i, next := e.GP64(), e.GP64()
	e.XORQ(i, i)
	e.Label(loop)
	e.LEAQ(operand.Mem{Base: i, Disp: blockElements}, next)
	e.CMPQ(next, n)
	e.JGT(operand.LabelRef(last))
	mem := make([][]operand.Mem, blockElements/lanes)
	for u := range mem {
		mem[u] = blockAt(ptrs, i, u*lanes)
	}
	whole(mem)
	e.ADDQ(operand.U8(blockElements), i)
	e.JMP(operand.LabelRef(loop))
	e.Label(last)
	e.CMPQ(i, n)
	e.JEQ(operand.LabelRef(end))
	e.lastBlock(n, i, lanes, end, func(u int, t *tail) { body(u, blockAt(ptrs, i, u*lanes), t) })
	e.Label(end)
}

// block emits the vectors of a whole block, as many at a time as are woven.
func (e *emitter) block(vectors int, body func(u int)) {
	for u := 0; u < vectors; u += max(1, e.woven) {
		var bodies []func()
		for v := u; v < min(u+max(1, e.woven), vectors); v++ {
			bodies = append(bodies, func() { body(v) })
		}
		e.weave(bodies...)
	}
}

// lastBlock emits what is there of a block, n-i elements from i on, vector by vector, and
// goes on at end, which follows. Without opmasks only a vector that is cut has a mask, as
// masked stores are slow on some processors (storeParts). With that, and with attention's
// whole vectors without masks, attention of 17 tokens became 1.38 to 1.45 times as fast, of
// 50 and 65 1.06 to 1.26 (Zen 3, one thread, November 2026, medians of nine in turn;
// BenchmarkAttention).
func (e *emitter) lastBlock(n, i reg.GPVirtual, lanes int, end string, body func(u int, t *tail)) {
	next, vectors := e.GP64(), blockElements/lanes
	masks := e.blockMasks(n, i)
	reaches := func(elements int) {
		e.LEAQ(operand.Mem{Base: i, Disp: elements}, next)
		e.CMPQ(next, n)
	}
	masked := func(u int) {
		if u > 0 {
			reaches(u * lanes)
			e.JGE(operand.LabelRef(end))
		}
		body(u, e.blockTail(masks, u, lanes))
	}
	if e.isa.opmasks() {
		for u := range vectors {
			masked(u)
		}
		return
	}
	cut := make([]string, vectors)
	for u := range vectors - 1 {
		cut[u] = e.label("cutVector")
		reaches((u + 1) * lanes)
		e.JGT(operand.LabelRef(cut[u]))
		body(u, nil)
	}
	masked(vectors - 1)
	for u := range vectors - 1 {
		e.JMP(operand.LabelRef(end))
		e.Label(cut[u])
		masked(u)
	}
}

// blockAt is the address of the elements from i+offset on in each slice.
func blockAt(ptrs []reg.GPVirtual, i reg.GPVirtual, offset int) []operand.Mem {
	mem := make([]operand.Mem, len(ptrs))
	for s, p := range ptrs {
		mem[s] = indexed(p, i, 4, offset)
	}
	return mem
}

// blockMasks returns the address of the masks of a block of which n-i elements
// exist: one bit per element on AVX-512, one element of sign bits on AVX2.
func (e *emitter) blockMasks(n, i reg.GPVirtual) reg.GPVirtual {
	masks, rest := e.GP64(), e.GP64()
	if e.isa.opmasks() {
		e.LEAQ(e.data("block_masks", func(i int) (operand.Constant, bool) {
			return operand.U32(1<<i - 1), i < blockElements
		}), masks)
		e.MOVQ(n, rest)
		e.SUBQ(i, rest)
		e.LEAQ(indexed(masks, rest, 4, 0), masks)
		return masks
	}
	e.LEAQ(e.data("block_masks", func(i int) (operand.Constant, bool) {
		if i < blockElements {
			return operand.U32(^uint32(0)), true
		}
		return operand.U32(0), i < 2*blockElements
	}), masks)
	e.MOVQ(i, rest)
	e.SUBQ(n, rest)
	e.LEAQ(indexed(masks, rest, 4, blockElements), masks)
	return masks
}

// blockTail loads the mask of vector u of a block.
func (e *emitter) blockTail(masks reg.GPVirtual, u, lanes int) *tail {
	switch {
	case !e.isa.opmasks() && lanes == 4:
		t := &tail{y: e.XMM()}
		e.VMOVUPS(at(masks, u*lanes), t.y)
		return t
	case !e.isa.opmasks():
		t := &tail{y: e.v()}
		e.VMOVUPS(at(masks, u*lanes), t.y)
		return t
	}
	t := &tail{k: e.K()}
	mask := operand.Mem{Base: masks, Disp: u * lanes / 8}
	if lanes == 8 {
		e.KMOVB(mask, t.k)
	} else {
		e.KMOVW(mask, t.k)
	}
	return t
}

// keep sets the lanes of v outside the tail to zero.
func (e *emitter) keep(v reg.VecVirtual, t *tail) {
	switch {
	case t == nil:
	case e.isa.opmasks():
		e.VMOVAPS_Z(v, t.k, v)
	default:
		e.VANDPS(t.y, v, v)
	}
}

// keepOr sets the lanes of v outside the tail to those of fill.
func (e *emitter) keepOr(v, fill reg.VecVirtual, t *tail) {
	switch {
	case t == nil:
	case e.isa.opmasks():
		e.VBLENDMPS(v, fill, t.k, v)
	default:
		e.VBLENDVPS(t.y, v, fill, v)
	}
}

// fold combines the float32 lanes of all of s into the lowest lane of s[0]:
// first and last half of what is left, until one is left.
func (e *emitter) fold(s []reg.VecVirtual, combine func(a, b, dst operand.Op)) {
	high := e.foldTo128(s, combine)
	x := s[0].AsX()
	e.VMOVHLPS(x, x, high)
	combine(high, x, x)
	e.VMOVSHDUP(x, high)
	combine(high, x, x)
}

// foldDoubles is fold for float64 lanes.
func (e *emitter) foldDoubles(s []reg.VecVirtual, combine func(a, b, dst operand.Op)) {
	high := e.foldTo128(s, combine)
	x := s[0].AsX()
	e.VUNPCKHPD(x, x, high)
	combine(high, x, x)
}

// foldTo128 combines s into the low 128 bits of s[0] and returns a scratch
// register.
func (e *emitter) foldTo128(s []reg.VecVirtual, combine func(a, b, dst operand.Op)) reg.Register {
	for half := len(s) / 2; half > 0; half /= 2 {
		for i := range half {
			combine(s[i+half], s[i], s[i])
		}
	}
	high := e.YMM()
	if s[0].Size() == 64 {
		e.VEXTRACTF64X4(operand.U8(1), s[0], high)
		combine(high, s[0].AsY(), s[0].AsY())
	}
	e.VEXTRACTF128(operand.U8(1), s[0].AsY(), high.AsX())
	combine(high.AsX(), s[0].AsX(), s[0].AsX())
	return high.AsX()
}

// sums are as many zeroed vectors as a block has.
func (e *emitter) sums(lanes int) []reg.VecVirtual {
	s := e.vs(blockElements / lanes)
	for _, v := range s {
		e.zero(v)
	}
	return s
}

// splat copies the lowest lane of v to all lanes.
func (e *emitter) splat(v reg.VecVirtual) { e.VBROADCASTSS(v.AsX(), v) }

// argStrides loads stride parameters, in bytes.
func (e *emitter) argStrides(names ...string) []reg.GPVirtual {
	strides := make([]reg.GPVirtual, len(names))
	for i, name := range names {
		strides[i] = e.arg(name)
		e.SHLQ(operand.U8(2), strides[i])
	}
	return strides
}

// rows emits a loop over count rows, at least one: body handles the row at the
// pointers, which then move on by their strides.
func (e *emitter) rows(count reg.GPVirtual, ptrs, strides []reg.GPVirtual, body func()) {
	loop := e.label("row")
	e.Label(loop)
	body()
	for i, p := range ptrs {
		e.ADDQ(strides[i], p)
	}
	e.DECQ(count)
	e.JNZ(operand.LabelRef(loop))
}

// count converts n to float32, in all lanes.
func (e *emitter) count(n reg.GPVirtual) reg.VecVirtual {
	v := e.zero(e.v())
	e.VCVTSI2SSQ(n, v.AsX(), v.AsX())
	e.splat(v)
	return v
}
