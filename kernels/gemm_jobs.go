package kernels

// gemmPack packs the shared operand: one item is one piece of k of a panel of b
// or of a few panels of a.
type gemmPack gemmCall

func (j *gemmPack) run(item int) {
	g := (*gemmCall)(j)
	if g.shareB {
		p, c := g.p0+item/g.columns.panels, item%g.columns.panels
		g.packB(g.sharedB(p, c), p, c)
		return
	}
	panels := g.rowPanels()
	groups := ceilDiv(panels, packRows)
	p, r := g.p0+item/groups, item%groups*packRows
	g.packA(g.sharedA(p, r), p, r, min(panels, r+packRows))
}

// sharedA returns where panel r of piece p of a lies when a is shared: pieces
// one after another, panels within a piece one after another.
func (g *gemmCall) sharedA(p, r int) []float32 {
	return g.sharedAt(p, g.rowPanels()*g.tile.mr, r*g.tile.mr)
}

// sharedB is sharedA for panel c of b.
func (g *gemmCall) sharedB(p, c int) []float32 {
	return g.sharedAt(p, g.columns.lanes, g.columns.lane(c))
}

// sharedAt returns where the panel that begins at a lane lies in piece p of an
// operand with that many lanes.
func (g *gemmCall) sharedAt(p, lanes, lane int) []float32 {
	first, _ := kPiece(g.k, g.p0)
	lo, hi := kPiece(g.k, p)
	return g.workspace.shared[(lo-first)*lanes+lane*(hi-lo):]
}

// packA packs panels [r0,r1) of piece p of a, one after another.
func (g *gemmCall) packA(dst []float32, p, r0, r1 int) {
	lo, hi := kPiece(g.k, p)
	mr, k, lane := g.tile.mr, hi-lo, g.m0+r0*g.tile.mr
	defer g.rounded(dst[:(r1-r0)*mr*k])
	if whole := min(r1-r0, (g.m1-lane)/mr); g.a.lane == 1 && whole > 1 {
		packWhole(dst, mr, g.a.at(lane, lo), g.a.step, whole, k)
		r0, lane, dst = r0+whole, lane+whole*mr, dst[whole*mr*k:]
	}
	for r := r0; r < r1; r++ {
		packPanel(dst, mr, g.a, lane, min(mr, g.m1-lane), lo, k)
		lane, dst = lane+mr, dst[mr*k:]
	}
}

// packB packs panel c of piece p of b.
func (g *gemmCall) packB(dst []float32, p, c int) {
	lo, hi := kPiece(g.k, p)
	lane, n, width := g.columns.panel(c)
	packPanel(dst, width, g.b, lane, n, lo, hi-lo)
	g.rounded(dst[:width*(hi-lo)])
}

// gemmMultiply computes c: one item is one rectangle, over the part's pieces.
type gemmMultiply gemmCall

func (j *gemmMultiply) run(item int) {
	g := (*gemmCall)(j)
	rows, columns := g.rowPanels(), g.columns.panels
	mi, ni := item%g.mItems, item/g.mItems
	r0, r1 := rows*mi/g.mItems, rows*(mi+1)/g.mItems
	c0, c1 := columns*ni/g.nItems, columns*(ni+1)/g.nItems
	ws := g.workspace
	if g.mItems*g.nItems > 1 {
		ws = getWorkspace()
		defer putWorkspace(ws)
	}
	own := ws.ownBuffer()
	for p := g.p0; p < g.p1; p++ {
		if g.shareB {
			g.alongRows(own, p, r0, r1, c0, c1)
		} else {
			g.alongColumns(own, p, r0, r1, c0, c1)
		}
	}
}

// alongColumns packs a few panels of b at a time and multiplies them with the
// shared a. The tiles of one panel of a come one after another, so that c is
// written in long runs.
func (g *gemmCall) alongColumns(b []float32, p, r0, r1, c0, c1 int) {
	lo, hi := kPiece(g.k, p)
	k, mr := hi-lo, g.tile.mr
	a := g.sharedA(p, r0)
	for c := c0; c < c1; c += packColumns {
		end, first := min(c+packColumns, c1), g.columns.lane(c)
		for q := c; q < end; q++ {
			g.packB(b[(g.columns.lane(q)-first)*k:], p, q)
		}
		for r := r0; r < r1; r++ {
			for q := c; q < end; q++ {
				g.multiplyTile(p, k, r, q, a[(r-r0)*mr*k:], b[(g.columns.lane(q)-first)*k:])
			}
		}
	}
}

// alongRows packs a few panels of a at a time and multiplies them with the
// shared b.
func (g *gemmCall) alongRows(a []float32, p, r0, r1, c0, c1 int) {
	lo, hi := kPiece(g.k, p)
	k, mr := hi-lo, g.tile.mr
	b, first := g.sharedB(p, c0), g.columns.lane(c0)
	for r := r0; r < r1; r += packRows {
		end := min(r+packRows, r1)
		g.packA(a, p, r, end)
		for q := r; q < end; q++ {
			for c := c0; c < c1; c++ {
				g.multiplyTile(p, k, q, c, a[(q-r)*mr*k:], b[(g.columns.lane(c)-first)*k:])
			}
		}
	}
}

// multiplyTile computes one tile: panel r of a by panel c of b over piece p,
// which is k long. The first piece sets c up, the others add to it.
func (g *gemmCall) multiplyTile(p, k, r, c int, a, b []float32) {
	lane, n, width := g.columns.panel(c)
	row, stride := g.m0+r*g.tile.mr, g.c.RowStride
	out := g.c.Data[row*stride+lane:]
	d, ldd := out, stride
	if p == 0 && !g.accumulate {
		d, ldd = nil, 0
		if g.bias != nil {
			d = g.bias[lane:]
		}
	}
	gemmTile(width, k, a, b, out, stride, d, ldd, min(g.tile.mr, g.m1-row), n)
}
