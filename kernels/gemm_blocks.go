package kernels

// How a product is cut. The workers have rectangles of c, and share what is left of
// them (gemm_share.go); each packs the columns of b that it needs, a block at a time,
// such that the block stays in its second-level cache while the rows of a go by:
//
//	      columns of c         for each rectangle:
//	      +--------+--------+    for a few pieces of k, and as many panels of b as fit:
//	rows  | item 0 | item 1 |      pack these panels of b
//	of c  +--------+--------+      for each panel of a, each piece of k:
//	      | item 2 | item 3 |        one row of tiles of c
//	      +--------+--------+
//
// Where the elements of a row of a are adjacent, as in a forward pass and in the
// gradient of an input, a is read in place: its panel is small enough to stay in
// the first-level cache for a row of tiles. Else a few panels of a are packed at a time.
//
// On a Xeon with AVX-512 and 2 MiB of second-level cache (November 2026, one
// thread, medians of 11 in turn, %peak): reading a in place instead of packing it, two
// pieces of k at a time, and rows of tiles in one call of assembly raised the
// products of ViT-B from 87 to 90, those of mae_tiny from 75 to 86. What the next rows
// of tiles read in place is asked for, which pays where a lies beyond that cache
// (BenchmarkGemmInTurn: up to 30 % of a weight gradient), and what of b is packed next
// (gemm_ahead.go), a line at a time: bursts of it gained nothing (asmgen/gemm_ask.go says why).
const (
	serialFlops  = 1 << 20 // 2*M*N*K below which one goroutine does it all: about 5 microseconds
	groupSteps   = 1024    // most elements of k of one block, unless one piece is longer; in pairs, where rows of a are copied, twice as many made 1576x768x3072 15 % slower
	packedSize   = 1 << 16 // elements of a that are packed in one go
	largeBlock   = 1 << 18 // elements of b from which, with a in place, half as much at a time leaves room to ask for the next: ViT-B's products 1 % faster on one thread, 2 on two (gemm_ahead.go)
	lineElements = 64 / 4  // of a cache line
	fewRows      = 512     // rows of a rectangle below which half as much of b at a time was 2 % faster, 512 cubed at two threads 5 %: packing it matters, not a
)

// gemmCall is one product under way. c has unit ColStride; lanes of a are rows
// of c, lanes of b are its columns.
type gemmCall struct {
	c          Mat
	a, b       lanes
	bias       []float32
	accumulate bool
	epilogue   Epilogue
	k          int        // the whole reduction
	termA      term       // taken in the panels of a
	termB      term       // and of b
	pairs      bool       // panels are of pairs of bf16, half as long
	workspace  *workspace // holds the shared operand
	given      *Packed    // b
	whole      []float32  // all panels of b, if they were packed before

	tile           gemmShape
	columns        columnCut
	form           tileForm  // of a
	group          int       // pieces of k of a block
	blockPanels    int       // panels of b of a block, at most
	rowsAtOnce     int       // panels of a that are packed in one go
	rounded        lanes     // all of a, in pairs, if it was rounded before
	copied         []float32 // all panels of a, each [K,MR], if they were packed first
	mItems, nItems int       // rectangles
}

// gemmShape is the geometry of the micro-kernel in use.
type gemmShape struct {
	mr, nr int // rows and columns of a tile
	step   int // a panel of b may be narrower, a multiple of step
}

// multiply goes through the parts.
func (g *gemmCall) multiply(workers int) {
	g.tile = gemmTileShape()
	if g.pairs {
		g.tile = pairTileShape()
	}
	g.columns = cutColumns(g.c.Cols, g.tile)
	if 2*float64(g.c.Rows)*float64(g.c.Cols)*float64(g.k) < serialFlops {
		workers = 1
	}
	if g.termB == wholeTerm {
		g.whole = g.given.panels(g.tile, g.pairs)
	}
	if g.byPieces(workers) {
		g.multiplyPieces(workers)
		return
	}
	pieces := kPieces(g.k)
	_, piece := kPiece(g.k, 0)
	switch {
	case g.pairs && g.a.step == 1:
		g.form = rowsInPlace // of a copy that is rounded
	case !g.pairs && g.termA == wholeTerm: // what is not copied cannot be rounded
		g.form = formOfRows(g.a, g.c.Cols, g.tile)
	}
	g.cut(workers)
	if g.copiesRows() {
		g.copyRows(workers)
	}
	g.group = min(pieces, max(1, groupSteps/piece))
	if g.form == columnsInPlace {
		g.group = 1 // steps far apart fall into few sets of the cache: 512x128x2176 was 5 % slower with two pieces, on two threads 7 (BenchmarkGemmInTurn)
	}
	piece = g.steps(piece)
	resident := residentElements
	switch {
	case g.copied != nil && g.c.Rows/g.mItems >= fewRows:
		g.group, resident = 1, resident/copiedPart
	case g.copied == nil && g.form == packedRows: // what is packed of a should be used for all columns
		g.group = min(g.group, max(1, resident/(g.columns.lanes*piece)))
	case !g.pairs && (resident >= largeBlock || g.c.Rows/g.mItems < fewRows): // in pairs a is copied for every block
		resident /= 2
	}
	g.blockPanels = max(1, resident/(g.group*piece*g.tile.nr))
	g.rowsAtOnce = max(1, packedSize/(g.group*piece*g.tile.mr))
	if g.pairs && g.form == rowsInPlace && g.blocks()*g.nItems >= fewestBlocks {
		memory := callScratches.get()
		g.roundRows(memory, workers)
		g.multiplyShared(workers)
		callScratches.put(memory)
		return
	}
	g.multiplyShared(workers)
}

// multiplyShared computes the rectangles.
func (g *gemmCall) multiplyShared(workers int) {
	if g.mItems*g.nItems > 1 {
		g.workspace.shares.reset(ceilDiv(kPieces(g.k), g.group) * g.blocks() * g.mItems * g.nItems)
	}
	dispatch((*gemmMultiply)(g), g.mItems*g.nItems, workers)
}

// steps is how many steps of panels a part of k takes. Parts begin at an even k.
func (g *gemmCall) steps(k int) int {
	if g.pairs {
		return (k + 1) / 2
	}
	return k
}

// blocks is the number of blocks of b in the columns of a rectangle, at most.
func (g *gemmCall) blocks() int {
	return ceilDiv(ceilDiv(g.columns.panels, g.nItems), g.blockPanels)
}

// rowsOf returns the panels of a of a rectangle.
func (g *gemmCall) rowsOf(item int) (r0, r1 int) {
	rows, mi := g.rowPanels(), item%g.mItems
	return rows * mi / g.mItems, rows * (mi + 1) / g.mItems
}

// formOfRows is how a is read. Where the rows of a step are adjacent and the steps
// far apart, many steps share few sets of the first-level cache, and what packing
// costs is small where there are many columns. Nor are steps read in place of which a tile
// takes no whole part of a cache line: 6 of 16 numbers fetch a line for each step of each tile.
// Packed, weight gradients of 64 to 512 columns were 1.31 times as fast on AVX2 at one thread,
// 1.32 at two (128x512x2176 and seven more of BenchmarkGemmInTurn's kind in turn, Zen 3, November 2026).
func formOfRows(a lanes, columns int, tile gemmShape) tileForm {
	switch {
	case a.step == 1:
		return rowsInPlace
	case a.lane == 1 && a.step <= 1024 && columns <= 512 && lineElements%tile.mr == 0:
		return columnsInPlace
	}
	return packedRows
}

// dispatch runs a job's items, here if one worker is wanted.
func dispatch(j job, items, workers int) {
	if workers > 1 {
		parallelFor(items, j)
		return
	}
	for i := range items {
		j.run(0, i)
	}
}

// rowPanels is the number of panels of a.
func (g *gemmCall) rowPanels() int { return ceilDiv(g.c.Rows, g.tile.mr) }

// cut chooses the rectangles: the numbers of row and of column blocks that
// leave the busiest worker the least to do. Any choice gives the same bits. A
// rectangle of r by c panels costs r*c tiles, about two tiles for each panel of
// b that it packs, and about half of one for each panel of a. Workers even out what rows
// do not divide, and about half of what columns do not: with that, 128x512x2176 has its
// columns cut, which was 12 % faster in a loop of it, in turn with the commit before;
// BenchmarkGemmInTurn has this shape.
func (g *gemmCall) cut(workers int) {
	rows, columns := g.rowPanels(), g.columns.panels
	g.mItems, g.nItems = 1, 1
	best := -1.0
	for n := 1; n <= min(columns, 2*workers); n++ {
		for m := min(rows, max(1, workers/n)); m <= min(rows, 1+2*workers/n); m++ {
			r, c := float64(ceilDiv(rows, m)), float64(ceilDiv(columns, n))
			if m*n <= workers { // rows are shared, and others' columns halfway
				r, c = float64(rows)/float64(m), (c+float64(columns)/float64(n))/2
			}
			cost := (r*c + 2*c + r/2) * float64(ceilDiv(m*n, workers))
			if best < 0 || cost < best {
				best, g.mItems, g.nItems = cost, m, n
			}
		}
	}
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

// lane is the first column of panel i, and of the one after the last.
func (c *columnCut) lane(i int) int {
	if i == c.panels {
		return c.lanes
	}
	return i*c.tile.nr - max(0, i-c.narrow)*c.tile.step
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
