package kernels

// GemmOptions says what Gemm adds to the product.
type GemmOptions struct {
	Accumulate bool      // add to what c holds, instead of overwriting it
	Bias       []float32 // [N], added to every row; nil: none
	Precision  Precision // what becomes of a and b; the zero value is F32
	Packed     *Packed   // b, from PackB; nil: b is packed on the way. Where it Serves the precision, b.Data may be nil
	Epilogue             // what becomes of the result
}

// maxK is the longest piece of the reduction that is summed in one go. It is
// one constant for all instruction sets: the pieces decide the rounding.
// 384 measured flat against 256 and 512 on an AVX-512 server with 48 KiB
// first-level and 2 MiB second-level cache.
const maxK = 384

// Gemm multiplies matrices:
//
//	c[m,n] = (c[m,n] if o.Accumulate) + sum over k of a[m,k]*b[k,n] + o.Bias[n]
//
// and does to the result what o.Epilogue says.
//
// Shapes: c [M,N], a [M,K], b [K,N], o.Bias [N] or nil. Any of them may be 0;
// K 0 leaves the bias, or 0, or c as it was.
// Strides: a and b any, zero included; c has unit ColStride and rows that do
// not overlap, or the same transposed.
// Writes: c is overwritten, or accumulated into; without Accumulate it is
// never read, so it may hold NaN.
// Aliasing: c overlaps no operand.
// Numerics: this is F32; the other precisions are described where they are
// defined, and theirs too depends on K alone: on tiles c, the bias or 0 begins a
// sum, each 32 elements of k are added to it in order, and the bound is
// g(K+2) of the operands that were rounded. K is cut into ceil(K/384) nearly equal pieces; each element of each
// piece is one chain of fused multiply-adds in increasing k (in the generic
// build, multiply and add), and the pieces are added in order. That depends on
// K alone, so the bits are the same for any number of workers, and for AVX2 and
// AVX-512. |error| <= g(K+2) * (sum |a||b| + |bias| + |c|), g(k) = k*u/(1-k*u),
// u = 2^-24. Zeros are multiplied like any number: 0*NaN is NaN.
// Panics: shapes that disagree, a view that reaches past its slice, a c that
// breaks the stride rule, a bias that is too short, a Packed of another shape, or, with a b of
// no values, one that does not serve.
func Gemm(c, a, b Mat, o GemmOptions) {
	checkGemm(c, a, b, o)
	n := workers()
	workspaces.reserve(n + 1) // one for the call
	ws := getWorkspace()
	gemm(ws, c, a, b, o, n)
	putWorkspace(ws)
}

func checkGemm(c, a, b Mat, o GemmOptions) {
	needShape("Gemm", "a", a, c.Rows, a.Cols)
	o.checkOperand(b, a.Cols, c)
	needShape("Gemm", "c", c, c.Rows, c.Cols)
	if o.Bias != nil {
		need("Gemm", "len(bias)", len(o.Bias), c.Cols)
	}
	o.Epilogue.check("Gemm", c)
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

// checkOperand checks b [k,n], which may be packed, or packed and nothing else.
func (o *GemmOptions) checkOperand(b Mat, k int, c Mat) {
	o.Packed.check("Gemm", packedB, k, c.Cols)
	if b.Data != nil || o.Packed == nil || b.span() == 0 {
		needShape("Gemm", "b", b, k, c.Cols)
		return
	}
	switch {
	case b.Rows != k || b.Cols != c.Cols:
		needShape("Gemm", "b", b, k, c.Cols)
	case !o.Packed.Serves(o.Precision):
		panic("kernels: Gemm: b.Data is nil, and o.Packed does not serve " + o.Precision.String())
	case c.ColStride != 1 && c.Cols > 1:
		fail("Gemm", "c.ColStride where b.Data is nil", c.ColStride, 1, "exactly")
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
		o.Bias, o.Accumulate = nil, true
	}
	if a.Cols == 0 {
		if !o.Epilogue.none() {
			o.Epilogue.applyAll(c)
		}
		return
	}
	if flipped { // and without epilogue
		c, a, b = c.T(), b.T(), a.T()
		o.Packed = nil
	}
	if o.Precision.tiled() {
		gemmOnTiles(ws, c, a, b, o, workers)
		return
	}
	g := &ws.call
	*g = gemmCall{c: c, a: lanesOfRows(a), b: lanesOfRows(b.T()), bias: o.Bias, accumulate: o.Accumulate, epilogue: o.Epilogue, k: a.Cols, workspace: ws, given: o.Packed}
	switch {
	case o.Precision == BF16x3 && splits:
		g.multiplySplit(workers)
	default:
		g.pairs = o.Precision.paired()
		if o.Precision.rounds() && !g.pairs {
			g.termA, g.termB = highTerm, highTerm
		}
		g.multiply(workers)
	}
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
