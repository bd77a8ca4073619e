package autodiff

import "lethe/kernels"

// The ops of this file are for networks that measure and never train: they
// have no gradient and refuse inputs that want one outside Frozen.

// forwardOnly refuses an input whose gradient would be lost.
func (tp *Tape) forwardOnly(op string, x *Tensor) {
	if tp.frozen == 0 && tp.wants(x) {
		panic("autodiff: " + op + ": there is no gradient of it; call it inside Frozen")
	}
}

// PoolOptions are the geometry of MaxPool and AvgPool.
type PoolOptions struct {
	Kernel, Stride, Pad int
	Ceil                bool // round the number of windows up
	ExcludePad          bool // AvgPool: divide by the pixels of the image alone
}

func poolShape(x *Tensor, o PoolOptions) kernels.PoolShape {
	return kernels.PoolShape{ImageShape: imageShape(x), Kernel: o.Kernel, Stride: o.Stride, Pad: o.Pad, Ceil: o.Ceil}
}

// MaxPool takes the largest pixel of each window; see kernels.MaxPool.
//
// Shapes: x [N,H,W,C]; y [N,OutH,OutW,C].
// Panics: ShapeError; x wants a gradient; a window that does not fit.
func (tp *Tape) MaxPool(x *Tensor, o PoolOptions) *Tensor {
	needShape("MaxPool", "x", x, anyDim, anyDim, anyDim, anyDim)
	tp.forwardOnly("MaxPool", x)
	s := poolShape(x, o)
	shape := [4]int{s.N, s.OutH(), s.OutW(), s.C}
	y := tp.output(shape[:])
	tp.begin("maxpool")
	kernels.MaxPool(y.Data, x.Data, s)
	tp.end(x.n + y.n)
	return y
}

// AvgPool averages each window; see kernels.AvgPool.
//
// Shapes and panics: as MaxPool.
func (tp *Tape) AvgPool(x *Tensor, o PoolOptions) *Tensor {
	needShape("AvgPool", "x", x, anyDim, anyDim, anyDim, anyDim)
	tp.forwardOnly("AvgPool", x)
	s := poolShape(x, o)
	shape := [4]int{s.N, s.OutH(), s.OutW(), s.C}
	y := tp.output(shape[:])
	tp.begin("avgpool")
	kernels.AvgPool(y.Data, x.Data, s, kernels.AvgPoolOptions{ExcludePad: o.ExcludePad})
	tp.end(x.n + y.n)
	return y
}

// MeanPixels averages all pixels of each image.
//
// Shapes: x [N,H,W,C]; y [N,C].
// Panics: ShapeError; x wants a gradient; an image has no pixels.
func (tp *Tape) MeanPixels(x *Tensor) *Tensor {
	needShape("MeanPixels", "x", x, anyDim, anyDim, anyDim, anyDim)
	tp.forwardOnly("MeanPixels", x)
	shape := [2]int{x.shape[0], x.shape[3]}
	y := tp.output(shape[:])
	tp.begin("meanpixels")
	kernels.MeanPixels(y.Data, x.Data, imageShape(x))
	tp.end(x.n + y.n)
	return y
}

// ReluInPlace replaces every negative element of x by 0 and returns x, which
// must be nobody else's operand.
//
// Panics: ShapeError; x wants a gradient.
func (tp *Tape) ReluInPlace(x *Tensor) *Tensor {
	needLive("ReluInPlace", "x", x)
	tp.forwardOnly("ReluInPlace", x)
	tp.begin("relu")
	kernels.Relu(x.Data, x.Data)
	tp.end(2 * x.n)
	return x
}

// Join puts the channels of several images side by side.
//
// Shapes: xs [N,H,W,Ci] each, equal but for Ci; y [N,H,W,sum of Ci].
// Panics: ShapeError; there is no x, or one wants a gradient.
func (tp *Tape) Join(xs ...*Tensor) *Tensor {
	if len(xs) == 0 {
		panic("autodiff: Join: there is no tensor")
	}
	first, channels, n := xs[0], 0, 0
	for _, x := range xs {
		needShape("Join", "x", first, anyDim, anyDim, anyDim, anyDim)
		needShape("Join", "x", x, first.shape[0], first.shape[1], first.shape[2], anyDim)
		tp.forwardOnly("Join", x)
		channels += width(x)
		n += x.n
	}
	y := tp.outputWidth(first, channels)
	rows, at := leading(first), 0
	tp.begin("join")
	for _, x := range xs {
		w := width(x)
		kernels.CopyColumns(kernels.MatOf(y.Data, rows, channels).Sub(0, rows, at, at+w), kernels.MatOf(x.Data, rows, w), kernels.CopyOptions{})
		at += w
	}
	tp.end(2 * n)
	return y
}

// ConvEnds is what ConvFused makes of its sums while they are in the cache.
type ConvEnds struct {
	Add  *Tensor // like the result, added to it; nil: nothing
	Relu bool    // what is negative in the end becomes 0
}

// ConvFused is Conv2D with something at its end, for networks that do not train.
//
// Shapes: as Conv2D; e.Add like the result.
// Panics: as Conv2D; x or e.Add wants a gradient.
func (tp *Tape) ConvFused(x, w, b *Tensor, o ConvOptions, e ConvEnds) *Tensor {
	s := convShape(x, w, o)
	tp.forwardOnly("ConvFused", x)
	shape := [4]int{s.N, s.OutH(), s.OutW(), s.Co}
	k := kernels.ConvOptions{Relu: e.Relu, Precision: tp.precision, Algorithm: tp.convolution}
	if b != nil {
		needShape("ConvFused", "b", b, s.Co)
		k.Bias = b.Data
	}
	read := x.n + w.n
	if e.Add != nil {
		needShape("ConvFused", "e.Add", e.Add, shape[:]...)
		tp.forwardOnly("ConvFused", e.Add)
		k.Add = e.Add.Data
		read += e.Add.n
	}
	k.Packed = w.packedFilters(s, k)
	y := tp.output(shape[:])
	tp.begin("conv2d")
	kernels.Conv2D(y.Data, x.Data, w.Data, s, k)
	tp.countConv(s)
	tp.end(read + y.n)
	return y
}
