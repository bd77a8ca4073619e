package kernels

// ConvShape describes a 2-D convolution over channels-last images: x
// [N,H,W,Ci], w [Co,KH,KW,Ci], y [N,OutH,OutW,Co].
type ConvShape struct {
	N, H, W, Ci, Co  int
	KH, KW           int
	StrideH, StrideW int // 0 means 1
	PadH, PadW       int // rows and columns of zeros on each side
}

// OutH is the height of the output: floor((H+2*PadH-KH)/StrideH)+1.
func (s ConvShape) OutH() int { return (s.H+2*s.PadH-s.KH)/max(1, s.StrideH) + 1 }

// OutW is the width of the output.
func (s ConvShape) OutW() int { return (s.W+2*s.PadW-s.KW)/max(1, s.StrideW) + 1 }

// ConvOptions are the choices of a convolution and its gradients.
type ConvOptions struct {
	Accumulate bool          // add to the destination instead of overwriting it
	Precision  Precision     // what becomes of both operands; the zero value is F32
	Algorithm  ConvAlgorithm // how; the zero value is ConvDirect

	// Of Conv2D alone.
	Bias []float32 // [Co], added to every pixel of y; nil: none
	Add  []float32 // like y, added to it; nil: nothing. Not with Accumulate
	Relu bool      // what is negative in the end becomes 0
	// w, from PackFilters: the direct sum in F32 then does not read w. nil: w is packed
	// on the way
	Packed *Packed
}

// Conv2D convolves images with a bank of filters, as a deep-learning
// framework does (a cross-correlation):
//
//	y[n,p,q,o] = (y[n,p,q,o] if o.Accumulate) + o.Add[n,p,q,o] + o.Bias[o]
//	             + sum over i<KH, j<KW, c<Ci of x[n,p*StrideH+i-PadH,q*StrideW+j-PadW,c]*w[o,i,j,c]
//
// where x outside the image is 0; with o.Relu, 0 where that is negative.
//
// Shapes: x [N,H,W,Ci]; w [Co,KH,KW,Ci]; y, o.Add [N,OutH,OutW,Co]; o.Bias [Co].
// N, Ci and Co may be 0; the kernel is at most as large as the padded image.
// Writes: y is overwritten, or accumulated into; without Accumulate it is
// never read.
// Aliasing: y overlaps no operand.
// Numerics, of ConvDirect: the reduction over (i,j,c) is cut into pieces of rows of taps, or of
// parts of one, at most 768 long; each element of each piece is one chain of
// fused multiply-adds in that order (in the generic build, multiply and add), and
// the pieces are added in order. That depends on the filters' shape alone, so
// the bits are the same for any number of workers and images, and for AVX2 and AVX-512.
// |error| <= g(KH*KW*Ci+2) * (sum |x||w| + |bias| + |add| + |y|), g as in Gemm. Rows of
// taps that meet only padding may be left out: with a weight that is not
// finite, what an output next to the edge becomes is not defined.
// Panics: a size out of range, or a slice shorter than its shape.
func Conv2D(y, x, w []float32, s ConvShape, o ConvOptions) {
	s = o.check(s, y, x, w)
	if s.N*s.Co == 0 {
		return
	}
	s = s.fold()
	if o.Precision.tiled() && s.plain() {
		pixels := s.N * s.H * s.W
		g := GemmOptions{Accumulate: o.Accumulate, Bias: o.Bias, Precision: o.Precision, Epilogue: Epilogue{Relu: o.Relu}}
		if o.Add != nil {
			g.Epilogue.Add = MatOf(o.Add, pixels, s.Co)
		}
		Gemm(MatOf(y, pixels, s.Co), MatOf(x, pixels, s.Ci), MatOf(w, s.Co, s.Ci).T(), g)
		return
	}
	conv2D(y, x, w, s, o)
}

// check is ConvShape.check for Conv2D, and of its options.
func (o *ConvOptions) check(s ConvShape, y, x, w []float32) ConvShape {
	s = s.geometry("Conv2D")
	ny := sizeSat(s.N, s.OutH(), s.OutW(), s.Co)
	need("Conv2D", "len(y)", len(y), ny)
	s.operands("Conv2D", "len(x)", x, "len(w)", w)
	o.Packed.check("Conv2D", packedFilters, s.taps()*s.Ci, s.Co)
	if o.Bias != nil {
		need("Conv2D", "len(bias)", len(o.Bias), s.Co)
	}
	if o.Add != nil {
		need("Conv2D", "len(o.Add)", len(o.Add), ny)
		if o.Accumulate {
			panic("kernels: Conv2D: Add and Accumulate exclude each other")
		}
	}
	return s
}

// conv2D sets up the call.
func conv2D(y, x, w []float32, s ConvShape, o ConvOptions) {
	c := convCalls.get()
	*c = convCall{
		in: x, images: s.N, inH: s.H, inW: s.W, channels: s.Ci, strideH: s.StrideH, strideW: s.StrideW,
		out: y, outImage: s.OutH() * s.OutW() * s.Co, lanes: s.Co, bias: o.Bias, base: o.Add, relu: o.Relu, given: o.Packed, accumulate: o.Accumulate,
		round: o.Precision.rounds() && !o.Precision.tiled(), pairs: o.Precision.paired() && s.Ci%2 == 0, planes: o.Precision.planes(),
		w: w, lane: s.taps() * s.Ci, step: 1,
		phases: append(c.phases[:0], convPhase{
			rows: s.KH, cols: s.KW, top: -s.PadH, left: -s.PadW, outH: s.OutH(), outW: s.OutW(),
			row: s.OutW() * s.Co, pixel: s.Co, wRow: s.KW * s.Ci, wCol: s.Ci,
		}),
	}
	c.compute(s, o)
	convCalls.put(c)
}

// fold returns a convolution of the same operands with the same result whose
// rows are longer or simpler: where every column is seen by one tap, the taps
// of a row are channels; a product with the channels of single pixels knows no
// images.
func (s ConvShape) fold() ConvShape {
	if s.KW == s.StrideW && s.PadW == 0 && s.W%s.KW == 0 {
		s.Ci, s.W, s.KW, s.StrideW = s.Ci*s.KW, s.W/s.KW, 1, 1
	}
	if s.plain() {
		s.N, s.H, s.W = 1, s.N*s.H*s.W, 1
	}
	return s
}

// plain reports whether each output sees the pixel at its place and nothing
// else.
func (s ConvShape) plain() bool {
	return s.taps() == 1 && s.StrideH == 1 && s.StrideW == 1 && s.PadH == 0 && s.PadW == 0
}

// check panics unless s is possible and the slices hold their shapes, and
// returns s with its defaults filled in.
func (s ConvShape) check(op, yName string, y []float32, xName string, x []float32, wName string, w []float32) ConvShape {
	s = s.geometry(op)
	need(op, yName, len(y), sizeSat(s.N, s.OutH(), s.OutW(), s.Co))
	s.operands(op, xName, x, wName, w)
	return s
}

// operands panics unless the slices hold their shapes.
func (s ConvShape) operands(op, xName string, x []float32, wName string, w []float32) {
	need(op, xName, len(x), sizeSat(s.N, s.H, s.W, s.Ci))
	need(op, wName, len(w), sizeSat(s.Co, s.KH, s.KW, s.Ci))
}

// geometry panics unless s is possible and returns it with its defaults.
func (s ConvShape) geometry(op string) ConvShape {
	need(op, "s.N", s.N, 0)
	need(op, "s.Ci", s.Ci, 0)
	need(op, "s.Co", s.Co, 0)
	need(op, "s.H", s.H, 1)
	need(op, "s.W", s.W, 1)
	need(op, "s.KH", s.KH, 1)
	need(op, "s.KW", s.KW, 1)
	need(op, "s.StrideH", s.StrideH, 0)
	need(op, "s.StrideW", s.StrideW, 0)
	need(op, "s.PadH", s.PadH, 0)
	need(op, "s.PadW", s.PadW, 0)
	need(op, "s.H+2*s.PadH", addSat(s.H, mulSat(2, s.PadH)), s.KH)
	need(op, "s.W+2*s.PadW", addSat(s.W, mulSat(2, s.PadW)), s.KW)
	s.StrideH, s.StrideW = max(1, s.StrideH), max(1, s.StrideW)
	return s
}

// sizeSat multiplies sizes, saturating.
func sizeSat(sizes ...int) int {
	p := 1
	for _, n := range sizes {
		p = mulSat(p, n)
	}
	return p
}

// taps is how many pixels a patch has.
func (s ConvShape) taps() int { return s.KH * s.KW }
