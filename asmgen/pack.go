package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitPack emits what fills the panels: a copy per panel width, and the
// transposes of eight and, for the narrow panels of a on AVX2, six lanes; these work
// on 256-bit registers, so AVX-512 takes them too, where sixteen lanes are not whole.
func emitPack(e *emitter) {
	for _, nv := range e.isa.gemmNV {
		emitPackCopy(e, nv*e.isa.lanes)
	}
	if e.isa.gemmMR < e.isa.lanes {
		emitPackCopy(e, e.isa.gemmMR)
	}
	emitPackPanels(e, e.isa.gemmMR)
	if e.isa.opmasks() {
		emitPackTranspose16(e)
	}
	if e.isa.name == "avx2" {
		emitPackTranspose(e, 8)
		emitPackTranspose(e, 6)
		emitPrefetch(e)
	}
}

// emitPackPanels emits the copy into several narrow panels at once: a step of
// one panel is less than a cache line, and the lines would be fetched again for
// each panel. Two steps of eight lanes fill a line of a panel.
func emitPackPanels(e *emitter, width int) {
	name := fmt.Sprintf("PackPanels%d", width)
	e.function(name, "func(dst, src *float32, stride, panels, k int)",
		fmt.Sprintf("%s is generic.PackPanels for whole panels of width %d: panels and k at least 1.", name, width))
	p := &packPanels{emitter: e, width: width, dst: e.arg("dst"), src: e.arg("src"), stride: e.arg("stride"), size: e.GP64(), ahead: e.GP64()}
	k := e.arg("k")
	e.IMUL3Q(operand.I32(4*width), k, p.size)
	e.SHLQ(operand.U8(2), p.stride)
	e.IMUL3Q(operand.I32(panelsAhead), p.stride, p.ahead)
	if width == 8 && e.isa.lanes == 16 {
		e.SUBQ(operand.I32(2), k)
		e.JLT(operand.LabelRef("rest"))
		e.Label("pair")
		p.steps(2)
		e.SUBQ(operand.I32(2), k)
		e.JGE(operand.LabelRef("pair"))
		e.Label("rest")
		e.ADDQ(operand.I32(2), k)
		e.JZ(operand.LabelRef("end"))
	}
	e.Label("single")
	p.steps(1)
	e.DECQ(k)
	e.JNZ(operand.LabelRef("single"))
	e.Label("end")
	e.done()
}

// packPanels holds the registers of emitPackPanels.
type packPanels struct {
	*emitter
	width                         int
	dst, src, stride, size, ahead reg.GPVirtual // size of a panel and what is ahead, in bytes
}

// steps copies one or two steps of all panels.
func (p *packPanels) steps(n int) {
	from, to, left := p.GP64(), p.GP64(), p.GP64()
	p.MOVQ(p.src, from)
	p.MOVQ(p.dst, to)
	p.Load(p.Param("panels"), left)
	panel := p.label("panel")
	p.Label(panel)
	for i := range n {
		ask := p.GP64()
		p.MOVQ(from, ask)
		if i == 1 {
			p.ADDQ(p.stride, ask)
		}
		p.PREFETCHT1(indexed(ask, p.ahead, 1, 0))
	}
	switch x := p.v(); {
	case n == 2:
		p.VMOVUPS(at(from, 0), x.AsY())
		p.VINSERTF64X4(operand.U8(1), indexed(from, p.stride, 1, 0), x, x)
		p.VMOVUPS(x, at(to, 0))
	case p.width == 8:
		p.VMOVUPS(at(from, 0), x.AsY())
		p.VMOVUPS(x.AsY(), at(to, 0))
	default:
		high := p.XMM()
		p.VMOVUPS(at(from, 0), x.AsX())
		p.VMOVSD(at(from, 4), high)
		p.VMOVUPS(x.AsX(), at(to, 0))
		p.VMOVSD(high, at(to, 4))
	}
	p.ADDQ(operand.I32(4*p.width), from)
	p.ADDQ(p.size, to)
	p.DECQ(left)
	p.JNZ(operand.LabelRef(panel))
	p.ADDQ(operand.I32(4*p.width*n), p.dst)
	for range n {
		p.ADDQ(p.stride, p.src)
	}
}

// emitPrefetch emits the request for rows of cache lines. It reads nothing, so
// it may name memory past a slice.
func emitPrefetch(e *emitter) {
	e.function("Prefetch", "func(p *float32, stride, rows, lines int)",
		"Prefetch asks for lines cache lines from each of rows rows, stride elements apart, to be in",
		"the second-level cache soon: rows and lines at least 1. It equals doing nothing.")
	p, stride, rows, lines := e.arg("p"), e.arg("stride"), e.arg("rows"), e.arg("lines")
	e.SHLQ(operand.U8(2), stride)
	at, left := e.GP64(), e.GP64()
	e.Label("row")
	e.MOVQ(p, at)
	e.MOVQ(lines, left)
	e.Label("line")
	e.PREFETCHT1(operand.Mem{Base: at})
	e.ADDQ(operand.I32(64), at)
	e.DECQ(left)
	e.JNZ(operand.LabelRef("line"))
	e.ADDQ(stride, p)
	e.DECQ(rows)
	e.JNZ(operand.LabelRef("row"))
	e.RET()
}

// rowsAhead is how many steps ahead the copy asks for memory: a step is a few
// cache lines of another row, which no hardware prefetcher foresees.
const rowsAhead = 16

// panelsAhead is how many steps ahead panels side by side are asked for, into the
// second-level cache: weight gradients of ViT-B ran 1 to 2 % faster than with 16, and 1 %
// faster than with requests into the first (Zen 4, one thread, November 2026, medians of
// seven in turn of a loop over many operands; BenchmarkGemm, op=wgrad, has the shapes).
const panelsAhead = 32

// emitPackCopy emits the copy into a panel of one width. The mask of each
// vector selects what the operand has of it; the rest becomes zero.
func emitPackCopy(e *emitter, width int) {
	name := fmt.Sprintf("PackCopy%d", width)
	e.function(name, "func(dst, src *float32, stride, n, k int)",
		fmt.Sprintf("%s is generic.PackCopy for panels of width %d: n 1 to %d, k at least 1.", name, width, width))
	dst, src, stride, n, k := e.arg("dst"), e.arg("src"), e.arg("stride"), e.arg("n"), e.arg("k")
	e.SHLQ(operand.U8(2), stride)
	vectors := (width + e.isa.lanes - 1) / e.isa.lanes
	from := make([]*tail, vectors)
	lane := e.GP64()
	zero, most := e.GP64(), e.GP64()
	e.XORQ(zero, zero)
	e.MOVQ(operand.I32(e.isa.lanes), most)
	for v := range from {
		e.MOVQ(n, lane)
		e.SUBQ(operand.I32(v*e.isa.lanes), lane)
		e.CMOVQLT(zero, lane)
		e.CMPQ(lane, most)
		e.CMOVQGT(most, lane)
		from[v] = e.tailOf(lane)
	}
	var to *tail // of the last vector
	if rest := width % e.isa.lanes; rest != 0 {
		e.MOVQ(operand.I32(rest), lane)
		to = e.tailOf(lane)
	}
	ahead := e.GP64()
	e.MOVQ(stride, ahead)
	e.IMUL3Q(operand.I32(rowsAhead), ahead, ahead)
	x := e.v()
	e.Label("step")
	for line := 0; line < width; line += 16 {
		e.PREFETCHT0(indexed(src, ahead, 1, line))
	}
	for v, t := range from {
		e.load(at(src, v*e.isa.lanes), x, t)
		whole := to
		if v < vectors-1 {
			whole = nil
		}
		e.store(x, at(dst, v*e.isa.lanes), whole)
	}
	e.ADDQ(stride, src)
	e.ADDQ(operand.I32(4*width), dst)
	e.DECQ(k)
	e.JNZ(operand.LabelRef("step"))
	e.done()
}

// emitPackTranspose emits the transpose of up to eight rows into adjacent
// lanes, eight steps of k at a time. Rows past n repeat the last one.
func emitPackTranspose(e *emitter, rows int) {
	name := fmt.Sprintf("PackTranspose%d", rows)
	e.function(name, "func(dst *float32, width int, src *float32, stride, n, k int)",
		fmt.Sprintf("%s is generic.PackTranspose for %d adjacent lanes of a panel: dst points at the", name, rows),
		fmt.Sprintf("first of them, n is 1 to %d, lanes from n on repeat lane n-1.", rows))
	t := &transpose{emitter: e, rows: rows}
	t.pointers()
	p, k := e.GP64(), e.arg("k")
	e.XORQ(p, p)
	t.p = p
	e.SUBQ(operand.I32(8), k)
	e.JLT(operand.LabelRef("rest"))
	e.Label("block")
	t.quad(0)
	t.quad(4)
	e.ADDQ(operand.I32(8), p)
	e.SUBQ(operand.I32(8), k)
	e.JGE(operand.LabelRef("block"))
	e.Label("rest")
	e.ADDQ(operand.I32(8), k)
	e.JZ(operand.LabelRef("end"))
	e.Label("single")
	x := e.XMM()
	for i, row := range t.row {
		e.VMOVSS(indexed(row, p, 4, 0), x)
		e.VMOVSS(x, at(t.dst, i))
	}
	e.ADDQ(t.width, t.dst)
	e.INCQ(p)
	e.DECQ(k)
	e.JNZ(operand.LabelRef("single"))
	e.Label("end")
	e.done()
}

// emitPackTranspose16 emits the transpose of sixteen rows into adjacent lanes, sixteen
// steps at a time: every line is read once and written once. Rows are read to their
// end, which the processor foresees, and asked for in the second-level cache when those
// sixteen before them are read: into the first it made packing slower (Zen 4, November
// 2026, where packing b took half the time of eight rows in pieces of 64 steps; 197 rows
// became 6 to 9 % faster, 800 rows 2 to 5 %, in a loop over many
// operands; BenchmarkGemm has the shapes).
func emitPackTranspose16(e *emitter) {
	e.function("PackTranspose16", "func(dst *float32, width int, src *float32, stride, k int)",
		"PackTranspose16 is generic.PackTranspose for 16 adjacent lanes of a panel: k a multiple of 16, at least 16.")
	dst, width, src, stride, k := e.arg("dst"), e.arg("width"), e.arg("src"), e.arg("stride"), e.arg("k")
	width3, stride3, next, ask := e.GP64(), e.GP64(), e.GP64(), e.GP64()
	e.SHLQ(operand.U8(2), width)
	e.SHLQ(operand.U8(2), stride)
	e.LEAQ(operand.Mem{Base: width, Index: width, Scale: 2}, width3)
	e.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	e.MOVQ(stride, next)
	e.SHLQ(operand.U8(4), next)
	fours := []reg.GPVirtual{src, e.GP64(), e.GP64(), e.GP64()} // rows 0, 4, 8 and 12
	for i, four := range fours[1:] {
		e.LEAQ(operand.Mem{Base: fours[i], Index: stride, Scale: 4}, four)
	}
	e.Label("block")
	for q, four := range fours {
		e.LEAQ(operand.Mem{Base: four, Index: next, Scale: 1}, ask)
		for i := range 4 {
			e.PREFETCHT1(fourth(ask, stride, stride3, i, 0))
		}
		x := e.vs(4)
		for i, v := range x {
			e.VMOVUPS(fourth(fours[0], stride, stride3, i, 4*q), v.AsX())
			for part := 1; part < 4; part++ {
				e.VINSERTF32X4(operand.U8(part), fourth(fours[part], stride, stride3, i, 4*q), v, v)
			}
		}
		e.transposeFours(x, func(s int, out reg.VecVirtual) { e.VMOVUPS(out, fourth(dst, width, width3, s, 0)) })
		e.LEAQ(operand.Mem{Base: dst, Index: width, Scale: 4}, dst)
	}
	for _, four := range fours {
		e.ADDQ(operand.I32(64), four)
	}
	e.SUBQ(operand.I32(16), k)
	e.JNZ(operand.LabelRef("block"))
	e.done()
}

// fourth is the i-th of four rows from base on, offset elements along: step and step3
// are one row and three in bytes.
func fourth(base, step, step3 reg.GPVirtual, i, offset int) operand.Mem {
	m := at(base, offset)
	switch i {
	case 1, 2:
		m.Index, m.Scale = step, uint8(i)
	case 3:
		m.Index, m.Scale = step3, 1
	}
	return m
}

// transposeFours transposes each 128-bit part of four vectors: the s-th result has the s-th
// element of all of them side by side.
//
//	a part of x0: a0 a1 a2 a3     unpack: a0 b0 a1 b1
//	a part of x1: b0 b1 b2 b3     with c0 d0 c1 d1 by shuffle: a0 b0 c0 d0
func (e *emitter) transposeFours(x []reg.VecVirtual, result func(s int, out reg.VecVirtual)) {
	like := e.v
	if x[0].Size() == 32 {
		like = e.YMM
	}
	ab, cd, out := like(), like(), like()
	e.VUNPCKLPS(x[1], x[0], ab)
	e.VUNPCKLPS(x[3], x[2], cd)
	for s := range 4 {
		if s == 2 {
			e.VUNPCKHPS(x[1], x[0], ab)
			e.VUNPCKHPS(x[3], x[2], cd)
		}
		e.VSHUFPS(operand.U8([]int{0x44, 0xee}[s%2]), cd, ab, out)
		result(s, out)
	}
}

// transpose holds the registers of one transposing function.
type transpose struct {
	*emitter
	rows               int
	row                []reg.GPVirtual // one pointer per lane
	p                  reg.GPVirtual   // k done, in elements
	dst, width, width3 reg.GPVirtual   // panel, its step and three steps in bytes
}

// pointers loads the arguments and points each lane at its row.
func (t *transpose) pointers() {
	t.dst, t.width = t.arg("dst"), t.arg("width")
	t.SHLQ(operand.U8(2), t.width)
	t.width3 = t.GP64()
	t.LEAQ(operand.Mem{Base: t.width, Index: t.width, Scale: 2}, t.width3)
	first, stride, n := t.arg("src"), t.arg("stride"), t.arg("n")
	t.row = append(t.row, first)
	for i := 1; i < t.rows; i++ {
		row, next := t.GP64(), t.GP64()
		t.MOVQ(t.row[i-1], row)
		t.LEAQ(operand.Mem{Base: row, Index: stride, Scale: 4}, next)
		t.CMPQ(n, operand.I32(i))
		t.CMOVQGT(next, row)
		t.row = append(t.row, row)
	}
}

// quad transposes four steps, from offset steps past p. Row i goes to the low
// half of a register and row i+4 to the high half, so that all shuffles stay
// within halves.
func (t *transpose) quad(offset int) {
	x := make([]reg.VecVirtual, 4)
	for i := range x {
		x[i] = t.YMM()
		t.VMOVUPS(indexed(t.row[i], t.p, 4, offset), x[i].AsX())
		if i+4 < t.rows {
			t.VINSERTF128(operand.U8(1), indexed(t.row[i+4], t.p, 4, offset), x[i], x[i])
		}
	}
	t.transposeFours(x, func(s int, out reg.VecVirtual) { t.storeLanes(out, fourth(t.dst, t.width, t.width3, s, 0)) })
	t.LEAQ(operand.Mem{Base: t.dst, Index: t.width, Scale: 4}, t.dst)
}

// storeLanes writes the rows' lanes of x and nothing past them.
func (t *transpose) storeLanes(x reg.VecVirtual, m operand.Mem) {
	if t.rows == 8 {
		t.VMOVUPS(x, m)
		return
	}
	t.VMOVUPS(x.AsX(), m)
	high := t.XMM()
	t.VEXTRACTF128(operand.U8(1), x, high)
	m.Disp += 16
	t.VMOVLPS(high, m)
}
