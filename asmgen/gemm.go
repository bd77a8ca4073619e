package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitGemm emits the micro-kernels of the matrix product, one per panel width.
func emitGemm(e *emitter) {
	widest := e.isa.gemmNV[0] * e.isa.lanes
	e.define("GemmMR", e.isa.gemmMR, "is the rows of a GEMM tile, the lanes of a panel of a.")
	e.define("GemmNR", widest, "is the columns of the widest GEMM tile, the lanes of a panel of b.")
	e.define("GemmStep", e.isa.lanes, "divides the width of every GEMM tile.")
	for _, nv := range e.isa.gemmNV {
		forms := []gemmForm{gemmPacked, gemmRows, gemmColumns}
		if e.isa.pairs() || line%e.isa.gemmMR != 0 {
			forms = forms[:2] // steps in place are not side by side, or no whole part of a line
		}
		for _, form := range forms {
			(&gemmTile{emitter: e, mr: e.isa.gemmMR, nv: nv, form: form}).emit()
		}
	}
}

// gemmForm is how the rows of a lie: in a packed panel [k,MR], or in place, where
// either the steps of a row are adjacent or the rows of a step.
type gemmForm int

const (
	gemmPacked gemmForm = iota
	gemmRows
	gemmColumns
)

// gemmTile emits one micro-kernel. Register budget: mr*nv sums, nv vectors of
// b, 2 broadcast elements of a: 24+3+2 of 32 for 8x48, 12+2+2 of 16 for 6x16.
//
// Broadcasts are explicit: multiply-adds with an embedded broadcast load once
// per operation and are bound by the load ports.
//
// There is one for each form of a; rows in place need two pointers and two
// distances.
type gemmTile struct {
	*emitter
	mr, nv int
	form   gemmForm

	k, b, c, ldc, ldd, m reg.GPVirtual
	cAt, dAt             reg.GPVirtual   // the rows that are written and added
	rows                 []reg.GPVirtual // of a: the packed panel, or row 0 and the middle row
	asks                 gemmAsks
	lda, lda3            reg.GPVirtual // one row and three, in bytes
	startD, allPanels    operand.Mem   // of a panel of a

	sum [][]reg.VecVirtual // [mr][nv]
	bv  []reg.VecVirtual   // [nv]
	av  []reg.VecVirtual   // [2]
}

// gemmUnroll is how many steps of k a part of a pass of the main loop makes. There is one
// part for each two rows.
const gemmUnroll = 4

// emit emits the function:
//
//	for q := range panels {
//		for p := range k {
//			for i := range MR { for j := range NR { s[i][j] += a[p*MR+i] * b[(q*k+p)*NR+j] } }
//		}
//		for i := range m { for j := range n { c[i*ldc+q*NR+j] = d[i*ldd+q*NR+j] + s[i][j] } }
//	}
//
// On AVX2 it does so for one panel of a after another.
func (t *gemmTile) emit() {
	if t.isa.pairs() {
		t.declarePairs()
	} else {
		t.declare()
	}
	t.k, t.b, t.c = t.GP64(), t.arg("b"), t.arg("c")
	t.ldc, t.ldd, t.m, t.cAt, t.dAt = t.arg("ldc"), t.GP64(), t.GP64(), t.GP64(), t.GP64()
	t.SHLQ(operand.U8(2), t.ldc)
	t.rows = []reg.GPVirtual{t.GP64()}
	switch {
	case t.form == gemmPacked && t.manyRows():
		t.SHLQ(operand.U8(2), t.argAt("lda"))
	case t.form != gemmPacked:
		t.lda, t.lda3 = t.arg("lda"), t.GP64()
		t.SHLQ(operand.U8(2), t.lda)
		t.LEAQ(operand.Mem{Base: t.lda, Index: t.lda, Scale: 2}, t.lda3)
	}
	if t.form == gemmRows {
		t.rows = append(t.rows, t.GP64())
	}
	t.prepareAsks()
	t.bv, t.av = t.vs(t.nv), t.vs(2)
	t.sum = make([][]reg.VecVirtual, t.mr)
	for i := range t.sum {
		t.sum[i] = t.vs(t.nv)
	}
	t.startRows()
	t.Label("panel")
	for _, row := range t.sum {
		for _, s := range row {
			t.zero(s)
		}
	}
	t.multiply()
	t.finish()
	t.Label("next")
	t.ADDQ(operand.I32(4*t.width()), t.c)
	t.CMPQ(t.argAt("d"), operand.U8(0))
	t.JEQ(operand.LabelRef("no_d"))
	t.ADDQ(operand.I32(4*t.width()), t.argAt("d"))
	t.Label("no_d")
	t.DECQ(t.argAt("panels"))
	t.JNZ(operand.LabelRef("panel"))
	t.nextRows()
	t.done()
}

// manyRows reports whether there may be many panels of a. What went between two calls for
// one each took 4 % of a product of 1576x768x768 (its profile, Zen 3, November 2026). On
// AVX-512 each has its part of what is packed next to ask for.
func (t *gemmTile) manyRows() bool { return t.form != gemmColumns && !t.isa.opmasks() }

// startRows begins a panel of a: d moves on and the panels of b are counted down, so both
// are kept.
func (t *gemmTile) startRows() {
	if !t.manyRows() {
		return
	}
	t.startD, t.allPanels = t.AllocLocal(8), t.AllocLocal(8)
	kept := t.GP64()
	t.Label("rows")
	t.MOVQ(t.argAt("d"), kept)
	t.MOVQ(kept, t.startD)
	t.MOVQ(t.argAt("panels"), kept)
	t.MOVQ(kept, t.allPanels)
}

// nextRows goes on to the next panel of a.
func (t *gemmTile) nextRows() {
	if !t.manyRows() {
		return
	}
	end, overwrite, by := t.label("end"), t.label("overwrite"), t.GP64()
	t.SUBQ(operand.I32(t.mr), t.argAt("m"))
	t.JLE(operand.LabelRef(end))
	if t.form == gemmRows {
		t.IMUL3Q(operand.I32(t.mr), t.lda, by)
	} else {
		t.MOVQ(t.argAt("lda"), by)
	}
	t.ADDQ(by, t.argAt("a"))
	if t.form == gemmRows {
		t.startAskingForA()
	}
	t.Load(t.Param("b"), t.b)
	t.IMUL3Q(operand.I32(t.mr), t.ldc, by)
	t.ADDQ(by, t.argAt("c"))
	t.Load(t.Param("c"), t.c)
	t.MOVQ(t.allPanels, by)
	t.MOVQ(by, t.argAt("panels"))
	t.MOVQ(t.startD, by)
	t.TESTQ(by, by)
	t.JZ(operand.LabelRef(overwrite))
	t.IMUL3Q(operand.I32(t.mr), t.ldd, t.ldd)
	t.ADDQ(t.ldd, by)
	t.MOVQ(by, t.argAt("d"))
	t.Label(overwrite)
	t.JMP(operand.LabelRef("rows"))
	t.Label(end)
}

// width is the columns of a tile.
func (t *gemmTile) width() int { return t.nv * t.isa.lanes }

// declare starts the function.
func (t *gemmTile) declare() {
	name, element, shape := "GemmTile", fmt.Sprintf("a[p*%d+i]", t.mr), fmt.Sprintf("a [k,%d]", t.mr)
	operands, rows := "a, b", fmt.Sprintf("1 to %d", t.mr)
	switch t.form {
	case gemmRows:
		name, element, shape = "GemmRows", "a[i*lda+p]", fmt.Sprintf("a [%d,k]", t.mr)
	case gemmColumns:
		name, element, shape = "GemmColumns", "a[p*lda+i]", fmt.Sprintf("a [k,%d]", t.mr)
	}
	if t.manyRows() {
		shape, rows = "a panels "+strings.TrimPrefix(shape, "a "), "at least 1"
		if t.form == gemmPacked {
			element, shape = fmt.Sprintf("a[i/%[1]d*lda+p*%[1]d+i%%%[1]d]", t.mr), shape+" lda apart"
		}
	}
	if t.form != gemmPacked || t.manyRows() {
		operands = "a *float32, lda int, b"
	}
	of := name + "2x4"
	name = fmt.Sprintf("%s%dx%d", name, t.mr, t.width())
	doc := []string{
		fmt.Sprintf("%s is generic.%s with %d rows and %d columns, each sum one chain of fused", name, of, t.mr, t.width()),
		"multiply-adds in increasing k:",
		"",
		fmt.Sprintf("\tc[i*ldc+j] = d[i*ldd+j] + sum over p<k of %s*b[j/%[2]d][p*%[2]d+j%%%[2]d]", element, t.width()),
		"",
		fmt.Sprintf("Shapes: %s, b [panels,k,%d]; panels at least 1; m %s; n, the columns of the last", shape, t.width(), rows),
		fmt.Sprintf("panel, %d to %d.", t.width()-t.isa.lanes+1, t.width()),
		"Writes: m rows of c. d nil stands for zeros; d may be c, and ldd 0 repeats one row.",
	}
	signature := operands + ", c *float32, ldc int, d *float32, ldd, m, n, panels int"
	if t.asksForNext() {
		signature += ", next *float32, left, run, skip int"
		doc = append(doc, "Asks for memory from next on: left pairs of cache lines, and after them and skip elements",
			"run pairs each time. left 0 never ends.")
	}
	t.function(name, "func(k int, "+signature+")", doc...)
}

// declarePairs starts the function for pairs.
func (t *gemmTile) declarePairs() {
	name, element, shape, signature := "DotTile", fmt.Sprintf("a[p*%d+i]", t.mr), fmt.Sprintf("a [k,%d]", t.mr), "a, b *uint32, c *float32, ldc int"
	if t.form == gemmRows {
		name, element, shape, signature = "DotRows", "a[i*lda+p]", fmt.Sprintf("a [%d,k]", t.mr), "a *uint32, lda int, b *uint32, c *float32, ldc int"
	}
	of := name + "2x4"
	name = fmt.Sprintf("%s%dx%d", name, t.mr, t.width())
	t.function(name, "func(k int, "+signature+", d *float32, ldd, m, n, panels int)",
		fmt.Sprintf("%s is generic.%s with %d rows and %d columns:", name, of, t.mr, t.width()),
		"",
		fmt.Sprintf("\tc[i*ldc+j] = d[i*ldd+j] + sum over p<k of %s*b[j/%[2]d][p*%[2]d+j%%%[2]d], pairs", element, t.width()),
		"",
		fmt.Sprintf("Shapes: %s, b [panels,k,%d]; panels at least 1; m 1 to %d; n, the columns of the last", shape, t.width(), t.mr),
		fmt.Sprintf("panel, %d to %d.", t.width()-t.isa.lanes+1, t.width()),
		"Writes: m rows of c. d nil stands for zeros; d may be c, and ldd 0 repeats one row.")
}

// multiply emits the loop over k.
func (t *gemmTile) multiply() {
	t.Load(t.Param("k"), t.k)
	t.Load(t.Param("a"), t.rows[0])
	if t.form == gemmRows {
		t.LEAQ(operand.Mem{Base: t.rows[0], Index: t.lda3, Scale: 1}, t.rows[1])
		if t.mr == 8 {
			t.ADDQ(t.lda, t.rows[1])
		}
	}
	t.panelAsks()
	t.Comment("Whole passes, then parts of one, then single steps.")
	parts := t.mr / 2
	t.passes("pass", parts*gemmUnroll, func() {
		for range parts {
			t.steps(gemmUnroll)
			t.partAsks()
		}
		t.passAsks()
	})
	t.passes("part", gemmUnroll, func() { t.steps(gemmUnroll) })
	t.passes("single", 1, func() { t.steps(1) })
}

// passes emits a loop that takes n steps a pass while k has as many.
func (t *gemmTile) passes(name string, n int, body func()) {
	rest := name + "Rest"
	t.SUBQ(operand.U8(n), t.k)
	t.JLT(operand.LabelRef(rest))
	t.Label(name)
	body()
	t.SUBQ(operand.U8(n), t.k)
	t.JGE(operand.LabelRef(name))
	t.Label(rest)
	t.ADDQ(operand.U8(n), t.k)
}

// steps emits n steps and moves on by them.
func (t *gemmTile) steps(n int) {
	for u := range n {
		t.step(u)
	}
	t.advance(n)
}

// step adds the products of the u-th k from where the pointers stand.
func (t *gemmTile) step(u int) {
	for j, b := range t.bv {
		t.VMOVUPS(at(t.b, (u*t.nv+j)*t.isa.lanes), b)
	}
	t.stepAsks(u)
	for i, row := range t.sum {
		a := t.av[i%len(t.av)]
		t.VBROADCASTSS(t.element(i, u), a)
		for j, s := range row {
			t.multiplyAdd(a, t.bv[j], s)
		}
	}
}

// element is row i of a, u steps on.
func (t *gemmTile) element(i, u int) operand.Mem {
	var m operand.Mem
	times := 0 // lda
	switch half := t.mr / 2; t.form {
	case gemmPacked:
		m = at(t.rows[0], u*t.mr+i)
	case gemmRows:
		m, times = at(t.rows[i/half], u), i%half
	case gemmColumns:
		m, times = at(t.rows[0], i), u
	}
	switch times {
	case 1, 2:
		m.Index, m.Scale = t.lda, uint8(times)
	case 3:
		m.Index, m.Scale = t.lda3, 1
	}
	return m
}

func (t *gemmTile) advance(steps int) {
	pointers := t.rows
	if t.form == gemmColumns {
		pointers = append(pointers, t.asks.near)
	}
	for _, a := range pointers {
		switch {
		case t.form == gemmPacked:
			t.ADDQ(operand.I32(4*steps*t.mr), a)
		case t.form == gemmRows:
			t.ADDQ(operand.I32(4*steps), a)
		default: // steps is 1 or 4
			t.LEAQ(operand.Mem{Base: a, Index: t.lda, Scale: uint8(steps)}, a)
		}
	}
	t.ADDQ(operand.I32(4*steps*t.nv*t.isa.lanes), t.b)
}

// finish writes the sums. The last vector of each row may be cut by n, rows are
// cut by m; on AVX2, where a masked store is slow on some processors, a whole
// last vector has a path of its own.
func (t *gemmTile) finish() {
	t.Load(t.Param("m"), t.m)
	t.Load(t.Param("ldd"), t.ldd)
	t.SHLQ(operand.U8(2), t.ldd)
	t.MOVQ(t.c, t.cAt)
	t.MOVQ(t.argAt("d"), t.dAt)
	last, whole := t.arg("n"), t.GP64()
	t.MOVQ(operand.I32(t.width()), whole)
	t.CMPQ(t.argAt("panels"), operand.U8(1))
	t.CMOVQNE(whole, last)
	t.SUBQ(operand.I32((t.nv-1)*t.isa.lanes), last)
	if !t.isa.opmasks() {
		t.CMPQ(last, operand.I32(t.isa.lanes))
		t.JLT(operand.LabelRef("cut"))
		t.storeEither(nil, "Whole")
		t.Label("cut")
	}
	t.storeEither(t.tailOf(last), "Cut")
}

// storeEither emits both ways to write the tile, with d and without.
func (t *gemmTile) storeEither(last *tail, name string) {
	t.TESTQ(t.dAt, t.dAt)
	t.JZ(operand.LabelRef("overwrite" + name))
	t.storeRows(last, true)
	t.Label("overwrite" + name)
	t.storeRows(last, false)
}

func (t *gemmTile) storeRows(last *tail, add bool) {
	end := t.label("end")
	for i, row := range t.sum {
		for j, s := range row {
			cut := last
			if j < t.nv-1 {
				cut = nil
			}
			if add {
				t.load(at(t.dAt, j*t.isa.lanes), t.bv[j], cut)
				t.VADDPS(s, t.bv[j], s)
			}
			t.store(s, at(t.cAt, j*t.isa.lanes), cut)
		}
		if i == t.mr-1 {
			break
		}
		t.DECQ(t.m)
		t.JZ(operand.LabelRef(end))
		t.ADDQ(t.ldc, t.cAt)
		if add {
			t.ADDQ(t.ldd, t.dAt)
		}
	}
	t.Label(end)
	t.JMP(operand.LabelRef("next"))
}
