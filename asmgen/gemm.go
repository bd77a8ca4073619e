package main

import (
	"fmt"

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
		(&gemmTile{emitter: e, mr: e.isa.gemmMR, nv: nv}).emit()
	}
}

// gemmTile emits one micro-kernel. Register budget: mr*nv sums, nv vectors of
// b, 2 broadcast elements of a: 24+3+2 of 32 for 8x48, 12+2+2 of 16 for 6x16.
//
// Broadcasts are explicit: multiply-adds with an embedded broadcast load once
// per operation and are bound by the load ports.
type gemmTile struct {
	*emitter
	mr, nv int

	k, a, b, c, ldc, d, ldd, m reg.GPVirtual

	sum [][]reg.VecVirtual // [mr][nv]
	bv  []reg.VecVirtual   // [nv]
	av  []reg.VecVirtual   // [2]
}

// unroll is how many steps of k one turn of the main loop makes.
const gemmUnroll = 4

// emit emits the function:
//
//	for p := range k {
//		for i := range MR { for j := range NR { s[i][j] += a[p*MR+i] * b[p*NR+j] } }
//	}
//	for i := range m { for j := range n { c[i*ldc+j] = d[i*ldd+j] + s[i][j] } }
func (t *gemmTile) emit() {
	width := t.nv * t.isa.lanes
	name := fmt.Sprintf("GemmTile%dx%d", t.mr, width)
	t.function(name, "func(k int, a, b, c *float32, ldc int, d *float32, ldd, m, n int)",
		fmt.Sprintf("%s is generic.GemmTile2x4 with %d rows and %d columns, each sum one chain of fused", name, t.mr, width),
		"multiply-adds in increasing k:",
		"",
		fmt.Sprintf("\tc[i*ldc+j] = d[i*ldd+j] + sum over p<k of a[p*%d+i]*b[p*%d+j]", t.mr, width),
		"",
		fmt.Sprintf("Shapes: a [k,%d], b [k,%d]; m 1 to %d, n %d to %d.", t.mr, width, t.mr, width-t.isa.lanes+1, width),
		"Writes: m rows of n elements of c. d nil stands for zeros; d may be c, and ldd 0 repeats one row.")
	t.k, t.a, t.b, t.c = t.arg("k"), t.arg("a"), t.arg("b"), t.arg("c")
	t.ldc, t.ldd, t.m = t.arg("ldc"), t.arg("ldd"), t.arg("m")
	t.SHLQ(operand.U8(2), t.ldc)
	t.SHLQ(operand.U8(2), t.ldd)
	t.bv, t.av = t.vs(t.nv), t.vs(2)
	t.sum = make([][]reg.VecVirtual, t.mr)
	for i := range t.sum {
		t.sum[i] = t.vs(t.nv)
	}
	t.prefetch()
	for _, row := range t.sum {
		for _, s := range row {
			t.zero(s)
		}
	}
	t.multiply()
	t.finish()
}

// prefetch asks for the rows of c, which the end of the function needs. Rows
// past the edge are asked for too: a prefetch does not fault.
func (t *gemmTile) prefetch() {
	row := t.GP64()
	t.MOVQ(t.c, row)
	for i := range t.mr {
		for line := 0; line < t.nv*t.isa.lanes; line += 16 {
			t.PREFETCHT0(at(row, line))
		}
		if i < t.mr-1 {
			t.ADDQ(t.ldc, row)
		}
	}
}

// multiply emits the loop over k.
func (t *gemmTile) multiply() {
	t.Comment("Whole turns of the main loop, then single steps.")
	t.SUBQ(operand.I32(gemmUnroll), t.k)
	t.JLT(operand.LabelRef("rest"))
	t.Label("main")
	for u := range gemmUnroll {
		t.step(u)
	}
	t.advance(gemmUnroll)
	t.SUBQ(operand.I32(gemmUnroll), t.k)
	t.JGE(operand.LabelRef("main"))
	t.Label("rest")
	t.ADDQ(operand.I32(gemmUnroll), t.k)
	t.JZ(operand.LabelRef("sums"))
	t.Label("single")
	t.step(0)
	t.advance(1)
	t.DECQ(t.k)
	t.JNZ(operand.LabelRef("single"))
	t.Label("sums")
}

// step adds the products of the u-th k from where the pointers stand.
func (t *gemmTile) step(u int) {
	for j, b := range t.bv {
		t.VMOVUPS(at(t.b, (u*t.nv+j)*t.isa.lanes), b)
	}
	for i, row := range t.sum {
		a := t.av[i%len(t.av)]
		t.VBROADCASTSS(at(t.a, u*t.mr+i), a)
		for j, s := range row {
			t.VFMADD231PS(a, t.bv[j], s)
		}
	}
}

func (t *gemmTile) advance(steps int) {
	t.ADDQ(operand.I32(4*steps*t.mr), t.a)
	t.ADDQ(operand.I32(4*steps*t.nv*t.isa.lanes), t.b)
}

// finish writes the sums. The last vector of each row may be cut by n, rows are
// cut by m; on AVX2, where a masked store is slow on some processors, a whole
// last vector has a path of its own.
func (t *gemmTile) finish() {
	t.d = t.arg("d")
	last := t.arg("n")
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
	t.TESTQ(t.d, t.d)
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
				t.load(at(t.d, j*t.isa.lanes), t.bv[j], cut)
				t.VADDPS(s, t.bv[j], s)
			}
			t.store(s, at(t.c, j*t.isa.lanes), cut)
		}
		if i == t.mr-1 {
			break
		}
		t.DECQ(t.m)
		t.JZ(operand.LabelRef(end))
		t.ADDQ(t.ldc, t.c)
		if add {
			t.ADDQ(t.ldd, t.d)
		}
	}
	t.Label(end)
	t.done()
}
