package kernels

// Conv2DGradInput is the gradient of Conv2D with respect to x:
//
//	dx[n,h,w,c] = (dx[n,h,w,c] if o.Accumulate) + sum over the taps (i,j) and
//	              outputs (p,q) that meet there, and o<Co, of dy[n,p,q,o]*w[o,i,j,c]
//
// It is also the forward pass of the transposed convolution.
//
// Shapes: as Conv2D: dx [N,H,W,Ci]; dy [N,OutH,OutW,Co]; w [Co,KH,KW,Ci].
// Writes: dx is overwritten, or accumulated into; without Accumulate it is
// never read.
// Aliasing: dx overlaps no operand.
// Numerics, of ConvDirect: as Conv2D, the reduction being over o and the taps that an element
// of dx meets; bound g(KH*KW*Co+2).
// Panics: as Conv2D, or a bias.
func Conv2DGradInput(dx, dy, w []float32, s ConvShape, o ConvOptions) {
	s = s.check("Conv2DGradInput", "len(dy)", dy, "len(dx)", dx, "len(w)", w)
	o.noBias("Conv2DGradInput")
	if s.N*s.Ci == 0 {
		return
	}
	s = s.fold()
	if o.Precision.tiled() && s.plain() {
		pixels := s.N * s.H * s.W
		Gemm(MatOf(dx, pixels, s.Ci), MatOf(dy, pixels, s.Co), MatOf(w, s.Co, s.Ci), GemmOptions{Accumulate: o.Accumulate, Bias: o.Bias, Precision: o.Precision})
		return
	}
	c := convCalls.get()
	*c = convCall{
		in: dy, images: s.N, inH: s.OutH(), inW: s.OutW(), channels: s.Co, strideH: 1, strideW: 1,
		out: dx, outImage: s.H * s.W * s.Ci, lanes: s.Ci, accumulate: o.Accumulate,
		round: o.Precision.rounds() && !o.Precision.tiled(), pairs: o.Precision.paired() && s.Co%2 == 0, planes: o.Precision.planes(),
		w: w, lane: 1, step: s.taps() * s.Ci, phases: s.gradPhases(c.phases[:0]),
	}
	c.compute(s, o)
	convCalls.put(c)
}

// gradPhases appends the phases of the gradient with respect to x. Row h of x
// is seen by tap i of output row p where p*StrideH+i-PadH = h. For the rows h
// that are r modulo the stride these taps are i = i0, i0+StrideH, ..., and as i
// grows p falls: the taps in reverse order are a correlation with stride 1 over
// the rows of dy. Columns alike.
func (s ConvShape) gradPhases(phases []convPhase) []convPhase {
	for r := range min(s.StrideH, s.H) {
		row := s.gradAxis(r, s.KH, s.StrideH, s.PadH)
		for c := range min(s.StrideW, s.W) {
			col := s.gradAxis(c, s.KW, s.StrideW, s.PadW)
			f := convPhase{
				rows: row.taps, cols: col.taps, top: row.first, left: col.first,
				outH: ceilDiv(s.H-r, s.StrideH), outW: ceilDiv(s.W-c, s.StrideW),
				at: (r*s.W + c) * s.Ci, row: s.StrideH * s.W * s.Ci, pixel: s.StrideW * s.Ci,
				wRow: -s.StrideH * s.KW * s.Ci, wCol: -s.StrideW * s.Ci,
			}
			if f.rows*f.cols == 0 {
				f.rows, f.cols = 0, 0
			} else {
				f.w = (row.last*s.KW + col.last) * s.Ci
			}
			phases = append(phases, f)
		}
	}
	return phases
}

// gradAxis is one direction of a phase: how many taps it has, the last of them,
// which comes first, and the output that this one sees from the phase's first
// pixel.
type gradAxis struct{ taps, last, first int }

func (ConvShape) gradAxis(r, kernel, stride, pad int) gradAxis {
	i0 := (r + pad) % stride
	if i0 >= kernel {
		return gradAxis{}
	}
	taps := ceilDiv(kernel-i0, stride)
	return gradAxis{taps: taps, last: i0 + (taps-1)*stride, first: (r+pad-i0)/stride - (taps - 1)}
}

// Conv2DGradWeight is the gradient of Conv2D with respect to w:
//
//	dw[o,i,j,c] = (dw[o,i,j,c] if o.Accumulate) + sum over n, p, q of
//	              dy[n,p,q,o]*x[n,p*StrideH+i-PadH,q*StrideW+j-PadW,c]
//
// Shapes: as Conv2D: dw [Co,KH,KW,Ci]; dy [N,OutH,OutW,Co]; x [N,H,W,Ci].
// Writes: dw is overwritten, or accumulated into; without Accumulate it is
// never read.
// Aliasing: dw overlaps no operand.
// Numerics: the sum over (n,p,q) is cut into chunks of whole rows of the output,
// 512 pixels or one row; each element of each chunk is one chain of fused
// multiply-adds, and the chunks are added in order (where KH, KW and the strides
// are 1 and nothing is padded: as Gemm). That depends on the shape alone. Bound
// g(N*OutH*OutW+2). Pixels that meet only padding may be left out: with a dy that
// is not finite there, the result is not defined; in BF16 and BF16x3 a pixel past the end of
// a row may be multiplied with 0, so with an x that is not finite neither is it. On tiles
// (AMX) the chunks are slabs of whole rows, or of whole images side by side, of about 2048
// pixels; sums go through them in steps of 32 pixels, each of them summed as the
// processor does, and from one slab to the next.
// Panics: as Conv2D, or a bias.
func Conv2DGradWeight(dw, dy, x []float32, s ConvShape, o ConvOptions) {
	s = s.check("Conv2DGradWeight", "len(dy)", dy, "len(x)", x, "len(dw)", dw)
	o.noBias("Conv2DGradWeight")
	if s.Co*s.Ci == 0 {
		return
	}
	s = s.fold()
	if s.N*s.OutH()*s.OutW() == 0 {
		if !o.Accumulate {
			clear(dw[:s.Co*s.taps()*s.Ci])
		}
		return
	}
	if s.plain() {
		pixels := s.N * s.H * s.W
		Gemm(MatOf(dw, s.Co, s.Ci), MatOf(dy, pixels, s.Co).T(), MatOf(x, pixels, s.Ci), GemmOptions{Accumulate: o.Accumulate, Precision: o.Precision})
		return
	}
	if o.tapsOnTiles(s) {
		c := tapCalls.get()
		*c = tapCall{ConvShape: s, dw: dw, dy: dy, x: x, accumulate: o.Accumulate, planes: o.Precision.planes()}
		c.run()
		*c = tapCall{} // keep no operand alive
		tapCalls.put(c)
		return
	}
	if o.winogradWeight(s) {
		c := winogradGradCalls.get()
		*c = winogradGradCall{ConvShape: s, dw: dw, dy: dy, x: x, accumulate: o.Accumulate, round: o.Precision.rounds()}
		c.run()
		*c = winogradGradCall{} // keep no operand alive
		winogradGradCalls.put(c)
		return
	}
	c := convGradCalls.get()
	*c = convGradCall{ConvShape: s, dw: dw, dy: dy, x: x, accumulate: o.Accumulate, round: o.Precision.rounds(), pairs: o.Precision.paired()}
	c.runRounded()
	*c = convGradCall{} // keep no operand alive
	convGradCalls.put(c)
}

// noBias refuses what only Conv2D does.
func (o ConvOptions) noBias(op string) {
	if o.Bias != nil {
		fail(op, "len(o.Bias)", len(o.Bias), 0, "exactly")
	}
	if o.Add != nil || o.Relu || o.Packed != nil {
		panic("kernels: " + op + ": Add, Relu and Packed are of Conv2D alone")
	}
}
