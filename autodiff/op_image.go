package autodiff

import "lethe/kernels"

// imageShape is the shape of channels-last images.
func imageShape(x *Tensor) kernels.ImageShape {
	return kernels.ImageShape{N: x.shape[0], H: x.shape[1], W: x.shape[2], C: x.shape[3]}
}

// AvgPool2 averages blocks of two by two pixels; an odd last row or column is
// left out.
// Shapes: x [N,H,W,C]; y [N,H/2,W/2,C].
// Panics: ShapeError.
func (tp *Tape) AvgPool2(x *Tensor) *Tensor {
	needShape("AvgPool2", "x", x, anyDim, anyDim, anyDim, anyDim)
	s := imageShape(x)
	shape := [4]int{s.N, s.H / 2, s.W / 2, s.C}
	y := tp.output(shape[:])
	kernels.AvgPool2(y.Data, x.Data, s)
	tp.record(y, avgPool2Back, nil, x)
	return y
}

// avgPool2Back: every pixel of a block gets a quarter of dy.
func avgPool2Back(tp *Tape, r *record) {
	dx, add := tp.sink(r.in[0])
	kernels.AvgPool2Grad(dx, r.dout(), imageShape(r.in[0]), kernels.ResampleOptions{Accumulate: add})
}

// UpNearest2 writes every pixel as a block of two by two.
// Shapes: x [N,H,W,C]; y [N,2*H,2*W,C].
// Panics: ShapeError.
func (tp *Tape) UpNearest2(x *Tensor) *Tensor {
	needShape("UpNearest2", "x", x, anyDim, anyDim, anyDim, anyDim)
	s := imageShape(x)
	shape := [4]int{s.N, 2 * s.H, 2 * s.W, s.C}
	y := tp.output(shape[:])
	kernels.UpNearest2(y.Data, x.Data, s)
	tp.record(y, upNearest2Back, nil, x)
	return y
}

// upNearest2Back: dx is the sum of a block of dy.
func upNearest2Back(tp *Tape, r *record) {
	dx, add := tp.sink(r.in[0])
	kernels.UpNearest2Grad(dx, r.dout(), imageShape(r.in[0]), kernels.ResampleOptions{Accumulate: add})
}

// Concat puts the last dimension of y behind that of x:
//
//	z[r,:] = x[r,:] followed by y[r,:]
//
// Shapes: x [...,C]; y [...,D], the other dimensions the same; z [...,C+D].
// Panics: ShapeError.
func (tp *Tape) Concat(x, y *Tensor) *Tensor {
	needRank("Concat", "x", x, 1)
	needLive("Concat", "y", y)
	rows, cx := leading(x), width(x)
	want := append(tp.shapes.take(len(x.shape))[:0], x.shape...) // x's, with any last dimension
	want[len(want)-1] = anyDim
	needShape("Concat", "y", y, want...)
	cy := width(y)

	z := tp.outputWidth(x, cx+cy)
	all := kernels.MatOf(z.Data, rows, cx+cy)
	kernels.CopyRows(all.Sub(0, rows, 0, cx), kernels.MatOf(x.Data, rows, cx), kernels.CopyOptions{})
	kernels.CopyRows(all.Sub(0, rows, cx, cx+cy), kernels.MatOf(y.Data, rows, cy), kernels.CopyOptions{})
	tp.record(z, concatBack, nil, x, y)
	return z
}

// concatBack: dx and dy are the two parts of dz.
func concatBack(tp *Tape, r *record) {
	rows, first := leading(r.out), 0
	dz := kernels.MatOf(r.dout(), rows, width(r.out))
	for i, t := range r.in[:2] {
		c := width(t)
		if r.want[i] {
			d, add := tp.sink(t)
			kernels.CopyRows(kernels.MatOf(d, rows, c), dz.Sub(0, rows, first, first+c), kernels.CopyOptions{Accumulate: add})
		}
		first += c
	}
}
