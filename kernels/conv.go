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
	Accumulate bool      // add to the destination instead of overwriting it
	Bias       []float32 // [Co], added to every pixel of y; nil: none. Conv2D only
}

// Conv2D convolves images with a bank of filters, as a deep-learning
// framework does (a cross-correlation):
//
//	y[n,p,q,o] = (y[n,p,q,o] if o.Accumulate) + o.Bias[o]
//	             + sum over i<KH, j<KW, c<Ci of x[n,p*StrideH+i-PadH,q*StrideW+j-PadW,c]*w[o,i,j,c]
//
// where x outside the image is 0.
//
// Shapes: x [N,H,W,Ci]; w [Co,KH,KW,Ci]; y [N,OutH,OutW,Co]. N, Ci and Co may
// be 0; the kernel is at most as large as the padded image.
// Writes: y is overwritten, or accumulated into; without Accumulate it is
// never read.
// Aliasing: y overlaps no operand.
// Panics: a size out of range, or a slice shorter than its shape.
func Conv2D(y, x, w []float32, s ConvShape, o ConvOptions) {
	s = s.check("Conv2D", "y", y, "x", x, "w", w)
	if o.Bias != nil {
		need("Conv2D", "len(bias)", len(o.Bias), s.Co)
	}
	s.eachBand(x, func(pixels, count int, patches Mat) {
		Gemm(MatOf(y[pixels*s.Co:], count, s.Co), patches, MatOf(w, s.Co, s.taps()*s.Ci).T(), GemmOptions(o))
	})
}

// check panics unless s is possible and the slices hold their shapes, and
// returns s with its defaults filled in.
func (s ConvShape) check(op, yName string, y []float32, xName string, x []float32, wName string, w []float32) ConvShape {
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
	need(op, "len("+yName+")", len(y), sizeSat(s.N, s.OutH(), s.OutW(), s.Co))
	need(op, "len("+xName+")", len(x), sizeSat(s.N, s.H, s.W, s.Ci))
	need(op, "len("+wName+")", len(w), sizeSat(s.Co, s.KH, s.KW, s.Ci))
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

// eachBand copies the patches of a few rows of pixels at a time and hands them
// to body: pixels is the first pixel of the output, over all images, count how
// many there are, and patches [count,KH*KW*Ci] what each of them sees.
func (s ConvShape) eachBand(x []float32, body func(pixels, count int, patches Mat)) {
	k := s.taps() * s.Ci
	rows := max(1, (1<<18)/max(1, k*s.OutW()))
	memory := callScratches.get()
	for n := range s.N {
		image := x[n*s.H*s.W*s.Ci:][:s.H*s.W*s.Ci]
		for p := 0; p < s.OutH(); p += rows {
			count := min(rows, s.OutH()-p) * s.OutW()
			patches := MatOf(memory.floats(count*k), count, k)
			for i := range count {
				s.patch(patches.Row(i), image, p+i/s.OutW(), i%s.OutW())
			}
			body((n*s.OutH()+p)*s.OutW(), count, patches)
		}
	}
	callScratches.put(memory)
}

// patch copies what pixel (p,q) of the output sees.
func (s ConvShape) patch(dst, image []float32, p, q int) {
	row := s.KW * s.Ci
	for i := range s.KH {
		for j := range s.KW {
			to := dst[i*row+j*s.Ci:][:s.Ci]
			if at, ok := s.input(p, q, i, j); ok {
				copy(to, image[at:])
			} else {
				clear(to)
			}
		}
	}
}

// input is where tap (i,j) of output pixel (p,q) begins in an image; ok is
// false outside.
func (s ConvShape) input(p, q, i, j int) (at int, ok bool) {
	r, c := p*s.StrideH+i-s.PadH, q*s.StrideW+j-s.PadW
	return (r*s.W + c) * s.Ci, r >= 0 && r < s.H && c >= 0 && c < s.W
}
