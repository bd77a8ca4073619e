package autodiff

import (
	"sync"

	"lethe/kernels"
)

// constant is a leaf whose values never change again, and what was made of them.
type constant struct {
	matrix, filters sync.Once
	asB, asFilters  *kernels.Packed
}

// SetConstant says of a leaf that its values never change again, as those of the
// weights of a network that does not train. The first operation that multiplies
// by it, Linear or ConvFused, then keeps it beside its values in the order in which
// the kernels read it, which takes the memory once more and spares every further
// operation the packing.
//
// Panics: t was made by an op, is a view, or is trainable.
func (t *Tensor) SetConstant() {
	if t.tape != nil || t.root != t {
		panic("autodiff: SetConstant: the tensor was made by an op, want a leaf")
	}
	if t.trainable {
		panic("autodiff: SetConstant: the tensor is trainable")
	}
	if t.constant == nil {
		t.constant = new(constant)
	}
}

// packedMatrix is w [N,K] as the right-hand operand w^T, or nil.
func (w *Tensor) packedMatrix(p kernels.Precision) *kernels.Packed {
	c := w.constant
	if c == nil {
		return nil
	}
	c.matrix.Do(func() { c.asB = kernels.PackB(kernels.MatOf(w.Data, w.shape[0], w.shape[1]).T(), p) })
	return c.asB
}

// packedFilters is w [Co,KH,KW,Ci] for a convolution that sums directly, or nil.
func (w *Tensor) packedFilters(s kernels.ConvShape, o kernels.ConvOptions) *kernels.Packed {
	c := w.constant
	if c == nil || !s.Direct(o) {
		return nil
	}
	c.filters.Do(func() { c.asFilters = kernels.PackFilters(w.Data, w.shape[0], w.shape[1], w.shape[2], w.shape[3]) })
	return c.asFilters
}
