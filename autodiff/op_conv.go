package autodiff

import (
	"strconv"

	"lethe/kernels"
)

// ConvOptions are the geometry of Conv2D beside the shapes of its tensors.
type ConvOptions struct {
	StrideH, StrideW int // 0 means 1
	PadH, PadW       int // rows and columns of zeros on each side
}

// Conv2D convolves channels-last images with a bank of filters:
//
//	y[n,p,q,o] = b[o] + sum over i, j, c of x[n,p*StrideH+i-PadH,q*StrideW+j-PadW,c]*w[o,i,j,c]
//
// where x outside the image is 0.
//
// Shapes: x [N,H,W,Ci]; w [Co,KH,KW,Ci]; b [Co] or nil for none;
// y [N,OutH,OutW,Co] with OutH = floor((H+2*PadH-KH)/StrideH)+1, and OutW alike.
// Numerics: as Linear.
// Panics: ShapeError, also for a stride or padding that is negative and for a
// kernel that is empty or larger than the padded image.
func (tp *Tape) Conv2D(x, w, b *Tensor, o ConvOptions) *Tensor {
	s := convShape(x, w, o)
	var bias []float32
	if b != nil {
		needShape("Conv2D", "b", b, s.Co)
		bias = b.Data
	}

	shape := [4]int{s.N, s.OutH(), s.OutW(), s.Co}
	y := tp.output(shape[:])
	tp.begin("conv2d")
	kernels.Conv2D(y.Data, x.Data, w.Data, s, kernels.ConvOptions{Bias: bias, Precision: tp.precision, Algorithm: tp.convolution})
	tp.countConv(s)
	tp.end(x.n + w.n + y.n)

	if r := tp.record(y, convBack, nil, x, w, b); r != nil {
		geometry := [4]int32{int32(o.StrideH), int32(o.StrideW), int32(o.PadH), int32(o.PadW)}
		r.idx = tp.copyIndices(geometry[:])
		if r.want[0] {
			keep(w)
		}
		if r.want[1] {
			keep(x)
		}
	}
	return y
}

// convShape checks the operands of Conv2D against each other.
func convShape(x, w *Tensor, o ConvOptions) kernels.ConvShape {
	needShape("Conv2D", "w", w, anyDim, anyDim, anyDim, anyDim)
	needShape("Conv2D", "x", x, anyDim, anyDim, anyDim, w.shape[3])
	s := shapeOfConv(x, w, o)
	for _, c := range [...]struct {
		quantity       string
		got, low, high int
	}{
		{"StrideH", s.StrideH, 0, maxGeometry}, {"StrideW", s.StrideW, 0, maxGeometry},
		{"PadH", s.PadH, 0, maxGeometry}, {"PadW", s.PadW, 0, maxGeometry},
		{"height of x", s.H, 1, s.H}, {"width of x", s.W, 1, s.W},
		{"height of w", s.KH, 1, s.H + 2*s.PadH}, {"width of w", s.KW, 1, s.W + 2*s.PadW},
	} {
		if c.got < c.low || c.got > c.high {
			panic(&ShapeError{Op: "Conv2D", Quantity: c.quantity, Got: strconv.Itoa(c.got),
				Want: "at least " + strconv.Itoa(c.low) + " and at most " + strconv.Itoa(c.high)})
		}
	}
	return s
}

// maxGeometry bounds strides and padding, which a record keeps in 32 bits.
const maxGeometry = 1<<31 - 1

func shapeOfConv(x, w *Tensor, o ConvOptions) kernels.ConvShape {
	return kernels.ConvShape{
		N: x.shape[0], H: x.shape[1], W: x.shape[2], Ci: w.shape[3], Co: w.shape[0], KH: w.shape[1], KW: w.shape[2],
		StrideH: o.StrideH, StrideW: o.StrideW, PadH: o.PadH, PadW: o.PadW,
	}
}

// convBack: dw needs x, dx needs w, db is the column sums of dy.
func convBack(tp *Tape, r *record) {
	x, w, b := r.in[0], r.in[1], r.in[2]
	s := shapeOfConv(x, w, ConvOptions{int(r.idx[0]), int(r.idx[1]), int(r.idx[2]), int(r.idx[3])})
	if r.want[1] {
		x := tp.value(x)
		tp.begin("conv2d.dw")
		dw, add := tp.sink(w)
		kernels.Conv2DGradWeight(dw, r.dout(), x, s, kernels.ConvOptions{Accumulate: add, Precision: tp.precision, Algorithm: tp.convolution})
		tp.countConv(s)
		tp.end(r.out.n + len(x) + written(w.n, add))
	}
	if r.want[2] {
		tp.begin("conv2d.db")
		db, add := tp.sink(b)
		kernels.ColumnSum(db, kernels.MatOf(r.dout(), leading(r.out), s.Co), kernels.ColumnSumOptions{Accumulate: add})
		tp.end(r.out.n + written(b.n, add))
	}
	if r.want[0] {
		w := tp.value(w)
		tp.begin("conv2d.dx")
		dx, add := tp.sink(x)
		kernels.Conv2DGradInput(dx, r.dout(), w, s, kernels.ConvOptions{Accumulate: add, Precision: tp.precision, Algorithm: tp.convolution})
		tp.countConv(s)
		tp.end(r.out.n + len(w) + written(x.n, add))
	}
}

// countConv counts a convolution, or a gradient of one, as the product of
// patches and filters. Taps that meet padding count like all others.
func (tp *Tape) countConv(s kernels.ConvShape) {
	tp.countProduct(s.N*s.OutH()*s.OutW(), s.Co, s.KH*s.KW*s.Ci)
}
