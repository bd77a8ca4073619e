package autodiff

import "lethe/kernels"

// Add returns x + y.
// Shapes: all the same.
// Panics: ShapeError.
func (tp *Tape) Add(x, y *Tensor) *Tensor {
	needSame("Add", x, y)
	z := tp.output(x.shape)
	tp.begin("add")
	kernels.Add(z.Data, x.Data, y.Data)
	tp.end(3 * z.n)
	tp.record(z, addBack, nil, x, y)
	return z
}

// addBack: dx = dz, dy = dz; both share its buffer.
func addBack(tp *Tape, r *record) {
	tp.begin("add.grad")
	moved := 0
	for i := range 2 {
		if r.want[i] {
			moved += tp.deliver(r, r.in[i])
		}
	}
	tp.end(moved)
}

// Sub returns x - y.
// Shapes: all the same.
// Panics: ShapeError.
func (tp *Tape) Sub(x, y *Tensor) *Tensor {
	needSame("Sub", x, y)
	z := tp.output(x.shape)
	tp.begin("sub")
	kernels.Sub(z.Data, x.Data, y.Data)
	tp.end(3 * z.n)
	tp.record(z, subBack, nil, x, y)
	return z
}

// subBack: dx = dz, dy = -dz.
func subBack(tp *Tape, r *record) {
	tp.begin("sub.grad")
	moved := 0
	if r.want[0] {
		moved += tp.deliver(r, r.in[0])
	}
	if r.want[1] {
		moved += tp.addScaled(r.in[1], -1, r.dout())
	}
	tp.end(moved)
}

// Mul returns the elementwise product of x and y.
// Shapes: all the same.
// Panics: ShapeError.
func (tp *Tape) Mul(x, y *Tensor) *Tensor {
	needSame("Mul", x, y)
	z := tp.output(x.shape)
	tp.begin("mul")
	kernels.Mul(z.Data, x.Data, y.Data)
	tp.end(3 * z.n)
	if r := tp.record(z, mulBack, nil, x, y); r != nil {
		if r.want[0] {
			keep(y)
		}
		if r.want[1] {
			keep(x)
		}
	}
	return z
}

// mulBack: dx = dz*y, dy = dz*x.
func mulBack(tp *Tape, r *record) {
	for i := range 2 {
		if r.want[i] {
			other := tp.value(r.in[1-i])
			tp.begin("mul.grad")
			c := tp.open(r.in[i])
			kernels.Mul(c.data, r.dout(), other)
			tp.end(3*len(other) + tp.commit(c))
		}
	}
}

// Scale returns a*x.
// Shapes: the output as x.
// Panics: ShapeError.
func (tp *Tape) Scale(x *Tensor, a float32) *Tensor {
	needLive("Scale", "x", x)
	y := tp.output(x.shape)
	tp.begin("scale")
	kernels.Scale(y.Data, a, x.Data)
	tp.end(2 * x.n)
	if r := tp.record(y, scaleBack, nil, x); r != nil {
		r.f = a
	}
	return y
}

// scaleBack: dx = a*dy, in place where nobody else needs dy.
func scaleBack(tp *Tape, r *record) {
	tp.begin("scale.grad")
	if d, ok := r.own(); ok {
		kernels.Scale(d, r.f, d)
		tp.end(2*len(d) + tp.deliver(r, r.in[0]))
		return
	}
	tp.end(tp.addScaled(r.in[0], r.f, r.dout()))
}

// addScaled adds a*dy to the gradient of t. It returns the elements that it read
// and wrote.
func (tp *Tape) addScaled(t *Tensor, a float32, dy []float32) (moved int) {
	d, add := tp.sink(t)
	if add {
		kernels.Axpy(d, a, dy)
	} else {
		kernels.Scale(d, a, dy)
	}
	return len(d) + written(len(d), add)
}
