package kernels

// PoolShape describes a pooling of channels-last images: square windows, a
// stride and padding on every side.
type PoolShape struct {
	ImageShape
	Kernel, Stride, Pad int
	Ceil                bool // round the number of windows up; the last may hang over
}

// OutH and OutW are the numbers of windows down and across. As in PyTorch, a
// window that would begin in the padding behind the image is left out.
func (s PoolShape) OutH() int { return s.out(s.H) }

// OutW is OutH across.
func (s PoolShape) OutW() int { return s.out(s.W) }

func (s PoolShape) out(in int) int {
	span := in + 2*s.Pad - s.Kernel
	if !s.Ceil {
		return span/s.Stride + 1
	}
	n := (span+s.Stride-1)/s.Stride + 1
	if (n-1)*s.Stride >= in+s.Pad {
		n--
	}
	return n
}

func (s PoolShape) check(op string, y, x []float32) {
	s.ImageShape.check(op)
	need(op, "s.Stride", s.Stride, 1)
	need(op, "s.Kernel", s.Kernel, 1)
	need(op, "s.Pad", s.Pad, 0)
	need(op, "s.Kernel/2 (padding is at most half a window)", s.Kernel/2, s.Pad)
	need(op, "padded height", s.H+2*s.Pad, s.Kernel)
	need(op, "padded width", s.W+2*s.Pad, s.Kernel)
	need(op, "len(x)", len(x), s.ImageShape.len())
	need(op, "len(y)", len(y), mulSat(mulSat(s.N, s.OutH()), mulSat(s.OutW(), s.C)))
}

// MaxPool takes the largest pixel of each window, channel by channel; padding
// never is the largest.
//
//	y[n,p,q,c] = max over i, j < Kernel of x[n,p*Stride+i-Pad,q*Stride+j-Pad,c]
//
// Shapes: x [N,H,W,C]; y [N,OutH,OutW,C].
// Writes: y is overwritten.
// Aliasing: y must not overlap x.
// Numerics: exact; a NaN in the window is the result, and of zeros the last in raster order.
// Panics: an empty window, a stride below 1, padding above half a window, or
// a slice shorter than its shape.
func MaxPool(y, x []float32, s PoolShape) {
	s.check("MaxPool", y, x)
	s.each(func(out []float32, n, p, q int) {
		first := true
		s.window(x, n, p, q, func(in []float32) {
			if first {
				copy(out, in)
				first = false
			} else {
				larger(out, out, in)
			}
		})
	}, y)
}

// AvgPoolOptions are the choices of AvgPool.
type AvgPoolOptions struct {
	ExcludePad bool // divide by the pixels of the window, padding not counted
}

// AvgPool averages each window, channel by channel; padding is 0.
//
//	y[n,p,q,c] = sum over i, j < Kernel of x[n,p*Stride+i-Pad,q*Stride+j-Pad,c] / d
//
// where d counts the places of the window within the padded image or, with
// ExcludePad, within the image.
//
// Shapes: x [N,H,W,C]; y [N,OutH,OutW,C].
// Writes: y is overwritten.
// Aliasing: y must not overlap x.
// Numerics: Kernel*Kernel roundings, in raster order.
// Panics: as MaxPool.
func AvgPool(y, x []float32, s PoolShape, o AvgPoolOptions) {
	s.check("AvgPool", y, x)
	s.each(func(out []float32, n, p, q int) {
		count := 0
		s.window(x, n, p, q, func(in []float32) {
			if count++; count == 1 {
				copy(out, in)
			} else {
				add(out, out, in)
			}
		})
		if !o.ExcludePad {
			count = s.places(p, s.H) * s.places(q, s.W)
		}
		scale(out, float32(1/float64(count)), out)
	}, y)
}

// places counts the rows of window p that lie within the padded image.
func (s PoolShape) places(p, in int) int {
	first := p*s.Stride - s.Pad
	return min(first+s.Kernel, in+s.Pad) - first
}

// each calls f for every pixel of y, in parallel over rows.
func (s PoolShape) each(f func(out []float32, n, p, q int), y []float32) {
	rows, cols := s.OutH(), s.OutW()
	For(s.N*rows, func(item int) {
		for q := range cols {
			f(y[(item*cols+q)*s.C:][:s.C], item/rows, item%rows, q)
		}
	})
}

// window calls f for every pixel of x in window (p,q) of image n.
func (s PoolShape) window(x []float32, n, p, q int, f func(in []float32)) {
	top, left := p*s.Stride-s.Pad, q*s.Stride-s.Pad
	for i := max(top, 0); i < min(top+s.Kernel, s.H); i++ {
		for j := max(left, 0); j < min(left+s.Kernel, s.W); j++ {
			f(x[((n*s.H+i)*s.W+j)*s.C:][:s.C])
		}
	}
}

// MeanPixels averages all pixels of each image, channel by channel.
//
// Shapes: x [N,H,W,C]; y [N,C].
// Writes: y is overwritten.
// Aliasing: y must not overlap x.
// Numerics: summed in float64 and rounded once.
// Panics: an image without pixels, or a slice shorter than its shape.
func MeanPixels(y, x []float32, s ImageShape) {
	s.check("MeanPixels")
	need("MeanPixels", "pixels of an image", s.H*s.W, 1)
	need("MeanPixels", "len(x)", len(x), s.len())
	need("MeanPixels", "len(y)", len(y), mulSat(s.N, s.C))
	For(s.N, func(n int) {
		sums := make([]float64, s.C)
		for p := range s.H * s.W {
			for c, v := range x[(n*s.H*s.W+p)*s.C:][:s.C] {
				sums[c] += float64(v)
			}
		}
		for c, v := range sums {
			y[n*s.C+c] = float32(v / float64(s.H*s.W))
		}
	})
}

// Relu is x, or 0 where x is negative, element by element.
//
// Shapes: len(y) is len(x).
// Writes: y is overwritten.
// Aliasing: y may be x.
// Numerics: exact; NaN stays NaN, and a negative zero a negative zero.
// Panics: y is shorter than x.
func Relu(y, x []float32) {
	need("Relu", "len(y)", len(y), len(x))
	const run = 1 << 14 // elements of one item: a first-level cache half full
	For((len(x)+run-1)/run, func(item int) {
		in := x[item*run : min((item+1)*run, len(x))]
		relu(y[item*run:][:len(in)], in)
	})
}
