package layers

import "lethe/autodiff"

// LayerNorm normalizes the last axis to mean 0 and variance 1, then scales and
// shifts it.
//
// Keys: weight [C], bias [C].
type LayerNorm struct {
	Weight, Bias *autodiff.Tensor
	Eps          float32 // added to the variance
}

// LayerNormSpecs describes the parameters of a LayerNorm.
func LayerNormSpecs(prefix string, width int) []Spec {
	return []Spec{
		{Name: prefix + ".weight", Shape: []int{width}, Start: StartOne},
		{Name: prefix + ".bias", Shape: []int{width}},
	}
}

// NewLayerNorm finds the LayerNorm of that prefix in a set.
func NewLayerNorm(s *Set, prefix string, eps float32) LayerNorm {
	return LayerNorm{Weight: s.Tensor(prefix + ".weight"), Bias: s.Tensor(prefix + ".bias"), Eps: eps}
}

// Forward maps x [...,C] to [...,C].
func (l LayerNorm) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.LayerNorm(x, l.Weight, l.Bias, l.Eps)
}
