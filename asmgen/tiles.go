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
	for _, past := range []string{"", "Past"} {
		emitTilePanels(e, "TilePanels", past, 1)
		emitTilePanels(e, "TilePanelsSplit", past, 2)
	}
	emitPackRows(e, "PackRows", false)
	emitPackRows(e, "PackRowsSplit", true)
	emitPackPairs(e, "PackPairs", false)
	emitPackPairs(e, "PackPairsSplit", true)
	emitTransposeTiles(e)
	emitHalves(e, "Halves", false)
	emitHalves(e, "HalvesSplit", true)
	emitGatherRows(e)
	emitTileImage(e, "TileImage", 1)
	emitTileImage(e, "TileImageSplit", 2)
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
	return e.data("tile_config", func(i int) (operand.Constant, bool) { return configByte(i, 32), i < 64 })
}

// tailConfigs are the shapes for panels of 1 to 31 rows: those of a and of the sums.
// With 16 rows and fewer, the lower tiles are not used.
func (e *emitter) tailConfigs() operand.Mem {
	return e.data("tile_tail_configs", func(i int) (operand.Constant, bool) { return configByte(i%64, 1+i/64), i < 31*64 })
}

// configByte is byte i of the configuration for panels of some rows.
func configByte(i, rows int) operand.U8 {
	switch {
	case i == 0:
		return 1 // palette
	case i >= 16 && i < 32 && i%2 == 0:
		return 64 // columns in bytes, two bytes each
	case i == 48 || i == 49 || i == 52: // sums, a
		return operand.U8(min(rows, 16))
	case (i == 50 || i == 51 || i == 53) && rows > 16:
		return operand.U8(rows - 16)
	case i >= 48 && i < 56:
		return 16
	}
	return 0
}

// tilePanels holds the registers of a product of panels.
type tilePanels struct {
	*emitter
	planes         int
	past           bool   // a is loaded past the first-level cache
	upper          bool   // only the upper tiles of a panel are there
	part           string // of the function, in labels
	a              reg.GPVirtual
	line           reg.GPVirtual // 64, the step of rows in a packed tile
	half           reg.GPVirtual // 16 rows of c or d, in bytes
	c, ldc, d, ldd reg.GPVirtual
	left           reg.GPVirtual
	asks           tileAsks
}

// emitTilePanels emits the product of panels of a with one panel of b. past is empty, or
// "Past" where a is loaded past the first-level cache (tiles_ask.go).
func emitTilePanels(e *emitter, name, past string, planes int) {
	e.function(name+past, "func(m, k int, a, b *uint16, c *float32, ldc int, d *float32, ldd int)",
		name+past+" is generic."+name+". Tiles are configured and released within the call, so that neither",
		"another goroutine nor another thread ever sees them.")
	t := &tilePanels{emitter: e, planes: planes, past: past != ""}
	t.a, t.c, t.ldc, t.d, t.ldd = e.arg("a"), e.arg("c"), e.arg("ldc"), e.arg("d"), e.arg("ldd")
	t.left, t.line, t.half = e.GP64(), e.GP64(), e.GP64()
	t.asks.c = e.GP64()
	e.SHLQ(operand.U8(2), t.ldc)
	e.SHLQ(operand.U8(2), t.ldd)
	e.MOVQ(operand.I32(64), t.line)
	tail := e.arg("m")
	e.ANDQ(operand.I32(31), tail)
	panels := e.arg("m")
	e.SHRQ(operand.U8(5), panels)
	e.JZ(operand.LabelRef("tail"))
	e.MOVQ(panels, e.argAt("m"))
	config := e.GP64()
	e.LEAQ(e.tileConfig(), config)
	e.loadConfig(config)
	e.Label("panel")
	t.panel("")
	e.DECQ(e.argAt("m"))
	e.JNZ(operand.LabelRef("panel"))
	e.TESTQ(tail, tail)
	e.JZ(operand.LabelRef("end"))
	e.Label("tail")
	which := e.GP64()
	e.LEAQ(e.tailConfigs(), config)
	e.MOVQ(tail, which)
	e.SHLQ(operand.U8(6), which)
	e.LEAQ(operand.Mem{Base: config, Index: which, Scale: 1, Disp: -64}, config)
	e.loadConfig(config)
	e.CMPQ(tail, operand.I32(16))
	e.JLE(operand.LabelRef("upper"))
	t.panel("tail")
	e.JMP(operand.LabelRef("end"))
	e.Label("upper")
	t.upper = true
	t.panel("upper")
	e.Label("end")
	e.releaseTiles()
	e.RET()
}

// panel multiplies one panel of a.
func (t *tilePanels) panel(part string) {
	t.part = part
	t.begin()
	t.startAsking()
	t.multiply()
	t.end()
}

// sums is how many tiles of sums there are: of 16 rows and fewer two.
func (t *tilePanels) sums() int {
	if t.upper {
		return 2
	}
	return 4
}

// begin sets the sums to d, or to zero where there is none.
func (t *tilePanels) begin() {
	t.TESTQ(t.d, t.d)
	t.JZ(operand.LabelRef(t.part + "zero"))
	t.loadTile(t.d, t.ldd, 0, 0)
	t.loadTile(t.d, t.ldd, 64, 1)
	if !t.upper {
		t.below(t.d, t.ldd)
		t.loadTile(t.half, t.ldd, 0, 2)
		t.loadTile(t.half, t.ldd, 64, 3)
	}
	t.next(t.d, t.ldd)
	t.JMP(operand.LabelRef(t.part + "sums"))
	t.Label(t.part + "zero")
	for i := range t.sums() {
		t.zeroTile(i)
	}
	t.Label(t.part + "sums")
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
	t.MOVQ(t.argAt("b"), from)
	t.asks.products = 0
	t.MOVQ(t.argAt("k"), t.left)
	t.Label(t.part + "step")
	low := 2 * tileBytes // of the second plane
	if t.planes == 2 {
		t.rowTiles(low)
		t.operandTiles(from, 0, 6)
		t.products()
	} else {
		t.operandTiles(from, 0, 6)
	}
	t.rowTiles(0)
	t.products()
	if t.planes == 2 {
		t.operandTiles(from, low, 6)
		t.products()
	}
	t.ADDQ(operand.I32(t.planes*2*tileBytes), t.a)
	t.ADDQ(operand.I32(t.planes*2*tileBytes), from)
	t.DECQ(t.left)
	t.JNZ(operand.LabelRef(t.part + "step"))
}

// operandTiles loads two tiles that lie one after the other.
func (t *tilePanels) operandTiles(from reg.GPVirtual, disp, tile int) {
	t.loadTile(from, t.line, disp, tile)
	t.loadTile(from, t.line, disp+tileBytes, tile+1)
}

// rowTiles loads the tiles of a.
func (t *tilePanels) rowTiles(disp int) {
	load := t.loadTile
	if t.past {
		load = t.loadTilePast
	}
	load(t.a, t.line, disp, 4)
	if !t.upper {
		load(t.a, t.line, disp+tileBytes, 5)
	}
}

func (t *tilePanels) products() {
	for i := range t.sums() {
		t.addBF16(6+i%2, 4+i/2, i)
		t.ask()
	}
}

// end stores the sums.
func (t *tilePanels) end() {
	t.storeTile(0, t.c, t.ldc, 0)
	t.storeTile(1, t.c, t.ldc, 64)
	if !t.upper {
		t.below(t.c, t.ldc)
		t.storeTile(2, t.half, t.ldc, 0)
		t.storeTile(3, t.half, t.ldc, 64)
	}
	t.next(t.c, t.ldc)
}
