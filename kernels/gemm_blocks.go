package kernels

// How a product is cut. One operand is packed first, by all workers together,
// so that one piece of k of it stays in the second-level cache; then the workers
// take rectangles of c, and pack the other operand panel by panel where it is
// used. The panels packed in place never travel further than that cache.
//
//	      columns of c        a shared:                     b shared:
//	      +--------+--------+   for each piece of k:          for each piece of k:
//	rows  | item 0 | item 1 |     for a few panels of b:        for a few panels of a:
//	of c  +--------+--------+       pack them                     pack them
//	      | item 2 | item 3 |       for each panel of a, each     for each of them, each
//	      +--------+--------+       of them: one tile of c        panel of b: one tile
//
// b is shared where it is small: where few columns reuse what is packed of a, a
// must not take the way through memory.

// packColumns: one panel of b at a time writes c in runs of three cache lines,
// a row apart. From 1 to 6 panels, 1576x3072x768 went from 143 to 163 GFLOP/s
// and 800x2304x768 from 154 to 166, 12 panels gained no more (one thread,
// processor time, three alternating runs, AVX-512 server with 2 MiB of
// second-level cache, November 2026).
const (
	serialFlops = 1 << 20 // 2*M*N*K below which one goroutine does it all: about 5 microseconds
	groupPieces = 12      // most pieces of k shared at a time
	packRows    = 8       // panels of a that are packed in one go
	packColumns = 6       // panels of b that are packed in one go
)

// gemmCall is one product under way. c has unit ColStride; lanes of a are rows
// of c, lanes of b are its columns.
type gemmCall struct {
	c          Mat
	a, b       lanes
	bias       []float32
	accumulate bool
	k          int        // the whole reduction
	round      bool       // to bf16, in the panels
	workspace  *workspace // holds the shared operand

	tile           gemmShape
	columns        columnCut
	shareB         bool
	m0, m1         int // rows of c in this part
	p0, p1         int // pieces of k in this part
	mItems, nItems int // rectangles
}

// gemmShape is the geometry of the micro-kernel in use.
type gemmShape struct {
	mr, nr int // rows and columns of a tile
	step   int // a panel of b may be narrower, a multiple of step
}

// multiply goes through the parts.
func (g *gemmCall) multiply(workers int) {
	g.tile = gemmTileShape()
	g.columns = cutColumns(g.c.Cols, g.tile)
	if 2*float64(g.c.Rows)*float64(g.c.Cols)*float64(g.k) < serialFlops {
		workers = 1
	}
	if g.byPieces(workers) {
		g.multiplyPieces(workers)
		return
	}
	pieces := kPieces(g.k)
	_, piece := kPiece(g.k, 0)
	g.shareB = g.c.Rows > g.c.Cols && g.columns.lanes*piece <= residentElements
	lanes := g.c.Rows
	if g.shareB {
		lanes = g.columns.lanes
	}
	group := min(max(1, residentElements/(lanes*piece)), pieces, groupPieces)
	panels, parts := ceilDiv(g.c.Rows, g.tile.mr), 1
	if !g.shareB {
		parts = ceilDiv(panels, packShared/(group*maxK)/g.tile.mr)
	}
	g.workspace.sharedBuffer() // reserved here, written by every worker
	for part := range parts {
		g.m0 = panels * part / parts * g.tile.mr
		g.m1 = min(g.c.Rows, panels*(part+1)/parts*g.tile.mr)
		for g.p0 = 0; g.p0 < pieces; g.p0 = g.p1 {
			g.p1 = min(g.p0+group, pieces)
			g.part(workers)
		}
	}
}

// part computes rows [m0,m1) of c over the pieces [p0,p1).
func (g *gemmCall) part(workers int) {
	packs := ceilDiv(g.rowPanels(), packRows)
	if g.shareB {
		packs = g.columns.panels
	}
	dispatch((*gemmPack)(g), packs*(g.p1-g.p0), workers)
	g.cut(workers)
	dispatch((*gemmMultiply)(g), g.mItems*g.nItems, workers)
}

// dispatch runs a job's items, here if one worker is wanted.
func dispatch(j job, items, workers int) {
	if workers > 1 {
		parallelFor(items, j)
		return
	}
	for i := range items {
		j.run(i)
	}
}

// rowPanels is the number of panels of a in this part.
func (g *gemmCall) rowPanels() int { return ceilDiv(g.m1-g.m0, g.tile.mr) }

// cut chooses the rectangles: the numbers of row and of column blocks that
// leave the busiest worker the least to do. Any choice gives the same bits. A
// rectangle of r by c panels costs r*c tiles, about two tiles for each panel of
// b that it packs or fetches, and about half of one for each panel of a.
func (g *gemmCall) cut(workers int) {
	rows, columns := g.rowPanels(), g.columns.panels
	least := 1
	if !g.shareB {
		least = ceilDiv(rows, g.residentPanels())
	}
	g.mItems, g.nItems = least, 1
	best := -1.0
	for n := 1; n <= min(columns, 2*workers); n++ {
		for m := min(rows, max(least, ceilDiv(workers, n))); m <= min(rows, least+2*workers/n); m++ {
			r, c := float64(ceilDiv(rows, m)), float64(ceilDiv(columns, n))
			cost := (r*c + 2*c + r/2) * float64(ceilDiv(m*n, workers))
			if best < 0 || cost < best {
				best, g.mItems, g.nItems = cost, m, n
			}
		}
	}
}

// residentPanels is how many panels of a, one piece of k long, are reused from
// the second-level cache.
func (g *gemmCall) residentPanels() int {
	lo, hi := kPiece(g.k, g.p0)
	return max(1, residentElements/(g.tile.mr*(hi-lo)))
}

// kPieces is how many pieces a reduction of length k is summed in.
func kPieces(k int) int { return ceilDiv(k, maxK) }

// kPiece returns the bounds of piece p of k. It depends on k alone. Pieces are
// multiples of 8 but the last, which suits the packing.
func kPiece(k, p int) (lo, hi int) {
	size := min(maxK, roundUp(ceilDiv(k, kPieces(k)), 8))
	return min(k, p*size), min(k, (p+1)*size)
}

// columnCut divides columns into panels of b. The last few are one step
// narrower, so that none is much narrower: two tiles of 32 columns beat one of
// 48 and one of 16.
type columnCut struct {
	n      int // columns
	lanes  int // columns of all panels, padding included
	panels int
	narrow int // first narrower panel
	tile   gemmShape
}

func cutColumns(n int, tile gemmShape) columnCut {
	c := columnCut{n: n, lanes: roundUp(n, tile.step), panels: ceilDiv(n, tile.nr), tile: tile}
	c.narrow = max(0, c.panels-(c.panels*tile.nr-c.lanes)/tile.step)
	return c
}

// panel returns the first column of panel i, its columns and its padded width.
func (c *columnCut) panel(i int) (lane, n, width int) {
	if c.panels == 1 {
		return 0, c.n, c.lanes
	}
	lane, width = c.lane(i), c.tile.nr
	if i >= c.narrow {
		width -= c.tile.step
	}
	return lane, min(width, c.n-lane), width
}

// lane is the first column of panel i.
func (c *columnCut) lane(i int) int {
	return i*c.tile.nr - max(0, i-c.narrow)*c.tile.step
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
