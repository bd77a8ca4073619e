package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitConv emits the micro-kernels of convolution: tiles of the outputs, one
// per panel width, and tiles of the weights' gradient, one per number of units.
func emitConv(e *emitter) {
	for _, nv := range e.isa.gemmNV {
		(&convTile{tile: newTile(e, e.isa.gemmMR, nv)}).emit()
	}
	unit := convUnit / e.isa.lanes
	widest := e.isa.gemmNV[0] / unit
	e.define("ConvUnits", widest, "is the units of ConvUnit columns that a tile of the weights' gradient has at most.")
	e.define("ConvUnit", convUnit, "is the columns of a unit.")
	for units := widest; units > 0; units-- {
		(&convGradTile{tile: newTile(e, e.isa.gemmMR, units*unit), units: units}).emit()
	}
}

// convUnit is how many adjacent columns of the weights' gradient have one
// address, on every instruction set.
const convUnit = 16

// tile holds the vectors of a register tile: the sums, one vector per column of
// vectors of b, and two broadcast elements of a.
type tile struct {
	*emitter
	mr, nv int
	sum    [][]reg.VecVirtual // [mr][nv]
	bv     []reg.VecVirtual   // [nv]
	av     []reg.VecVirtual   // [2]
}

func newTile(e *emitter, mr, nv int) tile { return tile{emitter: e, mr: mr, nv: nv} }

// clear makes the registers and zeroes the sums.
func (t *tile) clear() {
	t.bv, t.av = t.vs(t.nv), t.vs(2)
	t.sum = make([][]reg.VecVirtual, t.mr)
	for i := range t.sum {
		t.sum[i] = t.vs(t.nv)
		for _, s := range t.sum[i] {
			t.zero(s)
		}
	}
}

// step adds the products of one k: b(j) is the address of vector j of b, a(i)
// that of element i of a.
func (t *tile) step(a, b func(int) operand.Mem) {
	for j, v := range t.bv {
		t.VMOVUPS(b(j), v)
	}
	for i, row := range t.sum {
		v := t.av[i%len(t.av)]
		t.VBROADCASTSS(a(i), v)
		for j, s := range row {
			t.multiplyAdd(v, t.bv[j], s)
		}
	}
}

// ofPairs says in a doc comment that a and b hold pairs, where they do.
func (t *tile) ofPairs() string {
	if t.isa.pairs() {
		return ", of pairs"
	}
	return ""
}

// place loads element i of a table of offsets and adds it to base.
func (t *tile) place(base, table reg.Register, i int) reg.GPVirtual {
	p := t.GP64()
	t.MOVQ(operand.Mem{Base: table, Disp: 8 * i}, p)
	t.LEAQ(operand.Mem{Base: base, Index: p, Scale: 4}, p)
	return p
}

// convTile emits a tile of outputs. Its rows are pixels, whose places in a and
// c are read from tables, so that a tile may cross the edges of rows and images.
// Registers: one pointer for each row, which all move by one index.
type convTile struct {
	tile
	row    []reg.GPVirtual
	b      reg.GPVirtual
	offset reg.GPVirtual // bytes from the pointers of the rows
}

// emit emits the function:
//
//	for s := range segments {
//		for p := range k {
//			for i := range MR { for j := range NR { sum[i][j] += a[aAt[i]+s*(k+gap)+p] * b[(s*k+p)*NR+j] } }
//		}
//	}
//	for i := range m { for j := range n { c[cAt[i]+j] = max(floor, (d[dAt[i]+j] + e[j]) + sum[i][j]) } }
func (t *convTile) emit() {
	width := t.nv * t.isa.lanes
	of, operands := "ConvTile", "a *float32, aAt *int, segments, k, gap int, b, c *float32"
	if t.isa.pairs() {
		of, operands = "ConvDots", "a *uint32, aAt *int, segments, k, gap int, b *uint32, c *float32"
	}
	name := fmt.Sprintf("%s%dx%d", of, t.mr, width)
	t.function(name, "func("+operands+", cAt *int, d *float32, dAt *int, m, n int, e *float32, floor float32)",
		fmt.Sprintf("%s is generic.%s2x4 with %d rows and %d columns, each sum one chain of fused", name, of, t.mr, width),
		"multiply-adds in increasing s and p"+t.ofPairs()+":",
		"",
		fmt.Sprintf("\tc[cAt[i]+j] = max(floor, (d[dAt[i]+j] + e[j]) + sum over s<segments, p<k of a[aAt[i]+s*(k+gap)+p]*b[(s*k+p)*%d+j])", width),
		"",
		fmt.Sprintf("Shapes: aAt, cAt, dAt [%d]; b [segments,k,%d]; k at least 1; m 1 to %d, n %d to %d.", t.mr, width, t.mr, width-t.isa.lanes+1, width),
		"Writes: m rows of n elements of c. d nil stands for zeros; d may be c. e nil: there is neither",
		"e nor floor; otherwise d is not nil.")
	t.clear()
	t.prefetch()
	a, aAt := t.arg("a"), t.arg("aAt")
	for i := range t.mr {
		t.row = append(t.row, t.place(a, aAt, i))
	}
	t.b, t.offset = t.arg("b"), t.GP64()
	t.XORQ(t.offset, t.offset)
	t.multiply()
	t.finish()
}

// prefetch asks for the rows of c, which the end of the function needs.
func (t *convTile) prefetch() {
	c, cAt := t.arg("c"), t.arg("cAt")
	for i := range t.mr {
		p := t.place(c, cAt, i)
		for line := 0; line < t.nv*t.isa.lanes; line += 16 {
			t.PREFETCHT0(at(p, line))
		}
	}
}

// multiply emits the loops over segments and k.
func (t *convTile) multiply() {
	segments := t.arg("segments")
	t.TESTQ(segments, segments)
	t.JZ(operand.LabelRef("sums"))
	t.Label("segment")
	k := t.arg("k")
	t.SUBQ(operand.I32(gemmUnroll), k)
	t.JLT(operand.LabelRef("rest"))
	t.Label("main")
	t.steps(gemmUnroll)
	t.SUBQ(operand.I32(gemmUnroll), k)
	t.JGE(operand.LabelRef("main"))
	t.Label("rest")
	t.ADDQ(operand.I32(gemmUnroll), k)
	t.JZ(operand.LabelRef("next"))
	t.Label("single")
	t.steps(1)
	t.DECQ(k)
	t.JNZ(operand.LabelRef("single"))
	t.Label("next")
	gap := t.arg("gap")
	t.LEAQ(operand.Mem{Base: t.offset, Index: gap, Scale: 4}, t.offset)
	t.DECQ(segments)
	t.JNZ(operand.LabelRef("segment"))
	t.Label("sums")
}

func (t *convTile) steps(n int) {
	for u := range n {
		t.step(func(i int) operand.Mem { return indexed(t.row[i], t.offset, 1, u) },
			func(j int) operand.Mem { return at(t.b, (u*t.nv+j)*t.isa.lanes) })
	}
	t.ADDQ(operand.I32(4*n), t.offset)
	t.ADDQ(operand.I32(4*n*t.nv*t.isa.lanes), t.b)
}

// finish writes the sums. The last vector of each row may be cut by n, rows are
// cut by m; on AVX2, where a masked store is slow on some processors, a whole
// last vector has a path of its own.
func (t *convTile) finish() {
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

// storeEither emits the ways to write the tile: with d, e and floor, with d, and
// without.
func (t *convTile) storeEither(last *tail, name string) {
	e := t.arg("e")
	t.TESTQ(e, e)
	t.JZ(operand.LabelRef("plain" + name))
	t.storeRows(last, t.arg("d"), e)
	t.Label("plain" + name)
	d := t.arg("d")
	t.TESTQ(d, d)
	t.JZ(operand.LabelRef("overwrite" + name))
	t.storeRows(last, d, nil)
	t.Label("overwrite" + name)
	t.storeRows(last, nil, nil)
}

func (t *convTile) storeRows(last *tail, d, e reg.Register) {
	end := t.label("end")
	c, cAt, m := t.arg("c"), t.arg("cAt"), t.arg("m")
	var dAt reg.GPVirtual
	if d != nil {
		dAt = t.arg("dAt")
	}
	var floor, more, sum reg.VecVirtual // fresh ones: a tail needs the place of another
	if e != nil {
		floor, more, sum = t.v(), t.v(), t.v()
		t.argTo("floor", floor)
	}
	for i, row := range t.sum {
		to := t.place(c, cAt, i)
		var from reg.GPVirtual
		if d != nil {
			from = t.place(d, dAt, i)
		}
		for j, s := range row {
			cut := last
			if j < t.nv-1 {
				cut = nil
			}
			if d != nil {
				old := t.bv[j]
				if e != nil {
					old = sum
				}
				t.load(at(from, j*t.isa.lanes), old, cut)
				if e != nil {
					t.load(at(e, j*t.isa.lanes), more, cut)
					t.VADDPS(more, old, old)
				}
				t.VADDPS(s, old, s)
			}
			if e != nil {
				t.VMAXPS(s, floor, s) // a NaN in s stays
			}
			t.store(s, at(to, j*t.isa.lanes), cut)
		}
		if i < t.mr-1 {
			t.DECQ(m)
			t.JZ(operand.LabelRef(end))
		}
	}
	t.Label(end)
	t.done()
}

// convGradTile emits a tile of the gradient of the weights. Its rows are
// filters, its columns units of 16 adjacent elements of a row of taps; the sum
// runs over pixels, row of pixels by row of pixels.
type convGradTile struct {
	tile
	units int
}

// emit emits the function:
//
//	for r := range rows {
//		for p := range k {
//			for i := range MR { for j := range units { for l := range 16 {
//				sum[i][j][l] += a[(at[2*r]+p)*aStep+i] * b[at[2*r+1]+p*bStep+bAt[j]+l]
//			} } }
//		}
//	}
//	for i := range m { for j := range units { for l := range n { c[i*ldc+cAt[j]+l] (+)= sum[i][j][l] } } }
func (t *convGradTile) emit() {
	of, operand1, operand2 := "ConvGradTile", "a *float32", "b *float32"
	if t.isa.pairs() {
		of, operand1, operand2 = "ConvGradDots", "a *uint32", "b *uint32"
	}
	name := fmt.Sprintf("%s%dx%d", of, t.mr, t.units)
	t.function(name, fmt.Sprintf("func(rows, k int, at *int, %s, aStep int, %s, bStep int, bAt *int, c *float32, ldc int, cAt *int, m, n, add int)", operand1, operand2),
		fmt.Sprintf("%s is generic.%s2x1 with %d rows and %d units, each sum one chain of", name, of, t.mr, t.units),
		"fused multiply-adds in increasing r and p"+t.ofPairs()+":",
		"",
		"\tc[i*ldc+cAt[j]+l] = (c[i*ldc+cAt[j]+l] if add is 1)",
		"\t                   + sum over r<rows, p<k of a[(at[2*r]+p)*aStep+i]*b[at[2*r+1]+p*bStep+bAt[j]+l]",
		"",
		fmt.Sprintf("Shapes: at [rows,2]; bAt, cAt [%d]; k at least 1; m 1 to %d, n 1 to %d. All %d rows", t.units, t.mr, convUnit, t.mr),
		fmt.Sprintf("of a and %d lanes of each unit of b are read.", convUnit),
		"Writes: m rows of n elements in each unit of c.")
	t.clear()
	a, b := t.arg("a"), t.arg("b")
	aStep, bStep := t.arg("aStep"), t.arg("bStep")
	t.SHLQ(operand.U8(2), aStep)
	t.SHLQ(operand.U8(2), bStep)
	unit := make([]reg.GPVirtual, t.units)
	bAt := t.arg("bAt")
	for j := range unit {
		unit[j] = t.place(b, bAt, j)
	}
	rows, table := t.arg("rows"), t.arg("at")
	t.TESTQ(rows, rows)
	t.JZ(operand.LabelRef("sums"))
	perUnit := convUnit / t.isa.lanes
	t.Label("row")
	ap, offset := t.GP64(), t.GP64()
	t.MOVQ(operand.Mem{Base: table}, ap)
	t.IMULQ(aStep, ap)
	t.ADDQ(a, ap)
	t.MOVQ(operand.Mem{Base: table, Disp: 8}, offset)
	t.SHLQ(operand.U8(2), offset)
	t.ADDQ(operand.U8(16), table)
	k := t.arg("k")
	t.Label("pixel")
	t.step(func(i int) operand.Mem { return at(ap, i) },
		func(j int) operand.Mem {
			return indexed(unit[j/perUnit], offset, 1, j%perUnit*t.isa.lanes)
		})
	t.ADDQ(aStep, ap)
	t.ADDQ(bStep, offset)
	t.DECQ(k)
	t.JNZ(operand.LabelRef("pixel"))
	t.DECQ(rows)
	t.JNZ(operand.LabelRef("row"))
	t.Label("sums")
	t.finish()
}

// finish writes the sums: whole units with plain stores, cut ones with masks.
func (t *convGradTile) finish() {
	n := t.arg("n")
	t.CMPQ(n, operand.I32(convUnit))
	t.JLT(operand.LabelRef("cut"))
	t.storeEither(nil, "Whole")
	t.Label("cut")
	t.storeEither(t.tailsOf(n), "Cut")
}

// tailsOf selects the first n of the lanes of a unit, vector by vector.
func (t *convGradTile) tailsOf(n reg.GPVirtual) []*tail {
	if t.isa.lanes == convUnit {
		return []*tail{t.tailOf(n)}
	}
	zero, most := t.GP64(), t.GP64()
	t.XORQ(zero, zero)
	t.MOVQ(operand.I32(t.isa.lanes), most)
	var tails []*tail
	for v := range convUnit / t.isa.lanes {
		lanes := t.GP64()
		t.MOVQ(n, lanes)
		t.SUBQ(operand.I32(v*t.isa.lanes), lanes)
		t.CMOVQLT(zero, lanes)
		t.CMPQ(lanes, most)
		t.CMOVQGT(most, lanes)
		tails = append(tails, t.tailOf(lanes))
	}
	return tails
}

func (t *convGradTile) storeEither(tails []*tail, name string) {
	add := t.arg("add")
	t.TESTQ(add, add)
	t.JZ(operand.LabelRef("overwrite" + name))
	t.storeRows(tails, true)
	t.Label("overwrite" + name)
	t.storeRows(tails, false)
}

func (t *convGradTile) storeRows(tails []*tail, add bool) {
	end := t.label("end")
	c, ldc, cAt, m := t.arg("c"), t.arg("ldc"), t.arg("cAt"), t.arg("m")
	t.SHLQ(operand.U8(2), ldc)
	unit := make([]reg.GPVirtual, t.units)
	for j := range unit {
		unit[j] = t.place(c, cAt, j)
	}
	old, perUnit := t.bv[0], convUnit/t.isa.lanes
	for i, row := range t.sum {
		for j, s := range row {
			var cut *tail
			if tails != nil {
				cut = tails[j%perUnit]
			}
			to := at(unit[j/perUnit], j%perUnit*t.isa.lanes)
			if add {
				t.load(to, old, cut)
				t.VADDPS(s, old, s)
			}
			t.store(s, to, cut)
		}
		if i == t.mr-1 {
			break
		}
		t.DECQ(m)
		t.JZ(operand.LabelRef(end))
		for _, p := range unit {
			t.ADDQ(ldc, p)
		}
	}
	t.Label(end)
	t.done()
}
