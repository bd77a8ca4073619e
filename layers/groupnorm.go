package layers

import "lethe/autodiff"

// GroupNorm normalizes the channels of each image in groups, and may apply the
// SiLU activation to the result.
//
// Keys: weight, bias [C].
type GroupNorm struct {
	Weight, Bias *autodiff.Tensor
	Groups       int
	Eps          float32
	SiLU         bool
}

// GroupNormSpecs describes the parameters of a GroupNorm.
func GroupNormSpecs(prefix string, channels int) []Spec { return LayerNormSpecs(prefix, channels) }

// NewGroupNorm finds the GroupNorm of that prefix in a set.
func NewGroupNorm(s *Set, prefix string, groups int, eps float32) GroupNorm {
	return GroupNorm{Weight: s.Tensor(prefix + ".weight"), Bias: s.Tensor(prefix + ".bias"), Groups: groups, Eps: eps}
}

// Forward maps x [N,...,C] to the same shape.
func (g GroupNorm) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return g.Modulated(tp, x, nil)
}

// Modulated is Forward with a scale and a shift [N,2C] before the activation:
// norm*(1+scale) + shift.
func (g GroupNorm) Modulated(tp *autodiff.Tape, x, scaleShift *autodiff.Tensor) *autodiff.Tensor {
	return tp.GroupNorm(x, g.Weight, g.Bias, autodiff.GroupNormOptions{Groups: g.Groups, Eps: g.Eps, ScaleShift: scaleShift, SiLU: g.SiLU})
}
