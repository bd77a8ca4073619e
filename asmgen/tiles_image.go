package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileImage holds the registers of a product of tiles of an image.
type tileImage struct {
	*emitter
	planes    int
	at        reg.GPVirtual    // the group in the table
	a, low    [2]reg.GPVirtual // two tiles of pixels, and those of the second plane
	b         reg.GPVirtual
	tap, left reg.GPVirtual
	stride    reg.GPVirtual // from one pixel of a tile to the next, in bytes
	line      reg.GPVirtual // 64, the step of rows in a packed tile
	ldc       reg.GPVirtual
	next      [2]reg.GPVirtual // rows of c that the next group will write
}

// How far prefetching looks ahead: BenchmarkConv2D on a Xeon of the Emerald Rapids class,
// net=unet. At times that machine loads from its second-level cache two to three times
// slower than at others; asking for weights costs 3 % in fast times, and gains 12 to 30 %
// in slow ones. Asking for pixels too cost 3 to 5 % and gained nothing; asking in every
// step in place of every tap cost 3 %.
const (
	imageAheadSteps = 1 // of weights; two were no better
	imageAheadRows  = 2 // of c, for each tap: gains 5 %
	imageAheadLines = 8 // of what the next band copies, for each tap: gains 5 %
)

// emitTileImage emits the product of tiles of pixels, read where they lie in an
// image, with one panel of weights.
func emitTileImage(e *emitter, name string, planes int) {
	e.function(name, "func(groups int, at *int, src *uint16, plane, stride int, taps *int, count, steps int, b *uint16, c *float32, ldc int, row *float32, onto int, ahead *float32)",
		name+" is generic."+name+" for count taps: groups, count and steps at least 1, at with one group more. onto is",
		"0 or 1. Meanwhile it asks for 8 lines behind ahead for every tap of every group, if ahead is not nil. Tiles are",
		"configured and released within the call.")
	t := &tileImage{emitter: e, planes: planes}
	t.at, t.stride, t.ldc = e.arg("at"), e.arg("stride"), e.arg("ldc")
	t.line, t.tap, t.left, t.b = e.GP64(), e.GP64(), e.GP64(), e.GP64()
	for i := range 2 {
		t.a[i], t.low[i], t.next[i] = e.GP64(), e.GP64(), e.GP64()
	}
	e.SHLQ(operand.U8(1), t.stride)
	e.SHLQ(operand.U8(2), t.ldc)
	// From here on count is the end of taps.
	e.Load(e.Param("taps"), t.tap)
	e.Load(e.Param("count"), t.left)
	e.LEAQ(operand.Mem{Base: t.tap, Index: t.left, Scale: 8}, t.left)
	e.MOVQ(t.left, e.argAt("count"))
	config := e.GP64()
	e.LEAQ(e.tileConfig(), config)
	e.loadConfig(config)
	e.MOVQ(operand.I32(64), t.line)
	e.Label("group")
	t.begin()
	t.multiply()
	t.end()
	e.ADDQ(operand.I32(32), t.at)
	e.DECQ(e.argAt("groups"))
	e.JNZ(operand.LabelRef("group"))
	e.releaseTiles()
	e.RET()
}

// places sets to to where the two tiles of a group, groups from the current one
// in the table, lie in c.
func (t *tileImage) places(to [2]reg.GPVirtual, groups int) {
	base := t.arg("c")
	for i := range to {
		t.MOVQ(operand.Mem{Base: t.at, Disp: groups*32 + i*16 + 8}, to[i])
		t.LEAQ(operand.Mem{Base: base, Index: to[i], Scale: 4}, to[i])
	}
}

// begin sets the sums to the row, to what c holds, or to zero.
func (t *tileImage) begin() {
	row, zero := t.arg("row"), t.GP64()
	t.TESTQ(row, row)
	t.JZ(operand.LabelRef("noRow"))
	t.XORQ(zero, zero)
	for i := range 4 {
		t.loadTile(row, zero, i%2*64, i)
	}
	t.JMP(operand.LabelRef("sums"))
	t.Label("noRow")
	t.CMPQ(t.argAt("onto"), operand.I8(0))
	t.JE(operand.LabelRef("zero"))
	t.places(t.a, 0)
	for i := range 4 {
		t.loadTile(t.a[i/2], t.ldc, i%2*64, i)
	}
	t.JMP(operand.LabelRef("sums"))
	t.Label("zero")
	for i := range 4 {
		t.zeroTile(i)
	}
	t.Label("sums")
}

// multiply adds the products over all taps.
func (t *tileImage) multiply() {
	t.places(t.next, 1)
	t.Load(t.Param("b"), t.b)
	t.Load(t.Param("taps"), t.tap)
	t.Label("tap")
	t.ask()
	t.seek()
	t.Load(t.Param("steps"), t.left)
	t.Label("step")
	t.step()
	t.DECQ(t.left)
	t.JNZ(operand.LabelRef("step"))
	t.ADDQ(operand.I32(8), t.tap)
	t.CMPQ(t.tap, t.argAt("count"))
	t.JNE(operand.LabelRef("tap"))
}

// seek moves to the pixels that a tap sees.
func (t *tileImage) seek() {
	src := t.arg("src")
	off := t.GP64()
	t.MOVQ(operand.Mem{Base: t.tap}, off)
	t.LEAQ(operand.Mem{Base: src, Index: off, Scale: 2}, src)
	for i := range t.a {
		t.MOVQ(operand.Mem{Base: t.at, Disp: i * 16}, t.a[i])
		t.LEAQ(operand.Mem{Base: src, Index: t.a[i], Scale: 2}, t.a[i])
	}
	if t.planes == 2 {
		plane := t.arg("plane")
		for i := range t.a {
			t.LEAQ(operand.Mem{Base: t.a[i], Index: plane, Scale: 2}, t.low[i])
		}
	}
}

// ask asks for memory that will be wanted later: rows of c, and what the caller
// names.
func (t *tileImage) ask() {
	for _, p := range t.next {
		for r := range imageAheadRows {
			for half := range 2 {
				m := operand.Mem{Base: p, Disp: half * 64}
				if r == 1 {
					m.Index, m.Scale = t.ldc, 1
				}
				t.PREFETCHT0(m)
			}
		}
		t.LEAQ(operand.Mem{Base: p, Index: t.ldc, Scale: imageAheadRows}, p)
	}
	ahead := t.arg("ahead")
	none := t.label("none")
	t.TESTQ(ahead, ahead)
	t.JZ(operand.LabelRef(none))
	for i := range imageAheadLines {
		t.PREFETCHT1(operand.Mem{Base: ahead, Disp: 64 * i})
	}
	t.ADDQ(operand.I32(64*imageAheadLines), ahead)
	t.MOVQ(ahead, t.argAt("ahead"))
	t.Label(none)
}

// step adds the products of 32 channels, of split operands in the order of
// tilePanels.multiply.
func (t *tileImage) step() {
	low := 2 * tileBytes // of the second plane
	size := t.planes * 2 * tileBytes
	if t.planes == 2 {
		t.pixels(t.low)
		t.weights(0)
		t.products(size, 0)
		t.pixels(t.a)
		t.products(size, low/2)
		t.weights(low)
		t.products(size, low)
	} else {
		t.pixels(t.a)
		t.weights(0)
		t.products(size, 0)
	}
	for i := range t.a {
		t.ADDQ(operand.I32(64), t.a[i])
		if t.planes == 2 {
			t.ADDQ(operand.I32(64), t.low[i])
		}
	}
	t.ADDQ(operand.I32(size), t.b)
}

func (t *tileImage) pixels(from [2]reg.GPVirtual) {
	for i, p := range from {
		t.loadTile(p, t.stride, 0, 4+i)
	}
}

func (t *tileImage) weights(disp int) {
	for i := range 2 {
		t.loadTile(t.b, t.line, disp+i*tileBytes, 6+i)
	}
}

// products multiplies what was loaded, and asks for a part of the weights of a
// later step behind each product.
func (t *tileImage) products(size, part int) {
	bytes := size
	if t.planes == 2 {
		bytes = tileBytes
		if part == 2*tileBytes {
			bytes = 2 * tileBytes
		}
	}
	lines := bytes / 64 / 4
	for i := range 4 {
		t.addBF16(6+i%2, 4+i/2, i)
		for l := range lines {
			t.PREFETCHT0(operand.Mem{Base: t.b, Disp: imageAheadSteps*size + part + (i*lines+l)*64})
		}
	}
}

// end stores the sums.
func (t *tileImage) end() {
	t.places(t.a, 0)
	for i := range 4 {
		t.storeTile(i, t.a[i/2], t.ldc, i%2*64)
	}
}
