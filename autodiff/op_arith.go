package autodiff

import "lethe/kernels"

// Add returns x + y.
// Shapes: all the same.
// Panics: ShapeError.
func (tp *Tape) Add(x, y *Tensor) *Tensor {
	needSame("Add", x, y)
	z := tp.output(x.shape)
	kernels.Add(z.Data, x.Data, y.Data)
	tp.record(z, addBack, nil, x, y)
	return z
}

// addBack: dx = dz, dy = dz; both share its buffer.
func addBack(tp *Tape, r *record) {
	for i := range 2 {
		if r.want[i] {
			tp.deliver(r, r.in[i])
		}
	}
}

// Sub returns x - y.
// Shapes: all the same.
// Panics: ShapeError.
func (tp *Tape) Sub(x, y *Tensor) *Tensor {
	needSame("Sub", x, y)
	z := tp.output(x.shape)
	kernels.Sub(z.Data, x.Data, y.Data)
	tp.record(z, subBack, nil, x, y)
	return z
}

// subBack: dx = dz, dy = -dz.
func subBack(tp *Tape, r *record) {
	if r.want[0] {
		tp.deliver(r, r.in[0])
	}
	if r.want[1] {
		tp.addScaled(r.in[1], -1, r.dout())
	}
}

// Mul returns the elementwise product of x and y.
// Shapes: all the same.
// Panics: ShapeError.
func (tp *Tape) Mul(x, y *Tensor) *Tensor {
	needSame("Mul", x, y)
	z := tp.output(x.shape)
	kernels.Mul(z.Data, x.Data, y.Data)
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
			c := tp.open(r.in[i])
			kernels.Mul(c.data, r.dout(), tp.value(r.in[1-i]))
			tp.commit(c)
		}
	}
}

// Scale returns a*x.
// Shapes: the output as x.
// Panics: ShapeError.
func (tp *Tape) Scale(x *Tensor, a float32) *Tensor {
	needLive("Scale", "x", x)
	y := tp.output(x.shape)
	kernels.Scale(y.Data, a, x.Data)
	if r := tp.record(y, scaleBack, nil, x); r != nil {
		r.f = a
	}
	return y
}

// scaleBack: dx = a*dy, in place where nobody else needs dy.
func scaleBack(tp *Tape, r *record) {
	if d, ok := r.own(); ok {
		kernels.Scale(d, r.f, d)
		tp.deliver(r, r.in[0])
		return
	}
	tp.addScaled(r.in[0], r.f, r.dout())
}

// addScaled adds a*dy to the gradient of t.
func (tp *Tape) addScaled(t *Tensor, a float32, dy []float32) {
	d, add := tp.sink(t)
	if add {
		kernels.Axpy(d, a, dy)
		return
	}
	kernels.Scale(d, a, dy)
}
