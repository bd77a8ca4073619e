package layers

import "lethe/autodiff"

// Linear is y = x Wᵀ + b.
//
// Keys: weight [out,in], bias [out].
type Linear struct {
	Weight, Bias *autodiff.Tensor
}

// LinearSpecs describes the parameters of a Linear.
func LinearSpecs(prefix string, in, out int) []Spec {
	return []Spec{
		{Name: prefix + ".weight", Shape: []int{out, in}, Start: StartXavier},
		{Name: prefix + ".bias", Shape: []int{out}},
	}
}

// factorSpecs is LinearSpecs for a weight that nothing but its product reads.
func factorSpecs(prefix string, in, out int) []Spec {
	specs := LinearSpecs(prefix, in, out)
	specs[0].Factor = true
	return specs
}

// NewLinear finds the Linear of that prefix in a set.
func NewLinear(s *Set, prefix string) Linear {
	return Linear{Weight: s.Tensor(prefix + ".weight"), Bias: s.Tensor(prefix + ".bias")}
}

// Forward maps x [...,in] to [...,out].
func (l Linear) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Linear(x, l.Weight, l.Bias)
}
