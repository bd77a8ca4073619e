package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitAttention emits the kernels of attention.
func emitAttention(e *emitter) {
	e.endsOften = true
	vectors := 4
	if e.isa.registers == 16 {
		vectors = 2
	}
	e.define("AttentionNR", vectors*e.isa.lanes, "is the columns of an attention tile, the width of a panel of keys.")
	(&attentionTile{emitter: e, mr: 6, nv: vectors}).emit()
	emitAttentionRows(e)
	emitAttentionGradRows(e)
	emitRowDots(e)
}

// emitRowDots emits one dot product per row.
func emitRowDots(e *emitter) {
	e.function("RowDots", "func(dst, x []float32, xStride int, y []float32, yStride, columns int)",
		"RowDots is generic.RowDots with float32 sums.")
	n, dst := e.arg("columns"), e.argPtr("dst")
	ptrs := e.argPtrs("x", "y")
	e.rows(e.argLen("dst"), ptrs, e.argStrides("xStride", "yStride"), func() {
		sums := e.sums(e.isa.lanes)
		e.walk(n, e.isa.lanes, ptrs, func(u int, mem []operand.Mem, t *tail) {
			x, y := e.v(), e.v()
			e.load(mem[0], x, t)
			e.load(mem[1], y, t)
			e.VFMADD231PS(x, y, sums[u])
		})
		e.fold(sums, e.addTo)
		e.VMOVSS(sums[0].AsX(), at(dst, 0))
		e.ADDQ(operand.U8(4), dst)
	})
	e.done()
}

// attentionTile emits the product of a strip of rows with a panel. Register
// budget: mr*nv sums, nv vectors of b, two broadcast elements of a (one where
// registers are 16) and, on AVX2, the mask: 24+4+2 of 32 for 6x64, 12+2+1+1 of
// 16 for 6x16.
type attentionTile struct {
	*emitter
	mr, nv int // rows, and vectors of columns, of the largest tile

	a, aRow, aCol, b, bStride, c, cStride, m, k reg.GPVirtual
}

// emit emits the function: for each number of vectors that n may need, strips
// of mr rows and then one strip of the rows that are left; on AVX2, where a masked store is
// slow on some processors, whole vectors have strips of their own.
func (t *attentionTile) emit() {
	width := t.nv * t.isa.lanes
	name := fmt.Sprintf("AttentionTile%dx%d", t.mr, width)
	t.function(name, "func(c *float32, cStride int, a *float32, aRow, aCol int, b *float32, bStride, m, n, k, add int)",
		name+" is generic.AttentionTile with fused multiply-adds, m at least 1,",
		fmt.Sprintf("n 1 to %d: for every i < m and j < n", width),
		"",
		"\tc[i*cStride+j] = (c[i*cStride+j] if add is 1) + sum over p < k of a[i*aRow+p*aCol]*b[p*bStride+j]")
	t.a, t.b, t.c = t.arg("a"), t.arg("b"), t.arg("c")
	t.aRow, t.aCol, t.bStride, t.cStride = t.arg("aRow"), t.arg("aCol"), t.arg("bStride"), t.arg("cStride")
	t.m, t.k = t.arg("m"), t.arg("k")
	for _, stride := range []reg.GPVirtual{t.aRow, t.aCol, t.bStride, t.cStride} {
		t.SHLQ(operand.U8(2), stride)
	}
	for nv := 1; nv <= t.nv; nv++ {
		n, wider := t.arg("n"), fmt.Sprintf("wider%d", nv)
		if nv < t.nv {
			t.CMPQ(n, operand.I32(nv*t.isa.lanes))
			t.JGT(operand.LabelRef(wider))
		}
		if !t.isa.opmasks() {
			cut := t.label("cut")
			t.CMPQ(n, operand.I32(nv*t.isa.lanes))
			t.JLT(operand.LabelRef(cut))
			t.strips(nv, nil)
			t.Label(cut)
		}
		t.SUBQ(operand.I32((nv-1)*t.isa.lanes), n)
		t.strips(nv, t.tailOf(n))
		if nv < t.nv {
			t.Label(wider)
		}
	}
}

// strips emits all rows for one number of vectors, and the end of the function.
func (t *attentionTile) strips(nv int, last *tail) {
	all := t.label("rows")
	label := func(rows int) string { return fmt.Sprintf("%s_%dx%d", all, rows, nv) }
	t.Label(label(t.mr))
	for rows := t.mr; rows > 0; rows-- {
		next := label(rows - 1)
		if rows < t.mr {
			t.Label(label(rows))
		}
		t.CMPQ(t.m, operand.U8(rows))
		t.JLT(operand.LabelRef(next))
		t.tile(rows, nv, last)
		if rows < t.mr {
			t.JMP(operand.LabelRef(label(0)))
			continue
		}
		t.advance(rows)
		t.JMP(operand.LabelRef(label(rows)))
	}
	t.Label(label(0))
	t.done()
}

// advance moves to the rows below a strip.
func (t *attentionTile) advance(rows int) {
	step := t.GP64()
	t.IMUL3Q(operand.I32(rows), t.aRow, step)
	t.ADDQ(step, t.a)
	t.IMUL3Q(operand.I32(rows), t.cStride, step)
	t.ADDQ(step, t.c)
	t.SUBQ(operand.I32(rows), t.m)
}

// tile emits one tile.
func (t *attentionTile) tile(rows, nv int, last *tail) {
	sum := make([][]reg.VecVirtual, rows)
	for i := range sum {
		sum[i] = t.vs(nv)
		for _, s := range sum[i] {
			t.zero(s)
		}
	}
	t.products(sum, nv, last)
	t.write(sum, last)
}

// products emits the loop over k. Rows 0 to 2 of a are addressed from one
// pointer, rows 3 to 5 from another: an index can be scaled by 1 and 2, not 3.
func (t *attentionTile) products(sum [][]reg.VecVirtual, nv int, last *tail) {
	loop, end := t.label("k"), t.label("kDone")
	p, b := t.GP64(), t.GP64()
	a := []reg.GPVirtual{t.GP64()}
	t.MOVQ(t.k, p)
	t.TESTQ(p, p)
	t.JZ(operand.LabelRef(end))
	t.MOVQ(t.b, b)
	t.MOVQ(t.a, a[0])
	if len(sum) > 3 {
		a = append(a, t.GP64())
		t.LEAQ(operand.Mem{Base: t.a, Index: t.aRow, Scale: 2}, a[1])
		t.ADDQ(t.aRow, a[1])
	}
	row, element := t.vs(nv), t.vs(t.isa.registers/16)
	t.Label(loop)
	for j, v := range row {
		t.load(at(b, j*t.isa.lanes), v, t.cut(j, nv, last))
	}
	for i, s := range sum {
		place := operand.Mem{Base: a[i/3]}
		if i%3 > 0 {
			place.Index, place.Scale = t.aRow, uint8(i%3)
		}
		v := element[i%len(element)]
		t.VBROADCASTSS(place, v)
		for j := range s {
			t.VFMADD231PS(v, row[j], s[j])
		}
	}
	for _, r := range a {
		t.ADDQ(t.aCol, r)
	}
	t.ADDQ(t.bStride, b)
	t.DECQ(p)
	t.JNZ(operand.LabelRef(loop))
	t.Label(end)
}

// cut is the tail of vector j of nv: only the last one has one.
func (t *attentionTile) cut(j, nv int, last *tail) *tail {
	if j == nv-1 {
		return last
	}
	return nil
}

// write emits the stores, on top of what is there when add is 1.
func (t *attentionTile) write(sum [][]reg.VecVirtual, last *tail) {
	overwrite := t.label("overwrite")
	add, c := t.arg("add"), t.GP64()
	old := t.v()
	t.TESTQ(add, add)
	t.JZ(operand.LabelRef(overwrite))
	t.MOVQ(t.c, c)
	for _, row := range sum {
		for j, s := range row {
			t.load(at(c, j*t.isa.lanes), old, t.cut(j, len(row), last))
			t.VADDPS(s, old, s)
		}
		t.ADDQ(t.cStride, c)
	}
	t.Label(overwrite)
	t.MOVQ(t.c, c)
	for _, row := range sum {
		for j, s := range row {
			t.store(s, at(c, j*t.isa.lanes), t.cut(j, len(row), last))
		}
		t.ADDQ(t.cStride, c)
	}
}
