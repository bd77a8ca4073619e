package kernels

// packA packs panels [r0,r1) of piece p of a, one after another.
func (g *gemmCall) packA(dst []float32, p, r0, r1 int) {
	lo, hi := kPiece(g.k, p)
	g.packRows(dst, lo, hi-lo, r0, r1)
}

// packRows packs panels [r0,r1) of steps [lo,lo+k) of a, one after another.
func (g *gemmCall) packRows(dst []float32, lo, k, r0, r1 int) {
	mr, lane := g.tile.mr, r0*g.tile.mr
	if g.pairs {
		g.pairA(words(dst), lo, k, r0, r1)
		return
	}
	defer g.termA.take(dst[:(r1-r0)*mr*k])
	if whole := min(r1-r0, (g.c.Rows-lane)/mr); g.a.lane == 1 && whole > 1 {
		packWhole(dst, mr, g.a.at(lane, lo), g.a.step, whole, k)
		r0, lane, dst = r0+whole, lane+whole*mr, dst[whole*mr*k:]
	}
	for r := r0; r < r1; r++ {
		packPanel(dst, mr, g.a, lane, min(mr, g.c.Rows-lane), lo, k)
		lane, dst = lane+mr, dst[mr*k:]
	}
}

// packB packs panels [c0,c1) of piece p of b, one after another.
func (g *gemmCall) packB(dst []float32, p, c0, c1 int) {
	lo, hi := kPiece(g.k, p)
	if g.pairs {
		g.pairB(words(dst), lo, hi-lo, c0, c1)
		return
	}
	defer g.termB.take(dst[:(g.columns.lane(c1)-g.columns.lane(c0))*(hi-lo)])
	for c := c0; c < c1; c++ {
		lane, n, width := g.columns.panel(c)
		packPanel(dst, width, g.b, lane, n, lo, hi-lo)
		dst = dst[width*(hi-lo):]
	}
}

// gemmMultiply computes c: one item is one rectangle, and what the workers of the
// others leave.
type gemmMultiply gemmCall

func (j *gemmMultiply) run(worker, item int) {
	g := (*gemmCall)(j)
	ws := g.workspace
	if g.mItems*g.nItems > 1 {
		ws = workspaces.take(worker)
		defer workspaces.give(worker, ws)
	}
	b := &ws.block
	*b = gemmBlock{gemmCall: g, packedA: ws.ownRows(), packedB: ws.ownBlock(), item: item}
	for i := range g.nItems {
		b.multiplyColumns((item/g.mItems + i) % g.nItems)
	}
	*b = gemmBlock{} // keep no operand alive
}

// gemmBlock is the part of the rectangles of some columns for which b fits the
// second-level cache.
type gemmBlock struct {
	*gemmCall
	packedA, packedB []float32  // a few panels of a; all panels of b; pieces one after another
	item             int        // the rectangle whose rows come first
	columnItem       int        // the rectangles' columns
	number           int        // of the block: pieces of k, columns of each
	c0, c1           int        // panels of b
	p0, p1           int        // pieces of k
	next             blockAhead // of b
}

// multiplyColumns goes through the blocks of the rectangles of some columns.
func (b *gemmBlock) multiplyColumns(ni int) {
	b.columnItem = ni
	c0, c1 := b.columns.panels*ni/b.nItems, b.columns.panels*(ni+1)/b.nItems
	pieces, blocks := kPieces(b.k), ceilDiv(c1-c0, b.blockPanels)
	for b.p0 = 0; b.p0 < pieces; b.p0 = b.p1 {
		b.p1 = min(b.p0+b.group, pieces)
		for i := range blocks {
			b.c0, b.c1 = c0+(c1-c0)*i/blocks, c0+(c1-c0)*(i+1)/blocks
			b.number = b.p0/b.group*b.blocks() + i
			switch {
			case !asksAhead():
			case i+1 < blocks:
				b.lookAhead(b.c1, c0+(c1-c0)*(i+2)/blocks, b.p0, b.p1)
			default:
				b.lookAhead(c0, c0+(c1-c0)/blocks, b.p1, min(b.p1+b.group, pieces))
			}
			b.multiply()
		}
	}
}

// multiply packs the block's part of b and goes through the rows of c.
func (b *gemmBlock) multiply() {
	if !b.worthwhile() {
		return
	}
	for p := b.p0; p < b.p1 && b.whole == nil; p++ {
		b.packB(b.panelsOfB(p), p, b.c0, b.c1)
	}
	b.shareRows()
}

// multiplyRows computes the rows of panels [r,r1) of a. All of a row's tiles come one
// after another, so that c is written in long runs and stays in the first-level
// cache from one piece of k to the next.
func (b *gemmBlock) multiplyRows(r, r1 int) {
	switch {
	case b.copied != nil:
		b.multiplyPanels(packedRows, r, r1)
		return
	case b.form == packedRows:
	case b.pairs:
		b.multiplyPairs(r, r1)
		return
	default:
		whole := min(r1, b.c.Rows/b.tile.mr)
		b.multiplyPanels(b.form, r, whole)
		r = max(r, whole)
	}
	for end := r; r < r1; r = end {
		end = min(r+b.rowsAtOnce, r1)
		for p := b.p0; p < b.p1; p++ {
			b.packA(b.panelOfA(p, r, r, end), p, r, end)
		}
		b.multiplyPanels(packedRows, r, end)
	}
}

// multiplyPanels computes the rows of panels [r,end) of a, which are packed or lie in place.
func (b *gemmBlock) multiplyPanels(form tileForm, r, end int) {
	atOnce := b.panelsAtOnce(form)
	for q := r; q < end; {
		next := min(q+atOnce, end)
		for p := b.p0; p < b.p1; p++ {
			b.multiplyTileRows(b.panelsOfA(form, p, q, r, end), q, next, p)
		}
		b.finishRows(q, next)
		q = next
	}
}

// panelsAtOnce is how many panels of a go into one call of assembly: one where each asks for
// its part of what comes next, or has an epilogue.
func (b *gemmBlock) panelsAtOnce(form tileForm) int {
	if b.pairs || asksAhead() || form == columnsInPlace || b.finishes() {
		return 1
	}
	return mostPanels
}

// mostPanels is how many panels of a go into one call of assembly at most. With one, 13 products
// of mae_tiny and of the U-Net, b packed before and on the way, took 8 % longer on Zen 3 in the mean, at
// one thread and at two; 8, 16 and 64 differed by less than the noise (BenchmarkGemm, medians of 9 in turn,
// November 2026). Before an epilogue up to 8 made a step of mae_tiny 5 % slower: what it reads comes from
// far, and so in longer bursts (lethe budget, medians of 7 in turn). A call cannot be interrupted: 64
// panels, 512 columns and a piece of k are 151 million operations, 1.5 ms at 100 GFLOP/s.
const mostPanels = 64

// panelsOfB returns where piece p of the block's panels of b lies.
func (b *gemmBlock) panelsOfB(p int) []float32 {
	first, _ := kPiece(b.k, b.p0)
	lo, hi := kPiece(b.k, p)
	if b.whole != nil {
		return b.whole[b.steps(lo)*b.columns.lanes+b.columns.lane(b.c0)*b.steps(hi-lo):]
	}
	return b.packedB[b.steps(lo-first)*(b.columns.lane(b.c1)-b.columns.lane(b.c0)):]
}

// panelOfA returns where panel q of piece p of a lies when panels [r,end) are
// packed.
func (b *gemmBlock) panelOfA(p, q, r, end int) []float32 {
	first, _ := kPiece(b.k, b.p0)
	lo, hi := kPiece(b.k, p)
	return b.packedA[(b.steps(lo-first)*(end-r)+(q-r)*b.steps(hi-lo))*b.tile.mr:]
}

// panelsOfA returns piece p of a from panel q on when panels [r,end) are packed, or all are, or
// none.
func (b *gemmBlock) panelsOfA(form tileForm, p, q, r, end int) tileRows {
	lo, hi := kPiece(b.k, p)
	a := tileRows{form: form, ahead: b.ahead(q, p)}
	switch {
	case form != packedRows:
		a.data, a.stride = b.a.at(q*b.tile.mr, lo), b.a.lane*b.a.step
	case b.copied != nil:
		a.data, a.stride = b.copied[(q*b.k+lo)*b.tile.mr:], b.k*b.tile.mr
	default:
		a.data, a.stride = b.panelOfA(p, q, r, end), b.steps(hi-lo)*b.tile.mr
	}
	return a
}

// multiplyTileRows computes the tiles of panels [r,end) of a over piece p. The first piece
// sets c up, the others add to it.
func (b *gemmBlock) multiplyTileRows(a tileRows, r, end, p int) {
	lo, hi := kPiece(b.k, p)
	row := r * b.tile.mr
	out := tileOutput{c: b.c.Data[row*b.c.RowStride:], ldc: b.c.RowStride, rows: min((end-r)*b.tile.mr, b.c.Rows-row)}
	switch {
	case p > 0 || b.accumulate:
		out.d, out.ldd = out.c, out.ldc
	case b.bias != nil:
		out.d = b.bias
	}
	if hi == b.k && hi-lo >= longPiece && !b.epilogue.none() {
		first, end := b.wholeColumns()
		b.epilogue.ask(row, out.rows, first, end)
	}
	b.multiplyTiles(out, a, b.panelsOfB(p), b.steps(hi-lo), b.c0, b.c1)
}

// longPiece is how long the last piece of k is at least where the operands of the
// epilogue are asked for before its tiles. On Zen 4 that made the products of a layer of
// ViT-B with an epilogue 2 to 7 % faster (800 rows, one and two threads, November 2026, a
// loop over twelve layers; on a Xeon no difference); with shorter pieces the requests of a row
// come too close together: 128 steps were 5 to 16 % slower with them on the Xeon.
const longPiece = 256

// wholeColumns returns the columns of the block without padding.
func (b *gemmBlock) wholeColumns() (lo, hi int) {
	return b.columns.lane(b.c0), min(b.columns.lane(b.c1), b.columns.n)
}

// finishes reports whether an epilogue follows the block's last piece.
func (b *gemmBlock) finishes() bool { return !b.epilogue.none() && b.p1 == kPieces(b.k) }

// finishRows does the epilogue of the block's columns of panels [r,end) of a, once the
// last piece is there.
func (b *gemmBlock) finishRows(r, end int) {
	if !b.finishes() {
		return
	}
	lo, hi := b.wholeColumns()
	b.epilogue.apply(b.c, r*b.tile.mr, min(end*b.tile.mr, b.c.Rows), lo, hi)
}

// tileRows are the rows of a that a tile reads.
type tileRows struct {
	data   []float32
	form   tileForm
	stride int // of rows or steps in place, or of panels
	ahead  tileAhead
}

// tileForm is how they lie.
type tileForm int

const (
	packedRows     tileForm = iota // a panel [k,MR]
	rowsInPlace                    // [MR,k]
	columnsInPlace                 // [k,MR]
)

// tileOutput is where rows of tiles go: c = d + sums, from the first column on; d
// nil stands for zeros.
type tileOutput struct {
	c, d           []float32
	ldc, ldd, rows int
}

// multiplyTiles multiplies rows of a with the packed panels [c0,c1) of b, k long: the
// wide ones, then those one step narrower.
func (g *gemmCall) multiplyTiles(out tileOutput, a tileRows, b []float32, k, c0, c1 int) {
	c := &g.columns
	for from := c0; from < c1; {
		end := c1
		if from < c.narrow {
			end = min(end, c.narrow)
		}
		lane, _, width := c.panel(from)
		_, n, _ := c.panel(end - 1)
		var d []float32
		if out.d != nil {
			d = out.d[lane:]
		}
		if g.pairs {
			dotTiles(width, k, a, b, out.c[lane:], out.ldc, d, out.ldd, out.rows, n, end-from)
		} else {
			gemmTiles(width, k, a, b, out.c[lane:], out.ldc, d, out.ldd, out.rows, n, end-from)
		}
		b, from, a.ahead = b[(end-from)*width*k:], end, tileAhead{}
	}
}
