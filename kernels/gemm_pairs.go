package kernels

import "unsafe"

// Products of pairs of bf16, in BF16 on processors that add two products in the time of
// one multiply-add. A pair is two neighbouring steps of k of a row of a or a column of b,
// in a word of 32 bits. In panels of pairs a word has the place of a float32 number, so a
// product goes through the machine as in F32, with half as many steps; what packs
// a panel rounds it on the way. Rows of a whose steps are adjacent are not packed but
// rounded to a copy: eight rows at a time, or all of them first where many blocks of b
// would round them again (fewestBlocks):
//
//	a, float32                    copy
//	[row][k0 k1 k2 k3 ...]  --->  [row][k0|k1 k2|k3 ...]  --->  DotRows8x48 and its like
//
// The earlier step of a pair is added first, so every sum is the same chain of
// additions, each rounded once, as that of rounded operands in F32.

// paired is Pairs.
func (p Precision) paired() bool { return p == BF16 && isa == isaAVX512BF16 }

// words views memory as words of 32 bits.
func words(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// pairA packs panels [r0,r1) of steps [k0,k0+k) of a.
func (g *gemmCall) pairA(dst []uint32, k0, k, r0, r1 int) {
	mr, lane, size := g.tile.mr, r0*g.tile.mr, g.tile.mr*g.steps(k)
	if whole := min(r1-r0, (g.c.Rows-lane)/mr); g.a.lane == 1 && whole > 0 {
		pairPanels(dst, mr, g.a.at(lane, k0), g.a.step, whole, k)
		r0, lane, dst = r0+whole, lane+whole*mr, dst[whole*size:]
	}
	for r := r0; r < r1; r++ {
		pairPanel(dst, mr, g.a, lane, min(mr, g.c.Rows-lane), k0, k)
		lane, dst = lane+mr, dst[size:]
	}
}

// pairB packs panels [c0,c1) of steps [k0,k0+k) of b.
func (g *gemmCall) pairB(dst []uint32, k0, k, c0, c1 int) {
	for c := c0; c < c1; c++ {
		lane, n, width := g.columns.panel(c)
		pairPanel(dst, width, g.b, lane, n, k0, k)
		dst = dst[width*g.steps(k):]
	}
}

// pairPanel is packPanel for pairs: dst [ceil(k/2),width] from lanes [l0,l0+n) and steps
// [k0,k0+k) of src.
func pairPanel(dst []uint32, width int, src lanes, l0, n, k0, k int) {
	switch {
	case src.lane == 1:
		pairCopy(dst, width, width, src.at(l0, k0), src.step, n, k)
	case src.step == 1:
		lanes, steps := n&^15, k&^31 // that pairTranspose takes
		for l := 0; l < lanes && steps > 0; l += 16 {
			pairTranspose(dst[l:], width, src.at(l0+l, k0), src.lane, steps)
		}
		if lanes > 0 && steps < k {
			pairOthers(dst[steps/2*width:], width, lanes, src, l0, lanes, k0+steps, k-steps)
		}
		if lanes < width {
			pairOthers(dst[lanes:], width, width-lanes, src, l0+lanes, n-lanes, k0, k)
		}
	default:
		pairOthers(dst, width, width, src, l0, n, k0, k)
	}
}

// pairCopy pairs the first n of count lanes of a panel, which are adjacent in memory; the
// others become 0.
func pairCopy(dst []uint32, width, count int, src []float32, stride, n, k int) {
	for l := 0; l < count; l += 16 {
		part, to := min(16, n-l), dst[l:]
		if lanes := min(16, count-l); part < lanes {
			clearWords(to, width, lanes, (k+1)/2)
		}
		if part <= 0 {
			continue
		}
		if k > 1 {
			pairLanes(to, width, src[l:], src[stride+l:], 2*stride, part, k/2)
		}
		if k%2 == 1 {
			pairLanes(to[k/2*width:], width, src[(k-1)*stride+l:], noRow[:], 0, part, 1)
		}
	}
}

// clearWords zeroes adjacent lanes of a panel.
func clearWords(dst []uint32, width, lanes, k int) {
	for p := range k {
		clear(dst[p*width:][:lanes])
	}
}

// pairOthers packs some lanes of a panel, those from n on with zeros, of whatever
// layout: a few steps are packed as float32 numbers first.
func pairOthers(dst []uint32, width, count int, src lanes, l0, n, k0, k int) {
	const most = 32
	var floats [most * 48]float32
	if n <= 0 {
		clearWords(dst, width, count, (k+1)/2)
		return
	}
	for p := 0; p < k; p += most {
		steps := min(most, k-p)
		packPanel(floats[:], count, src, l0, n, k0+p, steps)
		pairCopy(dst[p/2*width:], width, count, floats[:], count, count, steps)
	}
}

// fewestBlocks is how many blocks of columns are worth rounding all of a first: fewer
// round its rows as they come to them, every block anew. From three blocks on it made
// products 3 to 6 % faster, with two it made no difference (Zen 4, one thread, November
// 2026, medians of four in turn; BenchmarkGemm with prec=bf16, n 2304 and 3072).
const fewestBlocks = 3

// roundedGap keeps the rows of a rounded copy of a from sharing sets of the first-level
// cache.
const roundedGap = 16

// roundRows rounds all of a, whose rows' steps are adjacent, to memory that the
// workers share.
func (g *gemmCall) roundRows(memory *scratch, workers int) {
	stride := roundUp(g.steps(g.k), roundedGap) + roundedGap
	g.rounded = lanes{data: memory.floats(g.rowPanels() * g.tile.mr * stride), lane: stride, step: 1}
	dispatch((*gemmRound)(g), g.rowPanels(), workers)
}

// gemmRound rounds rows of a: one item is one panel.
type gemmRound gemmCall

func (j *gemmRound) run(_, r int) {
	g := (*gemmCall)(j)
	mr, stride := g.tile.mr, g.rounded.lane
	g.pairRows(words(g.rounded.data)[r*mr*stride:], stride, r, 0, g.k)
}

// pairRows rounds steps [k0,k0+k) of panel r of a to rows some words apart. Rows past the
// last become 0.
func (g *gemmCall) pairRows(dst []uint32, stride, r, k0, k int) {
	mr := g.tile.mr
	n := min(mr, g.c.Rows-r*mr)
	for i := range mr {
		row := dst[i*stride:][:g.steps(k)]
		if i < n {
			pairRun(row, g.a.at(r*mr+i, k0)[:k])
		} else {
			clear(row)
		}
	}
}

// multiplyPairs is multiplyRows for rows whose steps are adjacent: from where all of a
// was rounded to, or rounding a panel now.
func (b *gemmBlock) multiplyPairs(r, r1 int) {
	mr := b.tile.mr
	first, _ := kPiece(b.k, b.p0)
	_, last := kPiece(b.k, b.p1-1)
	for ; r < r1; r++ {
		rows, stride := b.packedA, b.steps(last-first)+roundedGap
		if b.rounded.data != nil {
			rows, stride = b.rounded.at(r*mr, b.steps(first)), b.rounded.lane
		} else {
			b.pairRows(words(rows), stride, r, first, last-first)
		}
		for p := b.p0; p < b.p1; p++ {
			lo, hi := kPiece(b.k, p)
			if b.rounded.data == nil && r+1 < b.c.Rows/mr {
				prefetch(b.a.at((r+1)*mr, lo), b.a.lane, mr, (hi-lo+15)/16)
			}
			b.multiplyTileRows(tileRows{data: rows[b.steps(lo-first):], form: rowsInPlace, stride: stride}, r, r+1, p)
		}
		b.finishRows(r, r+1)
	}
}
