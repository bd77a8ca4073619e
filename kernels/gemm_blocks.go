package kernels

// How a product is cut. For each part (a range of rows of a, a range of pieces
// of k) first all of a's part is packed, shared by everyone; then the workers
// take rectangles of c:
//
//	         columns of c                 for each piece of k:
//	      +--------+--------+               for each panel of b in the rectangle:
//	rows  | item 0 | item 1 |                 pack the panel (stays in L2)
//	of c  +--------+--------+                 for each panel of a:
//	      | item 2 | item 3 |                   one tile of c
//	      +--------+--------+
//
// The rows of a rectangle times one piece of k fill about half of the
// second-level cache and are reused for every panel of b; each panel of b is
// packed where it is used and never travels further than that cache.

const (
	serialFlops = 1 << 20 // 2*M*N*K below which one goroutine does it all: about 5 microseconds
	groupPieces = 12      // most pieces of k packed at a time
	packItem    = 8       // panels of a that one item packs
)

// gemmCall is one product under way. c has unit ColStride; lanes of a are rows
// of c, lanes of b are its columns.
type gemmCall struct {
	c          Mat
	a, b       lanes
	bias       []float32
	accumulate bool
	k          int        // the whole reduction
	shared     *workspace // holds the packed part of a

	tile           gemmShape
	m0, m1         int // rows of c in this part
	p0, p1         int // pieces of k in this part
	mItems, nItems int // rectangles
}

// gemmShape is the geometry of the micro-kernel in use.
type gemmShape struct {
	mr, nr int // rows and columns of a tile
	step   int // the last panel of b may be narrower, a multiple of step
}

// multiply goes through the parts.
func (g *gemmCall) multiply(workers int) {
	g.tile = gemmTileShape()
	if 2*float64(g.c.Rows)*float64(g.c.Cols)*float64(g.k) < serialFlops {
		workers = 1
	}
	pieces := kPieces(g.k)
	_, piece := kPiece(g.k, 0)
	group := min(max(1, residentElements/(g.c.Rows*piece)), pieces, groupPieces)
	panels := ceilDiv(g.c.Rows, g.tile.mr)
	parts := ceilDiv(panels, packA/(group*maxK)/g.tile.mr)
	g.shared.bufA() // reserved here, written by every worker
	for part := range parts {
		g.m0 = panels * part / parts * g.tile.mr
		g.m1 = min(g.c.Rows, panels*(part+1)/parts*g.tile.mr)
		for g.p0 = 0; g.p0 < pieces; g.p0 = g.p1 {
			g.p1 = min(g.p0+group, pieces)
			dispatch((*gemmPack)(g), ceilDiv(g.rowPanels(), packItem)*(g.p1-g.p0), workers)
			g.cut(workers)
			dispatch((*gemmMultiply)(g), g.mItems*g.nItems, workers)
		}
	}
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

func (g *gemmCall) rowPanels() int    { return ceilDiv(g.m1-g.m0, g.tile.mr) }
func (g *gemmCall) columnPanels() int { return ceilDiv(g.c.Cols, g.tile.nr) }

// columnPanel returns the first lane of panel c of b, its lanes and its padded
// width. The steps of the columns are dealt evenly: narrow tiles are slower, and
// two of 32 columns beat one of 48 and one of 16.
func (g *gemmCall) columnPanel(c int) (lane, n, width int) {
	steps, panels := ceilDiv(g.c.Cols, g.tile.step), g.columnPanels()
	lane = steps * c / panels * g.tile.step
	width = steps*(c+1)/panels*g.tile.step - lane
	return lane, min(width, g.c.Cols-lane), width
}

// cut chooses the rectangles: the numbers of row and of column blocks that
// leave the busiest worker the least to do. Any choice gives the same bits. A
// rectangle of r by c panels costs r*c tiles, about two tiles for each panel of
// b that it packs, and about half of one for each panel of a that it fetches.
func (g *gemmCall) cut(workers int) {
	rows, columns := g.rowPanels(), g.columnPanels()
	least := max(1, ceilDiv(rows, g.residentPanels()))
	g.mItems, g.nItems = least, 1
	best := -1.0
	for n := 1; n <= min(columns, 2*workers); n++ {
		for m := max(least, ceilDiv(workers, n)); m <= min(rows, least+2*workers/n); m++ {
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

// packed returns where panel r of piece p of a lies: pieces one after another,
// panels within a piece one after another.
func (g *gemmCall) packed(p, r int) []float32 {
	first, _ := kPiece(g.k, g.p0)
	lo, hi := kPiece(g.k, p)
	return g.shared.a[(lo-first)*g.rowPanels()*g.tile.mr+r*g.tile.mr*(hi-lo):]
}

// gemmPack packs a: one item is a few panels of one piece.
type gemmPack gemmCall

func (j *gemmPack) run(_, item int) {
	g := (*gemmCall)(j)
	panels := g.rowPanels()
	groups := ceilDiv(panels, packItem)
	p, group := g.p0+item/groups, item%groups
	lo, hi := kPiece(g.k, p)
	r0, r1 := group*packItem, min(panels, (group+1)*packItem)
	mr, lane := g.tile.mr, g.m0+r0*g.tile.mr
	if whole := min(r1-r0, (g.m1-lane)/mr); g.a.lane == 1 && whole > 1 {
		packWhole(g.packed(p, r0), mr, g.a.at(lane, lo), g.a.step, whole, hi-lo)
		r0, lane = r0+whole, lane+whole*mr
	}
	for r := r0; r < r1; r++ {
		packPanel(g.packed(p, r), mr, g.a, lane, min(mr, g.m1-lane), lo, hi-lo)
		lane += mr
	}
}

// gemmMultiply computes c: one item is one rectangle, over the part's pieces.
type gemmMultiply gemmCall

func (j *gemmMultiply) run(_, item int) {
	g := (*gemmCall)(j)
	rows, columns := g.rowPanels(), g.columnPanels()
	mi, ni := item%g.mItems, item/g.mItems
	r0, r1 := rows*mi/g.mItems, rows*(mi+1)/g.mItems
	c0, c1 := columns*ni/g.nItems, columns*(ni+1)/g.nItems
	ws := g.shared
	if g.mItems*g.nItems > 1 {
		ws = getWorkspace()
		defer putWorkspace(ws)
	}
	b := ws.bufB()
	for p := g.p0; p < g.p1; p++ {
		lo, hi := kPiece(g.k, p)
		for c := c0; c < c1; c++ {
			lane, n, width := g.columnPanel(c)
			packPanel(b, width, g.b, lane, n, lo, hi-lo)
			next := foresight{}
			switch {
			case c+1 < c1:
				next = g.foresee(p, c+1, r1-r0)
			case p+1 < g.p1:
				next = g.foresee(p+1, c0, r1-r0)
			}
			g.column(p, c, b, r0, r1, next)
		}
	}
}

// column multiplies panels [r0,r1) of a with panel c of b, which is packed in
// b, and fetches the source of the next panel meanwhile.
func (g *gemmCall) column(p, c int, b []float32, r0, r1 int, next foresight) {
	lo, hi := kPiece(g.k, p)
	lane, n, width := g.columnPanel(c)
	k, mr, stride := hi-lo, g.tile.mr, g.c.RowStride
	a := g.packed(p, r0)
	for r := r0; r < r1; r++ {
		next.fetch(r - r0)
		row := g.m0 + r*mr
		out := g.c.Data[row*stride+lane:]
		d, ldd := out, stride
		if p == 0 && !g.accumulate {
			d, ldd = nil, 0
			if g.bias != nil {
				d = g.bias[lane:]
			}
		}
		gemmTile(width, k, a[(r-r0)*mr*k:], b, out, stride, d, ldd, min(mr, g.m1-row), n)
	}
}

// foresight is what the packing of the next panel will read: rows of adjacent
// elements, fetched a share per tile. Packing runs at the speed of memory
// otherwise, with nothing else to do.
type foresight struct {
	source              []float32
	stride, rows, lines int
	tiles               int
}

// foresee plans to fetch panel c of piece p of b during that many tiles.
func (g *gemmCall) foresee(p, c, tiles int) foresight {
	lo, hi := kPiece(g.k, p)
	lane, n, _ := g.columnPanel(c)
	f := foresight{source: g.b.at(lane, lo), tiles: tiles}
	switch {
	case g.b.lane == 1:
		f.stride, f.rows, f.lines = g.b.step, hi-lo, ceilDiv(n, slabAlign)
	case g.b.step == 1:
		f.stride, f.rows, f.lines = g.b.lane, n, ceilDiv(hi-lo, slabAlign)
	}
	return f
}

// fetch asks for the share of one tile.
func (f *foresight) fetch(tile int) {
	if f.rows == 0 {
		return
	}
	first, end := f.rows*tile/f.tiles, f.rows*(tile+1)/f.tiles
	if end > first {
		prefetch(f.source[first*f.stride:], f.stride, end-first, f.lines)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
