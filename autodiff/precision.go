package autodiff

import "lethe/kernels"

// Precision is kernels.Precision, for packages above that do not import kernels.
type Precision = kernels.Precision

// Precisions returns every Precision there is.
func Precisions() []Precision { return kernels.Precisions() }

// SetPrecision says what becomes of the operands of Linear and Conv2D, forward
// and in both of their gradients, from now on. A new tape has kernels.F32; Reset
// keeps what was set.
//
// Everything else stays float32 whatever is set: the weights themselves, which
// the optimizer reads and writes as masters, the sums of the products, biases
// and their gradients, norms, activations, softmax, losses, and the products
// inside of Attention. That is what users of automatic mixed precision expect
// of everything but Attention, whose two products are about one percent of the
// operations of ViT-B at 50 tokens: rounding them would cost accuracy where
// the softmax amplifies it and buy no time.
//
// Panics: ops are recorded on the tape. Their gradients would be computed in
// another precision than they were.
func (tp *Tape) SetPrecision(p Precision) {
	if len(tp.records) > 0 {
		panic("autodiff: SetPrecision: ops are recorded, want it before the first one of a step")
	}
	tp.precision = p
}

// Precision returns what SetPrecision set last.
func (tp *Tape) Precision() Precision { return tp.precision }

// ConvAlgorithm is kernels.ConvAlgorithm, for packages above that do not import
// kernels.
type ConvAlgorithm = kernels.ConvAlgorithm

// ConvWinograd is kernels.ConvWinograd.
const ConvWinograd = kernels.ConvWinograd

// SetConvAlgorithm says how Conv2D and its gradients are computed from now on. A new
// tape has kernels.ConvDirect; Reset keeps what was set.
//
// Panics: ops are recorded on the tape.
func (tp *Tape) SetConvAlgorithm(a ConvAlgorithm) {
	if len(tp.records) > 0 {
		panic("autodiff: SetConvAlgorithm: ops are recorded, want it before the first one of a step")
	}
	tp.convolution = a
}

// ConvAlgorithm returns what SetConvAlgorithm set last.
func (tp *Tape) ConvAlgorithm() ConvAlgorithm { return tp.convolution }
