package autodiff

import "lethe/kernels"

// AvgPool2 averages blocks of 2x2 pixels; an odd last row or column is left
// out.
//
// Shapes: x [N,H,W,C]; y [N,H/2,W/2,C].
// Panics: ShapeError.
func (tp *Tape) AvgPool2(x *Tensor) *Tensor {
	needShape("AvgPool2", "x", x, anyDim, anyDim, anyDim, anyDim)
	s := imageShape(x)
	shape := [4]int{s.N, s.H / 2, s.W / 2, s.C}
	y := tp.output(shape[:])
	tp.begin("avgpool2")
	kernels.AvgPool2(y.Data, x.Data, s)
	tp.end(x.n + y.n)
	tp.record(y, avgPool2Back, nil, x)
	return y
}

// avgPool2Back: every pixel of a block gets a quarter of dy.
func avgPool2Back(tp *Tape, r *record) {
	tp.begin("avgpool2.grad")
	dx, add := tp.sink(r.in[0])
	kernels.AvgPool2Grad(dx, r.dout(), imageShape(r.in[0]), kernels.ResampleOptions{Accumulate: add})
	tp.end(r.out.n + written(len(dx), add))
}

// UpNearest2 repeats every pixel in a block of 2x2.
//
// Shapes: x [N,H,W,C]; y [N,2H,2W,C].
// Panics: ShapeError.
func (tp *Tape) UpNearest2(x *Tensor) *Tensor {
	needShape("UpNearest2", "x", x, anyDim, anyDim, anyDim, anyDim)
	s := imageShape(x)
	shape := [4]int{s.N, 2 * s.H, 2 * s.W, s.C}
	y := tp.output(shape[:])
	tp.begin("upnearest2")
	kernels.UpNearest2(y.Data, x.Data, s)
	tp.end(x.n + y.n)
	tp.record(y, upNearest2Back, nil, x)
	return y
}

// upNearest2Back: dx is the sum of its block of dy.
func upNearest2Back(tp *Tape, r *record) {
	tp.begin("upnearest2.grad")
	dx, add := tp.sink(r.in[0])
	kernels.UpNearest2Grad(dx, r.dout(), imageShape(r.in[0]), kernels.ResampleOptions{Accumulate: add})
	tp.end(r.out.n + written(len(dx), add))
}

// imageShape is the shape of a tensor [N,H,W,C].
func imageShape(x *Tensor) kernels.ImageShape {
	return kernels.ImageShape{N: x.shape[0], H: x.shape[1], W: x.shape[2], C: x.shape[3]}
}

// Concat puts the last dimensions of x and y side by side.
//
// Shapes: x [...,A]; y [...,B], equal but for the last dimension; z [...,A+B].
// Panics: ShapeError.
func (tp *Tape) Concat(x, y *Tensor) *Tensor {
	needRank("Concat", "x", x, 1)
	needLive("Concat", "y", y)
	want := append(tp.shapes.take(len(x.shape))[:0], x.shape...)
	want[len(want)-1] = anyDim
	needShape("Concat", "y", y, want...)
	a, b := width(x), width(y)
	z := tp.outputWidth(x, a+b)
	rows := leading(x)
	tp.begin("concat")
	kernels.CopyColumns(kernels.MatOf(z.Data, rows, a+b).Sub(0, rows, 0, a), kernels.MatOf(x.Data, rows, a), kernels.CopyOptions{})
	kernels.CopyColumns(kernels.MatOf(z.Data, rows, a+b).Sub(0, rows, a, a+b), kernels.MatOf(y.Data, rows, b), kernels.CopyOptions{})
	tp.end(2 * z.n)
	if r := tp.record(z, concatBack, nil, x, y); r != nil {
		r.n = rows
	}
	return z
}

// concatBack cuts dz in two.
func concatBack(tp *Tape, r *record) {
	whole := kernels.MatOf(r.dout(), r.n, width(r.out))
	tp.begin("concat.grad")
	at, moved := 0, 0
	for i := range 2 {
		w := width(r.in[i])
		if r.want[i] {
			d, add := tp.sink(r.in[i])
			kernels.CopyColumns(kernels.MatOf(d, r.n, w), whole.Sub(0, r.n, at, at+w), kernels.CopyOptions{Accumulate: add})
			moved += len(d) + written(len(d), add)
		}
		at += w
	}
	tp.end(moved)
}

// Detach returns a view of x that no gradient passes.
func (tp *Tape) Detach(x *Tensor) *Tensor {
	needLive("Detach", "x", x)
	v := tp.view(tp.header(x.shape), x, 0)
	v.detached = true
	return v
}
