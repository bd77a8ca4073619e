package autodiff

import (
	"sync"

	"lethe/kernels"
)

// constant is a leaf whose values never change again, and what was made of them.
type constant struct {
	matrix, filters sync.Once
	asB, asFilters  *kernels.Packed
	only            bool      // asB is all that is left of the values
	precision       Precision // that it serves, if only
}

// SetConstant says of a leaf that its values never change again, as those of the
// weights of a network that does not train. The first operation that multiplies
// by it, Linear, MLP or ConvFused, then keeps it beside its values in the order in which
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

// KeepPacked is SetConstant for a matrix w [N,K] that only Linear and MLP read, on tapes of
// one precision and without a gradient that passes through it, such as a weight of the frozen
// original of an unlearning: the order in which the kernels read it takes the place of its
// values, and Data becomes nil. In BF16 on tiles or in pairs that is half of the memory; else as
// much as before. Where such a product does not read a packed operand (kernels.Packed.Serves) the
// values stay.
//
// Panics: as SetConstant, or t has not two dimensions.
func (t *Tensor) KeepPacked(p Precision) {
	t.SetConstant()
	needShape("KeepPacked", "t", t, anyDim, anyDim)
	if packed := t.packedMatrix(p); packed.Serves(p) {
		t.constant.only, t.constant.precision = true, p
		t.Data = nil
	}
}

// packedMatrix is w [N,K] as the right-hand operand w^T, or nil.
func (w *Tensor) packedMatrix(p Precision) *kernels.Packed {
	c := w.constant
	if c == nil {
		return nil
	}
	c.matrix.Do(func() { c.asB = kernels.PackB(kernels.MatOf(w.Data, w.shape[0], w.shape[1]).T(), p) })
	return c.asB
}

// rightOperand is w [N,K] as the matrix w^T and, if it is constant, packed.
func (w *Tensor) rightOperand(p Precision) (kernels.Mat, *kernels.Packed) {
	n, k := w.shape[0], w.shape[1]
	return kernels.Mat{Data: w.Data, Rows: k, Cols: n, RowStride: 1, ColStride: k}, w.packedMatrix(p)
}

// needWeight refuses a matrix w that a product of the tape cannot have as its weight.
func (tp *Tape) needWeight(op, name string, w *Tensor, n, k int) {
	if w == nil || w.constant == nil || !w.constant.only {
		needShape(op, name, w, n, k)
		return
	}
	if k != anyDim {
		needInt(op, "last dimension of "+name, w.shape[1], k)
	}
	if c := w.constant; c.precision != tp.precision {
		panic(&ShapeError{Op: op, Quantity: "precision of the tape", Got: tp.precision.String(), Want: c.precision.String() + ", which is all that KeepPacked left of " + name})
	}
}

// needNoGradient refuses a recorded product whose backward pass would read a weight that
// is packed and nothing else.
func needNoGradient(op, name string, w *Tensor) {
	if w.constant != nil && w.constant.only {
		panic("autodiff: " + op + ": a gradient passes through " + name + ", of which KeepPacked left no values: use it in Frozen")
	}
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
