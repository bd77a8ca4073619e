package autodiff

import (
	"slices"

	"lethe/kernels"
)

// Tensor is a contiguous row-major array of float32 with a shape.
//
// Data holds the elements, outermost dimension first. It may be read and, in
// a leaf, written at any time except between an op that uses it and the
// Backward of that op. Data of a tensor that died is nil.
type Tensor struct {
	Data []float32

	shape []int
	n     int     // elements; len(Data) while alive
	root  *Tensor // owner of data and gradient: the tensor itself, or what it is a view of
	off   int     // first element within root
	tape  *Tape   // the tape that made it; nil for a leaf

	detached bool // view made in a frozen region: no gradient passes

	// Leaves.
	constant  *constant // nil: values may change
	trainable bool
	hasGrad   bool
	leafGrad  []float32 // kept over ZeroGrad, so that a step allocates nothing

	// Roots made by ops.
	needs  bool      // a gradient is wanted upstream
	kept   bool      // a record reads the data in the backward pass
	remade bool      // data was computed again during this backward pass
	maker  int       // 1 + index of the record that made it; 0 for none
	grad   *gradient // pooled, only during Backward
}

// pagedElements is the size from which a leaf's memory comes from kernels.Pages
// (aligned, huge pages): one MiB, where page faults and TLB reach begin to matter.
const pagedElements = 1 << 18

// allocate returns n zeroed elements that live outside every arena.
func allocate(n int) []float32 {
	if n >= pagedElements {
		return kernels.Pages(n)
	}
	return make([]float32, n)
}

// New returns a zeroed leaf.
// Panics: a dimension is negative, or the product of the shape is no int.
func New(shape ...int) *Tensor {
	return newLeaf(allocate(elements("New", shape)), shape)
}

// FromSlice returns a leaf over data, which is shared, not copied.
// Panics: len(data) is not the product of the shape.
func FromSlice(data []float32, shape ...int) *Tensor {
	needInt("FromSlice", "len(data)", len(data), elements("FromSlice", shape))
	return newLeaf(data, shape)
}

func newLeaf(data []float32, shape []int) *Tensor {
	t := &Tensor{Data: data, shape: slices.Clone(shape), n: len(data)}
	t.root = t
	return t
}

// Shape returns the dimensions, outermost first. It must not be changed.
func (t *Tensor) Shape() []int { return t.shape }

// Dim returns the size of dimension i, counted from the outermost.
func (t *Tensor) Dim(i int) int { return t.shape[i] }

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.n }

// SetTrainable says whether a leaf wants a gradient. A gradient it already
// has stays until ZeroGrad.
// Panics: t was made by an op, or is constant.
func (t *Tensor) SetTrainable(on bool) {
	if t.tape != nil {
		panic("autodiff: SetTrainable: the tensor was made by an op, want a leaf")
	}
	if on && t.constant != nil {
		panic("autodiff: SetTrainable: the tensor is constant")
	}
	t.trainable = on
}

// Trainable reports whether gradients reach a trainable leaf here: a leaf
// itself, or a view of one.
func (t *Tensor) Trainable() bool { return t.root.trainable && !t.detached }

// Grad returns the gradient of a leaf (or the part of it that a view of the
// leaf covers), in t's shape, or nil when it got none since ZeroGrad. Later
// Backward calls add to it. Outputs of ops have none to show.
func (t *Tensor) Grad() []float32 {
	if !t.root.hasGrad || t.detached {
		return nil
	}
	return t.root.leafGrad[t.off : t.off+t.n]
}

// ZeroGrad forgets the gradient. Nothing is cleared: the next Backward
// overwrites it.
func (t *Tensor) ZeroGrad() { t.root.hasGrad = false }

// whole reports whether t covers all of its root.
func (t *Tensor) whole() bool { return t.n == t.root.n }

// keep marks t's data as read by the backward pass.
func keep(t *Tensor) { t.root.kept = true }
