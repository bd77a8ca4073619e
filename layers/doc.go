// Package layers holds the parts that models are built of: parameters with the
// names they have in checkpoints, and forward passes written as autodiff calls.
//
// A model is described first and allocated second. The description is a list of
// Spec, one for every parameter: state-dict key, shape, how it starts, whether
// it ever trains. Allocate turns the list into a Set of zeroed tensors, and the
// layers (Linear, LayerNorm, Block, ...) look their tensors up in the Set by key.
// The list is therefore the only place where keys and shapes are written, and
// counting parameters needs no memory.
//
//	set := layers.Allocate(layers.LinearSpecs("head", 768, 10))
//	head := layers.NewLinear(set, "head")
//	logits := head.Forward(tape, features)
//
// Vocabulary: B or N images, C channels, H and W image sides, L patches,
// T tokens, D width. Shapes are row-major, outermost first.
//
// Invariants: a layer holds no state but its tensors and never starts a
// goroutine; two forward passes over equal tensors give equal bits whatever the
// number of workers. Nothing trains until SetTrainable says so.
package layers
