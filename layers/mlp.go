package layers

import "lethe/autodiff"

// MLP is two products with the exact (erf) GELU between them.
//
// Keys: fc1.{weight,bias} [hidden,D], [hidden]; fc2.{weight,bias} [D,hidden], [D].
type MLP struct {
	FC1, FC2 Linear
}

// MLPSpecs describes the parameters of an MLP.
func MLPSpecs(prefix string, width, hidden int) []Spec {
	return append(LinearSpecs(prefix+".fc1", width, hidden), LinearSpecs(prefix+".fc2", hidden, width)...)
}

// NewMLP finds the MLP of that prefix in a set.
func NewMLP(s *Set, prefix string) MLP {
	return MLP{FC1: NewLinear(s, prefix+".fc1"), FC2: NewLinear(s, prefix+".fc2")}
}

// Forward maps x [...,D] to [...,D].
func (m MLP) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return m.FC2.Forward(tp, tp.Gelu(m.FC1.Forward(tp, x)))
}
