package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitTiles emits the products of bf16 operands on tiles, what packs their
// operands, and what detection needs. Registers of tiles: 0 to 3 hold the sums
// of 32 by 32 elements, 4 and 5 rows of a, 6 and 7 columns of b.
func emitTiles(e *emitter) {
	e.define("TileLanes", 32, "is the rows and the columns of the block of c that one step computes.")
	e.define("TileDepth", 32, "is the elements of k that one step sums.")
	emitXCR0(e)
	emitTilePanels(e, "TilePanels", 1)
	emitTilePanels(e, "TilePanelsSplit", 2)
	emitPackRows(e, "PackRows", false)
	emitPackRows(e, "PackRowsSplit", true)
	emitPackPairs(e, "PackPairs", false)
	emitPackPairs(e, "PackPairsSplit", true)
	emitTransposeTiles(e)
	emitHalves(e, "Halves", false)
	emitHalves(e, "HalvesSplit", true)
	emitGatherRows(e)
}

// emitXCR0 emits the reading of the register that says what state the operating
// system saves.
func emitXCR0(e *emitter) {
	e.function("XCR0", "func() uint64", "XCR0 is what the operating system saves of the processor's state. It needs OSXSAVE.")
	low, high := e.GP64(), e.GP64()
	e.XORL(reg.ECX, reg.ECX)
	e.XGETBV()
	e.MOVL(reg.EAX, low.As32())
	e.MOVL(reg.EDX, high.As32())
	e.SHLQ(operand.U8(32), high)
	e.ORQ(high, low)
	e.Store(low, e.ReturnIndex(0))
	e.RET()
}

// tileBytes is the size of a tile in memory.
const tileBytes = 1024

// tileConfig is the shape of all tiles: 16 rows of 64 bytes.
func (e *emitter) tileConfig() operand.Mem {
	return e.data("tile_config", func(i int) (operand.Constant, bool) {
		switch {
		case i == 0:
			return operand.U8(1), true // palette
		case i >= 16 && i < 32 && i%2 == 0:
			return operand.U8(64), true // columns in bytes, two bytes each
		case i >= 48 && i < 56:
			return operand.U8(16), true // rows
		}
		return operand.U8(0), i < 64
	})
}

// tilePanels holds the registers of a product of panels.
type tilePanels struct {
	*emitter
	planes          int
	a, b            reg.GPVirtual
	line            reg.GPVirtual // 64, the step of rows in a packed tile
	half            reg.GPVirtual // 16 rows of c or d, in bytes
	c, ldc, d, ldd  reg.GPVirtual
	panels, k, left reg.GPVirtual
	asks            tileAsks
}

// emitTilePanels emits the product of panels of a with one panel of b.
func emitTilePanels(e *emitter, name string, planes int) {
	e.function(name, "func(panels, k int, a, b *uint16, c *float32, ldc int, d *float32, ldd int, next *uint16)",
		name+" is generic."+name+". Tiles are configured and released within the call, so that neither",
		"another goroutine nor another thread ever sees them. What lies at next is asked for.")
	t := &tilePanels{emitter: e, planes: planes}
	t.panels, t.a, t.b = e.arg("panels"), e.arg("a"), e.arg("b")
	t.c, t.ldc, t.d, t.ldd = e.arg("c"), e.arg("ldc"), e.arg("d"), e.arg("ldd")
	t.k, t.left, t.line, t.half = e.arg("k"), e.GP64(), e.GP64(), e.GP64()
	e.SHLQ(operand.U8(2), t.ldc)
	e.SHLQ(operand.U8(2), t.ldd)
	config := e.GP64()
	e.LEAQ(e.tileConfig(), config)
	e.loadConfig(config)
	e.MOVQ(operand.I32(64), t.line)
	t.asks.next = e.arg("next")
	t.asks.c = e.GP64()
	e.Label("panel")
	t.begin()
	t.startAsking()
	t.multiply()
	t.end()
	e.DECQ(t.panels)
	e.JNZ(operand.LabelRef("panel"))
	e.releaseTiles()
	e.RET()
}

// begin sets the sums to d, or to zero where there is none.
func (t *tilePanels) begin() {
	t.TESTQ(t.d, t.d)
	t.JZ(operand.LabelRef("zero"))
	t.below(t.d, t.ldd)
	t.loadTile(t.d, t.ldd, 0, 0)
	t.loadTile(t.d, t.ldd, 64, 1)
	t.loadTile(t.half, t.ldd, 0, 2)
	t.loadTile(t.half, t.ldd, 64, 3)
	t.next(t.d, t.ldd)
	t.JMP(operand.LabelRef("sums"))
	t.Label("zero")
	for i := range 4 {
		t.zeroTile(i)
	}
	t.Label("sums")
}

// below sets half to the address 16 rows below p.
func (t *tilePanels) below(p, stride reg.GPVirtual) {
	t.MOVQ(stride, t.half)
	t.SHLQ(operand.U8(4), t.half)
	t.ADDQ(p, t.half)
}

// next moves p down by 32 rows.
func (t *tilePanels) next(p, stride reg.GPVirtual) {
	t.MOVQ(stride, t.half)
	t.SHLQ(operand.U8(5), t.half)
	t.ADDQ(t.half, p)
}

// multiply adds the products over k. Of split operands it takes the small
// products first, and changes one side at a time, for eight loads instead of
// twelve.
func (t *tilePanels) multiply() {
	from := t.GP64()
	t.MOVQ(t.b, from)
	t.asks.products = 0
	t.MOVQ(t.k, t.left)
	t.Label("step")
	low := 2 * tileBytes // of the second plane
	if t.planes == 2 {
		t.operandTiles(t.a, low, 4)
		t.operandTiles(from, 0, 6)
		t.products()
	} else {
		t.operandTiles(from, 0, 6)
	}
	t.operandTiles(t.a, 0, 4)
	t.products()
	if t.planes == 2 {
		t.operandTiles(from, low, 6)
		t.products()
	}
	t.ADDQ(operand.I32(t.planes*2*tileBytes), t.a)
	t.ADDQ(operand.I32(t.planes*2*tileBytes), from)
	t.DECQ(t.left)
	t.JNZ(operand.LabelRef("step"))
}

// operandTiles loads two tiles that lie one after the other.
func (t *tilePanels) operandTiles(from reg.GPVirtual, disp, tile int) {
	t.loadTile(from, t.line, disp, tile)
	t.loadTile(from, t.line, disp+tileBytes, tile+1)
}

func (t *tilePanels) products() {
	for i := range 4 {
		t.addBF16(6+i%2, 4+i/2, i)
		t.ask()
	}
}

// end stores the sums.
func (t *tilePanels) end() {
	t.below(t.c, t.ldc)
	t.storeTile(0, t.c, t.ldc, 0)
	t.storeTile(1, t.c, t.ldc, 64)
	t.storeTile(2, t.half, t.ldc, 0)
	t.storeTile(3, t.half, t.ldc, 64)
	t.next(t.c, t.ldc)
}
