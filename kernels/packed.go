package kernels

import "lethe/kernels/internal/generic"

// Packed is a matrix b, or a bank of filters, in the order in which the kernels
// read it, for operands that are used again and again and never change: the
// weights of a model that does not learn. It takes as much memory as they do, half as much in
// BF16, of the kind of Pages, and a few columns more. It may be used by several goroutines.
//
// A Packed is of the instruction set and the precision that it was made for; where
// an operation takes another way, it packs its operand as if there were none.
type Packed struct {
	kind  packedKind
	k, n  int // of b
	tile  gemmShape
	data  []float32
	pairs bool // of bf16
	bf16  int  // planes of it, for tiles
}

type packedKind string

const (
	packedB       packedKind = "b"
	packedFilters packedKind = "filters"
)

// PackB packs b [K,N] for products in a precision. Where that has no kernels of
// its own, and operands are rounded on the way, nothing is kept.
//
// Panics: a view that reaches past its slice.
func PackB(b Mat, precision Precision) *Packed {
	needShape("PackB", "b", b, b.Rows, b.Cols)
	p := &Packed{kind: packedB, k: b.Rows, n: b.Cols}
	switch {
	case p.k == 0 || p.n == 0:
	case precision.tiled():
		p.packTiles(b, precision)
	case precision.floats(), precision.paired():
		g := gemmCall{b: lanesOfRows(b.T()), k: p.k, pairs: precision.paired(), tile: gemmTileShape()}
		if g.pairs {
			g.tile = pairTileShape()
		}
		p.tile, p.pairs = g.tile, g.pairs
		g.columns = cutColumns(p.n, g.tile)
		p.data = Pages(g.columns.lanes * g.steps(p.k))
		pieces := kPieces(p.k)
		For(pieces*g.columns.panels, func(item int) {
			i, c := item/g.columns.panels, item%g.columns.panels
			lo, hi := kPiece(p.k, i)
			g.packB(p.data[g.steps(lo)*g.columns.lanes+g.columns.lane(c)*g.steps(hi-lo):], i, c, c+1)
		})
	}
	return p
}

// packTiles packs b for tiles, piece by piece.
func (p *Packed) packTiles(b Mat, precision Precision) {
	t := tileCall{b: lanesOfRows(b.T()), k: p.k, planes: 1, c: Mat{Cols: p.n}}
	if precision == BF16x3 {
		t.planes = 2
	}
	p.bf16 = t.planes
	p.data = Pages(roundUp(p.k, generic.TileDepth) * t.columnPanels() * tileLanes * t.planes / 2)
	t.whole = halves(p.data)
	For(tilePieces(p.k, t.planes)*t.columnPanels(), func(item int) {
		t, i := t, item/t.columnPanels()
		t.lo, t.hi = tileCut(p.k, t.planes, i), tileCut(p.k, t.planes, i+1)
		memory := itemScratches.get()
		c := item % t.columnPanels()
		t.packB(t.panelOfB(c), c, memory.floats(tileFloats))
		itemScratches.put(memory)
	})
}

// PackFilters packs a bank of filters w [Co,KH,KW,Ci] for the direct sum in F32.
//
// Panics: w is shorter than its shape, or a size is negative.
func PackFilters(w []float32, co, kh, kw, ci int) *Packed {
	need("PackFilters", "co", co, 0)
	need("PackFilters", "kh", kh, 0)
	need("PackFilters", "kw", kw, 0)
	need("PackFilters", "ci", ci, 0)
	need("PackFilters", "len(w)", len(w), sizeSat(co, kh, kw, ci))
	p := &Packed{kind: packedFilters, k: kh * kw * ci, n: co}
	if p.k == 0 || p.n == 0 {
		return p
	}
	p.tile = gemmTileShape()
	columns := cutColumns(co, p.tile)
	p.data = Pages(columns.lanes * p.k)
	For(columns.panels, func(i int) {
		lane, n, width := columns.panel(i)
		packPanel(p.data[lane*p.k:], width, lanes{data: w, lane: p.k, step: 1}, lane, n, 0, p.k)
	})
	return p
}

// Serves says whether products in that precision read p in the place of b, so that they
// need nothing else of it. They do in the precision that p was made for, but where operands are
// rounded on the way.
func (p *Packed) Serves(precision Precision) bool {
	switch {
	case precision.tiled():
		return p.halves(precision.planes()) != nil
	case precision.paired():
		return p.panels(pairTileShape(), true) != nil
	}
	return precision.floats() && !(precision == BF16x3 && splits) && p.panels(gemmTileShape(), false) != nil
}

// check panics if there is a Packed of another kind or shape.
func (p *Packed) check(op string, kind packedKind, k, n int) {
	if p == nil {
		return
	}
	if p.kind != kind {
		panic("kernels: " + op + ": o.Packed holds " + string(p.kind) + ", want " + string(kind))
	}
	if p.k != k {
		fail(op, "length of a sum of o.Packed", p.k, k, "exactly")
	}
	if p.n != n {
		fail(op, "columns of o.Packed", p.n, n, "exactly")
	}
}

// panels are the panels for that tile, of float32 numbers or of pairs, or nil.
func (p *Packed) panels(tile gemmShape, pairs bool) []float32 {
	if p == nil || p.bf16 != 0 || p.tile != tile || p.pairs != pairs {
		return nil
	}
	return p.data
}

// halves are the panels in that many planes of bf16, or nil.
func (p *Packed) halves(planes int) []uint16 {
	if p == nil || p.bf16 != planes {
		return nil
	}
	return halves(p.data)
}
