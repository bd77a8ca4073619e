package ref

// Conv describes a convolution as kernels.ConvShape does, strides at least 1.
type Conv struct {
	N, H, W, Ci, Co  int
	KH, KW           int
	StrideH, StrideW int
	PadH, PadW       int
}

// OutH and OutW are the size of the output.
func (s Conv) OutH() int { return (s.H+2*s.PadH-s.KH)/s.StrideH + 1 }

// OutW is the width of the output.
func (s Conv) OutW() int { return (s.W+2*s.PadW-s.KW)/s.StrideW + 1 }

// Conv2D is the sum over the taps and channels of x*w for every pixel and
// filter, with its magnitude, the sum of |x*w|:
//
//	sum[n,p,q,o] = sum over i, j, c of x[n,p*StrideH+i-PadH,q*StrideW+j-PadW,c] * w[o,i,j,c]
func (s Conv) Conv2D(x, w []float32) (sum, magnitude []float64) {
	return s.products(s.N*s.OutH()*s.OutW()*s.Co, func(y, xAt, wAt int) (int, float64) {
		return y, float64(x[xAt]) * float64(w[wAt])
	})
}

// GradInput is the gradient of Conv2D with respect to x for the gradient dy of
// its output, with its magnitude.
func (s Conv) GradInput(dy, w []float32) (sum, magnitude []float64) {
	return s.products(s.N*s.H*s.W*s.Ci, func(y, xAt, wAt int) (int, float64) {
		return xAt, float64(dy[y]) * float64(w[wAt])
	})
}

// GradWeight is the gradient of Conv2D with respect to w.
func (s Conv) GradWeight(dy, x []float32) (sum, magnitude []float64) {
	return s.products(s.Co*s.KH*s.KW*s.Ci, func(y, xAt, wAt int) (int, float64) {
		return wAt, float64(dy[y]) * float64(x[xAt])
	})
}

// products visits every triple of an output, an input and a weight that meet,
// and adds the product that term gives to the element that it names.
func (s Conv) products(n int, term func(y, x, w int) (at int, product float64)) (sum, magnitude []float64) {
	sum, magnitude = make([]float64, n), make([]float64, n)
	s.each(func(y, x, w int) {
		for c := range s.Ci {
			at, product := term(y, x+c, w+c)
			sum[at] += product
			magnitude[at] += max(product, -product)
		}
	})
	return sum, magnitude
}

// each calls body for every output y and every pixel of the input inside the
// image that meets it, whose channels begin at x and whose weights at w.
func (s Conv) each(body func(y, x, w int)) {
	for y := range s.N * s.OutH() * s.OutW() * s.Co {
		o := y % s.Co
		q := y / s.Co % s.OutW()
		p := y / s.Co / s.OutW() % s.OutH()
		n := y / s.Co / s.OutW() / s.OutH()
		for i := range s.KH {
			for j := range s.KW {
				row, column := p*s.StrideH+i-s.PadH, q*s.StrideW+j-s.PadW
				if row < 0 || row >= s.H || column < 0 || column >= s.W {
					continue
				}
				body(y, ((n*s.H+row)*s.W+column)*s.Ci, ((o*s.KH+i)*s.KW+j)*s.Ci)
			}
		}
	}
}
