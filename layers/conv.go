package layers

import "lethe/autodiff"

// ConvShape describes a two-dimensional convolution with a square kernel.
type ConvShape struct {
	In, Out, Kernel int
	NoBias          bool
	Zero            bool // starts as 0, so that a residual block starts as the identity
}

// Conv is a two-dimensional convolution of channels-last images.
//
// Keys: weight [out,in,k,k], bias [out] or none.
type Conv struct {
	Weight, Bias *autodiff.Tensor
	Options      autodiff.ConvOptions
}

// ConvSpecs describes the parameters of a Conv.
func ConvSpecs(prefix string, s ConvShape) []Spec {
	start := StartFanIn
	if s.Zero {
		start = StartZero
	}
	specs := []Spec{{Name: prefix + ".weight", Shape: []int{s.Out, s.In, s.Kernel, s.Kernel}, Layout: LayoutConv, Start: start}}
	if !s.NoBias {
		specs = append(specs, Spec{Name: prefix + ".bias", Shape: []int{s.Out}, Start: start, Fan: s.In * s.Kernel * s.Kernel})
	}
	return specs
}

// NewConv finds the Conv of that prefix in a set; it has a bias if the set has
// one.
func NewConv(s *Set, prefix string, stride, pad int) Conv {
	c := Conv{
		Weight:  s.Tensor(prefix + ".weight"),
		Options: autodiff.ConvOptions{StrideH: stride, StrideW: stride, PadH: pad, PadW: pad},
	}
	if s.Has(prefix + ".bias") {
		c.Bias = s.Tensor(prefix + ".bias")
	}
	return c
}

// Forward maps x [N,H,W,in] to [N,H',W',out].
func (c Conv) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Conv2D(x, c.Weight, c.Bias, c.Options)
}

// Fused is Forward with something at its end, for networks that do not train.
func (c Conv) Fused(tp *autodiff.Tape, x *autodiff.Tensor, e autodiff.ConvEnds) *autodiff.Tensor {
	return tp.ConvFused(x, c.Weight, c.Bias, c.Options, e)
}
