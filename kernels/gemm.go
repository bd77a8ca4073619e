package kernels

// GemmOptions says what Gemm adds to the product.
type GemmOptions struct {
	Accumulate bool      // add to what c holds, instead of overwriting it
	Bias       []float32 // [N], added to every row; nil: none
}

// maxK is the longest piece of the reduction that is summed in one go. It is
// one constant for all instruction sets: the pieces decide the rounding.
// 384 measured flat against 256 and 512 on an AVX-512 server with 48 KiB
// first-level and 2 MiB second-level cache.
const maxK = 384

// Limits below which a product runs on the calling goroutine, and on the part
// of b that is packed at a time.
const (
	serialFlops = 1 << 20 // 2*M*N*K; about 5 microseconds at AVX-512 speed
	groupK      = 8192    // reduction steps packed at a time, a multiple of maxK's pieces
)

// Gemm multiplies matrices:
//
//	c[m,n] = (c[m,n] if o.Accumulate) + sum over k of a[m,k]*b[k,n] + o.Bias[n]
//
// Shapes: c [M,N], a [M,K], b [K,N], o.Bias [N] or nil. Any of them may be 0;
// K 0 leaves the bias, or 0, or c as it was.
// Strides: a and b any, zero included; c has unit ColStride and rows that do
// not overlap, or the same transposed.
// Writes: c is overwritten, or accumulated into; without Accumulate it is
// never read, so it may hold NaN.
// Aliasing: c overlaps no operand.
// Numerics: K is cut into ceil(K/384) nearly equal pieces; each element of each
// piece is one chain of fused multiply-adds in increasing k (in the generic
// build, multiply and add), and the pieces are added in order. That depends on
// K alone, so the bits are the same for any number of workers, and for AVX2 and
// AVX-512. |error| <= g(K+2) * (sum |a||b| + |bias| + |c|), g(k) = k*u/(1-k*u),
// u = 2^-24. Zeros are multiplied like any number: 0*NaN is NaN.
// Panics: shapes that disagree, a view that reaches past its slice, a c that
// breaks the stride rule, or a bias that is too short.
func Gemm(c, a, b Mat, o GemmOptions) {
	checkGemm(c, a, b, o)
	ws := getWorkspace()
	gemm(ws, c, a, b, o, workers())
	putWorkspace(ws)
}

// gemmSerial is Gemm on the calling goroutine with a workspace of the
// caller's, for use inside a job. It equals Gemm bit for bit.
func gemmSerial(ws *workspace, c, a, b Mat, o GemmOptions) {
	checkGemm(c, a, b, o)
	gemm(ws, c, a, b, o, 1)
}

func checkGemm(c, a, b Mat, o GemmOptions) {
	needShape("Gemm", "a", a, c.Rows, a.Cols)
	needShape("Gemm", "b", b, a.Cols, c.Cols)
	needShape("Gemm", "c", c, c.Rows, c.Cols)
	if o.Bias != nil {
		need("Gemm", "len(bias)", len(o.Bias), c.Cols)
	}
	switch {
	case c.ColStride == 1 || c.Cols <= 1:
		if c.Rows > 1 {
			need("Gemm", "c.RowStride", c.RowStride, c.Cols)
		}
	case c.RowStride == 1 || c.Rows <= 1:
		need("Gemm", "c.ColStride", c.ColStride, c.Rows)
	default:
		fail("Gemm", "the smaller stride of c", min(c.RowStride, c.ColStride), 1, "exactly")
	}
}

// gemm orders the operands so that rows of c are contiguous, sets up c where
// the micro-kernel cannot, and multiplies.
func gemm(ws *workspace, c, a, b Mat, o GemmOptions, workers int) {
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	flipped := c.ColStride != 1 && c.Cols > 1
	if a.Cols == 0 || o.Bias != nil && (flipped || o.Accumulate) {
		addBias(c, o)
		o = GemmOptions{Accumulate: true}
	}
	if flipped {
		c, a, b = c.T(), b.T(), a.T()
	}
	if a.Cols == 0 {
		return
	}
	g := &ws.call
	*g = gemmCall{c: c, a: lanesOfRows(a), b: lanesOfRows(b.T()), bias: o.Bias, accumulate: o.Accumulate, k: a.Cols, shared: ws}
	g.multiply(workers)
	*g = gemmCall{} // keep no operand alive
}

// addBias performs the part of a Gemm that has no product.
func addBias(c Mat, o GemmOptions) {
	for r := range c.Rows {
		for col := range c.Cols {
			p := &c.Data[c.offset(r, col)]
			if !o.Accumulate {
				*p = 0
			}
			if o.Bias != nil {
				*p += o.Bias[col]
			}
		}
	}
}

// gemmCall is one product under way. c has unit ColStride; lanes of a are rows
// of c, lanes of b are its columns.
type gemmCall struct {
	c          Mat
	a, b       lanes
	bias       []float32
	accumulate bool
	k          int        // the whole reduction
	shared     *workspace // holds the packed part of b

	tile           gemmShape
	n0, n1         int // columns of c packed now
	p0, p1         int // pieces of k packed now
	mItems, nItems int // how the c of this part is cut
}

// gemmShape is the geometry of the micro-kernel in use.
type gemmShape struct {
	mr, nr int // rows and columns of a tile
	step   int // the last panel of b may be narrower, a multiple of step
}

// multiply packs b part by part and computes each part's share of c.
func (g *gemmCall) multiply(workers int) {
	g.tile = gemmTileShape()
	if 2*float64(g.c.Rows)*float64(g.c.Cols)*float64(g.k) < serialFlops {
		workers = 1
	}
	pieces := kPieces(g.k)
	perGroup := min(pieces, groupK/maxK)
	width := g.tile.nr
	columns := max(1, packB/(perGroup*maxK)/width) * width
	for g.n0 = 0; g.n0 < g.c.Cols; g.n0 = g.n1 {
		g.n1 = min(g.n0+columns, g.c.Cols)
		for g.p0 = 0; g.p0 < pieces; g.p0 = g.p1 {
			g.p1 = min(g.p0+perGroup, pieces)
			g.part(workers)
		}
	}
}

// part computes c[:, n0:n1] over the pieces [p0,p1).
func (g *gemmCall) part(workers int) {
	panels := ceilDiv(g.n1-g.n0, g.tile.nr)
	g.cut(workers, panels)
	g.shared.bufB() // reserved here, written by every worker
	dispatch((*gemmPack)(g), panels*(g.p1-g.p0), workers)
	dispatch((*gemmMultiply)(g), g.mItems*g.nItems, workers)
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

// cut decides how many blocks of rows and of columns the workers share. Any
// cut gives the same bits. Rows are preferred, in blocks that fit the buffer of
// a; columns are cut only where rows would leave workers idle.
func (g *gemmCall) cut(workers, panels int) {
	rows := ceilDiv(g.c.Rows, g.tile.mr)
	least := ceilDiv(rows, maxRowsA/g.tile.mr)
	g.mItems, g.nItems = evenCut(rows, least, workers), 1
	byRows := ceilDiv(rows, g.mItems) * ceilDiv(g.mItems, workers) * panels
	if n := min(panels, workers); n > 1 {
		byColumns := rows * ceilDiv(panels, n) * ceilDiv(n, workers)
		if byColumns < byRows {
			g.mItems, g.nItems = least, n
		}
	}
}

// evenCut returns how many blocks to cut n panels into: at least least, and the
// number that leaves the busiest of the workers the fewest panels.
func evenCut(n, least, workers int) int {
	best, bestLoad := least, ceilDiv(n, least)*ceilDiv(least, workers)
	for blocks := roundUp(least, workers); blocks <= min(n, 2*roundUp(least, workers)); blocks += workers {
		if load := ceilDiv(n, blocks) * ceilDiv(blocks, workers); load < bestLoad {
			best, bestLoad = blocks, load
		}
	}
	return best
}

// kPieces is how many pieces a reduction of length k is summed in.
func kPieces(k int) int { return ceilDiv(k, maxK) }

// kPiece returns the bounds of piece p of k. It depends on k alone. Pieces are
// multiples of 8 but the last, which suits the packing.
func kPiece(k, p int) (lo, hi int) {
	size := min(maxK, roundUp(ceilDiv(k, kPieces(k)), 8))
	return min(k, p*size), min(k, (p+1)*size)
}

// panel returns the first lane, the number of lanes and the padded width of
// panel j of the part of b.
func (g *gemmCall) panel(j int) (lane, n, width int) {
	lane = g.n0 + j*g.tile.nr
	n = min(g.tile.nr, g.n1-lane)
	return lane, n, min(g.tile.nr, roundUp(n, g.tile.step))
}

// packed returns where panel j of piece p of b lies: pieces one after another,
// panels within a piece one after another.
func (g *gemmCall) packed(p, j int) []float32 {
	columns := roundUp(g.n1-g.n0, g.tile.step)
	first, _ := kPiece(g.k, g.p0)
	lo, hi := kPiece(g.k, p)
	return g.shared.b[(lo-first)*columns+j*g.tile.nr*(hi-lo):]
}

// gemmPack packs b: one item is one panel of one piece.
type gemmPack gemmCall

func (j *gemmPack) run(_, item int) {
	g := (*gemmCall)(j)
	panels := ceilDiv(g.n1-g.n0, g.tile.nr)
	p, panel := g.p0+item/panels, item%panels
	lane, n, width := g.panel(panel)
	lo, hi := kPiece(g.k, p)
	packPanel(g.packed(p, panel), width, g.b, lane, n, lo, hi-lo)
}

// gemmMultiply computes c: one item is one block of rows by one block of
// columns, over all pieces of the part.
type gemmMultiply gemmCall

func (j *gemmMultiply) run(_, item int) {
	g := (*gemmCall)(j)
	mr := g.tile.mr
	rows, panels := ceilDiv(g.c.Rows, mr), ceilDiv(g.n1-g.n0, g.tile.nr)
	mi, ni := item%g.mItems, item/g.mItems
	r0, r1 := rows*mi/g.mItems*mr, min(g.c.Rows, rows*(mi+1)/g.mItems*mr)
	j0, j1 := panels*ni/g.nItems, panels*(ni+1)/g.nItems
	ws := g.shared
	if g.mItems*g.nItems > 1 {
		ws = getWorkspace()
		defer putWorkspace(ws)
	}
	block := ws.bufA()
	for p := g.p0; p < g.p1; p++ {
		lo, hi := kPiece(g.k, p)
		for r := r0; r < r1; r += mr {
			packPanel(block[(r-r0)*(hi-lo):], mr, g.a, r, min(mr, r1-r), lo, hi-lo)
		}
		for panel := j0; panel < j1; panel++ {
			g.column(p, panel, block, r0, r1)
		}
	}
}

// column multiplies the packed rows [r0,r1) of a with one panel of b.
func (g *gemmCall) column(p, panel int, block []float32, r0, r1 int) {
	lane, n, width := g.panel(panel)
	lo, hi := kPiece(g.k, p)
	k, mr, stride := hi-lo, g.tile.mr, g.c.RowStride
	b := g.packed(p, panel)
	for r := r0; r < r1; r += mr {
		m := min(mr, r1-r)
		c := g.c.Data[r*stride+lane:]
		d, ldd := c, stride
		if p == 0 && !g.accumulate {
			d, ldd = nil, 0
			if g.bias != nil {
				d = g.bias[lane:]
			}
		}
		gemmTile(width, k, block[(r-r0)*k:], b, c, stride, d, ldd, m, n)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
