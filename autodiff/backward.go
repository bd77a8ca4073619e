package autodiff

import "lethe/kernels"

// gradient is a counted reference to a pooled buffer. While refs > 1 several
// tensors have the same gradient and nobody may write it.
type gradient struct {
	data []float32
	refs int
}

// Backward adds d(loss)/d(leaf) to the gradient of every trainable leaf that
// loss depends on. The tape stays as it is: Backward of another output of the
// same forward pass may follow.
// Shapes: loss [1].
// Panics: loss is not of shape [1], does not depend on a trainable leaf, or
// the call is inside Frozen.
func (tp *Tape) Backward(loss *Tensor) {
	needShape("Backward", "loss", loss, 1)
	tp.seed[0] = 1
	tp.backward("Backward", loss, tp.seed[:])
}

// BackwardOnce is Backward for a forward pass that is not needed again, with the
// same bits and less memory: what a record kept is given back as soon as the record
// has been answered, and the gradients of leaves are put there. So the two never
// exist together: of a network whose activations and gradients are of one size,
// half of them is saved.
// Shapes: loss [1].
// Invalidates: every tensor that an op recorded, the loss too: read it before. The
// gradients of leaves that had no memory for one last until the tape's Reset, which
// is as if it called ZeroGrad.
// Panics: as Backward.
func (tp *Tape) BackwardOnce(loss *Tensor) {
	needShape("BackwardOnce", "loss", loss, 1)
	tp.seed[0], tp.once = 1, true
	defer func() { tp.once = false }()
	tp.backward("BackwardOnce", loss, tp.seed[:])
	clear(tp.records)
	tp.records = tp.records[:0]
}

// BackwardFrom is Backward with an output y of any shape and the gradient dy
// that arrives there: it adds the vector-Jacobian product dy * dy/d(leaf).
// Shapes: dy [y.Len()].
// Panics: as Backward, or dy is of another length.
func (tp *Tape) BackwardFrom(y *Tensor, dy []float32) {
	needLive("BackwardFrom", "y", y)
	needInt("BackwardFrom", "len(dy)", len(dy), y.n)
	tp.backward("BackwardFrom", y, dy)
}

func (tp *Tape) backward(op string, y *Tensor, dy []float32) {
	if tp.frozen > 0 {
		panic("autodiff: " + op + ": called inside Frozen")
	}
	if !tp.wants(y) {
		panic("autodiff: " + op + ": the output does not depend on a trainable leaf")
	}
	seed, add := tp.sink(y)
	if add {
		kernels.Add(seed, seed, dy)
	} else {
		copy(seed, dy)
	}
	for i := len(tp.records) - 1; i >= 0; i-- {
		r := &tp.records[i]
		if r.out.grad != nil {
			r.back(tp, r)
			tp.dropGrad(r.out)
		}
		if r.out.remade {
			tp.floats.put(r.out.Data)
			r.out.Data, r.out.remade = nil, false
		}
		if tp.once {
			tp.consume(r)
		}
	}
}

// consume gives back what a record kept: all that read its output came after it.
func (tp *Tape) consume(r *record) {
	tp.floats.put(r.aux)
	r.aux = nil
	if out := r.out; out.root == out {
		tp.floats.put(out.Data)
		out.Data = nil
	}
}

// lend gives a leaf memory of the tape for its gradient, until Reset.
func (tp *Tape) lend(leaf *Tensor) {
	leaf.leafGrad = tp.floats.reuse(leaf.n)
	tp.borrowers = append(tp.borrowers, leaf)
}

// reclaim ends what lend began.
func (tp *Tape) reclaim() {
	for _, leaf := range tp.borrowers {
		leaf.leafGrad, leaf.hasGrad = nil, false
	}
	clear(tp.borrowers)
	tp.borrowers = tp.borrowers[:0]
}

// value returns t's data, computing it again if a scope dropped it. It lives
// until the record that made it has been answered.
func (tp *Tape) value(t *Tensor) []float32 {
	root := t.root
	if root.Data == nil && root.n > 0 {
		root.Data, root.remade = tp.floats.reuse(root.n), true
		r := &tp.records[root.maker-1]
		r.again(tp, r)
	}
	return root.Data[t.off : t.off+t.n]
}

// dout returns the gradient of a record's output.
func (r *record) dout() []float32 { return r.out.grad.data }

// sink returns where the gradient of t is written, and whether to add to what
// is there (true) or to overwrite it (false). The first writer of a part of a
// root finds the rest of it cleared.
func (tp *Tape) sink(t *Tensor) (data []float32, add bool) {
	root := t.root
	var all []float32
	if root.tape == nil {
		switch {
		case root.leafGrad != nil:
		case tp.once:
			tp.lend(root)
		default:
			root.leafGrad = allocate(root.n)
		}
		all, add = root.leafGrad, root.hasGrad
		root.hasGrad = true
	} else {
		add = root.grad != nil
		if !add {
			root.grad = tp.newGradient(tp.floats.reuse(root.n))
		} else if root.grad.refs > 1 {
			tp.unshare(root)
		}
		all = root.grad.data
	}
	if !add {
		clear(all[:t.off])
		clear(all[t.off+t.n:])
	}
	return all[t.off : t.off+t.n], add
}

// unshare gives root its own copy of its gradient.
func (tp *Tape) unshare(root *Tensor) {
	own := tp.newGradient(tp.floats.reuse(root.n))
	copy(own.data, root.grad.data)
	root.grad.refs--
	root.grad = own
}

// deliver passes the gradient of r's output on to t, which has as many
// elements: by sharing the buffer where that is possible. It returns the elements
// that it read and wrote.
func (tp *Tape) deliver(r *record, t *Tensor) (moved int) {
	if root := t.root; root.tape != nil && root.grad == nil && t.whole() {
		root.grad = r.out.grad
		root.grad.refs++
		return 0
	}
	d, add := tp.sink(t)
	if add {
		kernels.Add(d, d, r.dout())
	} else {
		copy(d, r.dout())
	}
	return len(d) + written(len(d), add)
}

// own returns the gradient of r's output for a kernel to transform in place,
// if no other tensor shares it; deliver passes the result on.
func (r *record) own() (data []float32, ok bool) {
	return r.dout(), r.out.grad.refs == 1
}

// ownFor is own if t, all of its root, has no gradient so far: deliver then hands
// the buffer on and adds nothing.
func (r *record) ownFor(t *Tensor) (data []float32, ok bool) {
	data, ok = r.own()
	return data, ok && t.root.tape != nil && t.root.grad == nil && t.whole()
}

// contribution is a gradient being written by a kernel that cannot add:
// straight into its sink, or into scratch that commit adds to the sink.
type contribution struct{ data, target []float32 }

// open begins the contribution of one input.
func (tp *Tape) open(t *Tensor) contribution {
	d, add := tp.sink(t)
	if !add {
		return contribution{data: d}
	}
	return contribution{data: tp.floats.reuse(len(d)), target: d}
}

// commit ends a contribution. It returns the elements that it read and wrote.
func (tp *Tape) commit(c contribution) (moved int) {
	if c.target == nil {
		return 0
	}
	kernels.Add(c.target, c.target, c.data)
	tp.floats.put(c.data)
	return 3 * len(c.data)
}

func (tp *Tape) newGradient(data []float32) *gradient {
	g := &tp.gradients.take(1)[0]
	*g = gradient{data: data, refs: 1}
	return g
}

// dropGrad ends t's reference to its gradient; the last one frees the buffer.
func (tp *Tape) dropGrad(t *Tensor) {
	g := t.grad
	if g == nil {
		return
	}
	t.grad = nil
	if g.refs--; g.refs == 0 {
		tp.floats.put(g.data)
	}
}
