package kernels

import (
	"unsafe"

	"lethe/kernels/internal/generic"
)

// Products on tiles. Operands are rounded to bf16, or split in two planes of it,
// while they are packed; the panels are drawn in package generic. A call of the
// micro-kernel multiplies many panels of a with one of b:
//
//	for some rows, some columns:          (all of them, but for huge products)
//	  for each piece of k:
//	    pack the rows of a, unless there are many blocks, and the columns of b, unless there is one
//	    for each block of rows:           resident in the second-level cache
//	      pack it, if there are many
//	      for each panel of b:            streams past
//	        multiply all panels of the block with it
//	      after the last piece: epilogue, a few panels at a time
//
// With one block of rows each panel of b is used once, so that whoever multiplies packs it, and
// it never leaves the cache. The sums of a block of c travel through c from one piece of k to
// the next, so its bits depend on K alone and not on how anything is cut.

// Measured on a Xeon with AMX and 2 MiB of second-level cache (November 2026), one thread
// unless said. tilePiece: a step of 25 panels past the first-level cache takes 46 to 48 ns
// with pieces of 16 and 24 steps of k and 72 with 32; 832 leaves 800 whole. tileEndColumns: the
// MLPs of ViT-B (lethe budget, two threads) took 0.61 of the time of its linear maps with 4 and
// with 8, 0.67 with 2, 0.73 with 1. The others follow from the caches and were not varied
// by themselves; BenchmarkGemm has the shapes.
const (
	tileLanes        = generic.TileLanes
	tilePiece        = 832       // most elements of k at a time, in all planes
	tileResident     = 640 << 10 // elements of a block of a in all its planes: 1.25 MiB
	tileOwnPanels    = 32        // most panels of a block where there are many
	tileChunkRows    = 4096      // rows of c, and
	tileChunkColumns = 3072      // columns of c for which operands are packed at a time
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

	few            bool     // one block of rows: b is packed by the items
	many           bool     // blocks of rows, each one item that packs its own of a
	packedA        []uint16 // panels [r0,r1) of the piece
	packedB        []uint16 // panels [c0,c1) of the piece, unless few
	lo, hi         int      // the piece of k
	r0, r1         int      // panels of a
	c0, c1         int      // panels of b
	block          int      // most panels of a in a block
	mItems, nItems int
}

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
	if 2*len(ws.tiles) < n {
		ws.tiles = Pages(roundUp(ceilDiv(n, 2), 1<<16))
	}
	return halves(ws.tiles)[:n]
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

// multiply goes through rows, columns and pieces of k.
func (t *tileCall) multiply(ws *workspace, workers int) {
	pieces := tilePieces(t.k, t.planes)
	t.lo, t.hi = 0, 0
	for i := range pieces {
		t.hi = max(t.hi, tileCut(t.k, t.planes, i+1)-tileCut(t.k, t.planes, i))
	}
	most := t.panelSize()
	block := max(1, tileResident/(tileLanes*roundUp(min(t.hi, t.k), generic.TileDepth)*t.planes))
	rows, columns, packed := min(t.rowPanels(), tileChunkRows/tileLanes), min(t.columnPanels(), tileChunkColumns/tileLanes), 0
	if t.many = ceilDiv(t.rowPanels(), min(block, tileOwnPanels)) >= max(3, 2*workers); t.many {
		rows, block = t.rowPanels(), min(block, tileOwnPanels)
	} else {
		packed = rows
	}
	buffer := ws.tileBuffer((packed + columns) * most)
	t.packedA, t.packedB = buffer[:packed*most], buffer[packed*most:]
	t.block = block
	reserveItems(t.itemElements())
	for t.r0 = 0; t.r0 < t.rowPanels(); t.r0 = t.r1 {
		t.r1 = min(t.rowPanels(), t.r0+rows)
		for t.c0 = 0; t.c0 < t.columnPanels(); t.c0 = t.c1 {
			t.c1 = min(t.columnPanels(), t.c0+columns)
			t.cut(workers)
			for i := range pieces {
				t.lo, t.hi = tileCut(t.k, t.planes, i), tileCut(t.k, t.planes, i+1)
				dispatch((*tilePack)(t), t.packedPanels(), workers)
				dispatch((*tileMultiply)(t), t.mItems*t.nItems, workers)
			}
		}
	}
}

// cut chooses the items: blocks of rows, and parts of the columns, so that there are
// some for each worker.
func (t *tileCall) cut(workers int) {
	rows, columns := t.r1-t.r0, t.c1-t.c0
	t.mItems, t.nItems = ceilDiv(rows, t.block), 1
	if t.many {
		t.mItems, t.few = min(rows, roundUp(t.mItems, workers)), false
		return
	}
	t.few = t.mItems == 1
	if workers > 1 {
		t.nItems = min(columns, ceilDiv(tileShare*workers, t.mItems))
	}
}

// packedPanels is how many panels are packed before the items.
func (t *tileCall) packedPanels() (n int) {
	if !t.many {
		n = t.r1 - t.r0
	}
	if !t.few && t.whole == nil {
		n += t.c1 - t.c0
	}
	return n
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
// panel as float32 numbers; where it packs a, a block of that.
const (
	tileOwn    = tileLanes * tilePiece / 2
	tileBlock  = tileLanes * tileLanes
	tileFloats = tileLanes * tilePiece
)

func (t *tileCall) itemElements() int {
	n := tileOwn + tileBlock + tileFloats
	if t.many {
		n += t.block * t.panelSize() / 2
	}
	return n
}

// tilePack packs: one item is one panel, of a and then of b.
type tilePack tileCall

func (j *tilePack) run(worker, item int) {
	t := (*tileCall)(j)
	memory := itemScratches.take(worker)
	floats := memory.floats(t.itemElements())[tileOwn+tileBlock:]
	if a := t.packedPanels() - (t.c1 - t.c0); t.few || t.whole != nil || item < a {
		t.packA(t.packedA[item*t.panelSize():], t.r0+item, floats)
	} else {
		t.packB(t.packedB[(item-a)*t.panelSize():], t.c0+item-a, floats)
	}
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

// tileMultiply computes c: one item is a block of rows and some columns.
type tileMultiply tileCall

func (j *tileMultiply) run(worker, item int) {
	t := (*tileCall)(j)
	memory := itemScratches.take(worker)
	own := memory.floats(t.itemElements())
	panel, block, floats := halves(own[:tileOwn]), own[tileOwn:][:tileBlock], own[tileOwn+tileBlock:]
	mi, ni := item/t.nItems, item%t.nItems
	rows, columns := t.r1-t.r0, t.c1-t.c0
	r0, r1 := t.r0+rows*mi/t.mItems, t.r0+rows*(mi+1)/t.mItems
	c0, c1 := t.c0+columns*ni/t.nItems, t.c0+columns*(ni+1)/t.nItems
	var a []uint16
	if t.many {
		a = halves(own[tileOwn+tileBlock+tileFloats:])
		for r := r0; r < r1; r++ {
			t.packA(a[(r-r0)*t.panelSize():], r, floats)
		}
	} else {
		a = t.packedA[(r0-t.r0)*t.panelSize():]
	}
	ways := newTileWays()
	for c, done := c0, c0; c < c1; c++ {
		b := panel
		switch {
		case t.whole != nil:
			b = t.panelOfB(c)
		case t.few:
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
	for r := r0 * tileLanes; r < min(t.c.Rows, r1*tileLanes); r++ {
		t.epilogue.apply(t.c, r, c0*tileLanes, min(t.c.Cols, c1*tileLanes))
	}
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
