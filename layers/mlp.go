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
	return append(factorSpecs(prefix+".fc1", width, hidden), factorSpecs(prefix+".fc2", hidden, width)...)
}

// NewMLP finds the MLP of that prefix in a set.
func NewMLP(s *Set, prefix string) MLP {
	return MLP{FC1: NewLinear(s, prefix+".fc1"), FC2: NewLinear(s, prefix+".fc2")}
}

// ForwardAdd adds what x [...,D] is mapped to to to [...,D].
func (m MLP) ForwardAdd(tp *autodiff.Tape, x, to *autodiff.Tensor) *autodiff.Tensor {
	return tp.MLP(x, m.FC1.Weight, m.FC1.Bias, m.FC2.Weight, m.FC2.Bias, to)
}
