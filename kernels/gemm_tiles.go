package kernels

import (
	"sync/atomic"
	"unsafe"

	"lethe/kernels/internal/generic"
)

// Products on tiles. Operands are rounded to bf16, or split in two planes of it,
// while they are packed; the panels are drawn in package generic. A call of the
// micro-kernel multiplies many panels of a with one of b:
//
//	for some columns:                     (all of them, but for huge products)
//	  for each piece of k:
//	    pack the columns of b, unless there is one block of rows
//	    for each block of rows, each part of the columns: an item
//	      pack the block, unless it is the one of the worker's last item
//	      for each panel of b:            streams past the block, which stays in the second-level cache
//	        multiply all panels of the block with it
//	      after the last piece: epilogue, a few panels at a time
//
// So a worker packs what it multiplies of a itself, and no core waits for what another one
// has just written: that takes as long as packing it again. With one block of rows each panel of b
// is used once, and packed by whoever multiplies too. The sums of a block of c travel through c from
// one piece of k to the next, so its bits depend on K alone and not on how anything is cut.

// Measured on a Xeon with AMX and 2 MiB of second-level cache (November 2026), one thread
// unless said. tilePiece: a step of 25 panels past the first-level cache takes 46 to 48 ns
// with pieces of 16 and 24 steps of k and 72 with 32; 832 leaves 800 whole. tileEndColumns: the
// MLPs of ViT-B (lethe budget, two threads) took 0.61 of the time of its linear maps with 4 and
// with 8, 0.67 with 2, 0.73 with 1. The others follow from the caches and were not varied
// by themselves; BenchmarkGemm has the shapes. tileFewRows: see cutRows. tileResident, two threads, 14 products
// in turn: with 0.8 and 0.6 MiB 1.09 times as fast as with 1.25 MiB, with 0.5 and 0.35 MiB 0.97.
const (
	tileLanes        = generic.TileLanes
	tilePiece        = 832       // most elements of k at a time, in all planes
	tileResident     = 320 << 10 // elements of a block of a in all its planes: 0.6 MiB
	tileOwnPanels    = 32        // most panels of a block where there are many
	tileFewRows      = 4         // fewest panels of a block, if there are so many
	tileChunkColumns = 3072      // columns of c for which b is packed at a time
	tileEndColumns   = 4         // panels of b between two epilogues
	tileSerial       = 8 << 20   // 2*M*N*K below which one goroutine does it all
)

// tileCall is one product on tiles under way. c has unit ColStride.
type tileCall struct {
	c          Mat
	a, b       lanes
	bias       []float32
	accumulate bool
	epilogue   Epilogue
	k          int
	planes     int
	whole      []uint16 // all panels of b, if they were packed before

	ownB           bool     // b is packed by the items, each of its own panels
	packedB        []uint16 // panels [c0,c1) of the piece, unless ownB
	lo, hi         int      // the piece of k
	number         uint64   // of that, unlike any other of any call, before that of a block
	c0, c1         int      // panels of b
	block          int      // most panels of a in a block
	mItems, nItems int      // blocks, and parts of the columns
}

// tileNumbers counts blocks of pieces.
var tileNumbers atomic.Uint64

var tileCalls freeList[tileCall]

// gemmOnTiles computes c = (c) + a*b + bias on tiles. K is at least 1, and a bias
// does not meet an accumulation.
func gemmOnTiles(ws *workspace, c, a, b Mat, o GemmOptions, workers int) {
	t := tileCalls.get()
	*t = tileCall{c: c, a: lanesOfRows(a), b: lanesOfRows(b.T()), bias: o.Bias, accumulate: o.Accumulate, epilogue: o.Epilogue, k: a.Cols, planes: 1}
	if o.Precision == BF16x3 {
		t.planes = 2
	}
	if 2*float64(c.Rows)*float64(c.Cols)*float64(t.k) < tileSerial {
		workers = 1
	}
	t.whole = o.Packed.halves(t.planes)
	t.multiply(ws, workers)
	*t = tileCall{} // keep no operand alive
	tileCalls.put(t)
}

// tileBuffer returns the buffer for n bf16 numbers that all workers read.
func (ws *workspace) tileBuffer(n int) []uint16 {
	return halves(ws.sharedFloats(ceilDiv(n, 2)))[:n]
}

// halves views memory as numbers of 16 bits.
func halves(x []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}

// tilePieces is how many pieces of k there are, and tileCut where piece i begins: at
// whole steps. Both depend on K and the planes alone.
func tilePieces(k, planes int) int { return ceilDiv(k, tilePiece/planes) }

func tileCut(k, planes, i int) int {
	return min(k, ceilDiv(k, generic.TileDepth)*i/tilePieces(k, planes)*generic.TileDepth)
}

// multiply goes through columns and pieces of k.
func (t *tileCall) multiply(ws *workspace, workers int) {
	pieces := tilePieces(t.k, t.planes)
	t.lo, t.hi = 0, 0
	for i := range pieces {
		t.hi = max(t.hi, tileCut(t.k, t.planes, i+1)-tileCut(t.k, t.planes, i))
	}
	t.cutRows(workers)
	columns := min(t.columnPanels(), tileChunkColumns/tileLanes)
	if !t.ownB && t.whole == nil {
		t.packedB = ws.tileBuffer(columns * t.panelSize())
	}
	reserveItems(t.itemElements())
	for t.c0 = 0; t.c0 < t.columnPanels(); t.c0 = t.c1 {
		t.c1 = min(t.columnPanels(), t.c0+columns)
		t.cutColumns(workers)
		for i := range pieces {
			t.lo, t.hi = tileCut(t.k, t.planes, i), tileCut(t.k, t.planes, i+1)
			if !t.ownB && t.whole == nil {
				dispatch((*tilePack)(t), t.c1-t.c0, workers)
			}
			t.number = tileNumbers.Add(uint64(t.mItems)) - uint64(t.mItems) + 1
			dispatch((*tileMultiply)(t), t.mItems*t.nItems, workers)
		}
	}
}

// cutRows chooses the blocks of rows: as many as stay in the second-level cache, but one for
// each worker where b is packed, or would be read by other cores than that which packed
// it and is the smaller operand; else one for two. Two threads, medians of 40 in turn with the
// rows packed by all before the items: with b packed before 0.81 to 0.92 of the time from 256
// to 800 rows, 0.78 to 0.90 in two planes; else 0.84 to 1.01, and 0.71 to 1.01. Of 7 panels, one block was 1.07 to 1.13
// times as fast as two, of 8 and more two were 0.97 to 1.18 (b packed before; Xeon with AMX, November 2026).
func (t *tileCall) cutRows(workers int) {
	rows := t.rowPanels()
	most := max(1, tileResident/(tileLanes*roundUp(min(t.hi, t.k), generic.TileDepth)*t.planes))
	t.mItems = ceilDiv(rows, most)
	if blocks := ceilDiv(rows, min(most, tileOwnPanels)); blocks >= max(3, 2*workers) {
		t.mItems = min(rows, roundUp(blocks, workers))
	} else if workers > 1 {
		wanted := workers
		if t.whole == nil && t.c.Cols >= t.c.Rows {
			wanted = ceilDiv(workers, 2)
		}
		t.mItems = max(t.mItems, min(roundUp(t.mItems, wanted), rows/tileFewRows))
	}
	t.block, t.ownB = ceilDiv(rows, t.mItems), t.whole == nil && t.mItems == 1
}

// cutColumns chooses the parts of the columns, so that there are some items for each worker.
func (t *tileCall) cutColumns(workers int) {
	t.nItems = 1
	if workers > 1 {
		t.nItems = min(t.c1-t.c0, ceilDiv(tileShare*workers, t.mItems))
	}
}

// tileShare is how many items each worker has at least.
const tileShare = 4

func (t *tileCall) rowPanels() int    { return ceilDiv(t.c.Rows, tileLanes) }
func (t *tileCall) columnPanels() int { return ceilDiv(t.c.Cols, tileLanes) }

// panelSize is the size of a panel of the piece, in bf16 numbers.
func (t *tileCall) panelSize() int {
	return t.steps() * generic.TileDepth * tileLanes * t.planes
}

// steps is how many steps of tiles the piece has.
func (t *tileCall) steps() int { return ceilDiv(t.hi-t.lo, generic.TileDepth) }

// The memory of an item: where it packs b, a panel of that; a block of c; an operand's
// panel as float32 numbers; a block of a.
const (
	tileOwn    = tileLanes * tilePiece / 2
	tileBlock  = tileLanes * tileLanes
	tileFloats = tileLanes * tilePiece
)

func (t *tileCall) itemElements() int {
	return tileOwn + tileBlock + tileFloats + t.block*t.panelSize()/2
}

// tilePack packs b: one item is one panel.
type tilePack tileCall

func (j *tilePack) run(worker, item int) {
	t := (*tileCall)(j)
	memory := itemScratches.take(worker)
	t.packB(t.packedB[item*t.panelSize():], t.c0+item, memory.floats(tileFloats))
	itemScratches.give(worker, memory)
}

// packA packs panel i of a: rows.
func (t *tileCall) packA(dst []uint16, i int, floats []float32) {
	if t.pack(dst, t.a, i*tileLanes, min(tileLanes, t.c.Rows-i*tileLanes), floats) != asRows {
		transposeTiles(dst, t.panelSize()/(generic.TileDepth*tileLanes/2))
	}
}

// packB packs panel j of b: pairs.
func (t *tileCall) packB(dst []uint16, j int, floats []float32) {
	if t.pack(dst, t.b, j*tileLanes, min(tileLanes, t.c.Cols-j*tileLanes), floats) != asPairs {
		transposeTiles(dst, t.panelSize()/(generic.TileDepth*tileLanes/2))
	}
}

// panelOfB is where panel j of the piece lies in what was packed before: all
// pieces but the last are whole.
func (t *tileCall) panelOfB(j int) []uint16 {
	return t.whole[t.lo*t.columnPanels()*tileLanes*t.planes+j*t.panelSize():]
}

// tileOrder is how a panel was packed.
type tileOrder int

const (
	asRows tileOrder = iota
	asPairs
)

// pack packs lanes [l,l+n) of the piece of an operand the way that suits how it
// lies in memory.
func (t *tileCall) pack(dst []uint16, src lanes, l, n int, floats []float32) tileOrder {
	k, from := t.hi-t.lo, src.at(l, t.lo)
	switch {
	case src.step == 1 || k == 1:
		packTileRows(dst, t.planes, from, src.lane, n, k)
		return asRows
	case src.lane == 1:
		packTilePairs(dst, t.planes, from, src.step, n, k)
	default:
		packStrided(floats[:k*tileLanes], tileLanes, from, src, n, k)
		packTilePairs(dst, t.planes, floats, tileLanes, n, k)
	}
	return asPairs
}

// tileMultiply computes c: one item is a block of rows and some columns. The items of a
// block follow each other, so that mostly one worker has them, who packs it once.
type tileMultiply tileCall

func (j *tileMultiply) run(worker, item int) {
	t := (*tileCall)(j)
	memory := itemScratches.take(worker)
	own := memory.keep(t.itemElements())
	panel, block, floats := halves(own[:tileOwn]), own[tileOwn:][:tileBlock], own[tileOwn+tileBlock:][:tileFloats]
	mi, ni := item/t.nItems, item%t.nItems
	rows, columns := t.rowPanels(), t.c1-t.c0
	r0, r1 := rows*mi/t.mItems, rows*(mi+1)/t.mItems
	c0, c1 := t.c0+columns*ni/t.nItems, t.c0+columns*(ni+1)/t.nItems
	a := halves(own[tileOwn+tileBlock+tileFloats:])
	if number := t.number + uint64(mi); memory.held != number {
		memory.held = 0
		for r := r0; r < r1; r++ {
			t.packA(a[(r-r0)*t.panelSize():], r, floats)
		}
		memory.held = number
	}
	ways := newTileWays()
	for c, done := c0, c0; c < c1; c++ {
		b := panel
		switch {
		case t.whole != nil:
			b = t.panelOfB(c)
		case t.ownB:
			t.packB(b, c, floats)
		default:
			b = t.packedB[(c-t.c0)*t.panelSize():]
		}
		ways.start()
		t.multiplyPanels(r0, r1, c, a, b, block, ways.way)
		ways.end()
		if c+1-done == tileEndColumns || c+1 == c1 {
			t.finish(r0, r1, done, c+1)
			done = c + 1
		}
	}
	itemScratches.give(worker, memory)
}

// finish does the epilogue of panels [r0,r1) of a and [c0,c1) of b, if their sums are
// whole.
func (t *tileCall) finish(r0, r1, c0, c1 int) {
	if t.hi < t.k || t.epilogue.none() {
		return
	}
	t.epilogue.apply(t.c, r0*tileLanes, min(t.c.Rows, r1*tileLanes), c0*tileLanes, min(t.c.Cols, c1*tileLanes))
}

// multiplyPanels multiplies panels [r0,r1) of a with panel j of b. The first
// piece of k sets c up, the others add to it.
func (t *tileCall) multiplyPanels(r0, r1, j int, a, b []uint16, block []float32, way tileWay) {
	column, stride := j*tileLanes, t.c.RowStride
	rows, n := min(t.c.Rows, r1*tileLanes)-r0*tileLanes, min(tileLanes, t.c.Cols-column)
	out := t.c.Data[r0*tileLanes*stride+column:]
	d, ldd := out, stride
	if t.lo == 0 && !t.accumulate {
		d, ldd = nil, 0
		if t.bias != nil {
			d = t.bias[column:]
		}
	}
	if n == tileLanes {
		tilePanels(t.planes, rows, t.steps(), a, b, out, stride, d, ldd, way)
		return
	}
	for i := 0; i*tileLanes < rows; i++ {
		m := min(tileLanes, rows-i*tileLanes)
		base := []float32(nil)
		if d != nil {
			base = block
			copyRows(block, tileLanes, d[i*tileLanes*ldd:], ldd, m, n)
		}
		tilePanels(t.planes, m, t.steps(), a[i*t.panelSize():], b, block, tileLanes, base, tileLanes, way)
		copyRows(out[i*tileLanes*stride:], stride, block, tileLanes, m, n)
	}
}

// copyRows copies m rows of n elements.
func copyRows(dst []float32, ldd int, src []float32, lds, m, n int) {
	for i := range m {
		copy(dst[i*ldd:][:n], src[i*lds:][:n])
	}
}
