package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitTileWeight emits the gradient of filters on tiles, and what packs its operands.
func emitTileWeight(e *emitter) {
	emitPairPixels(e, "PairPixels", false)
	emitPairPixels(e, "PairPixelsSplit", true)
	emitTransposePairs(e)
	emitTapProducts(e, "TapProducts", 1)
	emitTapProducts(e, "TapProductsSplit", 2)
}

// pairPixels holds the registers of the packing of pixels as pairs.
type pairPixels struct {
	tilePack
	dst, between, src, stride, n reg.GPVirtual
	half                         reg.GPVirtual        // from lane 0 to lane 16, in bytes
	ahead                        reg.GPVirtual        // pixels that are asked for
	order, across                reg.VecVirtual       // interleave a pixel with the next, within a register and over two
	cuts                         [2]*tail             // of lanes 0 to 15 and 16 to 31
	before                       [2][2]reg.VecVirtual // the last two pixels, by half and plane
}

// askPixels is how many pixels ahead they are asked for: the lines of neighbouring pixels
// lie a pixel apart, which the processor does not foresee. The packing of 128 to 512
// channels took 10 % less time (BenchmarkConv2D, Xeon with AMX, November 2026).
const askPixels = 16

// emitPairPixels emits the packing of a run of pixels as pairs, and as the pairs between
// those: two pixels are rounded to one register, and each pair between takes
// its halves from two such registers.
func emitPairPixels(e *emitter, name string, split bool) {
	planes := "one plane."
	if split {
		planes = "two planes."
	}
	e.function(name, "func(dst, between *uint16, half int, src *float32, stride, n, lanes, lead int)", name+" is generic.PairPixels for "+planes)
	p := &pairPixels{tilePack: tilePack{emitter: e, split: split}}
	p.dst, p.between, p.half, p.src, p.stride, p.n = e.arg("dst"), e.arg("between"), e.arg("half"), e.arg("src"), e.arg("stride"), e.arg("n")
	e.SHLQ(operand.U8(1), p.half)
	e.SHLQ(operand.U8(2), p.stride)
	p.cuts[0], p.cuts[1] = e.tailPair(e.arg("lanes"))
	p.order, p.across = e.ZMM(), e.ZMM()
	e.VMOVUPS(e.data("pair_order", func(i int) (operand.Constant, bool) {
		return operand.U16(i/2 + i%2*16), i < 32
	}), p.order)
	e.VMOVUPS(e.data("across_order", func(i int) (operand.Constant, bool) {
		return operand.U16(16 + i/2 + i%2*16), i < 32
	}), p.across)
	p.eachPlane(func(i, plane int, _, _ operand.Mem) {
		p.before[i][plane] = e.zero(e.v())
	})
	p.ahead = e.GP64()
	e.MOVQ(operand.I32(askPixels), p.ahead)
	e.IMULQ(p.stride, p.ahead)
	e.ADDQ(p.src, p.ahead)
	lead := e.arg("lead")
	e.SUBQ(operand.I32(2), p.n)
	e.JLT(operand.LabelRef("odd"))
	e.Label("pair")
	p.step(p.stride, lead)
	e.LEAQ(operand.Mem{Base: p.src, Index: p.stride, Scale: 2}, p.src)
	e.SUBQ(operand.I32(2), p.n)
	e.JGE(operand.LabelRef("pair"))
	e.Label("odd")
	e.ADDQ(operand.I32(2), p.n)
	e.JZ(operand.LabelRef("last"))
	p.step(nil, lead)
	e.JMP(operand.LabelRef("end"))
	e.Label("last") // pixel, and nothing
	e.TESTQ(p.between, p.between)
	e.JZ(operand.LabelRef("end"))
	zero := e.zero(e.v())
	p.eachPlane(func(i, plane int, _, between operand.Mem) {
		e.VPERMT2W(zero, p.across, p.before[i][plane])
		e.VMOVUPS(p.before[i][plane], between)
	})
	e.Label("end")
	e.done()
}

// eachPlane calls body for each half of the lanes and each plane, with where it goes.
func (p *pairPixels) eachPlane(body func(half, plane int, dst, between operand.Mem)) {
	for i := range 2 {
		for plane := range p.planeCount() {
			dst, between := operand.Mem{Base: p.dst, Disp: 64 * plane}, operand.Mem{Base: p.between, Disp: 64 * plane}
			if i == 1 {
				dst.Index, dst.Scale, between.Index, between.Scale = p.half, 1, p.half, 1
			}
			body(i, plane, dst, between)
		}
	}
}

func (p *pairPixels) planeCount() int {
	if p.split {
		return 2
	}
	return 1
}

// step packs two pixels, or one, where there is no next. Of the pairs between, the first
// is left out where lead is not zero.
func (p *pairPixels) step(next, lead reg.GPVirtual) {
	var now [2][2]reg.VecVirtual
	for i, cut := range p.cuts {
		x, y := p.v(), p.v()
		p.load(at(p.src, 16*i), x, cut)
		if next == nil {
			p.zero(y)
		} else {
			p.load(indexed(p.src, next, 1, 16*i), y, cut)
			p.PREFETCHT0(at(p.ahead, 16*i))
			p.PREFETCHT0(indexed(p.ahead, next, 1, 16*i))
		}
		now[i][0], now[i][1] = p.planes(x, y)
	}
	if next != nil {
		p.LEAQ(operand.Mem{Base: p.ahead, Index: next, Scale: 2}, p.ahead)
	}
	p.eachPlane(func(i, plane int, dst, _ operand.Mem) { p.storeOrdered(now[i][plane], p.order, dst) })
	p.ADDQ(operand.I32(64*p.planeCount()), p.dst)
	none, skip := p.label("none"), p.label("skip")
	p.TESTQ(p.between, p.between)
	p.JZ(operand.LabelRef(none))
	p.TESTQ(lead, lead)
	p.JNZ(operand.LabelRef(skip))
	p.eachPlane(func(i, plane int, _, between operand.Mem) {
		p.VPERMT2W(now[i][plane], p.across, p.before[i][plane])
		p.VMOVUPS(p.before[i][plane], between)
	})
	p.ADDQ(operand.I32(64*p.planeCount()), p.between)
	p.Label(skip)
	p.XORQ(lead, lead)
	p.eachPlane(func(i, plane int, _, _ operand.Mem) { p.VMOVAPS(now[i][plane], p.before[i][plane]) })
	p.Label(none)
}

// emitTransposePairs emits the transpose of 16 by 16 pairs of bf16, from tiles side by
// side to tiles one after the other.
func emitTransposePairs(e *emitter) {
	e.function("TransposePairs", "func(dst *uint16, stride int, src *uint16, tiles, steps int)", "TransposePairs is generic.TransposePairs: tiles and steps at least 1.")
	dst, stride, src, tiles, steps := e.arg("dst"), e.arg("stride"), e.arg("src"), e.arg("tiles"), e.arg("steps")
	e.SHLQ(operand.U8(1), stride)
	line, line3, left, from, row := e.GP64(), e.GP64(), e.GP64(), e.GP64(), e.GP64()
	e.MOVQ(tiles, line)
	e.SHLQ(operand.U8(6), line)
	e.LEAQ(operand.Mem{Base: line, Index: line, Scale: 2}, line3)
	e.Label("step")
	e.MOVQ(src, from)
	e.MOVQ(tiles, left)
	e.Label("tile")
	rows := e.vs(16)
	e.MOVQ(from, row)
	for i := 0; i < 16; i += 4 {
		e.VMOVUPS(operand.Mem{Base: row}, rows[i])
		e.VMOVUPS(operand.Mem{Base: row, Index: line, Scale: 1}, rows[i+1])
		e.VMOVUPS(operand.Mem{Base: row, Index: line, Scale: 2}, rows[i+2])
		e.VMOVUPS(operand.Mem{Base: row, Index: line3, Scale: 1}, rows[i+3])
		e.LEAQ(operand.Mem{Base: row, Index: line, Scale: 4}, row)
	}
	for i, r := range e.transposeWords(rows) {
		e.VMOVUPS(r, at(dst, 16*i))
	}
	e.ADDQ(stride, dst)
	e.ADDQ(operand.I32(64), from)
	e.DECQ(left)
	e.JNZ(operand.LabelRef("tile"))
	e.SHLQ(operand.U8(4), line)
	e.ADDQ(line, src)
	e.SHRQ(operand.U8(4), line)
	e.DECQ(steps)
	e.JNZ(operand.LabelRef("step"))
	e.done()
}

// tapProducts holds the registers of the products of a panel of filters with what the
// taps see of channels.
type tapProducts struct {
	*emitter
	planes          int
	width           int // columns at a time
	a, b, places    reg.GPVirtual
	c, ldc, half    reg.GPVirtual    // half is 16 rows of c, in bytes
	row             reg.GPVirtual    // of a, at this step
	from            [3]reg.GPVirtual // of each column, at this step
	line            reg.GPVirtual    // 64, the step of rows in a packed tile
	pair            reg.GPVirtual    // the step of pairs of pixels, in bytes
	left            reg.GPVirtual
	columns, k, add operand.Mem
	holds           map[int]operand.Mem // what a tile was loaded from
	ahead           []operand.Mem       // what is still to be asked for in this step
}

// emitTapProducts emits the products of columns, a few at a time, then those that are
// left: three of one plane, so that neighbouring taps, which read almost the same, and
// the tiles of filters are read once for three. That was 5 to 20 % faster than two,
// which need fewer loads of tiles; of two planes it was not (64 to 512 channels, one
// core of a Xeon with AMX, November 2026).
func emitTapProducts(e *emitter, name string, planes int) {
	e.function(name, "func(columns, k int, a, b *uint16, places *int, c *float32, ldc, add int)",
		name+" is generic.TapProducts for "+[]string{"one plane", "two planes"}[planes-1]+": columns and k at least 1. Tiles are configured",
		"and released within the call, so that neither another goroutine nor another thread ever sees them.")
	t := &tapProducts{emitter: e, planes: planes}
	t.a, t.b, t.places, t.c, t.ldc = e.arg("a"), e.arg("b"), e.arg("places"), e.arg("c"), e.arg("ldc")
	t.half, t.row, t.line, t.pair, t.left = e.GP64(), e.GP64(), e.GP64(), e.GP64(), e.GP64()
	t.from = [3]reg.GPVirtual{e.GP64(), e.GP64(), e.GP64()}
	t.columns, t.k, t.add = e.argAt("columns"), e.argAt("k"), e.argAt("add")
	e.SHLQ(operand.U8(2), t.ldc)
	e.MOVQ(t.ldc, t.half)
	e.SHLQ(operand.U8(4), t.half)
	e.LEAQ(e.tileConfig(), t.line)
	e.loadConfig(t.line)
	e.MOVQ(operand.I32(64), t.line)
	e.MOVQ(operand.I32(64*planes), t.pair)
	e.Label("columns")
	e.CMPQ(t.columns, operand.I32(2))
	e.JLT(operand.LabelRef("one"))
	if planes == 1 {
		e.JEQ(operand.LabelRef("two"))
		t.group(3)
	}
	e.Label("two")
	t.group(2)
	e.Label("one")
	t.group(1)
	e.Label("end")
	e.releaseTiles()
	e.RET()
}

// group computes a few columns.
func (t *tapProducts) group(width int) {
	t.width = width
	zero, sums, step := t.label("zero"), t.label("sums"), t.label("step")
	t.CMPQ(t.add, operand.I32(0))
	t.JEQ(operand.LabelRef(zero))
	t.sums(t.loadTile)
	t.JMP(operand.LabelRef(sums))
	t.Label(zero)
	for i := range 2 * width {
		t.zeroTile(i)
	}
	t.Label(sums)
	for i, p := range t.from[:width] {
		t.MOVQ(operand.Mem{Base: t.places, Disp: 16 * i}, p)
		t.LEAQ(operand.Mem{Base: t.b, Index: p, Scale: 2}, p)
	}
	t.MOVQ(t.a, t.row)
	t.MOVQ(t.k, t.left)
	t.Label(step)
	t.multiply()
	t.ADDQ(operand.I32(t.planes*2*tileBytes), t.row)
	for _, p := range t.from[:width] {
		t.ADDQ(operand.I32(t.planes*tileBytes), p)
	}
	t.DECQ(t.left)
	t.JNZ(operand.LabelRef(step))
	t.sums(func(base, stride reg.Register, disp, tile int) { t.storeTile(tile, base, stride, disp) })
	t.ADDQ(operand.I32(16*width), t.places)
	t.SUBQ(operand.I32(width), t.columns)
	t.JNZ(operand.LabelRef("columns"))
	t.JMP(operand.LabelRef("end"))
}

// sums moves the sums: tile i is that of column i and filters 0 to 15, tile width+i that
// of the others.
func (t *tapProducts) sums(move func(base, stride reg.Register, disp, tile int)) {
	for i, p := range t.from[:t.width] {
		t.MOVQ(operand.Mem{Base: t.places, Disp: 16*i + 8}, p)
		t.LEAQ(operand.Mem{Base: t.c, Index: p, Scale: 4}, p)
		move(p, t.ldc, 0, i)
		t.ADDQ(t.half, p)
		move(p, t.ldc, 0, t.width+i)
	}
}

// multiply adds the products of a step. Of split operands it takes the small products
// first, as tilePanels does.
func (t *tapProducts) multiply() {
	t.holds = map[int]operand.Mem{}
	t.ask()
	terms := [][2]int{{0, 0}} // planes of filters and of columns
	if t.planes == 2 {
		terms = [][2]int{{1, 0}, {0, 0}, {0, 1}}
	}
	for _, term := range terms {
		for half := range 2 {
			for c := range t.width {
				if t.width == 3 && half == 1 {
					c = 2 - c // begins with the column that was loaded last
				}
				t.product(half, c, term[0], term[1])
			}
		}
	}
}

// ask lists what the next step reads, to be asked for a line at a time behind each
// product: without that, 64 to 512 channels took as long or 2 to 4 % less while the
// machine was fast, and 20 % more while it was not (three columns, the same Xeon).
func (t *tapProducts) ask() {
	t.ahead = nil
	lines := func(p reg.GPVirtual, size int) {
		for i := range size / 64 {
			t.ahead = append(t.ahead, operand.Mem{Base: p, Disp: size + 64*i})
		}
	}
	lines(t.row, t.planes*2*tileBytes)
	columns := t.from[:t.width]
	if t.width == 3 {
		columns = columns[1:] // the first one is mostly the last
	}
	for _, p := range columns {
		lines(p, t.planes*tileBytes)
	}
}

// product adds the product of half of the filters with a column. Three columns have one
// tile for filters and one for columns, two have two of each.
func (t *tapProducts) product(half, column, planeA, planeB int) {
	a, b := 4+half, 6+column
	if t.width == 3 {
		a, b = 6, 7
	}
	t.hold(a, operand.Mem{Base: t.row, Index: t.line, Disp: (2*planeA + half) * tileBytes})
	t.hold(b, operand.Mem{Base: t.from[column], Index: t.pair, Disp: 64 * planeB})
	t.addBF16(b, a, half*t.width+column)
	n := min(12, len(t.ahead))
	for _, m := range t.ahead[:n] {
		t.PREFETCHT0(m)
	}
	t.ahead = t.ahead[n:]
}

// hold loads a tile, if that is not what it holds.
func (t *tapProducts) hold(tile int, m operand.Mem) {
	if t.holds[tile] != m {
		t.loadTile(m.Base, m.Index, m.Disp, tile)
		t.holds[tile] = m
	}
}
