package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What a micro-kernel asks for, and when. A core keeps few lines under way at a time (12
// to 16 fill buffers), and b, which streams from the second-level cache, needs
// them too. 24 lines of c asked for as a tile begins hold b up for as long as the
// third-level cache takes, twice. So every four steps of k ask for one line of c, into
// the first-level cache, and for one of what the next rows of tiles read of a in
// place, into the second: into the first it cost 1 to 2 % where rows are long.
//
// A pass of the main loop asks for one line of half the rows, the next pass for that of the
// other half, and then it goes on to the next line. When all of a has been asked
// for it is asked for again, which keeps it in the cache: b goes through it too. (A call of
// one panel asks for half of it.) And a pass on AVX-512 asks for two lines of what is packed next.
//
// On a Xeon with AVX-512 (November 2026, a loop over as many sets of operands as the
// second-level cache does not hold, as in BenchmarkGemmInTurn, medians of three in turn
// with requests for all of c as a tile begins and for all rows of a at every step), products of 2176
// rows and 128 to 512 columns became 4 to 14 % faster on one thread, those of ViT-B 0 to 4 and
// on two threads 0 to 8; on AVX2 the mean is 1 %.
type gemmAsks struct {
	c, a         reg.GPVirtual // the next line of the tile, and of a
	cLeft, aLeft reg.GPVirtual // passes until all lines have been asked for
	near         reg.GPVirtual // steps in place: the one nearAhead steps on
}

// askedShort is how short k is where the last line of each row of c is asked for at once:
// 8 by 48 has 24 lines, and there are fewer parts of passes. Still shorter ones leave some
// to the stores.
const askedShort = 96

// nearAhead is how many steps ahead columns of a are asked for a second time. They lie so
// far apart that few fit the first-level cache at a time: 512x128x2176 was 5 to 10 %
// faster with it in a loop on one thread, as much with 8 steps and less with 32, and 7 %
// in BenchmarkGemmInTurn on two (four runs in turn, November 2026, Xeon with AVX-512).
const nearAhead = 16

// line is the elements of a cache line.
const line = 16

// lines is how many lines a row of a tile has.
func (t *gemmTile) lines() int { return (t.width() + line - 1) / line }

// spreads reports whether there are so many lines of c that the passes ask for them. One
// for each row are asked for at once.
func (t *gemmTile) spreads() bool { return t.lines() > 1 }

// prepareAsks starts the function.
func (t *gemmTile) prepareAsks() {
	q := &t.asks
	if t.spreads() {
		q.c, q.cLeft = t.GP64(), t.GP64()
	}
	if t.asksForNext() {
		t.SHLQ(operand.U8(2), t.argAt("skip"))
	}
	if t.form == gemmPacked {
		return
	}
	q.a, q.aLeft = t.GP64(), t.GP64()
	t.startAskingForA()
	if t.form != gemmColumns {
		return
	}
	// A tile's part of a step is half a line of 8 rows, so the line
	// after it is asked for by two rows of tiles: the second begins with the second half of the steps.
	q.near = t.GP64()
	first, half := t.label("firstHalf"), t.arg("k")
	t.TESTQ(operand.U32(4*line/2), q.a)
	t.JZ(operand.LabelRef(first))
	t.SHRQ(operand.U8(1), half)
	t.IMULQ(t.lda, half)
	t.ADDQ(half, q.a)
	t.Label(first)
}

// startAskingForA begins with what the rows of tiles below read: MR rows of k elements or,
// of columns, the first half of the k lines that two rows of tiles read.
func (t *gemmTile) startAskingForA() {
	q := &t.asks
	t.Load(t.Param("a"), q.a)
	t.Load(t.Param("k"), q.aLeft)
	if t.form == gemmColumns {
		t.SHRQ(operand.U8(3), q.aLeft) // k/2 lines, four a pass
		t.ADDQ(operand.U8(4*line), q.a)
		return
	}
	t.ADDQ(operand.U8(line-1), q.aLeft)
	t.SHRQ(operand.U8(4), q.aLeft)
	t.ADDQ(q.aLeft, q.aLeft) // two passes for each line: an even number, see nextLine
	t.rowsBelow(q.a, t.lda)
}

// panelAsks starts a panel.
func (t *gemmTile) panelAsks() {
	q := &t.asks
	if t.spreads() {
		t.MOVQ(t.c, q.c)
		t.MOVQ(operand.I32(2*t.lines()), q.cLeft)
		long := t.label("long")
		t.CMPQ(t.argAt("k"), operand.U8(askedShort))
		t.JGE(operand.LabelRef(long))
		t.askColumn(t.lines() - 1)
		t.Label(long)
	} else {
		t.askColumn(0)
	}
	if t.form == gemmColumns {
		t.IMUL3Q(operand.I32(nearAhead), t.lda, q.near)
		t.ADDQ(t.rows[0], q.near)
	}
}

// askColumn asks for one line of each row of c. Rows past the edge are asked for too: a
// prefetch does not fault.
func (t *gemmTile) askColumn(column int) {
	row := t.GP64()
	t.MOVQ(t.c, row)
	for i := range t.mr {
		t.PREFETCHT0(at(row, column*line))
		if i < t.mr-1 {
			t.ADDQ(t.ldc, row)
		}
	}
}

// stepAsks is part of a step, u steps from where the pointers stand.
func (t *gemmTile) stepAsks(u int) {
	if t.form == gemmColumns {
		m := t.element(0, u)
		m.Base = t.asks.near
		t.PREFETCHT0(m)
	}
}

// partAsks ends a part of a pass.
func (t *gemmTile) partAsks() {
	q := &t.asks
	if t.spreads() {
		t.PREFETCHT0(at(q.c, 0))
		t.ADDQ(t.ldc, q.c)
	}
	if t.form != gemmPacked {
		t.PREFETCHT1(at(q.a, 0))
		t.ADDQ(t.lda, q.a)
	}
}

// passAsks ends a pass. Lines of c that have been asked for cost nothing again.
func (t *gemmTile) passAsks() {
	q := &t.asks
	if t.spreads() {
		t.DECQ(q.cLeft)
		t.nextLine(q.c, q.cLeft, t.ldc)
		t.TESTQ(q.cLeft, q.cLeft)
		t.CMOVQLE(t.c, q.c)
	}
	t.askForNext()
	if t.form == gemmPacked {
		return
	}
	more := t.label("more")
	t.DECQ(q.aLeft)
	if t.form == gemmRows {
		t.nextLine(q.a, q.aLeft, t.lda)
		t.TESTQ(q.aLeft, q.aLeft)
	}
	t.JGT(operand.LabelRef(more))
	t.startAskingForA()
	t.Label(more)
}

// asksForNext reports whether there are requests for what is packed next. On AVX2, whose
// passes are half as long, they made products 3 % slower, those of 197 rows no faster. In
// pairs they have not been tried.
func (t *gemmTile) asksForNext() bool { return t.isa.opmasks() && !t.isa.pairs() }

// askForNext asks for two lines of what is packed next, which lies in rows.
func (t *gemmTile) askForNext() {
	if !t.asksForNext() {
		return
	}
	same, next, run := t.label("sameRow"), t.arg("next"), t.GP64()
	t.PREFETCHT1(at(next, 0))
	t.PREFETCHT1(at(next, line))
	t.ADDQ(operand.I32(2*4*line), next)
	t.DECQ(t.argAt("left"))
	t.JNE(operand.LabelRef(same))
	t.ADDQ(t.argAt("skip"), next)
	t.Load(t.Param("run"), run)
	t.MOVQ(run, t.argAt("left"))
	t.Label(same)
	t.MOVQ(next, t.argAt("next"))
}

// nextLine moves p from below the rows of a tile to the next line of the first one, if
// the passes left are even: each has asked for half of the rows.
func (t *gemmTile) nextLine(p, left, stride reg.GPVirtual) {
	half, down := t.label("half"), t.GP64()
	t.TESTQ(operand.U32(1), left)
	t.JNE(operand.LabelRef(half))
	t.IMUL3Q(operand.I32(t.mr), stride, down)
	t.SUBQ(down, p)
	t.ADDQ(operand.U8(4*line), p)
	t.Label(half)
}

// rowsBelow moves p down by the rows of a tile, 6 or 8.
func (t *gemmTile) rowsBelow(p, stride reg.GPVirtual) {
	if t.mr == 8 {
		t.LEAQ(operand.Mem{Base: p, Index: stride, Scale: 8}, p)
		return
	}
	t.LEAQ(operand.Mem{Base: p, Index: stride, Scale: 4}, p)
	t.LEAQ(operand.Mem{Base: p, Index: stride, Scale: 2}, p)
}
