// Package autodiff is reverse-mode differentiation on a tape, over the kernels
// of package kernels.
//
// # Vocabulary
//
// A [Tensor] is a contiguous row-major array of float32. A leaf is made by
// [New] or [FromSlice] and lives as long as its owner keeps it; a leaf that
// was set trainable collects a gradient. Every other tensor is made by an op,
// a method of [Tape], and dies at [Tape.Reset]. A view (from Reshape or Rows)
// has no numbers of its own: it shares the data and the gradient of its root.
//
// An op computes its output at once. When one of its inputs wants a gradient
// it also appends a record: which inputs, which output, and the function that
// turns the gradient of the output into gradients of the inputs, its
// vector-Jacobian product (VJP). [Tape.Backward] runs the records in reverse.
//
// # Invariants
//
//   - Nothing is computed that nobody wants: no weight gradient for a frozen
//     weight, no input gradient where nothing upstream trains, no record at all
//     when no input needs one.
//   - A gradient is written by its first contribution and added to by later
//     ones, in the reverse order of the records. No sum depends on the number of
//     workers, so results are bit-identical for any number.
//   - Output gradients are counted references to pooled buffers: y = x + f(x)
//     hands one buffer to both inputs, and a second contribution copies it only
//     while it is shared. A buffer returns to the pool right after the VJP that
//     read it.
//   - Memory comes from an arena that Reset empties and keeps. A step like the
//     one before it allocates nothing. Free runs that touch are one, so that memory
//     serves one size after another; [Tape.BackwardOnce] puts the gradients where
//     the activations were.
//   - Losses are summed in float64 and rounded once.
//
// Inside [Tape.Scope] a LayerNorm or GELU output is not kept for the backward
// pass but computed again there, and dead outputs are reused at once: wrapping
// each block of a network in a Scope is what keeps its memory low.
// [Tape.Frozen] is a region without records, for networks that do not train.
//
// A tape and the tensors on it belong to one goroutine at a time; the kernels
// below it use all workers.
//
// Broken contracts panic: a wrong shape with a [*ShapeError], anything else with a
// string that starts with "autodiff: ".
//
// # Smallest example
//
//	w := autodiff.New(1, 2)
//	w.SetTrainable(true)
//	tp := autodiff.NewTape()
//	x := autodiff.FromSlice([]float32{1, 2}, 1, 2)
//	y := autodiff.FromSlice([]float32{3}, 1, 1)
//	tp.Backward(tp.MSE(tp.Linear(x, w, nil), y))
//	// w.Grad() is [-6 -12]: d/dw of (w.x - 3)^2 at w = 0
//	tp.Reset()
package autodiff
