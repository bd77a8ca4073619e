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
// Panics: as Conv2D, or a bias.
func Conv2DGradInput(dx, dy, w []float32, s ConvShape, o ConvOptions) {
	s = s.check("Conv2DGradInput", "dy", dy, "dx", dx, "w", w)
	o.noBias("Conv2DGradInput")
	if !o.Accumulate {
		clear(dx[:s.N*s.H*s.W*s.Ci])
	}
	k, pixels := s.taps()*s.Ci, s.OutH()*s.OutW()
	memory := callScratches.get()
	for n := range s.N {
		image := dx[n*s.H*s.W*s.Ci:][:s.H*s.W*s.Ci]
		patches := MatOf(memory.floats(pixels*k), pixels, k)
		Gemm(patches, MatOf(dy[n*pixels*s.Co:], pixels, s.Co), MatOf(w, s.Co, k), GemmOptions{})
		for i := range pixels {
			s.scatter(image, patches.Row(i), i/s.OutW(), i%s.OutW())
		}
	}
	callScratches.put(memory)
}

// scatter adds a patch to where pixel (p,q) of the output sees it.
func (s ConvShape) scatter(image, patch []float32, p, q int) {
	for i := range s.KH {
		for j := range s.KW {
			if at, ok := s.input(p, q, i, j); ok {
				to := image[at:][:s.Ci]
				for c, v := range patch[(i*s.KW+j)*s.Ci:][:s.Ci] {
					to[c] += v
				}
			}
		}
	}
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
// Panics: as Conv2D, or a bias.
func Conv2DGradWeight(dw, dy, x []float32, s ConvShape, o ConvOptions) {
	s = s.check("Conv2DGradWeight", "dy", dy, "x", x, "dw", dw)
	o.noBias("Conv2DGradWeight")
	out := MatOf(dw, s.Co, s.taps()*s.Ci)
	if !o.Accumulate {
		clear(dw[:s.Co*s.taps()*s.Ci])
	}
	s.eachBand(x, func(pixels, count int, patches Mat) {
		Gemm(out, MatOf(dy[pixels*s.Co:], count, s.Co).T(), patches, GemmOptions{Accumulate: true})
	})
}

// noBias refuses a bias where there is nothing to add it to.
func (o ConvOptions) noBias(op string) {
	if o.Bias != nil {
		fail(op, "len(o.Bias)", len(o.Bias), 0, "exactly")
	}
}
