package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tilePack is what the functions have in common that round float32 into packed
// panels of bf16.
type tilePack struct {
	*emitter
	split bool // into two planes
}

// step is the size of one step of k of a panel, all planes.
func (t *tilePack) step() int {
	if t.split {
		return 4 * tileBytes
	}
	return 2 * tileBytes
}

func planesDoc(name, equals string, split bool) []string {
	planes := "one plane"
	if split {
		planes = "two planes"
	}
	return []string{fmt.Sprintf("%s is generic.%s for %s: n 1 to 32, k at least 1.", name, equals, planes)}
}

// round rounds 32 numbers, those of x and those of y, to bf16 and stores them:
// what was rounded off, rounded itself, goes to the second plane. order, where
// it is not nil, rearranges the 32 of a plane. x and y are spoiled.
func (t *tilePack) round(x, y, order reg.VecVirtual, at operand.Mem) {
	high, low := t.planes(x, y)
	t.storeOrdered(high, order, at)
	if t.split {
		at.Disp += 2 * tileBytes
		t.storeOrdered(low, order, at)
	}
}

// planes rounds 32 numbers: low, where there is a second plane, is what high has
// lost. x and y are spoiled.
func (t *tilePack) planes(x, y reg.VecVirtual) (high, low reg.VecVirtual) {
	high = t.ZMM()
	t.roundPair(x, y, high)
	if !t.split {
		return high, nil
	}
	back := t.ZMM()
	t.VPMOVZXWD(high.AsY(), back)
	t.VPSLLD(operand.U8(16), back, back)
	t.VSUBPS(back, x, x)
	upper := t.YMM()
	t.VEXTRACTI64X4(operand.U8(1), high, upper)
	t.VPMOVZXWD(upper, back)
	t.VPSLLD(operand.U8(16), back, back)
	t.VSUBPS(back, y, y)
	low = t.ZMM()
	t.roundPair(x, y, low)
	return high, low
}

func (t *tilePack) storeOrdered(v, order reg.VecVirtual, at operand.Mem) {
	if order == nil {
		t.VMOVUPS(v, at)
		return
	}
	sorted := t.ZMM()
	t.VPERMW(v, order, sorted)
	t.VMOVUPS(sorted, at)
}

// zeros stores zeros to every plane.
func (t *tilePack) zeros(zero reg.VecVirtual, at operand.Mem) {
	t.VMOVUPS(zero, at)
	if t.split {
		at.Disp += 2 * tileBytes
		t.VMOVUPS(zero, at)
	}
}

// tailPair makes masks for the first n of 32 numbers, as two vectors.
func (e *emitter) tailPair(n reg.GPVirtual) (low, high *tail) {
	zero, most, part := e.GP64(), e.GP64(), e.GP64()
	e.XORQ(zero, zero)
	e.MOVQ(operand.I32(16), most)
	e.MOVQ(n, part)
	e.CMPQ(part, most)
	e.CMOVQGT(most, part)
	low = e.tailOf(part)
	e.MOVQ(n, part)
	e.SUBQ(most, part)
	e.CMOVQLT(zero, part)
	return low, e.tailOf(part)
}

// emitPackRows emits the packing of lanes whose steps are adjacent: a lane
// becomes a row of a tile.
func emitPackRows(e *emitter, name string, split bool) {
	t := &tilePack{emitter: e, split: split}
	e.function(name, "func(dst *uint16, src *float32, stride, n, k int)", planesDoc(name, "PackRows", split)...)
	dst, src, stride, n, k := e.arg("dst"), e.arg("src"), e.arg("stride"), e.arg("n"), e.arg("k")
	e.SHLQ(operand.U8(2), stride)
	rest, steps := e.GP64(), e.GP64()
	e.MOVQ(k, rest)
	e.ANDQ(operand.I32(31), rest)
	low, high := e.tailPair(rest)
	e.SHRQ(operand.U8(5), k)
	x, y, zero := e.v(), e.v(), e.v()
	e.zero(zero)
	row, from, to := e.GP64(), e.GP64(), e.GP64()
	e.MOVQ(operand.I32(32), row)
	e.Label("row")
	e.MOVQ(src, from)
	e.MOVQ(dst, to)
	e.MOVQ(k, steps)
	e.TESTQ(n, n)
	e.JZ(operand.LabelRef("empty"))
	e.DECQ(n)
	e.TESTQ(steps, steps)
	e.JZ(operand.LabelRef("rest"))
	e.Label("step")
	e.VMOVUPS(at(from, 0), x)
	e.VMOVUPS(at(from, 16), y)
	t.round(x, y, nil, operand.Mem{Base: to})
	e.ADDQ(operand.I32(128), from)
	e.ADDQ(operand.I32(t.step()), to)
	e.DECQ(steps)
	e.JNZ(operand.LabelRef("step"))
	e.Label("rest")
	e.TESTQ(rest, rest)
	e.JZ(operand.LabelRef("next"))
	e.load(at(from, 0), x, low)
	e.load(at(from, 16), y, high)
	t.round(x, y, nil, operand.Mem{Base: to})
	e.JMP(operand.LabelRef("next"))
	e.Label("empty")
	e.TESTQ(steps, steps)
	e.JZ(operand.LabelRef("emptyRest"))
	e.Label("emptyStep")
	t.zeros(zero, operand.Mem{Base: to})
	e.ADDQ(operand.I32(t.step()), to)
	e.DECQ(steps)
	e.JNZ(operand.LabelRef("emptyStep"))
	e.Label("emptyRest")
	e.TESTQ(rest, rest)
	e.JZ(operand.LabelRef("next"))
	t.zeros(zero, operand.Mem{Base: to})
	e.Label("next")
	e.ADDQ(stride, src)
	e.ADDQ(operand.I32(64), dst)
	e.DECQ(row)
	e.JNZ(operand.LabelRef("row"))
	e.done()
}

// emitPackPairs emits the packing of lanes that are adjacent: two steps of k
// become a row of each of two tiles, pairs side by side.
func emitPackPairs(e *emitter, name string, split bool) {
	t := &tilePack{emitter: e, split: split}
	e.function(name, "func(dst *uint16, src *float32, stride, n, k int)", planesDoc(name, "PackPairs", split)...)
	dst, src, stride, n, k := e.arg("dst"), e.arg("src"), e.arg("stride"), e.arg("n"), e.arg("k")
	e.SHLQ(operand.U8(2), stride)
	low, high := e.tailPair(n)
	order := e.ZMM()
	e.VMOVUPS(e.data("pair_order", func(i int) (operand.Constant, bool) {
		return operand.U16(i/2 + i%2*16), i < 32
	}), order)
	// halves packs steps from and next of lanes 0 to 15 and of lanes 16 to 31.
	halves := func(next reg.GPVirtual) {
		for i, cut := range []*tail{low, high} {
			x, y := e.v(), e.v()
			e.load(at(src, 16*i), x, cut)
			if next == nil {
				e.zero(y)
			} else {
				e.load(indexed(src, next, 1, 16*i), y, cut)
			}
			t.round(x, y, order, operand.Mem{Base: dst, Disp: i * tileBytes})
		}
	}
	// advance moves dst to the next row of the tiles, past the other ones at the
	// end of a step of k.
	left := e.GP64() // rows of this step
	advance := func(end string) {
		e.ADDQ(operand.I32(64), dst)
		e.DECQ(left)
		e.JNZ(operand.LabelRef(end))
		e.ADDQ(operand.I32(t.step()-tileBytes), dst)
		e.MOVQ(operand.I32(16), left)
		e.Label(end)
	}
	e.MOVQ(operand.I32(16), left)
	e.SUBQ(operand.I32(2), k)
	e.JLT(operand.LabelRef("odd"))
	e.Label("pair")
	halves(stride)
	e.LEAQ(operand.Mem{Base: src, Index: stride, Scale: 2}, src)
	advance("samePair")
	e.SUBQ(operand.I32(2), k)
	e.JGE(operand.LabelRef("pair"))
	e.Label("odd")
	e.ADDQ(operand.I32(2), k)
	e.JZ(operand.LabelRef("fill"))
	halves(nil)
	advance("sameOdd")
	e.Label("fill")
	e.CMPQ(left, operand.I32(16))
	e.JEQ(operand.LabelRef("end"))
	zero := e.v()
	e.zero(zero)
	e.Label("more")
	t.zeros(zero, operand.Mem{Base: dst})
	t.zeros(zero, operand.Mem{Base: dst, Disp: tileBytes})
	e.ADDQ(operand.I32(64), dst)
	e.DECQ(left)
	e.JNZ(operand.LabelRef("more"))
	e.Label("end")
	e.done()
}

// emitTransposeTiles emits the transpose of 16 by 16 pairs of bf16, in place.
func emitTransposeTiles(e *emitter) {
	e.function("TransposeTiles", "func(p *uint16, tiles int)", "TransposeTiles is generic.TransposeTiles: tiles at least 1.")
	p, tiles := e.arg("p"), e.arg("tiles")
	e.Label("tile")
	rows := e.vs(16)
	for i, r := range rows {
		e.VMOVUPS(at(p, 16*i), r)
	}
	for i, r := range e.transposeWords(rows) {
		e.VMOVUPS(r, at(p, 16*i))
	}
	e.ADDQ(operand.I32(tileBytes), p)
	e.DECQ(tiles)
	e.JNZ(operand.LabelRef("tile"))
	e.done()
}

// transposeWords transposes 16 vectors of 16 words. Four rows at a time, unpacking
// leaves one column of four in each quarter of a register; shuffling quarters finishes.
func (e *emitter) transposeWords(rows []reg.VecVirtual) (columns [16]reg.VecVirtual) {
	var quarter [4][4]reg.VecVirtual // [rows 4g to 4g+3][column 4L+j in quarter L]
	for g := range quarter {
		r, u, s := rows[4*g:], e.vs(4), e.vs(4)
		e.VPUNPCKLDQ(r[1], r[0], u[0])
		e.VPUNPCKHDQ(r[1], r[0], u[1])
		e.VPUNPCKLDQ(r[3], r[2], u[2])
		e.VPUNPCKHDQ(r[3], r[2], u[3])
		e.VPUNPCKLQDQ(u[2], u[0], s[0])
		e.VPUNPCKHQDQ(u[2], u[0], s[1])
		e.VPUNPCKLQDQ(u[3], u[1], s[2])
		e.VPUNPCKHQDQ(u[3], u[1], s[3])
		copy(quarter[g][:], s)
	}
	const even, odd = 0x88, 0xdd // quarters 0 and 2, or 1 and 3, of both sources
	for j := range 4 {
		for first, pick := range []uint8{even, odd} {
			x, y := e.v(), e.v()
			e.VSHUFI32X4(operand.U8(pick), quarter[1][j], quarter[0][j], x)
			e.VSHUFI32X4(operand.U8(pick), quarter[3][j], quarter[2][j], y)
			for second, pick := range []uint8{even, odd} {
				out := e.v()
				e.VSHUFI32X4(operand.U8(pick), y, x, out)
				columns[4*(first+2*second)+j] = out
			}
		}
	}
	return columns
}
