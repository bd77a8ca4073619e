package kernels

import (
	"unsafe"

	"lethe/kernels/internal/generic"
)

// Products on tiles. Operands are rounded to bf16, or split in two planes of it,
// while they are packed; the panels are drawn in package generic. A call of the
// micro-kernel multiplies many panels of a with one of b:
//
//	few rows: a shared                      many rows: b shared
//	for each piece of k:                    for each block of columns, each piece of k:
//	  pack all of a                           pack the block of b
//	  for each panel of b:                    for each block of rows:
//	    pack it                                 pack it
//	    multiply it with all of a               multiply it with each panel of b
//
// Each line that begins with "for each", but the first, is shared by the workers.
// The sums of a block of c travel through c from one piece of k to the next, so
// its bits depend on K alone and not on how anything is cut.

// Measured with a prototype on a server of the Emerald Rapids class with 2 MiB of
// second-level cache (2025): few rows and many columns at a time win clearly; 256
// columns cost a quarter of the speed.
const (
	tileLanes     = generic.TileLanes
	tilePiece     = 512     // elements of k at a time; a multiple of TileDepth
	tileBlockRows = 256     // rows of c in a block
	tileColumns   = 1536    // columns of c in a block
	tileFewRows   = 512     // most rows for which a is shared
	tileSerial    = 8 << 20 // 2*M*N*K below which one goroutine does it all
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

	shareA         bool
	shared         []uint16
	lo, hi         int // the piece of k
	c0, c1         int // panels of b in this block
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
	t.shared = halves(ws.tileBuffer())
	t.multiply(workers)
	*t = tileCall{} // keep no operand alive
	tileCalls.put(t)
}

// tileBuffer returns the buffer for the operand that all workers read: at most a
// block of columns, in two planes.
func (ws *workspace) tileBuffer() []float32 {
	if ws.tiles == nil {
		ws.tiles = Slab(tileColumns * tilePiece)
	}
	return ws.tiles
}

// halves views memory as numbers of 16 bits.
func halves(x []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}

// multiply goes through the blocks of columns and the pieces of k.
func (t *tileCall) multiply(workers int) {
	t.shareA = t.c.Rows <= tileFewRows
	columns := t.columnPanels()
	blocks := 1
	if !t.shareA {
		blocks = ceilDiv(columns, tileColumns/tileLanes)
	}
	t.cut(ceilDiv(columns, blocks), workers)
	reserveItems(t.itemElements())
	for i := range blocks {
		t.c0, t.c1 = columns*i/blocks, columns*(i+1)/blocks
		for t.lo = 0; t.lo < t.k; t.lo = t.hi {
			t.hi = min(t.k, t.lo+tilePiece)
			switch {
			case t.shareA:
				dispatch((*tilePack)(t), t.rowPanels(), workers)
			case t.whole != nil:
				t.shared = t.panelOfB(t.c0)
			default:
				dispatch((*tilePack)(t), t.c1-t.c0, workers)
			}
			dispatch((*tileMultiply)(t), t.mItems*t.nItems, workers)
		}
	}
}

// cut chooses the items of a block: all rows and some columns where a is shared,
// some rows, and all columns if there are items enough, where b is.
func (t *tileCall) cut(columns, workers int) {
	if t.shareA {
		t.mItems, t.nItems = 1, min(columns, 4*workers)
		return
	}
	t.mItems, t.nItems = ceilDiv(t.rowPanels(), tileBlockRows/tileLanes), 1
	if workers > 1 && t.mItems%workers != 0 && t.mItems < 4*workers {
		t.nItems = min(columns, workers)
	}
}

func (t *tileCall) rowPanels() int    { return ceilDiv(t.c.Rows, tileLanes) }
func (t *tileCall) columnPanels() int { return ceilDiv(t.c.Cols, tileLanes) }

// panelSize is the size of a panel of the piece, in bf16 numbers.
func (t *tileCall) panelSize() int {
	return t.steps() * generic.TileDepth * tileLanes * t.planes
}

// steps is how many steps of tiles the piece has.
func (t *tileCall) steps() int { return ceilDiv(t.hi-t.lo, generic.TileDepth) }

// The memory of an item: packed panels, a block of c, and an operand's panel as
// float32 numbers.
const (
	tileBlock  = tileLanes * tileLanes
	tileFloats = tileLanes * tilePiece
)

func (t *tileCall) itemElements() int { return t.ownElements() + tileBlock + tileFloats }

func (t *tileCall) ownElements() int {
	panels := tileBlockRows / tileLanes
	if t.shareA {
		panels = 1
	}
	return panels * tilePiece * tileLanes * t.planes / 2
}

// tilePack packs the shared operand: one item is one panel.
type tilePack tileCall

func (j *tilePack) run(worker, item int) {
	t := (*tileCall)(j)
	memory := itemScratches.take(worker)
	floats := memory.floats(t.itemElements())[t.ownElements()+tileBlock:]
	dst := t.shared[item*t.panelSize():]
	if t.shareA {
		t.packA(dst, item, floats)
	} else {
		t.packB(dst, t.c0+item, floats)
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

// tileMultiply computes c: one item is a block of rows, or all of them, and some
// columns.
type tileMultiply tileCall

func (j *tileMultiply) run(worker, item int) {
	t := (*tileCall)(j)
	memory := itemScratches.take(worker)
	own := memory.floats(t.itemElements())
	panels, block, floats := halves(own[:t.ownElements()]), own[t.ownElements():][:tileBlock], own[t.ownElements()+tileBlock:]
	mi, ni := item%t.mItems, item/t.mItems
	rows, columns := t.rowPanels(), t.c1-t.c0
	r0, r1 := rows*mi/t.mItems, rows*(mi+1)/t.mItems
	c0, c1 := t.c0+columns*ni/t.nItems, t.c0+columns*(ni+1)/t.nItems
	size := t.panelSize()
	if t.shareA {
		for c := c0; c < c1; c++ {
			b := panels
			if t.whole != nil {
				b = t.panelOfB(c)
			} else {
				t.packB(b, c, floats)
			}
			t.multiplyPanels(r0, r1, c, t.shared, b, block)
		}
	} else {
		for r := r0; r < r1; r++ {
			t.packA(panels[(r-r0)*size:], r, floats)
		}
		for c := c0; c < c1; c++ {
			t.multiplyPanels(r0, r1, c, panels, t.shared[(c-t.c0)*size:], block)
		}
	}
	itemScratches.give(worker, memory)
	if t.hi == t.k && !t.epilogue.none() {
		for r := r0 * tileLanes; r < min(t.c.Rows, r1*tileLanes); r++ {
			t.epilogue.apply(t.c, r, c0*tileLanes, min(t.c.Cols, c1*tileLanes))
		}
	}
}

// multiplyPanels multiplies panels [r0,r1) of a with panel j of b. The first
// piece of k sets c up, the others add to it.
func (t *tileCall) multiplyPanels(r0, r1, j int, a, b []uint16, block []float32) {
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
	whole := rows / tileLanes
	if n < tileLanes {
		whole = 0
	}
	if whole > 0 {
		tilePanels(t.planes, whole, t.steps(), a, b, out, stride, d, ldd)
	}
	for i := whole; i*tileLanes < rows; i++ {
		m := min(tileLanes, rows-i*tileLanes)
		base := []float32(nil)
		if d != nil {
			base = block
			copyRows(block, tileLanes, d[i*tileLanes*ldd:], ldd, m, n)
		}
		tilePanels(t.planes, 1, t.steps(), a[i*t.panelSize():], b, block, tileLanes, base, tileLanes)
		copyRows(out[i*tileLanes*stride:], stride, block, tileLanes, m, n)
	}
}

// copyRows copies m rows of n elements.
func copyRows(dst []float32, ldd int, src []float32, lds, m, n int) {
	for i := range m {
		copy(dst[i*ldd:][:n], src[i*lds:][:n])
	}
}
