package kernels

import (
	"runtime"
	"sync/atomic"
)

// A product of very few tiles with a long reduction, such as the weight gradient of
// a 1x1 convolution of few channels, leaves workers idle if they share its tiles, and
// both operands pass through once. Then an item is a piece of k: it packs its part of
// both operands, which nobody else reads, computes what they give in memory of its
// own, and adds that to c when all earlier pieces have been added. So the bits
// are those of one worker. Pieces are taken in order, so whoever waits waits for
// one under way.
//
// On two workers of a Xeon with AVX-512 (November 2026, means of three alternating
// runs), sharing the pieces took 64x64x8320 from 180 to 194 GFLOP/s; for 128x128 to
// 512x512 and k from 1024 to 16384 it was 0.90 to 1.04 times as fast as sharing the tiles,
// so those do not.

// pieceTiles is the most tiles of c for each worker that are worth it.
const pieceTiles = 8

// pieceParts is the most parts that the rows of a piece are cut into.
const pieceParts = 16

// piecePanels is how many panels of a are packed in one go.
const piecePanels = 8

// byPieces reports whether the pieces of k are shared.
func (g *gemmCall) byPieces(workers int) bool {
	return workers > 1 && kPieces(g.k) >= 2*workers && g.rowPanels()*g.columns.panels <= pieceTiles*workers
}

// multiplyPieces computes c piece by piece.
func (g *gemmCall) multiplyPieces(workers int) {
	pieces := kPieces(g.k)
	g.mItems = 1
	if pieces%workers != 0 && pieces < 8*workers {
		g.mItems = min(workers, g.rowPanels(), pieceParts) // the last pieces would leave workers idle
	}
	g.workspace.piece.Store(0)
	for i := range g.mItems {
		g.workspace.turns[i].Store(0)
	}
	reserveItems(g.pieceElements())
	dispatch((*gemmPiece)(g), pieces*g.mItems, workers)
	if !g.epilogue.none() {
		g.epilogue.applyAll(g.c)
	}
}

// pieceElements is the size of what an item packs and computes.
func (g *gemmCall) pieceElements() int {
	return (g.columns.lanes+piecePanels*g.tile.mr)*maxK + ceilDiv(g.rowPanels(), g.mItems)*g.tile.mr*g.c.Cols
}

// gemmPiece is the product of one piece of k and some rows.
type gemmPiece gemmCall

func (j *gemmPiece) run(worker, _ int) {
	g := (*gemmCall)(j)
	item := int(g.workspace.piece.Add(1)) - 1
	p, part := item/g.mItems, item%g.mItems
	lo, hi := kPiece(g.k, p)
	k, mr, panels := g.steps(hi-lo), g.tile.mr, g.rowPanels()
	memory := itemScratches.take(worker)
	b := memory.floats(g.pieceElements())
	a := b[g.columns.lanes*maxK:]
	if g.whole != nil {
		b = g.whole[g.steps(lo)*g.columns.lanes:]
	} else {
		g.packB(b, p, 0, g.columns.panels)
	}
	sums := a[piecePanels*mr*maxK:]
	turn := &g.workspace.turns[part]
	defer turn.Store(int64(p + 1))
	first, last := panels*part/g.mItems, panels*(part+1)/g.mItems
	for r := first; r < last; r += piecePanels {
		end := min(r+piecePanels, last)
		g.packA(a, p, r, end)
		for i := r; i < end; i++ {
			out := tileOutput{c: sums[(i-first)*mr*g.c.Cols:], ldc: g.c.Cols, rows: min(mr, g.c.Rows-i*mr)}
			g.multiplyTiles(out, tileRows{data: a[(i-r)*mr*k:]}, b, k, 0, g.columns.panels)
		}
	}
	await(turn, int64(p))
	g.addPiece(p, first*mr, min(g.c.Rows, last*mr), sums)
	itemScratches.give(worker, memory)
}

// await returns once turn is at least n.
func await(turn *atomic.Int64, n int64) {
	for spins := 1; turn.Load() < n; spins++ {
		if spins%spinRound == 0 {
			runtime.Gosched()
		}
	}
}

// addPiece adds what piece p gives for rows [r0,r1) to c.
func (g *gemmCall) addPiece(p, r0, r1 int, sums []float32) {
	n := g.c.Cols
	for r := r0; r < r1; r++ {
		row, from := g.c.Data[r*g.c.RowStride:][:n], sums[(r-r0)*n:][:n]
		switch {
		case p > 0 || g.accumulate:
			add(row, row, from)
		case g.bias != nil:
			add(row, g.bias[:n], from)
		default:
			copy(row, from)
		}
	}
}
